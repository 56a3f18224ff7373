/* The stopwatch: clock steps, calls per sample, interleaved rounds; see timing.h. */
#include "timing.h"

#include "../base/error.h"
#include "../base/memory.h"
#include "../model/model.h"
#include "statistics.h"

#include <float.h>
#include <math.h>

enum {
    PROBE_STEPS = 32,             /* steps of the clock that are looked at */
    PROBE_READS = 1 << 24,        /* until a clock counts as still: 0.4 s at 25 ns a read */
    PROBE_ENOUGH_READS = 1 << 21, /* after so many, one step is enough: clocks of 100 ms exist */
    MIN_PATIENCE = 1024,
    MAX_PATIENCE = 1 << 18,
    MAX_WARM_UP_NS = 1000000000,
    LONG_CALL_NS = 50000000, /* fills any cache within its first hundredth */
    MAX_FIT_CALLS = 1 << 24,
    MAX_GROWTH = 64,              /* of a sample's calls beyond what was fitted */
    ALWAYS_ALLOWED_CALLS = 65536, /* an interruption while fitting, which reads a clock after each, can leave too few */
};

struct stopwatch {
    double (*clock_ns)(void);
    double step_ns;   /* smallest step seen; 0: never moved */
    double last_ns;   /* the latest reading */
    int32_t patience; /* readings in a row without a step before the clock is given up */
    int32_t still;    /* readings in a row without a step so far */
};

static pmoe_status clock_backwards(double before, double after, pmoe_error *error)
{
    return fail(error, PMOE_E_ARGUMENT, "clock: expected readings that never fall, found %.9g ns after %.9g ns", after,
                before);
}

/* Watch the clock alone: its smallest step, and how many readings a step takes.  A clock that runs backwards is left
 * for stopwatch_read to report: what this sees is enough to be patient with it. */
static struct stopwatch stopwatch_probe(double (*clock_ns)(void))
{
    struct stopwatch watch = {clock_ns, 0, clock_ns(), MIN_PATIENCE, 0};
    int32_t steps = 0, longest = 0, since = 0;
    for (int32_t reads = 0; reads < PROBE_READS && steps < PROBE_STEPS; reads++) {
        double now = clock_ns(), step = now - watch.last_ns;
        since++;
        if (step > 0) {
            watch.step_ns = steps == 0 || step < watch.step_ns ? step : watch.step_ns;
            longest = since > longest ? since : longest;
            since = 0;
            steps++;
        } else if (steps && reads > PROBE_ENOUGH_READS) {
            break;
        }
        watch.last_ns = now;
    }
    if (longest > MIN_PATIENCE / 4)
        watch.patience = longest > MAX_PATIENCE / 4 ? MAX_PATIENCE : 4 * longest;
    return watch;
}

double pmoe_clock_step_ns(double (*clock_ns)(void))
{
    return stopwatch_probe(clock_ns).step_ns;
}

/* A new reading.  Readings with a call between them take longer than those of the probe, so a clock that has not moved
 * over so many has stopped. */
static pmoe_status stopwatch_read(struct stopwatch *watch, double *now, pmoe_error *error)
{
    *now = watch->clock_ns();
    if (!(*now >= watch->last_ns) || !(*now <= DBL_MAX))
        return clock_backwards(watch->last_ns, *now, error);
    watch->still = *now > watch->last_ns ? 0 : watch->still + 1;
    watch->last_ns = *now;
    if (watch->still > watch->patience)
        return fail(error, PMOE_E_ARGUMENT, "clock: it stood still at %.9g ns over %d calls", *now, watch->still);
    return PMOE_OK;
}

/* Call one after the other, in turn, until the clock has moved by `span_ns`; *calls says how often. */
static pmoe_status call_for(struct stopwatch *watch, struct timed *items, int32_t count, double span_ns, int32_t *calls,
                            pmoe_error *error)
{
    double start, now;
    TRY(stopwatch_read(watch, &start, error));
    now = start;
    for (*calls = 0; *calls < MAX_FIT_CALLS; ++*calls) {
        struct timed *item = &items[*calls % count];
        TRY(item->call(item->context, error));
        TRY(stopwatch_read(watch, &now, error));
        if (now - start >= span_ns) {
            ++*calls;
            return PMOE_OK;
        }
    }
    return fail(error, PMOE_E_ARGUMENT, "clock: it moved by %.9g ns over %d calls, expected at least %.9g", now - start,
                *calls, span_ns);
}

