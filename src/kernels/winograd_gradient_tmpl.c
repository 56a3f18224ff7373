/* The way back through the stages of a Winograd convolution F(4x4, 3x3) to its weights: winograd.h has the transforms,
 * and kernel_list.h the equations.
 *
 * Gradients by outputs become gradients by products with the matrix that made outputs of products, one tile a call,
 * vectors along the outputs.  What these and the transformed pixels give to the transformed weights is a small matrix
 * product for each point: P outputs by O vectors of channels stay in registers while all tiles pass.  Last, the
 * gradients by transformed weights become those by weights, vectors along the channels, which lie innermost in files.
 */
#include "split.h"
#include "tmpl.h"

enum { TILE_MOST_ROWS = VF_CONV_PIXELS, TILE_MOST_VECS = VF_CONV_VECS, TILE_REGISTERS = VF_CONV_REGISTERS };
#include "conv_tile.h"

enum { M = 4, SIDE = M + 2, TAPS = 3, LINE = 16 };

#define A 0.625f
#define B 1.5f
#define D (A * A - B * B)

/* a, to the compiler another number each time: see winograd_tmpl.c. */
INLINE ptrdiff_t fresh(ptrdiff_t a)
{
    __asm__("" : "+r"(a));
    return a;
}

/* ---- Outputs to products ---- */

/* Four numbers of a line to the values at 0, A, -A, B, -B, infinity of the polynomial that they are. */
INLINE void output_line(const vf y[M], vf m[SIDE])
{
    vf even_a = vf_fma(vf_set1(A * A), y[2], y[0]), odd_a = vf_fma(vf_set1(A * A * A), y[3], vf_mul(vf_set1(A), y[1]));
    vf even_b = vf_fma(vf_set1(B * B), y[2], y[0]), odd_b = vf_fma(vf_set1(B * B * B), y[3], vf_mul(vf_set1(B), y[1]));
    m[0] = y[0];
    m[1] = vf_add(even_a, odd_a);
    m[2] = vf_sub(even_a, odd_a);
    m[3] = vf_add(even_b, odd_b);
    m[4] = vf_sub(even_b, odd_b);
    m[5] = y[3];
}

/* A vector of outputs: those of dy from o on. */
INLINE void output_vector(float *m, ptrdiff_t point_step, const float *const *dy, ptrdiff_t o)
{
    vf column[SIDE][M];
    EACH (i, M) {
        vf row[M], values[SIDE];
        EACH (j, M)
            row[j] = vf_load(dy[i * M + j] + o);
        output_line(row, values);
        EACH (j, SIDE)
            column[j][i] = values[j];
    }
    point_step = fresh(point_step);
    EACH (j, SIDE) {
        float *to = m + j * point_step;
        vf values[SIDE];
        output_line(column[j], values);
        EACH (i, SIDE)
            vf_store(to + i * SIDE * point_step, values[i]);
    }
}

void KFN(winograd_output_gradient)(float *m, ptrdiff_t point_step, const float *const *dy, int32_t outs)
{
    float rest[M * M * VF_LANES];
    const float *moved[M * M];
    for (int32_t o = 0; o < outs; o += VF_LANES) {
        const int whole = o + VF_LANES <= outs;
        for (int p = 0; p < M * M && !whole; p++) {
            vf_store(rest + p * VF_LANES, vf_load_part(dy[p] + o, vf_part_of(outs - o)));
            moved[p] = rest + p * VF_LANES;
        }
        output_vector(m + o, point_step, whole ? dy : moved, whole ? o : 0);
    }
}

/* ---- Products to transformed weights ---- */

/* P outputs by O vectors of channels, constants after inlining.  The sums that come next are fetched meanwhile, a line
 * for each tile of the map: those of all points are more than a first-level cache holds. */
INLINE void tile(const int P, const int O, float *du, const float *m, const float *v,
                 const struct winograd_strip *strip, int32_t tiles)
{
    vf sums[VF_CONV_REGISTERS];
    const ptrdiff_t m_row = strip->m_row, v_row = strip->v_row;
    const float *ahead = du + P * v_row;
    EACH (p, P)
        EACH (o, O)
            sums[p * O + o] = vf_load(du + p * v_row + o * VF_LANES);
    for (int32_t t = 0; t < tiles; t++, m += m_row, v += v_row, ahead += LINE) {
        vf factor[6];
        __builtin_prefetch(ahead, 1);
        EACH (o, O)
            factor[o] = vf_keep(vf_load(v + o * VF_LANES));
        EACH (p, P) {
            vf by = vf_load_splat(m + p);
            EACH (o, O)
                sums[p * O + o] = vf_fma(by, factor[o], sums[p * O + o]);
        }
    }
    EACH (p, P)
        EACH (o, O)
            vf_store(du + p * v_row + o * VF_LANES, sums[p * O + o]);
}

