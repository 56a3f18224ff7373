/* Models side by side on the same random images, and what the times of one say of another's. */
#ifndef PMOE_BENCH_COMPARE_H
#define PMOE_BENCH_COMPARE_H

#include "../pmoe.h"
#include "statistics.h"
#include "timing.h"

/* Time passes of `batch` images through each model, interleaved.  Opens a run each with so many threads (as in
 * pmoe_run_threads) and fills images with uniform values of the seed; time does not depend on what is on them.  samples
 * [count][TIMING_MAX_SAMPLES], timings [count]. */
PMOE_MUST_USE pmoe_status compare_models(pmoe_model *const *models, int32_t count, int32_t batch, int32_t threads,
                                         uint64_t seed, double budget_ns, double (*clock_ns)(void), double *samples,
                                         pmoe_timing *timings, pmoe_error *error);

/* The interval (95%) of the time of a divided by that of b, both measured in the same group. */
struct interval compare_ratio(const double *a, const double *b, int32_t samples, uint64_t seed);

#endif
