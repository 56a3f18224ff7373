/* The timing core under made-up clocks, and its statistics on known distributions.
 *
 * The clocks are made up so that every expected number is exact and no test depends on how fast this machine is. */
#include "base/random.h"
#include "bench/statistics.h"
#include "bench/timing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- Statistics ---- */

static void sorting_orders_and_keeps_every_value(void **state)
{
    (void)state;
    for (int32_t count = 0; count <= 70; count++) {
        struct random random = random_at(3, RANDOM_CHECK, (uint64_t)count);
        int32_t order[70];
        double values[70];
        for (int32_t i = 0; i < count; i++)
            order[i] = i;
        random_shuffle(&random, order, (size_t)count);
        for (int32_t i = 0; i < count; i++)
            values[i] = order[i] / 3; /* each value three times */
        statistics_sort(values, count);
        for (int32_t i = 0; i < count; i++)
            assert_true(values[i] == i / 3);
    }
}

static void quantiles_lie_straight_between_neighbours(void **state)
{
    (void)state;
    const double sorted[] = {1, 2, 3, 10};
    assert_true(statistics_quantile(sorted, 4, 0) == 1);
    assert_true(statistics_quantile(sorted, 4, 0.25) == 1.75);
    assert_true(statistics_quantile(sorted, 4, 0.5) == 2.5);
    assert_true(statistics_quantile(sorted, 4, 0.75) == 4.75);
    assert_true(statistics_quantile(sorted, 4, 1) == 10);
    assert_true(statistics_quantile(sorted, 1, 0.5) == 1);
}

static void quartiles_of_a_normal_distribution(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static double samples[COUNT], before[COUNT], scratch[COUNT];
    struct random random = random_at(1, RANDOM_CHECK, 0);
    for (int32_t i = 0; i < COUNT; i++)
        samples[i] = before[i] = 100 + 10 * (double)random_normal(&random);
    struct quartiles found = statistics_quartiles(samples, COUNT, scratch);
    assert_true(fabs(found.low - 93.2551) < 0.4); /* four standard errors: 10 * 1.36 / sqrt(20000) each */
    assert_true(fabs(found.median - 100) < 0.4);
    assert_true(fabs(found.high - 106.7449) < 0.4);
    assert_memory_equal(samples, before, sizeof samples);
}

enum { ROUNDS = 51, DRAWS = 200 };

static struct interval interval_of(const double *a, const double *b, int32_t count, uint64_t seed)
{
    static double scratch[1000 + DRAWS];
    struct random random = random_at(seed, RANDOM_BOOTSTRAP, 0);
    return statistics_ratio_interval(a, b, count, 0.95, DRAWS, &random, scratch);
}

/* Log-normal times, like real ones with a tail to the right; the true ratio of medians is 3. */
static void draw_times(struct random *random, double *a, double *b, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        a[i] = 3000 * exp(0.2 * (double)random_normal(random));
        b[i] = 1000 * exp(0.2 * (double)random_normal(random));
    }
}

static void intervals_hold_the_true_ratio_as_often_as_they_say(void **state)
{
    (void)state;
    enum { EXPERIMENTS = 400 };
    int32_t held = 0;
    for (int32_t i = 0; i < EXPERIMENTS; i++) {
        double a[ROUNDS], b[ROUNDS];
        struct random random = random_at(11, RANDOM_CHECK, (uint64_t)i);
        draw_times(&random, a, b, ROUNDS);
        struct interval interval = interval_of(a, b, ROUNDS, (uint64_t)i);
        assert_true(interval.low <= interval.high);
        held += interval.low <= 3 && 3 <= interval.high;
    }
    assert_in_range(held, EXPERIMENTS * 91 / 100, EXPERIMENTS * 99 / 100);
}

static void intervals_narrow_with_the_root_of_the_samples(void **state)
{
    (void)state;
    double few = 0, many = 0;
    for (uint64_t i = 0; i < 20; i++) {
        double a[900], b[900];
        struct random random = random_at(12, RANDOM_CHECK, i);
        draw_times(&random, a, b, 900);
        struct interval of_few = interval_of(a, b, 100, i), of_many = interval_of(a, b, 900, i);
        few += of_few.high - of_few.low;
        many += of_many.high - of_many.low;
    }
    assert_true(few / many > 2.4 && few / many < 3.6);
}

