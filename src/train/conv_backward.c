#include "conv_backward.h"

#include "../base/memory.h"
#include "winograd_backward.h"

#include <string.h>

struct conv_backward conv_backward_of(const struct kernels *kernels, const struct conv *conv, int32_t matrices)
{
    /* So many rows that a convolution of stride 1 ends with those of the input. */
    const int32_t lost = conv->kernel - 1 - 2 * conv->padding;
    struct conv_backward backward = {.kernels = kernels, .direct = *conv, .stride = conv->stride, .matrices = matrices};
    backward.direct.algorithm = CONV_DIRECT;
    backward.by_points = winograd_backward_pays(kernels, conv);
    const int32_t high = conv->kernel == 1 ? conv->out_high : conv->high - lost,
                  wide = conv->kernel == 1 ? conv->out_wide : conv->wide - lost;
    backward.spread = conv_of(kernels, high, wide, conv->outs, wide * conv->outs, conv->kernel, 1,
                              conv->kernel - 1 - conv->padding, conv->channels);
    const size_t align = ARENA_ALIGN / sizeof(float);
    backward.panel_floats = (conv_packed_count(kernels, &backward.spread) + align - 1) / align * align;
    return backward;
}

static size_t weights_count(const struct conv *conv)
{
    return (size_t)conv->kernel * (size_t)conv->kernel * (size_t)conv->channels * (size_t)conv->outs;
}

/* For the gradient by weights: a table and zeros. */
static size_t table_count(const struct conv_backward *backward)
{
    return backward->by_points ? winograd_backward_table_count(&backward->direct) : conv_table_count(&backward->direct);
}

static size_t zeros_count(const struct conv_backward *backward)
{
    const struct conv *direct = &backward->direct;
    const size_t tap = (size_t)direct->kernel * (size_t)direct->channels, outs = (size_t)direct->outs;
    return tap > outs ? tap : outs;
}

void conv_backward_lay_out(struct conv_backward *backward, struct arena *arena)
{
    const struct conv *direct = &backward->direct, *spread = &backward->spread;
    backward->table = arena_take(arena, table_count(backward) * sizeof(int32_t));
    backward->spread_table = arena_take(arena, conv_table_count(spread) * sizeof(int32_t));
    backward->flipped = arena_take(arena, weights_count(direct) * sizeof(float));
    backward->panels = arena_take(arena, (size_t)backward->matrices * backward->panel_floats * sizeof(float));
    backward->zeros = arena_take(arena, zeros_count(backward) * sizeof(float));
}

