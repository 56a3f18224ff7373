/* What each type of layer asks for: its keys, what it may read, its shape, its tensors.  One function a type. */
#include "../base/error.h"
#include "graph_reader.h"

#include <string.h>

static struct shape input_of(const struct reader *r)
{
    return graph_input_shape(r->graph, r->at);
}

static pmoe_status wrong_input(const struct reader *r, const char *expected)
{
    return reader_wrong_input(r, reader_layer(r)->input, expected);
}

static int is_vector(struct shape shape)
{
    return shape.kind == SHAPE_VECTOR || (shape.kind == SHAPE_MAP && shape.a == 1 && shape.b == 1);
}

/* The grid of patches over the map that a layer reads. */
static pmoe_status lay_grid(const struct reader *r, struct layer *layer, struct shape in)
{
    if (in.a % layer->patch != 0 || in.b % layer->patch != 0)
        return fail(r->error, PMOE_E_GRAPH, "%s: patch is %d, expected a divisor of both sides of its input, %d x %d",
                    r->place, (int)layer->patch, (int)in.a, (int)in.b);
    layer->high = in.a / layer->patch;
    layer->wide = in.b / layer->patch;
    layer->patches = layer->high * layer->wide;
    return PMOE_OK;
}

static pmoe_status add_bias(struct reader *r, json_node node, int32_t count)
{
    struct layer *layer = reader_layer(r);
    TRY(reader_flag(r, node, "bias", &layer->has_bias));
    return layer->has_bias ? reader_tensor(r, "bias", 1, (const int64_t[]){count}, &layer->bias) : PMOE_OK;
}

/* ---- Convolutions, norms, sums ---- */

static pmoe_status read_conv(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    struct shape in = input_of(r);
    if (in.kind != SHAPE_MAP)
        return wrong_input(r, "a map");
    TRY(reader_count(r, node, "kernel", GRAPH_MAX_KERNEL, &layer->kernel));
    TRY(reader_optional(r, node, "stride", 1, GRAPH_MAX_KERNEL, 1, &layer->stride));
    TRY(reader_optional(r, node, "padding", 0, layer->kernel - 1, 0, &layer->padding));
    TRY(reader_count(r, node, "filters", GRAPH_MAX_CHANNELS, &layer->filters));
    int32_t high = in.a + 2 * layer->padding - layer->kernel, wide = in.b + 2 * layer->padding - layer->kernel;
    if (high < 0 || wide < 0)
        return fail(r->error, PMOE_E_GRAPH, "%s: kernel is %d, expected at most the sides of its padded input, %d x %d",
                    r->place, (int)layer->kernel, (int)(in.a + 2 * layer->padding), (int)(in.b + 2 * layer->padding));
    layer->shape = (struct shape){SHAPE_MAP, high / layer->stride + 1, wide / layer->stride + 1, layer->filters};
    /* The plan lists where each pixel of each window lies. */
    TRY(reader_elements(r, (struct shape){SHAPE_MAP, layer->shape.a, layer->shape.b, layer->kernel * layer->kernel}));
    TRY(reader_tensor(r, "weight", 4, (const int64_t[]){layer->filters, in.c, layer->kernel, layer->kernel},
                      &layer->weight));
    return add_bias(r, node, layer->filters);
}

static pmoe_status read_patch_conv(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    struct shape in = input_of(r);
    if (in.kind != SHAPE_MAP)
        return wrong_input(r, "a map");
    TRY(reader_count(r, node, "patch", GRAPH_MAX_SIDE, &layer->patch));
    TRY(reader_count(r, node, "filters", GRAPH_MAX_CHANNELS, &layer->filters));
    TRY(lay_grid(r, layer, in));
    layer->shape = (struct shape){SHAPE_MAP, layer->high, layer->wide, layer->filters};
    TRY(reader_tensor(r, "weight", 4, (const int64_t[]){layer->filters, in.c, layer->patch, layer->patch},
                      &layer->weight));
    return add_bias(r, node, layer->filters);
}

static pmoe_status read_batch_norm(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    struct shape in = input_of(r);
    if (in.kind != SHAPE_MAP && in.kind != SHAPE_VECTOR)
        return wrong_input(r, "a map or a vector");
    TRY(reader_positive(r, node, "epsilon", 1e-5f, &layer->epsilon));
    layer->shape = in;
    const int64_t dims[] = {in.c};
    TRY(reader_tensor(r, "weight", 1, dims, &layer->weight));
    TRY(reader_tensor(r, "bias", 1, dims, &layer->bias));
    TRY(reader_tensor(r, "running_mean", 1, dims, &layer->mean));
    return reader_tensor(r, "running_var", 1, dims, &layer->variance);
}

