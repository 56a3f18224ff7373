/* ONNX export, by reading what was written: protocol buffers that end where they say, nodes that read only what is
 * there before them, names used once, constants as long as their shapes; and memory that runs out anywhere.
 *
 * That runtimes compute our logits from it is tests/onnx's to show. */
#include "counting_allocator.h"
#include "model_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- A reader of protocol buffers ---- */

struct span {
    const unsigned char *at, *end;
};

struct field {
    int64_t number, value; /* of a varint */
    struct span content;   /* of a length-delimited one */
};

static uint64_t read_varint(struct span *span)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(span->at < span->end);
        assert_true(shift < 64);
        unsigned char byte = *span->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

static int next_field(struct span *span, struct field *field)
{
    if (span->at == span->end)
        return 0;
    uint64_t tag = read_varint(span);
    *field = (struct field){.number = (int64_t)(tag >> 3)};
    uint64_t bytes = (tag & 7) == 5 ? 4 : 0;
    if ((tag & 7) == 0) {
        field->value = (int64_t)read_varint(span);
        return 1;
    }
    assert_true((tag & 7) == 5 || (tag & 7) == 2);
    if ((tag & 7) == 2)
        bytes = read_varint(span);
    assert_true(bytes <= (uint64_t)(span->end - span->at));
    field->content = (struct span){span->at, span->at + bytes};
    span->at += bytes;
    return 1;
}

static int find_field(struct span message, int64_t number, struct field *field)
{
    while (next_field(&message, field))
        if (field->number == number)
            return 1;
    return 0;
}

/* ---- A graph ---- */

enum { MOST_NAMES = 4096 };

struct names {
    struct span at[MOST_NAMES];
    int count;
};

static int is_known(const struct names *names, struct span name)
{
    size_t length = (size_t)(name.end - name.at);
    for (int i = 0; i < names->count; i++)
        if ((size_t)(names->at[i].end - names->at[i].at) == length && memcmp(names->at[i].at, name.at, length) == 0)
            return 1;
    return 0;
}

static void add_name(struct names *names, struct span name)
{
    assert_true(name.end > name.at);
    assert_false(is_known(names, name));
    assert_true(names->count < MOST_NAMES);
    names->at[names->count++] = name;
}

static struct span text_span(const char *text)
{
    return (struct span){(const unsigned char *)text, (const unsigned char *)text + strlen(text)};
}

static void check_constant(struct span tensor, struct names *names)
{
    struct field field, name = {0}, raw = {0};
    int64_t count = 1, type = 0;
    while (next_field(&tensor, &field)) {
        if (field.number == 1)
            count *= field.value;
        if (field.number == 2)
            type = field.value;
        if (field.number == 8)
            name = field;
        if (field.number == 9)
            raw = field;
    }
    assert_true(type == 1 || type == 7); /* float, int64 */
    assert_int_equal(raw.content.end - raw.content.at, count * (type == 1 ? 4 : 8));
    add_name(names, name.content);
}

static void check_node(struct span node, struct names *names)
{
    struct span outputs = node;
    struct field field;
    while (next_field(&node, &field)) {
        if (field.number == 1)
            assert_true(is_known(names, field.content));
        if (field.number == 5)
            for (struct field part; next_field(&field.content, &part);)
                assert_true(part.number > 0);
    }
    assert_true(find_field(outputs, 4, &field)); /* what it does */
    while (next_field(&outputs, &field))
        if (field.number == 2)
            add_name(names, field.content);
}

/* The batch is a name, the other sides numbers: the model's. */
static void check_input(struct span value, size_t count, struct names *names)
{
    struct field field, dim, side;
    assert_true(find_field(value, 1, &field));
    add_name(names, field.content);
    static const int64_t path[] = {2, 1, 2}; /* type, tensor, shape */
    for (int i = 0; i < 3; i++, value = field.content)
        assert_true(find_field(value, path[i], &field));
    size_t product = 1;
    for (int i = 0; next_field(&value, &dim); i++) {
        assert_true(find_field(dim.content, i == 0 ? 2 : 1, &side));
        product *= i == 0 ? 1 : (size_t)side.value;
    }
    assert_int_equal(product, count);
}

static void check_graph(struct span graph, size_t image)
{
    struct names *names = calloc(1, sizeof *names);
    assert_non_null(names);
    struct field field;
    struct span rest = graph;
    while (next_field(&rest, &field))
        if (field.number == 5)
            check_constant(field.content, names);
        else if (field.number == 11)
            check_input(field.content, image, names);
    assert_true(is_known(names, text_span("image")));
    for (rest = graph; next_field(&rest, &field);)
        if (field.number == 1)
            check_node(field.content, names);
    assert_true(is_known(names, text_span("logits")));
    free(names);
}

