/* patch_forward: rows of patches times packed panels of weights.
 *
 * Vectors run along the patch, because experts are narrow (5 to 40 outputs) and patches long (28 runs of 28).  A tile
 * keeps R x O sums, each a vector; one step loads R vectors of input and O of weights for R * O multiply-adds:
 *
 *               w0  w1 .. wO-1        one step's vectors lie side by side in the panel, aligned
 *        x0     s00 s01
 *        x1     s10 s11
 *        xR-1
 *
 * Tiles of few rows (l = 2 patches an expert) take two panels at once, or loads would outnumber multiply-adds.  A tile
 * of rows passes all panels before the next one: its patches stay in the first-level cache, and the weights are one
 * stream that a prefetcher follows.  A router's tiles are instead strips of patches that lie side by side: with so few
 * outputs it is their loads that take the time.
 *
 * Order of summation, the same for every tile shape, so that a patch gets the same bits whether routed or dense and
 * whoever its neighbours are: lane v of an output sums the products at lane v of each vector in order (pack.h), vf_sums
 * adds the lanes, the bias comes last. */
#include "split.h"
#include "tmpl.h"

/* Rows that a tile of so many outputs takes: R * O sums, R inputs and a weight must fit the registers. */
#define TILE_ROWS(outs)                                                                                                \
    (VF_TILE_REGISTERS / ((outs) + 1) < VF_TILE_ROWS ? VF_TILE_REGISTERS / ((outs) + 1) : VF_TILE_ROWS)
/* The same for two panels at once. */
#define PAIR_ROWS(outs) (TILE_ROWS(2 * (outs)) < VF_PAIR_ROWS ? TILE_ROWS(2 * (outs)) : VF_PAIR_ROWS)

enum { MOST_SUMS = VF_TILE_REGISTERS, STRIP_LINES = VF_STRIP_ROWS * VF_STRIP_RUN / VF_LANES };

/* What all tiles of a call share. */
struct call {
    ptrdiff_t y_step;
    struct patch_shape shape;
    size_t patch_floats; /* of one output in a panel, padding included */
    int32_t relu;
};

/* 1 .. VF_LANES floats, a constant number after inlining. */
INLINE vf load_few(const float *p, const int count)
{
    return count == VF_LANES ? vf_load(p) : vf_load_part(p, vf_part_of(count));
}

INLINE void store_few(float *p, vf a, const int count)
{
    if (count == VF_LANES)
        vf_store(p, a);
    else
        vf_store_part(p, a, vf_part_of(count));
}

/* Sums to values: y[i][o] = act(bias[o] + sum), a row of up to VF_LANES outputs at a time and without branches on
 * values, which half of all signs would mispredict.  Nothing goes by way of memory: a row that begins within one store
 * and ends within the next would wait for both. */
INLINE void finish(const int R, const int O, vf sums[MOST_SUMS], float *y, const float *bias, const struct call *call)
{
    vf flat[(MOST_SUMS + VF_LANES - 1) / VF_LANES];
    EACH (v, (R * O + VF_LANES - 1) / VF_LANES)
        flat[v] = vf_sums(sums + v * VF_LANES, R * O - v * VF_LANES);
    EACH (chunk, (O + VF_LANES - 1) / VF_LANES) {
        const int o = chunk * VF_LANES, count = O - o < VF_LANES ? O - o : VF_LANES;
        vf added = bias ? load_few(bias + o, count) : vf_set1(0);
        EACH (i, R) {
            const int at = i * O + o;
            const vf row = vf_slide(flat[at / VF_LANES], flat[(at + count - 1) / VF_LANES], at % VF_LANES);
            const vf value = vf_add(row, added);
            store_few(y + i * call->y_step + o, call->relu ? vf_relu(value) : value, count);
        }
    }
}

