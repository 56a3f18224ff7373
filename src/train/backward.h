/* Backward passes: gradients by activations and by weights, a function a layer type.
 *
 * A lane is one run with the gradients of everything it computed; images of a batch are dealt out to lanes, lanes to
 * threads.  Gradients by weights are either summed over the lanes' images in order afterwards, split over threads by
 * outputs, or each lane's own are taken on the way, while what they are made of is in a cache, and summed in order of
 * the lanes: no bit depends on how many threads there are.
 *
 * A batch norm's statistics are those of its lane, as in training on several devices (Goyal et al. 2017, sec. 2.3;
 * small parts generalise at least as well: Hoffer et al. 2017, "ghost batch norm").  One that reads the image itself is
 * the normalisation of a data set: it keeps the statistics it was given.  The loss of gates (gate.h) is of a lane's
 * images in the same way.
 *
 * Where dropped patches are zeros to an expert, one patch of zeros is fed to it and stands for all of the lane's: it
 * counts as often in an inner norm's statistics, and its gradient is the sum of theirs.  That is what masking a dense
 * layer gives (paper 1's code), for the cost of the kept patches and one. */
#ifndef PMOE_TRAIN_BACKWARD_H
#define PMOE_TRAIN_BACKWARD_H

#include "../model/model.h"
#include "conv_backward.h"
#include "gate.h"
#include "gradient_places.h"
#include "norm.h"

/* Does training know these layers?  Not yet known: batch norms inside of a mixture, whose experts may get no image at
 * all.  PMOE_E_GRAPH names the layer. */
PMOE_MUST_USE pmoe_status backward_check(const struct graph *graph, pmoe_error *error);

/* What all lanes share: weights as convolutions want them on the way back. */
struct backward {
    const pmoe_model *model;
    void *block;
    struct conv_backward conv[GRAPH_MAX_LAYERS];
    struct gradient_places places;
};

/* The model must have been made with MODEL_KEEP_ALL. */
PMOE_MUST_USE pmoe_status backward_open(const pmoe_model *model, struct backward *backward, pmoe_error *error);
void backward_close(struct backward *backward);
void backward_pack(struct backward *backward, int32_t layer, const float *weight); /* new weights of one layer */

struct lane {
    pmoe_run *run;
    const struct backward *backward;
    void *block;
    float *images;                    /* [max_batch][h][w][c], for the caller to fill */
    float *zeros;                     /* as run->zeros; NULL if no group wants any */
    float *logits;                    /* [max_batch][outputs] */
    float *doutput[GRAPH_MAX_LAYERS]; /* gradient by each layer's output, laid out as run_output */
    float *dgates[GRAPH_MAX_LAYERS];  /* groups: [batch][k][l]; mixtures: [batch][kept] */
    float *dscores[GRAPH_MAX_LAYERS]; /* routers: [batch][k][n], of samples [batch][k] */
    float *dgiven;                    /* gradient by what the expert under way was given, maps one behind the other */
    uint8_t begun[GRAPH_MAX_LAYERS], begun_given; /* 1: doutput, dgiven has something to add to */
    int32_t count; /* maps or vectors that layers treat: the batch, inside of an expert what it was given */
    struct norm norm[GRAPH_MAX_LAYERS];
    struct gate gate[GRAPH_MAX_LAYERS]; /* of sample routers */
    struct chance chance;               /* for the caller to set before a pass */
    double balance;                     /* loss of the mixture's gates, after the way back */
    const float **rows;                 /* pointers for one call */
    float *scratch;                     /* of convolutions */
    float *const *weights;
    float *const *gradients;
    struct backward_scratch {
        const float **rows; /* [backward_scratch_rows] */
        float *dy;          /* as many */
    } gathered;             /* row pointers and output gradients of a weight gradient that had to be gathered */
};

PMOE_MUST_USE pmoe_status lane_open(const struct backward *backward, int32_t max_batch, struct lane *lane,
                                    pmoe_error *error);
void lane_close(struct lane *lane);

/* A batch norm whose statistics and weights training leaves alone. */
int norm_is_fixed(const struct graph *graph, int32_t layer);

/* From lane->images to lane->logits.  weights: a pointer per row of the tensor table, memory's order, and behind them
 * those of a noise that lane->chance names. */
void lane_forward(struct lane *lane, int32_t images, float *const *weights);

/* Then: forget all gradients, so that the loss can write the last layer's. */
void lane_clear(struct lane *lane);

/* From the last layer's doutput to everyone's (of which those share memory that no two layers want at once, unless
 * gradients by weights may be gathered from them); gradients, likewise a pointer per row, becomes those of the lane's
 * images by the weights, of all layers but fixed norms, and where there is no gradient, at the rows of a norm's mean
 * and variance, what these were in the lane; or is NULL: nobody wants them now. */
void lane_backward(struct lane *lane, float *const *gradients);

/* Can gradients by weights be gathered from what lanes hold after the way back, by lane_weight_gradient?  It knows
 * layers whose outputs are rows of weights times patches or vectors, and experts of one such layer. */
int backward_gathers(const struct graph *graph);

size_t backward_scratch_rows(const pmoe_model *model, int32_t max_batch);

/* gradient [outs_count][row] += of outputs first .. first + count - 1 of one matrix (an expert, or 0) of a layer, in
 * memory's order; dbias [count] += too where it is not NULL. */
void lane_weight_gradient(const struct lane *lane, int32_t layer, int32_t matrix, int32_t first, int32_t count,
                          struct backward_scratch scratch, float *gradient, float *dbias);

#endif