static void check_onnx(const unsigned char *bytes, size_t count, size_t image)
{
    struct span model = {bytes, bytes + count};
    struct field field;
    int64_t ir = 0;
    int graphs = 0;
    while (next_field(&model, &field)) {
        if (field.number == 1)
            ir = field.value;
        if (field.number == 7) {
            check_graph(field.content, image);
            graphs++;
        }
    }
    assert_int_equal(ir, 8);
    assert_int_equal(graphs, 1);
}

/* ---- Tests ---- */

static void test_every_list_in_every_form(void **state)
{
    (void)state;
    int written = 0, refused = 0;
    for (int32_t i = 0; i < MODEL_LISTS; i++) {
        struct model_file file;
        model_file_open(&file, model_lists[i], 1);
        for (int form = PMOE_ONNX_SHARED; form <= PMOE_ONNX_NAIVE; form++) {
            unsigned char *onnx;
            size_t bytes;
            pmoe_error error;
            pmoe_status status =
                pmoe_export_onnx(file.bytes, file.count, (pmoe_onnx_form)form, NULL, &onnx, &bytes, &error);
            if (status == PMOE_OK) {
                check_onnx(onnx, bytes, model_file_image(&file.graph));
                written++;
            } else {
                assert_int_equal(form, PMOE_ONNX_BATCHED);
                assert_int_equal(status, PMOE_E_GRAPH);
                assert_null(onnx);
                refused++;
            }
            free(onnx);
        }
        model_file_close(&file);
    }
    assert_true(refused > 0);
    assert_true(written > 2 * MODEL_LISTS);
}

/* The longest names that a layer list may have, and the most experts: names in the graph have room for both. */
static void test_longest_names(void **state)
{
    (void)state;
    static const char list[] =
        "{\"version\":1,\"name\":\"long\",\"input\":{\"height\":4,\"width\":4,\"channels\":1},"
        "\"classes\":[\"a\",\"b\"],\"layers\":["
        "{\"name\":\"routerrouterrouterrouterrouterrouterrouterroute\",\"type\":\"patch_router\",\"patch\":2,"
        "\"experts\":1024},"
        "{\"name\":\"groupgroupgroupgroupgroupgroupgroupgrou\",\"type\":\"expert_group\",\"input\":\"image\","
        "\"router\":\"routerrouterrouterrouterrouterrouterrouterroute\",\"kept\":2,\"gate\":\"topl_softmax\","
        "\"dropped\":\"zeros\",\"expert\":[{\"name\":\"innerin\",\"type\":\"conv\",\"kernel\":2,"
        "\"filters\":1,\"bias\":true},{\"name\":\"innerbn\",\"type\":\"relu\"}]},"
        "{\"name\":\"poolpoolpoolpoolpoolpoolpoolpoolpoolpoolpoolpoo\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
        "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2}]}";
    struct model_file file;
    model_file_open(&file, list, 1);
    for (int form = PMOE_ONNX_SHARED; form <= PMOE_ONNX_NAIVE; form++) {
        unsigned char *onnx;
        size_t bytes;
        pmoe_error error;
        assert_int_equal(pmoe_export_onnx(file.bytes, file.count, (pmoe_onnx_form)form, NULL, &onnx, &bytes, &error),
                         PMOE_OK);
        free(onnx);
    }
    model_file_close(&file);
}

static void test_memory_that_runs_out(void **state)
{
    (void)state;
    for (int32_t i = 0; i < MODEL_LISTS; i++) {
        struct model_file file;
        model_file_open(&file, model_lists[i], 1);
        pmoe_status status = PMOE_E_MEMORY;
        for (int refused = 0; status == PMOE_E_MEMORY; refused++) {
            struct counting counting;
            pmoe_options options = {.allocator = counting_allocator(&counting, refused)};
            unsigned char *onnx;
            size_t bytes;
            pmoe_error error;
            status = pmoe_export_onnx(file.bytes, file.count, PMOE_ONNX_SHARED, &options, &onnx, &bytes, &error);
            assert_true(status == PMOE_OK || (status == PMOE_E_MEMORY && !onnx && bytes == 0));
            assert_int_equal(counting.out, status == PMOE_OK ? 1 : 0);
            free(onnx);
        }
        assert_int_equal(status, PMOE_OK);
        model_file_close(&file);
    }
}

static void test_what_is_no_model(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[0], 1);
    unsigned char *onnx;
    size_t bytes;
    pmoe_error error;
    for (size_t cut = 0; cut < file.count; cut += 97) {
        assert_true(pmoe_export_onnx(file.bytes, cut, PMOE_ONNX_SHARED, NULL, &onnx, &bytes, &error) != PMOE_OK);
        assert_null(onnx);
        assert_true(error.text[0]);
    }
    assert_int_equal(pmoe_export_onnx(file.bytes, file.count, (pmoe_onnx_form)3, NULL, &onnx, &bytes, &error),
                     PMOE_E_ARGUMENT);
    model_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_list_in_every_form),
        cmocka_unit_test(test_longest_names),
        cmocka_unit_test(test_memory_that_runs_out),
        cmocka_unit_test(test_what_is_no_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