/* One step: a vector of each of R inputs by one of each of P * O outputs, whose P panels lie panel_floats apart. */
INLINE void multiply(const int R, const int P, const int O, const vf in[VF_TILE_ROWS], const float *w,
                     size_t panel_floats, vf sums[MOST_SUMS])
{
    EACH (p, P)
        EACH (o, O) {
            vf weight = vf_keep(vf_load(w + (size_t)p * panel_floats + o * VF_LANES));
            EACH (i, R)
                sums[(i * P + p) * O + o] = vf_fma(in[i], weight, sums[(i * P + p) * O + o]);
        }
}

/* What tile loads of VF_STRIP_ROWS patches side by side, `at` floats into a run of each. */
INLINE void slide(const vf lines[STRIP_LINES], const int at, vf in[VF_TILE_ROWS])
{
    EACH (i, VF_STRIP_ROWS) {
        const int from = i * VF_STRIP_RUN + at;
        in[i] = vf_slide(lines[from / VF_LANES], lines[(from + VF_LANES - 1) / VF_LANES], from % VF_LANES);
    }
}

/* One panel for such a strip: its run is one piece of memory that is read in whole lines, each once. */
INLINE void strip(const int O, float *y, const float *x, const float *w, const float *bias, const struct call *call)
{
    vf sums[MOST_SUMS], lines[STRIP_LINES], in[VF_TILE_ROWS];
    EACH (i, VF_STRIP_ROWS * O)
        sums[i] = vf_set1(0);
    for (int32_t runs = call->shape.runs; runs > 0; runs--, x += call->shape.step, w += 2 * O * VF_LANES) {
        EACH (line, STRIP_LINES)
            lines[line] = vf_keep(vf_load(x + line * VF_LANES));
        slide(lines, 0, in);
        multiply(VF_STRIP_ROWS, 1, O, in, w, 0, sums);
        slide(lines, VF_STRIP_RUN - VF_LANES, in);
        multiply(VF_STRIP_ROWS, 1, O, in, w + O * VF_LANES, 0, sums);
    }
    finish(VF_STRIP_ROWS, O, sums, y, bias, call);
}

static int is_strip(const float *const *x, struct patch_shape shape)
{
    int32_t beside = 1;
    while (beside < VF_STRIP_ROWS && x[beside] == x[0] + beside * VF_STRIP_RUN)
        beside++;
    return shape.run == VF_STRIP_RUN && beside == VF_STRIP_ROWS;
}

/* R rows by P panels of O outputs, all constants after inlining. */
INLINE void tile(const int R, const int P, const int O, float *y, const float *const *x, const float *w,
                 const float *bias, const struct call *call)
{
    vf sums[MOST_SUMS], in[VF_TILE_ROWS];
    const float *from[VF_TILE_ROWS];
    EACH (i, R)
        from[i] = x[i];
    EACH (i, R * P * O)
        sums[i] = vf_set1(0);
    const size_t panel_floats = O * call->patch_floats;
    const ptrdiff_t run = call->shape.run, last = run - VF_LANES;
    const ptrdiff_t before_last = (run - 1) / VF_LANES * (O * VF_LANES);
    const vf_part part = vf_part_of(last < 0 ? (int32_t)run : VF_LANES);
    ptrdiff_t run_at = 0;
    for (int32_t runs = run ? call->shape.runs : 0; runs > 0; runs--, run_at += call->shape.step) {
        ptrdiff_t at = run_at;
        for (const float *end = w + before_last; w < end; w += O * VF_LANES, at += VF_LANES) {
            EACH (i, R)
                in[i] = vf_keep(vf_load(from[i] + at));
            multiply(R, P, O, in, w, panel_floats, sums);
        }
        if (last < 0)
            EACH (i, R)
                in[i] = vf_keep(vf_load_part(from[i] + run_at, part));
        else
            EACH (i, R)
                in[i] = vf_keep(vf_load(from[i] + run_at + last));
        multiply(R, P, O, in, w, panel_floats, sums);
        w += O * VF_LANES;
    }
    finish(R, P * O, sums, y, bias, call);
}

