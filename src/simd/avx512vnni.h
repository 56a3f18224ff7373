/* The vocabulary (scalar.h) on AVX-512 with VNNI: avx512.h but for the one operation that VNNI has an instruction for.
 * Kernels without it are avx512's. */
#ifndef PMOE_SIMD_AVX512VNNI_H
#define PMOE_SIMD_AVX512VNNI_H

#define VF_ELSE avx512

#include "avx512.h"

#undef VF_NAME
#define VF_NAME "avx512vnni"

/* Of the intrinsic gcc 12 copies every sum of a tile before the instruction and back behind it. */
static inline vi vi_dot(vg x, vg w, vi sum)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
    return sum;
}

#endif
