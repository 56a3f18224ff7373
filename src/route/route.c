#include "route.h"

#include "../base/exp.h"

size_t route_scratch(const struct kernels *kernels, int32_t l)
{
    return 2 * ((size_t)l + 1) * (size_t)kernels->lanes;
}

void route(const struct kernels *kernels, enum gate_form form, struct route_lists of, int32_t l, int32_t *picks,
           float *gates)
{
    const int32_t over = form == GATE_HARD ? 0 : form == GATE_TOPL_SOFTMAX ? l : of.n;
    kernels->route(picks, gates, of.scores, of.step, of.lists, of.n, l, over, of.scratch);
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