/* Tiles of P outputs while there are so many left, P no more than registers allow. */
#define TILES(P, O)                                                                                                    \
    for (; P <= TILE_PIXELS(O) && outs >= P; outs -= P, m += P, du += P * strip->v_row)                                \
        tile(P, O, du, m, v, strip, tiles);

/* All outputs by O vectors of channels at one point. */
#define COLUMN(O)                                                                                                      \
    static __attribute__((noinline)) void column_##O(float *du, const float *m, const float *v,                        \
                                                     const struct winograd_strip *strip, int32_t tiles, int32_t outs)  \
    {                                                                                                                  \
        if (O <= VF_CONV_VECS) {                                                                                       \
            TILES(12, O) TILES(8, O) TILES(6, O) TILES(4, O) TILES(2, O) TILES(1, O)                                   \
        }                                                                                                              \
    }
COLUMN(1)
COLUMN(2)
COLUMN(3)
COLUMN(4)
COLUMN(5)
COLUMN(6)

void KFN(winograd_multiply_gradient)(float *du, const float *m, const float *v, const struct winograd_strip *strip,
                                     int32_t tiles, int32_t outs)
{
    const int32_t vectors = strip->channels / VF_LANES + (strip->channels % VF_LANES != 0);
    const struct split split = split_evenly(vectors, VF_CONV_VECS);
    for (int32_t point = 0; point < strip->points; point++)
        for (int32_t part = 0, c = 0; part < split.parts; part++) {
            const int32_t vecs = split_size(split, part);
            float *to = du + point * strip->w_point + c;
            const float *by = m + point * strip->m_point, *from = v + point * strip->v_point + c;
            switch (vecs) {
            case 1: column_1(to, by, from, strip, tiles, outs); break;
            case 2: column_2(to, by, from, strip, tiles, outs); break;
            case 3: column_3(to, by, from, strip, tiles, outs); break;
            case 4: column_4(to, by, from, strip, tiles, outs); break;
            case 5: column_5(to, by, from, strip, tiles, outs); break;
            case 6: column_6(to, by, from, strip, tiles, outs); break;
            }
            c += vecs * VF_LANES;
        }
}

/* ---- Transformed weights to weights ---- */

/* Six numbers of a line to three: G^T. */
INLINE void filter_line(const vf u[SIDE], vf w[TAPS])
{
    const vf by_0 = vf_set1(1 / (A * A * B * B));
    vf sum_a = vf_add(u[1], u[2]), difference_a = vf_sub(u[1], u[2]);
    vf sum_b = vf_add(u[3], u[4]), difference_b = vf_sub(u[3], u[4]);
    w[0] =
        vf_fma(by_0, u[0], vf_fma(vf_set1(1 / (2 * A * A * D)), sum_a, vf_mul(vf_set1(-1 / (2 * B * B * D)), sum_b)));
    w[1] = vf_fma(vf_set1(1 / (2 * A * D)), difference_a, vf_mul(vf_set1(-1 / (2 * B * D)), difference_b));
    w[2] = vf_fma(vf_set1(1 / (2 * D)), sum_a, vf_fma(vf_set1(-1 / (2 * D)), sum_b, u[5]));
}

INLINE void filter_vector(float *dw, ptrdiff_t tap_step, const float *du, ptrdiff_t point_step, int32_t count)
{
    vf column[TAPS][SIDE];
    point_step = fresh(point_step);
    EACH (i, SIDE) {
        vf row[SIDE], values[TAPS];
        EACH (j, SIDE)
            row[j] = vf_load(du + (i * SIDE + j) * point_step);
        filter_line(row, values);
        EACH (j, TAPS)
            column[j][i] = values[j];
    }
    EACH (j, TAPS) {
        vf values[TAPS];
        filter_line(column[j], values);
        EACH (i, TAPS) {
            float *to = dw + (i * TAPS + j) * tap_step;
            if (count >= VF_LANES)
                vf_store(to, values[i]);
            else
                vf_store_part(to, values[i], vf_part_of(count));
        }
    }
}

void KFN(winograd_filter_gradient)(float *dw, ptrdiff_t tap_step, const float *du, ptrdiff_t point_step,
                                   int32_t channels)
{
    for (int32_t c = 0; c < channels; c += VF_LANES)
        filter_vector(dw + c, tap_step, du + c, point_step, channels - c);
}
