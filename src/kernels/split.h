/* Splitting a count into parts of nearly equal size, so that no tile is left over one wide. */
#ifndef PMOE_KERNELS_SPLIT_H
#define PMOE_KERNELS_SPLIT_H

#include <stdint.h>

struct split {
    int32_t parts, size, larger; /* the first `larger` parts hold size + 1, the others size */
};

/* 40 at most 6 at a time: 6 6 6 6 6 5 5.  count 0: no parts. */
static inline struct split split_evenly(int32_t count, int32_t most)
{
    int32_t parts = count / most + (count % most != 0);
    return parts ? (struct split){parts, count / parts, count % parts} : (struct split){0, 0, 0};
}

static inline int32_t split_size(struct split split, int32_t part)
{
    return split.size + (part < split.larger);
}

/* Where part `part` of `parts` nearly equal ones begins; the first ones are the larger, as above. */
static inline int64_t part_begin(int64_t count, int64_t parts, int64_t part)
{
    return count / parts * part + (part < count % parts ? part : count % parts);
}

#endif
