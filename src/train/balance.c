#include "balance.h"

#include <math.h>
#include <string.h>

static const char *const form_names[BALANCE_FORMS] = {"", "smooth", "importance", "uniform", "mean", "code"};

const char *balance_form_name(enum balance_form form)
{
    return form < BALANCE_FORMS ? form_names[form] : NULL;
}

enum balance_form balance_form_of(const char *name)
{
    int form = 0;
    while (form < BALANCE_FORMS && strcmp(form_names[form], name ? name : "") != 0)
        form++;
    return (enum balance_form)form;
}

double balance_variation(const double *values, int32_t count, double *gradient)
{
    double mean = 0, variance = 0;
    for (int32_t i = 0; i < count; i++)
        mean += values[i] / count;
    for (int32_t i = 0; i < count; i++)
        variance += (values[i] - mean) * (values[i] - mean) / count;
    double squared = mean * mean;
    for (int32_t i = 0; i < count; i++)
        gradient[i] = squared > 0 ? 2 * ((values[i] - mean) - variance / mean) / (count * squared) : 0;
    return squared > 0 ? variance / squared : 0;
}

double balance_divergence(enum balance_form form, const double *p, int32_t count, double *gradient)
{
    const double least = 1e-30, uniform = 1.0 / count; /* a gate may round to 0 */
    double sum = 0, scale = form == BALANCE_CODE ? uniform : 1;
    for (int32_t i = 0; i < count; i++) {
        double at = p[i] > least ? p[i] : least;
        if (form == BALANCE_MEAN) {
            sum += at * log(at / uniform);
            gradient[i] = log(at / uniform) + 1;
        } else {
            sum += scale * uniform * log(uniform / at);
            gradient[i] = -scale * uniform / at;
        }
    }
    return sum;
}

/* Does score i come before score j from the largest on, of equals the lower index first, NaN last? */
static int ranks_before(const float *scores, int32_t i, int32_t j)
{
    const float a = isnan(scores[i]) ? -INFINITY : scores[i], b = isnan(scores[j]) ? -INFINITY : scores[j];
    return a > b || (a == b && i < j);
}

/* The best score behind score `last`; -1: behind none. */
static int32_t next_best(const float *scores, int32_t count, int32_t last)
{
    int32_t best = -1;
    for (int32_t i = 0; i < count; i++)
        if ((last < 0 || ranks_before(scores, last, i)) && (best < 0 || ranks_before(scores, i, best)))
            best = i;
    return best;
}

/* Whose noisy score is expert e's threshold: of the kept + 1 largest, the last that is not needed for e to be in. */
struct thresholds {
    int32_t last_in, first_out;
};

static struct thresholds thresholds_of(const float *noisy, int32_t experts, int32_t kept)
{
    int32_t last_in = -1;
    for (int32_t i = 0; i < kept; i++)
        last_in = next_best(noisy, experts, last_in);
    return (struct thresholds){last_in, next_best(noisy, experts, last_in)};
}

static int32_t threshold_of(struct thresholds of, const float *noisy, int32_t e)
{
    return ranks_before(noisy, e, of.first_out) ? of.first_out : of.last_in;
}

void balance_chances(const float *clean, const float *noisy, const float *deviation, int32_t experts, int32_t kept,
                     double *chances)
{
    const struct thresholds thresholds = thresholds_of(noisy, experts, kept);
    for (int32_t e = 0; e < experts; e++) {
        double off = (double)clean[e] - (double)noisy[threshold_of(thresholds, noisy, e)];
        chances[e] = 0.5 * erfc(-off / (double)deviation[e] * 0.70710678118654752); /* Phi(x) = erfc(-x / sqrt 2) / 2 */
    }
}

void balance_chances_backward(const float *clean, const float *noisy, const float *deviation, int32_t experts,
                              int32_t kept, const double *dchances, float *dclean, float *dnoisy, float *ddeviation)
{
    const struct thresholds thresholds = thresholds_of(noisy, experts, kept);
    for (int32_t e = 0; e < experts; e++) {
        int32_t threshold = threshold_of(thresholds, noisy, e);
        double x = ((double)clean[e] - (double)noisy[threshold]) / (double)deviation[e];
        double density = 0.39894228040143268 * exp(-0.5 * x * x); /* Phi' */
        double slope = dchances[e] * density / (double)deviation[e];
        dclean[e] += (float)slope;
        dnoisy[threshold] -= (float)slope;
        ddeviation[e] -= (float)(slope * x);
    }
}
