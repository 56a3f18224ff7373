/* Inside a trainer. */
#ifndef PMOE_TRAIN_TRAINER_H
#define PMOE_TRAIN_TRAINER_H

#include "../base/pool.h"
#include "../data/source.h"
#include "../route/usage.h"
#include "backward.h"
#include "loss.h"
#include "optimizer.h"
#include "recipe.h"

enum {
    TRAINER_LANES = 8,     /* parts that a batch is dealt into when there is more than one thread, or no jobs */
    TRAINER_JOB_OUTS = 16, /* outputs whose weight gradient is one task */
    TRAINER_NAME_BYTES = GRAPH_NAME_BYTES,
    TRAINER_TENSORS = GRAPH_MAX_TENSORS + 2, /* the model's and those of a noise */
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
        stem[RECIPE_STAGES_BYTES], stages[RECIPE_STAGES_BYTES], pooling[4], head[8], balance[12];
    struct source source;
    pmoe_allocator allocator;
    void *block;
    struct pool *pool;
    struct graph *graph;
    pmoe_model *model;
    /* Tensors: the graph's, and behind them, if scores are noisy, weight and bias of the layer that the noise's
     * deviation comes from, of the shapes of the router's own.  They are trained and kept in checkpoints like all
     * others; a model, which has no noise, does not have them. */
    int32_t tensors, noise;                                       /* noise: the first of those, or 0 */
    float *weights[TRAINER_TENSORS], *gradients[TRAINER_TENSORS]; /* memory's order */
    float *moments[TRAINER_TENSORS][OPTIMIZER_MOMENTS];           /* the optimizer's state, or NULL where it has none */
    struct backward backward;
    struct lane lane[TRAINER_LANES];
    /* A batch is dealt into parts.  Apart: these are always as many, each has gradients of its own, and whichever lane
     * is free takes the next: a lane is a thread's.  Else a part is a lane, and jobs sum over their images. */
    int32_t apart, parts, lanes, lane_batch;
    float *part_gradients[TRAINER_LANES][TRAINER_TENSORS];
    uint8_t *pixels;                               /* [lanes][sample] */
    uint64_t *uses;                                /* [lanes][lane_batch] what is random follows from them */
    double part_balance[TRAINER_LANES];            /* loss of the gates of each part, times the part's images */
    struct usage part_usage[TRAINER_LANES], usage; /* of a mixture: of the batch under way, and of the epoch so far */
    double *usage_read;                            /* [2][experts] for pmoe_progress */
    struct loss *losses;                           /* [batch] */
    int32_t *order;                                /* [samples] */
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

/* Put all weights into the model, for the next step. */
void trainer_pack(pmoe_trainer *trainer);

/* The same and what follows from them, for others to run it. */
PMOE_MUST_USE pmoe_status trainer_settle(pmoe_trainer *trainer, pmoe_error *error);

/* A sample as floats, by way of pixels; returns its label, or -1 if it could not be made. */
int32_t trainer_load_sample(const pmoe_trainer *trainer, int32_t sample, uint8_t *pixels, float *image);

/* One step of the routers alone, against eq. 6 of the batch under way (routers.c). */
void trainer_route_batch(pmoe_trainer *trainer, int32_t router);

/* The tensor of the graph that this one of the trainer is, or has the shape and the treatment of. */
int32_t trainer_like(const pmoe_trainer *trainer, int32_t tensor);

/* Is it a batch norm's mean or variance, which follow the batches' and are not stepped? */
int trainer_is_statistic(const pmoe_trainer *trainer, int32_t tensor);

/* Arrays of state that the optimizer keeps for this tensor. */
int trainer_moments(const pmoe_trainer *trainer, int32_t tensor);

#endif
