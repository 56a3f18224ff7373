/* Opening and closing models: file to checked graph to packed weights, all in one block.
 *
 * The block is laid out by model_lay_out, run once over a counting arena and once over the real one. */
#include "model.h"

#include "../base/error.h"
#include "../kernels/pack.h"
#include "safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Planning ---- */

static int layer_reads(const struct graph *graph, int32_t reader, int32_t layer)
{
    return graph->layer[reader].input == layer || graph->layer[reader].router == layer;
}

/* Is `layer` a ReLU that the layer it reads can do while storing its result? */
static int relu_folds(const struct graph *graph, int32_t layer)
{
    const struct layer *relu = &graph->layer[layer];
    if (relu->type != LAYER_RELU || relu->input == GRAPH_IMAGE)
        return 0;
    enum layer_type before = graph->layer[relu->input].type;
    if (before != LAYER_PATCH_CONV && before != LAYER_LINEAR)
        return 0;
    for (int32_t other = 0; other < graph->layers; other++)
        if (other != layer && layer_reads(graph, other, relu->input))
            return 0;
    return 1;
}

static void plan_layer(const struct graph *graph, int32_t at, struct layer_plan *plan)
{
    const struct layer *layer = &graph->layer[at];
    struct shape in = graph_input_shape(graph, at);
    *plan = (struct layer_plan){.matrices = 1, .out_count = shape_count(layer->shape)};
    switch (layer->type) {
    case LAYER_PATCH_CONV:
    case LAYER_PATCH_ROUTER:
    case LAYER_EXPERT_GROUP:
        plan->patch = (struct patch_shape){layer->patch, layer->patch * in.c, in.b * in.c};
        plan->outs = layer->type == LAYER_PATCH_ROUTER ? layer->experts : layer->filters;
        plan->matrices = layer->type == LAYER_EXPERT_GROUP ? layer->experts : 1;
        plan->relu = layer->has_relu;
        break;
    case LAYER_LINEAR:
        plan->patch = (struct patch_shape){1, in.c, in.c};
        plan->outs = layer->filters;
        break;
    case LAYER_RELU: plan->folded = relu_folds(graph, at); break;
    case LAYER_AVG_POOL: break;
    }
}

/* The last layer that reads what `layer` stored, through a folded ReLU too.  The final output is read by the caller. */
static int32_t last_reader(const pmoe_model *model, int32_t layer)
{
    const struct graph *graph = &model->graph;
    int32_t last = layer == graph->layers - 1 ? graph->layers : layer;
    for (int32_t reader = layer + 1; reader < graph->layers; reader++)
        if (layer_reads(graph, reader, layer)) {
            int32_t until = model->plan[reader].folded ? last_reader(model, reader) : reader;
            last = until > last ? until : last;
        }
    return last;
}

/* Give each output the lowest offset that no output alive at the same time covers.  Offsets are per image; a run
 * multiplies them by its batch, which keeps neighbours apart. */
static void plan_activations(pmoe_model *model, enum model_memory memory)
{
    const struct graph *graph = &model->graph;
    int32_t last[GRAPH_MAX_LAYERS];
    model->activations = 0;
    for (int32_t i = 0; i < graph->layers; i++) {
        struct layer_plan *plan = &model->plan[i];
        last[i] = memory == MODEL_KEEP_ALL ? graph->layers : last_reader(model, i);
        if (plan->folded) {
            plan->out_at = model->plan[graph->layer[i].input].out_at;
            continue;
        }
        size_t at = 0;
        for (int32_t moved = 1; moved;) {
            moved = 0;
            for (int32_t other = 0; other < i; other++) {
                size_t from = model->plan[other].out_at, to = from + (size_t)model->plan[other].out_count;
                if (!model->plan[other].folded && last[other] >= i && at < to && from < at + (size_t)plan->out_count) {
                    at = to;
                    moved = 1;
                }
            }
        }
        plan->out_at = at;
        if (at + (size_t)plan->out_count > model->activations)
            model->activations = at + (size_t)plan->out_count;
    }
}

static void model_plan(pmoe_model *model, enum model_memory memory)
{
    model->routed = -1;
    for (int32_t i = 0; i < model->graph.layers; i++) {
        plan_layer(&model->graph, i, &model->plan[i]);
        if (model->plan[i].folded)
            model->plan[model->graph.layer[i].input].relu = 1;
        if (model->routed < 0 && model->graph.layer[i].type == LAYER_EXPERT_GROUP)
            model->routed = i;
    }
    plan_activations(model, memory);
}

