/* Reading safetensors: a checked view of a file in memory.  Values are handed out as bytes, never converted here. */
#include "safetensors.h"
#include "../base/digest.h"
#include "../base/error.h"
#include "../base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { LENGTH_BYTES = 8, VALUE_BYTES = 4, LABEL_BYTES = 96 };

static const char metadata_key[] = "__metadata__";

/* ---- One tensor ------------------------------------------------------------------------------------------------- */

/* What a sentence calls a tensor or one of its members. */
static const char *label(const struct json *header, json_node key, const char *member, char text[LABEL_BYTES])
{
    snprintf(text, LABEL_BYTES, "tensor \"%s\"%s%s", json_quote(header, key).text, *member ? ": " : "", member);
    return text;
}

static pmoe_status read_name(const struct json *header, json_node key, char *name, pmoe_error *error)
{
    char place[LABEL_BYTES];
    TRY(json_text(header, key, "a tensor's name", name, SAFETENSORS_NAME_BYTES, error));
    int is_sound = *name != 0;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        is_sound &= *c >= ' ' && *c != 0x7f && !(*c == 0xc2 && c[1] < 0xa0);
    if (!is_sound)
        return fail(error, PMOE_E_FORMAT, "%s: expected a name without control characters",
                    label(header, key, "", place));
    return PMOE_OK;
}

static pmoe_status check_members(const struct json *header, json_node key, pmoe_error *error)
{
    static const char *const known[] = {"dtype", "shape", "data_offsets"};
    char place[LABEL_BYTES];
    json_node tensor = json_value(header, key);
    if (!json_is_object(header, tensor))
        return fail(error, PMOE_E_FORMAT, "%s is %s, expected an object with dtype, shape and data_offsets",
                    label(header, key, "", place), json_quote(header, tensor).text);
    for (json_node member = json_first(header, tensor); member != JSON_NONE; member = json_next(header, member)) {
        json_node value = json_value(header, member);
        int is_known = 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known |= json_member(header, tensor, known[i]) == value;
        if (!is_known)
            return fail(error, PMOE_E_FORMAT, "%s: unknown key \"%s\", expected dtype, shape and data_offsets",
                        label(header, key, "", place), json_quote(header, member).text);
    }
    char type[8];
    json_node dtype = json_member(header, tensor, "dtype");
    pmoe_status status = json_text(header, dtype, label(header, key, "dtype", place), type, sizeof type, error);
    if (!json_is_string(header, dtype))
        return status;
    if (status != PMOE_OK || strcmp(type, "F32") != 0)
        return fail(error, PMOE_E_FORMAT, "%s is \"%s\", expected \"F32\"", place, json_quote(header, dtype).text);
    return PMOE_OK;
}

/* Dimensions and their product, which is held to the `room` elements that the file has left: so it never overflows. */
static pmoe_status read_shape(const struct json *header, json_node key, size_t room, struct safetensors_entry *entry,
                              pmoe_error *error)
{
    char place[LABEL_BYTES];
    json_node shape = json_member(header, json_value(header, key), "shape");
    label(header, key, "shape", place);
    if (!json_is_array(header, shape))
        return fail(error, PMOE_E_FORMAT, "%s is %s, expected a list of dimensions", place,
                    json_quote(header, shape).text);
    if (json_size(header, shape) > SAFETENSORS_MAX_RANK)
        return fail(error, PMOE_E_LIMIT, "%s has %d dimensions, at most %d are read", place,
                    (int)json_size(header, shape), SAFETENSORS_MAX_RANK);
    entry->rank = 0;
    entry->count = 1;
    for (json_node node = json_first(header, shape); node != JSON_NONE; node = json_next(header, node)) {
        char name[LABEL_BYTES + 24];
        snprintf(name, sizeof name, "%s, dimension %d", place, (int)entry->rank + 1);
        TRY(json_int(header, node, name, 1, INT64_MAX, &entry->dims[entry->rank++], error));
    }
    for (int32_t i = 0; i < entry->rank; i++) {
        if ((uint64_t)entry->dims[i] > room / entry->count)
            return fail(error, PMOE_E_FORMAT, "%s is %s, more than the %zu values that the file has left for it", place,
                        json_quote(header, shape).text, room);
        entry->count *= (size_t)entry->dims[i];
    }
    if (entry->count > room)
        return fail(error, PMOE_E_FORMAT, "%s is [], one value, but the file has none left for it", place);
    return PMOE_OK;
}

/* A tensor that is to begin at byte `begin` of the data. */
static pmoe_status read_entry(const struct safetensors *view, json_node key, size_t begin,
                              struct safetensors_entry *entry, pmoe_error *error)
{
    const struct json *header = &view->header;
    char place[LABEL_BYTES];
    TRY(read_name(header, key, entry->name, error));
    TRY(check_members(header, key, error));
    TRY(read_shape(header, key, (view->data_bytes - begin) / VALUE_BYTES, entry, error));

