/* A whole model as ONNX: the layers in order, then everything put together in one block of known size.
 *
 * Weights are copied once, from the file to that block.  Nested messages begin with their length, so nodes and the
 * descriptions of constants are gathered first, and the sum of all sizes is known before the block is asked for. */
#include "onnx.h"

#include "../base/error.h"
#include "../base/memory.h"

#include <assert.h>
#include <string.h>

enum {
    IR_VERSION = 8,
    OPSET_VERSION = 17,
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_METADATA = 14,
    OPSET_NUMBER = 2,
    PAIR_KEY = 1,
    PAIR_VALUE = 2,
    GRAPH_NAME = 2,
    GRAPH_CONSTANT = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TENSOR_ELEMENT = 1,
    TENSOR_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_PARAMETER = 2,
    CONSTANT_RAW = 9,
    ELEMENT_FLOAT = 1,
    KEY_BYTES = 64,
};

/* ---- Model and graph, but for nodes and constants ---- */

static pmoe_status add_metadata(const struct safetensors *view, const pmoe_allocator *allocator, struct proto *head,
                                pmoe_error *error)
{
    const struct json *json = &view->header;
    for (json_node key = json_first(json, view->metadata); key != JSON_NONE; key = json_next(json, key)) {
        char name[KEY_BYTES], *value = NULL;
        if (json_text(json, key, "metadata", name, sizeof name, NULL) != PMOE_OK || strncmp(name, "pmoe.", 5) != 0)
            continue;
        TRY(safetensors_metadata(view, name, allocator, &value, error));
        size_t begun = proto_begin(head, MODEL_METADATA);
        proto_text(head, PAIR_KEY, name);
        proto_text(head, PAIR_VALUE, value);
        proto_end(head, begun);
        allocator_give(allocator, value);
    }
    return PMOE_OK;
}

static pmoe_status add_head(const struct safetensors *view, const pmoe_allocator *allocator, struct proto *head,
                            pmoe_error *error)
{
    proto_int(head, MODEL_IR_VERSION, IR_VERSION);
    proto_text(head, MODEL_PRODUCER, "pmoe");
    proto_text(head, MODEL_PRODUCER_VERSION, pmoe_version());
    size_t begun = proto_begin(head, MODEL_OPSET);
    proto_int(head, OPSET_NUMBER, OPSET_VERSION);
    proto_end(head, begun);
    return add_metadata(view, allocator, head, error);
}

/* An input or output: floats, any batch. */
static void add_value(struct proto *proto, int32_t field, const char *name, int32_t rank, const int32_t *dims)
{
    size_t value = proto_begin(proto, field);
    proto_text(proto, VALUE_NAME, name);
    size_t type = proto_begin(proto, VALUE_TYPE), tensor = proto_begin(proto, TYPE_TENSOR);
    proto_int(proto, TENSOR_ELEMENT, ELEMENT_FLOAT);
    size_t shape = proto_begin(proto, TENSOR_SHAPE), batch = proto_begin(proto, SHAPE_DIM);
    proto_text(proto, DIM_PARAMETER, "batch");
    proto_end(proto, batch);
    for (int32_t i = 0; i < rank; i++) {
        size_t dim = proto_begin(proto, SHAPE_DIM);
        proto_int(proto, DIM_VALUE, dims[i]);
        proto_end(proto, dim);
    }
    proto_end(proto, shape);
    proto_end(proto, tensor);
    proto_end(proto, type);
    proto_end(proto, value);
}

static void add_ends(const struct graph *graph, struct proto *ends)
{
    proto_text(ends, GRAPH_NAME, graph->name);
    add_value(ends, GRAPH_INPUT, "image", 3, (const int32_t[]){graph->channels, graph->height, graph->width});
    add_value(ends, GRAPH_OUTPUT, "logits", 1, (const int32_t[]){graph->outputs});
}

static void add_layers(struct onnx *onnx)
{
    const struct onnx_place outside = {.expert = -1};
    const struct graph *graph = onnx->graph;
    if (graph->height == 1 && graph->width == 1)
        onnx_reshape(onnx, "image/out", "image", 2, (const int64_t[]){-1, graph->channels});
    for (int32_t i = 0; i < graph->layers; i++)
        if (graph->layer[i].group < 0)
            onnx_layer(onnx, i, &outside);
}

/* ---- Putting together ---- */

static struct onnx_constant constant_at(const struct onnx *onnx, size_t index)
{
    struct onnx_constant constant;
    memcpy(&constant, onnx->constants.bytes + index * sizeof constant, sizeof constant);
    return constant;
}

static uint64_t constant_bytes(struct onnx_constant constant)
{
    uint64_t bytes = constant.bytes;
    return constant.raw ? bytes + proto_length_bytes(CONSTANT_RAW, constant.raw_bytes) + constant.raw_bytes : bytes;
}

static uint64_t graph_bytes(const struct onnx *onnx, const struct proto *ends)
{
    uint64_t bytes = (uint64_t)onnx->nodes.length + ends->length;
    for (size_t i = 0; i < onnx->constant_count; i++) {
        uint64_t one = constant_bytes(constant_at(onnx, i));
        bytes += proto_length_bytes(GRAPH_CONSTANT, one) + one;
    }
    return bytes;
}

