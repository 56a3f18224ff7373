/* Handwritten digits from two IDX files in memory (MNIST's format), indexed by label.
 *
 * An IDX header is big-endian: magic (0, 0, type 8 = bytes, number of dimensions), then each dimension as 32 bits.
 * Nothing is copied; the one allocation is the index, 4 bytes an item.  Leaves out: reading files, and unzipping. */
#include "digits.h"

#include "../base/error.h"

#include <string.h>

enum {
    IMAGES_MAGIC = 0x803,
    LABELS_MAGIC = 0x801,
    IMAGES_HEADER = 16,
    LABELS_HEADER = 8,
    MAX_ITEMS = 1000000 /* 784 MB of images, so every size here fits 32 bits */
};

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Checks magic and count of one file; `what` names it in errors. */
static pmoe_status read_header(const char *what, const uint8_t *file, size_t bytes, uint32_t magic, size_t header,
                               int32_t *count, pmoe_error *error)
{
    if (!file)
        return fail(error, PMOE_E_ARGUMENT, "IDX %s: the file is NULL", what);
    if (bytes >= 2 && file[0] == 0x1f && file[1] == 0x8b)
        return fail(error, PMOE_E_FORMAT, "IDX %s: this is a gzip file (it begins with 1f 8b); gunzip it first", what);
    if (bytes < header)
        return fail(error, PMOE_E_FORMAT, "IDX %s: expected a header of %u bytes, found a file of %u", what,
                    (unsigned)header, (unsigned)bytes);
    uint32_t found = read_u32(file);
    if (found != magic)
        return fail(error, PMOE_E_FORMAT, "IDX %s: expected magic %08x at byte 0, found %08x%s", what, (unsigned)magic,
                    (unsigned)found,
                    found == IMAGES_MAGIC   ? " (an images file)"
                    : found == LABELS_MAGIC ? " (a labels file)"
                                            : "");
    uint32_t items = read_u32(file + 4);
    if (items == 0)
        return fail(error, PMOE_E_FORMAT, "IDX %s: expected at least 1 item (byte 4), found 0", what);
    if (items > MAX_ITEMS)
        return fail(error, PMOE_E_LIMIT, "IDX %s: at most %d items are accepted, byte 4 announces %lu", what, MAX_ITEMS,
                    (unsigned long)items);
    *count = (int32_t)items;
    return PMOE_OK;
}

static pmoe_status check_length(const char *what, size_t bytes, size_t header, size_t count, size_t item_bytes,
                                pmoe_error *error)
{
    size_t expected = header + count * item_bytes;
    if (bytes != expected)
        return fail(error, PMOE_E_FORMAT, "IDX %s: expected %llu bytes for %d items, found %llu", what,
                    (unsigned long long)expected, (int)count, (unsigned long long)bytes);
    return PMOE_OK;
}

static pmoe_status check_files(const uint8_t *images, size_t images_bytes, const uint8_t *labels, size_t labels_bytes,
                               int32_t *count, pmoe_error *error)
{
    int32_t label_count;
    TRY(read_header("images", images, images_bytes, IMAGES_MAGIC, IMAGES_HEADER, count, error));
    TRY(read_header("labels", labels, labels_bytes, LABELS_MAGIC, LABELS_HEADER, &label_count, error));
    uint32_t rows = read_u32(images + 8), columns = read_u32(images + 12);
    if (rows != PMOE_CELL || columns != PMOE_CELL)
        return fail(error, PMOE_E_FORMAT, "IDX images: expected images of %d x %d (byte 8), found %lu x %lu", PMOE_CELL,
                    PMOE_CELL, (unsigned long)rows, (unsigned long)columns);
    TRY(check_length("images", images_bytes, IMAGES_HEADER, (size_t)*count, DIGIT_PIXELS, error));
    TRY(check_length("labels", labels_bytes, LABELS_HEADER, (size_t)label_count, 1, error));
    if (*count != label_count)
        return fail(error, PMOE_E_FORMAT, "IDX files: expected as many labels as images, found %d labels and %d images",
                    (int)label_count, (int)*count);
    for (int32_t i = 0; i < label_count; i++)
        if (labels[LABELS_HEADER + i] >= DIGIT_LABELS)
            return fail(error, PMOE_E_FORMAT, "IDX labels: expected 0 to 9 at byte %d, found %d",
                        (int)(LABELS_HEADER + i), labels[LABELS_HEADER + i]);
    return PMOE_OK;
}

/* Counting sort; it keeps the order within a label, so an index is fixed by the files alone. */
static void index_labels(struct pmoe_digits *digits)
{
    memset(digits->start, 0, sizeof digits->start);
    for (int32_t i = 0; i < digits->count; i++)
        digits->start[digits->labels[i] + 1]++;
    for (int32_t c = 0; c < DIGIT_LABELS; c++)
        digits->start[c + 1] += digits->start[c];
    int32_t next[DIGIT_LABELS];
    memcpy(next, digits->start, sizeof next);
    for (int32_t i = 0; i < digits->count; i++)
        digits->by_label[next[digits->labels[i]]++] = i;
}

pmoe_status pmoe_digits_open(const void *images, size_t images_bytes, const void *labels, size_t labels_bytes,
                             const pmoe_options *options, pmoe_digits **digits, pmoe_error *error)
{
    if (!digits)
        return fail(error, PMOE_E_ARGUMENT, "IDX files: the place for the handle is NULL");
    *digits = NULL;
    int32_t count;
    TRY(check_files(images, images_bytes, labels, labels_bytes, &count, error));

    pmoe_allocator allocator = allocator_or_malloc(options ? &options->allocator : NULL);
    size_t bytes = sizeof **digits + (size_t)count * sizeof(*digits)->by_label[0];
    struct pmoe_digits *made = allocator_take(&allocator, bytes);
    if (!made)
        return fail(error, PMOE_E_MEMORY, "IDX files: no memory for an index of %lu bytes", (unsigned long)bytes);
    made->pixels = (const uint8_t *)images + IMAGES_HEADER;
    made->labels = (const uint8_t *)labels + LABELS_HEADER;
    made->count = count;
    made->allocator = allocator;
    index_labels(made);
    *digits = made;
    return PMOE_OK;
}

void pmoe_digits_close(pmoe_digits **digits)
{
    if (!digits || !*digits)
        return;
    pmoe_allocator allocator = (*digits)->allocator;
    allocator_give(&allocator, *digits);
    *digits = NULL;
}

int32_t pmoe_digits_count(const pmoe_digits *digits)
{
    return digits->count;
}

/* NULL and -1 for an index out of range: the page passes indices on from its user. */
const uint8_t *pmoe_digits_pixels(const pmoe_digits *digits, int32_t index)
{
    return index < 0 || index >= digits->count ? NULL : digits->pixels + (size_t)index * DIGIT_PIXELS;
}

int32_t pmoe_digits_label(const pmoe_digits *digits, int32_t index)
{
    return index < 0 || index >= digits->count ? -1 : digits->labels[index];
}
