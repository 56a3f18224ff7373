/* What-ifs against what they claim to be: model files written with that l, and with the weights of experts zeroed or,
 * in a mixture, their scores far below all others, opened and run as any model is.  Every committed model that routes
 * and every layer list of the tests, on the first and the best instruction set, bit for bit. */
#include "counting_allocator.h"
#include "files.h"
#include "model_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>

enum { BATCH = 2, MOST_OUTPUTS = 16, LIST_BYTES = 1 << 14 };

static const char *const committed[] = {"weights/mosaic-separate.safetensors", "weights/mosaic-joint.safetensors",
                                        "weights/mosaic10-pmoe.safetensors", "weights/board-deep-pmoe.safetensors"};
enum { COMMITTED = sizeof committed / sizeof *committed };

/* ---- Files that are written as the what-if says ---- */

/* `list` with another number behind each of a key; 0: as it is. */
static void put_number(char *list, const char *key, int32_t number)
{
    char made[LIST_BYTES], quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    char *at = list;
    while (number && (at = strstr(at, quoted))) {
        at += strlen(quoted);
        char *end = at + strspn(at, " 0123456789");
        int length = snprintf(made, sizeof made, "%.*s%d%s", (int)(at - list), list, (int)number, end);
        assert_true(length > 0 && length < LIST_BYTES);
        memcpy(list, made, (size_t)length + 1);
    }
}

static void read_list(const char *list, struct graph *graph)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    pmoe_error error = {.text = ""};
    if (graph_read(list, strlen(list), &allocator, graph, &error) != PMOE_OK)
        fail_msg("%s", error.text);
}

static int32_t routed_layer(const struct graph *graph)
{
    int32_t mixture = -1;
    for (int32_t i = 0; i < graph->layers; i++) {
        if (graph->layer[i].type == LAYER_EXPERT_GROUP)
            return i;
        if (graph->layer[i].type == LAYER_MIXTURE)
            mixture = i;
    }
    return mixture;
}

static int is_off(pmoe_what_if what_if, int32_t expert)
{
    return what_if.off >> expert & 1;
}

static int32_t count_on(pmoe_what_if what_if, int32_t experts)
{
    int32_t on = 0;
    for (int32_t e = 0; e < experts; e++)
        on += !is_off(what_if, e);
    return on;
}

/* Weights of experts that are off: all 0, batch norms included; of a mixture the bias of their scores instead. */
static void silence(const struct graph *graph, int32_t tensor, pmoe_what_if what_if, float *values)
{
    const struct tensor *row = &graph->tensor[tensor];
    const struct layer *layer = &graph->layer[row->layer];
    int32_t at = routed_layer(graph);
    int is_group = graph->layer[at].type == LAYER_EXPERT_GROUP;
    for (int32_t e = 0; e < graph->layer[at].experts; e++) {
        size_t each = (size_t)(row->count / graph->layer[at].experts);
        if (!is_off(what_if, e))
            continue;
        if (is_group && layer->group == at)
            memset(values + (size_t)e * each, 0, each * sizeof *values);
        if (!is_group && row->layer == graph->layer[at].router && tensor == layer->bias)
            values[e] = -1e30f;
    }
}

