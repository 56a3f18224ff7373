/* The stages of a Winograd convolution; winograd.h has the algorithm, its points and how exact it is.
 *
 * The transforms take one tile a call, vectors along its channels: numbers are transformed along each row of the tile,
 * then down each column.  The products are small matrix multiplications, one for each point: a tile of P rows (tiles of
 * the map) by O vectors of outputs keeps its sums in registers.  More vectors than rows, where registers allow: each
 * channel of a row costs a load, and what V and the weights bring from the second-level cache competes for the same
 * slots. */
#include "conv_step.h"
#include "split.h"
#include "tmpl.h"

enum { MOST_M = 4, MOST_SIDE = MOST_M + 2 };

/* a, to the compiler another number each time.  Else it computes the place of every point once for all vectors and,
 * having no registers for them, loads each of these: additions are cheaper. */
INLINE ptrdiff_t fresh(ptrdiff_t a)
{
    __asm__("" : "+r"(a));
    return a;
}

/* ---- Four or six numbers of a line ---- */

/* Inlined, but where each lane is instructions of its own: lines of outputs are then 2 KiB of a gzipped module. */
#if defined(__wasm__) && !defined(__wasm_simd128__)
#define OUTPUT_LINE static __attribute__((noinline))
#else
#define OUTPUT_LINE INLINE
#endif

#define A 0.625f
#define B 1.5f

/* The values at the points 0, 1, -1, infinity. */
INLINE void input_line_2(vf d[4])
{
    vf even = d[2], odd = d[1];
    d[0] = vf_sub(even, d[0]);
    d[1] = vf_add(even, odd);
    d[2] = vf_sub(even, odd);
    d[3] = vf_sub(d[3], odd);
}

/* The values at 0, A, -A, B, -B, infinity. */
INLINE void input_line_4(vf d[6])
{
    const vf minus_sum = vf_set1(-(A * A + B * B)), product = vf_set1(A * A * B * B);
    vf at_0 = vf_fma(product, d[0], vf_fma(minus_sum, d[2], d[4]));
    vf at_infinity = vf_fma(product, d[1], vf_fma(minus_sum, d[3], d[5]));
    vf even_a = vf_fma(vf_set1(-B * B), d[2], d[4]), odd_a = vf_fma(vf_set1(-B * B), d[1], d[3]);
    vf even_b = vf_fma(vf_set1(-A * A), d[2], d[4]), odd_b = vf_fma(vf_set1(-A * A), d[1], d[3]);
    d[0] = at_0;
    d[1] = vf_fma(vf_set1(A), odd_a, even_a);
    d[2] = vf_fma(vf_set1(-A), odd_a, even_a);
    d[3] = vf_fma(vf_set1(B), odd_b, even_b);
    d[4] = vf_fma(vf_set1(-B), odd_b, even_b);
    d[5] = at_infinity;
}

OUTPUT_LINE void output_line_2(vf m[4])
{
    vf sum = vf_add(m[1], m[2]), difference = vf_sub(m[1], m[2]);
    m[0] = vf_add(m[0], sum);
    m[1] = vf_add(difference, m[3]);
}

OUTPUT_LINE void output_line_4(vf m[6])
{
    vf sum_a = vf_add(m[1], m[2]), difference_a = vf_sub(m[1], m[2]);
    vf sum_b = vf_add(m[3], m[4]), difference_b = vf_sub(m[3], m[4]);
    m[0] = vf_add(m[0], vf_add(sum_a, sum_b));
    m[1] = vf_fma(vf_set1(B), difference_b, vf_mul(vf_set1(A), difference_a));
    m[2] = vf_fma(vf_set1(B * B), sum_b, vf_mul(vf_set1(A * A), sum_a));
    m[3] = vf_fma(vf_set1(B * B * B), difference_b, vf_fma(vf_set1(A * A * A), difference_a, m[5]));
}

INLINE void input_line(const int m, vf *d)
{
    if (m == 2)
        input_line_2(d);
    else
        input_line_4(d);
}

INLINE void output_line(const int m, vf *d)
{
    if (m == 2)
        output_line_2(d);
    else
        output_line_4(d);
}

/* ---- Pixels to points ---- */

