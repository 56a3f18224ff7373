/* The vocabulary (scalar.h) on AArch64 NEON: 4 lanes, 32 registers, fused multiply-add. */
#ifndef PMOE_SIMD_NEON_H
#define PMOE_SIMD_NEON_H

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#define VF_NAME "neon"
enum { VF_LANES = 4, VF_FUSED = 1 };
enum { VF_TILE_ROWS = 6, VF_TILE_OUTS = 5, VF_TILE_REGISTERS = 31, VF_PAIR_ROWS = 2 };
enum { VF_STRIP_ROWS = 1, VF_STRIP_RUN = 16, VF_STRIP_OUTS = 0 };
enum { VF_GRADIENT_OUTS = 6, VF_GRADIENT_VECS = 4 }; /* 24 sums, 4 inputs, 1 factor */
enum { VF_CONV_PIXELS = 12, VF_CONV_VECS = 4, VF_CONV_REGISTERS = 32 };
enum { VF_WINOGRAD_TILES = 6, VF_WINOGRAD_VECS = 4 };
enum { VF_ROUTE_SLOTS = 2 };
enum { VF_FETCHES = 1 };
enum { VF_DOT_PIXELS = 12, VF_DOT_VECS = 4, VF_DOT_REGISTERS = 30 }; /* two more: products */
enum { VQ_GROUP = 4 };

typedef float32x4_t vf;
typedef int32_t vf_part;
typedef uint32x4_t vf_truth; /* all ones for true */
typedef int8_t vq;
typedef int8x16_t vg;
typedef int32x4_t vi;

static inline vf_part vf_part_of(int32_t count)
{
    return count;
}

static inline vf vf_set1(float a)
{
    return vdupq_n_f32(a);
}

static inline vf vf_load(const float *p)
{
    return vld1q_f32(p);
}

static inline vf vf_load_splat(const float *p)
{
    return vld1q_dup_f32(p);
}

static inline vf vf_load_part(const float *p, vf_part part)
{
    vf a = vld1q_lane_f32(p, vdupq_n_f32(0), 0);
    if (part > 1)
        a = vld1q_lane_f32(p + 1, a, 1);
    if (part > 2)
        a = vld1q_lane_f32(p + 2, a, 2);
    if (part > 3)
        a = vld1q_lane_f32(p + 3, a, 3);
    return a;
}

static inline void vf_store(float *p, vf a)
{
    vst1q_f32(p, a);
}

static inline void vf_store_part(float *p, vf a, vf_part part)
{
    vst1q_lane_f32(p, a, 0);
    if (part > 1)
        vst1q_lane_f32(p + 1, a, 1);
    if (part > 2)
        vst1q_lane_f32(p + 2, a, 2);
    if (part > 3)
        vst1q_lane_f32(p + 3, a, 3);
}

static inline vf vf_keep(vf a)
{
    return a;
}

static inline vf vf_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}

static inline vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}

static inline vf vf_relu(vf a)
{
    return vmaxq_f32(a, vdupq_n_f32(0)); /* FMAX: NaN wins, 0 is above -0 */
}

static inline vf vf_pass(vf a, vf by)
{
    return vreinterpretq_f32_u32(vandq_u32(vcgtq_f32(by, vdupq_n_f32(0)), vreinterpretq_u32_f32(a)));
}

static inline vf vf_max(vf a, vf b)
{
    return vbslq_f32(vorrq_u32(vcgtq_f32(a, b), vmvnq_u32(vceqq_f32(a, a))), a, b); /* FMAX prefers 0 to -0 */
}

static inline vf_truth vf_at_least(vf a, vf b)
{
    return vcgeq_f32(a, b);
}

static inline vf vf_pick(vf_truth truth, vf a, vf b)
{
    return vbslq_f32(truth, a, b);
}

static inline vf vf_above(vf a, vf b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

static inline vf vf_below(vf a, vf b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

static inline vf vf_slide(vf a, vf b, const int n)
{
    return n == 1 ? vextq_f32(a, b, 1) : n == 2 ? vextq_f32(a, b, 2) : n == 3 ? vextq_f32(a, b, 3) : a;
}

/* A 4 x 4 transposition that adds as it goes. */
static inline vf vf_sums(const vf *a, const int count)
{
    const vf b = a[count > 1 ? 1 : 0], c = a[count > 2 ? 2 : 0], d = a[count > 3 ? 3 : 0];
    const vf ac = vaddq_f32(vzip1q_f32(*a, c), vzip2q_f32(*a, c)); /* a02 c02 a13 c13 */
    const vf bd = vaddq_f32(vzip1q_f32(b, d), vzip2q_f32(b, d));
    return vaddq_f32(vzip1q_f32(ac, bd), vzip2q_f32(ac, bd));
}

/* ---- Eight bits ---- */

static inline void vq_store(vq *p, vf a)
{
    const uint16x4_t words = vmovn_u32(vandq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(127)));
    const uint8x8_t bytes = vmovn_u16(vcombine_u16(words, words));
    const uint32_t four = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    memcpy(p, &four, sizeof four);
}

static inline vg vg_load(const vq *p)
{
    return vld1q_s8(p);
}

static inline vg vg_load_splat(const vq *p)
{
    int32_t group;
    memcpy(&group, p, sizeof group);
    return vreinterpretq_s8_s32(vdupq_n_s32(group));
}

static inline vg vg_keep(vg a)
{
    return a;
}

static inline vi vi_load(const int32_t *p)
{
    return vld1q_s32(p);
}

/* ARMv8.0 has no dot product; pairs of products are at most 2 * 127 * 127, which 16 bits hold. */
static inline vi vi_dot(vg x, vg w, vi sum)
{
    const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(w)), high = vmull_high_s8(x, w);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
}

static inline vf vf_from(vi a)
{
    return vcvtq_f32_s32(a);
}

#endif
