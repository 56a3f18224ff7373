/* Routed layers: scores, top-l and gates, and the experts on what they keep. */
#include "forward.h"

#include "../base/error.h"
#include "../route/route.h"

#include <math.h>
#include <string.h>

/* ---- Scores, top-l and gates ---- */

/* Of image `item` of the batch: [n][experts that are on]. */
static float *patch_lists(const pmoe_run *run, int32_t router, int32_t item)
{
    return run->lists[router] +
           (size_t)item * (size_t)run->model->graph.layer[router].patches * (size_t)run->model->plan[router].outs;
}

void forward_router(pmoe_run *run, int32_t at)
{
    if (run->model->plan[at].outs)
        forward_patches(run, at, run->now, patch_lists(run, at, run->first));
}

const float *run_patch_scores(const pmoe_run *run, int32_t router, int32_t item)
{
    const struct layer *layer = &run->model->graph.layer[router];
    const int32_t patches = layer->patches, on = run->model->plan[router].outs;
    const float *from = patch_lists(run, router, item);
    float *first = run->scores[router] + (size_t)item * (size_t)layer->experts * (size_t)patches, *scores = first;
    for (int32_t s = 0; s < layer->experts; s++, scores += patches) {
        if (what_if_is_off(&run->what_if, s))
            continue;
        for (int32_t j = 0; j < patches; j++)
            scores[j] = from[j * on];
        from++;
    }
    return first;
}

/* Paper 2's code: minus the mean, over the unbiased deviation + 1e-5. */
void run_standardise(float *scores, int32_t experts)
{
    float mean = 0, squares = 0;
    for (int32_t e = 0; e < experts; e++)
        mean += scores[e];
    mean /= (float)experts;
    for (int32_t e = 0; e < experts; e++)
        squares += (scores[e] - mean) * (scores[e] - mean);
    float deviation = sqrtf(squares / (float)(experts - 1)) + 1e-5f;
    for (int32_t e = 0; e < experts; e++)
        scores[e] = (scores[e] - mean) / deviation;
}

void run_sample_scores(const pmoe_run *run, int32_t router, const float *const *x, int32_t rows, float *scores)
{
    forward_matrix(run, router, x, rows, 1, scores);
}

void forward_sample_router(pmoe_run *run, int32_t at)
{
    if (HAS_TRAINING && run->score) {
        run->score(run->training, at);
        return;
    }
    const struct layer *layer = &run->model->graph.layer[at];
    float *scores = run_scores(run, at);
    run_sample_scores(run, at, run_whole_inputs(run, at, run->now, run->rows), run->now, scores);
    for (int32_t b = 0; layer->normalise && b < run->now; b++)
        run_standardise(scores + (size_t)b * (size_t)layer->experts, layer->experts);
    what_if_rank_last(run, scores, layer->experts);
}

/* A list of n scores an expert, the images one behind the other; neighbours that are on go together. */
static void route_group(pmoe_run *run, int32_t group)
{
    const struct layer *layer = &run->model->graph.layer[group];
    const int32_t experts = layer->experts, on = run->model->plan[layer->router].outs;
    struct route_lists of = {.step = on, .n = layer->patches, .scratch = run->slots};
    for (int32_t b = 0; b < run->now; b++) {
        of.scores = patch_lists(run, layer->router, run->first + b);
        for (int32_t first = 0, end; first < experts; first = end + 1, of.scores += of.lists) {
            end = what_if_stretch(&run->what_if, first, experts);
            of.lists = end - first;
            const size_t at = ((size_t)b * (size_t)experts + (size_t)first) * (size_t)layer->kept;
            route(run->model->kernels, layer->gate, of, layer->kept, run_picks(run, group, 0) + at,
                  run_gates(run, group) + at);
        }
    }
}

/* One list of scores an image. */
static void route_mixture(pmoe_run *run, int32_t mixture)
{
    const struct layer *layer = &run->model->graph.layer[mixture];
    const float *scores = run_scores(run, layer->router);
    float *lists = run->lists[layer->router];
    for (int32_t e = 0; e < layer->experts; e++)
        for (int32_t b = 0; b < run->now; b++)
            lists[e * run->now + b] = scores[b * layer->experts + e];
    const struct route_lists of = {lists, run->now, run->now, layer->experts, run->slots};
    route(run->model->kernels, layer->gate, of, layer->kept, run_picks(run, mixture, 0), run_gates(run, mixture));
}

void run_route(pmoe_run *run, int32_t group)
{
    if (run->model->graph.layer[group].type == LAYER_EXPERT_GROUP)
        route_group(run, group);
    else
        route_mixture(run, group);
}

/* ---- Experts ---- */

int32_t run_feeds_zeros(const pmoe_run *run, int32_t group)
{
    return HAS_TRAINING && run->zeros && group_has_zeros(&run->model->graph, group);
}