static void drift_that_hits_both_does_not_widen_an_interval(void **state)
{
    (void)state;
    double a[ROUNDS], b[ROUNDS];
    for (int32_t i = 0; i < ROUNDS; i++) {
        b[i] = 1000 + 10 * i;
        a[i] = 2 * b[i];
    }
    struct interval interval = interval_of(a, b, ROUNDS, 1);
    assert_true(interval.low == 2 && interval.high == 2);
}

static void intervals_depend_on_the_generator_alone(void **state)
{
    (void)state;
    double a[ROUNDS], b[ROUNDS];
    struct random random = random_at(13, RANDOM_CHECK, 0);
    draw_times(&random, a, b, ROUNDS);
    struct interval one = interval_of(a, b, ROUNDS, 5), again = interval_of(a, b, ROUNDS, 5);
    struct interval other = interval_of(a, b, ROUNDS, 6);
    assert_true(one.low == again.low && one.high == again.high);
    assert_true(one.low != other.low || one.high != other.high);
}

/* ---- A world with its own time ---- */

enum { MAX_ITEMS = 3, LOG_SIZE = 4096 };

static struct world {
    double now_ns, step_ns, read_ns; /* true time, what the clock shows of it, what reading it takes */
    int64_t reads, calls;
    int64_t stops_at_read;  /* from this reading on the clock shows the same; 0: never */
    int64_t breaks_at_read; /* from this reading on the clock shows `broken_ns` */
    double broken_ns, shown_ns;
    int32_t only_reads; /* time passes in readings alone */
    int64_t fails_at_call;
    int32_t log[LOG_SIZE], logged; /* which item ran, changes only */
} world;

static double world_clock(void)
{
    world.reads++;
    world.now_ns += world.read_ns;
    if (world.breaks_at_read && world.reads >= world.breaks_at_read)
        return world.broken_ns;
    if (!world.stops_at_read || world.reads < world.stops_at_read)
        world.shown_ns = floor(world.now_ns / world.step_ns) * world.step_ns;
    return world.shown_ns;
}

struct item {
    int32_t index;
    double first_ns, cost_ns;
    double drift; /* cost grows by this factor a second */
    int32_t calls;
};

static pmoe_status item_call(void *context, pmoe_error *error)
{
    (void)error;
    struct item *item = context;
    world.calls++;
    if (world.fails_at_call && world.calls >= world.fails_at_call)
        return PMOE_E_LIMIT;
    if (!world.only_reads)
        world.now_ns += (item->calls++ == 0 ? item->first_ns : item->cost_ns) * (1 + item->drift * world.now_ns / 1e9);
    if (world.logged < LOG_SIZE && (!world.logged || world.log[world.logged - 1] != item->index))
        world.log[world.logged++] = item->index;
    return PMOE_OK;
}

static double samples[MAX_ITEMS][TIMING_MAX_SAMPLES];

static pmoe_status measure(struct item *items, int32_t count, double budget_ns, pmoe_timing *timings, pmoe_error *why)
{
    struct timed timed[MAX_ITEMS];
    memset(timed, 0, sizeof timed);
    for (int32_t i = 0; i < count; i++) {
        items[i].index = i;
        timed[i].call = item_call;
        timed[i].context = &items[i];
        timed[i].samples = samples[i];
    }
    pmoe_status status = timing_interleaved(timed, count, budget_ns, world_clock, why);
    for (int32_t i = 0; i < count; i++)
        timings[i] = timed[i].timing;
    return status;
}

static const struct world fine = {.step_ns = 1, .read_ns = 25};
static const struct world coarse = {.step_ns = 1e6, .read_ns = 100};

static void the_clock_step_is_the_smallest_step_seen(void **state)
{
    (void)state;
    world = coarse;
    assert_true(pmoe_clock_step_ns(world_clock) == 1e6);
    world = (struct world){.step_ns = 1e8, .read_ns = 100};
    assert_true(pmoe_clock_step_ns(world_clock) == 1e8);
    world = fine; /* finer than a reading takes: the reading is what can be seen */
    assert_true(pmoe_clock_step_ns(world_clock) == 25);
    world = (struct world){.step_ns = 1};
    assert_true(pmoe_clock_step_ns(world_clock) == 0);
}

