/* conv_forward: pixels, each a few taps into a map, times packed panels of weights, as conv_walk.h walks them.  A step
 * is one channel of one tap.
 *
 * Of a panel that is taken a few taps at a time y holds the sums between.
 *
 * Order of summation, the same for every tile shape, so that a pixel gets the same bits whoever its neighbours are:
 * the bias, the addend, then tap after tap the channels in order. */
#include "conv_step.h"
#include "tmpl.h"

enum { TILE_MOST_ROWS = VF_CONV_PIXELS, TILE_MOST_VECS = VF_CONV_VECS, TILE_REGISTERS = VF_CONV_REGISTERS };
enum { PANEL_BYTES = 1 << 18 }; /* that tiles pass before the next taps: half of a small second-level cache */

typedef float input, weight;

/* What all tiles of a call share. */
struct call {
    const struct conv_shape *shape;
    float *y;
    const float *const *x;
    const float *bias, *add; /* NULL for none */
    int32_t relu;
};

INLINE const float *map_of(const struct call *call, int32_t image)
{
    return call->x[image];
}

#include "conv_walk.h"

/* What the sums of a tile begin with. */
INLINE void begin(const int P, const int O, vf sums[MOST_SUMS], const struct call *call, const struct panel *panel,
                  const struct places *places)
{
    const float *from = panel->tap ? call->y : call->add;
    EACH (o, O) {
        const int whole = o < O - 1 || panel->last == VF_LANES;
        vf bias = vf_set1(0);
        if (call->bias && !panel->tap)
            bias = load_outs(call->bias + panel->out + o * VF_LANES, whole, panel->last);
        EACH (p, P)
            sums[p * O + o] = bias;
        if (from)
            EACH (p, P)
                sums[p * O + o] =
                    vf_add(bias, load_outs(from + places->y[p] + panel->out + o * VF_LANES, whole, panel->last));
    }
}

INLINE void finish(const int P, const int O, const vf sums[MOST_SUMS], const struct call *call,
                   const struct panel *panel, const struct places *places)
{
    const int relu = call->relu && panel->end == call->shape->taps;
    EACH (p, P)
        EACH (o, O)
            store_outs(call->y + places->y[p] + panel->out + o * VF_LANES,
                       relu ? vf_relu(sums[p * O + o]) : sums[p * O + o], o < O - 1 || panel->last == VF_LANES,
                       panel->last);
}

/* What follows is read from memory again, not kept from before.  Firefox gives a value that is alive at a function call
 * a place on the stack for good: the pointer to the weights, read before a tile's first sums, was loaded and stored at
 * every step, 5 % of the time. */
INLINE void read_again(void)
{
    __asm__ volatile("" : : : "memory");
}

INLINE void tile(const int P, const int O, const struct call *call, const struct panel *panel, struct walk *walk)
{
    vf sums[MOST_SUMS];
    struct places places;
    place_pixels(P, call, walk, &places);
    begin(P, O, sums, call, panel, &places);
    read_again();
    const struct conv_shape *shape = call->shape;
    const ptrdiff_t channels = shape->channels, ahead_step = VF_FETCHES && walk->ahead < walk->ahead_end ? LINE : 0;
    const float *w = panel->w, *ahead = walk->ahead;
    for (int32_t t = panel->tap; t < panel->end; t++) {
        const float *from[VF_CONV_PIXELS];
        EACH (p, P)
            from[p] = places.at[p][t] < 0 ? shape->zeros : places.x[p] + places.at[p][t];
        const float *end = w + channels * O * VF_LANES;
        for (ptrdiff_t c = 0; w < end; c++, w += O * VF_LANES, ahead += ahead_step) {
            __builtin_prefetch(ahead, 0, 2);
            multiply(P, O, from, c, w, sums);
        }
    }
    if (VF_FETCHES)
        walk->ahead = ahead;
    finish(P, O, sums, call, panel, &places);
}

void KFN(conv_forward)(float *y, const float *const *x, int32_t first, int32_t count, const struct conv_shape *shape,
                       const float *panels, const float *bias, const float *add, int32_t relu)
{
    const struct call call = {shape, y, x, bias, add, relu};
    run_panels(first, count, &call, panels);
}
