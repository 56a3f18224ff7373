/* Weights: from the tensors of a file to what kernels read, batch norms folded in. */
#include "../base/error.h"
#include "../kernels/pack.h"
#include "model.h"
#include "safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Order and packing ---- */

/* Rows of a filter bank: how many filters a tensor holds and how many channels and pixels each has.  Everything else
 * (biases, linear layers) is one channel, which no order can change. */
static void tensor_filters(const struct graph *graph, int32_t tensor, size_t *filters, size_t *channels, size_t *pixels)
{
    const struct tensor *row = &graph->tensor[tensor];
    *channels = *pixels = 1;
    if (row->rank >= 4) {
        *channels = (size_t)row->dims[row->rank - 3];
        *pixels = (size_t)row->dims[row->rank - 1] * (size_t)row->dims[row->rank - 2];
    }
    *filters = (size_t)row->count / (*channels * *pixels);
}

void tensor_from_file(const struct graph *graph, int32_t tensor, const unsigned char *file_bytes, float *values)
{
    size_t filters, channels, pixels;
    tensor_filters(graph, tensor, &filters, &channels, &pixels);
    for (size_t f = 0; f < filters; f++)
        for (size_t c = 0; c < channels; c++)
            for (size_t at = 0; at < pixels; at++, file_bytes += sizeof(float))
                memcpy(values + (f * pixels + at) * channels + c, file_bytes, sizeof(float));
}

void tensor_to_file(const struct graph *graph, int32_t tensor, const float *values, float *file_values)
{
    size_t filters, channels, pixels;
    tensor_filters(graph, tensor, &filters, &channels, &pixels);
    for (size_t f = 0; f < filters; f++)
        for (size_t c = 0; c < channels; c++)
            for (size_t at = 0; at < pixels; at++)
                *file_values++ = values[(f * pixels + at) * channels + c];
}

/* Weights of one output of one matrix. */
static size_t output_weights(const struct layer_plan *plan)
{
    const struct conv *conv = &plan->conv;
    return conv->outs ? (size_t)conv->kernel * (size_t)conv->kernel * (size_t)conv->channels
                      : (size_t)plan->patch.runs * (size_t)plan->patch.run;
}

void model_pack(pmoe_model *model, int32_t layer, const float *weight, const float *bias)
{
    const struct layer_plan *plan = &model->plan[layer];
    size_t matrix = (size_t)plan->outs * output_weights(plan);
    for (size_t m = 0; m < (size_t)plan->matrices; m++) {
        float *panels = plan->panels + m * plan->panel_floats;
        if (plan->conv.outs)
            conv_pack(model->kernels, &plan->conv, weight + m * matrix, panels);
        else
            pack_panels(model->kernels, plan->patch, plan->outs, weight + m * matrix, panels);
    }
    if (plan->bias)
        memcpy(plan->bias, bias, (size_t)plan->matrices * (size_t)plan->outs * sizeof(float));
}

/* ---- Tensors of a file ---- */

static pmoe_status check_tensor(const struct tensor *row, const struct safetensors_entry *entry, pmoe_error *error)
{
    int same = row->rank == entry->rank;
    for (int32_t d = 0; same && d < row->rank; d++)
        same = row->dims[d] == entry->dims[d];
    if (same)
        return PMOE_OK;
    char expected[96] = "", found[96] = "";
    size_t at = 0;
    for (int32_t d = 0; d < row->rank && at < sizeof expected; d++)
        at += (size_t)snprintf(expected + at, sizeof expected - at, "%s%lld", d ? ", " : "", (long long)row->dims[d]);
    at = 0;
    for (int32_t d = 0; d < entry->rank && at < sizeof found; d++)
        at += (size_t)snprintf(found + at, sizeof found - at, "%s%lld", d ? ", " : "", (long long)entry->dims[d]);
    return fail(error, PMOE_E_GRAPH, "tensor \"%s\": expected shape [%s], found [%s]", row->name, expected, found);
}

static pmoe_status check_finite(const struct tensor *row, const float *values, pmoe_error *error)
{
    for (int64_t i = 0; i < row->count; i++)
        if (!isfinite(values[i]))
            return fail(error, PMOE_E_FORMAT, "tensor \"%s\": element %lld is not a finite number", row->name,
                        (long long)i);
    return PMOE_OK;
}

/* Read one tensor into `values`, in memory's order. */
static pmoe_status load_tensor(const struct graph *graph, int32_t tensor, const struct safetensors *view, float *values,
                               pmoe_error *error)
{
    const struct tensor *row = &graph->tensor[tensor];
    struct safetensors_entry entry;
    if (!safetensors_find(view, row->name, &entry))
        return fail(error, PMOE_E_GRAPH, "tensor \"%s\": expected by layer \"%s\", not in the file", row->name,
                    graph->layer[row->layer].name);
    TRY(check_tensor(row, &entry, error));
    tensor_from_file(graph, tensor, entry.bytes, values);
    return check_finite(row, values, error);
}

/* The file's tensors must be the layers' tensors, no more and no fewer. */
static pmoe_status check_no_extra(const struct graph *graph, const struct safetensors *view, pmoe_error *error)
{
    struct safetensors_entry entry;
    for (json_node at = 0; safetensors_next(view, &at, &entry);) {
        int known = 0;
        for (int32_t t = 0; t < graph->tensors && !known; t++)
            known = strcmp(graph->tensor[t].name, entry.name) == 0;
        if (!known)
            return fail(error, PMOE_E_GRAPH, "tensor \"%.64s\": in the file, but no layer has it", entry.name);
    }
    return PMOE_OK;
}

