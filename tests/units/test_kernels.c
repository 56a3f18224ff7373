/* Kernels of every instruction set that this machine has: the harness over them, the harness against kernels that are
 * wrong on purpose, and what the harness does not see: packing, selection, and results that must not depend on how the
 * work is cut. */
#include "kernels/check.h"
#include "kernels/pack.h"
#include "kernels/split.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../kernels/wrong.h"

static void fill(struct random *random, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = 2 * random_uniform(random) - 1;
}

static float *aligned_floats(size_t count)
{
    float *floats = aligned_alloc(64, (count * sizeof *floats + 64) / 64 * 64);
    assert_non_null(floats);
    return floats;
}

/* ---- The harness ---- */

static void test_every_isa_passes(void **state)
{
    (void)state;
    for (int32_t i = 0; i < kernels_count(); i++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            const struct kernels *kernels = kernels_at(i);
            pmoe_error error = {0};
            int32_t checks = 0;
            if (kernels_check(kernels, kernels_twin(kernels), seed, 3, &checks, &error) != PMOE_OK)
                fail_msg("%s", error.text);
            assert_true(checks > 1000);
            if (kernels_check(kernels, kernels_twin(kernels), seed, 0, &checks, &error) != PMOE_OK)
                fail_msg("briefly: %s", error.text);
            assert_in_range(checks, 100, 1000);
        }
}

static void wrong_kernels_are_caught(int32_t rounds)
{
    for (size_t i = 0; i < sizeof wrong_kernels / sizeof *wrong_kernels; i++) {
        struct kernels table = *kernels_at(0);
        const char *name = "";
        table.name = "wrong";
#define K(kernel, arguments)                                                                                           \
    if (wrong_kernels[i].instead.kernel) {                                                                             \
        table.kernel = wrong_kernels[i].instead.kernel;                                                                \
        name = #kernel;                                                                                                \
    }
#include "kernels/kernel_list.h"
        pmoe_error error = {0};
        if (kernels_check(&table, NULL, 1, rounds, NULL, &error) != PMOE_E_CHECKSUM)
            fail_msg("%s was not caught", wrong_kernels[i].what);
        assert_int_equal(error.status, PMOE_E_CHECKSUM);
        assert_non_null(strstr(error.text, name));
        assert_non_null(strstr(error.text, "of wrong"));
        assert_non_null(strstr(error.text, "(seed 1, round 0, shape "));
    }
}

static void test_wrong_kernels_are_caught(void **state)
{
    (void)state;
    wrong_kernels_are_caught(1);
}

/* With the seed of a page's start. */
static void test_wrong_kernels_are_caught_briefly(void **state)
{
    (void)state;
    wrong_kernels_are_caught(0);
}

/* Wrong for one shape of a call only: that one must be among the walk's. */
static struct {
    int32_t rows, outs;
} wrong_shape;

static void forward_wrong_for_one_shape(float *y, ptrdiff_t y_step, const float *const *x, int32_t rows, int32_t groups,
                                        struct patch_shape shape, const float *panels, const float *bias, int32_t outs,
                                        int32_t relu)
{
    kernels_at(0)->patch_forward(y, y_step, x, rows, groups, shape, panels, bias, outs, relu);
    if (rows == wrong_shape.rows && outs == wrong_shape.outs)
        y[(rows - 1) * y_step + outs - 1] = 1e9f;
}

static void gradient_wrong_for_one_width(float *dw, const float *const *x, int32_t rows, struct patch_shape shape,
                                         const float *dy, ptrdiff_t dy_step, int32_t outs)
{
    kernels_at(0)->patch_gradient(dw, x, rows, shape, dy, dy_step, outs);
    if (outs == wrong_shape.outs && shape.runs > 0 && shape.run > 0)
        dw[0] = 1e9f;
}

static void conv_wrong_for_one_shape(float *y, const float *const *x, int32_t first, int32_t count,
                                     const struct conv_shape *shape, const float *panels, const float *bias,
                                     const float *add, int32_t relu)
{
    const struct kernels *right = kernels_at(0);
    right->conv_forward(y, x, first, count, shape, panels, bias, add, relu);
    if (count == wrong_shape.rows && (shape->outs + right->lanes - 1) / right->lanes == wrong_shape.outs)
        y[first / shape->pixels * shape->y_image + first % shape->pixels * shape->y_pixel] = 1e9f;
}