/* All that the expert under way of a group is given. */
static int32_t give_patches(const pmoe_run *run, int32_t group, const float **given)
{
    int32_t images = run_kept_rows(run, group, run->expert, given);
    if (run_feeds_zeros(run, group))
        given[images++] = run->zeros;
    return images;
}

/* What the expert was given becomes maps or vectors one behind the other, times their gates where those are on inputs.
 */
static void copy_given(pmoe_run *run, int32_t group, int32_t first, int32_t images)
{
    const struct layer *layer = &run->model->graph.layer[group];
    struct shape in = graph_input_shape(&run->model->graph, group);
    int32_t high = layer->type == LAYER_EXPERT_GROUP ? layer->patch : 1, run_floats = high * in.c, row = in.b * in.c;
    float *to = run->copies;
    for (int32_t i = 0; i < images; i++) {
        const float *from = run->given[i];
        float gate = 1;
        if (layer->gate_place == GATE_ON_INPUT && from != run->zeros) {
            int32_t list = (first + i) / layer->kept * layer->experts + run->expert;
            gate = run_gates(run, group)[list * layer->kept + (first + i) % layer->kept];
        }
        run->given[i] = to;
        for (int32_t y = 0; y < high; y++, from += row, to += run_floats)
            for (int32_t x = 0; x < run_floats; x++)
                to[x] = gate * from[x];
    }
}

/* Images first .. first + images - 1 of those given pass the whole stack, while what lies between its layers is hot. */
static void forward_stack(pmoe_run *run, int32_t group, int32_t first, int32_t images)
{
    run->given = run->all_given + first;
    if (run->model->plan[group].copies)
        copy_given(run, group, first, images);
    for (int32_t i = group + 1; i <= graph_stack_end(&run->model->graph, group); i++)
        forward_whole(run, i, images);
}

int32_t group_is_matrix(const pmoe_model *model, int32_t group)
{
    const struct layer *first = &model->graph.layer[group + 1];
    return model->graph.layer[group].type == LAYER_EXPERT_GROUP && first->type == LAYER_PATCH_CONV &&
           first->patches == 1 && model->plan[graph_stack_end(&model->graph, group)].stored_by == group + 1 &&
           !model->plan[group].copies;
}

/* Experts of one matrix each, neighbours that are on in one call. */
static void matrix_experts(pmoe_run *run, int32_t at)
{
    const int32_t experts = run->model->graph.layer[at].experts;
    for (int32_t first = 0, end; first < experts; first = end + 1) {
        int32_t images = 0;
        const float **given = run->all_given;
        end = what_if_stretch(&run->what_if, first, experts);
        for (run->expert = first; run->expert < end; run->expert++, given += images)
            images = give_patches(run, at, given);
        run->expert = first;
        run->expert_row = first * images;
        forward_matrix(run, at + 1, run->all_given, images, end - first, run_output(run, at + 1));
    }
    run->expert = run->expert_row = 0;
}

static void group_experts(pmoe_run *run, int32_t at)
{
    const struct layer *layer = &run->model->graph.layer[at];
    int32_t most = run->stack_images[at];
    for (run->expert = 0; run->expert < layer->experts; run->expert++) {
        if (what_if_is_off(&run->what_if, run->expert))
            continue;
        int32_t images = give_patches(run, at, run->all_given);
        for (int32_t first = 0; first < images; first += most) {
            run->expert_row = run->expert * images + first;
            forward_stack(run, at, first, images - first < most ? images - first : most);
        }
    }
    run->expert = run->expert_row = 0;
}

/* Eq. 1's sum over J_s with its gates, dropped patches included where they are zeros to the experts. */
void forward_group_pool(pmoe_run *run, int32_t at)
{
    const struct kernels *kernels = run->model->kernels;
    const struct layer *layer = &run->model->graph.layer[at], *group = &run->model->graph.layer[layer->input];
    struct shape in = group->shape;
    float scale = 1.0f / (float)pool_divisor_value(&run->model->graph, at);
    float dropped = (float)(group->patches - group->kept) * scale;
    const int32_t fed = run_feeds_zeros(run, layer->input);
    const float *constants = run->model->plan[layer->input].constant;
    const float *from = run_input(run, at), *gates = run_gates(run, layer->input);
    float *out = run_output(run, at);
    for (int32_t s = 0; s < in.a; s++, from += fed * in.c) {
        const float *constant = fed         ? from + run->now * in.b * in.c
                                : constants ? constants + (size_t)s * (size_t)in.c
                                            : NULL;
        for (int32_t b = 0; b < run->now; b++, from += in.b * in.c) {
            size_t of_image = (size_t)b * (size_t)in.a + (size_t)s;
            float *to = out + of_image * (size_t)in.c;
            if (what_if_is_off(&run->what_if, s)) {
                memset(to, 0, (size_t)in.c * sizeof *to);
                continue;
            }
            kernels->gated_sum(to, from, group->gate_place == GATE_ON_OUTPUT ? gates + of_image * (size_t)in.b : NULL,
                               scale, in.b, in.c);
            if (constant)
                kernels->axpy(to, dropped, constant, (size_t)in.c);
        }
    }
}

