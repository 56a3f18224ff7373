#include "layer_list.h"

void list_begin(struct json_writer *json, const char *name, int32_t height, int32_t width, int32_t channels)
{
    json_open_object(json, NULL);
    json_add_int(json, "version", GRAPH_VERSION);
    json_add_text(json, "name", name);
    json_open_object(json, "input");
    json_add_int(json, "height", height);
    json_add_int(json, "width", width);
    json_add_int(json, "channels", channels);
    json_close_object(json);
    json_open_array(json, "classes");
}

void list_begin_layers(struct json_writer *json)
{
    json_close_array(json);
    json_open_array(json, "layers");
}

void list_end(struct json_writer *json)
{
    json_close_array(json);
    json_close_object(json);
}

static void add_text_if(struct json_writer *json, const char *key, const char *text)
{
    if (text)
        json_add_text(json, key, text);
}

void list_open_layer(struct json_writer *json, const char *name, enum layer_type type, const char *input)
{
    json_open_object(json, NULL);
    add_text_if(json, "name", name);
    json_add_text(json, "type", layer_type_name(type));
    add_text_if(json, "input", input);
}

void list_plain(struct json_writer *json, const char *name, enum layer_type type, const char *input)
{
    list_open_layer(json, name, type, input);
    json_close_object(json);
}

static void close_with_bias(struct json_writer *json, int has_bias)
{
    if (has_bias)
        json_add_bool(json, "bias", 1);
    json_close_object(json);
}

void list_conv(struct json_writer *json, const char *name, const char *input, int32_t kernel, int32_t stride,
               int32_t filters, int has_bias)
{
    list_open_layer(json, name, LAYER_CONV, input);
    json_add_int(json, "kernel", kernel);
    json_add_int(json, "stride", stride);
    json_add_int(json, "padding", kernel > stride ? (kernel - stride + 1) / 2 : 0);
    json_add_int(json, "filters", filters);
    close_with_bias(json, has_bias);
}

void list_patch_conv(struct json_writer *json, const char *name, int32_t patch, int32_t filters, int has_bias)
{
    list_open_layer(json, name, LAYER_PATCH_CONV, NULL);
    json_add_int(json, "patch", patch);
    json_add_int(json, "filters", filters);
    close_with_bias(json, has_bias);
}

void list_linear(struct json_writer *json, const char *name, const char *input, int32_t outputs, int has_bias)
{
    list_open_layer(json, name, LAYER_LINEAR, input);
    json_add_int(json, "outputs", outputs);
    close_with_bias(json, has_bias);
}

void list_sum(struct json_writer *json, const char *name, const char *input, const char *with)
{
    list_open_layer(json, name, LAYER_ADD, input);
    json_add_text(json, "with", with);
    json_close_object(json);
}

void list_avg_pool(struct json_writer *json, const char *name, const char *divisor)
{
    list_open_layer(json, name, LAYER_AVG_POOL, NULL);
    json_add_text(json, "divisor", divisor);
    json_close_object(json);
}

void list_patch_router(struct json_writer *json, const char *name, const char *input, int32_t patch, int32_t experts)
{
    list_open_layer(json, name, LAYER_PATCH_ROUTER, input);
    json_add_int(json, "patch", patch);
    json_add_int(json, "experts", experts);
    json_close_object(json);
}

void list_sample_router(struct json_writer *json, const char *name, const char *input, int32_t experts, int normalise)
{
    list_open_layer(json, name, LAYER_SAMPLE_ROUTER, input);
    json_add_int(json, "experts", experts);
    if (normalise)
        json_add_bool(json, "normalise", 1);
    close_with_bias(json, 1);
}

void list_open_experts(struct json_writer *json, enum layer_type type, struct list_experts experts)
{
    list_open_layer(json, experts.name, type, experts.input);
    json_add_text(json, "router", experts.router);
    json_add_int(json, "kept", experts.kept);
    json_add_text(json, "gate", experts.gate);
    add_text_if(json, "gated", experts.gated);
    add_text_if(json, "dropped", experts.dropped);
    json_open_array(json, "expert");
}

void list_close_experts(struct json_writer *json)
{
    json_close_array(json);
    json_close_object(json);
}
