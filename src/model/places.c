/* Where what a pass reads and writes lies, and the row pointers that kernels read their inputs through.
 *
 * The only thing that a routed layer does and a dense one does not is to write fewer of those. */
#include "forward.h"

/* The last of a stack stores into its group's output, a row for each patch. */
static struct run_place place_of(const pmoe_run *run, int32_t layer)
{
    const struct layer_plan *plan = run->model->plan;
    int32_t stored_by = plan[layer].stored_by, group = run->model->graph.layer[layer].group;
    size_t row = 0;
    if (plan[stored_by].in_group) {
        row = (size_t)run->model->graph.layer[group].shape.c;
        stored_by = group;
        group = -1;
    }
    float *from = group < 0 ? run->activations : run->stack;
    int32_t at_once = group < 0 ? run->at_once : run->stack_images[group];
    return (struct run_place){from + plan[stored_by].out_at * (size_t)at_once, row};
}

void run_place_outputs(pmoe_run *run)
{
    for (int32_t i = 0; i < run->model->graph.layers; i++)
        run->output[i] = place_of(run, i);
}

float *run_output(const pmoe_run *run, int32_t layer)
{
    return run->output[layer].first + (size_t)run->expert_row * run->output[layer].row;
}

/* One of a layer's inputs, where it is not read through pointers. */
const float *run_source(const pmoe_run *run, int32_t input)
{
    return input == GRAPH_IMAGE ? run->images : input == GRAPH_EXPERT ? run->copies : run_output(run, input);
}

const float *run_input(const pmoe_run *run, int32_t layer)
{
    return run_source(run, run->model->graph.layer[layer].input);
}

float *run_scores(const pmoe_run *run, int32_t router)
{
    struct shape shape = run->model->graph.layer[router].shape;
    return run->scores[router] + (size_t)run->first * (size_t)shape.a * (size_t)shape.b;
}

size_t layer_kept(const struct layer *layer)
{
    return (size_t)layer->kept * (layer->type == LAYER_EXPERT_GROUP ? (size_t)layer->experts : 1);
}

int32_t *run_picks(const pmoe_run *run, int32_t group, int32_t item)
{
    return run->picks[group] + ((size_t)run->first + (size_t)item) * layer_kept(&run->model->graph.layer[group]);
}

float *run_gates(const pmoe_run *run, int32_t group)
{
    return run->gates[group] + (size_t)run->first * layer_kept(&run->model->graph.layer[group]);
}

/* ---- Row pointers ---- */

int32_t run_kept_rows(const pmoe_run *run, int32_t group, int32_t expert, const float **rows)
{
    const struct layer *layer = &run->model->graph.layer[group];
    const int32_t *patch_at = run->model->plan[group].table;
    const float *image = run_input(run, group);
    const int32_t *picks = run_picks(run, group, 0) + (size_t)expert * (size_t)layer->kept;
    const size_t step = run->model->plan[group].in_floats, kept = layer_kept(layer);
    for (int32_t b = 0; b < run->now; b++, image += step, picks += kept, rows += layer->kept)
        for (int32_t j = 0; j < layer->kept; j++)
            rows[j] = image + patch_at[picks[j]];
    return run->now * layer->kept;
}

const float **run_whole_inputs(const pmoe_run *run, int32_t layer, int32_t images, const float **rows)
{
    if (run->model->graph.layer[layer].input == GRAPH_EXPERT)
        return run->given;
    const float *values = run_input(run, layer);
    for (int32_t i = 0; i < images; i++, values += run->model->plan[layer].in_floats)
        rows[i] = values;
    return rows;
}

const float **run_patch_inputs(const pmoe_run *run, int32_t layer, int32_t images, const float **rows)
{
    const int32_t *patch_at = run->model->plan[layer].table;
    int32_t patches = run->model->graph.layer[layer].patches;
    const float **whole = run_whole_inputs(run, layer, images, rows);
    if (patches == 1)
        return whole;
    for (int32_t i = images - 1; i >= 0; i--) { /* the last first: `whole` may be `rows` */
        const float *map = whole[i];
        for (int32_t j = 0; j < patches; j++)
            rows[i * patches + j] = map + patch_at[j];
    }
    return rows;
}
