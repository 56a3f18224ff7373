#include "gate.h"

#include "../base/random.h"
#include "backward_layers.h"

#include <math.h>
#include <string.h>

void gate_lay_out(struct gate *gate, size_t batch, size_t inputs, size_t experts, struct arena *arena)
{
    gate->inputs = inputs;
    gate->input_keep = arena_take(arena, batch * inputs * sizeof(float));
    gate->x = arena_take(arena, batch * inputs * sizeof(float));
    gate->dx = arena_take(arena, inputs * sizeof(float));
    float **const by_expert[] = {&gate->score_keep, &gate->raw,   &gate->clean,  &gate->before, &gate->eps,
                                 &gate->deviation,  &gate->noisy, &gate->dclean, &gate->dnoisy, &gate->ddeviation};
    for (size_t i = 0; i < sizeof by_expert / sizeof *by_expert; i++)
        *by_expert[i] = arena_take(arena, batch * experts * sizeof(float));
}

/* ---- What is random ---- */

/* One place's generator in one use of a sample; expert 0 outside of experts. */
static struct random chance_at(const struct lane *lane, enum random_stream stream, int32_t layer, int32_t expert,
                               int32_t image)
{
    uint64_t place = (uint64_t)layer * GRAPH_MAX_EXPERTS + (uint64_t)expert;
    return random_at(lane->chance.seed, stream, lane->chance.use[image] * GRAPH_MAX_LAYERS * GRAPH_MAX_EXPERTS + place);
}

static void draw_keep(struct random *random, float dropout, float *keep, size_t count)
{
    for (size_t i = 0; i < count; i++)
        keep[i] = random_uniform(random) < dropout ? 0 : 1 / (1 - dropout);
}

float gate_dropped(const struct lane *lane, int32_t layer)
{
    const pmoe_model *model = lane->run->model;
    int32_t group = model->graph.layer[layer].group;
    int drops = model->graph.layer[layer].type == LAYER_LINEAR && model->plan[layer].relu &&
                (group < 0 || model->graph.layer[group].type == LAYER_MIXTURE);
    return drops ? lane->chance.dropout : 0;
}

void gate_drop(void *context, int32_t at, int32_t images)
{
    struct lane *lane = context;
    const pmoe_run *run = lane->run;
    const struct layer *layer = &run->model->graph.layer[at];
    float dropout = gate_dropped(lane, at), *y = run_output(run, at), keep;
    for (int32_t i = 0; dropout > 0 && i < images; i++, y += layer->filters) {
        int inside = layer->group >= 0;
        int32_t image = inside ? run->from[i] / run->model->graph.layer[layer->group].kept : i;
        struct random random = chance_at(lane, RANDOM_DROPOUT, at, inside ? run->expert : 0, image);
        for (int32_t c = 0; c < layer->filters; c++) {
            draw_keep(&random, dropout, &keep, 1);
            y[c] *= keep;
        }
    }
}

/* ---- Scores ---- */

/* The vectors that the router sees: rows of them. */
static const float **drop_inputs(struct lane *lane, int32_t at, struct gate *gate, int32_t experts)
{
    const float **rows = run_whole_inputs(lane->run, at, lane->count, lane->run->rows);
    for (int32_t b = 0; lane->chance.dropout > 0 && b < lane->count; b++) {
        float *keep = gate->input_keep + (size_t)b * gate->inputs, *x = gate->x + (size_t)b * gate->inputs;
        struct random random = chance_at(lane, RANDOM_DROPOUT, at, 0, b);
        draw_keep(&random, lane->chance.dropout, keep, gate->inputs);
        draw_keep(&random, lane->chance.dropout, gate->score_keep + b * experts, (size_t)experts);
        for (size_t i = 0; i < gate->inputs; i++)
            x[i] = keep[i] * rows[b][i];
        rows[b] = x;
    }
    return rows;
}

/* noisy [experts] of one image. */
static void add_noise(struct lane *lane, int32_t at, struct gate *gate, const float *x, int32_t image, int32_t experts)
{
    const float *v = lane->weights[lane->chance.noise], *c = lane->weights[lane->chance.noise + 1];
    size_t first = (size_t)image * (size_t)experts;
    struct random random = chance_at(lane, RANDOM_NOISE, at, 0, image);
    for (int32_t e = 0; e < experts; e++, v += gate->inputs) {
        float before = c[e];
        for (size_t i = 0; i < gate->inputs; i++)
            before += v[i] * x[i];
        double softplus = (before > 0 ? (double)before : 0) + log1p(exp(-fabs((double)before)));
        gate->before[first + (size_t)e] = before;
        gate->deviation[first + (size_t)e] = (float)(softplus + (double)lane->chance.floor);
        gate->eps[first + (size_t)e] = random_normal(&random);
        gate->noisy[first + (size_t)e] += gate->eps[first + (size_t)e] * gate->deviation[first + (size_t)e];
    }
}

