/* Batch norms in training against double precision: maps far from zero and from each other, many pixels, a ReLU behind;
 * the gradient in the place of dy. */
#include "base/memory.h"
#include "base/random.h"
#include "train/norm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants these before it */
#include <cmocka.h>
#include <math.h>

enum { IMAGES = 5, PIXELS = 200, CHANNELS = 37, FLOATS = IMAGES * PIXELS * CHANNELS };

struct bench {
    struct norm norm;
    void *block;
    float x[FLOATS], y[FLOATS], dy[FLOATS], dx[FLOATS], gamma[CHANNELS], beta[CHANNELS], dgamma[CHANNELS],
        dbeta[CHANNELS];
};

/* Channel c lies `far` times c from zero, and map i as many deviations from the first as `apart` says. */
static struct bench *bench_open(float far, float apart)
{
    struct bench *bench = malloc(sizeof *bench);
    assert_non_null(bench);
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct arena arena = {NULL, 0, 0};
    norm_lay_out(&bench->norm, PIXELS, CHANNELS, &arena);
    assert_true(arena_open(&arena, arena.used, &allocator, &bench->block));
    norm_lay_out(&bench->norm, PIXELS, CHANNELS, &arena);
    bench->norm.copies = 1;
    struct random random = random_at(1, RANDOM_CHECK, 20);
    for (int32_t i = 0; i < FLOATS; i++) {
        bench->x[i] = random_normal(&random) + far * (float)(i % CHANNELS) + apart * (float)(i / CHANNELS / PIXELS);
        bench->dy[i] = random_normal(&random) + 0.5f;
    }
    for (int32_t c = 0; c < CHANNELS; c++) {
        bench->gamma[c] = random_normal(&random);
        bench->beta[c] = random_normal(&random);
    }
    return bench;
}

static void bench_close(struct bench *bench)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    allocator_give(&allocator, bench->block);
    free(bench);
}

/* Of one channel, from the floats x: mean and variance, then the gradient against all of dx. */
static void check_channel(const struct bench *bench, int32_t c)
{
    const double count = IMAGES * PIXELS;
    double mean = 0, variance = 0, sum = 0, product = 0;
    for (int32_t i = c; i < FLOATS; i += CHANNELS)
        mean += (double)bench->x[i] / count;
    for (int32_t i = c; i < FLOATS; i += CHANNELS)
        variance += ((double)bench->x[i] - mean) * ((double)bench->x[i] - mean) / count;
    assert_true(fabs((double)bench->norm.mean[c] - mean) <= 1e-6 * (1 + fabs(mean)));
    assert_true(fabs((double)bench->norm.variance[c] - variance) <= 1e-5 * variance);
    const double r = 1 / sqrt(variance + 1e-5);
    for (int32_t i = c; i < FLOATS; i += CHANNELS) {
        const double passed = bench->y[i] > 0 ? (double)bench->dy[i] : 0;
        sum += passed / count;
        product += passed * ((double)bench->x[i] - mean) * r / count;
    }
    assert_true(fabs((double)bench->dbeta[c] - sum * count) <= 1e-5 * count);
    assert_true(fabs((double)bench->dgamma[c] - product * count) <= 1e-4 * count);
    for (int32_t i = c; i < FLOATS; i += CHANNELS) {
        const double passed = bench->y[i] > 0 ? (double)bench->dy[i] : 0, at = ((double)bench->x[i] - mean) * r;
        const double want = (double)bench->gamma[c] * r * (passed - sum - at * product);
        assert_true(fabs((double)bench->dx[i] - want) <= 1e-4 * r);
    }
}

static void check_norm(const struct kernels *kernels, float far, float apart)
{
    struct bench *bench = bench_open(far, apart);
    norm_forward(kernels, &bench->norm, bench->x, IMAGES, bench->gamma, bench->beta, 1e-5f, 1, bench->y);
    norm_backward(kernels, &bench->norm, bench->x, bench->dy, bench->gamma, 1e-5f, 0, bench->dx, bench->dgamma,
                  bench->dbeta);
    for (int32_t c = 0; c < CHANNELS; c++)
        check_channel(bench, c);
    norm_backward(kernels, &bench->norm, bench->x, bench->dy, bench->gamma, 1e-5f, 0, bench->dy, NULL, NULL);
    assert_memory_equal(bench->dy, bench->dx, sizeof bench->dx);
    bench_close(bench);
}

static void test_norms(void **state)
{
    (void)state;
    for (int32_t isa = 0; isa < kernels_count(); isa++) {
        check_norm(kernels_at(isa), 0, 0);
        check_norm(kernels_at(isa), 3, 0);
        check_norm(kernels_at(isa), 0, 30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
