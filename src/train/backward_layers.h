/* Inside the backward pass: the way back through each type of layer, and what they share.
 *
 * A layer inside of an expert is treated as any other, over what the expert under way was given (lane->count maps),
 * with that expert's part of tensors. */
#ifndef PMOE_TRAIN_BACKWARD_LAYERS_H
#define PMOE_TRAIN_BACKWARD_LAYERS_H

#include "backward.h"

/* One layer's way back: from its doutput to its inputs' and, where lane->gradients is not NULL, to its tensors'. */
void backward_layer(struct lane *lane, int32_t at);

void backward_patch_router(struct lane *lane, int32_t at);
void backward_group(struct lane *lane, int32_t at);
void backward_mixture(struct lane *lane, int32_t at);

/* The layer whose gradient this one's is a part of: gradient_places.h. */
int32_t gradient_owner(const struct lane *lane, int32_t layer);

/* Gradient by a layer's output, in memory's order of run_output. */
float *lane_doutput(const struct lane *lane, int32_t layer);

/* The gradient by one input of layer `at`, for it to write or to add to; NULL where nobody wants it.  *adds: there is
 * something to add to. */
float *begin_gradient(struct lane *lane, int32_t at, int32_t input, int32_t *adds);

/* The same, for who only adds: zeros at first. */
float *add_to_gradient(struct lane *lane, int32_t at, int32_t input);

/* A row of the weights' or gradients' table; inside of experts the part of the one under way.  NULL for no tensor. */
float *lane_tensor(const struct lane *lane, float *const *table, int32_t tensor);

/* The gradient by a tensor likewise; NULL where nobody wants it. */
float *lane_gradient(const struct lane *lane, int32_t tensor);

/* A gradient that a fused ReLU let through only where its output is positive. */
void mask_relu(float *dy, const float *y, size_t count);

/* dx += w^T dy for one row: x is `runs` runs, `step` apart. */
void spread_row(const struct kernels *kernels, float *dx, const float *w, const float *dy, int32_t outs,
                struct patch_shape shape);

/* Weights' gradient += that of rows times dy; dbias NULL for none. */
void rows_gradient(const struct kernels *kernels, const struct layer_plan *plan, const float *const *rows,
                   int32_t row_count, const float *dy, int32_t outs, float *gradient, float *dbias);

static inline size_t input_count(const struct graph *graph, int32_t layer)
{
    return (size_t)shape_count(graph_input_shape(graph, layer));
}

#endif
