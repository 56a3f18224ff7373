/* Forward passes: one function a layer type, over a batch.
 *
 * The only thing that a routed layer does and a dense one does not is to write fewer row pointers. */
#include "model.h"

#include "../base/error.h"
#include "../route/route.h"

#include <string.h>

enum {
    RUN_MAX_BATCH = 4096,
    RUN_AT_ONCE = 4, /* boards of 50 KB against second-level caches of 1 MB and more */
};

/* ---- Opening ---- */

struct run_sizes {
    size_t rows, by_patch;
};

static struct run_sizes run_measure(const pmoe_model *model)
{
    struct run_sizes sizes = {1, 0};
    for (int32_t i = 0; i < model->graph.layers; i++) {
        const struct layer *layer = &model->graph.layer[i];
        size_t rows = layer->type == LAYER_PATCH_CONV || layer->type == LAYER_PATCH_ROUTER ? (size_t)layer->patches
                      : layer->type == LAYER_EXPERT_GROUP                                  ? (size_t)layer->kept
                                                                                           : 1;
        sizes.rows = rows > sizes.rows ? rows : sizes.rows;
        if (layer->type == LAYER_PATCH_ROUTER && rows * (size_t)layer->experts > sizes.by_patch)
            sizes.by_patch = rows * (size_t)layer->experts;
    }
    return sizes;
}

/* count items of `bytes` each for every image; a product that overflows asks for more than any arena has. */
static void *take_per_image(struct arena *arena, int32_t max_batch, size_t count, size_t bytes)
{
    size_t total;
    if (!size_mul(count, bytes, &total) || !size_mul(total, (size_t)max_batch, &total) || total > SIZE_MAX / 8 ||
        arena->used > SIZE_MAX / 8)
        total = SIZE_MAX / 8;
    return arena_take(arena, total);
}

static void run_lay_out(pmoe_run *run, struct arena *arena)
{
    const pmoe_model *model = run->model;
    int32_t batch = run->max_batch;
    struct run_sizes sizes = run_measure(model);
    run->rows = take_per_image(arena, run->at_once, sizes.rows, sizeof *run->rows);
    run->by_patch = take_per_image(arena, run->at_once, sizes.by_patch, sizeof(float));
    run->activations = take_per_image(arena, run->at_once, model->activations, sizeof(float));
    for (int32_t i = 0; i < model->graph.layers; i++) {
        const struct layer *layer = &model->graph.layer[i];
        size_t kept = (size_t)layer->experts * (size_t)layer->kept;
        if (layer->type == LAYER_PATCH_ROUTER)
            run->scores[i] =
                take_per_image(arena, batch, (size_t)layer->experts * (size_t)layer->patches, sizeof(float));
        if (layer->type == LAYER_EXPERT_GROUP) {
            run->picks[i] = take_per_image(arena, batch, kept, sizeof(int32_t));
            run->gates[i] = take_per_image(arena, batch, kept, sizeof(float));
        }
    }
}

pmoe_status pmoe_run_open(const pmoe_model *model, int32_t max_batch, pmoe_run **run, pmoe_error *error)
{
    *run = NULL;
    if (max_batch < 1 || max_batch > RUN_MAX_BATCH)
        return fail(error, PMOE_E_LIMIT, "run: max_batch is %d, expected 1 to %d", (int)max_batch, RUN_MAX_BATCH);
    int32_t at_once = model->memory == MODEL_KEEP_ALL || max_batch < RUN_AT_ONCE ? max_batch : RUN_AT_ONCE;
    pmoe_run counted = {.model = model, .max_batch = max_batch, .at_once = at_once};
    struct arena arena = {NULL, 0, 0};
    arena_take(&arena, sizeof counted);
    run_lay_out(&counted, &arena);
    void *block = NULL;
    if (arena.used >= SIZE_MAX / 8 || !arena_open(&arena, arena.used, &model->allocator, &block))
        return fail(error, PMOE_E_MEMORY, "run: no memory for %d images at a time (%zu bytes)", (int)max_batch,
                    arena.used);
    pmoe_run *made = arena_take(&arena, sizeof *made);
    *made = (pmoe_run){.model = model, .block = block, .bytes = arena.size, .max_batch = max_batch, .at_once = at_once};
    run_lay_out(made, &arena);
    *run = made;
    return PMOE_OK;
}

void pmoe_run_close(pmoe_run **run)
{
    if (!run || !*run)
        return;
    pmoe_allocator allocator = (*run)->model->allocator;
    allocator_give(&allocator, (*run)->block);
    *run = NULL;
}

size_t pmoe_run_bytes(const pmoe_run *run)
{
    return run->bytes;
}

