/* pmoe.h: patch-level mixture-of-experts CNNs.  The public interface, and its manual.
 *
 *     pmoe_model *model; pmoe_run *run; pmoe_error why;
 *     if (pmoe_model_open(file, file_bytes, NULL, &model, &why)) { puts(why.text); return 1; }
 *     if (pmoe_run_open(model, 1, &run, &why))                   { puts(why.text); return 1; }
 *     pmoe_forward(run, image, 1, logits);                  image: [height][width][channels], 0 to 1
 *     pmoe_routing r = pmoe_run_routing(run, 0);            which patches each expert took
 *     pmoe_run_close(&run); pmoe_model_close(&model);
 *
 * The papers: "Patch-level Routing in Mixture-of-Experts is Provably Sample-efficient for Convolutional Neural
 * Networks" (ICML 2023); equation numbers below are that paper's.  Symbols: n patches an image, k experts, l patches
 * that each expert keeps (top-l), m filters in all.
 *
 * Conventions.  Activations are NHWC, floats.  Counts are elements; a size in bytes ends in _bytes.  Every call that
 * can fail on what it was given returns a status and, where it takes a pmoe_error, a sentence that names the place,
 * what was expected and what was found.  Outputs are untouched on failure unless said otherwise.  Nothing here exits,
 * prints, or keeps state between handles; a model is read-only after opening and may be shared by threads, a run may
 * not.  Same input, same seed, same build: same bytes.
 */
#ifndef PMOE_H
#define PMOE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PMOE_MUST_USE __attribute__((warn_unused_result))
#else
#define PMOE_MUST_USE
#endif

/* ---- Status and errors ------------------------------------------------------------------------------------------ */

typedef enum pmoe_status {
    PMOE_OK = 0,
    PMOE_E_ARGUMENT, /* a call or an option that makes no sense; the caller's mistake */
    PMOE_E_MEMORY,   /* the allocator said no; nothing was kept */
    PMOE_E_IO,       /* a file could not be read or written */
    PMOE_E_FORMAT,   /* bytes that are not what they claim to be */
    PMOE_E_CHECKSUM, /* bytes that are well formed and yet not those that were saved */
    PMOE_E_GRAPH,    /* layers that do not fit each other, or tensors that do not fit the layers */
    PMOE_E_LIMIT,    /* more than this build accepts; the limit is named */
} pmoe_status;

typedef struct pmoe_error {
    pmoe_status status;
    char text[252]; /* one sentence, no newline */
} pmoe_error;

const char *pmoe_status_name(pmoe_status status);
const char *pmoe_version(void);

/* ---- Options: memory and instruction set ------------------------------------------------------------------------ */

/* Where memory comes from.  alloc returns NULL when there is none; blocks are aligned for any type.  A model and a run
 * are one block each, of a size computed before it is asked for; scratch asked for while opening is given back before
 * the call returns; a forward pass asks for nothing.  A zeroed struct stands for malloc and free. */
typedef struct pmoe_allocator {
    void *(*alloc)(void *user, size_t bytes);
    void (*release)(void *user, void *block);
    void *user;
} pmoe_allocator;

typedef struct pmoe_options {
    const char *isa; /* NULL or "best", or a name that pmoe_isa_name lists; where a set differs from another in eight
                        bits only, a model in floats runs that other's kernels, and says so */
    pmoe_allocator allocator;
} pmoe_options;

/* Instruction sets that this build has and this CPU runs, "scalar" first, the best last. */
int pmoe_isa_count(void);
const char *pmoe_isa_name(int index);

/* ---- Models ----------------------------------------------------------------------------------------------------- */

typedef struct pmoe_model pmoe_model;

/* Open a safetensors file whose metadata holds a layer list under the key `pmoe.model`; weights/README.md describes
 * it.  The file is copied from, never kept.  options may be NULL.  *model is NULL on failure. */
PMOE_MUST_USE pmoe_status pmoe_model_open(const void *file, size_t file_bytes, const pmoe_options *options,
                                          pmoe_model **model, pmoe_error *error);

