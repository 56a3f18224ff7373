#include "optimizer.h"

#include <math.h>

void optimizer_adam(float *restrict w, const float *restrict gradient, float *restrict m, float *restrict v,
                    size_t count, float rate, int64_t step)
{
    const double correct_m = 1 - pow(0.9, (double)step), correct_v = 1 - pow(0.999, (double)step);
    const float scale = (float)((double)rate / correct_m), root = (float)(1 / sqrt(correct_v));
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i];
        m[i] += 0.1f * (g - m[i]);
        v[i] += 0.001f * (g * g - v[i]);
        w[i] -= scale * m[i] / (sqrtf(v[i]) * root + 1e-8f);
    }
}
