/* What the harness is made of (check.h says what it covers): poisoned memory, outputs, and a check_ function a kernel.
 *
 * The bound.  With u = FLT_EPSILON / 2 a result that n roundings lie behind differs from the exact one by at most
 * n u / (1 - n u) of its magnitude (the sum of the absolute values of its terms), which is below n * FLT_EPSILON of it
 * while n u <= 1/2.  That leaves the oracle's own error, some 2^-29 of this, far inside.  max(0, .) moves no two values
 * apart.  n is counted beside each kernel, from the order of summation that the kernel documents. */
#ifndef PMOE_KERNELS_CHECK_PARTS_H
#define PMOE_KERNELS_CHECK_PARTS_H

#include "../base/random.h"
#include "check.h"
#include "ref/ref.h"

enum {
    CHECK_GRID = 10, /* rows and outputs 0 .. 9 in all pairs: every tile shape, and one more */
    CHECK_SHAPES = CHECK_GRID * CHECK_GRID + 12, /* then larger ones that take several tiles */
    CHECK_HEIGHTS = 16, /* positions 0 .. 15 of a convolution: every height of a tile, and more */
    BRIEF_HEIGHTS = 8,  /* tiles 0 .. 7 of a Winograd product: the same */
    BRIEF_WIDTHS = 6,   /* of rows of channels: around one vector and two */
    CHECK_BLOCKS = 32,  /* of memory at most, for one shape */
};

/* What a shape is, printed only if it fails: a page's start has no time for printf. */
struct dims {
    const char *form; /* of printf, for ints */
    int32_t of[6];
};

/* One shape at a time; all its memory is given back before the next. */
struct check {
    const struct kernels *tables[2]; /* under test, and its twin or NULL */
    struct random random;
    uint64_t seed;
    int32_t round, number, shapes; /* number is 0 .. shapes - 1 */
    int32_t brief;                 /* 1: small arrays */
    const char *kernel;
    struct dims dims;
    pmoe_error *error;
    void *blocks[CHECK_BLOCKS];
    int32_t blocks_used;
    unsigned char *room; /* a brief walk's blocks, as long as they fit: malloc is a large function, too */
    size_t room_bytes, room_used;
};

struct array {
    float *all, *at; /* at: `count` floats at any alignment, inside `all_count` poisoned ones */
    size_t all_count, count;
};

/* One array for each table.  Verified floats turn to poison again: at the end everything must be poison. */
struct outputs {
    struct array of[2];
};

/* Memory until the end of the shape; NULL or 0 when there is none.  Floats are poison at first. */
void *check_take_bytes(struct check *c, size_t bytes);
/* Half of the inputs end with their memory, so that an address sanitizer sees a read behind them. */
int check_take_input(struct check *c, size_t count, struct array *array);
int check_take_filled(struct check *c, size_t count, struct array *array);
int check_take_outputs(struct check *c, size_t count, struct outputs *outputs);
/* 64-byte aligned, ends with its memory. */
float *check_take_aligned(struct check *c, size_t count);
pmoe_status check_no_memory(struct check *c);

/* Numbers in -1 .. 1. */
void check_fill(struct check *c, float *at, size_t count);
/* One shape in eight has a NaN in this array. */
void check_plant_nan(struct check *c, float *at, size_t count);

/* The error of value `index`, which is or has what it should not. */
pmoe_status check_wrong(const struct check *c, ptrdiff_t index, const char *what, double got, double want);

/* Is this output what the oracle wants, within that many roundings, and its twin's bits?  Once each. */
pmoe_status check_verify(struct check *c, struct outputs *outputs, size_t index, struct ref want, double roundings);
/* After all of them: was anything else written? */
pmoe_status check_untouched(struct check *c, const struct outputs *outputs);

/* Floats in whole vectors. */
int32_t check_whole_vectors(const struct check *c, int32_t count);
/* Channels or outputs of a shape: in a brief walk around one vector and two, else each number up to a vector and a few
 * more. */
int32_t check_choose_width(const struct check *c);

/* Shape c->number of each kernel. */
#define K(kernel, arguments) pmoe_status check_##kernel(struct check *c);
#include "kernel_list.h"

#endif
