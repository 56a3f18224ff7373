/* The oracle's routed layers. */
#include "oracle_parts.h"

#include <math.h>
#include <string.h>

void oracle_router(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    for (int32_t s = 0; s < layer->experts; s++)
        for (int32_t j = 0; j < layer->patches; j++)
            oracle->output[at][s * layer->patches + j] = oracle_filter_on_patch(oracle, at, s, j);
}

/* By how much two scores may come nearer.  Behind other layers a bound soon says nothing any more. */
static double uncertain(const struct oracle *oracle, const struct layer *layer, struct number a, struct number b)
{
    double bound = a.bound + b.bound, deviations = ORACLE_DEVIATIONS * (sqrt(a.variance) + sqrt(b.variance));
    return oracle->graph->layer[layer->router].input == GRAPH_IMAGE ? bound : fmin(bound, deviations);
}

/* The l best by repeated search for the best that is left: nothing shared with route_tmpl.c.  In which order a
 * mixture's are decides nothing. */
static void oracle_pick(struct oracle *oracle, const struct layer *layer, const struct number *scores, int32_t n,
                        int32_t *picks)
{
    const int32_t l = layer->kept;
    for (int32_t i = 0; i <= l && i < n; i++) {
        int32_t best = -1;
        for (int32_t j = 0; j < n; j++) {
            int32_t taken = 0;
            for (int32_t p = 0; p < i && !taken; p++)
                taken = picks[p] == j;
            if (!taken && (best < 0 || scores[j].value > scores[best].value))
                best = j;
        }
        if (i > 0 && (i == l || layer->type != LAYER_MIXTURE)) {
            struct number before = scores[picks[i - 1]], after = scores[best];
            oracle->margin = fmin(oracle->margin, before.value - after.value - uncertain(oracle, layer, before, after));
        }
        if (i < l)
            picks[i] = best;
    }
}

/* Gates of the picks among n scores. */
static void oracle_gates(const struct layer *layer, const struct number *scores, int32_t n, const int32_t *picks,
                         struct number *gates)
{
    double sum = 0, moved = 0, variance = 0;
    for (int32_t j = 0; j < n; j++) {
        int32_t counted = layer->gate == GATE_SOFTMAX_TOPL;
        for (int32_t i = 0; i < layer->kept && !counted; i++)
            counted = picks[i] == j;
        if (counted) {
            sum += exp(scores[j].value - scores[picks[0]].value);
            moved = fmax(moved, scores[j].bound);
            variance = fmax(variance, scores[j].variance);
        }
    }
    /* A score off by d changes exp by the factor e^d, above and below the line of the fraction; exp_f32 and the sum
     * add their own rounding. */
    double relative = expm1(4 * moved) + (n + 8) * (double)FLT_EPSILON;
    variance = 4 * variance + (n + 8) * ORACLE_ROUND * ORACLE_ROUND;
    for (int32_t i = 0; i < layer->kept; i++) {
        double gate = exp(scores[picks[i]].value - scores[picks[0]].value) / sum;
        gates[i] = (struct number){gate, gate * relative + FLT_MIN, gate * gate * variance};
        if (layer->gate == GATE_HARD)
            gates[i] = (struct number){1, 0, 0};
    }
}

/* Every layer of a group's stack on what the expert is given; returns its output. */
static const struct number *oracle_stack(struct oracle *oracle, int32_t group, int32_t expert)
{
    int32_t end = graph_stack_end(oracle->graph, group);
    oracle->expert = expert;
    for (int32_t i = group + 1; i <= end; i++)
        oracle_layer(oracle, i);
    return oracle->output[end];
}

/* The patch as a map of its own, times `gate`. */
static void give_patch(struct oracle *oracle, int32_t group, int32_t patch, struct number gate)
{
    const struct layer *layer = &oracle->graph->layer[group];
    struct shape in = graph_input_shape(oracle->graph, group);
    const struct number *from = oracle_patch_at(oracle_input(oracle, group), layer, in, patch);
    struct number *to = oracle->patch;
    int exact = layer->gate_place == GATE_ON_OUTPUT;
    for (int32_t y = 0; y < layer->patch; y++, from += in.b * in.c)
        for (int32_t i = 0; i < layer->patch * in.c; i++)
            *to++ = exact ? from[i] : number_times(gate, from[i]);
    oracle->given = oracle->patch;
}

/* Masked and dense: where dropped patches are zeros to an expert, each of them is fed to it as such, behind the kept.
 */
void oracle_group(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    size_t outs = (size_t)layer->shape.c;
    struct number *out = oracle->output[at];
    for (int32_t s = 0; s < layer->experts; s++) {
        const struct number *scores = oracle->output[layer->router] + (size_t)s * (size_t)layer->patches;
        int32_t *picks = oracle->picks[at] + (size_t)s * (size_t)layer->kept;
        struct number *gates = oracle->gates[at] + (size_t)s * (size_t)layer->kept;
        oracle_pick(oracle, layer, scores, layer->patches, picks);
        oracle_gates(layer, scores, layer->patches, picks, gates);
        for (int32_t i = 0; i < oracle_fed_patches(layer); i++, out += outs) {
            give_patch(oracle, at, i < layer->kept ? picks[i] : 0, i < layer->kept ? gates[i] : gates[0]);
            if (i >= layer->kept)
                memset(oracle->patch, 0,
                       (size_t)shape_count(graph_shape_of(oracle->graph, at + 1, GRAPH_EXPERT)) *
                           sizeof *oracle->patch);
            memcpy(out, oracle_stack(oracle, at, s), outs * sizeof *out);
        }
    }
}

