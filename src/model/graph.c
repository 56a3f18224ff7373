/* Facts about a checked layer list: names, shapes, counts.  graph_read.c makes one, graph_write.c writes one down. */
#include "graph.h"

const char *layer_type_name(enum layer_type type)
{
    switch (type) {
    case LAYER_CONV: return "conv";
    case LAYER_PATCH_CONV: return "patch_conv";
    case LAYER_BATCH_NORM: return "batch_norm";
    case LAYER_RELU: return "relu";
    case LAYER_ADD: return "add";
    case LAYER_AVG_POOL: return "avg_pool";
    case LAYER_MAX_POOL: return "max_pool";
    case LAYER_LINEAR: return "linear";
    case LAYER_PATCH_ROUTER: return "patch_router";
    case LAYER_EXPERT_GROUP: return "expert_group";
    case LAYER_SAMPLE_ROUTER: return "sample_router";
    case LAYER_MIXTURE: return "mixture";
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

const char *gate_place_name(enum gate_place place)
{
    return place == GATE_ON_INPUT ? "input" : "output";
}

const char *dropped_rule_name(enum dropped_rule rule)
{
    return rule == DROPPED_ZEROS ? "zeros" : "absent";
}

int64_t shape_count(struct shape shape)
{
    return (int64_t)shape.a * shape.b * shape.c;
}

int32_t graph_stack_end(const struct graph *graph, int32_t group)
{
    return group + graph->layer[group].inner;
}

/* What a group hands to an expert. */
static struct shape expert_shape(const struct graph *graph, int32_t group)
{
    const struct layer *around = &graph->layer[group];
    struct shape in = graph_input_shape(graph, group);
    return around->type == LAYER_EXPERT_GROUP ? (struct shape){SHAPE_MAP, around->patch, around->patch, in.c}
                                              : (struct shape){SHAPE_VECTOR, 1, 1, in.c};
}

struct shape graph_shape_of(const struct graph *graph, int32_t reader, int32_t input)
{
    if (input == GRAPH_IMAGE)
        return (struct shape){SHAPE_MAP, graph->height, graph->width, graph->channels};
    if (input == GRAPH_EXPERT)
        return expert_shape(graph, graph->layer[reader].group);
    return graph->layer[input].shape;
}

struct shape graph_input_shape(const struct graph *graph, int32_t layer)
{
    return graph_shape_of(graph, layer, graph->layer[layer].input);
}

/* How often an image passes a layer. */
static int64_t passes(const struct graph *graph, const struct layer *at)
{
    if (at->group < 0)
        return 1;
    const struct layer *group = &graph->layer[at->group];
    return group->type == LAYER_EXPERT_GROUP ? (int64_t)group->experts * group->kept : group->kept;
}

/* No product here overflows: a weight has at most 2^28 elements and meets at most 2^24 patches or pixels. */
int64_t layer_multiply_adds(const struct graph *graph, int32_t layer)
{
    const struct layer *at = &graph->layer[layer];
    int32_t c_in = graph_input_shape(graph, layer).c;
    int64_t patch_values = (int64_t)at->patch * at->patch * c_in, pixels = (int64_t)at->shape.a * at->shape.b;
    switch (at->type) {
    case LAYER_CONV: return passes(graph, at) * pixels * at->kernel * at->kernel * c_in * at->filters;
    case LAYER_PATCH_CONV: return passes(graph, at) * patch_values * at->filters * at->patches;
    case LAYER_PATCH_ROUTER: return patch_values * at->experts * at->patches;
    case LAYER_SAMPLE_ROUTER: return (int64_t)c_in * at->experts;
    case LAYER_LINEAR: return passes(graph, at) * c_in * at->filters;
    case LAYER_BATCH_NORM:
    case LAYER_RELU:
    case LAYER_ADD:
    case LAYER_AVG_POOL:
    case LAYER_MAX_POOL:
    case LAYER_EXPERT_GROUP:
    case LAYER_MIXTURE: break;
    }
    return 0;
}
