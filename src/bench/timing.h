/* Timing several things side by side: the core below pmoe_time_runs, with the samples themselves.
 *
 * Everything is measured by a clock that the caller gives (native monotonic time, performance.now() in a browser, or a
 * made-up one in tests), so this runs in wasm too.  It trusts that clock with nothing: one that stands still, runs
 * backwards or jumps ends in an error after a bounded number of calls. */
#ifndef PMOE_BENCH_TIMING_H
#define PMOE_BENCH_TIMING_H

#include "../pmoe.h"

enum {
    TIMING_MIN_SAMPLES = 7,
    TIMING_MAX_SAMPLES = 501, /* more would narrow nothing that drift does not widen again */
    TIMING_MAX_RUNS = 256,
    TIMING_CLOCK_STEPS = 100,   /* that a sample spans, so that the clock's step is at most 1% of it ... */
    TIMING_MIN_SPAN_NS = 50000, /* ... and at least so long, so that reading the clock is not what is measured */
    /* Uncounted calls before each sample.  What ran before it leaves the caches full of its own numbers: behind a dense
     * pass of 33 ms a routed one took 325 to 455 us after one call, 290 to 330 after six.  And a core that has just run
     * wide vectors stays slower for most of a millisecond, whatever it runs. */
    TIMING_SETTLE_NS = 2000000,
};

/* One of the things compared.  A status other than PMOE_OK ends the measurement with it. */
struct timed {
    pmoe_status (*call)(void *context, pmoe_error *error);
    void *context;
    double *samples;    /* [TIMING_MAX_SAMPLES] out: nanoseconds a call, in the order measured */
    pmoe_timing timing; /* out */
    int32_t max_calls;  /* of one sample, before the clock is given up; timing_interleaved's own */
};

/* Time `count` things, interleaved:
 *   1. one call of each: cold, reported apart
 *   2. an eighth of the budget (at most a second) of single calls in turn: caches fill, clocks rise, wasm engines
 * replace baseline code
 *   3. calls per sample are fitted to the longer of TIMING_CLOCK_STEPS steps and TIMING_MIN_SPAN_NS
 *   4. rounds of one sample of each, at least TIMING_MIN_SAMPLES of them, then until the budget is spent; before each
 *      sample calls that are not counted, for TIMING_SETTLE_NS, bring back its steady state, unless calls are so long
 *      (50 ms) that they would make no difference
 * Every item has the same number of samples, sample i of all was taken in the same round.  The minimum of step 4 may
 * overrun the budget when the clock is coarse.  PMOE_E_ARGUMENT for a useless clock, naming what it did. */
PMOE_MUST_USE pmoe_status timing_interleaved(struct timed *items, int32_t count, double budget_ns,
                                             double (*clock_ns)(void), pmoe_error *error);

/* pmoe_time_runs, with the samples: samples [count][TIMING_MAX_SAMPLES], or NULL to keep none. */
PMOE_MUST_USE pmoe_status timing_runs(pmoe_run *const *runs, const float *const *images, int32_t count, int32_t batch,
                                      double budget_ns, double (*clock_ns)(void), double *samples, pmoe_timing *timings,
                                      pmoe_error *error);

#endif
