#include "backward.h"

#include "../base/error.h"
#include "../route/route.h"

#include <assert.h>
#include <string.h>

/* ---- What lanes share ---- */

static void backward_lay_out(struct backward *backward, struct arena *arena)
{
    for (int32_t i = 0; i < backward->model->graph.layers; i++)
        if (backward->model->graph.layer[i].type == LAYER_CONV)
            conv_backward_lay_out(&backward->conv[i], arena);
}

pmoe_status backward_open(const pmoe_model *model, struct backward *backward, pmoe_error *error)
{
    *backward = (struct backward){.model = model};
    const struct graph *graph = &model->graph;
    for (int32_t i = 0; i < graph->layers; i++)
        if (graph->layer[i].type == LAYER_CONV)
            backward->conv[i] = conv_backward_of(model->kernels, &model->plan[i].conv);
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

/* The layer in whose memory this one's gradient lies: an expert's outputs lie in its group's. */
static int32_t gradient_owner(const pmoe_model *model, int32_t layer)
{
    int32_t stored_by = model->plan[layer].stored_by;
    return model->plan[stored_by].in_group ? model->graph.layer[layer].group : stored_by;
}

static void lane_lay_out(struct lane *lane, const pmoe_model *model, size_t batch, struct arena *arena)
{
    const struct graph *graph = &model->graph;
    size_t image = (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels, scratch = 0;
    size_t rows = backward_scratch_rows(model, (int32_t)batch);
    lane->images = arena_take(arena, batch * image * sizeof(float));
    lane->logits = arena_take(arena, batch * (size_t)graph->outputs * sizeof(float));
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        size_t experts = batch * (size_t)layer->experts;
        int32_t owner = gradient_owner(model, i);
        lane->doutput[i] = owner < i ? lane->doutput[owner]
                                     : arena_take(arena, batch * (size_t)model->plan[i].out_count * sizeof(float));
        if (layer->type == LAYER_EXPERT_GROUP)
            lane->dgates[i] = arena_take(arena, experts * (size_t)layer->kept * sizeof(float));
        if (layer->type == LAYER_PATCH_ROUTER)
            lane->dscores[i] = arena_take(arena, experts * (size_t)layer->patches * sizeof(float));
        if (layer->type == LAYER_BATCH_NORM)
            norm_lay_out(&lane->norm[i], layer->shape.a * layer->shape.b, layer->shape.c, arena);
        if (layer->type == LAYER_CONV) {
            size_t wanted = conv_backward_scratch(&lane->backward->conv[i], (int32_t)batch);
            scratch = wanted > scratch ? wanted : scratch;
        }
    }
    lane->rows = arena_take(arena, batch * sizeof *lane->rows);
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
    lane->run->norm = forward_batch_norm;
    lane->run->norm_context = lane;
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
    if (norm_is_fixed(&model->graph, at))
        model->kernels->scale_shift(y, x, plan->scale, plan->bias, images * norm->pixels, norm->channels, plan->relu);
    else
        norm_forward(model->kernels, norm, x, images, lane->weights[layer->weight], lane->weights[layer->bias],
                     layer->epsilon, plan->relu, y);
}

void lane_forward(struct lane *lane, int32_t images, float *const *weights)
{
    lane->weights = weights;
    pmoe_status status = pmoe_forward(lane->run, lane->images, images, lane->logits);
    assert(status == PMOE_OK); /* so many images are what the lane was opened for */
    (void)status;
}

static size_t image_count(const struct graph *graph, int32_t layer)
{
    return (size_t)shape_count(graph_input_shape(graph, layer));
}

void lane_clear(struct lane *lane)
{
    const pmoe_model *model = lane->run->model;
    memset(lane->begun, 0, sizeof lane->begun);
    lane->begun[gradient_owner(model, model->graph.last)] = 1;
    for (int32_t i = 0; i < model->graph.layers; i++) {
        const struct layer *layer = &model->graph.layer[i];
        if (layer->type == LAYER_PATCH_ROUTER)
            memset(lane->dscores[i], 0,
                   (size_t)lane->run->batch * (size_t)layer->experts * (size_t)layer->patches * sizeof(float));
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
        dy[i] = y[i] > 0 ? dy[i] : 0;
}

/* A layer's gradient for the first or another of its readers; NULL for the image's.  *adds: there is something to add
 * to. */
static float *begin_gradient(struct lane *lane, int32_t layer, int32_t *adds)
{
    *adds = 0;
    if (layer == GRAPH_IMAGE)
        return NULL;
    uint8_t *begun = &lane->begun[gradient_owner(lane->run->model, layer)];
    *adds = *begun;
    *begun = 1;
    return lane->doutput[layer];
}

/* The same, for who only adds: zeros at first. */
static float *add_to_gradient(struct lane *lane, int32_t layer)
{
    int32_t adds;
    float *gradient = begin_gradient(lane, layer, &adds);
    if (gradient && !adds)
        memset(gradient, 0,
               (size_t)lane->run->batch *
                   (size_t)lane->run->model->plan[gradient_owner(lane->run->model, layer)].out_count *
                   sizeof *gradient);
    return gradient;
}

static float *input_gradient(struct lane *lane, int32_t layer)
{
    return add_to_gradient(lane, lane->run->model->graph.layer[layer].input);
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
    float *all = add_to_gradient(lane, layer->input);
    for (size_t s = 0; s < experts; s++)
        for (size_t b = 0; b < batch; b++)
            for (size_t j = 0; j < kept; j++, dy += plan->outs) {
                float *dx = all + b * image_count(&model->graph, at);
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

/* ---- Maps ---- */

/* A gradient of a layer by its weights or bias, or NULL where nobody wants it. */
static float *tensor_gradient(const struct lane *lane, int32_t tensor)
{
    return tensor < 0 || !lane->gradients ? NULL : lane->gradients[tensor];
}

static void backward_map_conv(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const struct layer_plan *plan = &model->plan[at];
    const struct conv_backward *conv = &lane->backward->conv[at];
    const int32_t images = lane->run->batch, pixels = plan->conv.out_high * plan->conv.out_wide;
    float *dy = lane->doutput[at], *dw = tensor_gradient(lane, layer->weight), *db = tensor_gradient(lane, layer->bias);
    if (plan->relu)
        mask_relu(dy, run_output(lane->run, at), (size_t)images * (size_t)plan->out_count);
    if (dw) {
        run_vector_rows(lane->run, at, lane->rows);
        conv_backward_weights(conv, lane->rows, dy, images, dw, lane->scratch);
    }
    if (db)
        model->kernels->gated_sum(db, dy, NULL, 1, images * pixels, plan->outs);
    int32_t adds;
    float *dx = begin_gradient(lane, layer->input, &adds);
    if (dx)
        conv_backward_activations(conv, dy, images, adds, dx, lane->rows, lane->scratch);
}

static void backward_norm(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const struct layer_plan *plan = &model->plan[at];
    const struct norm *norm = &lane->norm[at];
    float *dy = lane->doutput[at];
    if (norm_is_fixed(&model->graph, at))
        return;
    if (plan->relu)
        mask_relu(dy, run_output(lane->run, at), (size_t)lane->run->batch * (size_t)plan->out_count);
    int32_t adds;
    float *dx = begin_gradient(lane, layer->input, &adds);
    norm_backward(model->kernels, norm, run_input(lane->run, at), dy, lane->weights[layer->weight], layer->epsilon,
                  adds, dx, tensor_gradient(lane, layer->weight), tensor_gradient(lane, layer->bias));
    if (lane->gradients)
        norm_statistics(norm, lane->gradients[layer->mean], lane->gradients[layer->variance]);
}

static void pass_on(struct lane *lane, int32_t at, int32_t to)
{
    size_t count = (size_t)lane->run->batch * (size_t)lane->run->model->plan[at].out_count;
    int32_t adds;
    float *dx = begin_gradient(lane, to, &adds);
    if (dx && adds)
        lane->run->model->kernels->axpy(dx, 1, lane->doutput[at], count);
    else if (dx)
        memcpy(dx, lane->doutput[at], count * sizeof *dx);
}

static void backward_add(struct lane *lane, int32_t at)
{
    pass_on(lane, at, lane->run->model->graph.layer[at].input);
    pass_on(lane, at, lane->run->model->graph.layer[at].with);
}

/* ---- The walk ---- */

/* Gradients by the weights of a layer, or of a group's experts, of which each is one matrix of rows. */
static void matrix_gradients(struct lane *lane, int32_t at)
{
    const struct layer *layer = &lane->run->model->graph.layer[at];
    const struct layer_plan *plan = &lane->run->model->plan[at];
    float *dw = tensor_gradient(lane, layer->weight), *db = tensor_gradient(lane, layer->bias);
    if (!dw)
        return;
    size_t row = (size_t)plan->patch.runs * (size_t)plan->patch.run, outs = (size_t)plan->outs;
    memset(dw, 0, (size_t)plan->matrices * outs * row * sizeof *dw);
    if (db)
        memset(db, 0, (size_t)plan->matrices * outs * sizeof *db);
    for (int32_t m = 0; m < plan->matrices; m++)
        lane_weight_gradient(lane, at, m, 0, plan->outs, lane->gathered, dw + (size_t)m * outs * row,
                             db ? db + (size_t)m * outs : NULL);
}

static void backward_layer(struct lane *lane, int32_t at)
{
    const struct graph *graph = &lane->run->model->graph;
    const struct layer *layer = &graph->layer[at];
    const float *w = layer->weight < 0 ? NULL : lane->weights[layer->weight];
    switch (layer->type) {
    case LAYER_CONV: backward_map_conv(lane, at); break;
    case LAYER_BATCH_NORM: backward_norm(lane, at); break;
    case LAYER_ADD: backward_add(lane, at); break;
    case LAYER_PATCH_CONV:
    case LAYER_LINEAR:
        backward_conv(lane, at, w);
        matrix_gradients(lane, at);
        break;
    case LAYER_PATCH_ROUTER:
        backward_router(lane, at, w);
        matrix_gradients(lane, at);
        break;
    case LAYER_EXPERT_GROUP:
        backward_group(lane, at, lane->weights[graph->layer[at + 1].weight]);
        matrix_gradients(lane, at + 1);
        break;
    case LAYER_AVG_POOL: backward_pool(lane, at); break;
    case LAYER_RELU: backward_relu(lane, at); break;
    default: break; /* no recipe makes them */
    }
}

void lane_backward(struct lane *lane, float *const *gradients)
{
    const pmoe_model *model = lane->run->model;
    lane->gradients = gradients;
    for (int32_t i = model->graph.last; i >= 0; i--)
        if (model->graph.layer[i].group < 0) /* else their group does it */
            backward_layer(lane, i);
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
