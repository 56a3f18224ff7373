/* Weights for the layer lists of networks.c, and the file that holds both. */
#include "../base/error.h"
#include "../base/memory.h"
#include "../base/random.h"
#include "../model/graph.h"
#include "../model/safetensors.h"
#include "networks.h"

#include <assert.h>
#include <math.h>

enum { NETWORK_SEED = 1 };

/* Values that one output of the layer sums up. */
static double fan_in(const struct graph *graph, int32_t layer)
{
    const struct layer *at = &graph->layer[layer];
    double side = at->type == LAYER_CONV                                           ? at->kernel
                  : at->type == LAYER_PATCH_CONV || at->type == LAYER_PATCH_ROUTER ? at->patch
                                                                                   : 1;
    return side * side * graph_input_shape(graph, layer).c;
}

/* Uniform, so that the bytes do not depend on a library's logarithm.  Weights have a variance of 2 / fan in. */
static void draw_tensor(const struct graph *graph, int32_t tensor, float *values)
{
    const struct tensor *row = &graph->tensor[tensor];
    const struct layer *layer = &graph->layer[row->layer];
    float middle = 0, reach = 0.1f;
    if (tensor == layer->variance || (layer->type == LAYER_BATCH_NORM && tensor == layer->weight)) {
        middle = 1;
        reach = tensor == layer->variance ? 0.5f : 0.1f;
    } else if (tensor == layer->weight) {
        reach = (float)sqrt(6 / fan_in(graph, row->layer));
    }
    struct random random = random_at(NETWORK_SEED, RANDOM_INIT, (uint64_t)tensor);
    for (int64_t i = 0; i < row->count; i++)
        values[i] = middle + reach * (2 * random_uniform(&random) - 1);
}

/* What a file is made from, apart from the values. */
struct network_parts {
    struct graph graph;
    struct safetensors_source sources[GRAPH_MAX_TENSORS];
    char list[1 << 15];
};

static pmoe_status write_file(struct network_parts *parts, const pmoe_allocator *memory, unsigned char **file,
                              size_t *file_bytes, pmoe_error *error)
{
    const struct graph *graph = &parts->graph;
    float *values = allocator_take(memory, (size_t)graph->parameters * sizeof *values);
    if (!values)
        return fail(error, PMOE_E_MEMORY, "network \"%s\": no memory for %lld weights", graph->name,
                    (long long)graph->parameters);
    float *at = values;
    for (int32_t i = 0; i < graph->tensors; i++) {
        const struct tensor *row = &graph->tensor[i];
        draw_tensor(graph, i, at);
        parts->sources[i] = (struct safetensors_source){row->name, row->rank, row->dims, at};
        at += row->count;
    }
    const struct safetensors_pair pair = {"pmoe.model", parts->list};
    pmoe_status status = safetensors_write(parts->sources, graph->tensors, &pair, 1, memory, file, file_bytes, error);
    allocator_give(memory, values);
    return status;
}

pmoe_status network_file(int32_t index, const pmoe_allocator *allocator, unsigned char **file, size_t *file_bytes,
                         pmoe_error *error)
{
    pmoe_allocator memory = allocator_or_malloc(allocator);
    *file = NULL;
    struct network_parts *parts = allocator_take(&memory, sizeof *parts);
    if (!parts)
        return fail(error, PMOE_E_MEMORY, "network \"%s\": no memory for its layer list", network_name(index));
    size_t length = network_list(index, parts->list, sizeof parts->list);
    assert(length < sizeof parts->list);
    pmoe_status status = graph_read(parts->list, length, &memory, &parts->graph, error);
    if (status == PMOE_OK)
        status = write_file(parts, &memory, file, file_bytes, error);
    allocator_give(&memory, parts);
    return status;
}
