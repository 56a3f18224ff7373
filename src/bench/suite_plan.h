/* The list of comparisons that a suite's options stand for. */
#ifndef PMOE_BENCH_SUITE_PLAN_H
#define PMOE_BENCH_SUITE_PLAN_H

#include "suite.h"

enum { SUITE_MOST_ENTRIES = SUITE_MOST_MODELS, SUITE_MOST_COMPARISONS = 192 };

/* One of the things compared. */
struct suite_entry {
    const char *network; /* of networks.h, or NULL: ... */
    int32_t model;       /* ... an index into the options' models */
    int32_t int8;        /* 1: in eight bits */
    const char *isa;
    int32_t threads, in_parts;
};

struct comparison {
    enum suite_group group;
    const char *name;
    int32_t batch;
    int32_t beside_dense; /* the first entry is the dense model that the others are held against */
    int32_t count;
    struct suite_entry entry[SUITE_MOST_ENTRIES]; /* kernels: the one whose calls are timed */
};

/* comparisons [SUITE_MOST_COMPARISONS]; returns how many. */
int32_t suite_plan(const struct suite_options *options, struct comparison *comparisons);

#endif
