#include "oracle.h"

#include "../base/error.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A value, how far rounding can take a float evaluation from it at worst, and the variance of that if each rounding is
 * independent and at most half a unit: what is to be expected, hundreds of times less. */
struct number {
    double value, bound, variance;
};

static const double ROUND = FLT_EPSILON / 2;

struct oracle {
    const struct graph *graph;
    pmoe_allocator allocator;
    void *block;
    struct number *output[GRAPH_MAX_LAYERS]; /* as graph shapes say */
    int32_t *picks[GRAPH_MAX_LAYERS];
    struct number *gates[GRAPH_MAX_LAYERS];
    struct number *input; /* the image: exact */
    const double *const *tensors;
    double margin;
};

/* ---- Opening ---- */

static size_t image_count(const struct graph *graph)
{
    return (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
}

static void oracle_lay_out(struct oracle *oracle, struct arena *arena)
{
    const struct graph *graph = oracle->graph;
    oracle->input = arena_take(arena, image_count(graph) * sizeof(struct number));
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        oracle->output[i] = arena_take(arena, (size_t)shape_count(layer->shape) * sizeof(struct number));
        if (layer->type == LAYER_EXPERT_GROUP) {
            size_t kept = (size_t)layer->experts * (size_t)layer->kept;
            oracle->picks[i] = arena_take(arena, kept * sizeof(int32_t));
            oracle->gates[i] = arena_take(arena, kept * sizeof(struct number));
        }
    }
}

pmoe_status oracle_open(const struct graph *graph, const pmoe_allocator *allocator, struct oracle **oracle,
                        pmoe_error *error)
{
    *oracle = NULL;
    struct oracle counted = {.graph = graph};
    struct arena arena = {NULL, 0, 0};
    arena_take(&arena, sizeof counted);
    oracle_lay_out(&counted, &arena);
    void *block = NULL;
    if (!arena_open(&arena, arena.used, allocator, &block))
        return fail(error, PMOE_E_MEMORY, "oracle: no memory (%zu bytes)", arena.used);
    memset(arena.base, 0, arena.size);
    struct oracle *made = arena_take(&arena, sizeof *made);
    *made = (struct oracle){.graph = graph, .allocator = *allocator, .block = block};
    oracle_lay_out(made, &arena);
    *oracle = made;
    return PMOE_OK;
}

void oracle_close(struct oracle **oracle)
{
    if (!*oracle)
        return;
    pmoe_allocator allocator = (*oracle)->allocator;
    allocator_give(&allocator, (*oracle)->block);
    *oracle = NULL;
}

/* ---- Layers ---- */

static const struct number *layer_input(const struct oracle *oracle, int32_t at)
{
    int32_t input = oracle->graph->layer[at].input;
    return input == GRAPH_IMAGE ? oracle->input : oracle->output[input];
}

/* bias + <w, x> over a patch of `runs` runs of `run` values, `step` apart. */
static struct number product(const struct number *x, const double *w, double bias, int32_t runs, int32_t run,
                             int32_t step)
{
    double sum = bias, magnitude = fabs(bias), carried = 0, variance = 0;
    for (int32_t r = 0; r < runs; r++)
        for (int32_t j = 0; j < run; j++) {
            struct number in = x[r * step + j];
            double weight = w[r * run + j];
            sum += weight * in.value;
            magnitude += fabs(weight * in.value);
            carried += fabs(weight) * in.bound;
            variance += weight * weight * in.variance;
        }
    int32_t terms = runs * run + 2;
    return (struct number){sum, carried + terms * (double)FLT_EPSILON * (magnitude + carried),
                           variance + terms * (ROUND * magnitude) * (ROUND * magnitude)};
}

static const struct number *patch_of(const struct number *x, const struct layer *layer, struct shape in, int32_t patch)
{
    int32_t y = patch / layer->wide, column = patch % layer->wide;
    return x + ((size_t)(y * layer->patch) * (size_t)in.b + (size_t)(column * layer->patch)) * (size_t)in.c;
}

