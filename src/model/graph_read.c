/* From JSON to a checked layer list.  Each layer is read, then held against the shape it reads, then given its own
 * shape and its rows in the tensor table; a layer only ever sees earlier layers that passed.  Values and rules are in
 * graph_values.c and graph_rules.c. */
#include "../base/error.h"
#include "graph_reader.h"

#include <stdio.h>
#include <string.h>

/* ---- Layers ---- */

/* Without "input" a layer reads the one before it; the first of all the image, the first of a stack what the expert is
 * given. */
static pmoe_status read_input(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    const struct graph *graph = r->graph;
    if (json_member(&r->json, node, "input") != JSON_NONE)
        return reader_reference(r, node, "input", &layer->input);
    layer->input = r->group >= 0 ? GRAPH_EXPERT : GRAPH_IMAGE;
    for (int32_t i = 0; i < r->at; i++)
        if (graph->layer[i].group == r->group)
            layer->input = i;
    if (layer->input < 0)
        return PMOE_OK;
    if (graph->layer[layer->input].shape.kind == SHAPE_SCORES)
        return fail(
            r->error, PMOE_E_GRAPH,
            "%s: has no \"input\" and would read the scores of router \"%s\"; name its input, such as \"image\"",
            r->place, graph->layer[layer->input].name);
    r->is_read[layer->input] = 1;
    return PMOE_OK;
}

/* "group.name", or "group.2" for the second of a stack if it has none. */
static pmoe_status name_layer(struct reader *r, json_node node)
{
    struct layer *layer = reader_layer(r);
    char own[GRAPH_NAME_BYTES], full[2 * GRAPH_NAME_BYTES];
    layer->has_name = r->group < 0 || json_member(&r->json, node, "name") != JSON_NONE;
    if (layer->has_name)
        TRY(reader_name(r, node, own, sizeof own));
    else
        snprintf(own, sizeof own, "%d", (int)(r->at - r->group));
    if (r->group >= 0)
        snprintf(full, sizeof full, "%s.%s", r->graph->layer[r->group].name, own);
    else
        snprintf(full, sizeof full, "%s", own);
    if (strlen(full) >= sizeof layer->name)
        return fail(r->error, PMOE_E_LIMIT, "%s: \"%s\" is longer than the %d characters of a name", r->place, full,
                    GRAPH_NAME_BYTES - 1);
    if (strcmp(own, r->group >= 0 ? "patch" : "image") == 0 || reader_knows(r, full))
        return fail(r->error, PMOE_E_GRAPH, "%s: name is \"%s\", which is taken", r->place, own);
    memcpy(layer->name, full, strlen(full));
    return PMOE_OK;
}

pmoe_status reader_read_layer(struct reader *r, json_node node)
{
    struct graph *graph = r->graph;
    if (graph->layers == GRAPH_MAX_LAYERS)
        return fail(r->error, PMOE_E_LIMIT, "layer list: has more than the %d layers that are accepted",
                    GRAPH_MAX_LAYERS);
    r->at = graph->layers++;
    struct layer *layer = reader_layer(r);
    *layer = (struct layer){
        .group = r->group, .with = -1, .router = -1, .weight = -1, .bias = -1, .mean = -1, .variance = -1};
    if (r->group >= 0)
        snprintf(r->place, sizeof r->place, "layer \"%s\", expert layer %d", graph->layer[r->group].name,
                 (int)(r->at - r->group));
    else
        snprintf(r->place, sizeof r->place, "layer %d of the list", (int)r->at + 1);
    if (!json_is_object(&r->json, node))
        return fail(r->error, PMOE_E_FORMAT, "%s: expected an object, found %s", r->place,
                    json_quote(&r->json, node).text);
    TRY(name_layer(r, node));
    if (layer->has_name)
        reader_place(r);
    TRY(reader_type(r, node, &layer->type));
    TRY(rules_check(r, node));
    TRY(read_input(r, node));
    TRY(rules_read(r, node));
    return reader_elements(r, layer->shape);
}

static pmoe_status read_layers(struct reader *r, json_node list)
{
    struct graph *graph = r->graph;
    if (!json_is_array(&r->json, list) || json_size(&r->json, list) < 1)
        return fail(r->error, PMOE_E_FORMAT, "layer list: layers is %s, expected a list of layers",
                    json_quote(&r->json, list).text);
    for (json_node node = json_first(&r->json, list); node != JSON_NONE; node = json_next(&r->json, node)) {
        graph->last = graph->layers;
        TRY(reader_read_layer(r, node));
    }
    for (int32_t i = 0; i < graph->last; i++)
        if (graph->layer[i].group < 0 && !r->is_read[i])
            return fail(r->error, PMOE_E_GRAPH, "layer \"%s\": no later layer reads it", graph->layer[i].name);

    const struct layer *last = &graph->layer[graph->last];
    if (last->shape.kind != SHAPE_VECTOR)
        return fail(r->error, PMOE_E_GRAPH, "layer \"%s\": is the last one and gives %s, expected a vector", last->name,
                    shape_describe(last->shape).text);
    graph->outputs = last->shape.c;
    if (graph->outputs != graph->classes && !(graph->outputs == 1 && graph->classes == 2))
        return fail(r->error, PMOE_E_GRAPH,
                    "layer \"%s\": is the last one and gives %d outputs, expected %s%d for %d classes", last->name,
                    (int)graph->outputs, graph->classes == 2 ? "1 or " : "", (int)graph->classes, (int)graph->classes);
    return PMOE_OK;
}

/* ---- The whole ---- */

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
        char name[48], *text = graph->class_text + used;
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
    TRY(reader_keys(r, node, keys));
    TRY(reader_count(r, node, "height", GRAPH_MAX_SIDE, &r->graph->height));
    TRY(reader_count(r, node, "width", GRAPH_MAX_SIDE, &r->graph->width));
    TRY(reader_count(r, node, "channels", GRAPH_MAX_CHANNELS, &r->graph->channels));
    return reader_elements(r, (struct shape){SHAPE_MAP, r->graph->height, r->graph->width, r->graph->channels});
}

static pmoe_status read_graph(struct reader *r)
{
    static const char *const keys[] = {"version", "name", "input", "classes", "layers", NULL};
    int32_t version;
    snprintf(r->place, sizeof r->place, "layer list");
    if (json_is_object(&r->json, 0)) {
        /* Before the keys: a newer version may have others. */
        TRY(reader_count(r, 0, "version", INT32_MAX, &version));
        if (version > GRAPH_VERSION)
            return fail(r->error, PMOE_E_LIMIT, "layer list: version is %d, newer than this build, which reads %d",
                        (int)version, GRAPH_VERSION);
    }
    TRY(reader_keys(r, 0, keys));
    TRY(reader_name(r, 0, r->graph->name, sizeof r->graph->name));
    TRY(read_image(r, json_member(&r->json, 0, "input")));
    TRY(read_classes(r, json_member(&r->json, 0, "classes")));
    return read_layers(r, json_member(&r->json, 0, "layers"));
}

pmoe_status graph_read(const char *text, size_t bytes, const pmoe_allocator *scratch, struct graph *graph,
                       pmoe_error *error)
{
    struct reader reader = {.graph = graph, .group = -1, .error = error};
    memset(graph, 0, sizeof *graph);
    TRY(json_open(text, bytes, "layer list", scratch, &reader.json, error));
    pmoe_status status = read_graph(&reader);
    json_close(&reader.json, scratch);
    return status;
}
