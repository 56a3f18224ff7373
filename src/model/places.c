/* Where what a pass reads and writes lies, and the row pointers that kernels read their inputs through.
 *
 * The only thing that a routed layer does and a dense one does not is to write fewer of those. */
#include "forward.h"

float *run_output(const pmoe_run *run, int32_t layer)
{
    const pmoe_model *model = run->model;
    int32_t stored_by = model->plan[layer].stored_by;
    int32_t group = model->graph.layer[stored_by].group;
    if (model->plan[stored_by].in_group)
        return run_output(run, group) + (size_t)run->expert_row * (size_t)model->graph.layer[group].shape.c;
    if (group >= 0)
        return run->stack + model->plan[stored_by].out_at * (size_t)run_stack_images(run, group);
    return run->activations + model->plan[stored_by].out_at * (size_t)run->at_once;
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

size_t run_input_floats(const pmoe_run *run, int32_t layer)
{
    return (size_t)shape_count(graph_input_shape(&run->model->graph, layer));
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

int32_t run_patch_rows(const pmoe_run *run, int32_t layer, const float **rows)
{
    const int32_t *patch_at = run->model->plan[layer].table;
    int32_t patches = run->model->graph.layer[layer].patches;
    const float *image = run_input(run, layer);
    size_t step = run_input_floats(run, layer);
    for (int32_t b = 0; b < run->now; b++, image += step, rows += patches)
        for (int32_t j = 0; j < patches; j++)
            rows[j] = image + patch_at[j];
    return run->now * patches;
}

int32_t run_kept_rows(const pmoe_run *run, int32_t group, int32_t expert, const float **rows)
{
    const struct layer *layer = &run->model->graph.layer[group];
    const int32_t *patch_at = run->model->plan[group].table;
    const float *image = run_input(run, group);
    size_t step = run_input_floats(run, group);
    for (int32_t b = 0; b < run->now; b++, image += step, rows += layer->kept) {
        const int32_t *picks = run_picks(run, group, b) + (size_t)expert * (size_t)layer->kept;
        for (int32_t j = 0; j < layer->kept; j++)
            rows[j] = image + patch_at[picks[j]];
    }
    return run->now * layer->kept;
}

/* First floats of `images` maps or vectors that a layer reads. */
const float **run_whole_inputs(const pmoe_run *run, int32_t layer, int32_t images)
{
    if (run->model->graph.layer[layer].input == GRAPH_EXPERT)
        return run->given;
    const float *values = run_input(run, layer);
    size_t step = run_input_floats(run, layer);
    for (int32_t i = 0; i < images; i++)
        run->rows[i] = values + (size_t)i * step;
    return run->rows;
}

int32_t run_vector_rows(const pmoe_run *run, int32_t layer, const float **rows)
{
    const float *values = run_input(run, layer);
    size_t step = run_input_floats(run, layer);
    for (int32_t b = 0; b < run->now; b++)
        rows[b] = values + (size_t)b * step;
    return run->now;
}

/* Patches of `images` maps inside of an expert, or of a whole layer. */
const float **run_patch_inputs(const pmoe_run *run, int32_t layer, int32_t images)
{
    const int32_t *patch_at = run->model->plan[layer].table;
    int32_t patches = run->model->graph.layer[layer].patches;
    if (run->model->graph.layer[layer].input == GRAPH_EXPERT && patches == 1)
        return run->given;
    const float *map = run_input(run, layer);
    size_t step = run_input_floats(run, layer);
    int given = run->model->graph.layer[layer].input == GRAPH_EXPERT;
    for (int32_t i = 0; i < images; i++)
        for (int32_t j = 0; j < patches; j++)
            run->rows[i * patches + j] = (given ? run->given[i] : map + (size_t)i * step) + patch_at[j];
    return run->rows;
}
