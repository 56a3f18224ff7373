/* Models in eight bits: calibration, the same bits for any instruction set, number of threads and batch where floats
 * allow it, errors within a bound that comes from the steps alone, and what is refused. */
#include "counting_allocator.h"
#include "model_file.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>

enum { IMAGES = 5, MOST_OUTPUTS = 24 };

static float *draw_images(const struct graph *graph, int32_t count, uint64_t seed)
{
    const size_t all = model_file_image(graph) * (size_t)count;
    float *images = malloc(all * sizeof *images);
    struct random random = random_at(seed, RANDOM_CHECK, 0);
    assert_non_null(images);
    for (size_t i = 0; i < all; i++)
        images[i] = random_uniform(&random);
    return images;
}

static void forward(const pmoe_model *model, int32_t batch, int32_t threads, const float *images, int32_t count,
                    float *logits)
{
    pmoe_run *run;
    const int32_t outputs = pmoe_model_info(model).outputs;
    const size_t each = model_file_image(&model->graph);
    assert_int_equal(pmoe_run_open(model, batch, &run, NULL), PMOE_OK);
    assert_int_equal(pmoe_run_threads(run, threads, NULL), PMOE_OK);
    for (int32_t i = 0; i < count; i += batch)
        assert_int_equal(pmoe_forward(run, images + (size_t)i * each, count - i < batch ? count - i : batch,
                                      logits + (ptrdiff_t)i * outputs),
                         PMOE_OK);
    pmoe_run_close(&run);
}

/* ---- Which layers, and from what they read ---- */

static void test_every_layer_list(void **state)
{
    (void)state;
    int32_t in_int8 = 0;
    for (size_t i = 0; i < MODEL_LISTS; i++) {
        struct model_file file;
        model_file_open(&file, model_lists[i], 1);
        float *images = draw_images(&file.graph, IMAGES, 2), logits[IMAGES * MOST_OUTPUTS];
        int32_t suit = 0, checked;
        for (int32_t at = 0; at < file.graph.layers; at++) {
            const struct layer *layer = &file.graph.layer[at];
            const int of_image = layer->input == GRAPH_EXPERT && file.graph.layer[layer->group].input == GRAPH_IMAGE;
            suit += layer->type == LAYER_CONV && layer->input != GRAPH_IMAGE && !of_image;
        }
        pmoe_model *model;
        pmoe_error error = {.text = ""};
        pmoe_status status = pmoe_model_open_int8(file.bytes, file.count, NULL, images, IMAGES, &model, &error);
        if (!suit) {
            assert_int_equal(status, PMOE_E_ARGUMENT);
            assert_null(model);
            assert_non_null(strstr(error.text, file.graph.name));
        } else {
            if (status != PMOE_OK)
                fail_msg("%s: %s", file.graph.name, error.text);
            char text[1 << 14];
            assert_true(pmoe_model_describe(model, text, sizeof text) < sizeof text);
            assert_int_equal(pmoe_model_info(model).int8_layers, suit);
            assert_non_null(strstr(text, "\"int8\":true"));
            assert_non_null(strstr(text, "\"int8_layers\":"));
            forward(model, 2, 1, images, IMAGES, logits);
            for (int32_t j = 0; j < IMAGES * file.graph.outputs; j++)
                assert_true(isfinite(logits[j]));
            assert_int_equal(pmoe_model_check_golden(model, &checked, &error), PMOE_OK);
            in_int8++;
        }
        pmoe_model_close(&model);
        free(images);
        model_file_close(&file);
    }
    assert_true(in_int8 >= 5);
}

