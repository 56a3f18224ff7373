#include "conv_backward.h"

#include "../base/memory.h"
#include "winograd_backward.h"

#include <string.h>

struct conv_backward conv_backward_of(const struct kernels *kernels, const struct conv *conv, int32_t matrices)
{
    struct conv_backward backward = {.kernels = kernels, .direct = *conv, .matrices = matrices};
    backward.direct.algorithm = CONV_DIRECT;
    backward.by_points = winograd_backward_pays(kernels, conv);
    backward.strided = strided_backward_of(kernels, conv);
    backward.panel_floats = backward.strided.panel_floats;
    if (conv->stride == 1) {
        const size_t align = ARENA_ALIGN / sizeof(float);
        backward.turned = conv_of(kernels, conv->out_high, conv->out_wide, conv->outs, conv->out_wide * conv->outs,
                                  conv->kernel, 1, conv->kernel - 1 - conv->padding, conv->channels);
        backward.panel_floats = (conv_packed_count(kernels, &backward.turned) + align - 1) / align * align;
    }
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
    const struct conv *direct = &backward->direct;
    backward->table = arena_take(arena, table_count(backward) * sizeof(int32_t));
    if (direct->stride > 1)
        strided_backward_lay_out(&backward->strided, arena);
    else
        backward->turned_table = arena_take(arena, conv_table_count(&backward->turned) * sizeof(int32_t));
    backward->plain = arena_take(arena, weights_count(direct) * sizeof(float));
    backward->panels = arena_take(arena, (size_t)backward->matrices * backward->panel_floats * sizeof(float));
    backward->zeros = arena_take(arena, zeros_count(backward) * sizeof(float));
}

void conv_backward_fill(struct conv_backward *backward)
{
    if (backward->by_points)
        winograd_backward_fill_table(&backward->direct, backward->table);
    else
        conv_fill_table(&backward->direct, backward->table);
    if (backward->direct.stride > 1)
        strided_backward_fill(&backward->strided);
    else
        conv_fill_table(&backward->turned, backward->turned_table);
    memset(backward->zeros, 0, zeros_count(backward) * sizeof *backward->zeros);
}

/* Inputs and outputs change places, the first tap becomes the last. */
static void turn(const struct conv *conv, const float *w, float *turned)
{
    const size_t taps = (size_t)conv->kernel * (size_t)conv->kernel;
    const size_t channels = (size_t)conv->channels, outs = (size_t)conv->outs;
    for (size_t c = 0; c < channels; c++)
        for (size_t t = 0; t < taps; t++)
            for (size_t o = 0; o < outs; o++)
                turned[(c * taps + t) * outs + o] = w[(o * taps + taps - 1 - t) * channels + c];
}

void conv_backward_pack(struct conv_backward *backward, const float *w)
{
    const struct conv *direct = &backward->direct;
    float *panels = backward->panels;
    for (int32_t m = 0; m < backward->matrices; m++, w += weights_count(direct), panels += backward->panel_floats) {
        if (direct->stride > 1) {
            strided_backward_pack(&backward->strided, w, backward->plain, panels);
            continue;
        }
        turn(direct, w, backward->plain);
        conv_pack(backward->kernels, &backward->turned, backward->plain, panels);
    }
}

/* ---- By activations ---- */

size_t conv_backward_scratch(const struct conv_backward *backward)
{
    const struct conv *direct = &backward->direct;
    size_t activations = direct->stride > 1 ? 0 : conv_scratch_count(backward->kernels, &backward->turned, 1);
    size_t weights = backward->by_points ? winograd_backward_scratch(direct) : weights_count(direct);
    return activations > weights ? activations : weights;
}

size_t conv_backward_rows(const struct conv_backward *backward, size_t images)
{
    const size_t rows = strided_backward_rows(&backward->direct);
    return rows > images ? rows : images;
}

void conv_backward_activations(const struct conv_backward *backward, int32_t matrix, const float *dy, int32_t images,
                               int32_t adds, float *dx, const float **rows, float *scratch)
{
    const struct conv *direct = &backward->direct;
    const float *panels = backward->panels + (size_t)matrix * backward->panel_floats;
    if (direct->stride > 1) {
        strided_backward_activations(&backward->strided, panels, backward->zeros, dy, images, adds, dx, rows);
        return;
    }
    for (int32_t i = 0; i < images; i++)
        rows[i] = dy + (ptrdiff_t)i * direct->out_high * direct->out_wide * direct->outs;
    const struct conv_call call = {.conv = &backward->turned,
                                   .table = backward->turned_table,
                                   .panels = panels,
                                   .x = rows,
                                   .images = images,
                                   .add = adds ? dx : NULL,
                                   .y = dx,
                                   .scratch = scratch};
    conv_run(backward->kernels, &call, NULL);
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