static pmoe_status read_relu(struct reader *r, json_node node)
{
    (void)node;
    struct shape in = input_of(r);
    if (in.kind != SHAPE_MAP && in.kind != SHAPE_VECTOR)
        return wrong_input(r, "a map or a vector");
    reader_layer(r)->shape = in;
    return PMOE_OK;
}

static pmoe_status read_add(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    struct shape in = input_of(r);
    if (in.kind != SHAPE_MAP && in.kind != SHAPE_VECTOR)
        return wrong_input(r, "a map or a vector");
    TRY(reader_reference(r, node, "with", &layer->with));
    struct shape with = graph_shape_of(r->graph, r->at, layer->with);
    if (with.kind != in.kind || with.a != in.a || with.b != in.b || with.c != in.c)
        return reader_wrong_input(r, layer->with, shape_describe(in).text);
    layer->shape = in;
    return PMOE_OK;
}

/* ---- Pooling and linear layers ---- */

static pmoe_status read_avg_pool(struct reader *r, json_node node)
{
    const char *const divisors[] = {pool_divisor_name(POOL_BY_PATCHES), pool_divisor_name(POOL_BY_KEPT), NULL};
    struct layer *layer = reader_layer(r);
    struct shape in = input_of(r);
    int32_t choice;
    if (in.kind != SHAPE_MAP && in.kind != SHAPE_ROUTED)
        return wrong_input(r, "a map or routed patches");
    TRY(reader_choice(r, node, "divisor", 0, divisors, &choice));
    layer->divisor = (enum pool_divisor)choice;
    int64_t channels = in.c;
    if (in.kind == SHAPE_ROUTED) {
        channels *= in.a;
        layer->patches = r->graph->layer[layer->input].patches;
    } else {
        layer->patches = in.a * in.b;
    }
    if (channels > GRAPH_MAX_CHANNELS)
        return fail(r->error, PMOE_E_LIMIT, "%s: its input \"%s\" pools to %lld channels, at most %d are accepted",
                    r->place, r->graph->layer[layer->input].name, (long long)channels, GRAPH_MAX_CHANNELS);
    layer->shape = (struct shape){SHAPE_VECTOR, 1, 1, (int32_t)channels};
    return PMOE_OK;
}

static pmoe_status read_max_pool(struct reader *r, json_node node)
{
    (void)node;
    struct shape in = input_of(r);
    if (in.kind != SHAPE_MAP)
        return wrong_input(r, "a map");
    reader_layer(r)->shape = (struct shape){SHAPE_VECTOR, 1, 1, in.c};
    return PMOE_OK;
}

static pmoe_status read_linear(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    struct shape in = input_of(r);
    if (!is_vector(in))
        return wrong_input(r, "a vector");
    TRY(reader_count(r, node, "outputs", GRAPH_MAX_CHANNELS, &layer->filters));
    layer->shape = (struct shape){SHAPE_VECTOR, 1, 1, layer->filters};
    TRY(reader_tensor(r, "weight", 2, (const int64_t[]){layer->filters, in.c}, &layer->weight));
    return add_bias(r, node, layer->filters);
}

/* ---- Routers ---- */

static pmoe_status read_patch_router(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    struct shape in = input_of(r);
    if (in.kind != SHAPE_MAP)
        return wrong_input(r, "a map");
    TRY(reader_count(r, node, "patch", GRAPH_MAX_SIDE, &layer->patch));
    TRY(reader_count(r, node, "experts", GRAPH_MAX_EXPERTS, &layer->experts));
    TRY(lay_grid(r, layer, in));
    if (layer->patches > GRAPH_MAX_PATCHES)
        return fail(r->error, PMOE_E_LIMIT, "%s: patch %d cuts its input into %d patches, at most %d are routed",
                    r->place, (int)layer->patch, (int)layer->patches, GRAPH_MAX_PATCHES);
    layer->shape = (struct shape){SHAPE_SCORES, layer->experts, layer->patches, 1};
    return reader_tensor(r, "weight", 4, (const int64_t[]){layer->experts, in.c, layer->patch, layer->patch},
                         &layer->weight);
}

