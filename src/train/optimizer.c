#include "optimizer.h"

#include <math.h>
#include <string.h>

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

void optimizer_momentum(float *restrict w, const float *restrict gradient, float *restrict v, size_t count, float rate,
                        float momentum, int32_t nesterov)
{
    for (size_t i = 0; i < count; i++) {
        v[i] = momentum * v[i] + gradient[i];
        w[i] -= rate * (nesterov ? gradient[i] + momentum * v[i] : v[i]);
    }
}

/* Half a cosine from rate to rate_end, `done` of it, 0 to 1. */
static float cosine(const pmoe_recipe *recipe, double done)
{
    const double half_turn = 3.14159265358979323846;
    return (float)((double)recipe->rate_end +
                   ((double)recipe->rate - (double)recipe->rate_end) * 0.5 * (1 + cos(half_turn * done)));
}

static float one_cycle(const pmoe_recipe *recipe, double done)
{
    const double rise = 0.3, first = 1.0 / 25;
    if (done < rise)
        return (float)((double)recipe->rate * (first + (1 - first) * done / rise));
    return cosine(recipe, (done - rise) / (1 - rise));
}

float schedule_rate(const pmoe_recipe *recipe, int32_t epoch, int64_t steps, int64_t step)
{
    const char *schedule = recipe->schedule ? recipe->schedule : "line";
    const double done = steps > 1 ? (double)step / (double)(steps - 1) : 0;
    if (strcmp(schedule, "cosine") == 0)
        return cosine(recipe, done);
    if (strcmp(schedule, "one_cycle") == 0)
        return one_cycle(recipe, done);
    if (strcmp(schedule, "step") == 0)
        return recipe->rate * (5 * (int64_t)epoch >= 4 * (int64_t)recipe->epochs   ? 0.01f
                               : 5 * (int64_t)epoch >= 3 * (int64_t)recipe->epochs ? 0.1f
                                                                                   : 1);
    if (recipe->epochs < 2)
        return recipe->rate;
    return recipe->rate + (recipe->rate_end - recipe->rate) * ((float)epoch / (float)(recipe->epochs - 1));
}
