/* The layer list: examples read field by field and written back. */
#include "counting_allocator.h"
#include "graph_text.h"

#include <stdio.h>

/* ---- Examples ---- */

static const char cnn[] = TWO CONV "{\"name\":\"relu\",\"type\":\"relu\"}," POOL OUT END;
static const char separate[] = TWO ROUTER EXPERTS POOL OUT END;
static const char mosaic10[] = HEAD("[\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"neuf \xc3\xa9\"]")
    LAYER("r.1", "\"type\":\"patch_router\",\"patch\":28,\"experts\":20")
        LAYER("g-1", "\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"r.1\",\"kept\":4,"
                     "\"gate\":\"softmax_topl\",\"expert\":[{\"type\":\"patch_conv\",\"patch\":28,\"filters\":32}]")
            POOL "{\"name\":\"hidden\",\"type\":\"linear\",\"outputs\":64,\"bias\":false},{\"name\":\"relu_2\","
                 "\"type\":\"relu\"},{\"name\":\"out\",\"type\":\"linear\",\"outputs\":10,\"bias\":true}" END;
/* Two routed stages over different maps, the second fed by convolutions that name their inputs. */
static const char deep[] =
    HEAD("[\"a\",\"b\",\"c\"]") "{\"name\":\"c1\",\"type\":\"patch_conv\",\"patch\":7,\"filters\":8,\"bias\":true},"
                                "{\"name\":\"r1\",\"type\":\"relu\"},"
                                "{\"name\":\"c2\",\"type\":\"patch_conv\",\"patch\":2,\"filters\":6},"
                                "{\"name\":\"route\",\"type\":\"patch_router\",\"patch\":4,\"experts\":3},"
                                "{\"name\":\"group\",\"type\":\"expert_group\",\"input\":\"c2\",\"router\":\"route\","
                                "\"kept\":4,\"gate\":\"softmax_topl\",\"expert\":[{\"type\":\"patch_conv\",\"patch\":4,"
                                "\"filters\":5,\"bias\":true},{\"type\":\"relu\"}]},"
                                "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"l\"},"
                                "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":3}" END;

/* Routed and mixed: a stem, a group of stacks over its patches, a mixture of what they pool to. */
static const char stacks[] =
    TWO "{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":8},"
        "{\"name\":\"r\",\"type\":\"patch_router\",\"patch\":14,\"experts\":3},"
        "{\"name\":\"e\",\"type\":\"expert_group\",\"input\":\"stem\",\"router\":\"r\",\"kept\":2,"
        "\"gate\":\"softmax_topl\",\"gated\":\"input\",\"dropped\":\"zeros\",\"expert\":["
        "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":6},"
        "{\"name\":\"n\",\"type\":\"batch_norm\",\"epsilon\":0.001},"
        "{\"name\":\"s\",\"type\":\"add\",\"with\":\"a\"},{\"type\":\"relu\"},"
        "{\"name\":\"p\",\"type\":\"avg_pool\",\"divisor\":\"n\"}]}," POOL
        "{\"name\":\"g\",\"type\":\"sample_router\",\"experts\":4,\"normalise\":true}," MIXTURE("3", "pool", "g") END;

static struct graph *read_good(const char *text)
{
    struct graph *graph = malloc(sizeof *graph);
    pmoe_error error;
    assert_non_null(graph);
    if (read_bytes(text, strlen(text), graph, &error) != PMOE_OK)
        fail_msg("%s: %s", text, error.text);
    return graph;
}

static void expect_shape(const struct graph *graph, int32_t layer, enum shape_kind kind, int32_t a, int32_t b,
                         int32_t c)
{
    struct shape shape = graph->layer[layer].shape;
    assert_int_equal(shape.kind, kind);
    assert_int_equal(shape.a, a);
    assert_int_equal(shape.b, b);
    assert_int_equal(shape.c, c);
}

static void expect_tensor(const struct graph *graph, int32_t index, const char *name, int32_t layer, int32_t rank,
                          const int64_t *dims)
{
    const struct tensor *tensor = &graph->tensor[index];
    int64_t count = 1;
    assert_string_equal(tensor->name, name);
    assert_int_equal(tensor->layer, layer);
    assert_int_equal(tensor->rank, rank);
    for (int32_t i = 0; i < rank; i++) {
        assert_int_equal(tensor->dims[i], dims[i]);
        count *= dims[i];
    }
    assert_int_equal(tensor->count, count);
}

