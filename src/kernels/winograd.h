/* Winograd's algorithm for convolutions 3x3 of stride 1: F(2x2, 3x3) and F(4x4, 3x3).
 *
 * A tile of m x m outputs reads (m + 2) x (m + 2) pixels.  With a polynomial for each line of pixels and of the filter,
 * the outputs are coefficients of a product, which (m + 2) values of it determine: pixels and filter are evaluated at
 * m + 2 points (along rows and columns: at (m + 2)^2 pairs), multiplied point by point, summed over the channels, and
 * the outputs interpolated,
 *
 *     y = A^T [ (G w G^T) * (B^T x B) ] A
 *
 * so that an output costs (m + 2)^2 / m^2 multiplications a channel, 4 or 2.25, where a direct one costs 9.
 *
 * Points.  F(2, 3): 0, 1, -1 and infinity.  F(4, 3): 0, a, -a, b, -b and infinity with a = 5/8 and b = 3/2, near the
 * best that a search found: the usual 1 and 2 lose twice as much (SPEED.md).  For a finite point t, the row of B^T has
 * the coefficients of the product of (x - s) over the other finite points s, the row of G has 1, t, t^2 divided by the
 * product of (t - s), and the column of A^T has the powers of t; infinity has the product over all finite points, 0 0 1
 * and 0 .. 0 1.  All entries of A and B are floats without rounding, and G is applied in double precision, once, when
 * the filters are packed.
 *
 * Exactness.  Let r be the roundings that a number passes in one line of a transform: with fused multiply-add
 * r_in = 2 and r_out = 3 for F(4, 3), without it 4 and 4; for F(2, 3) 1 and 2.  A filter's value is rounded once, a
 * product passes at most as many roundings as there are channels, bias and addend bring one each:
 *
 *     n = 2 r_in + 1 + channels + 2 r_out + 2
 *
 * so that an output is off by at most n u / (1 - n u), with u = FLT_EPSILON / 2, of
 *
 *     |A^T| [ (|G| |w| |G^T|) * (|B^T| |x| |B|) ] |A|  +  |bias| + |addend|
 *
 * Let k be the largest sum over p of |A^T|_ip |G|_pj (sum over l of |B^T|_pl).  The first term is at most k^2 times the
 * sum over the channels of the largest |x| in the tile times the sum of |w|; k^2 is 16 for F(2, 3), 175.4 for F(4, 3).
 * That is winograd_error_bound.  It depends on all pixels of a tile, unlike that of a direct convolution, which may be
 * exact where a tile's other pixels are large.  Errors of random data do not conspire: of a direct convolution's (root
 * mean square, 64 channels) they are 0.6 and 1.8 times.
 *
 * An infinite or NaN pixel makes NaN of outputs that read it, and of others of its tile; so may pixels and weights that
 * are finite, where the magnitude above is not.  An output depends on its tile alone, so a map gets the same bits alone
 * and in a batch, however many threads there are. */
#ifndef PMOE_KERNELS_WINOGRAD_H
#define PMOE_KERNELS_WINOGRAD_H

#include "conv.h"

/* The fastest algorithm for a convolution whose geometry is set, direct ones included. */
enum conv_algorithm winograd_choice(const struct kernels *kernels, const struct conv *conv);

/* For conv->algorithm CONV_WINOGRAD_2 or _4, what conv.h says of its conv_ namesakes. */
size_t winograd_table_count(const struct conv *conv);
void winograd_fill_table(const struct conv *conv, int32_t *table);
size_t winograd_packed_count(const struct kernels *kernels, const struct conv *conv);
void winograd_pack(const struct kernels *kernels, const struct conv *conv, const float *w, float *panels);
size_t winograd_scratch_count(const struct kernels *kernels, const struct conv *conv, int32_t threads);
void winograd_run(const struct kernels *kernels, const struct conv_call *call, struct pool *pool);
double winograd_error_bound(const struct kernels *kernels, const struct conv *conv);

#endif
