/* patch_forward: rows of patches times packed panels of weights.
 *
 * Vectors run along the patch, because experts are narrow (5 to 40 outputs) and patches long (28 runs of 28).  A tile
 * keeps R x O sums, each a vector; one step loads R vectors of input and O of weights for R * O multiply-adds:
 *
 *               w0  w1 .. wO-1        one step's O vectors lie side by side in the panel, aligned
 *        x0     s00 s01
 *        x1     s10 s11
 *        xR-1
 *
 * Panel by panel over all rows: a panel stays in the first-level cache while the rows pass.
 *
 * Order of summation, the same for every tile shape, so that a patch gets the same bits whether routed or dense and
 * whoever its neighbours are: lane v of an output sums the patch's floats at lane v of each vector in order, vf_sum4
 * adds the lanes, the bias comes last. */
#include "split.h"
#include "tmpl.h"

/* Sums to values: y[i][o] = act(bias[o] + sum). */
INLINE void finish(const int R, const int O, vf sums[VF_TILE_ROWS][VF_TILE_OUTS], float *y, ptrdiff_t y_step,
                   const float *bias, int32_t relu)
{
    float flat[VF_TILE_ROWS * VF_TILE_OUTS + 3];
    const vf none = vf_set1(0);
    EACH (quarter, (R * O + 3) / 4) {
        const int at = 4 * quarter;
        vf_sum4(flat + at, sums[at / O][at % O], at + 1 < R * O ? sums[(at + 1) / O][(at + 1) % O] : none,
                at + 2 < R * O ? sums[(at + 2) / O][(at + 2) % O] : none,
                at + 3 < R * O ? sums[(at + 3) / O][(at + 3) % O] : none);
    }
    EACH (i, R)
        EACH (o, O) {
            float value = flat[i * O + o];
            if (bias)
                value += bias[o];
            y[i * y_step + o] = relu && value <= 0 ? 0 : value;
        }
}

/* One step: a vector of each of R inputs by one of each of O outputs' weights. */
INLINE void multiply(const int R, const int O, const vf in[VF_TILE_ROWS], const float *w,
                     vf sums[VF_TILE_ROWS][VF_TILE_OUTS])
{
    EACH (o, O) {
        vf weight = vf_load(w + o * VF_LANES);
        EACH (i, R)
            sums[i][o] = vf_fma(in[i], weight, sums[i][o]);
    }
}

/* R x O outputs, constants after inlining. */
INLINE void tile(const int R, const int O, float *y, ptrdiff_t y_step, const float *const *x, struct patch_shape shape,
                 const float *w, const float *bias, int32_t relu)
{
    vf sums[VF_TILE_ROWS][VF_TILE_OUTS], in[VF_TILE_ROWS];
    EACH (i, R)
        EACH (o, O)
            sums[i][o] = vf_set1(0);
    const int32_t rest = shape.run % VF_LANES;
    const vf_part part = vf_part_of(rest ? rest : VF_LANES);
    for (int32_t r = 0; r < shape.runs; r++) {
        ptrdiff_t at = (ptrdiff_t)r * shape.step, end = at + shape.run - rest;
        for (; at < end; at += VF_LANES, w += O * VF_LANES) {
            EACH (i, R)
                in[i] = vf_load(x[i] + at);
            multiply(R, O, in, w, sums);
        }
        if (rest) {
            EACH (i, R)
                in[i] = vf_load_part(x[i] + at, part);
            multiply(R, O, in, w, sums);
            w += O * VF_LANES;
        }
    }
    finish(R, O, sums, y, y_step, bias, relu);
}

/* Rows that a tile of so many outputs takes: R * O sums, R inputs and a weight must fit the registers. */
#define TILE_ROWS(outs)                                                                                                \
    (VF_TILE_REGISTERS / ((outs) + 1) < VF_TILE_ROWS ? VF_TILE_REGISTERS / ((outs) + 1) : VF_TILE_ROWS)

static void run_tile(int32_t rows, int32_t outs, float *y, ptrdiff_t y_step, const float *const *x,
                     struct patch_shape shape, const float *w, const float *bias, int32_t relu)
{
#define TILE(R, O)                                                                                                     \
    case R * 16 + O:                                                                                                   \
        if (O <= VF_TILE_OUTS && R <= TILE_ROWS(O))                                                                    \
            tile(R, O, y, y_step, x, shape, w, bias, relu);                                                            \
        break;
#define TILES(O) TILE(1, O) TILE(2, O) TILE(3, O) TILE(4, O) TILE(5, O) TILE(6, O) TILE(7, O) TILE(8, O)
    switch (rows * 16 + outs) {
        TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7) TILES(8)
    }
#undef TILES
#undef TILE
}
_Static_assert(VF_TILE_ROWS <= 8 && VF_TILE_OUTS <= 8, "run_tile lists shapes up to 8 x 8");
_Static_assert(TILE_ROWS(VF_TILE_OUTS) >= 1, "the widest panel must have a tile");

void KFN(patch_forward)(float *y, ptrdiff_t y_step, const float *const *x, int32_t rows, struct patch_shape shape,
                        const float *panels, const float *bias, int32_t outs, int32_t relu)
{
    const size_t vectors = (size_t)shape.runs * (size_t)(shape.run / VF_LANES + (shape.run % VF_LANES != 0));
    struct split panel_split = split_evenly(outs, VF_TILE_OUTS);
    for (int32_t p = 0, o = 0; p < panel_split.parts; p++) {
        int32_t width = split_size(panel_split, p);
        struct split row_split = split_evenly(rows, TILE_ROWS(width));
        for (int32_t t = 0, i = 0; t < row_split.parts; t++) {
            int32_t height = split_size(row_split, t);
            run_tile(height, width, y + i * y_step + o, y_step, x + i, shape, panels, bias ? bias + o : NULL, relu);
            i += height;
        }
        o += width;
        panels += vectors * (size_t)width * VF_LANES;
    }
}
