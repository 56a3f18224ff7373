/* The walk of tiles over pixels and panels: what conv_forward and conv_int8 share.
 *
 * Vectors run along the outputs, so that no lanes are ever added up.  A tile keeps P x O sums, each a vector; one step
 * takes the numbers of one lane for each pixel, a channel or a group of them, and a vector of weights for each O:
 *
 *                w0  w1 .. wO-1        side by side in the panel, aligned
 *        x0      s00 s01
 *        x1      s10 s11
 *        xP-1
 *
 * A tap of a pixel is a pointer, to the map or to a row of zeros, so nothing is gathered and the inner loop knows no
 * edges.  Tiles go over the pixels of all images in one row, so that small maps leave no tile half empty.
 *
 * Panels outermost: one stays in a cache while all pixels pass it, and neighbouring tiles share most of what they read.
 * A panel larger than PANEL_BYTES is taken a few taps at a time.
 *
 * The includer defines conv_tile.h's names, PANEL_BYTES, the types `input` and `weight` of which maps and panels are
 * made, struct call with a member `shape`, map_of(call, image), and afterwards tile(). */
#ifndef PMOE_KERNELS_CONV_WALK_H
#define PMOE_KERNELS_CONV_WALK_H

#include "conv_tile.h"
#include "split.h"

enum {
    MOST_SUMS = TILE_REGISTERS,
    LINE = 64 / (int)sizeof(weight), /* of a cache */
};

/* What all tiles of some taps of a panel share. */
struct panel {
    const weight *w;  /* of its first tap */
    ptrdiff_t out;    /* its first output */
    int32_t tap, end; /* taps */
    int32_t last;     /* outputs in its last vector */
};

/* The pixels of one tile. */
struct places {
    const input *x[TILE_MOST_ROWS];
    const int32_t *at[TILE_MOST_ROWS];
    ptrdiff_t y[TILE_MOST_ROWS];
};

/* From tile to tile: image and pixel of the next position, and weights of the taps after these, to be fetched: a small
 * map's few tiles leave memory no other time to bring the next block of a large panel. */
struct walk {
    int32_t image, pixel;
    const weight *ahead, *ahead_end;
};

/* P pixels by O vectors of outputs, constants after inlining. */
INLINE void tile(const int P, const int O, const struct call *call, const struct panel *panel, struct walk *walk);

INLINE void place_pixels(const int P, const struct call *call, struct walk *walk, struct places *places)
{
    const struct conv_shape *shape = call->shape;
    EACH (p, P) {
        places->x[p] = map_of(call, walk->image);
        places->at[p] = shape->at + (ptrdiff_t)walk->pixel * shape->taps;
        places->y[p] = walk->image * shape->y_image + walk->pixel * shape->y_pixel;
        if (++walk->pixel == shape->pixels) {
            walk->image++;
            walk->pixel = 0;
        }
    }
}

INLINE vf load_outs(const float *p, int whole, int32_t last)
{
    return whole ? vf_load(p) : vf_load_part(p, vf_part_of(last));
}

INLINE void store_outs(float *p, vf value, int whole, int32_t last)
{
    if (whole)
        vf_store(p, value);
    else
        vf_store_part(p, value, vf_part_of(last));
}

/* One function for each shape: in a function of all shapes gcc 12 runs out of registers for pointers. */
#define TILES(P, O)                                                                                                    \
    static __attribute__((noinline)) void tiles_##P##_##O(int32_t tiles, const struct call *call,                      \
                                                          const struct panel *panel, struct walk *walk)                \
    {                                                                                                                  \
        if (O <= TILE_MOST_VECS && P <= TILE_PIXELS(O))                                                                \
            for (; tiles > 0; tiles--)                                                                                 \
                tile(P, O, call, panel, walk);                                                                         \
    }
#define EACH_PIXELS(X, O)                                                                                              \
    X(1, O) X(2, O) X(3, O) X(4, O) X(5, O) X(6, O) X(7, O) X(8, O) X(9, O) X(10, O) X(11, O) X(12, O)
#define EACH_SHAPE(X)                                                                                                  \
    EACH_PIXELS(X, 1) EACH_PIXELS(X, 2) EACH_PIXELS(X, 3) EACH_PIXELS(X, 4) EACH_PIXELS(X, 5) EACH_PIXELS(X, 6)

EACH_SHAPE(TILES)

/* `tiles` tiles of so many pixels each. */
static void run_tiles(int32_t tiles, int32_t pixels, int32_t vecs, const struct call *call, const struct panel *panel,
                      struct walk *walk)
{
#define CASE(P, O)                                                                                                     \
    case P * 8 + O:                                                                                                    \
        if (O <= TILE_MOST_VECS && P <= TILE_PIXELS(O))                                                                \
            tiles_##P##_##O(tiles, call, panel, walk);                                                                 \
        break;
    switch (pixels * 8 + vecs) {
        EACH_SHAPE(CASE)
    }
#undef CASE
}

static int32_t tile_pixels(int32_t vecs)
{
    static const int32_t of[] = {TILE_PIXELS(1), TILE_PIXELS(2), TILE_PIXELS(3),
                                 TILE_PIXELS(4), TILE_PIXELS(5), TILE_PIXELS(6)};
    return of[vecs - 1];
}

/* All positions by one panel. */
static void run_panel(int32_t vecs, int32_t first, int32_t count, const struct call *call, struct panel panel)
{
    const struct conv_shape *shape = call->shape;
    const struct split tile_split = split_evenly(count, tile_pixels(vecs));
    const ptrdiff_t tap_weights = (ptrdiff_t)shape->channels * vecs * VF_LANES;
    const ptrdiff_t fit = PANEL_BYTES / (ptrdiff_t)sizeof(weight) / tap_weights;
    const int32_t most = tile_split.parts == 1 || fit > shape->taps ? shape->taps : fit ? (int32_t)fit : 1;
    const struct split tap_split = split_evenly(shape->taps, most);
    for (int32_t block = 0; block < tap_split.parts; block++) {
        const ptrdiff_t weights = tap_weights * split_size(tap_split, block);
        struct walk walk = {first / shape->pixels, first % shape->pixels, panel.w + weights, panel.w + 2 * weights};
        panel.tap = panel.end;
        panel.end += split_size(tap_split, block);
        run_tiles(tile_split.larger, tile_split.size + 1, vecs, call, &panel, &walk);
        run_tiles(tile_split.parts - tile_split.larger, tile_split.size, vecs, call, &panel, &walk);
        panel.w += weights;
    }
}

/* `count` positions from `first` on. */
static void run_panels(int32_t first, int32_t count, const struct call *call, const weight *panels)
{
    const struct conv_shape *shape = call->shape;
    const struct split split = split_evenly(shape->outs / VF_LANES + (shape->outs % VF_LANES != 0), TILE_MOST_VECS);
    for (int32_t p = 0, out = 0; p < split.parts && count; p++) {
        const int32_t vecs = split_size(split, p), last = shape->outs - out - (vecs - 1) * VF_LANES;
        run_panel(vecs, first, count, call,
                  (struct panel){.w = panels, .out = out, .last = last < VF_LANES ? last : VF_LANES});
        panels += (ptrdiff_t)shape->taps * shape->channels * vecs * VF_LANES;
        out += vecs * VF_LANES;
    }
}

#endif
