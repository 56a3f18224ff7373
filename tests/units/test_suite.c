/* The benchmark's arithmetic and its plan: ledgers, the reference's peak and drift, which comparisons there are, and
 * the JSON of a run.  Times come from the machine's clock where something is run, and nothing is asked of them but to
 * be positive. */
#include "base/memory.h"
#include "bench/int8_model.h"
#include "bench/ledger.h"
#include "bench/networks.h"
#include "bench/reference.h"
#include "bench/suite.h"
#include "bench/suite_plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static double clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static void assert_near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-12 * fmax(1, fabs(expected))))
        fail_msg("found %.17g, expected %.17g", found, expected);
}

/* ---- Ledgers ---- */

/* Dense: 8000 multiply-adds in 4000 ns.  Routed: a router of 400 and experts of 1600, so 1000 ns in theory; it takes
 * 2000. */
static const struct ledger_times times = {.dense_macs = 8000,
                                          .routed_macs = 2000,
                                          .dense_ns = 4000,
                                          .routed_ns = 2000,
                                          .router_macs = 400,
                                          .expert_macs = 1600,
                                          .router_ns = 500,
                                          .top_ns = 300,
                                          .gather_ns = 100,
                                          .experts_ns = 1000};

static void a_ledger_says_who_took_the_saving(void **state)
{
    (void)state;
    struct ledger ledger = ledger_of(&times);
    assert_near(ledger.theory, 4);
    assert_near(ledger.measured, 2);
    assert_near(ledger.kept, 0.5);
    assert_near(ledger.router, (500 - 200) / 2000.0);
    assert_near(ledger.top, 300 / 2000.0);
    assert_near(ledger.gather, 100 / 2000.0);
    assert_near(ledger.experts, (1000 - 100 - 800) / 2000.0);
    assert_near(ledger.rest, (2000 - 500 - 300 - 1000) / 2000.0);
}

static void a_ledger_adds_up_whatever_was_measured(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        struct random random = random_at(5, RANDOM_CHECK, i);
        struct ledger_times any = {.dense_macs = 1 + random_below(&random, 1000000),
                                   .routed_macs = 1 + random_below(&random, 1000000),
                                   .dense_ns = 1 + random_below(&random, 100000),
                                   .routed_ns = 1 + random_below(&random, 100000),
                                   .router_macs = random_below(&random, 10000),
                                   .expert_macs = random_below(&random, 10000),
                                   .router_ns = random_below(&random, 10000),
                                   .top_ns = random_below(&random, 10000),
                                   .gather_ns = random_below(&random, 10000),
                                   .experts_ns = random_below(&random, 10000)};
        struct ledger ledger = ledger_of(&any);
        assert_near(ledger.kept * ledger.theory / ledger.measured, 1);
        double sum = ledger.kept + ledger.router + ledger.top + ledger.gather + ledger.experts + ledger.rest;
        assert_true(fabs(sum - 1) < 1e-9 * (1 + fabs(ledger.kept)));
    }
}

/* Experts as fast a multiply-add as dense, and nothing else: all of the saving arrives. */
static void a_perfect_pass_keeps_everything(void **state)
{
    (void)state;
    struct ledger_times perfect = {.dense_macs = 8000,
                                   .routed_macs = 1000,
                                   .dense_ns = 4000,
                                   .routed_ns = 500,
                                   .expert_macs = 1000,
                                   .experts_ns = 500};
    struct ledger ledger = ledger_of(&perfect);
    assert_near(ledger.kept, 1);
    assert_near(ledger.experts, 0);
    assert_near(ledger.rest, 0);
}

/* ---- The reference kernel ---- */

static void peak_is_the_mean_of_both_sides_and_drift_the_widest_gap(void **state)
{
    (void)state;
    struct reference reference = {.sets = kernels_count() > 1 ? 2 : 1};
    for (int32_t s = 0; s < reference.sets; s++)
        reference.set[s] = kernels_at(s);
    const char *first = reference.set[0]->name, *last = reference.set[reference.sets - 1]->name;
    assert_near(reference_peak(&reference, first), 0);
    assert_near(reference_drift(&reference), 0);
    const double points[][2] = {{4, 40}, {5, 44}, {4.5, 42}};
    for (int32_t p = 0; p < 3; p++) {
        memcpy(reference.gmac_per_s[p], points[p], sizeof points[p]);
        reference.points++;
        assert_near(reference_peak(&reference, first), p ? (points[p - 1][0] + points[p][0]) / 2 : 4);
    }
    if (reference.sets > 1)
        assert_near(reference_peak(&reference, last), 43);
    assert_near(reference_drift(&reference), 0.25);
    assert_near(reference_peak(&reference, "abacus"), 0);
}

