#include "random.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct random random_at(uint64_t seed, enum random_stream stream, uint64_t index)
{
    uint64_t mix = seed;
    mix = splitmix64(&mix) ^ ((uint64_t)stream << 56);
    mix = splitmix64(&mix) ^ index;
    struct random random = {splitmix64(&mix), splitmix64(&mix) | 1};
    random_u32(&random);
    return random;
}

uint32_t random_u32(struct random *random)
{
    uint64_t old = random->state;
    random->state = old * 6364136223846793005u + random->stream;
    uint32_t xored = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);
    return (xored >> turn) | (xored << (-turn & 31));
}

uint32_t random_below(struct random *random, uint32_t bound)
{
    uint32_t reject = -bound % bound; /* 2^32 mod bound: the uneven rest */
    for (;;) {
        uint32_t draw = random_u32(random);
        if (draw >= reject)
            return draw % bound;
    }
}

float random_uniform(struct random *random)
{
    return (float)(random_u32(random) >> 8) * (1.0f / 16777216.0f);
}

float random_normal(struct random *random)
{
    /* Box-Muller; the second value is thrown away so that a generator is its two words and nothing else. */
    double u = ((double)random_u32(random) + 1) / 4294967296.0;
    double v = (double)random_u32(random) / 4294967296.0;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

void random_shuffle(struct random *random, int32_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = random_below(random, (uint32_t)i);
        int32_t kept = items[i - 1];
        items[i - 1] = items[j];
        items[j] = kept;
    }
}
