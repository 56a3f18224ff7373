/* Where gradients by outputs lie: which layers' are the same, and which share memory one after the other, so that what
 * one layer writes is still in a cache when the next reads it. */
#ifndef PMOE_TRAIN_GRADIENT_PLACES_H
#define PMOE_TRAIN_GRADIENT_PLACES_H

#include "../model/model.h"

struct gradient_places {
    /* The layer in whose gradient this one's is: of what it is folded into, an expert's last layer's in its group's,
     * and of a convolution that only a sum reads in that sum's. */
    int32_t owner[GRAPH_MAX_LAYERS];
    /* Of an owner outside of experts: its memory, one of `slots`, of so many floats an image. */
    int32_t slot[GRAPH_MAX_LAYERS], slots;
    int64_t floats[GRAPH_MAX_LAYERS];
};

/* reuses 0: a slot for each owner, all readable after the way back. */
void gradient_places_find(const pmoe_model *model, int32_t reuses, struct gradient_places *places);

#endif