static void the_reference_kernel_is_measured(void **state)
{
    (void)state;
    struct reference reference = reference_of(clock_ns);
    pmoe_error why = {PMOE_OK, ""};
    assert_int_equal(reference.sets, kernels_count());
    assert_int_equal(reference.points, 0);
    assert_int_equal(reference_measure(&reference, 0, &why), PMOE_OK);
    assert_int_equal(reference_measure(&reference, 0, &why), PMOE_OK);
    assert_int_equal(reference.points, 2);
    for (int32_t s = 0; s < reference.sets; s++)
        assert_true(reference_peak(&reference, reference.set[s]->name) > 0);
}

/* ---- The plan ---- */

static struct comparison comparisons[SUITE_MOST_COMPARISONS];

static struct suite_options options_of(uint32_t groups)
{
    return (struct suite_options){
        .groups = groups, .threads = {1, 2}, .thread_count = 2, .seed = 1, .clock_ns = clock_ns};
}

static void every_network_of_the_plan_exists(void **state)
{
    (void)state;
    struct suite_options options = options_of((1u << SUITE_GROUPS) - 1);
    int32_t count = suite_plan(&options, comparisons), of_group[SUITE_GROUPS] = {0};
    for (int32_t i = 0; i < count; i++) {
        const struct comparison *one = &comparisons[i];
        of_group[one->group]++;
        assert_in_range(one->count, 1, SUITE_MOST_ENTRIES);
        assert_in_range(one->batch, 1, 256);
        for (int32_t e = 0; e < one->count; e++) {
            assert_true(network_find(one->entry[e].network) >= 0);
            assert_non_null(kernels_find(one->entry[e].isa));
            assert_true(one->entry[e].threads >= 1);
        }
    }
    for (int32_t g = 0; g < SUITE_GROUPS; g++) {
        assert_true(strlen(suite_group_name((enum suite_group)g)) > 0);
        assert_int_equal(of_group[g] > 0, g != SUITE_MODELS); /* no models were given */
    }
}

static int32_t with_batch(const struct comparison *list, int32_t count, const char *name, int32_t batch)
{
    for (int32_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0 && list[i].batch == batch)
            return 1;
    return 0;
}

static void batches_are_the_usual_ones_or_those_asked_for(void **state)
{
    (void)state;
    struct suite_options options = options_of(1u << SUITE_ROUTED | 1u << SUITE_HEADS);
    int32_t count = suite_plan(&options, comparisons);
    assert_true(with_batch(comparisons, count, "stack64", 1) && with_batch(comparisons, count, "stack64", 32));
    assert_true(with_batch(comparisons, count, "head", 256) && !with_batch(comparisons, count, "stack64", 256));
    assert_true(with_batch(comparisons, count, "sweep", 1) && !with_batch(comparisons, count, "sweep", 32));
    options.batches[0] = 3;
    options.batch_count = 1;
    count = suite_plan(&options, comparisons);
    for (int32_t i = 0; i < count; i++)
        assert_int_equal(comparisons[i].batch, 3);
    assert_true(with_batch(comparisons, count, "sweep", 3));
}

static void layers_run_on_everything_and_others_on_the_best(void **state)
{
    (void)state;
    struct suite_options options = options_of(1u << SUITE_LAYERS | 1u << SUITE_NETWORKS | 1u << SUITE_ROUTED);
    options.batches[0] = 1;
    options.batch_count = 1;
    int32_t count = suite_plan(&options, comparisons), others = -1; /* sets with kernels of floats of their own */
    for (int32_t s = 0; s < kernels_count(); s++)
        others += strcmp(kernels_at(s)->floats, kernels_at(s)->name) == 0;
    for (int32_t i = 0; i < count; i++) {
        const struct comparison *one = &comparisons[i];
        if (one->group == SUITE_ROUTED) {
            for (int32_t e = 0; e < one->count; e++)
                assert_int_equal(one->entry[e].threads, 1);
            continue;
        }
        assert_int_equal(one->count, 2 + (one->group == SUITE_LAYERS ? others : 0));
        assert_int_equal(one->entry[0].threads, 1);
        assert_int_equal(one->entry[1].threads, 2);
        assert_string_equal(one->entry[0].isa, kernels_find(NULL)->name);
    }
    options.isa = "scalar";
    count = suite_plan(&options, comparisons);
    for (int32_t i = 0; i < count; i++)
        for (int32_t e = 0; e < comparisons[i].count; e++)
            assert_string_equal(comparisons[i].entry[e].isa, "scalar");
}