static void winograd_wrong_for_one_shape(float *m, const float *v, const float *panels,
                                         const struct winograd_strip *strip, int32_t tiles, int32_t outs)
{
    const struct kernels *right = kernels_at(0);
    right->winograd_multiply(m, v, panels, strip, tiles, outs);
    if (tiles == wrong_shape.rows && (outs + right->lanes - 1) / right->lanes == wrong_shape.outs)
        m[0] = 1e9f;
}

static void int8_wrong_for_one_shape(float *y, const void *x, ptrdiff_t x_image, int32_t first, int32_t count,
                                     const struct conv_shape *shape, const struct int8_filters *filters,
                                     const float *add, int32_t relu)
{
    const struct kernels *right = kernels_at(0);
    right->conv_int8(y, x, x_image, first, count, shape, filters, add, relu);
    if (count == wrong_shape.rows && (shape->outs + right->lanes - 1) / right->lanes == wrong_shape.outs)
        y[first / shape->pixels * shape->y_image + first % shape->pixels * shape->y_pixel] = 1e9f;
}

static void test_every_tile_of_maps_is_walked_briefly(void **state)
{
    (void)state;
    struct kernels conv = *kernels_at(0), winograd = *kernels_at(0), int8 = *kernels_at(0);
    int8.conv_int8 = int8_wrong_for_one_shape;
    conv.conv_forward = conv_wrong_for_one_shape;
    winograd.winograd_multiply = winograd_wrong_for_one_shape;
    for (wrong_shape.rows = 1; wrong_shape.rows <= 12; wrong_shape.rows++)
        for (wrong_shape.outs = 1; wrong_shape.outs <= 6; wrong_shape.outs++) {
            pmoe_error error = {0};
            assert_int_equal(kernels_check(&conv, NULL, 1, 0, NULL, &error), PMOE_E_CHECKSUM);
            assert_int_equal(kernels_check(&int8, NULL, 1, 0, NULL, &error), PMOE_E_CHECKSUM);
            if (wrong_shape.rows <= 6 && wrong_shape.outs <= 4)
                assert_int_equal(kernels_check(&winograd, NULL, 1, 0, NULL, &error), PMOE_E_CHECKSUM);
        }
}

static void test_every_tile_is_walked_briefly(void **state)
{
    (void)state;
    struct kernels forward = *kernels_at(0), gradient = *kernels_at(0);
    forward.patch_forward = forward_wrong_for_one_shape;
    gradient.patch_gradient = gradient_wrong_for_one_width;
    for (wrong_shape.rows = 1; wrong_shape.rows <= 8; wrong_shape.rows++)
        for (wrong_shape.outs = 1; wrong_shape.outs <= 8; wrong_shape.outs++) {
            pmoe_error error = {0};
            assert_int_equal(kernels_check(&forward, NULL, 1, 0, NULL, &error), PMOE_E_CHECKSUM);
            assert_int_equal(kernels_check(&gradient, NULL, 1, 0, NULL, &error), PMOE_E_CHECKSUM);
        }
}

/* Right to the bound, but in another order of summation. */
static void axpy_in_double(float *y, float a, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = (float)(y[i] + (double)a * x[i]);
}

static void test_another_order_is_caught_by_the_twin(void **state)
{
    (void)state;
    struct kernels table = *kernels_at(0);
    pmoe_error error = {0};
    table.axpy = axpy_in_double;
    assert_int_equal(kernels_check(&table, NULL, 1, 1, NULL, &error), PMOE_OK);
    assert_int_equal(kernels_check(&table, kernels_at(0), 1, 0, NULL, &error), PMOE_E_CHECKSUM);
    assert_int_equal(kernels_check(&table, kernels_at(0), 1, 1, NULL, &error), PMOE_E_CHECKSUM);
    assert_non_null(strstr(error.text, "axpy"));
    assert_non_null(strstr(error.text, "twin"));
}

static void test_self_test_names_what_it_refuses(void **state)
{
    (void)state;
    pmoe_error error = {0};
    int32_t checks = 0;
    assert_int_equal(pmoe_self_test("abacus", 1, 1, &checks, &error), PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "\"abacus\""));
    assert_int_equal(pmoe_self_test(NULL, -1, 1, &checks, &error), PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "found -1"));
    for (int32_t rounds = 0; rounds <= 1; rounds++) {
        int32_t before = checks;
        assert_int_equal(pmoe_self_test(NULL, rounds, 1, &checks, &error), PMOE_OK);
        assert_true(checks > before);
    }
}

