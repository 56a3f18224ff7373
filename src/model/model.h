/* Inside a model: the checked layer list and its weights, packed for one instruction set. */
#ifndef PMOE_MODEL_H
#define PMOE_MODEL_H

#include "../base/memory.h"
#include "../kernels/conv.h"
#include "../kernels/kernels.h"
#include "graph.h"

/* How one layer is carried out.  A batch norm, a sum or a ReLU that the layer before can do while it stores its result
 * is folded into that layer: it has no work and no memory of its own. */
struct layer_plan {
    struct patch_shape patch; /* patch_conv, routers, linear: how a row of the input lies in memory */
    struct conv conv;         /* conv */
    int32_t outs;             /* outputs of one packed matrix: filters or experts */
    int32_t matrices;         /* packed matrices: one an expert inside of experts, else 1 */
    size_t panel_floats;      /* of one matrix */
    float *panels;            /* [matrices][panel_floats] */
    float *bias;              /* [matrices][outs] or NULL; a batch norm's shift */
    float *scale;             /* batch_norm that is not folded: [matrices][channels] */
    int32_t *table;       /* conv: its offsets (conv.h); patch layers and groups: [patches] offset of a patch's first
                             float in the input map */
    float *constant;      /* group whose dropped patches are zeros: [experts][c], what an expert makes of one */
    int32_t norm;         /* the batch_norm folded into this one's weights, or -1 */
    int32_t relu;         /* apply ReLU while storing */
    int32_t adds, addend; /* conv: whether it adds another layer's output before that, and whose */
    int32_t stored_by;    /* the layer that stores this one's output: itself, or the one it is folded into */
    int32_t in_group;     /* it is the last of its stack and stores into its group's output */
    int32_t copies;       /* group: a layer other than a convolution reads the patches, so they are copied first */
    size_t in_floats;     /* of one map or vector that it reads */
    int64_t out_count;    /* floats of one image's output, as stored; of an inner layer: for one patch */
    size_t out_at;       /* offset in a run's activations, in floats per image of a batch; lifetimes share.  Of an inner
                            layer: in a run's stack, per patch that passes it at once */
    size_t stack_floats; /* group, mixture: floats of all outputs inside, for one patch or image */
};

enum model_memory {
    MODEL_SHARE_MEMORY, /* outputs whose lifetimes do not meet share memory, layers are folded: inference */
    MODEL_KEEP_ALL,     /* every output stays readable after a pass but for what ReLUs and sums are made of: training */
};

/* What a layer was seen to read: the least and the largest finite number; least above most: nothing. */
struct input_range {
    float least, most;
};

/* Does anything here train?  In a browser nothing does, and what only training asks of passes is gone. */
#if defined(__wasm__)
#define HAS_TRAINING 0
#else
#define HAS_TRAINING 1
#endif

struct pmoe_model {
    pmoe_allocator allocator;
    void *block; /* the one allocation, this struct included */
    size_t bytes;
    const struct kernels *kernels;
    struct graph graph;
    struct layer_plan plan[GRAPH_MAX_LAYERS];
    enum model_memory memory;
    size_t activations; /* floats per image of all outputs outside of experts, lifetimes overlaid */
    int32_t routed;     /* index of the first expert group, or -1 */
    int32_t mixed;      /* index of the first mixture, or -1 */
    char *metadata;     /* the file's metadata object as JSON text, or "{}" */
};

static inline int model_keeps_all(const pmoe_model *model)
{
    return HAS_TRAINING && model->memory == MODEL_KEEP_ALL;
}

/* A model from a layer list, its weights all 0 until model_pack.  `metadata` is JSON text of an object; ranges as for
 * model_plan. */
PMOE_MUST_USE pmoe_status model_create(const struct graph *graph, const char *metadata, size_t metadata_bytes,
                                       enum model_memory memory, const struct input_range *ranges,
                                       const pmoe_options *options, pmoe_model **model, pmoe_error *error);

/* pmoe_model_open, with ranges as for model_plan. */
PMOE_MUST_USE pmoe_status model_open(const void *file, size_t file_bytes, const struct input_range *ranges,
                                     const pmoe_options *options, pmoe_model **model, pmoe_error *error);

/* ---- Eight bits (calibrate.c) ---- */

/* Whether a layer is a convolution that eight bits suit: it reads no pixels, and its sums fit 32 bits. */
int model_suits_int8(const pmoe_model *model, int32_t layer);

int32_t model_int8_layers(const pmoe_model *model); /* how many run in eight bits */

/* Pass `count` images through a model in floats; ranges [layers] become what those layers read, inside of experts all
 * of them together. */
PMOE_MUST_USE pmoe_status model_calibrate(const pmoe_model *model, const float *images, int32_t count,
                                          struct input_range *ranges, pmoe_error *error);

/* Widen a range by what one convolution reads: `images` maps or patches. */
void input_range_see(struct input_range *range, const struct conv *conv, const float *const *x, int32_t images);

