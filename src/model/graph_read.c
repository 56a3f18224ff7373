/* From JSON to a checked layer list.  Each layer is read, then held against the shape it reads, then given its own
 * shape and its rows in the tensor table; a layer only ever sees earlier layers that passed. */
#include "../base/error.h"
#include "graph.h"

#include <stdio.h>
#include <string.h>

struct reader {
    struct json json;
    struct graph *graph;
    pmoe_error *error;
    char place[80];                          /* opens every sentence: layer "experts" */
    unsigned char is_read[GRAPH_MAX_LAYERS]; /* whether a later layer reads it */
};

enum { LABEL_BYTES = 128 };

static void name_place(struct reader *r)
{
    snprintf(r->place, sizeof r->place, "layer \"%s\"", r->graph->layer[r->graph->layers].name);
}

/* What an accessor calls a value: place and key. */
static const char *label(const struct reader *r, const char *key, char text[LABEL_BYTES])
{
    snprintf(text, LABEL_BYTES, "%s: %s", r->place, key);
    return text;
}

/* "a, b, c" */
static const char *listed(const char *const *items, char *text, size_t capacity)
{
    size_t used = 0;
    text[0] = 0;
    for (; *items && used < capacity; items++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%s", used ? ", " : "", *items);
    return text;
}

/* ---- Values ----------------------------------------------------------------------------------------------------- */

static pmoe_status check_keys(const struct reader *r, json_node object, const char *const *keys)
{
    if (!json_is_object(&r->json, object))
        return fail(r->error, PMOE_E_FORMAT, "%s: expected an object, found %s", r->place,
                    json_quote(&r->json, object).text);
    for (json_node key = json_first(&r->json, object); key != JSON_NONE; key = json_next(&r->json, key)) {
        int known = 0;
        for (const char *const *k = keys; *k && !known; k++)
            known = json_member(&r->json, object, *k) == json_value(&r->json, key);
        char list[96];
        if (!known)
            return fail(r->error, PMOE_E_FORMAT, "%s: unknown key \"%s\", expected %s", r->place,
                        json_quote(&r->json, key).text, listed(keys, list, sizeof list));
    }
    return PMOE_OK;
}

/* All counts here start at 1. */
static pmoe_status read_count(const struct reader *r, json_node object, const char *key, int32_t high, int32_t *count)
{
    char name[LABEL_BYTES];
    int64_t found;
    TRY(json_int(&r->json, json_member(&r->json, object, key), label(r, key, name), 1, high, &found, r->error));
    *count = (int32_t)found;
    return PMOE_OK;
}

static pmoe_status read_bias(const struct reader *r, json_node object, int32_t *has_bias)
{
    char name[LABEL_BYTES];
    json_node node = json_member(&r->json, object, "bias");
    int found = 0;
    if (node != JSON_NONE)
        TRY(json_bool(&r->json, node, label(r, "bias", name), &found, r->error));
    *has_bias = found;
    return PMOE_OK;
}

/* The index of a text among `choices`, which end in NULL. */
static pmoe_status read_choice(const struct reader *r, json_node object, const char *key, const char *const *choices,
                               int32_t *choice)
{
    char name[LABEL_BYTES], text[GRAPH_NAME_BYTES], list[96];
    json_node node = json_member(&r->json, object, key);
    pmoe_status status = json_text(&r->json, node, label(r, key, name), text, sizeof text, r->error);
    if (!json_is_string(&r->json, node))
        return status;
    for (int32_t i = 0; status == PMOE_OK && choices[i]; i++) {
        if (strcmp(text, choices[i]) != 0)
            continue;
        *choice = i;
        return PMOE_OK;
    }
    return fail(r->error, PMOE_E_FORMAT, "%s is \"%s\", expected one of %s", name, json_quote(&r->json, node).text,
                listed(choices, list, sizeof list));
}

static pmoe_status read_type(const struct reader *r, json_node object, enum layer_type *type)
{
    const char *const types[] = {layer_type_name(LAYER_PATCH_CONV),
                                 layer_type_name(LAYER_RELU),
                                 layer_type_name(LAYER_AVG_POOL),
                                 layer_type_name(LAYER_LINEAR),
                                 layer_type_name(LAYER_PATCH_ROUTER),
                                 layer_type_name(LAYER_EXPERT_GROUP),
                                 NULL};
    int32_t choice;
    TRY(read_choice(r, object, "type", types, &choice));
    *type = (enum layer_type)choice;
    return PMOE_OK;
}

static pmoe_status read_name(const struct reader *r, json_node object, char out[GRAPH_NAME_BYTES])
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    char name[LABEL_BYTES];
    json_node node = json_member(&r->json, object, "name");
    TRY(json_text(&r->json, node, label(r, "name", name), out, GRAPH_NAME_BYTES, r->error));
    if (out[0] == 0 || out[strspn(out, allowed)] != 0)
        return fail(r->error, PMOE_E_FORMAT, "%s is \"%s\", expected letters, digits, '_', '.' or '-'", name,
                    json_quote(&r->json, node).text);
    return PMOE_OK;
}

