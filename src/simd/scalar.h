/* The vector vocabulary in plain C, and its definition: every other header of this folder has the same names.
 *
 *     vf            VF_LANES floats
 *     vf_part       how many of them, 1 .. VF_LANES, in the form that this instruction set's loads want
 *     vf_truth      VF_LANES truths, in the form that its comparisons leave
 *     VF_FUSED      what vf_fma does: 1 rounds once, 0 twice, -1 as the engine likes
 *     VF_TILE_*      patch_forward: most rows and outputs (a panel's width) of a tile, registers for all that it holds
 *     VF_PAIR_ROWS   patch_forward: tiles of so few rows take two panels at once
 *     VF_STRIP_*     patch_forward: so many patches side by side, of so long a run, are read as one, for panels of up
 *                    to so many outputs; 0 outputs: never
 *     VF_GRADIENT_*  patch_gradient: outputs, and vectors along the patch
 *     VF_CONV_*      conv_forward: most pixels and vectors of outputs (a panel's width) of a tile, registers as above
 *     VF_WINOGRAD_*  winograd_multiply: the same for tiles of a map and vectors of outputs
 *     VF_ROUTE_SLOTS  route: how many slots an item passes at once
 *     VF_FETCHES     whether convolutions fetch weights ahead of their use: WebAssembly cannot, and moving a pointer to
 *                    them along takes Firefox a register of its inner loops (kernels/SPEED.md)
 *     VF_DOT_*       conv_int8: as VF_CONV_*
 *
 * and for convolutions in eight bits
 *
 *     vq, VQ_GROUP  a quantised number, and how many of them, neighbouring channels, one lane multiplies at once
 *     vg            VF_LANES groups: of weights, -127 .. 127, or of a map's numbers, 0 .. 127.  Seven bits, because
 *                   then no instruction set's way to multiply and add saturates
 *     vi            VF_LANES int32_t
 *
 * Tile sizes belong to the number of registers, so they live here; they were chosen by measuring (kernels/SPEED.md).
 *
 * Each operation is one C expression, lane by lane, NaN and -0 included; tests/units/test_simd.c holds every header
 * to it.  No operation asks for alignment, and the partial ones touch no float beyond their part.
 *
 * Four lanes, so that its sums are those of wasm simd128 to the last bit.  Compiled with the vectoriser off this is
 * the honest baseline of the benchmarks. */
#ifndef PMOE_SIMD_SCALAR_H
#define PMOE_SIMD_SCALAR_H

#include <stdint.h>
#include <string.h>

#define VF_NAME "scalar"
enum { VF_LANES = 4, VF_FUSED = 0 };
enum { VF_TILE_ROWS = 1, VF_TILE_OUTS = 2, VF_TILE_REGISTERS = 15, VF_PAIR_ROWS = 0 };
enum { VF_STRIP_ROWS = 1, VF_STRIP_RUN = 16, VF_STRIP_OUTS = 0 };
enum { VF_GRADIENT_OUTS = 2, VF_GRADIENT_VECS = 1 };
enum { VF_CONV_PIXELS = 2, VF_CONV_VECS = 2, VF_CONV_REGISTERS = 6 };
enum { VF_WINOGRAD_TILES = 2, VF_WINOGRAD_VECS = 2 };
enum { VF_ROUTE_SLOTS = 1 };
enum { VF_FETCHES = 0 };
enum { VF_DOT_PIXELS = 2, VF_DOT_VECS = 2, VF_DOT_REGISTERS = 6 };
enum { VQ_GROUP = 4 };

typedef struct vf {
    float v[VF_LANES];
} vf;
typedef int32_t vf_part;
typedef struct vf_truth {
    int32_t v[VF_LANES];
} vf_truth;
typedef int8_t vq;
typedef struct vg {
    vq v[VF_LANES * VQ_GROUP];
} vg;
typedef struct vi {
    int32_t v[VF_LANES];
} vi;

static inline vf_part vf_part_of(int32_t count) /* 1 .. VF_LANES */
{
    return count;
}

static inline vf vf_set1(float a)
{
    return (vf){{a, a, a, a}};
}

static inline vf vf_load(const float *p)
{
    return (vf){{p[0], p[1], p[2], p[3]}};
}

static inline vf vf_load_splat(const float *p) /* one float in all lanes */
{
    return vf_set1(*p);
}

static inline vf vf_load_part(const float *p, vf_part part) /* zeros in the other lanes */
{
    return (vf){{p[0], part > 1 ? p[1] : 0, part > 2 ? p[2] : 0, part > 3 ? p[3] : 0}};
}

static inline void vf_store(float *p, vf a)
{
    for (int i = 0; i < VF_LANES; i++)
        p[i] = a.v[i];
}

static inline void vf_store_part(float *p, vf a, vf_part part)
{
    for (int i = 0; i < part; i++)
        p[i] = a.v[i];
}

static inline vf vf_keep(vf a) /* a, better kept in a register than loaded again: see avx512.h */
{
    return a;
}

static inline vf vf_add(vf a, vf b) /* a + b */
{
    return (vf){{a.v[0] + b.v[0], a.v[1] + b.v[1], a.v[2] + b.v[2], a.v[3] + b.v[3]}};
}

