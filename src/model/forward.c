/* Forward passes: one function a layer type, over a batch, or over what an expert was given. */
#include "forward.h"

#include <string.h>

enum {
    LINE_FLOATS = 16,
    CACHE_FLOATS = 1 << 20, /* 4 MiB: more of a batch than a third-level cache that others share still holds */
    FAR_PATCHES = 8, /* in a row; where there are fewer, pieces of neighbouring rows are close enough to each other */
};

int32_t pool_divisor_value(const struct graph *graph, int32_t pool)
{
    const struct layer *layer = &graph->layer[pool];
    struct shape in = graph_input_shape(graph, pool);
    return layer->divisor == POOL_BY_KEPT && in.kind == SHAPE_ROUTED ? in.b : layer->patches;
}

/* ---- Layers over `images` maps or vectors; inside of experts with the weights of the expert under way ---- */

static int32_t matrix_of(const pmoe_run *run, int32_t at)
{
    return run->model->graph.layer[at].group < 0 ? 0 : run->expert;
}

static const float *panels_of(const pmoe_run *run, int32_t at)
{
    const struct layer_plan *plan = &run->model->plan[at];
    return plan->panels + (size_t)matrix_of(run, at) * plan->panel_floats;
}

static const float *bias_of(const pmoe_run *run, int32_t at)
{
    const struct layer_plan *plan = &run->model->plan[at];
    return plan->bias ? plan->bias + (size_t)matrix_of(run, at) * (size_t)plan->outs : NULL;
}

void forward_matrix(const pmoe_run *run, int32_t at, const float *const *x, int32_t rows, int32_t groups, float *y)
{
    const struct layer_plan *plan = &run->model->plan[at];
    run->model->kernels->patch_forward(y, plan->outs, x, rows, groups, plan->patch, panels_of(run, at),
                                       bias_of(run, at), plan->outs, plan->relu);
}

/* Read one float of each line, in order. */
static void touch(const float *from, size_t floats)
{
    for (size_t i = 0; i < floats; i += LINE_FLOATS)
        (void)*(const volatile float *)(from + i);
}

/* Whether patches of images that lie in no cache would be read in an order that no prefetcher recognises: short pieces
 * of many rows.  Then it takes half the time to read those images in order first (SPEED.md). */
static int is_out_of_order(const pmoe_run *run, int32_t at)
{
    const struct layer_plan *plan = &run->model->plan[at];
    const size_t in_cache = CACHE_FLOATS / plan->in_floats;
    return run->model->graph.layer[at].input == GRAPH_IMAGE && in_cache && (size_t)run->batch > in_cache &&
           plan->patch.step / FAR_PATCHES >= plan->patch.run;
}

void forward_patches(pmoe_run *run, int32_t at, int32_t images, float *y)
{
    const float **x = run_patch_inputs(run, at, images, run->rows);
    if (is_out_of_order(run, at))
        touch(run->images, (size_t)images * run->model->plan[at].in_floats);
    forward_matrix(run, at, x, images * run->model->graph.layer[at].patches, 1, y);
}

static void forward_conv(pmoe_run *run, int32_t at, int32_t images)
{
    const struct layer_plan *plan = &run->model->plan[at];
    const float **x = run_whole_inputs(run, at, images, run->rows);
    if (HAS_INT8 && run->ranges)
        input_range_see(&run->ranges[at], &plan->conv, x, images);
    const struct conv_call call = {.conv = &plan->conv,
                                   .table = plan->table,
                                   .panels = panels_of(run, at),
                                   .bias = bias_of(run, at),
                                   .x = x,
                                   .images = images,
                                   .add = plan->adds ? run_source(run, plan->addend) : NULL,
                                   .relu = plan->relu,
                                   .y = run_output(run, at),
                                   .scratch = run->scratch};
    conv_run(run->model->kernels, &call, run->awake);
}

static void forward_norm(pmoe_run *run, int32_t at, int32_t images)
{
    if (HAS_TRAINING && run->norm) {
        run->norm(run->training, at, images);
        return;
    }
    const struct layer_plan *plan = &run->model->plan[at];
    struct shape shape = run->model->graph.layer[at].shape;
    size_t norm = (size_t)matrix_of(run, at) * (size_t)shape.c;
    run->model->kernels->scale_shift(run_output(run, at), run_input(run, at), plan->scale + norm, plan->bias + norm,
                                     images * shape.a * shape.b, shape.c, plan->relu);
}

static void forward_add(pmoe_run *run, int32_t at, int32_t images)
{
    size_t count = (size_t)images * (size_t)shape_count(run->model->graph.layer[at].shape);
    float *out = run_output(run, at);
    memcpy(out, run_input(run, at), count * sizeof *out);
    run->model->kernels->axpy(out, 1, run_source(run, run->model->graph.layer[at].with), count);
}

