/* Models: forward passes of every instruction set against the double oracle, batches against single images, broken
 * files, refused memory, golden outputs. */
#include "model_file.h"

#include "counting_allocator.h"
#include "kernels/kernels.h"
#include "train/oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

enum { BATCH = 5 };

static pmoe_model *open_on(const struct model_file *file, const char *isa)
{
    pmoe_options options = {.isa = isa};
    pmoe_error error = {.text = ""};
    pmoe_model *model;
    pmoe_status status = pmoe_model_open(file->bytes, file->count, &options, &model, &error);
    if (status != PMOE_OK)
        print_error("%s\n", error.text);
    assert_int_equal(status, PMOE_OK);
    return model;
}

static void fill_images(float *images, size_t count, uint64_t seed)
{
    struct random random = random_at(seed, RANDOM_CHECK, 0);
    for (size_t i = 0; i < count; i++)
        images[i] = random_uniform(&random) - 0.25f;
}

/* Logits within the bound that the oracle derives, the same picks wherever rounding cannot change them. */
static void compare_with_oracle(const struct model_file *file, pmoe_run *run, const float *images, const float *logits,
                                int32_t *compared)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct oracle *oracle;
    size_t image = model_file_image(&file->graph);
    double *exact = malloc(image * sizeof *exact);
    assert_int_equal(oracle_open(&file->graph, &allocator, &oracle, NULL), PMOE_OK);
    for (int32_t b = 0; b < BATCH; b++) {
        for (size_t i = 0; i < image; i++)
            exact[i] = (double)images[(size_t)b * image + i];
        oracle_forward(oracle, (const double *const *)file->weights_double, exact);
        if (!(oracle_margin(oracle) > 0))
            continue;
        ++*compared;
        pmoe_routing routing = pmoe_run_routing(run, b);
        pmoe_mixing mixing = pmoe_run_mixing(run, b);
        if (mixing.experts)
            assert_memory_equal(mixing.picks, oracle_picks(oracle, run->model->mixed),
                                (size_t)mixing.kept * sizeof(int32_t));
        if (routing.experts)
            assert_memory_equal(routing.picks, oracle_picks(oracle, run->model->routed),
                                (size_t)(routing.experts * routing.kept) * sizeof(int32_t));
        for (int32_t o = 0; o < file->graph.outputs; o++) {
            double off = fabs((double)logits[b * file->graph.outputs + o] - oracle_logit(oracle, o));
            assert_true(off <= oracle_bound(oracle, o));
            assert_true(off <= 10 * oracle_deviation(oracle, o) && oracle_deviation(oracle, o) < 1e-4);
        }
    }
    oracle_close(&oracle);
    free(exact);
}

static void test_every_isa_agrees_with_the_oracle(void **state)
{
    (void)state;
    int32_t compared = 0;
    for (int list = 0; list < MODEL_LISTS; list++)
        for (int isa = 0; isa < pmoe_isa_count(); isa++) {
            struct model_file file;
            model_file_open(&file, model_lists[list], (uint64_t)list);
            pmoe_model *model = open_on(&file, pmoe_isa_name(isa));
            assert_string_equal(pmoe_model_info(model).isa, kernels_at(isa)->floats);
            size_t image = model_file_image(&file.graph);
            float *images = malloc(BATCH * image * sizeof *images), logits[BATCH * 8];
            fill_images(images, BATCH * image, 1);
            pmoe_run *run;
            assert_int_equal(pmoe_run_open(model, BATCH, &run, NULL), PMOE_OK);
            assert_int_equal(pmoe_forward(run, images, BATCH, logits), PMOE_OK);
            compare_with_oracle(&file, run, images, logits, &compared);
            pmoe_run_close(&run);
            pmoe_model_close(&model);
            free(images);
            model_file_close(&file);
        }
    assert_true(compared > 4 * MODEL_LISTS * pmoe_isa_count()); /* nearly all inputs route beyond doubt */
}

