/* safetensors: round trips, files made by hand that must be refused, truncation at every byte, every flipped bit, and
 * allocators that run dry. */
#include "counting_allocator.h"
#include "model/graph.h"
#include "model/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* ---- Files ---- */

struct file {
    unsigned char *bytes; /* a block of just the size, for the sanitizer */
    size_t size;
};

/* A length, a header, and `data_bytes` of 0, 1, 2, ... */
static struct file make_file(const char *header, size_t data_bytes)
{
    size_t length = strlen(header);
    struct file file = {malloc(8 + length + data_bytes), 8 + length + data_bytes};
    assert_non_null(file.bytes);
    for (int i = 0; i < 8; i++)
        file.bytes[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(file.bytes + 8, header, length);
    for (size_t i = 0; i < data_bytes; i++)
        file.bytes[8 + length + i] = (unsigned char)i;
    return file;
}

static const char layers[] = "{\"version\":1,\"name\":\"m\",\"input\":{\"height\":4,\"width\":4,\"channels\":1},"
                             "\"classes\":[\"a\",\"b\"],\"layers\":["
                             "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
                             "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2,\"bias\":true}]}";
static const float weights[] = {1.5f, -2.25f, 3e-20f, 4e20f, -0.0f, 6.0f};
static const float scalar[] = {0.1f};
static const struct safetensors_source sources[] = {
    {"out.weight", 2, (const int64_t[]){2, 3}, weights},
    {"a \"name\" \xc3\xa9", 5, (const int64_t[]){1, 1, 2, 1, 1}, weights + 1},
    {"scalar", 0, NULL, scalar},
};
static const struct safetensors_pair pairs[] = {
    {"pmoe.model", layers}, {"note", "line\nbreak \"quoted\" \\ \xe2\x82\xac"}, {"empty", ""}};

static pmoe_status write_sample(const pmoe_allocator *allocator, struct file *file, pmoe_error *error)
{
    return safetensors_write(sources, 3, pairs, 3, allocator, &file->bytes, &file->size, error);
}

static struct file sample(void)
{
    struct file file;
    pmoe_error error;
    if (write_sample(NULL, &file, &error) != PMOE_OK)
        fail_msg("%s", error.text);
    unsigned char *exact = malloc(file.size);
    assert_non_null(exact);
    memcpy(exact, file.bytes, file.size);
    free(file.bytes);
    file.bytes = exact;
    return file;
}

static size_t header_bytes(struct file file)
{
    return file.bytes[0] | (size_t)file.bytes[1] << 8 | (size_t)file.bytes[2] << 16;
}

/* ---- Round trip ---- */

static void expect_entry(const struct safetensors_entry *entry, const struct safetensors_source *source)
{
    size_t count = 1;
    assert_string_equal(entry->name, source->name);
    assert_int_equal(entry->rank, source->rank);
    for (int32_t i = 0; i < source->rank; i++) {
        assert_int_equal(entry->dims[i], source->dims[i]);
        count *= (size_t)source->dims[i];
    }
    assert_int_equal(entry->count, count);
    assert_memory_equal(entry->bytes, source->values, count * sizeof(float));
}

static void reads_what_was_written(void **state)
{
    (void)state;
    struct file file = sample();
    struct safetensors view;
    struct safetensors_entry entry;
    pmoe_error error;
    assert_int_equal((8 + header_bytes(file)) % 64, 0);
    assert_int_equal(safetensors_open(file.bytes, file.size, NULL, &view, &error), PMOE_OK);
    assert_ptr_equal(view.data, file.bytes + 8 + header_bytes(file));
    assert_int_equal(view.data_bytes, 9 * sizeof(float));

    json_node at = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(safetensors_next(&view, &at, &entry));
        expect_entry(&entry, &sources[i]);
    }
    assert_false(safetensors_next(&view, &at, &entry));
    assert_false(safetensors_next(&view, &at, &entry));
    for (int i = 2; i >= 0; i--) {
        assert_true(safetensors_find(&view, sources[i].name, &entry));
        expect_entry(&entry, &sources[i]);
    }
    assert_false(safetensors_find(&view, "nobody", &entry));
    assert_false(safetensors_find(&view, "__metadata__", &entry));
    assert_false(safetensors_find(&view, "note", &entry));

