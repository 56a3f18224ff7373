/* Photographs composed of photographs: paper 1's variants of CIFAR-10 (papers B4). */
#ifndef PMOE_DATA_COMPOSED_H
#define PMOE_DATA_COMPOSED_H

#include "../base/random.h"
#include "../pmoe.h"

/* Numbers of the photographs of labels `first` to `last`, in the order of the files; *count says how many. */
const int32_t *photos_of_labels(const pmoe_photos *photos, int32_t first, int32_t last, int32_t *count);

/* How many samples a set of photographs has; 0 if the set needs a label that they lack. */
int32_t composed_count(const pmoe_photos *photos, pmoe_set set);

/* Sample `index` below that count: rgb [side][side][3] and its label. */
int32_t composed_sample(pmoe_data data, pmoe_set set, uint64_t seed, int32_t index, uint8_t *rgb);

#endif
