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

static inline vf vf_fma(vf a, vf b, vf c)
{
    return wasm_f32x4_relaxed_madd(a, b, c);
}

#endif
