/* What the parts of a pass share: forward.c, experts.c and places.c. */
#ifndef PMOE_FORWARD_H
#define PMOE_FORWARD_H

#include "model.h"

/* ---- Where things lie (places.c) ---- */

/* Floats of one layer's output as a whole: the image's, those of what the expert under way was given, or a layer's. */
const float *run_source(const pmoe_run *run, int32_t input);

/* Routing of the part under way, in arrays that hold the whole batch: scores [now][k] of a sample router, and from
 * image `item` on the picks of groups [k][l] and of mixtures [kept], with gates from the part's first image on. */
float *run_scores(const pmoe_run *run, int32_t router);
int32_t *run_picks(const pmoe_run *run, int32_t group, int32_t item);
float *run_gates(const pmoe_run *run, int32_t group);
size_t layer_kept(const struct layer *layer); /* kept places of one image: each expert of a group keeps l patches */

/* ---- Layers (forward.c) ---- */

/* y [groups][rows][outs] from row pointers, by the weights of a layer: in a stack those of the expert under way, and in
 * the groups behind the first those of the experts after it. */
void forward_matrix(const pmoe_run *run, int32_t at, const float *const *x, int32_t rows, int32_t groups, float *y);

/* The same for the patches of `images` maps that a layer reads. */
void forward_patches(pmoe_run *run, int32_t at, int32_t images, float *y);

/* A layer that treats each map or vector alike, over `images` of them. */
void forward_whole(pmoe_run *run, int32_t at, int32_t images);

/* ---- Routed layers (experts.c) ---- */

void forward_router(pmoe_run *run, int32_t at);
void forward_sample_router(pmoe_run *run, int32_t at);
void forward_group_pool(pmoe_run *run, int32_t at); /* the average pool behind a group */

#endif