/* So wide that a batch of them lies in no cache. */
static const char wide_list[] =
    "{\"version\":1,\"name\":\"wide\",\"input\":{\"height\":448,\"width\":504,\"channels\":1},"
    "\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":28,\"experts\":3},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"router\",\"kept\":2,"
    "\"gate\":\"topl_softmax\",\"expert\":[{\"type\":\"patch_conv\",\"patch\":28,\"filters\":5}]},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"l\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2}]}";

static void test_a_batch_is_its_images(void **state)
{
    (void)state;
    for (int list = 0; list <= MODEL_LISTS; list++) {
        struct model_file file;
        model_file_open(&file, list < MODEL_LISTS ? model_lists[list] : wide_list, 3);
        pmoe_model *model = open_on(&file, NULL);
        size_t image = model_file_image(&file.graph);
        int32_t outputs = file.graph.outputs;
        float *images = malloc(BATCH * image * sizeof *images), together[BATCH * 8], alone[8];
        fill_images(images, BATCH * image, 2);
        pmoe_run *run, *single;
        assert_int_equal(pmoe_run_open(model, BATCH + 2, &run, NULL), PMOE_OK); /* room to spare */
        assert_int_equal(pmoe_run_open(model, 1, &single, NULL), PMOE_OK);
        assert_int_equal(pmoe_forward(run, images, BATCH, together), PMOE_OK);
        for (int32_t b = 0; b < BATCH; b++) {
            assert_int_equal(pmoe_forward(single, images + (size_t)b * image, 1, alone), PMOE_OK);
            assert_memory_equal(alone, together + b * outputs, (size_t)outputs * sizeof *alone);
            pmoe_routing one = pmoe_run_routing(single, 0), of_many = pmoe_run_routing(run, b);
            size_t kept = (size_t)(one.experts * one.kept), scored = (size_t)(one.experts * one.patches);
            if (!kept)
                continue;
            assert_memory_equal(one.picks, of_many.picks, kept * sizeof *one.picks);
            assert_memory_equal(one.gates, of_many.gates, kept * sizeof *one.gates);
            assert_memory_equal(one.scores, of_many.scores, scored * sizeof *one.scores);
        }
        assert_int_equal(pmoe_forward(run, images, BATCH + 3, together), PMOE_E_ARGUMENT);
        assert_int_equal(pmoe_forward(run, images, 0, together), PMOE_E_ARGUMENT);
        pmoe_run_close(&run);
        pmoe_run_close(&single);
        pmoe_model_close(&model);
        free(images);
        model_file_close(&file);
    }
}

/* Large enough for threads to be used. */
static const char large_list[] =
    "{\"version\":1,\"name\":\"large\",\"input\":{\"height\":24,\"width\":20,\"channels\":9},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"one\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":40},"
    "{\"name\":\"relu\",\"type\":\"relu\"},"
    "{\"name\":\"two\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":44},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2}]}";

/* Threads that cannot be had leave the run as it was; those that can change no byte, and only large passes wake them.
 */
static void test_threads_change_nothing(void **state)
{
    (void)state;
    for (int list = 0; list <= MODEL_LISTS; list++) {
        struct model_file file;
        model_file_open(&file, list < MODEL_LISTS ? model_lists[list] : large_list, 3);
        pmoe_model *model = open_on(&file, NULL);
        size_t image = model_file_image(&file.graph);
        float *images = malloc(BATCH * image * sizeof *images), one[BATCH * 8] = {0}, many[BATCH * 8];
        fill_images(images, BATCH * image, 2);
        pmoe_run *run;
        pmoe_error error;
        assert_int_equal(pmoe_run_open(model, BATCH, &run, NULL), PMOE_OK);
        assert_int_equal(pmoe_forward(run, images, BATCH, one), PMOE_OK);
        const int32_t asked[] = {2, 257, 3, -1, 0, 1};
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
            int possible = asked[i] >= 0 && asked[i] <= 256;
            const struct pool *before = run->pool;
            assert_int_equal(pmoe_run_threads(run, asked[i], &error), possible ? PMOE_OK : PMOE_E_ARGUMENT);
            if (!possible)
                assert_ptr_equal(run->pool, before);
            else if (asked[i])
                assert_int_equal(pool_threads(run->pool), asked[i]);
            memset(many, 0, sizeof many);
            assert_int_equal(pmoe_forward(run, images, BATCH, many), PMOE_OK);
            assert_ptr_equal(run->awake, list == MODEL_LISTS && pool_threads(run->pool) > 1 ? run->pool : NULL);
            assert_memory_equal(many, one, sizeof one);
        }
        pmoe_run_close(&run);
        free(images);
        pmoe_model_close(&model);
        model_file_close(&file);
    }
}

