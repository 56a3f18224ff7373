/* safetensors: 8 bytes little-endian header length, a JSON header, the tensors' bytes.
 *
 * The reader is a checked view: nothing is copied, nothing beyond the token list is allocated, and after
 * safetensors_open the tensors cover the data exactly, in the order of the header, without gap or overlap, and each
 * fits its shape.  Header cap 1 MB, checked before anything is read or allocated.  F32 only; other types are named and
 * refused, as are unknown keys, empty dimensions, and names that are empty or hold control characters.
 *
 * Metadata of ours:  pmoe.model     the layer list (model/graph.h)
 *                    pmoe.sha256    {"<tensor>": "<hex>", ...} over each tensor's bytes
 *                    pmoe.golden    a test input and the outputs it must give (model/golden.h)
 *                    pmoe.train     how the weights came about (train/)
 * The writer pads the header with spaces so that the data start 64-byte aligned. */
#ifndef PMOE_MODEL_SAFETENSORS_H
#define PMOE_MODEL_SAFETENSORS_H

#include "../base/json.h"
#include "../pmoe.h"

enum { SAFETENSORS_MAX_HEADER = 1 << 20, SAFETENSORS_NAME_BYTES = 128, SAFETENSORS_MAX_RANK = 8 };

struct safetensors {
    const unsigned char *data; /* first byte behind the header */
    size_t data_bytes;
    struct json header;
    json_node metadata; /* JSON_NONE if there is none */
};

struct safetensors_entry {
    char name[SAFETENSORS_NAME_BYTES];
    int32_t rank;
    int64_t dims[SAFETENSORS_MAX_RANK];
    const unsigned char *bytes; /* little-endian floats, any alignment */
    size_t count;               /* elements */
};

/* The file must outlive the view.  Tokens come from `scratch` and go with safetensors_close.  *view is zeroed on
 * failure. */
PMOE_MUST_USE pmoe_status safetensors_open(const void *file, size_t file_bytes, const pmoe_allocator *scratch,
                                           struct safetensors *view, pmoe_error *error);
void safetensors_close(struct safetensors *view, const pmoe_allocator *scratch);

/* Walk the tensors: start with *at = 0; false at the end. */
int safetensors_next(const struct safetensors *view, json_node *at, struct safetensors_entry *entry);
int safetensors_find(const struct safetensors *view, const char *name, struct safetensors_entry *entry);

/* A metadata value, unescaped into a block from `scratch` that the caller gives back.  *text is NULL if absent, and on
 * failure. */
PMOE_MUST_USE pmoe_status safetensors_metadata(const struct safetensors *view, const char *key,
                                               const pmoe_allocator *scratch, char **text, pmoe_error *error);

/* Compare every tensor with pmoe.sha256: PMOE_E_CHECKSUM names the first that differs or has no entry, or an entry that
 * has no tensor.  *checked is the number of tensors; a file without the key at all passes (files from elsewhere) with
 * *checked = 0. */
PMOE_MUST_USE pmoe_status safetensors_verify(const struct safetensors *view, const pmoe_allocator *scratch,
                                             int32_t *checked, pmoe_error *error);

/* ---- Writing ---- */

struct safetensors_source {
    const char *name;
    int32_t rank;
    const int64_t *dims;
    const float *values;
};

struct safetensors_pair {
    const char *key, *value; /* metadata */
};

/* The whole file in one block from `allocator`: metadata in the order given with pmoe.sha256 added, then the tensors in
 * the order given.  Same input, same bytes.  What safetensors_open would refuse is refused with its sentence, metadata
 * that are not UTF-8 with PMOE_E_ARGUMENT.  Scratch comes from the same allocator and is given back.  *file is NULL on
 * failure. */
PMOE_MUST_USE pmoe_status safetensors_write(const struct safetensors_source *tensors, int32_t count,
                                            const struct safetensors_pair *metadata, int32_t pairs,
                                            const pmoe_allocator *allocator, unsigned char **file, size_t *file_bytes,
                                            pmoe_error *error);

#endif