/* The same with its convolutions in eight bits, those inside of experts included, but for those that read the image
 * itself; everything else is in floats, routers too.  Weights have a step for each output; what a convolution reads is
 * rounded to steps of a 127th of the range that it had when `count` images [height][width][channels] passed the model
 * in floats, which happens here, on one thread; the images are not kept.  Results are near those in floats, not equal:
 * choose images as those to come, and hold accuracy against accuracy.  A layer that read nothing but zeros stays in
 * floats.  Passes, what-ifs and threads are as of any model; golden outputs, which are of floats, are not checked.
 *
 * Working memory while opening: the model in floats with a run of up to 16 images, given back before the other opens.
 * PMOE_E_ARGUMENT if count is below 1 or no layer suits; else as pmoe_model_open. */
PMOE_MUST_USE pmoe_status pmoe_model_open_int8(const void *file, size_t file_bytes, const pmoe_options *options,
                                               const float *images, int32_t count, pmoe_model **model,
                                               pmoe_error *error);
void pmoe_model_close(pmoe_model **model); /* NULL and pointers to NULL are fine; the pointer is nulled */

typedef struct pmoe_info {
    const char *name;                   /* the model's own; lives as long as the model */
    const char *isa;                    /* whose kernels it runs */
    int32_t height, width, channels;    /* of one input image */
    int32_t outputs, classes;           /* one output and two classes: logistic; else equal: softmax */
    int32_t patches_high, patches_wide; /* grid of the first patch layer; n = high * wide */
    int32_t experts, kept;              /* k and l; both 0 for a dense model */
    int32_t mixed_experts, mixed_kept;  /* of the first mixture, and how many of them an image keeps; or both 0 */
    int64_t parameters;
    int64_t multiply_adds; /* of one image, counted: routers, experts and linear layers */
    size_t model_bytes;    /* what the model itself asked of the allocator */
    size_t run_bytes;      /* what a run for one image at a time asks, all of it: a pass asks for nothing more */
    int32_t int8_layers;   /* of a model opened in eight bits, else 0 */
} pmoe_info;

pmoe_info pmoe_model_info(const pmoe_model *model);
const char *pmoe_model_class(const pmoe_model *model, int32_t class_index); /* its label; NULL out of range */

/* The layers, shapes, parameters and multiply-adds, and the file's metadata, as JSON.  Like snprintf: writes at most
 * capacity bytes with a final 0 and returns the length of the whole text, so a first call with (NULL, 0) sizes it. */
size_t pmoe_model_describe(const pmoe_model *model, char *text, size_t capacity);

/* ---- Forward passes --------------------------------------------------------------------------------------------- */

typedef struct pmoe_run pmoe_run;

/* Working memory for up to max_batch images at a time; the model must outlive it.  PMOE_E_LIMIT above 4096. */
PMOE_MUST_USE pmoe_status pmoe_run_open(const pmoe_model *model, int32_t max_batch, pmoe_run **run, pmoe_error *error);
void pmoe_run_close(pmoe_run **run);
size_t pmoe_run_bytes(const pmoe_run *run);

/* What if the same weights were routed otherwise?  A zeroed struct changes nothing.  It is of all layers that route
 * patches; of a model without any, of its mixtures. */
typedef struct pmoe_what_if {
    int32_t kept; /* l, 1 to n, or of a mixture the experts that an image keeps, 1 to k; 0: the model's own */
    uint64_t off; /* bit e: expert e is switched off; experts from 64 on cannot be */
} pmoe_what_if;

/* pmoe_run_open for that; what_if may be NULL.  Top-l, gates and a pool's divisor "l" follow the new l, the divisor "n"
 * stays.  An expert of patches that is off is neither scored nor run, and its channels of the pool's output are 0: it
 * adds nothing, nor does what it would make of dropped patches.  All may be off; what reads the pool then sees zeros.
 * An expert of a mixture that is off has the score -INFINITY, so that no image keeps it and the gates are of the
 * others; one must stay on, and no more are kept than are on.  Costs a copy of the layer list and of the routers'
 * weights, from the same block.  PMOE_E_ARGUMENT if nothing is routed, kept is not 0 to n (or k) of each such layer, or
 * an expert is off that one of them has not; PMOE_E_LIMIT if l patches make more than one activation may hold. */