/* An earlier layer by its name; -1 if there is none.  A name is at most GRAPH_NAME_BYTES - 1 long. */
static int32_t find_layer(const struct reader *r, const char *name)
{
    for (int32_t i = 0; i < r->graph->layers; i++)
        if (strcmp(r->graph->layer[i].name, name) == 0)
            return i;
    return -1;
}

static pmoe_status read_reference(const struct reader *r, json_node object, const char *key, int32_t *layer)
{
    char name[LABEL_BYTES], text[GRAPH_NAME_BYTES];
    json_node node = json_member(&r->json, object, key);
    TRY(json_text(&r->json, node, label(r, key, name), text, sizeof text, r->error));
    *layer = find_layer(r, text);
    if (*layer < 0 && strcmp(text, "image") != 0)
        return fail(r->error, PMOE_E_GRAPH, "%s is \"%s\", expected the name of an earlier layer", name,
                    json_quote(&r->json, node).text);
    return PMOE_OK;
}

/* ---- Shapes ----------------------------------------------------------------------------------------------------- */

struct shape_words {
    char text[64];
};

static struct shape_words describe(struct shape shape)
{
    static const char *const kinds[] = {
        [SHAPE_MAP] = "a map", [SHAPE_ROUTED] = "routed patches", [SHAPE_SCORES] = "scores"};
    struct shape_words words;
    if (shape.kind == SHAPE_VECTOR)
        snprintf(words.text, sizeof words.text, "a vector [%d]", (int)shape.c);
    else
        snprintf(words.text, sizeof words.text, "%s [%d][%d][%d]", kinds[shape.kind], (int)shape.a, (int)shape.b,
                 (int)shape.c);
    return words;
}

static pmoe_status wrong_input(const struct reader *r, const struct layer *layer, struct shape in, const char *expected)
{
    const char *name = layer->input == GRAPH_IMAGE ? "image" : r->graph->layer[layer->input].name;
    return fail(r->error, PMOE_E_GRAPH, "%s: its input \"%s\" is %s, expected %s", r->place, name, describe(in).text,
                expected);
}

static pmoe_status check_elements(const struct reader *r, struct shape shape)
{
    /* a and b are at most 4096, c at most 65536: no overflow */
    if (shape_count(shape) > GRAPH_MAX_ELEMENTS)
        return fail(r->error, PMOE_E_LIMIT, "%s: %s has more than %lld elements", r->place, describe(shape).text,
                    (long long)GRAPH_MAX_ELEMENTS);
    return PMOE_OK;
}