/* Dense is routing with l = n: an expert group that keeps every patch behind hard gates pools the rows of the
 * convolution with the same filters in another order, and so gives the same logit to rounding. */
static void test_keeping_all_patches_is_dense(void **state)
{
    (void)state;
    static const char dense_list[] =
        "{\"version\":1,\"name\":\"d\",\"input\":{\"height\":12,\"width\":12,\"channels\":1},\"classes\":[\"a\",\"b\"],"
        "\"layers\":[{\"name\":\"c\",\"type\":\"patch_conv\",\"patch\":4,\"filters\":5},{\"name\":\"r\",\"type\":"
        "\"relu\"},{\"name\":\"p\",\"type\":\"avg_pool\",\"divisor\":\"n\"},{\"name\":\"out\",\"type\":\"linear\","
        "\"outputs\":1}]}";
    static const char routed_list[] =
        "{\"version\":1,\"name\":\"r\",\"input\":{\"height\":12,\"width\":12,\"channels\":1},\"classes\":[\"a\",\"b\"],"
        "\"layers\":[{\"name\":\"g\",\"type\":\"patch_router\",\"patch\":4,\"experts\":1},{\"name\":\"e\",\"type\":"
        "\"expert_group\",\"input\":\"image\",\"router\":\"g\",\"kept\":9,\"gate\":\"hard\",\"expert\":[{\"type\":"
        "\"patch_conv\",\"patch\":4,\"filters\":5},{\"type\":\"relu\"}]},{\"name\":\"p\",\"type\":\"avg_pool\","
        "\"divisor\":\"l\"},{\"name\":\"out\",\"type\":\"linear\",\"outputs\":1}]}";
    struct model_file dense, routed;
    model_file_open(&dense, dense_list, 9);
    model_file_open(&routed, routed_list, 10);
    pmoe_model *dense_model = open_on(&dense, NULL), *routed_model = open_on(&routed, NULL);
    model_pack(routed_model, 2, dense.weights[0], NULL);
    model_pack(routed_model, 5, dense.weights[1], NULL);
    float image[144], dense_logit, routed_logit;
    fill_images(image, 144, 4);
    pmoe_run *dense_run, *routed_run;
    assert_int_equal(pmoe_run_open(dense_model, 1, &dense_run, NULL), PMOE_OK);
    assert_int_equal(pmoe_run_open(routed_model, 1, &routed_run, NULL), PMOE_OK);
    assert_int_equal(pmoe_forward(dense_run, image, 1, &dense_logit), PMOE_OK);
    assert_int_equal(pmoe_forward(routed_run, image, 1, &routed_logit), PMOE_OK);
    assert_float_equal(dense_logit, routed_logit, 1e-5f);
    pmoe_run_close(&dense_run);
    pmoe_run_close(&routed_run);
    pmoe_model_close(&dense_model);
    pmoe_model_close(&routed_model);
    model_file_close(&dense);
    model_file_close(&routed);
}

/* ---- Broken files ---- */

