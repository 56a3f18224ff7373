/* The evaluation loop against a plain one, board by board, and pmoe_time_runs on real runs.
 *
 * Digits and weights are made up: what is counted must be right whatever a model says. */
#include "base/random.h"
#include "bench/timing.h"
#include "counting_allocator.h"
#include "model/model.h"
#include "study/accuracy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* ---- Digits and models ---- */

enum { DIGITS = 50, PIXELS = PMOE_CELL * PMOE_CELL, BOARD_PIXELS = PMOE_BOARD * PMOE_BOARD };

static struct {
    uint8_t images[16 + DIGITS * PIXELS], labels[8 + DIGITS];
} idx;

/* Two IDX files of noise, five digits of each label or of `only` alone. */
static pmoe_digits *open_digits(int only)
{
    memcpy(idx.images, "\0\0\10\3\0\0\0\62\0\0\0\34\0\0\0\34", 16);
    memcpy(idx.labels, "\0\0\10\1\0\0\0\62", 8);
    struct random random = random_at(21, RANDOM_CHECK, 0);
    for (int32_t i = 0; i < DIGITS; i++)
        idx.labels[8 + i] = (uint8_t)(only >= 0 ? only : i % 10);
    for (int32_t i = 0; i < DIGITS * PIXELS; i++)
        idx.images[16 + i] = (uint8_t)random_below(&random, 256);
    pmoe_digits *digits;
    pmoe_error why;
    assert_int_equal(
        pmoe_digits_open(idx.images, sizeof idx.images, idx.labels, sizeof idx.labels, NULL, &digits, &why), PMOE_OK);
    return digits;
}

#define HEAD "{\"version\": 1, \"name\": \"test\", \"input\": {\"height\": 112, \"width\": 112, \"channels\": 1}, "
#define TWO "\"classes\": [\"0\", \"1\"], "
#define TEN "\"classes\": [\"0\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"], "
#define ROUTER "\"layers\": [{\"name\": \"r\", \"type\": \"patch_router\", \"patch\": 28, \"experts\": 3}, "
#define GROUP                                                                                                          \
    "{\"name\": \"e\", \"type\": \"expert_group\", \"input\": \"image\", \"router\": \"r\", \"kept\": 4, "             \
    "\"gate\": \"topl_softmax\", \"expert\": [{\"type\": \"patch_conv\", \"patch\": 28, \"filters\": 5}, "             \
    "{\"type\": \"relu\"}]}, "
#define CONV "\"layers\": [{\"name\": \"c\", \"type\": \"patch_conv\", \"patch\": 28, \"filters\": 6}, "
#define TAIL(outputs)                                                                                                  \
    "{\"name\": \"p\", \"type\": \"avg_pool\", \"divisor\": \"n\"}, "                                                  \
    "{\"name\": \"o\", \"type\": \"linear\", \"outputs\": " outputs "}]}"

static const char *const dense_two = HEAD TWO CONV TAIL("1");
static const char *const routed_two = HEAD TWO ROUTER GROUP TAIL("1");
static const char *const routed_ten = HEAD TEN ROUTER GROUP TAIL("10");

static pmoe_model *open_model(const char *layers, const pmoe_allocator *allocator)
{
    static struct graph graph;
    static float weight[3 * 5 * PIXELS];
    pmoe_error why;
    pmoe_options options = {.allocator = *allocator};
    pmoe_model *model;
    assert_int_equal(graph_read(layers, strlen(layers), allocator, &graph, &why), PMOE_OK);
    assert_int_equal(model_create(&graph, "{}", 2, MODEL_SHARE_MEMORY, NULL, &options, &model, &why), PMOE_OK);
    for (int32_t i = 0; i < graph.layers; i++) {
        if (graph.layer[i].weight < 0)
            continue;
        struct random random = random_at(22, RANDOM_CHECK, (uint64_t)i);
        size_t count = (size_t)graph.tensor[graph.layer[i].weight].count;
        assert_true(count <= sizeof weight / sizeof *weight);
        for (size_t at = 0; at < count; at++)
            weight[at] = 0.1f * random_normal(&random);
        model_pack(model, i, weight, NULL);
    }
    return model;
}

/* ---- Accuracy ---- */

enum { BOARDS = 150 }; /* three tasks, the last one short */

