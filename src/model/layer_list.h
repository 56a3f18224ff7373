/* Layer lists as JSON text, layer by layer, for those who make models of their own: recipes and benchmarks.
 *
 * The keys are those that graph_rules.c reads.  name NULL: the reader numbers the layer.  input NULL: it reads the
 * layer before it; inside of an expert the first reads what the expert is given. */
#ifndef PMOE_MODEL_LAYER_LIST_H
#define PMOE_MODEL_LAYER_LIST_H

#include "../base/json.h"
#include "graph.h"

/* One name that is made of parts. */
struct layer_name {
    char text[GRAPH_NAME_BYTES];
};

/* The list up to its array of class labels, which the caller fills; then its layers; then their end. */
void list_begin(struct json_writer *json, const char *name, int32_t height, int32_t width, int32_t channels);
void list_begin_layers(struct json_writer *json);
void list_end(struct json_writer *json);

/* The caller adds what the type asks for and closes the object. */
void list_open_layer(struct json_writer *json, const char *name, enum layer_type type, const char *input);

void list_plain(struct json_writer *json, const char *name, enum layer_type type, const char *input);

/* Padded so that every `stride` pixels of the input give one, and no more than that: nothing where windows do not
 * overlap. */
void list_conv(struct json_writer *json, const char *name, const char *input, int32_t kernel, int32_t stride,
               int32_t filters, int has_bias);
void list_patch_conv(struct json_writer *json, const char *name, int32_t patch, int32_t filters, int has_bias);
void list_linear(struct json_writer *json, const char *name, const char *input, int32_t outputs, int has_bias);
void list_sum(struct json_writer *json, const char *name, const char *input, const char *with);
void list_avg_pool(struct json_writer *json, const char *name, const char *divisor);

void list_patch_router(struct json_writer *json, const char *name, const char *input, int32_t patch, int32_t experts);

/* With a bias, as paper 2's have; normalise: standardises its scores. */
void list_sample_router(struct json_writer *json, const char *name, const char *input, int32_t experts, int normalise);

/* A group or a mixture up to its stack: the layers of one expert are the caller's, and list_close_experts. */
struct list_experts {
    const char *name, *input, *router;
    int32_t kept;
    const char *gate;            /* gate_form_name's */
    const char *gated, *dropped; /* or NULL: as the reader has it where nothing is said */
};
void list_open_experts(struct json_writer *json, enum layer_type type, struct list_experts experts);
void list_close_experts(struct json_writer *json);

#endif
