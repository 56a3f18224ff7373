/* Routing: which l of n patches an expert keeps, and with which gates.  The heart, and no more than this.
 *
 * Expert choice inside one image (paper 1, sec. 3): every expert looks at every patch's score and keeps exactly l.  A
 * patch may be kept by no expert, by one, or by all. */
#ifndef PMOE_ROUTE_H
#define PMOE_ROUTE_H

#include "../model/graph.h"

/* J_s of eq. 1: the indices of the l largest of scores [n], largest first; ties: the lower index first.  NaN ranks
 * below everything, so that picks are always l different patches.  1 <= l <= n <= GRAPH_MAX_PATCHES.  O(n) when few
 * scores displace another, O(n l) at worst. */
void route_top(const float *scores, int32_t n, int32_t l, int32_t *picks);

/* G of eq. 1 for the l picks of each list of scores [lists][n]: gates [lists][l] in the order of the picks. */
void route_gates(enum gate_form form, const float *scores, int32_t lists, int32_t n, const int32_t *picks, int32_t l,
                 float *gates);

/* Gradient through the gates: dscores [n] += from dgates [l].  With gates G over the kept set J (topl_softmax)
 * dscore_j = G_j (dG_j - sum over i in J of G_i dG_i); with softmax_topl the same over all n with dG = 0 off J; hard
 * gates pass none. */
void route_gates_backward(enum gate_form form, const float *scores, int32_t n, const int32_t *picks, int32_t l,
                          const float *gates, const float *dgates, float *dscores);

#endif