static void reads_cnn(void **state)
{
    (void)state;
    struct graph *graph = read_good(cnn);
    assert_string_equal(graph->name, "m");
    assert_int_equal(graph->height, 112);
    assert_int_equal(graph->width, 112);
    assert_int_equal(graph->channels, 1);
    assert_int_equal(graph->outputs, 1);
    assert_int_equal(graph->classes, 2);
    assert_string_equal(graph->class_text + graph->class_at[0], "0");
    assert_string_equal(graph->class_text + graph->class_at[1], "1");
    assert_int_equal(graph->class_at[1], 2);
    assert_int_equal(graph->layers, 4);
    assert_int_equal(graph->tensors, 2);
    assert_int_equal(graph->parameters, 20 * 28 * 28 + 20);

    const struct layer *conv = &graph->layer[0];
    assert_int_equal(conv->type, LAYER_PATCH_CONV);
    assert_int_equal(conv->input, GRAPH_IMAGE);
    assert_int_equal(conv->router, -1);
    assert_int_equal(conv->patch, 28);
    assert_int_equal(conv->high, 4);
    assert_int_equal(conv->wide, 4);
    assert_int_equal(conv->patches, 16);
    assert_int_equal(conv->filters, 20);
    assert_int_equal(conv->has_bias, 0);
    assert_int_equal(conv->weight, 0);
    assert_int_equal(conv->bias, -1);
    expect_shape(graph, 0, SHAPE_MAP, 4, 4, 20);
    assert_int_equal(graph->layer[1].type, LAYER_RELU);
    assert_int_equal(graph->layer[1].input, 0);
    assert_int_equal(graph->layer[1].weight, -1);
    expect_shape(graph, 1, SHAPE_MAP, 4, 4, 20);
    assert_int_equal(graph->layer[2].type, LAYER_AVG_POOL);
    assert_int_equal(graph->layer[2].patches, 16);
    assert_int_equal(graph->layer[2].divisor, POOL_BY_PATCHES);
    expect_shape(graph, 2, SHAPE_VECTOR, 1, 1, 20);
    assert_int_equal(graph->layer[3].type, LAYER_LINEAR);
    assert_int_equal(graph->layer[3].filters, 1);
    expect_shape(graph, 3, SHAPE_VECTOR, 1, 1, 1);
    expect_tensor(graph, 0, "conv.weight", 0, 4, (const int64_t[]){20, 1, 28, 28});
    expect_tensor(graph, 1, "out.weight", 3, 2, (const int64_t[]){1, 20});

    assert_int_equal(layer_multiply_adds(graph, 0), 16 * 20 * 784);
    assert_int_equal(layer_multiply_adds(graph, 1), 0);
    assert_int_equal(layer_multiply_adds(graph, 2), 0);
    assert_int_equal(layer_multiply_adds(graph, 3), 20);
    assert_int_equal(shape_count(graph_input_shape(graph, 0)), 112 * 112);
    assert_int_equal(shape_count(graph_input_shape(graph, 2)), 4 * 4 * 20);
    free(graph);
}

static void reads_joint(void **state)
{
    (void)state;
    struct graph *graph = read_good(JOINT);
    assert_int_equal(graph->outputs, 2);
    const struct layer *router = &graph->layer[0], *group = &graph->layer[1], *expert = &graph->layer[2],
                       *pool = &graph->layer[4];
    assert_int_equal(router->type, LAYER_PATCH_ROUTER);
    assert_int_equal(router->experts, 2);
    assert_int_equal(router->patches, 16);
    assert_int_equal(router->kept, 0);
    expect_shape(graph, 0, SHAPE_SCORES, 2, 16, 1);
    assert_int_equal(group->type, LAYER_EXPERT_GROUP);
    assert_int_equal(group->input, GRAPH_IMAGE);
    assert_int_equal(group->router, 0);
    assert_int_equal(group->patch, 28);
    assert_int_equal(group->high, 4);
    assert_int_equal(group->wide, 4);
    assert_int_equal(group->patches, 16);
    assert_int_equal(group->experts, 2);
    assert_int_equal(group->kept, 6);
    assert_int_equal(group->gate, GATE_TOPL_SOFTMAX);
    assert_int_equal(group->gate_place, GATE_ON_OUTPUT);
    assert_int_equal(group->dropped, DROPPED_ABSENT);
    assert_int_equal(group->inner, 2);
    assert_int_equal(group->weight, -1);
    expect_shape(graph, 1, SHAPE_ROUTED, 2, 6, 10);
    assert_string_equal(expert->name, "experts.1");
    assert_int_equal(expert->type, LAYER_PATCH_CONV);
    assert_int_equal(expert->group, 1);
    assert_int_equal(expert->input, GRAPH_EXPERT);
    assert_int_equal(expert->filters, 10);
    assert_int_equal(expert->has_bias, 1);
    expect_shape(graph, 2, SHAPE_MAP, 1, 1, 10);
    assert_int_equal(graph->layer[3].type, LAYER_RELU);
    assert_int_equal(graph->layer[3].input, 2);
    assert_int_equal(pool->input, 1);
    assert_int_equal(pool->patches, 16);
    assert_int_equal(pool->divisor, POOL_BY_KEPT);
    expect_shape(graph, 4, SHAPE_VECTOR, 1, 1, 20);
    assert_int_equal(graph->last, 5);

    assert_int_equal(graph->tensors, 5);
    expect_tensor(graph, 0, "router.weight", 0, 4, (const int64_t[]){2, 1, 28, 28});
    expect_tensor(graph, 1, "experts.weight", 2, 5, (const int64_t[]){2, 10, 1, 28, 28});
    expect_tensor(graph, 2, "experts.bias", 2, 2, (const int64_t[]){2, 10});
    expect_tensor(graph, 3, "out.weight", 5, 2, (const int64_t[]){2, 20});
    expect_tensor(graph, 4, "out.bias", 5, 1, (const int64_t[]){2});
    assert_int_equal(expert->weight, 1);
    assert_int_equal(expert->bias, 2);
    assert_int_equal(graph->parameters, 2 * 784 + 20 * 784 + 20 + 40 + 2);
    assert_int_equal(layer_multiply_adds(graph, 0), 2 * 16 * 784);
    assert_int_equal(layer_multiply_adds(graph, 1), 0);
    assert_int_equal(layer_multiply_adds(graph, 2), 2 * 6 * 10 * 784);
    assert_int_equal(layer_multiply_adds(graph, 5), 40);
    free(graph);
}