void gate_forward(void *context, int32_t at)
{
    struct lane *lane = context;
    struct gate *gate = &lane->gate[at];
    const struct layer *layer = &lane->run->model->graph.layer[at];
    const int32_t experts = layer->experts;
    const size_t all = (size_t)lane->count * (size_t)experts;
    const float **rows = drop_inputs(lane, at, gate, experts);
    run_sample_scores(lane->run, at, rows, lane->count, gate->raw);
    memcpy(gate->clean, gate->raw, all * sizeof(float));
    for (int32_t b = 0; layer->normalise && b < lane->count; b++)
        run_standardise(gate->clean + b * experts, experts);
    memcpy(gate->noisy, gate->clean, all * sizeof(float));
    for (int32_t b = 0; lane->chance.noise && b < lane->count; b++)
        add_noise(lane, at, gate, rows[b], b, experts);
    float *scores = lane->run->scores[at];
    memcpy(scores, gate->noisy, all * sizeof(float));
    for (size_t i = 0; lane->chance.dropout > 0 && i < all; i++)
        scores[i] *= gate->score_keep[i];
    memset(gate->dclean, 0, all * sizeof(float));
    memset(gate->dnoisy, 0, all * sizeof(float));
    memset(gate->ddeviation, 0, all * sizeof(float));
}

/* ---- Balance ---- */

/* sum [experts] over images of what each was given by the gates. */
static void sum_gates(const struct lane *lane, int32_t mixture, double *sum)
{
    const struct layer *layer = &lane->run->model->graph.layer[mixture];
    memset(sum, 0, (size_t)layer->experts * sizeof *sum);
    for (int32_t i = 0; i < lane->count * layer->kept; i++)
        sum[lane->run->picks[mixture][i]] += (double)lane->run->gates[mixture][i];
}

/* dgates += scale * slope of the expert. */
static void add_slopes(struct lane *lane, int32_t mixture, const double *slope, double scale)
{
    for (int32_t i = 0; i < lane->count * lane->run->model->graph.layer[mixture].kept; i++)
        lane->dgates[mixture][i] += (float)(scale * slope[lane->run->picks[mixture][i]]);
}

static double smooth_load(struct lane *lane, int32_t mixture, double scale)
{
    const struct layer *layer = &lane->run->model->graph.layer[mixture];
    const int32_t experts = layer->experts;
    struct gate *gate = &lane->gate[layer->router];
    double load[GRAPH_MAX_EXPERTS] = {0}, chances[GRAPH_MAX_EXPERTS], slope[GRAPH_MAX_EXPERTS];
    for (int32_t b = 0, at = 0; b < lane->count; b++, at += experts) {
        balance_chances(gate->clean + at, gate->noisy + at, gate->deviation + at, experts, layer->kept, chances);
        for (int32_t e = 0; e < experts; e++)
            load[e] += chances[e];
    }
    double loss = balance_variation(load, experts, slope);
    for (int32_t e = 0; e < experts; e++)
        slope[e] *= scale;
    for (int32_t b = 0, at = 0; b < lane->count; b++, at += experts)
        balance_chances_backward(gate->clean + at, gate->noisy + at, gate->deviation + at, experts, layer->kept, slope,
                                 gate->dclean + at, gate->dnoisy + at, gate->ddeviation + at);
    return loss;
}

double gate_balance(struct lane *lane, int32_t mixture)
{
    const struct balance *balance = &lane->chance.balance;
    const int32_t experts = lane->run->model->graph.layer[mixture].experts;
    double sum[GRAPH_MAX_EXPERTS], slope[GRAPH_MAX_EXPERTS], share = (double)lane->chance.share, loss = 0;
    if (balance->form == BALANCE_NONE)
        return 0;
    sum_gates(lane, mixture, sum);
    if (balance->form == BALANCE_SMOOTH || balance->form == BALANCE_IMPORTANCE) {
        double weight = (double)balance->importance;
        if (balance->form == BALANCE_IMPORTANCE)
            weight += (double)balance->load;
        else
            loss = (double)balance->load * smooth_load(lane, mixture, share * (double)balance->load);
        loss += weight * balance_variation(sum, experts, slope);
        add_slopes(lane, mixture, slope, share * weight);
        return loss;
    }
    for (int32_t e = 0; e < experts; e++)
        sum[e] /= lane->count;
    loss = (double)balance->kl * balance_divergence(balance->form, sum, experts, slope);
    add_slopes(lane, mixture, slope, share * (double)balance->kl / lane->count);
    return loss;
}