static struct number filter_on_patch(const struct oracle *oracle, int32_t at, int32_t filter, int32_t patch)
{
    const struct layer *layer = &oracle->graph->layer[at];
    struct shape in = graph_input_shape(oracle->graph, at);
    int32_t run = layer->patch * in.c;
    const double *w = oracle->tensors[layer->weight] + (size_t)filter * (size_t)(layer->patch * run);
    double bias = layer->bias < 0 ? 0 : oracle->tensors[layer->bias][filter];
    return product(patch_of(layer_input(oracle, at), layer, in, patch), w, bias, layer->patch, run, in.b * in.c);
}

static void store(struct oracle *oracle, int32_t at, size_t index, struct number number, int relu)
{
    if (relu && number.value < 0)
        number.value = 0;
    oracle->output[at][index] = number;
}

static void oracle_conv(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    for (int32_t j = 0; j < layer->patches; j++)
        for (int32_t f = 0; f < layer->filters; f++)
            store(oracle, at, (size_t)j * (size_t)layer->filters + (size_t)f, filter_on_patch(oracle, at, f, j), 0);
}

static void oracle_router(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    for (int32_t s = 0; s < layer->experts; s++)
        for (int32_t j = 0; j < layer->patches; j++)
            store(oracle, at, (size_t)s * (size_t)layer->patches + (size_t)j, filter_on_patch(oracle, at, s, j), 0);
}

/* The l best by repeated search for the best that is left: nothing shared with route.c. */
static void oracle_pick(struct oracle *oracle, const struct number *scores, int32_t n, int32_t l, int32_t *picks)
{
    for (int32_t i = 0; i <= l && i < n; i++) {
        int32_t best = -1;
        for (int32_t j = 0; j < n; j++) {
            int32_t taken = 0;
            for (int32_t p = 0; p < i && !taken; p++)
                taken = picks[p] == j;
            if (!taken && (best < 0 || scores[j].value > scores[best].value))
                best = j;
        }
        if (i > 0) {
            struct number before = scores[picks[i - 1]], after = scores[best];
            oracle->margin = fmin(oracle->margin, before.value - after.value - before.bound - after.bound);
        }
        if (i < l)
            picks[i] = best;
    }
}

static void oracle_gates(struct oracle *oracle, int32_t at, int32_t expert)
{
    const struct layer *layer = &oracle->graph->layer[at];
    size_t kept = (size_t)expert * (size_t)layer->kept;
    const struct number *scores = oracle->output[layer->router] + (size_t)expert * (size_t)layer->patches;
    const int32_t *picks = oracle->picks[at] + kept;
    struct number *gates = oracle->gates[at] + kept;
    double sum = 0, moved = 0, variance = 0;
    for (int32_t j = 0; j < layer->patches; j++) {
        int32_t counted = layer->gate == GATE_SOFTMAX_TOPL;
        for (int32_t i = 0; i < layer->kept && !counted; i++)
            counted = picks[i] == j;
        if (counted) {
            sum += exp(scores[j].value - scores[picks[0]].value);
            moved = fmax(moved, scores[j].bound);
            variance = fmax(variance, scores[j].variance);
        }
    }
    /* A score off by d changes exp by the factor e^d, above and below the line of the fraction; exp_f32 and the sum
     * add their own rounding. */
    double relative = expm1(4 * moved) + (layer->patches + 8) * (double)FLT_EPSILON;
    variance = 4 * variance + (layer->patches + 8) * ROUND * ROUND;
    for (int32_t i = 0; i < layer->kept; i++) {
        double gate = exp(scores[picks[i]].value - scores[picks[0]].value) / sum;
        gates[i] = (struct number){gate, gate * relative + FLT_MIN, gate * gate * variance};
        if (layer->gate == GATE_HARD)
            gates[i] = (struct number){1, 0, 0};
    }
}

static void oracle_group(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    for (int32_t s = 0; s < layer->experts; s++) {
        size_t first = (size_t)s * (size_t)layer->patches;
        int32_t *picks = oracle->picks[at] + (size_t)s * (size_t)layer->kept;
        oracle_pick(oracle, oracle->output[layer->router] + first, layer->patches, layer->kept, picks);
        oracle_gates(oracle, at, s);
        for (int32_t i = 0; i < layer->kept; i++)
            for (int32_t f = 0; f < layer->filters; f++)
                store(oracle, at, ((size_t)s * (size_t)layer->kept + (size_t)i) * (size_t)layer->filters + (size_t)f,
                      filter_on_patch(oracle, at, s * layer->filters + f, picks[i]), layer->has_relu);
    }
}

