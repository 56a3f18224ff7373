/* The shapes in which models call patch_forward and conv_run, each timed alone: on several instruction sets, and
 * convolutions by each algorithm that can do them.
 *
 * Says how much of a model's time is its kernels, what each instruction set is worth on them, and whether a convolution
 * is done by its fastest algorithm.  Leaves out checking: the harness behind pmoe_self_test does that on the same
 * kernels. */
#ifndef PMOE_BENCH_KERNEL_CASES_H
#define PMOE_BENCH_KERNEL_CASES_H

#include "../kernels/conv.h"
#include "../pmoe.h"

struct kernel_case {
    const pmoe_model *model; /* that has it, and in which layer */
    int32_t layer;
    const char *layer_name;
    int32_t is_conv;
    struct conv conv;         /* is_conv: and its algorithm is the one that the model uses */
    struct patch_shape shape; /* else */
    int32_t rows, outs; /* one image: n patches, or the l of one expert, or one row of a linear layer; conv: maps */
    int32_t relu;
    int64_t multiply_adds; /* of one call */
};

/* The different shapes of all layers of the models, in their order, at most `capacity`; returns how many. */
int32_t kernel_cases(pmoe_model *const *models, int32_t count, struct kernel_case *cases, int32_t capacity);

/* Whether both are the same call, whatever layers they belong to. */
int kernel_same_shape(const struct kernel_case *a, const struct kernel_case *b);

/* A way of doing one. */
struct kernel_way {
    const struct kernels *kernels;
    enum conv_algorithm algorithm; /* of convolutions */
};

/* The ways there are on one instruction set, the model's own first and eight bits last; returns how many, at most
 * KERNEL_WAYS. */
enum { KERNEL_WAYS = 4 };
int32_t kernel_ways(const struct kernel_case *one, const struct kernels *kernels, struct kernel_way ways[KERNEL_WAYS]);
const char *conv_algorithm_name(enum conv_algorithm algorithm);

/* Time one case in several ways, interleaved, on random values.  samples [count][TIMING_MAX_SAMPLES], timings [count].
 */
PMOE_MUST_USE pmoe_status kernel_case_time(const struct kernel_case *one, const struct kernel_way *ways, int32_t count,
                                           uint64_t seed, double budget_ns, double (*clock_ns)(void), double *samples,
                                           pmoe_timing *timings, pmoe_error *error);

#endif
