/* Weights in the order in which the kernels eat them; first patch_forward.
 *
 * Outputs are split into panels of nearly equal width, at most `panel_outs`; vectors run along the patch, so that
 * narrow experts (5 filters) lose no lanes.  One panel of o outputs, vectors of L lanes, a run of 28 with L = 16:
 *
 *     run 0, floats 0..15 : w[0] w[1] .. w[o-1]   | each L floats
 *     run 0, floats 12..27: w[0] w[1] .. w[o-1]   | each 4 zeros and floats 16..27
 *     run 1, ...
 *
 * The last vector of a run ends where the run ends, over floats that the vector before it has used already: zeros keep
 * them from counting twice.  A run shorter than a vector is its floats, then zeros.
 *
 * A panel is read front to back once for every tile of rows. */
#ifndef PMOE_KERNELS_PACK_H
#define PMOE_KERNELS_PACK_H

#include "kernels.h"

/* So many floats in vectors, the last one begun counts. */
int32_t vectors_of(const struct kernels *kernels, int32_t floats);

/* Floats; SIZE_MAX if a size_t cannot hold them. */
size_t packed_count(const struct kernels *kernels, struct patch_shape shape, int32_t outs);

/* w [outs][runs * run] -> panels [packed_count], 64-byte aligned */
void pack_panels(const struct kernels *kernels, struct patch_shape shape, int32_t outs, const float *w, float *panels);

/* The panels of outputs which [count] alone, out of those of `outs`. */
void repack_panels(const struct kernels *kernels, struct patch_shape shape, int32_t outs, const float *panels,
                   const int32_t *which, int32_t count, float *fewer);

/* Weights in the order in which conv_forward eats them: vectors run along the outputs, the last one filled up with
 * zeros, and panels are of nearly equal width, at most `conv_vecs` vectors.  One panel of two vectors, `floats` taps
 * times channels to an output:
 *
 *     float 0: outputs 0 .. L-1, outputs L .. 2L-1
 *     float 1: ...
 */
size_t conv_panels_count(const struct kernels *kernels, size_t floats, int32_t outs); /* SIZE_MAX as above */

/* w [outs][floats] -> panels [conv_panels_count], 64-byte aligned */
void conv_pack_panels(const struct kernels *kernels, size_t floats, int32_t outs, const float *w, float *panels);

/* Outputs of one of `blocks` nearly equal blocks of panels of at most `vecs` vectors, at most as many blocks as panels:
 * *first and how many.  Alone they split into the same panels, so that a block is a call of its own. */
int32_t conv_block(const struct kernels *kernels, int32_t vecs, int32_t outs, int32_t blocks, int32_t block,
                   int32_t *first);

#endif
