/* Photographs from files of rows in memory, which are CIFAR-10's binary files or like them; pmoe.h describes them.
 *
 * Nothing is copied; a handle is a table of the files and of the photographs by label.  Leaves out: reading files, and
 * the python and matlab versions, which the official page offers too. */
#include "composed.h"

#include "../base/error.h"
#include "../base/memory.h"

#include <limits.h>
#include <string.h>

enum { PHOTO_LABELS = 10 };

struct pmoe_photos {
    const uint8_t *file[PMOE_PHOTO_FILES];
    int32_t end[PMOE_PHOTO_FILES]; /* number behind the last row of each */
    int32_t files, count, side;
    int32_t first[PHOTO_LABELS + 1]; /* of each label in by_label */
    pmoe_allocator allocator;
    int32_t by_label[]; /* [count] */
};

/* Bytes of a row. */
static size_t row_bytes(int32_t side)
{
    return 1 + (size_t)PMOE_PHOTO_CHANNELS * (size_t)side * (size_t)side;
}

static pmoe_status check_file(const pmoe_bytes *file, int32_t side, int32_t number, pmoe_error *error)
{
    const uint8_t *bytes = file->at;
    const size_t row = row_bytes(side);
    if (!bytes)
        return fail(error, PMOE_E_ARGUMENT, "photographs, file %d: the file is NULL", (int)number);
    if (file->count >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        return fail(error, PMOE_E_FORMAT,
                    "photographs, file %d: this is a gzip file (it begins with 1f 8b); unpack it first", (int)number);
    if (file->count == 0 || file->count % row)
        return fail(error, PMOE_E_FORMAT, "photographs, file %d: expected rows of %zu bytes, found %zu bytes",
                    (int)number, row, file->count);
    for (size_t at = 0; at < file->count; at += row)
        if (bytes[at] >= PHOTO_LABELS)
            return fail(error, PMOE_E_FORMAT, "photographs, file %d: expected a label 0 to 9 at byte %zu, found %d",
                        (int)number, at, bytes[at]);
    return PMOE_OK;
}

/* NULL out of range. */
static const uint8_t *row_of(const pmoe_photos *photos, int32_t index)
{
    if (index < 0 || index >= photos->count)
        return NULL;
    int32_t file = 0;
    while (index >= photos->end[file])
        file++;
    return photos->file[file] + (size_t)(index - (file ? photos->end[file - 1] : 0)) * row_bytes(photos->side);
}

static void sort_by_label(pmoe_photos *photos)
{
    int32_t at = 0;
    for (int32_t label = 0; label < PHOTO_LABELS; label++) {
        photos->first[label] = at;
        for (int32_t i = 0; i < photos->count; i++)
            if (*row_of(photos, i) == label)
                photos->by_label[at++] = i;
    }
    photos->first[PHOTO_LABELS] = at;
}

pmoe_status pmoe_photos_open(const pmoe_bytes *files, int32_t count, int32_t side, const pmoe_options *options,
                             pmoe_photos **photos, pmoe_error *error)
{
    if (!photos)
        return fail(error, PMOE_E_ARGUMENT, "photographs: the place for the handle is NULL");
    *photos = NULL;
    if (!files || count < 1 || count > PMOE_PHOTO_FILES)
        return fail(error, PMOE_E_ARGUMENT, "photographs: expected 1 to %d files, found %d", PMOE_PHOTO_FILES,
                    files ? (int)count : 0);
    if (side != PMOE_PHOTO && side != PMOE_FACE)
        return fail(error, PMOE_E_ARGUMENT, "photographs: expected a side of %d or %d, found %d", PMOE_PHOTO, PMOE_FACE,
                    (int)side);
    struct pmoe_photos made = {
        .files = count, .side = side, .allocator = allocator_or_malloc(options ? &options->allocator : NULL)};
    for (int32_t i = 0; i < count; i++) {
        TRY(check_file(&files[i], side, i + 1, error));
        size_t rows = files[i].count / row_bytes(side);
        if (rows > (size_t)(INT32_MAX - made.count))
            return fail(error, PMOE_E_LIMIT, "photographs, file %d: more than %ld photographs", (int)i + 1,
                        (long)INT32_MAX);
        made.file[i] = files[i].at;
        made.end[i] = made.count += (int32_t)rows;
    }
    size_t bytes = sizeof made + (size_t)made.count * sizeof(int32_t);
    *photos = allocator_take(&made.allocator, bytes);
    if (!*photos)
        return fail(error, PMOE_E_MEMORY, "photographs: no memory for a table of %zu bytes", bytes);
    memcpy(*photos, &made, sizeof made);
    sort_by_label(*photos);
    return PMOE_OK;
}

void pmoe_photos_close(pmoe_photos **photos)
{
    if (!photos || !*photos)
        return;
    pmoe_allocator allocator = (*photos)->allocator;
    allocator_give(&allocator, *photos);
    *photos = NULL;
}

int32_t pmoe_photos_count(const pmoe_photos *photos)
{
    return photos->count;
}

int32_t pmoe_photos_side(const pmoe_photos *photos)
{
    return photos->side;
}

int32_t pmoe_photos_label(const pmoe_photos *photos, int32_t index)
{
    const uint8_t *row = row_of(photos, index);
    return row ? *row : -1;
}

void pmoe_photos_pixels(const pmoe_photos *photos, int32_t index, uint8_t *rgb)
{
    const uint8_t *row = row_of(photos, index);
    const int32_t pixels = photos->side * photos->side;
    for (int32_t i = 0; row && i < pixels; i++)
        for (int32_t c = 0; c < PMOE_PHOTO_CHANNELS; c++)
            *rgb++ = row[1 + c * pixels + i];
}

const int32_t *photos_of_labels(const pmoe_photos *photos, int32_t first, int32_t last, int32_t *count)
{
    *count = photos->first[last + 1] - photos->first[first];
    return photos->by_label + photos->first[first];
}