static pmoe_status read_sample_router(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    struct shape in = input_of(r);
    if (!is_vector(in))
        return wrong_input(r, "a vector");
    TRY(reader_count(r, node, "experts", GRAPH_MAX_EXPERTS, &layer->experts));
    TRY(reader_flag(r, node, "normalise", &layer->normalise));
    if (layer->normalise && layer->experts < 2)
        return fail(r->error, PMOE_E_GRAPH, "%s: normalise needs 2 experts or more, found %d", r->place,
                    (int)layer->experts);
    layer->shape = (struct shape){SHAPE_SCORES, layer->experts, 1, 1};
    TRY(reader_tensor(r, "weight", 2, (const int64_t[]){layer->experts, in.c}, &layer->weight));
    return add_bias(r, node, layer->experts);
}

/* The router of a group or mixture: an earlier layer of the type that its scores come from. */
static pmoe_status read_router(struct reader *r, json_node node, enum layer_type type)
{
    struct layer *layer = reader_layer(r);
    TRY(reader_reference(r, node, "router", &layer->router));
    if (layer->router < 0 || r->graph->layer[layer->router].type != type)
        return fail(r->error, PMOE_E_GRAPH, "%s: router is \"%s\", expected the name of a %s", r->place,
                    layer->router < 0 ? "image" : r->graph->layer[layer->router].name, layer_type_name(type));
    layer->experts = r->graph->layer[layer->router].experts;
    return PMOE_OK;
}

static pmoe_status read_gate(struct reader *r, json_node node)
{
    const char *const gates[] = {gate_form_name(GATE_HARD), gate_form_name(GATE_TOPL_SOFTMAX),
                                 gate_form_name(GATE_SOFTMAX_TOPL), NULL};
    int32_t choice;
    TRY(reader_choice(r, node, "gate", 0, gates, &choice));
    reader_layer(r)->gate = (enum gate_form)choice;
    return PMOE_OK;
}

/* ---- Stacks ---- */

static pmoe_status check_stack(struct reader *r)
{
    const struct graph *graph = r->graph;
    int32_t last = graph_stack_end(graph, r->at);
    for (int32_t i = r->at + 1; i < last; i++)
        if (!r->is_read[i])
            return fail(r->error, PMOE_E_GRAPH, "layer \"%s\": no later layer of its expert reads it",
                        graph->layer[i].name);
    if (!is_vector(graph->layer[last].shape))
        return fail(r->error, PMOE_E_GRAPH,
                    "layer \"%s\": is the last one of its expert and gives %s, expected a vector",
                    graph->layer[last].name, shape_describe(graph->layer[last].shape).text);
    return PMOE_OK;
}

/* The layers of "expert" become the next ones of the list. */
static pmoe_status read_stack(struct reader *r, json_node node)
{
    int32_t group = r->at;
    json_node list = json_member(&r->json, node, "expert");
    int32_t count = json_size(&r->json, list);
    if (!json_is_array(&r->json, list) || count < 1)
        return fail(r->error, PMOE_E_GRAPH, "%s: expert is %s, expected a list of layers", r->place,
                    json_quote(&r->json, list).text);
    r->group = group;
    for (json_node one = json_first(&r->json, list); one != JSON_NONE; one = json_next(&r->json, one))
        TRY(reader_read_layer(r, one));
    r->group = -1;
    r->at = group;
    reader_layer(r)->inner = count;
    reader_place(r);
    return check_stack(r);
}

/* A patch may be on its own way through a stack in one copy for each kept one. */
static pmoe_status check_stack_elements(const struct reader *r)
{
    const struct layer *group = reader_layer(r);
    for (int32_t i = r->at + 1; i <= graph_stack_end(r->graph, r->at); i++)
        if (shape_count(r->graph->layer[i].shape) * group->kept > GRAPH_MAX_ELEMENTS)
            return fail(r->error, PMOE_E_LIMIT, "layer \"%s\": %d times %s has more than %lld elements",
                        r->graph->layer[i].name, (int)group->kept, shape_describe(r->graph->layer[i].shape).text,
                        (long long)GRAPH_MAX_ELEMENTS);
    return PMOE_OK;
}

