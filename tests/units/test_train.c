/* Training: the same bytes for any number of threads and after any interruption, the router's own loss against eq. 6,
 * recipes, saving, golden outputs. */
#include "pmoe.h"

#include "base/random.h"
#include "counting_allocator.h"
#include "model/model.h"
#include "train/recipe.h"
#include "train/trainer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Data: a few drawn blobs a class, so that there is something to learn ---- */

enum { DIGITS = 100, PIXELS = 28 * 28 };

static pmoe_digits *open_digits(void)
{
    static unsigned char images[16 + DIGITS * PIXELS], labels[8 + DIGITS];
    const unsigned char image_head[16] = {0, 0, 8, 3, 0, 0, 0, DIGITS, 0, 0, 0, 28, 0, 0, 0, 28};
    const unsigned char label_head[8] = {0, 0, 8, 1, 0, 0, 0, DIGITS};
    memcpy(images, image_head, sizeof image_head);
    memcpy(labels, label_head, sizeof label_head);
    for (int i = 0; i < DIGITS; i++) {
        int label = i % 10;
        struct random random = random_at(1, RANDOM_CHECK, (uint64_t)i);
        labels[8 + i] = (unsigned char)label;
        for (int at = 0; at < PIXELS; at++) {
            int y = at / 28, x = at % 28;
            int inside = abs(y - 4 - 2 * label) < 4 && abs(x - 24 + 2 * label) < 5;
            images[16 + i * PIXELS + at] = (unsigned char)((inside ? 200 : 0) + (int)random_below(&random, 40));
        }
    }
    pmoe_digits *digits;
    assert_int_equal(pmoe_digits_open(images, sizeof images, labels, sizeof labels, NULL, &digits, NULL), PMOE_OK);
    return digits;
}

/* As many photographs, each class a colour under noise. */
static pmoe_photos *open_colours(void)
{
    enum { PHOTOS = 40, PLANE = PMOE_PHOTO * PMOE_PHOTO, ROW = 1 + 3 * PLANE };
    static unsigned char rows[PHOTOS * ROW];
    for (int i = 0; i < PHOTOS; i++) {
        struct random random = random_at(2, RANDOM_CHECK, (uint64_t)i);
        rows[i * ROW] = (unsigned char)(i % 10);
        for (int at = 0; at < 3 * PLANE; at++)
            rows[i * ROW + 1 + at] =
                (unsigned char)(20 + 22 * (i % 10 + at / PLANE * 3) % 200 + (int)random_below(&random, 50));
    }
    pmoe_photos *photos;
    assert_int_equal(pmoe_photos_open(&(pmoe_bytes){rows, sizeof rows}, 1, NULL, &photos, NULL), PMOE_OK);
    return photos;
}

static pmoe_data open_data(void)
{
    return (pmoe_data){open_digits(), open_colours()};
}

static void close_data(pmoe_data *data)
{
    pmoe_digits_close((pmoe_digits **)&data->digits);
    pmoe_photos_close((pmoe_photos **)&data->photos);
}

static pmoe_recipe small_recipe(const char *name)
{
    pmoe_recipe recipe = *pmoe_recipe_find(name);
    recipe.samples = 30;
    recipe.batch = 8; /* does not divide 30 */
    recipe.epochs = 3;
    recipe.router_epochs = recipe.router_epochs ? 2 : 0;
    recipe.filters = recipe.kind == PMOE_CNN ? 10 : recipe.experts * 3;
    if (recipe.kind == PMOE_WRN) { /* is slow */
        recipe.samples = 10;
        recipe.batch = 4;
        recipe.epochs = 2;
        recipe.widen = 1;
    }
    return recipe;
}

static void train_on(pmoe_trainer *trainer, int32_t epochs)
{
    pmoe_progress progress;
    for (int32_t i = 0; i < epochs && !pmoe_trainer_done(trainer); i++)
        assert_int_equal(pmoe_trainer_epoch(trainer, NULL, NULL, &progress, NULL), PMOE_OK);
}

static pmoe_trainer *open_trainer(const pmoe_recipe *recipe, pmoe_data data, int32_t threads)
{
    pmoe_error error = {.text = ""};
    pmoe_trainer *trainer;
    pmoe_status status = pmoe_trainer_open(recipe, data, threads, NULL, &trainer, &error);
    if (status != PMOE_OK)
        print_error("%s\n", error.text);
    assert_int_equal(status, PMOE_OK);
    return trainer;
}