PMOE_MUST_USE pmoe_status pmoe_run_open_what_if(const pmoe_model *model, int32_t max_batch, const pmoe_what_if *what_if,
                                                pmoe_run **run, pmoe_error *error);

/* Counted multiply-adds of one image in this run: those of pmoe_info, but with the patches kept here, and without the
 * experts that are off.  What reads the pool counts whole. */
int64_t pmoe_run_multiply_adds(const pmoe_run *run);

/* Let the run's passes use so many threads, the caller included; 0: one per CPU that this process may use; at most 256.
 * They belong to the run, sleep between passes and end with it.  They come from the system, what they need to work from
 * the allocator, beside pmoe_run_bytes.  Used only where they pay, and no result depends on them.  On failure the run
 * keeps what it had. */
PMOE_MUST_USE pmoe_status pmoe_run_threads(pmoe_run *run, int32_t threads, pmoe_error *error);

/* logits [batch][outputs] from images [batch][height][width][channels].  PMOE_E_ARGUMENT if batch is not 1..max_batch.
 * No allocation.  The routing of every image stays readable until the next pass. */
PMOE_MUST_USE pmoe_status pmoe_forward(pmoe_run *run, const float *images, int32_t batch, float *logits);

/* How the first routed layer treated one image of the last pass.  Pointers live until the next pass. */
typedef struct pmoe_routing {
    int32_t experts, kept, patches; /* k, l of this run, n; all 0 for a dense model */
    uint64_t off;                   /* pmoe_what_if's: such an expert's picks are -1, its gates and scores 0 */
    const int32_t *picks;           /* [k][l] patch index, largest score first; ties: the lower index first */
    const float *gates;             /* [k][l] G of eq. 1; 1 everywhere for hard gates */
    const float *scores;            /* [k][n] routing values <w_s, x_j> */
} pmoe_routing;

pmoe_routing pmoe_run_routing(const pmoe_run *run, int32_t item);

/* Which experts the first mixture sent one image of the last pass to.  Pointers live until the next pass. */
typedef struct pmoe_mixing {
    int32_t experts, kept; /* both 0 for a model without a mixture */
    const int32_t *picks;  /* [kept] expert index, largest score first; ties: the lower index first */
    const float *gates;    /* [kept] what each one's output was multiplied by */
    const float *scores;   /* [experts]; -INFINITY of one that is off */
} pmoe_mixing;

pmoe_mixing pmoe_run_mixing(const pmoe_run *run, int32_t item);

/* Probabilities [classes] from the logits [outputs] of one image: softmax, or for one output (1 - p, p) with
 * p = 1 / (1 + exp(-logit)).  Returns the likeliest class; ties: the lower one. */
int32_t pmoe_probabilities(const pmoe_model *model, const float *logits, float *probabilities);

/* One image of the last pass as JSON: class, probabilities, logits, and for a routed model each expert's patches, gates
 * and scores.  Of a what-if also what differs: kept, experts that are off (from 0), multiply-adds; an expert that is
 * off has no picks, gates and scores.  logits [outputs] are that image's.  Like snprintf; see pmoe_model_describe. */
size_t pmoe_run_describe(const pmoe_run *run, int32_t item, const float *logits, char *text, size_t capacity);

/* ---- Time ---------------------------------------------------------------------------------------------------------
 */

typedef struct pmoe_timing {
    double first_ns;                   /* the first call of all: cold */
    double median_ns, low_ns, high_ns; /* of one call in steady state: median and quartiles over the samples */
    int32_t samples, calls;            /* samples of `calls` calls each */
} pmoe_timing;

/* Time forward passes of several models, interleaved: sample 1 of each run, then sample 2 of each, ... so that drift
 * hits all alike.  Calls per sample are fitted so that one sample spans at least 100 steps of the clock; passes of the
 * same run that are not counted come before it, for 2 ms; at least 7 samples, then as many as budget_ns allows.
 * images[r] belongs to runs[r].  clock_ns must never run backwards. */
