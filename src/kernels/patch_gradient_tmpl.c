/* patch_gradient: the gradient of patch_forward by its weights.
 *
 * A tile keeps O outputs x V vectors of dw in registers and lets a block of rows pass, each row giving V vectors of
 * input and O broadcast factors dy.  The V vectors are whole ones of the patch in order, then the partial ones that
 * end its runs, which share one mask.
 *
 * Every element of dw starts from what it held and adds the rows in order, so neither the tile's shape nor the blocks
 * change a bit of the result. */
#include "split.h"
#include "tmpl.h"

/* Rows in a block: their dw tiles are loaded and stored once a block, their inputs stay in the nearer caches while all
 * outputs pass. */
enum { BLOCK_ROWS = 64 };

struct block {
    const float *const *x;
    const float *dy;
    ptrdiff_t dy_step;
    int32_t rows;
};

INLINE vf load_of(const float *p, int is_part, vf_part part)
{
    return is_part ? vf_load_part(p, part) : vf_load(p);
}

/* dw [O] rows `patch` floats apart, at the V places dw_at; the matching places of an input row are x_at. */
INLINE void tile(const int O, const int V, const int is_part, vf_part part, float *dw, size_t patch,
                 const size_t *dw_at, const size_t *x_at, struct block block)
{
    vf sums[VF_GRADIENT_OUTS][VF_GRADIENT_VECS];
    EACH (o, O)
        EACH (v, V)
            sums[o][v] = load_of(dw + (size_t)o * patch + dw_at[v], is_part, part);
    for (int32_t i = 0; i < block.rows; i++) {
        const float *dy = block.dy + i * block.dy_step;
        vf in[VF_GRADIENT_VECS];
        EACH (v, V)
            in[v] = load_of(block.x[i] + x_at[v], is_part, part);
        EACH (o, O) {
            vf factor = vf_set1(dy[o]);
            EACH (v, V)
                sums[o][v] = vf_fma(factor, in[v], sums[o][v]);
        }
    }
    EACH (o, O)
        EACH (v, V) {
            float *to = dw + (size_t)o * patch + dw_at[v];
            if (is_part)
                vf_store_part(to, sums[o][v], part);
            else
                vf_store(to, sums[o][v]);
        }
}

INLINE void run_tile(int32_t outs, const int V, const int is_part, vf_part part, float *dw, size_t patch,
                     const size_t *dw_at, const size_t *x_at, struct block block)
{
#define TILE(O)                                                                                                        \
    case O:                                                                                                            \
        if (O <= VF_GRADIENT_OUTS)                                                                                     \
            tile(O, V, is_part, part, dw, patch, dw_at, x_at, block);                                                  \
        break;
    switch (outs) {
        TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8)
    }
#undef TILE
}
_Static_assert(VF_GRADIENT_OUTS <= 8, "run_tile lists shapes up to 8 outputs");

/* All outputs at V places. */
INLINE void run_places(const int V, const int is_part, vf_part part, float *dw, size_t patch, const size_t *dw_at,
                       const size_t *x_at, struct block block, int32_t outs)
{
    struct split split = split_evenly(outs, VF_GRADIENT_OUTS);
    for (int32_t p = 0; p < split.parts; p++) {
        int32_t width = split_size(split, p);
        run_tile(width, V, is_part, part, dw, patch, dw_at, x_at, block);
        dw += (size_t)width * patch;
        block.dy += width;
    }
}

/* Vectors number `first`, first + 1 .. of the whole ones (is_part 0: `a_run` of them in every run) or of the partial
 * ones (one a run, behind `a_run` whole ones). */
INLINE void run_vectors(const int V, const int is_part, vf_part part, struct patch_shape shape, int32_t first,
                        int32_t a_run, float *dw, struct block block, int32_t outs)
{
    size_t dw_at[VF_GRADIENT_VECS], x_at[VF_GRADIENT_VECS];
    for (int v = 0; v < V; v++) {
        int32_t run = is_part ? first + v : (first + v) / a_run;
        size_t within = (size_t)(is_part ? a_run : (first + v) % a_run) * VF_LANES;
        dw_at[v] = (size_t)run * (size_t)shape.run + within;
        x_at[v] = (size_t)run * (size_t)shape.step + within;
    }
    run_places(V, is_part, part, dw, (size_t)shape.runs * (size_t)shape.run, dw_at, x_at, block, outs);
}

void KFN(patch_gradient)(float *dw, const float *const *x, int32_t rows, struct patch_shape shape, const float *dy,
                         ptrdiff_t dy_step, int32_t outs)
{
    const int32_t a_run = shape.run / VF_LANES, rest = shape.run % VF_LANES;
    const int32_t whole = shape.runs * a_run, partial = rest ? shape.runs : 0;
    const vf_part part = vf_part_of(rest ? rest : VF_LANES);
    for (int32_t i = 0; i < rows; i += BLOCK_ROWS) {
        int32_t count = rows - i < BLOCK_ROWS ? rows - i : BLOCK_ROWS;
        struct block block = {x + i, dy + i * dy_step, dy_step, count};
        int32_t v = 0;
        for (; v + VF_GRADIENT_VECS <= whole; v += VF_GRADIENT_VECS)
            run_vectors(VF_GRADIENT_VECS, 0, part, shape, v, a_run, dw, block, outs);
        for (; v < whole; v++)
            run_vectors(1, 0, part, shape, v, a_run, dw, block, outs);
        for (v = 0; v + VF_GRADIENT_VECS <= partial; v += VF_GRADIENT_VECS)
            run_vectors(VF_GRADIENT_VECS, 1, part, shape, v, a_run, dw, block, outs);
        for (; v < partial; v++)
            run_vectors(1, 1, part, shape, v, a_run, dw, block, outs);
    }
}