/* The ranges are those of what lies in memory: here of the images behind a ReLU. */
static void test_ranges_are_what_was_read(void **state)
{
    (void)state;
    static const char list[] =
        "{\"version\":1,\"name\":\"m\",\"input\":{\"height\":4,\"width\":3,\"channels\":1},\"classes\":[\"a\",\"b\"],"
        "\"layers\":[{\"name\":\"first\",\"type\":\"relu\"},"
        "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":2},"
        "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
        "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":1}]}";
    struct model_file file;
    struct input_range ranges[GRAPH_MAX_LAYERS];
    float images[20][12];
    pmoe_model *model;
    model_file_open(&file, list, 1);
    for (int i = 0; i < 20 * 12; i++)
        images[i / 12][i % 12] = (float)(i % 7) - 3;
    images[19][11] = 40; /* the last number of the last batch */
    images[3][5] = INFINITY;
    images[4][5] = NAN;
    assert_int_equal(pmoe_model_open(file.bytes, file.count, NULL, &model, NULL), PMOE_OK);
    assert_int_equal(model_calibrate(model, images[0], 20, ranges, NULL), PMOE_OK);
    assert_true(ranges[1].least == 0 && ranges[1].most == 40);
    assert_true(ranges[0].least > ranges[0].most);
    assert_int_equal(model_calibrate(model, images[0], 19, ranges, NULL), PMOE_OK);
    assert_true(ranges[1].least == 0 && ranges[1].most == 3);
    pmoe_model_close(&model);
    /* Nothing but zeros: the layer stays in floats. */
    memset(images, 0, sizeof images);
    assert_int_equal(pmoe_model_open_int8(file.bytes, file.count, NULL, images[0], 20, &model, NULL), PMOE_OK);
    assert_int_equal(pmoe_model_info(model).int8_layers, 0);
    pmoe_model_close(&model);
    for (int i = 0; i < 12; i++) /* constant */
        images[0][i] = 0.3f;
    assert_int_equal(pmoe_model_open_int8(file.bytes, file.count, NULL, images[0], 1, &model, NULL), PMOE_OK);
    assert_int_equal(pmoe_model_info(model).int8_layers, 1);
    pmoe_model_close(&model);
    model_file_close(&file);
}

/* ---- The same bits ---- */

/* What floats compute before eight bits, between and behind is exact or rounds in one order: 1x1 convolutions of the
 * image by one channel, sums, ReLUs, hard gates, averages, and an output layer that picks single channels. */
static const char *const exact_lists[] = {
    "{\"version\":1,\"name\":\"residual\",\"input\":{\"height\":11,\"width\":9,\"channels\":1},\"classes\":[\"a\","
    "\"b\","
    "\"c\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":1,\"filters\":7},{\"name\":\"r1\",\"type\":\"relu\"},"
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":17,\"bias\":true},"
    "{\"name\":\"r2\",\"type\":\"relu\"},"
    "{\"name\":\"b\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":17},"
    "{\"name\":\"sum\",\"type\":\"add\",\"with\":\"a\"},{\"name\":\"r3\",\"type\":\"relu\"},"
    "{\"name\":\"c\",\"type\":\"conv\",\"kernel\":5,\"stride\":2,\"padding\":2,\"filters\":3,\"bias\":true},"
    "{\"name\":\"pool\",\"type\":\"max_pool\"},{\"name\":\"out\",\"type\":\"linear\",\"outputs\":3}]}",
    "{\"version\":1,\"name\":\"routed\",\"input\":{\"height\":8,\"width\":12,\"channels\":1},\"classes\":[\"a\",\"b\","
    "\"c\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":1,\"filters\":5},"
    "{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":4,\"experts\":3},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"stem\",\"router\":\"router\",\"kept\":3,"
    "\"gate\":\"hard\",\"expert\":["
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":6,\"bias\":true},{\"type\":\"relu\"},"
    "{\"name\":\"b\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":9,\"bias\":true},"
    "{\"type\":\"relu\"},{\"type\":\"avg_pool\",\"divisor\":\"n\"}]},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":3}]}",
};

/* The same weights in a file of its own, but for the output layer's: one channel each. */
static void pick_channels(struct model_file *file, const char *list)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct safetensors_source sources[GRAPH_MAX_TENSORS];
    float *values[GRAPH_MAX_TENSORS];
    const int32_t out = file->graph.layer[file->graph.last].weight;
    for (int32_t t = 0; t < file->graph.tensors; t++) {
        const struct tensor *row = &file->graph.tensor[t];
        values[t] = malloc((size_t)row->count * sizeof(float));
        tensor_to_file(&file->graph, t, file->weights[t], values[t]);
        const int64_t channels = row->count / 3;
        for (int64_t i = 0; i < row->count && t == out; i++)
            values[t][i] = i % channels == i / channels;
        sources[t] = (struct safetensors_source){row->name, row->rank, row->dims, values[t]};
    }
    const struct safetensors_pair pair = {"pmoe.model", list};
    free(file->bytes);
    assert_int_equal(
        safetensors_write(sources, file->graph.tensors, &pair, 1, &allocator, &file->bytes, &file->count, NULL),
        PMOE_OK);
    for (int32_t t = 0; t < file->graph.tensors; t++)
        free(values[t]);
}