PMOE_MUST_USE pmoe_status pmoe_time_runs(pmoe_run *const *runs, const float *const *images, int32_t count,
                                         int32_t batch, double budget_ns, double (*clock_ns)(void),
                                         pmoe_timing *timings, pmoe_error *error);

/* The smallest step that clock_ns was seen to make; 0 if it stood still. */
double pmoe_clock_step_ns(double (*clock_ns)(void));

/* ---- Trust: does this machine compute what it should? ------------------------------------------------------------ */

/* Check every kernel of one instruction set against the double-precision oracle on random shapes, borders poisoned.
 * isa NULL or "best" as above.  rounds: how many times all shapes; 0: each tile shape once on few numbers, a few
 * milliseconds even before a browser has optimized anything.  On failure the error names kernel, shape and first bad
 * index. */
PMOE_MUST_USE pmoe_status pmoe_self_test(const char *isa, int32_t rounds, uint64_t seed, int32_t *checks,
                                         pmoe_error *error);

/* Run the model on the test input that its file names (metadata `pmoe.golden`) and compare with the outputs and picks
 * stored there.  PMOE_E_CHECKSUM on disagreement; PMOE_OK with *checked = 0 if the file holds no golden output or the
 * model runs in eight bits. */
PMOE_MUST_USE pmoe_status pmoe_model_check_golden(const pmoe_model *model, int32_t *checked, pmoe_error *error);

/* ---- Images ------------------------------------------------------------------------------------------------------ */

/* The same bytes on every host: all of these are integer or fixed-order float C, no platform resampling. */

/* Any picture to a grey board.  rgba [height][width][4], 8 bits, straight alpha over black; luma 0.299 R + 0.587 G +
 * 0.114 B; centre-cropped to the aspect of the target; area-averaged (or pixel-repeated when smaller) to
 * grey [out_height][out_width].  Pictures whose outermost ring of pixels is mostly light are inverted first, because
 * the networks know white ink on black; *inverted tells.  PMOE_E_LIMIT above 16384 a side or 2^28 pixels. */
PMOE_MUST_USE pmoe_status pmoe_board_from_rgba(const uint8_t *rgba, int32_t width, int32_t height, int32_t out_width,
                                               int32_t out_height, uint8_t *grey, int32_t *inverted, pmoe_error *error);

/* Any picture to a photograph in colour, rgb [out_height][out_width][3]: straight alpha over black, cropped and
 * averaged as above, never inverted. */
PMOE_MUST_USE pmoe_status pmoe_photo_from_rgba(const uint8_t *rgba, int32_t width, int32_t height, int32_t out_width,
                                               int32_t out_height, uint8_t *rgb, pmoe_error *error);

/* A drawing to a digit, as MNIST's makers did it: crop to the ink, scale the longest side to 20 pixels with area
 * averaging and the aspect kept, place the centre of mass at the middle of 28 x 28.  ink [height][width], 0 none to
 * 255 full; digit [28][28].  *empty is 1 and digit all 0 when no pixel reaches 32 of 255, or when the strokes are so
 * thin for their size that nothing of them is left at 20 pixels.  PMOE_E_LIMIT above 16384 a side. */
PMOE_MUST_USE pmoe_status pmoe_digit_from_ink(const uint8_t *ink, int32_t width, int32_t height, uint8_t *digit,
                                              int32_t *empty, pmoe_error *error);

/* values[i] = bytes[i] / 255, what every model here is trained on. */
void pmoe_bytes_to_floats(const uint8_t *bytes, size_t count, float *values);

/* ---- Data: digits and the boards made of them -------------------------------------------------------------------- */

typedef struct pmoe_digits pmoe_digits;

/* Two IDX files in memory: images (magic 0x803, N x 28 x 28 bytes) and labels (0x801, N bytes 0..9).  Both are
 * referred to, not copied, and must outlive the handle. */
PMOE_MUST_USE pmoe_status pmoe_digits_open(const void *images, size_t images_bytes, const void *labels,
                                           size_t labels_bytes, const pmoe_options *options, pmoe_digits **digits,
                                           pmoe_error *error);
