/* The vocabulary (scalar.h) on AVX-512 (F, VL, DQ, BW): 16 lanes, 32 registers. */
#ifndef PMOE_SIMD_AVX512_H
#define PMOE_SIMD_AVX512_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define VF_NAME "avx512"
enum { VF_LANES = 16, VF_FUSED = 1 };
enum { VF_TILE_ROWS = 6, VF_TILE_OUTS = 6, VF_TILE_REGISTERS = 31, VF_PAIR_ROWS = 2 };
enum { VF_STRIP_ROWS = 4, VF_STRIP_RUN = 28, VF_STRIP_OUTS = 4 };
enum { VF_GRADIENT_OUTS = 6, VF_GRADIENT_VECS = 4 }; /* 24 sums, 4 inputs, 1 factor */
enum { VF_CONV_PIXELS = 12, VF_CONV_VECS = 4, VF_CONV_REGISTERS = 32 };
enum { VF_WINOGRAD_TILES = 6, VF_WINOGRAD_VECS = 4 };
enum { VF_ROUTE_SLOTS = 2 };
enum { VF_FETCHES = 1 };
enum { VF_DOT_PIXELS = 12, VF_DOT_VECS = 4, VF_DOT_REGISTERS = 30 }; /* two more: ones, and products */
enum { VQ_GROUP = 4 };

typedef __m512 vf;
typedef __mmask16 vf_part;
typedef __mmask16 vf_truth;
typedef int8_t vq;
typedef __m512i vg, vi;

static inline vf_part vf_part_of(int32_t count)
{
    return (__mmask16)((1u << count) - 1);
}

static inline vf vf_set1(float a)
{
    return _mm512_set1_ps(a);
}

static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline vf vf_load_splat(const float *p)
{
    return _mm512_set1_ps(*p);
}

static inline vf vf_load_part(const float *p, vf_part part)
{
    return _mm512_maskz_loadu_ps(part, p);
}

static inline void vf_store(float *p, vf a)
{
    _mm512_storeu_ps(p, a);
}

static inline void vf_store_part(float *p, vf a, vf_part part)
{
    _mm512_mask_storeu_ps(p, part, a);
}

/* Without it gcc 12 loads a weight from memory again for each row that it meets: tiles of 2 and 3 rows then took twice
 * their time. */
static inline vf vf_keep(vf a)
{
    __asm__("" : "+v"(a));
    return a;
}

static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vf vf_relu(vf a)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_NLE_UQ), a); /* maxps would keep -0 */
}

static inline vf vf_pass(vf a, vf by)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(by, _mm512_setzero_ps(), _CMP_GT_OQ), a);
}

static inline vf vf_max(vf a, vf b)
{
    return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a); /* as in avx2.h */
}

static inline vf_truth vf_at_least(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

static inline vf vf_pick(vf_truth truth, vf a, vf b)
{
    return _mm512_mask_blend_ps(truth, b, a);
}

static inline vf vf_above(vf a, vf b)
{
    return _mm512_max_ps(a, b); /* as in avx2.h */
}

static inline vf vf_below(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

static inline vf vf_slide(vf a, vf b, const int n)
{
    const __m512i low = _mm512_castps_si512(a), high = _mm512_castps_si512(b);
#define SLIDE(n)                                                                                                       \
    case n:                                                                                                            \
        return _mm512_castsi512_ps(_mm512_alignr_epi32(high, low, n));
#define SLIDE5(n) SLIDE(n) SLIDE(n + 1) SLIDE(n + 2) SLIDE(n + 3) SLIDE(n + 4)
    switch (n) {
        SLIDE5(1) SLIDE5(6) SLIDE5(11)
    }
#undef SLIDE5
#undef SLIDE
    return a;
}

/* Blends as in avx2.h: halves a | b, quarters a b a b. */
static inline __m512 vf_halves(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
}

static inline __m512 vf_quarters(__m512 a, __m512 b)
{
    const __m512 others = _mm512_mask_blend_ps(0x0f0f, a, b);
    return _mm512_add_ps(_mm512_mask_blend_ps(0xf0f0, a, b), _mm512_shuffle_f32x4(others, others, 0xb1));
}

static inline __m512 vf_pairs(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_mask_blend_ps(0xcccc, a, b), _mm512_shuffle_ps(a, b, 0x4e));
}

/* Four lanes are left of sums i, i + step, i + 2 step and i + 3 step, a quarter each. */
static inline __m512 vf_four_sums(const vf *a, const int count, const int i, const int step)
{
    const vf first = a[i < count ? i : 0], second = a[i + step < count ? i + step : 0];
    const vf third = a[i + 2 * step < count ? i + 2 * step : 0], fourth = a[i + 3 * step < count ? i + 3 * step : 0];
    return vf_quarters(vf_halves(first, third), vf_halves(second, fourth));
}

static inline vf vf_sums(const vf *a, const int count)
{
    if (count <= 4) {
        const __m512 four = vf_four_sums(a, count, 0, 1), two = _mm512_add_ps(four, _mm512_permute_ps(four, 0x4e));
        return _mm512_maskz_compress_ps(0x1111, _mm512_add_ps(two, _mm512_permute_ps(two, 0xb1)));
    }
    const __m512 even = vf_pairs(vf_four_sums(a, count, 0, 4), vf_four_sums(a, count, 1, 4));
    const __m512 odd = vf_pairs(vf_four_sums(a, count, 2, 4), vf_four_sums(a, count, 3, 4));
    return _mm512_add_ps(_mm512_shuffle_ps(even, odd, 0x88), _mm512_shuffle_ps(even, odd, 0xdd));
}

/* ---- Eight bits ---- */

static inline void vq_store(vq *p, vf a)
{
    const __m512i bits = _mm512_and_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(127));
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(bits));
}

static inline vg vg_load(const vq *p)
{
    return _mm512_loadu_si512(p);
}

static inline vg vg_load_splat(const vq *p)
{
    int32_t group;
    memcpy(&group, p, sizeof group);
    return _mm512_set1_epi32(group);
}

static inline vg vg_keep(vg a)
{
    __asm__("" : "+v"(a));
    return a;
}

static inline vi vi_load(const int32_t *p)
{
    return _mm512_loadu_si512(p);
}

#if !defined(VF_ELSE)
static inline vi vi_dot(vg x, vg w, vi sum)
{
    return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(x, w), _mm512_set1_epi16(1)));
}
#endif

static inline vf vf_from(vi a)
{
    return _mm512_cvtepi32_ps(a);
}

#endif
