/* Models in eight bits for timing: calibrated on random images, since time does not depend on what they show. */
#ifndef PMOE_BENCH_INT8_MODEL_H
#define PMOE_BENCH_INT8_MODEL_H

#include "../pmoe.h"

/* As pmoe_model_open_int8; *open_ns is what opening took, calibration included. */
PMOE_MUST_USE pmoe_status int8_model_open(const void *file, size_t file_bytes, const pmoe_options *options,
                                          uint64_t seed, double (*clock_ns)(void), pmoe_model **model, double *open_ns,
                                          pmoe_error *error);

#endif