void pmoe_digits_close(pmoe_digits **digits);
int32_t pmoe_digits_count(const pmoe_digits *digits);
const uint8_t *pmoe_digits_pixels(const pmoe_digits *digits, int32_t index); /* [28][28] */
int32_t pmoe_digits_label(const pmoe_digits *digits, int32_t index);

/* What models are trained and judged on.  Boards, composed: PMOE_MOSAIC, one patch is a 0 or a 1, the other n-1 are
 * digits 2..9; class = that digit (paper 1, sec. 5.1).  PMOE_MOSAIC10: one patch is a true digit 0..9, the others are
 * digits whose four 14 x 14 quadrants were permuted (never identically) and flipped; class = the true digit.
 * PMOE_MOSAIC64: the same on boards of 64 cells.
 *
 * Photographs: PMOE_CIFAR10 as they are.  PMOE_CIFAR10_NOISE: each at half its side somewhere on a background, a
 * magnified crop of another with its quadrants in another order, or a picture of the caller's.  PMOE_VEHICLES: one
 * quadrant is a vehicle at half its side, the others are animals; class = which of the four vehicles.
 *
 * Faces, from CelebA: PMOE_CELEBA, do they smile?  PMOE_CELEBA_HAIR: the same, but most of those that smile in training
 * have black hair and most others blond hair.  PMOE_CELEBA_GLASSES: do they smile, and wear eyeglasses? */
typedef enum pmoe_set {
    PMOE_MOSAIC,
    PMOE_MOSAIC10,
    PMOE_MOSAIC64,
    PMOE_CIFAR10,
    PMOE_CIFAR10_NOISE,
    PMOE_VEHICLES,
    PMOE_CELEBA,
    PMOE_CELEBA_HAIR,
    PMOE_CELEBA_GLASSES,
} pmoe_set;

const char *pmoe_set_name(pmoe_set set); /* "mosaic", "mosaic10", "mosaic64", "cifar10", "noise", "vehicles", "celeba",
                                            "celeba-hair", "celeba-glasses", or NULL */
int32_t pmoe_set_classes(pmoe_set set);  /* 2, 10, 10, 10, 10, 4, 2, 2, 4 */
int32_t pmoe_set_grid(pmoe_set set);     /* cells along a side of its boards: 4, 4, 8; else 0 */
int pmoe_set_is_photos(pmoe_set set);    /* made of photographs, not of digits */
int32_t pmoe_set_side(pmoe_set set);     /* of a sample, in pixels */
const char *pmoe_set_class(pmoe_set set, int32_t class_index); /* its label, "0" or "airplane"; NULL out of range */

/* Sides of a cell and of a board in pixels, of a board in cells: those of PMOE_MOSAIC and PMOE_MOSAIC10, and the most
 * that any set has. */
enum {
    PMOE_CELL = 28,
    PMOE_GRID = 4,
    PMOE_CELLS = PMOE_GRID * PMOE_GRID,
    PMOE_BOARD = PMOE_GRID * PMOE_CELL,
    PMOE_MAX_GRID = 8,
    PMOE_MAX_CELLS = PMOE_MAX_GRID * PMOE_MAX_GRID,
    PMOE_MAX_BOARD = PMOE_MAX_GRID * PMOE_CELL,
};

typedef struct pmoe_board_truth {
    int32_t label;                  /* class index */
    int32_t patch;                  /* where the discriminative patch is, in reading order from 0 */
    int32_t digits[PMOE_MAX_CELLS]; /* which digit of the data each cell was made from; of a smaller board 0 behind
                                       its last */
} pmoe_board_truth;

/* Board number `index` of the endless sequence that (set, digits, seed) fixes, set a set of boards; labels alternate
 * through the classes so that any run of them is balanced.  pixels [side][side], 0..255, of side pmoe_set_grid times
 * PMOE_CELL.  Random access, no state.  truth may be NULL.  PMOE_E_ARGUMENT if the data lacks a digit that the set
 * needs. */
PMOE_MUST_USE pmoe_status pmoe_board(const pmoe_digits *digits, pmoe_set set, uint64_t seed, uint64_t index,
                                     uint8_t *pixels, pmoe_board_truth *truth, pmoe_error *error);

