/* Kernels of convolutions in eight bits that are wrong on purpose (wrong.h). */
#ifndef WRONG_INT8_H
#define WRONG_INT8_H

#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUANTISE(name)                                                                                                 \
    static void name(void *q, const float *x, int32_t pixels, int32_t channels, float factor, int32_t zero)
#define RIGHT_QUANTISE(q, pixels, zero) kernels_at(0)->quantise(q, x, pixels, channels, factor, zero)

/* Other roundings of what is inside of the limits. */
static void round_anew(int8_t *q, const float *x, int32_t pixels, int32_t channels, float factor, int32_t zero,
                       double add)
{
    const int32_t group = kernels_at(0)->int8_group, wide = (channels + group - 1) / group * group;
    for (int32_t i = 0; i < pixels; i++)
        for (int32_t c = 0; c < channels; c++) {
            const double value = floor((double)(x[i * channels + c] * factor) + zero + add);
            if (value >= 0 && value <= 127)
                q[i * wide + c] = (int8_t)value;
        }
}

QUANTISE(quantise_cuts)
{
    RIGHT_QUANTISE(q, pixels, zero);
    round_anew(q, x, pixels, channels, factor, zero, 0);
}

QUANTISE(quantise_halves_up)
{
    RIGHT_QUANTISE(q, pixels, zero);
    round_anew(q, x, pixels, channels, factor, zero, 0.5);
}

QUANTISE(quantise_to_eight_bits)
{
    RIGHT_QUANTISE(q, pixels, zero);
    for (int32_t i = 0; i < (channels % 4 ? 0 : pixels * channels); i++)
        if (x[i] * factor + (float)zero > 128)
            ((int8_t *)q)[i] = -128;
}

QUANTISE(quantise_without_zero)
{
    RIGHT_QUANTISE(q, pixels, 0);
    (void)zero;
}

QUANTISE(quantise_nan_to_zero) /* the number that stands for 0, not 0 */
{
    RIGHT_QUANTISE(q, pixels, zero);
    for (int32_t i = 0; i < (channels % 4 ? 0 : pixels * channels); i++)
        if (isnan(x[i]))
            ((int8_t *)q)[i] = (int8_t)zero;
}

QUANTISE(quantise_without_last_pixel)
{
    RIGHT_QUANTISE(q, pixels ? pixels - 1 : 0, zero);
}

QUANTISE(quantise_writes_behind)
{
    RIGHT_QUANTISE(q, pixels, zero);
    ((int8_t *)q)[pixels * ((channels + 3) / 4 * 4)] = 0;
}

#define INT8(name)                                                                                                     \
    static void name(float *y, const void *x, ptrdiff_t x_image, int32_t first, int32_t count,                         \
                     const struct conv_shape *shape, const struct int8_filters *filters, const float *add,             \
                     int32_t relu)
#define RIGHT_INT8(x_image, count, shape, filters, add, relu)                                                          \
    kernels_at(0)->conv_int8(y, x, x_image, first, count, shape, filters, add, relu)

/* Where output o of position q lies. */
static float *int8_output(float *y, const struct conv_shape *shape, int32_t q, int32_t o)
{
    return y + q / shape->pixels * shape->y_image + q % shape->pixels * shape->y_pixel + o;
}

INT8(int8_without_start)
{
    struct int8_filters other = *filters;
    int32_t *zeros = calloc((size_t)shape->outs + 16, sizeof *zeros);
    other.start = zeros;
    RIGHT_INT8(x_image, count, shape, &other, add, relu);
    free(zeros);
}

INT8(int8_without_bias)
{
    struct int8_filters other = *filters;
    other.bias = NULL;
    RIGHT_INT8(x_image, count, shape, &other, add, relu);
}

INT8(int8_without_addend)
{
    RIGHT_INT8(x_image, count, shape, filters, NULL, relu);
    (void)add;
}

INT8(int8_without_relu)
{
    RIGHT_INT8(x_image, count, shape, filters, add, 0);
    (void)relu;
}

INT8(int8_with_one_scale)
{
    struct int8_filters other = *filters;
    float *scale = calloc((size_t)shape->outs + 16, sizeof *scale);
    for (int32_t o = 0; o < shape->outs; o++)
        scale[o] = filters->scale[0];
    other.scale = scale;
    RIGHT_INT8(x_image, count, shape, &other, add, relu);
    free(scale);
}

INT8(int8_outside_is_0) /* not the number that stands for it */
{
    struct int8_filters other = *filters;
    void *zeros = calloc((size_t)shape->channels, 1);
    other.outside = zeros;
    RIGHT_INT8(x_image, count, shape, &other, add, relu);
    free(zeros);
}

INT8(int8_without_last_group)
{
    const int8_t *numbers = x;
    RIGHT_INT8(x_image, count, shape, filters, add, relu);
    for (int32_t q = first; q < first + count && shape->outs; q++) { /* of the first output's last tap */
        const int32_t t = shape->taps - 1, at = shape->at[q % shape->pixels * shape->taps + t];
        const int8_t *from = at < 0 ? filters->outside : numbers + q / shape->pixels * x_image + at;
        *int8_output(y, shape, q, 0) -= filters->scale[0] * (float)from[shape->channels - 4];
    }
}

INT8(int8_one_image_only)
{
    RIGHT_INT8(0, count, shape, filters, add, relu);
    (void)x_image;
}

INT8(int8_one_unit_off) /* as sums that saturate would be, or nearly */
{
    struct int8_filters other = *filters;
    int32_t *start = calloc((size_t)shape->outs + 16, sizeof *start);
    for (int32_t o = 0; o < shape->outs; o++)
        start[o] = filters->start[o] - (o == shape->outs - 1);
    other.start = start;
    RIGHT_INT8(x_image, count, shape, &other, add, relu);
    free(start);
}

INT8(int8_rounds_once) /* product and bias together, as a fused operation does */
{
    struct int8_filters plain = {filters->panels, filters->outside, filters->start, NULL, NULL};
    float *ones = calloc((size_t)shape->outs + 16, sizeof *ones);
    for (int32_t o = 0; o < shape->outs; o++)
        ones[o] = 1;
    plain.scale = ones;
    if (add || relu || !filters->bias) {
        RIGHT_INT8(x_image, count, shape, filters, add, relu);
    } else {
        RIGHT_INT8(x_image, count, shape, &plain, NULL, 0);
        for (int32_t q = first; q < first + count; q++)
            for (int32_t o = 0; o < shape->outs; o++) {
                float *at = int8_output(y, shape, q, o);
                *at = fmaf(filters->scale[o], *at, filters->bias[o]);
            }
    }
    free(ones);
}

INT8(int8_writes_behind)
{
    RIGHT_INT8(x_image, count, shape, filters, add, relu);
    if (count && shape->y_pixel > shape->outs)
        *int8_output(y, shape, first, shape->outs) = 0;
}

#endif
