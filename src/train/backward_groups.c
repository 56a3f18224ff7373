/* The way back through routers, groups and mixtures. */
#include "../route/route.h"
#include "backward_layers.h"

#include <string.h>

/* ---- Routers ---- */

void backward_patch_router(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer_plan *plan = &model->plan[at];
    const struct layer *layer = &model->graph.layer[at];
    const float *w = lane->weights[layer->weight], *dscores = lane->dscores[at];
    size_t row = (size_t)plan->patch.runs * (size_t)plan->patch.run;
    float *dx = add_to_gradient(lane, at, layer->input), *dw = lane_gradient(lane, layer->weight);
    for (int32_t b = 0; dx && b < lane->count; b++, dx += input_count(&model->graph, at))
        for (int32_t s = 0; s < layer->experts; s++)
            for (int32_t j = 0; j < layer->patches; j++, dscores++)
                spread_row(model->kernels, dx + plan->table[j], w + (size_t)s * row, dscores, 1, plan->patch);
    if (!dw)
        return;
    memset(dw, 0, (size_t)layer->experts * row * sizeof *dw);
    lane_weight_gradient(lane, at, 0, 0, layer->experts, lane->gathered, dw, NULL);
}

/* One list of n scores an expert of a group, one an image of a mixture. */
static void backward_gates(struct lane *lane, int32_t at)
{
    const struct layer *layer = &lane->run->model->graph.layer[at];
    const pmoe_run *run = lane->run;
    int is_group = layer->type == LAYER_EXPERT_GROUP;
    size_t lists = (size_t)run->batch * (is_group ? (size_t)layer->experts : 1), kept = (size_t)layer->kept;
    int32_t n = is_group ? layer->patches : layer->experts;
    const float *scores = run->scores[layer->router];
    float *dscores = lane->dscores[layer->router];
    for (int32_t b = 0; is_group && b < run->batch; b++)
        run_patch_scores(run, layer->router, b);
    for (size_t i = 0; i < lists; i++, scores += n, dscores += n)
        route_gates_backward(layer->gate, scores, n, run->picks[at] + i * kept, layer->kept, run->gates[at] + i * kept,
                             lane->dgates[at] + i * kept, dscores);
}

/* ---- Stacks ---- */

/* Experts' tensors that an expert without an image leaves alone have no gradient. */
static void clear_stack_gradients(struct lane *lane, int32_t group)
{
    const struct graph *graph = &lane->run->model->graph;
    for (int32_t t = 0; lane->gradients && t < graph->tensors; t++)
        if (graph->layer[graph->tensor[t].layer].group == group)
            memset(lane->gradients[t], 0, (size_t)graph->tensor[t].count * sizeof(float));
}

/* The expert under way, which was given so many: from its last layer's doutput to its tensors and dgiven. */
static void backward_stack(struct lane *lane, int32_t group, int32_t images)
{
    lane->count = images;
    lane->begun_given = 0;
    for (int32_t i = graph_stack_end(&lane->run->model->graph, group); i > group; i--)
        backward_layer(lane, i);
}

static void end_stacks(struct lane *lane)
{
    lane->run->expert = lane->run->expert_row = 0;
    lane->count = lane->run->batch;
}

static void begin_stack(struct lane *lane, int32_t group)
{
    memset(lane->begun + group + 1, 0, (size_t)lane->run->model->graph.layer[group].inner);
}

/* ---- Groups ---- */

/* One convolution of the size of a patch and maybe a ReLU: the kept rows of all experts, with no copy of any. */
static int is_single(const struct graph *graph, int32_t group)
{
    const struct layer *layer = &graph->layer[group], *first = &graph->layer[group + 1];
    return layer->gate_place == GATE_ON_OUTPUT && !group_has_zeros(graph, group) && first->type == LAYER_PATCH_CONV &&
           first->patches == 1 &&
           (layer->inner == 1 || (layer->inner == 2 && graph->layer[group + 2].type == LAYER_RELU));
}

