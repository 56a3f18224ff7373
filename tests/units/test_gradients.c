/* Gradients of every layer, float backward passes against central differences of the double oracle.
 *
 * Differences are taken with two steps; where they disagree, or the routing or the sign of some ReLU changes within a
 * step, the loss has a kink there and the entry is left out (and counted: most must remain). */
#include "model_file.h"

#include "train/backward.h"
#include "train/loss.h"
#include "train/oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>
#include <math.h>

enum {
    BATCH = 3,
    MOST_ELEMENTS = 60, /* of a tensor, about: of larger ones only some are checked, evenly spread */
};

struct bench {
    struct model_file file;
    struct oracle *oracle[BATCH];
    pmoe_model *model;
    struct backward backward;
    struct lane lane;
    double *images; /* [BATCH][image] */
};

static double loss_in_double(const double *logits, int32_t outputs, int32_t label)
{
    if (outputs == 1)
        return log1p(exp(label ? -logits[0] : logits[0]));
    double sum = 0;
    for (int32_t c = 0; c < outputs; c++)
        sum += exp(logits[c] - logits[label]);
    return log(sum);
}

/* A norm's stored statistics become those of the batch, as in training. */
static void take_statistics(struct bench *bench, int32_t at)
{
    const struct layer *layer = &bench->file.graph.layer[at];
    size_t channels = (size_t)layer->shape.c, pixels = (size_t)shape_count(layer->shape) / channels;
    for (size_t c = 0; c < channels; c++) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < BATCH * pixels; i++)
            mean += oracle_value(bench->oracle[i / pixels], layer->input, i % pixels * channels + c);
        mean /= (double)(BATCH * pixels);
        for (size_t i = 0; i < BATCH * pixels; i++) {
            double off = oracle_value(bench->oracle[i / pixels], layer->input, i % pixels * channels + c) - mean;
            variance += off * off / (double)(BATCH * pixels);
        }
        bench->file.weights_double[layer->mean][c] = mean;
        bench->file.weights_double[layer->variance][c] = variance;
    }
}

static double batch_loss(struct bench *bench)
{
    double sum = 0;
    size_t image = model_file_image(&bench->file.graph);
    for (int32_t b = 0; b < BATCH; b++)
        oracle_begin(bench->oracle[b], (const double *const *)bench->file.weights_double,
                     bench->images + (size_t)b * image);
    for (int32_t i = 0; i <= bench->file.graph.last; i++) {
        if (bench->file.graph.layer[i].type == LAYER_BATCH_NORM && !norm_is_fixed(&bench->file.graph, i))
            take_statistics(bench, i);
        for (int32_t b = 0; b < BATCH && bench->file.graph.layer[i].group < 0; b++)
            oracle_layer(bench->oracle[b], i);
    }
    for (int32_t b = 0; b < BATCH; b++) {
        double logits[4];
        for (int32_t o = 0; o < bench->file.graph.outputs; o++)
            logits[o] = oracle_logit(bench->oracle[b], o);
        sum += loss_in_double(logits, bench->file.graph.outputs, b % bench->file.graph.classes);
    }
    return sum / BATCH;
}

static void pack_all(struct bench *bench)
{
    const struct graph *graph = &bench->file.graph;
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        float *const *weights = bench->file.weights;
        if (layer->type == LAYER_BATCH_NORM) {
            norm_affine(weights[layer->weight], weights[layer->bias], weights[layer->mean], weights[layer->variance],
                        layer->epsilon, (size_t)graph->tensor[layer->weight].count, bench->model->plan[i].scale,
                        bench->model->plan[i].bias);
        } else if (layer->weight >= 0) {
            model_pack(bench->model, i, weights[layer->weight], layer->bias < 0 ? NULL : weights[layer->bias]);
            backward_pack(&bench->backward, i, weights[layer->weight]);
        }
    }
}