    for (int i = 0; i < 3; i++) {
        char *text;
        assert_int_equal(safetensors_metadata(&view, pairs[i].key, NULL, &text, &error), PMOE_OK);
        assert_non_null(text);
        assert_string_equal(text, pairs[i].value);
        free(text);
    }
    char *text = (char *)1;
    assert_int_equal(safetensors_metadata(&view, "scalar", NULL, &text, &error), PMOE_OK);
    assert_null(text);
    int32_t checked = -1;
    assert_int_equal(safetensors_verify(&view, NULL, &checked, &error), PMOE_OK);
    assert_int_equal(checked, 3);
    safetensors_close(&view, NULL);
    assert_null(view.header.tokens);
    free(file.bytes);
}

static void same_input_same_bytes(void **state)
{
    (void)state;
    struct file one = sample(), two = sample();
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.bytes, two.bytes, one.size);
    free(one.bytes);
    free(two.bytes);
}

static void writes_the_header_as_agreed(void **state)
{
    (void)state;
    static const char expected[] = "{\"__metadata__\":{\"b\":\"1\",\"a\":\"2\",\"pmoe.sha256\":\"{\\\"z\\\":\\\""
                                   "df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119\\\"}\"},"
                                   "\"z\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    const float zero = 0; /* the digest above is of four zero bytes */
    const struct safetensors_source z = {"z", 1, (const int64_t[]){1}, &zero};
    const struct safetensors_pair ordered[] = {{"b", "1"}, {"a", "2"}};
    struct file file;
    pmoe_error error;
    assert_int_equal(safetensors_write(&z, 1, ordered, 2, NULL, &file.bytes, &file.size, &error), PMOE_OK);
    assert_memory_equal(file.bytes + 8, expected, sizeof expected - 1);
    for (size_t i = 8 + sizeof expected - 1; i < file.size - 4; i++)
        assert_int_equal(file.bytes[i], ' ');
    free(file.bytes);
}

/* Headers of every length modulo the alignment, with and without data. */
static void pads_every_length(void **state)
{
    (void)state;
    char text[80] = "";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        text[i] = 'x';
        for (int32_t count = 0; count <= 1; count++) {
            const struct safetensors_pair pair = {"k", text};
            struct file file;
            struct safetensors view;
            pmoe_error error;
            assert_int_equal(safetensors_write(&sources[2], count, &pair, 1, NULL, &file.bytes, &file.size, &error),
                             PMOE_OK);
            assert_int_equal((8 + header_bytes(file)) % 64, 0);
            assert_int_equal(file.size, 8 + header_bytes(file) + 4 * (size_t)count);
            assert_int_equal(safetensors_open(file.bytes, file.size, NULL, &view, &error), PMOE_OK);
            safetensors_close(&view, NULL);
            free(file.bytes);
        }
    }
}

