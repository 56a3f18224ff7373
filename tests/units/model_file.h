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
#include <math.h>
#include <stdio.h>
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
    /* strides, kernels and paddings of all sorts behind a normalisation of the image; norms with and without a ReLU, of
       maps and vectors; sums of two branches and of neighbours */
    "{\"version\":1,\"name\":\"maps\",\"input\":{\"height\":7,\"width\":6,\"channels\":2},\"classes\":[\"a\",\"b\","
    "\"c\"],"
    "\"layers\":[{\"name\":\"normalise\",\"type\":\"batch_norm\"},"
    "{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":3,\"bias\":true},"
    "{\"name\":\"r1\",\"type\":\"relu\"},{\"name\":\"twice\",\"type\":\"add\",\"with\":\"stem\"},"
    "{\"name\":\"skip\",\"type\":\"conv\",\"kernel\":1,\"stride\":2,\"filters\":4},"
    "{\"name\":\"n1\",\"type\":\"batch_norm\",\"input\":\"twice\"},{\"name\":\"r2\",\"type\":\"relu\"},"
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":4},"
    "{\"name\":\"n2\",\"type\":\"batch_norm\",\"epsilon\":0.01},"
    "{\"name\":\"b\",\"type\":\"conv\",\"kernel\":2,\"padding\":1,\"filters\":4,\"bias\":true},"
    "{\"name\":\"c\",\"type\":\"conv\",\"kernel\":2,\"filters\":4},"
    "{\"name\":\"sum\",\"type\":\"add\",\"with\":\"skip\"},{\"name\":\"r3\",\"type\":\"relu\"},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"input\":\"r3\",\"divisor\":\"n\"},"
    "{\"name\":\"n3\",\"type\":\"batch_norm\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":3,\"bias\":true}]}",
    /* a router and experts behind maps */
    "{\"version\":1,\"name\":\"mapped\",\"input\":{\"height\":8,\"width\":8,\"channels\":1},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":3},"
    "{\"name\":\"n\",\"type\":\"batch_norm\"},{\"name\":\"r\",\"type\":\"relu\"},"
    "{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":2,\"experts\":2},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"r\",\"router\":\"router\",\"kept\":3,"
    "\"gate\":\"topl_softmax\",\"expert\":[{\"type\":\"patch_conv\",\"patch\":2,\"filters\":3,\"bias\":true},"
    "{\"type\":\"relu\"}]},{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"l\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":1}]}",
    /* a residual network: norms folded and alone, sums folded into either convolution and alone, strides, kernels */
    "{\"version\":1,\"name\":\"residual\",\"input\":{\"height\":9,\"width\":7,\"channels\":3},\"classes\":[\"a\",\"b\"]"
    ","
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":6},"
    "{\"name\":\"n1\",\"type\":\"batch_norm\"},{\"name\":\"r1\",\"type\":\"relu\"},"
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":10,\"bias\":true},"
    "{\"name\":\"n2\",\"type\":\"batch_norm\",\"epsilon\":0.001},{\"name\":\"r2\",\"type\":\"relu\"},"
    "{\"name\":\"b\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":10},"
    "{\"name\":\"skip\",\"type\":\"conv\",\"input\":\"r1\",\"kernel\":1,\"stride\":2,\"filters\":10},"
    "{\"name\":\"sum\",\"type\":\"add\",\"with\":\"b\"},"
    "{\"name\":\"n3\",\"type\":\"batch_norm\"},{\"name\":\"r3\",\"type\":\"relu\"},"
    "{\"name\":\"c\",\"type\":\"conv\",\"kernel\":5,\"padding\":2,\"filters\":10,\"bias\":true},"
    "{\"name\":\"sum2\",\"type\":\"add\",\"with\":\"sum\"},{\"name\":\"r4\",\"type\":\"relu\"},"
    "{\"name\":\"again\",\"type\":\"add\",\"with\":\"r3\"},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},{\"name\":\"n4\",\"type\":\"batch_norm\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2,\"bias\":true}]}",
    /* stacks without norms, gates on inputs over all patches, sums with the patch, patches in a patch */
    "{\"version\":1,\"name\":\"stacked\",\"input\":{\"height\":8,\"width\":12,\"channels\":1},\"classes\":[\"a\",\"b\"]"
    ","
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":3},"
    "{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":4,\"experts\":2},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"stem\",\"router\":\"router\",\"kept\":2,"
    "\"gate\":\"softmax_topl\",\"gated\":\"input\",\"expert\":["
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":3,\"bias\":true},"
    "{\"name\":\"sum\",\"type\":\"add\",\"with\":\"patch\"},{\"type\":\"relu\"},"
    "{\"name\":\"b\",\"type\":\"patch_conv\",\"patch\":2,\"filters\":3,\"bias\":true},"
    "{\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"c\",\"type\":\"linear\",\"outputs\":4,\"bias\":true},{\"type\":\"relu\"}]},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2}]}",
    /* windows of a stem's map read by a convolution and by smaller patches, gates on outputs */
    "{\"version\":1,\"name\":\"windowed\",\"input\":{\"height\":8,\"width\":8,\"channels\":1},\"classes\":[\"a\",\"b\"]"
    ","
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":2},"
    "{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":4,\"experts\":2},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"stem\",\"router\":\"router\",\"kept\":2,"
    "\"gate\":\"topl_softmax\",\"expert\":["
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":3},{\"name\":\"r\",\"type\":"
    "\"relu\"},"
    "{\"name\":\"b\",\"type\":\"patch_conv\",\"input\":\"patch\",\"patch\":2,\"filters\":3,\"bias\":true},"
    "{\"name\":\"sum\",\"type\":\"add\",\"with\":\"r\"},{\"type\":\"avg_pool\",\"divisor\":\"n\"}]},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"l\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2}]}",
    /* top-2 of four behind standardised scores, on a pooled map */
    "{\"version\":1,\"name\":\"noisy\",\"input\":{\"height\":5,\"width\":5,\"channels\":1},\"classes\":[\"a\",\"b\","
    "\"c\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"filters\":6},{\"name\":\"r\",\"type\":\"relu\"},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"gate\",\"type\":\"sample_router\",\"experts\":4,\"bias\":true,\"normalise\":true},"
    "{\"name\":\"head\",\"type\":\"mixture\",\"input\":\"pool\",\"router\":\"gate\",\"kept\":2,"
    "\"gate\":\"topl_softmax\",\"expert\":[{\"name\":\"in\",\"type\":\"linear\",\"outputs\":5,\"bias\":true},"
    "{\"type\":\"relu\"},{\"name\":\"out\",\"type\":\"linear\",\"outputs\":3}]}]}",
    /* experts of several layers on windows of a stem's map */
    "{\"version\":1,\"name\":\"stack\",\"input\":{\"height\":12,\"width\":12,\"channels\":1},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":5,\"bias\":true},"
    "{\"name\":\"r\",\"type\":\"relu\"},{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":4,\"experts\":3},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"r\",\"router\":\"router\",\"kept\":2,"
    "\"gate\":\"topl_softmax\",\"expert\":["
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":6,\"bias\":true},{\"type\":\"relu\"},"
    "{\"name\":\"b\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":6},"
    "{\"name\":\"n\",\"type\":\"batch_norm\"},{\"name\":\"sum\",\"type\":\"add\",\"with\":\"a\"},{\"type\":\"relu\"},"
    "{\"name\":\"c\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":7},"
    "{\"type\":\"avg_pool\",\"divisor\":\"n\"}]},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"l\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2}]}",
    /* a deep pMoE and its dense rival: strides in stem and stages, maxima over the pixels of a patch and of a map */
    "{\"version\":1,\"name\":\"deep\",\"input\":{\"height\":24,\"width\":24,\"channels\":1},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":4,\"bias\":"
    "true},"
    "{\"name\":\"r\",\"type\":\"relu\"},{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":6,\"experts\":3},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"r\",\"router\":\"router\",\"kept\":2,"
    "\"gate\":\"topl_softmax\",\"expert\":["
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":5,\"bias\":true},"
    "{\"type\":\"relu\"},"
    "{\"name\":\"b\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":6,\"bias\":true},"
    "{\"type\":\"relu\"},{\"type\":\"max_pool\"}]},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"l\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2,\"bias\":true}]}",
    "{\"version\":1,\"name\":\"peaks\",\"input\":{\"height\":11,\"width\":9,\"channels\":1},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"stride\":2,\"padding\":1,\"filters\":4,\"bias\":"
    "true},"
    "{\"name\":\"r\",\"type\":\"relu\"},"
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":17,\"bias\":true},"
    "{\"name\":\"pool\",\"type\":\"max_pool\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2,\"bias\":true}]}",
    /* paper 1's CIFAR layer: patches of one pixel, gates on inputs, dropped patches as zeros before a norm */
    "{\"version\":1,\"name\":\"zeros\",\"input\":{\"height\":4,\"width\":5,\"channels\":6},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":1,\"experts\":2},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"router\",\"kept\":7,"
    "\"gate\":\"softmax_topl\",\"gated\":\"input\",\"dropped\":\"zeros\",\"expert\":["
    "{\"name\":\"n1\",\"type\":\"batch_norm\"},{\"type\":\"relu\"},"
    "{\"type\":\"conv\",\"kernel\":1,\"filters\":9,\"bias\":true},{\"name\":\"n2\",\"type\":\"batch_norm\"},"
    "{\"type\":\"relu\"}]},{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":2}]}",
    /* the same with windows, gates on outputs, and a sum with the patch itself */
    "{\"version\":1,\"name\":\"windows\",\"input\":{\"height\":6,\"width\":9,\"channels\":2},\"classes\":[\"a\",\"b\"],"
    "\"layers\":[{\"name\":\"router\",\"type\":\"patch_router\",\"patch\":3,\"experts\":2},"
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"router\",\"kept\":2,"
    "\"gate\":\"topl_softmax\",\"dropped\":\"zeros\",\"expert\":["
    "{\"name\":\"a\",\"type\":\"conv\",\"kernel\":3,\"padding\":1,\"filters\":2,\"bias\":true},"
    "{\"name\":\"sum\",\"type\":\"add\",\"with\":\"patch\"},{\"type\":\"relu\"},"
    "{\"name\":\"b\",\"type\":\"patch_conv\",\"patch\":3,\"filters\":4,\"bias\":true}]},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":1}]}",
    /* paper 2's heads: soft on a pooled map, noisy top-2 behind normalised scores */
    "{\"version\":1,\"name\":\"soft\",\"input\":{\"height\":5,\"width\":5,\"channels\":3},\"classes\":[\"a\",\"b\","
    "\"c\"],"
    "\"layers\":[{\"name\":\"stem\",\"type\":\"conv\",\"kernel\":3,\"filters\":8},{\"name\":\"r\",\"type\":\"relu\"},"
    "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
    "{\"name\":\"gate\",\"type\":\"sample_router\",\"experts\":4,\"bias\":true},"
    "{\"name\":\"head\",\"type\":\"mixture\",\"input\":\"pool\",\"router\":\"gate\",\"kept\":4,"
    "\"gate\":\"topl_softmax\",\"expert\":[{\"name\":\"in\",\"type\":\"linear\",\"outputs\":6,\"bias\":true},"
    "{\"type\":\"relu\"},{\"name\":\"out\",\"type\":\"linear\",\"outputs\":3,\"bias\":true}]}]}",
    "{\"version\":1,\"name\":\"sparse\",\"input\":{\"height\":1,\"width\":1,\"channels\":12},"
    "\"classes\":[\"a\",\"b\",\"c\"],"
    "\"layers\":[{\"name\":\"gate\",\"type\":\"sample_router\",\"experts\":5,\"normalise\":true},"
    "{\"name\":\"head\",\"type\":\"mixture\",\"input\":\"image\",\"router\":\"gate\",\"kept\":2,"
    "\"gate\":\"topl_softmax\",\"expert\":[{\"name\":\"n\",\"type\":\"batch_norm\"},"
    "{\"name\":\"in\",\"type\":\"linear\",\"outputs\":6},"
    "{\"type\":\"relu\"},{\"name\":\"out\",\"type\":\"linear\",\"outputs\":3}]},"
    "{\"name\":\"last\",\"type\":\"relu\"}]}",
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
    if (status != PMOE_OK)
        fprintf(stderr, "%s\n", error.text);
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
            if (strstr(row->name, "running_var"))
                file->weights[t][i] = 0.25f + fabsf(file->weights[t][i]);
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