/* ---- Laying out ---- */

/* Every array of the model behind the struct itself.  False when a size overflows (32-bit hosts). */
static int model_lay_out(pmoe_model *model, struct arena *arena, size_t metadata_bytes)
{
    for (int32_t i = 0; i < model->graph.layers; i++) {
        const struct layer *layer = &model->graph.layer[i];
        struct layer_plan *plan = &model->plan[i];
        if (!plan->outs)
            continue;
        size_t floats, bytes;
        plan->panel_floats = packed_count(model->kernels, plan->patch, plan->outs);
        if (!size_mul(plan->panel_floats, (size_t)plan->matrices, &floats) ||
            !size_mul(floats, sizeof(float), &bytes) || bytes > SIZE_MAX / 4 || arena->used > SIZE_MAX / 4)
            return 0;
        plan->panels = arena_take(arena, bytes);
        if (layer->has_bias)
            plan->bias = arena_take(arena, (size_t)plan->matrices * (size_t)plan->outs * sizeof(float));
        if (layer->type != LAYER_LINEAR)
            plan->patch_at = arena_take(arena, (size_t)layer->patches * sizeof(int32_t));
    }
    model->metadata = arena_take(arena, metadata_bytes + 1);
    return 1;
}

static void fill_patch_at(const struct graph *graph, int32_t at, int32_t *patch_at)
{
    const struct layer *layer = &graph->layer[at];
    struct shape in = graph_input_shape(graph, at);
    for (int32_t y = 0; y < layer->high; y++)
        for (int32_t x = 0; x < layer->wide; x++)
            patch_at[y * layer->wide + x] = (y * layer->patch * in.b + x * layer->patch) * in.c;
}

/* ---- Weights ---- */

/* Rows of a filter bank: how many filters a tensor holds and how many channels and pixels each has.  Everything else
 * (biases, linear layers) is one channel, which no order can change. */
static void tensor_filters(const struct graph *graph, int32_t tensor, size_t *filters, size_t *channels, size_t *pixels)
{
    const struct tensor *row = &graph->tensor[tensor];
    *channels = *pixels = 1;
    if (row->rank >= 4) {
        *channels = (size_t)row->dims[row->rank - 3];
        *pixels = (size_t)row->dims[row->rank - 1] * (size_t)row->dims[row->rank - 2];
    }
    *filters = (size_t)row->count / (*channels * *pixels);
}

void tensor_from_file(const struct graph *graph, int32_t tensor, const unsigned char *file_bytes, float *values)
{
    size_t filters, channels, pixels;
    tensor_filters(graph, tensor, &filters, &channels, &pixels);
    for (size_t f = 0; f < filters; f++)
        for (size_t c = 0; c < channels; c++)
            for (size_t at = 0; at < pixels; at++, file_bytes += sizeof(float))
                memcpy(values + (f * pixels + at) * channels + c, file_bytes, sizeof(float));
}

void tensor_to_file(const struct graph *graph, int32_t tensor, const float *values, float *file_values)
{
    size_t filters, channels, pixels;
    tensor_filters(graph, tensor, &filters, &channels, &pixels);
    for (size_t f = 0; f < filters; f++)
        for (size_t c = 0; c < channels; c++)
            for (size_t at = 0; at < pixels; at++)
                *file_values++ = values[(f * pixels + at) * channels + c];
}

void model_pack(pmoe_model *model, int32_t layer, const float *weight, const float *bias)
{
    const struct layer_plan *plan = &model->plan[layer];
    size_t matrix = (size_t)plan->outs * (size_t)plan->patch.runs * (size_t)plan->patch.run;
    for (size_t m = 0; m < (size_t)plan->matrices; m++)
        pack_panels(model->kernels, plan->patch, plan->outs, weight + m * matrix,
                    plan->panels + m * plan->panel_floats);
    if (plan->bias)
        memcpy(plan->bias, bias, (size_t)plan->matrices * (size_t)plan->outs * sizeof(float));
}

/* ---- Creating ---- */

pmoe_status model_create(const struct graph *graph, const char *metadata, size_t metadata_bytes,
                         enum model_memory memory, const pmoe_options *options, pmoe_model **model, pmoe_error *error)
{
    *model = NULL;
    pmoe_allocator allocator = allocator_or_malloc(options ? &options->allocator : NULL);
    const struct kernels *kernels = kernels_find(options ? options->isa : NULL);
    if (!kernels)
        return fail(error, PMOE_E_ARGUMENT,
                    "isa: \"%.32s\" is not one that this build and this CPU have; best is \"%s\"", options->isa,
                    kernels_find(NULL)->name);

