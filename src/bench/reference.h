/* The fixed kernel that is measured before, between and after everything else: multiply-adds on registers.
 *
 * It says two things: how fast this machine could be at most, per instruction set, and whether it was the same machine
 * all along (other programs, heat, a host that is shared). */
#ifndef PMOE_BENCH_REFERENCE_H
#define PMOE_BENCH_REFERENCE_H

#include "../kernels/kernels.h"
#include "timing.h"

enum { REFERENCE_MOST_SETS = 4, REFERENCE_MOST_POINTS = 256 };

struct reference {
    double (*clock_ns)(void);
    int32_t sets, points;
    const struct kernels *set[REFERENCE_MOST_SETS];
    double gmac_per_s[REFERENCE_MOST_POINTS][REFERENCE_MOST_SETS];
};

/* Of the instruction sets of this build and CPU; nothing measured yet. */
struct reference reference_of(double (*clock_ns)(void));

/* Measure all of them, one after the other, for about budget_ns in all: the next point.  Beyond REFERENCE_MOST_POINTS
 * the last one is measured anew. */
PMOE_MUST_USE pmoe_status reference_measure(struct reference *reference, double budget_ns, pmoe_error *error);

/* The peak of an instruction set around what was measured between the last two points: their mean; 0 if there is none
 * so named. */
double reference_peak(const struct reference *reference, const char *isa);

/* The largest share by which any set's points differ: fastest / slowest - 1; 0 for fewer than two points. */
double reference_drift(const struct reference *reference);

/* Drift beyond this is worth a warning: ratios of what ran side by side still hold, times and shares of the peak do
 * not. */
#define REFERENCE_DRIFT_ALLOWED 0.05

#endif
