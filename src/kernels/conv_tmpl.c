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
 * edges.  Tiles go over the pixels of all images in one row, so that small maps leave no tile half empty.
 *
 * Panels outermost: one stays in a cache while all pixels pass it, and neighbouring tiles share most of what they read.
 * A panel too large for that is taken a few taps at a time, and y holds the sums between.
 *
 * Order of summation, the same for every tile shape, so that a pixel gets the same bits whoever its neighbours are:
 * the bias, the addend, then tap after tap the channels in order. */
#include "split.h"
#include "tmpl.h"

#include "conv_tile.h"

enum {
    MOST_SUMS = VF_CONV_REGISTERS,
    LINE = 16,            /* floats of a cache line */
    PANEL_BYTES = 1 << 18 /* that tiles pass before the next taps: half of a small second-level cache */
};

/* What all tiles of a call share. */
struct call {
    const struct conv_shape *shape;
    float *y;
    const float *const *x;
    const float *add;
    int32_t relu;
};

/* What all tiles of some taps of a panel share. */
struct panel {
    const float *w, *bias; /* w of its first tap; bias NULL for none */
    ptrdiff_t out;         /* its first output */
    int32_t tap, end;      /* taps */
    int32_t last;          /* outputs in its last vector */
};

/* The pixels of one tile. */
struct places {
    const float *x[VF_CONV_PIXELS];
    const int32_t *at[VF_CONV_PIXELS];
    ptrdiff_t y[VF_CONV_PIXELS];
};

/* From tile to tile: image and pixel of the next position, and weights of the taps after these, to be fetched. */
struct walk {
    int32_t image, pixel;
    const float *ahead, *ahead_end;
};