/* ---- The way back ---- */

/* From dz by z = (r - mean) / (deviation + 1e-5) to dr, in place.  r: scores as they were. */
static void backward_standardise(float *d, const float *z, const float *r, int32_t experts)
{
    double mean = 0, squares = 0, sum = 0, along = 0;
    for (int32_t e = 0; e < experts; e++)
        mean += (double)r[e] / experts;
    for (int32_t e = 0; e < experts; e++) {
        squares += ((double)r[e] - mean) * ((double)r[e] - mean);
        sum += (double)d[e] / experts;
        along += (double)d[e] * (double)z[e];
    }
    double deviation = sqrt(squares / (experts - 1));
    for (int32_t e = 0; e < experts; e++) {
        double through = deviation > 0 ? along * (double)z[e] / ((experts - 1) * deviation) : 0;
        d[e] = (float)(((double)d[e] - sum) / (deviation + 1e-5) - through);
    }
}

/* From dscores to dclean, which becomes that by W x + b, and ddeviation, which becomes that by V x + c. */
static void backward_scores(struct lane *lane, int32_t at, struct gate *gate)
{
    const struct layer *layer = &lane->run->model->graph.layer[at];
    const int32_t experts = layer->experts;
    const float *d = lane->dscores[at];
    for (int32_t i = 0; i < lane->count * experts; i++) {
        float dnoisy = gate->dnoisy[i] + d[i] * (lane->chance.dropout > 0 ? gate->score_keep[i] : 1);
        gate->dclean[i] += dnoisy;
        if (lane->chance.noise) {
            double by_softplus = 1 / (1 + exp(-(double)gate->before[i]));
            gate->ddeviation[i] = (float)(by_softplus * (double)(gate->ddeviation[i] + dnoisy * gate->eps[i]));
        }
    }
    for (int32_t b = 0; layer->normalise && b < lane->count; b++)
        backward_standardise(gate->dclean + b * experts, gate->clean + b * experts, gate->raw + b * experts, experts);
}

/* Gradients of one matrix and bias over vectors: dw = sum of d x^T, db = sum of d. */
static void matrix_gradient(const struct lane *lane, int32_t at, const float *const *rows, const float *d, float *dw,
                            float *db)
{
    const struct layer_plan *plan = &lane->run->model->plan[at];
    memset(dw, 0, (size_t)plan->outs * lane->gate[at].inputs * sizeof *dw);
    if (db)
        memset(db, 0, (size_t)plan->outs * sizeof *db);
    rows_gradient(lane->run->model->kernels, plan, rows, lane->count, d, plan->outs, dw, db);
}

void backward_sample_router(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const struct chance *chance = &lane->chance;
    const struct patch_shape patch = model->plan[at].patch;
    struct gate *gate = &lane->gate[at];
    const int32_t experts = layer->experts;
    const float **rows = run_whole_inputs(lane->run, at, lane->count, lane->run->rows);
    backward_scores(lane, at, gate);
    for (int32_t b = 0; chance->dropout > 0 && b < lane->count; b++)
        rows[b] = gate->x + (size_t)b * gate->inputs;
    if (lane->gradients)
        matrix_gradient(lane, at, rows, gate->dclean, lane->gradients[layer->weight],
                        layer->bias < 0 ? NULL : lane->gradients[layer->bias]);
    if (lane->gradients && chance->noise)
        matrix_gradient(lane, at, rows, gate->ddeviation, lane->gradients[chance->noise],
                        lane->gradients[chance->noise + 1]);
    float *dh = add_to_gradient(lane, at, layer->input);
    for (int32_t b = 0; dh && b < lane->count; b++, dh += gate->inputs) {
        const float *keep = gate->input_keep + (size_t)b * gate->inputs;
        memset(gate->dx, 0, gate->inputs * sizeof *gate->dx);
        spread_row(model->kernels, gate->dx, lane->weights[layer->weight], gate->dclean + b * experts, experts, patch);
        if (chance->noise)
            spread_row(model->kernels, gate->dx, lane->weights[chance->noise], gate->ddeviation + b * experts, experts,
                       patch);
        for (size_t i = 0; i < gate->inputs; i++)
            dh[i] += (chance->dropout > 0 ? keep[i] : 1) * gate->dx[i];
    }
}