static void test_the_same_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exact_lists / sizeof *exact_lists; i++) {
        struct model_file file;
        struct input_range ranges[GRAPH_MAX_LAYERS];
        float first[IMAGES * 3], logits[IMAGES * 3];
        pmoe_model *model;
        pmoe_options options = {.isa = "scalar"};
        model_file_open(&file, exact_lists[i], 3);
        pick_channels(&file, exact_lists[i]);
        float *images = draw_images(&file.graph, IMAGES, 4);
        assert_int_equal(pmoe_model_open(file.bytes, file.count, &options, &model, NULL), PMOE_OK);
        assert_int_equal(model_calibrate(model, images, IMAGES, ranges, NULL), PMOE_OK);
        pmoe_model_close(&model);
        for (int32_t set = 0; set < pmoe_isa_count(); set++) {
            options.isa = pmoe_isa_name(set);
            assert_int_equal(model_open(file.bytes, file.count, ranges, &options, &model, NULL), PMOE_OK);
            assert_int_equal(pmoe_model_info(model).int8_layers, i == 0 ? 3 : 2);
            for (int32_t threads = 1; threads <= 3; threads++)
                for (int32_t batch = 1; batch <= IMAGES; batch += 2) {
                    forward(model, batch, threads, images, IMAGES, logits);
                    if (!set && threads == 1 && batch == 1)
                        memcpy(first, logits, sizeof first);
                    if (memcmp(first, logits, sizeof first) != 0)
                        fail_msg("%s, %s, %d threads, batch %d", file.graph.name, options.isa, threads, batch);
                }
            pmoe_model_close(&model);
        }
        assert_true(first[0] != first[1] || first[1] != first[2]);
        free(images);
        model_file_close(&file);
    }
}

/* ---- Near floats ---- */

static const char chain[] =
    "{\"version\":1,\"name\":\"chain\",\"input\":{\"height\":7,\"width\":6,\"channels\":3},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":6,\"bias\":true},"
    "{\"name\":\"r1\",\"type\":\"relu\"},"
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":5,\"bias\":true},"
    "{\"name\":\"r2\",\"type\":\"relu\"},"
    "{\"name\":\"b\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"filters\":4},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2,\"bias\":true}]}";

/* How far an output of a quantised convolution may be off if what it reads is off by `off`, is at most `peak` in
 * magnitude, and steps are `step`: int8.h's bound, with the error of the input once more by each weight. */
static double conv_off(const struct model_file *file, int32_t at, double off, double peak, double step)
{
    const struct tensor *row = &file->graph.tensor[file->graph.layer[at].weight];
    const int64_t each = row->count / file->graph.layer[at].filters;
    double worst = 0;
    for (int64_t o = 0; o < row->count; o += each) {
        double most = 0, sum = 0;
        for (int64_t i = 0; i < each; i++) {
            const double w = fabs(file->weights_double[file->graph.layer[at].weight][o + i]);
            most = w > most ? w : most;
            sum += w;
        }
        const double here = (off + step / 2) * sum + (double)each * most / 254 * (peak + step / 2);
        worst = here > worst ? here : worst;
    }
    return worst;
}

/* Layer after layer: what the steps allow, and what the next makes of it.  Images are those it was calibrated on, so
 * that the first convolution limits nothing; what the second reads may lie beyond its range by no more than the first
 * one's error, which limiting only lessens. */
static void test_near_floats(void **state)
{
    (void)state;
    enum { COUNT = 20, A = 2, B = 4, OUT = 6 };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct model_file file;
        struct input_range ranges[GRAPH_MAX_LAYERS];
        pmoe_model *model, *in_int8;
        float want[COUNT * 2], got[COUNT * 2];
        model_file_open(&file, chain, seed);
        float *images = draw_images(&file.graph, COUNT, seed);
        assert_int_equal(pmoe_model_open(file.bytes, file.count, NULL, &model, NULL), PMOE_OK);
        assert_int_equal(pmoe_model_open_int8(file.bytes, file.count, NULL, images, COUNT, &in_int8, NULL), PMOE_OK);
        assert_int_equal(model_calibrate(model, images, COUNT, ranges, NULL), PMOE_OK);
        forward(model, COUNT, 1, images, COUNT, want);
        forward(in_int8, COUNT, 1, images, COUNT, got);
        double off = conv_off(&file, A, 0, ranges[A].most, in_int8->plan[A].conv.step);
        off = conv_off(&file, B, off, ranges[B].most + off, in_int8->plan[B].conv.step);
        double worst = 0, most = 0, all = 0;
        for (int o = 0; o < 2; o++) {
            double sum = 0;
            for (int c = 0; c < 4; c++)
                sum += fabs(file.weights_double[file.graph.layer[OUT].weight][o * 4 + c]);
            all = sum > all ? sum : all;
        }
        for (int i = 0; i < COUNT * 2; i++) {
            const double error = fabs((double)got[i] - want[i]);
            worst = error > worst ? error : worst;
            most = fabsf(want[i]) > most ? fabsf(want[i]) : most;
        }
        assert_true(worst > 0); /* it is not floats */
        if (!(worst <= off * all * (1 + 1e-4) + 1e-4 * most))
            fail_msg("seed %d: off by %g, bound %g", (int)seed, worst, off * all);
        free(images);
        pmoe_model_close(&model);
        pmoe_model_close(&in_int8);
        model_file_close(&file);
    }
}

