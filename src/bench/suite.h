/* The benchmark: what is timed against what, the same natively and in a browser.
 *
 * A suite is a list of comparisons.  Each opens its models, times them interleaved, and leaves rows; the reference
 * kernel (reference.h) is measured before and after each.  Leaves out options, printing and files: those are the
 * host's. */
#ifndef PMOE_BENCH_SUITE_H
#define PMOE_BENCH_SUITE_H

#include "../base/json.h"
#include "../model/graph.h"
#include "compare.h"
#include "kernel_cases.h"
#include "ledger.h"
#include "reference.h"

enum suite_group {
    SUITE_LAYERS,   /* single convolutions: every instruction set, every number of threads */
    SUITE_NETWORKS, /* dense networks: every number of threads */
    SUITE_ROUTED,   /* experts on l of n patches beside experts on all, with ledgers; and a sweep over n */
    SUITE_HEADS,    /* paper 2's heads, alone and on ResNet-18 */
    SUITE_KERNELS,  /* the kernel calls of all those: every instruction set, every algorithm */
    SUITE_MODELS,   /* the caller's models beside the first of them */
    SUITE_INT8,     /* networks in floats and in eight bits, or those of the caller's models that are there in both */
    SUITE_GROUPS,
};

const char *suite_group_name(enum suite_group group);

enum { SUITE_MOST_BATCHES = 8, SUITE_MOST_THREADS = 8, SUITE_MOST_MODELS = 32 };

struct suite_model {
    pmoe_model *model; /* the caller's */
    double open_ns;    /* what opening it took */
    pmoe_model *int8;  /* the same in eight bits, for SUITE_INT8; or NULL */
    double int8_open_ns;
};

struct suite_options {
    uint32_t groups;                                   /* one bit each */
    int32_t batches[SUITE_MOST_BATCHES], batch_count;  /* 0: 1 and 32, heads alone 256 too, the sweep 1 */
    int32_t threads[SUITE_MOST_THREADS], thread_count; /* groups other than layers and networks: the first alone */
    const char *isa;                                   /* NULL or "best": layers and kernels on all of them */
    double seconds;                                    /* for each comparison; kernels: a quarter of it for each call */
    uint64_t seed;
    double (*clock_ns)(void);
    use_threads *use_threads;
    void *threads_context;
    struct suite_model
        models[SUITE_MOST_MODELS]; /* SUITE_MODELS; SUITE_KERNELS and _INT8 take them, if there are any */
    int32_t model_count;
};

struct suite_row {
    enum suite_group group;
    const char *comparison;         /* "stack16" */
    char model[GRAPH_NAME_BYTES];   /* "stack16_l2" */
    char layer[GRAPH_NAME_BYTES];   /* kernels: whose */
    const char *isa, *algorithm;    /* algorithm: of convolutions' kernels, else NULL */
    int32_t batch, threads;         /* kernels: 1 image */
    int32_t int8;                   /* 1: the model in eight bits */
    int32_t patches, experts, kept; /* n, k, l of a routed model, else 0 */
    int32_t first;                  /* row it is compared with: the first of its comparison */
    int32_t beside_dense;           /* that one is dense: multiply-adds and time can be held together */
    int64_t multiply_adds;          /* of one pass or call */
    double open_ns;                 /* from a file's bytes to a model that is ready; kernels: 0 */
    size_t model_bytes, run_bytes;  /* kernels: 0 */
    pmoe_timing timing;
    const double *samples;       /* [timing.samples] */
    struct interval speedup;     /* 95% interval of time(first) / time(this) */
    double peak_share;           /* of the measured peak of its instruction set and threads */
    double parts_ns[PASS_PARTS]; /* 0 where not timed */
    struct ledger ledger;        /* beside_dense and timed in parts, else all 0 */
    int32_t is_conv, rows, outs; /* kernels */
    struct conv conv;
    struct patch_shape shape;
};

struct suite;

/* Options are copied; models must outlive the suite.  *suite is NULL on failure. */
PMOE_MUST_USE pmoe_status suite_open(const struct suite_options *options, struct suite **suite, pmoe_error *error);
void suite_close(struct suite **suite);

int32_t suite_count(const struct suite *suite); /* of comparisons */

/* For people: group, name and batch of a comparison. */
struct suite_title {
    char text[80];
};
struct suite_title suite_title(const struct suite *suite, int32_t comparison);

/* Carry out one, and add its rows. */
PMOE_MUST_USE pmoe_status suite_run(struct suite *suite, int32_t comparison, pmoe_error *error);

const struct suite_row *suite_rows(const struct suite *suite, int32_t *count);
const struct reference *suite_reference(const struct suite *suite);
double suite_clock_step_ns(const struct suite *suite);
double row_speedup(const struct suite_row *rows, const struct suite_row *row); /* time(first) / time(row) */
double row_saving(const struct suite_row *rows, const struct suite_row *row);  /* the same of multiply-adds */
double row_gmac_per_s(const struct suite_row *row);

/* Members of the result's object: "measured", what the machine gave, and "rows". */
void suite_write(const struct suite *suite, struct json_writer *json);

/* All samples as google/benchmark's JSON, whole: each is a repetition of its row, so that compare.py tests whether two
 * results differ.  It wants a time of the CPU as well and gets the same one: nothing here waits. */
void suite_write_view(const struct suite *suite, int32_t cpus, struct json_writer *json);

#endif