static void backward_single(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer_plan *plan = &model->plan[at + 1];
    const int32_t *patch_at = model->plan[at].table;
    const struct layer *layer = &model->graph.layer[at], *inner = &model->graph.layer[at + 1];
    const pmoe_run *run = lane->run;
    size_t batch = (size_t)run->batch, experts = (size_t)layer->experts, kept = (size_t)layer->kept;
    if (plan->relu)
        mask_relu(lane->doutput[at], run_output(run, at), batch * (size_t)model->plan[at].out_count);
    size_t matrix = (size_t)plan->outs * (size_t)plan->patch.runs * (size_t)plan->patch.run;
    const float *w = lane->weights[inner->weight], *dy = lane->doutput[at];
    float *all = add_to_gradient(lane, at, layer->input);
    for (size_t s = 0; all && s < experts; s++)
        for (size_t b = 0; b < batch; b++)
            for (size_t j = 0; j < kept; j++, dy += plan->outs) {
                float *dx = all + b * input_count(&model->graph, at);
                int32_t patch = run->picks[at][(b * experts + s) * kept + j];
                spread_row(model->kernels, dx + patch_at[patch], w + s * matrix, dy, plan->outs, plan->patch);
            }
    if (!lane->gradients)
        return;
    clear_stack_gradients(lane, at);
    for (int32_t s = 0; s < layer->experts; s++)
        lane_weight_gradient(lane, at + 1, s, 0, plan->outs, lane->gathered,
                             lane->gradients[inner->weight] + (size_t)s * matrix,
                             inner->bias < 0 ? NULL : lane->gradients[inner->bias] + s * plan->outs);
}

/* dgiven of the expert under way to its patches' places, and to their gates if those were on inputs. */
static void give_back_patches(struct lane *lane, int32_t at, float *all)
{
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const pmoe_run *run = lane->run;
    struct shape in = graph_input_shape(&model->graph, at);
    const float *from = lane->dgiven, *x = run_input(run, at);
    size_t image = input_count(&model->graph, at), floats = (size_t)layer->patch * (size_t)in.c;
    for (int32_t i = 0; i < lane->count - run_feeds_zeros(run, at); i++) {
        int32_t b = i / layer->kept, place = (b * layer->experts + run->expert) * layer->kept + i % layer->kept;
        size_t to = (size_t)b * image + (size_t)model->plan[at].table[run->picks[at][place]];
        float gate = 1, dgate = 0;
        if (layer->gate_place == GATE_ON_INPUT)
            gate = run->gates[at][place];
        for (int32_t y = 0; y < layer->patch; y++, from += floats, to += (size_t)(in.b * in.c)) {
            for (size_t c = 0; layer->gate_place == GATE_ON_INPUT && c < floats; c++)
                dgate += from[c] * x[to + c];
            if (all)
                model->kernels->axpy(all + to, gate, from, floats);
        }
        if (layer->gate_place == GATE_ON_INPUT)
            lane->dgates[at][place] = dgate;
    }
}

void backward_group(struct lane *lane, int32_t at)
{
    const struct graph *graph = &lane->run->model->graph;
    const struct layer *layer = &graph->layer[at];
    if (is_single(graph, at)) {
        backward_gates(lane, at);
        backward_single(lane, at);
        return;
    }
    float *all = add_to_gradient(lane, at, layer->input);
    for (int32_t s = 0; s < layer->experts; s++) {
        begin_stack(lane, at);
        backward_stack(lane, at, run_stack(lane->run, at, s));
        if (lane->begun_given)
            give_back_patches(lane, at, all);
        lane->count = lane->run->batch;
    }
    end_stacks(lane);
    backward_gates(lane, at);
}

/* ---- Mixtures ---- */

/* What the expert under way made of its images gets its part of their gradient, the gates theirs. */
static void backward_gated(struct lane *lane, int32_t at, int32_t images)
{
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const int32_t last = graph_stack_end(&model->graph, at), outs = layer->shape.c;
    const float *made = run_output(lane->run, last), *dy = lane_doutput(lane, at);
    lane->begun[gradient_owner(lane, last)] = 1;
    float *dmade = lane_doutput(lane, last);
    for (int32_t i = 0; i < images; i++, made += outs, dmade += outs) {
        int32_t place = lane->run->from[i], b = place / layer->kept;
        float gate = lane->run->gates[at][place], sum = 0;
        for (int32_t c = 0; c < outs; c++) {
            dmade[c] = gate * dy[b * outs + c];
            sum += dy[b * outs + c] * made[c];
        }
        lane->dgates[at][place] = sum;
    }
}

void backward_mixture(struct lane *lane, int32_t at)
{
    const pmoe_model *model = lane->run->model;
    const struct layer *layer = &model->graph.layer[at];
    const size_t floats = input_count(&model->graph, at);
    float *all = add_to_gradient(lane, at, layer->input);
    clear_stack_gradients(lane, at);
    for (int32_t s = 0; s < layer->experts; s++) {
        int32_t images = run_stack(lane->run, at, s);
        if (!images)
            continue;
        begin_stack(lane, at);
        backward_gated(lane, at, images);
        backward_stack(lane, at, images);
        for (int32_t i = 0; all && i < images; i++)
            model->kernels->axpy(all + (size_t)(lane->run->from[i] / layer->kept) * floats, 1,
                                 lane->dgiven + (size_t)i * floats, floats);
    }
    end_stacks(lane);
    lane->balance = gate_balance(lane, at);
    backward_gates(lane, at);
}
