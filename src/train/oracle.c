#include "oracle_parts.h"

#include "../base/error.h"

#include <math.h>
#include <string.h>

/* ---- Opening ---- */

static size_t image_count(const struct graph *graph)
{
    return (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
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
            count = count / (size_t)layer->kept * (size_t)oracle_fed_patches(layer);
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

/* ---- Numbers, and where they lie ---- */

const struct number *oracle_source(const struct oracle *oracle, int32_t input)
{
    return input == GRAPH_IMAGE ? oracle->input : input == GRAPH_EXPERT ? oracle->given : oracle->output[input];
}

const struct number *oracle_input(const struct oracle *oracle, int32_t at)
{
    return oracle_source(oracle, oracle->graph->layer[at].input);
}

const double *oracle_tensor(const struct oracle *oracle, int32_t at, int32_t tensor)
{
    if (tensor < 0)
        return NULL;
    const struct tensor *row = &oracle->graph->tensor[tensor];
    size_t expert = oracle->graph->layer[at].group < 0 ? 0 : (size_t)oracle->expert;
    return oracle->tensors[tensor] + (expert ? expert * (size_t)(row->count / row->dims[0]) : 0);
}

struct number number_product(const struct number *x, const double *w, double bias, int32_t runs, int32_t run,
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
                           variance + terms * (ORACLE_ROUND * magnitude) * (ORACLE_ROUND * magnitude)};
}

struct number number_times(struct number a, struct number b)
{
    double product = fabs(a.value * b.value), carried = fabs(a.value) * b.bound + a.bound * (fabs(b.value) + b.bound);
    return (struct number){a.value * b.value, carried + (double)FLT_EPSILON * (product + carried),
                           a.value * a.value * b.variance + a.variance * b.value * b.value +
                               (ORACLE_ROUND * product) * (ORACLE_ROUND * product)};
}

const struct number *oracle_patch_at(const struct number *x, const struct layer *layer, struct shape in, int32_t patch)
{
    int32_t y = patch / layer->wide, column = patch % layer->wide;
    return x + ((size_t)(y * layer->patch) * (size_t)in.b + (size_t)(column * layer->patch)) * (size_t)in.c;
}

struct number oracle_filter_on_patch(const struct oracle *oracle, int32_t at, int32_t filter, int32_t patch)
{
    const struct layer *layer = &oracle->graph->layer[at];
    struct shape in = graph_input_shape(oracle->graph, at);
    int32_t run = layer->patch * in.c;
    const double *w = oracle_tensor(oracle, at, layer->weight) + (size_t)filter * (size_t)(layer->patch * run);
    const double *bias = oracle_tensor(oracle, at, layer->bias);
    return number_product(oracle_patch_at(oracle_input(oracle, at), layer, in, patch), w, bias ? bias[filter] : 0,
                          layer->patch, run, in.b * in.c);
}

/* ---- Passes ---- */

/* Of a whole image, or inside of a group of what its expert was given. */
void oracle_layer(struct oracle *oracle, int32_t at)
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