static void bench_open(struct bench *bench, const char *list, uint64_t seed)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    model_file_open(&bench->file, list, seed);
    const struct graph *graph = &bench->file.graph;
    assert_int_equal(model_create(graph, "{}", 2, MODEL_KEEP_ALL, NULL, NULL, &bench->model, NULL), PMOE_OK);
    assert_int_equal(backward_open(bench->model, &bench->backward, NULL), PMOE_OK);
    pack_all(bench);
    for (int32_t b = 0; b < BATCH; b++)
        assert_int_equal(oracle_open(graph, &allocator, &bench->oracle[b], NULL), PMOE_OK);
    assert_int_equal(lane_open(&bench->backward, BATCH, &bench->lane, NULL), PMOE_OK);
    size_t count = BATCH * model_file_image(graph);
    bench->images = malloc(count * sizeof *bench->images);
    struct random random = random_at(seed, RANDOM_CHECK, 1);
    for (size_t i = 0; i < count; i++)
        bench->images[i] = (double)(bench->lane.images[i] = random_uniform(&random) - 0.25f);
}

static void bench_close(struct bench *bench)
{
    free(bench->images);
    lane_close(&bench->lane);
    for (int32_t b = 0; b < BATCH; b++)
        oracle_close(&bench->oracle[b]);
    backward_close(&bench->backward);
    pmoe_model_close(&bench->model);
    model_file_close(&bench->file);
}

/* gradients: a pointer per tensor, or NULL. */
static void float_backward(struct bench *bench, float *const *gradients)
{
    struct lane *lane = &bench->lane;
    const struct graph *graph = &bench->file.graph;
    lane_forward(lane, BATCH, bench->file.weights);
    lane_clear(lane);
    for (int32_t b = 0; b < BATCH; b++)
        loss_of(lane->logits + b * graph->outputs, graph->outputs, b % graph->classes, 0, 1.0f / BATCH,
                lane->doutput[graph->last] + b * graph->outputs);
    lane_backward(lane, gradients);
}

/* Derivative of the batch's loss by one weight; NaN at a kink. */
static double difference(struct bench *bench, double *weight)
{
    const double steps[2] = {1e-5, 1e-6};
    double at = *weight, slope[2];
    for (int i = 0; i < 2; i++) {
        *weight = at + steps[i];
        double above = batch_loss(bench);
        *weight = at - steps[i];
        slope[i] = (above - batch_loss(bench)) / (2 * steps[i]);
        *weight = at;
    }
    return fabs(slope[0] - slope[1]) <= 1e-6 * (1 + fabs(slope[0])) ? slope[0] : (double)NAN;
}

static void compare(struct bench *bench, int32_t tensor, const float *gradient, int32_t *checked, int32_t *kinks)
{
    const struct tensor *row = &bench->file.graph.tensor[tensor];
    for (int64_t i = 0; i < row->count; i += 1 + row->count / MOST_ELEMENTS) {
        double expected = difference(bench, &bench->file.weights_double[tensor][i]);
        if (isnan(expected)) {
            ++*kinks;
            continue;
        }
        ++*checked;
        double off = fabs((double)gradient[i] - expected);
        if (off > 2e-5 * (1 + fabs(expected)))
            print_error("%s %s element %d: %.8g, expected %.8g\n", bench->file.graph.name, row->name, (int)i,
                        (double)gradient[i], expected);
        assert_true(off <= 2e-5 * (1 + fabs(expected)));
    }
}

