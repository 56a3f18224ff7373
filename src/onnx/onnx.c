/* Nodes and constants of an ONNX graph; see onnx.h.  Field numbers are those of onnx.proto. */
#include "onnx.h"

#include "../base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    GRAPH_NODE = 1,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_TYPE = 20,
    TYPE_FLOAT = 1,
    TYPE_INT = 2,
    TYPE_INTS = 7,
    TENSOR_DIM = 1,
    TENSOR_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    DATA_FLOAT = 1,
    DATA_INT64 = 7,
};

struct onnx_name onnx_name(const char *format, ...)
{
    struct onnx_name name;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(name.text, sizeof name.text, format, arguments);
    va_end(arguments);
    assert(length >= 0 && (size_t)length < sizeof name.text);
    (void)length;
    return name;
}

/* ---- Nodes ---- */

void onnx_begin(struct onnx *onnx, const char *op, const char *output, const char *a, const char *b, const char *c)
{
    onnx->open_at = proto_begin(&onnx->nodes, GRAPH_NODE);
    onnx->node_count++;
    if (a)
        onnx_input(onnx, a);
    if (b)
        onnx_input(onnx, b);
    if (c)
        onnx_input(onnx, c);
    if (output)
        onnx_output(onnx, output);
    if (output)
        proto_text(&onnx->nodes, NODE_NAME, output);
    proto_text(&onnx->nodes, NODE_OP, op);
}

void onnx_input(struct onnx *onnx, const char *name)
{
    proto_text(&onnx->nodes, NODE_INPUT, name);
}

void onnx_output(struct onnx *onnx, const char *name)
{
    proto_text(&onnx->nodes, NODE_OUTPUT, name);
}

void onnx_int(struct onnx *onnx, const char *name, int64_t value)
{
    size_t begun = proto_begin(&onnx->nodes, NODE_ATTRIBUTE);
    proto_text(&onnx->nodes, ATTRIBUTE_NAME, name);
    proto_int(&onnx->nodes, ATTRIBUTE_I, value);
    proto_int(&onnx->nodes, ATTRIBUTE_TYPE, TYPE_INT);
    proto_end(&onnx->nodes, begun);
}

void onnx_float(struct onnx *onnx, const char *name, float value)
{
    size_t begun = proto_begin(&onnx->nodes, NODE_ATTRIBUTE);
    proto_text(&onnx->nodes, ATTRIBUTE_NAME, name);
    proto_float(&onnx->nodes, ATTRIBUTE_F, value);
    proto_int(&onnx->nodes, ATTRIBUTE_TYPE, TYPE_FLOAT);
    proto_end(&onnx->nodes, begun);
}

void onnx_ints(struct onnx *onnx, const char *name, int32_t count, const int64_t *values)
{
    size_t begun = proto_begin(&onnx->nodes, NODE_ATTRIBUTE);
    proto_text(&onnx->nodes, ATTRIBUTE_NAME, name);
    for (int32_t i = 0; i < count; i++)
        proto_int(&onnx->nodes, ATTRIBUTE_INTS, values[i]);
    proto_int(&onnx->nodes, ATTRIBUTE_TYPE, TYPE_INTS);
    proto_end(&onnx->nodes, begun);
}

void onnx_end(struct onnx *onnx)
{
    proto_end(&onnx->nodes, onnx->open_at);
}

void onnx_op(struct onnx *onnx, const char *op, const char *output, const char *a, const char *b)
{
    onnx_begin(onnx, op, output, a, b, NULL);
    onnx_end(onnx);
}

void onnx_reshape(struct onnx *onnx, const char *output, const char *input, int32_t rank, const int64_t *shape)
{
    onnx_op(onnx, "Reshape", output, input, onnx_int64s(onnx, onnx_name("%s/shape", output).text, rank, shape).text);
}

void onnx_unsqueeze(struct onnx *onnx, const char *output, const char *input, int64_t axis)
{
    onnx_op(onnx, "Unsqueeze", output, input, onnx_int64s(onnx, onnx_name("%s/axes", output).text, 1, &axis).text);
}

/* ---- Constants ---- */

/* Begin the description of a constant; what it says of its values comes after. */
static size_t begin_constant(struct onnx *onnx, const char *name, int32_t type, int32_t rank, const int64_t *dims)
{
    size_t at = onnx->described.length;
    for (int32_t i = 0; i < rank; i++)
        proto_int(&onnx->described, TENSOR_DIM, dims[i]);
    proto_int(&onnx->described, TENSOR_TYPE, type);
    proto_text(&onnx->described, TENSOR_NAME, name);
    return at;
}

