/* Planning: which layers others carry out while they store, what each kernel call needs, and where outputs lie. */
#include "../kernels/int8.h"
#include "model.h"

/* ---- Who reads whom ---- */

static int layer_reads(const struct graph *graph, int32_t reader, int32_t layer)
{
    const struct layer *at = &graph->layer[reader];
    return at->input == layer || at->router == layer || (at->type == LAYER_ADD && at->with == layer);
}

static int only_reader(const struct graph *graph, int32_t reader, int32_t layer)
{
    for (int32_t other = 0; other < graph->layers; other++)
        if (other != reader && layer_reads(graph, other, layer))
            return 0;
    return 1;
}

/* ---- Folding ---- */

static int is_matrix(enum layer_type type)
{
    return type == LAYER_CONV || type == LAYER_PATCH_CONV || type == LAYER_LINEAR;
}

/* The layer that would carry out `reader` while it stores `input`, or -1: one that nobody else reads and that has done
 * its ReLU not yet. */
static int32_t fold_target(const pmoe_model *model, int32_t reader, int32_t input)
{
    if (input < 0 || !only_reader(&model->graph, reader, input))
        return -1;
    int32_t target = model->plan[input].stored_by;
    return model->plan[target].relu ? -1 : target;
}

static void fold_relu(pmoe_model *model, int32_t at)
{
    int32_t target = fold_target(model, at, model->graph.layer[at].input);
    if (target < 0)
        return;
    enum layer_type type = model->graph.layer[target].type;
    if (!is_matrix(type) && type != LAYER_BATCH_NORM)
        return;
    model->plan[target].relu = 1;
    model->plan[at].stored_by = target;
}

static void fold_norm(pmoe_model *model, int32_t at)
{
    int32_t target = fold_target(model, at, model->graph.layer[at].input);
    if (target < 0 || !is_matrix(model->graph.layer[target].type) || model->plan[target].adds ||
        model->plan[target].norm >= 0)
        return;
    model->plan[target].norm = at;
    model->plan[at].stored_by = target;
}

/* Into a convolution whose other summand is there before it runs. */
static int try_add(pmoe_model *model, int32_t at, int32_t summand, int32_t addend)
{
    int32_t target = fold_target(model, at, summand);
    if (target < 0 || model->graph.layer[target].type != LAYER_CONV || model->plan[target].adds)
        return 0;
    if (addend >= 0 && model->plan[addend].stored_by >= target)
        return 0;
    model->plan[target].adds = 1;
    model->plan[target].addend = addend;
    model->plan[at].stored_by = target;
    return 1;
}

static void fold_add(pmoe_model *model, int32_t at)
{
    const struct layer *layer = &model->graph.layer[at];
    if (!try_add(model, at, layer->input, layer->with))
        try_add(model, at, layer->with, layer->input);
}

static void fold(pmoe_model *model, int32_t at)
{
    switch (model->graph.layer[at].type) {
    case LAYER_RELU: fold_relu(model, at); break;
    case LAYER_BATCH_NORM:
        if (!model_keeps_all(model))
            fold_norm(model, at);
        break;
    case LAYER_ADD: fold_add(model, at); break;
    default: break;
    }
}

/* ---- One layer ---- */

/* What lies beyond a patch is zeros to its expert, but the patch itself is a window of the group's input. */
static int32_t input_row(const pmoe_model *model, int32_t at)
{
    const struct graph *graph = &model->graph;
    struct shape in = graph_input_shape(graph, at);
    const struct layer *layer = &graph->layer[at];
    if (layer->input != GRAPH_EXPERT || model->plan[layer->group].copies)
        return in.b * in.c;
    struct shape around = graph_input_shape(graph, layer->group);
    return around.b * around.c;
}

/* What depends on how many patches groups keep. */
static void plan_counts(pmoe_model *model, int32_t at)
{
    const struct graph *graph = &model->graph;
    const struct layer *layer = &graph->layer[at];
    struct layer_plan *plan = &model->plan[at];
    plan->in_floats = (size_t)shape_count(graph_input_shape(graph, at));
    plan->out_count = layer->shape.kind == SHAPE_SCORES ? 0 : shape_count(layer->shape); /* a run keeps scores apart */
    /* What experts make of a patch of zeros lies behind their others: a row of a batch. */
    if (layer->type == LAYER_EXPERT_GROUP && model_keeps_all(model) && group_has_zeros(graph, at))
        plan->out_count += (int64_t)layer->experts * layer->shape.c;
}

static void plan_layer(pmoe_model *model, int32_t at)
{
    const struct graph *graph = &model->graph;
    const struct layer *layer = &graph->layer[at];
    struct layer_plan *plan = &model->plan[at];
    struct shape in = graph_input_shape(graph, at);
    plan_counts(model, at);
    plan->matrices = layer->group < 0 ? 1 : graph->layer[layer->group].experts;
    switch (layer->type) {
    case LAYER_CONV:
        plan->outs = layer->filters;
        plan->conv = conv_of(model->kernels, in.a, in.b, in.c, input_row(model, at), layer->kernel, layer->stride,
                             layer->padding, layer->filters);
        break;
    case LAYER_PATCH_CONV:
    case LAYER_PATCH_ROUTER:
        plan->patch = (struct patch_shape){layer->patch, layer->patch * in.c, input_row(model, at)};
        plan->outs = layer->type == LAYER_PATCH_ROUTER ? layer->experts : layer->filters;
        break;
    case LAYER_LINEAR:
    case LAYER_SAMPLE_ROUTER:
        plan->patch = (struct patch_shape){1, in.c, in.c};
        plan->outs = layer->type == LAYER_LINEAR ? layer->filters : layer->experts;
        break;
    default: break;
    }
}