struct saved {
    unsigned char *bytes;
    size_t count;
};

static struct saved save(const pmoe_trainer *trainer)
{
    struct saved saved;
    assert_int_equal(pmoe_trainer_save(trainer, NULL, &saved.bytes, &saved.count, NULL), PMOE_OK);
    return saved;
}

static struct saved checkpoint(const pmoe_trainer *trainer)
{
    struct saved saved;
    assert_int_equal(pmoe_trainer_checkpoint(trainer, &saved.bytes, &saved.count, NULL), PMOE_OK);
    return saved;
}

static void assert_same_bytes(struct saved a, struct saved b)
{
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.bytes, b.bytes, a.count);
}

static void test_threads_do_not_change_a_byte(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    for (int i = 0; i < pmoe_recipe_count(); i++) {
        pmoe_recipe recipe = small_recipe(pmoe_recipe_at(i)->name);
        struct saved by[2];
        for (int32_t threads = 1; threads <= 2; threads++) {
            pmoe_trainer *trainer = open_trainer(&recipe, data, 2 * threads - 1);
            train_on(trainer, 100);
            by[threads - 1] = save(trainer);
            pmoe_trainer_close(&trainer);
        }
        assert_same_bytes(by[0], by[1]);
        free(by[0].bytes);
        free(by[1].bytes);
    }
    close_data(&data);
}

static void test_resuming_gives_the_same_bytes(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    for (int i = 0; i < pmoe_recipe_count(); i++) {
        pmoe_recipe recipe = small_recipe(pmoe_recipe_at(i)->name);
        pmoe_trainer *whole = open_trainer(&recipe, data, 1);
        train_on(whole, 100);
        struct saved expected = save(whole);
        for (int32_t stop = 0; stop <= recipe.epochs + recipe.router_epochs; stop++) {
            pmoe_trainer *first = open_trainer(&recipe, data, 1), *second = open_trainer(&recipe, data, 1);
            train_on(first, stop);
            struct saved half = checkpoint(first);
            assert_int_equal(pmoe_trainer_resume(second, half.bytes, half.count, NULL), PMOE_OK);
            train_on(second, 100);
            struct saved found = save(second);
            assert_same_bytes(expected, found);
            free(half.bytes);
            free(found.bytes);
            pmoe_trainer_close(&first);
            pmoe_trainer_close(&second);
        }
        free(expected.bytes);
        pmoe_trainer_close(&whole);
    }
    close_data(&data);
}

static void test_resuming_refuses_other_files(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    pmoe_recipe recipe = small_recipe("mosaic-joint"), other = recipe;
    other.seed = 2;
    pmoe_trainer *trainer = open_trainer(&recipe, data, 1), *stranger = open_trainer(&other, data, 1);
    struct saved of_other = checkpoint(stranger), own = checkpoint(trainer), after;
    pmoe_error error = {.text = ""};
    assert_int_equal(pmoe_trainer_resume(trainer, of_other.bytes, of_other.count, &error), PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "recipe"));
    own.bytes[own.count - 1] ^= 1;
    assert_int_equal(pmoe_trainer_resume(trainer, own.bytes, own.count, &error), PMOE_E_CHECKSUM);
    own.bytes[own.count - 1] ^= 1;
    assert_int_equal(pmoe_trainer_resume(trainer, own.bytes, own.count - 1, &error), PMOE_E_FORMAT);
    pmoe_model *model;
    assert_int_equal(pmoe_model_open(own.bytes, own.count, NULL, &model, &error), PMOE_E_FORMAT); /* it is no model */
    after = checkpoint(trainer);
    assert_same_bytes(own, after); /* refusing changed nothing */
    free(of_other.bytes);
    free(own.bytes);
    free(after.bytes);
    pmoe_trainer_close(&trainer);
    pmoe_trainer_close(&stranger);
    close_data(&data);
}