/* A model of the file's weights with the layer list that the what-if describes. */
static pmoe_model *open_rewritten(const uint8_t *file, size_t bytes, pmoe_what_if what_if, const char *isa)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    pmoe_options options = {.isa = isa};
    pmoe_error error = {.text = ""};
    struct safetensors view;
    struct safetensors_source sources[GRAPH_MAX_TENSORS];
    struct graph *graph = malloc(sizeof *graph);
    char *text, list[LIST_BYTES];
    assert_int_equal(safetensors_open(file, bytes, &allocator, &view, &error), PMOE_OK);
    assert_int_equal(safetensors_metadata(&view, "pmoe.model", &allocator, &text, &error), PMOE_OK);
    assert_true(strlen(text) < sizeof list);
    strcpy(list, text);
    free(text);
    read_list(list, graph);
    const struct layer *routed = &graph->layer[routed_layer(graph)];
    int32_t kept = what_if.kept ? what_if.kept : routed->kept, on = count_on(what_if, routed->experts);
    put_number(list, "kept", routed->type == LAYER_MIXTURE && kept > on ? on : kept);
    for (int32_t t = 0; t < graph->tensors; t++) {
        struct safetensors_entry entry;
        const struct tensor *row = &graph->tensor[t];
        assert_true(safetensors_find(&view, row->name, &entry));
        float *values = malloc(entry.count * sizeof *values);
        memcpy(values, entry.bytes, entry.count * sizeof *values);
        silence(graph, t, what_if, values);
        sources[t] = (struct safetensors_source){row->name, row->rank, row->dims, values};
    }
    unsigned char *made;
    size_t made_bytes;
    const struct safetensors_pair pair = {"pmoe.model", list};
    assert_int_equal(safetensors_write(sources, graph->tensors, &pair, 1, &allocator, &made, &made_bytes, &error),
                     PMOE_OK);
    pmoe_model *model;
    if (pmoe_model_open(made, made_bytes, &options, &model, &error) != PMOE_OK)
        fail_msg("%s", error.text);
    for (int32_t t = 0; t < graph->tensors; t++)
        free((void *)sources[t].values);
    safetensors_close(&view, &allocator);
    free(graph);
    free(made);
    return model;
}

/* ---- One what-if of one model ---- */

static float *make_images(const struct graph *graph)
{
    size_t count = BATCH * model_file_image(graph);
    float *images = malloc(count * sizeof *images);
    struct random random = random_at(7, RANDOM_INIT, 0);
    for (size_t i = 0; i < count; i++)
        images[i] = fabsf(random_normal(&random));
    return images;
}

static void same_routing(const pmoe_run *run, const pmoe_run *reference, pmoe_what_if what_if)
{
    for (int32_t b = 0; b < BATCH; b++) {
        pmoe_routing is = pmoe_run_routing(run, b), to_be = pmoe_run_routing(reference, b);
        assert_int_equal(is.kept, to_be.kept);
        assert_int_equal(is.off, is.experts ? what_if.off : 0);
        for (int32_t e = 0; e < is.experts; e++) {
            const size_t at = (size_t)e * (size_t)is.kept, scored = (size_t)e * (size_t)is.patches;
            if (!is_off(what_if, e)) {
                assert_memory_equal(is.picks + at, to_be.picks + at, (size_t)is.kept * sizeof *is.picks);
                assert_memory_equal(is.gates + at, to_be.gates + at, (size_t)is.kept * sizeof *is.gates);
                assert_memory_equal(is.scores + scored, to_be.scores + scored, (size_t)is.patches * sizeof *is.scores);
                continue;
            }
            for (size_t j = at; j < at + (size_t)is.kept; j++)
                assert_true(is.picks[j] == -1 && is.gates[j] == 0);
            for (size_t j = scored; j < scored + (size_t)is.patches; j++)
                assert_true(is.scores[j] == 0);
        }
        pmoe_mixing mixing = pmoe_run_mixing(run, b), expected = pmoe_run_mixing(reference, b);
        assert_int_equal(mixing.kept, expected.kept);
        for (int32_t j = 0; j < mixing.kept; j++)
            assert_true(mixing.picks[j] == expected.picks[j] && mixing.gates[j] == expected.gates[j]);
    }
}

/* The layers that are routed, of a network with as many experts as are on; all others of the whole one. */
static int64_t count_by_layers(const pmoe_model *reference, const pmoe_run *run, pmoe_what_if what_if)
{
    const struct graph *graph = &reference->graph;
    struct graph *fewer = malloc(sizeof *fewer);
    char list[LIST_BYTES];
    graph_write(graph, list, sizeof list);
    int32_t at = routed_layer(graph), on = count_on(what_if, graph->layer[at].experts);
    int is_group = graph->layer[at].type == LAYER_EXPERT_GROUP;
    put_number(list, "experts", is_group ? on : 0);
    read_list(list, fewer);
    int64_t sum = 0;
    for (int32_t i = 0; i < graph->layers; i++) {
        int routed = is_group && (i == graph->layer[at].router || graph->layer[i].group == at);
        sum += !routed ? layer_multiply_adds(graph, i) : on ? layer_multiply_adds(fewer, i) : 0;
    }
    free(fewer);
    assert_true(sum <= pmoe_model_info(reference).multiply_adds && pmoe_run_multiply_adds(run) > 0);
    return sum;
}