static pmoe_status read_expert_group(struct reader *r, json_node node)
{
    const char *const places[] = {gate_place_name(GATE_ON_OUTPUT), gate_place_name(GATE_ON_INPUT), NULL};
    const char *const rules[] = {dropped_rule_name(DROPPED_ABSENT), dropped_rule_name(DROPPED_ZEROS), NULL};
    struct layer *layer = reader_layer(r);
    int32_t choice;
    if (input_of(r).kind != SHAPE_MAP)
        return wrong_input(r, "a map");
    TRY(read_router(r, node, LAYER_PATCH_ROUTER));
    const struct layer *router = &r->graph->layer[layer->router];
    if (router->input != layer->input)
        return fail(r->error, PMOE_E_GRAPH, "%s: its input is \"%s\", expected \"%s\" (the input of router \"%s\")",
                    r->place, layer->input == GRAPH_IMAGE ? "image" : r->graph->layer[layer->input].name,
                    router->input == GRAPH_IMAGE ? "image" : r->graph->layer[router->input].name, router->name);
    TRY(reader_count(r, node, "kept", INT32_MAX, &layer->kept));
    if (layer->kept > router->patches)
        return fail(r->error, PMOE_E_GRAPH, "%s: kept is %d, expected 1 to %d (the patches of router \"%s\")", r->place,
                    (int)layer->kept, (int)router->patches, router->name);
    TRY(read_gate(r, node));
    TRY(reader_choice(r, node, "gated", 1, places, &choice));
    layer->gate_place = (enum gate_place)choice;
    TRY(reader_choice(r, node, "dropped", 1, rules, &choice));
    layer->dropped = (enum dropped_rule)choice;
    layer->patch = router->patch;
    layer->high = router->high;
    layer->wide = router->wide;
    layer->patches = router->patches;
    TRY(read_stack(r, node));
    TRY(check_stack_elements(r));
    int32_t channels = r->graph->layer[graph_stack_end(r->graph, r->at)].shape.c;
    layer->shape = (struct shape){SHAPE_ROUTED, layer->experts, layer->kept, channels};
    return PMOE_OK;
}

static pmoe_status read_mixture(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    if (!is_vector(input_of(r)))
        return wrong_input(r, "a vector");
    TRY(read_router(r, node, LAYER_SAMPLE_ROUTER));
    TRY(reader_count(r, node, "kept", INT32_MAX, &layer->kept));
    if (layer->kept > layer->experts)
        return fail(r->error, PMOE_E_GRAPH, "%s: kept is %d, expected 1 to %d (the experts of router \"%s\")", r->place,
                    (int)layer->kept, (int)layer->experts, r->graph->layer[layer->router].name);
    TRY(read_gate(r, node));
    TRY(read_stack(r, node));
    layer->shape = (struct shape){SHAPE_VECTOR, 1, 1, r->graph->layer[graph_stack_end(r->graph, r->at)].shape.c};
    return PMOE_OK;
}

/* ---- The table ---- */

static const struct {
    pmoe_status (*read)(struct reader *r, json_node node);
    int only_outside; /* of experts */
    const char *keys[11];
} rules[] = {
    [LAYER_CONV] = {read_conv, 0, {"name", "type", "input", "kernel", "stride", "padding", "filters", "bias"}},
    [LAYER_PATCH_CONV] = {read_patch_conv, 0, {"name", "type", "input", "patch", "filters", "bias"}},
    [LAYER_BATCH_NORM] = {read_batch_norm, 0, {"name", "type", "input", "epsilon"}},
    [LAYER_RELU] = {read_relu, 0, {"name", "type", "input"}},
    [LAYER_ADD] = {read_add, 0, {"name", "type", "input", "with"}},
    [LAYER_AVG_POOL] = {read_avg_pool, 0, {"name", "type", "input", "divisor"}},
    [LAYER_MAX_POOL] = {read_max_pool, 0, {"name", "type", "input"}},
    [LAYER_LINEAR] = {read_linear, 0, {"name", "type", "input", "outputs", "bias"}},
    [LAYER_PATCH_ROUTER] = {read_patch_router, 1, {"name", "type", "input", "patch", "experts"}},
    [LAYER_EXPERT_GROUP] = {read_expert_group,
                            1,
                            {"name", "type", "input", "router", "kept", "gate", "gated", "dropped", "expert"}},
    [LAYER_SAMPLE_ROUTER] = {read_sample_router, 1, {"name", "type", "input", "experts", "bias", "normalise"}},
    [LAYER_MIXTURE] = {read_mixture, 1, {"name", "type", "input", "router", "kept", "gate", "expert"}},
};

pmoe_status rules_check(const struct reader *r, json_node node)
{
    enum layer_type type = reader_layer(r)->type;
    if (r->group >= 0 && rules[type].only_outside)
        return fail(r->error, PMOE_E_GRAPH, "%s: type is \"%s\", which no expert may contain", r->place,
                    layer_type_name(type));
    return reader_keys(r, node, rules[type].keys);
}

pmoe_status rules_read(struct reader *r, json_node node)
{
    return rules[reader_layer(r)->type].read(r, node);
}
