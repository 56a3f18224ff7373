/* Any bytes as a weights file.  What is accepted must cover the file exactly and survive being written again, and no
 * request for memory may be larger than the file accounts for. */
#include "model/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_TENSORS = 32 };

static void require(int condition)
{
    if (!condition)
        abort();
}

/* A token takes two bytes of text at least, and 24 bytes with its slot, whose number is rounded up to a power of 2. */
static void *bounded_alloc(void *user, size_t bytes)
{
    const size_t *size = user;
    require(bytes <= 16 * *size + 64);
    return malloc(bytes);
}

static void bounded_release(void *user, void *block)
{
    (void)user;
    free(block);
}

struct tensors {
    struct safetensors_entry entries[MOST_TENSORS];
    struct safetensors_source sources[MOST_TENSORS];
    int32_t count;
};

static void collect(const struct safetensors *view, const uint8_t *file_end, struct tensors *tensors)
{
    const unsigned char *end = view->data;
    struct safetensors_entry entry, found;
    tensors->count = 0;
    for (json_node at = 0; safetensors_next(view, &at, &entry);) {
        size_t count = 1;
        for (int32_t i = 0; i < entry.rank; i++)
            count *= (size_t)entry.dims[i];
        require(entry.bytes == end && entry.count == count && count >= 1 && entry.name[0] != 0);
        require(safetensors_find(view, entry.name, &found) && found.bytes == entry.bytes && found.count == count);
        end += count * sizeof(float);
        if (tensors->count < MOST_TENSORS)
            tensors->entries[tensors->count++] = entry;
    }
    require(end == file_end);
}

/* Written and read again, the tensors are the same. */
static void check_round_trip(struct tensors *tensors)
{
    unsigned char *file;
    size_t file_bytes;
    struct safetensors view;
    int32_t checked;
    float *values[MOST_TENSORS];
    for (int32_t i = 0; i < tensors->count; i++) {
        const struct safetensors_entry *entry = &tensors->entries[i];
        values[i] = malloc(entry->count * sizeof(float));
        require(values[i] != NULL);
        memcpy(values[i], entry->bytes, entry->count * sizeof(float));
        tensors->sources[i] = (struct safetensors_source){entry->name, entry->rank, entry->dims, values[i]};
    }
    require(safetensors_write(tensors->sources, tensors->count, NULL, 0, NULL, &file, &file_bytes, NULL) == PMOE_OK);
    require(safetensors_open(file, file_bytes, NULL, &view, NULL) == PMOE_OK);
    require(safetensors_verify(&view, NULL, &checked, NULL) == PMOE_OK && checked == tensors->count);
    for (int32_t i = 0; i < tensors->count; i++) {
        struct safetensors_entry entry;
        require(safetensors_find(&view, tensors->entries[i].name, &entry));
        require(entry.count == tensors->entries[i].count);
        require(memcmp(entry.bytes, tensors->entries[i].bytes, entry.count * sizeof(float)) == 0);
        free(values[i]);
    }
    safetensors_close(&view, NULL);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pmoe_allocator allocator = {bounded_alloc, bounded_release, &size};
    struct safetensors view;
    struct tensors *tensors;
    pmoe_error error = {PMOE_OK, ""};
    pmoe_status status = safetensors_open(data, size, &allocator, &view, &error);
    if (status != PMOE_OK) {
        require(error.status == status && error.text[0] != 0 && strpbrk(error.text, "\r\n\x1b") == NULL);
        return 0;
    }
    tensors = malloc(sizeof *tensors);
    require(tensors != NULL);
    collect(&view, data + size, tensors);
    check_round_trip(tensors);
    free(tensors);

    char *text;
    int32_t checked;
    if (safetensors_metadata(&view, "pmoe.model", &allocator, &text, &error) == PMOE_OK && text)
        bounded_release(NULL, text);
    status = safetensors_verify(&view, &allocator, &checked, &error);
    require(status == PMOE_OK || error.text[0] != 0);
    safetensors_close(&view, &allocator);
    return 0;
}
