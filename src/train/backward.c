#include "backward.h"

#include "../base/error.h"
#include "../route/route.h"

#include <string.h>

/* ---- Lanes ---- */

static void lane_lay_out(struct lane *lane, const pmoe_model *model, size_t batch, struct arena *arena)
{
    const struct graph *graph = &model->graph;
    size_t image = (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
    lane->images = arena_take(arena, batch * image * sizeof(float));
    lane->logits = arena_take(arena, batch * (size_t)graph->outputs * sizeof(float));
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        size_t experts = batch * (size_t)layer->experts;
        int32_t stored_by = model->plan[i].stored_by;
        if (model->plan[stored_by].in_group)
            stored_by = layer->group; /* an expert's outputs lie in its group's */
        lane->doutput[i] = stored_by < i ? lane->doutput[stored_by]
                                         : arena_take(arena, batch * (size_t)model->plan[i].out_count * sizeof(float));
        if (layer->type == LAYER_EXPERT_GROUP)
            lane->dgates[i] = arena_take(arena, experts * (size_t)layer->kept * sizeof(float));
        if (layer->type == LAYER_PATCH_ROUTER)
            lane->dscores[i] = arena_take(arena, experts * (size_t)layer->patches * sizeof(float));
    }
}

pmoe_status lane_open(const pmoe_model *model, int32_t max_batch, struct lane *lane, pmoe_error *error)
{
    memset(lane, 0, sizeof *lane);
    TRY(pmoe_run_open(model, max_batch, &lane->run, error));
    struct arena arena = {NULL, 0, 0};
    lane_lay_out(lane, model, (size_t)max_batch, &arena);
    if (!arena_open(&arena, arena.used, &model->allocator, &lane->block)) {
        pmoe_run_close(&lane->run);
        return fail(error, PMOE_E_MEMORY, "training: no memory for the gradients of %d images (%zu bytes)",
                    (int)max_batch, arena.used);
    }
    lane_lay_out(lane, model, (size_t)max_batch, &arena);
    return PMOE_OK;
}

void lane_close(struct lane *lane)
{
    if (!lane->run)
        return;
    allocator_give(&lane->run->model->allocator, lane->block);
    pmoe_run_close(&lane->run);
}

static size_t image_count(const struct graph *graph, int32_t layer)
{
    return (size_t)shape_count(graph_input_shape(graph, layer));
}

void lane_clear(struct lane *lane)
{
    const pmoe_model *model = lane->run->model;
    size_t batch = (size_t)lane->run->batch;
    for (int32_t i = 0; i < model->graph.layers; i++) {
        const struct layer *layer = &model->graph.layer[i];
        if (layer->group < 0)
            memset(lane->doutput[i], 0, batch * (size_t)model->plan[i].out_count * sizeof(float));
        if (layer->type == LAYER_PATCH_ROUTER)
            memset(lane->dscores[i], 0, batch * (size_t)layer->experts * (size_t)layer->patches * sizeof(float));
    }
}

/* ---- Gradients by activations ---- */

/* dx += w^T dy for one row: x is `runs` runs, `step` apart. */
static void spread_row(const struct kernels *kernels, float *dx, const float *w, const float *dy, int32_t outs,
                       struct patch_shape shape)
{
    for (int32_t o = 0; o < outs; o++)
        for (int32_t r = 0; r < shape.runs; r++, w += shape.run)
            if (dy[o] != 0)
                kernels->axpy(dx + (ptrdiff_t)r * shape.step, dy[o], w, (size_t)shape.run);
}

/* A gradient that a fused ReLU let through only where its output is positive. */
static void mask_relu(float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(y[i] > 0))
            dy[i] = 0;
}

static float *input_gradient(const struct lane *lane, int32_t layer)
{
    int32_t input = lane->run->model->graph.layer[layer].input;
    return input == GRAPH_IMAGE ? NULL : lane->doutput[input];
}