static void test_training_learns(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    for (int i = 0; i < 3; i++) {
        pmoe_recipe recipe = small_recipe(pmoe_recipe_at(i)->name);
        recipe.filters = 40;
        recipe.samples = 100;
        recipe.epochs = 40;
        pmoe_trainer *trainer = open_trainer(&recipe, data, 1);
        pmoe_progress progress, first = {.loss = 0};
        while (!pmoe_trainer_done(trainer)) {
            assert_int_equal(pmoe_trainer_epoch(trainer, NULL, NULL, &progress, NULL), PMOE_OK);
            if (strcmp(progress.phase, "experts") == 0 && first.loss == 0)
                first = progress;
        }
        assert_true(progress.loss < 0.5 * first.loss && progress.accuracy > 90);
        assert_int_equal(progress.epoch, progress.epochs);
        pmoe_error error;
        assert_int_equal(pmoe_trainer_epoch(trainer, NULL, NULL, &progress, &error), PMOE_E_ARGUMENT);
        pmoe_trainer_close(&trainer);
    }
    close_data(&data);
}

/* After one epoch of eq. 6 with one batch of all samples: w_c = init + rate / N * (sum over c's boards - sum over the
 * other class's boards) of their summed patches. */
static void test_router_step_is_eq_6(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    pmoe_recipe recipe = small_recipe("mosaic-separate");
    recipe.batch = recipe.samples;
    recipe.router_epochs = 1;
    pmoe_trainer *trainer = open_trainer(&recipe, data, 1);
    double expected[2 * PIXELS];
    for (int k = 0; k < 2 * PIXELS; k++)
        expected[k] = (double)trainer->weights[0][k];
    for (int32_t i = 0; i < recipe.samples; i++) {
        uint8_t pixels[PMOE_BOARD * PMOE_BOARD];
        pmoe_board_truth truth;
        assert_int_equal(pmoe_board(data.digits, PMOE_MOSAIC, recipe.seed, (uint64_t)i, pixels, &truth, NULL), PMOE_OK);
        double y = truth.label ? 1 : -1;
        for (int at = 0; at < PMOE_BOARD * PMOE_BOARD; at++) {
            int k = at / PMOE_BOARD % 28 * 28 + at % 28;
            double step = (double)recipe.router_rate / recipe.samples * y * pixels[at] / 255;
            expected[PIXELS + k] += step; /* expert 1 is class 1's, y = +1 */
            expected[k] -= step;
        }
    }
    train_on(trainer, 1);
    assert_string_equal(trainer->graph->tensor[0].name, "router.weight");
    for (int k = 0; k < 2 * PIXELS; k++)
        assert_float_equal(trainer->weights[0][k], (float)expected[k], 2e-5f);
    pmoe_trainer_close(&trainer);
    close_data(&data);
}

/* Three steps by hand: constant gradient g, so m' = g and v' = g^2 and each step is the rate, whatever g's size. */
static void test_adam(void **state)
{
    (void)state;
    float w[2] = {1, -2}, m[2] = {0}, v[2] = {0};
    const float g[2] = {1e-3f, -50};
    for (int64_t step = 1; step <= 3; step++)
        optimizer_adam(w, g, m, v, 2, 0.01f, step);
    assert_float_equal(w[0], 0.97f, 1e-5f);
    assert_float_equal(w[1], -1.97f, 1e-5f);
    assert_float_equal(m[1], -50 * (1 - 0.9f * 0.9f * 0.9f), 1e-4f);
    assert_float_equal(v[1], 2500 * (1 - 0.999f * 0.999f * 0.999f), 1e-3f);
}

/* By hand, as PyTorch does it: v = 0.5 v + g, and w moves by v, or by g + 0.5 v. */
static void test_momentum(void **state)
{
    (void)state;
    for (int32_t nesterov = 0; nesterov < 2; nesterov++) {
        float w = 1, v = 0;
        const float g = 2;
        optimizer_momentum(&w, &g, &v, 1, 0.1f, 0.5f, nesterov); /* v = 2 */
        optimizer_momentum(&w, &g, &v, 1, 0.1f, 0.5f, nesterov); /* v = 3 */
        assert_float_equal(v, 3, 1e-6f);
        assert_float_equal(w, nesterov ? 1 - 0.1f * (3 + 3.5f) : 1 - 0.1f * (2 + 3), 1e-6f);
    }
}

