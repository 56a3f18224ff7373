/* The test input of golden outputs, shared by who checks (golden.c) and who writes them (train/save.c). */
#ifndef PMOE_MODEL_GOLDEN_H
#define PMOE_MODEL_GOLDEN_H

#include "../base/random.h"

void golden_input(uint64_t seed, float *image, size_t count);

#endif
