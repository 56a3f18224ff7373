/* A strip of tiles is transformed for a block of outputs and one of channels, and its products added to those of the
 * block's points, until the strips are through: so V, dM and dU of a block stay in the second-level cache together. */
#include "winograd_backward.h"

#include "../kernels/pack.h"
#include "../kernels/winograd.h"
#include "../kernels/winograd_tiles.h"

#include <string.h>

enum {
    M = 4,
    SIDE = M + 2,
    POINTS = SIDE * SIDE,
    MOST_TILES = 64,        /* of a strip, */
    STRIP_FLOATS = 1 << 12, /* and floats of its V and dM at one point, about */
    BLOCK_OUTS = 64,
    BLOCK_CHANNELS = 64,
};

/* In multiply-adds, fitted to measurements (SPEED.md).  A transformed number costs as much as some of them, and the way
 * from transformed weights to weights as much as another tile. */
enum { TRANSFORM_COST = 10 };

int winograd_backward_pays(const struct kernels *kernels, const struct conv *conv)
{
    if (conv->kernel != 3 || conv->stride != 1)
        return 0;
    const double tiles = (double)divide_up(conv->out_high, M) * divide_up(conv->out_wide, M);
    const double channels = (double)vectors_of(kernels, conv->channels) * kernels->lanes,
                 outs = (double)vectors_of(kernels, conv->outs) * kernels->lanes;
    return POINTS * (tiles + 1) * (channels * conv->outs + TRANSFORM_COST * (channels + outs)) <
           9.0 * conv->out_high * conv->out_wide * conv->channels * outs;
}

static struct conv by_4(const struct conv *conv)
{
    struct conv same = *conv;
    same.algorithm = CONV_WINOGRAD_4;
    return same;
}

size_t winograd_backward_table_count(const struct conv *conv)
{
    const struct conv same = by_4(conv);
    return winograd_table_count(&same);
}

void winograd_backward_fill_table(const struct conv *conv, int32_t *table)
{
    const struct conv same = by_4(conv);
    winograd_fill_table(&same, table);
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t strip_tiles(const struct winograd_strip *strip)
{
    return smaller(MOST_TILES, (int32_t)(STRIP_FLOATS / (strip->v_row + strip->m_row)));
}

static struct winograd_strip strip_of(const struct conv *conv)
{
    const int32_t outs = smaller(conv->outs, BLOCK_OUTS), channels = smaller(conv->channels, BLOCK_CHANNELS);
    struct winograd_strip strip = {.points = POINTS, .v_row = row_floats(channels), .m_row = row_floats(outs)};
    strip.v_point = step_of_points(strip_tiles(&strip), strip.v_row);
    strip.m_point = step_of_points(strip_tiles(&strip), strip.m_row);
    strip.w_point = step_of_points(outs, strip.v_row);
    return strip;
}

size_t winograd_backward_scratch(const struct conv *conv)
{
    const struct winograd_strip strip = strip_of(conv);
    return POINTS * (size_t)(strip.v_point + strip.m_point + strip.w_point);
}

/* One call. */
struct call {
    const struct kernels *kernels;
    const struct conv *conv;
    const int32_t *rows, *columns; /* the tables */
    const float *zeros, *const *x, *dy;
    struct tile_grid grid;
};

static void transform_input(const struct call *call, int64_t first, int32_t tiles, int32_t channel,
                            const struct winograd_strip *strip, float *v)
{
    struct tile tile = tile_at(call->grid, first);
    for (int32_t t = 0; t < tiles; t++, next_tile(call->grid, &tile), v += strip->v_row) {
        const float *x = call->x[tile.image] + channel, *pixels[POINTS];
        const int32_t *rows = call->rows + (ptrdiff_t)tile.row * SIDE,
                      *columns = call->columns + (ptrdiff_t)tile.column * SIDE;
        for (int32_t i = 0; i < SIDE; i++)
            for (int32_t j = 0; j < SIDE; j++)
                pixels[i * SIDE + j] = rows[i] < 0 || columns[j] < 0 ? call->zeros : x + rows[i] + columns[j];
        call->kernels->winograd_input(v, strip->v_point, pixels, M, strip->channels);
    }
}

static void transform_gradient(const struct call *call, int64_t first, int32_t tiles, int32_t out, int32_t outs,
                               const struct winograd_strip *strip, float *m)
{
    const struct conv *conv = call->conv;
    struct tile tile = tile_at(call->grid, first);
    for (int32_t t = 0; t < tiles; t++, next_tile(call->grid, &tile), m += strip->m_row) {
        const float *pixels[M * M];
        for (int32_t i = 0; i < M * M; i++) {
            const int32_t y = tile.row * M + i / M, x = tile.column * M + i % M;
            const ptrdiff_t at = ((ptrdiff_t)tile.image * conv->out_high + y) * conv->out_wide + x;
            pixels[i] = y < conv->out_high && x < conv->out_wide ? call->dy + at * conv->outs + out : call->zeros;
        }
        call->kernels->winograd_output_gradient(m, strip->m_point, pixels, outs);
    }
}

/* dw of outputs `out` on and channels `channel` on. */
static void run_block(const struct call *call, int64_t all_tiles, int32_t out, int32_t outs, int32_t channel,
                      struct winograd_strip strip, float *dw, float *scratch)
{
    const struct conv *conv = call->conv;
    float *v = scratch, *m = v + POINTS * strip.v_point, *du = m + POINTS * strip.m_point;
    const int32_t most = strip_tiles(&strip);
    memset(du, 0, POINTS * (size_t)strip.w_point * sizeof *du);
    for (int64_t first = 0; first < all_tiles; first += most) {
        const int32_t tiles = all_tiles - first < most ? (int32_t)(all_tiles - first) : most;
        transform_input(call, first, tiles, channel, &strip, v);
        transform_gradient(call, first, tiles, out, outs, &strip, m);
        call->kernels->winograd_multiply_gradient(du, m, v, &strip, tiles, outs);
    }
    for (int32_t o = 0; o < outs; o++)
        call->kernels->winograd_filter_gradient(dw + (ptrdiff_t)(out + o) * 9 * conv->channels + channel,
                                                conv->channels, du + o * strip.v_row, strip.w_point, strip.channels);
}

void winograd_backward_weights(const struct kernels *kernels, const struct conv *conv, const int32_t *table,
                               const float *zeros, const float *const *rows, const float *dy, int32_t images, float *dw,
                               float *scratch)
{
    struct call call = {.kernels = kernels,
                        .conv = conv,
                        .rows = table,
                        .zeros = zeros,
                        .x = rows,
                        .dy = dy,
                        .grid = {divide_up(conv->out_high, M), divide_up(conv->out_wide, M)}};
    call.columns = table + (ptrdiff_t)call.grid.high * SIDE;
    const int64_t tiles = (int64_t)images * call.grid.high * call.grid.wide;
    struct winograd_strip strip = strip_of(conv);
    for (int32_t out = 0; out < conv->outs; out += BLOCK_OUTS)
        for (int32_t channel = 0; channel < conv->channels; channel += BLOCK_CHANNELS) {
            strip.channels = smaller(conv->channels - channel, BLOCK_CHANNELS);
            run_block(&call, tiles, out, smaller(conv->outs - out, BLOCK_OUTS), channel, strip, dw, scratch);
        }
}
