/* The layers that ONNX has too, outside of experts and inside; routed ones are in routing.c. */
#include "onnx.h"

int onnx_is_flat(struct shape shape)
{
    return (shape.kind == SHAPE_VECTOR || shape.kind == SHAPE_MAP) && shape.a == 1 && shape.b == 1;
}

struct onnx_name onnx_value(const struct onnx *onnx, int32_t layer, const struct onnx_place *place)
{
    const struct graph *graph = onnx->graph;
    if (layer == GRAPH_IMAGE)
        return onnx_name(graph->height == 1 && graph->width == 1 ? "image/out" : "image");
    if (layer == GRAPH_EXPERT)
        return place->given;
    if (layer == graph->last)
        return onnx_name("logits");
    const char *name = graph->layer[layer].name;
    if (place->expert < 0)
        return onnx_name("%s/out", name);
    return onnx_name("%s/%c%d", name, place->zeros ? 'z' : 'e', (int)place->expert);
}

struct onnx_name onnx_layer_input(const struct onnx *onnx, int32_t layer, const struct onnx_place *place)
{
    return onnx_value(onnx, onnx->graph->layer[layer].input, place);
}

struct onnx_name onnx_as_map(struct onnx *onnx, const char *input, struct shape shape, const char *output)
{
    if (!onnx_is_flat(shape))
        return onnx_name("%s", input);
    struct onnx_name map = onnx_name("%s/in", output);
    onnx_reshape(onnx, map.text, input, 4, (const int64_t[]){-1, shape.c, 1, 1});
    return map;
}

static void add_bias(struct onnx *onnx, int32_t at, const struct onnx_place *place)
{
    int32_t bias = onnx->graph->layer[at].bias;
    if (bias >= 0)
        onnx_input(onnx, onnx_weight(onnx, bias, place, 0, NULL).text);
}

/* Gemm of [batch][values] with weights [filters][values], whatever shape the file has them in. */
static void add_gemm(struct onnx *onnx, int32_t at, const struct onnx_place *place, const char *input, int64_t values)
{
    const struct layer *layer = &onnx->graph->layer[at];
    struct onnx_name weight = onnx_weight(onnx, layer->weight, place, 2, (const int64_t[]){layer->shape.c, values});
    onnx_begin(onnx, "Gemm", onnx_value(onnx, at, place).text, input, weight.text, NULL);
    add_bias(onnx, at, place);
    onnx_int(onnx, "transB", 1);
    onnx_end(onnx);
}

static void add_linear(struct onnx *onnx, int32_t at, const struct onnx_place *place)
{
    add_gemm(onnx, at, place, onnx_layer_input(onnx, at, place).text, graph_input_shape(onnx->graph, at).c);
}

static void add_conv(struct onnx *onnx, int32_t at, const struct onnx_place *place)
{
    const struct layer *layer = &onnx->graph->layer[at];
    struct shape in = graph_input_shape(onnx->graph, at);
    struct onnx_name out = onnx_value(onnx, at, place), input = onnx_layer_input(onnx, at, place);
    int is_patch = layer->type == LAYER_PATCH_CONV, flat = onnx_is_flat(layer->shape);
    int64_t kernel = is_patch ? layer->patch : layer->kernel, stride = is_patch ? kernel : layer->stride;
    int64_t padding = is_patch ? 0 : layer->padding;
    if (in.a == kernel && in.b == kernel && padding == 0) { /* one window, all there is: a matrix */
        struct onnx_name row = onnx_name("%s/row", out.text);
        if (onnx_is_flat(in)) {
            row = input;
        } else {
            onnx_begin(onnx, "Flatten", row.text, input.text, NULL, NULL);
            onnx_int(onnx, "axis", 1);
            onnx_end(onnx);
        }
        add_gemm(onnx, at, place, row.text, kernel * kernel * in.c);
        return;
    }
    struct onnx_name map = flat ? onnx_name("%s/map", out.text) : out;
    struct onnx_name from = onnx_as_map(onnx, input.text, in, out.text);
    struct onnx_name weight = onnx_weight(onnx, layer->weight, place, 0, NULL);
    onnx_begin(onnx, "Conv", map.text, from.text, weight.text, NULL);
    add_bias(onnx, at, place);
    onnx_ints(onnx, "kernel_shape", 2, (const int64_t[]){kernel, kernel});
    onnx_ints(onnx, "strides", 2, (const int64_t[]){stride, stride});
    onnx_ints(onnx, "pads", 4, (const int64_t[]){padding, padding, padding, padding});
    onnx_end(onnx);
    if (flat)
        onnx_reshape(onnx, out.text, map.text, 2, (const int64_t[]){-1, layer->shape.c});
}