/* ---- Where things lie ---- */

float *run_output(const pmoe_run *run, int32_t layer)
{
    return run->activations + run->model->plan[layer].out_at * (size_t)run->at_once;
}

const float *run_input(const pmoe_run *run, int32_t layer)
{
    int32_t input = run->model->graph.layer[layer].input;
    return input == GRAPH_IMAGE ? run->images : run_output(run, input);
}

static size_t input_count(const pmoe_run *run, int32_t layer)
{
    return (size_t)shape_count(graph_input_shape(&run->model->graph, layer));
}

/* Routing of the part under way, in arrays that hold the whole batch. */
static float *run_scores(const pmoe_run *run, int32_t router)
{
    const struct layer *layer = &run->model->graph.layer[router];
    return run->scores[router] + (size_t)run->first * (size_t)layer->experts * (size_t)layer->patches;
}

static int32_t *run_picks(const pmoe_run *run, int32_t group, int32_t item)
{
    const struct layer *layer = &run->model->graph.layer[group];
    return run->picks[group] + ((size_t)run->first + (size_t)item) * (size_t)layer->experts * (size_t)layer->kept;
}

static float *run_gates(const pmoe_run *run, int32_t group)
{
    const struct layer *layer = &run->model->graph.layer[group];
    return run->gates[group] + (size_t)run->first * (size_t)layer->experts * (size_t)layer->kept;
}

int32_t run_patch_rows(const pmoe_run *run, int32_t layer, const float **rows)
{
    const int32_t *patch_at = run->model->plan[layer].patch_at;
    int32_t patches = run->model->graph.layer[layer].patches;
    const float *image = run_input(run, layer);
    size_t step = input_count(run, layer);
    for (int32_t b = 0; b < run->now; b++, image += step, rows += patches)
        for (int32_t j = 0; j < patches; j++)
            rows[j] = image + patch_at[j];
    return run->now * patches;
}

int32_t run_kept_rows(const pmoe_run *run, int32_t group, int32_t expert, const float **rows)
{
    const struct layer *layer = &run->model->graph.layer[group];
    const int32_t *patch_at = run->model->plan[group].patch_at;
    const float *image = run_input(run, group);
    size_t step = input_count(run, group);
    for (int32_t b = 0; b < run->now; b++, image += step, rows += layer->kept) {
        const int32_t *picks = run_picks(run, group, b) + (size_t)expert * (size_t)layer->kept;
        for (int32_t j = 0; j < layer->kept; j++)
            rows[j] = image + patch_at[picks[j]];
    }
    return run->now * layer->kept;
}

int32_t run_vector_rows(const pmoe_run *run, int32_t layer, const float **rows)
{
    const float *values = run_input(run, layer);
    size_t step = input_count(run, layer);
    for (int32_t b = 0; b < run->now; b++)
        rows[b] = values + (size_t)b * step;
    return run->now;
}

int32_t pool_divisor_value(const struct graph *graph, int32_t pool)
{
    const struct layer *layer = &graph->layer[pool];
    struct shape in = graph_input_shape(graph, pool);
    return layer->divisor == POOL_BY_KEPT && in.kind == SHAPE_ROUTED ? in.b : layer->patches;
}

/* ---- Layers ---- */

static void forward_matrix(pmoe_run *run, int32_t at, int32_t rows)
{
    const struct layer_plan *plan = &run->model->plan[at];
    run->model->kernels->patch_forward(run_output(run, at), plan->outs, run->rows, rows, plan->patch, plan->panels,
                                       plan->bias, plan->outs, plan->relu);
}

/* Scores come from the kernel by patch, [n][k]; everyone after wants them by expert. */
static void forward_router(pmoe_run *run, int32_t at)
{
    const struct layer *layer = &run->model->graph.layer[at];
    const struct layer_plan *plan = &run->model->plan[at];
    int32_t experts = layer->experts, patches = layer->patches;
    int32_t rows = run_patch_rows(run, at, run->rows);
    run->model->kernels->patch_forward(run->by_patch, experts, run->rows, rows, plan->patch, plan->panels, NULL,
                                       experts, 0);
    const float *from = run->by_patch;
    float *scores = run_scores(run, at);
    for (int32_t b = 0; b < run->now; b++, scores += (size_t)experts * (size_t)patches)
        for (int32_t j = 0; j < patches; j++, from += experts)
            for (int32_t s = 0; s < experts; s++)
                scores[s * patches + j] = from[s];
}

