#include "oracle.h"

#include "../base/error.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct oracle {
    const struct graph *graph;
    pmoe_allocator allocator;
    void *block;
    double *value[GRAPH_MAX_LAYERS], *bound[GRAPH_MAX_LAYERS]; /* of outputs, as graph shapes say */
    int32_t *picks[GRAPH_MAX_LAYERS];
    double *gates[GRAPH_MAX_LAYERS], *gate_bounds[GRAPH_MAX_LAYERS];
    double *no_bound; /* zeros, the bound of an image */
    const double *const *tensors;
    const double *image;
    double margin;
};

/* ---- Opening ---- */

static void oracle_lay_out(struct oracle *oracle, struct arena *arena)
{
    const struct graph *graph = oracle->graph;
    oracle->no_bound =
        arena_take(arena, (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels * sizeof(double));
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        size_t bytes = (size_t)shape_count(layer->shape) * sizeof(double);
        oracle->value[i] = arena_take(arena, bytes);
        oracle->bound[i] = arena_take(arena, bytes);
        if (layer->type == LAYER_EXPERT_GROUP) {
            size_t kept = (size_t)layer->experts * (size_t)layer->kept;
            oracle->picks[i] = arena_take(arena, kept * sizeof(int32_t));
            oracle->gates[i] = arena_take(arena, kept * sizeof(double));
            oracle->gate_bounds[i] = arena_take(arena, kept * sizeof(double));
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

struct number {
    double value, bound;
};

struct values {
    const double *value, *bound;
};

static struct values layer_input(const struct oracle *oracle, int32_t at)
{
    int32_t input = oracle->graph->layer[at].input;
    if (input == GRAPH_IMAGE)
        return (struct values){oracle->image, oracle->no_bound};
    return (struct values){oracle->value[input], oracle->bound[input]};
}

/* bias + <w, x> over a patch of `runs` runs of `run` values, `step` apart. */
static struct number product(struct values x, const double *w, double bias, int32_t runs, int32_t run, int32_t step)
{
    double sum = bias, magnitude = fabs(bias), carried = 0;
    for (int32_t r = 0; r < runs; r++)
        for (int32_t j = 0; j < run; j++) {
            int32_t at = r * step + j;
            double weight = w[r * run + j];
            sum += weight * x.value[at];
            magnitude += fabs(weight * x.value[at]);
            carried += fabs(weight) * x.bound[at];
        }
    return (struct number){sum, carried + (runs * run + 2) * (double)FLT_EPSILON * (magnitude + carried)};
}

static struct values patch_of(struct values x, const struct layer *layer, struct shape in, int32_t patch)
{
    int32_t y = patch / layer->wide, column = patch % layer->wide;
    size_t at = ((size_t)(y * layer->patch) * (size_t)in.b + (size_t)(column * layer->patch)) * (size_t)in.c;
    return (struct values){x.value + at, x.bound + at};
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
    oracle->value[at][index] = relu && number.value < 0 ? 0 : number.value;
    oracle->bound[at][index] = number.bound;
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
static void oracle_pick(struct oracle *oracle, const double *scores, const double *bounds, int32_t n, int32_t l,
                        int32_t *picks)
{
    for (int32_t i = 0; i <= l && i < n; i++) {
        int32_t best = -1;
        for (int32_t j = 0; j < n; j++) {
            int32_t taken = 0;
            for (int32_t p = 0; p < i && !taken; p++)
                taken = picks[p] == j;
            if (!taken && (best < 0 || scores[j] > scores[best]))
                best = j;
        }
        if (i > 0) {
            int32_t before = picks[i - 1];
            double gap = scores[before] - scores[best] - bounds[before] - bounds[best];
            oracle->margin = fmin(oracle->margin, gap);
        }
        if (i < l)
            picks[i] = best;
    }
}

static void oracle_gates(struct oracle *oracle, int32_t at, int32_t expert)
{
    const struct layer *layer = &oracle->graph->layer[at];
    size_t first = (size_t)expert * (size_t)layer->patches, kept = (size_t)expert * (size_t)layer->kept;
    const double *scores = oracle->value[layer->router] + first, *bounds = oracle->bound[layer->router] + first;
    const int32_t *picks = oracle->picks[at] + kept;
    double *gates = oracle->gates[at] + kept, *gate_bounds = oracle->gate_bounds[at] + kept;
    double sum = 0, moved = 0;
    for (int32_t j = 0; j < layer->patches; j++) {
        int32_t counted = layer->gate == GATE_SOFTMAX_TOPL;
        for (int32_t i = 0; i < layer->kept && !counted; i++)
            counted = picks[i] == j;
        if (counted) {
            sum += exp(scores[j] - scores[picks[0]]);
            moved = fmax(moved, bounds[j]);
        }
    }
    /* A score off by d changes exp by the factor e^d, above and below the line of the fraction; exp_f32 and the sum
     * add their own rounding. */
    double relative = expm1(4 * moved) + (layer->patches + 8) * (double)FLT_EPSILON;
    for (int32_t i = 0; i < layer->kept; i++) {
        int hard = layer->gate == GATE_HARD;
        gates[i] = hard ? 1 : exp(scores[picks[i]] - scores[picks[0]]) / sum;
        gate_bounds[i] = hard ? 0 : gates[i] * relative + FLT_MIN;
    }
}

static void oracle_group(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    for (int32_t s = 0; s < layer->experts; s++) {
        size_t first = (size_t)s * (size_t)layer->patches;
        int32_t *picks = oracle->picks[at] + (size_t)s * (size_t)layer->kept;
        oracle_pick(oracle, oracle->value[layer->router] + first, oracle->bound[layer->router] + first, layer->patches,
                    layer->kept, picks);
        oracle_gates(oracle, at, s);
        for (int32_t i = 0; i < layer->kept; i++)
            for (int32_t f = 0; f < layer->filters; f++)
                store(oracle, at, ((size_t)s * (size_t)layer->kept + (size_t)i) * (size_t)layer->filters + (size_t)f,
                      filter_on_patch(oracle, at, s * layer->filters + f, picks[i]), layer->has_relu);
    }
}

static void oracle_pool(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    struct shape in = graph_input_shape(oracle->graph, at);
    struct values x = layer_input(oracle, at);
    int routed = in.kind == SHAPE_ROUTED;
    int32_t groups = routed ? in.a : 1, rows = routed ? in.b : in.a * in.b;
    double divisor = routed && layer->divisor == POOL_BY_KEPT ? in.b : layer->patches;
    for (int32_t g = 0; g < groups; g++)
        for (int32_t c = 0; c < in.c; c++) {
            double sum = 0, magnitude = 0, carried = 0;
            for (int32_t i = 0; i < rows; i++) {
                size_t row = (size_t)g * (size_t)rows + (size_t)i, from = row * (size_t)in.c + (size_t)c;
                double gate = routed ? oracle->gates[layer->input][row] : 1;
                double gate_bound = routed ? oracle->gate_bounds[layer->input][row] : 0;
                sum += gate * x.value[from];
                magnitude += fabs(gate * x.value[from]);
                carried += gate * x.bound[from] + gate_bound * (fabs(x.value[from]) + x.bound[from]);
            }
            double rounding = (rows + 3) * (double)FLT_EPSILON * (magnitude + carried);
            store(oracle, at, (size_t)g * (size_t)in.c + (size_t)c,
                  (struct number){sum / divisor, (carried + rounding) / divisor}, 0);
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
    struct values x = layer_input(oracle, at);
    size_t count = (size_t)shape_count(oracle->graph->layer[at].shape);
    for (size_t i = 0; i < count; i++)
        store(oracle, at, i, (struct number){x.value[i], x.bound[i]}, 1);
}

void oracle_forward(struct oracle *oracle, const double *const *tensors, const double *image)
{
    oracle->tensors = tensors;
    oracle->image = image;
    oracle->margin = INFINITY;
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

const double *oracle_logits(const struct oracle *oracle)
{
    return oracle->value[oracle->graph->layers - 1];
}

const double *oracle_bounds(const struct oracle *oracle)
{
    return oracle->bound[oracle->graph->layers - 1];
}

const int32_t *oracle_picks(const struct oracle *oracle, int32_t group)
{
    return oracle->picks[group];
}

double oracle_margin(const struct oracle *oracle)
{
    return oracle->margin;
}
