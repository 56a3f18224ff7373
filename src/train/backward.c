#include "backward_layers.h"

#include "../base/error.h"
#include "../route/route.h"

#include <assert.h>
#include <string.h>

/* ---- What lanes share ---- */

pmoe_status backward_check(const struct graph *graph, pmoe_error *error)
{
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        if (layer->type == LAYER_BATCH_NORM && layer->group >= 0 && graph->layer[layer->group].type == LAYER_MIXTURE)
            return fail(error, PMOE_E_GRAPH, "layer \"%s\": training does not know batch norms inside of a mixture",
                        layer->name);
    }
    return PMOE_OK;
}

static void backward_lay_out(struct backward *backward, struct arena *arena)
{
    for (int32_t i = 0; i < backward->model->graph.layers; i++)
        if (backward->model->graph.layer[i].type == LAYER_CONV)
            conv_backward_lay_out(&backward->conv[i], arena);
}

pmoe_status backward_open(const pmoe_model *model, struct backward *backward, pmoe_error *error)
{
    *backward = (struct backward){.model = model};
    TRY(backward_check(&model->graph, error));
    const struct graph *graph = &model->graph;
    gradient_places_find(model, !backward_gathers(graph), &backward->places);
    for (int32_t i = 0; i < graph->layers; i++)
        if (graph->layer[i].type == LAYER_CONV)
            backward->conv[i] = conv_backward_of(model->kernels, &model->plan[i].conv, model->plan[i].matrices);
    struct arena arena = {NULL, 0, 0};
    backward_lay_out(backward, &arena);
    if (!arena_open(&arena, arena.used, &model->allocator, &backward->block))
        return fail(error, PMOE_E_MEMORY, "training: no memory for turned weights (%zu bytes)", arena.used);
    backward_lay_out(backward, &arena);
    for (int32_t i = 0; i < graph->layers; i++)
        if (graph->layer[i].type == LAYER_CONV)
            conv_backward_fill(&backward->conv[i]);
    return PMOE_OK;
}

void backward_close(struct backward *backward)
{
    if (backward->block)
        allocator_give(&backward->model->allocator, backward->block);
    backward->block = NULL;
}

void backward_pack(struct backward *backward, int32_t layer, const float *weight)
{
    if (backward->model->graph.layer[layer].type == LAYER_CONV)
        conv_backward_pack(&backward->conv[layer], weight);
}

/* ---- Lanes ---- */

int norm_is_fixed(const struct graph *graph, int32_t layer)
{
    return graph->layer[layer].type == LAYER_BATCH_NORM && graph->layer[layer].input == GRAPH_IMAGE;
}

int32_t gradient_owner(const struct lane *lane, int32_t layer)
{
    return lane->backward->places.owner[layer];
}