static void medians_are_the_costs(void **state)
{
    (void)state;
    const struct world worlds[] = {fine, coarse};
    for (int32_t w = 0; w < 2; w++) {
        world = worlds[w];
        struct item items[] = {{.first_ns = 90000, .cost_ns = 6000}, {.first_ns = 70000, .cost_ns = 1500}};
        pmoe_timing timings[2];
        pmoe_error why;
        assert_int_equal(measure(items, 2, 1e8, timings, &why), PMOE_OK);
        for (int32_t i = 0; i < 2; i++) {
            double span = fmax(100 * world.step_ns, 50000);
            assert_true(fabs(timings[i].median_ns / items[i].cost_ns - 1) < 0.015);
            assert_true(timings[i].low_ns <= timings[i].median_ns && timings[i].median_ns <= timings[i].high_ns);
            assert_true(timings[i].samples >= TIMING_MIN_SAMPLES && timings[i].samples <= TIMING_MAX_SAMPLES);
            assert_true(timings[i].calls * items[i].cost_ns > 0.98 * span);
            assert_true(fabs(timings[i].first_ns - items[i].first_ns) <= world.step_ns + world.read_ns);
        }
        assert_int_equal(timings[0].samples, timings[1].samples);
    }
}

static void every_round_has_one_sample_of_each(void **state)
{
    (void)state;
    world = fine;
    struct item items[] = {{0, 5000, 5000, 0, 0}, {0, 2000, 2000, 0, 0}, {0, 900, 900, 0, 0}};
    pmoe_timing timings[3];
    pmoe_error why;
    assert_int_equal(measure(items, 3, 1e6, timings, &why), PMOE_OK);
    assert_true(world.logged < LOG_SIZE);
    int32_t sampled = 3 * timings[0].samples;
    assert_true(sampled >= 3 * TIMING_MIN_SAMPLES && sampled < world.logged);
    for (int32_t i = 0; i < sampled; i++)
        assert_int_equal(world.log[world.logged - sampled + i], i % 3);
}

static void drift_leaves_the_ratio_alone(void **state)
{
    (void)state;
    world = fine;
    struct item items[] = {{0, 4000, 4000, 20, 0}, {0, 1000, 1000, 20, 0}};
    pmoe_timing timings[2];
    pmoe_error why;
    assert_int_equal(measure(items, 2, 5e8, timings, &why), PMOE_OK);
    assert_true(timings[0].high_ns / timings[0].low_ns > 1.1); /* the drift was there */
    assert_true(fabs(timings[0].median_ns / timings[1].median_ns / 4 - 1) < 0.02);
}

static void the_budget_decides_how_many_samples(void **state)
{
    (void)state;
    struct item item = {0, 1000, 1000, 0, 0};
    pmoe_timing timing;
    pmoe_error why;
    world = fine;
    assert_int_equal(measure(&item, 1, 0, &timing, &why), PMOE_OK);
    assert_int_equal(timing.samples, TIMING_MIN_SAMPLES);
    world = fine;
    assert_int_equal(measure(&item, 1, 1e8, &timing, &why), PMOE_OK);
    assert_in_range(timing.samples, TIMING_MIN_SAMPLES + 1, TIMING_MAX_SAMPLES - 1);
    assert_true(world.now_ns < 1.05e8);
    world = fine;
    assert_int_equal(measure(&item, 1, 1e12, &timing, &why), PMOE_OK);
    assert_int_equal(timing.samples, TIMING_MAX_SAMPLES);
}

/* Measure one thing with no budget; how often it was called. */
static int32_t calls_of_one(double cost_ns, pmoe_timing *timing)
{
    world = fine;
    struct item item = {.first_ns = cost_ns, .cost_ns = cost_ns};
    pmoe_error why;
    assert_int_equal(measure(&item, 1, 0, timing, &why), PMOE_OK);
    assert_int_equal(timing->samples, TIMING_MIN_SAMPLES);
    return item.calls;
}

/* Uncounted calls fill TIMING_SETTLE_NS before each sample, at least one. */
static void items_settle_before_each_sample(void **state)
{
    (void)state;
    const double costs[] = {1000, TIMING_SETTLE_NS / 4, 2 * TIMING_SETTLE_NS};
    for (int32_t i = 0; i < 3; i++) {
        pmoe_timing timing;
        int32_t calls = calls_of_one(costs[i], &timing), uncounted = calls - TIMING_MIN_SAMPLES * timing.calls;
        int32_t settling = (int32_t)ceil(TIMING_SETTLE_NS / (costs[i] + fine.read_ns));
        /* the first call, warm-up and fitting, too; a sample that turned out too short settles twice */
        int32_t around = 2 + TIMING_MIN_SPAN_NS / (int32_t)costs[i];
        assert_in_range(uncounted, settling * TIMING_MIN_SAMPLES + 1, settling * (TIMING_MIN_SAMPLES + 1) + 2 * around);
    }
}