/* A vector of channels: those of x from c on. */
INLINE void input_vector(const int m, float *v, ptrdiff_t point_step, const float *const *x, ptrdiff_t c)
{
    const int side = m + 2;
    vf column[MOST_SIDE][MOST_SIDE];
    EACH (i, side) {
        vf row[MOST_SIDE];
        EACH (j, side)
            row[j] = vf_load(x[i * side + j] + c);
        input_line(m, row);
        EACH (j, side)
            column[j][i] = row[j];
    }
    point_step = fresh(point_step);
    EACH (j, side) {
        float *to = v + j * point_step;
        input_line(m, column[j]);
        EACH (i, side)
            vf_store(to + i * side * point_step, column[j][i]);
    }
}

/* The last channels are moved to where a whole vector can be read: one copy of the arithmetic serves both. */
INLINE void input_tile(const int m, float *v, ptrdiff_t point_step, const float *const *x, int32_t channels)
{
    float rest[MOST_SIDE * MOST_SIDE * VF_LANES];
    const float *moved[MOST_SIDE * MOST_SIDE];
    for (int32_t c = 0; c < channels; c += VF_LANES) {
        const int whole = c + VF_LANES <= channels;
        for (int p = 0; p < (m + 2) * (m + 2) && !whole; p++) {
            vf_store(rest + p * VF_LANES, vf_load_part(x[p] + c, vf_part_of(channels - c)));
            moved[p] = rest + p * VF_LANES;
        }
        input_vector(m, v + c, point_step, whole ? x : moved, whole ? c : 0);
    }
}

void KFN(winograd_input)(float *v, ptrdiff_t point_step, const float *const *x, int32_t m, int32_t channels)
{
    if (m == 2)
        input_tile(2, v, point_step, x, channels);
    else
        input_tile(4, v, point_step, x, channels);
}

/* ---- Products ---- */

/* P tiles of the map by O vectors of outputs, constants after inlining.  Weights that come next are fetched meanwhile,
 * a line for each channel, as long as there are any: `ahead` is the first, ahead_step 16 floats, or else 0. */
INLINE void product(const int P, const int O, float *m, const float *v, const float *w,
                    const struct winograd_strip *strip, const float *ahead, ptrdiff_t ahead_step)
{
    vf sums[VF_WINOGRAD_TILES * VF_WINOGRAD_VECS];
    const float *from[VF_WINOGRAD_TILES];
    EACH (p, P)
        from[p] = v + p * strip->v_row;
    EACH (i, P * O)
        sums[i] = vf_set1(0);
    const float *end = w + (ptrdiff_t)O * VF_LANES * strip->channels;
    for (ptrdiff_t c = 0; w < end; c++, w += O * VF_LANES, ahead += ahead_step) {
        __builtin_prefetch(ahead);
        multiply(P, O, from, c, w, sums);
    }
    EACH (p, P)
        EACH (o, O)
            vf_store(m + p * strip->m_row + o * VF_LANES, sums[p * O + o]);
}

/* One panel of `vecs` vectors by `count` times so many rows. */
static const float *products(int32_t count, int32_t rows, int32_t vecs, float *m, const float *v, const float *w,
                             const struct winograd_strip *strip, const float *ahead, const float *ahead_end)
{
    const ptrdiff_t lines = (ptrdiff_t)16 * strip->channels;
#define TILE(P, O)                                                                                                     \
    case P * 8 + O:                                                                                                    \
        if (P <= VF_WINOGRAD_TILES && O <= VF_WINOGRAD_VECS)                                                           \
            for (; count > 0; count--, m += P * strip->m_row, v += P * strip->v_row) {                                 \
                const int more = VF_FETCHES && ahead < ahead_end;                                                      \
                product(P, O, m, v, w, strip, ahead, more ? 16 : 0);                                                   \
                ahead += more ? lines : 0;                                                                             \
            }                                                                                                          \
        break;
#define TILES(P) TILE(P, 1) TILE(P, 2) TILE(P, 3) TILE(P, 4)
    switch (rows * 8 + vecs) {
        TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6)
    }
#undef TILES
#undef TILE
    return ahead;
}
_Static_assert(VF_WINOGRAD_TILES <= 6 && VF_WINOGRAD_VECS <= 4, "products lists shapes up to 6 x 4");