/* Count one board the slow way. */
static void count_plainly(const pmoe_model *model, pmoe_run *run, const struct accuracy_job *job, uint64_t index,
                          struct accuracy *counts)
{
    static uint8_t pixels[BOARD_PIXELS];
    static float image[BOARD_PIXELS];
    float logits[10], probabilities[10];
    pmoe_board_truth truth;
    pmoe_error why;
    assert_int_equal(pmoe_board(job->data.digits, job->set, job->seed, index, pixels, &truth, &why), PMOE_OK);
    pmoe_bytes_to_floats(pixels, BOARD_PIXELS, image);
    assert_int_equal(pmoe_forward(run, image, 1, logits), PMOE_OK);
    int right = pmoe_probabilities(model, logits, probabilities) == truth.label;
    pmoe_routing routing = pmoe_run_routing(run, 0);
    counts->correct += right;
    counts->class_boards[truth.label]++;
    counts->class_correct[truth.label] += right;
    int any = 0;
    for (int32_t s = 0; s < routing.experts; s++)
        for (int32_t r = 0; r < routing.kept; r++)
            if (routing.picks[s * routing.kept + r] == truth.patch) {
                counts->places[(truth.label * routing.experts + s) * routing.kept + r]++;
                any = 1;
            }
    counts->kept_by_any[truth.label] += any;
}

static void check_counts(const char *layers, pmoe_set set)
{
    struct counting counting;
    pmoe_allocator allocator = counting_allocator(&counting, -1);
    pmoe_digits *digits = open_digits(-1);
    pmoe_model *model = open_model(layers, &allocator);
    struct accuracy_job job = {model, {.digits = digits}, set, 77, BOARDS};
    int32_t boards[10] = {0}, correct[10] = {0}, any[10] = {0}, places[10 * 3 * 4] = {0};
    struct accuracy plain = {.class_boards = boards, .class_correct = correct, .kept_by_any = any, .places = places};
    pmoe_run *run;
    pmoe_error why;
    assert_int_equal(pmoe_run_open(model, 1, &run, &why), PMOE_OK);
    for (uint64_t i = 0; i < BOARDS; i++)
        count_plainly(model, run, &job, i, &plain);
    pmoe_run_close(&run);

    for (int32_t threads = 0; threads <= 5; threads++) {
        struct pool *pool = NULL;
        struct accuracy found;
        if (threads)
            assert_int_equal(pool_open(threads, &pool, &why), PMOE_OK);
        assert_int_equal(accuracy_open(&job, pool, &found, &why), PMOE_OK);
        size_t classes = (size_t)found.classes, rows = classes * (size_t)(found.experts * found.kept);
        assert_int_equal(found.classes, pmoe_set_classes(set));
        assert_int_equal(found.boards, BOARDS);
        assert_int_equal(found.correct, plain.correct);
        assert_memory_equal(found.class_boards, boards, classes * sizeof *boards);
        assert_memory_equal(found.class_correct, correct, classes * sizeof *correct);
        assert_memory_equal(found.kept_by_any, any, classes * sizeof *any);
        assert_memory_equal(found.places, places, rows * sizeof *places);
        for (int32_t c = 0; c < found.classes; c++)
            for (int32_t s = 0; s < found.experts; s++) {
                const int32_t *row = places + (c * found.experts + s) * found.kept;
                assert_memory_equal(accuracy_places(&found, c, s), row, (size_t)found.kept * sizeof *row);
                assert_int_equal(accuracy_kept(&found, c, s), row[0] + row[1] + row[2] + row[3]);
            }
        accuracy_close(&found);
        pool_close(&pool);
    }
    pmoe_model_close(&model);
    pmoe_digits_close(&digits);
    assert_int_equal(counting.out, 0);
}

static void counts_are_those_of_a_plain_loop(void **state)
{
    (void)state;
    check_counts(dense_two, PMOE_MOSAIC);
    check_counts(routed_two, PMOE_MOSAIC);
    check_counts(routed_ten, PMOE_MOSAIC10);
}

