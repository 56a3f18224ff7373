/* Recipes: lists of stages, the layers they become, and what is refused by which words. */
#include "pmoe.h"

#include "base/memory.h"
#include "train/recipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>
#include <string.h>

#include "small_data.h"

static void test_lists_of_stages(void **state)
{
    (void)state;
    struct stage stages[RECIPE_MAX_STAGES];
    assert_int_equal(recipe_stages("16x5/4,32,8/2,64x7", stages), 4);
    static const struct stage expected[] = {{16, 5, 4}, {32, 3, 1}, {8, 3, 2}, {64, 7, 1}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(stages[i].filters, expected[i].filters);
        assert_int_equal(stages[i].kernel, expected[i].kernel);
        assert_int_equal(stages[i].stride, expected[i].stride);
    }
    assert_int_equal(recipe_stages("1,2,3,4,5,6,7,8", stages), RECIPE_MAX_STAGES);
    static const char *const wrong[] = {"",
                                        ",",
                                        "16,",
                                        ",16",
                                        "16/",
                                        "16/0",
                                        "0",
                                        "16x",
                                        "16x0",
                                        "x3",
                                        "16/2x3",
                                        "16 32",
                                        "-1",
                                        "123456",
                                        "16;2",
                                        "1,2,3,4,5,6,7,8,9",
                                        "11111,11111,11111,11111,11111,11111x11111/11111,11111/11111,11111"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(recipe_stages(wrong[i], stages), 0);
    assert_int_equal(recipe_stages(NULL, stages), 0);
}

/* Routing comes behind the stem: one score a cell and expert, whole stages on what is kept. */
static void test_deep_recipes(void **state)
{
    (void)state;
    const pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct graph *graph = malloc(sizeof *graph);
    pmoe_error error = {.text = ""};
    pmoe_recipe recipe = *pmoe_recipe_find("board-deep-pmoe");
    recipe.stem = "8/2";
    recipe.patch = 14;
    recipe.stages = "6/2,10x7/7";
    recipe.pooling = "avg";
    recipe.norm = 1;
    assert_int_equal(recipe_graph(&recipe, &allocator, graph, &error), PMOE_OK);
    static const char *const names[] = {"stem1",
                                        "stem1.norm",
                                        "stem1.relu",
                                        "router",
                                        "experts",
                                        "experts.conv1",
                                        "experts.conv1.norm",
                                        "experts.conv1.relu",
                                        "experts.conv2",
                                        "experts.conv2.norm",
                                        "experts.conv2.relu",
                                        "experts.pool",
                                        "pool",
                                        "out"};
    assert_int_equal(graph->layers, sizeof names / sizeof *names);
    for (int32_t i = 0; i < graph->layers; i++)
        assert_string_equal(graph->layer[i].name, names[i]);
    assert_int_equal(graph->layer[3].patches, 64);
    assert_int_equal(shape_count(graph->layer[8].shape), 10); /* one window is the whole map */
    recipe.patch = 15;
    assert_int_equal(recipe_graph(&recipe, &allocator, graph, &error), PMOE_E_GRAPH);
    assert_non_null(strstr(error.text, "patch is 15"));
    recipe.set = PMOE_CIFAR10;
    recipe.fresh = 0;
    recipe.patch = 4;
    recipe.stages = "6/2,10x2/2";
    assert_int_equal(recipe_graph(&recipe, &allocator, graph, &error), PMOE_OK);
    assert_string_equal(graph->layer[0].name, "normalise");
    assert_int_equal(graph->layer[4].patches, 16);
    recipe.kind = PMOE_STAGES;
    recipe.pooling = "max";
    assert_int_equal(recipe_graph(&recipe, &allocator, graph, &error), PMOE_OK);
    assert_int_equal(graph->layer[graph->layers - 2].type, LAYER_MAX_POOL);
    const char **words[] = {&recipe.stem, &recipe.stages, &recipe.pooling};
    static const char *const says[] = {"stem is \"3,\"", "stages is \"3,\"", "pooling is \"3,\""};
    for (int i = 0; i < 3; i++) {
        const char *kept = *words[i];
        *words[i] = "3,";
        assert_int_equal(recipe_graph(&recipe, &allocator, graph, &error), PMOE_E_ARGUMENT);
        assert_non_null(strstr(error.text, says[i]));
        *words[i] = kept;
    }
    free(graph);
}

static void assert_refused(const pmoe_recipe *recipe, pmoe_data data, const char *says)
{
    pmoe_error error = {.text = ""};
    pmoe_trainer *trainer;
    assert_int_equal(pmoe_trainer_open(recipe, data, 1, NULL, &trainer, &error), PMOE_E_ARGUMENT);
    assert_null(trainer);
    if (!strstr(error.text, says))
        print_error("expected \"%s\" in: %s\n", says, error.text);
    assert_non_null(strstr(error.text, says));
}

static void test_whole_numbers_are_checked(void **state)
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
        {"cifar-head-soft", "kept is 7, expected 8 to 8", offsetof(pmoe_recipe, kept), 7},
        {"cifar-head-sparse", "kept is 1, expected 2 to 7", offsetof(pmoe_recipe, kept), 1},
        {"cifar-head-hard", "kept is 2, expected 1 to 1", offsetof(pmoe_recipe, kept), 2},
        {"cifar-head-hard", "experts is 1", offsetof(pmoe_recipe, experts), 1},
        {"cifar-head-dense", "head_width is -4", offsetof(pmoe_recipe, head_width), -4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pmoe_recipe recipe = *pmoe_recipe_find(cases[i].recipe);
        memcpy((char *)&recipe + cases[i].at, &cases[i].value, sizeof cases[i].value);
        assert_refused(&recipe, data, cases[i].says);
    }
    close_data(&data);
}