static void backward_conv(struct lane *lane, int32_t at, const float *w)
{
    const pmoe_model *model = lane->run->model;
    const struct layer_plan *plan = &model->plan[at];
    const struct layer *layer = &model->graph.layer[at];
    int32_t patches = layer->type == LAYER_LINEAR ? 1 : layer->patches;
    float *dx = input_gradient(lane, at), *dy = lane->doutput[at];
    if (plan->relu)
        mask_relu(dy, run_output(lane->run, at), (size_t)lane->run->batch * (size_t)plan->out_count);
    if (!dx)
        return;
    for (int32_t b = 0; b < lane->run->batch; b++, dx += image_count(&model->graph, at))
        for (int32_t j = 0; j < patches; j++, dy += plan->outs)
            spread_row(model->kernels, dx + (plan->table ? plan->table[j] : 0), w, dy, plan->outs, plan->patch);
}

static void backward_router(struct lane *lane, int32_t at, const float *w)
{
    const pmoe_model *model = lane->run->model;
    const struct layer_plan *plan = &model->plan[at];
    const struct layer *layer = &model->graph.layer[at];
    size_t row = (size_t)plan->patch.runs * (size_t)plan->patch.run;
    float *dx = input_gradient(lane, at);
    const float *dscores = lane->dscores[at];
    if (!dx)
        return;
    for (int32_t b = 0; b < lane->run->batch; b++, dx += image_count(&model->graph, at))
        for (int32_t s = 0; s < layer->experts; s++)
            for (int32_t j = 0; j < layer->patches; j++, dscores++)
                spread_row(model->kernels, dx + plan->table[j], w + (size_t)s * row, dscores, 1, plan->patch);
}

/* Experts that are trained here are one convolution of the size of a patch and maybe a ReLU: `w` are its weights. */
static void backward_group(struct lane *lane, int32_t at, const float *w)
{
    const pmoe_model *model = lane->run->model;
    const struct layer_plan *plan = &model->plan[at + 1];
    const int32_t *patch_at = model->plan[at].table;
    const struct layer *layer = &model->graph.layer[at];
    const pmoe_run *run = lane->run;
    const float *scores = run->scores[layer->router];
    float *dscores = lane->dscores[layer->router];
    size_t batch = (size_t)run->batch, experts = (size_t)layer->experts, kept = (size_t)layer->kept;
    for (size_t i = 0; i < batch * experts; i++)
        route_gates_backward(layer->gate, scores + i * (size_t)layer->patches, layer->patches,
                             run->picks[at] + i * kept, layer->kept, run->gates[at] + i * kept,
                             lane->dgates[at] + i * kept, dscores + i * (size_t)layer->patches);
    if (plan->relu)
        mask_relu(lane->doutput[at], run_output(run, at), batch * (size_t)model->plan[at].out_count);
    if (layer->input == GRAPH_IMAGE)
        return;
    size_t matrix = (size_t)plan->outs * (size_t)plan->patch.runs * (size_t)plan->patch.run;
    const float *dy = lane->doutput[at];
    for (size_t s = 0; s < experts; s++)
        for (size_t b = 0; b < batch; b++)
            for (size_t j = 0; j < kept; j++, dy += plan->outs) {
                float *dx = lane->doutput[layer->input] + b * image_count(&model->graph, at);
                int32_t patch = run->picks[at][(b * experts + s) * kept + j];
                spread_row(model->kernels, dx + patch_at[patch], w + s * matrix, dy, plan->outs, plan->patch);
            }
}

/* One pooled vector back to its rows: dx_i += G_i * dy / divisor, and dG_i = <dy, x_i> / divisor. */
static void spread_pool(float *dx, const float *x, const float *gates, float *dgates, const float *dy, float scale,
                        int32_t rows, int32_t count)
{
    for (int32_t i = 0; i < rows; i++, dx += count, x += count) {
        float gate = gates ? gates[i] * scale : scale, sum = 0;
        for (int32_t c = 0; c < count; c++) {
            dx[c] += gate * dy[c];
            sum += dy[c] * x[c];
        }
        if (dgates)
            dgates[i] = sum * scale;
    }
}