static void check(const uint8_t *file, size_t bytes, pmoe_what_if what_if, const char *isa)
{
    struct counting counting;
    pmoe_options options = {.isa = isa, .allocator = counting_allocator(&counting, -1)};
    pmoe_error error = {.text = ""};
    pmoe_model *model;
    assert_int_equal(pmoe_model_open(file, bytes, &options, &model, &error), PMOE_OK);
    pmoe_model *reference = open_rewritten(file, bytes, what_if, isa);
    float *images = make_images(&model->graph), logits[BATCH * MOST_OUTPUTS], expected[BATCH * MOST_OUTPUTS];
    pmoe_run *run, *plain;
    if (pmoe_run_open_what_if(model, BATCH, &what_if, &run, &error) != PMOE_OK)
        fail_msg("%s: %s", model->graph.name, error.text);
    assert_int_equal(counting.out, 2);
    assert_int_equal(pmoe_run_open(reference, BATCH, &plain, &error), PMOE_OK);
    int before = counting.requests;
    for (int twice = 0; twice < 2; twice++)
        assert_int_equal(pmoe_forward(run, images, BATCH, logits), PMOE_OK);
    assert_int_equal(counting.requests, before);
    assert_int_equal(pmoe_forward(plain, images, BATCH, expected), PMOE_OK);
    if (memcmp(logits, expected, (size_t)(BATCH * model->graph.outputs) * sizeof *logits) != 0)
        fail_msg("%s on %s, kept %d, off %llx: %.9g, expected %.9g", model->graph.name, isa, (int)what_if.kept,
                 (unsigned long long)what_if.off, (double)logits[0], (double)expected[0]);
    same_routing(run, plain, what_if);
    assert_int_equal(pmoe_run_multiply_adds(run), count_by_layers(reference, run, what_if));
    free(images);
    pmoe_run_close(&plain);
    pmoe_run_close(&run);
    pmoe_model_close(&reference);
    pmoe_model_close(&model);
    assert_int_equal(counting.out, 0);
}

static void check_all(const uint8_t *file, size_t bytes, const struct graph *graph)
{
    int32_t at = routed_layer(graph);
    if (at < 0)
        return;
    const struct layer *layer = &graph->layer[at];
    const struct layer *router = &graph->layer[layer->router];
    int is_group = layer->type == LAYER_EXPERT_GROUP;
    int32_t n = is_group ? layer->patches : layer->experts, kepts[] = {0, 1, layer->kept % n + 1, n};
    uint64_t all = ((uint64_t)1 << layer->experts) - 1, last = (uint64_t)1 << (layer->experts - 1);
    uint64_t offs[] = {0, 1, last, all & 0x55555, all}; /* of mixtures one stays on */
    for (size_t k = 0; k < 4; k++)
        for (size_t o = 0; o < 5; o++) {
            if (!is_group && (offs[o] == all || (offs[o] && (router->normalise || router->bias < 0))))
                continue;
            check(file, bytes, (pmoe_what_if){.kept = kepts[k], .off = offs[o]}, "scalar");
            check(file, bytes, (pmoe_what_if){.kept = kepts[k], .off = offs[o]}, "best");
        }
}

static void test_committed_models(void **state)
{
    (void)state;
    for (int p = 0; p < COMMITTED; p++) {
        size_t bytes;
        uint8_t *file = read_file(committed[p], &bytes);
        pmoe_model *model;
        pmoe_error error;
        assert_int_equal(pmoe_model_open(file, bytes, NULL, &model, &error), PMOE_OK);
        check_all(file, bytes, &model->graph);
        pmoe_model_close(&model);
        free(file);
    }
}

static void test_every_layer_list(void **state)
{
    (void)state;
    int routed = 0;
    for (int i = 0; i < MODEL_LISTS; i++) {
        struct model_file file;
        model_file_open(&file, model_lists[i], 40 + (uint64_t)i);
        check_all(file.bytes, file.count, &file.graph);
        routed += routed_layer(&file.graph) >= 0;
        model_file_close(&file);
    }
    assert_true(routed >= 10);
}

/* ---- Mixtures with standardised scores, which no other file says ---- */

