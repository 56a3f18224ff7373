/* exp for floats with the same bits on every host.
 *
 * libm's differ between systems, and gates must not.  Plain IEEE operations in a fixed order (the build forbids
 * contraction), so scalar C, every vectorised loop around it, and wasm agree.  Within 2 ulp of the true value over the
 * normal range; 0 below -87.3 (no denormals), +inf above 88.7, NaN for NaN. */
#ifndef PMOE_BASE_EXP_H
#define PMOE_BASE_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float exp_f32(float x)
{
    if (!(x >= -87.3f))
        return x != x ? x : 0.0f;
    if (x > 88.7f)
        return INFINITY;
    const float round_up = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    float whole = (x * 1.44269504f + round_up) - round_up;
    /* ln 2 in two parts, the first with few enough bits that whole * it is exact. */
    float rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    float sum = 1.0f / 5040;
    sum = sum * rest + 1.0f / 720;
    sum = sum * rest + 1.0f / 120;
    sum = sum * rest + 1.0f / 24;
    sum = sum * rest + 1.0f / 6;
    sum = sum * rest + 0.5f;
    sum = sum * rest * rest + rest + 1.0f;
    /* 2^whole in two steps: 2^128 itself is no float. */
    int32_t half = (int32_t)whole / 2, left = (int32_t)whole - half;
    uint32_t bits[2] = {(uint32_t)(half + 127) << 23, (uint32_t)(left + 127) << 23};
    float scale[2];
    memcpy(scale, bits, sizeof scale);
    return sum * scale[0] * scale[1];
}

#endif