/* In slices, as jobs of several threads take them. */
static void check_in_slices(struct bench *bench, int32_t at, int32_t *checked, int32_t *kinks)
{
    const struct layer *layer = &bench->file.graph.layer[at];
    const struct layer_plan *plan = &bench->model->plan[at];
    size_t row = (size_t)plan->patch.runs * (size_t)plan->patch.run;
    float *gradient = calloc((size_t)bench->file.graph.tensor[layer->weight].count, sizeof *gradient);
    float *dbias = calloc((size_t)(plan->outs * plan->matrices), sizeof *dbias);
    for (int32_t m = 0; m < plan->matrices; m++)
        for (int32_t first = 0; first < plan->outs; first += 2) {
            size_t out = (size_t)(m * plan->outs + first);
            int32_t count = plan->outs - first < 2 ? plan->outs - first : 2;
            lane_weight_gradient(&bench->lane, at, m, first, count, bench->lane.gathered, gradient + out * row,
                                 layer->bias < 0 ? NULL : dbias + out);
        }
    compare(bench, layer->weight, gradient, checked, kinks);
    if (layer->bias >= 0)
        compare(bench, layer->bias, dbias, checked, kinks);
    free(gradient);
    free(dbias);
}

/* Layers that jobs treat, in networks that have them. */
static int has_slices(const struct graph *graph, int32_t at)
{
    const struct layer *layer = &graph->layer[at];
    if (!backward_gathers(graph) || (layer->group >= 0 && layer->type != LAYER_PATCH_CONV))
        return 0;
    return layer->type == LAYER_PATCH_CONV || layer->type == LAYER_LINEAR || layer->type == LAYER_PATCH_ROUTER;
}

/* Of every layer with weights, as a lane takes them on its way back. */
static void check_on_the_way(struct bench *bench, float *const *gradients, int32_t *checked, int32_t *kinks)
{
    const struct graph *graph = &bench->file.graph;
    for (int32_t t = 0; t < graph->tensors; t++) {
        const struct layer *layer = &graph->layer[graph->tensor[t].layer];
        if (norm_is_fixed(graph, graph->tensor[t].layer))
            continue;
        if (t != layer->mean && t != layer->variance) {
            compare(bench, t, gradients[t], checked, kinks);
            continue;
        }
        batch_loss(bench); /* leaves the batch's statistics, the variance biased */
        double unbiased = BATCH * (double)layer->shape.a * layer->shape.b;
        unbiased = t == layer->variance ? unbiased / (unbiased - 1) : 1;
        for (int64_t i = 0; i < graph->tensor[t].count; i++) {
            double want = unbiased * bench->file.weights_double[t][i];
            assert_float_equal(gradients[t][i], (float)want, (float)(1e-5 * fmax(fabs(want), 1)));
        }
    }
}

static int is_trainable(const char *list)
{
    struct model_file file;
    pmoe_error error = {.text = ""};
    model_file_open(&file, list, 1);
    pmoe_status status = backward_check(&file.graph, &error);
    assert_true(status == PMOE_OK || strstr(error.text, "training does not know"));
    int trainable = status == PMOE_OK;
    /* The oracle's norms inside of experts know stored statistics only; test_an_expert_is_a_network_of_its_own. */
    for (int32_t i = 0; i < file.graph.layers; i++)
        if (file.graph.layer[i].type == LAYER_BATCH_NORM && file.graph.layer[i].group >= 0)
            trainable = 0;
    model_file_close(&file);
    return trainable;
}

/* seen: by type of layer */
static void check_gradients(const char *list, uint64_t seed, int *seen)
{
    struct bench bench;
    int32_t checked = 0, kinks = 0;
    bench_open(&bench, list, seed);
    float *gradients[GRAPH_MAX_TENSORS];
    for (int32_t t = 0; t < bench.file.graph.tensors; t++) {
        gradients[t] = malloc((size_t)bench.file.graph.tensor[t].count * sizeof(float));
        memset(gradients[t], 0x7f, (size_t)bench.file.graph.tensor[t].count * sizeof(float));
    }
    float_backward(&bench, gradients);
    /* Behind hard gates the true derivative by the router is 0 wherever it exists: training leaves it alone. */
    check_on_the_way(&bench, gradients, &checked, &kinks);
    float_backward(&bench, NULL);
    for (int32_t i = 0; i < bench.file.graph.layers; i++) {
        seen[bench.file.graph.layer[i].type] = 1;
        if (has_slices(&bench.file.graph, i))
            check_in_slices(&bench, i, &checked, &kinks);
    }
    for (int32_t t = 0; t < bench.file.graph.tensors; t++)
        free(gradients[t]);
    assert_true(checked > 9 * kinks);
    bench_close(&bench);
}