static void add_batch_norm(struct onnx *onnx, int32_t at, const struct onnx_place *place)
{
    const struct layer *layer = &onnx->graph->layer[at];
    struct onnx_name input = onnx_layer_input(onnx, at, place);
    struct onnx_name weight = onnx_weight(onnx, layer->weight, place, 0, NULL);
    onnx_begin(onnx, "BatchNormalization", onnx_value(onnx, at, place).text, input.text, weight.text, NULL);
    const int32_t others[] = {layer->bias, layer->mean, layer->variance};
    for (int32_t i = 0; i < 3; i++)
        onnx_input(onnx, onnx_weight(onnx, others[i], place, 0, NULL).text);
    onnx_float(onnx, "epsilon", layer->epsilon);
    onnx_end(onnx);
}

static void add_pool(struct onnx *onnx, int32_t at, const struct onnx_place *place)
{
    struct shape in = graph_input_shape(onnx->graph, at);
    struct onnx_name out = onnx_value(onnx, at, place), input = onnx_layer_input(onnx, at, place);
    if (in.kind == SHAPE_ROUTED) {
        onnx_routed_pool(onnx, at);
        return;
    }
    if (onnx_is_flat(in)) {
        onnx_op(onnx, "Identity", out.text, input.text, NULL);
        return;
    }
    struct onnx_name map = onnx_name("%s/map", out.text);
    int is_max = onnx->graph->layer[at].type == LAYER_MAX_POOL;
    onnx_op(onnx, is_max ? "GlobalMaxPool" : "GlobalAveragePool", map.text, input.text, NULL);
    onnx_reshape(onnx, out.text, map.text, 2, (const int64_t[]){-1, in.c});
}

void onnx_layer(struct onnx *onnx, int32_t layer, const struct onnx_place *place)
{
    const struct layer *at = &onnx->graph->layer[layer];
    struct onnx_name out = onnx_value(onnx, layer, place);
    switch (at->type) {
    case LAYER_CONV:
    case LAYER_PATCH_CONV: add_conv(onnx, layer, place); break;
    case LAYER_BATCH_NORM: add_batch_norm(onnx, layer, place); break;
    case LAYER_RELU: onnx_op(onnx, "Relu", out.text, onnx_layer_input(onnx, layer, place).text, NULL); break;
    case LAYER_ADD:
        onnx_op(onnx, "Add", out.text, onnx_layer_input(onnx, layer, place).text,
                onnx_value(onnx, at->with, place).text);
        break;
    case LAYER_AVG_POOL:
    case LAYER_MAX_POOL: add_pool(onnx, layer, place); break;
    case LAYER_LINEAR: add_linear(onnx, layer, place); break;
    case LAYER_PATCH_ROUTER: onnx_patch_router(onnx, layer); break;
    case LAYER_EXPERT_GROUP: onnx_group(onnx, layer); break;
    case LAYER_SAMPLE_ROUTER: onnx_sample_router(onnx, layer); break;
    case LAYER_MIXTURE: onnx_mixture(onnx, layer); break;
    }
}