INLINE void place_pixels(const int P, const struct call *call, struct walk *walk, struct places *places)
{
    const struct conv_shape *shape = call->shape;
    EACH (p, P) {
        places->x[p] = call->x[walk->image];
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

/* What the sums of a tile begin with. */
INLINE void begin(const int P, const int O, vf sums[MOST_SUMS], const struct call *call, const struct panel *panel,
                  const struct places *places)
{
    const float *from = panel->tap ? call->y : call->add;
    EACH (o, O) {
        const int whole = o < O - 1 || panel->last == VF_LANES;
        vf bias = vf_set1(0);
        if (panel->bias && !panel->tap)
            bias = load_outs(panel->bias + o * VF_LANES, whole, panel->last);
        EACH (p, P)
            sums[p * O + o] = bias;
        if (from)
            EACH (p, P)
                sums[p * O + o] =
                    vf_add(bias, load_outs(from + places->y[p] + panel->out + o * VF_LANES, whole, panel->last));
    }
}

/* One channel: a float of each of P pixels by O vectors of weights. */
INLINE void multiply(const int P, const int O, const float *const from[VF_CONV_PIXELS], ptrdiff_t c, const float *w,
                     vf sums[MOST_SUMS])
{
    vf kept[VF_CONV_REGISTERS];
    EACH (i, P < O ? P : O)
        kept[i] = vf_keep(P < O ? vf_load_splat(from[i] + c) : vf_load(w + i * VF_LANES));
    EACH (i, P < O ? O : P) {
        vf other = vf_keep(P < O ? vf_load(w + i * VF_LANES) : vf_load_splat(from[i] + c));
        EACH (j, P < O ? P : O) {
            vf *sum = P < O ? &sums[j * O + i] : &sums[i * O + j];
            *sum = P < O ? vf_fma(kept[j], other, *sum) : vf_fma(other, kept[j], *sum);
        }
    }
}

INLINE void finish(const int P, const int O, const vf sums[MOST_SUMS], const struct call *call,
                   const struct panel *panel, const struct places *places)
{
    const int relu = call->relu && panel->end == call->shape->taps;
    EACH (p, P)
        EACH (o, O) {
            float *y = call->y + places->y[p] + panel->out + o * VF_LANES;
            vf value = relu ? vf_relu(sums[p * O + o]) : sums[p * O + o];
            if (o < O - 1 || panel->last == VF_LANES)
                vf_store(y, value);
            else
                vf_store_part(y, value, vf_part_of(panel->last));
        }
}

/* P pixels by O vectors of outputs, constants after inlining.  The taps after these are fetched meanwhile, a line for
 * each channel: a small map's few tiles leave memory no other time to bring the next block of a large panel. */
INLINE void tile(const int P, const int O, const struct call *call, const struct panel *panel, struct walk *walk)
{
    vf sums[MOST_SUMS];
    struct places places;
    const struct conv_shape *shape = call->shape;
    const ptrdiff_t channels = shape->channels, ahead_step = walk->ahead < walk->ahead_end ? LINE : 0;
    const float *w = panel->w, *ahead = walk->ahead;
    place_pixels(P, call, walk, &places);
    begin(P, O, sums, call, panel, &places);
    for (int32_t t = panel->tap; t < panel->end; t++) {
        const float *from[VF_CONV_PIXELS];
        EACH (p, P)
            from[p] = places.at[p][t] < 0 ? shape->zeros : places.x[p] + places.at[p][t];
        for (ptrdiff_t c = 0; c < channels; c++, w += O * VF_LANES, ahead += ahead_step) {
            __builtin_prefetch(ahead, 0, 2);
            multiply(P, O, from, c, w, sums);
        }
    }
    walk->ahead = ahead;
    finish(P, O, sums, call, panel, &places);
}

/* One function for each shape: in a function of all shapes gcc 12 runs out of registers for pointers. */
#define TILES(P, O)                                                                                                    \
    static __attribute__((noinline)) void tiles_##P##_##O(int32_t tiles, const struct call *call,                      \
                                                          const struct panel *panel, struct walk *walk)                \
    {                                                                                                                  \
        if (O <= VF_CONV_VECS && P <= TILE_PIXELS(O))                                                                  \
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
        if (O <= VF_CONV_VECS && P <= TILE_PIXELS(O))                                                                  \
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
    const ptrdiff_t tap_floats = (ptrdiff_t)shape->channels * vecs * VF_LANES;
    int32_t most = PANEL_BYTES / (int32_t)sizeof(float) / tap_floats;
    most = tile_split.parts == 1 ? shape->taps : most ? most : 1;
    const struct split tap_split = split_evenly(shape->taps, most);
    for (int32_t block = 0; block < tap_split.parts; block++) {
        const ptrdiff_t floats = tap_floats * split_size(tap_split, block);
        struct walk walk = {first / shape->pixels, first % shape->pixels, panel.w + floats, panel.w + 2 * floats};
        panel.tap = panel.end;
        panel.end += split_size(tap_split, block);
        run_tiles(tile_split.larger, tile_split.size + 1, vecs, call, &panel, &walk);
        run_tiles(tile_split.parts - tile_split.larger, tile_split.size, vecs, call, &panel, &walk);
        panel.w += floats;
    }
}

void KFN(conv_forward)(float *y, const float *const *x, int32_t first, int32_t count, const struct conv_shape *shape,
                       const float *panels, const float *bias, const float *add, int32_t relu)
{
    if (count == 0)
        return;
    const struct call call = {shape, y, x, add, relu};
    const struct split panel_split = split_evenly(shape->outs / VF_LANES + (shape->outs % VF_LANES != 0), VF_CONV_VECS);
    for (int32_t p = 0, out = 0; p < panel_split.parts; p++) {
        const int32_t vecs = split_size(panel_split, p), last = shape->outs - out - (vecs - 1) * VF_LANES;
        run_panel(
            vecs, first, count, &call,
            (struct panel){
                .w = panels, .bias = bias ? bias + out : NULL, .out = out, .last = last < VF_LANES ? last : VF_LANES});
        panels += (ptrdiff_t)shape->taps * shape->channels * vecs * VF_LANES;
        out += vecs * VF_LANES;
    }
}
