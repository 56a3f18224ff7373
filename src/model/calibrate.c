/* Models in eight bits: what their convolutions read in floats decides how it is rounded. */
#include "../base/error.h"
#include "../kernels/int8.h"
#include "model.h"

#include <float.h>
#include <math.h>

enum { CALIBRATE_BATCH = 16 };

int model_suits_int8(const pmoe_model *model, int32_t layer)
{
    const struct layer *at = &model->graph.layer[layer];
    if (at->type != LAYER_CONV || at->input == GRAPH_IMAGE || !int8_fits(&model->plan[layer].conv))
        return 0;
    return at->input != GRAPH_EXPERT || model->graph.layer[at->group].input != GRAPH_IMAGE;
}

int32_t model_int8_layers(const pmoe_model *model)
{
    int32_t count = 0;
    for (int32_t i = 0; i < model->graph.layers; i++)
        count += conv_is_int8(&model->plan[i].conv);
    return count;
}

void input_range_see(struct input_range *range, const struct conv *conv, const float *const *x, int32_t images)
{
    for (int32_t i = 0; i < images; i++)
        for (int32_t y = 0; y < conv->high; y++) {
            const float *row = x[i] + (ptrdiff_t)y * conv->row;
            for (int32_t j = 0; j < conv->wide * conv->channels; j++) {
                if (row[j] < range->least && row[j] >= -FLT_MAX)
                    range->least = row[j];
                if (row[j] > range->most && row[j] <= FLT_MAX)
                    range->most = row[j];
            }
        }
}

pmoe_status model_calibrate(const pmoe_model *model, const float *images, int32_t count, struct input_range *ranges,
                            pmoe_error *error)
{
    const struct graph *graph = &model->graph;
    const size_t each = (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
    const int32_t most = count < CALIBRATE_BATCH ? count : CALIBRATE_BATCH;
    const size_t bytes = (size_t)most * (size_t)graph->outputs * sizeof(float);
    for (int32_t i = 0; i < graph->layers; i++)
        ranges[i] = (struct input_range){INFINITY, -INFINITY};
    pmoe_run *run;
    TRY(pmoe_run_open(model, most, &run, error));
    float *logits = allocator_take(&model->allocator, bytes);
    pmoe_status status = logits ? PMOE_OK : fail(error, PMOE_E_MEMORY, "int8: no memory for logits (%zu bytes)", bytes);
    run->ranges = ranges;
    for (int32_t first = 0; first < count && status == PMOE_OK; first += most)
        status = pmoe_forward(run, images + (size_t)first * each, count - first < most ? count - first : most, logits);
    allocator_give(&model->allocator, logits);
    pmoe_run_close(&run);
    return status;
}

/* Open the model in floats and calibrate it. */
static pmoe_status find_ranges(const void *file, size_t file_bytes, const pmoe_options *options, const float *images,
                               int32_t count, struct input_range *ranges, pmoe_error *error)
{
    pmoe_model *model;
    TRY(pmoe_model_open(file, file_bytes, options, &model, error));
    int32_t suit = 0;
    for (int32_t i = 0; i < model->graph.layers; i++)
        suit += model_suits_int8(model, i);
    pmoe_status status =
        suit ? model_calibrate(model, images, count, ranges, error)
             : fail(error, PMOE_E_ARGUMENT,
                    "int8: model \"%s\" has no convolution that reads what another layer made, which is "
                    "what runs in eight bits",
                    model->graph.name);
    pmoe_model_close(&model);
    return status;
}

pmoe_status pmoe_model_open_int8(const void *file, size_t file_bytes, const pmoe_options *options, const float *images,
                                 int32_t count, pmoe_model **model, pmoe_error *error)
{
    struct input_range ranges[GRAPH_MAX_LAYERS];
    *model = NULL;
    if (count < 1 || !images)
        return fail(error, PMOE_E_ARGUMENT, "int8: expected 1 or more images to calibrate on, found %d", (int)count);
    TRY(find_ranges(file, file_bytes, options, images, count, ranges, error));
    return model_open(file, file_bytes, ranges, options, model, error);
}