static void test_gradients_of_every_layer(void **state)
{
    (void)state;
    int seen[LAYER_MIXTURE + 1] = {0};
    for (int list = 0; list < MODEL_LISTS; list++)
        if (is_trainable(model_lists[list]))
            check_gradients(model_lists[list], 11 + (uint64_t)list, seen);
    for (int type = 0; type <= LAYER_MIXTURE; type++)
        assert_true(seen[type]);
}

#define HEAD(name)                                                                                                     \
    "{\"version\":1,\"name\":\"" name                                                                                  \
    "\",\"input\":{\"height\":6,\"width\":6,\"channels\":2},\"classes\":[\"a\",\"b\"],"                                \
    "\"layers\":["
#define TAIL "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2}]}"

/* Sums whose gradient is their summands': of a map and itself, of two convolutions, of a convolution and what others
 * read, with a ReLU behind; channels for whole vectors; a stride. */
static void test_sums(void **state)
{
    (void)state;
    int seen[LAYER_MIXTURE + 1] = {0};
    check_gradients(
        HEAD("sums") "{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":16},"
                     "{\"name\":\"double\",\"type\":\"add\",\"with\":\"stem\"},"
                     "{\"name\":\"n1\",\"type\":\"batch_norm\"},{\"name\":\"r1\",\"type\":\"relu\"},"
                     "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":17},"
                     "{\"name\":\"skip\",\"type\":\"conv\",\"input\":\"r1\",\"kernel\":1,\"filters\":17},"
                     "{\"name\":\"sum\",\"type\":\"add\",\"with\":\"a\"},"
                     "{\"name\":\"n2\",\"type\":\"batch_norm\"},"
                     "{\"name\":\"b\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":17},"
                     "{\"name\":\"more\",\"type\":\"add\",\"with\":\"sum\"},{\"name\":\"r2\",\"type\":\"relu\"},"
                     "{\"name\":\"c\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":8},"
                     "{\"name\":\"n3\",\"type\":\"batch_norm\"},"
                     "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"}," TAIL,
        7, seen);
    assert_true(seen[LAYER_ADD]);
}

/* Two networks that should compute the same: the second has the first's layers, some of them inside of its group "g".
 */
struct pair {
    struct bench bench[2];
    int32_t of_first[GRAPH_MAX_TENSORS]; /* by the second's tensor, the first's of that name, or -1 */
};

static void pair_open(struct pair *pair, const char *const lists[2])
{
    for (int i = 0; i < 2; i++)
        bench_open(&pair->bench[i], lists[i], 5);
    struct bench *first = &pair->bench[0], *second = &pair->bench[1];
    for (int32_t t = 0; t < second->file.graph.tensors; t++) {
        const char *name = second->file.graph.tensor[t].name;
        pair->of_first[t] = -1;
        for (int32_t u = 0; u < first->file.graph.tensors; u++)
            if (strcmp(first->file.graph.tensor[u].name, strncmp(name, "g.", 2) ? name : name + 2) == 0)
                pair->of_first[t] = u;
        if (pair->of_first[t] >= 0)
            memcpy(second->file.weights[t], first->file.weights[pair->of_first[t]],
                   (size_t)second->file.graph.tensor[t].count * sizeof(float));
    }
    memcpy(second->lane.images, first->lane.images, BATCH * model_file_image(&first->file.graph) * sizeof(float));
    for (int i = 0; i < 2; i++)
        pack_all(&pair->bench[i]);
}

