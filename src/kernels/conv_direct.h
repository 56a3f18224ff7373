/* Direct convolutions cut into parts, whatever kernel carries those out: conv_forward, or conv_int8. */
#ifndef PMOE_KERNELS_CONV_DIRECT_H
#define PMOE_KERNELS_CONV_DIRECT_H

#include "conv.h"

struct direct {
    const struct kernels *kernels;
    const struct conv *conv; /* CONV_DIRECT, of what the kernel reads */
    struct conv_shape shape;
    int32_t vecs;   /* most vectors of outputs in a panel */
    int32_t images; /* at most direct_most_images */
    /* Positions first .. first + count - 1 of shape->outs outputs from `out` on; weights of an output are
     * shape->taps * shape->channels numbers. */
    void (*part)(const struct direct *direct, const struct conv_shape *shape, int32_t out, int32_t first,
                 int32_t count);
    const void *context; /* of part */
};

/* Images that one run can take. */
int32_t direct_most_images(const struct conv *conv);

void direct_run(const struct direct *direct, struct pool *pool);

/* Numbers of what lies outside of a tap, the longest. */
int32_t direct_outside_count(const struct conv *conv);

#endif