/* ---- Data: photographs ------------------------------------------------------------------------------------------- */

/* Files of rows: a label 0..9, then the pixels of a square photograph, the red plane, the green, the blue.  Rows of
 * side PMOE_PHOTO are those of the binary version of CIFAR-10 (Krizhevsky 2009); faces are of side PMOE_FACE. */
enum { PMOE_PHOTO = 32, PMOE_FACE = 64, PMOE_PHOTO_CHANNELS = 3, PMOE_PHOTO_FILES = 16 };

typedef struct pmoe_photos pmoe_photos;

/* A file in memory. */
typedef struct pmoe_bytes {
    const void *at;
    size_t count;
} pmoe_bytes;

/* The rows of 1 to PMOE_PHOTO_FILES files in order, which are referred to, not copied, and must outlive the handle;
 * side: PMOE_PHOTO or PMOE_FACE. */
PMOE_MUST_USE pmoe_status pmoe_photos_open(const pmoe_bytes *files, int32_t count, int32_t side,
                                           const pmoe_options *options, pmoe_photos **photos, pmoe_error *error);
void pmoe_photos_close(pmoe_photos **photos);
int32_t pmoe_photos_count(const pmoe_photos *photos);
int32_t pmoe_photos_side(const pmoe_photos *photos);
int32_t pmoe_photos_label(const pmoe_photos *photos, int32_t index); /* -1 out of range */

/* rgb [side][side][3] of photograph `index`; nothing happens out of range. */
void pmoe_photos_pixels(const pmoe_photos *photos, int32_t index, uint8_t *rgb);

/* Data to train or judge on: digits for sets of boards, photographs for the others; what a set does not need may be
 * NULL.  All must outlive whatever was opened on them. */
typedef struct pmoe_data {
    const pmoe_digits *digits;
    const pmoe_photos *photos;
    const pmoe_photos *backgrounds; /* of PMOE_CIFAR10_NOISE, side PMOE_PHOTO; NULL: made of photographs */
} pmoe_data;

/* ---- Training (native only) ---------------------------------------------------------------------------------------
 */

typedef enum pmoe_model_kind {
    PMOE_CNN,      /* eq. 5: every filter sees every patch */
    PMOE_SEPARATE, /* routers first, on the router loss of eq. 6, then experts behind hard gates (eq. 3) */
    PMOE_JOINT,    /* routers and experts together through softmax gates (eq. 4) */
    PMOE_WRN,      /* wide residual network (Zagoruyko, Komodakis 2016), shortcuts as in paper 1's code */
    PMOE_WRN_PMOE, /* the same, its last convolution one of experts (paper 1's code) */
    PMOE_DEEP,     /* routing before what is expensive: a stem of convolutions, a router of patches of its map, experts
                      of whole convolution stages through softmax gates, all trained together */
    PMOE_STAGES,   /* its dense rival: the same stem, and stages over all of its map */
} pmoe_model_kind;

