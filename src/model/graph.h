/* The layer list: what a model is, apart from its numbers.
 *
 * Read from and written to JSON (safetensors metadata key `pmoe.model`), checked as a whole before anything is
 * allocated for it: after graph_read every shape, product and index in here is sound.  Plain data with fixed limits,
 * so that it can be copied, compared and sized at compile time.
 *
 *     {"version": 1, "name": "mosaic-separate",
 *      "input": {"height": 112, "width": 112, "channels": 1},
 *      "classes": ["0", "1"],
 *      "layers": [
 *       {"name": "router",  "type": "patch_router", "input": "image", "patch": 28, "experts": 2},
 *       {"name": "experts", "type": "expert_group", "input": "image", "router": "router", "kept": 2, "gate": "hard",
 *        "expert": [{"type": "patch_conv", "patch": 28, "filters": 20}, {"type": "relu"}]},
 *       {"name": "pool",    "type": "avg_pool", "divisor": "n"},
 *       {"name": "out",     "type": "linear", "outputs": 1}]}
 *
 * "input" names an earlier layer or "image"; without it a layer reads the one before it.  "bias" (patch_conv, linear,
 * also inside "expert") is false unless given.  Unknown keys are refused by name: a typing mistake must not become a
 * silent default. */
#ifndef PMOE_MODEL_GRAPH_H
#define PMOE_MODEL_GRAPH_H

#include "../base/json.h"
#include "../pmoe.h"

enum {
    GRAPH_VERSION = 1,
    GRAPH_MAX_LAYERS = 64,
    GRAPH_MAX_TENSORS = 128,
    GRAPH_MAX_CLASSES = 1000,
    GRAPH_CLASS_BYTES = 8 * GRAPH_MAX_CLASSES, /* all labels together, each with its 0 */
    GRAPH_NAME_BYTES = 32,
    GRAPH_TENSOR_NAME_BYTES = 48,
    GRAPH_MAX_SIDE = 4096,      /* height, width, patch */
    GRAPH_MAX_CHANNELS = 65536, /* channels, filters, outputs, linear inputs */
    GRAPH_MAX_EXPERTS = 1024,
    GRAPH_MAX_PATCHES = 4096, /* n of a router */
};
#define GRAPH_MAX_ELEMENTS ((int64_t)1 << 28) /* of any one activation or tensor */

enum layer_type {
    LAYER_PATCH_CONV, /* kernel = stride = patch; output map [high][wide][filters] */
    LAYER_RELU,
    LAYER_AVG_POOL, /* over the patches of a map, or per expert over its kept patches; output vector */
    LAYER_LINEAR,
    LAYER_PATCH_ROUTER, /* scores [experts][n]: one linear kernel of patch size an expert (g of A1) */
    LAYER_EXPERT_GROUP, /* top-l, gates, experts on the kept patches; output [experts][kept][filters], times G */
};

enum gate_form {
    GATE_HARD,         /* G = 1 (eq. 3) */
    GATE_TOPL_SOFTMAX, /* softmax over the l kept scores (eq. 4) */
    GATE_SOFTMAX_TOPL, /* softmax over all n, the l kept values as they are (the paper's CIFAR and CelebA code) */
};

enum pool_divisor {
    POOL_BY_PATCHES, /* "n": all patches of the image (the paper's code) */
    POOL_BY_KEPT,    /* "l": the kept ones (eq. 1); the same as n where nothing was dropped */
};

enum shape_kind {
    SHAPE_MAP,    /* [a = height][b = width][c = channels] */
    SHAPE_ROUTED, /* [a = experts][b = kept][c = filters] */
    SHAPE_SCORES, /* [a = experts][b = patches][c = 1]; only an expert group may read it, as its router */
    SHAPE_VECTOR, /* a = b = 1, c values */
};

struct shape {
    enum shape_kind kind;
    int32_t a, b, c;
};

#define GRAPH_IMAGE (-1) /* as a layer's input: the image itself */

struct layer {
    enum layer_type type;
    char name[GRAPH_NAME_BYTES];
    int32_t input;               /* index of an earlier layer, or GRAPH_IMAGE */
    int32_t router;              /* expert group: index of its patch_router; else -1 */
    int32_t patch;               /* conv, router, group: side of a patch in pixels of the input map */
    int32_t high, wide, patches; /* conv, router, group: the grid of patches; patches = high * wide = n.
                                    pool: patches = n of what it pools */
    int32_t filters;             /* conv: c of the output; group: per expert; linear: outputs */
    int32_t experts, kept;       /* router, group: k; group: l */
    enum gate_form gate;         /* group */
    enum pool_divisor divisor;   /* pool */
    int32_t has_bias;            /* conv, group, linear */
    int32_t has_relu;            /* group: the expert ends in a ReLU */
    struct shape shape;          /* of the output */
    int32_t weight, bias;        /* index into tensors, or -1 */
};

/* One row per tensor.  Loading, packing, saving, training, gradient checks and `info` all walk this table. */
struct tensor {
    char name[GRAPH_TENSOR_NAME_BYTES]; /* "experts.weight" */
    int32_t layer;
    int32_t rank;
    int64_t dims[5]; /* conv [f][c][p][p]; router [k][c][p][p]; group [k][f][c][p][p]; linear
                        [outputs][inputs]; biases [f], [k][f], [outputs]: PyTorch's order */
    int64_t count;   /* product of dims */
};

struct graph {
    char name[GRAPH_NAME_BYTES];
    int32_t height, width, channels;
    int32_t outputs, classes;           /* outputs 1 and classes 2, or equal */
    char class_text[GRAPH_CLASS_BYTES]; /* the labels one after the other, each with its 0 */
    int32_t class_at[GRAPH_MAX_CLASSES];
    int32_t layers, tensors;
    struct layer layer[GRAPH_MAX_LAYERS];
    struct tensor tensor[GRAPH_MAX_TENSORS];
    int64_t parameters;
};

/* Parse and check.  Errors name the layer, what was expected and what was found (PMOE_E_FORMAT, _GRAPH or _LIMIT);
 * *graph is then unspecified.  Unused fields and rows are 0, so equal graphs are equal bytes. */
PMOE_MUST_USE pmoe_status graph_read(const char *text, size_t bytes, const pmoe_allocator *scratch, struct graph *graph,
                                     pmoe_error *error);

/* The layer list again: graph_read of the result gives the same graph.  Like snprintf; see json_writer. */
size_t graph_write(const struct graph *graph, char *text, size_t capacity);

/* Counted multiply-adds of one image in one layer: a router counts n patches, a group k * l. */
int64_t layer_multiply_adds(const struct graph *graph, int32_t layer);

int64_t shape_count(struct shape shape);
struct shape graph_input_shape(const struct graph *graph, int32_t layer); /* of what that layer reads */
const char *layer_type_name(enum layer_type type);
const char *gate_form_name(enum gate_form gate);
const char *pool_divisor_name(enum pool_divisor divisor);

#endif
