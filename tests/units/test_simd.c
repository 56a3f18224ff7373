/* The vector vocabulary of every instruction set that this machine has, lane by lane.  WebAssembly's are checked by
 * tests/kernels/wasm.test.mjs with the same code. */
#include "kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ISA scalar
#define SIMD_H "simd/scalar.h"
#include "../kernels/vocabulary.h"
#undef ISA
#undef SIMD_H

static void check_vocabulary(const char *isa, const char *(*vocabulary_fault)(void))
{
    if (!kernels_find(isa))
        skip();
    const char *fault = vocabulary_fault();
    if (fault)
        fail_msg("%s: %s differs from its definition", isa, fault);
}

static void test_scalar(void **state)
{
    (void)state;
    check_vocabulary("scalar", vocabulary_fault_scalar);
}

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define ISA avx2
#define SIMD_H "simd/avx2.h"
#include "../kernels/vocabulary.h"
#undef ISA
#undef SIMD_H
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw")
#endif
#define ISA avx512
#define SIMD_H "simd/avx512.h"
#include "../kernels/vocabulary.h"
#undef ISA
#undef SIMD_H
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx512vnni"))),                 \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx512vnni")
#endif
#undef PMOE_SIMD_AVX512_H /* which it includes, under other names */
#define ISA avx512vnni
#define SIMD_H "simd/avx512vnni.h"
#include "../kernels/vocabulary.h"
#undef ISA
#undef SIMD_H
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static void test_avx2(void **state)
{
    (void)state;
    check_vocabulary("avx2", vocabulary_fault_avx2);
}

static void test_avx512(void **state)
{
    (void)state;
    check_vocabulary("avx512", vocabulary_fault_avx512);
}

static void test_avx512vnni(void **state)
{
    (void)state;
    check_vocabulary("avx512vnni", vocabulary_fault_avx512vnni);
}

#elif defined(__aarch64__)

#define ISA neon
#define SIMD_H "simd/neon.h"
#include "../kernels/vocabulary.h"
#undef ISA
#undef SIMD_H

static void test_neon(void **state)
{
    (void)state;
    check_vocabulary("neon", vocabulary_fault_neon);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalar),
#if defined(__x86_64__)
        cmocka_unit_test(test_avx2),
        cmocka_unit_test(test_avx512),
        cmocka_unit_test(test_avx512vnni),
#elif defined(__aarch64__)
        cmocka_unit_test(test_neon),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
