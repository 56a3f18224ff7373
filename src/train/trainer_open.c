/* Opening a trainer: its graph, its memory, its threads' lanes and first weights. */
#include "trainer.h"

#include "../base/error.h"
#include "recipe.h"

#include <string.h>

int32_t trainer_like(const pmoe_trainer *trainer, int32_t tensor)
{
    const struct graph *graph = trainer->graph;
    if (tensor < graph->tensors)
        return tensor;
    const struct layer *router = &graph->layer[graph->layer[trainer->model->mixed].router];
    return tensor == trainer->noise ? router->weight : router->bias;
}

static int32_t count_jobs(const pmoe_trainer *trainer, struct job *jobs)
{
    const struct graph *graph = trainer->graph;
    int32_t count = 0;
    for (int32_t i = 0; i < graph->layers && !trainer->apart; i++) {
        const struct layer_plan *plan = &trainer->model->plan[i];
        if (!plan->outs || !recipe_trains(&trainer->recipe, graph, graph->layer[i].weight))
            continue;
        for (int32_t m = 0; m < plan->matrices; m++)
            for (int32_t first = 0; first < plan->outs; first += TRAINER_JOB_OUTS) {
                int32_t left = plan->outs - first;
                if (jobs)
                    jobs[count] = (struct job){i, m, first, left < TRAINER_JOB_OUTS ? left : TRAINER_JOB_OUTS};
                count++;
            }
    }
    return count;
}

static int32_t count_slices(const pmoe_trainer *trainer, struct slice *slices)
{
    enum { SLICE = 4096 };
    const struct graph *graph = trainer->graph;
    int32_t count = 0;
    for (int32_t t = 0; t < trainer->tensors && trainer->apart; t++) {
        int32_t like = trainer_like(trainer, t);
        size_t all = recipe_trains(&trainer->recipe, graph, like) ? (size_t)graph->tensor[like].count : 0;
        for (size_t first = 0; first < all; first += SLICE, count++)
            if (slices)
                slices[count] = (struct slice){t, first, all - first < SLICE ? all - first : SLICE};
    }
    return count;
}

int trainer_is_statistic(const pmoe_trainer *trainer, int32_t tensor)
{
    int32_t like = trainer_like(trainer, tensor);
    const struct layer *layer = &trainer->graph->layer[trainer->graph->tensor[like].layer];
    return layer->type == LAYER_BATCH_NORM && (like == layer->mean || like == layer->variance);
}

int trainer_moments(const pmoe_trainer *trainer, int32_t tensor)
{
    int32_t like = trainer_like(trainer, tensor);
    if (!recipe_trains(&trainer->recipe, trainer->graph, like) || trainer_is_statistic(trainer, tensor))
        return 0;
    return strcmp(trainer->recipe.optimizer, "adam") == 0 ? 2 : trainer->recipe.momentum > 0;
}

static size_t tensor_count(const pmoe_trainer *trainer, int32_t tensor)
{
    return (size_t)trainer->graph->tensor[trainer_like(trainer, tensor)].count;
}

static void lay_out_usage(pmoe_trainer *trainer, struct arena *arena)
{
    if (trainer->model->mixed < 0)
        return;
    const struct layer *mixture = &trainer->graph->layer[trainer->model->mixed];
    usage_lay_out(&trainer->usage, 1, mixture->experts, mixture->kept, arena);
    for (int32_t p = 0; p < trainer->parts; p++)
        usage_lay_out(&trainer->part_usage[p], 1, mixture->experts, mixture->kept, arena);
    trainer->usage_read = arena_take(arena, 2 * (size_t)mixture->experts * sizeof *trainer->usage_read);
}

static void trainer_lay_out(pmoe_trainer *trainer, struct arena *arena)
{
    size_t threads = (size_t)pool_threads(trainer->pool);
    size_t rows = backward_scratch_rows(trainer->model, trainer->lane_batch);
    for (int32_t t = 0; t < trainer->tensors; t++) {
        size_t bytes = tensor_count(trainer, t) * sizeof(float);
        trainer->weights[t] = arena_take(arena, bytes);
        trainer->gradients[t] = arena_take(arena, bytes);
        for (int m = 0; m < trainer_moments(trainer, t); m++)
            trainer->moments[t][m] = arena_take(arena, bytes);
    }
    trainer->pixels = arena_take(arena, (size_t)trainer->lanes * source_pixels(&trainer->source));
    trainer->uses = arena_take(arena, (size_t)trainer->lanes * (size_t)trainer->lane_batch * sizeof *trainer->uses);
    lay_out_usage(trainer, arena);
    trainer->losses = arena_take(arena, (size_t)trainer->recipe.batch * sizeof *trainer->losses);
    trainer->order = arena_take(arena, (size_t)trainer->recipe.samples * sizeof *trainer->order);
    trainer->job_count = count_jobs(trainer, NULL);
    trainer->jobs = arena_take(arena, (size_t)trainer->job_count * sizeof *trainer->jobs);
    trainer->slice_count = count_slices(trainer, NULL);
    trainer->slices = arena_take(arena, (size_t)trainer->slice_count * sizeof *trainer->slices);
    for (int32_t p = 0; p < trainer->parts && trainer->apart; p++)
        for (int32_t t = 0; t < trainer->tensors; t++)
            trainer->part_gradients[p][t] = arena_take(arena, tensor_count(trainer, t) * sizeof(float));
    trainer->scratch = arena_take(arena, threads * sizeof *trainer->scratch);
    for (size_t i = 0; i < threads; i++) {
        struct backward_scratch scratch = {arena_take(arena, rows * sizeof *scratch.rows),
                                           arena_take(arena, rows * sizeof *scratch.dy)};
        if (arena->base)
            trainer->scratch[i] = scratch;
    }
}

