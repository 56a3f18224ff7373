/* Where samples come from: sets of boards, composed on demand, and of photographs; whoever trains or judges asks here
 * and knows neither. */
#ifndef PMOE_DATA_SOURCE_H
#define PMOE_DATA_SOURCE_H

#include "../base/random.h"
#include "../pmoe.h"

struct source {
    pmoe_set set;
    pmoe_data data;
    uint64_t seed;                   /* of what is composed */
    int32_t height, width, channels; /* of one sample */
    int32_t cell;                    /* side of what an augmentation moves: a board's cells, a whole photograph */
    int32_t count;                   /* samples there are; 0: endless */
};

/* PMOE_E_ARGUMENT if the set's data is missing. */
PMOE_MUST_USE pmoe_status source_open(pmoe_set set, pmoe_data data, uint64_t seed, struct source *source,
                                      pmoe_error *error);

/* The shape of a set's samples, by the fields that say so; the rest is 0. */
struct source source_shape(pmoe_set set);

size_t source_pixels(const struct source *source); /* bytes of one sample */

/* Sample number `index`: pixels [height][width][channels], its label, and where the patch that decides it is, -1 where
 * nobody knows. */
PMOE_MUST_USE pmoe_status source_sample(const struct source *source, uint64_t index, uint8_t *pixels, int32_t *label,
                                        int32_t *patch, pmoe_error *error);

/* Another look at the same: every cell moved by up to `shift` pixels each way, edges filled with black, which is to pad
 * by so many and crop at random; after that, if `flip`, half of the samples mirrored left to right. */
void source_augment(const struct source *source, int32_t shift, int32_t flip, struct random *random, uint8_t *pixels);

#endif
