#include "sweep.h"

#include "../base/error.h"
#include "../base/memory.h"
#include "accuracy.h"

#include <math.h>
#include <pthread.h>

struct sweep_state {
    const struct sweep *sweep;
    struct trial *trials;
    int32_t *order;  /* tasks by cost */
    pmoe_error *why; /* one a trial */
    int32_t count, done;
    pthread_mutex_t lock; /* of done and report */
};

/* ---- One trial ---- */

static int32_t class_expert(const struct trial *trial, const struct accuracy *found, int32_t class_index)
{
    if (trial->recipe.kind == PMOE_SEPARATE)
        return class_index;
    int32_t best = 0, most = -1;
    for (int32_t s = 0; s < found->experts; s++) {
        int32_t led = *accuracy_places(found, class_index, s);
        if (led > most) {
            most = led;
            best = s;
        }
    }
    return best;
}

static void keep_result(struct trial *trial, const struct accuracy *found)
{
    trial->accuracy = 100.0 * found->correct / found->boards;
    for (int32_t c = 0; c < SWEEP_CLASSES && found->experts; c++) {
        const int32_t *places = accuracy_places(found, c, class_expert(trial, found, c));
        for (int32_t r = 0; r < found->kept; r++)
            trial->place[c][r] = 100.0 * places[r] / found->class_boards[c];
    }
}

static pmoe_status train_and_judge(const struct sweep *sweep, struct trial *trial, pmoe_trainer *trainer,
                                   pmoe_error *error)
{
    pmoe_progress progress;
    while (!pmoe_trainer_done(trainer))
        TRY(pmoe_trainer_epoch(trainer, NULL, NULL, &progress, error));
    struct accuracy_job job = {pmoe_trainer_model(trainer), sweep->test, trial->recipe.set, sweep->test_seed,
                               sweep->test_boards};
    struct accuracy found;
    TRY(accuracy_open(&job, NULL, &found, error));
    keep_result(trial, &found);
    accuracy_close(&found);
    return PMOE_OK;
}

static void trial_task(void *context, int32_t index, int32_t worker)
{
    (void)worker;
    struct sweep_state *state = context;
    const struct sweep *sweep = state->sweep;
    struct trial *trial = &state->trials[state->order[index]];
    pmoe_error *why = &state->why[state->order[index]];
    double start = sweep->clock_ns ? sweep->clock_ns() : 0;
    pmoe_trainer *trainer;
    pmoe_status status = pmoe_trainer_open(&trial->recipe, sweep->train, 1, NULL, &trainer, why);
    if (status == PMOE_OK)
        status = train_and_judge(sweep, trial, trainer, why);
    why->status = status;
    pmoe_trainer_close(&trainer);
    trial->seconds = sweep->clock_ns ? (sweep->clock_ns() - start) * 1e-9 : 0;
    pthread_mutex_lock(&state->lock);
    state->done++;
    if (sweep->report && status == PMOE_OK)
        sweep->report(sweep->user, trial, state->done, state->count);
    pthread_mutex_unlock(&state->lock);
}

/* ---- All of them ---- */

/* Samples that pass through the layers, a fair guess of the time a trial takes. */
static double trial_cost(const struct trial *trial)
{
    return (double)trial->recipe.samples * (trial->recipe.epochs + 0.1 * trial->recipe.router_epochs);
}

static void order_by_cost(const struct trial *trials, int32_t *order, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        int32_t at = i;
        for (; at > 0 && trial_cost(&trials[i]) > trial_cost(&trials[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static pmoe_status first_failure(const struct sweep_state *state, pmoe_error *error)
{
    for (int32_t i = 0; i < state->count; i++)
        if (state->why[i].status != PMOE_OK)
            return fail(error, state->why[i].status, "trial %d: %s", (int)i, state->why[i].text);
    return PMOE_OK;
}

pmoe_status sweep_run(const struct sweep *sweep, struct pool *pool, struct trial *trials, int32_t count,
                      pmoe_error *error)
{
    for (int32_t i = 0; i < count; i++)
        if (!pmoe_set_is_photos(trials[i].recipe.set) &&
            (trials[i].recipe.set != PMOE_MOSAIC || trials[i].recipe.kept > PMOE_CELLS))
            return fail(error, PMOE_E_ARGUMENT, "trial %d: sweeps are made on photographs or the two-class boards",
                        (int)i);
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    size_t items = (size_t)(count > 0 ? count : 0);
    struct sweep_state state = {.sweep = sweep, .trials = trials, .count = count};
    state.order = allocator_take(&allocator, items * sizeof *state.order);
    state.why = allocator_take(&allocator, items * sizeof *state.why);
    pmoe_status status = PMOE_OK;
    if (!state.order || !state.why || pthread_mutex_init(&state.lock, NULL) != 0) {
        status = fail(error, PMOE_E_MEMORY, "sweep: no memory for %d trials", (int)count);
    } else {
        order_by_cost(trials, state.order, count);
        pool_run(pool, count, trial_task, &state);
        pthread_mutex_destroy(&state.lock);
        status = first_failure(&state, error);
    }
    allocator_give(&allocator, state.why);
    allocator_give(&allocator, state.order);
    return status;
}

struct spread spread_of(const double *values, int32_t count)
{
    double sum = 0, squares = 0;
    for (int32_t i = 0; i < count; i++)
        sum += values[i];
    double mean = sum / count;
    for (int32_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return (struct spread){mean, sqrt(squares / count)};
}
