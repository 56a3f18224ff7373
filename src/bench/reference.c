/* See reference.h. */
#include "reference.h"

#include "../base/error.h"
#include "../base/memory.h"

#include <string.h>

enum {
    WIDTHS = 5,
    MULTIPLY_ADDS = 200000, /* of a call: 2 us on a fast core, 0.1 ms on a slow one */
};
static const int32_t widths[WIDTHS] = {2, 3, 8, 10, 12};
static const double OPEN_BUDGET_NS = 1e8;

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

/* GMAC/s of each of `count`. */
static pmoe_status time_rounds(struct rounds *rounds, int32_t count, double budget_ns, double (*clock_ns)(void),
                               double *gmac_per_s, pmoe_error *error)
{
    static const size_t row = TIMING_MAX_SAMPLES;
    struct timed items[REFERENCE_MOST_SETS * WIDTHS];
    pmoe_allocator memory = allocator_or_malloc(NULL);
    double *samples = allocator_take(&memory, (size_t)count * row * sizeof *samples);
    if (!samples)
        return fail(error, PMOE_E_MEMORY, "reference: no memory for its samples");
    for (int32_t i = 0; i < count; i++) {
        rounds[i].rounds = MULTIPLY_ADDS / (rounds[i].sums * rounds[i].kernels->lanes);
        items[i] = (struct timed){.call = call_rounds, .context = &rounds[i], .samples = samples + (size_t)i * row};
    }
    pmoe_status status = timing_interleaved(items, count, budget_ns, clock_ns, error);
    for (int32_t i = 0; i < count && status == PMOE_OK; i++)
        gmac_per_s[i] =
            (double)(rounds[i].rounds * rounds[i].sums * rounds[i].kernels->lanes) / items[i].timing.median_ns;
    allocator_give(&memory, samples);
    return status;
}

pmoe_status reference_open(struct reference *reference, double (*clock_ns)(void), pmoe_error *error)
{
    struct rounds rounds[REFERENCE_MOST_SETS * WIDTHS];
    double gmac_per_s[REFERENCE_MOST_SETS * WIDTHS];
    *reference = (struct reference){.clock_ns = clock_ns};
    for (; reference->sets < kernels_count() && reference->sets < REFERENCE_MOST_SETS; reference->sets++) {
        reference->set[reference->sets] = kernels_at(reference->sets);
        for (int32_t w = 0; w < WIDTHS; w++)
            rounds[reference->sets * WIDTHS + w] =
                (struct rounds){.kernels = kernels_at(reference->sets), .sums = widths[w]};
    }
    TRY(time_rounds(rounds, reference->sets * WIDTHS, OPEN_BUDGET_NS, clock_ns, gmac_per_s, error));
    for (int32_t s = 0; s < reference->sets; s++) {
        int32_t best = 0;
        for (int32_t w = 1; w < WIDTHS; w++)
            if (gmac_per_s[s * WIDTHS + w] > gmac_per_s[s * WIDTHS + best])
                best = w;
        reference->sums[s] = widths[best];
    }
    return PMOE_OK;
}

pmoe_status reference_measure(struct reference *reference, double budget_ns, pmoe_error *error)
{
    struct rounds rounds[REFERENCE_MOST_SETS];
    int32_t at = reference->points < REFERENCE_MOST_POINTS ? reference->points : REFERENCE_MOST_POINTS - 1;
    for (int32_t s = 0; s < reference->sets; s++)
        rounds[s] = (struct rounds){.kernels = reference->set[s], .sums = reference->sums[s]};
    TRY(time_rounds(rounds, reference->sets, budget_ns, reference->clock_ns, reference->gmac_per_s[at], error));
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
