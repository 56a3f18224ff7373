/* The shapes in which models call patch_forward, each timed alone on several instruction sets.
 *
 * Says how much of a model's time is its kernels and what each instruction set is worth on them.  Leaves out checking:
 * the harness behind pmoe_self_test does that on the same kernels. */
#ifndef PMOE_BENCH_KERNEL_CASES_H
#define PMOE_BENCH_KERNEL_CASES_H

#include "../kernels/kernels.h"
#include "../pmoe.h"

struct kernel_case {
    const pmoe_model *model; /* that has it, and in which layer */
    int32_t layer;
    const char *layer_name;
    struct patch_shape shape;
    int32_t rows, outs; /* one image: n patches, or the l of one expert, or one row of a linear layer */
    int32_t relu;
    int64_t multiply_adds; /* of one call */
};

/* The different shapes of all layers of the models, in their order, at most `capacity`; returns how many. */
int32_t kernel_cases(pmoe_model *const *models, int32_t count, struct kernel_case *cases, int32_t capacity);

/* Time one case on several instruction sets, interleaved, on random values.  samples [sets][TIMING_MAX_SAMPLES],
 * timings [sets]. */
PMOE_MUST_USE pmoe_status kernel_case_time(const struct kernel_case *one, const struct kernels *const *sets,
                                           int32_t count, uint64_t seed, double budget_ns, double (*clock_ns)(void),
                                           double *samples, pmoe_timing *timings, pmoe_error *error);

#endif
