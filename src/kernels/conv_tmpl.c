/* conv_forward: pixels, each a few taps into a map, times packed panels of weights.
 *
 * Vectors run along the outputs, so that no lanes are ever added up.  A tile keeps P x O sums, each a vector; one step
 * takes one channel of one tap, a vector of weights for each O and one float for each pixel:
 *
 *                w0  w1 .. wO-1        side by side in the panel, aligned
 *        x0      s00 s01
 *        x1      s10 s11
 *        xP-1
 *
 * A tap of a pixel is a pointer, to the map or to a row of zeros, so nothing is gathered and the inner loop knows no
 * edges.  Tiles run over the pixels of all images in one row, so that small maps waste no rows of a tile.
 *
 * Panels outermost: one panel stays in a cache while all pixels pass it, and the pixels of neighbouring tiles share
 * most of what they read.
 *
 * Order of summation, the same for every tile shape, so that a pixel gets the same bits whoever its neighbours are:
 * the bias, then tap after tap the channels in order, then the addend. */
#include "split.h"
#include "tmpl.h"

enum { MOST_SUMS = VF_CONV_PIXELS * VF_CONV_VECS };

/* What all tiles of a call share. */
struct call {
    const struct conv_shape *shape;
    float *y;
    const float *const *x;
    const float *add;
    int32_t relu;
};

/* What all tiles of a panel share. */
struct panel {
    const float *w, *bias; /* bias NULL for none */
    ptrdiff_t out;         /* its first output */
    int32_t last;          /* outputs in its last vector */
};

/* The pixels of one tile. */
struct places {
    const float *x[VF_CONV_PIXELS];
    const int32_t *at[VF_CONV_PIXELS];
    ptrdiff_t y[VF_CONV_PIXELS];
};

/* Image and pixel of the next position. */
struct walk {
    int32_t image, pixel;
};

INLINE void place_pixels(const int P, const struct call *call, struct walk *walk, struct places *places)
{
    const struct conv_shape *shape = call->shape;
    EACH (p, P) {
        places->x[p] = call->x[walk->image];
        places->at[p] = shape->at + (ptrdiff_t)walk->pixel * shape->taps;
        places->y[p] = walk->image * shape->y_image + walk->pixel * shape->y_pixel;
        if (++walk->pixel == shape->pixels)
            *walk = (struct walk){walk->image + 1, 0};
    }
}

/* One channel of a tap: a float of each of P pixels by O vectors of weights. */
INLINE void multiply(const int P, const int O, const float *const from[VF_CONV_PIXELS], ptrdiff_t c, const float *w,
                     vf sums[MOST_SUMS])
{
    vf weights[VF_CONV_VECS];
    EACH (o, O)
        weights[o] = vf_keep(vf_load(w + o * VF_LANES));
    EACH (p, P) {
        vf in = vf_load_splat(from[p] + c);
        EACH (o, O)
            sums[p * O + o] = vf_fma(in, weights[o], sums[p * O + o]);
    }
}

INLINE void finish(const int P, const int O, const vf sums[MOST_SUMS], const struct call *call,
                   const struct panel *panel, const struct places *places)
{
    const vf_part part = vf_part_of(panel->last);
    EACH (p, P) {
        const ptrdiff_t to = places->y[p] + panel->out;
        EACH (o, O) {
            const ptrdiff_t at = to + o * VF_LANES;
            const int whole = o < O - 1 || panel->last == VF_LANES;
            vf value = sums[p * O + o];
            if (call->add)
                value = vf_add(value, whole ? vf_load(call->add + at) : vf_load_part(call->add + at, part));
            if (call->relu)
                value = vf_relu(value);
            if (whole)
                vf_store(call->y + at, value);
            else
                vf_store_part(call->y + at, value, part);
        }
    }
}

/* P pixels by O vectors of outputs, constants after inlining. */
INLINE void tile(const int P, const int O, const struct call *call, const struct panel *panel, struct walk *walk)
{
    vf sums[MOST_SUMS];
    struct places places;
    const struct conv_shape *shape = call->shape;
    const ptrdiff_t channels = shape->channels;
    const float *w = panel->w;
    place_pixels(P, call, walk, &places);
    EACH (o, O) {
        vf bias = vf_set1(0);
        if (panel->bias)
            bias = o < O - 1 || panel->last == VF_LANES
                       ? vf_load(panel->bias + o * VF_LANES)
                       : vf_load_part(panel->bias + o * VF_LANES, vf_part_of(panel->last));
        EACH (p, P)
            sums[p * O + o] = bias;
    }
    for (int32_t t = 0; t < shape->taps; t++) {
        const float *from[VF_CONV_PIXELS];
        EACH (p, P)
            from[p] = places.at[p][t] < 0 ? shape->zeros : places.x[p] + places.at[p][t];
        for (ptrdiff_t c = 0; c < channels; c++, w += O * VF_LANES)
            multiply(P, O, from, c, w, sums);
    }
    finish(P, O, sums, call, panel, &places);
}

/* `tiles` tiles of so many pixels each. */
static void run_tiles(int32_t tiles, int32_t pixels, int32_t vecs, const struct call *call, const struct panel *panel,
                      struct walk *walk)
{
#define TILE(P, O)                                                                                                     \
    case P * 4 + O:                                                                                                    \
        if (P <= VF_CONV_PIXELS && O <= VF_CONV_VECS)                                                                  \
            for (; tiles > 0; tiles--)                                                                                 \
                tile(P, O, call, panel, walk);                                                                         \
        break;
#define TILES(P) TILE(P, 1) TILE(P, 2) TILE(P, 3)
    switch (pixels * 4 + vecs) {
        TILES(1)
        TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7) TILES(8) TILES(9) TILES(10) TILES(11) TILES(12)
    }
#undef TILES
#undef TILE
}
_Static_assert(VF_CONV_PIXELS <= 12 && VF_CONV_VECS <= 3, "run_tiles lists shapes up to 12 x 3");

void KFN(conv_forward)(float *y, const float *const *x, int32_t first, int32_t count, const struct conv_shape *shape,
                       const float *panels, const float *bias, const float *add, int32_t relu)
{
    if (count == 0)
        return;
    const struct call call = {shape, y, x, add, relu};
    const struct split panel_split = split_evenly(shape->outs / VF_LANES + (shape->outs % VF_LANES != 0), VF_CONV_VECS);
    const struct split tile_split = split_evenly(count, VF_CONV_PIXELS);
    const ptrdiff_t floats = (ptrdiff_t)shape->taps * shape->channels;
    ptrdiff_t out = 0;
    for (int32_t p = 0; p < panel_split.parts; p++) {
        const int32_t vecs = split_size(panel_split, p), rest = shape->outs - (int32_t)out - (vecs - 1) * VF_LANES;
        const struct panel panel = {panels, bias ? bias + out : NULL, out, rest < VF_LANES ? rest : VF_LANES};
        struct walk walk = {first / shape->pixels, first % shape->pixels};
        run_tiles(tile_split.larger, tile_split.size + 1, vecs, &call, &panel, &walk);
        run_tiles(tile_split.parts - tile_split.larger, tile_split.size, vecs, &call, &panel, &walk);
        panels += vecs * VF_LANES * floats;
        out += vecs * VF_LANES;
    }
}
