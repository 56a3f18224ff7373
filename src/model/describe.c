/* A model in words and numbers: what `info`, the page and result files say of it. */
#include "model.h"

#include "../base/exp.h"

#include <string.h>

static int32_t first_patch_layer(const struct graph *graph)
{
    for (int32_t i = 0; i < graph->layers; i++)
        if (graph->layer[i].patches && graph->layer[i].type != LAYER_AVG_POOL)
            return i;
    return -1;
}

static int64_t total_multiply_adds(const struct graph *graph)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < graph->layers; i++)
        sum += layer_multiply_adds(graph, i);
    return sum;
}

pmoe_info pmoe_model_info(const pmoe_model *model)
{
    const struct graph *graph = &model->graph;
    int32_t patches = first_patch_layer(graph);
    return (pmoe_info){
        .name = graph->name,
        .isa = model->kernels->name,
        .height = graph->height,
        .width = graph->width,
        .channels = graph->channels,
        .outputs = graph->outputs,
        .classes = graph->classes,
        .patches_high = patches < 0 ? 0 : graph->layer[patches].high,
        .patches_wide = patches < 0 ? 0 : graph->layer[patches].wide,
        .experts = model->routed < 0 ? 0 : graph->layer[model->routed].experts,
        .kept = model->routed < 0 ? 0 : graph->layer[model->routed].kept,
        .mixed_experts = model->mixed < 0 ? 0 : graph->layer[model->mixed].experts,
        .mixed_kept = model->mixed < 0 ? 0 : graph->layer[model->mixed].kept,
        .parameters = graph->parameters,
        .multiply_adds = total_multiply_adds(graph),
        .model_bytes = model->bytes,
        .run_bytes = run_bytes(model, 1),
        .int8_layers = model_int8_layers(model),
    };
}

const char *pmoe_model_class(const pmoe_model *model, int32_t class_index)
{
    if (class_index < 0 || class_index >= model->graph.classes)
        return NULL;
    return model->graph.class_text + model->graph.class_at[class_index];
}

static void describe_shape(struct json_writer *json, struct shape shape)
{
    json_open_array(json, "shape");
    if (shape.kind != SHAPE_VECTOR) {
        json_add_int(json, NULL, shape.a);
        json_add_int(json, NULL, shape.b);
    }
    if (shape.kind != SHAPE_SCORES)
        json_add_int(json, NULL, shape.c);
    json_close_array(json);
}

static const char *input_name(const struct graph *graph, int32_t input)
{
    return input == GRAPH_IMAGE ? "image" : input == GRAPH_EXPERT ? "patch" : graph->layer[input].name;
}

static int64_t tensor_count(const struct graph *graph, int32_t tensor)
{
    return tensor < 0 ? 0 : graph->tensor[tensor].count;
}

static void describe_layer(struct json_writer *json, const pmoe_model *model, int32_t at)
{
    const struct graph *graph = &model->graph;
    const struct layer *layer = &graph->layer[at];
    json_open_object(json, NULL);
    json_add_text(json, "name", layer->name);
    json_add_text(json, "type", layer_type_name(layer->type));
    json_add_text(json, "input", input_name(graph, layer->input));
    describe_shape(json, layer->shape);
    if (layer->patch)
        json_add_int(json, "patch", layer->patch);
    if (layer->patches)
        json_add_int(json, "patches", layer->patches);
    if (layer->experts)
        json_add_int(json, "experts", layer->experts);
    if (layer->inner) {
        json_add_text(json, "router", graph->layer[layer->router].name);
        json_add_int(json, "kept", layer->kept);
        json_add_text(json, "gate", gate_form_name(layer->gate));
    }
    if (layer->type == LAYER_EXPERT_GROUP) {
        json_add_text(json, "gated", gate_place_name(layer->gate_place));
        json_add_text(json, "dropped", dropped_rule_name(layer->dropped));
    }
    if (layer->type == LAYER_CONV) {
        json_add_int(json, "kernel", layer->kernel);
        json_add_int(json, "stride", layer->stride);
        json_add_int(json, "padding", layer->padding);
        if (conv_is_int8(&model->plan[at].conv))
            json_add_bool(json, "int8", 1);
    }
    if (layer->type == LAYER_ADD)
        json_add_text(json, "with", input_name(graph, layer->with));
    if (layer->type == LAYER_AVG_POOL)
        json_add_text(json, "divisor", pool_divisor_name(layer->divisor));
    int64_t parameters = tensor_count(graph, layer->weight) + tensor_count(graph, layer->bias) +
                         tensor_count(graph, layer->mean) + tensor_count(graph, layer->variance);
    json_add_int(json, "parameters", parameters);
    json_add_int(json, "multiply_adds", layer_multiply_adds(graph, at));
    json_close_object(json);
}