/* Everything that decides the bytes of trained weights, but for the data and the build. */
typedef struct pmoe_recipe {
    const char *name; /* "mosaic-joint"; becomes the model's name */
    pmoe_model_kind kind;
    pmoe_set set;
    int32_t depth, widen;      /* wide residual network: 6 b + 4 for b blocks a group, and groups of 16, 32 and 64 times
                                  widen channels; of others not used */
    const char *stem, *stages; /* deep, stages: their convolutions, filters x kernel / stride, "16x5/4,32"; not given:
                                  kernel 3, stride 1.  Those of an expert, of a dense network */
    int32_t patch;             /* deep, wrn-pmoe: side of a patch in pixels of the map that its router reads */
    int32_t norm;              /* deep, stages: 1: a batch norm behind each convolution */
    const char *pooling;       /* deep, stages: "avg" or "max", over all pixels of a patch or of the map */
    int32_t filters;           /* m in all; each expert has m / k; of networks of several convolutions not used */
    int32_t experts, kept;     /* k and l; of dense networks not used; of a head: experts, and how many an
                                  image keeps */
    int32_t bias;              /* 1: filters have a bias, trained with them from 0 on */
    const char *gate;          /* joint, deep: "topl_softmax" or "softmax_topl" */
    const char *divisor;       /* "n" or "l": what pooling divides by */
    int32_t samples;           /* N samples an epoch: boards 0 .. N-1 of the seed's sequence, the first N photographs */
    int32_t fresh;             /* 1: epoch e trains on boards e*N .. e*N+N-1, never the same twice; boards only */
    int32_t shift; /* each cell of a training board, or a whole photograph, is moved by up to so many pixels, anew
                      each time: padded with black by so many and cropped at random */
    int32_t flip;  /* 1: half of the photographs are mirrored left to right, anew each time */
    int32_t batch, epochs;
    const char *optimizer; /* "sgd" or "adam" (Kingma, Ba 2015; beta 0.9 and 0.999, eps 1e-8) */
    float momentum;        /* of SGD: v = momentum v + gradient, and v is the step; 0: plain */
    int32_t nesterov;      /* 1: gradient + momentum v is the step */
    float decay;           /* weight decay: decay * w joins the gradient of all weights but biases and batch norms */
    const char *schedule;  /* "line" or NULL: from rate to rate_end by a straight line over the epochs.  By the step:
                              "cosine": half a cosine between them; "one_cycle": up from rate / 25 in a straight line
                              over three tenths of all steps, then so.  "step": rate, a tenth of it from three fifths
                              of the epochs on, a hundredth from four fifths on (paper 2: 30 and 40 of 50) */
    float rate;            /* of the first epoch; the highest */
    float rate_end;        /* of the last; equal to rate: constant */
    float smoothing;       /* of labels: this share of each goes to all classes alike; softmax only */
    int32_t router_epochs; /* separate: of the first step */
    float router_rate;
    float expert_std, router_std; /* initial weights ~ N(0, std^2) */
    const char *output;           /* output layer: "normal" N(0,1) fixed, "sign" +1 of the class's expert and -1 of the
                                     other, fixed (two classes, separate), or "trained": N(0, 1/inputs), trained */
    const char *head; /* of a wide residual network, behind its pool (paper 2's four but the first): NULL or "linear";
                         "dense": linear, ReLU, linear; "soft", "sparse", "hard": a mixture of such as experts, of
                         which an image keeps all, 1 < kept < experts or 1.  Scores of sparse and hard are standardised
                         over the experts and, in training, noisy */
    int32_t
        head_width; /* hidden outputs of the dense head or of each expert; 0: the pooled channels, dealt out among
                       the experts, so that all heads have about as many parameters (paper 2: 512, and 8 times 64) */
    float dropout;  /* of heads in training: of a gate's inputs and scores, and behind ReLUs; paper 2: 0.1 */
    float noise;    /* sparse, hard: the least deviation of the noise on scores in training, to which a trained part
                       is added, softplus of a linear layer's output; paper 2: 0.3 */
    const char *balance; /* the loss that keeps experts in use, or NULL: none.  It is of the images of one eighth of a
                            batch, as statistics of batch norms are.  sparse, hard: "smooth", Shazeer's two losses, or
                            "importance", the first one twice, as in paper 2's code.  soft: a Kullback-Leibler
                            divergence between the uniform distribution u and the mean gates p: "uniform", KL(u || p);
                            "mean", KL(p || u); or "code", KL(u || p) / experts, which paper 2's code computes */
    float importance, load, kl; /* weights of these losses: the first two, or the third */
    uint64_t seed;
} pmoe_recipe;

/* The recipes of the committed weights, and some of which there are none yet; weights/README.md says which. */
int pmoe_recipe_count(void);
const pmoe_recipe *pmoe_recipe_at(int index);
const pmoe_recipe *pmoe_recipe_find(const char *name); /* NULL if there is none so named */

typedef struct pmoe_trainer pmoe_trainer;

/* threads: 0 for one per CPU.  The number of threads does not change a byte of the result. */
PMOE_MUST_USE pmoe_status pmoe_trainer_open(const pmoe_recipe *recipe, pmoe_data data, int32_t threads,
                                            const pmoe_options *options, pmoe_trainer **trainer, pmoe_error *error);