/* A copy of the word, if there is one; the trainer's memory was all zeros. */
static const char *keep_word(char *copy, size_t bytes, const char *word)
{
    return word ? strncpy(copy, word, bytes - 1) : NULL;
}

static void keep_recipe(pmoe_trainer *trainer, const pmoe_recipe *recipe)
{
    trainer->recipe = *recipe;
#define KEEP(word) trainer->recipe.word = keep_word(trainer->word, sizeof trainer->word, recipe->word)
    KEEP(name);
    KEEP(gate);
    KEEP(divisor);
    KEEP(output);
    KEEP(optimizer);
    KEEP(schedule);
    KEEP(stem);
    KEEP(stages);
    KEEP(pooling);
    KEEP(head);
    KEEP(balance);
#undef KEEP
}

static pmoe_status open_parts(pmoe_trainer *trainer, const pmoe_recipe *recipe, int32_t threads,
                              const pmoe_options *options, pmoe_error *error)
{
    if (trainer->source.count && recipe->samples > trainer->source.count)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": samples is %d, there are %d photographs", recipe->name,
                    (int)recipe->samples, (int)trainer->source.count);
    trainer->graph = allocator_take(&trainer->allocator, sizeof *trainer->graph);
    if (!trainer->graph)
        return fail(error, PMOE_E_MEMORY, "training: no memory for the layer list");
    TRY(recipe_graph(recipe, &trainer->allocator, trainer->graph, error));
    keep_recipe(trainer, recipe); /* its words are known to be short now */
    TRY(model_create(trainer->graph, "{}", 2, MODEL_KEEP_ALL, NULL, options, &trainer->model, error));
    TRY(backward_open(trainer->model, &trainer->backward, error));
    trainer->apart = !backward_gathers(trainer->graph);
    trainer->noise = recipe_is_noisy(recipe) ? trainer->graph->tensors : 0;
    trainer->tensors = trainer->graph->tensors + (trainer->noise ? 2 : 0);
    if (threads != 1)
        TRY(pool_open(threads, &trainer->pool, error));
    if (trainer->apart && pool_threads(trainer->pool) > TRAINER_LANES) { /* more would have nothing to do */
        pool_close(&trainer->pool);
        TRY(pool_open(TRAINER_LANES, &trainer->pool, error));
    }
    trainer->parts = pool_threads(trainer->pool) == 1 && !trainer->apart ? 1 : TRAINER_LANES;
    trainer->lanes = trainer->apart ? pool_threads(trainer->pool) : trainer->parts;
    trainer->lane_batch = (recipe->batch + trainer->parts - 1) / trainer->parts;
    for (int32_t i = 0; i < trainer->lanes; i++)
        TRY(lane_open(&trainer->backward, trainer->lane_batch, &trainer->lane[i], error));
    struct arena arena = {NULL, 0, 0};
    trainer_lay_out(trainer, &arena);
    if (!arena_open(&arena, arena.used, &trainer->allocator, &trainer->block))
        return fail(error, PMOE_E_MEMORY, "training: no memory for weights and gradients (%zu bytes)", arena.used);
    trainer_lay_out(trainer, &arena);
    count_jobs(trainer, trainer->jobs);
    count_slices(trainer, trainer->slices);
    for (int32_t t = 0; t < trainer->tensors; t++) {
        for (int m = 0; m < OPTIMIZER_MOMENTS && trainer->moments[t][m]; m++)
            memset(trainer->moments[t][m], 0, tensor_count(trainer, t) * sizeof(float));
        if (t < trainer->graph->tensors)
            recipe_init(&trainer->recipe, trainer->graph, t, trainer->weights[t]);
        else /* the same deviation for all at first (Shazeer et al. 2017, appendix A) */
            memset(trainer->weights[t], 0, tensor_count(trainer, t) * sizeof(float));
    }
    return trainer_settle(trainer, error);
}

pmoe_status pmoe_trainer_open(const pmoe_recipe *recipe, pmoe_data data, int32_t threads, const pmoe_options *options,
                              pmoe_trainer **trainer, pmoe_error *error)
{
    *trainer = NULL;
    pmoe_allocator allocator = allocator_or_malloc(options ? &options->allocator : NULL);
    pmoe_trainer *made = allocator_take(&allocator, sizeof *made);
    if (!made)
        return fail(error, PMOE_E_MEMORY, "training: no memory (%zu bytes)", sizeof *made);
    memset(made, 0, sizeof *made);
    made->allocator = allocator;
    pmoe_status status = recipe_check(recipe, error);
    if (status == PMOE_OK)
        status = source_open(recipe->set, data, recipe->seed, &made->source, error);
    if (status == PMOE_OK)
        status = open_parts(made, recipe, threads, options, error);
    if (status != PMOE_OK)
        pmoe_trainer_close(&made);
    *trainer = made;
    return status;
}

void pmoe_trainer_close(pmoe_trainer **trainer)
{
    if (!trainer || !*trainer)
        return;
    pmoe_trainer *old = *trainer;
    pmoe_allocator allocator = old->allocator;
    for (int32_t i = 0; i < TRAINER_LANES; i++)
        lane_close(&old->lane[i]);
    backward_close(&old->backward);
    pmoe_model_close(&old->model);
    pool_close(&old->pool);
    allocator_give(&allocator, old->block);
    allocator_give(&allocator, old->graph);
    allocator_give(&allocator, old);
    *trainer = NULL;
}
