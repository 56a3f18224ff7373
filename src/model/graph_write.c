/* A layer list as JSON.  Layers outside of experts name their input also where reading would find it without; defaults
 * and the tensor table are left out, as they follow from the rest. */
#include "graph.h"

#include <string.h>

/* An input as `reader` names it: inner layers leave out the group's name. */
static const char *name_of(const struct graph *graph, int32_t reader, int32_t layer)
{
    if (layer == GRAPH_IMAGE)
        return "image";
    if (layer == GRAPH_EXPERT)
        return "patch";
    int32_t group = graph->layer[reader].group;
    return graph->layer[layer].name + (group < 0 ? 0 : strlen(graph->layer[group].name) + 1);
}

static void write_bias(struct json_writer *writer, const struct layer *layer)
{
    if (layer->has_bias)
        json_add_bool(writer, "bias", 1);
}

static void write_conv(struct json_writer *writer, const struct layer *layer)
{
    json_add_int(writer, "kernel", layer->kernel);
    if (layer->stride != 1)
        json_add_int(writer, "stride", layer->stride);
    if (layer->padding)
        json_add_int(writer, "padding", layer->padding);
    json_add_int(writer, "filters", layer->filters);
    write_bias(writer, layer);
}

static void write_layer(struct json_writer *writer, const struct graph *graph, int32_t at);

static void write_group(struct json_writer *writer, const struct graph *graph, int32_t at)
{
    const struct layer *layer = &graph->layer[at];
    json_add_text(writer, "router", name_of(graph, at, layer->router));
    json_add_int(writer, "kept", layer->kept);
    json_add_text(writer, "gate", gate_form_name(layer->gate));
    if (layer->gate_place != GATE_ON_OUTPUT)
        json_add_text(writer, "gated", gate_place_name(layer->gate_place));
    if (layer->dropped != DROPPED_ABSENT)
        json_add_text(writer, "dropped", dropped_rule_name(layer->dropped));
    json_open_array(writer, "expert");
    for (int32_t i = at + 1; i <= graph_stack_end(graph, at); i++)
        write_layer(writer, graph, i);
    json_close_array(writer);
}

static void write_layer(struct json_writer *writer, const struct graph *graph, int32_t at)
{
    const struct layer *layer = &graph->layer[at];
    json_open_object(writer, NULL);
    if (layer->has_name)
        json_add_text(writer, "name", name_of(graph, at, at));
    json_add_text(writer, "type", layer_type_name(layer->type));
    if (layer->group < 0 || layer->input != (at == layer->group + 1 ? GRAPH_EXPERT : at - 1))
        json_add_text(writer, "input", name_of(graph, at, layer->input));
    switch (layer->type) {
    case LAYER_CONV: write_conv(writer, layer); break;
    case LAYER_PATCH_CONV:
        json_add_int(writer, "patch", layer->patch);
        json_add_int(writer, "filters", layer->filters);
        write_bias(writer, layer);
        break;
    case LAYER_BATCH_NORM: json_add_number(writer, "epsilon", (double)layer->epsilon, 9); break;
    case LAYER_RELU:
    case LAYER_MAX_POOL: break;
    case LAYER_ADD: json_add_text(writer, "with", name_of(graph, at, layer->with)); break;
    case LAYER_AVG_POOL: json_add_text(writer, "divisor", pool_divisor_name(layer->divisor)); break;
    case LAYER_LINEAR:
        json_add_int(writer, "outputs", layer->filters);
        write_bias(writer, layer);
        break;
    case LAYER_PATCH_ROUTER:
        json_add_int(writer, "patch", layer->patch);
        json_add_int(writer, "experts", layer->experts);
        break;
    case LAYER_SAMPLE_ROUTER:
        json_add_int(writer, "experts", layer->experts);
        write_bias(writer, layer);
        if (layer->normalise)
            json_add_bool(writer, "normalise", 1);
        break;
    case LAYER_EXPERT_GROUP:
    case LAYER_MIXTURE: write_group(writer, graph, at); break;
    }
    json_close_object(writer);
}

size_t graph_write(const struct graph *graph, char *text, size_t capacity)
{
    struct json_writer writer;
    json_begin(&writer, text, capacity);
    json_open_object(&writer, NULL);
    json_add_int(&writer, "version", GRAPH_VERSION);
    json_add_text(&writer, "name", graph->name);
    json_open_object(&writer, "input");
    json_add_int(&writer, "height", graph->height);
    json_add_int(&writer, "width", graph->width);
    json_add_int(&writer, "channels", graph->channels);
    json_close_object(&writer);
    json_open_array(&writer, "classes");
    for (int32_t i = 0; i < graph->classes; i++)
        json_add_text(&writer, NULL, graph->class_text + graph->class_at[i]);
    json_close_array(&writer);
    json_open_array(&writer, "layers");
    for (int32_t i = 0; i < graph->layers; i++)
        if (graph->layer[i].group < 0)
            write_layer(&writer, graph, i);
    json_close_array(&writer);
    json_close_object(&writer);
    return writer.length;
}
