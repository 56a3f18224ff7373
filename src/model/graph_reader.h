/* Reading a layer list, inside: the values of a layer (graph_values.c) and the rules of each type (graph_rules.c). */
#ifndef PMOE_MODEL_GRAPH_READER_H
#define PMOE_MODEL_GRAPH_READER_H

#include "graph.h"

struct reader {
    struct json json;
    struct graph *graph;
    pmoe_error *error;
    int32_t at;                              /* the layer being read */
    int32_t group;                           /* whose stack is being read, or -1 */
    char place[96];                          /* opens every sentence: layer "experts.a" */
    unsigned char is_read[GRAPH_MAX_LAYERS]; /* whether a later layer reads it */
};

static inline struct layer *reader_layer(const struct reader *r)
{
    return &r->graph->layer[r->at];
}

/* Errors name the layer again, after its parts were read. */
void reader_place(struct reader *r);

PMOE_MUST_USE pmoe_status reader_keys(const struct reader *r, json_node object, const char *const *keys);
PMOE_MUST_USE pmoe_status reader_name(const struct reader *r, json_node object, char *name, size_t capacity);
PMOE_MUST_USE pmoe_status reader_type(const struct reader *r, json_node object, enum layer_type *type);

/* 1 .. high */
PMOE_MUST_USE pmoe_status reader_count(const struct reader *r, json_node object, const char *key, int32_t high,
                                       int32_t *count);
/* low .. high, `otherwise` if the key is not there */
PMOE_MUST_USE pmoe_status reader_optional(const struct reader *r, json_node object, const char *key, int32_t low,
                                          int32_t high, int32_t otherwise, int32_t *value);
/* A finite number above 0, `otherwise` if the key is not there. */
PMOE_MUST_USE pmoe_status reader_positive(const struct reader *r, json_node object, const char *key, float otherwise,
                                          float *value);
/* true or false; false if the key is not there */
PMOE_MUST_USE pmoe_status reader_flag(const struct reader *r, json_node object, const char *key, int32_t *flag);
/* The index of a text among `choices`, which end in NULL; the first if the key is not there and `optional` is set. */
PMOE_MUST_USE pmoe_status reader_choice(const struct reader *r, json_node object, const char *key, int optional,
                                        const char *const *choices, int32_t *choice);
/* An earlier layer of the same list, by its name there, or "image" outside of experts; marks it as read. */
PMOE_MUST_USE pmoe_status reader_reference(struct reader *r, json_node object, const char *key, int32_t *layer);
/* Whether a layer of the list being read has this full name. */
int reader_knows(const struct reader *r, const char *name);

pmoe_status reader_wrong_input(const struct reader *r, int32_t input, const char *expected);
PMOE_MUST_USE pmoe_status reader_elements(const struct reader *r, struct shape shape);

/* The next row of the tensor table, named after the layer, with one more dimension inside of experts. */
PMOE_MUST_USE pmoe_status reader_tensor(struct reader *r, const char *part, int32_t rank, const int64_t *dims,
                                        int32_t *index);

/* What is particular to the type of the layer being read: its keys and where it may be; once its input is known, its
 * shape and its tensors. */
PMOE_MUST_USE pmoe_status rules_check(const struct reader *r, json_node node);
PMOE_MUST_USE pmoe_status rules_read(struct reader *r, json_node node);

/* One layer and, of a group, its stack (graph_read.c, for rules that read one). */
PMOE_MUST_USE pmoe_status reader_read_layer(struct reader *r, json_node node);

struct shape_words {
    char text[64];
};
struct shape_words shape_describe(struct shape shape);

#endif