static void test_schedules(void **state)
{
    (void)state;
    pmoe_recipe recipe = {.rate = 1, .rate_end = 0.1f, .epochs = 10};
    const struct {
        const char *name;
        int32_t epoch;
        int64_t step; /* of 101 */
        float rate;
    } cases[] = {
        {NULL, 0, 50, 1},         {NULL, 9, 50, 0.1f},         {"line", 3, 0, 0.7f},        {"cosine", 0, 0, 1},
        {"cosine", 0, 50, 0.55f}, {"cosine", 0, 100, 0.1f},    {"one_cycle", 0, 0, 0.04f},  {"one_cycle", 0, 15, 0.52f},
        {"one_cycle", 0, 30, 1},  {"one_cycle", 0, 65, 0.55f}, {"one_cycle", 0, 100, 0.1f}, {"step", 5, 0, 1},
        {"step", 6, 0, 0.1f},     {"step", 8, 0, 0.01f}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        recipe.schedule = cases[i].name;
        assert_float_equal(schedule_rate(&recipe, cases[i].epoch, 101, cases[i].step), cases[i].rate, 1e-6f);
    }
}

/* One step of a network whose gradients are known to be 0 but for decay: weights shrink, biases and norms do not. */
static void test_decay_leaves_norms_alone(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    pmoe_recipe recipe = small_recipe("cifar-wrn"), plain = recipe;
    recipe.samples = recipe.batch;
    plain.samples = plain.batch;
    plain.decay = 0;
    recipe.momentum = plain.momentum = 0;
    recipe.schedule = plain.schedule = NULL;
    recipe.rate = plain.rate = 0.125f;
    recipe.decay = 0.5f;
    pmoe_trainer *trainer = open_trainer(&recipe, data, 1), *other = open_trainer(&plain, data, 1);
    const struct graph *graph = trainer->graph;
    float before[GRAPH_MAX_TENSORS];
    for (int32_t t = 0; t < graph->tensors; t++)
        before[t] = trainer->weights[t][0];
    train_on(trainer, 1);
    train_on(other, 1);
    for (int32_t t = 0; t < graph->tensors; t++) {
        const struct layer *layer = &graph->layer[graph->tensor[t].layer];
        int decays = layer->type != LAYER_BATCH_NORM && t == layer->weight;
        assert_float_equal(trainer->weights[t][0], other->weights[t][0] - (decays ? 0.0625f * before[t] : 0), 1e-5f);
        if (norm_is_fixed(graph, graph->tensor[t].layer))
            assert_true(trainer->weights[t][0] == before[t]);
        else if (t == layer->mean)
            assert_true(trainer->weights[t][0] != before[t]);
    }
    pmoe_trainer_close(&trainer);
    pmoe_trainer_close(&other);
    close_data(&data);
}

static void test_fixed_weights_stay_fixed(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    pmoe_recipe recipe = small_recipe("mosaic-separate");
    pmoe_trainer *trainer = open_trainer(&recipe, data, 1);
    train_on(trainer, 2); /* the routers */
    float *router = malloc(2 * PIXELS * sizeof *router), *output = trainer->weights[2];
    memcpy(router, trainer->weights[0], 2 * PIXELS * sizeof *router);
    float before = trainer->weights[1][5];
    train_on(trainer, 1);
    assert_memory_equal(router, trainer->weights[0], 2 * PIXELS * sizeof *router);
    assert_true(before != trainer->weights[1][5]);
    assert_true(output[0] == -1 && output[2] == -1 && output[3] == 1 && output[5] == 1);
    free(router);
    pmoe_trainer_close(&trainer);
    close_data(&data);
}

