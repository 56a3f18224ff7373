/* Runs: the working memory of forward passes, their threads, and what of a pass stays readable. */
#include "model.h"

#include "../base/error.h"
#include "../route/route.h"

#include <string.h>

enum {
    RUN_MAX_BATCH = 4096,
    /* Images that pass all layers together: so many as fit a share of a second-level cache of 1 MB and more, and never
     * fewer than 4, so that weights, too, are read for several images at once.  A board takes 50 KB. */
    RUN_AT_ONCE = 4,
    RUN_AT_ONCE_BYTES = 256 << 10,
    RUN_STACK_BYTES = 256 << 10, /* the same for patches in the stack of an expert */
};

/* ---- Opening ---- */

/* What layers need at most, for one image. */
struct run_sizes {
    size_t rows, given;          /* for each image */
    size_t copies, stack, slots; /* in all */
};

static void at_least(size_t *size, size_t wanted)
{
    if (wanted > *size)
        *size = wanted;
}

int32_t group_has_zeros(const struct graph *graph, int32_t group)
{
    const struct layer *layer = &graph->layer[group];
    return layer->type == LAYER_EXPERT_GROUP && layer->dropped == DROPPED_ZEROS && layer->kept < layer->patches;
}

/* How many maps or vectors of one image an inner layer may meet at once; training's patch of zeros is one of a batch.
 */
static size_t given_count(const pmoe_model *model, int32_t group)
{
    const struct layer *layer = &model->graph.layer[group];
    if (layer->type == LAYER_MIXTURE)
        return 1;
    return (size_t)layer->kept + (model_keeps_all(model) && group_has_zeros(&model->graph, group));
}

static int32_t stack_images(const pmoe_run *run, int32_t group)
{
    const struct graph *graph = &run->model->graph;
    size_t patch = (size_t)shape_count(graph_shape_of(graph, group + 1, GRAPH_EXPERT));
    size_t fit = RUN_STACK_BYTES / sizeof(float) / (patch + run->model->plan[group].stack_floats);
    size_t most = given_count(run->model, group) * (size_t)run->at_once;
    if (model_keeps_all(run->model))
        return (int32_t)most;
    return (int32_t)(fit < 1 ? 1 : fit < most ? fit : most);
}

static struct run_sizes run_measure(const pmoe_run *run)
{
    const pmoe_model *model = run->model;
    const struct graph *graph = &model->graph;
    struct run_sizes sizes = {.rows = 1};
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        size_t maps = layer->group < 0 ? 1 : given_count(model, layer->group);
        int has_grid = layer->type == LAYER_PATCH_CONV || layer->type == LAYER_PATCH_ROUTER;
        at_least(&sizes.rows, maps * (has_grid ? (size_t)layer->patches : 1));
        if (!layer->inner)
            continue;
        at_least(&sizes.slots, route_scratch(model->kernels, layer->kept));
        size_t images = (size_t)run->stack_images[i];
        at_least(&sizes.given, given_count(model, i) * (group_is_matrix(model, i) ? (size_t)layer->experts : 1));
        at_least(&sizes.stack, images * model->plan[i].stack_floats);
        if (model->plan[i].copies)
            at_least(&sizes.copies, images * (size_t)shape_count(graph_shape_of(graph, i + 1, GRAPH_EXPERT)));
    }
    return sizes;
}