/* Images by expert, not experts by image: each expert's weights are read once for all images that keep it. */
static int32_t gather_kept(pmoe_run *run, int32_t at)
{
    const struct layer *layer = &run->model->graph.layer[at];
    const int32_t *picks = run_picks(run, at, 0);
    const float *values = run_input(run, at);
    size_t step = run->model->plan[at].in_floats;
    int32_t images = 0;
    for (int32_t b = 0; b < run->now; b++, values += step)
        for (int32_t j = 0; j < layer->kept; j++, picks++)
            if (*picks == run->expert) {
                run->all_given[images] = values;
                run->from[images++] = b * layer->kept + j;
            }
    return images;
}

/* Add the gated outputs of the images that just passed the expert under way to theirs. */
static void add_gated(pmoe_run *run, int32_t at, int32_t first, int32_t images)
{
    const struct layer *layer = &run->model->graph.layer[at];
    size_t outs = (size_t)layer->shape.c;
    const float *made = run_output(run, graph_stack_end(&run->model->graph, at)), *gates = run_gates(run, at);
    for (int32_t i = first; i < first + images; i++, made += outs)
        run->model->kernels->axpy(run_output(run, at) + (size_t)(run->from[i] / layer->kept) * outs,
                                  gates[run->from[i]], made, outs);
}

static void mixture_experts(pmoe_run *run, int32_t at)
{
    const struct layer *layer = &run->model->graph.layer[at];
    int32_t most = run->stack_images[at];
    memset(run_output(run, at), 0, (size_t)run->now * (size_t)layer->shape.c * sizeof(float));
    for (run->expert = 0; run->expert < layer->experts; run->expert++) {
        int32_t images = gather_kept(run, at);
        for (int32_t first = 0; first < images; first += most) {
            int32_t now = images - first < most ? images - first : most;
            forward_stack(run, at, first, now);
            add_gated(run, at, first, now);
        }
    }
    run->expert = 0;
}

void run_gather(pmoe_run *run, int32_t group)
{
    for (run->expert = 0; run->expert < run->model->graph.layer[group].experts; run->expert++)
        if (run->model->graph.layer[group].type != LAYER_EXPERT_GROUP)
            gather_kept(run, group);
        else if (!what_if_is_off(&run->what_if, run->expert))
            run_kept_rows(run, group, run->expert, run->all_given);
    run->expert = 0;
}

int32_t run_stack(pmoe_run *run, int32_t group, int32_t expert)
{
    int is_group = run->model->graph.layer[group].type == LAYER_EXPERT_GROUP;
    run->expert = expert;
    int32_t images = is_group ? give_patches(run, group, run->all_given) : gather_kept(run, group);
    run->expert_row = is_group ? expert * images : 0;
    if (images)
        forward_stack(run, group, 0, images);
    return images;
}

void run_experts(pmoe_run *run, int32_t group)
{
    if (group_is_matrix(run->model, group))
        matrix_experts(run, group);
    else if (run->model->graph.layer[group].type == LAYER_EXPERT_GROUP)
        group_experts(run, group);
    else
        mixture_experts(run, group);
}

/* ---- Constants ---- */

static void find_constant(pmoe_run *run, int32_t at, const float *zeros)
{
    const struct layer *layer = &run->model->graph.layer[at];
    float *constant = run->model->plan[at].constant;
    run->now = 1;
    run->first = 0;
    for (run->expert = 0; run->expert < layer->experts; run->expert++, constant += layer->shape.c) {
        run->expert_row = 0;
        run->all_given[0] = zeros;
        forward_stack(run, at, 0, 1);
        memcpy(constant, run_output(run, at), (size_t)layer->shape.c * sizeof *constant);
    }
    run->expert = 0;
}

pmoe_status model_find_constants(pmoe_model *model, pmoe_error *error)
{
    for (int32_t i = 0; i < model->graph.layers; i++) {
        if (!model->plan[i].constant)
            continue;
        pmoe_run *run;
        TRY(pmoe_run_open(model, 1, &run, error));
        size_t bytes = model->plan[i].in_floats * sizeof(float);
        float *zeros = allocator_take(&model->allocator, bytes);
        pmoe_status status = PMOE_OK;
        if (zeros) {
            memset(zeros, 0, bytes);
            memset(run_gates(run, i), 0, layer_kept(&model->graph.layer[i]) * sizeof(float));
            find_constant(run, i, zeros);
        } else {
            status =
                fail(error, PMOE_E_MEMORY, "model \"%s\": no scratch memory (%zu bytes)", model->graph.name, bytes);
        }
        allocator_give(&model->allocator, zeros);
        pmoe_run_close(&run);
        TRY(status);
    }
    return PMOE_OK;
}