static void append(struct proto *proto, const void *bytes, size_t count)
{
    unsigned char *at = proto_extend(proto, count);
    if (at && count)
        memcpy(at, bytes, count);
}

static pmoe_status put_together(const struct onnx *onnx, const struct proto *head, const struct proto *ends,
                                const pmoe_allocator *allocator, unsigned char **bytes, size_t *count,
                                pmoe_error *error)
{
    if (onnx->nodes.failed || onnx->described.failed || onnx->constants.failed || head->failed || ends->failed)
        return fail(error, PMOE_E_MEMORY, "model \"%s\": no memory for its ONNX nodes", onnx->graph->name);
    uint64_t graph = graph_bytes(onnx, ends);
    uint64_t total = head->length + proto_length_bytes(MODEL_GRAPH, graph) + graph;
    if (total > INT32_MAX)
        return fail(error, PMOE_E_LIMIT,
                    "model \"%s\": takes %llu bytes as ONNX, at most %d fit a protocol buffer (2 GiB - 1)",
                    onnx->graph->name, (unsigned long long)total, INT32_MAX);
    struct proto out = {.allocator = *allocator, .capacity = (size_t)total};
    out.bytes = allocator_take(allocator, (size_t)total);
    if (!out.bytes)
        return fail(error, PMOE_E_MEMORY, "model \"%s\": no memory for its %llu bytes of ONNX", onnx->graph->name,
                    (unsigned long long)total);
    append(&out, head->bytes, head->length);
    proto_length(&out, MODEL_GRAPH, graph);
    append(&out, onnx->nodes.bytes, onnx->nodes.length);
    append(&out, ends->bytes, ends->length);
    for (size_t i = 0; i < onnx->constant_count; i++) {
        struct onnx_constant constant = constant_at(onnx, i);
        proto_length(&out, GRAPH_CONSTANT, constant_bytes(constant));
        append(&out, onnx->described.bytes + constant.at, constant.bytes);
        if (constant.raw)
            proto_bytes(&out, CONSTANT_RAW, constant.raw, constant.raw_bytes);
    }
    assert(out.length == total);
    *bytes = out.bytes;
    *count = out.length;
    return PMOE_OK;
}

static pmoe_status write_model(struct onnx *onnx, const pmoe_allocator *allocator, unsigned char **bytes, size_t *count,
                               pmoe_error *error)
{
    TRY(onnx_check_form(onnx, error));
    struct proto head, ends;
    proto_open(&head, allocator);
    proto_open(&ends, allocator);
    proto_open(&onnx->nodes, allocator);
    proto_open(&onnx->described, allocator);
    proto_open(&onnx->constants, allocator);
    pmoe_status status = add_head(onnx->view, allocator, &head, error);
    if (status == PMOE_OK) {
        add_layers(onnx);
        add_ends(onnx->graph, &ends);
        status = put_together(onnx, &head, &ends, allocator, bytes, count, error);
    }
    proto_close(&onnx->constants);
    proto_close(&onnx->described);
    proto_close(&onnx->nodes);
    proto_close(&ends);
    proto_close(&head);
    return status;
}

static pmoe_status export_view(const struct safetensors *view, pmoe_onnx_form form, const pmoe_allocator *allocator,
                               struct graph *graph, unsigned char **bytes, size_t *count, pmoe_error *error)
{
    char *text;
    TRY(safetensors_metadata(view, "pmoe.model", allocator, &text, error));
    pmoe_status status = graph_read(text, strlen(text), allocator, graph, error);
    allocator_give(allocator, text);
    struct onnx onnx = {.graph = graph, .view = view, .form = form};
    return status == PMOE_OK ? write_model(&onnx, allocator, bytes, count, error) : status;
}

pmoe_status pmoe_export_onnx(const void *file, size_t file_bytes, pmoe_onnx_form form, const pmoe_options *options,
                             unsigned char **onnx, size_t *onnx_bytes, pmoe_error *error)
{
    *onnx = NULL;
    *onnx_bytes = 0;
    if (form < PMOE_ONNX_SHARED || form > PMOE_ONNX_NAIVE)
        return fail(error, PMOE_E_ARGUMENT, "export: form is %d, expected 0 to %d", (int)form, PMOE_ONNX_NAIVE);
    /* Opening it checks everything that what follows relies on: the layer list, and that the tensors are its own. */
    pmoe_model *model;
    TRY(pmoe_model_open(file, file_bytes, options, &model, error));
    pmoe_model_close(&model);
    pmoe_allocator allocator = allocator_or_malloc(options ? &options->allocator : NULL);
    struct safetensors view;
    TRY(safetensors_open(file, file_bytes, &allocator, &view, error));
    struct graph *graph = allocator_take(&allocator, sizeof *graph);
    pmoe_status status =
        graph ? export_view(&view, form, &allocator, graph, onnx, onnx_bytes, error)
              : fail(error, PMOE_E_MEMORY, "export: no memory for the layer list (%zu bytes)", sizeof *graph);
    allocator_give(&allocator, graph);
    safetensors_close(&view, &allocator);
    return status;
}