    /* The plan is made in place, so the counting pass needs the struct itself: it comes from scratch. */
    pmoe_model *made = allocator_take(&allocator, sizeof *made);
    if (!made)
        return fail(error, PMOE_E_MEMORY, "model: no memory for its layer list (%zu bytes)", sizeof *made);
    memset(made, 0, sizeof *made); /* no compound literal: it could take 40 KB of stack */
    made->allocator = allocator;
    made->kernels = kernels;
    made->graph = *graph;
    made->memory = memory;
    model_plan(made, memory);
    struct arena arena = {NULL, 0, 0};
    arena_take(&arena, sizeof *made);
    int fits = model_lay_out(made, &arena, metadata_bytes);
    void *block = NULL;
    if (!fits || !arena_open(&arena, arena.used, &allocator, &block)) {
        allocator_give(&allocator, made);
        return fail(error, PMOE_E_MEMORY, "model \"%s\": no memory for its weights (%zu bytes)", graph->name,
                    arena.used);
    }
    memset(arena.base, 0, arena.size);
    pmoe_model *placed = arena_take(&arena, sizeof *made);
    *placed = *made;
    allocator_give(&allocator, made);
    model_lay_out(placed, &arena, metadata_bytes);
    placed->block = block;
    placed->bytes = arena.size;
    memcpy(placed->metadata, metadata, metadata_bytes);
    for (int32_t i = 0; i < graph->layers; i++)
        if (placed->plan[i].patch_at)
            fill_patch_at(&placed->graph, i, placed->plan[i].patch_at);
    *model = placed;
    return PMOE_OK;
}

void pmoe_model_close(pmoe_model **model)
{
    if (!model || !*model)
        return;
    pmoe_allocator allocator = (*model)->allocator;
    allocator_give(&allocator, (*model)->block);
    *model = NULL;
}

/* ---- Opening a file ---- */

static pmoe_status check_tensor(const struct tensor *row, const struct safetensors_entry *entry, pmoe_error *error)
{
    int same = row->rank == entry->rank;
    for (int32_t d = 0; same && d < row->rank; d++)
        same = row->dims[d] == entry->dims[d];
    if (same)
        return PMOE_OK;
    char expected[96] = "", found[96] = "";
    size_t at = 0;
    for (int32_t d = 0; d < row->rank && at < sizeof expected; d++)
        at += (size_t)snprintf(expected + at, sizeof expected - at, "%s%lld", d ? ", " : "", (long long)row->dims[d]);
    at = 0;
    for (int32_t d = 0; d < entry->rank && at < sizeof found; d++)
        at += (size_t)snprintf(found + at, sizeof found - at, "%s%lld", d ? ", " : "", (long long)entry->dims[d]);
    return fail(error, PMOE_E_GRAPH, "tensor \"%s\": expected shape [%s], found [%s]", row->name, expected, found);
}

static pmoe_status check_finite(const struct tensor *row, const float *values, pmoe_error *error)
{
    for (int64_t i = 0; i < row->count; i++)
        if (!isfinite(values[i]))
            return fail(error, PMOE_E_FORMAT, "tensor \"%s\": element %lld is not a finite number", row->name,
                        (long long)i);
    return PMOE_OK;
}

/* Read one tensor into `values`, in memory's order. */
static pmoe_status load_tensor(const struct graph *graph, int32_t tensor, const struct safetensors *view, float *values,
                               pmoe_error *error)
{
    const struct tensor *row = &graph->tensor[tensor];
    struct safetensors_entry entry;
    if (!safetensors_find(view, row->name, &entry))
        return fail(error, PMOE_E_GRAPH, "tensor \"%s\": expected by layer \"%s\", not in the file", row->name,
                    graph->layer[row->layer].name);
    TRY(check_tensor(row, &entry, error));
    tensor_from_file(graph, tensor, entry.bytes, values);
    return check_finite(row, values, error);
}

