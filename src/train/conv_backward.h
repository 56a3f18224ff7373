/* Gradients of convolutions over maps, on the same tiles as their forward passes.
 *
 * By activations: dy convolved with the flipped weights, inputs and outputs changing places: an exact convolution,
 * which chooses its algorithm like any other; behind a stride one for each phase of it (strided_backward.h).  By
 * weights: the way back through Winograd's points (winograd_backward.h) or conv_gradient, whichever is faster. */
#ifndef PMOE_TRAIN_CONV_BACKWARD_H
#define PMOE_TRAIN_CONV_BACKWARD_H

#include "../kernels/conv.h"
#include "strided_backward.h"

struct arena;

struct conv_backward {
    const struct kernels *kernels;
    struct conv direct; /* the convolution itself, done directly */
    int by_points;      /* the gradient by weights is taken in Winograd's points */
    int32_t *table;     /* for that, or for conv_gradient */
    struct strided_backward strided;
    struct conv turned; /* from dy to dx, where the stride is 1 */
    int32_t *turned_table;
    int32_t matrices;      /* experts inside of experts, else 1 */
    size_t panel_floats;   /* of one matrix */
    float *plain, *panels; /* weights from dy to dx, plain of one matrix, packed of all */
    float *zeros;
};

/* Geometry of the gradients of `conv`; then memory, from an arena that may only count. */
struct conv_backward conv_backward_of(const struct kernels *kernels, const struct conv *conv, int32_t matrices);
void conv_backward_lay_out(struct conv_backward *backward, struct arena *arena);
void conv_backward_fill(struct conv_backward *backward);

/* New weights w [matrices][outs][kernel][kernel][channels]. */
void conv_backward_pack(struct conv_backward *backward, const float *w);

/* Floats of scratch that either call needs, and pointers that the first needs for so many images. */
size_t conv_backward_scratch(const struct conv_backward *backward);
size_t conv_backward_rows(const struct conv_backward *backward, size_t images);

/* By one matrix: dx [images][high][wide][channels] = or, if `adds`, += the gradient, from dy
 * [images][out_high][out_wide][outs]. rows [conv_backward_rows] is room for pointers, scratch
 * 64-byte aligned. */
void conv_backward_activations(const struct conv_backward *backward, int32_t matrix, const float *dy, int32_t images,
                               int32_t adds, float *dx, const float **rows, float *scratch);

/* dw [outs][kernel][kernel][channels] = the gradient, of maps that `rows` [images] point to. */
void conv_backward_weights(const struct conv_backward *backward, const float *const *rows, const float *dy,
                           int32_t images, float *dw, float *scratch);

#endif