/* ---- A run ---- */

static pmoe_model *open_network(const char *name)
{
    unsigned char *file;
    size_t bytes;
    pmoe_model *model;
    pmoe_error why = {PMOE_OK, ""};
    assert_int_equal(network_file(network_find(name), NULL, &file, &bytes, &why), PMOE_OK);
    assert_int_equal(pmoe_model_open(file, bytes, NULL, &model, &why), PMOE_OK);
    free(file);
    return model;
}

static int is_positive(double value)
{
    return value > 0 && isfinite(value);
}

static void check_rows(const struct suite_row *rows, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        const struct suite_row *row = &rows[i];
        assert_in_range(row->first, 0, i);
        assert_int_equal(rows[row->first].first, row->first);
        assert_true(row->timing.samples >= TIMING_MIN_SAMPLES);
        assert_true(is_positive(row->timing.median_ns) && is_positive(row->timing.first_ns));
        assert_true(is_positive(row->speedup.low) && row->speedup.low <= row->speedup.high);
        assert_true(is_positive(row->peak_share) && is_positive((double)row->multiply_adds));
        for (int32_t s = 0; s < row->timing.samples; s++)
            assert_true(is_positive(row->samples[s]));
    }
}

static void a_run_gives_rows_with_ledgers(void **state)
{
    (void)state;
    static const char *const names[] = {"patch_cnn", "patch_moe", "head_top2"};
    enum { MODELS = sizeof names / sizeof *names };
    struct suite_options options = options_of(1u << SUITE_MODELS | 1u << SUITE_KERNELS);
    options.batches[0] = 2;
    options.batch_count = 1;
    options.thread_count = 1;
    for (int32_t i = 0; i < MODELS; i++)
        options.models[options.model_count++] = (struct suite_model){.model = open_network(names[i]), .open_ns = 5};
    struct suite *suite;
    pmoe_error why = {PMOE_OK, ""};
    assert_int_equal(suite_open(&options, &suite, &why), PMOE_OK);
    assert_int_equal(suite_count(suite), MODELS + 1);
    for (int32_t i = 0; i < suite_count(suite); i++) {
        assert_true(strlen(suite_title(suite, i).text) > 10);
        assert_int_equal(suite_run(suite, i, &why), PMOE_OK);
    }
    int32_t count, kernels = 0;
    const struct suite_row *rows = suite_rows(suite, &count);
    check_rows(rows, count);
    while (rows[kernels].group == SUITE_KERNELS)
        kernels++;
    /* conv and fc; router and experts (patch_moe's fc is patch_cnn's); router, hidden and out */
    assert_int_equal(kernels, (2 + 2 + 3) * kernels_count());
    assert_int_equal(count, kernels + MODELS);
    for (int32_t i = 0; i < MODELS; i++) {
        const struct suite_row *row = &rows[kernels + i];
        assert_string_equal(row->model, names[i]);
        assert_int_equal(row->batch, 2);
        assert_true(row->open_ns == 5 && row->model_bytes > 0 && row->run_bytes > 0);
        assert_int_equal(row->ledger.theory > 0, i > 0);
        for (int32_t p = 0; p < PASS_PARTS; p++)
            assert_int_equal(row->parts_ns[p] > 0, i > 0 && p != PART_BEFORE);
    }
    assert_int_equal(rows[kernels + 1].multiply_adds, 2 * 163112);
    assert_int_equal(rows[kernels + 1].patches, 16);
    assert_near(row_saving(rows, &rows[kernels + 1]), 501800 / 163112.0);
    assert_near(rows[kernels + 1].ledger.theory, 501800 / 163112.0);
    assert_int_equal(suite_reference(suite)->points, 1 + 2 + 2 + 3 + 1);
    suite_close(&suite);
    assert_null(suite);
    for (int32_t i = 0; i < MODELS; i++)
        pmoe_model_close(&options.models[i].model);
}