/* Pooled value c of rows [rows][count] under their gates (NULL: 1). */
static struct number pooled(const struct number *x, const struct number *gates, double divisor, int32_t rows,
                            int32_t count, int32_t c)
{
    double sum = 0, magnitude = 0, carried = 0, variance = 0;
    for (int32_t i = 0; i < rows; i++) {
        struct number gate = gates ? gates[i] : (struct number){1, 0, 0}, in = x[(size_t)i * (size_t)count + (size_t)c];
        sum += gate.value * in.value;
        magnitude += fabs(gate.value * in.value);
        carried += gate.value * in.bound + gate.bound * (fabs(in.value) + in.bound);
        variance += gate.value * gate.value * in.variance + gate.variance * in.value * in.value;
    }
    double rounding = (rows + 3) * (double)FLT_EPSILON * (magnitude + carried);
    variance += (rows + 3) * (ROUND * magnitude) * (ROUND * magnitude);
    return (struct number){sum / divisor, (carried + rounding) / divisor, variance / (divisor * divisor)};
}

static void oracle_pool(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    struct shape in = graph_input_shape(oracle->graph, at);
    int routed = in.kind == SHAPE_ROUTED;
    int32_t groups = routed ? in.a : 1, rows = routed ? in.b : in.a * in.b;
    double divisor = routed && layer->divisor == POOL_BY_KEPT ? in.b : layer->patches;
    for (int32_t g = 0; g < groups; g++) {
        size_t row = (size_t)g * (size_t)rows;
        const struct number *x = layer_input(oracle, at) + row * (size_t)in.c;
        const struct number *gates = routed ? oracle->gates[layer->input] + row : NULL;
        for (int32_t c = 0; c < in.c; c++)
            store(oracle, at, (size_t)g * (size_t)in.c + (size_t)c, pooled(x, gates, divisor, rows, in.c, c), 0);
    }
}

static void oracle_linear(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    int32_t inputs = graph_input_shape(oracle->graph, at).c;
    for (int32_t o = 0; o < layer->filters; o++) {
        const double *w = oracle->tensors[layer->weight] + (size_t)o * (size_t)inputs;
        double bias = layer->bias < 0 ? 0 : oracle->tensors[layer->bias][o];
        store(oracle, at, (size_t)o, product(layer_input(oracle, at), w, bias, 1, inputs, inputs), 0);
    }
}

static void oracle_relu(struct oracle *oracle, int32_t at)
{
    size_t count = (size_t)shape_count(oracle->graph->layer[at].shape);
    for (size_t i = 0; i < count; i++)
        store(oracle, at, i, layer_input(oracle, at)[i], 1);
}

void oracle_forward(struct oracle *oracle, const double *const *tensors, const double *image)
{
    oracle->tensors = tensors;
    oracle->margin = INFINITY;
    for (size_t i = 0; i < image_count(oracle->graph); i++)
        oracle->input[i] = (struct number){image[i], 0, 0};
    for (int32_t i = 0; i < oracle->graph->layers; i++)
        switch (oracle->graph->layer[i].type) {
        case LAYER_PATCH_CONV: oracle_conv(oracle, i); break;
        case LAYER_RELU: oracle_relu(oracle, i); break;
        case LAYER_AVG_POOL: oracle_pool(oracle, i); break;
        case LAYER_LINEAR: oracle_linear(oracle, i); break;
        case LAYER_PATCH_ROUTER: oracle_router(oracle, i); break;
        case LAYER_EXPERT_GROUP: oracle_group(oracle, i); break;
        }
}

static const struct number *logit_number(const struct oracle *oracle, int32_t index)
{
    return &oracle->output[oracle->graph->layers - 1][index];
}

double oracle_logit(const struct oracle *oracle, int32_t index)
{
    return logit_number(oracle, index)->value;
}

double oracle_bound(const struct oracle *oracle, int32_t index)
{
    return logit_number(oracle, index)->bound;
}

double oracle_deviation(const struct oracle *oracle, int32_t index)
{
    return sqrt(logit_number(oracle, index)->variance);
}

const int32_t *oracle_picks(const struct oracle *oracle, int32_t group)
{
    return oracle->picks[group];
}

double oracle_margin(const struct oracle *oracle)
{
    return oracle->margin;
}