/* ---- Loading ---- */

void norm_affine(const float *gamma, const float *beta, const float *mean, const float *variance, float epsilon,
                 size_t count, float *scale, float *shift)
{
    for (size_t i = 0; i < count; i++) {
        double factor = (double)gamma[i] / sqrt((double)variance[i] + (double)epsilon);
        shift[i] = (float)((double)beta[i] - (double)mean[i] * factor);
        scale[i] = (float)factor;
    }
}

/* Scale and shift of a batch norm, [experts][channels] each. */
static pmoe_status load_norm(const struct graph *graph, int32_t norm, const struct safetensors *view, float *scale,
                             float *shift, float *scratch, pmoe_error *error)
{
    const struct layer *layer = &graph->layer[norm];
    size_t count = (size_t)graph->tensor[layer->weight].count;
    float *gamma = scratch, *beta = scratch + count;
    TRY(load_tensor(graph, layer->weight, view, gamma, error));
    TRY(load_tensor(graph, layer->bias, view, beta, error));
    TRY(load_tensor(graph, layer->mean, view, shift, error));
    TRY(load_tensor(graph, layer->variance, view, scale, error));
    for (size_t i = 0; i < count; i++)
        if (!((double)scale[i] + (double)layer->epsilon > 0))
            return fail(error, PMOE_E_FORMAT, "tensor \"%s\": element %zu is %g, expected a variance of 0 or more",
                        graph->tensor[layer->variance].name, i, (double)scale[i]);
    norm_affine(gamma, beta, shift, scale, layer->epsilon, count, scale, shift);
    return PMOE_OK;
}

/* Floats behind a layer's weights: its bias, then scale, shift and scratch of a norm. */
static size_t norm_floats(const struct graph *graph, int32_t norm)
{
    return norm < 0 ? 0 : 4 * (size_t)graph->tensor[graph->layer[norm].weight].count;
}

static size_t layer_floats(const pmoe_model *model, int32_t at)
{
    const struct graph *graph = &model->graph;
    const struct layer_plan *plan = &model->plan[at];
    const struct layer *layer = &graph->layer[at];
    if (layer->type == LAYER_BATCH_NORM)
        return norm_floats(graph, at);
    return (layer->weight < 0 ? 0 : (size_t)graph->tensor[layer->weight].count) +
           (size_t)plan->matrices * (size_t)plan->outs + norm_floats(graph, plan->norm);
}

static pmoe_status load_folded(const pmoe_model *model, int32_t at, const struct safetensors *view, float *weight,
                               float *bias, float *behind, pmoe_error *error)
{
    const struct layer_plan *plan = &model->plan[at];
    size_t outs = (size_t)plan->matrices * (size_t)plan->outs, each = output_weights(plan);
    float *scale = behind, *shift = behind + outs;
    TRY(load_norm(&model->graph, plan->norm, view, scale, shift, behind + 2 * outs, error));
    for (size_t o = 0; o < outs; o++) {
        for (size_t i = 0; i < each; i++)
            weight[o * each + i] *= scale[o];
        bias[o] = (float)((double)bias[o] * (double)scale[o] + (double)shift[o]);
    }
    return PMOE_OK;
}

static pmoe_status load_layer(pmoe_model *model, int32_t at, const struct safetensors *view, float *values,
                              pmoe_error *error)
{
    const struct graph *graph = &model->graph;
    const struct layer *layer = &graph->layer[at];
    const struct layer_plan *plan = &model->plan[at];
    size_t outs = (size_t)plan->matrices * (size_t)plan->outs;
    if (layer->type == LAYER_BATCH_NORM)
        return plan->stored_by == at ? load_norm(graph, at, view, plan->scale, plan->bias, values, error) : PMOE_OK;
    if (layer->weight < 0)
        return PMOE_OK;
    float *bias = values + graph->tensor[layer->weight].count;
    memset(bias, 0, outs * sizeof *bias);
    TRY(load_tensor(graph, layer->weight, view, values, error));
    if (layer->bias >= 0)
        TRY(load_tensor(graph, layer->bias, view, bias, error));
    if (plan->norm >= 0)
        TRY(load_folded(model, at, view, values, bias, bias + outs, error));
    model_pack(model, at, values, bias);
    return PMOE_OK;
}

pmoe_status model_load_weights(pmoe_model *model, const struct safetensors *view, pmoe_error *error)
{
    const struct graph *graph = &model->graph;
    size_t most = 1, bytes;
    for (int32_t i = 0; i < graph->layers; i++)
        most = layer_floats(model, i) > most ? layer_floats(model, i) : most;
    if (!size_mul(most, sizeof(float), &bytes))
        return fail(error, PMOE_E_MEMORY, "model \"%s\": its largest layer does not fit in memory", graph->name);
    float *values = allocator_take(&model->allocator, bytes);
    if (!values)
        return fail(error, PMOE_E_MEMORY, "model \"%s\": no scratch memory (%zu bytes)", graph->name, bytes);
    pmoe_status status = check_no_extra(graph, view, error);
    for (int32_t i = 0; i < graph->layers && status == PMOE_OK; i++)
        status = load_layer(model, i, view, values, error);
    allocator_give(&model->allocator, values);
    return status == PMOE_OK ? model_find_constants(model, error) : status;
}
