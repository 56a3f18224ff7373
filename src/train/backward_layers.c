#include "backward_layers.h"

#include <string.h>

/* ---- Gradients and tensors of the layer under way ---- */

float *lane_doutput(const struct lane *lane, int32_t layer)
{
    const pmoe_model *model = lane->run->model;
    int32_t owner = gradient_owner(lane, layer);
    size_t row = owner == model->graph.layer[layer].group ? (size_t)lane->run->expert_row : 0;
    return lane->doutput[owner] + row * (size_t)model->graph.layer[owner].shape.c;
}

/* What an expert was given is a part of the group's input, and a gate on it wants the gradient, too. */
static int wants_given(const struct graph *graph, int32_t group)
{
    return graph->layer[group].input != GRAPH_IMAGE || graph->layer[group].gate_place == GATE_ON_INPUT;
}

float *begin_gradient(struct lane *lane, int32_t at, int32_t input, int32_t *adds)
{
    const pmoe_model *model = lane->run->model;
    *adds = 0;
    if (input == GRAPH_IMAGE || (input == GRAPH_EXPERT && !wants_given(&model->graph, model->graph.layer[at].group)))
        return NULL;
    uint8_t *begun = input == GRAPH_EXPERT ? &lane->begun_given : &lane->begun[gradient_owner(lane, input)];
    *adds = *begun;
    *begun = 1;
    return input == GRAPH_EXPERT ? lane->dgiven : lane_doutput(lane, input);
}

float *add_to_gradient(struct lane *lane, int32_t at, int32_t input)
{
    int32_t adds;
    float *gradient = begin_gradient(lane, at, input, &adds);
    if (gradient && !adds)
        memset(gradient, 0,
               (size_t)lane->count * (size_t)shape_count(graph_shape_of(&lane->run->model->graph, at, input)) *
                   sizeof *gradient);
    return gradient;
}

float *lane_tensor(const struct lane *lane, float *const *table, int32_t tensor)
{
    if (tensor < 0)
        return NULL;
    const struct tensor *row = &lane->run->model->graph.tensor[tensor];
    int inside = lane->run->model->graph.layer[row->layer].group >= 0;
    return table[tensor] + (inside ? lane->run->expert * (row->count / row->dims[0]) : 0);
}

float *lane_gradient(const struct lane *lane, int32_t tensor)
{
    return lane->gradients ? lane_tensor(lane, lane->gradients, tensor) : NULL;
}

void mask_relu(float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dy[i] = y[i] > 0 ? dy[i] : 0;
}

static void mask_folded_relu(struct lane *lane, int32_t at)
{
    const struct layer_plan *plan = &lane->run->model->plan[at];
    size_t count = (size_t)lane->count * (size_t)plan->out_count;
    float *dy = lane_doutput(lane, at), dropped = gate_dropped(lane, at);
    if (plan->relu)
        mask_relu(dy, run_output(lane->run, at), count);
    for (size_t i = 0; dropped > 0 && i < count; i++) /* what was dropped is 0, so the mask has it */
        dy[i] *= 1 / (1 - dropped);
}

/* ---- Rows times weights ---- */

void spread_row(const struct kernels *kernels, float *dx, const float *w, const float *dy, int32_t outs,
                struct patch_shape shape)
{
    for (int32_t o = 0; o < outs; o++)
        for (int32_t r = 0; r < shape.runs; r++, w += shape.run)
            if (dy[o] != 0)
                kernels->axpy(dx + (ptrdiff_t)r * shape.step, dy[o], w, (size_t)shape.run);
}

/* Gradients lie whole, also those by windows of a larger map: their patches have places of their own. */
static void matrix_activations(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer_plan *plan = &model->plan[at];
    const struct layer *layer = &model->graph.layer[at];
    struct shape in = graph_input_shape(&model->graph, at);
    struct patch_shape patch = plan->patch;
    int32_t high = 1, wide = 1;
    if (layer->type == LAYER_PATCH_CONV) {
        patch.step = in.b * in.c;
        high = layer->high;
        wide = layer->wide;
    }
    float *dx = add_to_gradient(lane, at, layer->input);
    const float *w = lane_tensor(lane, lane->weights, layer->weight), *dy = lane_doutput(lane, at);
    for (int32_t i = 0; dx && i < lane->count; i++, dx += input_count(&model->graph, at))
        for (int32_t y = 0; y < high; y++)
            for (int32_t x = 0; x < wide; x++, dy += plan->outs)
                spread_row(model->kernels, dx + (y * layer->patch * in.b + x * layer->patch) * in.c, w, dy, plan->outs,
                           patch);
}

