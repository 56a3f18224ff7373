/* The step that conv_forward and winograd_multiply share: one channel of a tile.
 *
 * Callers run it until the weights end, not until a count does: browsers' compilers keep a count beside the pointers,
 * one more register and addition a step, which is 2 to 5 % of the time (SPEED.md). */
#ifndef PMOE_KERNELS_CONV_STEP_H
#define PMOE_KERNELS_CONV_STEP_H

#include "tmpl.h"

/* A float, the c-th, of each of P rows by O vectors of weights: sums[p * O + o] += from[p][c] * w[o].  The fewer of
 * rows and vectors are kept in registers, the others loaded one at a time: conv_tile.h's FITS counts on it. */
INLINE void multiply(const int P, const int O, const float *const *from, ptrdiff_t c, const float *w, vf *sums)
{
    vf kept[6]; /* the most vectors that conv_tile.h lists */
    EACH (i, P < O ? P : O)
        kept[i] = vf_keep(P < O ? vf_load_splat(from[i] + c) : vf_load(w + i * VF_LANES));
    EACH (i, P < O ? O : P) {
        vf other = vf_keep(P < O ? vf_load(w + i * VF_LANES) : vf_load_splat(from[i] + c));
        EACH (j, P < O ? P : O) {
            vf *sum = P < O ? &sums[j * O + i] : &sums[i * O + j];
            *sum = P < O ? vf_fma(kept[j], other, *sum) : vf_fma(other, kept[j], *sum);
        }
    }
}

#endif
