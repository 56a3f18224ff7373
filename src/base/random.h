/* Random numbers from an explicit generator: PCG32 (O'Neill 2014), seeded through splitmix64. */
#ifndef PMOE_BASE_RANDOM_H
#define PMOE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state, stream; /* stream is odd */
};

/* Purposes that must not share a sequence although they share a seed. */
enum random_stream {
    RANDOM_INIT = 1,  /* initial weights */
    RANDOM_ORDER,     /* order of the samples in an epoch */
    RANDOM_BOARD,     /* composition of boards */
    RANDOM_GOLDEN,    /* test inputs of golden outputs */
    RANDOM_CHECK,     /* test inputs of the kernel harness */
    RANDOM_AUGMENT,   /* changes of training boards */
    RANDOM_BOOTSTRAP, /* resampling of timings */
    RANDOM_DROPOUT,   /* what training drops */
    RANDOM_NOISE,     /* of gates in training */
    RANDOM_COMPOSE,   /* composition of photographs */
};

/* The generator number `index` of a stream of a seed: no two share a sequence, none needs those before it. */
struct random random_at(uint64_t seed, enum random_stream stream, uint64_t index);

uint32_t random_u32(struct random *random);
uint32_t random_below(struct random *random, uint32_t bound); /* 0 .. bound-1, unbiased; bound > 0 */
float random_uniform(struct random *random);                  /* multiples of 2^-24 in [0, 1) */
float random_normal(struct random *random);                   /* mean 0, variance 1 */
void random_shuffle(struct random *random, int32_t *items, size_t count);

#endif