/* ---- Results do not depend on how the work is cut ---- */

/* A patch gets the same bits alone (routed) and among others (dense), beside its neighbours or not, and so does every
 * output. */
static void test_forward_does_not_depend_on_neighbours(void **state)
{
    (void)state;
    enum { WIDE = 4, ROWS = 5 * WIDE, OUTS = 20, RUNS = 5, RUN = 28, STEP = WIDE * RUN + 3, FLOATS = RUNS * RUN };
    struct patch_shape shape = {RUNS, RUN, STEP};
    static float data[ROWS / WIDE * RUNS * STEP], w[OUTS * FLOATS], dense[ROWS][OUTS];
    struct random random = random_at(3, RANDOM_CHECK, 0);
    fill(&random, data, ROWS / WIDE * RUNS * STEP);
    fill(&random, w, OUTS * FLOATS);
    const float *x[ROWS];
    for (int i = 0; i < ROWS; i++)
        x[i] = data + (ptrdiff_t)(i / WIDE) * RUNS * STEP + i % WIDE * RUN;
    for (int32_t set = 0; set < kernels_count(); set++) {
        const struct kernels *kernels = kernels_at(set);
        float *panels = aligned_floats(packed_count(kernels, shape, OUTS));
        pack_panels(kernels, shape, OUTS, w, panels);
        kernels->patch_forward(dense[0], OUTS, x, ROWS, 1, shape, panels, NULL, OUTS, 0);
        for (int first = 0; first < ROWS; first++)
            for (int outs = 1; outs <= OUTS; outs += 3) {
                int most = first % WIDE ? 3 : WIDE, rows = most < ROWS - first ? most : ROWS - first;
                float y[WIDE][OUTS];
                pack_panels(kernels, shape, outs, w, panels);
                kernels->patch_forward(y[0], OUTS, x + first, rows, 1, shape, panels, NULL, outs, 0);
                for (int i = 0; i < rows; i++)
                    assert_memory_equal(y[i], dense[first + i], (size_t)outs * sizeof(float));
            }
        free(panels);
    }
}

static void test_gradient_does_not_depend_on_blocks(void **state)
{
    (void)state;
    enum { ROWS = 150, OUTS = 13, RUNS = 3, RUN = 28, FLOATS = RUNS * RUN, CUT = 71 };
    struct patch_shape shape = {RUNS, RUN, RUN};
    static float data[ROWS * FLOATS], dy[ROWS * OUTS], whole[OUTS * FLOATS], parts[OUTS * FLOATS];
    struct random random = random_at(4, RANDOM_CHECK, 0);
    fill(&random, data, ROWS * FLOATS);
    fill(&random, dy, ROWS * OUTS);
    const float *x[ROWS];
    for (int i = 0; i < ROWS; i++)
        x[i] = data + (ptrdiff_t)i * FLOATS;
    for (int32_t set = 0; set < kernels_count(); set++) {
        const struct kernels *kernels = kernels_at(set);
        memset(whole, 0, sizeof whole);
        memset(parts, 0, sizeof parts);
        kernels->patch_gradient(whole, x, ROWS, shape, dy, OUTS, OUTS);
        for (int o = 0; o < OUTS; o += 4) { /* a few outputs and some of the rows at a time */
            int outs = OUTS - o < 4 ? OUTS - o : 4;
            float *to = parts + (ptrdiff_t)o * FLOATS;
            kernels->patch_gradient(to, x, CUT, shape, dy + o, OUTS, outs);
            kernels->patch_gradient(to, x + CUT, ROWS - CUT, shape, dy + (ptrdiff_t)CUT * OUTS + o, OUTS, outs);
        }
        assert_memory_equal(whole, parts, sizeof whole);
    }
}

/* ---- Packing ---- */

static void test_split_is_even(void **state)
{
    (void)state;
    struct split split = split_evenly(40, 6);
    assert_int_equal(split.parts, 7);
    for (int32_t part = 0; part < 7; part++)
        assert_int_equal(split_size(split, part), part < 5 ? 6 : 5);
    assert_int_equal(split_evenly(0, 6).parts, 0);
    for (int32_t count = 1; count < 50; count++)
        for (int32_t most = 1; most < 10; most++) {
            struct split any = split_evenly(count, most);
            int32_t sum = 0;
            for (int32_t part = 0; part < any.parts; part++) {
                assert_in_range(split_size(any, part), 1, most);
                sum += split_size(any, part);
            }
            assert_int_equal(sum, count);
            assert_int_equal(any.parts, (count + most - 1) / most);
        }
}

