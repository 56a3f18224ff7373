/* A convolution over maps with its weights and inputs, run through conv_run and compared with a plain one in double
 * precision: for the tests of its algorithms. */
#ifndef PMOE_TESTS_CONV_LAYER_H
#define PMOE_TESTS_CONV_LAYER_H

#include "base/random.h"
#include "kernels/conv.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Each image's map is a window of a larger one with NaN beside it; the first image comes last in memory. */
struct layer {
    struct conv conv;
    int32_t images, relu;
    float *data, *w, *bias, *add, *y;
    const float **x;
    size_t map, outputs; /* floats of one map, of all outputs */
};

static inline void *taken(size_t bytes)
{
    void *block = aligned_alloc(64, (bytes / 64 + 1) * 64);
    assert_non_null(block);
    return block;
}

static inline float *uniform_floats(struct random *random, size_t count)
{
    float *values = taken(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = 2 * random_uniform(random) - 1;
    return values;
}

/* What a layer is asked to be. */
struct geometry {
    int32_t high, wide, channels, kernel, stride, padding, outs, images;
};

/* Of that geometry, by that algorithm; bias, addend and ReLU by chance. */
static inline struct layer layer_of(const struct kernels *kernels, enum conv_algorithm algorithm, struct random *random,
                                    struct geometry g)
{
    struct layer l = {.images = g.images, .relu = (int32_t)random_below(random, 2)};
    const int32_t row = g.wide * g.channels + (random_below(random, 2) ? 7 : 0);
    l.conv = conv_of(kernels, g.high, g.wide, g.channels, row, g.kernel, g.stride, g.padding, g.outs);
    l.conv.algorithm = algorithm;
    l.map = (size_t)g.high * (size_t)row;
    l.outputs = (size_t)g.images * (size_t)l.conv.out_high * (size_t)l.conv.out_wide * (size_t)g.outs;
    l.data = uniform_floats(random, (size_t)g.images * l.map);
    for (size_t i = 0; i < (size_t)g.images * l.map; i++)
        l.data[i] = i % (size_t)row < (size_t)(g.wide * g.channels) ? l.data[i] : NAN;
    l.w = uniform_floats(random, (size_t)g.outs * (size_t)g.kernel * (size_t)g.kernel * (size_t)g.channels);
    l.bias = random_below(random, 2) ? uniform_floats(random, (size_t)g.outs) : NULL;
    l.add = random_below(random, 2) ? uniform_floats(random, l.outputs) : NULL;
    l.y = taken((l.outputs + 1) * sizeof *l.y);
    l.x = taken((size_t)g.images * sizeof *l.x);
    for (int32_t i = 0; i < g.images; i++)
        l.x[i] = l.data + (size_t)(g.images - 1 - i) * l.map;
    return l;
}

static inline void layer_free(struct layer *l)
{
    free(l->data), free(l->w), free(l->bias), free(l->add), free(l->y), free(l->x);
}

/* Packs, computes and gives everything back but y.  Scratch is NaN before. */
static inline void run_layer(const struct kernels *kernels, struct layer *l, struct pool *pool)
{
    const size_t scratch_floats = conv_scratch_count(kernels, &l->conv, pool_threads(pool));
    int32_t *table = taken(conv_table_count(&l->conv) * sizeof *table);
    float *panels = taken(conv_packed_count(kernels, &l->conv) * sizeof *panels);
    float *scratch = taken((scratch_floats + 1) * sizeof *scratch);
    conv_fill_table(&l->conv, table);
    conv_pack(kernels, &l->conv, l->w, panels);
    for (size_t i = 0; i <= scratch_floats; i++)
        scratch[i] = i < scratch_floats ? NAN : 54321;
    const float *add = l->add;
    if (add && l->relu) { /* the addend may be y itself */
        memcpy(l->y, l->add, l->outputs * sizeof *l->y);
        add = l->y;
    }
    l->y[l->outputs] = 12345;
    const struct conv_call call = {.conv = &l->conv,
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
    assert_true(l->y[l->outputs] == 12345 && scratch[scratch_floats] == 54321);
    free(table), free(panels), free(scratch);
}

static inline int32_t tile_of(const struct conv *conv)
{
    return conv->algorithm == CONV_DIRECT ? 1 : conv->algorithm == CONV_WINOGRAD_2 ? 2 : 4;
}

static inline float pixel_of(const struct layer *l, int32_t image, int32_t y, int32_t x, int32_t c)
{
    int inside = y >= 0 && y < l->conv.high && x >= 0 && x < l->conv.wide;
    return inside ? l->x[image][y * l->conv.row + x * l->conv.channels + c] : 0;
}

/* The largest |x| of a channel in the tile of output (oy, ox). */
static inline double tile_peak(const struct layer *l, int32_t image, int32_t oy, int32_t ox, int32_t c)
{
    const int32_t m = tile_of(&l->conv), top = oy / m * m - l->conv.padding, left = ox / m * m - l->conv.padding;
    double most = 0;
    for (int32_t i = 0; i < (m + 2) * (m + 2); i++)
        most = fmax(most, fabs(pixel_of(l, image, top + i / (m + 2), left + i % (m + 2), c)));
    return most;
}

/* Output o at (oy, ox) of an image, and the magnitude that conv_error_bound is a multiple of. */
static inline double plain(const struct layer *l, int32_t image, int32_t oy, int32_t ox, int32_t o, double *magnitude)
{
    const struct conv *conv = &l->conv;
    const int32_t side = conv->kernel, top = oy * conv->stride - conv->padding,
                  left = ox * conv->stride - conv->padding;
    double sum = l->bias ? l->bias[o] : 0;
    *magnitude = fabs(sum);
    for (int32_t c = 0; c < conv->channels; c++) {
        const double peak = conv->algorithm == CONV_DIRECT ? 0 : tile_peak(l, image, oy, ox, c);
        for (int32_t k = 0; k < side * side; k++) {
            const double w = l->w[(o * side * side + k) * conv->channels + c];
            const double x = pixel_of(l, image, top + k / side, left + k % side, c);
            sum += w * x;
            *magnitude += fabs(w) * (conv->algorithm == CONV_DIRECT ? fabs(x) : peak);
        }
    }
    if (l->add) {
        float add = l->add[((image * conv->out_high + oy) * conv->out_wide + ox) * conv->outs + o];
        sum += add;
        *magnitude += fabs(add);
    }
    return l->relu && sum < 0 ? 0 : sum;
}

/* Fails out of the bound; returns the root mean square error. */
static inline double check_layer(const struct kernels *kernels, const struct layer *l)
{
    const struct conv *conv = &l->conv;
    const float *y = l->y;
    double squares = 0;
    for (int32_t i = 0; i < l->images; i++)
        for (int32_t oy = 0; oy < conv->out_high; oy++)
            for (int32_t ox = 0; ox < conv->out_wide; ox++)
                for (int32_t o = 0; o < conv->outs; o++, y++) {
                    double magnitude, want = plain(l, i, oy, ox, o, &magnitude);
                    double most = conv_error_bound(kernels, conv) * FLT_EPSILON * magnitude;
                    if (!(fabs(*y - want) <= most))
                        fail_msg("%s, F(%d), %d x %d x %d, kernel %d, stride %d, padding %d, %d outputs: image %d, "
                                 "(%d, %d), output %d is %.9g, expected %.9g",
                                 kernels->name, tile_of(conv), conv->high, conv->wide, conv->channels, conv->kernel,
                                 conv->stride, conv->padding, conv->outs, i, oy, ox, o, *y, want);
                    squares += (*y - want) * (*y - want);
                }
    return l->outputs ? sqrt(squares / (double)l->outputs) : 0;
}

/* Bits, not values: with 1 to 4 threads, and each image alone as among others. */
static inline void check_bits(const struct kernels *kernels, struct layer *l)
{
    const size_t bytes = l->outputs * sizeof *l->y;
    run_layer(kernels, l, NULL);
    float *first = taken(bytes);
    memcpy(first, l->y, bytes);
    for (int32_t threads = 1; threads <= 4; threads++) {
        struct pool *pool;
        assert_int_equal(pool_open(threads, &pool, NULL), PMOE_OK);
        memset(l->y, 0, bytes);
        run_layer(kernels, l, pool);
        assert_memory_equal(l->y, first, bytes);
        pool_close(&pool);
    }
    struct layer last = *l; /* image alone */
    last.x += l->images - 1;
    last.outputs /= (size_t)l->images;
    last.add = l->add ? l->add + (size_t)(l->images - 1) * last.outputs : NULL;
    last.images = 1;
    run_layer(kernels, &last, NULL);
    assert_memory_equal(last.y, first + (size_t)(l->images - 1) * last.outputs, last.outputs * sizeof *l->y);
    free(first);
}

static inline void check_threads_and_neighbours(const struct kernels *kernels, struct layer *l)
{
    run_layer(kernels, l, NULL);
    check_layer(kernels, l);
    check_bits(kernels, l);
}

#endif