static void jobs_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct counting counting;
    pmoe_allocator allocator = counting_allocator(&counting, -1);
    pmoe_digits *digits = open_digits(-1);
    pmoe_model *model = open_model(routed_two, &allocator);
    struct accuracy_job jobs[] = {{model, {.digits = digits}, PMOE_MOSAIC10, 1, 10},
                                  {model, {.digits = digits}, PMOE_MOSAIC, 1, 0}};
    struct accuracy found;
    pmoe_error why;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(accuracy_open(&jobs[i], NULL, &found, &why), PMOE_E_ARGUMENT);
    pmoe_digits_close(&digits);

    digits = open_digits(7); /* no 0 and no 1: every board fails, and any number of threads says the same */
    struct accuracy_job sevens = {model, {.digits = digits}, PMOE_MOSAIC, 1, BOARDS};
    pmoe_error first = {PMOE_OK, ""};
    assert_int_equal(accuracy_open(&sevens, NULL, &found, &first), PMOE_E_ARGUMENT);
    struct pool *pool;
    assert_int_equal(pool_open(3, &pool, &why), PMOE_OK);
    assert_int_equal(accuracy_open(&sevens, pool, &found, &why), PMOE_E_ARGUMENT);
    assert_string_equal(why.text, first.text);
    pool_close(&pool);
    pmoe_digits_close(&digits);
    pmoe_model_close(&model);
    assert_int_equal(counting.out, 0);
}

static void refused_memory_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    struct counting counting;
    pmoe_allocator allocator = counting_allocator(&counting, -1);
    pmoe_digits *digits = open_digits(-1);
    pmoe_model *model = open_model(routed_two, &allocator);
    int kept = counting.out;
    struct accuracy_job job = {model, {.digits = digits}, PMOE_MOSAIC, 1, 10};
    struct accuracy found;
    pmoe_error why;
    counting.refuse_at = counting.requests; /* the run's memory comes from the model's allocator */
    assert_int_equal(accuracy_open(&job, NULL, &found, &why), PMOE_E_MEMORY);
    assert_int_equal(counting.out, kept);
    pmoe_model_close(&model);
    pmoe_digits_close(&digits);
}

/* ---- Timing runs ---- */

static double monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static double still_ns(void)
{
    return 5;
}

static void runs_are_timed_or_refused(void **state)
{
    (void)state;
    static float images[2 * BOARD_PIXELS];
    const float *all_images[] = {images, images};
    struct counting counting;
    pmoe_allocator allocator = counting_allocator(&counting, -1);
    pmoe_model *models[] = {open_model(dense_two, &allocator), open_model(routed_ten, &allocator)};
    pmoe_run *runs[2];
    pmoe_timing timings[2] = {{.samples = -7}};
    pmoe_error why;
    for (int32_t i = 0; i < 2; i++)
        assert_int_equal(pmoe_run_open(models[i], 2, &runs[i], &why), PMOE_OK);
    int kept = counting.out;

    assert_int_equal(pmoe_time_runs(runs, all_images, 0, 1, 0, monotonic_ns, timings, &why), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_time_runs(runs, all_images, 2, 3, 0, monotonic_ns, timings, &why), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_time_runs(runs, all_images, 2, 0, 0, monotonic_ns, timings, &why), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_time_runs(runs, all_images, 2, 1, 0, still_ns, timings, &why), PMOE_E_ARGUMENT);
    counting.refuse_at = counting.requests;
    assert_int_equal(pmoe_time_runs(runs, all_images, 2, 1, 0, monotonic_ns, timings, &why), PMOE_E_MEMORY);
    assert_int_equal(timings[0].samples, -7);
    assert_int_equal(counting.out, kept);

    static double samples[2 * TIMING_MAX_SAMPLES];
    assert_int_equal(timing_runs(runs, all_images, 2, 2, 1e6, monotonic_ns, samples, timings, &why), PMOE_OK);
    for (int32_t i = 0; i < 2; i++) {
        int32_t below = 0;
        for (int32_t s = 0; s < timings[i].samples; s++) {
            double ns = samples[i * TIMING_MAX_SAMPLES + s];
            below += ns <= timings[i].median_ns;
        }
        assert_true(timings[i].samples >= TIMING_MIN_SAMPLES && 2 * below >= timings[i].samples);
        assert_true(timings[i].first_ns > 0 && timings[i].low_ns > 0);
    }
    assert_int_equal(timings[0].samples, timings[1].samples);
    assert_int_equal(counting.out, kept);
    for (int32_t i = 0; i < 2; i++) {
        pmoe_run_close(&runs[i]);
        pmoe_model_close(&models[i]);
    }
    assert_int_equal(counting.out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_a_plain_loop),
        cmocka_unit_test(jobs_that_make_no_sense_are_refused),
        cmocka_unit_test(refused_memory_is_an_error_and_leaks_nothing),
        cmocka_unit_test(runs_are_timed_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