/* Uncounted calls before a sample. */
static pmoe_status settle(struct stopwatch *watch, struct timed *item, pmoe_error *error)
{
    if (item->timing.first_ns >= LONG_CALL_NS)
        return PMOE_OK;
    int32_t calls;
    return call_for(watch, item, 1, TIMING_SETTLE_NS, &calls, error);
}

/* Nanoseconds a call over one sample.  A sample that turns out too short is taken again with more calls, which stay
 * for the samples to come; a clock that never gets there is given up. */
static pmoe_status take_sample(struct stopwatch *watch, struct timed *item, double span_ns, double *ns_a_call,
                               pmoe_error *error)
{
    for (;;) {
        double start, end;
        TRY(settle(watch, item, error));
        TRY(stopwatch_read(watch, &start, error));
        for (int32_t i = 0; i < item->timing.calls; i++)
            TRY(item->call(item->context, error));
        TRY(stopwatch_read(watch, &end, error));
        double elapsed = end - start;
        if (elapsed >= span_ns) {
            *ns_a_call = elapsed / item->timing.calls;
            return PMOE_OK;
        }
        if (item->timing.calls >= item->max_calls)
            return fail(error, PMOE_E_ARGUMENT, "clock: a sample of %d calls spanned %.9g ns, expected at least %.9g",
                        item->timing.calls, elapsed, span_ns);
        double growth = elapsed > 0 ? fmin(8, 1.2 * span_ns / elapsed) : 8;
        item->timing.calls = (int32_t)fmin(item->max_calls, ceil(growth * item->timing.calls));
    }
}

static pmoe_status first_calls(struct stopwatch *watch, struct timed *items, int32_t count, pmoe_error *error)
{
    for (int32_t i = 0; i < count; i++) {
        double start, end;
        TRY(stopwatch_read(watch, &start, error));
        TRY(items[i].call(items[i].context, error));
        TRY(stopwatch_read(watch, &end, error));
        items[i].timing.first_ns = end - start;
    }
    return PMOE_OK;
}

static pmoe_status fit_calls(struct stopwatch *watch, struct timed *item, double span_ns, pmoe_error *error)
{
    TRY(call_for(watch, item, 1, span_ns, &item->timing.calls, error));
    int32_t base = item->timing.calls;
    if (base < ALWAYS_ALLOWED_CALLS / MAX_GROWTH)
        base = ALWAYS_ALLOWED_CALLS / MAX_GROWTH;
    item->max_calls = base > MAX_FIT_CALLS / MAX_GROWTH ? MAX_FIT_CALLS : base * MAX_GROWTH;
    return PMOE_OK;
}

/* Rounds of one sample of each; *rounds says how many. */
static pmoe_status sample_rounds(struct stopwatch *watch, struct timed *items, int32_t count, double span_ns,
                                 double budget_ns, int32_t *rounds, pmoe_error *error)
{
    double start, now;
    TRY(stopwatch_read(watch, &start, error));
    for (int32_t i = 0; i < count; i++)
        TRY(fit_calls(watch, &items[i], span_ns, error));
    int32_t round = 0;
    do {
        for (int32_t i = 0; i < count; i++)
            TRY(take_sample(watch, &items[i], span_ns, &items[i].samples[round], error));
        TRY(stopwatch_read(watch, &now, error));
        round++;
    } while (round < TIMING_MIN_SAMPLES || (round < TIMING_MAX_SAMPLES && now - start < budget_ns));
    *rounds = round;
    return PMOE_OK;
}

