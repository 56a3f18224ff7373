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

/* No branch depends on x, so that compilers vectorise loops over it. */
static inline float exp_f32(float x)
{
    const float round_up = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number, kept in the low bits */
    float in = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
    float shifted = in * 1.44269504f + round_up, whole = shifted - round_up;
    /* ln 2 in two parts, the first with few enough bits that whole * it is exact. */
    float rest = (in - whole * 0.693359375f) + whole * 2.12194440e-4f;
    float sum = 1.0f / 5040;
    sum = sum * rest + 1.0f / 720;
    sum = sum * rest + 1.0f / 120;
    sum = sum * rest + 1.0f / 24;
    sum = sum * rest + 1.0f / 6;
    sum = sum * rest + 0.5f;
    sum = sum * rest * rest + rest + 1.0f;
    /* 2^whole in two steps: 2^128 itself is no float.  Unsigned, so that a NaN's bits are harmless. */
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits -= 0x4b400000u - 512; /* whole + 512: halving rounds down below 0 too */
    uint32_t half = bits >> 1, left = bits - half;
    half = (half + (127 - 256)) << 23;
    left = (left + (127 - 256)) << 23;
    float scale, more;
    memcpy(&scale, &half, sizeof scale);
    memcpy(&more, &left, sizeof more);
    float power = sum * scale * more;
    return x < -87.3f ? 0.0f : x > 88.7f ? INFINITY : power;
}

#endif