static void test_a_mixture_keeps_the_best_of_those_on(void **state)
{
    (void)state;
    int seen = 0;
    for (int i = 0; i < MODEL_LISTS; i++) {
        struct model_file file;
        model_file_open(&file, model_lists[i], 80 + (uint64_t)i);
        int32_t at = routed_layer(&file.graph);
        if (at < 0 || !file.graph.layer[file.graph.layer[at].router].normalise) {
            model_file_close(&file);
            continue;
        }
        pmoe_error error;
        pmoe_model *model;
        pmoe_run *plain, *run;
        float *images = make_images(&file.graph), logits[BATCH * MOST_OUTPUTS];
        assert_int_equal(pmoe_model_open(file.bytes, file.count, NULL, &model, &error), PMOE_OK);
        assert_int_equal(pmoe_run_open(model, BATCH, &plain, &error), PMOE_OK);
        assert_int_equal(pmoe_forward(plain, images, BATCH, logits), PMOE_OK);
        const pmoe_mixing before = pmoe_run_mixing(plain, 0);
        const pmoe_what_if what_if = {.off = (uint64_t)1 << before.picks[0]};
        assert_int_equal(pmoe_run_open_what_if(model, BATCH, &what_if, &run, &error), PMOE_OK);
        assert_int_equal(pmoe_forward(run, images, BATCH, logits), PMOE_OK);
        const pmoe_mixing after = pmoe_run_mixing(run, 0);
        assert_int_equal(after.picks[0], before.picks[1]);
        for (int32_t e = 0; e < after.experts; e++)
            assert_true(e == before.picks[0] ? after.scores[e] == -INFINITY : after.scores[e] == before.scores[e]);
        assert_true(after.gates[0] >= after.gates[1] && fabsf(after.gates[0] + after.gates[1] - 1) < 1e-6f);
        assert_true(isfinite(logits[0]));
        seen++;
        free(images);
        pmoe_run_close(&run);
        pmoe_run_close(&plain);
        pmoe_model_close(&model);
        model_file_close(&file);
    }
    assert_true(seen >= 2);
}

/* ---- What it says, refuses and costs ---- */

static pmoe_model *open_list(const char *list)
{
    struct model_file file;
    pmoe_error error;
    pmoe_model *model;
    model_file_open(&file, list, 3);
    assert_int_equal(pmoe_model_open(file.bytes, file.count, NULL, &model, &error), PMOE_OK);
    model_file_close(&file);
    return model;
}

static void refuse(const pmoe_model *model, pmoe_what_if what_if, pmoe_status status, const char *sentence)
{
    pmoe_run *run;
    pmoe_error error = {.text = ""};
    assert_int_equal(pmoe_run_open_what_if(model, 1, &what_if, &run, &error), status);
    assert_null(run);
    assert_non_null(strstr(error.text, sentence));
}

static void test_refusals(void **state)
{
    (void)state;
    pmoe_model *dense = open_list(model_lists[0]), *hard = open_list(model_lists[1]);
    refuse(dense, (pmoe_what_if){.kept = 1}, PMOE_E_ARGUMENT, "model \"dense\" routes nothing");
    refuse(hard, (pmoe_what_if){.kept = -1}, PMOE_E_ARGUMENT, "kept is -1, expected 1 to 6 (the patches of layer");
    refuse(hard, (pmoe_what_if){.kept = 7}, PMOE_E_ARGUMENT, "kept is 7, expected 1 to 6");
    refuse(hard, (pmoe_what_if){.kept = INT32_MIN}, PMOE_E_ARGUMENT, "expected 1 to 6");
    refuse(hard, (pmoe_what_if){.off = 4}, PMOE_E_ARGUMENT, "beyond the 2 of layer \"experts\"");
    refuse(hard, (pmoe_what_if){.off = (uint64_t)1 << 63}, PMOE_E_ARGUMENT, "beyond the 2");
    pmoe_model_close(&hard);
    pmoe_model_close(&dense);
    pmoe_model *sparse = open_list(model_lists[MODEL_LISTS - 1]);
    refuse(sparse, (pmoe_what_if){.kept = 6}, PMOE_E_ARGUMENT, "expected 1 to 5 (the experts of layer \"head\")");
    refuse(sparse, (pmoe_what_if){.off = 31}, PMOE_E_ARGUMENT, "all 5 experts of layer \"head\" are off");
    pmoe_model_close(&sparse);
}

