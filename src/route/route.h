/* Routing: which l of n patches an expert keeps, and with which gates.  The heart, and no more than this.
 *
 * Expert choice inside one image (paper 1, sec. 3): every expert looks at every patch's score and keeps exactly l.  A
 * patch may be kept by no expert, by one, or by all. */
#ifndef PMOE_ROUTE_H
#define PMOE_ROUTE_H

#include "../kernels/kernels.h"
#include "../model/graph.h"

/* Lists of scores side by side, an expert's each, as a router's kernel leaves them: item j of list e is
 * scores[j * step + e].  scratch: route_scratch floats.  Readable: up to ROUTE_SLACK floats behind the last score. */
struct route_lists {
    const float *scores;
    int32_t step, lists, n;
    float *scratch;
};

enum { ROUTE_SLACK = 15 }; /* kernels read whole vectors, of 16 lanes at most */

size_t route_scratch(const struct kernels *kernels, int32_t l); /* floats */

/* J_s of eq. 1, the indices of the l largest scores of each list, largest first, and their gates G: picks and gates
 * [lists][l].  Ties: the lower index first.  NaN counts as -infinity, so that picks are always l different patches.
 * 1 <= l <= n <= GRAPH_MAX_PATCHES. */
void route(const struct kernels *kernels, enum gate_form form, struct route_lists of, int32_t l, int32_t *picks,
           float *gates);

/* Gradient through the gates of one list of scores [n]: dscores [n] += from dgates [l].  With gates G over the kept set
 * J (topl_softmax) dscore_j = G_j (dG_j - sum over i in J of G_i dG_i); with softmax_topl the same over all n with
 * dG = 0 off J; hard gates pass none. */
void route_gates_backward(enum gate_form form, const float *scores, int32_t n, const int32_t *picks, int32_t l,
                          const float *gates, const float *dgates, float *dscores);

#endif
