/* conv_run against a plain convolution in double precision: geometries, windows of larger maps, several images, fused
 * bias, addend and ReLU, and results that do not depend on threads or on what else is computed. */
#include "kernels/conv.h"

#include "base/random.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *taken(size_t bytes)
{
    void *block = aligned_alloc(64, (bytes / 64 + 1) * 64);
    assert_non_null(block);
    return block;
}

static float *uniform_floats(struct random *random, size_t count)
{
    float *values = taken(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = 2 * random_uniform(random) - 1;
    return values;
}

/* One layer, its weights and inputs: each image's map is a window of a larger one, if row says so. */
struct layer {
    struct conv conv;
    int32_t images, relu;
    float *data, *w, *bias, *add, *y;
    const float **x;
    size_t outputs;
};

static struct layer layer_of(const struct kernels *kernels, struct random *random, int32_t high, int32_t wide,
                             int32_t channels, int32_t kernel, int32_t stride, int32_t padding, int32_t outs)
{
    struct layer l = {.images = 1 + (int32_t)random_below(random, 3), .relu = (int32_t)random_below(random, 2)};
    int32_t row = wide * channels + (random_below(random, 2) ? 7 : 0);
    l.conv = conv_of(kernels, high, wide, channels, row, kernel, stride, padding, outs);
    size_t map = (size_t)high * (size_t)row;
    l.outputs = (size_t)l.images * (size_t)l.conv.out_high * (size_t)l.conv.out_wide * (size_t)outs;
    l.data = uniform_floats(random, (size_t)l.images * map);
    for (size_t i = 0; i < (size_t)l.images * map; i++)
        l.data[i] = i % (size_t)row < (size_t)(wide * channels) ? l.data[i] : NAN; /* beside the window */
    l.w = uniform_floats(random, (size_t)outs * (size_t)kernel * (size_t)kernel * (size_t)channels);
    l.bias = random_below(random, 2) ? uniform_floats(random, (size_t)outs) : NULL;
    l.add = random_below(random, 2) ? uniform_floats(random, l.outputs) : NULL;
    l.y = taken((l.outputs + 1) * sizeof *l.y);
    l.x = taken((size_t)l.images * sizeof *l.x);
    for (int32_t i = 0; i < l.images; i++)
        l.x[i] = l.data + (size_t)(l.images - 1 - i) * map;
    return l;
}

static void layer_free(struct layer *l)
{
    free(l->data), free(l->w), free(l->bias), free(l->add), free(l->y), free(l->x);
}

/* Packs, computes and gives everything back but y. */
static void run_layer(const struct kernels *kernels, struct layer *l, struct pool *pool)
{
    int32_t *table = taken(conv_table_count(&l->conv) * sizeof *table);
    float *panels = taken(conv_packed_count(kernels, &l->conv) * sizeof *panels);
    float *scratch = taken(conv_scratch_count(kernels, &l->conv, pool_threads(pool)) * sizeof *scratch);
    conv_fill_table(&l->conv, table);
    conv_pack(kernels, &l->conv, l->w, panels);
    const float *add = l->add;
    if (add && l->relu) { /* the addend may be y itself */
        memcpy(l->y, l->add, l->outputs * sizeof *l->y);
        add = l->y;
    }
    l->y[l->outputs] = 12345;
    struct conv_call call = {.conv = &l->conv,
                             .table = table,
                             .panels = panels,
                             .bias = l->bias,
                             .x = l->x,
                             .images = l->images,
                             .add = add,
                             .relu = l->relu,
                             .y = l->y,
                             .scratch = scratch};
    conv_run(kernels, &call, pool);
    assert_true(l->y[l->outputs] == 12345);
    free(table), free(panels), free(scratch);
}

/* Output o at (oy, ox) of an image, and the sum of its terms' absolute values. */
static double plain(const struct layer *l, int32_t image, int32_t oy, int32_t ox, int32_t o, double *magnitude)
{
    const struct conv *conv = &l->conv;
    double sum = l->bias ? l->bias[o] : 0;
    *magnitude = fabs(sum);
    for (int32_t ky = 0; ky < conv->kernel; ky++)
        for (int32_t kx = 0; kx < conv->kernel; kx++) {
            int32_t y = oy * conv->stride + ky - conv->padding, x = ox * conv->stride + kx - conv->padding;
            if (y < 0 || y >= conv->high || x < 0 || x >= conv->wide)
                continue;
            const float *in = l->x[image] + y * conv->row + x * conv->channels;
            const float *w = l->w + ((o * conv->kernel + ky) * conv->kernel + kx) * conv->channels;
            for (int32_t c = 0; c < conv->channels; c++) {
                sum += (double)in[c] * w[c];
                *magnitude += fabs((double)in[c] * w[c]);
            }
        }
    if (l->add) {
        float add = l->add[((image * conv->out_high + oy) * conv->out_wide + ox) * conv->outs + o];
        sum += add;
        *magnitude += fabs(add);
    }
    return l->relu && sum < 0 ? 0 : sum;
}

static void check_layer(const struct kernels *kernels, const struct layer *l)
{
    const struct conv *conv = &l->conv;
    const float *y = l->y;
    for (int32_t i = 0; i < l->images; i++)
        for (int32_t oy = 0; oy < conv->out_high; oy++)
            for (int32_t ox = 0; ox < conv->out_wide; ox++)
                for (int32_t o = 0; o < conv->outs; o++, y++) {
                    double magnitude, want = plain(l, i, oy, ox, o, &magnitude);
                    double most = conv_error_bound(kernels, conv) * FLT_EPSILON * magnitude;
                    if (!(fabs(*y - want) <= most))
                        fail_msg("%s, %d x %d x %d, kernel %d, stride %d, padding %d, %d outputs: image %d, (%d, %d), "
                                 "output %d is %.9g, expected %.9g",
                                 kernels->name, conv->high, conv->wide, conv->channels, conv->kernel, conv->stride,
                                 conv->padding, conv->outs, i, oy, ox, o, *y, want);
                }
}

static void test_geometries(void **state)
{
    (void)state;
    static const int32_t kernels_of[] = {1, 3, 5, 7}, channels[] = {1, 3, 5, 16, 33}, outs[] = {1, 5, 16, 20, 64};
    struct random random = random_at(1, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++)
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < 5; c++)
                for (int32_t stride = 1; stride <= 3; stride++) {
                    int32_t kernel = kernels_of[k], padding = (int32_t)random_below(&random, (uint32_t)kernel);
                    int32_t high = kernel + (int32_t)random_below(&random, 8);
                    int32_t wide = kernel + (int32_t)random_below(&random, 8);
                    struct layer l = layer_of(kernels_at(set), &random, high, wide, channels[c], kernel, stride,
                                              padding, outs[random_below(&random, 5)]);
                    assert_int_equal(l.conv.out_high, (high + 2 * padding - kernel) / stride + 1);
                    assert_int_equal(l.conv.out_wide, (wide + 2 * padding - kernel) / stride + 1);
                    run_layer(kernels_at(set), &l, NULL);
                    check_layer(kernels_at(set), &l);
                    layer_free(&l);
                }
}

