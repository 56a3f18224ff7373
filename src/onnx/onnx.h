/* An ONNX graph being written: its nodes and its constants, and the names that tie them together.
 *
 * Values are NCHW.  A map of one pixel is kept as a vector, [batch][c], so that it and a vector are one thing to all
 * who read it.  Names: "image" and "logits" are the model's; what a layer gives is "conv1/out", what expert 3 makes of
 * an inner layer "experts.conv1/e3", or "experts.conv1/z3" of a patch of zeros; steps on the way have a part behind
 * that. Constants bear the names of our tensors, "experts.weight[3]" for the part of one expert. */
#ifndef PMOE_ONNX_ONNX_H
#define PMOE_ONNX_ONNX_H

#include "../model/graph.h"
#include "../model/safetensors.h"
#include "proto.h"

struct onnx_name {
    char text[112];
};

/* A constant; its values are part of the description, or stay where they are in the weights file. */
struct onnx_constant {
    size_t at, bytes;         /* of the description, in `described` */
    const unsigned char *raw; /* NULL: part of the description */
    size_t raw_bytes;
};

struct onnx {
    const struct graph *graph;
    const struct safetensors *view;
    enum pmoe_onnx_form form;
    struct proto nodes;             /* fields `node` of the graph message */
    struct proto described;         /* constants, one after the other */
    struct proto constants;         /* [constant_count] struct onnx_constant */
    size_t constant_count, open_at; /* open_at: the node between onnx_begin and onnx_end */
    int32_t node_count;
};

/* Where a layer stands: outside of experts, or in the stack of one, working on `given`. */
struct onnx_place {
    int32_t expert; /* -1: outside */
    int32_t zeros;  /* 1: what this expert answers to a dropped patch */
    struct onnx_name given;
};

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
struct onnx_name
onnx_name(const char *format, ...);

/* ---- Nodes (onnx.c) ---- */

/* A node with one output, of up to three inputs (NULL: none); attributes go between the two. */
void onnx_begin(struct onnx *onnx, const char *op, const char *output, const char *a, const char *b, const char *c);
void onnx_int(struct onnx *onnx, const char *name, int64_t value);
void onnx_float(struct onnx *onnx, const char *name, float value);
void onnx_ints(struct onnx *onnx, const char *name, int32_t count, const int64_t *values);
void onnx_input(struct onnx *onnx, const char *name);  /* one more */
void onnx_output(struct onnx *onnx, const char *name); /* one more */
void onnx_end(struct onnx *onnx);

/* Without attributes. */
void onnx_op(struct onnx *onnx, const char *op, const char *output, const char *a, const char *b);

/* Nodes that take a constant, which they make; -1 in a shape stands for what is left. */
void onnx_reshape(struct onnx *onnx, const char *output, const char *input, int32_t rank, const int64_t *shape);
void onnx_unsqueeze(struct onnx *onnx, const char *output, const char *input, int64_t axis);

/* ---- Constants (onnx.c) ---- */

struct onnx_name onnx_int64s(struct onnx *onnx, const char *name, int32_t count, const int64_t *values);
struct onnx_name onnx_scalar(struct onnx *onnx, const char *name, float value);

/* A row of the tensor table, in the shape given or (rank 0) its own; of a stack the part of one expert.  Answers name
 * it again: those to a patch of zeros use the constants of the expert's others. */
struct onnx_name onnx_weight(struct onnx *onnx, int32_t tensor, const struct onnx_place *place, int32_t rank,
                             const int64_t *shape);

/* All experts' matrices of a group's row, [k][filters][values] in the file, as [k][values][filters]. */
struct onnx_name onnx_weight_transposed(struct onnx *onnx, int32_t tensor);

/* One filter of a router's row, and what it or the part of one expert (-1: the whole) is called. */
void onnx_weight_filter(struct onnx *onnx, int32_t tensor, int32_t filter);
struct onnx_name onnx_weight_name(const struct onnx *onnx, int32_t tensor, int32_t part);

/* ---- Layers ---- */

int onnx_is_flat(struct shape shape); /* a vector or a map of one pixel: [batch][c] */

/* What a layer gives, or reads, at a place. */
struct onnx_name onnx_value(const struct onnx *onnx, int32_t layer, const struct onnx_place *place);
struct onnx_name onnx_layer_input(const struct onnx *onnx, int32_t layer, const struct onnx_place *place);

/* An input as a map in any case. */
struct onnx_name onnx_as_map(struct onnx *onnx, const char *input, struct shape shape, const char *output);

/* The nodes of one layer (layers.c); groups, mixtures and routed pools take those of routing.c. */
void onnx_layer(struct onnx *onnx, int32_t layer, const struct onnx_place *place);

/* PMOE_E_GRAPH if a group cannot be written in the form asked for. */
PMOE_MUST_USE pmoe_status onnx_check_form(const struct onnx *onnx, pmoe_error *error);
void onnx_group(struct onnx *onnx, int32_t group);
void onnx_mixture(struct onnx *onnx, int32_t mixture);
void onnx_routed_pool(struct onnx *onnx, int32_t pool);
void onnx_patch_router(struct onnx *onnx, int32_t router);
void onnx_sample_router(struct onnx *onnx, int32_t router);

#endif
