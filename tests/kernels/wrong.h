/* Kernels that are wrong on purpose, each in one way that a real kernel could be.  The harness must catch every one;
 * the right answers that they spoil are the scalar kernels'. */
#ifndef WRONG_KERNELS_H
#define WRONG_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/pack.h"
#include "wrong_int8.h"
#include "wrong_route.h"
#include "wrong_train.h"

#include <stdlib.h>
#include <string.h>

/* Spoils one group; the next one's rows, weights and biases follow. */
#define FORWARD(name)                                                                                                  \
    static void name##_group(float *y, ptrdiff_t y_step, const float *const *x, int32_t rows,                          \
                             struct patch_shape shape, const float *panels, const float *bias, int32_t outs,           \
                             int32_t relu);                                                                            \
    static void name(float *y, ptrdiff_t y_step, const float *const *x, int32_t rows, int32_t groups,                  \
                     struct patch_shape shape, const float *panels, const float *bias, int32_t outs, int32_t relu)     \
    {                                                                                                                  \
        for (int32_t g = 0; g < groups; g++, y += rows * y_step, x += rows, bias = bias ? bias + outs : NULL)          \
            name##_group(y, y_step, x, rows, shape, panels + (size_t)g * packed_count(kernels_at(0), shape, outs),     \
                         bias, outs, relu);                                                                            \
    }                                                                                                                  \
    static void name##_group(float *y, ptrdiff_t y_step, const float *const *x, int32_t rows,                          \
                             struct patch_shape shape, const float *panels, const float *bias, int32_t outs,           \
                             int32_t relu)
#define RIGHT_FORWARD(y, x, rows, shape, bias, relu)                                                                   \
    kernels_at(0)->patch_forward(y, y_step, x, rows, 1, shape, panels, bias, outs, relu)

FORWARD(forward_shifted)
{
    RIGHT_FORWARD(y + 1, x, rows, shape, bias, relu);
}

FORWARD(forward_without_last_float) /* of the patch */
{
    size_t floats = shape.runs && shape.run ? (size_t)(shape.runs - 1) * (size_t)shape.step + (size_t)shape.run : 0;
    if (!floats || !rows) {
        RIGHT_FORWARD(y, x, rows, shape, bias, relu);
        return;
    }
    float *cut = malloc(floats * sizeof *cut);
    for (int32_t i = 0; i < rows; i++) {
        const float *row = cut;
        memcpy(cut, x[i], floats * sizeof *cut);
        cut[floats - 1] = 0;
        RIGHT_FORWARD(y + i * y_step, &row, 1, shape, bias, relu);
    }
    free(cut);
}

FORWARD(forward_without_last_row)
{
    RIGHT_FORWARD(y, x, rows ? rows - 1 : 0, shape, bias, relu);
}

FORWARD(forward_relu_missing_once)
{
    RIGHT_FORWARD(y, x, rows, shape, bias, relu);
    if (rows && outs && relu) {
        float *plain = malloc((size_t)rows * (size_t)y_step * sizeof *plain);
        RIGHT_FORWARD(plain, x, rows, shape, bias, 0);
        y[(rows - 1) * y_step + outs - 1] = plain[(rows - 1) * y_step + outs - 1];
        free(plain);
    }
}

FORWARD(forward_relu_drops_nan)
{
    RIGHT_FORWARD(y, x, rows, shape, bias, relu);
    for (int32_t i = 0; i < rows && relu; i++)
        for (int32_t o = 0; o < outs; o++)
            y[i * y_step + o] = y[i * y_step + o] > 0 ? y[i * y_step + o] : 0;
}

FORWARD(forward_outputs_swapped)
{
    RIGHT_FORWARD(y, x, rows, shape, bias, relu);
    if (rows && outs > 1) {
        float first = y[0];
        y[0] = y[1];
        y[1] = first;
    }
}

FORWARD(forward_writes_behind)
{
    RIGHT_FORWARD(y, x, rows, shape, bias, relu);
    if (rows && outs && y_step > outs)
        y[outs] = 0;
}

FORWARD(forward_reads_between_runs)
{
    RIGHT_FORWARD(y, x, rows, shape, bias, relu);
    if (rows && outs && shape.runs > 1 && shape.step > shape.run)
        y[0] += 0 * x[0][shape.run];
}