static void forward_relu(pmoe_run *run, int32_t at, int32_t images)
{
    size_t count = (size_t)images * (size_t)shape_count(run->model->graph.layer[at].shape);
    run->model->kernels->relu(run_output(run, at), run_input(run, at), count);
}

/* Eq. 5's sum over all patches. */
static void forward_pool(pmoe_run *run, int32_t at, int32_t images)
{
    struct shape in = graph_input_shape(&run->model->graph, at);
    float scale = 1.0f / (float)pool_divisor_value(&run->model->graph, at);
    const float *from = run_input(run, at);
    float *out = run_output(run, at);
    for (int32_t i = 0; i < images; i++, from += in.a * in.b * in.c, out += in.c)
        run->model->kernels->gated_sum(out, from, NULL, scale, in.a * in.b, in.c);
}

static void forward_max_pool(pmoe_run *run, int32_t at, int32_t images)
{
    struct shape in = graph_input_shape(&run->model->graph, at);
    const float *from = run_input(run, at);
    float *out = run_output(run, at);
    for (int32_t i = 0; i < images; i++, from += in.a * in.b * in.c, out += in.c)
        run->model->kernels->row_max(out, from, in.a * in.b, in.c);
}

static void forward_linear(pmoe_run *run, int32_t at, int32_t images)
{
    forward_matrix(run, at, run_whole_inputs(run, at, images, run->rows), images, 1, run_output(run, at));
    if (HAS_TRAINING && run->drop)
        run->drop(run->training, at, images);
}

/* ---- Passes ---- */

/* A layer that treats each map or vector alike, inside of experts or not. */
void forward_whole(pmoe_run *run, int32_t at, int32_t images)
{
    if (run->model->plan[at].stored_by != at)
        return;
    switch (run->model->graph.layer[at].type) {
    case LAYER_CONV: forward_conv(run, at, images); break;
    case LAYER_PATCH_CONV: forward_patches(run, at, images, run_output(run, at)); break;
    case LAYER_LINEAR: forward_linear(run, at, images); break;
    case LAYER_BATCH_NORM: forward_norm(run, at, images); break;
    case LAYER_ADD: forward_add(run, at, images); break;
    case LAYER_RELU: forward_relu(run, at, images); break;
    case LAYER_AVG_POOL: forward_pool(run, at, images); break;
    case LAYER_MAX_POOL: forward_max_pool(run, at, images); break;
    default: break; /* routers, groups and mixtures are not inside of experts */
    }
}

void run_layer(pmoe_run *run, int32_t at)
{
    switch (run->model->graph.layer[at].type) {
    case LAYER_PATCH_ROUTER: forward_router(run, at); break;
    case LAYER_SAMPLE_ROUTER: forward_sample_router(run, at); break;
    case LAYER_EXPERT_GROUP:
    case LAYER_MIXTURE:
        run_route(run, at);
        run_experts(run, at);
        break;
    case LAYER_AVG_POOL:
        if (graph_input_shape(&run->model->graph, at).kind == SHAPE_ROUTED) {
            forward_group_pool(run, at);
            break;
        }
        /* fall through */
    default: forward_whole(run, at, run->now); break;
    }
}

int32_t run_part(pmoe_run *run, const float *images, int32_t first)
{
    const struct graph *graph = &run->model->graph;
    int32_t left = run->batch - first;
    run->first = first;
    run->now = left < run->at_once ? left : run->at_once;
    run->images = images + (size_t)first * (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
    return run->now;
}

/* One image's may be beyond what 64 bits hold of a batch; more than enough is enough. */
static int64_t batch_work(const pmoe_model *model, int32_t batch)
{
    int64_t work = model_pool_work(model);
    return work < POOL_LEAST_PASS ? work * batch : work;
}

pmoe_status pmoe_forward(pmoe_run *run, const float *images, int32_t batch, float *logits)
{
    if (batch < 1 || batch > run->max_batch)
        return PMOE_E_ARGUMENT;
    const struct graph *graph = &run->model->graph;
    run->batch = batch;
    run->awake = run->pool ? pool_wake(run->pool, batch_work(run->model, batch)) : NULL;
    for (int32_t first = 0; first < batch; first += run->now) {
        run_part(run, images, first);
        for (int32_t i = 0; i <= graph->last; i++)
            if (graph->layer[i].group < 0)
                run_layer(run, i);
        memcpy(logits + (size_t)run->first * (size_t)graph->outputs, run_output(run, graph->last),
               (size_t)run->now * (size_t)graph->outputs * sizeof *logits);
    }
    run->first = 0; /* what training reads next is the whole batch, which was one part */
    return PMOE_OK;
}
