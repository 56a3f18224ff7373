/* Sorting, quantiles and the bootstrap; see statistics.h. */
#include "statistics.h"

#include <string.h>

static void sift_down(double *heap, int32_t at, int32_t count)
{
    double moved = heap[at];
    for (int32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] > heap[child])
            child++;
        if (heap[child] <= moved)
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

void statistics_sort(double *values, int32_t count)
{
    for (int32_t at = count / 2; at-- > 0;)
        sift_down(values, at, count);
    for (int32_t last = count - 1; last > 0; last--) {
        double largest = values[0];
        values[0] = values[last];
        values[last] = largest;
        sift_down(values, 0, last);
    }
}

double statistics_quantile(const double *sorted, int32_t count, double share)
{
    double position = share * (count - 1);
    int32_t below = (int32_t)position;
    if (below >= count - 1)
        return sorted[count - 1];
    return sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]);
}

struct quartiles statistics_quartiles(const double *samples, int32_t count, double *scratch)
{
    memcpy(scratch, samples, (size_t)count * sizeof *scratch);
    statistics_sort(scratch, count);
    return (struct quartiles){statistics_quantile(scratch, count, 0.25), statistics_quantile(scratch, count, 0.5),
                              statistics_quantile(scratch, count, 0.75)};
}

/* Median of `count` values drawn from samples with replacement.  The generator is a copy: the caller draws the same
 * rounds for a and for b with it. */
static double drawn_median(const double *samples, int32_t count, struct random *random, double *scratch)
{
    for (int32_t i = 0; i < count; i++)
        scratch[i] = samples[random_below(random, (uint32_t)count)];
    statistics_sort(scratch, count);
    return statistics_quantile(scratch, count, 0.5);
}

struct interval statistics_ratio_interval(const double *a, const double *b, int32_t count, double confidence,
                                          int32_t draws, struct random *random, double *scratch)
{
    double *drawn = scratch, *ratios = scratch + count;
    for (int32_t i = 0; i < draws; i++) {
        struct random same_rounds = *random;
        double of_a = drawn_median(a, count, &same_rounds, drawn);
        ratios[i] = of_a / drawn_median(b, count, random, drawn);
    }
    statistics_sort(ratios, draws);
    double tail = (1 - confidence) / 2;
    return (struct interval){statistics_quantile(ratios, draws, tail), statistics_quantile(ratios, draws, 1 - tail)};
}