void pmoe_trainer_close(pmoe_trainer **trainer);

/* All that going on needs, as a file: weights, the optimizer's state, epochs done.  Not a model: pmoe_model_open
 * refuses it.  From the options' allocator. */
PMOE_MUST_USE pmoe_status pmoe_trainer_checkpoint(const pmoe_trainer *trainer, unsigned char **file, size_t *file_bytes,
                                                  pmoe_error *error);

/* Go on from a checkpoint of the same recipe; the bytes that come out in the end are those of a training that was
 * never interrupted.  A refused file changes nothing. */
PMOE_MUST_USE pmoe_status pmoe_trainer_resume(pmoe_trainer *trainer, const void *file, size_t file_bytes,
                                              pmoe_error *error);

/* How a mixture used its experts over some images. */
typedef struct pmoe_usage {
    int32_t experts, kept;    /* both 0: no mixture */
    const double *gates;      /* [experts] mean gate, 0 where an image did not keep the expert; sums to 1 */
    const double *load;       /* [experts] share of the images that kept it; sums to kept */
    double gates_cv, load_cv; /* deviation over mean of those: 0 is even */
    double entropy;           /* of an image's gates, in nats; mean over the images */
} pmoe_usage;

typedef struct pmoe_progress {
    const char *phase;      /* "routers" or "experts" */
    int32_t epoch, epochs;  /* epochs done, of both phases together */
    int32_t batch, batches; /* within this epoch */
    double loss, accuracy;  /* mean over the epoch's samples so far, before their updates; accuracy in percent, NaN in
                               the phase "routers" */
    double balance;         /* mean over the epoch's images so far of the loss that keeps experts in use, which is not
                               part of `loss` */
    pmoe_usage usage;       /* of those images, noise and dropout included; arrays until the next call */
} pmoe_progress;

int32_t pmoe_trainer_done(const pmoe_trainer *trainer); /* 1 when all epochs are done */

/* One epoch.  report (may be NULL) is called after each batch. */
PMOE_MUST_USE pmoe_status pmoe_trainer_epoch(pmoe_trainer *trainer,
                                             void (*report)(void *user, const pmoe_progress *progress), void *user,
                                             pmoe_progress *progress, pmoe_error *error);

/* The model being trained, for evaluation between epochs. */
const pmoe_model *pmoe_trainer_model(const pmoe_trainer *trainer);

/* The weights as a model file with golden outputs, from the options' allocator.  `card` (may be NULL) is JSON text of
 * what the caller wants kept beside them. */
PMOE_MUST_USE pmoe_status pmoe_trainer_save(const pmoe_trainer *trainer, const char *card, unsigned char **file,
                                            size_t *file_bytes, pmoe_error *error);

/* ---- Export (native only) ---------------------------------------------------------------------------------------- */

/* How expert groups are written; all three compute the same. */
typedef enum pmoe_onnx_form {
    PMOE_ONNX_SHARED,  /* scores, top-l, gates and kept patches of all experts at once, then expert after expert */
    PMOE_ONNX_BATCHED, /* so too, but the experts in one batched product: only experts of one layer */
    PMOE_ONNX_NAIVE,   /* each expert on its own from router to gate, as tracing a list of modules gives */
} pmoe_onnx_form;

/* A model file as ONNX (IR 8, opset 17): input "image" [batch][channels][height][width], NCHW unlike all else here, any
 * batch; output "logits" [batch][outputs].  Only kept patches reach an expert; a mixture runs all its experts on all
 * images, times gates of which all but the kept are 0.  Metadata named `pmoe.*` goes along.  One block from the
 * options' allocator; *onnx is NULL on failure.  PMOE_E_LIMIT above the 2 GiB - 1 bytes of a protocol buffer,
 * PMOE_E_GRAPH if an expert group does not fit the form, else as pmoe_model_open. */
PMOE_MUST_USE pmoe_status pmoe_export_onnx(const void *file, size_t file_bytes, pmoe_onnx_form form,
                                           const pmoe_options *options, unsigned char **onnx, size_t *onnx_bytes,
                                           pmoe_error *error);

#ifdef __cplusplus
}
#endif
#endif
