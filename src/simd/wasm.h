/* What simd128.h and relaxed.h share of the vocabulary (scalar.h): all but its name, its tiles, vf_fma and
 * what depends on how wide a quantised number is. */
#ifndef PMOE_SIMD_WASM_H
#define PMOE_SIMD_WASM_H

#include <stdint.h>
#include <wasm_simd128.h>

enum { VF_LANES = 4 };

typedef v128_t vf;
typedef int32_t vf_part;
typedef v128_t vf_truth; /* all ones for true */
typedef v128_t vg, vi;

static inline vf_part vf_part_of(int32_t count)
{
    return count;
}

static inline vf vf_set1(float a)
{
    return wasm_f32x4_splat(a);
}

static inline vf vf_load(const float *p)
{
    return wasm_v128_load(p);
}

static inline vf vf_load_splat(const float *p)
{
    return wasm_v128_load32_splat(p);
}

static inline vf vf_load_lanes(const float *p, int32_t count)
{
    vf a = wasm_v128_load32_zero(p);
    if (count > 1)
        a = wasm_v128_load32_lane(p + 1, a, 1);
    if (count > 2)
        a = wasm_v128_load32_lane(p + 2, a, 2);
    if (count > 3)
        a = wasm_v128_load32_lane(p + 3, a, 3);
    return a;
}

/* Parts known only at run time are rare (runs shorter than a vector) and would be copied into every tile: one function
 * for all saves a sixth of the kernels' code. */
static __attribute__((noinline)) vf vf_load_some(const float *p, int32_t count)
{
    return vf_load_lanes(p, count);
}

static inline vf vf_load_part(const float *p, vf_part part)
{
    return __builtin_constant_p(part) ? vf_load_lanes(p, part) : vf_load_some(p, part);
}

static inline void vf_store(float *p, vf a)
{
    wasm_v128_store(p, a);
}

static inline void vf_store_lanes(float *p, vf a, int32_t count)
{
    wasm_v128_store32_lane(p, a, 0);
    if (count > 1)
        wasm_v128_store32_lane(p + 1, a, 1);
    if (count > 2)
        wasm_v128_store32_lane(p + 2, a, 2);
    if (count > 3)
        wasm_v128_store32_lane(p + 3, a, 3);
}

static __attribute__((noinline)) void vf_store_some(float *p, vf a, int32_t count)
{
    vf_store_lanes(p, a, count);
}

static inline void vf_store_part(float *p, vf a, vf_part part)
{
    if (__builtin_constant_p(part))
        vf_store_lanes(p, a, part);
    else
        vf_store_some(p, a, part);
}

static inline vf vf_keep(vf a)
{
    return a;
}

static inline vf vf_add(vf a, vf b)
{
    return wasm_f32x4_add(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return wasm_f32x4_sub(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return wasm_f32x4_mul(a, b);
}

static inline vf vf_relu(vf a)
{
    return wasm_v128_andnot(a, wasm_f32x4_le(a, wasm_f32x4_splat(0))); /* pmax would keep -0 */
}

static inline vf vf_pass(vf a, vf by)
{
    return wasm_v128_and(a, wasm_f32x4_gt(by, wasm_f32x4_splat(0)));
}

static inline vf vf_max(vf a, vf b)
{
    return wasm_v128_bitselect(a, b, wasm_v128_or(wasm_f32x4_gt(a, b), wasm_f32x4_ne(a, a)));
}

static inline vf_truth vf_at_least(vf a, vf b)
{
    return wasm_f32x4_ge(a, b);
}

static inline vf vf_pick(vf_truth truth, vf a, vf b)
{
    return wasm_v128_bitselect(a, b, truth);
}

static inline vf vf_above(vf a, vf b)
{
    return wasm_f32x4_pmax(b, a); /* of NaN and a number the first, of equals too */
}

static inline vf vf_below(vf a, vf b)
{
    return wasm_f32x4_pmin(b, a);
}

static inline vf vf_slide(vf a, vf b, const int n)
{
    return n == 1   ? wasm_i32x4_shuffle(a, b, 1, 2, 3, 4)
           : n == 2 ? wasm_i32x4_shuffle(a, b, 2, 3, 4, 5)
           : n == 3 ? wasm_i32x4_shuffle(a, b, 3, 4, 5, 6)
                    : a;
}

/* As in neon.h. */
static inline vf vf_sums(const vf *a, const int count)
{
    const vf b = a[count > 1 ? 1 : 0], c = a[count > 2 ? 2 : 0], d = a[count > 3 ? 3 : 0];
    const vf ac = wasm_f32x4_add(wasm_i32x4_shuffle(*a, c, 0, 4, 1, 5), wasm_i32x4_shuffle(*a, c, 2, 6, 3, 7));
    const vf bd = wasm_f32x4_add(wasm_i32x4_shuffle(b, d, 0, 4, 1, 5), wasm_i32x4_shuffle(b, d, 2, 6, 3, 7));
    return wasm_f32x4_add(wasm_i32x4_shuffle(ac, bd, 0, 4, 1, 5), wasm_i32x4_shuffle(ac, bd, 2, 6, 3, 7));
}

/* ---- Eight bits ---- */

static inline vg vg_load(const void *p) /* of quantised numbers of either width */
{
    return wasm_v128_load(p);
}

static inline vg vg_load_splat(const void *p)
{
    return wasm_v128_load32_splat(p);
}

static inline vg vg_keep(vg a)
{
    return a;
}

static inline vi vi_load(const int32_t *p)
{
    return wasm_v128_load(p);
}

static inline vf vf_from(vi a)
{
    return wasm_f32x4_convert_i32x4(a);
}

#endif
