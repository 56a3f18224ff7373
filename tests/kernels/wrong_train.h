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

static void centred_without_last_row(float *y, const float *a, const float *a_mean, const float *b, const float *b_mean,
                                     int32_t rows, int32_t count)
{
    kernels_at(0)->centred_sum(y, a, a_mean, b, b_mean, rows ? rows - 1 : 0, count);
}

static void centred_by_one_mean(float *y, const float *a, const float *a_mean, const float *b, const float *b_mean,
                                int32_t rows, int32_t count)
{
    kernels_at(0)->centred_sum(y, a, a_mean, b, a_mean, rows, count);
    (void)b_mean;
}

static void scale_two_without_addend(float *y, const float *a, const float *by_a, const float *b, const float *by_b,
                                     const float *shift, const float *add, int32_t rows, int32_t count)
{
    kernels_at(0)->scale_two(y, a, by_a, b, by_b, shift, NULL, rows, count);
    (void)add;
}

static void scale_two_with_the_first_scale(float *y, const float *a, const float *by_a, const float *b,
                                           const float *by_b, const float *shift, const float *add, int32_t rows,
                                           int32_t count)
{
    kernels_at(0)->scale_two(y, a, by_a, b, by_a, shift, add, rows, count);
    (void)by_b;
}

static void scale_two_writes_behind(float *y, const float *a, const float *by_a, const float *b, const float *by_b,
                                    const float *shift, const float *add, int32_t rows, int32_t count)
{
    kernels_at(0)->scale_two(y, a, by_a, b, by_b, shift, add, rows, count);
    y[rows * count] = 0;
}

#endif