/* Decide how each layer is carried out, and where its output lies (plan.c).  ranges NULL, or [layers] what each layer
 * was seen to read: convolutions that can then run in eight bits. */
void model_plan(pmoe_model *model, const struct input_range *ranges);
void model_plan_kept(pmoe_model *model); /* where outputs lie once groups keep more or fewer; all else stays */

/* ---- Weights (weights.c) ---- */

/* Tensors are [..][channels][patch][patch] in files, PyTorch's order, and [..][patch][patch][channels] in memory, the
 * order of a patch's floats.  Both ways for row `tensor` of the table; file_bytes may be unaligned. */
void tensor_from_file(const struct graph *graph, int32_t tensor, const unsigned char *file_bytes, float *values);
void tensor_to_file(const struct graph *graph, int32_t tensor, const float *values, float *file_values);

/* Put new values of one layer in place, in memory's order.  bias is ignored where the plan has none. */
void model_pack(pmoe_model *model, int32_t layer, const float *weight, const float *bias);

/* A batch norm as an affine map by channel, y = scale * x + shift; scale may be `variance` itself and shift `mean`. */
void norm_affine(const float *gamma, const float *beta, const float *mean, const float *variance, float epsilon,
                 size_t count, float *scale, float *shift);

/* All weights of a file, whose tensors must be the layers' tensors. */
struct safetensors;
PMOE_MUST_USE pmoe_status model_load_weights(pmoe_model *model, const struct safetensors *view, pmoe_error *error);

/* What experts make of a patch of zeros, for groups that need it; after their weights (experts.c). */
PMOE_MUST_USE pmoe_status model_find_constants(pmoe_model *model, pmoe_error *error);

/* ---- A run, as training sees it ---- */

/* Where a layer's output lies: its first float, and of the last of a stack how far apart the rows of its group's are.
 */
struct run_place {
    float *first;
    size_t row;
};

struct pmoe_run {
    const pmoe_model *model; /* of a what-if: its changed copy, in the run's block */
    pmoe_what_if what_if;    /* zeroed: none */
    void *block;
    size_t bytes;
    struct pool *pool;     /* what passes may use; NULL: one thread */
    struct pool *own_pool; /* the same if it is to be closed with the run; NULL if it is another's */
    struct pool *awake;    /* the same in a pass that is worth waking it for, else NULL: what layers use */
    int32_t max_batch, batch;
    int32_t at_once;    /* images that pass all layers together: a batch goes in parts, so that an image is still in the
                           cache when experts read it after the router; training, which keeps outputs, passes it whole */
    int32_t first, now; /* the part under way: images first .. first + now - 1 */
    float *activations; /* [model->activations * at_once], layers at plan.out_at * at_once */
    const float **rows; /* pointers for one kernel call */
    const float **given;     /* patches or vectors of the expert under way: those that pass its stack now */
    const float **all_given; /* all of them */
    int32_t *from;           /* mixture: the kept place, image * kept + j, that each of those came from */
    float *copies;           /* those that pass now, where they are copied */
    float *stack;            /* outputs inside of experts, for stack_images patches */
    struct run_place output[GRAPH_MAX_LAYERS]; /* read through run_output */
    /* How many patches or vectors pass the stack of a group or mixture together: as many as leave what lies between its
     * layers in the second-level cache, so that l = n is not slower a patch than l = 2. */
    int32_t stack_images[GRAPH_MAX_LAYERS];
    const float *zeros; /* training: as large as any input of a group whose dropped patches are zeros; one of
                           these, for all of them, is then the last that each expert is given.  Else NULL: what
                           experts make of one is the plan's constant */
    float *scratch;     /* of convolutions; in own_scratch once threads need more than one does */
    size_t scratch_floats;
    void *own_scratch;
    /* What training does in its own way; NULL: as in inference.  Batch norms, whose statistics are those of the images
     * under way; scores of a sample router for the part under way; what happens to a linear layer's outputs. */
    void (*norm)(void *training, int32_t layer, int32_t images);
    void (*score)(void *training, int32_t router);
    void (*drop)(void *training, int32_t layer, int32_t images);
    void *training;
    struct input_range *ranges;     /* [layers] while calibrating, else NULL */
    float *lists[GRAPH_MAX_LAYERS]; /* of a router, its scores, lists side by side for route(): [batch][n][experts that
                                       are on], or of a sample router for the part under way, [experts][now] */
    float *slots;                   /* scratch of route() */
    const float *images;            /* of the part under way; afterwards of the last one */
    int32_t expert;                 /* under way; its outputs begin at this row of the group's */
    int32_t expert_row;
    float *scores[GRAPH_MAX_LAYERS];  /* sample routers: [batch][k]; of patch routers, once asked for, [batch][k][n] */
    int32_t *picks[GRAPH_MAX_LAYERS]; /* groups: [batch][k][l] patches; mixtures: [batch][kept] experts */
    float *gates[GRAPH_MAX_LAYERS];   /* likewise */
};