/* The next row of the tensor table, named after the layer.  GRAPH_MAX_TENSORS is two for each layer. */
static pmoe_status add_tensor(struct reader *r, const char *part, int32_t rank, const int64_t *dims, int32_t *index)
{
    struct graph *graph = r->graph;
    struct tensor *row = &graph->tensor[graph->tensors];
    char name[GRAPH_TENSOR_NAME_BYTES] = {0}; /* apart, as both ends lie in *graph */
    snprintf(name, sizeof name, "%s.%s", graph->layer[graph->layers].name, part);
    memcpy(row->name, name, sizeof name);
    row->layer = graph->layers;
    row->rank = rank;
    row->count = 1;
    for (int32_t i = 0; i < rank; i++) {
        if (row->count > GRAPH_MAX_ELEMENTS / dims[i])
            return fail(r->error, PMOE_E_LIMIT, "%s: its %s has more than %lld elements", r->place, part,
                        (long long)GRAPH_MAX_ELEMENTS);
        row->dims[i] = dims[i];
        row->count *= dims[i];
    }
    graph->parameters += row->count;
    *index = graph->tensors++;
    return PMOE_OK;
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

/* ---- Layers, one function a type: `in` is the shape it reads ---------------------------------------------------- */

static pmoe_status read_patch_conv(struct reader *r, json_node node, struct layer *layer, struct shape in)
{
    if (in.kind != SHAPE_MAP)
        return wrong_input(r, layer, in, "a map");
    TRY(read_count(r, node, "patch", GRAPH_MAX_SIDE, &layer->patch));
    TRY(read_count(r, node, "filters", GRAPH_MAX_CHANNELS, &layer->filters));
    TRY(read_bias(r, node, &layer->has_bias));
    TRY(lay_grid(r, layer, in));
    layer->shape = (struct shape){SHAPE_MAP, layer->high, layer->wide, layer->filters};
    TRY(add_tensor(r, "weight", 4, (const int64_t[]){layer->filters, in.c, layer->patch, layer->patch},
                   &layer->weight));
    if (layer->has_bias)
        TRY(add_tensor(r, "bias", 1, (const int64_t[]){layer->filters}, &layer->bias));
    return PMOE_OK;
}

static pmoe_status read_relu(struct reader *r, json_node node, struct layer *layer, struct shape in)
{
    (void)node;
    if (in.kind != SHAPE_MAP && in.kind != SHAPE_VECTOR)
        return wrong_input(r, layer, in, "a map or a vector");
    layer->shape = in;
    return PMOE_OK;
}

static pmoe_status read_avg_pool(struct reader *r, json_node node, struct layer *layer, struct shape in)
{
    const char *const divisors[] = {pool_divisor_name(POOL_BY_PATCHES), pool_divisor_name(POOL_BY_KEPT), NULL};
    int32_t choice;
    if (in.kind != SHAPE_MAP && in.kind != SHAPE_ROUTED)
        return wrong_input(r, layer, in, "a map or routed patches");
    TRY(read_choice(r, node, "divisor", divisors, &choice));
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

static pmoe_status read_linear(struct reader *r, json_node node, struct layer *layer, struct shape in)
{
    if (in.kind != SHAPE_VECTOR)
        return wrong_input(r, layer, in, "a vector");
    TRY(read_count(r, node, "outputs", GRAPH_MAX_CHANNELS, &layer->filters));
    TRY(read_bias(r, node, &layer->has_bias));
    layer->shape = (struct shape){SHAPE_VECTOR, 1, 1, layer->filters};
    TRY(add_tensor(r, "weight", 2, (const int64_t[]){layer->filters, in.c}, &layer->weight));
    if (layer->has_bias)
        TRY(add_tensor(r, "bias", 1, (const int64_t[]){layer->filters}, &layer->bias));
    return PMOE_OK;
}

static pmoe_status read_patch_router(struct reader *r, json_node node, struct layer *layer, struct shape in)
{
    if (in.kind != SHAPE_MAP)
        return wrong_input(r, layer, in, "a map");
    TRY(read_count(r, node, "patch", GRAPH_MAX_SIDE, &layer->patch));
    TRY(read_count(r, node, "experts", GRAPH_MAX_EXPERTS, &layer->experts));
    TRY(lay_grid(r, layer, in));
    if (layer->patches > GRAPH_MAX_PATCHES)
        return fail(r->error, PMOE_E_LIMIT, "%s: patch %d cuts its input into %d patches, at most %d are routed",
                    r->place, (int)layer->patch, (int)layer->patches, GRAPH_MAX_PATCHES);
    layer->shape = (struct shape){SHAPE_SCORES, layer->experts, layer->patches, 1};
    return add_tensor(r, "weight", 4, (const int64_t[]){layer->experts, in.c, layer->patch, layer->patch},
                      &layer->weight);
}

/* One entry of "expert", which has the form of a layer without name and input. */
static pmoe_status read_expert_layer(struct reader *r, json_node node, int32_t number, enum layer_type expected,
                                     const char *const *keys)
{
    enum layer_type type;
    snprintf(r->place, sizeof r->place, "layer \"%s\", expert layer %d", r->graph->layer[r->graph->layers].name,
             (int)number);
    if (json_is_object(&r->json, node)) {
        TRY(read_type(r, node, &type));
        if (type != expected)
            return fail(r->error, PMOE_E_GRAPH, "%s: type is \"%s\", expected \"%s\"", r->place, layer_type_name(type),
                        layer_type_name(expected));
    }
    return check_keys(r, node, keys);
}

static pmoe_status read_expert(struct reader *r, json_node node, struct layer *layer)
{
    static const char *const conv_keys[] = {"type", "patch", "filters", "bias", NULL};
    static const char *const relu_keys[] = {"type", NULL};
    const struct layer *router = &r->graph->layer[layer->router];
    json_node list = json_member(&r->json, node, "expert");
    int32_t count = json_size(&r->json, list);
    if (!json_is_array(&r->json, list) || count < 1 || count > 2)
        return fail(r->error, PMOE_E_GRAPH, "%s: expert is %s, expected a list of a patch_conv and maybe a relu",
                    r->place, json_quote(&r->json, list).text);
    json_node conv = json_first(&r->json, list);
    if (count == 2)
        TRY(read_expert_layer(r, json_next(&r->json, conv), 2, LAYER_RELU, relu_keys));
    layer->has_relu = count == 2;
    TRY(read_expert_layer(r, conv, 1, LAYER_PATCH_CONV, conv_keys));
    TRY(read_count(r, conv, "patch", GRAPH_MAX_SIDE, &layer->patch));
    TRY(read_count(r, conv, "filters", GRAPH_MAX_CHANNELS, &layer->filters));
    TRY(read_bias(r, conv, &layer->has_bias));
    if (layer->patch != router->patch)
        return fail(r->error, PMOE_E_GRAPH, "%s: patch is %d, expected %d (the patch of router \"%s\")", r->place,
                    (int)layer->patch, (int)router->patch, router->name);
    return PMOE_OK;
}

/* The router of a group: an earlier patch_router over the very map that the group reads. */
static pmoe_status read_router(struct reader *r, json_node node, struct layer *layer)
{
    TRY(read_reference(r, node, "router", &layer->router));
    if (layer->router < 0 || r->graph->layer[layer->router].type != LAYER_PATCH_ROUTER)
        return fail(r->error, PMOE_E_GRAPH, "%s: router is \"%s\", expected the name of a patch_router", r->place,
                    layer->router < 0 ? "image" : r->graph->layer[layer->router].name);
    const struct layer *router = &r->graph->layer[layer->router];
    if (router->input != layer->input)
        return fail(r->error, PMOE_E_GRAPH, "%s: its input is \"%s\", expected \"%s\" (the input of router \"%s\")",
                    r->place, layer->input == GRAPH_IMAGE ? "image" : r->graph->layer[layer->input].name,
                    router->input == GRAPH_IMAGE ? "image" : r->graph->layer[router->input].name, router->name);
    r->is_read[layer->router] = 1;
    return PMOE_OK;
}

static pmoe_status read_expert_group(struct reader *r, json_node node, struct layer *layer, struct shape in)
{
    const char *const gates[] = {gate_form_name(GATE_HARD), gate_form_name(GATE_TOPL_SOFTMAX),
                                 gate_form_name(GATE_SOFTMAX_TOPL), NULL};
    int32_t choice;
    if (in.kind != SHAPE_MAP)
        return wrong_input(r, layer, in, "a map");
    TRY(read_router(r, node, layer));
    const struct layer *router = &r->graph->layer[layer->router];
    TRY(read_count(r, node, "kept", INT32_MAX, &layer->kept));
    if (layer->kept > router->patches)
        return fail(r->error, PMOE_E_GRAPH, "%s: kept is %d, expected 1 to %d (the patches of router \"%s\")", r->place,
                    (int)layer->kept, (int)router->patches, router->name);
    TRY(read_choice(r, node, "gate", gates, &choice));
    layer->gate = (enum gate_form)choice;
    TRY(read_expert(r, node, layer));
    name_place(r);
    layer->high = router->high;
    layer->wide = router->wide;
    layer->patches = router->patches;
    layer->experts = router->experts;
    layer->shape = (struct shape){SHAPE_ROUTED, layer->experts, layer->kept, layer->filters};
    TRY(add_tensor(r, "weight", 5, (const int64_t[]){layer->experts, layer->filters, in.c, layer->patch, layer->patch},
                   &layer->weight));
    if (layer->has_bias)
        TRY(add_tensor(r, "bias", 2, (const int64_t[]){layer->experts, layer->filters}, &layer->bias));
    return PMOE_OK;
}

static const struct {
    pmoe_status (*read)(struct reader *r, json_node node, struct layer *layer, struct shape in);
    const char *keys[9];
} layer_rules[] = {
    [LAYER_PATCH_CONV] = {read_patch_conv, {"name", "type", "input", "patch", "filters", "bias"}},
    [LAYER_RELU] = {read_relu, {"name", "type", "input"}},
    [LAYER_AVG_POOL] = {read_avg_pool, {"name", "type", "input", "divisor"}},
    [LAYER_LINEAR] = {read_linear, {"name", "type", "input", "outputs", "bias"}},
    [LAYER_PATCH_ROUTER] = {read_patch_router, {"name", "type", "input", "patch", "experts"}},
    [LAYER_EXPERT_GROUP] = {read_expert_group, {"name", "type", "input", "router", "kept", "gate", "expert"}},
};

/* ---- The whole -------------------------------------------------------------------------------------------------- */

/* Without "input" a layer reads the one before it, the first one the image. */
static pmoe_status read_input(struct reader *r, json_node node, struct layer *layer)
{
    layer->input = r->graph->layers - 1;
    if (json_member(&r->json, node, "input") != JSON_NONE)
        TRY(read_reference(r, node, "input", &layer->input));
    else if (layer->input >= 0 && r->graph->layer[layer->input].type == LAYER_PATCH_ROUTER)
        return fail(
            r->error, PMOE_E_GRAPH,
            "%s: has no \"input\" and would read the scores of router \"%s\"; name its input, such as \"image\"",
            r->place, r->graph->layer[layer->input].name);
    if (layer->input >= 0)
        r->is_read[layer->input] = 1;
    return PMOE_OK;
}

static pmoe_status read_layer(struct reader *r, json_node node)
{
    struct layer *layer = &r->graph->layer[r->graph->layers];
    *layer = (struct layer){.router = -1, .weight = -1, .bias = -1};
    snprintf(r->place, sizeof r->place, "layer %d of the list", (int)r->graph->layers + 1);
    if (!json_is_object(&r->json, node))
        return fail(r->error, PMOE_E_FORMAT, "%s: expected an object, found %s", r->place,
                    json_quote(&r->json, node).text);
    TRY(read_name(r, node, layer->name));
    if (strcmp(layer->name, "image") == 0 || find_layer(r, layer->name) >= 0)
        return fail(r->error, PMOE_E_GRAPH, "%s: name is \"%s\", which is taken", r->place, layer->name);
    name_place(r);
    TRY(read_type(r, node, &layer->type));
    TRY(check_keys(r, node, layer_rules[layer->type].keys));
    TRY(read_input(r, node, layer));
    TRY(layer_rules[layer->type].read(r, node, layer, graph_input_shape(r->graph, r->graph->layers)));
    TRY(check_elements(r, layer->shape));
    r->graph->layers++;
    return PMOE_OK;
}

static pmoe_status read_layers(struct reader *r, json_node list)
{
    struct graph *graph = r->graph;
    int32_t count = json_size(&r->json, list);
    if (!json_is_array(&r->json, list) || count < 1)
        return fail(r->error, PMOE_E_FORMAT, "layer list: layers is %s, expected a list of layers",
                    json_quote(&r->json, list).text);
    if (count > GRAPH_MAX_LAYERS)
        return fail(r->error, PMOE_E_LIMIT, "layer list: has %d layers, at most %d are accepted", (int)count,
                    GRAPH_MAX_LAYERS);
    for (json_node node = json_first(&r->json, list); node != JSON_NONE; node = json_next(&r->json, node))
        TRY(read_layer(r, node));
    for (int32_t i = 0; i < graph->layers - 1; i++)
        if (!r->is_read[i])
            return fail(r->error, PMOE_E_GRAPH, "layer \"%s\": no later layer reads it", graph->layer[i].name);

    const struct layer *last = &graph->layer[graph->layers - 1];
    if (last->shape.kind != SHAPE_VECTOR)
        return fail(r->error, PMOE_E_GRAPH, "layer \"%s\": is the last one and gives %s, expected a vector", last->name,
                    describe(last->shape).text);
    graph->outputs = last->shape.c;
    if (graph->outputs != graph->classes && !(graph->outputs == 1 && graph->classes == 2))
        return fail(r->error, PMOE_E_GRAPH,
                    "layer \"%s\": is the last one and gives %d outputs, expected %s%d for %d classes", last->name,
                    (int)graph->outputs, graph->classes == 2 ? "1 or " : "", (int)graph->classes, (int)graph->classes);
    return PMOE_OK;
}

/* C0, DEL and C1, in UTF-8. */
static int has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < ' ' || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
            return 1;
    return 0;
}

static pmoe_status read_classes(struct reader *r, json_node list)
{
    struct graph *graph = r->graph;
    int32_t count = json_size(&r->json, list);
    if (!json_is_array(&r->json, list) || count < 2)
        return fail(r->error, PMOE_E_FORMAT, "layer list: classes is %s, expected a list of 2 to %d labels",
                    json_quote(&r->json, list).text, GRAPH_MAX_CLASSES);
    if (count > GRAPH_MAX_CLASSES)
        return fail(r->error, PMOE_E_LIMIT, "layer list: has %d classes, at most %d are accepted", (int)count,
                    GRAPH_MAX_CLASSES);
    size_t used = 0;
    for (json_node node = json_first(&r->json, list); node != JSON_NONE; node = json_next(&r->json, node)) {
        char name[LABEL_BYTES], *text = graph->class_text + used;
        snprintf(name, sizeof name, "layer list: label of class %d", (int)graph->classes);
        TRY(json_text(&r->json, node, name, text, sizeof graph->class_text - used, r->error));
        if (*text == 0 || has_control(text))
            return fail(r->error, PMOE_E_FORMAT, "%s is \"%s\", expected text without control characters", name,
                        json_quote(&r->json, node).text);
        for (int32_t i = 0; i < graph->classes; i++)
            if (strcmp(text, graph->class_text + graph->class_at[i]) == 0)
                return fail(r->error, PMOE_E_FORMAT, "%s is \"%s\", as that of class %d is", name,
                            json_quote(&r->json, node).text, (int)i);
        graph->class_at[graph->classes++] = (int32_t)used;
        used += strlen(text) + 1;
    }
    return PMOE_OK;
}

static pmoe_status read_image(struct reader *r, json_node node)
{
    static const char *const keys[] = {"height", "width", "channels", NULL};
    snprintf(r->place, sizeof r->place, "input of the layer list");
    TRY(check_keys(r, node, keys));
    TRY(read_count(r, node, "height", GRAPH_MAX_SIDE, &r->graph->height));
    TRY(read_count(r, node, "width", GRAPH_MAX_SIDE, &r->graph->width));
    TRY(read_count(r, node, "channels", GRAPH_MAX_CHANNELS, &r->graph->channels));
    return check_elements(r, (struct shape){SHAPE_MAP, r->graph->height, r->graph->width, r->graph->channels});
}

static pmoe_status read_graph(struct reader *r)
{
    static const char *const keys[] = {"version", "name", "input", "classes", "layers", NULL};
    int32_t version;
    snprintf(r->place, sizeof r->place, "layer list");
    if (json_is_object(&r->json, 0)) {
        /* Before the keys: a newer version may have others. */
        TRY(read_count(r, 0, "version", INT32_MAX, &version));
        if (version > GRAPH_VERSION)
            return fail(r->error, PMOE_E_LIMIT, "layer list: version is %d, newer than this build, which reads %d",
                        (int)version, GRAPH_VERSION);
    }
    TRY(check_keys(r, 0, keys));
    TRY(read_name(r, 0, r->graph->name));
    TRY(read_image(r, json_member(&r->json, 0, "input")));
    TRY(read_classes(r, json_member(&r->json, 0, "classes")));
    return read_layers(r, json_member(&r->json, 0, "layers"));
}

pmoe_status graph_read(const char *text, size_t bytes, const pmoe_allocator *scratch, struct graph *graph,
                       pmoe_error *error)
{
    struct reader reader = {.graph = graph, .error = error};
    memset(graph, 0, sizeof *graph);
    TRY(json_open(text, bytes, "layer list", scratch, &reader.json, error));
    pmoe_status status = read_graph(&reader);
    json_close(&reader.json, scratch);
    return status;
}
