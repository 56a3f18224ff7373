/* Inside a model: the checked layer list and its weights, packed for one instruction set. */
#ifndef PMOE_MODEL_H
#define PMOE_MODEL_H

#include "../base/memory.h"
#include "../kernels/kernels.h"
#include "graph.h"

struct layer_plan {
    struct patch_shape patch; /* conv, router, group, linear: how a row of the input lies in memory */
    int32_t outs;             /* outputs of one packed matrix: filters, experts, or a group's filters per expert */
    int32_t matrices;         /* packed matrices: experts of a group, else 1 */
    size_t panel_floats;      /* of one matrix */
    float *panels;            /* [matrices][panel_floats] */
    float *bias;              /* [matrices][outs] or NULL */
    int32_t *patch_at;        /* [patches] offset of a patch's first float in the input map; conv, router, group */
    int32_t relu;             /* apply ReLU while storing: the next layer is one and nobody else reads this */
    int32_t folded;           /* this ReLU is done by the layer before; it has no work and no memory of its own */
    int64_t out_count;        /* floats of one image's output, as stored */
    size_t out_at;            /* offset in a run's activations, in floats per image of a batch; lifetimes share */
};

enum model_memory {
    MODEL_SHARE_MEMORY, /* outputs whose lifetimes do not meet share memory: inference */
    MODEL_KEEP_ALL,     /* every output stays readable after a pass: training */
};

struct pmoe_model {
    pmoe_allocator allocator;
    void *block; /* the one allocation, this struct included */
    size_t bytes;
    const struct kernels *kernels;
    struct graph graph;
    struct layer_plan plan[GRAPH_MAX_LAYERS];
    enum model_memory memory;
    size_t activations; /* floats per image of all outputs, lifetimes overlaid */
    int32_t routed;     /* index of the first expert group, or -1 */
    char *metadata;     /* the file's metadata object as JSON text, or "{}" */
};

/* A model from a layer list, its weights all 0 until model_pack.  `metadata` is JSON text of an object. */
PMOE_MUST_USE pmoe_status model_create(const struct graph *graph, const char *metadata, size_t metadata_bytes,
                                       enum model_memory memory, const pmoe_options *options, pmoe_model **model,
                                       pmoe_error *error);

/* Tensors are [..][channels][patch][patch] in files, PyTorch's order, and [..][patch][patch][channels] in memory, the
 * order of a patch's floats.  Both ways for row `tensor` of the table; file_bytes may be unaligned. */
void tensor_from_file(const struct graph *graph, int32_t tensor, const unsigned char *file_bytes, float *values);
void tensor_to_file(const struct graph *graph, int32_t tensor, const float *values, float *file_values);

/* Put new values of one layer in place, in memory's order.  bias is ignored where the layer has none. */
void model_pack(pmoe_model *model, int32_t layer, const float *weight, const float *bias);

/* ---- A run, as training sees it ---- */

struct pmoe_run {
    const pmoe_model *model;
    void *block;
    size_t bytes;
    int32_t max_batch, batch;
    int32_t at_once;    /* images that pass all layers together: a batch goes in parts, so that an image is still in the
                           cache when experts read it after the router; training, which keeps outputs, passes it whole */
    int32_t first, now; /* the part under way: images first .. first + now - 1 */
    float *activations; /* [model->activations * at_once], layers at plan.out_at * at_once */
    const float **rows; /* pointers for one kernel call */
    float *by_patch;    /* router scores as the kernel leaves them, [now * n][k] */
    const float *images;              /* of the part under way; afterwards of the last one */
    float *scores[GRAPH_MAX_LAYERS];  /* routers: [batch][k][n] */
    int32_t *picks[GRAPH_MAX_LAYERS]; /* groups: [batch][k][l] */
    float *gates[GRAPH_MAX_LAYERS];   /* groups: [batch][k][l] */
};

/* Output of a layer for the part under way.  Expert groups: [k][now][l][filters], before gates, which the pool applies;
 * all others [now][...].  A folded ReLU's output is that of the layer before it. */
float *run_output(const pmoe_run *run, int32_t layer);
const float *run_input(const pmoe_run *run, int32_t layer); /* the image, or the output of the layer it reads */

/* Row pointers of every patch of every image, or for a group of those that expert `expert` kept; returns how many. */
int32_t run_patch_rows(const pmoe_run *run, int32_t layer, const float **rows);
int32_t run_kept_rows(const pmoe_run *run, int32_t group, int32_t expert, const float **rows);
int32_t run_vector_rows(const pmoe_run *run, int32_t layer, const float **rows); /* one per image: linear layers */

/* What one pool divides by. */
int32_t pool_divisor_value(const struct graph *graph, int32_t pool);

#endif
