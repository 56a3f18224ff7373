/* Inside a set of digits: what the composer of boards needs beyond the public calls. */
#ifndef PMOE_DATA_DIGITS_H
#define PMOE_DATA_DIGITS_H

#include "../base/memory.h"

enum { DIGIT_LABELS = 10, DIGIT_PIXELS = PMOE_CELL * PMOE_CELL };

struct pmoe_digits {
    const uint8_t *pixels, *labels; /* the caller's: [count][28][28] and [count] */
    int32_t count;
    int32_t start[DIGIT_LABELS + 1]; /* label c has by_label[start[c]] .. by_label[start[c + 1] - 1] */
    pmoe_allocator allocator;
    int32_t by_label[]; /* [count] indices sorted by label, then as they come */
};

#endif