static void backward_pool(struct lane *lane, int32_t at)
{
    const struct graph *graph = &lane->run->model->graph;
    const struct layer *layer = &graph->layer[at];
    struct shape in = graph_input_shape(graph, at);
    float scale = 1.0f / (float)pool_divisor_value(graph, at);
    size_t batch = (size_t)lane->run->batch;
    const float *x = run_input(lane->run, at), *dy = lane->doutput[at];
    float *dx = input_gradient(lane, at);
    if (!dx)
        return;
    if (in.kind == SHAPE_MAP) {
        size_t rows = (size_t)in.a * (size_t)in.b;
        for (size_t b = 0; b < batch; b++)
            spread_pool(dx + b * rows * (size_t)in.c, x + b * rows * (size_t)in.c, NULL, NULL, dy + b * (size_t)in.c,
                        scale, (int32_t)rows, in.c);
        return;
    }
    size_t rows = (size_t)in.b, experts = (size_t)in.a, expert_floats = rows * (size_t)in.c;
    for (size_t s = 0; s < experts; s++)
        for (size_t b = 0; b < batch; b++) {
            size_t image = b * experts + s, group = (s * batch + b) * expert_floats;
            spread_pool(dx + group, x + group, lane->run->gates[layer->input] + image * rows,
                        lane->dgates[layer->input] + image * rows, dy + image * (size_t)in.c, scale, in.b, in.c);
        }
}

static void backward_relu(struct lane *lane, int32_t at)
{
    const struct layer_plan *plan = &lane->run->model->plan[at];
    float *dx = input_gradient(lane, at);
    if (plan->stored_by != at || !dx)
        return;
    const float *y = run_output(lane->run, at), *dy = lane->doutput[at];
    for (size_t i = 0; i < (size_t)lane->run->batch * (size_t)plan->out_count; i++)
        if (y[i] > 0)
            dx[i] += dy[i];
}

void lane_backward(struct lane *lane, float *const *weights)
{
    const struct graph *graph = &lane->run->model->graph;
    for (int32_t i = graph->layers - 1; i >= 0; i--) {
        const struct layer *layer = &graph->layer[i];
        const float *w = layer->weight < 0 ? NULL : weights[layer->weight];
        if (layer->group >= 0)
            continue; /* their group does it */
        switch (layer->type) {
        case LAYER_PATCH_CONV:
        case LAYER_LINEAR: backward_conv(lane, i, w); break;
        case LAYER_PATCH_ROUTER: backward_router(lane, i, w); break;
        case LAYER_EXPERT_GROUP: backward_group(lane, i, weights[graph->layer[i + 1].weight]); break;
        case LAYER_AVG_POOL: backward_pool(lane, i); break;
        case LAYER_RELU: backward_relu(lane, i); break;
        default: break; /* no recipe makes them */
        }
    }
}

/* ---- Gradients by weights ---- */

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
    for (int32_t b = 0; b < lane->run->batch; b++, image += image_count(&lane->run->model->graph, router)) {
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
    int32_t rows;
    if (model->graph.layer[at].group >= 0) {
        rows = run_kept_rows(lane->run, model->graph.layer[at].group, matrix, scratch.rows);
        dy += (size_t)matrix * (size_t)rows * (size_t)plan->outs;
    } else if (model->graph.layer[at].type == LAYER_LINEAR) {
        rows = run_vector_rows(lane->run, at, scratch.rows);
    } else {
        rows = run_patch_rows(lane->run, at, scratch.rows);
    }
    model->kernels->patch_gradient(gradient, scratch.rows, rows, plan->patch, dy, plan->outs, count);
    for (int32_t i = 0; dbias && i < rows; i++)
        for (int32_t o = 0; o < count; o++)
            dbias[o] += dy[(size_t)i * (size_t)plan->outs + (size_t)o];
}
