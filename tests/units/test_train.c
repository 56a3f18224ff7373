/* Training: the same bytes for any number of threads and after any interruption, the router's own loss against eq. 6,
 * saving, golden outputs. */
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

#include "small_data.h"

static pmoe_recipe small_recipe(const char *name)
{
    pmoe_recipe recipe = *pmoe_recipe_find(name);
    recipe.samples = 30;
    recipe.batch = 8; /* does not divide 30 */
    recipe.epochs = 3;
    recipe.router_epochs = recipe.router_epochs ? 2 : 0;
    recipe.filters = recipe.kind == PMOE_CNN ? 10 : recipe.experts * 3;
    if (recipe.kind == PMOE_WRN || recipe.kind == PMOE_WRN_PMOE) { /* is slow */
        recipe.samples = 10;
        recipe.batch = 4;
        recipe.epochs = 2;
        recipe.depth = 10;
        recipe.widen = 1;
    }
    if (pmoe_set_side(recipe.set) == PMOE_FACE) /* there are no faces here */
        recipe.set = PMOE_CIFAR10;
    if (recipe.stages) { /* so are these */
        recipe.samples = 10;
        recipe.batch = 4;
        recipe.epochs = 2;
        recipe.stages = "6,8/2";
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

/* Of the heads the sparse one, which has all that any other has in training, no vehicles, and of faces the pMoE alone:
 * each is a whole residual network. */
static int is_like_another(const pmoe_recipe *recipe)
{
    return (recipe->head && strcmp(recipe->head, "sparse") != 0) || recipe->set == PMOE_VEHICLES ||
           strcmp(recipe->name, "celeba-wrn") == 0;
}

static void test_threads_do_not_change_a_byte(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    for (int i = 0; i < pmoe_recipe_count(); i++) {
        pmoe_recipe recipe = small_recipe(pmoe_recipe_at(i)->name);
        if (is_like_another(&recipe))
            continue;
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
        if (is_like_another(&recipe))
            continue;
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

static int holds(struct saved file, const char *word)
{
    size_t bytes = strlen(word);
    for (size_t i = 0; i + bytes <= file.count; i++)
        if (memcmp(file.bytes + i, word, bytes) == 0)
            return 1;
    return 0;
}

/* The layer that noise comes from is trained and goes on from a checkpoint; a model has no noise and no such layer. */
static void test_noise_is_trained_and_not_saved(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    pmoe_recipe recipe = small_recipe("cifar-head-sparse");
    pmoe_trainer *trainer = open_trainer(&recipe, data, 1);
    float *weights = trainer->weights[trainer->noise];
    assert_int_equal(trainer->tensors, trainer->graph->tensors + 2);
    assert_true(weights[0] == 0);
    train_on(trainer, 1);
    assert_true(weights[0] != 0);
    struct saved model = save(trainer), kept = checkpoint(trainer);
    assert_true(holds(kept, "\"noise.gate.weight\"") && holds(kept, "\"moment.0.noise.gate.bias\""));
    assert_false(holds(model, "noise.gate"));
    free(model.bytes);
    free(kept.bytes);
    pmoe_trainer_close(&trainer);
    close_data(&data);
}

/* What an epoch says of the use of experts. */
static void test_epochs_tell_the_use_of_experts(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    static const char *const names[] = {"cifar-head-soft", "cifar-head-sparse", "cifar-head-hard", "cifar-head-dense"};
    static const int32_t kept[] = {8, 2, 1, 0};
    for (int i = 0; i < 4; i++) {
        pmoe_recipe recipe = small_recipe(names[i]);
        pmoe_trainer *trainer = open_trainer(&recipe, data, 1);
        pmoe_progress progress;
        double gates = 0, load = 0;
        assert_int_equal(pmoe_trainer_epoch(trainer, NULL, NULL, &progress, NULL), PMOE_OK);
        assert_int_equal(progress.usage.kept, kept[i]);
        assert_int_equal(progress.usage.experts, kept[i] ? 8 : 0);
        for (int32_t e = 0; e < progress.usage.experts; e++) {
            gates += progress.usage.gates[e];
            load += progress.usage.load[e];
        }
        assert_float_equal((float)gates, kept[i] ? 1 : 0, 1e-5f);
        assert_float_equal((float)load, (float)kept[i], 1e-5f);
        assert_true(progress.usage.entropy <= log(kept[i] > 1 ? kept[i] : 1) + 1e-6);
        assert_true((progress.balance > 0) == (kept[i] > 0));
        pmoe_trainer_close(&trainer);
    }
    close_data(&data);
}

static void test_refused_memory_leaks_nothing(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    const char *names[] = {"mosaic-joint", "cifar-wrn", "cifar-head-sparse"};
    for (int i = 0; i < 3; i++) {
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
        cmocka_unit_test(test_noise_is_trained_and_not_saved),
        cmocka_unit_test(test_epochs_tell_the_use_of_experts),
        cmocka_unit_test(test_refused_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