static void reads_the_others(void **state)
{
    (void)state;
    struct graph *graph = read_good(separate);
    assert_int_equal(graph->layer[1].gate, GATE_HARD);
    assert_int_equal(graph->layer[1].inner, 2);
    assert_int_equal(graph->layer[2].has_bias, 0);
    expect_shape(graph, 4, SHAPE_VECTOR, 1, 1, 40);
    free(graph);

    graph = read_good(mosaic10);
    assert_int_equal(graph->classes, 10);
    assert_int_equal(graph->outputs, 10);
    assert_string_equal(graph->class_text + graph->class_at[9], "neuf \xc3\xa9");
    assert_int_equal(graph->layer[1].gate, GATE_SOFTMAX_TOPL);
    assert_int_equal(graph->layer[1].inner, 1);
    expect_shape(graph, 3, SHAPE_VECTOR, 1, 1, 640);
    expect_shape(graph, 5, SHAPE_VECTOR, 1, 1, 64);
    free(graph);

    graph = read_good(deep);
    expect_shape(graph, 2, SHAPE_MAP, 8, 8, 6);
    assert_int_equal(graph->layer[3].input, 2);
    expect_shape(graph, 3, SHAPE_SCORES, 3, 4, 1);
    expect_shape(graph, 4, SHAPE_ROUTED, 3, 4, 5);
    expect_tensor(graph, 0, "c1.weight", 0, 4, (const int64_t[]){8, 1, 7, 7});
    expect_tensor(graph, 2, "c2.weight", 2, 4, (const int64_t[]){6, 8, 2, 2});
    expect_tensor(graph, 4, "group.weight", 5, 5, (const int64_t[]){3, 5, 6, 4, 4});
    assert_int_equal(layer_multiply_adds(graph, 2), 64 * 6 * 2 * 2 * 8);
    assert_int_equal(layer_multiply_adds(graph, 5), 3 * 4 * 5 * 4 * 4 * 6);
    free(graph);
}

/* Each of the limits is reached and accepted; test_graph_refusals.c lies one beyond. */
static const char *const at_the_limits[] = {
    IMAGE("4096", "4096", "16") POOL OUT END,
    IMAGE("1", "1", "65536") POOL LAYER("hidden", "\"type\":\"linear\",\"outputs\":4096") OUT END,
    IMAGE("64", "64", "1") LAYER("r", "\"type\":\"patch_router\",\"patch\":1,\"experts\":1024")
        LAYER("g", "\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"r\",\"kept\":4096,\"gate\":\"hard\","
                   "\"expert\":[{\"type\":\"patch_conv\",\"patch\":1,\"filters\":64}]") POOL OUT END,
    TWO LAYER("abcdefghijklmnopqrstuvwxyz123456789012345678901", "\"type\":\"avg_pool\",\"divisor\":\"l\"") OUT END,
    HEAD("[\"\xc2\xa0\",\" \"]") POOL OUT END,
};

