/* Opening and closing models: file to checked graph to plan and weights, all in one block.
 *
 * The block is laid out by model_lay_out, run once over a counting arena and once over the real one. */
#include "model.h"

#include "../base/error.h"
#include "../kernels/pack.h"
#include "safetensors.h"

#include <string.h>

/* ---- Laying out ---- */

/* `count` elements of `bytes` each; false when a size overflows (32-bit hosts). */
static int take_array(struct arena *arena, size_t count, size_t bytes, void **array)
{
    size_t total;
    if (!size_mul(count, bytes, &total) || total > SIZE_MAX / 4 || arena->used > SIZE_MAX / 4)
        return 0;
    *array = arena_take(arena, total);
    return 1;
}

static int take_floats(struct arena *arena, size_t count, float **array)
{
    void *taken;
    int fits = take_array(arena, count, sizeof(float), &taken);
    *array = fits ? taken : NULL;
    return fits;
}

static int lay_out_table(const struct layer *layer, struct layer_plan *plan, struct arena *arena)
{
    void *taken;
    size_t count = layer->type == LAYER_CONV ? conv_table_count(&plan->conv) : (size_t)layer->patches;
    int fits = take_array(arena, count, sizeof(int32_t), &taken);
    plan->table = fits ? taken : NULL;
    return fits;
}

static int lay_out_layer(pmoe_model *model, int32_t at, struct arena *arena)
{
    const struct layer *layer = &model->graph.layer[at];
    struct layer_plan *plan = &model->plan[at];
    size_t matrices = (size_t)plan->matrices, floats;
    switch (layer->type) {
    case LAYER_CONV:
    case LAYER_PATCH_CONV:
    case LAYER_PATCH_ROUTER:
    case LAYER_SAMPLE_ROUTER:
    case LAYER_LINEAR:
        plan->panel_floats = plan->conv.outs ? conv_packed_count(model->kernels, &plan->conv)
                                             : packed_count(model->kernels, plan->patch, plan->outs);
        if (!size_mul(plan->panel_floats, matrices, &floats) || !take_floats(arena, floats, &plan->panels))
            return 0;
        if ((layer->has_bias || plan->norm >= 0) && !take_floats(arena, matrices * (size_t)plan->outs, &plan->bias))
            return 0;
        return layer->type == LAYER_LINEAR || layer->type == LAYER_SAMPLE_ROUTER || lay_out_table(layer, plan, arena);
    case LAYER_BATCH_NORM:
        return plan->stored_by != at || (take_floats(arena, matrices * (size_t)layer->shape.c, &plan->scale) &&
                                         take_floats(arena, matrices * (size_t)layer->shape.c, &plan->bias));
    case LAYER_EXPERT_GROUP:
        if (layer->dropped == DROPPED_ZEROS &&
            !take_floats(arena, (size_t)layer->experts * (size_t)layer->shape.c, &plan->constant))
            return 0;
        return lay_out_table(layer, plan, arena);
    default: return 1;
    }
}

/* Every array of the model behind the struct itself. */
static int model_lay_out(pmoe_model *model, struct arena *arena, size_t metadata_bytes)
{
    for (int32_t i = 0; i < model->graph.layers; i++)
        if (!lay_out_layer(model, i, arena))
            return 0;
    void *metadata;
    int fits = take_array(arena, metadata_bytes + 1, 1, &metadata);
    model->metadata = fits ? metadata : NULL;
    return fits;
}

static void fill_table(pmoe_model *model, int32_t at)
{
    const struct layer *layer = &model->graph.layer[at];
    const struct layer_plan *plan = &model->plan[at];
    if (layer->type == LAYER_CONV) {
        conv_fill_table(&plan->conv, plan->table);
        return;
    }
    struct shape in = graph_input_shape(&model->graph, at);
    int32_t row = layer->type == LAYER_EXPERT_GROUP ? in.b * in.c : plan->patch.step;
    for (int32_t y = 0; y < layer->high; y++)
        for (int32_t x = 0; x < layer->wide; x++)
            plan->table[y * layer->wide + x] = y * layer->patch * row + x * layer->patch * in.c;
}

/* ---- Creating ---- */

pmoe_status model_create(const struct graph *graph, const char *metadata, size_t metadata_bytes,
                         enum model_memory memory, const struct input_range *ranges, const pmoe_options *options,
                         pmoe_model **model, pmoe_error *error)
{
    *model = NULL;
    pmoe_allocator allocator = allocator_or_malloc(options ? &options->allocator : NULL);
    const struct kernels *kernels = kernels_find(options ? options->isa : NULL);
    if (!kernels)
        return fail(error, PMOE_E_ARGUMENT,
                    "isa: \"%.32s\" is not one that this build and this CPU have; best is \"%s\"", options->isa,
                    kernels_find(NULL)->name);
    if (!ranges)
        kernels = kernels_find(kernels->floats); /* what cards and results then name */

    /* The plan is made in place, so the counting pass needs the struct itself: it comes from scratch. */
    pmoe_model *made = allocator_take(&allocator, sizeof *made);
    if (!made)
        return fail(error, PMOE_E_MEMORY, "model: no memory for its layer list (%zu bytes)", sizeof *made);
    memset(made, 0, sizeof *made); /* no compound literal: it could take 40 KB of stack */
    made->allocator = allocator;
    made->kernels = kernels;
    made->graph = *graph;
    made->memory = memory;
    model_plan(made, ranges);
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
        if (placed->plan[i].table)
            fill_table(placed, i);
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

/* The tensors' bytes must be those that the layer list asks for before the list's sizes are believed. */
static pmoe_status check_size(const struct graph *graph, const struct safetensors *view, pmoe_error *error)
{
    uint64_t expected = (uint64_t)graph->parameters * sizeof(float);
    if (expected != view->data_bytes)
        return fail(error, PMOE_E_GRAPH, "model \"%s\": its layers have %llu bytes of weights, the file has %zu",
                    graph->name, (unsigned long long)expected, view->data_bytes);
    return PMOE_OK;
}

static pmoe_status open_view(const struct safetensors *view, const struct input_range *ranges,
                             const pmoe_options *options, const pmoe_allocator *scratch, struct graph *graph,
                             pmoe_model **model, pmoe_error *error)
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
    TRY(model_create(graph, metadata, metadata_bytes, MODEL_SHARE_MEMORY, ranges, options, model, error));
    status = model_load_weights(*model, view, error);
    if (status != PMOE_OK)
        pmoe_model_close(model);
    return status;
}

pmoe_status model_open(const void *file, size_t file_bytes, const struct input_range *ranges,
                       const pmoe_options *options, pmoe_model **model, pmoe_error *error)
{
    *model = NULL;
    pmoe_allocator scratch = allocator_or_malloc(options ? &options->allocator : NULL);
    struct safetensors view;
    TRY(safetensors_open(file, file_bytes, &scratch, &view, error));
    struct graph *graph = allocator_take(&scratch, sizeof *graph);
    pmoe_status status =
        graph ? open_view(&view, ranges, options, &scratch, graph, model, error)
              : fail(error, PMOE_E_MEMORY, "model: no memory for its layer list (%zu bytes)", sizeof *graph);
    allocator_give(&scratch, graph);
    safetensors_close(&view, &scratch);
    return status;
}

pmoe_status pmoe_model_open(const void *file, size_t file_bytes, const pmoe_options *options, pmoe_model **model,
                            pmoe_error *error)
{
    return model_open(file, file_bytes, NULL, options, model, error);
}
