/* A layer list as JSON.  Every layer names its input, also where reading would find it without; false biases and the
 * tensor table are left out, as they follow from the rest. */
#include "graph.h"

static const char *name_of(const struct graph *graph, int32_t layer)
{
    return layer == GRAPH_IMAGE ? "image" : graph->layer[layer].name;
}

static void write_type(struct json_writer *writer, enum layer_type type)
{
    json_add_text(writer, "type", layer_type_name(type));
}

static void write_conv(struct json_writer *writer, const struct layer *layer)
{
    json_add_int(writer, "patch", layer->patch);
    json_add_int(writer, "filters", layer->filters);
    if (layer->has_bias)
        json_add_bool(writer, "bias", 1);
}

static void write_group(struct json_writer *writer, const struct graph *graph, const struct layer *layer)
{
    json_add_text(writer, "router", name_of(graph, layer->router));
    json_add_int(writer, "kept", layer->kept);
    json_add_text(writer, "gate", gate_form_name(layer->gate));
    json_open_array(writer, "expert");
    json_open_object(writer, NULL);
    write_type(writer, LAYER_PATCH_CONV);
    write_conv(writer, layer);
    json_close_object(writer);
    if (layer->has_relu) {
        json_open_object(writer, NULL);
        write_type(writer, LAYER_RELU);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void write_layer(struct json_writer *writer, const struct graph *graph, const struct layer *layer)
{
    json_open_object(writer, NULL);
    json_add_text(writer, "name", layer->name);
    write_type(writer, layer->type);
    json_add_text(writer, "input", name_of(graph, layer->input));
    switch (layer->type) {
    case LAYER_PATCH_CONV: write_conv(writer, layer); break;
    case LAYER_EXPERT_GROUP: write_group(writer, graph, layer); break;
    case LAYER_AVG_POOL: json_add_text(writer, "divisor", pool_divisor_name(layer->divisor)); break;
    case LAYER_LINEAR:
        json_add_int(writer, "outputs", layer->filters);
        if (layer->has_bias)
            json_add_bool(writer, "bias", 1);
        break;
    case LAYER_PATCH_ROUTER:
        json_add_int(writer, "patch", layer->patch);
        json_add_int(writer, "experts", layer->experts);
        break;
    case LAYER_RELU: break;
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
        write_layer(&writer, graph, &graph->layer[i]);
    json_close_array(&writer);
    json_close_object(&writer);
    return writer.length;
}
