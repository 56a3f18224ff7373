/* Models side by side on the same random images, and what the times of one say of another's. */
#ifndef PMOE_BENCH_COMPARE_H
#define PMOE_BENCH_COMPARE_H

#include "../pmoe.h"
#include "statistics.h"
#include "timing.h"

/* What a pass of a routed model consists of, up to the pooling of what the experts made. */
enum pass_part {
    PART_BEFORE,  /* all layers before the router */
    PART_ROUTER,  /* its scores */
    PART_TOP,     /* top-l and gates */
    PART_GATHER,  /* finding what each expert was given: row pointers */
    PART_EXPERTS, /* the experts, PART_GATHER included */
    PASS_PARTS,
};

const char *pass_part_name(enum pass_part part);

/* One of the models compared. */
struct contender {
    pmoe_model *model;
    int32_t threads;  /* of its passes, the caller's included */
    int32_t in_parts; /* time the parts of its first group or mixture too, each alone, in the same rounds */

    double *samples;             /* [TIMING_MAX_SAMPLES] out: of whole passes, in the order measured */
    pmoe_timing timing;          /* out */
    double parts_ns[PASS_PARTS]; /* out: medians; 0 where there is no such part */
    size_t run_bytes;            /* out */
};

/* How a run is made to use threads: pmoe_run_threads, or what a host has that starts threads itself. */
typedef pmoe_status use_threads(void *context, pmoe_run *run, int32_t threads, pmoe_error *error);

struct compare_options {
    int32_t batch; /* images of a pass */
    uint64_t seed; /* of their uniform values; time does not depend on what is on them */
    double budget_ns;
    double (*clock_ns)(void);
    use_threads *use_threads; /* not called for one thread */
    void *threads_context;
};

/* Time passes through each model, and through its parts, interleaved.  Opens a run each.  A part is timed on what the
 * pass before it left, so that it finds caches as warm as a repeated pass does. */
PMOE_MUST_USE pmoe_status compare_models(struct contender *contenders, int32_t count,
                                         const struct compare_options *options, pmoe_error *error);

/* The interval (95%) of the time of a divided by that of b, both measured in the same group. */
struct interval compare_ratio(const double *a, const double *b, int32_t samples, uint64_t seed);

#endif