/* Maps or vectors that a layer may meet at most. */
static size_t most_maps(const struct graph *graph, int32_t layer, size_t batch)
{
    int32_t group = graph->layer[layer].group;
    if (group < 0 || graph->layer[group].type != LAYER_EXPERT_GROUP)
        return batch;
    return batch * (size_t)graph->layer[group].kept + (size_t)group_has_zeros(graph, group);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void lane_lay_out(struct lane *lane, const pmoe_model *model, size_t batch, struct arena *arena)
{
    const struct graph *graph = &model->graph;
    size_t image = (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels, scratch = 0, most = 1;
    size_t rows = backward_scratch_rows(model, (int32_t)batch), given = 0, zeros = 0;
    const struct gradient_places *places = &lane->backward->places;
    float *slot[GRAPH_MAX_LAYERS];
    for (int32_t i = 0; i < places->slots; i++)
        slot[i] = arena_take(arena, batch * (size_t)places->floats[i] * sizeof(float));
    lane->images = arena_take(arena, batch * image * sizeof(float));
    lane->logits = arena_take(arena, batch * (size_t)graph->outputs * sizeof(float));
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        size_t maps = most_maps(graph, i, batch);
        int32_t owner = gradient_owner(lane, i);
        most = larger(most, maps);
        lane->doutput[i] = places->slot[owner] >= 0 ? slot[places->slot[owner]]
                           : owner < i              ? lane->doutput[owner]
                                       : arena_take(arena, maps * (size_t)model->plan[i].out_count * sizeof(float));
        if (layer->inner) {
            size_t kept = (size_t)layer->kept * (layer->type == LAYER_EXPERT_GROUP ? (size_t)layer->experts : 1);
            size_t patch = (size_t)shape_count(graph_shape_of(graph, i + 1, GRAPH_EXPERT));
            lane->dgates[i] = arena_take(arena, batch * kept * sizeof(float));
            given = larger(given, most_maps(graph, i + 1, batch) * patch);
            zeros = group_has_zeros(graph, i) ? larger(zeros, input_count(graph, i)) : zeros;
        }
        if (layer->shape.kind == SHAPE_SCORES)
            lane->dscores[i] = arena_take(arena, batch * (size_t)shape_count(layer->shape) * sizeof(float));
        if (layer->type == LAYER_SAMPLE_ROUTER)
            gate_lay_out(&lane->gate[i], batch, (size_t)model->plan[i].patch.run, (size_t)layer->experts, arena);
        if (layer->type == LAYER_BATCH_NORM)
            norm_lay_out(&lane->norm[i], layer->shape.a * layer->shape.b, layer->shape.c, arena);
        if (layer->type == LAYER_CONV) {
            scratch = larger(scratch, conv_backward_scratch(&lane->backward->conv[i]));
            most = larger(most, conv_backward_rows(&lane->backward->conv[i], maps));
        }
    }
    lane->zeros = zeros ? arena_take(arena, zeros * sizeof *lane->zeros) : NULL;
    if (lane->zeros)
        memset(lane->zeros, 0, zeros * sizeof *lane->zeros);
    lane->dgiven = arena_take(arena, given * sizeof *lane->dgiven);
    lane->rows = arena_take(arena, most * sizeof *lane->rows);
    lane->scratch = arena_take(arena, scratch * sizeof *lane->scratch);
    lane->gathered.rows = arena_take(arena, rows * sizeof *lane->gathered.rows);
    lane->gathered.dy = arena_take(arena, rows * sizeof *lane->gathered.dy);
}

static void forward_batch_norm(void *context, int32_t at, int32_t images);

pmoe_status lane_open(const struct backward *backward, int32_t max_batch, struct lane *lane, pmoe_error *error)
{
    const pmoe_model *model = backward->model;
    memset(lane, 0, sizeof *lane);
    lane->backward = backward;
    TRY(pmoe_run_open(model, max_batch, &lane->run, error));
    struct arena arena = {NULL, 0, 0};
    lane_lay_out(lane, model, (size_t)max_batch, &arena);
    if (!arena_open(&arena, arena.used, &model->allocator, &lane->block)) {
        pmoe_run_close(&lane->run);
        return fail(error, PMOE_E_MEMORY, "training: no memory for the gradients of %d images (%zu bytes)",
                    (int)max_batch, arena.used);
    }
    lane_lay_out(lane, model, (size_t)max_batch, &arena);
    lane->run->zeros = lane->zeros;
    lane->run->norm = forward_batch_norm;
    lane->run->score = gate_forward;
    lane->run->drop = gate_drop;
    lane->run->training = lane;
    return PMOE_OK;
}

void lane_close(struct lane *lane)
{
    if (!lane->run)
        return;
    allocator_give(&lane->run->model->allocator, lane->block);
    pmoe_run_close(&lane->run);
}

/* ---- Forward ---- */

static void forward_batch_norm(void *context, int32_t at, int32_t images)
{
    struct lane *lane = context;
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const struct layer_plan *plan = &model->plan[at];
    struct norm *norm = &lane->norm[at];
    const float *x = run_input(lane->run, at);
    float *y = run_output(lane->run, at);
    norm->copies = 1;
    if (layer->group >= 0 && run_feeds_zeros(lane->run, layer->group)) {
        const struct layer *group = &model->graph.layer[layer->group];
        norm->copies = (group->patches - group->kept) * lane->run->batch;
    }
    if (norm_is_fixed(&model->graph, at))
        model->kernels->scale_shift(y, x, plan->scale, plan->bias, images * norm->pixels, norm->channels, plan->relu);
    else
        norm_forward(model->kernels, norm, x, images, lane_tensor(lane, lane->weights, layer->weight),
                     lane_tensor(lane, lane->weights, layer->bias), layer->epsilon, plan->relu, y);
}

void lane_forward(struct lane *lane, int32_t images, float *const *weights)
{
    lane->weights = weights;
    lane->count = images;
    pmoe_status status = pmoe_forward(lane->run, lane->images, images, lane->logits);
    assert(status == PMOE_OK); /* so many images are what the lane was opened for */
    (void)status;
}

void lane_clear(struct lane *lane)
{
    const pmoe_model *model = lane->run->model;
    memset(lane->begun, 0, sizeof lane->begun);
    lane->begun[gradient_owner(lane, model->graph.last)] = 1;
    for (int32_t i = 0; i < model->graph.layers; i++) {
        struct shape shape = model->graph.layer[i].shape;
        if (shape.kind == SHAPE_SCORES)
            memset(lane->dscores[i], 0, (size_t)lane->run->batch * (size_t)shape_count(shape) * sizeof(float));
    }
}

void lane_backward(struct lane *lane, float *const *gradients)
{
    const struct graph *graph = &lane->run->model->graph;
    lane->gradients = gradients;
    for (int32_t i = graph->last; i >= 0; i--)
        if (graph->layer[i].group < 0) /* else their group does it */
            backward_layer(lane, i);
}

/* ---- Gradients by weights ---- */

int backward_gathers(const struct graph *graph)
{
    for (int32_t i = 0; i < graph->layers; i++)
        switch (graph->layer[i].type) {
        case LAYER_PATCH_CONV:
        case LAYER_RELU:
        case LAYER_AVG_POOL:
        case LAYER_MAX_POOL:
        case LAYER_LINEAR:
        case LAYER_PATCH_ROUTER: break;
        case LAYER_EXPERT_GROUP:
            if (graph->layer[i].inner > 2)
                return 0;
            break;
        default: return 0;
        }
    return 1;
}

size_t backward_scratch_rows(const pmoe_model *model, int32_t max_batch)
{
    size_t most = 1;
    for (int32_t i = 0; i < model->graph.layers; i++)
        if (model->graph.layer[i].type != LAYER_AVG_POOL && (size_t)model->graph.layer[i].patches > most)
            most = (size_t)model->graph.layer[i].patches;
    return most * (size_t)max_batch;
}

/* The patches that a router's expert got any gradient for: all n of them after softmax_topl, the kept l after
 * topl_softmax, none behind hard gates. */
static int32_t scored_rows(const struct lane *lane, int32_t router, int32_t expert, struct backward_scratch scratch)
{
    const struct layer *layer = &lane->run->model->graph.layer[router];
    const int32_t *patch_at = lane->run->model->plan[router].table;
    const float *image = run_input(lane->run, router);
    int32_t rows = 0;
    for (int32_t b = 0; b < lane->run->batch; b++, image += input_count(&lane->run->model->graph, router)) {
        const float *dscores =
            lane->dscores[router] + ((size_t)b * (size_t)layer->experts + (size_t)expert) * (size_t)layer->patches;
        for (int32_t j = 0; j < layer->patches; j++)
            if (dscores[j] != 0) {
                scratch.rows[rows] = image + patch_at[j];
                scratch.dy[rows++] = dscores[j];
            }
    }
    return rows;
}

void rows_gradient(const struct kernels *kernels, const struct layer_plan *plan, const float *const *rows,
                   int32_t row_count, const float *dy, int32_t outs, float *gradient, float *dbias)
{
    kernels->patch_gradient(gradient, rows, row_count, plan->patch, dy, plan->outs, outs);
    for (int32_t i = 0; dbias && i < row_count; i++)
        for (int32_t o = 0; o < outs; o++)
            dbias[o] += dy[(size_t)i * (size_t)plan->outs + (size_t)o];
}

void lane_weight_gradient(const struct lane *lane, int32_t at, int32_t matrix, int32_t first, int32_t count,
                          struct backward_scratch scratch, float *gradient, float *dbias)
{
    const pmoe_model *model = lane->run->model;
    const struct layer_plan *plan = &model->plan[at];
    if (model->graph.layer[at].type == LAYER_PATCH_ROUTER) {
        size_t row = (size_t)plan->patch.runs * (size_t)plan->patch.run;
        for (int32_t s = first; s < first + count; s++, gradient += row)
            model->kernels->patch_gradient(gradient, scratch.rows, scored_rows(lane, at, s, scratch), plan->patch,
                                           scratch.dy, 1, 1);
        return;
    }
    const float *dy = lane->doutput[at] + first;
    const float **rows = scratch.rows;
    int32_t row_count = lane->run->now;
    if (model->graph.layer[at].group >= 0) {
        row_count = run_kept_rows(lane->run, model->graph.layer[at].group, matrix, rows);
        dy += (size_t)matrix * (size_t)row_count * (size_t)plan->outs;
    } else if (model->graph.layer[at].type == LAYER_LINEAR) {
        rows = run_whole_inputs(lane->run, at, row_count, rows);
    } else {
        rows = run_patch_inputs(lane->run, at, row_count, rows);
        row_count *= model->graph.layer[at].patches;
    }
    rows_gradient(model->kernels, plan, rows, row_count, dy, count, gradient, dbias);
}