/* Floats of scratch that layers need with so many threads, whatever the batch. */
static size_t scratch_count(const pmoe_model *model, int32_t threads)
{
    size_t most = 0;
    for (int32_t i = 0; i < model->graph.layers; i++)
        if (model->graph.layer[i].type == LAYER_CONV)
            at_least(&most, conv_scratch_count(model->kernels, &model->plan[i].conv, threads));
    return most;
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

static int is_what_if(const pmoe_run *run)
{
    return run->what_if.kept || run->what_if.off;
}

static void run_lay_out(pmoe_run *run, struct arena *arena)
{
    if (is_what_if(run))
        what_if_lay_out(run, arena);
    const pmoe_model *model = run->model;
    int32_t batch = run->max_batch;
    for (int32_t i = 0; i < model->graph.layers; i++)
        if (model->graph.layer[i].inner)
            run->stack_images[i] = stack_images(run, i);
    struct run_sizes sizes = run_measure(run);
    run->rows = take_per_image(arena, run->at_once, sizes.rows, sizeof *run->rows);
    run->all_given = take_per_image(arena, run->at_once, sizes.given, sizeof *run->all_given);
    run->from = take_per_image(arena, run->at_once, sizes.given, sizeof *run->from);
    run->copies = take_per_image(arena, 1, sizes.copies, sizeof(float));
    run->stack = take_per_image(arena, 1, sizes.stack, sizeof(float));
    run->slots = take_per_image(arena, 1, sizes.slots, sizeof(float));
    run->activations = take_per_image(arena, run->at_once, model->activations, sizeof(float));
    run->scratch_floats = scratch_count(model, 1);
    run->scratch = take_per_image(arena, 1, run->scratch_floats, sizeof(float));
    for (int32_t i = 0; i < model->graph.layers; i++) {
        const struct layer *layer = &model->graph.layer[i];
        if (layer->shape.kind == SHAPE_SCORES) {
            const size_t scores = (size_t)shape_count(layer->shape);
            run->scores[i] = take_per_image(arena, batch, scores, sizeof(float));
            const int32_t lists = layer->type == LAYER_PATCH_ROUTER ? batch : run->at_once;
            run->lists[i] = take_per_image(arena, lists, scores + ROUTE_SLACK, sizeof(float));
        }
        if (!layer->inner)
            continue;
        size_t kept = (size_t)layer->kept * (layer->type == LAYER_EXPERT_GROUP ? (size_t)layer->experts : 1);
        run->picks[i] = take_per_image(arena, batch, kept, sizeof(int32_t));
        run->gates[i] = take_per_image(arena, batch, kept, sizeof(float));
    }
}

static int32_t images_at_once(const pmoe_model *model, int32_t max_batch)
{
    const struct graph *graph = &model->graph;
    size_t floats = (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels + model->activations;
    size_t fit = RUN_AT_ONCE_BYTES / sizeof(float) / floats;
    size_t at_once = fit < RUN_AT_ONCE ? RUN_AT_ONCE : fit;
    return model_keeps_all(model) || at_once > (size_t)max_batch ? max_batch : (int32_t)at_once;
}

static size_t count_bytes(pmoe_run counted)
{
    struct arena arena = {NULL, 0, 0};
    arena_take(&arena, sizeof counted);
    run_lay_out(&counted, &arena);
    return arena.used;
}

size_t run_bytes(const pmoe_model *model, int32_t max_batch)
{
    return count_bytes((pmoe_run){.model = model, .max_batch = max_batch, .at_once = images_at_once(model, max_batch)});
}

/* Experts that are off never route: what is read of them is laid down here. */
static void clear_routing(pmoe_run *run)
{
    const struct graph *graph = &run->model->graph;
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i];
        if (layer->type != LAYER_EXPERT_GROUP)
            continue;
        size_t kept = (size_t)run->max_batch * (size_t)layer->experts * (size_t)layer->kept;
        memset(run->picks[i], -1, kept * sizeof(int32_t));
        memset(run->gates[i], 0, kept * sizeof(float));
        memset(run->scores[layer->router], 0,
               (size_t)run->max_batch * (size_t)shape_count(graph->layer[layer->router].shape) * sizeof(float));
    }
}

/* `model` is the one to be run, of a what-if its changed copy. */
static pmoe_status open_run(const pmoe_model *model, int32_t max_batch, pmoe_what_if what_if, pmoe_run **run,
                            pmoe_error *error)
{
    pmoe_run plan = {
        .model = model, .what_if = what_if, .max_batch = max_batch, .at_once = images_at_once(model, max_batch)};
    struct arena arena;
    size_t bytes = count_bytes(plan);
    if (bytes >= SIZE_MAX / 8 || !arena_open(&arena, bytes, &model->allocator, &plan.block))
        return fail(error, PMOE_E_MEMORY, "run: no memory for %d images at a time (%zu bytes)", (int)max_batch, bytes);
    plan.bytes = arena.size;
    pmoe_run *made = arena_take(&arena, sizeof *made);
    *made = plan;
    run_lay_out(made, &arena);
    run_place_outputs(made);
    if (what_if.off)
        clear_routing(made);
    *run = made;
    return PMOE_OK;
}

