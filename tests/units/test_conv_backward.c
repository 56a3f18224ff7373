/* Gradients of convolutions of every geometry against sums straight from the definition, in double precision. */
#include "base/memory.h"
#include "base/random.h"
#include "train/conv_backward.h"
#include "train/winograd_backward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

enum { IMAGES = 3, MATRICES = 2 };

struct layer_case {
    int32_t high, wide, channels, kernel, stride, padding, outs;
};

static float *filled(struct random *random, size_t count)
{
    float *values = aligned_alloc(64, (count * sizeof *values + 64) / 64 * 64);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = 2 * random_uniform(random) - 1;
    return values;
}

struct sums {
    double *value, *magnitude;
};

static struct sums sums_of(size_t count)
{
    struct sums sums = {calloc(count, sizeof(double)), calloc(count, sizeof(double))};
    assert_true(sums.value && sums.magnitude);
    return sums;
}

static void add_product(struct sums sums, size_t at, float a, float b)
{
    sums.value[at] += (double)a * (double)b;
    sums.magnitude[at] += fabs((double)a * (double)b);
}

/* Every product of the convolution once, to the gradient of either factor. */
static void plain_gradients(const struct conv *conv, const float *x, const float *w, const float *dy, struct sums dx,
                            struct sums dw)
{
    for (int32_t i = 0; i < IMAGES; i++)
        for (int32_t oy = 0; oy < conv->out_high; oy++)
            for (int32_t ox = 0; ox < conv->out_wide; ox++)
                for (int32_t o = 0; o < conv->outs; o++, dy++)
                    for (int32_t tap = 0; tap < conv->kernel * conv->kernel; tap++) {
                        int32_t y = oy * conv->stride - conv->padding + tap / conv->kernel;
                        int32_t column = ox * conv->stride - conv->padding + tap % conv->kernel;
                        if (y < 0 || y >= conv->high || column < 0 || column >= conv->wide)
                            continue;
                        size_t at = (size_t)(((i * conv->high + y) * conv->wide + column) * conv->channels);
                        size_t to = (size_t)((o * conv->kernel * conv->kernel + tap) * conv->channels);
                        for (int32_t c = 0; c < conv->channels; c++, at++, to++) {
                            add_product(dx, at, w[to], *dy);
                            add_product(dw, to, x[at], *dy);
                        }
                    }
}

/* In Winograd's tiles a pixel that nothing reaches has its neighbours' rounding: 1e-5 of sums of some ten products. */
static void compare(const char *what, const struct layer_case *of, struct sums want, const float *found, size_t count,
                    double bound)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)found[i] - want.value[i]) <= 1e-5 + bound * want.magnitude[i]))
            fail_msg("%s of %d x %d x %d, kernel %d, stride %d, padding %d: float %zu is %g, expected %g", what,
                     of->high, of->wide, of->channels, of->kernel, of->stride, of->padding, i, (double)found[i],
                     want.value[i]);
    free(want.value);
    free(want.magnitude);
}

