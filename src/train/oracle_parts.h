/* Inside of the oracle: numbers with their bounds, and one function a layer type. */
#ifndef PMOE_TRAIN_ORACLE_PARTS_H
#define PMOE_TRAIN_ORACLE_PARTS_H

#include "oracle.h"

#include <float.h>

/* A value, how far rounding can take a float evaluation from it at worst, and the variance of that if each rounding is
 * independent and at most half a unit: what is to be expected, hundreds of times less. */
struct number {
    double value, bound, variance;
};

static const double ORACLE_ROUND = FLT_EPSILON / 2;

struct oracle {
    const struct graph *graph;
    pmoe_allocator allocator;
    void *block;
    struct number *output[GRAPH_MAX_LAYERS]; /* as graph shapes say, of groups that feed zeros with all n patches */
    int32_t *picks[GRAPH_MAX_LAYERS];
    struct number *gates[GRAPH_MAX_LAYERS];
    struct number *input;       /* the image: exact */
    struct number *patch;       /* a copy, for the expert under way */
    const struct number *given; /* what that expert is given */
    int32_t expert;
    const double *const *tensors;
    double margin;
};

/* What the oracle reads: the image, what the expert under way is given, or a layer's output. */
const struct number *oracle_source(const struct oracle *oracle, int32_t input);
const struct number *oracle_input(const struct oracle *oracle, int32_t at); /* of layer `at` */

/* A tensor of a layer; inside of experts, the part of the expert under way.  NULL for none. */
const double *oracle_tensor(const struct oracle *oracle, int32_t at, int32_t tensor);

/* bias + <w, x> over a patch of `runs` runs of `run` values, `step` apart. */
struct number number_product(const struct number *x, const double *w, double bias, int32_t runs, int32_t run,
                             int32_t step);
struct number number_times(struct number a, struct number b);

/* First value of a patch in the map x, of shape `in`. */
const struct number *oracle_patch_at(const struct number *x, const struct layer *layer, struct shape in, int32_t patch);

/* Patches of which a group's experts make something. */
static inline int32_t oracle_fed_patches(const struct layer *group)
{
    return group->dropped == DROPPED_ZEROS ? group->patches : group->kept;
}

/* Filter or router row number `filter` on one patch of the layer's input. */
struct number oracle_filter_on_patch(const struct oracle *oracle, int32_t at, int32_t filter, int32_t patch);

/* Layers alike to each map or vector (oracle_layers.c). */
void oracle_patch_conv(struct oracle *oracle, int32_t at);
void oracle_conv(struct oracle *oracle, int32_t at);
void oracle_norm(struct oracle *oracle, int32_t at);
void oracle_add(struct oracle *oracle, int32_t at);
void oracle_relu(struct oracle *oracle, int32_t at);
void oracle_max_pool(struct oracle *oracle, int32_t at);
void oracle_linear(struct oracle *oracle, int32_t at);

/* Layers that route or read what was routed (oracle_routed.c). */
void oracle_router(struct oracle *oracle, int32_t at);
void oracle_sample_router(struct oracle *oracle, int32_t at);
void oracle_group(struct oracle *oracle, int32_t at);
void oracle_mixture(struct oracle *oracle, int32_t at);
void oracle_pool(struct oracle *oracle, int32_t at);

#endif