    json_node offsets = json_member(header, json_value(header, key), "data_offsets");
    label(header, key, "data_offsets", place);
    if (!json_is_array(header, offsets) || json_size(header, offsets) != 2)
        return fail(error, PMOE_E_FORMAT, "%s is %s, expected a list of two offsets", place,
                    json_quote(header, offsets).text);
    int64_t from, to;
    json_node first = json_first(header, offsets);
    TRY(json_int(header, first, place, 0, INT64_MAX, &from, error));
    TRY(json_int(header, json_next(header, first), place, 0, INT64_MAX, &to, error));
    size_t end = begin + entry->count * VALUE_BYTES;
    if ((uint64_t)from != begin || (uint64_t)to != end)
        return fail(error, PMOE_E_FORMAT,
                    "%s is [%lld, %lld], expected [%zu, %zu] (behind the tensor before, as long as its shape)", place,
                    (long long)from, (long long)to, begin, end);
    entry->bytes = view->data + begin;
    return PMOE_OK;
}

/* ---- The whole file --------------------------------------------------------------------------------------------- */

static pmoe_status check_metadata(struct safetensors *view, json_node metadata, pmoe_error *error)
{
    const struct json *header = &view->header;
    if (!json_is_object(header, metadata))
        return fail(error, PMOE_E_FORMAT, "%s is %s, expected an object", metadata_key,
                    json_quote(header, metadata).text);
    for (json_node key = json_first(header, metadata); key != JSON_NONE; key = json_next(header, key))
        if (!json_is_string(header, json_value(header, key)))
            return fail(error, PMOE_E_FORMAT, "%s: \"%s\" is %s, expected text", metadata_key,
                        json_quote(header, key).text, json_quote(header, json_value(header, key)).text);
    view->metadata = metadata;
    return PMOE_OK;
}

static pmoe_status check_header(struct safetensors *view, pmoe_error *error)
{
    const struct json *header = &view->header;
    json_node metadata = json_member(header, 0, metadata_key);
    size_t covered = 0;
    for (json_node key = json_first(header, 0); key != JSON_NONE; key = json_next(header, key)) {
        if (json_value(header, key) == metadata) {
            TRY(check_metadata(view, metadata, error));
            continue;
        }
        struct safetensors_entry entry;
        TRY(read_entry(view, key, covered, &entry, error));
        covered += entry.count * VALUE_BYTES;
    }
    if (covered != view->data_bytes)
        return fail(error, PMOE_E_FORMAT, "file: the tensors end at byte %zu of the data, expected its end at byte %zu",
                    covered, view->data_bytes);
    return PMOE_OK;
}

static pmoe_status read_header_length(const unsigned char *file, size_t file_bytes, size_t *length, pmoe_error *error)
{
    if (file_bytes < LENGTH_BYTES)
        return fail(error, PMOE_E_FORMAT, "file: %zu bytes, expected at least the %d of a safetensors header length",
                    file_bytes, LENGTH_BYTES);
    uint64_t found = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        found = found << 8 | file[i];
    if (found > SAFETENSORS_MAX_HEADER)
        return fail(error, PMOE_E_LIMIT, "file: header length is %llu bytes, at most %d are read; is it safetensors?",
                    (unsigned long long)found, SAFETENSORS_MAX_HEADER);
    if (found > file_bytes - LENGTH_BYTES)
        return fail(error, PMOE_E_FORMAT, "file: header length is %llu bytes, but only %zu follow",
                    (unsigned long long)found, file_bytes - LENGTH_BYTES);
    if (found == 0 || file[LENGTH_BYTES] != '{')
        return fail(error, PMOE_E_FORMAT, "file: the header does not begin with '{'; is it safetensors?");
    *length = (size_t)found;
    return PMOE_OK;
}

pmoe_status safetensors_open(const void *file, size_t file_bytes, const pmoe_allocator *scratch,
                             struct safetensors *view, pmoe_error *error)
{
    const unsigned char *bytes = file;
    size_t length = 0;
    *view = (struct safetensors){.metadata = JSON_NONE};
    TRY(read_header_length(bytes, file_bytes, &length, error));
    view->data = bytes + LENGTH_BYTES + length;
    view->data_bytes = file_bytes - LENGTH_BYTES - length;
    pmoe_status status = json_open((const char *)bytes + LENGTH_BYTES, length, "header", scratch, &view->header, error);
    if (status == PMOE_OK)
        status = check_header(view, error);
    if (status != PMOE_OK)
        safetensors_close(view, scratch);
    return status;
}

void safetensors_close(struct safetensors *view, const pmoe_allocator *scratch)
{
    json_close(&view->header, scratch);
    *view = (struct safetensors){.metadata = JSON_NONE};
}

/* ---- Access ----------------------------------------------------------------------------------------------------- */

