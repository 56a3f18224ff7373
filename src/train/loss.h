/* Losses: what the logits of one sample cost, and the gradient. */
#ifndef PMOE_TRAIN_LOSS_H
#define PMOE_TRAIN_LOSS_H

#include <stdint.h>

struct loss {
    double value;
    int32_t correct; /* the likeliest class is the label */
};

/* outputs == 1: the logistic loss log(1 + exp(-y f)) of eq. 2 with y = +1 for label 1, -1 for label 0.  More: softmax
 * cross-entropy, of the label and, to the share `smoothing`, of all classes alike.  dlogits [outputs] = scale *
 * gradient; NULL to skip. */
struct loss loss_of(const float *logits, int32_t outputs, int32_t label, float smoothing, float scale, float *dlogits);

#endif