static void test_saved_models_open_and_pass_their_golden_outputs(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    for (int i = 0; i < pmoe_recipe_count(); i++) {
        pmoe_recipe recipe = small_recipe(pmoe_recipe_at(i)->name);
        if (recipe.bias)
            recipe.rate /= 10; /* else a network this small soon answers all noise with zeros, which tell nothing */
        pmoe_trainer *trainer = open_trainer(&recipe, data, 1);
        train_on(trainer, 100);
        struct saved saved = save(trainer);
        for (int isa = 0; isa < pmoe_isa_count(); isa++) {
            pmoe_options options = {.isa = pmoe_isa_name(isa)};
            pmoe_error error = {.text = ""};
            pmoe_model *model;
            int32_t checked;
            assert_int_equal(pmoe_model_open(saved.bytes, saved.count, &options, &model, &error), PMOE_OK);
            assert_int_equal(pmoe_model_check_golden(model, &checked, &error), PMOE_OK);
            assert_int_equal(checked, 1);
            /* Output weights that are all a hundredth too large are told apart. */
            const struct layer *output = &trainer->graph->layer[trainer->graph->layers - 1];
            int64_t count = trainer->graph->tensor[output->weight].count;
            float *larger = malloc((size_t)count * sizeof *larger);
            for (int64_t w = 0; w < count; w++)
                larger[w] = 1.01f * trainer->weights[output->weight][w];
            model_pack(model, trainer->graph->layers - 1, larger,
                       output->bias < 0 ? NULL : trainer->weights[output->bias]);
            free(larger);
            assert_int_equal(pmoe_model_check_golden(model, &checked, &error), PMOE_E_CHECKSUM);
            assert_non_null(strstr(error.text, recipe.name));
            pmoe_model_close(&model);
        }
        free(saved.bytes);
        pmoe_trainer_close(&trainer);
    }
    close_data(&data);
}

static void test_recipes_are_checked(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    const struct {
        const char *recipe, *says;
        size_t at;
        int32_t value;
    } cases[] = {
        {"mosaic-cnn", "filters is 0", offsetof(pmoe_recipe, filters), 0},
        {"mosaic-cnn", "batch is 5000", offsetof(pmoe_recipe, batch), 5000},
        {"mosaic-cnn", "samples is -1", offsetof(pmoe_recipe, samples), -1},
        {"mosaic-joint", "kept is 17", offsetof(pmoe_recipe, kept), 17},
        {"board-deep-pmoe", "kept is 0", offsetof(pmoe_recipe, kept), 0},
        {"board-deep-pmoe", "patch is 0", offsetof(pmoe_recipe, patch), 0},
        {"board-deep-pmoe", "flip is for photographs", offsetof(pmoe_recipe, flip), 1},
        {"mosaic-joint", "do not divide", offsetof(pmoe_recipe, experts), 7},
        {"mosaic-separate", "one expert a class", offsetof(pmoe_recipe, experts), 4},
        {"mosaic-joint", "epochs is -3", offsetof(pmoe_recipe, epochs), -3},
        {"mosaic-joint", "set number 9", offsetof(pmoe_recipe, set), 9},
        {"mosaic-joint", "layers of one patch for boards", offsetof(pmoe_recipe, set), PMOE_CIFAR10},
        {"mosaic-joint", "flip is for photographs", offsetof(pmoe_recipe, flip), 1},
        {"cifar-wrn", "fresh samples are for boards", offsetof(pmoe_recipe, fresh), 1},
        {"cifar-wrn", "depth is 12, expected 10, 16", offsetof(pmoe_recipe, depth), 12},
        {"cifar-wrn", "depth is 34, expected 10 to 28", offsetof(pmoe_recipe, depth), 34},
        {"cifar-wrn", "widen is 0", offsetof(pmoe_recipe, widen), 0},
        {"cifar-wrn", "there are 40 photographs", offsetof(pmoe_recipe, samples), 41},
        {"cifar-wrn", "no kind number 9", offsetof(pmoe_recipe, kind), 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pmoe_recipe recipe = *pmoe_recipe_find(cases[i].recipe);
        memcpy((char *)&recipe + cases[i].at, &cases[i].value, sizeof cases[i].value);
        pmoe_error error = {.text = ""};
        pmoe_trainer *trainer;
        assert_int_equal(pmoe_trainer_open(&recipe, data, 1, NULL, &trainer, &error), PMOE_E_ARGUMENT);
        assert_null(trainer);
        if (!strstr(error.text, cases[i].says))
            print_error("expected \"%s\" in: %s\n", cases[i].says, error.text);
        assert_non_null(strstr(error.text, cases[i].says));
    }
    const struct {
        const char *name, *word;
        size_t at;
    } words[] = {{"gate", "maybe", offsetof(pmoe_recipe, gate)},
                 {"divisor", "m", offsetof(pmoe_recipe, divisor)},
                 {"output", "sign", offsetof(pmoe_recipe, output)},
                 {"optimizer", "adams", offsetof(pmoe_recipe, optimizer)},
                 {"schedule", "sine", offsetof(pmoe_recipe, schedule)}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        pmoe_recipe recipe = *pmoe_recipe_find("mosaic-joint");
        memcpy((char *)&recipe + words[i].at, &words[i].word, sizeof words[i].word);
        pmoe_error error = {.text = ""};
        pmoe_trainer *trainer;
        assert_int_equal(pmoe_trainer_open(&recipe, data, 1, NULL, &trainer, &error), PMOE_E_ARGUMENT);
        assert_non_null(strstr(error.text, words[i].name));
    }
    const struct {
        const char *recipe, *says;
        size_t at;
        float value;
    } numbers[] = {{"cifar-wrn", "momentum is 1", offsetof(pmoe_recipe, momentum), 1},
                   {"cifar-wrn", "smoothing -1", offsetof(pmoe_recipe, smoothing), -1},
                   {"cifar-wrn", "decay is -2", offsetof(pmoe_recipe, decay), -2},
                   {"mosaic-joint", "smoothing is for more", offsetof(pmoe_recipe, smoothing), 0.1f},
                   {"mosaic10-cnn", "momentum is of sgd", offsetof(pmoe_recipe, momentum), 0.9f}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pmoe_recipe recipe = *pmoe_recipe_find(numbers[i].recipe);
        memcpy((char *)&recipe + numbers[i].at, &numbers[i].value, sizeof numbers[i].value);
        pmoe_error error = {.text = ""};
        pmoe_trainer *trainer;
        assert_int_equal(pmoe_trainer_open(&recipe, data, 1, NULL, &trainer, &error), PMOE_E_ARGUMENT);
        if (!strstr(error.text, numbers[i].says))
            print_error("expected \"%s\" in: %s\n", numbers[i].says, error.text);
        assert_non_null(strstr(error.text, numbers[i].says));
    }
    pmoe_error error = {.text = ""};
    pmoe_trainer *trainer;
    assert_int_equal(
        pmoe_trainer_open(pmoe_recipe_find("cifar-wrn"), (pmoe_data){.digits = data.digits}, 1, NULL, &trainer, &error),
        PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "needs photographs"));
    assert_null(pmoe_recipe_find("no such"));
    assert_null(pmoe_recipe_at(-1));
    close_data(&data);
}