/* Convolutions read windows and linear layers rows through pointers; everything else wants what it reads whole. */
static int needs_copies(const struct graph *graph, int32_t group)
{
    if (graph->layer[group].gate_place == GATE_ON_INPUT)
        return 1;
    for (int32_t i = group + 1; i <= graph_stack_end(graph, group); i++) {
        const struct layer *layer = &graph->layer[i];
        if (layer->input == GRAPH_EXPERT && !is_matrix(layer->type))
            return 1;
        if (layer->type == LAYER_ADD && layer->with == GRAPH_EXPERT)
            return 1;
    }
    return 0;
}

/* ---- Where outputs lie ---- */

/* Everything that reads what `layer` stores, folded layers' readers too.  The model's output is read by the caller. */
static int32_t last_reader(const pmoe_model *model, int32_t layer)
{
    const struct graph *graph = &model->graph;
    int32_t last = layer;
    for (int32_t stored = layer; stored < graph->layers; stored++) {
        if (model->plan[stored].stored_by != layer)
            continue;
        if (stored == graph->last)
            return graph->layers;
        for (int32_t reader = stored + 1; reader < graph->layers; reader++) {
            if (!layer_reads(graph, reader, stored))
                continue;
            int32_t until = reader + graph->layer[reader].inner; /* a group's input is read until its stack ends */
            last = until > last ? until : last;
        }
        int32_t group = graph->layer[stored].group;
        if (group >= 0 && stored == graph_stack_end(graph, group) && stored > last)
            last = stored;
    }
    return last;
}

/* The layer's own memory; a folded one has none, nor has the last of a stack, which stores into its group's. */
static int has_memory(const pmoe_model *model, int32_t at)
{
    return model->plan[at].stored_by == at && !model->plan[at].in_group;
}

/* Give an output the lowest offset that no output alive at the same time covers.  Those of a stack lie apart from all
 * others, from layer `first` on.  Offsets are per image, or per patch in a stack; a run multiplies them by how many it
 * treats at once, which keeps neighbours apart.  Returns where the output ends. */
static size_t place_output(pmoe_model *model, int32_t at, int32_t first, const int32_t *last)
{
    struct layer_plan *plan = &model->plan[at];
    const struct graph *graph = &model->graph;
    size_t to = 0;
    for (int32_t moved = 1; moved;) {
        moved = 0;
        for (int32_t other = first; other < at; other++) {
            size_t from = model->plan[other].out_at, end = from + (size_t)model->plan[other].out_count;
            if (has_memory(model, other) && graph->layer[other].group == graph->layer[at].group && last[other] >= at &&
                to < end && from < to + (size_t)plan->out_count) {
                to = end;
                moved = 1;
            }
        }
    }
    plan->out_at = to;
    return to + (size_t)plan->out_count;
}

static void plan_activations(pmoe_model *model)
{
    const struct graph *graph = &model->graph;
    int32_t last[GRAPH_MAX_LAYERS];
    model->activations = 0;
    for (int32_t i = 0; i < graph->layers; i++) {
        if (!has_memory(model, i))
            continue;
        int32_t group = graph->layer[i].group;
        last[i] = model_keeps_all(model) ? graph->layers : last_reader(model, i);
        size_t end = place_output(model, i, group < 0 ? 0 : group + 1, last);
        size_t *all = group < 0 ? &model->activations : &model->plan[group].stack_floats;
        *all = end > *all ? end : *all;
    }
}

void model_plan_kept(pmoe_model *model)
{
    for (int32_t i = 0; i < model->graph.layers; i++)
        plan_counts(model, i);
    plan_activations(model);
}

void model_plan(pmoe_model *model, const struct input_range *ranges)
{
    const struct graph *graph = &model->graph;
    model->routed = model->mixed = -1;
    for (int32_t i = graph->layers - 1; i >= 0; i--) {
        model->plan[i] = (struct layer_plan){.norm = -1, .stored_by = i};
        if (graph->layer[i].type == LAYER_EXPERT_GROUP)
            model->routed = i;
        if (graph->layer[i].type == LAYER_MIXTURE)
            model->mixed = i;
        model->plan[i].copies = graph->layer[i].inner && needs_copies(graph, i);
    }
    for (int32_t i = 0; i < graph->layers; i++) {
        plan_layer(model, i);
        if (HAS_INT8 && ranges && model_suits_int8(model, i) && (ranges[i].least < 0 || ranges[i].most > 0))
            int8_use(model->kernels, &model->plan[i].conv, ranges[i].least, ranges[i].most);
        fold(model, i);
    }
    for (int32_t i = 0; i < graph->layers; i++)
        if (graph->layer[i].type == LAYER_EXPERT_GROUP)
            model->plan[model->plan[graph_stack_end(graph, i)].stored_by].in_group = 1;
    plan_activations(model);
}
