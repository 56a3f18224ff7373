/* Gradients of convolutions 3x3 of stride 1 by their weights, the way back through Winograd's F(4x4, 3x3).
 *
 * The forward pass is y = A^T [ U * V ] A, with U = G w G^T and V = B^T x B, summed over the channels (winograd.h).  So
 *
 *     dM = A dy A^T          of every tile of dy
 *     dU = sum over tiles of dM * V
 *     dw = G^T dU G
 *
 * and a pixel of dy costs 36 / 16 multiplications for each of its weights, where a direct sum costs 9.  Exact but for
 * rounding, like the forward pass: of random data some twice a direct sum's (SPEED.md). */
#ifndef PMOE_TRAIN_WINOGRAD_BACKWARD_H
#define PMOE_TRAIN_WINOGRAD_BACKWARD_H

#include "../kernels/conv.h"

/* Is this way faster than conv_gradient? */
int winograd_backward_pays(const struct kernels *kernels, const struct conv *conv);

/* Places of tiles' pixels, int32_t each; whichever algorithm conv names. */
size_t winograd_backward_table_count(const struct conv *conv);
void winograd_backward_fill_table(const struct conv *conv, int32_t *table);

/* Floats of scratch of one call, whatever the number of images. */
size_t winograd_backward_scratch(const struct conv *conv);

/* dw [outs][3][3][channels] = the gradient, of maps that `rows` [images] point to, from dy
 * [images][out_high][out_wide][outs].  zeros: as many as there are channels, and as there are outs. */
void winograd_backward_weights(const struct kernels *kernels, const struct conv *conv, const int32_t *table,
                               const float *zeros, const float *const *rows, const float *dy, int32_t images, float *dw,
                               float *scratch);

#endif
