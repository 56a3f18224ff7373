/* Runs, images and ratios; see compare.h. */
#include "compare.h"

#include "../base/error.h"
#include "../base/memory.h"

enum { RATIO_DRAWS = 2000 };

struct interval compare_ratio(const double *a, const double *b, int32_t samples, uint64_t seed)
{
    double scratch[TIMING_MAX_SAMPLES + RATIO_DRAWS];
    struct random random = random_at(seed, RANDOM_BOOTSTRAP, 0);
    return statistics_ratio_interval(a, b, samples, 0.95, RATIO_DRAWS, &random, scratch);
}

/* Floats of a batch of the model with the largest input; 0 if that overflows. */
static size_t largest_batch(pmoe_model *const *models, int32_t count, int32_t batch)
{
    size_t most = 0;
    for (int32_t i = 0; i < count; i++) {
        pmoe_info info = pmoe_model_info(models[i]);
        size_t floats, bytes;
        if (!size_mul((size_t)info.height * (size_t)info.width, (size_t)info.channels * (size_t)batch, &floats) ||
            !size_mul(floats, sizeof(float), &bytes))
            return 0;
        most = floats > most ? floats : most;
    }
    return most;
}

pmoe_status compare_models(pmoe_model *const *models, int32_t count, int32_t batch, int32_t threads, uint64_t seed,
                           double budget_ns, double (*clock_ns)(void), double *samples, pmoe_timing *timings,
                           pmoe_error *error)
{
    if (count < 1 || count > TIMING_MAX_RUNS)
        return fail(error, PMOE_E_ARGUMENT, "timing: expected 1 to %d models, found %d", TIMING_MAX_RUNS, count);
    pmoe_run *runs[TIMING_MAX_RUNS] = {NULL};
    const float *all_images[TIMING_MAX_RUNS];
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    size_t floats = largest_batch(models, count, batch);
    float *images = floats ? allocator_take(&allocator, floats * sizeof *images) : NULL;
    if (!images)
        return fail(error, PMOE_E_MEMORY, "timing: no memory for a batch of %d images", batch);
    struct random random = random_at(seed, RANDOM_CHECK, 1);
    for (size_t i = 0; i < floats; i++)
        images[i] = random_uniform(&random);
    pmoe_status status = PMOE_OK;
    for (int32_t i = 0; i < count && status == PMOE_OK; i++) {
        all_images[i] = images;
        status = pmoe_run_open(models[i], batch, &runs[i], error);
        if (status == PMOE_OK)
            status = pmoe_run_threads(runs[i], threads, error);
    }
    if (status == PMOE_OK)
        status = timing_runs(runs, all_images, count, batch, budget_ns, clock_ns, samples, timings, error);
    for (int32_t i = 0; i < count; i++)
        pmoe_run_close(&runs[i]);
    allocator_give(&allocator, images);
    return status;
}
