/* The vocabulary (scalar.h) on AVX2 with FMA: 8 lanes, 16 registers. */
#ifndef PMOE_SIMD_AVX2_H
#define PMOE_SIMD_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define VF_NAME "avx2"
enum { VF_LANES = 8, VF_FUSED = 1 };
enum { VF_TILE_ROWS = 6, VF_TILE_OUTS = 6, VF_TILE_REGISTERS = 15, VF_PAIR_ROWS = 2 };
enum { VF_STRIP_ROWS = 1, VF_STRIP_RUN = 16, VF_STRIP_OUTS = 0 };
enum { VF_GRADIENT_OUTS = 6, VF_GRADIENT_VECS = 2 }; /* 12 sums, 2 inputs, 1 factor */
enum { VF_CONV_PIXELS = 8, VF_CONV_VECS = 2, VF_CONV_REGISTERS = 16 };
enum { VF_WINOGRAD_TILES = 4, VF_WINOGRAD_VECS = 3 };
enum { VF_ROUTE_SLOTS = 2 };
enum { VF_FETCHES = 1 };
enum { VF_DOT_PIXELS = 8, VF_DOT_VECS = 2, VF_DOT_REGISTERS = 14 }; /* two more: ones, and products */
enum { VQ_GROUP = 4 };

typedef __m256 vf;
typedef __m256i vf_part; /* all ones in the lanes that count */
typedef __m256 vf_truth; /* all ones for true */
typedef int8_t vq;
typedef __m256i vg, vi;

static inline vf_part vf_part_of(int32_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vf vf_set1(float a)
{
    return _mm256_set1_ps(a);
}

static inline vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline vf vf_load_splat(const float *p)
{
    return _mm256_broadcast_ss(p);
}

static inline vf vf_load_part(const float *p, vf_part part)
{
    return _mm256_maskload_ps(p, part);
}

static inline void vf_store(float *p, vf a)
{
    _mm256_storeu_ps(p, a);
}

static inline void vf_store_part(float *p, vf a, vf_part part)
{
    _mm256_maskstore_ps(p, part, a);
}

static inline vf vf_keep(vf a)
{
    __asm__("" : "+x"(a));
    return a;
}

static inline vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vf vf_relu(vf a)
{
    return _mm256_and_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_NLE_UQ), a); /* maxps would keep -0 */
}

static inline vf vf_pass(vf a, vf by)
{
    return _mm256_and_ps(_mm256_cmp_ps(by, _mm256_setzero_ps(), _CMP_GT_OQ), a);
}

static inline vf vf_max(vf a, vf b)
{
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q)); /* maxps drops a NaN in a */
}

static inline vf_truth vf_at_least(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_GE_OQ);
}

static inline vf vf_pick(vf_truth truth, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, truth);
}

static inline vf vf_above(vf a, vf b)
{
    return _mm256_max_ps(a, b); /* of NaN and a number the second, of equals too */
}

static inline vf vf_below(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

static inline vf vf_slide(vf a, vf b, const int n)
{
    const __m256i middle = _mm256_castps_si256(_mm256_permute2f128_ps(a, b, 0x21));
    const __m256i low = n < 4 ? _mm256_castps_si256(a) : middle, high = n < 4 ? middle : _mm256_castps_si256(b);
    return _mm256_castsi256_ps(n % 4 == 1   ? _mm256_alignr_epi8(high, low, 4)
                               : n % 4 == 2 ? _mm256_alignr_epi8(high, low, 8)
                               : n % 4 == 3 ? _mm256_alignr_epi8(high, low, 12)
                                            : low);
}

/* Sums i and i + 4 in the two halves.  Blends, because any unit does them and only one shuffles. */
static inline __m256 vf_halves(const vf *a, const int count, const int i)
{
    const vf low = a[i < count ? i : 0], high = a[i + 4 < count ? i + 4 : 0];
    return _mm256_add_ps(_mm256_blend_ps(low, high, 0xf0), _mm256_permute2f128_ps(low, high, 0x21));
}

static inline __m256 vf_pairs(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_blend_ps(a, b, 0xcc), _mm256_shuffle_ps(a, b, 0x4e));
}

static inline vf vf_sums(const vf *a, const int count)
{
    const __m256 even = vf_pairs(vf_halves(a, count, 0), vf_halves(a, count, 1));
    const __m256 odd = vf_pairs(vf_halves(a, count, 2), vf_halves(a, count, 3));
    return _mm256_add_ps(_mm256_shuffle_ps(even, odd, 0x88), _mm256_shuffle_ps(even, odd, 0xdd));
}

/* ---- Eight bits ---- */

static inline void vq_store(vq *p, vf a)
{
    const __m256i bits = _mm256_and_si256(_mm256_castps_si256(a), _mm256_set1_epi32(127));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
}

static inline vg vg_load(const vq *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline vg vg_load_splat(const vq *p)
{
    int32_t group;
    memcpy(&group, p, sizeof group);
    return _mm256_set1_epi32(group);
}

static inline vg vg_keep(vg a)
{
    __asm__("" : "+x"(a));
    return a;
}

static inline vi vi_load(const int32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* Pairs of products are at most 2 * 127 * 127, which 16 bits hold. */
static inline vi vi_dot(vg x, vg w, vi sum)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), _mm256_set1_epi16(1)));
}

static inline vf vf_from(vi a)
{
    return _mm256_cvtepi32_ps(a);
}

#endif