static void end_constant(struct onnx *onnx, size_t at, const unsigned char *raw, size_t raw_bytes)
{
    struct onnx_constant constant = {at, onnx->described.length - at, raw, raw_bytes};
    unsigned char *row = proto_extend(&onnx->constants, sizeof constant);
    if (!row)
        return;
    memcpy(row, &constant, sizeof constant);
    onnx->constant_count++;
}

struct onnx_name onnx_int64s(struct onnx *onnx, const char *name, int32_t count, const int64_t *values)
{
    size_t at = begin_constant(onnx, name, DATA_INT64, 1, (const int64_t[]){count});
    proto_length(&onnx->described, TENSOR_RAW, (uint64_t)count * 8);
    unsigned char *raw = proto_extend(&onnx->described, (size_t)count * 8);
    for (int32_t i = 0; raw && i < count; i++)
        for (int32_t byte = 0; byte < 8; byte++)
            *raw++ = (unsigned char)((uint64_t)values[i] >> 8 * byte);
    end_constant(onnx, at, NULL, 0);
    return onnx_name("%s", name);
}

struct onnx_name onnx_scalar(struct onnx *onnx, const char *name, float value)
{
    size_t at = begin_constant(onnx, name, DATA_FLOAT, 0, NULL);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const unsigned char raw[4] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits >> 16),
                                  (unsigned char)(bits >> 24)};
    proto_bytes(&onnx->described, TENSOR_RAW, raw, sizeof raw);
    end_constant(onnx, at, NULL, 0);
    return onnx_name("%s", name);
}

/* A tensor's bytes in the file, which was opened as a model before: it is there, and of the table's shape. */
static const unsigned char *bytes_of(const struct onnx *onnx, const struct tensor *row)
{
    struct safetensors_entry entry = {.bytes = NULL};
    int found = safetensors_find(onnx->view, row->name, &entry);
    assert(found && (int64_t)entry.count == row->count);
    (void)found;
    return entry.bytes;
}

struct onnx_name onnx_weight_name(const struct onnx *onnx, int32_t tensor, int32_t part)
{
    const struct tensor *row = &onnx->graph->tensor[tensor];
    return part < 0 ? onnx_name("%s", row->name) : onnx_name("%s[%d]", row->name, (int)part);
}

struct onnx_name onnx_weight(struct onnx *onnx, int32_t tensor, const struct onnx_place *place, int32_t rank,
                             const int64_t *shape)
{
    const struct tensor *row = &onnx->graph->tensor[tensor];
    int32_t skipped = place->expert < 0 ? 0 : 1; /* dimensions */
    struct onnx_name name = onnx_weight_name(onnx, tensor, place->expert);
    if (place->zeros)
        return name;
    const int64_t *dims = rank ? shape : row->dims + skipped;
    size_t at = begin_constant(onnx, name.text, DATA_FLOAT, rank ? rank : row->rank - skipped, dims);
    size_t bytes = (size_t)(row->count / (skipped ? row->dims[0] : 1)) * sizeof(float);
    end_constant(onnx, at, bytes_of(onnx, row) + (skipped ? (size_t)place->expert * bytes : 0), bytes);
    return name;
}

void onnx_weight_filter(struct onnx *onnx, int32_t tensor, int32_t filter)
{
    const struct tensor *row = &onnx->graph->tensor[tensor];
    const int64_t dims[] = {1, row->dims[1], row->dims[2], row->dims[3]};
    size_t at = begin_constant(onnx, onnx_weight_name(onnx, tensor, filter).text, DATA_FLOAT, 4, dims);
    size_t bytes = (size_t)(row->count / row->dims[0]) * sizeof(float);
    end_constant(onnx, at, bytes_of(onnx, row) + (size_t)filter * bytes, bytes);
}

struct onnx_name onnx_weight_transposed(struct onnx *onnx, int32_t tensor)
{
    const struct tensor *row = &onnx->graph->tensor[tensor];
    size_t experts = (size_t)row->dims[0], filters = (size_t)row->dims[1];
    size_t values = (size_t)row->count / (experts * filters);
    struct onnx_name name = onnx_name("%s[transposed]", row->name);
    const int64_t dims[] = {(int64_t)experts, (int64_t)values, (int64_t)filters};
    size_t at = begin_constant(onnx, name.text, DATA_FLOAT, 3, dims);
    const unsigned char *from = bytes_of(onnx, row);
    proto_length(&onnx->described, TENSOR_RAW, (uint64_t)row->count * sizeof(float));
    unsigned char *raw = proto_extend(&onnx->described, (size_t)row->count * sizeof(float));
    for (size_t k = 0; raw && k < experts; k++)
        for (size_t v = 0; v < values; v++)
            for (size_t f = 0; f < filters; f++, raw += sizeof(float))
                memcpy(raw, from + ((k * filters + f) * values + v) * sizeof(float), sizeof(float));
    end_constant(onnx, at, NULL, 0);
    return name;
}
