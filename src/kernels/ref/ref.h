/* The oracle: every kernel once more in double precision, straight from its equation in kernel_list.h.
 *
 * Each output has a value and a magnitude, the sum of the absolute values of its terms: what a rounding error is
 * measured against (check.c derives the bound).  Never a baseline of timings. */
#ifndef PMOE_KERNELS_REF_H
#define PMOE_KERNELS_REF_H

#include "../kernels.h"

struct ref {
    double value, magnitude;
};

/* One output each.  w is plain: [outs][runs * run]; o and k count outputs and floats of the patch. */
struct ref ref_patch_forward(const float *x, struct patch_shape shape, const float *w, const float *bias, int32_t o,
                             int32_t relu);
/* add: NULL, or the float that is added to this output */
struct ref ref_conv_forward(const float *x, int32_t pixel, const struct conv_shape *shape, const float *w,
                            const float *bias, const float *add, int32_t o, int32_t relu);
/* Exact: what quantise and conv_int8 must store to the last bit.  w is plain [outs][taps][channels] and so is x's map,
 * both of numbers; add NULL, or the float that is added to this output. */
int32_t ref_quantise(float x, float factor, int32_t zero);
struct ref ref_conv_int8(const int8_t *x, int32_t pixel, const struct conv_shape *shape, const int8_t *w,
                         const struct int8_filters *filters, int8_t outside, const float *add, int32_t o, int32_t relu);
/* Point p of channel c; pixel of the m x m.  points, bias and add: the one output's, bias and add NULL for none. */
struct ref ref_winograd_input(const float *const *x, int32_t m, int32_t p, int32_t c);
struct ref ref_winograd_output(const float *points, ptrdiff_t point_step, int32_t m, int32_t pixel, const float *bias,
                               const float *add, int32_t relu);
struct ref ref_patch_gradient(float dw, const float *const *x, int32_t rows, struct patch_shape shape, const float *dy,
                              ptrdiff_t dy_step, int32_t o, int32_t k);
struct ref ref_gated_sum(const float *x, const float *gates, float scale, int32_t rows, int32_t count, int32_t c);
struct ref ref_row_max(const float *x, int32_t rows, int32_t count, int32_t c);
struct ref ref_scale_shift(float x, float scale, float shift, int32_t relu);
struct ref ref_relu(float x);
/* dw: what that float held; tap t, channel c and output o name it. */
struct ref ref_conv_gradient(float dw, const float *const *x, int32_t images, const struct conv_shape *shape,
                             const float *dy, int32_t t, int32_t c, int32_t o);
/* Point p of output o; du: what that float held, of point p, output o and channel c; tap 0 .. 8 of one channel, whose
 * points lie point_step apart. */
struct ref ref_winograd_output_gradient(const float *const *dy, int32_t p, int32_t o);
struct ref ref_winograd_multiply_gradient(float du, const float *m, const float *v, const struct winograd_strip *strip,
                                          int32_t tiles, int32_t p, int32_t o, int32_t c);
struct ref ref_winograd_filter_gradient(const float *du, ptrdiff_t point_step, int32_t tap);
/* The sum; squares: the sum of squares. */
struct ref ref_norm_squares(const float *x, const float *from, int32_t rows, int32_t count, int32_t c, int32_t squares);
/* What a ReLU behind scale and shift, NULL for none, lets through. */
double ref_norm_pass(float dy, float x, const float *scale, const float *shift);
/* The sum; products: the sum of products. */
struct ref ref_norm_sums(const float *x, const float *mean, const float *dy, const float *scale, const float *shift,
                         int32_t rows, int32_t count, int32_t c, int32_t products);
struct ref ref_norm_gradient(float x, float by_x, double passed, float by_dy, float by_1, float add);
struct ref ref_axpy(float y, float a, float x);
/* Of one list, item j at scores[j * step]: the i-th that is kept, and its gate. */
struct ref ref_route(const float *scores, int32_t step, int32_t n, int32_t i, int32_t over, int32_t *pick);

#endif
