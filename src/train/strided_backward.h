/* Gradients of convolutions with a stride by their activations.
 *
 * Pixels of dx whose places leave the same rest by the stride, in rows and in columns, meet the same taps: those by
 * which the kernel's place reaches a pixel of dy.  Such a phase is a convolution of stride 1 over dy, of few taps,
 * whose outputs lie `stride` pixels apart; together the phases cost the multiplications of the forward pass.  A phase
 * that no tap reaches, as most of a kernel of one pixel, is zeros. */
#ifndef PMOE_TRAIN_STRIDED_BACKWARD_H
#define PMOE_TRAIN_STRIDED_BACKWARD_H

#include "../kernels/conv.h"

struct arena;

struct strided_backward {
    const struct kernels *kernels;
    struct conv conv; /* the forward pass */
    int32_t phases;   /* stride * stride, or none for a stride of 1 */
    struct phase *phase;
    int32_t *table;
    size_t panel_floats; /* of all phases */
};

struct strided_backward strided_backward_of(const struct kernels *kernels, const struct conv *conv);
void strided_backward_lay_out(struct strided_backward *strided, struct arena *arena);
void strided_backward_fill(struct strided_backward *strided);

/* w [outs][kernel][kernel][channels] -> panels [panel_floats]; turned has room for as many floats as w. */
void strided_backward_pack(const struct strided_backward *strided, const float *w, float *turned, float *panels);

/* Pointers that a call needs. */
size_t strided_backward_rows(const struct conv *conv);

/* dx [images][high][wide][channels] = or, if `adds`, += the gradient, from dy [images][out_high][out_wide][outs]; zeros
 * [outs]. */
void strided_backward_activations(const struct strided_backward *strided, const float *panels, const float *zeros,
                                  const float *dy, int32_t images, int32_t adds, float *dx, const float **rows);

#endif
