/* Batch norms in training: statistics of the images that pass together, their normalisation, and gradients. */
#ifndef PMOE_TRAIN_NORM_H
#define PMOE_TRAIN_NORM_H

#include "../kernels/kernels.h"

/* What one pass of `images` maps of `pixels` pixels left behind, and room for the way back; each [channels]. */
struct norm {
    int32_t images, pixels, channels;
    int32_t copies;         /* maps that the last one stands for: 1, unless it is the patch of zeros */
    int32_t relu;           /* behind it */
    float *mean, *variance; /* of the pass; the variance is biased, as what it divides by */
    float *scale, *shift;   /* y = scale * x + shift */
    float *sums[3];
    double *total; /* [2][channels] */
};

struct arena;
void norm_lay_out(struct norm *norm, int32_t pixels, int32_t channels, struct arena *arena);

/* y = act(gamma * (x - mean) / sqrt(variance + epsilon) + beta); norm->copies must be set. */
void norm_forward(const struct kernels *kernels, struct norm *norm, const float *x, int32_t images, const float *gamma,
                  const float *beta, float epsilon, int32_t relu, float *y);

/* Of the pass, for the stored ones: mean and unbiased variance. */
void norm_statistics(const struct norm *norm, float *mean, float *variance);

/* dy is the gradient behind the ReLU, if there is one.  dx = or, if `adds`, += the gradient by x, whose statistics
 * depend on x too; dgamma and dbeta [channels] = theirs.  Any of the three NULL: nobody wants it.  Of a map that stands
 * for several, dy and dx are the sums of theirs. */
void norm_backward(const struct kernels *kernels, const struct norm *norm, const float *x, const float *dy,
                   const float *gamma, float epsilon, int32_t adds, float *dx, float *dgamma, float *dbeta);

#endif
