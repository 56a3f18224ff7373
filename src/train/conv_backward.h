/* Gradients of convolutions over maps, on the same tiles as their forward passes.
 *
 * By activations: dy, with stride - 1 zeros between its pixels, convolved with the flipped weights, inputs and outputs
 * changing places: an exact convolution of stride 1, whatever the first one's, which chooses its algorithm like any
 * other (Winograd's pays for the zeros).  A kernel of one pixel needs no zeros: what it makes of dy is spread out
 * afterwards.  By weights: the way back through Winograd's points (winograd_backward.h) or conv_gradient, whichever is
 * faster. */
#ifndef PMOE_TRAIN_CONV_BACKWARD_H
#define PMOE_TRAIN_CONV_BACKWARD_H

#include "../kernels/conv.h"

struct arena;

struct conv_backward {
    const struct kernels *kernels;
    struct conv direct;       /* the convolution itself, done directly */
    struct conv spread;       /* from dy, spread out, to dx; kernel 1: from dy to the pixels of dx that it reaches */
    int32_t stride, matrices; /* matrices: experts inside of experts, else 1 */
    int by_points;            /* the gradient by weights is taken in Winograd's points */
    int32_t *table, *spread_table;
    size_t panel_floats;     /* of one matrix */
    float *flipped, *panels; /* weights of `spread`, plain of one matrix, packed of all */
    float *zeros;
};

/* Geometry of the gradients of `conv`; then memory, from an arena that may only count. */
struct conv_backward conv_backward_of(const struct kernels *kernels, const struct conv *conv, int32_t matrices);
void conv_backward_lay_out(struct conv_backward *backward, struct arena *arena);
void conv_backward_fill(struct conv_backward *backward);

/* New weights w [matrices][outs][kernel][kernel][channels]. */
void conv_backward_pack(struct conv_backward *backward, const float *w);

/* Floats of scratch that either call needs for so many images. */
size_t conv_backward_scratch(const struct conv_backward *backward, int32_t images);

/* By one matrix: dx [images][high][wide][channels] = or, if `adds`, += the gradient, from dy
 * [images][out_high][out_wide][outs]. rows [images] is room for pointers, scratch 64-byte aligned. */
void conv_backward_activations(const struct conv_backward *backward, int32_t matrix, const float *dy, int32_t images,
                               int32_t adds, float *dx, const float **rows, float *scratch);

/* dw [outs][kernel][kernel][channels] = the gradient, of maps that `rows` [images] point to. */
void conv_backward_weights(const struct conv_backward *backward, const float *const *rows, const float *dy,
                           int32_t images, float *dw, float *scratch);

#endif