static void long_calls_need_not_settle(void **state)
{
    (void)state;
    const double costs[] = {4e7, 6e7};
    for (int32_t i = 0; i < 2; i++) {
        pmoe_timing timing;
        int32_t calls = calls_of_one(costs[i], &timing);
        assert_int_equal(timing.calls, 1);
        assert_int_equal(calls, 3 + TIMING_MIN_SAMPLES * (i ? 1 : 2)); /* first, warm-up, fitting */
    }
}

/* ---- Clocks that are of no use ---- */

static void assert_gives_up(struct world broken, const char *reason)
{
    world = broken;
    struct item items[] = {{0, 5000, 5000, 0, 0}, {0, 1000, 1000, 0, 0}};
    pmoe_timing timings[2];
    pmoe_error why = {PMOE_OK, ""};
    assert_int_equal(measure(items, 2, 1e8, timings, &why), PMOE_E_ARGUMENT);
    assert_int_equal(why.status, PMOE_E_ARGUMENT);
    assert_non_null(strstr(why.text, reason));
    assert_true(world.calls < 1 << 20);
}

static void a_still_clock_is_given_up(void **state)
{
    (void)state;
    assert_gives_up((struct world){.step_ns = 1}, "stood still");
    const int64_t stops[] = {2, 20, 34, 35, 36, 40, 100, 1000, 3000, 5000};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        struct world stopping = fine;
        stopping.stops_at_read = stops[i];
        assert_gives_up(stopping, "clock: ");
    }
    for (int64_t stop = 300000; stop <= 330000; stop += 3000) {
        struct world stopping = coarse;
        stopping.stops_at_read = stop;
        assert_gives_up(stopping, "clock: ");
    }
}

static void a_clock_that_breaks_is_given_up(void **state)
{
    (void)state;
    const double shown[] = {-1, 0, (double)NAN, (double)INFINITY, (double)-INFINITY};
    const int64_t breaks[] = {1, 2, 30, 34, 36, 50, 500, 4000};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        for (size_t j = 0; j < sizeof breaks / sizeof *breaks; j++) {
            struct world breaking = fine;
            breaking.broken_ns = shown[i];
            breaking.breaks_at_read = breaks[j];
            assert_gives_up(breaking, "clock: ");
        }
}

static void a_clock_that_only_readings_move_is_given_up(void **state)
{
    (void)state;
    struct world counting = fine;
    counting.only_reads = 1;
    assert_gives_up(counting, "spanned");
}

static void bad_arguments_and_failing_calls_are_passed_on(void **state)
{
    (void)state;
    struct item item = {0, 1000, 1000, 0, 0};
    pmoe_timing timing;
    pmoe_error why;
    const double budgets[] = {-1, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < 3; i++) {
        world = fine;
        assert_int_equal(measure(&item, 1, budgets[i], &timing, &why), PMOE_E_ARGUMENT);
        assert_int_equal(world.calls, 0);
    }
    assert_int_equal(measure(&item, 0, 1e6, &timing, &why), PMOE_E_ARGUMENT);
    for (int64_t failing = 1; failing < 2000; failing += 37) {
        world = fine;
        world.fails_at_call = failing;
        assert_int_equal(measure(&item, 1, 1e9, &timing, &why), PMOE_E_LIMIT);
        assert_int_equal(world.calls, failing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting_orders_and_keeps_every_value),
        cmocka_unit_test(quantiles_lie_straight_between_neighbours),
        cmocka_unit_test(quartiles_of_a_normal_distribution),
        cmocka_unit_test(intervals_hold_the_true_ratio_as_often_as_they_say),
        cmocka_unit_test(intervals_narrow_with_the_root_of_the_samples),
        cmocka_unit_test(drift_that_hits_both_does_not_widen_an_interval),
        cmocka_unit_test(intervals_depend_on_the_generator_alone),
        cmocka_unit_test(the_clock_step_is_the_smallest_step_seen),
        cmocka_unit_test(medians_are_the_costs),
        cmocka_unit_test(every_round_has_one_sample_of_each),
        cmocka_unit_test(drift_leaves_the_ratio_alone),
        cmocka_unit_test(the_budget_decides_how_many_samples),
        cmocka_unit_test(items_settle_before_each_sample),
        cmocka_unit_test(long_calls_need_not_settle),
        cmocka_unit_test(a_still_clock_is_given_up),
        cmocka_unit_test(a_clock_that_breaks_is_given_up),
        cmocka_unit_test(a_clock_that_only_readings_move_is_given_up),
        cmocka_unit_test(bad_arguments_and_failing_calls_are_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
