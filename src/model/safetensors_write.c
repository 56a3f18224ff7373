/* Writing safetensors: the whole file in memory, at once.  What comes out was opened by the reader before it is handed
 * over, so the two cannot disagree about what is allowed. */
#include "../base/digest.h"
#include "../base/error.h"
#include "../base/memory.h"
#include "safetensors.h"

#include <assert.h>
#include <string.h>

enum { LENGTH_BYTES = 8, DATA_ALIGN = 64 };

#if defined(__BYTE_ORDER__)
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are copied as they lie in memory");
#endif
_Static_assert(sizeof(float) == 4, "F32");

struct content {
    const struct safetensors_source *tensors;
    int32_t count;
    const struct safetensors_pair *metadata;
    int32_t pairs;
};

/* Bytes of one tensor; false if they do not fit in memory.  Ranks and dimensions that the reader refuses count as
 * they are: it will name them. */
static int source_bytes(const struct safetensors_source *source, size_t *bytes)
{
    size_t sum = sizeof(float);
    assert(source->rank >= 0);
    for (int32_t i = 0; i < source->rank; i++)
        if (source->dims[i] < 0 || (uint64_t)source->dims[i] > SIZE_MAX ||
            !size_mul(sum, (size_t)source->dims[i], &sum))
            return 0;
    *bytes = sum;
    return 1;
}

static int is_utf8(const char *text)
{
    size_t left = strlen(text), length = 1;
    for (; left > 0 && length > 0; text += length, left -= length)
        length = json_utf8(text, left);
    return length > 0;
}

static pmoe_status check_content(const struct content *content, size_t *data_bytes, pmoe_error *error)
{
    for (int32_t i = 0; i < content->pairs; i++)
        if (!is_utf8(content->metadata[i].key) || !is_utf8(content->metadata[i].value))
            return fail(error, PMOE_E_ARGUMENT, "metadata %d: key or value is not UTF-8", (int)i);
    *data_bytes = 0;
    for (int32_t i = 0; i < content->count; i++) {
        size_t bytes;
        if (!is_utf8(content->tensors[i].name))
            return fail(error, PMOE_E_ARGUMENT, "tensor %d: its name is not UTF-8", (int)i);
        if (!source_bytes(&content->tensors[i], &bytes) || !size_add(*data_bytes, bytes, data_bytes))
            return fail(error, PMOE_E_LIMIT, "tensor \"%.64s\": more bytes than this machine can address",
                        content->tensors[i].name);
    }
    return PMOE_OK;
}

/* The value of pmoe.sha256.  Without capacity it only counts, so digests, all of one length, are left out. */
static size_t write_sums(const struct content *content, char *text, size_t capacity)
{
    struct json_writer writer;
    char hex[DIGEST_HEX];
    memset(hex, '0', sizeof hex - 1);
    hex[sizeof hex - 1] = 0;
    json_begin(&writer, text, capacity);
    json_open_object(&writer, NULL);
    for (int32_t i = 0; i < content->count; i++) {
        size_t bytes = 0;
        if (capacity > 0 && source_bytes(&content->tensors[i], &bytes))
            digest_of(content->tensors[i].values, bytes, hex);
        json_add_text(&writer, content->tensors[i].name, hex);
    }
    json_close_object(&writer);
    return writer.length;
}

static size_t write_header(const struct content *content, const char *sums, char *text, size_t capacity)
{
    struct json_writer writer;
    json_begin(&writer, text, capacity);
    json_open_object(&writer, NULL);
    json_open_object(&writer, "__metadata__");
    for (int32_t i = 0; i < content->pairs; i++)
        json_add_text(&writer, content->metadata[i].key, content->metadata[i].value);
    json_add_text(&writer, "pmoe.sha256", sums);
    json_close_object(&writer);
    size_t begin = 0;
    for (int32_t i = 0; i < content->count; i++) {
        const struct safetensors_source *source = &content->tensors[i];
        size_t bytes = 0;
        (void)source_bytes(source, &bytes);
        json_open_object(&writer, source->name);
        json_add_text(&writer, "dtype", "F32");
        json_open_array(&writer, "shape");
        for (int32_t d = 0; d < source->rank; d++)
            json_add_int(&writer, NULL, source->dims[d]);
        json_close_array(&writer);
        json_open_array(&writer, "data_offsets");
        json_add_int(&writer, NULL, (int64_t)begin);
        json_add_int(&writer, NULL, (int64_t)(begin + bytes));
        json_close_array(&writer);
        json_close_object(&writer);
        begin += bytes;
    }
    json_close_object(&writer);
    return writer.length;
}

/* Header, spaces up to the alignment, data. */
static void fill_file(const struct content *content, const char *sums, unsigned char *file, size_t header_bytes,
                      size_t padded_bytes)
{
    for (int i = 0; i < LENGTH_BYTES; i++)
        file[i] = (unsigned char)((uint64_t)padded_bytes >> (8 * i));
    write_header(content, sums, (char *)file + LENGTH_BYTES, header_bytes + 1);
    memset(file + LENGTH_BYTES + header_bytes, ' ', padded_bytes - header_bytes);
    unsigned char *at = file + LENGTH_BYTES + padded_bytes;
    for (int32_t i = 0; i < content->count; i++) {
        size_t bytes = 0;
        if (source_bytes(&content->tensors[i], &bytes) && bytes > 0)
            memcpy(at, content->tensors[i].values, bytes);
        at += bytes;
    }
}

static pmoe_status write_file(const struct content *content, const char *sums, size_t data_bytes,
                              const pmoe_allocator *memory, unsigned char **file, size_t *file_bytes, pmoe_error *error)
{
    size_t header_bytes = write_header(content, sums, NULL, 0);
    size_t lead = (LENGTH_BYTES + header_bytes + DATA_ALIGN - 1) & ~(size_t)(DATA_ALIGN - 1);
    size_t total, with_end;
    /* The writer of JSON ends its text in a 0, behind the file where there are neither spaces nor data. */
    unsigned char *block = NULL;
    if (size_add(lead, data_bytes, &total) && size_add(total, 1, &with_end))
        block = allocator_take(memory, with_end);
    if (!block)
        return fail(error, PMOE_E_MEMORY, "no memory for a file with %zu bytes of tensors", data_bytes);
    fill_file(content, sums, block, header_bytes, lead - LENGTH_BYTES);

    struct safetensors view;
    pmoe_status status = safetensors_open(block, total, memory, &view, error);
    safetensors_close(&view, memory);
    if (status != PMOE_OK) {
        allocator_give(memory, block);
        return status;
    }
    *file = block;
    *file_bytes = total;
    return PMOE_OK;
}

pmoe_status safetensors_write(const struct safetensors_source *tensors, int32_t count,
                              const struct safetensors_pair *metadata, int32_t pairs, const pmoe_allocator *allocator,
                              unsigned char **file, size_t *file_bytes, pmoe_error *error)
{
    const struct content content = {tensors, count, metadata, pairs};
    size_t data_bytes;
    *file = NULL;
    TRY(check_content(&content, &data_bytes, error));
    pmoe_allocator memory = allocator_or_malloc(allocator);
    size_t sums_bytes = write_sums(&content, NULL, 0) + 1;
    char *sums = allocator_take(&memory, sums_bytes);
    if (!sums)
        return fail(error, PMOE_E_MEMORY, "no memory for %zu bytes of checksums", sums_bytes);
    write_sums(&content, sums, sums_bytes);
    pmoe_status status = write_file(&content, sums, data_bytes, &memory, file, file_bytes, error);
    allocator_give(&memory, sums);
    return status;
}