static void networks_are_opened_and_closed_by_the_suite(void **state)
{
    (void)state;
    struct suite_options options = options_of(1u << SUITE_HEADS);
    options.batches[0] = 1;
    options.batch_count = 1;
    struct suite *suite;
    pmoe_error why = {PMOE_OK, ""};
    assert_int_equal(suite_open(&options, &suite, &why), PMOE_OK);
    assert_int_equal(suite_run(suite, 0, &why), PMOE_OK);
    int32_t count;
    const struct suite_row *rows = suite_rows(suite, &count);
    check_rows(rows, count);
    assert_int_equal(count, 4);
    for (int32_t i = 0; i < count; i++)
        assert_true(rows[i].open_ns > 0);
    assert_near(row_saving(rows, &rows[2]), 267264 / 70912.0);

    /* As JSON it is complete: written twice, to size and to fill, and read again. */
    struct json_writer writer;
    json_begin(&writer, NULL, 0);
    json_open_object(&writer, NULL);
    suite_write(suite, &writer);
    json_close_object(&writer);
    char *text = malloc(writer.length + 1);
    json_begin(&writer, text, writer.length + 1);
    json_open_object(&writer, NULL);
    suite_write(suite, &writer);
    json_close_object(&writer);
    pmoe_allocator memory = allocator_or_malloc(NULL);
    struct json json;
    assert_int_equal(json_open(text, writer.length, "result", &memory, &json, &why), PMOE_OK);
    assert_int_equal(json_size(&json, json_member(&json, 0, "rows")), 4);
    assert_true(json_member(&json, json_member(&json, 0, "measured"), "drifted") != JSON_NONE);
    json_close(&json, &memory);
    free(text);
    suite_close(&suite);
}

/* Floats first, then eight bits of the same, and no caller's model that is not there in both. */
static void eight_bits_are_timed_beside_floats(void **state)
{
    (void)state;
    struct suite_options options = options_of(1u << SUITE_INT8);
    options.batches[0] = 2;
    options.batch_count = 1;
    int32_t count = suite_plan(&options, comparisons), rows;
    assert_int_equal(count, 3);
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(comparisons[i].count, 2);
        assert_string_equal(comparisons[i].entry[0].network, comparisons[i].entry[1].network);
        assert_true(!comparisons[i].entry[0].int8 && comparisons[i].entry[1].int8);
    }
    unsigned char *file;
    size_t bytes;
    assert_int_equal(network_file(network_find("conv64_32"), NULL, &file, &bytes, NULL), PMOE_OK);
    struct suite_model *given = &options.models[1];
    pmoe_error why;
    assert_int_equal(int8_model_open(file, bytes, NULL, 1, clock_ns, &given->int8, &given->int8_open_ns, &why),
                     PMOE_E_ARGUMENT);
    free(file);
    assert_int_equal(network_file(network_find("wrn10_2"), NULL, &file, &bytes, NULL), PMOE_OK);
    assert_int_equal(int8_model_open(file, bytes, NULL, 1, clock_ns, &given->int8, &given->int8_open_ns, &why),
                     PMOE_OK);
    free(file);
    given->model = open_network("wrn10_2");
    options.models[0].model = open_network("conv64_32");
    options.model_count = 2;
    assert_int_equal(suite_plan(&options, comparisons), 1);
    struct suite *suite;
    assert_int_equal(suite_open(&options, &suite, NULL), PMOE_OK);
    assert_int_equal(suite_run(suite, 0, NULL), PMOE_OK);
    const struct suite_row *row = suite_rows(suite, &rows);
    assert_int_equal(rows, 2);
    assert_true(!row[0].int8 && row[1].int8);
    assert_string_equal(row[0].model, row[1].model);
    assert_true(row[0].multiply_adds == row[1].multiply_adds && row[1].speedup.low > 0);
    suite_close(&suite);
    pmoe_model_close(&given->model);
    pmoe_model_close(&given->int8);
    pmoe_model_close(&options.models[0].model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ledger_says_who_took_the_saving),
        cmocka_unit_test(a_ledger_adds_up_whatever_was_measured),
        cmocka_unit_test(a_perfect_pass_keeps_everything),
        cmocka_unit_test(peak_is_the_mean_of_both_sides_and_drift_the_widest_gap),
        cmocka_unit_test(the_reference_kernel_is_measured),
        cmocka_unit_test(every_network_of_the_plan_exists),
        cmocka_unit_test(batches_are_the_usual_ones_or_those_asked_for),
        cmocka_unit_test(layers_run_on_everything_and_others_on_the_best),
        cmocka_unit_test(a_run_gives_rows_with_ledgers),
        cmocka_unit_test(networks_are_opened_and_closed_by_the_suite),
        cmocka_unit_test(eight_bits_are_timed_beside_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
