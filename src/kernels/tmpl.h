/* What every *_tmpl.c starts from: one instruction set's vocabulary, and names that carry it.
 *
 * Each src/kernels/NAME_tmpl.c is compiled once per instruction set into build/TARGET/kernels/ISA/NAME.o with
 *
 *     -DISA=avx2 -DSIMD_H='"simd/avx2.h"'   and the set's own flags:
 *
 *     scalar   -fno-tree-vectorize -fno-tree-slp-vectorize      neon     none
 *     avx2     -mavx2 -mfma                                     simd128  -msimd128
 *     avx512   -mavx512f -mavx512vl -mavx512dq -mavx512bw       relaxed  -msimd128 -mrelaxed-simd
 *
 * and conv_int8_tmpl.c and table_tmpl.c once more as avx512vnni, avx512's flags and -mavx512vnni.
 *
 * always -O3, but for size where it costs a wasm module no speed (Makefile), -std=c11 -ffp-contract=off and never
 * -ffast-math: an order of summation is written down, not found.
 * ISA is one of those seven names, and the public one (pmoe_isa_name).  select.c joins the tables. */
#ifndef PMOE_KERNELS_TMPL_H
#define PMOE_KERNELS_TMPL_H

#include "kernels.h"

#include SIMD_H

#define KFN_PASTE(name, isa) name##_##isa
#define KFN_EXPAND(name, isa) KFN_PASTE(name, isa)
#define KFN(name) KFN_EXPAND(name, ISA)

/* The set whose functions this one's table holds for all kernels but those with a dot product. */
#ifndef VF_ELSE
#define VF_ELSE ISA
#endif

#define K(kernel, arguments) void KFN_EXPAND(kernel, VF_ELSE) arguments;
#define K_DOT(kernel, arguments) void KFN(kernel) arguments;
#include "kernel_list.h"

extern const struct kernels KFN(kernels);

/* A tile's loops have constant bounds once its shape is inlined; unrolled, its sums become registers. */
#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define EACH(i, count) _Pragma("clang loop unroll(full)") for (int i = 0; i < (count); i++)
#else
#define EACH(i, count) _Pragma("GCC unroll 32") for (int i = 0; i < (count); i++)
#endif

/* One tile a function where an engine compiles function by function at the first call, and again when it was called
 * often: only the tiles that a model meets cost a page's start.  Elsewhere the compiler may merge them. */
#if defined(__wasm__)
#define APART static __attribute__((noinline))
#else
#define APART INLINE
#endif

#endif