static void test_refused_memory_leaks_nothing(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    const char *names[] = {"mosaic-joint", "cifar-wrn"};
    for (int i = 0; i < 2; i++) {
        pmoe_recipe recipe = small_recipe(names[i]);
        int opened = 0;
        for (int at = 0; !opened; at++) {
            struct counting counting;
            pmoe_options options = {.allocator = counting_allocator(&counting, at)};
            pmoe_trainer *trainer;
            pmoe_error error = {.text = ""};
            pmoe_status status = pmoe_trainer_open(&recipe, data, 1, &options, &trainer, &error);
            unsigned char *file = NULL;
            size_t bytes;
            if (status == PMOE_OK)
                status = pmoe_trainer_save(trainer, NULL, &file, &bytes, &error);
            if (status == PMOE_OK) {
                options.allocator.release(&counting, file);
                status = pmoe_trainer_checkpoint(trainer, &file, &bytes, &error);
            }
            if (status == PMOE_OK) {
                options.allocator.release(&counting, file);
                opened = 1;
            } else {
                assert_int_equal(status, PMOE_E_MEMORY);
            }
            pmoe_trainer_close(&trainer);
            assert_int_equal(counting.out, 0);
        }
    }
    close_data(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_do_not_change_a_byte),
        cmocka_unit_test(test_resuming_gives_the_same_bytes),
        cmocka_unit_test(test_resuming_refuses_other_files),
        cmocka_unit_test(test_training_learns),
        cmocka_unit_test(test_router_step_is_eq_6),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_momentum),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_decay_leaves_norms_alone),
        cmocka_unit_test(test_fixed_weights_stay_fixed),
        cmocka_unit_test(test_saved_models_open_and_pass_their_golden_outputs),
        cmocka_unit_test(test_recipes_are_checked),
        cmocka_unit_test(test_refused_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