FORWARD(forward_without_bias)
{
    RIGHT_FORWARD(y, x, rows, shape, NULL, relu);
    (void)bias;
}

FORWARD(forward_ignores_step)
{
    shape.step = shape.run;
    RIGHT_FORWARD(y, x, rows, shape, bias, relu);
}

FORWARD(forward_one_tile_shape_wrong)
{
    RIGHT_FORWARD(y, x, rows, shape, bias, relu);
    if (rows == 7 && outs == 5)
        y[6 * y_step + 4] = y[5 * y_step + 4];
}

FORWARD(forward_one_wrong_side_by_side)
{
    RIGHT_FORWARD(y, x, rows, shape, bias, relu);
    if (rows > 3 && outs == 4 && x[1] - x[0] == 28 && shape.run == 28)
        y[2 * y_step] = y[y_step];
}

static void forward_every_group_as_the_first(float *y, ptrdiff_t y_step, const float *const *x, int32_t rows,
                                             int32_t groups, struct patch_shape shape, const float *panels,
                                             const float *bias, int32_t outs, int32_t relu)
{
    RIGHT_FORWARD(y, x, groups * rows, shape, bias, relu);
}

static void forward_first_bias_for_every_group(float *y, ptrdiff_t y_step, const float *const *x, int32_t rows,
                                               int32_t groups, struct patch_shape shape, const float *panels,
                                               const float *bias, int32_t outs, int32_t relu)
{
    for (int32_t g = 0; g < groups; g++, panels += packed_count(kernels_at(0), shape, outs))
        RIGHT_FORWARD(y + g * rows * y_step, x + g * rows, rows, shape, bias, relu);
}

FORWARD(forward_slightly_off) /* as half-precision products would be, or nearly */
{
    RIGHT_FORWARD(y, x, rows, shape, bias, relu);
    for (int32_t i = 0; i < rows; i++)
        for (int32_t o = 0; o < outs; o++)
            y[i * y_step + o] *= 1 + 1e-4f;
}

#define CONV(name)                                                                                                     \
    static void name(float *y, const float *const *x, int32_t first, int32_t count, const struct conv_shape *shape,    \
                     const float *panels, const float *bias, const float *add, int32_t relu)
#define RIGHT_CONV(y, first, count, shape, bias, add, relu)                                                            \
    kernels_at(0)->conv_forward(y, x, first, count, shape, panels, bias, add, relu)

CONV(conv_without_bias)
{
    RIGHT_CONV(y, first, count, shape, NULL, add, relu);
    (void)bias;
}

CONV(conv_without_addend)
{
    RIGHT_CONV(y, first, count, shape, bias, NULL, relu);
    (void)add;
}

CONV(conv_without_relu)
{
    RIGHT_CONV(y, first, count, shape, bias, add, 0);
    (void)relu;
}

CONV(conv_relu_before_addend)
{
    if (!add || !relu || !count) {
        RIGHT_CONV(y, first, count, shape, bias, add, relu);
        return;
    }
    size_t last = (size_t)((first + count - 1) / shape->pixels * shape->y_image + (shape->pixels - 1) * shape->y_pixel +
                           shape->outs);
    float *sums = malloc(last * sizeof *sums);
    RIGHT_CONV(sums, first, count, shape, bias, NULL, 1);
    for (int32_t q = first; q < first + count; q++)
        for (int32_t o = 0; o < shape->outs; o++) {
            ptrdiff_t at = q / shape->pixels * shape->y_image + q % shape->pixels * shape->y_pixel + o;
            y[at] = sums[at] + add[at];
        }
    free(sums);
}

CONV(conv_without_last_position)
{
    RIGHT_CONV(y, first, count ? count - 1 : 0, shape, bias, add, relu);
}

CONV(conv_one_position_more)
{
    RIGHT_CONV(y, first, count ? count + 1 : 0, shape, bias, add, relu);
}

CONV(conv_begins_at_the_image)
{
    RIGHT_CONV(y, first / shape->pixels * shape->pixels, count, shape, bias, add, relu);
}