/* A map that fits for one patch of 4096, not for all. */
static void test_too_many_patches_kept(void **state)
{
    (void)state;
    pmoe_model *model = open_list(
        "{\"version\":1,\"name\":\"wide\",\"input\":{\"height\":128,\"width\":128,\"channels\":1},\"classes\":[\"a\","
        "\"b\"],\"layers\":[{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":2,\"experts\":2},"
        "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"router\",\"kept\":1,"
        "\"gate\":\"hard\",\"expert\":[{\"name\":\"a\",\"type\":\"conv\",\"kernel\":1,\"filters\":65536},"
        "{\"type\":\"patch_conv\",\"patch\":2,\"filters\":1}]},"
        "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
        "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":1}]}");
    refuse(model, (pmoe_what_if){.kept = 4097}, PMOE_E_ARGUMENT, "expected 1 to 4096");
    refuse(model, (pmoe_what_if){.kept = 4096}, PMOE_E_LIMIT, "has more than");
    pmoe_model_close(&model);
}

static void test_no_change_is_a_run_as_any(void **state)
{
    (void)state;
    pmoe_model *model = open_list(model_lists[0]);
    pmoe_run *run, *plain;
    pmoe_error error;
    assert_int_equal(pmoe_run_open(model, 1, &plain, &error), PMOE_OK);
    assert_int_equal(pmoe_run_open_what_if(model, 1, &(pmoe_what_if){0, 0}, &run, &error), PMOE_OK);
    assert_int_equal(pmoe_run_bytes(run), pmoe_run_bytes(plain));
    assert_int_equal(pmoe_run_multiply_adds(run), pmoe_model_info(model).multiply_adds);
    pmoe_run_close(&run);
    pmoe_run_close(&plain);
    pmoe_model_close(&model);
}

static void test_json_says_what_differs(void **state)
{
    (void)state;
    pmoe_model *model = open_list(model_lists[2]);
    float *images = make_images(&model->graph), logits[BATCH * MOST_OUTPUTS];
    pmoe_run *run;
    pmoe_error error;
    char text[1 << 13], expected[128];
    assert_int_equal(pmoe_run_open_what_if(model, BATCH, &(pmoe_what_if){.kept = 5, .off = 2}, &run, &error), PMOE_OK);
    assert_int_equal(pmoe_forward(run, images, 1, logits), PMOE_OK);
    assert_true(pmoe_run_describe(run, 0, logits, text, sizeof text) < sizeof text);
    snprintf(expected, sizeof expected, "\"what_if\":{\"kept\":5,\"off\":[1],\"multiply_adds\":%lld}}",
             (long long)pmoe_run_multiply_adds(run));
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "{\"picks\":[],\"gates\":[],\"scores\":[]}"));
    pmoe_run_close(&run);
    assert_int_equal(pmoe_run_open(model, BATCH, &run, &error), PMOE_OK);
    assert_int_equal(pmoe_forward(run, images, 1, logits), PMOE_OK);
    assert_true(pmoe_run_describe(run, 0, logits, text, sizeof text) < sizeof text);
    assert_null(strstr(text, "what_if"));
    free(images);
    pmoe_run_close(&run);
    pmoe_model_close(&model);
}

static void test_no_memory_is_reported(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[2], 3);
    for (int refused = 0; refused < 2; refused++) {
        struct counting counting;
        pmoe_options options = {.allocator = counting_allocator(&counting, -1)};
        pmoe_error error;
        pmoe_model *model;
        pmoe_run *run;
        assert_int_equal(pmoe_model_open(file.bytes, file.count, &options, &model, &error), PMOE_OK);
        counting.refuse_at = counting.requests + refused;
        assert_int_equal(pmoe_run_open_what_if(model, 1, &(pmoe_what_if){.kept = 2}, &run, &error), PMOE_E_MEMORY);
        assert_null(run);
        assert_int_equal(counting.out, 1);
        pmoe_model_close(&model);
    }
    model_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_committed_models),
        cmocka_unit_test(test_every_layer_list),
        cmocka_unit_test(test_a_mixture_keeps_the_best_of_those_on),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_too_many_patches_kept),
        cmocka_unit_test(test_no_change_is_a_run_as_any),
        cmocka_unit_test(test_json_says_what_differs),
        cmocka_unit_test(test_no_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
