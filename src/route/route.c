#include "route.h"

#include "../base/exp.h"

/* Does score a come before score b when a's index is the larger one?  Only by being truly greater. */
static int ranks_before(float a, float b)
{
    return a > b || (b != b && a == a);
}

void route_top(const float *scores, int32_t n, int32_t l, int32_t *picks)
{
    float best[GRAPH_MAX_PATCHES]; /* scores of the picks: 100 ns an expert at n = 16, l = 6 when read through them */
    int32_t have = 0;
    for (int32_t j = 0; j < n; j++) {
        float score = scores[j];
        if (have == l && !ranks_before(score, best[l - 1]))
            continue;
        int32_t at = have < l ? have++ : l - 1;
        for (; at > 0 && ranks_before(score, best[at - 1]); at--) {
            best[at] = best[at - 1];
            picks[at] = picks[at - 1];
        }
        best[at] = score;
        picks[at] = j;
    }
}

/* The largest score is the first pick's, so no exponent is above 0 and every sum is at least 1.  All exponentials are
 * one loop, which compilers make vectors of. */
void route_gates(enum gate_form form, const float *scores, int32_t lists, int32_t n, const int32_t *picks, int32_t l,
                 float *gates)
{
    const size_t count = (size_t)lists * (size_t)l;
    if (form == GATE_HARD) {
        for (size_t i = 0; i < count; i++)
            gates[i] = 1;
        return;
    }
    const float *of_list = scores;
    for (size_t at = 0; at < count; at += (size_t)l, of_list += n)
        for (size_t i = at; i < at + (size_t)l; i++)
            gates[i] = of_list[picks[i]] - of_list[picks[at]];
    for (size_t i = 0; i < count; i++)
        gates[i] = exp_f32(gates[i]);
    for (; lists > 0; lists--, scores += n, picks += l, gates += l) {
        float sum = 0;
        if (form == GATE_TOPL_SOFTMAX)
            for (int32_t i = 0; i < l; i++)
                sum += gates[i];
        else
            for (int32_t j = 0; j < n; j++)
                sum += exp_f32(scores[j] - scores[picks[0]]);
        for (int32_t i = 0; i < l; i++)
            gates[i] /= sum;
    }
}

void route_gates_backward(enum gate_form form, const float *scores, int32_t n, const int32_t *picks, int32_t l,
                          const float *gates, const float *dgates, float *dscores)
{
    if (form == GATE_HARD)
        return;
    float mean = 0; /* of dG under G */
    for (int32_t i = 0; i < l; i++)
        mean += gates[i] * dgates[i];
    for (int32_t i = 0; i < l; i++)
        dscores[picks[i]] += gates[i] * dgates[i];
    if (form == GATE_TOPL_SOFTMAX) {
        for (int32_t i = 0; i < l; i++)
            dscores[picks[i]] -= gates[i] * mean;
        return;
    }
    /* Softmax over all n: the dropped patches feel the mean too.  A kept gate gives the common factor. */
    float largest = scores[picks[0]];
    for (int32_t j = 0; j < n; j++)
        dscores[j] -= gates[0] * exp_f32(scores[j] - largest) * mean;
}