CONV(conv_outside_is_the_first_float)
{
    size_t entries = (size_t)shape->pixels * (size_t)shape->taps;
    int32_t *at = malloc(entries * sizeof *at);
    for (size_t i = 0; i < entries; i++)
        at[i] = shape->at[i] < 0 ? 0 : shape->at[i];
    struct conv_shape inside = *shape;
    inside.at = at;
    RIGHT_CONV(y, first, count, &inside, bias, add, relu);
    free(at);
}

CONV(conv_without_last_tap)
{
    size_t entries = (size_t)shape->pixels * (size_t)shape->taps;
    int32_t *at = malloc(entries * sizeof *at);
    for (size_t i = 0; i < entries; i++)
        at[i] = (i + 1) % (size_t)shape->taps ? shape->at[i] : -1;
    struct conv_shape without = *shape;
    float *zeros = calloc((size_t)shape->channels, sizeof *zeros);
    without.zeros = zeros;
    without.at = at;
    RIGHT_CONV(y, first, count, &without, bias, add, relu);
    free(at), free(zeros);
}

CONV(conv_one_image_only)
{
    struct conv_shape same = *shape;
    same.y_image = 0;
    RIGHT_CONV(y, first, count, &same, bias, add, relu);
}

CONV(conv_writes_behind)
{
    RIGHT_CONV(y, first, count, shape, bias, add, relu);
    if (count && shape->outs)
        y[(first + count - 1) / shape->pixels * shape->y_image + (first + count - 1) % shape->pixels * shape->y_pixel +
          shape->outs] = 0;
}

CONV(conv_one_tile_shape_wrong)
{
    RIGHT_CONV(y, first, count, shape, bias, add, relu);
    if (count == 11 && shape->outs > 4)
        y[first / shape->pixels * shape->y_image + first % shape->pixels * shape->y_pixel + 4] += 0.1f;
}

CONV(conv_slightly_off)
{
    RIGHT_CONV(y, first, count, shape, bias, add, relu);
    for (int32_t q = first; q < first + count; q++)
        for (int32_t o = 0; o < shape->outs; o++)
            y[q / shape->pixels * shape->y_image + q % shape->pixels * shape->y_pixel + o] *= 1 + 1e-4f;
}

#define WINOGRAD_INPUT(name)                                                                                           \
    static void name(float *v, ptrdiff_t point_step, const float *const *x, int32_t m, int32_t channels)
#define RIGHT_WINOGRAD_INPUT(x) kernels_at(0)->winograd_input(v, point_step, x, m, channels)

WINOGRAD_INPUT(winograd_input_transposed)
{
    const float *transposed[36];
    for (int32_t p = 0; p < (m + 2) * (m + 2); p++)
        transposed[p] = x[p % (m + 2) * (m + 2) + p / (m + 2)];
    RIGHT_WINOGRAD_INPUT(transposed);
}

WINOGRAD_INPUT(winograd_input_takes_a_neighbour)
{
    const float *others[36];
    for (int32_t p = 0; p < (m + 2) * (m + 2); p++)
        others[p] = x[p == 7 ? 6 : p];
    RIGHT_WINOGRAD_INPUT(others);
}

WINOGRAD_INPUT(winograd_input_without_zeros_behind)
{
    RIGHT_WINOGRAD_INPUT(x);
    if (channels % 4)
        v[channels] = v[channels - 1];
}

WINOGRAD_INPUT(winograd_input_slightly_off)
{
    RIGHT_WINOGRAD_INPUT(x);
    for (int32_t c = 0; c < channels; c++)
        v[3 * point_step + c] *= 1 + 1e-5f;
}

#define WINOGRAD_MULTIPLY(name)                                                                                        \
    static void name(float *m, const float *v, const float *panels, const struct winograd_strip *strip, int32_t tiles, \
                     int32_t outs)
#define RIGHT_WINOGRAD_MULTIPLY(strip, tiles, outs) kernels_at(0)->winograd_multiply(m, v, panels, strip, tiles, outs)

WINOGRAD_MULTIPLY(winograd_multiply_without_last_tile)
{
    RIGHT_WINOGRAD_MULTIPLY(strip, tiles ? tiles - 1 : 0, outs);
}

WINOGRAD_MULTIPLY(winograd_multiply_with_the_first_weights)
{
    struct winograd_strip same = *strip;
    same.w_point = 0;
    RIGHT_WINOGRAD_MULTIPLY(&same, tiles, outs);
}