size_t pmoe_model_describe(const pmoe_model *model, char *text, size_t capacity)
{
    const struct graph *graph = &model->graph;
    pmoe_info info = pmoe_model_info(model);
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_text(&json, "name", info.name);
    json_add_text(&json, "isa", info.isa);
    json_open_object(&json, "input");
    json_add_int(&json, "height", info.height);
    json_add_int(&json, "width", info.width);
    json_add_int(&json, "channels", info.channels);
    json_close_object(&json);
    json_open_array(&json, "classes");
    for (int32_t c = 0; c < info.classes; c++)
        json_add_text(&json, NULL, pmoe_model_class(model, c));
    json_close_array(&json);
    json_add_int(&json, "outputs", info.outputs);
    json_open_object(&json, "patches");
    json_add_int(&json, "high", info.patches_high);
    json_add_int(&json, "wide", info.patches_wide);
    json_close_object(&json);
    json_add_int(&json, "experts", info.experts);
    json_add_int(&json, "kept", info.kept);
    json_add_int(&json, "parameters", info.parameters);
    json_add_int(&json, "multiply_adds", info.multiply_adds);
    if (info.int8_layers)
        json_add_int(&json, "int8_layers", info.int8_layers);
    json_add_bool(&json, "threads_pay", model_pool_work(model) >= POOL_LEAST_PASS);
    json_add_int(&json, "model_bytes", (int64_t)info.model_bytes);
    json_add_int(&json, "run_bytes", (int64_t)info.run_bytes);
    json_add_int(&json, "activation_bytes", (int64_t)(model->activations * sizeof(float)));
    json_open_array(&json, "layers");
    for (int32_t i = 0; i < graph->layers; i++)
        describe_layer(&json, model, i);
    json_close_array(&json);
    json_add_raw(&json, "metadata", model->metadata, strlen(model->metadata));
    json_close_object(&json);
    return json.length;
}

int32_t pmoe_probabilities(const pmoe_model *model, const float *logits, float *probabilities)
{
    int32_t classes = model->graph.classes;
    if (model->graph.outputs == 1) {
        /* The smaller of the two comes from exp of a negative number, so neither loses its digits. */
        float small = exp_f32(-fabsf(logits[0]));
        small = small / (1 + small);
        int32_t positive = logits[0] > 0;
        probabilities[positive] = 1 - small;
        probabilities[!positive] = small;
        return positive;
    }
    int32_t best = 0;
    for (int32_t c = 1; c < classes; c++)
        if (logits[c] > logits[best])
            best = c;
    float sum = 0;
    for (int32_t c = 0; c < classes; c++)
        sum += probabilities[c] = exp_f32(logits[c] - logits[best]);
    for (int32_t c = 0; c < classes; c++)
        probabilities[c] /= sum;
    return best;
}

static void describe_floats(struct json_writer *json, const char *key, const float *values, int32_t count)
{
    json_open_array(json, key);
    for (int32_t i = 0; i < count; i++)
        json_add_number(json, NULL, (double)values[i], 9);
    json_close_array(json);
}

static void describe_mixing(struct json_writer *json, pmoe_mixing mixing)
{
    json_open_object(json, "mixture");
    json_open_array(json, "picks");
    for (int32_t j = 0; j < mixing.kept; j++)
        json_add_int(json, NULL, mixing.picks[j]);
    json_close_array(json);
    describe_floats(json, "gates", mixing.gates, mixing.kept);
    describe_floats(json, "scores", mixing.scores, mixing.experts);
    json_close_object(json);
}

static void describe_routes(struct json_writer *json, pmoe_routing routing)
{
    json_open_array(json, "experts");
    for (int32_t s = 0; s < routing.experts; s++) {
        int off = what_if_is_off(&(pmoe_what_if){.off = routing.off}, s);
        int32_t kept = off ? 0 : routing.kept, patches = off ? 0 : routing.patches;
        json_open_object(json, NULL);
        json_open_array(json, "picks");
        for (int32_t j = 0; j < kept; j++)
            json_add_int(json, NULL, routing.picks[s * routing.kept + j]);
        json_close_array(json);
        describe_floats(json, "gates", routing.gates + s * routing.kept, kept);
        describe_floats(json, "scores", routing.scores + (size_t)s * (size_t)routing.patches, patches);
        json_close_object(json);
    }
    json_close_array(json);
}

static void describe_what_if(struct json_writer *json, const pmoe_run *run)
{
    int32_t at = run->model->routed >= 0 ? run->model->routed : run->model->mixed;
    json_open_object(json, "what_if");
    json_add_int(json, "kept", run->model->graph.layer[at].kept);
    json_open_array(json, "off");
    for (int32_t e = 0; e < run->model->graph.layer[at].experts; e++)
        if (what_if_is_off(&run->what_if, e))
            json_add_int(json, NULL, e);
    json_close_array(json);
    json_add_int(json, "multiply_adds", pmoe_run_multiply_adds(run));
    json_close_object(json);
}

size_t pmoe_run_describe(const pmoe_run *run, int32_t item, const float *logits, char *text, size_t capacity)
{
    const pmoe_model *model = run->model;
    float probabilities[GRAPH_MAX_CLASSES];
    int32_t index = pmoe_probabilities(model, logits, probabilities);
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_text(&json, "model", model->graph.name);
    json_add_text(&json, "class", pmoe_model_class(model, index));
    json_add_int(&json, "index", index);
    json_open_array(&json, "probabilities");
    for (int32_t c = 0; c < model->graph.classes; c++) {
        json_open_object(&json, NULL);
        json_add_text(&json, "class", pmoe_model_class(model, c));
        json_add_number(&json, "probability", (double)probabilities[c], 9);
        json_close_object(&json);
    }
    json_close_array(&json);
    describe_floats(&json, "logits", logits, model->graph.outputs);
    pmoe_routing routing = pmoe_run_routing(run, item);
    if (routing.experts)
        describe_routes(&json, routing);
    pmoe_mixing mixing = pmoe_run_mixing(run, item);
    if (mixing.experts)
        describe_mixing(&json, mixing);
    if (run->what_if.kept || run->what_if.off)
        describe_what_if(&json, run);
    json_close_object(&json);
    return json.length;
}
