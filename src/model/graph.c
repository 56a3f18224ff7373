/* Facts about a checked layer list: names, shapes, counts.  graph_read.c makes one, graph_write.c writes one down. */
#include "graph.h"

const char *layer_type_name(enum layer_type type)
{
    switch (type) {
    case LAYER_PATCH_CONV: return "patch_conv";
    case LAYER_RELU: return "relu";
    case LAYER_AVG_POOL: return "avg_pool";
    case LAYER_LINEAR: return "linear";
    case LAYER_PATCH_ROUTER: return "patch_router";
    case LAYER_EXPERT_GROUP: return "expert_group";
    }
    return "unknown";
}

const char *gate_form_name(enum gate_form gate)
{
    switch (gate) {
    case GATE_HARD: return "hard";
    case GATE_TOPL_SOFTMAX: return "topl_softmax";
    case GATE_SOFTMAX_TOPL: return "softmax_topl";
    }
    return "unknown";
}

const char *pool_divisor_name(enum pool_divisor divisor)
{
    switch (divisor) {
    case POOL_BY_PATCHES: return "n";
    case POOL_BY_KEPT: return "l";
    }
    return "unknown";
}

int64_t shape_count(struct shape shape)
{
    return (int64_t)shape.a * shape.b * shape.c;
}

struct shape graph_input_shape(const struct graph *graph, int32_t layer)
{
    int32_t input = graph->layer[layer].input;
    if (input == GRAPH_IMAGE)
        return (struct shape){SHAPE_MAP, graph->height, graph->width, graph->channels};
    return graph->layer[input].shape;
}

/* No product here overflows: a weight has at most 2^28 elements and meets at most 2^24 patches. */
int64_t layer_multiply_adds(const struct graph *graph, int32_t layer)
{
    const struct layer *at = &graph->layer[layer];
    int32_t c_in = graph_input_shape(graph, layer).c;
    int64_t patch_values = (int64_t)at->patch * at->patch * c_in;
    switch (at->type) {
    case LAYER_PATCH_CONV: return patch_values * at->filters * at->patches;
    case LAYER_PATCH_ROUTER: return patch_values * at->experts * at->patches;
    case LAYER_EXPERT_GROUP: return patch_values * at->experts * at->filters * at->kept;
    case LAYER_LINEAR: return (int64_t)c_in * at->filters;
    case LAYER_RELU:
    case LAYER_AVG_POOL: break;
    }
    return 0;
}
