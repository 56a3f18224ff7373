#include "usage.h"

#include <math.h>
#include <string.h>

static const double USAGE_ONE = 1073741824; /* 2^30 */

void usage_lay_out(struct usage *usage, int32_t rows, int32_t experts, int32_t kept, struct arena *arena)
{
    size_t all = (size_t)rows * (size_t)experts;
    *usage = (struct usage){.rows = rows,
                            .experts = experts,
                            .kept = kept,
                            .images = arena_take(arena, (size_t)rows * sizeof(int64_t)),
                            .gates = arena_take(arena, all * sizeof(int64_t)),
                            .picked = arena_take(arena, all * sizeof(int64_t)),
                            .entropy = arena_take(arena, (size_t)rows * sizeof(int64_t))};
}

void usage_clear(struct usage *usage)
{
    size_t rows = (size_t)usage->rows, all = rows * (size_t)usage->experts;
    memset(usage->images, 0, rows * sizeof *usage->images);
    memset(usage->gates, 0, all * sizeof *usage->gates);
    memset(usage->picked, 0, all * sizeof *usage->picked);
    memset(usage->entropy, 0, rows * sizeof *usage->entropy);
}

static int64_t steps(double value)
{
    return (int64_t)floor(value * USAGE_ONE + 0.5);
}

void usage_add(struct usage *usage, int32_t row, pmoe_mixing mixing)
{
    size_t at = (size_t)row * (size_t)usage->experts;
    double entropy = 0;
    for (int32_t j = 0; j < mixing.kept; j++) {
        double gate = (double)mixing.gates[j];
        usage->gates[at + (size_t)mixing.picks[j]] += steps(gate);
        usage->picked[at + (size_t)mixing.picks[j]]++;
        entropy -= gate > 0 ? gate * log(gate) : 0;
    }
    usage->entropy[row] += steps(entropy);
    usage->images[row]++;
}

void usage_merge(struct usage *into, const struct usage *from)
{
    for (int32_t r = 0; r < into->rows; r++) {
        into->images[r] += from->images[r];
        into->entropy[r] += from->entropy[r];
    }
    for (size_t i = 0; i < (size_t)into->rows * (size_t)into->experts; i++) {
        into->gates[i] += from->gates[i];
        into->picked[i] += from->picked[i];
    }
}

/* The deviation of all of them over their mean. */
static double variation(const double *values, int32_t count)
{
    double mean = 0, squares = 0;
    for (int32_t i = 0; i < count; i++)
        mean += values[i] / count;
    for (int32_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean) / count;
    return mean > 0 ? sqrt(squares) / mean : 0;
}

pmoe_usage usage_read(const struct usage *usage, int32_t first, int32_t rows, double *gates, double *load)
{
    int64_t images = 0, entropy = 0;
    for (int32_t r = first; r < first + rows; r++) {
        images += usage->images[r];
        entropy += usage->entropy[r];
    }
    double share = images ? 1 / (double)images : 0;
    for (int32_t e = 0; e < usage->experts; e++) {
        int64_t gate = 0, picked = 0;
        for (int32_t r = first; r < first + rows; r++) {
            gate += usage->gates[r * usage->experts + e];
            picked += usage->picked[r * usage->experts + e];
        }
        gates[e] = (double)gate / USAGE_ONE * share;
        load[e] = (double)picked * share;
    }
    return (pmoe_usage){.experts = usage->experts,
                        .kept = usage->kept,
                        .gates = gates,
                        .load = load,
                        .gates_cv = variation(gates, usage->experts),
                        .load_cv = variation(load, usage->experts),
                        .entropy = (double)entropy / USAGE_ONE * share};
}

pmoe_usage usage_read_row(const struct usage *usage, int32_t row, double *table)
{
    double *gates = table + (size_t)(1 + row) * 2 * (size_t)usage->experts;
    int all = row == USAGE_ALL;
    return usage_read(usage, all ? 0 : row, all ? usage->rows : 1, gates, gates + usage->experts);
}