/* Multiply-adds of one image's pass in calls that threads may share. */
int64_t model_pool_work(const pmoe_model *model);

/* Let passes use a pool that outlives them; NULL: one thread.  On failure the run keeps what it had. */
PMOE_MUST_USE pmoe_status run_use_pool(pmoe_run *run, struct pool *pool, pmoe_error *error);

/* Output of a layer for the part under way.  Expert groups: [k][now][l][c], before gates on outputs, which the pool
 * applies, or where a patch of zeros is fed [k][now * l + 1][c]; inner layers: [rows][...] of the expert under way; all
 * others [now][...].  A folded layer's output is that of the layer that stores it. */
float *run_output(const pmoe_run *run, int32_t layer);
void run_place_outputs(pmoe_run *run);                      /* once a run, its memory laid out */
const float *run_input(const pmoe_run *run, int32_t layer); /* the image, or the output of the layer it reads */

/* Row pointers: to the first floats of `images` maps or vectors that a layer reads, or to those of their patches,
 * inside of experts of what the one under way was given: in `rows`, or what the run has of them already.  Or, in
 * `rows`, of the patches that an expert of a group kept; returns how many. */
const float **run_whole_inputs(const pmoe_run *run, int32_t layer, int32_t images, const float **rows);
const float **run_patch_inputs(const pmoe_run *run, int32_t layer, int32_t images, const float **rows);
int32_t run_kept_rows(const pmoe_run *run, int32_t group, int32_t expert, const float **rows);

/* Is a patch of zeros the last that experts of this group are given?  0 or 1. */
int32_t run_feeds_zeros(const pmoe_run *run, int32_t group);
/* Scores [k][n] of one image of the last batch by a patch router, those of experts that are off as they were.  A pass
 * leaves them by patch, as route() wants them, and this puts them in order, a fiftieth of a small pass. */
const float *run_patch_scores(const pmoe_run *run, int32_t router, int32_t item);

/* Scores [rows][experts] of vectors by a sample router, and what comes of one image's by its rule. */
void run_sample_scores(const pmoe_run *run, int32_t router, const float *const *x, int32_t rows, float *scores);
void run_standardise(float *scores, int32_t experts);

/* One expert's stack once more on what it was given, of a run that keeps all: outputs inside are there until the next
 * one's.  Leaves the expert under way; returns how many patches or vectors that were, for a mixture maybe 0. */
int32_t run_stack(pmoe_run *run, int32_t group, int32_t expert);

/* A pass in pieces, for benchmarks to time them.  run_part begins the part of run->batch images whose first one is
 * `first` and returns how many it has; run_layer over the layers outside of experts then does what pmoe_forward does.
 * A group's or mixture's layer is run_route, top-l and gates, then run_experts; of that, run_gather is the finding of
 * what each expert was given, by itself. */
int32_t run_part(pmoe_run *run, const float *images, int32_t first);
void run_layer(pmoe_run *run, int32_t layer);
void run_route(pmoe_run *run, int32_t group);
void run_gather(pmoe_run *run, int32_t group);
void run_experts(pmoe_run *run, int32_t group);

/* ---- What-ifs (what_if.c) ---- */

/* A scratch copy of a model whose layers keep what they are to keep; *copy is the caller's to give back. */
PMOE_MUST_USE pmoe_status what_if_copy(const pmoe_model *model, const pmoe_what_if *what_if, pmoe_model **copy,
                                       pmoe_error *error);

/* Take room for the run's own copy of the model that it names, and for routers of the experts that are on; unless the
 * arena only counts, make them, and the run's model is the copy. */
void what_if_lay_out(pmoe_run *run, struct arena *arena);

enum { WHAT_IF_EXPERTS = 64 }; /* bits of pmoe_what_if.off */

static inline int what_if_is_off(const pmoe_what_if *what_if, int32_t expert)
{
    return what_if->off && expert < WHAT_IF_EXPERTS && (what_if->off >> expert & 1);
}

/* Where the stretch of neighbouring experts that are on, from `first` on, ends. */
int32_t what_if_stretch(const pmoe_what_if *what_if, int32_t first, int32_t experts);

/* Scores [now][experts] by a sample router: what is off ranks below all else and has no part in a softmax. */
void what_if_rank_last(const pmoe_run *run, float *scores, int32_t experts);

/* What a run asks of the allocator. */
size_t run_bytes(const pmoe_model *model, int32_t max_batch);

/* Would training feed a patch of zeros to experts of this group? */
int32_t group_has_zeros(const struct graph *graph, int32_t group);

/* Whether each expert of a group is one matrix by its patches as they lie: all of them are one call. */
int32_t group_is_matrix(const pmoe_model *model, int32_t group);

/* What one pool divides by. */
int32_t pool_divisor_value(const struct graph *graph, int32_t pool);

#endif