/* An entry of a view that was checked: where it begins is what its own offsets say. */
static void entry_at(const struct safetensors *view, json_node key, struct safetensors_entry *entry)
{
    const struct json *header = &view->header;
    int64_t begin = 0;
    json_node offsets = json_member(header, json_value(header, key), "data_offsets");
    pmoe_status status = json_int(header, json_first(header, offsets), "begin", 0, INT64_MAX, &begin, NULL);
    if (status == PMOE_OK)
        status = read_entry(view, key, (size_t)begin, entry, NULL);
    assert(status == PMOE_OK);
    (void)status;
}

int safetensors_next(const struct safetensors *view, json_node *at, struct safetensors_entry *entry)
{
    const struct json *header = &view->header;
    if (*at == JSON_NONE)
        return 0;
    *at = *at == 0 ? json_first(header, 0) : json_next(header, *at);
    if (*at != JSON_NONE && json_value(header, *at) == view->metadata)
        *at = json_next(header, *at);
    if (*at == JSON_NONE)
        return 0;
    entry_at(view, *at, entry);
    return 1;
}

int safetensors_find(const struct safetensors *view, const char *name, struct safetensors_entry *entry)
{
    json_node tensor = json_member(&view->header, 0, name);
    if (tensor == JSON_NONE || tensor == view->metadata)
        return 0;
    entry_at(view, tensor - 1, entry);
    return 1;
}

pmoe_status safetensors_metadata(const struct safetensors *view, const char *key, const pmoe_allocator *scratch,
                                 char **text, pmoe_error *error)
{
    *text = NULL;
    json_node node = json_member(&view->header, view->metadata, key);
    if (node == JSON_NONE)
        return PMOE_OK;
    size_t raw_bytes;
    json_raw(&view->header, node, &raw_bytes); /* with two quotes: unescaping never makes text longer */
    pmoe_allocator memory = allocator_or_malloc(scratch);
    char *block = allocator_take(&memory, raw_bytes);
    if (!block)
        return fail(error, PMOE_E_MEMORY, "metadata \"%.64s\": no memory for %zu bytes", key, raw_bytes);
    pmoe_status status = json_text(&view->header, node, key, block, raw_bytes, error);
    if (status == PMOE_OK)
        *text = block;
    else
        allocator_give(&memory, block);
    return status;
}

/* ---- Checksums -------------------------------------------------------------------------------------------------- */

static pmoe_status verify_entry(const struct json *sums, const struct safetensors_entry *entry, pmoe_error *error)
{
    char expected[DIGEST_HEX], found[DIGEST_HEX];
    json_node sum = json_member(sums, 0, entry->name);
    if (sum == JSON_NONE)
        return fail(error, PMOE_E_CHECKSUM, "tensor \"%.64s\": no checksum in %s", entry->name, sums->what);
    pmoe_status status = json_text(sums, sum, sums->what, expected, sizeof expected, error);
    if (!json_is_string(sums, sum))
        return status;
    digest_of(entry->bytes, entry->count * VALUE_BYTES, found);
    if (status != PMOE_OK || strcmp(expected, found) != 0)
        return fail(error, PMOE_E_CHECKSUM, "tensor \"%.64s\": SHA-256 is %.16s..., expected %.16s...", entry->name,
                    found, json_quote(sums, sum).text);
    return PMOE_OK;
}

static pmoe_status verify_all(const struct safetensors *view, const struct json *sums, int32_t *checked,
                              pmoe_error *error)
{
    struct safetensors_entry entry;
    int32_t count = 0;
    if (!json_is_object(sums, 0))
        return fail(error, PMOE_E_FORMAT, "%s is a list, expected an object", sums->what);
    for (json_node at = 0; safetensors_next(view, &at, &entry); count++)
        TRY(verify_entry(sums, &entry, error));
    for (json_node key = json_first(sums, 0); key != JSON_NONE; key = json_next(sums, key)) {
        char name[SAFETENSORS_NAME_BYTES];
        if (json_text(sums, key, sums->what, name, sizeof name, NULL) != PMOE_OK ||
            !safetensors_find(view, name, &entry))
            return fail(error, PMOE_E_CHECKSUM, "%s: tensor \"%s\" is not in the file", sums->what,
                        json_quote(sums, key).text);
    }
    *checked = count;
    return PMOE_OK;
}

pmoe_status safetensors_verify(const struct safetensors *view, const pmoe_allocator *scratch, int32_t *checked,
                               pmoe_error *error)
{
    char *text;
    *checked = 0;
    TRY(safetensors_metadata(view, "pmoe.sha256", scratch, &text, error));
    if (!text)
        return PMOE_OK;
    struct json sums;
    pmoe_status status = json_open(text, strlen(text), "pmoe.sha256", scratch, &sums, error);
    if (status == PMOE_OK) {
        status = verify_all(view, &sums, checked, error);
        json_close(&sums, scratch);
    }
    pmoe_allocator memory = allocator_or_malloc(scratch);
    allocator_give(&memory, text);
    return status;
}