pmoe_status timing_interleaved(struct timed *items, int32_t count, double budget_ns, double (*clock_ns)(void),
                               pmoe_error *error)
{
    if (count < 1)
        return fail(error, PMOE_E_ARGUMENT, "timing: expected at least one thing to time, found %d", count);
    if (!(budget_ns >= 0 && budget_ns <= DBL_MAX))
        return fail(error, PMOE_E_ARGUMENT, "timing: expected a finite budget of 0 ns or more, found %g", budget_ns);
    struct stopwatch watch = stopwatch_probe(clock_ns);
    if (!(watch.step_ns > 0))
        return fail(error, PMOE_E_ARGUMENT, "clock: it stood still over %d readings", PROBE_READS);
    TRY(first_calls(&watch, items, count, error));
    int32_t warm_up_calls, rounds;
    TRY(call_for(&watch, items, count, fmin(budget_ns / 8, MAX_WARM_UP_NS), &warm_up_calls, error));
    double span_ns = fmax(TIMING_CLOCK_STEPS * watch.step_ns, TIMING_MIN_SPAN_NS);
    TRY(sample_rounds(&watch, items, count, span_ns, budget_ns * 7 / 8, &rounds, error));
    for (int32_t i = 0; i < count; i++) {
        double sorted[TIMING_MAX_SAMPLES];
        struct quartiles of = statistics_quartiles(items[i].samples, rounds, sorted);
        items[i].timing.low_ns = of.low;
        items[i].timing.median_ns = of.median;
        items[i].timing.high_ns = of.high;
        items[i].timing.samples = rounds;
    }
    return PMOE_OK;
}

/* ---- Forward passes ---- */

struct timed_run {
    pmoe_run *run;
    const float *images;
    int32_t batch;
    float *logits; /* shared by all: what a pass leaves there is not looked at */
};

static pmoe_status call_run(void *context, pmoe_error *error)
{
    const struct timed_run *timed = context;
    pmoe_status status = pmoe_forward(timed->run, timed->images, timed->batch, timed->logits);
    return status == PMOE_OK ? PMOE_OK : fail(error, status, "forward: %s", pmoe_status_name(status));
}

static pmoe_status check_runs(pmoe_run *const *runs, int32_t count, int32_t batch, pmoe_error *error)
{
    if (count < 1 || count > TIMING_MAX_RUNS)
        return fail(error, PMOE_E_ARGUMENT, "timing: expected 1 to %d runs, found %d", TIMING_MAX_RUNS, count);
    for (int32_t i = 0; i < count; i++)
        if (batch < 1 || batch > runs[i]->max_batch)
            return fail(error, PMOE_E_ARGUMENT, "run %d: expected a batch of 1 to %d, found %d", i, runs[i]->max_batch,
                        batch);
    return PMOE_OK;
}

pmoe_status timing_runs(pmoe_run *const *runs, const float *const *images, int32_t count, int32_t batch,
                        double budget_ns, double (*clock_ns)(void), double *samples, pmoe_timing *timings,
                        pmoe_error *error)
{
    TRY(check_runs(runs, count, batch, error));
    int32_t outputs = 0;
    for (int32_t i = 0; i < count; i++)
        outputs = runs[i]->model->graph.outputs > outputs ? runs[i]->model->graph.outputs : outputs;
    const pmoe_allocator *allocator = &runs[0]->model->allocator;
    struct arena arena = {NULL, 0, 0};
    struct timed *items = NULL;
    struct timed_run *calls = NULL;
    double *kept = NULL;
    float *logits = NULL;
    void *block = NULL;
    for (int32_t pass = 0; pass < 2; pass++) {
        if (pass == 1 && !arena_open(&arena, arena.used, allocator, &block))
            return fail(error, PMOE_E_MEMORY, "timing: no memory for the samples (%zu bytes)", arena.used);
        items = arena_take(&arena, (size_t)count * sizeof *items);
        calls = arena_take(&arena, (size_t)count * sizeof *calls);
        logits = arena_take(&arena, (size_t)batch * (size_t)outputs * sizeof *logits);
        kept = samples ? samples : arena_take(&arena, (size_t)count * TIMING_MAX_SAMPLES * sizeof *kept);
    }
    for (int32_t i = 0; i < count; i++) {
        calls[i] = (struct timed_run){runs[i], images[i], batch, logits};
        items[i] =
            (struct timed){.call = call_run, .context = &calls[i], .samples = kept + (size_t)i * TIMING_MAX_SAMPLES};
    }
    pmoe_status status = timing_interleaved(items, count, budget_ns, clock_ns, error);
    for (int32_t i = 0; i < count && status == PMOE_OK; i++)
        timings[i] = items[i].timing;
    allocator_give(allocator, block);
    return status;
}

pmoe_status pmoe_time_runs(pmoe_run *const *runs, const float *const *images, int32_t count, int32_t batch,
                           double budget_ns, double (*clock_ns)(void), pmoe_timing *timings, pmoe_error *error)
{
    return timing_runs(runs, images, count, batch, budget_ns, clock_ns, NULL, timings, error);
}