static inline vf vf_sub(vf a, vf b) /* a - b */
{
    return (vf){{a.v[0] - b.v[0], a.v[1] - b.v[1], a.v[2] - b.v[2], a.v[3] - b.v[3]}};
}

static inline vf vf_mul(vf a, vf b) /* a * b */
{
    return (vf){{a.v[0] * b.v[0], a.v[1] * b.v[1], a.v[2] * b.v[2], a.v[3] * b.v[3]}};
}

static inline vf vf_fma(vf a, vf b, vf c) /* a * b + c */
{
    return vf_add(vf_mul(a, b), c);
}

/* a <= 0 ? 0 : a, so NaN stays NaN and -0 becomes 0.  (With < in place of <= one of our compilers, LLVM 14 for wasm,
 * turns this into f32.max, which is another function of -0.) */
static inline vf vf_relu(vf a)
{
    return (vf){
        {a.v[0] <= 0 ? 0 : a.v[0], a.v[1] <= 0 ? 0 : a.v[1], a.v[2] <= 0 ? 0 : a.v[2], a.v[3] <= 0 ? 0 : a.v[3]}};
}

/* by > 0 ? a : 0, so 0 where `by` is NaN: what a ReLU whose input was `by` lets back through. */
static inline vf vf_pass(vf a, vf by)
{
    return (vf){
        {by.v[0] > 0 ? a.v[0] : 0, by.v[1] > 0 ? a.v[1] : 0, by.v[2] > 0 ? a.v[2] : 0, by.v[3] > 0 ? a.v[3] : 0}};
}

/* a > b or a is NaN ? a : b, so NaN wins and of equals b does, -0 and 0 among them. */
static inline vf vf_max(vf a, vf b)
{
    for (int i = 0; i < VF_LANES; i++)
        b.v[i] = a.v[i] > b.v[i] || a.v[i] != a.v[i] ? a.v[i] : b.v[i];
    return b;
}

static inline vf_truth vf_at_least(vf a, vf b) /* a >= b, so false where either is NaN */
{
    return (vf_truth){{a.v[0] >= b.v[0], a.v[1] >= b.v[1], a.v[2] >= b.v[2], a.v[3] >= b.v[3]}};
}

static inline vf vf_pick(vf_truth truth, vf a, vf b) /* truth ? a : b */
{
    for (int i = 0; i < VF_LANES; i++)
        b.v[i] = truth.v[i] ? a.v[i] : b.v[i];
    return b;
}

/* The larger and the smaller of two, b where they are equal or either is NaN. */
static inline vf vf_above(vf a, vf b)
{
    for (int i = 0; i < VF_LANES; i++)
        a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return a;
}

static inline vf vf_below(vf a, vf b)
{
    for (int i = 0; i < VF_LANES; i++)
        a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i];
    return a;
}

/* Lanes n .. VF_LANES - 1 of a, then lanes 0 .. n - 1 of b; n a constant below VF_LANES. */
static inline vf vf_slide(vf a, vf b, const int n)
{
    vf slid;
    for (int i = 0; i < VF_LANES; i++)
        slid.v[i] = i + n < VF_LANES ? a.v[i + n] : b.v[i + n - VF_LANES];
    return slid;
}

/* Lane i: the sum of the lanes of a[i], (v0 + v2) + (v1 + v3); wider vectors first add their upper half to their lower
 * half until four lanes are left.  count: a constant, of vectors that there are; lanes beyond it hold anything. */
static inline vf vf_sums(const vf *a, const int count)
{
    vf sums;
    for (int i = 0; i < VF_LANES; i++) {
        const vf *from = a + (i < count ? i : 0);
        sums.v[i] = (from->v[0] + from->v[2]) + (from->v[1] + from->v[3]);
    }
    return sums;
}

/* ---- Eight bits ---- */

static inline void vq_store(vq *p, vf a) /* the lowest seven bits of each float as it lies in memory */
{
    for (int i = 0; i < VF_LANES; i++) {
        uint32_t bits;
        memcpy(&bits, &a.v[i], sizeof bits);
        p[i] = (vq)(bits & 127);
    }
}

static inline vg vg_load(const vq *p)
{
    vg a;
    memcpy(a.v, p, sizeof a.v);
    return a;
}

static inline vg vg_load_splat(const vq *p) /* one group in all lanes */
{
    vg a;
    for (int i = 0; i < VF_LANES * VQ_GROUP; i++)
        a.v[i] = p[i % VQ_GROUP];
    return a;
}

static inline vg vg_keep(vg a) /* as vf_keep */
{
    return a;
}

static inline vi vi_load(const int32_t *p)
{
    return (vi){{p[0], p[1], p[2], p[3]}};
}

/* sum + the group's products, exact while the sum is an int32_t; x a map's numbers, w weights */
static inline vi vi_dot(vg x, vg w, vi sum)
{
    for (int i = 0; i < VF_LANES * VQ_GROUP; i++)
        sum.v[i / VQ_GROUP] += x.v[i] * w.v[i];
    return sum;
}

static inline vf vf_from(vi a) /* rounded to the nearest */
{
    return (vf){{(float)a.v[0], (float)a.v[1], (float)a.v[2], (float)a.v[3]}};
}

#endif