/* Bits, not values: with 1, 2 and 3 threads, and each image alone as among others. */
static void test_threads_and_neighbours_change_nothing(void **state)
{
    (void)state;
    static const int32_t layers[][7] = {/* high, wide, channels, kernel, stride, padding, outs */
                                        {17, 19, 16, 3, 1, 1, 40},
                                        {9, 9, 48, 1, 2, 0, 64},
                                        {16, 16, 3, 5, 1, 2, 33},
                                        {4, 4, 64, 3, 1, 1, 160},
                                        {30, 30, 1, 7, 2, 3, 24}};
    struct random random = random_at(2, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++)
        for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
            const struct kernels *kernels = kernels_at(set);
            const int32_t *of = layers[i];
            struct layer l = layer_of(kernels, &random, of[0], of[1], of[2], of[3], of[4], of[5], of[6]);
            size_t bytes = l.outputs * sizeof *l.y;
            run_layer(kernels, &l, NULL);
            check_layer(kernels, &l);
            float *first = taken(bytes);
            memcpy(first, l.y, bytes);
            for (int32_t threads = 1; threads <= 3; threads++) {
                struct pool *pool;
                assert_int_equal(pool_open(threads, &pool, NULL), PMOE_OK);
                memset(l.y, 0, bytes);
                run_layer(kernels, &l, pool);
                assert_memory_equal(l.y, first, bytes);
                pool_close(&pool);
            }
            struct layer last = l; /* image alone */
            last.x += l.images - 1;
            last.outputs /= (size_t)l.images;
            last.add = l.add ? l.add + (size_t)(l.images - 1) * last.outputs : NULL;
            last.images = 1;
            run_layer(kernels, &last, NULL);
            assert_memory_equal(last.y, first + (size_t)(l.images - 1) * last.outputs, last.outputs * sizeof *l.y);
            free(first);
            layer_free(&l);
        }
}

static void test_sizes_saturate(void **state)
{
    (void)state;
    const struct kernels *kernels = kernels_at(0);
    struct conv conv = conv_of(kernels, 1, 1, INT32_MAX, INT32_MAX, INT32_MAX, 1, 0, INT32_MAX);
    assert_true(conv_packed_count(kernels, &conv) == SIZE_MAX);
    conv.out_high = conv.out_wide = INT32_MAX;
    assert_true(conv_table_count(&conv) == SIZE_MAX);
    conv = conv_of(kernels, 2, 3, 1, 3, 5, 1, 1, 1);
    assert_int_equal(conv.out_high, 0);
    assert_int_equal(conv.out_wide, 1);
    assert_int_equal(conv_table_count(&conv), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometries),
        cmocka_unit_test(test_threads_and_neighbours_change_nothing),
        cmocka_unit_test(test_sizes_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
