/* The vocabulary (scalar.h) on WebAssembly's fixed-width SIMD: 4 lanes; no fused multiply-add exists, so every result
 * is scalar.h's to the last bit. */
#ifndef PMOE_SIMD_SIMD128_H
#define PMOE_SIMD_SIMD128_H

#include "wasm.h"

#define VF_NAME "simd128"
enum { VF_FUSED = 0 };
enum { VF_TILE_ROWS = 4, VF_TILE_OUTS = 5, VF_TILE_REGISTERS = 12, VF_PAIR_ROWS = 0 };
enum { VF_STRIP_ROWS = 1, VF_STRIP_RUN = 16, VF_STRIP_OUTS = 0 };
enum { VF_GRADIENT_OUTS = 4, VF_GRADIENT_VECS = 2 };
enum { VF_CONV_PIXELS = 3, VF_CONV_VECS = 4, VF_CONV_REGISTERS = 14 };
enum { VF_WINOGRAD_TILES = 2, VF_WINOGRAD_VECS = 4 };
enum { VF_ROUTE_SLOTS = 2 };
enum { VF_FETCHES = 0 };
enum { VF_DOT_PIXELS = 3, VF_DOT_VECS = 4, VF_DOT_REGISTERS = 14 };
enum { VQ_GROUP = 2 }; /* the widening dot product is of pairs, and of 16 bits each */

typedef int16_t vq;

static inline vf vf_fma(vf a, vf b, vf c)
{
    return vf_add(vf_mul(a, b), c);
}

static inline void vq_store(vq *p, vf a)
{
    const v128_t bits = wasm_v128_and(a, wasm_i32x4_splat(127));
    wasm_v128_store64_lane(p, wasm_i16x8_narrow_i32x4(bits, bits), 0);
}

static inline vi vi_dot(vg x, vg w, vi sum)
{
    return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(x, w));
}

#endif