static void check_case(const struct kernels *kernels, const struct layer_case *of, uint64_t seed)
{
    struct random random = random_at(seed, RANDOM_CHECK, 9);
    struct conv conv = conv_of(kernels, of->high, of->wide, of->channels, of->wide * of->channels, of->kernel,
                               of->stride, of->padding, of->outs);
    struct conv_backward backward = conv_backward_of(kernels, &conv, MATRICES);
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct arena arena = {NULL, 0, 0};
    void *block;
    conv_backward_lay_out(&backward, &arena);
    assert_true(arena_open(&arena, arena.used, &allocator, &block));
    conv_backward_lay_out(&backward, &arena);
    conv_backward_fill(&backward);

    size_t weights = (size_t)(of->outs * of->kernel * of->kernel * of->channels);
    size_t inputs = (size_t)(IMAGES * of->high * of->wide * of->channels);
    float *x = filled(&random, inputs), *w = filled(&random, MATRICES * weights), *dw = filled(&random, weights);
    float *dy = filled(&random, (size_t)(IMAGES * conv.out_high * conv.out_wide * conv.outs));
    float *before = filled(&random, inputs), *dx = filled(&random, inputs);
    float *scratch = filled(&random, conv_backward_scratch(&backward));
    const float **rows = malloc(conv_backward_rows(&backward, IMAGES) * sizeof *rows), *maps[IMAGES];
    assert_non_null(rows);
    for (int32_t i = 0; i < IMAGES; i++)
        maps[i] = x + (size_t)i * inputs / IMAGES;
    conv_backward_pack(&backward, w);
    for (int32_t matrix = 0; matrix < MATRICES; matrix++)
        for (int32_t adds = 0; adds < 2; adds++) {
            struct sums want_dx = sums_of(inputs), want_dw = sums_of(weights);
            plain_gradients(&conv, x, w + (size_t)matrix * weights, dy, want_dx, want_dw);
            memcpy(dx, before, inputs * sizeof *dx);
            conv_backward_activations(&backward, matrix, dy, IMAGES, adds, dx, rows, scratch);
            for (size_t i = 0; adds && i < inputs; i++)
                want_dx.value[i] += (double)before[i];
            compare("dx", of, want_dx, dx, inputs, 1e-4); /* Winograd's rounding included */
            conv_backward_weights(&backward, maps, dy, IMAGES, dw, scratch);
            compare("dw", of, want_dw, dw, weights, 1e-5);
        }
    float *all[] = {x, w, dw, dy, before, dx, scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(rows);
    allocator_give(&allocator, block);
}

static void test_every_geometry(void **state)
{
    (void)state;
    static const struct layer_case cases[] = {{5, 7, 3, 1, 1, 0, 4},    {6, 5, 2, 1, 2, 0, 5},  {7, 7, 3, 1, 3, 0, 2},
                                              {8, 8, 4, 3, 1, 1, 6},    {8, 9, 17, 3, 2, 1, 5}, {9, 8, 3, 3, 2, 0, 18},
                                              {5, 5, 2, 3, 1, 2, 3},    {7, 6, 2, 2, 1, 1, 3},  {6, 6, 3, 2, 2, 0, 4},
                                              {9, 7, 2, 5, 3, 4, 3},    {3, 3, 2, 3, 1, 0, 33}, {4, 11, 1, 4, 2, 3, 2},
                                              {12, 12, 20, 3, 1, 1, 20}};
    for (int32_t isa = 0; isa < kernels_count(); isa++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            check_case(kernels_at(isa), &cases[i], i);
}

/* ---- In Winograd's points, whether it pays or not ---- */

static void check_points(const struct kernels *kernels, const struct layer_case *of, uint64_t seed)
{
    struct random random = random_at(seed, RANDOM_CHECK, 10);
    const struct conv conv = conv_of(kernels, of->high, of->wide, of->channels, of->wide * of->channels, of->kernel,
                                     of->stride, of->padding, of->outs);
    const size_t inputs = (size_t)(IMAGES * of->high * of->wide * of->channels),
                 weights = (size_t)(of->outs * 9 * of->channels),
                 outputs = (size_t)(IMAGES * conv.out_high * conv.out_wide * conv.outs);
    float *x = filled(&random, inputs), *dy = filled(&random, outputs), *dw = filled(&random, weights + 1);
    float *scratch = filled(&random, winograd_backward_scratch(&conv)), *w = filled(&random, weights);
    float *zeros = calloc((size_t)(of->channels + of->outs), sizeof *zeros);
    int32_t *table = malloc(winograd_backward_table_count(&conv) * sizeof *table);
    assert_true(zeros && table);
    winograd_backward_fill_table(&conv, table);
    const float *maps[IMAGES], behind = dw[weights];
    for (int32_t i = 0; i < IMAGES; i++)
        maps[i] = x + (size_t)i * inputs / IMAGES;
    struct sums want_dx = sums_of(inputs), want_dw = sums_of(weights);
    plain_gradients(&conv, x, w, dy, want_dx, want_dw);
    winograd_backward_weights(kernels, &conv, table, zeros, maps, dy, IMAGES, dw, scratch);
    compare("dw by points", of, want_dw, dw, weights, 1e-5);
    assert_true(memcmp(&dw[weights], &behind, sizeof behind) == 0);
    free(want_dx.value);
    free(want_dx.magnitude);
    void *all[] = {x, dy, dw, scratch, w, zeros, table};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* Fewer pixels than a tile, tiles at every edge, several strips, blocks of outputs and of channels and what is left. */
static void test_by_points(void **state)
{
    (void)state;
    static const struct layer_case cases[] = {
        {1, 1, 1, 3, 1, 1, 1},   {3, 3, 2, 3, 1, 0, 33},  {2, 5, 3, 3, 1, 1, 2},    {5, 5, 2, 3, 1, 2, 3},
        {4, 4, 17, 3, 1, 1, 16}, {9, 14, 16, 3, 1, 2, 7}, {21, 17, 5, 3, 1, 1, 20}, {7, 6, 70, 3, 1, 1, 3},
        {6, 7, 3, 3, 1, 1, 70},  {8, 8, 64, 3, 1, 1, 64}, {5, 6, 130, 3, 1, 0, 66}};
    for (int32_t isa = 0; isa < kernels_count(); isa++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            check_points(kernels_at(isa), &cases[i], i);
}

/* Of a residual network's layers all but the first, of the smallest maps and of a few channels none. */
static void test_choice(void **state)
{
    (void)state;
    const struct kernels *best = kernels_find("best");
    const struct conv chosen[] = {conv_of(best, 32, 32, 16, 512, 3, 1, 1, 32),
                                  conv_of(best, 8, 8, 128, 1024, 3, 1, 1, 128)};
    const struct conv direct[] = {conv_of(best, 32, 32, 3, 96, 3, 1, 1, 16), conv_of(best, 2, 2, 64, 128, 3, 1, 1, 64),
                                  conv_of(best, 32, 32, 32, 1024, 3, 2, 1, 64),
                                  conv_of(best, 32, 32, 32, 1024, 1, 1, 0, 64)};
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
        assert_true(winograd_backward_pays(best, &chosen[i]));
    for (size_t i = 0; i < sizeof direct / sizeof *direct; i++)
        assert_false(winograd_backward_pays(best, &direct[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_geometry),
        cmocka_unit_test(test_by_points),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
