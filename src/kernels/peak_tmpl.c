/* The reference that benchmarks divide by: nothing but multiply-adds on registers. */
#include "tmpl.h"

enum { MOST_SUMS = 12 };

static const float ramp[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
_Static_assert(VF_LANES <= 16, "as long as the widest vector");

/* Each step waits for the one before it on the same sum, so a core is busy only when there are enough sums, and slow
 * when there are more than its registers hold: callers try several.  Sums and lanes begin apart, or a compiler would
 * see that one stands for all. */
INLINE void rounds_of(float *y, int64_t rounds, const int sums)
{
    vf x[MOST_SUMS], half = vf_keep(vf_set1(0.5f)), one = vf_keep(vf_set1(1));
    EACH (i, sums)
        x[i] = vf_add(vf_load(ramp), vf_set1((float)(16 * i)));
    for (int64_t r = 0; r < rounds; r++)
        EACH (i, sums)
            x[i] = vf_fma(x[i], half, one);
    for (int i = 1; i < sums; i++)
        x[0] = vf_add(x[0], x[i]);
    vf_store(y, x[0]);
}

void KFN(register_rounds)(float *y, int64_t rounds, int32_t sums)
{
    switch (sums) {
    case 2: rounds_of(y, rounds, 2); break;
    case 3: rounds_of(y, rounds, 3); break;
    case 8: rounds_of(y, rounds, 8); break;
    case 10: rounds_of(y, rounds, 10); break;
    case 12: rounds_of(y, rounds, 12); break;
    }
}
