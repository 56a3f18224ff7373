/* Which instruction sets this build holds and this CPU runs.
 *
 * The target decides natively: x86-64 has scalar, avx2, avx512 and avx512vnni, AArch64 scalar and neon.  A wasm module
 * holds what its build names (-DPMOE_HAVE_SCALAR, -DPMOE_HAVE_SIMD128 or -DPMOE_HAVE_RELAXED): an engine that lacks an
 * instruction refuses the whole module, so the loader chooses the module and nothing is left to ask here.  The page's
 * modules hold one set each, the benchmark's scalar and at most one more. */
#include "../pmoe.h"
#include "kernels.h"

#include <string.h>

#if !defined(__wasm__) || defined(PMOE_HAVE_SCALAR)
extern const struct kernels kernels_scalar;
#endif
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512, kernels_avx512vnni;
#elif defined(__aarch64__)
extern const struct kernels kernels_neon;
#elif defined(PMOE_HAVE_SIMD128)
extern const struct kernels kernels_simd128;
#elif defined(PMOE_HAVE_RELAXED)
extern const struct kernels kernels_relaxed;
#endif

enum { MOST_SETS = 4 };

/* From scalar up; returns how many.  __builtin_cpu_supports asks the operating system too (XGETBV). */
static int32_t list_kernels(const struct kernels *list[MOST_SETS])
{
    int32_t count = 0;
#if !defined(__wasm__) || defined(PMOE_HAVE_SCALAR)
    list[count++] = &kernels_scalar;
#endif
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        list[count++] = &kernels_avx2;
    if (count == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        list[count++] = &kernels_avx512;
    if (count == 3 && __builtin_cpu_supports("avx512vnni"))
        list[count++] = &kernels_avx512vnni;
#elif defined(__aarch64__)
    list[count++] = &kernels_neon;
#elif defined(PMOE_HAVE_SIMD128)
    list[count++] = &kernels_simd128;
#elif defined(PMOE_HAVE_RELAXED)
    list[count++] = &kernels_relaxed;
#endif
    return count;
}

int32_t kernels_count(void)
{
    const struct kernels *list[MOST_SETS];
    return list_kernels(list);
}

const struct kernels *kernels_at(int32_t index)
{
    const struct kernels *list[MOST_SETS];
    int32_t count = list_kernels(list);
    return index >= 0 && index < count ? list[index] : NULL;
}

const struct kernels *kernels_find(const char *name)
{
    const struct kernels *list[MOST_SETS];
    int32_t count = list_kernels(list);
    if (!name || strcmp(name, "best") == 0)
        return list[count - 1];
    for (int32_t i = 0; i < count; i++)
        if (strcmp(name, list[i]->name) == 0)
            return list[i];
    return NULL;
}

int pmoe_isa_count(void)
{
    return kernels_count();
}

const char *pmoe_isa_name(int index)
{
    const struct kernels *kernels = kernels_at(index);
    return kernels ? kernels->name : NULL;
}