static void test_words_are_checked(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    const struct {
        const char *recipe, *says;
        size_t at;
        const char *value;
    } words[] = {{"mosaic-joint", "gate", offsetof(pmoe_recipe, gate), "maybe"},
                 {"mosaic-joint", "divisor", offsetof(pmoe_recipe, divisor), "m"},
                 {"mosaic-joint", "output", offsetof(pmoe_recipe, output), "sign"},
                 {"mosaic-joint", "optimizer", offsetof(pmoe_recipe, optimizer), "adams"},
                 {"mosaic-joint", "schedule", offsetof(pmoe_recipe, schedule), "sine"},
                 {"mosaic-joint", "head is \"dense\"", offsetof(pmoe_recipe, head), "dense"},
                 {"cifar-wrn", "head is \"long\"", offsetof(pmoe_recipe, head), "long"},
                 {"cifar-wrn", "balance is \"smooth\"", offsetof(pmoe_recipe, balance), "smooth"},
                 {"cifar-head-soft", "balance is \"smooth\"", offsetof(pmoe_recipe, balance), "smooth"},
                 {"cifar-head-hard", "balance is \"mean\"", offsetof(pmoe_recipe, balance), "mean"},
                 {"cifar-head-hard", "balance is \"even\"", offsetof(pmoe_recipe, balance), "even"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        pmoe_recipe recipe = *pmoe_recipe_find(words[i].recipe);
        memcpy((char *)&recipe + words[i].at, &words[i].value, sizeof words[i].value);
        assert_refused(&recipe, data, words[i].says);
    }
    close_data(&data);
}

static void test_fractions_are_checked(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    const struct {
        const char *recipe, *says;
        size_t at;
        float value;
    } numbers[] = {{"cifar-wrn", "momentum is 1", offsetof(pmoe_recipe, momentum), 1},
                   {"cifar-wrn", "smoothing -1", offsetof(pmoe_recipe, smoothing), -1},
                   {"cifar-wrn", "decay is -2", offsetof(pmoe_recipe, decay), -2},
                   {"cifar-wrn", "a head that is not linear", offsetof(pmoe_recipe, dropout), 0.1f},
                   {"cifar-head-dense", "dropout is 1", offsetof(pmoe_recipe, dropout), 1},
                   {"cifar-head-sparse", "noise is -1", offsetof(pmoe_recipe, noise), -1},
                   {"cifar-head-sparse", "load is -1", offsetof(pmoe_recipe, load), -1},
                   {"mosaic-joint", "smoothing is for more", offsetof(pmoe_recipe, smoothing), 0.1f},
                   {"mosaic10-cnn", "momentum is of sgd", offsetof(pmoe_recipe, momentum), 0.9f}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pmoe_recipe recipe = *pmoe_recipe_find(numbers[i].recipe);
        memcpy((char *)&recipe + numbers[i].at, &numbers[i].value, sizeof numbers[i].value);
        assert_refused(&recipe, data, numbers[i].says);
    }
    close_data(&data);
}

static void test_data_must_fit(void **state)
{
    (void)state;
    pmoe_data data = open_data();
    assert_refused(pmoe_recipe_find("cifar-wrn"), (pmoe_data){.digits = data.digits}, "needs photographs");
    assert_null(pmoe_recipe_find("no such"));
    assert_null(pmoe_recipe_at(-1));
    close_data(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_of_stages),           cmocka_unit_test(test_deep_recipes),
        cmocka_unit_test(test_whole_numbers_are_checked), cmocka_unit_test(test_words_are_checked),
        cmocka_unit_test(test_fractions_are_checked),     cmocka_unit_test(test_data_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
