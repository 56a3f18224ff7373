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
 * "input" names an earlier layer or "image"; without it a layer reads the one before it.  "bias" (of layers with
 * weights) is false unless given.  Unknown keys are refused by name: a typing mistake must not become a silent default.
 *
 * "expert" is a stack of layers that every expert of a group has, each with weights of its own: over one kept patch as
 * a map of its own (what lies beyond its edge is zeros, whatever the image has there), down to one vector a patch.
 *
 *       {"name": "experts", "type": "expert_group", "input": "stem", "router": "router", "kept": 4,
 *        "gate": "topl_softmax", "expert": [
 *         {"name": "a", "type": "conv", "kernel": 3, "padding": 1, "filters": 32, "bias": true}, {"type": "relu"},
 *         {"name": "b", "type": "conv", "kernel": 3, "padding": 1, "filters": 32}, {"type": "batch_norm", "name": "n"},
 *         {"name": "sum", "type": "add", "with": "a"}, {"type": "avg_pool", "divisor": "n"}]}
 *
 * Layers of a stack name each other without the group's name, and what the expert is given "patch".  One with a name
 * has tensors "experts.a.weight", one without "experts.weight".  A mixture is the same over whole images: each is sent
 * to the `kept` experts of largest score, whose outputs are added up, times their gates (paper 2's heads; kept =
 * experts is the soft one).
 *
 *       {"name": "gate", "type": "sample_router", "experts": 8, "bias": true, "normalise": true},
 *       {"name": "head", "type": "mixture", "input": "pool", "router": "gate", "kept": 2, "gate": "topl_softmax",
 *        "expert": [{"name": "in", "type": "linear", "outputs": 64, "bias": true}, {"type": "relu"},
 *                   {"name": "out", "type": "linear", "outputs": 10, "bias": true}]} */
#ifndef PMOE_MODEL_GRAPH_H
#define PMOE_MODEL_GRAPH_H

#include "../base/json.h"
#include "../pmoe.h"

enum {
    GRAPH_VERSION = 1,
    GRAPH_MAX_LAYERS = 128, /* those inside of experts included */
    GRAPH_MAX_TENSORS = 384,
    GRAPH_MAX_CLASSES = 1000,
    GRAPH_CLASS_BYTES = 8 * GRAPH_MAX_CLASSES, /* all labels together, each with its 0 */
    GRAPH_NAME_BYTES = 48,                     /* group and layer, "experts.a" */
    GRAPH_TENSOR_NAME_BYTES = 64,
    GRAPH_MAX_KERNEL = 15,      /* of a convolution with overlapping windows */
    GRAPH_MAX_SIDE = 4096,      /* height, width, patch */
    GRAPH_MAX_CHANNELS = 65536, /* channels, filters, outputs, linear inputs */
    GRAPH_MAX_EXPERTS = 1024,
    GRAPH_MAX_PATCHES = 4096, /* n of a router */
};
#define GRAPH_MAX_ELEMENTS ((int64_t)1 << 28) /* of any one activation or tensor */

enum layer_type {
    LAYER_CONV,       /* any kernel, stride and zero padding; output map */
    LAYER_PATCH_CONV, /* kernel = stride = patch; output map [high][wide][filters] */
    LAYER_BATCH_NORM, /* by channel, with stored mean and variance: inference */
    LAYER_RELU,
    LAYER_ADD,           /* two maps or vectors of one shape */
    LAYER_AVG_POOL,      /* over the pixels of a map, or per expert over its kept patches; output vector */
    LAYER_MAX_POOL,      /* the largest of each channel over the pixels of a map; output vector */
    LAYER_LINEAR,        /* of a vector, or of a map of one pixel */
    LAYER_PATCH_ROUTER,  /* scores [experts][n]: one linear kernel of patch size an expert (g of A1) */
    LAYER_EXPERT_GROUP,  /* top-l, gates, experts on the kept patches; output [experts][kept][c], times G */
    LAYER_SAMPLE_ROUTER, /* scores [experts] of a whole image from a vector */
    LAYER_MIXTURE,       /* sum of the gated outputs of the kept experts of an image; output vector */
};

enum gate_form {
    GATE_HARD,         /* G = 1 (eq. 3) */
    GATE_TOPL_SOFTMAX, /* softmax over the l kept scores (eq. 4) */
    GATE_SOFTMAX_TOPL, /* softmax over all n, the l kept values as they are (the paper's CIFAR and CelebA code) */
};

enum pool_divisor {
    POOL_BY_PATCHES, /* "n": all patches of the image (the paper's code), or all pixels */
    POOL_BY_KEPT,    /* "l": the kept ones (eq. 1); the same as n where nothing was dropped */
};

/* What a gate multiplies. */
enum gate_place {
    GATE_ON_OUTPUT, /* "output": what the expert makes of a patch (eq. 1) */
    GATE_ON_INPUT,  /* "input": the patch itself (the paper's code); another value wherever the expert is not linear */
};

