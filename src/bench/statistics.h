/* Statistics of timings: what a table of samples may be summed up as.
 *
 * Medians and quartiles, because timings have a long tail on one side; an interval for a ratio by resampling, because
 * nothing is known about their distribution.  Pure functions, no allocation, the generator is an argument.  Leaves out
 * means and standard deviations of timings, which one interruption would spoil. */
#ifndef PMOE_BENCH_STATISTICS_H
#define PMOE_BENCH_STATISTICS_H

#include "../base/random.h"

/* values [count] in ascending order, in place.  No NaN. */
void statistics_sort(double *values, int32_t count);

/* The value below which `share` (0 to 1) of sorted [count] lies, straight between neighbours: share 0 is the first,
 * 1 the last, 0.5 the median.  count > 0. */
double statistics_quantile(const double *sorted, int32_t count, double share);

struct quartiles {
    double low, median, high;
};

/* Of samples in any order; scratch [count]. */
struct quartiles statistics_quartiles(const double *samples, int32_t count, double *scratch);

struct interval {
    double low, high;
};

/* An interval that holds median(a) / median(b) with a probability of about `confidence` (0.95), by the percentile
 * bootstrap: `draws` times, `count` rounds are drawn with replacement and the ratio taken anew.  a[i] and b[i] were
 * measured in the same round and are drawn together, so that drift, which hits both alike, does not widen the interval.
 * All values positive, count and draws > 0; scratch [count + draws].  Same generator, same interval. */
struct interval statistics_ratio_interval(const double *a, const double *b, int32_t count, double confidence,
                                          int32_t draws, struct random *random, double *scratch);

#endif
