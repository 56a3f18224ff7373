/* See reference.h. */
#include "reference.h"

#include "../base/error.h"

#include <string.h>

enum {
    WIDTHS = 5,
    MULTIPLY_ADDS = 200000, /* of a call: 2 us on a fast core, 0.1 ms on a slow one */
};
static const int32_t widths[WIDTHS] = {2, 3, 8, 10, 12};
static const double OPEN_BUDGET_NS = 1e7; /* of each width */

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

/* One set at a time: a core that has just run wide vectors is slower for a while, whatever it runs then, so
 * instruction sets side by side would not each show their best. */
static pmoe_status time_rounds(const struct kernels *kernels, int32_t sums, double budget_ns, double (*clock_ns)(void),
                               double *gmac_per_s, pmoe_error *error)
{
    double samples[TIMING_MAX_SAMPLES];
    struct rounds rounds = {.kernels = kernels, .rounds = MULTIPLY_ADDS / (sums * kernels->lanes), .sums = sums};
    struct timed item = {.call = call_rounds, .context = &rounds, .samples = samples};
    TRY(timing_interleaved(&item, 1, budget_ns, clock_ns, error));
    *gmac_per_s = (double)(rounds.rounds * sums * kernels->lanes) / item.timing.median_ns;
    return PMOE_OK;
}

pmoe_status reference_open(struct reference *reference, double (*clock_ns)(void), pmoe_error *error)
{
    *reference = (struct reference){.clock_ns = clock_ns};
    for (; reference->sets < kernels_count() && reference->sets < REFERENCE_MOST_SETS; reference->sets++) {
        const struct kernels *kernels = reference->set[reference->sets] = kernels_at(reference->sets);
        double best = 0;
        for (int32_t w = 0; w < WIDTHS; w++) {
            double gmac_per_s;
            TRY(time_rounds(kernels, widths[w], OPEN_BUDGET_NS, clock_ns, &gmac_per_s, error));
            if (gmac_per_s > best)
                reference->sums[reference->sets] = widths[w];
            best = gmac_per_s > best ? gmac_per_s : best;
        }
    }
    return PMOE_OK;
}

pmoe_status reference_measure(struct reference *reference, double budget_ns, pmoe_error *error)
{
    int32_t at = reference->points < REFERENCE_MOST_POINTS ? reference->points : REFERENCE_MOST_POINTS - 1;
    for (int32_t s = 0; s < reference->sets; s++)
        TRY(time_rounds(reference->set[s], reference->sums[s], budget_ns / reference->sets, reference->clock_ns,
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
