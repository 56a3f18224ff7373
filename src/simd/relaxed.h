/* The vocabulary (scalar.h) on WebAssembly's relaxed SIMD: as simd128.h, but the engine may fuse multiply and add. */
#ifndef PMOE_SIMD_RELAXED_H
#define PMOE_SIMD_RELAXED_H

#include "wasm.h"

#define VF_NAME "relaxed"
enum { VF_FUSED = -1 };
enum { VF_TILE_ROWS = 4, VF_TILE_OUTS = 5, VF_TILE_REGISTERS = 12, VF_PAIR_ROWS = 0 };
enum { VF_STRIP_ROWS = 1, VF_STRIP_RUN = 16, VF_STRIP_OUTS = 0 };
enum { VF_GRADIENT_OUTS = 4, VF_GRADIENT_VECS = 2 };
enum { VF_CONV_PIXELS = 3, VF_CONV_VECS = 6, VF_CONV_REGISTERS = 15 };
enum { VF_WINOGRAD_TILES = 6, VF_WINOGRAD_VECS = 2 };
enum { VF_ROUTE_SLOTS = 2 };
enum { VF_FETCHES = 0 };
enum { VF_DOT_PIXELS = 3, VF_DOT_VECS = 4, VF_DOT_REGISTERS = 14 };
enum { VQ_GROUP = 4 };

typedef int8_t vq;

static inline vf vf_fma(vf a, vf b, vf c)
{
    return wasm_f32x4_relaxed_madd(a, b, c);
}

static inline void vq_store(vq *p, vf a)
{
    const v128_t bits = wasm_v128_and(a, wasm_i32x4_splat(127)), words = wasm_i16x8_narrow_i32x4(bits, bits);
    wasm_v128_store32_lane(p, wasm_i8x16_narrow_i16x8(words, words), 0);
}

/* Of numbers of seven bits the engine has no choice.  The instruction that adds to the sum as well takes the same three
 * instructions on x86, and V8's first compiler in node 20 lets it overwrite the sum. */
static inline vi vi_dot(vg x, vg w, vi sum)
{
    return wasm_i32x4_add(sum, wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_relaxed_dot_i8x16_i7x16(w, x)));
}

#endif