pmoe_status pmoe_run_open_what_if(const pmoe_model *model, int32_t max_batch, const pmoe_what_if *what_if,
                                  pmoe_run **run, pmoe_error *error)
{
    *run = NULL;
    if (max_batch < 1 || max_batch > RUN_MAX_BATCH)
        return fail(error, PMOE_E_LIMIT, "run: max_batch is %d, expected 1 to %d", (int)max_batch, RUN_MAX_BATCH);
    if (!what_if || (!what_if->kept && !what_if->off))
        return open_run(model, max_batch, (pmoe_what_if){0, 0}, run, error);
    pmoe_model *copy;
    TRY(what_if_copy(model, what_if, &copy, error));
    pmoe_status status = open_run(copy, max_batch, *what_if, run, error);
    allocator_give(&model->allocator, copy);
    return status;
}

pmoe_status pmoe_run_open(const pmoe_model *model, int32_t max_batch, pmoe_run **run, pmoe_error *error)
{
    return pmoe_run_open_what_if(model, max_batch, NULL, run, error);
}

void pmoe_run_close(pmoe_run **run)
{
    if (!run || !*run)
        return;
    pmoe_allocator allocator = (*run)->model->allocator;
    pool_close(&(*run)->own_pool);
    allocator_give(&allocator, (*run)->own_scratch);
    allocator_give(&allocator, (*run)->block);
    *run = NULL;
}

size_t pmoe_run_bytes(const pmoe_run *run)
{
    return run->bytes;
}

/* ---- Threads ---- */

int64_t model_pool_work(const pmoe_model *model)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < model->graph.layers; i++)
        if (model->graph.layer[i].type == LAYER_CONV)
            sum += layer_multiply_adds(&model->graph, i);
    return sum;
}

pmoe_status run_use_pool(pmoe_run *run, struct pool *pool, pmoe_error *error)
{
    size_t floats = scratch_count(run->model, pool_threads(pool)), bytes;
    if (floats > run->scratch_floats) {
        pmoe_allocator allocator = run->model->allocator;
        struct arena arena;
        void *block;
        if (!size_mul(floats, sizeof(float), &bytes) || !arena_open(&arena, bytes, &allocator, &block))
            return fail(error, PMOE_E_MEMORY, "run: no memory for %d threads (%zu floats)", (int)pool_threads(pool),
                        floats);
        allocator_give(&allocator, run->own_scratch);
        run->own_scratch = block;
        run->scratch = arena_take(&arena, bytes);
        run->scratch_floats = floats;
    }
    run->pool = pool;
    return PMOE_OK;
}

pmoe_status pmoe_run_threads(pmoe_run *run, int32_t threads, pmoe_error *error)
{
    struct pool *pool;
    TRY(pool_open(threads, &pool, error));
    pmoe_status status = run_use_pool(run, pool, error);
    pool_close(status == PMOE_OK ? &run->own_pool : &pool);
    if (status == PMOE_OK)
        run->own_pool = pool;
    return status;
}

/* ---- Reading ---- */

pmoe_routing pmoe_run_routing(const pmoe_run *run, int32_t item)
{
    int32_t group = run->model->routed;
    if (group < 0 || item < 0 || item >= run->batch)
        return (pmoe_routing){0, 0, 0, 0, NULL, NULL, NULL};
    const struct layer *layer = &run->model->graph.layer[group];
    size_t kept = (size_t)item * (size_t)layer->experts * (size_t)layer->kept;
    return (pmoe_routing){layer->experts,
                          layer->kept,
                          layer->patches,
                          run->what_if.off,
                          run->picks[group] + kept,
                          run->gates[group] + kept,
                          run_patch_scores(run, layer->router, item)};
}

pmoe_mixing pmoe_run_mixing(const pmoe_run *run, int32_t item)
{
    int32_t mixture = run->model->mixed;
    if (mixture < 0 || item < 0 || item >= run->batch)
        return (pmoe_mixing){0, 0, NULL, NULL, NULL};
    const struct layer *layer = &run->model->graph.layer[mixture];
    size_t kept = (size_t)item * (size_t)layer->kept;
    return (pmoe_mixing){layer->experts, layer->kept, run->picks[mixture] + kept, run->gates[mixture] + kept,
                         run->scores[layer->router] + (size_t)item * (size_t)layer->experts};
}
