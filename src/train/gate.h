/* Heads in training: what is random there and not in inference, the gates' own loss, and the way back (papers C1, C2).
 *
 * A sample router's scores s of one image's vector h, in this order:
 *
 *     x = dropout(h);  z = standardise(W x + b);  noisy = z + eps * (softplus(V x + c) + floor);  s = dropout(noisy)
 *
 * eps ~ N(0, 1) for each image and expert; a dropout of share p puts 0 in place of a value or divides it by 1 - p.
 * Without noise and dropout this is what inference does.  A linear layer's outputs behind a ReLU are dropped likewise,
 * inside of a mixture's experts or not.  All that is random follows from (seed, use of a sample, place), so passing an
 * image again gives the same. */
#ifndef PMOE_TRAIN_GATE_H
#define PMOE_TRAIN_GATE_H

#include "../base/memory.h"
#include "balance.h"

#include <stdint.h>

/* What a lane is to do so; all 0: nothing. */
struct chance {
    uint64_t seed;
    const uint64_t *use; /* [images] number of the use of the sample: epoch * samples + sample */
    float dropout;       /* p */
    float floor;         /* of the noise */
    int32_t noise;       /* row of V in the tables of weights and gradients, behind it c's; 0: no noise */
    struct balance balance;
    float share; /* of the batch that the lane's images are: what the balance's gradient is multiplied by */
};

/* One router's pass; [batch][inputs] or [batch][experts]. */
struct gate {
    size_t inputs;
    float *input_keep, *score_keep;        /* 0 or 1 / (1 - p) */
    float *x, *raw, *clean, *before, *eps; /* raw: W x + b; clean: z; before: V x + c */
    float *deviation, *noisy;
    float *dclean, *dnoisy, *ddeviation; /* from the balance */
    float *dx;                           /* [inputs] of one image */
};

void gate_lay_out(struct gate *gate, size_t batch, size_t inputs, size_t experts, struct arena *arena);

struct lane;

/* For pmoe_run; context is the lane. */
void gate_forward(void *context, int32_t router);
void gate_drop(void *context, int32_t layer, int32_t images);

/* What is dropped of a layer's outputs, else 0. */
float gate_dropped(const struct lane *lane, int32_t layer);

/* The balance of a mixture's gates, whose gradient joins dgates and the router's; returns the loss, not yet * share. */
double gate_balance(struct lane *lane, int32_t mixture);

void backward_sample_router(struct lane *lane, int32_t at);

#endif
