/* conv_int8: conv_forward in eight bits, as conv_walk.h walks it.  A step is a group of channels of one tap: sums are
 * integers and exact, so their order is nobody's concern, and what follows rounds once an operation on every
 * instruction set: outputs are the same bits on all of them. */
#include "tmpl.h"

enum { TILE_MOST_ROWS = VF_DOT_PIXELS, TILE_MOST_VECS = VF_DOT_VECS, TILE_REGISTERS = VF_DOT_REGISTERS };
enum { PANEL_BYTES = INT32_MAX }; /* y has no room for sums */

typedef vq input, weight;

/* What all tiles of a call share. */
struct call {
    const struct conv_shape *shape;
    float *y;
    const vq *x;
    ptrdiff_t x_image;
    const struct int8_filters *filters;
    const float *add; /* NULL for none */
    int32_t relu;
};

INLINE const vq *map_of(const struct call *call, int32_t image)
{
    return call->x + image * call->x_image;
}

#include "conv_walk.h"

/* One group: those of P pixels by O vectors of weights. */
INLINE void multiply(const int P, const int O, const vq *const from[VF_DOT_PIXELS], ptrdiff_t c, const vq *w,
                     vi sums[MOST_SUMS])
{
    enum { STEP = VF_LANES * VQ_GROUP };
    vg kept[VF_DOT_REGISTERS];
    EACH (i, P < O ? P : O)
        kept[i] = vg_keep(P < O ? vg_load_splat(from[i] + c) : vg_load(w + i * STEP));
    EACH (i, P < O ? O : P) {
        vg other = vg_keep(P < O ? vg_load(w + i * STEP) : vg_load_splat(from[i] + c));
        EACH (j, P < O ? P : O) {
            vi *sum = P < O ? &sums[j * O + i] : &sums[i * O + j];
            *sum = P < O ? vi_dot(kept[j], other, *sum) : vi_dot(other, kept[j], *sum);
        }
    }
}

INLINE void finish(const int P, const int O, const vi sums[MOST_SUMS], const struct call *call,
                   const struct panel *panel, const struct places *places)
{
    EACH (o, O) {
        const int whole = o < O - 1 || panel->last == VF_LANES;
        const ptrdiff_t out = panel->out + o * VF_LANES;
        const vf scale = vf_load(call->filters->scale + out);
        const float *from = call->filters->bias;
        const vf bias = from ? load_outs(from + out, whole, panel->last) : vf_set1(0);
        EACH (p, P) {
            const ptrdiff_t at = places->y[p] + out;
            vf value = vf_add(vf_mul(scale, vf_from(sums[p * O + o])), bias);
            if (call->add)
                value = vf_add(value, load_outs(call->add + at, whole, panel->last));
            store_outs(call->y + at, call->relu ? vf_relu(value) : value, whole, panel->last);
        }
    }
}

INLINE void tile(const int P, const int O, const struct call *call, const struct panel *panel, struct walk *walk)
{
    vi sums[MOST_SUMS];
    struct places places;
    const struct conv_shape *shape = call->shape;
    const ptrdiff_t channels = shape->channels, ahead_step = VF_FETCHES && walk->ahead < walk->ahead_end ? LINE : 0;
    const vq *w = panel->w, *ahead = walk->ahead;
    place_pixels(P, call, walk, &places);
    EACH (o, O) {
        const vi start = vi_load(call->filters->start + panel->out + o * VF_LANES);
        EACH (p, P)
            sums[p * O + o] = start;
    }
    for (int32_t t = 0; t < shape->taps; t++) {
        const vq *from[VF_DOT_PIXELS];
        EACH (p, P)
            from[p] = places.at[p][t] < 0 ? call->filters->outside : places.x[p] + places.at[p][t];
        const vq *end = w + channels * O * VF_LANES;
        for (ptrdiff_t c = 0; w < end; c += VQ_GROUP, w += O * VF_LANES * VQ_GROUP, ahead += ahead_step) {
            __builtin_prefetch(ahead, 0, 2);
            multiply(P, O, from, c, w, sums);
        }
    }
    if (VF_FETCHES)
        walk->ahead = ahead;
    finish(P, O, sums, call, panel, &places);
}

void KFN(conv_int8)(float *y, const void *x, ptrdiff_t x_image, int32_t first, int32_t count,
                    const struct conv_shape *shape, const struct int8_filters *filters, const float *add, int32_t relu)
{
    const struct call call = {shape, y, x, x_image, filters, add, relu};
    run_panels(first, count, &call, filters->panels);
}