/* Open, and if it opens, run: never a crash (the sanitizers watch), always a sentence. */
static pmoe_status try_open(const unsigned char *bytes, size_t count)
{
    pmoe_model *model;
    pmoe_error error = {.text = ""};
    pmoe_status status = pmoe_model_open(bytes, count, NULL, &model, &error);
    if (status != PMOE_OK) {
        assert_null(model);
        assert_true(error.text[0] != 0 && error.status == status);
        return status;
    }
    pmoe_run *run;
    pmoe_info info = pmoe_model_info(model);
    size_t image = (size_t)info.height * (size_t)info.width * (size_t)info.channels;
    float *images = calloc(image + (size_t)info.outputs, sizeof *images);
    assert_non_null(images);
    if (pmoe_run_open(model, 1, &run, NULL) == PMOE_OK)
        assert_int_equal(pmoe_forward(run, images, 1, images + image), PMOE_OK);
    pmoe_run_close(&run);
    free(images);
    pmoe_model_close(&model);
    return status;
}

static void test_truncation_at_every_byte(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[1], 5);
    for (size_t count = 0; count < file.count; count++) {
        unsigned char *exact = malloc(count ? count : 1); /* so that a read behind the end is seen */
        memcpy(exact, file.bytes, count);
        assert_int_not_equal(try_open(exact, count), PMOE_OK);
        free(exact);
    }
    assert_int_equal(try_open(file.bytes, file.count), PMOE_OK);
    model_file_close(&file);
}

static void test_flip_of_every_bit(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[1], 5);
    uint64_t header;
    memcpy(&header, file.bytes, sizeof header);
    size_t accepted = 0;
    for (size_t bit = 0; bit < 8 * file.count; bit++) {
        file.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        pmoe_status status = try_open(file.bytes, file.count);
        if (bit / 8 >= 8 + header)
            assert_int_equal(status, PMOE_E_CHECKSUM); /* weights: every flip is noticed */
        accepted += status == PMOE_OK;
        file.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
    /* A flip that is accepted changed a name or a label in the text, or a bias into none: few can. */
    assert_true(accepted < header);
    model_file_close(&file);
}

static void test_tensors_must_fit_the_layers(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[0], 6);
    const int64_t wrong[] = {7, 1, 2, 8}, right[] = {7, 1, 4, 4}, bias[] = {7}, out[] = {1, 7};
    const struct {
        struct safetensors_source sources[4];
        int32_t count;
        const char *says;
    } cases[] = {
        {{{"conv.weight", 4, wrong, file.weights[0]},
          {"conv.bias", 1, bias, file.weights[1]},
          {"out.weight", 2, out, file.weights[2]}},
         3,
         "expected shape [7, 1, 4, 4], found [7, 1, 2, 8]"},
        {{{"conv.wight", 4, right, file.weights[0]},
          {"conv.bias", 1, bias, file.weights[1]},
          {"out.weight", 2, out, file.weights[2]}},
         3,
         "\"conv.wight\""},
        {{{"conv.weight", 4, right, file.weights[0]}, {"out.weight", 2, out, file.weights[2]}}, 2, "bytes of weights"},
        {{{"conv.weight", 4, right, file.weights[0]},
          {"conv.bias", 1, bias, file.weights[1]},
          {"out.weight", 2, out, file.weights[2]},
          {"more", 1, bias, file.weights[1]}},
         4,
         "bytes of weights"},
    };
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct safetensors_pair pair = {"pmoe.model", model_lists[0]};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char *bytes;
        size_t count;
        pmoe_error error = {.text = ""};
        pmoe_model *model;
        assert_int_equal(
            safetensors_write(cases[i].sources, cases[i].count, &pair, 1, &allocator, &bytes, &count, &error), PMOE_OK);
        assert_int_equal(pmoe_model_open(bytes, count, NULL, &model, &error), PMOE_E_GRAPH);
        if (!strstr(error.text, cases[i].says))
            print_error("expected \"%s\" in: %s\n", cases[i].says, error.text);
        assert_non_null(strstr(error.text, cases[i].says));
        free(bytes);
    }
    model_file_close(&file);
}