static void backward_matrix(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const struct layer_plan *plan = &model->plan[at];
    float *dw = lane_gradient(lane, layer->weight), *db = lane_gradient(lane, layer->bias);
    mask_folded_relu(lane, at);
    matrix_activations(lane, at);
    if (!dw)
        return;
    int32_t patches = layer->type == LAYER_PATCH_CONV ? layer->patches : 1;
    const float **rows = layer->type == LAYER_PATCH_CONV
                             ? run_patch_inputs(lane->run, at, lane->count, lane->run->rows)
                             : run_whole_inputs(lane->run, at, lane->count, lane->run->rows);
    memset(dw, 0, (size_t)plan->outs * (size_t)plan->patch.runs * (size_t)plan->patch.run * sizeof *dw);
    if (db)
        memset(db, 0, (size_t)plan->outs * sizeof *db);
    rows_gradient(model->kernels, plan, rows, lane->count * patches, lane_doutput(lane, at), plan->outs, dw, db);
}

/* ---- Maps ---- */

static void backward_conv(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const struct layer_plan *plan = &model->plan[at];
    const struct conv_backward *conv = &lane->backward->conv[at];
    const int32_t count = lane->count, pixels = plan->conv.out_high * plan->conv.out_wide;
    float *dy = lane_doutput(lane, at), *dw = lane_gradient(lane, layer->weight),
          *db = lane_gradient(lane, layer->bias);
    mask_folded_relu(lane, at);
    if (dw)
        conv_backward_weights(conv, run_whole_inputs(lane->run, at, count, lane->run->rows), dy, count, dw,
                              lane->scratch);
    if (db)
        model->kernels->gated_sum(db, dy, NULL, 1, count * pixels, plan->outs);
    int32_t adds, matrix = layer->group < 0 ? 0 : lane->run->expert;
    float *dx = begin_gradient(lane, at, layer->input, &adds);
    if (dx)
        conv_backward_activations(conv, matrix, dy, count, adds, dx, lane->rows, lane->scratch);
}

static void backward_norm(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const struct norm *norm = &lane->norm[at];
    if (norm_is_fixed(&model->graph, at))
        return;
    int32_t adds;
    float *dx = begin_gradient(lane, at, layer->input, &adds);
    norm_backward(model->kernels, norm, run_input(lane->run, at), lane_doutput(lane, at),
                  lane_tensor(lane, lane->weights, layer->weight), layer->epsilon, adds, dx,
                  lane_gradient(lane, layer->weight), lane_gradient(lane, layer->bias));
    if (lane->gradients)
        norm_statistics(norm, lane_gradient(lane, layer->mean), lane_gradient(lane, layer->variance));
}

/* To a summand, unless its gradient lies in the same place. */
static void pass_on(struct lane *lane, int32_t at, int32_t to)
{
    const pmoe_model *model = lane->run->model;
    size_t count = (size_t)lane->count * (size_t)model->plan[at].out_count;
    int32_t adds;
    if (to >= 0 && gradient_owner(lane, to) == gradient_owner(lane, at))
        return;
    float *dx = begin_gradient(lane, at, to, &adds);
    if (dx && adds)
        model->kernels->axpy(dx, 1, lane_doutput(lane, at), count);
    else if (dx)
        memcpy(dx, lane_doutput(lane, at), count * sizeof *dx);
}

/* A ReLU behind the sum may be folded into the convolution that makes both. */
static void backward_add(struct lane *lane, int32_t at)
{
    const struct graph *graph = &lane->run->model->graph;
    mask_folded_relu(lane, lane->run->model->plan[at].stored_by);
    pass_on(lane, at, graph->layer[at].input);
    pass_on(lane, at, graph->layer[at].with);
}

static void backward_relu(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer_plan *plan = &model->plan[at];
    if (plan->stored_by != at)
        return;
    float *dx = add_to_gradient(lane, at, model->graph.layer[at].input);
    const float *y = run_output(lane->run, at), *dy = lane_doutput(lane, at);
    for (size_t i = 0; dx && i < (size_t)lane->count * (size_t)plan->out_count; i++)
        if (y[i] > 0)
            dx[i] += dy[i];
}

