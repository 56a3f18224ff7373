/* A whole model in double precision, straight from the equations, with a bound on what float rounding may do to it.
 *
 * Slow and plain on purpose: the judge of the forward pass, of gradients (finite differences) and of golden outputs. */
#ifndef PMOE_TRAIN_ORACLE_H
#define PMOE_TRAIN_ORACLE_H

#include "../base/memory.h"
#include "../model/graph.h"

struct oracle;

enum { ORACLE_DEVIATIONS = 10 }; /* so many are not met by chance */

PMOE_MUST_USE pmoe_status oracle_open(const struct graph *graph, const pmoe_allocator *allocator,
                                      struct oracle **oracle, pmoe_error *error);
void oracle_close(struct oracle **oracle);

/* One image.  tensors: a pointer per row of the tensor table, in memory's order ([..][patch][patch][channels]). */
void oracle_forward(struct oracle *oracle, const double *const *tensors, const double *image);

/* The same in steps, so that a test can do something between layers: begin, then each layer that is in no group, in
 * order.  oracle_value: float `index` of what a layer made of it. */
void oracle_begin(struct oracle *oracle, const double *const *tensors, const double *image);
void oracle_layer(struct oracle *oracle, int32_t layer);
double oracle_value(const struct oracle *oracle, int32_t layer, size_t index);

double oracle_logit(const struct oracle *oracle, int32_t index);
/* Any float evaluation with this routing lies within: sum over terms of (terms + 2) * FLT_EPSILON * |term|, carried
 * through the layers.  Safe, and hundreds of times wider than what happens. */
double oracle_bound(const struct oracle *oracle, int32_t index);
/* The standard deviation of a float evaluation from it if roundings are independent: a tenfold of this is not met by
 * chance, and a wrong kernel does not hide behind it. */
double oracle_deviation(const struct oracle *oracle, int32_t index);
const int32_t *oracle_picks(const struct oracle *oracle, int32_t group); /* [k][l] */
/* By how much the nearest pair of scores whose order decides a pick exceeds what rounding may move them; above 0 every
 * float evaluation routes alike: for certain, or behind other layers maybe only by ORACLE_DEVIATIONS.  +inf for a dense
 * model. */
double oracle_margin(const struct oracle *oracle);

#endif