void KFN(winograd_multiply)(float *m, const float *v, const float *panels, const struct winograd_strip *strip,
                            int32_t tiles, int32_t outs)
{
    const struct split panel_split = split_evenly(outs / VF_LANES + (outs % VF_LANES != 0), VF_WINOGRAD_VECS);
    const struct split tile_split = split_evenly(tiles, VF_WINOGRAD_TILES);
    const int32_t larger = tile_split.larger, in_larger = larger * (tile_split.size + 1);
    for (int32_t point = 0; point < strip->points; point++) {
        const float *w = panels;
        float *to = m;
        for (int32_t q = 0; q < panel_split.parts; q++) {
            const int32_t vecs = split_size(panel_split, q);
            const ptrdiff_t panel = (ptrdiff_t)vecs * VF_LANES * strip->channels;
            const int last = q + 1 == panel_split.parts, end = last && point + 1 == strip->points;
            const float *next = end ? w : last ? panels + strip->w_point : w + panel;
            const float *next_end = end ? w : next + panel;
            next = products(larger, tile_split.size + 1, vecs, to, v, w, strip, next, next_end);
            products(tile_split.parts - larger, tile_split.size, vecs, to + in_larger * strip->m_row,
                     v + in_larger * strip->v_row, w, strip, next, next_end);
            w += panel;
            to += vecs * VF_LANES;
        }
        panels += strip->w_point;
        v += strip->v_point;
        m += strip->m_point;
    }
}

/* ---- Points to pixels ---- */

/* A vector of outputs of a whole tile. */
INLINE void output_vector(const int m, float *y, ptrdiff_t y_row, ptrdiff_t y_pixel, const float *points,
                          ptrdiff_t point_step, vf bias, const float *add, int32_t relu)
{
    const int side = m + 2;
    vf column[MOST_M][MOST_SIDE];
    point_step = fresh(point_step);
    EACH (i, side) {
        vf row[MOST_SIDE];
        EACH (j, side) {
            row[j] = vf_load(points);
            points += point_step;
        }
        output_line(m, row);
        EACH (j, m)
            column[j][i] = row[j];
    }
    EACH (j, m)
        output_line(m, column[j]);
    y_row = fresh(y_row);
    EACH (i, m) {
        vf row[MOST_M];
        EACH (j, m)
            row[j] = vf_add(column[j][i], bias);
        if (add)
            EACH (j, m)
                row[j] = vf_add(row[j], vf_load(add + i * y_row + j * y_pixel));
        if (relu)
            EACH (j, m)
                row[j] = vf_relu(row[j]);
        EACH (j, m)
            vf_store(y + i * y_row + j * y_pixel, row[j]);
    }
}

/* What is not whole goes through a tile that is: one copy of the arithmetic serves both. */
INLINE void output_tile(const int m, float *y, struct map_part y_part, const float *points, ptrdiff_t point_step,
                        const float *bias, const float *add, int32_t relu, int32_t outs)
{
    const int32_t high = y_part.high < m ? y_part.high : m, wide = y_part.wide < m ? y_part.wide : m;
    float edge[MOST_M * MOST_M * VF_LANES] = {0};
    for (int32_t o = 0; o < outs; o += VF_LANES) {
        const int32_t rest = outs - o < VF_LANES ? outs - o : VF_LANES;
        const vf_part part = vf_part_of(rest);
        const int whole = high == m && wide == m && rest == VF_LANES;
        vf added = bias ? vf_load_part(bias + o, part) : vf_set1(0);
        float *to = whole ? y + o : edge;
        ptrdiff_t row = whole ? y_part.row : m * VF_LANES, pixel = whole ? y_part.pixel : VF_LANES;
        for (int32_t i = 0; i < high && add && !whole; i++)
            for (int32_t j = 0; j < wide; j++)
                vf_store(edge + (i * m + j) * VF_LANES,
                         vf_load_part(add + i * y_part.row + j * y_part.pixel + o, part));
        output_vector(m, to, row, pixel, points + o, point_step, added, !add ? NULL : whole ? add + o : edge, relu);
        for (int32_t i = 0; i < high && !whole; i++)
            for (int32_t j = 0; j < wide; j++)
                vf_store_part(y + i * y_part.row + j * y_part.pixel + o, vf_load(edge + (i * m + j) * VF_LANES), part);
    }
}

void KFN(winograd_output)(float *y, struct map_part part, const float *points, ptrdiff_t point_step, int32_t m,
                          const float *bias, const float *add, int32_t relu, int32_t outs)
{
    if (m == 2)
        output_tile(2, y, part, points, point_step, bias, add, relu, outs);
    else
        output_tile(4, y, part, points, point_step, bias, add, relu, outs);
}