WINOGRAD_MULTIPLY(winograd_multiply_ignores_rows)
{
    struct winograd_strip dense = *strip;
    dense.v_row = strip->channels;
    RIGHT_WINOGRAD_MULTIPLY(&dense, tiles, outs);
}

WINOGRAD_MULTIPLY(winograd_multiply_one_tile_shape_wrong)
{
    RIGHT_WINOGRAD_MULTIPLY(strip, tiles, outs);
    if (tiles == 3 && outs > 12 && outs <= 16)
        m[2 * strip->m_row + 12] += 0.1f;
}

WINOGRAD_MULTIPLY(winograd_multiply_writes_behind)
{
    RIGHT_WINOGRAD_MULTIPLY(strip, tiles, outs);
    if (tiles && outs)
        m[(strip->points - 1) * strip->m_point + (tiles - 1) * strip->m_row + (outs + 3) / 4 * 4] = 0;
}

#define WINOGRAD_OUTPUT(name)                                                                                          \
    static void name(float *y, struct map_part part, const float *points, ptrdiff_t point_step, int32_t m,             \
                     const float *bias, const float *add, int32_t relu, int32_t outs)
#define RIGHT_WINOGRAD_OUTPUT(part, bias, add, relu)                                                                   \
    kernels_at(0)->winograd_output(y, part, points, point_step, m, bias, add, relu, outs)

WINOGRAD_OUTPUT(winograd_output_without_bias)
{
    RIGHT_WINOGRAD_OUTPUT(part, NULL, add, relu);
    (void)bias;
}

WINOGRAD_OUTPUT(winograd_output_without_addend)
{
    RIGHT_WINOGRAD_OUTPUT(part, bias, NULL, relu);
    (void)add;
}

WINOGRAD_OUTPUT(winograd_output_without_relu)
{
    RIGHT_WINOGRAD_OUTPUT(part, bias, add, 0);
    (void)relu;
}

WINOGRAD_OUTPUT(winograd_output_one_column_more)
{
    RIGHT_WINOGRAD_OUTPUT(part, bias, add, relu);
    if (part.wide < m && outs > 0 && outs < 10)
        y[part.wide * part.pixel] = 0;
}

WINOGRAD_OUTPUT(winograd_output_without_last_row)
{
    part.high = part.high < m ? part.high - 1 : m - 1;
    RIGHT_WINOGRAD_OUTPUT(part, bias, add, relu);
}

WINOGRAD_OUTPUT(winograd_output_slightly_off)
{
    RIGHT_WINOGRAD_OUTPUT(part, bias, add, relu);
    for (int32_t o = 0; o < outs; o++)
        y[o] *= 1 + 1e-4f;
}

#define GRADIENT(name)                                                                                                 \
    static void name(float *dw, const float *const *x, int32_t rows, struct patch_shape shape, const float *dy,        \
                     ptrdiff_t dy_step, int32_t outs)
#define RIGHT_GRADIENT(dw, x, rows, dy, dy_step) kernels_at(0)->patch_gradient(dw, x, rows, shape, dy, dy_step, outs)

GRADIENT(gradient_forgets_what_was_there)
{
    memset(dw, 0, (size_t)outs * (size_t)shape.runs * (size_t)shape.run * sizeof *dw);
    RIGHT_GRADIENT(dw, x, rows, dy, dy_step);
}

GRADIENT(gradient_without_last_row)
{
    RIGHT_GRADIENT(dw, x, rows ? rows - 1 : 0, dy, dy_step);
}

GRADIENT(gradient_repeats_a_block) /* of 64 rows */
{
    RIGHT_GRADIENT(dw, x, rows, dy, dy_step);
    if (rows > 64)
        RIGHT_GRADIENT(dw, x, 1, dy, dy_step);
}

GRADIENT(gradient_ignores_dy_step)
{
    RIGHT_GRADIENT(dw, x, rows, dy, outs);
    (void)dy_step;
}

GRADIENT(gradient_without_last_float)
{
    size_t count = (size_t)outs * (size_t)shape.runs * (size_t)shape.run;
    float last = count ? dw[count - 1] : 0;
    RIGHT_GRADIENT(dw, x, rows, dy, dy_step);
    if (count)
        dw[count - 1] = last;
}

