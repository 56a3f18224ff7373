/* Convolutions in eight bits: what is read is quantised on the way in, sums are of integers, outputs are floats.
 *
 * Weights are symmetric, each output with a step of its own: w ~ s_o q with q = round(w / s_o) in -127 .. 127 and
 * s_o = max |w_o| / 127.  What a convolution reads lies between a `least` and a `most` that were seen before:
 *
 *     x ~ s (q - z)        s = (max(0, most) - min(0, least)) / 127,   z = round(-min(0, least) / s)
 *
 * with q in 0 .. 127, limited where x lies beyond.  Zeros, which is what lies outside of a map, are q = z and exact.
 * With the exact integers
 *
 *     y = act(s s_o (sum over q w - z sum over w) + bias + addend)
 *
 * Seven bits and not eight: then the sum of two products fits the 16 bits in which x86 and NEON have it, and all
 * instruction sets give the same integers.  What follows rounds once an operation, and so does quantise: outputs are
 * the same bits on all of them, and for any number of threads.
 *
 * Exactness.  Where least <= x <= most, |x - s (q - z)| is, up to float rounding, at most s / 2, at the ends too, and
 * |w - s_o q| at most s_o / 2, so that an output's error is at most
 *
 *     sum over its products of  (s / 2) |w| + (s_o / 2) (|x| + s / 2) */
#ifndef PMOE_KERNELS_INT8_H
#define PMOE_KERNELS_INT8_H

#include "conv.h"

enum { INT8_MOST = 127 };

/* Can its sums be integers of 32 bits? */
int int8_fits(const struct conv *conv);

/* Make it one in eight bits, of what it reads least and most; those that are not finite, or no range at all, are taken
 * for a range of 0 .. 127. */
void int8_use(const struct kernels *kernels, struct conv *conv, float least, float most);

/* For conv->algorithm CONV_INT8, what conv.h says of its conv_ namesakes. */
size_t int8_table_count(const struct conv *conv);
void int8_fill_table(const struct conv *conv, int32_t *table);
size_t int8_packed_count(const struct kernels *kernels, const struct conv *conv);
void int8_pack(const struct kernels *kernels, const struct conv *conv, const float *w, float *panels);
size_t int8_scratch_count(const struct kernels *kernels, const struct conv *conv);
void int8_run(const struct kernels *kernels, const struct conv_call *call, struct pool *pool);

#endif
