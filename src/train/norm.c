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
    norm->total = arena_take(arena, 2 * (size_t)channels * sizeof *norm->total);
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

/* totals[c] += times * sums[c], for each of the two */
static void add_totals(const struct norm *norm, double times)
{
    for (int k = 0; k < 2; k++)
        for (int32_t c = 0; c < norm->channels; c++)
            norm->total[k * norm->channels + c] += times * (double)norm->sums[k][c];
}

static void clear_totals(const struct norm *norm)
{
    memset(norm->total, 0, 2 * (size_t)norm->channels * sizeof *norm->total);
}

/* Mean and variance of all pixels of all maps, the last of which is one of `copies`.  Sums are of differences from the
 * first map's mean: no further from the mean than the square root of `images` deviations, so that their squares lose
 * next to nothing. */
static void find_statistics(const struct kernels *kernels, const struct norm *norm, const float *x)
{
    const double count = all_pixels(norm);
    float *from = norm->sums[2];
    kernels->gated_sum(from, x, NULL, 1.0f / (float)norm->pixels, norm->pixels, norm->channels);
    clear_totals(norm);
    for (int32_t i = 0; i < norm->images; i++, x += map_floats(norm)) {
        kernels->norm_squares(norm->sums[0], norm->sums[1], x, from, norm->pixels, norm->channels);
        add_totals(norm, i + 1 == norm->images ? norm->copies : 1);
    }
    for (int32_t c = 0; c < norm->channels; c++) {
        const double off = norm->total[c] / count, square = norm->total[norm->channels + c] / count;
        norm->mean[c] = (float)((double)from[c] + off);
        norm->variance[c] = (float)fmax(square - off * off, 0);
    }
}

static void scale_by(float *a, int32_t times, int32_t count)
{
    for (int32_t i = 0; i < count && times != 1; i++)
        a[i] *= (float)times;
}

void norm_forward(const struct kernels *kernels, struct norm *norm, const float *x, int32_t images, const float *gamma,
                  const float *beta, float epsilon, int32_t relu, float *y)
{
    norm->images = images;
    norm->relu = relu;
    find_statistics(kernels, norm, x);
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

/* What dy comes to behind the ReLU, if there is one, in sum and in products with the centred x: totals.  A last map
 * that stands for several is their sum in dy, so that it counts once. */
static void find_sums(const struct kernels *kernels, const struct norm *norm, const float *x, const float *dy)
{
    clear_totals(norm);
    for (int32_t i = 0; i < norm->images; i++, x += map_floats(norm), dy += map_floats(norm)) {
        kernels->norm_sums(norm->sums[0], norm->sums[1], x, norm->mean, dy, norm->relu ? norm->scale : NULL,
                           norm->relu ? norm->shift : NULL, norm->pixels, norm->channels);
        add_totals(norm, 1);
    }
}

/* With g = dy behind the ReLU, r = 1 / sqrt(variance + epsilon) and means over all pixels,
 *
 *     dx = gamma r (g - mean(g) - (x - mean) r^2 mean((x - mean) g)) */
void norm_backward(const struct kernels *kernels, const struct norm *norm, const float *x, const float *dy,
                   const float *gamma, float epsilon, int32_t adds, float *dx, float *dgamma, float *dbeta)
{
    const double count = all_pixels(norm);
    float *by_dy = norm->sums[0], *by_x = norm->sums[1], *by_1 = norm->sums[2];
    find_sums(kernels, norm, x, dy);
    for (int32_t c = 0; c < norm->channels; c++) {
        double r = 1 / sqrt((double)norm->variance[c] + (double)epsilon), k = (double)gamma[c] * r;
        double mean = norm->total[c] / count, covariance = norm->total[norm->channels + c] / count;
        if (dgamma)
            dgamma[c] = (float)(count * covariance * r);
        if (dbeta)
            dbeta[c] = (float)(count * mean);
        by_dy[c] = (float)k;
        by_x[c] = (float)(-k * r * r * covariance);
        by_1[c] = (float)(-k * mean + k * r * r * covariance * (double)norm->mean[c]);
    }
    if (!dx)
        return;
    const int32_t each = norm->images - (norm->copies > 1);
    const size_t last = (size_t)each * map_floats(norm);
    const float *scale = norm->relu ? norm->scale : NULL, *shift = norm->relu ? norm->shift : NULL;
    kernels->norm_gradient(dx, x, by_x, dy, by_dy, by_1, scale, shift, adds ? dx : NULL, each * norm->pixels,
                           norm->channels);
    if (each == norm->images)
        return;
    scale_by(by_x, norm->copies, norm->channels);
    scale_by(by_1, norm->copies, norm->channels);
    kernels->norm_gradient(dx + last, x + last, by_x, dy + last, by_dy, by_1, scale, shift, adds ? dx + last : NULL,
                           norm->pixels, norm->channels);
}