GRADIENT(gradient_writes_behind)
{
    RIGHT_GRADIENT(dw, x, rows, dy, dy_step);
    dw[-1] = 0;
}

#define GATED(name)                                                                                                    \
    static void name(float *y, const float *x, const float *gates, float scale, int32_t rows, int32_t count)
#define RIGHT_GATED(gates, scale, rows) kernels_at(0)->gated_sum(y, x, gates, scale, rows, count)

GATED(gated_without_gates)
{
    RIGHT_GATED(NULL, scale, rows);
    (void)gates;
}

GATED(gated_without_scale)
{
    RIGHT_GATED(gates, 1, rows);
    (void)scale;
}

GATED(gated_without_last_row)
{
    RIGHT_GATED(gates, scale, rows ? rows - 1 : 0);
}

GATED(gated_writes_behind)
{
    RIGHT_GATED(gates, scale, rows);
    y[-1] = 0;
}

static void row_max_without_last_row(float *y, const float *x, int32_t rows, int32_t count)
{
    kernels_at(0)->row_max(y, x, rows > 1 ? rows - 1 : 1, count);
}

static void row_max_drops_nan(float *y, const float *x, int32_t rows, int32_t count)
{
    kernels_at(0)->row_max(y, x, 1, count);
    for (int32_t i = 1; i < rows; i++)
        for (int32_t c = 0; c < count; c++)
            y[c] = x[i * count + c] > y[c] ? x[i * count + c] : y[c];
}

static void row_max_of_none_below_zero(float *y, const float *x, int32_t rows, int32_t count)
{
    kernels_at(0)->row_max(y, x, rows, count);
    kernels_at(0)->relu(y, y, (size_t)count);
}

static void row_max_writes_behind(float *y, const float *x, int32_t rows, int32_t count)
{
    kernels_at(0)->row_max(y, x, rows, count);
    y[-1] = 0;
}

static void relu_without_last(float *y, const float *x, size_t count)
{
    kernels_at(0)->relu(y, x, count ? count - 1 : 0);
}

static void relu_drops_nan(float *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] > 0 ? x[i] : 0;
}

static void relu_writes_behind(float *y, const float *x, size_t count)
{
    kernels_at(0)->relu(y, x, count);
    y[-1] = 0;
}

static void axpy_forgets_what_was_there(float *y, float a, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = a * x[i];
}

static void axpy_without_last(float *y, float a, const float *x, size_t count)
{
    kernels_at(0)->axpy(y, a, x, count ? count - 1 : 0);
}

static void rounds_one_short(float *y, int64_t rounds, int32_t sums)
{
    kernels_at(0)->register_rounds(y, rounds ? rounds - 1 : 0, sums);
}