void conv_backward_fill(struct conv_backward *backward)
{
    if (backward->by_points)
        winograd_backward_fill_table(&backward->direct, backward->table);
    else
        conv_fill_table(&backward->direct, backward->table);
    conv_fill_table(&backward->spread, backward->spread_table);
    memset(backward->zeros, 0, zeros_count(backward) * sizeof *backward->zeros);
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

/* Which side of the convolution of stride 1 has pixels between which others lie. */
static int spreads_input(const struct conv_backward *backward)
{
    return backward->stride > 1 && backward->direct.kernel > 1;
}

static int spreads_output(const struct conv_backward *backward)
{
    return backward->stride > 1 && backward->direct.kernel == 1;
}

/* Floats of one image's map in the scratch: dy spread out, or the pixels of dx not spread out yet. */
static size_t map_floats(const struct conv_backward *backward)
{
    const struct conv *spread = &backward->spread;
    if (spreads_input(backward))
        return (size_t)spread->high * (size_t)spread->wide * (size_t)spread->channels;
    return spreads_output(backward) ? (size_t)spread->high * (size_t)spread->wide * (size_t)spread->outs : 0;
}

/* They come first in the scratch, a whole number of vectors long. */
static size_t maps_floats(const struct conv_backward *backward, int32_t images)
{
    const size_t align = ARENA_ALIGN / sizeof(float);
    return ((size_t)images * map_floats(backward) + align - 1) / align * align;
}

size_t conv_backward_scratch(const struct conv_backward *backward, int32_t images)
{
    size_t activations = maps_floats(backward, images) + conv_scratch_count(backward->kernels, &backward->spread, 1);
    size_t weights =
        backward->by_points ? winograd_backward_scratch(&backward->direct) : weights_count(&backward->direct);
    return activations > weights ? activations : weights;
}

/* Pixels of `from` to every stride-th place of a map, or added to what is there. */
static void spread_out(const struct conv_backward *backward, const float *from, int32_t channels, int32_t map_wide,
                       int32_t adds, float *map)
{
    const size_t stride = (size_t)backward->stride, floats = (size_t)channels;
    for (size_t y = 0; y < (size_t)backward->direct.out_high; y++)
        for (size_t x = 0; x < (size_t)backward->direct.out_wide; x++, from += floats) {
            float *to = map + (y * stride * (size_t)map_wide + x * stride) * floats;
            if (adds)
                backward->kernels->axpy(to, 1, from, floats);
            else
                memcpy(to, from, floats * sizeof *to);
        }
}

/* Pointers to the images' maps of dy, spread out where they have to be. */
static void point_to_maps(const struct conv_backward *backward, const float *dy, int32_t images, const float **rows,
                          float *scratch)
{
    const struct conv *direct = &backward->direct;
    const size_t map = (size_t)direct->out_high * (size_t)direct->out_wide * (size_t)direct->outs;
    for (int32_t i = 0; i < images; i++, dy += map) {
        rows[i] = dy;
        if (!spreads_input(backward))
            continue;
        float *spread = scratch + (size_t)i * map_floats(backward);
        memset(spread, 0, map_floats(backward) * sizeof *spread);
        spread_out(backward, dy, direct->outs, backward->spread.wide, 0, spread);
        rows[i] = spread;
    }
}

void conv_backward_activations(const struct conv_backward *backward, int32_t matrix, const float *dy, int32_t images,
                               int32_t adds, float *dx, const float **rows, float *scratch)
{
    const struct conv *direct = &backward->direct;
    const size_t whole = (size_t)direct->high * (size_t)direct->wide * (size_t)direct->channels;
    const int later = spreads_output(backward);
    point_to_maps(backward, dy, images, rows, scratch);
    const struct conv_call call = {.conv = &backward->spread,
                                   .table = backward->spread_table,
                                   .panels = backward->panels + (size_t)matrix * backward->panel_floats,
                                   .x = rows,
                                   .images = images,
                                   .add = adds && !later ? dx : NULL,
                                   .y = later ? scratch : dx,
                                   .scratch = scratch + maps_floats(backward, images)};
    conv_run(backward->kernels, &call, NULL);
    if (later && !adds)
        memset(dx, 0, (size_t)images * whole * sizeof *dx);
    for (int32_t i = 0; later && i < images; i++, dx += whole)
        spread_out(backward, scratch + (size_t)i * map_floats(backward), direct->channels, direct->wide, adds, dx);
}

/* ---- By weights ---- */

void conv_backward_weights(const struct conv_backward *backward, const float *const *rows, const float *dy,
                           int32_t images, float *dw, float *scratch)
{
    const struct conv *direct = &backward->direct;
    if (backward->by_points) {
        winograd_backward_weights(backward->kernels, direct, backward->table, backward->zeros, rows, dy, images, dw,
                                  scratch);
        return;
    }
    const struct conv_shape shape = conv_direct_shape(direct, backward->table, backward->zeros);
    const size_t outs = (size_t)direct->outs, count = weights_count(direct), floats = count / outs;
    memset(scratch, 0, count * sizeof *scratch);
    backward->kernels->conv_gradient(scratch, rows, images, &shape, dy);
    for (size_t o = 0; o < outs; o++)
        for (size_t k = 0; k < floats; k++)
            *dw++ = scratch[k * outs + o];
}
