/* Inside a trainer. */
#ifndef PMOE_TRAIN_TRAINER_H
#define PMOE_TRAIN_TRAINER_H

#include "../base/pool.h"
#include "../data/source.h"
#include "backward.h"
#include "loss.h"
#include "optimizer.h"
#include "recipe.h"

enum {
    TRAINER_LANES = 8,     /* parts that a batch is dealt into when there is more than one thread, or no jobs */
    TRAINER_JOB_OUTS = 16, /* outputs whose weight gradient is one task */
    TRAINER_NAME_BYTES = GRAPH_NAME_BYTES,
};

/* A slice of one layer's weights: summed over the lanes' images and stepped by one task. */
struct job {
    int32_t layer, matrix, first, count;
};

/* A slice of one tensor, whose gradients of all parts are added up and stepped by one task. */
struct slice {
    int32_t tensor;
    size_t first, count;
};

struct pmoe_trainer {
    pmoe_recipe recipe; /* its strings are the copies below */
    char name[TRAINER_NAME_BYTES], gate[16], divisor[4], output[12], optimizer[8], schedule[12],
        stem[RECIPE_STAGES_BYTES], stages[RECIPE_STAGES_BYTES], pooling[4];
    struct source source;
    pmoe_allocator allocator;
    void *block;
    struct pool *pool;
    struct graph *graph;
    pmoe_model *model;
    float *weights[GRAPH_MAX_TENSORS], *gradients[GRAPH_MAX_TENSORS]; /* memory's order */
    float *moments[GRAPH_MAX_TENSORS][OPTIMIZER_MOMENTS]; /* the optimizer's state, or NULL where it has none */
    struct backward backward;
    struct lane lane[TRAINER_LANES];
    /* A batch is dealt into parts.  Apart: these are always as many, each has gradients of its own, and whichever lane
     * is free takes the next: a lane is a thread's.  Else a part is a lane, and jobs sum over their images. */
    int32_t apart, parts, lanes, lane_batch;
    float *part_gradients[TRAINER_LANES][GRAPH_MAX_TENSORS];
    uint8_t *pixels;     /* [lanes][sample] */
    struct loss *losses; /* [batch] */
    int32_t *order;      /* [samples] */
    struct job *jobs;
    struct slice *slices;
    int32_t job_count, slice_count;
    struct backward_scratch *scratch; /* one per thread */
    int32_t epoch;                    /* done, of both phases together */
    /* of the step under way */
    const int32_t *batch_order;
    int32_t batch_size, batch_bad; /* bad: a sample could not be made */
    float step_rate;
    int64_t step; /* of the experts' phase, from 1 */
};

/* Put all weights into the model. */
void trainer_pack(pmoe_trainer *trainer);

/* Arrays of state that the optimizer keeps for this tensor. */
int trainer_moments(const pmoe_trainer *trainer, int32_t tensor);

#endif
