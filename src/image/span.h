/* One axis of a resampling in whole numbers: which source pixels a target pixel takes, and with what weight.
 *
 * In units in which a source pixel is `to` wide and a target pixel `from` wide, both axes are from * to long and every
 * border lies on a whole number.  So area averages are exact sums, the same on every host, and rounded once.  The
 * weights of one target pixel always sum to `from`. */
#ifndef PMOE_IMAGE_SPAN_H
#define PMOE_IMAGE_SPAN_H

#include <stdint.h>

/* Sides up to this keep every sum below in 64 bits: weights of one pixel sum to at most 2^28, times 255000 * 255. */
enum { IMAGE_MAX_SIDE = 16384 };

/* Source pixels first .. first + count - 1: the first weighs head, the last (if another) tail, those between body. */
struct span {
    int32_t first, count;
    uint32_t head, body, tail;
};

/* The part of the source that target pixel `index` of `to` covers. */
static inline struct span span_average(int32_t from, int32_t to, int32_t index)
{
    int32_t begin = index * from, end = begin + from;
    int32_t first = begin / to, last = (end - 1) / to;
    if (first == last)
        return (struct span){first, 1, (uint32_t)from, 0, 0};
    return (struct span){first, last - first + 1, (uint32_t)((first + 1) * to - begin), (uint32_t)to,
                         (uint32_t)(end - last * to)};
}

/* The one source pixel under the middle of target pixel `index`: enlarging without new shades. */
static inline struct span span_repeat(int32_t from, int32_t to, int32_t index)
{
    return (struct span){(2 * index + 1) * from / (2 * to), 1, (uint32_t)from, 0, 0};
}

/* Averages of a larger source, repetitions of a smaller one. */
static inline struct span span_of(int32_t from, int32_t to, int32_t index)
{
    return from < to ? span_repeat(from, to, index) : span_average(from, to, index);
}

/* Weight of source pixel first + k. */
static inline uint32_t span_weight(const struct span *span, int32_t k)
{
    return k == 0 ? span->head : k == span->count - 1 ? span->tail : span->body;
}

#endif
