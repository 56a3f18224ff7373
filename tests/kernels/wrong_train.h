/* A part of wrong.h: of the kernels that only training uses. */
#ifndef WRONG_TRAIN_KERNELS_H
#define WRONG_TRAIN_KERNELS_H

#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

#define CONV_GRADIENT(name)                                                                                            \
    static void name(float *dw, const float *const *x, int32_t images, const struct conv_shape *shape, const float *dy)
#define RIGHT_CONV_GRADIENT(dw, images, shape) kernels_at(0)->conv_gradient(dw, x, images, shape, dy)

CONV_GRADIENT(conv_gradient_forgets_what_was_there)
{
    memset(dw, 0, (size_t)(shape->taps * shape->channels * shape->outs) * sizeof *dw);
    RIGHT_CONV_GRADIENT(dw, images, shape);
}

CONV_GRADIENT(conv_gradient_without_last_image)
{
    RIGHT_CONV_GRADIENT(dw, images ? images - 1 : 0, shape);
}

CONV_GRADIENT(conv_gradient_outside_is_the_first_float)
{
    struct conv_shape changed = *shape;
    if (images)
        changed.zeros = x[0];
    RIGHT_CONV_GRADIENT(dw, images, &changed);
}

CONV_GRADIENT(conv_gradient_ignores_y_pixel)
{
    struct conv_shape changed = *shape;
    changed.y_pixel = shape->outs;
    RIGHT_CONV_GRADIENT(dw, images, &changed);
}

CONV_GRADIENT(conv_gradient_without_last_output)
{
    size_t count = (size_t)(shape->taps * shape->channels * shape->outs);
    float last = count ? dw[count - 1] : 0;
    RIGHT_CONV_GRADIENT(dw, images, shape);
    if (count)
        dw[count - 1] = last;
}

CONV_GRADIENT(conv_gradient_writes_behind)
{
    RIGHT_CONV_GRADIENT(dw, images, shape);
    dw[shape->taps * shape->channels * shape->outs] = 0;
}

CONV_GRADIENT(conv_gradient_one_tile_shape_wrong) /* 7 channels */
{
    RIGHT_CONV_GRADIENT(dw, images, shape);
    if (shape->channels == 7 && shape->outs)
        dw[6 * shape->outs] += 1;
}

static void output_gradient_of_turned_tiles(float *m, ptrdiff_t point_step, const float *const *dy, int32_t outs)
{
    const float *turned[16];
    for (int i = 0; i < 16; i++)
        turned[i] = dy[i % 4 * 4 + i / 4];
    kernels_at(0)->winograd_output_gradient(m, point_step, turned, outs);
}

static void output_gradient_without_last_output(float *m, ptrdiff_t point_step, const float *const *dy, int32_t outs)
{
    kernels_at(0)->winograd_output_gradient(m, point_step, dy, outs ? outs - 1 : 0);
}

#define MULTIPLY_GRADIENT(name)                                                                                        \
    static void name(float *du, const float *m, const float *v, const struct winograd_strip *strip, int32_t tiles,     \
                     int32_t outs)
#define RIGHT_MULTIPLY_GRADIENT(strip, tiles, outs)                                                                    \
    kernels_at(0)->winograd_multiply_gradient(du, m, v, strip, tiles, outs)

MULTIPLY_GRADIENT(multiply_gradient_without_last_tile)
{
    RIGHT_MULTIPLY_GRADIENT(strip, tiles ? tiles - 1 : 0, outs);
}

MULTIPLY_GRADIENT(multiply_gradient_of_the_first_point)
{
    struct winograd_strip changed = *strip;
    changed.m_point = 0;
    RIGHT_MULTIPLY_GRADIENT(&changed, tiles, outs);
}

MULTIPLY_GRADIENT(multiply_gradient_forgets_what_was_there)
{
    for (int32_t o = 0; o < outs && strip->channels; o++)
        du[o * strip->v_row] = 0;
    RIGHT_MULTIPLY_GRADIENT(strip, tiles, outs);
}

MULTIPLY_GRADIENT(multiply_gradient_one_tile_shape_wrong) /* 7 outputs */
{
    RIGHT_MULTIPLY_GRADIENT(strip, tiles, outs);
    if (outs == 7 && strip->channels)
        du[6 * strip->v_row] += 1;
}

static void filter_gradient_of_turned_taps(float *dw, ptrdiff_t tap_step, const float *du, ptrdiff_t point_step,
                                           int32_t channels)
{
    float *turned = malloc((size_t)(9 * channels + 1) * sizeof *turned);
    kernels_at(0)->winograd_filter_gradient(turned, channels, du, point_step, channels);
    for (int t = 0; t < 9; t++)
        memcpy(dw + t * tap_step, turned + (t % 3 * 3 + t / 3) * channels, (size_t)channels * sizeof *dw);
    free(turned);
}

static void filter_gradient_writes_behind(float *dw, ptrdiff_t tap_step, const float *du, ptrdiff_t point_step,
                                          int32_t channels)
{
    kernels_at(0)->winograd_filter_gradient(dw, tap_step, du, point_step, channels);
    dw[8 * tap_step + channels] = 0;
}

static void statistics_without_last_row(float *sum, float *square, const float *x, const float *from, int32_t rows,
                                        int32_t count)
{
    kernels_at(0)->norm_squares(sum, square, x, from, rows ? rows - 1 : 0, count);
}

static void statistics_of_the_first_channel(float *sum, float *square, const float *x, const float *from, int32_t rows,
                                            int32_t count)
{
    kernels_at(0)->norm_squares(sum, square, x, from, rows, count);
    for (int32_t c = 1; c < count; c++)
        square[c] = square[0];
}

#define NORM_SUMS(name)                                                                                                \
    static void name(float *sum, float *product, const float *x, const float *mean, const float *dy,                   \
                     const float *scale, const float *shift, int32_t rows, int32_t count)

NORM_SUMS(norm_sums_without_relu)
{
    kernels_at(0)->norm_sums(sum, product, x, mean, dy, NULL, NULL, rows, count);
    (void)scale, (void)shift;
}

NORM_SUMS(norm_sums_change_places)
{
    kernels_at(0)->norm_sums(product, sum, x, mean, dy, scale, shift, rows, count);
}

#define NORM_GRADIENT(name)                                                                                            \
    static void name(float *dx, const float *x, const float *by_x, const float *dy, const float *by_dy,                \
                     const float *by_1, const float *scale, const float *shift, const float *add, int32_t rows,        \
                     int32_t count)

NORM_GRADIENT(norm_gradient_without_addend)
{
    kernels_at(0)->norm_gradient(dx, x, by_x, dy, by_dy, by_1, scale, shift, NULL, rows, count);
    (void)add;
}

NORM_GRADIENT(norm_gradient_without_relu)
{
    kernels_at(0)->norm_gradient(dx, x, by_x, dy, by_dy, by_1, NULL, NULL, add, rows, count);
    (void)scale, (void)shift;
}

NORM_GRADIENT(norm_gradient_writes_behind)
{
    kernels_at(0)->norm_gradient(dx, x, by_x, dy, by_dy, by_1, scale, shift, add, rows, count);
    dx[rows * count] = 0;
}

#endif
