/* See reference.h. */
#include "reference.h"

#include "../base/error.h"

#include <string.h>

enum {
    WIDTHS = 5,
    MULTIPLY_ADDS = 200000, /* of a call: 2 us on a fast core, 0.1 ms on a slow one */
};
static const int32_t widths[WIDTHS] = {2, 3, 8, 10, 12};

struct rounds {
    const struct kernels *kernels;
    int64_t rounds;
    int32_t sums;
    float out[32];
};

static pmoe_status call_rounds(void *context, pmoe_error *error)
{
    (void)error;
    struct rounds *rounds = context;
    rounds->kernels->register_rounds(rounds->out, rounds->rounds, rounds->sums);
    return PMOE_OK;
}

struct reference reference_of(double (*clock_ns)(void))
{
    struct reference reference = {.clock_ns = clock_ns};
    for (; reference.sets < kernels_count() && reference.sets < REFERENCE_MOST_SETS; reference.sets++)
        reference.set[reference.sets] = kernels_at(reference.sets);
    return reference;
}

/* The best of several numbers of sums, interleaved.  One set at a time: a core that has just run wide vectors is slower
 * for a while, whatever it runs then, so instruction sets side by side would not each show their best. */
static pmoe_status measure_set(const struct kernels *kernels, double budget_ns, double (*clock_ns)(void),
                               double *gmac_per_s, pmoe_error *error)
{
    double samples[WIDTHS][TIMING_MAX_SAMPLES];
    struct rounds rounds[WIDTHS];
    struct timed items[WIDTHS];
    for (int32_t w = 0; w < WIDTHS; w++) {
        rounds[w] = (struct rounds){
            .kernels = kernels, .rounds = MULTIPLY_ADDS / (widths[w] * kernels->lanes), .sums = widths[w]};
        items[w] = (struct timed){.call = call_rounds, .context = &rounds[w], .samples = samples[w]};
    }
    TRY(timing_interleaved(items, WIDTHS, budget_ns, clock_ns, error));
    *gmac_per_s = 0;
    for (int32_t w = 0; w < WIDTHS; w++) {
        double found = (double)(rounds[w].rounds * widths[w] * kernels->lanes) / items[w].timing.median_ns;
        *gmac_per_s = found > *gmac_per_s ? found : *gmac_per_s;
    }
    return PMOE_OK;
}

pmoe_status reference_measure(struct reference *reference, double budget_ns, pmoe_error *error)
{
    int32_t at = reference->points < REFERENCE_MOST_POINTS ? reference->points : REFERENCE_MOST_POINTS - 1;
    for (int32_t s = 0; s < reference->sets; s++)
        TRY(measure_set(reference->set[s], budget_ns / reference->sets, reference->clock_ns,
                        &reference->gmac_per_s[at][s], error));
    reference->points = at + 1;
    return PMOE_OK;
}

double reference_peak(const struct reference *reference, const char *isa)
{
    int32_t last = reference->points - 1, before = last > 0 ? last - 1 : 0;
    for (int32_t s = 0; s < reference->sets && last >= 0; s++)
        if (strcmp(reference->set[s]->name, isa) == 0)
            return (reference->gmac_per_s[before][s] + reference->gmac_per_s[last][s]) / 2;
    return 0;
}

double reference_drift(const struct reference *reference)
{
    double drift = 0;
    for (int32_t s = 0; s < reference->sets && reference->points; s++) {
        double low = reference->gmac_per_s[0][s], high = low;
        for (int32_t p = 1; p < reference->points; p++) {
            double at = reference->gmac_per_s[p][s];
            low = at < low ? at : low;
            high = at > high ? at : high;
        }
        drift = high / low - 1 > drift ? high / low - 1 : drift;
    }
    return drift;
}