void oracle_sample_router(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    int32_t inputs = graph_input_shape(oracle->graph, at).c, experts = layer->experts;
    const double *w = oracle_tensor(oracle, at, layer->weight), *bias = oracle_tensor(oracle, at, layer->bias);
    double mean = 0, squares = 0, bound = 0, variance = 0;
    struct number *scores = oracle->output[at];
    for (int32_t e = 0; e < experts; e++) {
        scores[e] =
            number_product(oracle_input(oracle, at), w + (size_t)e * (size_t)inputs, bias ? bias[e] : 0, 1, inputs, 0);
        mean += scores[e].value / experts;
        bound = fmax(bound, scores[e].bound);
        variance = fmax(variance, scores[e].variance);
    }
    if (!layer->normalise)
        return;
    for (int32_t e = 0; e < experts; e++)
        squares += (scores[e].value - mean) * (scores[e].value - mean);
    double deviation = sqrt(squares / (experts - 1)) + 1e-5;
    /* The mean moves by as much as a score may, the deviation by twice that. */
    for (int32_t e = 0; e < experts; e++) {
        double value = (scores[e].value - mean) / deviation, moved = 2 * (1 + fabs(value)) / deviation;
        double rounding = (experts + 8) * (fabs(value) + fabs(mean) / deviation + 1);
        scores[e] = (struct number){value, moved * bound + rounding * (double)FLT_EPSILON,
                                    moved * moved * variance + rounding * ORACLE_ROUND * rounding * ORACLE_ROUND};
    }
}

void oracle_mixture(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    const struct number *scores = oracle->output[layer->router];
    oracle_pick(oracle, layer, scores, layer->experts, oracle->picks[at]);
    oracle_gates(layer, scores, layer->experts, oracle->picks[at], oracle->gates[at]);
    struct number *out = oracle->output[at];
    for (int32_t c = 0; c < layer->shape.c; c++)
        out[c] = (struct number){0, 0, 0};
    for (int32_t i = 0; i < layer->kept; i++) {
        oracle->given = oracle_input(oracle, at);
        const struct number *made = oracle_stack(oracle, at, oracle->picks[at][i]);
        for (int32_t c = 0; c < layer->shape.c; c++) {
            struct number part = number_times(oracle->gates[at][i], made[c]);
            double sum = out[c].value + part.value;
            out[c] = (struct number){
                sum, out[c].bound + part.bound + (double)FLT_EPSILON * (fabs(out[c].value) + fabs(part.value)),
                out[c].variance + part.variance + (ORACLE_ROUND * sum) * (ORACLE_ROUND * sum)};
        }
    }
}

/* Pooled value c of rows [rows][count], the first `gated` under their gates (NULL: 1). */
static struct number pooled(const struct number *x, const struct number *gates, int32_t gated, double divisor,
                            int32_t rows, int32_t count, int32_t c)
{
    double sum = 0, magnitude = 0, carried = 0, variance = 0;
    for (int32_t i = 0; i < rows; i++) {
        struct number gate = gates && i < gated ? gates[i] : (struct number){1, 0, 0},
                      in = x[(size_t)i * (size_t)count + (size_t)c];
        sum += gate.value * in.value;
        magnitude += fabs(gate.value * in.value);
        carried += gate.value * in.bound + gate.bound * (fabs(in.value) + in.bound);
        variance += gate.value * gate.value * in.variance + gate.variance * in.value * in.value;
    }
    double rounding = (rows + 3) * (double)FLT_EPSILON * (magnitude + carried);
    variance += (rows + 3) * (ORACLE_ROUND * magnitude) * (ORACLE_ROUND * magnitude);
    return (struct number){sum / divisor, (carried + rounding) / divisor, variance / (divisor * divisor)};
}

void oracle_pool(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    struct shape in = graph_input_shape(oracle->graph, at);
    int routed = in.kind == SHAPE_ROUTED;
    const struct layer *group = routed ? &oracle->graph->layer[layer->input] : NULL;
    int32_t groups = routed ? in.a : 1, rows = routed ? oracle_fed_patches(group) : in.a * in.b;
    double divisor = routed && layer->divisor == POOL_BY_KEPT ? in.b : layer->patches;
    for (int32_t g = 0; g < groups; g++) {
        size_t row = (size_t)g * (size_t)rows;
        const struct number *x = oracle_input(oracle, at) + row * (size_t)in.c;
        const struct number *gates =
            routed && group->gate_place == GATE_ON_OUTPUT ? oracle->gates[layer->input] + g * in.b : NULL;
        for (int32_t c = 0; c < in.c; c++)
            oracle->output[at][g * in.c + c] = pooled(x, gates, routed ? in.b : 0, divisor, rows, in.c, c);
    }
}