/* ---- Pools ---- */

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

static void backward_map_pool(struct lane *lane, int32_t at, float scale)
{
    const struct graph *graph = &lane->run->model->graph;
    struct shape in = graph_input_shape(graph, at);
    const float *dy = lane_doutput(lane, at);
    float *dx = add_to_gradient(lane, at, graph->layer[at].input);
    for (int32_t i = 0; dx && i < lane->count; i++, dy += in.c)
        for (int32_t p = 0; p < in.a * in.b; p++, dx += in.c)
            for (int32_t c = 0; c < in.c; c++)
                dx[c] += scale * dy[c];
}

static void backward_group_pool(struct lane *lane, int32_t at, float scale)
{
    const struct graph *graph = &lane->run->model->graph;
    const int32_t group = graph->layer[at].input;
    const int on_output = graph->layer[group].gate_place == GATE_ON_OUTPUT;
    struct shape in = graph_input_shape(graph, at);
    const float *x = run_input(lane->run, at), *dy = lane_doutput(lane, at);
    const size_t rows = (size_t)in.b, experts = (size_t)in.a, outs = (size_t)in.c, batch = (size_t)lane->run->batch;
    const size_t fed = (size_t)run_feeds_zeros(lane->run, group), expert_rows = batch * rows + fed;
    const float dropped = (float)(graph->layer[group].patches - in.b) * scale;
    int32_t adds;
    float *dx = begin_gradient(lane, at, group, &adds);
    if (!adds)
        memset(dx, 0, experts * expert_rows * outs * sizeof *dx);
    for (size_t s = 0; s < experts; s++)
        for (size_t b = 0; b < batch; b++) {
            size_t image = b * experts + s, kept = (s * expert_rows + b * rows) * outs;
            spread_pool(dx + kept, x + kept, on_output ? lane->run->gates[group] + image * rows : NULL,
                        on_output ? lane->dgates[group] + image * rows : NULL, dy + image * outs, scale, in.b, in.c);
            if (fed)
                lane->run->model->kernels->axpy(dx + (s * expert_rows + batch * rows) * outs, dropped,
                                                dy + image * outs, outs);
        }
}

static void backward_pool(struct lane *lane, int32_t at)
{
    const struct graph *graph = &lane->run->model->graph;
    float scale = 1.0f / (float)pool_divisor_value(graph, at);
    if (graph_input_shape(graph, at).kind == SHAPE_ROUTED)
        backward_group_pool(lane, at, scale);
    else
        backward_map_pool(lane, at, scale);
}

/* To the pixel that was the largest of its channel, of equals the first. */
static void backward_max_pool(struct lane *lane, int32_t at)
{
    const struct graph *graph = &lane->run->model->graph;
    struct shape in = graph_input_shape(graph, at);
    const float *x = run_input(lane->run, at), *y = run_output(lane->run, at), *dy = lane_doutput(lane, at);
    float *dx = add_to_gradient(lane, at, graph->layer[at].input);
    size_t map = (size_t)(in.a * in.b) * (size_t)in.c;
    for (int32_t i = 0; dx && i < lane->count; i++, x += map, dx += map, y += in.c, dy += in.c)
        for (size_t c = 0; c < (size_t)in.c; c++)
            for (size_t p = c; p < map; p += (size_t)in.c)
                if (x[p] == y[c]) {
                    dx[p] += dy[c];
                    break;
                }
}

/* ---- All of them ---- */

void backward_layer(struct lane *lane, int32_t at)
{
    switch (lane->run->model->graph.layer[at].type) {
    case LAYER_CONV: backward_conv(lane, at); break;
    case LAYER_PATCH_CONV:
    case LAYER_LINEAR: backward_matrix(lane, at); break;
    case LAYER_BATCH_NORM: backward_norm(lane, at); break;
    case LAYER_RELU: backward_relu(lane, at); break;
    case LAYER_ADD: backward_add(lane, at); break;
    case LAYER_AVG_POOL: backward_pool(lane, at); break;
    case LAYER_MAX_POOL: backward_max_pool(lane, at); break;
    case LAYER_PATCH_ROUTER: backward_patch_router(lane, at); break;
    case LAYER_SAMPLE_ROUTER: backward_sample_router(lane, at); break;
    case LAYER_EXPERT_GROUP: backward_group(lane, at); break;
    case LAYER_MIXTURE: backward_mixture(lane, at); break;
    }
}
