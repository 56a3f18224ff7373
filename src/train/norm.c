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

/* Pixels, those of every copy included. */
static double all_pixels(const struct norm *norm)
{
    return ((double)norm->images + norm->copies - 1) * norm->pixels;
}

static void add_total(const struct norm *norm, double times)
{
    for (int32_t c = 0; c < norm->channels; c++)
        norm->total[c] += times * (double)norm->sums[0][c];
}

static void divide_total(const struct norm *norm, float *mean)
{
    const double count = all_pixels(norm);
    for (int32_t c = 0; c < norm->channels; c++)
        mean[c] = (float)(norm->total[c] / count);
}

/* mean[c] of all pixels of all maps; the last is one of `copies`, or what these are in sum, with copies 1. */
static void find_mean(const struct kernels *kernels, const struct norm *norm, const float *x, int32_t copies,
                      float *mean)
{
    memset(norm->total, 0, (size_t)norm->channels * sizeof *norm->total);
    for (int32_t i = 0; i < norm->images; i++, x += map_floats(norm)) {
        kernels->gated_sum(norm->sums[0], x, NULL, 1, norm->pixels, norm->channels);
        add_total(norm, i + 1 == norm->images ? copies : 1);
    }
    divide_total(norm, mean);
}

static void find_variance(const struct kernels *kernels, const struct norm *norm, const float *x)
{
    memset(norm->total, 0, (size_t)norm->channels * sizeof *norm->total);
    for (int32_t i = 0; i < norm->images; i++, x += map_floats(norm)) {
        kernels->centred_sum(norm->sums[0], x, norm->mean, x, norm->mean, norm->pixels, norm->channels);
        add_total(norm, i + 1 == norm->images ? norm->copies : 1);
    }
    divide_total(norm, norm->variance);
}

static void scale_by(float *a, int32_t times, int32_t count)
{
    for (int32_t i = 0; i < count && times != 1; i++)
        a[i] *= (float)times;
}

/* Of x and dy, whose last map is a sum, so that as many means are taken off it; dy_mean is lost. */
static void find_covariance(const struct kernels *kernels, const struct norm *norm, const float *x, const float *dy,
                            float *dy_mean, float *covariance)
{
    memset(norm->total, 0, (size_t)norm->channels * sizeof *norm->total);
    for (int32_t i = 0; i < norm->images; i++, x += map_floats(norm), dy += map_floats(norm)) {
        if (i + 1 == norm->images)
            scale_by(dy_mean, norm->copies, norm->channels);
        kernels->centred_sum(norm->sums[0], x, norm->mean, dy, dy_mean, norm->pixels, norm->channels);
        add_total(norm, 1);
    }
    divide_total(norm, covariance);
}

void norm_forward(const struct kernels *kernels, struct norm *norm, const float *x, int32_t images, const float *gamma,
                  const float *beta, float epsilon, int32_t relu, float *y)
{
    norm->images = images;
    find_mean(kernels, norm, x, norm->copies, norm->mean);
    find_variance(kernels, norm, x);
    norm_affine(gamma, beta, norm->mean, norm->variance, epsilon, (size_t)norm->channels, norm->scale, norm->shift);
    kernels->scale_shift(y, x, norm->scale, norm->shift, images * norm->pixels, norm->channels, relu);
}

void norm_statistics(const struct norm *norm, float *mean, float *variance)
{
    const double count = all_pixels(norm), unbiased = count > 1 ? count / (count - 1) : 1;
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
    const double count = all_pixels(norm);
    float *by_dy = norm->sums[0], *by_x = norm->sums[1], *shift = norm->sums[2];
    find_mean(kernels, norm, dy, 1, shift);
    find_covariance(kernels, norm, x, dy, shift, by_x);
    for (int32_t c = 0; c < norm->channels; c++) {
        double r = 1 / sqrt((double)norm->variance[c] + (double)epsilon), k = (double)gamma[c] * r;
        double mean = (double)shift[c] / norm->copies, covariance = (double)by_x[c];
        if (dgamma)
            dgamma[c] = (float)(count * covariance * r);
        if (dbeta)
            dbeta[c] = (float)(count * mean);
        by_dy[c] = (float)k;
        by_x[c] = (float)(-k * r * r * covariance);
        shift[c] = (float)(-k * mean + k * r * r * covariance * (double)norm->mean[c]);
    }
    if (!dx)
        return;
    const int32_t each = norm->images - (norm->copies > 1);
    const size_t last = (size_t)each * map_floats(norm);
    kernels->scale_two(dx, dy, by_dy, x, by_x, shift, adds ? dx : NULL, each * norm->pixels, norm->channels);
    if (each == norm->images)
        return;
    scale_by(by_x, norm->copies, norm->channels);
    scale_by(shift, norm->copies, norm->channels);
    kernels->scale_two(dx + last, dy + last, by_dy, x + last, by_x, shift, adds ? dx + last : NULL, norm->pixels,
                       norm->channels);
}
