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
    struct number *output[GRAPH_MAX_LAYERS]; /* as graph shapes say, of groups that feed zeros with all n patches */
    int32_t *picks[GRAPH_MAX_LAYERS];
    struct number *gates[GRAPH_MAX_LAYERS];
    struct number *input;       /* the image: exact */
    struct number *patch;       /* a copy, for the expert under way */
    const struct number *given; /* what that expert is given */
    int32_t expert;
    const double *const *tensors;
    double margin;
};

/* ---- Opening ---- */

static size_t image_count(const struct graph *graph)
{
    return (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
}

/* Patches of which a group's experts make something. */
static int32_t fed_patches(const struct layer *group)
{
    return group->dropped == DROPPED_ZEROS ? group->patches : group->kept;
}

static void oracle_lay_out(struct oracle *oracle, struct arena *arena)
{
    const struct graph *graph = oracle->graph;
    size_t patch = 0;
    oracle->input = arena_take(arena, image_count(graph) * sizeof(struct number));
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        size_t count = (size_t)shape_count(layer->shape);
        if (layer->type == LAYER_EXPERT_GROUP)
            count = count / (size_t)layer->kept * (size_t)fed_patches(layer);
        oracle->output[i] = arena_take(arena, count * sizeof(struct number));
        if (!layer->inner)
            continue;
        size_t kept = (size_t)layer->kept * (layer->type == LAYER_EXPERT_GROUP ? (size_t)layer->experts : 1);
        oracle->picks[i] = arena_take(arena, kept * sizeof(int32_t));
        oracle->gates[i] = arena_take(arena, kept * sizeof(struct number));
        size_t given = (size_t)shape_count(graph_shape_of(graph, i + 1, GRAPH_EXPERT));
        patch = given > patch ? given : patch;
    }
    oracle->patch = arena_take(arena, patch * sizeof(struct number));
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

static const struct number *source(const struct oracle *oracle, int32_t input)
{
    return input == GRAPH_IMAGE ? oracle->input : input == GRAPH_EXPERT ? oracle->given : oracle->output[input];
}

static const struct number *layer_input(const struct oracle *oracle, int32_t at)
{
    return source(oracle, oracle->graph->layer[at].input);
}

/* A tensor of a layer; inside of experts, the part of the expert under way.  NULL for none. */
static const double *tensor_of(const struct oracle *oracle, int32_t at, int32_t tensor)
{
    if (tensor < 0)
        return NULL;
    const struct tensor *row = &oracle->graph->tensor[tensor];
    size_t expert = oracle->graph->layer[at].group < 0 ? 0 : (size_t)oracle->expert;
    return oracle->tensors[tensor] + (expert ? expert * (size_t)(row->count / row->dims[0]) : 0);
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
    const double *w = tensor_of(oracle, at, layer->weight) + (size_t)filter * (size_t)(layer->patch * run);
    const double *bias = tensor_of(oracle, at, layer->bias);
    return product(patch_of(layer_input(oracle, at), layer, in, patch), w, bias ? bias[filter] : 0, layer->patch, run,
                   in.b * in.c);
}

static void store(struct oracle *oracle, int32_t at, size_t index, struct number number, int relu)
{
    if (relu && number.value < 0)
        number.value = 0;
    oracle->output[at][index] = number;
}

static void oracle_patch_conv(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    for (int32_t j = 0; j < layer->patches; j++)
        for (int32_t f = 0; f < layer->filters; f++)
            store(oracle, at, (size_t)j * (size_t)layer->filters + (size_t)f, filter_on_patch(oracle, at, f, j), 0);
}

/* Weights [kernel][kernel][channels] of one filter on the window at (y, x), zeros beyond the map. */
static struct number window_product(const struct number *x, struct shape in, const struct layer *layer, const double *w,
                                    double bias, int32_t top, int32_t left)
{
    double sum = bias, magnitude = fabs(bias), carried = 0, variance = 0;
    for (int32_t ky = 0; ky < layer->kernel; ky++)
        for (int32_t kx = 0; kx < layer->kernel; kx++, w += in.c) {
            int32_t y = top + ky, column = left + kx;
            if (y < 0 || y >= in.a || column < 0 || column >= in.b)
                continue;
            struct number part =
                product(x + ((size_t)y * (size_t)in.b + (size_t)column) * (size_t)in.c, w, 0, 1, in.c, 0);
            sum += part.value;
            for (int32_t c = 0; c < in.c; c++) {
                struct number one = x[((size_t)y * (size_t)in.b + (size_t)column) * (size_t)in.c + (size_t)c];
                magnitude += fabs(w[c] * one.value);
                carried += fabs(w[c]) * one.bound;
                variance += w[c] * w[c] * one.variance;
            }
        }
    int32_t terms = layer->kernel * layer->kernel * in.c + 2;
    return (struct number){sum, carried + terms * (double)FLT_EPSILON * (magnitude + carried),
                           variance + terms * (ROUND * magnitude) * (ROUND * magnitude)};
}

static void oracle_conv(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    struct shape in = graph_input_shape(oracle->graph, at);
    const double *w = tensor_of(oracle, at, layer->weight), *bias = tensor_of(oracle, at, layer->bias);
    size_t filter = (size_t)layer->kernel * (size_t)layer->kernel * (size_t)in.c, index = 0;
    for (int32_t y = 0; y < layer->shape.a; y++)
        for (int32_t x = 0; x < layer->shape.b; x++)
            for (int32_t f = 0; f < layer->filters; f++)
                store(oracle, at, index++,
                      window_product(layer_input(oracle, at), in, layer, w + (size_t)f * filter, bias ? bias[f] : 0,
                                     y * layer->stride - layer->padding, x * layer->stride - layer->padding),
                      0);
}

static void oracle_norm(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    const double *gamma = tensor_of(oracle, at, layer->weight), *beta = tensor_of(oracle, at, layer->bias);
    const double *mean = tensor_of(oracle, at, layer->mean), *spread = tensor_of(oracle, at, layer->variance);
    const struct number *x = layer_input(oracle, at);
    size_t count = (size_t)shape_count(layer->shape);
    for (size_t i = 0; i < count; i++) {
        size_t c = i % (size_t)layer->shape.c;
        double scale = gamma[c] / sqrt(spread[c] + (double)layer->epsilon), shift = beta[c] - mean[c] * scale;
        double magnitude = fabs(scale * x[i].value) + fabs(beta[c]) + fabs(mean[c] * scale);
        store(oracle, at, i,
              (struct number){scale * x[i].value + shift,
                              fabs(scale) * x[i].bound + 4 * (double)FLT_EPSILON * magnitude,
                              scale * scale * x[i].variance + 4 * (ROUND * magnitude) * (ROUND * magnitude)},
              0);
    }
}

static void oracle_add(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    const struct number *a = layer_input(oracle, at), *b = source(oracle, layer->with);
    size_t count = (size_t)shape_count(layer->shape);
    for (size_t i = 0; i < count; i++) {
        double sum = a[i].value + b[i].value, magnitude = fabs(a[i].value) + fabs(b[i].value);
        store(oracle, at, i,
              (struct number){sum, a[i].bound + b[i].bound + (double)FLT_EPSILON * magnitude,
                              a[i].variance + b[i].variance + (ROUND * magnitude) * (ROUND * magnitude)},
              0);
    }
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

/* Gates of the picks among n scores. */
static void oracle_gates(const struct layer *layer, const struct number *scores, int32_t n, const int32_t *picks,
                         struct number *gates)
{
    double sum = 0, moved = 0, variance = 0;
    for (int32_t j = 0; j < n; j++) {
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
    double relative = expm1(4 * moved) + (n + 8) * (double)FLT_EPSILON;
    variance = 4 * variance + (n + 8) * ROUND * ROUND;
    for (int32_t i = 0; i < layer->kept; i++) {
        double gate = exp(scores[picks[i]].value - scores[picks[0]].value) / sum;
        gates[i] = (struct number){gate, gate * relative + FLT_MIN, gate * gate * variance};
        if (layer->gate == GATE_HARD)
            gates[i] = (struct number){1, 0, 0};
    }
}

static void oracle_whole(struct oracle *oracle, int32_t at);

/* Every layer of a group's stack on what the expert is given; returns its output. */
static const struct number *oracle_stack(struct oracle *oracle, int32_t group, int32_t expert)
{
    int32_t end = graph_stack_end(oracle->graph, group);
    oracle->expert = expert;
    for (int32_t i = group + 1; i <= end; i++)
        oracle_whole(oracle, i);
    return oracle->output[end];
}

static struct number times(struct number a, struct number b)
{
    double product = fabs(a.value * b.value), carried = fabs(a.value) * b.bound + a.bound * (fabs(b.value) + b.bound);
    return (struct number){a.value * b.value, carried + (double)FLT_EPSILON * (product + carried),
                           a.value * a.value * b.variance + a.variance * b.value * b.value +
                               (ROUND * product) * (ROUND * product)};
}

/* The patch as a map of its own, times `gate`. */
static void give_patch(struct oracle *oracle, int32_t group, int32_t patch, struct number gate)
{
    const struct layer *layer = &oracle->graph->layer[group];
    struct shape in = graph_input_shape(oracle->graph, group);
    const struct number *from = patch_of(layer_input(oracle, group), layer, in, patch);
    struct number *to = oracle->patch;
    int exact = layer->gate_place == GATE_ON_OUTPUT;
    for (int32_t y = 0; y < layer->patch; y++, from += in.b * in.c)
        for (int32_t i = 0; i < layer->patch * in.c; i++)
            *to++ = exact ? from[i] : times(gate, from[i]);
    oracle->given = oracle->patch;
}

/* Masked and dense: where dropped patches are zeros to an expert, each of them is fed to it as such, behind the kept.
 */
static void oracle_group(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    size_t outs = (size_t)layer->shape.c;
    struct number *out = oracle->output[at];
    for (int32_t s = 0; s < layer->experts; s++) {
        const struct number *scores = oracle->output[layer->router] + (size_t)s * (size_t)layer->patches;
        int32_t *picks = oracle->picks[at] + (size_t)s * (size_t)layer->kept;
        struct number *gates = oracle->gates[at] + (size_t)s * (size_t)layer->kept;
        oracle_pick(oracle, scores, layer->patches, layer->kept, picks);
        oracle_gates(layer, scores, layer->patches, picks, gates);
        for (int32_t i = 0; i < fed_patches(layer); i++, out += outs) {
            give_patch(oracle, at, i < layer->kept ? picks[i] : 0, i < layer->kept ? gates[i] : gates[0]);
            if (i >= layer->kept)
                memset(oracle->patch, 0,
                       (size_t)shape_count(graph_shape_of(oracle->graph, at + 1, GRAPH_EXPERT)) *
                           sizeof *oracle->patch);
            memcpy(out, oracle_stack(oracle, at, s), outs * sizeof *out);
        }
    }
}

static void oracle_sample_router(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    int32_t inputs = graph_input_shape(oracle->graph, at).c, experts = layer->experts;
    const double *w = tensor_of(oracle, at, layer->weight), *bias = tensor_of(oracle, at, layer->bias);
    double mean = 0, squares = 0, bound = 0, variance = 0;
    struct number *scores = oracle->output[at];
    for (int32_t e = 0; e < experts; e++) {
        scores[e] = product(layer_input(oracle, at), w + (size_t)e * (size_t)inputs, bias ? bias[e] : 0, 1, inputs, 0);
        mean += scores[e].value / experts;
        bound = fmax(bound, scores[e].bound);
        variance = fmax(variance, scores[e].variance);
    }
    if (!layer->normalise)
        return;
    for (int32_t e = 0; e < experts; e++)
        squares += (scores[e].value - mean) * (scores[e].value - mean);
    double deviation = sqrt(squares / (experts - 1)) + 1e-5;
    /* The mean moves by as much as a score may, the deviation by twice that. */
    for (int32_t e = 0; e < experts; e++) {
        double value = (scores[e].value - mean) / deviation, moved = 2 * (1 + fabs(value)) / deviation;
        double rounding = (experts + 8) * (fabs(value) + fabs(mean) / deviation + 1);
        scores[e] = (struct number){value, moved * bound + rounding * (double)FLT_EPSILON,
                                    moved * moved * variance + rounding * ROUND * rounding * ROUND};
    }
}

static void oracle_mixture(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    const struct number *scores = oracle->output[layer->router];
    oracle_pick(oracle, scores, layer->experts, layer->kept, oracle->picks[at]);
    oracle_gates(layer, scores, layer->experts, oracle->picks[at], oracle->gates[at]);
    struct number *out = oracle->output[at];
    for (int32_t c = 0; c < layer->shape.c; c++)
        out[c] = (struct number){0, 0, 0};
    for (int32_t i = 0; i < layer->kept; i++) {
        oracle->given = layer_input(oracle, at);
        const struct number *made = oracle_stack(oracle, at, oracle->picks[at][i]);
        for (int32_t c = 0; c < layer->shape.c; c++) {
            struct number part = times(oracle->gates[at][i], made[c]);
            double sum = out[c].value + part.value;
            out[c] = (struct number){
                sum, out[c].bound + part.bound + (double)FLT_EPSILON * (fabs(out[c].value) + fabs(part.value)),
                out[c].variance + part.variance + (ROUND * sum) * (ROUND * sum)};
        }
    }
}

/* Pooled value c of rows [rows][count], the first `gated` under their gates (NULL: 1). */
static struct number pooled(const struct number *x, const struct number *gates, int32_t gated, double divisor,
                            int32_t rows, int32_t count, int32_t c)
{
    double sum = 0, magnitude = 0, carried = 0, variance = 0;
    for (int32_t i = 0; i < rows; i++) {
        struct number gate = gates && i < gated ? gates[i] : (struct number){1, 0, 0},
                      in = x[(size_t)i * (size_t)count + (size_t)c];
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
    const struct layer *group = routed ? &oracle->graph->layer[layer->input] : NULL;
    int32_t groups = routed ? in.a : 1, rows = routed ? fed_patches(group) : in.a * in.b;
    double divisor = routed && layer->divisor == POOL_BY_KEPT ? in.b : layer->patches;
    for (int32_t g = 0; g < groups; g++) {
        size_t row = (size_t)g * (size_t)rows;
        const struct number *x = layer_input(oracle, at) + row * (size_t)in.c;
        const struct number *gates =
            routed && group->gate_place == GATE_ON_OUTPUT ? oracle->gates[layer->input] + g * in.b : NULL;
        for (int32_t c = 0; c < in.c; c++)
            store(oracle, at, (size_t)g * (size_t)in.c + (size_t)c,
                  pooled(x, gates, routed ? in.b : 0, divisor, rows, in.c, c), 0);
    }
}

/* The largest of each channel; what rounding does to it is what it does at most to one that might be the largest. */
static void oracle_max_pool(struct oracle *oracle, int32_t at)
{
    struct shape in = graph_input_shape(oracle->graph, at);
    size_t count = (size_t)shape_count(in), step = (size_t)in.c;
    const struct number *x = layer_input(oracle, at);
    for (size_t c = 0; c < step; c++) {
        double surely = -INFINITY;
        struct number most = {-INFINITY, 0, 0};
        for (size_t i = c; i < count; i += step) {
            surely = fmax(surely, x[i].value - x[i].bound);
            most.value = fmax(most.value, x[i].value);
        }
        for (size_t i = c; i < count; i += step)
            if (x[i].value + x[i].bound >= surely) {
                most.bound = fmax(most.bound, x[i].bound);
                most.variance = fmax(most.variance, x[i].variance);
            }
        store(oracle, at, c, most, 0);
    }
}

static void oracle_linear(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    int32_t inputs = graph_input_shape(oracle->graph, at).c;
    for (int32_t o = 0; o < layer->filters; o++) {
        const double *w = tensor_of(oracle, at, layer->weight) + (size_t)o * (size_t)inputs;
        const double *bias = tensor_of(oracle, at, layer->bias);
        store(oracle, at, (size_t)o, product(layer_input(oracle, at), w, bias ? bias[o] : 0, 1, inputs, inputs), 0);
    }
}

static void oracle_relu(struct oracle *oracle, int32_t at)
{
    size_t count = (size_t)shape_count(oracle->graph->layer[at].shape);
    for (size_t i = 0; i < count; i++)
        store(oracle, at, i, layer_input(oracle, at)[i], 1);
}

/* A layer that treats each map or vector alike, inside of experts or not. */
static void oracle_whole(struct oracle *oracle, int32_t at)
{
    switch (oracle->graph->layer[at].type) {
    case LAYER_CONV: oracle_conv(oracle, at); break;
    case LAYER_PATCH_CONV: oracle_patch_conv(oracle, at); break;
    case LAYER_BATCH_NORM: oracle_norm(oracle, at); break;
    case LAYER_RELU: oracle_relu(oracle, at); break;
    case LAYER_ADD: oracle_add(oracle, at); break;
    case LAYER_AVG_POOL: oracle_pool(oracle, at); break;
    case LAYER_MAX_POOL: oracle_max_pool(oracle, at); break;
    case LAYER_LINEAR: oracle_linear(oracle, at); break;
    case LAYER_PATCH_ROUTER: oracle_router(oracle, at); break;
    case LAYER_EXPERT_GROUP: oracle_group(oracle, at); break;
    case LAYER_SAMPLE_ROUTER: oracle_sample_router(oracle, at); break;
    case LAYER_MIXTURE: oracle_mixture(oracle, at); break;
    }
}

void oracle_begin(struct oracle *oracle, const double *const *tensors, const double *image)
{
    oracle->tensors = tensors;
    oracle->margin = INFINITY;
    for (size_t i = 0; i < image_count(oracle->graph); i++)
        oracle->input[i] = (struct number){image[i], 0, 0};
}

void oracle_layer(struct oracle *oracle, int32_t layer)
{
    oracle_whole(oracle, layer);
}

double oracle_value(const struct oracle *oracle, int32_t layer, size_t index)
{
    return oracle->output[layer][index].value;
}

void oracle_forward(struct oracle *oracle, const double *const *tensors, const double *image)
{
    oracle_begin(oracle, tensors, image);
    for (int32_t i = 0; i <= oracle->graph->last; i++)
        if (oracle->graph->layer[i].group < 0)
            oracle_layer(oracle, i);
}

static const struct number *logit_number(const struct oracle *oracle, int32_t index)
{
    return &oracle->output[oracle->graph->last][index];
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
