/* Model files for tests: a layer list and random weights of a size that training leaves, and the layer lists that
 * between them use every layer type, gate form, divisor, bias and channel count. */
#ifndef TESTS_MODEL_FILE_H
#define TESTS_MODEL_FILE_H

#include "base/memory.h"
#include "base/random.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "pmoe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct model_file {
    struct graph graph;
    float *weights[GRAPH_MAX_TENSORS]; /* memory's order */
    double *weights_double[GRAPH_MAX_TENSORS];
    unsigned char *bytes;
    size_t count;
};

static const char *const model_lists[] = {
    /* dense, folded ReLU */
    "{\"version\":1,\"name\":\"dense\",\"input\":{\"height\":12,\"width\":12,\"channels\":1},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"conv\",\"type\":\"patch_conv\",\"patch\":4,\"filters\":7,\"bias\":true},"
    "{\"name\":\"relu\",\"type\":\"relu\"},{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":1}]}",
    /* hard gates, channels, divisor n, biases */
    "{\"version\":1,\"name\":\"hard\",\"input\":{\"height\":6,\"width\":9,\"channels\":3},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":3,\"experts\":2},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"router\",\"kept\":2,"
    "\"gate\":\"hard\",\"expert\":[{\"type\":\"patch_conv\",\"patch\":3,\"filters\":5,\"bias\":true},"
    "{\"type\":\"relu\"}]},{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":1,\"bias\":true}]}",
    /* softmax over the kept, divisor l, ten classes, no ReLU in the experts */
    "{\"version\":1,\"name\":\"topl\",\"input\":{\"height\":8,\"width\":8,\"channels\":1},"
    "\"classes\":[\"a\",\"b\",\"c\"],"
    "\"layers\":[{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":2,\"experts\":3},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"router\",\"kept\":4,"
    "\"gate\":\"topl_softmax\",\"expert\":[{\"type\":\"patch_conv\",\"patch\":2,\"filters\":6}]},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"l\"},"
    "{\"name\":\"hidden\",\"type\":\"linear\",\"outputs\":9,\"bias\":true},{\"name\":\"relu\",\"type\":\"relu\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":3}]}",
    /* softmax over all, on the feature map of a convolution that has a second reader: no folding, gradients add up */
    "{\"version\":1,\"name\":\"stem\",\"input\":{\"height\":12,\"width\":12,\"channels\":2},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"patch_conv\",\"patch\":2,\"filters\":5,\"bias\":true},"
    "{\"name\":\"relu\",\"type\":\"relu\"},"
    "{\"name\":\"router\",\"type\":\"patch_router\",\"input\":\"relu\",\"patch\":2,\"experts\":4},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"relu\",\"router\":\"router\",\"kept\":3,"
    "\"gate\":\"softmax_topl\",\"expert\":[{\"type\":\"patch_conv\",\"patch\":2,\"filters\":3},{\"type\":\"relu\"}]},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"l\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2}]}",
    /* a ReLU on the image, which nothing can fold; two convolutions on end */
    "{\"version\":1,\"name\":\"deep\",\"input\":{\"height\":8,\"width\":8,\"channels\":1},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"first\",\"type\":\"relu\"},"
    "{\"name\":\"one\",\"type\":\"patch_conv\",\"patch\":2,\"filters\":4},"
    "{\"name\":\"two\",\"type\":\"patch_conv\",\"patch\":2,\"filters\":6,\"bias\":true},"
    "{\"name\":\"relu\",\"type\":\"relu\"},{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":1}]}",
};
enum { MODEL_LISTS = sizeof model_lists / sizeof *model_lists };

static size_t model_file_image(const struct graph *graph)
{
    return (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
}

static void model_file_open(struct model_file *file, const char *list, uint64_t seed)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    pmoe_error error = {.text = ""};
    memset(file, 0, sizeof *file);
    pmoe_status status = graph_read(list, strlen(list), &allocator, &file->graph, &error);
    assert(status == PMOE_OK && "layer lists of tests are sound");
    struct random random = random_at(seed, RANDOM_INIT, 0);
    struct safetensors_source sources[GRAPH_MAX_TENSORS];
    float *file_values[GRAPH_MAX_TENSORS];
    for (int32_t t = 0; t < file->graph.tensors; t++) {
        const struct tensor *row = &file->graph.tensor[t];
        size_t count = (size_t)row->count;
        file->weights[t] = malloc(count * sizeof(float));
        file->weights_double[t] = malloc(count * sizeof(double));
        file_values[t] = malloc(count * sizeof(float));
        for (size_t i = 0; i < count; i++) {
            file->weights[t][i] = 0.5f * random_normal(&random);
            file->weights_double[t][i] = (double)file->weights[t][i];
        }
        tensor_to_file(&file->graph, t, file->weights[t], file_values[t]);
        sources[t] = (struct safetensors_source){row->name, row->rank, row->dims, file_values[t]};
    }
    struct safetensors_pair pair = {"pmoe.model", list};
    status = safetensors_write(sources, file->graph.tensors, &pair, 1, &allocator, &file->bytes, &file->count, &error);
    assert(status == PMOE_OK);
    (void)status;
    for (int32_t t = 0; t < file->graph.tensors; t++)
        free(file_values[t]);
}

static void model_file_close(struct model_file *file)
{
    for (int32_t t = 0; t < file->graph.tensors; t++) {
        free(file->weights[t]);
        free(file->weights_double[t]);
    }
    free(file->bytes);
}

#endif