/* ---- What-ifs, hostile numbers, refusals ---- */

static void test_what_ifs_and_numbers_that_are_none(void **state)
{
    (void)state;
    struct model_file file;
    pmoe_model *model;
    pmoe_run *run;
    float logits[3];
    model_file_open(&file, exact_lists[1], 5);
    float *images = draw_images(&file.graph, 2, 6);
    assert_int_equal(pmoe_model_open_int8(file.bytes, file.count, NULL, images, 2, &model, NULL), PMOE_OK);
    const pmoe_what_if what_if = {.kept = 6, .off = 2};
    assert_int_equal(pmoe_run_open_what_if(model, 1, &what_if, &run, NULL), PMOE_OK);
    assert_int_equal(pmoe_forward(run, images, 1, logits), PMOE_OK);
    assert_true(isfinite(logits[0]));
    assert_int_equal(pmoe_run_routing(run, 0).kept, 6);
    for (size_t i = 0; i < model_file_image(&file.graph); i++)
        images[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -FLT_MAX;
    assert_int_equal(pmoe_forward(run, images, 1, logits), PMOE_OK);
    pmoe_run_close(&run);
    pmoe_model_close(&model);
    assert_int_equal(pmoe_model_open_int8(file.bytes, file.count, NULL, images, 1, &model, NULL), PMOE_OK);
    pmoe_model_close(&model);
    free(images);
    model_file_close(&file);
}

static void test_refusals(void **state)
{
    (void)state;
    struct model_file file;
    pmoe_model *model = (pmoe_model *)&file;
    pmoe_error error;
    model_file_open(&file, chain, 1);
    float *images = draw_images(&file.graph, IMAGES, 1);
    assert_int_equal(pmoe_model_open_int8(file.bytes, file.count, NULL, images, 0, &model, &error), PMOE_E_ARGUMENT);
    assert_string_equal(error.text, "int8: expected 1 or more images to calibrate on, found 0");
    assert_null(model);
    assert_int_equal(pmoe_model_open_int8(file.bytes, file.count, NULL, NULL, 3, &model, &error), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_model_open_int8(file.bytes, file.count - 1, NULL, images, 1, &model, &error), PMOE_E_FORMAT);
    int refused = 0;
    for (int at = 0;; at++) {
        struct counting counting;
        const pmoe_options options = {.allocator = counting_allocator(&counting, at)};
        const pmoe_status status =
            pmoe_model_open_int8(file.bytes, file.count, &options, images, IMAGES, &model, &error);
        if (status == PMOE_OK) {
            pmoe_model_close(&model);
            assert_int_equal(counting.out, 0);
            break;
        }
        assert_int_equal(status, PMOE_E_MEMORY);
        assert_null(model);
        assert_int_equal(counting.out, 0);
        refused++;
    }
    assert_true(refused > 10);
    free(images);
    model_file_close(&file);
}

/* A pass asks the allocator for nothing. */
static void test_passes_allocate_nothing(void **state)
{
    (void)state;
    struct model_file file;
    struct counting counting;
    const pmoe_options options = {.allocator = counting_allocator(&counting, -1)};
    pmoe_model *model;
    pmoe_run *run;
    float logits[IMAGES * 3];
    model_file_open(&file, exact_lists[0], 1);
    float *images = draw_images(&file.graph, IMAGES, 1);
    assert_int_equal(pmoe_model_open_int8(file.bytes, file.count, &options, images, IMAGES, &model, NULL), PMOE_OK);
    assert_int_equal(counting.out, 1);
    assert_int_equal(pmoe_run_open(model, IMAGES, &run, NULL), PMOE_OK);
    const int before = counting.requests;
    assert_int_equal(pmoe_forward(run, images, IMAGES, logits), PMOE_OK);
    assert_int_equal(counting.requests, before);
    pmoe_run_close(&run);
    pmoe_model_close(&model);
    free(images);
    model_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layer_list),
        cmocka_unit_test(test_ranges_are_what_was_read),
        cmocka_unit_test(test_the_same_bits),
        cmocka_unit_test(test_near_floats),
        cmocka_unit_test(test_what_ifs_and_numbers_that_are_none),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_passes_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
