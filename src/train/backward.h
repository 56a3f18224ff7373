/* Backward passes: gradients by activations and by weights, a function a layer type.
 *
 * A lane is one run with the gradients of everything it computed; images of a batch are dealt out to lanes, lanes to
 * threads.  Gradients by weights are then summed over the lanes in order, split over threads by outputs, so that no
 * bit depends on how many threads there are. */
#ifndef PMOE_TRAIN_BACKWARD_H
#define PMOE_TRAIN_BACKWARD_H

#include "../model/model.h"

struct lane {
    pmoe_run *run;
    void *block;
    float *images;                    /* [max_batch][h][w][c], for the caller to fill */
    float *logits;                    /* [max_batch][outputs] */
    float *doutput[GRAPH_MAX_LAYERS]; /* gradient by each layer's output, laid out as run_output */
    float *dgates[GRAPH_MAX_LAYERS];  /* groups: [batch][k][l] */
    float *dscores[GRAPH_MAX_LAYERS]; /* routers: [batch][k][n] */
};

/* The model must have been made with MODEL_KEEP_ALL. */
PMOE_MUST_USE pmoe_status lane_open(const pmoe_model *model, int32_t max_batch, struct lane *lane, pmoe_error *error);
void lane_close(struct lane *lane);

/* After a forward pass: zero all gradients, so that the loss can write the last layer's. */
void lane_clear(struct lane *lane);

/* From the last layer's doutput to everyone's.  weights: a pointer per row of the tensor table, memory's order. */
void lane_backward(struct lane *lane, float *const *weights);

/* Row pointers and output gradients of a weight gradient that had to be gathered. */
struct backward_scratch {
    const float **rows; /* [backward_scratch_rows] */
    float *dy;          /* as many */
};
size_t backward_scratch_rows(const pmoe_model *model, int32_t max_batch);

/* gradient [outs_count][row] += of outputs first .. first + count - 1 of one matrix (an expert, or 0) of a layer, in
 * memory's order; dbias [count] += too where it is not NULL. */
void lane_weight_gradient(const struct lane *lane, int32_t layer, int32_t matrix, int32_t first, int32_t count,
                          struct backward_scratch scratch, float *gradient, float *dbias);

#endif