static void test_weights_must_be_finite(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[0], 6);
    const int64_t right[] = {7, 1, 4, 4}, bias[] = {7}, out[] = {1, 7};
    file.weights[0][5] = NAN;
    struct safetensors_source sources[] = {{"conv.weight", 4, right, file.weights[0]},
                                           {"conv.bias", 1, bias, file.weights[1]},
                                           {"out.weight", 2, out, file.weights[2]}};
    struct safetensors_pair pair = {"pmoe.model", model_lists[0]};
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    unsigned char *bytes;
    size_t count;
    pmoe_error error = {.text = ""};
    pmoe_model *model;
    assert_int_equal(safetensors_write(sources, 3, &pair, 1, &allocator, &bytes, &count, &error), PMOE_OK);
    assert_int_equal(pmoe_model_open(bytes, count, NULL, &model, &error), PMOE_E_FORMAT);
    assert_non_null(strstr(error.text, "conv.weight"));
    free(bytes);
    model_file_close(&file);
}

static void test_unknown_isa_is_named(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[0], 6);
    pmoe_options options = {.isa = "mmx"};
    pmoe_error error = {.text = ""};
    pmoe_model *model;
    assert_int_equal(pmoe_model_open(file.bytes, file.count, &options, &model, &error), PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "mmx"));
    model_file_close(&file);
}

/* ---- Memory ---- */

static void test_refused_memory_leaks_nothing(void **state)
{
    (void)state;
    for (int list = 0; list < MODEL_LISTS; list++) {
        struct model_file file;
        model_file_open(&file, model_lists[list], 7);
        int refused = 0, opened = 0;
        for (int at = 0; !opened; at++) {
            struct counting counting;
            pmoe_options options = {.allocator = counting_allocator(&counting, at)};
            pmoe_error error = {.text = ""};
            pmoe_model *model = NULL;
            pmoe_run *run = NULL;
            pmoe_status status = pmoe_model_open(file.bytes, file.count, &options, &model, &error);
            if (status == PMOE_OK)
                status = pmoe_run_open(model, BATCH, &run, &error);
            if (status == PMOE_OK) {
                int before = counting.requests;
                float *images = calloc(BATCH * model_file_image(&file.graph), sizeof *images), logits[BATCH * 8];
                assert_int_equal(pmoe_forward(run, images, BATCH, logits), PMOE_OK);
                assert_int_equal(counting.requests, before); /* a pass asks for nothing */
                free(images);
                opened = 1;
            } else {
                assert_int_equal(status, PMOE_E_MEMORY);
                assert_true(error.text[0] != 0);
                refused++;
            }
            pmoe_run_close(&run);
            pmoe_model_close(&model);
            assert_int_equal(counting.out, 0);
        }
        assert_true(refused >= 4); /* header tokens, graph, model, run at least */
        model_file_close(&file);
    }
}

static void test_sizes_are_as_announced(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[3], 8);
    struct counting counting;
    pmoe_options options = {.allocator = counting_allocator(&counting, -1)};
    pmoe_model *model;
    assert_int_equal(pmoe_model_open(file.bytes, file.count, &options, &model, NULL), PMOE_OK);
    assert_int_equal(counting.out, 1); /* scratch was given back */
    assert_true(counting.largest <= pmoe_model_info(model).model_bytes + ARENA_ALIGN);
    counting.largest = 0;
    pmoe_run *run;
    assert_int_equal(pmoe_run_open(model, 3, &run, NULL), PMOE_OK);
    assert_true(counting.largest <= pmoe_run_bytes(run) + ARENA_ALIGN);
    pmoe_run_close(&run);
    assert_int_equal(pmoe_run_open(model, 0, &run, NULL), PMOE_E_LIMIT);
    pmoe_error error = {.text = ""};
    pmoe_run *none;
    assert_int_equal(pmoe_run_open(model, 5000, &none, &error), PMOE_E_LIMIT);
    assert_non_null(strstr(error.text, "5000"));
    pmoe_model_close(&model);
    model_file_close(&file);
}