/* Every gradient of the first is that of the second, norms' statistics among them. */
static void pair_compare(struct pair *pair)
{
    float *gradients[2][GRAPH_MAX_TENSORS];
    const struct graph *second = &pair->bench[1].file.graph;
    for (int i = 0; i < 2; i++) {
        const struct graph *graph = &pair->bench[i].file.graph;
        for (int32_t t = 0; t < graph->tensors; t++)
            gradients[i][t] = malloc((size_t)graph->tensor[t].count * sizeof(float));
        float_backward(&pair->bench[i], gradients[i]);
    }
    int32_t compared = 0;
    for (int32_t t = 0; t < second->tensors; t++)
        for (int64_t k = 0; pair->of_first[t] >= 0 && k < second->tensor[t].count; k++, compared++)
            assert_float_equal(gradients[1][t][k], gradients[0][pair->of_first[t]][k], 1e-6f);
    assert_int_equal(compared, pair->bench[0].file.graph.parameters);
    for (int i = 0; i < 2; i++)
        for (int32_t t = 0; t < pair->bench[i].file.graph.tensors; t++)
            free(gradients[i][t]);
}

static void pair_close(struct pair *pair)
{
    for (int i = 0; i < 2; i++)
        bench_close(&pair->bench[i]);
}

/* One expert that is given the whole map, under a gate of 1, is what its stack would be without it. */
static void test_an_expert_is_a_network_of_its_own(void **state)
{
    (void)state;
#define STEM "{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":4},"
#define STACK                                                                                                          \
    "{\"name\":\"n1\",\"type\":\"batch_norm\"},{\"name\":\"r1\",\"type\":\"relu\"},"                                   \
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":5,\"bias\":true},"          \
    "{\"name\":\"n2\",\"type\":\"batch_norm\"},{\"name\":\"r2\",\"type\":\"relu\"},"                                   \
    "{\"name\":\"b\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":5},"                                     \
    "{\"name\":\"sum\",\"type\":\"add\",\"with\":\"a\"},{\"name\":\"p\",\"type\":\"avg_pool\",\"divisor\":\"n\"}"
    static const char *const lists[2] = {
        HEAD("plain") STEM STACK "," TAIL,
        HEAD("expert") STEM "{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":6,\"experts\":1},"
                            "{\"name\":\"g\",\"type\":\"expert_group\",\"input\":\"stem\",\"router\":\"router\","
                            "\"kept\":1,\"gate\":\"hard\",\"expert\":[" STACK "]},"
                            "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"}," TAIL};
#undef STEM
#undef STACK
    struct pair pair;
    pair_open(&pair, lists);
    pair_compare(&pair);
    pair_close(&pair);
}

/* One expert to which dropped patches are zeros is its stack over the map, those patches masked: one patch of zeros
 * stands for each of them in statistics, sums and gradients.  Nothing reaches across patches here, as in an expert. */
