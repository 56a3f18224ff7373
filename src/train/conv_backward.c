#include "conv_backward.h"

#include "../base/memory.h"

#include <string.h>

struct conv_backward conv_backward_of(const struct kernels *kernels, const struct conv *conv, int32_t matrices)
{
    /* So many rows that a convolution of stride 1 ends with those of the input. */
    const int32_t lost = conv->kernel - 1 - 2 * conv->padding;
    struct conv_backward backward = {.kernels = kernels, .direct = *conv, .stride = conv->stride, .matrices = matrices};
    backward.direct.algorithm = CONV_DIRECT;
    backward.spread =
        conv_of(kernels, conv->high - lost, conv->wide - lost, conv->outs, (conv->wide - lost) * conv->outs,
                conv->kernel, 1, conv->kernel - 1 - conv->padding, conv->channels);
    const size_t align = ARENA_ALIGN / sizeof(float);
    backward.panel_floats = (conv_packed_count(kernels, &backward.spread) + align - 1) / align * align;
    return backward;
}

static size_t weights_count(const struct conv *conv)
{
    return (size_t)conv->kernel * (size_t)conv->kernel * (size_t)conv->channels * (size_t)conv->outs;
}

void conv_backward_lay_out(struct conv_backward *backward, struct arena *arena)
{
    const struct conv *direct = &backward->direct, *spread = &backward->spread;
    backward->direct_table = arena_take(arena, conv_table_count(direct) * sizeof(int32_t));
    backward->spread_table = arena_take(arena, conv_table_count(spread) * sizeof(int32_t));
    backward->flipped = arena_take(arena, weights_count(direct) * sizeof(float));
    backward->panels = arena_take(arena, (size_t)backward->matrices * backward->panel_floats * sizeof(float));
    backward->zeros = arena_take(arena, (size_t)direct->kernel * (size_t)direct->channels * sizeof(float));
}

void conv_backward_fill(struct conv_backward *backward)
{
    conv_fill_table(&backward->direct, backward->direct_table);
    conv_fill_table(&backward->spread, backward->spread_table);
    memset(backward->zeros, 0,
           (size_t)backward->direct.kernel * (size_t)backward->direct.channels * sizeof *backward->zeros);
}

void conv_backward_pack(struct conv_backward *backward, const float *w)
{
    const size_t taps = (size_t)backward->direct.kernel * (size_t)backward->direct.kernel;
    const size_t channels = (size_t)backward->direct.channels, outs = (size_t)backward->direct.outs;
    for (size_t m = 0; m < (size_t)backward->matrices; m++, w += weights_count(&backward->direct)) {
        for (size_t c = 0; c < channels; c++)
            for (size_t t = 0; t < taps; t++)
                for (size_t o = 0; o < outs; o++)
                    backward->flipped[(c * taps + t) * outs + o] = w[(o * taps + taps - 1 - t) * channels + c];
        conv_pack(backward->kernels, &backward->spread, backward->flipped,
                  backward->panels + m * backward->panel_floats);
    }
}

/* ---- By activations ---- */

static size_t spread_count(const struct conv *spread)
{
    return (size_t)spread->high * (size_t)spread->wide * (size_t)spread->channels;
}

/* Its maps come first in the scratch, a whole number of vectors long. */
static size_t spread_floats(const struct conv_backward *backward, int32_t images)
{
    const size_t align = ARENA_ALIGN / sizeof(float);
    size_t floats = backward->stride == 1 ? 0 : (size_t)images * spread_count(&backward->spread);
    return (floats + align - 1) / align * align;
}

size_t conv_backward_scratch(const struct conv_backward *backward, int32_t images)
{
    size_t activations = spread_floats(backward, images) + conv_scratch_count(backward->kernels, &backward->spread, 1);
    size_t weights = weights_count(&backward->direct);
    return activations > weights ? activations : weights;
}

/* Pixels of dy to every stride-th place of a map of zeros. */
static void spread_out(const struct conv_backward *backward, const float *dy, float *map)
{
    const struct conv *direct = &backward->direct, *spread = &backward->spread;
    const size_t outs = (size_t)direct->outs, stride = (size_t)backward->stride;
    memset(map, 0, spread_count(spread) * sizeof *map);
    for (size_t y = 0; y < (size_t)direct->out_high; y++)
        for (size_t x = 0; x < (size_t)direct->out_wide; x++, dy += outs)
            memcpy(map + (y * stride * (size_t)spread->wide + x * stride) * outs, dy, outs * sizeof *dy);
}

void conv_backward_activations(const struct conv_backward *backward, int32_t matrix, const float *dy, int32_t images,
                               int32_t adds, float *dx, const float **rows, float *scratch)
{
    const struct conv *direct = &backward->direct;
    const size_t map = (size_t)direct->out_high * (size_t)direct->out_wide * (size_t)direct->outs;
    for (int32_t i = 0; i < images; i++) {
        rows[i] = dy + (size_t)i * map;
        if (backward->stride > 1) {
            float *wide = scratch + (size_t)i * spread_count(&backward->spread);
            spread_out(backward, rows[i], wide);
            rows[i] = wide;
        }
    }
    const struct conv_call call = {.conv = &backward->spread,
                                   .table = backward->spread_table,
                                   .panels = backward->panels + (size_t)matrix * backward->panel_floats,
                                   .x = rows,
                                   .images = images,
                                   .add = adds ? dx : NULL,
                                   .y = dx,
                                   .scratch = scratch + spread_floats(backward, images)};
    conv_run(backward->kernels, &call, NULL);
}

/* ---- By weights ---- */

void conv_backward_weights(const struct conv_backward *backward, const float *const *rows, const float *dy,
                           int32_t images, float *dw, float *scratch)
{
    const struct conv *direct = &backward->direct;
    const struct conv_shape shape = conv_direct_shape(direct, backward->direct_table, backward->zeros);
    const size_t outs = (size_t)direct->outs, count = weights_count(direct), floats = count / outs;
    memset(scratch, 0, count * sizeof *scratch);
    backward->kernels->conv_gradient(scratch, rows, images, &shape, dy);
    for (size_t o = 0; o < outs; o++)
        for (size_t k = 0; k < floats; k++)
            *dw++ = scratch[k * outs + o];
}