/* `panels` panels of O outputs each for one tile of R rows. */
#define NEXT(P, O) y += P * O, w += P * O * call->patch_floats, bias = bias ? bias + P * O : NULL, panels -= P
#define FITS(R, O) ((O) <= VF_TILE_OUTS && (R) <= TILE_ROWS(O))
#define TILE(R, O)                                                                                                     \
    APART void run_##R##_##O(int32_t panels, float *y, const float *const *x, const float *w, const float *bias,       \
                             const struct call *call)                                                                  \
    {                                                                                                                  \
        if (R == VF_STRIP_ROWS && O <= VF_STRIP_OUTS && is_strip(x, call->shape))                                      \
            for (; panels > 0; NEXT(1, O))                                                                             \
                strip(O, y, x[0], w, bias, call);                                                                      \
        if (FITS(R, O) && R <= PAIR_ROWS(O))                                                                           \
            for (; panels > 1; NEXT(2, O))                                                                             \
                tile(R, 2, O, y, x, w, bias, call);                                                                    \
        if (FITS(R, O))                                                                                                \
            for (; panels > 0; NEXT(1, O))                                                                             \
                tile(R, 1, O, y, x, w, bias, call);                                                                    \
    }
#define TILES(O) TILE(1, O) TILE(2, O) TILE(3, O) TILE(4, O) TILE(5, O) TILE(6, O) TILE(7, O) TILE(8, O)
#define ALL_TILES TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7) TILES(8)
ALL_TILES
_Static_assert(VF_TILE_ROWS <= 8 && VF_TILE_OUTS <= 8, "ALL_TILES lists shapes up to 8 x 8");
#undef TILE
#undef NEXT

static void run_panels(int32_t panels, int32_t rows, int32_t outs, float *y, const float *const *x, const float *w,
                       const float *bias, const struct call *call)
{
#define TILE(R, O)                                                                                                     \
    case R * 16 + O:                                                                                                   \
        if (FITS(R, O))                                                                                                \
            run_##R##_##O(panels, y, x, w, bias, call);                                                                \
        break;
    switch (rows * 16 + outs) {
        ALL_TILES
    }
#undef TILE
#undef TILES
#undef ALL_TILES
#undef FITS
}
_Static_assert(TILE_ROWS(VF_TILE_OUTS) >= 1, "the widest panel must have a tile");

/* The rows of one group by its panels. */
static void group(float *y, const float *const *x, struct split rows, const float *panels, const float *bias,
                  struct split outs, const struct call *call)
{
    const int32_t in_larger = outs.larger * (outs.size + 1);
    for (int32_t t = 0; t < rows.parts; t++) {
        int32_t height = split_size(rows, t);
        run_panels(outs.larger, height, outs.size + 1, y, x, panels, bias, call);
        run_panels(outs.parts - outs.larger, height, outs.size, y + in_larger, x,
                   panels + (size_t)in_larger * call->patch_floats, bias ? bias + in_larger : NULL, call);
        y += height * call->y_step;
        x += height;
    }
}

void KFN(patch_forward)(float *y, ptrdiff_t y_step, const float *const *x, int32_t rows, int32_t groups,
                        struct patch_shape shape, const float *panels, const float *bias, int32_t outs, int32_t relu)
{
    const size_t vectors = (size_t)shape.runs * (size_t)(shape.run / VF_LANES + (shape.run % VF_LANES != 0));
    const struct call call = {y_step, shape, vectors * VF_LANES, relu};
    const struct split panel_split = split_evenly(outs, VF_TILE_OUTS);
    if (!panel_split.parts)
        return;
    const int32_t widest = split_size(panel_split, 0);
    const int32_t in_strips = widest <= VF_STRIP_OUTS && shape.run == VF_STRIP_RUN;
    const struct split row_split = split_evenly(rows, in_strips ? VF_STRIP_ROWS : TILE_ROWS(widest));
    for (; groups > 0; groups--, y += rows * y_step, x += rows, panels += (size_t)outs * call.patch_floats) {
        group(y, x, row_split, panels, bias, panel_split, &call);
        bias = bias ? bias + outs : NULL;
    }
}