static void test_zeros_are_a_masked_map(void **state)
{
    (void)state;
#define STEM "{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":1,\"filters\":4},"
#define STACK                                                                                                          \
    "{\"name\":\"n1\",\"type\":\"batch_norm\"},{\"name\":\"r1\",\"type\":\"relu\"},"                                   \
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":1,\"filters\":5,\"bias\":true},"                                     \
    "{\"name\":\"n2\",\"type\":\"batch_norm\"},{\"name\":\"r2\",\"type\":\"relu\"},"
#define POOL(name) "{\"name\":\"" name "\",\"type\":\"avg_pool\",\"divisor\":\"n\"}"
    static const char *const lists[2] = {
        HEAD("masked") STEM STACK POOL("p") "," TAIL, HEAD("routed") STEM
        "{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":2,\"experts\":1},"
        "{\"name\":\"g\",\"type\":\"expert_group\",\"input\":\"stem\",\"router\":\"router\","
        "\"kept\":2,\"gate\":\"hard\",\"dropped\":\"zeros\",\"expert\":[" STACK POOL("p") "]}," POOL("pool") "," TAIL};
#undef STEM
#undef STACK
#undef POOL
    struct pair pair;
    pair_open(&pair, lists);
    lane_forward(&pair.bench[1].lane, BATCH, pair.bench[1].file.weights);
    int32_t dropped = 0;
    for (int32_t b = 0; b < BATCH; b++) {
        pmoe_routing routing = pmoe_run_routing(pair.bench[1].lane.run, b);
        for (int32_t p = 0; p < 6 * 6; p++) {
            int32_t patch = p / 6 / 2 * 3 + p % 6 / 2;
            if (patch == routing.picks[0] || patch == routing.picks[1])
                continue;
            memset(pair.bench[0].lane.images + (b * 36 + p) * 2, 0, 2 * sizeof(float));
            dropped++;
        }
    }
    assert_int_equal(dropped, BATCH * 7 * 4);
    pair_compare(&pair);
    for (int32_t i = 0; i < BATCH * 2; i++)
        assert_float_equal(pair.bench[0].lane.logits[i], pair.bench[1].lane.logits[i], 1e-6f);
    pair_close(&pair);
}

#undef HEAD
#undef TAIL

/* The gradient is of the loss that is reported. */
static void test_losses(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 100; round++) {
        struct random random = random_at(3, RANDOM_CHECK, round);
        for (int32_t outputs = 1; outputs <= 4; outputs++) {
            float logits[4], gradient[4];
            double exact[4];
            int32_t label = (int32_t)random_below(&random, outputs == 1 ? 2 : (uint32_t)outputs);
            for (int32_t c = 0; c < outputs; c++)
                exact[c] = (double)(logits[c] = 4 * random_normal(&random));
            struct loss loss = loss_of(logits, outputs, label, 0, 0.5f, gradient);
            assert_float_equal((float)loss.value, (float)loss_in_double(exact, outputs, label), 1e-5f);
            for (int32_t c = 0; c < outputs; c++) {
                double at = exact[c];
                exact[c] = at + 1e-6;
                double above = loss_in_double(exact, outputs, label);
                exact[c] = at - 1e-6;
                double slope = (above - loss_in_double(exact, outputs, label)) / 2e-6;
                exact[c] = at;
                assert_float_equal(gradient[c], (float)(0.5 * slope), 1e-5f);
            }
        }
    }
    float far[2] = {800, -800}, gradient[2];
    assert_true(loss_of(far, 1, 0, 0, 1, gradient).value == 800 && gradient[0] == 1); /* no overflow */
    assert_true(loss_of(far, 2, 1, 0, 1, gradient).value == 1600 && gradient[1] == -1);
    assert_int_equal(loss_of((float[]){0}, 1, 0, 0, 1, NULL).correct, 1); /* a tie is the lower class */
}

/* Smoothed: the mean of the losses that every class as the label would give, to its share. */
static void test_smoothing(void **state)
{
    (void)state;
    const float logits[3] = {1, -2, 0.5f}, share = 0.3f;
    float plain[3][3], gradient[3];
    double losses[3], expected;
    for (int32_t label = 0; label < 3; label++)
        losses[label] = loss_of(logits, 3, label, 0, 2, plain[label]).value;
    expected = (1 - (double)share) * losses[2] + (double)share / 3 * (losses[0] + losses[1] + losses[2]);
    assert_float_equal((float)loss_of(logits, 3, 2, share, 2, gradient).value, (float)expected, 1e-6f);
    for (int c = 0; c < 3; c++)
        assert_float_equal(gradient[c],
                           (1 - share) * plain[2][c] + share / 3 * (plain[0][c] + plain[1][c] + plain[2][c]), 1e-6f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_of_every_layer),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_an_expert_is_a_network_of_its_own),
        cmocka_unit_test(test_zeros_are_a_masked_map),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_smoothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