/* ---- What is said of a model ---- */

static void test_description(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[1], 8);
    pmoe_model *model = open_on(&file, NULL);
    pmoe_info info = pmoe_model_info(model);
    /* 6 patches: router 2 * 6 * 27, experts 2 * 2 * 5 * 27, output 10 */
    assert_int_equal(info.multiply_adds, 324 + 540 + 10);
    assert_int_equal(info.parameters, 54 + 270 + 10 + 10 + 1);
    assert_int_equal(info.patches_high * 10 + info.patches_wide, 23);
    assert_string_equal(pmoe_model_class(model, 1), "b");
    assert_null(pmoe_model_class(model, 2));
    assert_null(pmoe_model_class(model, -1));
    size_t length = pmoe_model_describe(model, NULL, 0);
    char *text = malloc(length + 1);
    assert_int_equal(pmoe_model_describe(model, text, length + 1), length);
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct json json;
    assert_int_equal(json_open(text, length, "description", &allocator, &json, NULL), PMOE_OK);
    int64_t value;
    assert_int_equal(json_int(&json, json_member(&json, 0, "multiply_adds"), "", 0, 1000000, &value, NULL), PMOE_OK);
    assert_int_equal(value, 874);
    assert_int_equal(json_size(&json, json_member(&json, 0, "layers")), 6);
    json_close(&json, &allocator);
    free(text);
    pmoe_model_close(&model);
    model_file_close(&file);
}

static void test_probabilities(void **state)
{
    (void)state;
    struct model_file file, three;
    model_file_open(&file, model_lists[0], 8);
    model_file_open(&three, model_lists[2], 8);
    pmoe_model *binary = open_on(&file, NULL), *model = open_on(&three, NULL);
    float p[3];
    assert_int_equal(pmoe_probabilities(binary, (float[]){2}, p), 1);
    assert_float_equal(p[1], 0.880797f, 1e-6f);
    assert_float_equal(p[0] + p[1], 1, 1e-6f);
    assert_int_equal(pmoe_probabilities(binary, (float[]){-100}, p), 0);
    assert_true(p[0] == 1 && p[1] >= 0 && p[1] < 1e-30f);
    assert_int_equal(pmoe_probabilities(binary, (float[]){0}, p), 0); /* a tie: the lower class */
    assert_int_equal(pmoe_probabilities(model, (float[]){1, 3, 3}, p), 1);
    assert_float_equal(p[0] + p[1] + p[2], 1, 1e-6f);
    assert_float_equal(p[1], p[2], 0);
    pmoe_model_close(&binary);
    pmoe_model_close(&model);
    model_file_close(&file);
    model_file_close(&three);
}

static void test_files_without_golden_outputs_pass_unchecked(void **state)
{
    (void)state;
    struct model_file file;
    model_file_open(&file, model_lists[0], 8);
    pmoe_model *model = open_on(&file, NULL);
    int32_t checked = 7;
    assert_int_equal(pmoe_model_check_golden(model, &checked, NULL), PMOE_OK);
    assert_int_equal(checked, 0);
    pmoe_model_close(&model);
    model_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_isa_agrees_with_the_oracle),
        cmocka_unit_test(test_a_batch_is_its_images),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_keeping_all_patches_is_dense),
        cmocka_unit_test(test_truncation_at_every_byte),
        cmocka_unit_test(test_flip_of_every_bit),
        cmocka_unit_test(test_tensors_must_fit_the_layers),
        cmocka_unit_test(test_weights_must_be_finite),
        cmocka_unit_test(test_unknown_isa_is_named),
        cmocka_unit_test(test_refused_memory_leaks_nothing),
        cmocka_unit_test(test_sizes_are_as_announced),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_probabilities),
        cmocka_unit_test(test_files_without_golden_outputs_pass_unchecked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
