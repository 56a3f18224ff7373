/* Sums are floats over one map and doubles over the maps: no error of a long sum. */
#include "norm.h"

#include "../base/memory.h"
#include "../model/model.h"

#include <math.h>
#include <string.h>

void norm_lay_out(struct norm *norm, int32_t pixels, int32_t channels, struct arena *arena)
{
    size_t bytes = (size_t)channels * sizeof(float);
    *norm = (struct norm){.pixels = pixels,
                          .channels = channels,
                          .mean = arena_take(arena, bytes),
                          .variance = arena_take(arena, bytes),
                          .scale = arena_take(arena, bytes),
                          .shift = arena_take(arena, bytes)};
    for (size_t i = 0; i < sizeof norm->sums / sizeof *norm->sums; i++)
        norm->sums[i] = arena_take(arena, bytes);
    norm->total = arena_take(arena, (size_t)channels * sizeof *norm->total);
}

static size_t map_floats(const struct norm *norm)
{
    return (size_t)norm->pixels * (size_t)norm->channels;
}

/* mean[c] of all pixels of all maps. */
static void find_mean(const struct kernels *kernels, const struct norm *norm, const float *x, float *mean)
{
    memset(norm->total, 0, (size_t)norm->channels * sizeof *norm->total);
    for (int32_t i = 0; i < norm->images; i++, x += map_floats(norm)) {
        kernels->gated_sum(norm->sums[0], x, NULL, 1, norm->pixels, norm->channels);
        for (int32_t c = 0; c < norm->channels; c++)
            norm->total[c] += (double)norm->sums[0][c];
    }
    for (int32_t c = 0; c < norm->channels; c++)
        mean[c] = (float)(norm->total[c] / ((double)norm->images * norm->pixels));
}

/* covariance[c], biased. */
static void find_covariance(const struct kernels *kernels, const struct norm *norm, const float *a, const float *a_mean,
                            const float *b, const float *b_mean, float *covariance)
{
    memset(norm->total, 0, (size_t)norm->channels * sizeof *norm->total);
    for (int32_t i = 0; i < norm->images; i++, a += map_floats(norm), b += map_floats(norm)) {
        kernels->centred_sum(norm->sums[0], a, a_mean, b, b_mean, norm->pixels, norm->channels);
        for (int32_t c = 0; c < norm->channels; c++)
            norm->total[c] += (double)norm->sums[0][c];
    }
    for (int32_t c = 0; c < norm->channels; c++)
        covariance[c] = (float)(norm->total[c] / ((double)norm->images * norm->pixels));
}

void norm_forward(const struct kernels *kernels, struct norm *norm, const float *x, int32_t images, const float *gamma,
                  const float *beta, float epsilon, int32_t relu, float *y)
{
    norm->images = images;
    find_mean(kernels, norm, x, norm->mean);
    find_covariance(kernels, norm, x, norm->mean, x, norm->mean, norm->variance);
    norm_affine(gamma, beta, norm->mean, norm->variance, epsilon, (size_t)norm->channels, norm->scale, norm->shift);
    kernels->scale_shift(y, x, norm->scale, norm->shift, images * norm->pixels, norm->channels, relu);
}

void norm_statistics(const struct norm *norm, float *mean, float *variance)
{
    const double count = (double)norm->images * norm->pixels, unbiased = count > 1 ? count / (count - 1) : 1;
    memcpy(mean, norm->mean, (size_t)norm->channels * sizeof *mean);
    for (int32_t c = 0; c < norm->channels; c++)
        variance[c] = (float)((double)norm->variance[c] * unbiased);
}

/* With r = 1 / sqrt(variance + epsilon) and means over all pixels,
 *
 *     dx = gamma r (dy - mean(dy) - (x - mean) r^2 covariance(x, dy)) */
void norm_backward(const struct kernels *kernels, const struct norm *norm, const float *x, const float *dy,
                   const float *gamma, float epsilon, int32_t adds, float *dx, float *dgamma, float *dbeta)
{
    const double count = (double)norm->images * norm->pixels;
    float *by_dy = norm->sums[0], *by_x = norm->sums[1], *shift = norm->sums[2];
    find_mean(kernels, norm, dy, shift);
    find_covariance(kernels, norm, x, norm->mean, dy, shift, by_x);
    for (int32_t c = 0; c < norm->channels; c++) {
        double r = 1 / sqrt((double)norm->variance[c] + (double)epsilon), k = (double)gamma[c] * r;
        double mean = (double)shift[c], covariance = (double)by_x[c];
        if (dgamma)
            dgamma[c] = (float)(count * covariance * r);
        if (dbeta)
            dbeta[c] = (float)(count * mean);
        by_dy[c] = (float)k;
        by_x[c] = (float)(-k * r * r * covariance);
        shift[c] = (float)(-k * mean + k * r * r * covariance * (double)norm->mean[c]);
    }
    if (dx)
        kernels->scale_two(dx, dy, by_dy, x, by_x, shift, adds ? dx : NULL, norm->images * norm->pixels,
                           norm->channels);
}