/* pack.h's drawing, with 8 lanes and panels of 3: five outputs are 3 and 2; a run of 10 is 8, and 6 zeros before 2. */
static void test_packing_is_as_drawn(void **state)
{
    (void)state;
    enum { OUTS = 5, RUNS = 2, RUN = 10, LANES = 8 };
    struct kernels kernels = {.lanes = LANES, .panel_outs = 3};
    struct patch_shape shape = {RUNS, RUN, 99};
    float w[OUTS][RUNS][RUN];
    for (int i = 0; i < OUTS * RUNS * RUN; i++)
        (&w[0][0][0])[i] = (float)(i + 1);
    size_t count = packed_count(&kernels, shape, OUTS);
    assert_int_equal(count, OUTS * RUNS * 2 * LANES);
    float *panels = aligned_floats(count), *at = panels;
    pack_panels(&kernels, shape, OUTS, &w[0][0][0], panels);
    for (int first = 0, outs = 3; first < OUTS; first += outs, outs = 2)
        for (int r = 0; r < RUNS; r++)
            for (int j = 0; j < RUN; j += LANES)
                for (int o = first; o < first + outs; o++)
                    for (int lane = 0; lane < LANES; lane++)
                        assert_true(*at++ == (j == 0 ? w[o][r][lane] : lane < 6 ? 0 : w[o][r][RUN - LANES + lane]));
    assert_int_equal(at - panels, count);
    pack_panels(&kernels, (struct patch_shape){1, 3, 3}, 1, &w[0][0][0], panels); /* shorter than a vector */
    for (int lane = 0; lane < LANES; lane++)
        assert_true(panels[lane] == (lane < 3 ? w[0][0][lane] : 0));
    free(panels);
}

static void test_packed_count_saturates(void **state)
{
    (void)state;
    struct kernels kernels = {.lanes = 16, .panel_outs = 6};
    struct patch_shape shape = {INT32_MAX, INT32_MAX, INT32_MAX};
    assert_true(packed_count(&kernels, shape, INT32_MAX) == SIZE_MAX);
    assert_int_equal(packed_count(&kernels, (struct patch_shape){0, 28, 28}, 40), 0);
    assert_int_equal(packed_count(&kernels, (struct patch_shape){28, 28, 112}, 40), 28 * 32 * 40);
}

/* ---- Selection ---- */

static void test_selection(void **state)
{
    (void)state;
    int32_t count = kernels_count();
    assert_in_range(count, 1, 4);
    assert_int_equal(pmoe_isa_count(), count);
    assert_string_equal(pmoe_isa_name(0), "scalar");
    for (int32_t i = 0; i < count; i++) {
        assert_ptr_equal(kernels_find(pmoe_isa_name(i)), kernels_at(i));
        if (i)
            assert_true(kernels_at(i)->lanes >= kernels_at(i - 1)->lanes);
    }
    assert_ptr_equal(kernels_find(NULL), kernels_at(count - 1));
    assert_ptr_equal(kernels_find("best"), kernels_at(count - 1));
    assert_null(kernels_find("abacus"));
    assert_null(kernels_find(""));
    assert_null(kernels_at(-1));
    assert_null(kernels_at(count));
    assert_null(pmoe_isa_name(count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_isa_passes),
        cmocka_unit_test(test_wrong_kernels_are_caught),
        cmocka_unit_test(test_wrong_kernels_are_caught_briefly),
        cmocka_unit_test(test_every_tile_is_walked_briefly),
        cmocka_unit_test(test_every_tile_of_maps_is_walked_briefly),
        cmocka_unit_test(test_another_order_is_caught_by_the_twin),
        cmocka_unit_test(test_self_test_names_what_it_refuses),
        cmocka_unit_test(test_forward_does_not_depend_on_neighbours),
        cmocka_unit_test(test_gradient_does_not_depend_on_blocks),
        cmocka_unit_test(test_split_is_even),
        cmocka_unit_test(test_packing_is_as_drawn),
        cmocka_unit_test(test_packed_count_saturates),
        cmocka_unit_test(test_selection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