/* What stacks and mixtures add to the list. */
static void reads_stacks(void **state)
{
    (void)state;
    struct graph *graph = read_good(stacks);
    assert_int_equal(graph->layers, 12);
    assert_int_equal(graph->last, 10);
    assert_int_equal(graph->layer[0].padding, 1);
    assert_int_equal(graph->layer[0].stride, 2);
    expect_shape(graph, 0, SHAPE_MAP, 56, 56, 8);
    const struct layer *group = &graph->layer[2];
    assert_int_equal(group->inner, 5);
    assert_int_equal(group->gate_place, GATE_ON_INPUT);
    assert_int_equal(group->dropped, DROPPED_ZEROS);
    assert_int_equal(graph_stack_end(graph, 2), 7);
    expect_shape(graph, 2, SHAPE_ROUTED, 3, 2, 6);
    assert_string_equal(graph->layer[3].name, "e.a");
    assert_int_equal(graph->layer[3].input, GRAPH_EXPERT);
    expect_shape(graph, 3, SHAPE_MAP, 14, 14, 6);
    assert_int_equal(graph->layer[5].type, LAYER_ADD);
    assert_int_equal(graph->layer[5].input, 4);
    assert_int_equal(graph->layer[5].with, 3);
    assert_string_equal(graph->layer[6].name, "e.4");
    expect_shape(graph, 7, SHAPE_VECTOR, 1, 1, 6);
    expect_tensor(graph, 2, "e.a.weight", 3, 5, (const int64_t[]){3, 6, 8, 3, 3});
    expect_tensor(graph, 5, "e.n.running_mean", 4, 2, (const int64_t[]){3, 6});
    assert_int_equal(graph->layer[4].variance, 6);
    expect_shape(graph, 9, SHAPE_SCORES, 4, 1, 1);
    assert_int_equal(graph->layer[9].normalise, 1);
    expect_shape(graph, 10, SHAPE_VECTOR, 1, 1, 2);
    expect_tensor(graph, graph->layer[11].weight, "m.weight", 11, 3, (const int64_t[]){4, 2, 18});
    assert_int_equal(layer_multiply_adds(graph, 0), 56 * 56 * 9 * 8);
    assert_int_equal(layer_multiply_adds(graph, 3), 3 * 2 * 14 * 14 * 9 * 8 * 6);
    assert_int_equal(layer_multiply_adds(graph, 9), 4 * 18);
    assert_int_equal(layer_multiply_adds(graph, 11), 3 * 18 * 2);
    free(graph);
}

static void limits_are_inclusive(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof at_the_limits / sizeof *at_the_limits; i++)
        free(read_good(at_the_limits[i]));
}

static void writes_what_it_read(void **state)
{
    (void)state;
    static const char *const examples[] = {cnn, separate, JOINT, mosaic10, deep, stacks};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct graph *graph = read_good(examples[i]);
        size_t length = graph_write(graph, NULL, 0);
        char *text = malloc(length + 1);
        assert_non_null(text);
        assert_int_equal(graph_write(graph, text, length + 1), length);
        assert_int_equal(strlen(text), length);
        struct graph *again = read_good(text);
        assert_memory_equal(again, graph, sizeof *graph);
        free(again);
        free(text);
        free(graph);
    }
}

static void names_are_those_of_the_format(void **state)
{
    (void)state;
    assert_string_equal(layer_type_name(LAYER_PATCH_CONV), "patch_conv");
    assert_string_equal(layer_type_name(LAYER_EXPERT_GROUP), "expert_group");
    assert_string_equal(gate_form_name(GATE_TOPL_SOFTMAX), "topl_softmax");
    assert_string_equal(pool_divisor_name(POOL_BY_KEPT), "l");
}

static void memory_goes_back(void **state)
{
    (void)state;
    static const char *const texts[] = {JOINT, TWO OUT END};
    struct graph *graph = malloc(sizeof *graph);
    struct counting counting;
    pmoe_error error;
    assert_non_null(graph);
    for (int i = 0; i < 2; i++) {
        pmoe_allocator allocator = counting_allocator(&counting, -1);
        assert_int_equal(graph_read(texts[i], strlen(texts[i]), &allocator, graph, &error), i ? PMOE_E_GRAPH : PMOE_OK);
        assert_int_equal(counting.requests, 1);
        assert_int_equal(counting.out, 0);
    }
    pmoe_allocator allocator = counting_allocator(&counting, 0);
    assert_int_equal(graph_read(JOINT, strlen(JOINT), &allocator, graph, &error), PMOE_E_MEMORY);
    assert_int_equal(counting.out, 0);
    free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_cnn),
        cmocka_unit_test(reads_joint),
        cmocka_unit_test(reads_the_others),
        cmocka_unit_test(reads_stacks),
        cmocka_unit_test(limits_are_inclusive),
        cmocka_unit_test(writes_what_it_read),
        cmocka_unit_test(names_are_those_of_the_format),
        cmocka_unit_test(memory_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