/* The file's tensors must be the layers' tensors, no more and no fewer. */
static pmoe_status check_no_extra(const struct graph *graph, const struct safetensors *view, pmoe_error *error)
{
    struct safetensors_entry entry;
    for (json_node at = 0; safetensors_next(view, &at, &entry);) {
        int known = 0;
        for (int32_t t = 0; t < graph->tensors && !known; t++)
            known = strcmp(graph->tensor[t].name, entry.name) == 0;
        if (!known)
            return fail(error, PMOE_E_GRAPH, "tensor \"%.64s\": in the file, but no layer has it", entry.name);
    }
    return PMOE_OK;
}

/* Floats of the layer with most, weight and bias together. */
static size_t largest_layer(const struct graph *graph)
{
    size_t most = 1;
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        size_t floats = (layer->weight >= 0 ? (size_t)graph->tensor[layer->weight].count : 0) +
                        (layer->bias >= 0 ? (size_t)graph->tensor[layer->bias].count : 0);
        most = floats > most ? floats : most;
    }
    return most;
}

static pmoe_status load_weights(pmoe_model *model, const struct safetensors *view, pmoe_error *error)
{
    const struct graph *graph = &model->graph;
    size_t bytes;
    if (!size_mul(largest_layer(graph), sizeof(float), &bytes))
        return fail(error, PMOE_E_MEMORY, "model \"%s\": its largest layer does not fit in memory", graph->name);
    float *values = allocator_take(&model->allocator, bytes);
    if (!values)
        return fail(error, PMOE_E_MEMORY, "model \"%s\": no scratch memory (%zu bytes)", graph->name, bytes);
    pmoe_status status = check_no_extra(graph, view, error);
    for (int32_t i = 0; i < graph->layers && status == PMOE_OK; i++) {
        const struct layer *layer = &graph->layer[i];
        if (layer->weight < 0)
            continue;
        float *bias = values + graph->tensor[layer->weight].count;
        status = load_tensor(graph, layer->weight, view, values, error);
        if (status == PMOE_OK && layer->bias >= 0)
            status = load_tensor(graph, layer->bias, view, bias, error);
        if (status == PMOE_OK)
            model_pack(model, i, values, bias);
    }
    allocator_give(&model->allocator, values);
    return status;
}

/* The tensors' bytes must be those that the layer list asks for before the list's sizes are believed. */
static pmoe_status check_size(const struct graph *graph, const struct safetensors *view, pmoe_error *error)
{
    uint64_t expected = (uint64_t)graph->parameters * sizeof(float);
    if (expected != view->data_bytes)
        return fail(error, PMOE_E_GRAPH, "model \"%s\": its layers have %llu bytes of weights, the file has %zu",
                    graph->name, (unsigned long long)expected, view->data_bytes);
    return PMOE_OK;
}

static pmoe_status open_view(const struct safetensors *view, const pmoe_options *options, const pmoe_allocator *scratch,
                             struct graph *graph, pmoe_model **model, pmoe_error *error)
{
    char *text = NULL;
    TRY(safetensors_metadata(view, "pmoe.model", scratch, &text, error));
    if (!text)
        return fail(
            error, PMOE_E_FORMAT,
            "metadata: expected a layer list under the key \"pmoe.model\", found none; a plain safetensors file "
            "names no layers");
    pmoe_status status = graph_read(text, strlen(text), scratch, graph, error);
    allocator_give(scratch, text);
    TRY(status);
    TRY(check_size(graph, view, error));
    int32_t checked;
    TRY(safetensors_verify(view, scratch, &checked, error));
    size_t metadata_bytes;
    const char *metadata = json_raw(&view->header, view->metadata, &metadata_bytes);
    TRY(model_create(graph, metadata, metadata_bytes, MODEL_SHARE_MEMORY, options, model, error));
    status = load_weights(*model, view, error);
    if (status != PMOE_OK)
        pmoe_model_close(model);
    return status;
}

pmoe_status pmoe_model_open(const void *file, size_t file_bytes, const pmoe_options *options, pmoe_model **model,
                            pmoe_error *error)
{
    *model = NULL;
    pmoe_allocator scratch = allocator_or_malloc(options ? &options->allocator : NULL);
    struct safetensors view;
    TRY(safetensors_open(file, file_bytes, &scratch, &view, error));
    struct graph *graph = allocator_take(&scratch, sizeof *graph);
    pmoe_status status =
        graph ? open_view(&view, options, &scratch, graph, model, error)
              : fail(error, PMOE_E_MEMORY, "model: no memory for its layer list (%zu bytes)", sizeof *graph);
    allocator_give(&scratch, graph);
    safetensors_close(&view, &scratch);
    return status;
}