/* What a dropped patch is to an expert. */
enum dropped_rule {
    DROPPED_ABSENT, /* "absent": nothing (eq. 1) */
    DROPPED_ZEROS,  /* "zeros": a patch of zeros, which biases and batch norms answer with a constant (the paper's
                       code); computed once, when the model is opened, and added by the pool n - l times */
};

enum shape_kind {
    SHAPE_MAP,    /* [a = height][b = width][c = channels] */
    SHAPE_ROUTED, /* [a = experts][b = kept][c] */
    SHAPE_SCORES, /* [a = experts][b = patches, or 1 of a sample router][c = 1]; only groups and mixtures read it */
    SHAPE_VECTOR, /* a = b = 1, c values */
};

struct shape {
    enum shape_kind kind;
    int32_t a, b, c;
};

#define GRAPH_IMAGE (-1)  /* as a layer's input: the image itself */
#define GRAPH_EXPERT (-2) /* as an inner layer's input: what its group hands to an expert, a patch or a vector */

/* Layers of a stack follow their group in the list, with the group's index in `group`. */
struct layer {
    enum layer_type type;
    char name[GRAPH_NAME_BYTES]; /* inside of an expert: "group.name", or "group.2" for the second, if it has none */
    int32_t has_name;            /* 0: an inner layer without one */
    int32_t group;               /* index of the group or mixture around it, or -1 */
    int32_t inner;               /* group, mixture: layers of its stack, the next so many of the list */
    int32_t input;               /* index of an earlier layer, GRAPH_IMAGE or GRAPH_EXPERT */
    int32_t with;                /* add: the second input, likewise; else -1 */
    int32_t router;              /* group, mixture: index of its router; else -1 */
    int32_t kernel, stride, padding; /* conv */
    int32_t patch;                   /* patch_conv, router, group: side of a patch in pixels of the input map */
    int32_t high, wide, patches;     /* patch_conv, router, group: the grid of patches; patches = high * wide = n.
                                        pool: patches = n of what it pools */
    int32_t filters;                 /* convs: c of the output; linear: outputs */
    int32_t experts, kept;           /* routers, group, mixture: k; group: l; mixture: experts an image keeps */
    enum gate_form gate;             /* group, mixture */
    enum gate_place gate_place;      /* group */
    enum dropped_rule dropped;       /* group */
    enum pool_divisor divisor;       /* pool */
    int32_t has_bias;                /* convs, linear, sample_router */
    int32_t normalise;      /* sample_router: scores are standardised over the experts of each image: minus their
                               mean, over their unbiased standard deviation + 1e-5 (paper 2's code) */
    float epsilon;          /* batch_norm */
    struct shape shape;     /* of the output; of an inner layer: for one patch or image */
    int32_t weight, bias;   /* index into tensors, or -1 */
    int32_t mean, variance; /* batch_norm: likewise */
};

/* One row per tensor.  Loading, packing, saving, training, gradient checks and `info` all walk this table. */
struct tensor {
    char name[GRAPH_TENSOR_NAME_BYTES]; /* "experts.weight", "block1.norm.running_var" */
    int32_t layer;
    int32_t rank;
    int64_t dims[5]; /* convs [f][c][p][p]; patch_router [k][c][p][p]; linear and sample_router [outputs][inputs];
                        biases and batch norms [f]: PyTorch's order; inside of experts [k] before all that */
    int64_t count;   /* product of dims */
};

struct graph {
    char name[GRAPH_NAME_BYTES];
    int32_t height, width, channels;
    int32_t outputs, classes;           /* outputs 1 and classes 2, or equal */
    char class_text[GRAPH_CLASS_BYTES]; /* the labels one after the other, each with its 0 */
    int32_t class_at[GRAPH_MAX_CLASSES];
    int32_t layers, tensors;
    int32_t last; /* the layer whose output is the model's */
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

/* Counted multiply-adds of one image in one layer: a router counts n patches, an inner layer the k * l patches of its
 * group or the kept experts of its mixture.  Convolutions count the products with padding too, as everybody does. */
int64_t layer_multiply_adds(const struct graph *graph, int32_t layer);

int64_t shape_count(struct shape shape);
struct shape graph_input_shape(const struct graph *graph, int32_t layer);              /* of what that layer reads */
struct shape graph_shape_of(const struct graph *graph, int32_t reader, int32_t input); /* of one of its inputs */
int32_t graph_stack_end(const struct graph *graph, int32_t group); /* the last layer of its stack: its output */
const char *layer_type_name(enum layer_type type);
const char *gate_form_name(enum gate_form gate);
const char *pool_divisor_name(enum pool_divisor divisor);
const char *gate_place_name(enum gate_place place);
const char *dropped_rule_name(enum dropped_rule rule);

#endif