static void opens_files_from_elsewhere(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        int tensors;
    } rows[] = {
        {"{}", 0, 0},
        {"{}     ", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{\"\xc2\xa0 \":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, 1},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}", 8, 1},
        {"{\"a\":{\"data_offsets\":[0,4],\"shape\":[],\"dtype\":\"\\u004632\"},\"__metadata__\":{\"format\":\"pt\"},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[4,8]}}  ",
         8, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct file file = make_file(rows[i].header, rows[i].data_bytes);
        struct safetensors view;
        struct safetensors_entry entry;
        pmoe_error error;
        int32_t checked = -1;
        int tensors = 0;
        if (safetensors_open(file.bytes, file.size, NULL, &view, &error) != PMOE_OK)
            fail_msg("%s: %s", rows[i].header, error.text);
        for (json_node at = 0; safetensors_next(&view, &at, &entry); tensors++)
            ;
        assert_int_equal(tensors, rows[i].tensors);
        assert_int_equal(safetensors_verify(&view, NULL, &checked, &error), PMOE_OK);
        assert_int_equal(checked, 0);
        safetensors_close(&view, NULL);
        free(file.bytes);
    }
}

/* ---- Refusals ---- */

#define A(rest) "{\"a\":{" rest "}}"
#define NAME_127                                                                                                       \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaa"
#define GOOD(from, to) "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" from "," to "]"

static const struct {
    const char *header;
    size_t data_bytes;
    const char *fragment;
} bad[] = {
    {"", 0, "the header does not begin with '{'"},
    {" {}", 0, "the header does not begin with '{'"},
    {"[]", 0, "the header does not begin with '{'"},
    {"{", 0, "header, byte 1: expected text in quotes, found the end"},
    {"{}x", 0, "header, byte 2: expected nothing more"},
    {"{}", 1, "the tensors end at byte 0 of the data, expected its end at byte 1"},
    {"{\"a\":1}", 0, "tensor \"a\" is 1, expected an object"},
    {"{\"\":{" GOOD("0", "8") "}}", 8, "tensor \"\": expected a name without control characters"},
    {"{\"a\\n\":{" GOOD("0", "8") "}}", 8, "tensor \"a\\n\": expected a name without control characters"},
    {"{\"\\u0085\":{" GOOD("0", "8") "}}", 8, "expected a name without control characters"},
    {"{\"a\\u0000\":{" GOOD("0", "8") "}}", 8, "a tensor's name holds a zero character"},
    {"{\"" NAME_127 "b\":{" GOOD("0", "8") "}}", 8, "a tensor's name is 128 bytes long, at most 127 are read"},
    {A(GOOD("0", "8") ",\"extra\":1"), 8, "tensor \"a\": unknown key \"extra\""},
    {A("\"shape\":[2],\"data_offsets\":[0,8]"), 8, "tensor \"a\": dtype is missing"},
    {A("\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]"), 4,
     "tensor \"a\": dtype is \"F16\", expected \"F32\""},
    {A("\"dtype\":\"BF16_and_more\",\"shape\":[2],\"data_offsets\":[0,4]"), 4, "dtype is \"BF16_and_more\", expected"},
    {A("\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]"), 8, "tensor \"a\": dtype is 32, expected text"},
    {A("\"dtype\":\"F32\",\"data_offsets\":[0,8]"), 8, "tensor \"a\": shape is nothing, expected a list"},
    {A("\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]"), 8, "tensor \"a\": shape is 2, expected a list"},
    {A("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]"), 8, "has 9 dimensions, at most 8"},
    {A("\"dtype\":\"F32\",\"shape\":[2,0],\"data_offsets\":[0,0]"), 0, "shape, dimension 2 is 0, expected 1 to"},
    {A("\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]"), 0, "shape, dimension 1 is 0, expected 1 to"},
    {A("\"dtype\":\"F32\",\"shape\":[2,-1],\"data_offsets\":[0,8]"), 8, "shape, dimension 2 is -1, expected 1 to"},
    {A("\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]"), 8, "dimension 1 is 2.0, expected an integer"},
    {A("\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]"), 8, "shape is [3], more than the 2 values"},
    {A("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]"), 0, "more than the 0 values"},
    {A("\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]"), 4, "more than the 1 values"},
    {A("\"dtype\":\"F32\",\"shape\":[2,4611686018427387904,2],\"data_offsets\":[0,8]"), 8, "more than the 2 values"},
    {A("\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]"), 8, "dimension 1 is 9999999999"},
    {A("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]"), 0, "shape is [], one value, but the file has none"},
    {A("\"dtype\":\"F32\",\"shape\":[2]"), 8, "tensor \"a\": data_offsets is nothing, expected a list of two"},
    {A("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]"), 8, "data_offsets is [0], expected a list of two"},
    {A("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]"), 8,
     "data_offsets is [0,8,8], expected a list of two"},
    {A("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[\"0\",8]"), 8, "data_offsets is text, expected an integer"},
    {A(GOOD("-1", "7")), 8, "data_offsets is -1, expected 0 to"},
    {A(GOOD("0", "4")), 8, "data_offsets is [0, 4], expected [0, 8]"},
    {A(GOOD("0", "9")), 9, "data_offsets is [0, 9], expected [0, 8]"},
    {A(GOOD("4", "12")), 12, "data_offsets is [4, 12], expected [0, 8]"},
    {A(GOOD("8", "0")), 8, "data_offsets is [8, 0], expected [0, 8]"},
    {A(GOOD("0", "8")), 12, "the tensors end at byte 8 of the data, expected its end at byte 12"},
    {A(GOOD("0", "8")), 4, "shape is [2], more than the 1 values that the file has left"},
    {"{\"a\":{" GOOD("8", "16") "},\"b\":{" GOOD("0", "8") "}}", 16,
     "tensor \"a\": data_offsets is [8, 16], expected [0, 8]"},
    {"{\"a\":{" GOOD("0", "8") "},\"b\":{" GOOD("4", "12") "}}", 16,
     "tensor \"b\": data_offsets is [4, 12], expected [8, 16]"},
    {"{\"a\":{" GOOD("0", "8") "},\"b\":{" GOOD("12", "20") "}}", 20, "data_offsets is [12, 20], expected [8, 16]"},
    {"{\"a\":{" GOOD("0", "8") "},\"b\":{" GOOD("0", "8") "}}", 8, "more than the 0 values that the file has left"},
    {"{\"a\":{" GOOD("0", "8") "},\"a\":{" GOOD("8", "16") "}}", 16, "key \"a\" appears twice"},
    {"{\"__metadata__\":[]}", 0, "__metadata__ is [], expected an object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__: \"a\" is 1, expected text"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "key \"__metadata__\" appears twice"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct file file = make_file(bad[i].header, bad[i].data_bytes);
        struct counting counting;
        pmoe_allocator allocator = counting_allocator(&counting, -1);
        struct safetensors view;
        pmoe_error error = {PMOE_OK, "no error"};
        pmoe_status status = safetensors_open(file.bytes, file.size, &allocator, &view, &error);
        if (status == PMOE_OK || !strstr(error.text, bad[i].fragment))
            fail_msg("%s: expected \"%s\", got \"%s\"", bad[i].header, bad[i].fragment, error.text);
        assert_int_equal(error.status, status);
        assert_int_equal(counting.out, 0);
        assert_null(view.header.tokens);
        free(file.bytes);
    }
}

/* Lengths that promise more than there is, or more than is read: nothing is allocated for them. */
static void refuses_header_lengths(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        pmoe_status status;
        const char *fragment;
    } rows[] = {
        {0, PMOE_E_FORMAT, "does not begin with '{'"},
        {3, PMOE_E_FORMAT, "header length is 3 bytes, but only 2 follow"},
        {1 << 20, PMOE_E_FORMAT, "header length is 1048576 bytes, but only 2 follow"},
        {(1 << 20) + 1, PMOE_E_LIMIT, "header length is 1048577 bytes, at most 1048576 are read"},
        {(uint64_t)1 << 32 | 2, PMOE_E_LIMIT, "header length is 4294967298 bytes"},
        {UINT64_MAX, PMOE_E_LIMIT, "header length is 18446744073709551615 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct file file = make_file("{}", 0);
        struct counting counting;
        pmoe_allocator allocator = counting_allocator(&counting, -1);
        struct safetensors view;
        pmoe_error error;
        for (int byte = 0; byte < 8; byte++)
            file.bytes[byte] = (unsigned char)(rows[i].length >> (8 * byte));
        assert_int_equal(safetensors_open(file.bytes, file.size, &allocator, &view, &error), rows[i].status);
        assert_non_null(strstr(error.text, rows[i].fragment));
        assert_int_equal(counting.requests, 0);
        free(file.bytes);
    }
}

static void refuses_to_write(void **state)
{
    (void)state;
    static const int64_t two[] = {2}, none[] = {2, 0}, negative[] = {-1}, nine[] = {1, 1, 1, 1, 1, 1, 1, 1, 1},
                         vast[] = {INT64_MAX, INT64_MAX};
    static const struct {
        struct safetensors_source tensors[2];
        int32_t count;
        struct safetensors_pair pair;
        const char *fragment;
    } rows[] = {
        {{{"a", 1, two, weights}, {"a", 1, two, weights}}, 2, {"k", "v"}, "key \"a\" appears twice"},
        {{{"", 1, two, weights}}, 1, {"k", "v"}, "expected a name without control characters"},
        {{{"a\xff", 1, two, weights}}, 1, {"k", "v"}, "tensor 0: its name is not UTF-8"},
        {{{"a", 2, none, weights}}, 1, {"k", "v"}, "dimension 2 is 0"},
        {{{"a", 1, negative, weights}}, 1, {"k", "v"}, "tensor \"a\": more bytes than this machine can address"},
        {{{"a", 9, nine, weights}}, 1, {"k", "v"}, "has 9 dimensions, at most 8"},
        {{{"a", 2, vast, weights}}, 1, {"k", "v"}, "tensor \"a\": more bytes than this machine can address"},
        {{{"__metadata__", 1, two, weights}}, 1, {"k", "v"}, "key \"__metadata__\" appears twice"},
        {{{"a", 1, two, weights}}, 1, {"pmoe.sha256", "v"}, "key \"pmoe.sha256\" appears twice"},
        {{{"a", 1, two, weights}}, 1, {"k", "\xc3"}, "metadata 0: key or value is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct counting counting;
        pmoe_allocator allocator = counting_allocator(&counting, -1);
        struct file file = {(unsigned char *)1, 0};
        pmoe_error error = {PMOE_OK, "no error"};
        pmoe_status status = safetensors_write(rows[i].tensors, rows[i].count, &rows[i].pair, 1, &allocator,
                                               &file.bytes, &file.size, &error);
        if (status == PMOE_OK || !strstr(error.text, rows[i].fragment))
            fail_msg("row %zu: expected \"%s\", got \"%s\"", i, rows[i].fragment, error.text);
        assert_null(file.bytes);
        assert_int_equal(counting.out, 0);
    }
}

/* ---- Damage ---- */

static void every_prefix_is_refused(void **state)
{
    (void)state;
    struct file file = sample();
    for (size_t size = 0; size < file.size; size++) {
        unsigned char *prefix = malloc(size ? size : 1);
        struct safetensors view;
        pmoe_error error = {PMOE_OK, ""};
        assert_non_null(prefix);
        memcpy(prefix, file.bytes, size);
        assert_int_equal(safetensors_open(prefix, size, NULL, &view, &error), PMOE_E_FORMAT);
        assert_true(error.text[0] != 0);
        assert_null(view.header.tokens);
        free(prefix);
    }
    free(file.bytes);
}

/* What safetensors_open promises, and that nothing built on it trips over what is left. */
static void check_view(struct file file, const struct safetensors *view)
{
    struct safetensors_entry entry;
    struct graph *graph = malloc(sizeof *graph);
    char *text = NULL;
    int32_t checked;
    pmoe_error error;
    const unsigned char *end = view->data;
    assert_non_null(graph);
    assert_ptr_equal(view->data + view->data_bytes, file.bytes + file.size);
    for (json_node at = 0; safetensors_next(view, &at, &entry);) {
        assert_ptr_equal(entry.bytes, end);
        assert_in_range(strlen(entry.name), 1, SAFETENSORS_NAME_BYTES - 1);
        size_t count = 1;
        for (int32_t i = 0; i < entry.rank; i++) {
            assert_true(entry.dims[i] >= 1);
            count *= (size_t)entry.dims[i];
        }
        assert_int_equal(count, entry.count);
        end += count * sizeof(float);
    }
    assert_ptr_equal(end, file.bytes + file.size);
    if (safetensors_metadata(view, "pmoe.model", NULL, &text, &error) == PMOE_OK && text &&
        graph_read(text, strlen(text), NULL, graph, &error) != PMOE_OK)
        assert_true(error.text[0] != 0);
    free(text);
    if (safetensors_verify(view, NULL, &checked, &error) != PMOE_OK)
        assert_true(error.text[0] != 0);
    free(graph);
}

static void every_flipped_header_bit_is_survived(void **state)
{
    (void)state;
    struct file file = sample();
    size_t bits = 8 * (8 + header_bytes(file)), refused = 0;
    for (size_t bit = 0; bit < bits; bit++) {
        struct safetensors view;
        pmoe_error error = {PMOE_OK, ""};
        file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (safetensors_open(file.bytes, file.size, NULL, &view, &error) == PMOE_OK) {
            check_view(file, &view);
            safetensors_close(&view, NULL);
        } else {
            assert_true(error.text[0] != 0);
            refused++;
        }
        file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_true(refused > 64); /* the length alone */
    free(file.bytes);
}

static void every_flipped_data_bit_is_caught(void **state)
{
    (void)state;
    struct file file = sample();
    size_t start = 8 + header_bytes(file);
    for (size_t bit = 8 * start; bit < 8 * file.size; bit++) {
        struct safetensors view;
        int32_t checked;
        pmoe_error error;
        size_t value = (bit / 8 - start) / sizeof(float);
        file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_equal(safetensors_open(file.bytes, file.size, NULL, &view, &error), PMOE_OK);
        assert_int_equal(safetensors_verify(&view, NULL, &checked, &error), PMOE_E_CHECKSUM);
        char start_of_sentence[64];
        snprintf(start_of_sentence, sizeof start_of_sentence, "tensor \"%s\": SHA-256 is ",
                 sources[value < 6   ? 0
                         : value < 8 ? 1
                                     : 2]
                     .name);
        assert_memory_equal(error.text, start_of_sentence, strlen(start_of_sentence));
        safetensors_close(&view, NULL);
        file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(file.bytes);
}

#define SUMS(text)                                                                                                     \
    "{\"__metadata__\":{\"pmoe.sha256\":\"" text "\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
#define SUM "054edec1d0211f624fed0cbca9d4f9400b0e491c43742af2c5b0abebf0c990d8" /* of bytes 0, 1, 2, 3 */

static void verifies_entry_by_entry(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        pmoe_status status;
        const char *fragment;
    } rows[] = {
        {SUMS("{\\\"a\\\":\\\"" SUM "\\\"}"), PMOE_OK, ""},
        {SUMS("{}"), PMOE_E_CHECKSUM, "tensor \"a\": no checksum in pmoe.sha256"},
        {SUMS("[]"), PMOE_E_FORMAT, "pmoe.sha256 is a list, expected an object"},
        {SUMS(""), PMOE_E_FORMAT, "pmoe.sha256, byte 0: expected"},
        {SUMS("{\\\"a\\\":1}"), PMOE_E_FORMAT, "pmoe.sha256 is 1, expected text"},
        {SUMS("{\\\"a\\\":\\\"" SUM "0\\\"}"), PMOE_E_CHECKSUM,
         "tensor \"a\": SHA-256 is 054edec1d0211f62..., expected"},
        {SUMS("{\\\"a\\\":\\\"\\\"}"), PMOE_E_CHECKSUM, "tensor \"a\": SHA-256 is 054edec1d0211f62..., expected ..."},
        {SUMS("{\\\"a\\\":\\\"" SUM "\\\",\\\"b\\\":\\\"\\\"}"), PMOE_E_CHECKSUM, "tensor \"b\" is not in the file"},
        {SUMS("\\u0000"), PMOE_E_FORMAT, "pmoe.sha256 holds a zero character"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct file file = make_file(rows[i].header, 4);
        struct safetensors view;
        int32_t checked = -1;
        pmoe_error error = {PMOE_OK, ""};
        assert_int_equal(safetensors_open(file.bytes, file.size, NULL, &view, &error), PMOE_OK);
        assert_int_equal(safetensors_verify(&view, NULL, &checked, &error), rows[i].status);
        if (!strstr(error.text, rows[i].fragment))
            fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].header, rows[i].fragment, error.text);
        assert_int_equal(checked, rows[i].status == PMOE_OK);
        safetensors_close(&view, NULL);
        free(file.bytes);
    }
}

/* ---- Memory ---- */

/* Write, open, read metadata, verify.  The status of the first that fails. */
static pmoe_status whole_life(const pmoe_allocator *allocator, pmoe_error *error)
{
    struct file file;
    pmoe_status status = write_sample(allocator, &file, error);
    if (status != PMOE_OK) {
        assert_null(file.bytes);
        return status;
    }
    struct safetensors view;
    status = safetensors_open(file.bytes, file.size, allocator, &view, error);
    char *text = NULL;
    int32_t checked;
    if (status == PMOE_OK)
        status = safetensors_metadata(&view, "note", allocator, &text, error);
    if (status == PMOE_OK)
        status = safetensors_verify(&view, allocator, &checked, error);
    if (text)
        allocator->release(allocator->user, text);
    safetensors_close(&view, allocator);
    allocator->release(allocator->user, file.bytes);
    return status;
}

static void every_refused_allocation_is_reported(void **state)
{
    (void)state;
    struct counting counting;
    pmoe_error error;
    pmoe_allocator allocator = counting_allocator(&counting, -1);
    assert_int_equal(whole_life(&allocator, &error), PMOE_OK);
    assert_int_equal(counting.out, 0);
    int requests = counting.requests;
    assert_true(requests >= 6);
    for (int i = 0; i < requests; i++) {
        error = (pmoe_error){PMOE_OK, ""};
        allocator = counting_allocator(&counting, i);
        assert_int_equal(whole_life(&allocator, &error), PMOE_E_MEMORY);
        assert_non_null(strstr(error.text, "no memory for"));
        assert_int_equal(counting.out, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(same_input_same_bytes),
        cmocka_unit_test(writes_the_header_as_agreed),
        cmocka_unit_test(pads_every_length),
        cmocka_unit_test(opens_files_from_elsewhere),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_header_lengths),
        cmocka_unit_test(refuses_to_write),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(every_flipped_header_bit_is_survived),
        cmocka_unit_test(every_flipped_data_bit_is_caught),
        cmocka_unit_test(verifies_entry_by_entry),
        cmocka_unit_test(every_refused_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