static void forward_group(pmoe_run *run, int32_t at)
{
    const struct layer *layer = &run->model->graph.layer[at];
    const struct layer_plan *plan = &run->model->plan[at];
    const float *scores = run_scores(run, layer->router);
    int32_t *picks = run_picks(run, at, 0);
    float *gates = run_gates(run, at);
    for (int32_t i = 0; i < run->now * layer->experts; i++) {
        route_top(scores, layer->patches, layer->kept, picks);
        route_gates(layer->gate, scores, layer->patches, picks, layer->kept, gates);
        scores += layer->patches;
        picks += layer->kept;
        gates += layer->kept;
    }
    float *out = run_output(run, at);
    for (int32_t s = 0; s < layer->experts; s++) {
        int32_t rows = run_kept_rows(run, at, s, run->rows);
        const float *bias = plan->bias ? plan->bias + s * layer->filters : NULL;
        run->model->kernels->patch_forward(out, layer->filters, run->rows, rows, plan->patch,
                                           plan->panels + (size_t)s * plan->panel_floats, bias, layer->filters,
                                           plan->relu);
        out += (size_t)rows * (size_t)layer->filters;
    }
}

/* Eq. 1's sum over J_s with its gates, or eq. 5's over all patches. */
static void forward_pool(pmoe_run *run, int32_t at)
{
    const struct kernels *kernels = run->model->kernels;
    const struct layer *layer = &run->model->graph.layer[at];
    struct shape in = graph_input_shape(&run->model->graph, at);
    float scale = 1.0f / (float)pool_divisor_value(&run->model->graph, at);
    const float *from = run_input(run, at);
    float *out = run_output(run, at);
    if (in.kind == SHAPE_MAP) {
        for (int32_t b = 0; b < run->now; b++, from += in.a * in.b * in.c, out += in.c)
            kernels->gated_sum(out, from, NULL, scale, in.a * in.b, in.c);
        return;
    }
    for (int32_t s = 0; s < in.a; s++)
        for (int32_t b = 0; b < run->now; b++, from += in.b * in.c) {
            size_t of_image = (size_t)b * (size_t)in.a + (size_t)s;
            kernels->gated_sum(out + of_image * (size_t)in.c, from,
                               run_gates(run, layer->input) + of_image * (size_t)in.b, scale, in.b, in.c);
        }
}

static void forward_layer(pmoe_run *run, int32_t at)
{
    const struct layer_plan *plan = &run->model->plan[at];
    switch (run->model->graph.layer[at].type) {
    case LAYER_PATCH_CONV: forward_matrix(run, at, run_patch_rows(run, at, run->rows)); break;
    case LAYER_LINEAR: forward_matrix(run, at, run_vector_rows(run, at, run->rows)); break;
    case LAYER_PATCH_ROUTER: forward_router(run, at); break;
    case LAYER_EXPERT_GROUP: forward_group(run, at); break;
    case LAYER_AVG_POOL: forward_pool(run, at); break;
    case LAYER_RELU:
        if (!plan->folded)
            run->model->kernels->relu(run_output(run, at), run_input(run, at),
                                      (size_t)plan->out_count * (size_t)run->now);
        break;
    }
}

pmoe_status pmoe_forward(pmoe_run *run, const float *images, int32_t batch, float *logits)
{
    if (batch < 1 || batch > run->max_batch)
        return PMOE_E_ARGUMENT;
    const struct graph *graph = &run->model->graph;
    size_t image = (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
    run->batch = batch;
    for (run->first = 0; run->first < batch; run->first += run->now) {
        int32_t left = batch - run->first;
        run->now = left < run->at_once ? left : run->at_once;
        run->images = images + (size_t)run->first * image;
        for (int32_t i = 0; i < graph->layers; i++)
            forward_layer(run, i);
        memcpy(logits + (size_t)run->first * (size_t)graph->outputs, run_output(run, graph->layers - 1),
               (size_t)run->now * (size_t)graph->outputs * sizeof *logits);
    }
    run->first = 0; /* what training reads next is the whole batch, which was one part */
    return PMOE_OK;
}

pmoe_routing pmoe_run_routing(const pmoe_run *run, int32_t item)
{
    int32_t group = run->model->routed;
    if (group < 0 || item < 0 || item >= run->batch)
        return (pmoe_routing){0, 0, 0, NULL, NULL, NULL};
    const struct layer *layer = &run->model->graph.layer[group];
    size_t kept = (size_t)item * (size_t)layer->experts * (size_t)layer->kept;
    size_t scored = (size_t)item * (size_t)layer->experts * (size_t)layer->patches;
    return (pmoe_routing){layer->experts,           layer->kept,
                          layer->patches,           run->picks[group] + kept,
                          run->gates[group] + kept, run->scores[layer->router] + scored};
}