static const struct wrong_kernel {
    const char *what;
    struct kernels instead; /* one function, the others NULL */
} wrong_kernels[] = {
    {"forward_shifted", {.patch_forward = forward_shifted}},
    {"forward_without_last_float", {.patch_forward = forward_without_last_float}},
    {"forward_without_last_row", {.patch_forward = forward_without_last_row}},
    {"forward_relu_missing_once", {.patch_forward = forward_relu_missing_once}},
    {"forward_relu_drops_nan", {.patch_forward = forward_relu_drops_nan}},
    {"forward_outputs_swapped", {.patch_forward = forward_outputs_swapped}},
    {"forward_writes_behind", {.patch_forward = forward_writes_behind}},
    {"forward_reads_between_runs", {.patch_forward = forward_reads_between_runs}},
    {"forward_without_bias", {.patch_forward = forward_without_bias}},
    {"forward_ignores_step", {.patch_forward = forward_ignores_step}},
    {"forward_one_tile_shape_wrong", {.patch_forward = forward_one_tile_shape_wrong}},
    {"forward_one_wrong_side_by_side", {.patch_forward = forward_one_wrong_side_by_side}},
    {"forward_every_group_as_the_first", {.patch_forward = forward_every_group_as_the_first}},
    {"forward_first_bias_for_every_group", {.patch_forward = forward_first_bias_for_every_group}},
    {"forward_slightly_off", {.patch_forward = forward_slightly_off}},
    {"conv_without_bias", {.conv_forward = conv_without_bias}},
    {"conv_without_addend", {.conv_forward = conv_without_addend}},
    {"conv_without_relu", {.conv_forward = conv_without_relu}},
    {"conv_relu_before_addend", {.conv_forward = conv_relu_before_addend}},
    {"conv_without_last_position", {.conv_forward = conv_without_last_position}},
    {"conv_one_position_more", {.conv_forward = conv_one_position_more}},
    {"conv_begins_at_the_image", {.conv_forward = conv_begins_at_the_image}},
    {"conv_outside_is_the_first_float", {.conv_forward = conv_outside_is_the_first_float}},
    {"conv_without_last_tap", {.conv_forward = conv_without_last_tap}},
    {"conv_one_image_only", {.conv_forward = conv_one_image_only}},
    {"conv_writes_behind", {.conv_forward = conv_writes_behind}},
    {"conv_one_tile_shape_wrong", {.conv_forward = conv_one_tile_shape_wrong}},
    {"conv_slightly_off", {.conv_forward = conv_slightly_off}},
    {"winograd_input_transposed", {.winograd_input = winograd_input_transposed}},
    {"winograd_input_takes_a_neighbour", {.winograd_input = winograd_input_takes_a_neighbour}},
    {"winograd_input_without_zeros_behind", {.winograd_input = winograd_input_without_zeros_behind}},
    {"winograd_input_slightly_off", {.winograd_input = winograd_input_slightly_off}},
    {"winograd_multiply_without_last_tile", {.winograd_multiply = winograd_multiply_without_last_tile}},
    {"winograd_multiply_with_the_first_weights", {.winograd_multiply = winograd_multiply_with_the_first_weights}},
    {"winograd_multiply_ignores_rows", {.winograd_multiply = winograd_multiply_ignores_rows}},
    {"winograd_multiply_one_tile_shape_wrong", {.winograd_multiply = winograd_multiply_one_tile_shape_wrong}},
    {"winograd_multiply_writes_behind", {.winograd_multiply = winograd_multiply_writes_behind}},
    {"winograd_output_without_bias", {.winograd_output = winograd_output_without_bias}},
    {"winograd_output_without_addend", {.winograd_output = winograd_output_without_addend}},
    {"winograd_output_without_relu", {.winograd_output = winograd_output_without_relu}},
    {"winograd_output_one_column_more", {.winograd_output = winograd_output_one_column_more}},
    {"winograd_output_without_last_row", {.winograd_output = winograd_output_without_last_row}},
    {"winograd_output_slightly_off", {.winograd_output = winograd_output_slightly_off}},
    {"quantise_cuts", {.quantise = quantise_cuts}},
    {"quantise_to_eight_bits", {.quantise = quantise_to_eight_bits}},
    {"quantise_without_zero", {.quantise = quantise_without_zero}},
    {"quantise_halves_up", {.quantise = quantise_halves_up}},
    {"quantise_nan_to_zero", {.quantise = quantise_nan_to_zero}},
    {"quantise_without_last_pixel", {.quantise = quantise_without_last_pixel}},
    {"quantise_writes_behind", {.quantise = quantise_writes_behind}},
    {"int8_without_start", {.conv_int8 = int8_without_start}},
    {"int8_without_bias", {.conv_int8 = int8_without_bias}},
    {"int8_without_addend", {.conv_int8 = int8_without_addend}},
    {"int8_without_relu", {.conv_int8 = int8_without_relu}},
    {"int8_with_one_scale", {.conv_int8 = int8_with_one_scale}},
    {"int8_outside_is_0", {.conv_int8 = int8_outside_is_0}},
    {"int8_without_last_group", {.conv_int8 = int8_without_last_group}},
    {"int8_one_image_only", {.conv_int8 = int8_one_image_only}},
    {"int8_one_unit_off", {.conv_int8 = int8_one_unit_off}},
    {"int8_rounds_once", {.conv_int8 = int8_rounds_once}},
    {"int8_writes_behind", {.conv_int8 = int8_writes_behind}},
    {"gradient_forgets_what_was_there", {.patch_gradient = gradient_forgets_what_was_there}},
    {"gradient_without_last_row", {.patch_gradient = gradient_without_last_row}},
    {"gradient_repeats_a_block", {.patch_gradient = gradient_repeats_a_block}},
    {"gradient_ignores_dy_step", {.patch_gradient = gradient_ignores_dy_step}},
    {"gradient_without_last_float", {.patch_gradient = gradient_without_last_float}},
    {"gradient_writes_behind", {.patch_gradient = gradient_writes_behind}},
    {"gated_without_gates", {.gated_sum = gated_without_gates}},
    {"gated_without_scale", {.gated_sum = gated_without_scale}},
    {"gated_without_last_row", {.gated_sum = gated_without_last_row}},
    {"gated_writes_behind", {.gated_sum = gated_writes_behind}},
    {"row_max_without_last_row", {.row_max = row_max_without_last_row}},
    {"row_max_drops_nan", {.row_max = row_max_drops_nan}},
    {"row_max_of_none_below_zero", {.row_max = row_max_of_none_below_zero}},
    {"row_max_writes_behind", {.row_max = row_max_writes_behind}},
    {"relu_without_last", {.relu = relu_without_last}},
    {"relu_drops_nan", {.relu = relu_drops_nan}},
    {"relu_writes_behind", {.relu = relu_writes_behind}},
    {"axpy_forgets_what_was_there", {.axpy = axpy_forgets_what_was_there}},
    {"axpy_without_last", {.axpy = axpy_without_last}},
    {"route_without_last_item", {.route = route_without_last_item}},
    {"route_ignores_step", {.route = route_ignores_step}},
    {"route_gates_over_all", {.route = route_gates_over_all}},
    {"route_gates_hard", {.route = route_gates_hard}},
    {"route_ties_to_the_higher", {.route = route_ties_to_the_higher}},
    {"route_nan_first", {.route = route_nan_first}},
    {"route_writes_behind", {.route = route_writes_behind}},
    {"rounds_one_short", {.register_rounds = rounds_one_short}},
    {"conv_gradient_forgets_what_was_there", {.conv_gradient = conv_gradient_forgets_what_was_there}},
    {"conv_gradient_without_last_image", {.conv_gradient = conv_gradient_without_last_image}},
    {"conv_gradient_outside_is_the_first_float", {.conv_gradient = conv_gradient_outside_is_the_first_float}},
    {"conv_gradient_ignores_y_pixel", {.conv_gradient = conv_gradient_ignores_y_pixel}},
    {"conv_gradient_without_last_output", {.conv_gradient = conv_gradient_without_last_output}},
    {"conv_gradient_writes_behind", {.conv_gradient = conv_gradient_writes_behind}},
    {"conv_gradient_one_tile_shape_wrong", {.conv_gradient = conv_gradient_one_tile_shape_wrong}},
    {"output_gradient_of_turned_tiles", {.winograd_output_gradient = output_gradient_of_turned_tiles}},
    {"output_gradient_without_last_output", {.winograd_output_gradient = output_gradient_without_last_output}},
    {"multiply_gradient_without_last_tile", {.winograd_multiply_gradient = multiply_gradient_without_last_tile}},
    {"multiply_gradient_of_the_first_point", {.winograd_multiply_gradient = multiply_gradient_of_the_first_point}},
    {"multiply_gradient_forgets", {.winograd_multiply_gradient = multiply_gradient_forgets_what_was_there}},
    {"multiply_gradient_one_shape_wrong", {.winograd_multiply_gradient = multiply_gradient_one_tile_shape_wrong}},
    {"filter_gradient_of_turned_taps", {.winograd_filter_gradient = filter_gradient_of_turned_taps}},
    {"filter_gradient_writes_behind", {.winograd_filter_gradient = filter_gradient_writes_behind}},
    {"statistics_without_last_row", {.norm_squares = statistics_without_last_row}},
    {"statistics_of_the_first_channel", {.norm_squares = statistics_of_the_first_channel}},
    {"norm_sums_without_relu", {.norm_sums = norm_sums_without_relu}},
    {"norm_sums_change_places", {.norm_sums = norm_sums_change_places}},
    {"norm_gradient_without_addend", {.norm_gradient = norm_gradient_without_addend}},
    {"norm_gradient_without_relu", {.norm_gradient = norm_gradient_without_relu}},
    {"norm_gradient_writes_behind", {.norm_gradient = norm_gradient_writes_behind}},
};

#endif
