/* The harness; check.h says what it covers.
 *
 * The bound.  With u = FLT_EPSILON / 2 a result that n roundings lie behind differs from the exact one by at most
 * n u / (1 - n u) of its magnitude (the sum of the absolute values of its terms), which is below n * FLT_EPSILON of it
 * while n u <= 1/2.  That leaves the oracle's own error, some 2^-29 of this, far inside.  max(0, .) moves no two values
 * apart.  n is counted beside each kernel, from the order of summation that the kernel documents. */
#include "check.h"

#include "../base/error.h"
#include "../base/random.h"
#include "pack.h"
#include "ref/ref.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GRID = 10,                 /* rows and outputs 0 .. 9 in all pairs: every tile shape, and one more */
    SHAPES = GRID * GRID + 12, /* then larger ones that take several tiles */
    HEIGHTS = 16,              /* positions 0 .. 15 of a convolution: every height of a tile, and more */
    BRIEF_HEIGHTS = 8,         /* tiles 0 .. 7 of a Winograd product: the same */
    BRIEF_WIDTHS = 6,          /* brief_width()s */
    BRIEF_ROWS = 65,           /* of a brief walk's last shape: more than patch_gradient takes at once */
    BRIEF_BYTES = 1 << 15,     /* for the arrays of most of its shapes */
    MOST_BLOCKS = 16,
    BORDER = 24, /* poisoned floats beside an array */
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
    void *blocks[MOST_BLOCKS];
    int32_t blocks_used;
    unsigned char *room; /* a brief walk's blocks, as long as they fit: malloc is a large function, too */
    size_t room_bytes, room_used;
};

/* ---- Poisoned memory ---- */

/* A NaN that no arithmetic here makes. */
static const uint32_t POISON = 0x7fc5a5a5;

static void poison(float *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        memcpy(at + i, &POISON, sizeof POISON);
}

static int is_poison(const float *at)
{
    return memcmp(at, &POISON, sizeof POISON) == 0;
}

static void *take_bytes(struct check *c, size_t bytes)
{
    size_t rounded = (bytes | 15) + 1;
    if (rounded <= c->room_bytes - c->room_used) {
        c->room_used += rounded;
        return c->room + c->room_used - rounded;
    }
    void *block = malloc(bytes ? bytes : 1);
    if (block)
        c->blocks[c->blocks_used++] = block;
    return block;
}

static void give_all(struct check *c)
{
    c->room_used = 0;
    while (c->blocks_used)
        free(c->blocks[--c->blocks_used]);
}

struct array {
    float *all, *at; /* at: `count` floats at any alignment, inside `all_count` poisoned ones */
    size_t all_count, count;
};

static int take_array(struct check *c, size_t count, size_t back, struct array *array)
{
    size_t front = BORDER + random_below(&c->random, 16);
    array->count = count;
    array->all_count = front + count + back;
    array->all = take_bytes(c, array->all_count * sizeof(float));
    if (!array->all)
        return 0;
    array->at = array->all + front;
    poison(array->all, array->all_count);
    return 1;
}

/* Half of the inputs end with their memory, so that an address sanitizer sees a read behind them. */
static int take_input(struct check *c, size_t count, struct array *array)
{
    return take_array(c, count, random_below(&c->random, 2) * BORDER, array);
}

static void fill(struct check *c, float *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at[i] = 2 * random_uniform(&c->random) - 1;
}

static int take_filled(struct check *c, size_t count, struct array *array)
{
    if (!take_input(c, count, array))
        return 0;
    fill(c, array->at, count);
    return 1;
}

/* One shape in eight has a NaN in this array. */
static void plant_nan(struct check *c, float *at, size_t count)
{
    if (count && random_below(&c->random, 8) == 0)
        at[random_below(&c->random, (uint32_t)count)] = NAN;
}

static pmoe_status no_memory(struct check *c)
{
    return fail(c->error, PMOE_E_MEMORY, "no memory to check the kernel %s", c->kernel);
}

/* ---- Outputs ---- */

/* One array for each table.  Verified floats turn to poison again: at the end everything must be poison. */
struct outputs {
    struct array of[2];
};

static int take_outputs(struct check *c, size_t count, struct outputs *outputs)
{
    for (int t = 0; t < 2 && c->tables[t]; t++)
        if (!take_array(c, count, BORDER, &outputs->of[t]))
            return 0;
    return 1;
}

static pmoe_status wrong(const struct check *c, ptrdiff_t index, const char *what, double got, double want)
{
    char dims[96];
    const int32_t *of = c->dims.of;
    snprintf(dims, sizeof dims, c->dims.form, (int)of[0], (int)of[1], (int)of[2], (int)of[3], (int)of[4], (int)of[5]);
    return fail(c->error, PMOE_E_CHECKSUM,
                "kernel %s of %s, %s: float %td %s: found %.9g, expected %.9g (seed %llu, round %d, shape %d)",
                c->kernel, c->tables[0]->name, dims, index, what, got, want, (unsigned long long)c->seed, (int)c->round,
                (int)c->number);
}

static pmoe_status verify(struct check *c, struct outputs *outputs, size_t index, struct ref want, double roundings)
{
    float *at = outputs->of[0].at + index;
    float got = *at;
    int good = isnan(want.value) ? isnan(got) : fabs(got - want.value) <= roundings * FLT_EPSILON * want.magnitude;
    if (!good)
        return wrong(c, (ptrdiff_t)index, "is out of bounds", got, want.value);
    poison(at, 1);
    if (c->tables[1]) {
        float *other = outputs->of[1].at + index;
        float twin = *other;
        if (memcmp(&got, &twin, sizeof got) != 0 && !(isnan(got) && isnan(twin)))
            return wrong(c, (ptrdiff_t)index, "differs from its twin's bits", got, twin);
        poison(other, 1);
    }
    return PMOE_OK;
}

static pmoe_status verify_untouched(struct check *c, const struct outputs *outputs)
{
    const struct array *array = &outputs->of[0];
    for (size_t i = 0; i < array->all_count; i++)
        if (!is_poison(array->all + i))
            return wrong(c, array->all + i - array->at, "was written and is no output", array->all[i], NAN);
    return PMOE_OK;
}

/* ---- Patches ---- */

struct patches {
    int32_t rows, outs;
    struct patch_shape shape;
    size_t floats;   /* of one patch */
    const float **x; /* [rows], some of them the same patch */
};

static void choose_shape(struct check *c, struct patches *p)
{
    struct random *random = &c->random;
    const int32_t is_tile = c->number < (c->brief ? c->shapes - 1 : GRID * GRID), lanes = c->tables[0]->lanes;
    const uint32_t longest = !is_tile ? 12 : c->brief ? 2 * (uint32_t)lanes + 1 : 40;
    p->rows = is_tile ? c->number / GRID : c->brief ? BRIEF_ROWS : (int32_t)random_below(random, 100);
    p->outs = is_tile ? c->number % GRID : c->brief ? GRID - 1 : (int32_t)random_below(random, 20);
    p->shape.runs = is_tile ? 1 + (int32_t)random_below(random, c->brief ? 2 : 4) : 1;
    p->shape.run = random_below(random, 16) ? 1 + (int32_t)random_below(random, longest) : 0;
    if (c->brief && p->rows == 1) /* vectors whole and cut short, an odd number: patch_gradient's tiles */
        p->shape.runs = 3, p->shape.run = lanes + 1;
    p->shape.step = p->shape.run + (int32_t)random_below(random, c->brief ? 3 : 20);
    p->floats = (size_t)p->shape.runs * (size_t)p->shape.run;
    c->dims = (struct dims){"%d rows, %d outputs, %d runs of %d, step %d",
                            {p->rows, p->outs, p->shape.runs, p->shape.run, p->shape.step}};
}

/* Patches one behind the other, poison between their runs; the last one ends where the array ends. */
static int take_patches(struct check *c, struct patches *p)
{
    choose_shape(c, p);
    size_t extent = (size_t)(p->shape.runs - 1) * (size_t)p->shape.step + (size_t)p->shape.run;
    struct array data;
    p->x = take_bytes(c, (size_t)p->rows * sizeof *p->x);
    if (!p->x || !take_input(c, (size_t)p->rows * extent, &data))
        return 0;
    for (int32_t i = 0; i < p->rows; i++) {
        float *patch = data.at + (size_t)i * extent;
        for (int32_t r = 0; r < p->shape.runs; r++) {
            fill(c, patch + (ptrdiff_t)r * p->shape.step, (size_t)p->shape.run);
            if (i == 0)
                plant_nan(c, patch + (ptrdiff_t)r * p->shape.step, (size_t)p->shape.run);
        }
        int32_t to = (int32_t)random_below(&c->random, (uint32_t)i + 1); /* a shuffle while dealing */
        p->x[i] = p->x[to];
        p->x[to] = patch;
    }
    if (p->rows > 3)
        p->x[1] = p->x[2];
    return 1;
}

/* Poison, 64-byte aligned, that ends with its memory; NULL when there is none. */
static float *take_aligned(struct check *c, size_t count)
{
    unsigned char *block = take_bytes(c, count * sizeof(float) + 63);
    if (!block)
        return NULL;
    float *at = (float *)(block + (-(uintptr_t)block & 63));
    poison(at, count);
    return at;
}

/* Packed weights for one table; NULL when there is no memory. */
static float *take_panels(struct check *c, const struct kernels *kernels, const struct patches *p, const float *w)
{
    float *panels = take_aligned(c, packed_count(kernels, p->shape, p->outs));
    if (panels)
        pack_panels(kernels, p->shape, p->outs, w, panels);
    return panels;
}

/* ---- One function a kernel ---- */

/* Behind an output: one product, a sum over the vectors of a patch in each lane, halvings of the lanes, the bias. */
static double forward_roundings(const struct kernels *kernels, struct patch_shape shape)
{
    int32_t lanes = kernels->lanes, halvings = 0;
    double vectors = (double)shape.runs * (shape.run / lanes + (shape.run % lanes != 0));
    for (; lanes > 1; lanes /= 2)
        halvings++;
    return 1 + vectors + halvings + 1;
}

static pmoe_status check_patch_forward(struct check *c)
{
    struct patches p;
    struct array w, bias;
    struct outputs y;
    if (!take_patches(c, &p) || !take_filled(c, p.floats * (size_t)p.outs, &w) ||
        !take_filled(c, (size_t)p.outs, &bias))
        return no_memory(c);
    plant_nan(c, w.at, w.count);
    plant_nan(c, bias.at, bias.count);
    const float *biases = random_below(&c->random, 2) ? bias.at : NULL;
    int32_t relu = (int32_t)random_below(&c->random, 2);
    ptrdiff_t step = p.outs + (ptrdiff_t)random_below(&c->random, 4);
    if (!take_outputs(c, p.rows ? (size_t)((p.rows - 1) * step + p.outs) : 0, &y))
        return no_memory(c);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        const float *panels = take_panels(c, c->tables[t], &p, w.at);
        if (!panels)
            return no_memory(c);
        c->tables[t]->patch_forward(y.of[t].at, step, p.x, p.rows, p.shape, panels, biases, p.outs, relu);
    }
    double roundings = forward_roundings(c->tables[0], p.shape);
    for (int32_t i = 0; i < p.rows; i++)
        for (int32_t o = 0; o < p.outs; o++)
            TRY(verify(c, &y, (size_t)(i * step + o), ref_patch_forward(p.x[i], p.shape, w.at, biases, o, relu),
                       roundings));
    return verify_untouched(c, &y);
}

#include "check_conv.h"

static pmoe_status check_patch_gradient(struct check *c)
{
    struct patches p;
    struct array dy, before;
    struct outputs dw;
    if (!take_patches(c, &p))
        return no_memory(c);
    ptrdiff_t step = p.outs + (ptrdiff_t)random_below(&c->random, 4);
    if (!take_input(c, p.rows ? (size_t)((p.rows - 1) * step + p.outs) : 0, &dy) ||
        !take_filled(c, p.floats * (size_t)p.outs, &before) || !take_outputs(c, before.count, &dw))
        return no_memory(c);
    for (int32_t i = 0; i < p.rows; i++)
        fill(c, dy.at + i * step, (size_t)p.outs);
    plant_nan(c, dy.at, p.rows ? (size_t)p.outs : 0);
    plant_nan(c, before.at, before.count);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        memcpy(dw.of[t].at, before.at, before.count * sizeof(float));
        c->tables[t]->patch_gradient(dw.of[t].at, p.x, p.rows, p.shape, dy.at, step, p.outs);
    }
    for (size_t i = 0; i < before.count; i++)
        TRY(verify(c, &dw, i,
                   ref_patch_gradient(before.at[i], p.x, p.rows, p.shape, dy.at, step, (int32_t)(i / p.floats),
                                      (int32_t)(i % p.floats)),
                   1 + p.rows)); /* one product, a sum over the rows */
    return verify_untouched(c, &dw);
}

static pmoe_status check_gated_sum(struct check *c)
{
    int32_t rows = (int32_t)random_below(&c->random, 20), count = c->number;
    c->dims = (struct dims){"%d rows of %d", {rows, count}};
    struct array x, gate;
    struct outputs y;
    if (!take_filled(c, (size_t)rows * (size_t)count, &x) || !take_filled(c, (size_t)rows, &gate) ||
        !take_outputs(c, (size_t)count, &y))
        return no_memory(c);
    plant_nan(c, x.at, x.count);
    plant_nan(c, gate.at, gate.count);
    const float *gates = random_below(&c->random, 2) ? gate.at : NULL;
    float scale = 1 / (1 + random_uniform(&c->random));
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->gated_sum(y.of[t].at, x.at, gates, scale, rows, count);
    for (int32_t i = 0; i < count; i++) /* a product, a sum over the rows, the scale */
        TRY(verify(c, &y, (size_t)i, ref_gated_sum(x.at, gates, scale, rows, count, i), 1 + rows + 1));
    return verify_untouched(c, &y);
}

static pmoe_status check_scale_shift(struct check *c)
{
    int32_t rows = (int32_t)random_below(&c->random, 6), count = c->number, relu = (int32_t)random_below(&c->random, 2);
    c->dims = (struct dims){"%d rows of %d", {rows, count}};
    struct array x, scale, shift;
    struct outputs y;
    if (!take_filled(c, (size_t)rows * (size_t)count, &x) || !take_filled(c, (size_t)count, &scale) ||
        !take_filled(c, (size_t)count, &shift) || !take_outputs(c, x.count, &y))
        return no_memory(c);
    plant_nan(c, x.at, x.count);
    plant_nan(c, scale.at, scale.count);
    plant_nan(c, shift.at, shift.count);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->scale_shift(y.of[t].at, x.at, scale.at, shift.at, rows, count, relu);
    for (size_t i = 0; i < x.count; i++) /* product and sum */
        TRY(verify(c, &y, i, ref_scale_shift(x.at[i], scale.at[i % (size_t)count], shift.at[i % (size_t)count], relu),
                   2));
    return verify_untouched(c, &y);
}

static pmoe_status check_relu(struct check *c)
{
    size_t count = (size_t)c->number;
    c->dims = (struct dims){"%d floats", {c->number}};
    struct array x;
    struct outputs y;
    if (!take_filled(c, count, &x) || !take_outputs(c, count, &y))
        return no_memory(c);
    plant_nan(c, x.at, count);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->relu(y.of[t].at, x.at, count);
    for (size_t i = 0; i < count; i++)
        TRY(verify(c, &y, i, ref_relu(x.at[i]), 0));
    return verify_untouched(c, &y);
}

static pmoe_status check_axpy(struct check *c)
{
    size_t count = (size_t)c->number;
    c->dims = (struct dims){"%d floats", {c->number}};
    struct array x, before;
    struct outputs y;
    if (!take_filled(c, count, &x) || !take_filled(c, count, &before) || !take_outputs(c, count, &y))
        return no_memory(c);
    plant_nan(c, x.at, count);
    plant_nan(c, before.at, count);
    float a = 2 * random_uniform(&c->random) - 1;
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        memcpy(y.of[t].at, before.at, count * sizeof(float));
        c->tables[t]->axpy(y.of[t].at, a, x.at, count);
    }
    for (size_t i = 0; i < count; i++) /* product and sum */
        TRY(verify(c, &y, i, ref_axpy(before.at[i], a, x.at[i]), 2));
    return verify_untouched(c, &y);
}

/* v(i, r) = 2 + (16 i + j - 2) / 2^r.  With so few rounds every sum of those is a float exactly. */
static pmoe_status check_register_rounds(struct check *c)
{
    static const int32_t widths[] = {2, 3, 8, 10, 12, 1};
    int32_t sums = widths[c->number % 6], rounds = c->number % 13, lanes = sums > 1 ? c->tables[0]->lanes : 0;
    c->dims = (struct dims){"%d rounds of %d sums", {rounds, sums}};
    struct outputs y;
    if (!take_outputs(c, (size_t)lanes, &y))
        return no_memory(c);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->register_rounds(y.of[t].at, rounds, sums);
    for (int32_t lane = 0; lane < lanes; lane++) {
        struct ref want = {0, 0};
        for (int32_t i = 0; i < sums; i++)
            want.value += 2 + ldexp(16 * i + lane - 2, -rounds);
        TRY(verify(c, &y, (size_t)lane, want, 0));
    }
    return verify_untouched(c, &y);
}

#include "check_winograd.h"

/* ---- The walk ---- */

/* How many of each kernel's shapes a brief walk takes: all tiles (a gradient's have no rows of their own) and one shape
 * of many rows; all lengths up to some vectors; each number of sums in registers. */
enum {
    brief_patch_forward = GRID * GRID + 1,
    brief_patch_gradient = 3 * GRID + 1,
    brief_conv_forward = HEIGHTS * 7,
    brief_winograd_input = 2 * BRIEF_WIDTHS,
    brief_winograd_multiply = BRIEF_HEIGHTS * 5,
    brief_winograd_output = 4 * BRIEF_WIDTHS,
    brief_gated_sum = 20,
    brief_relu = 20,
    brief_scale_shift = 20,
    brief_axpy = 20,
    brief_register_rounds = 6,
};

/* A kernel in the list without a check_ function and a brief_ count above does not compile. */
static const struct {
    const char *kernel;
    pmoe_status (*check)(struct check *c);
    int32_t brief_shapes;
} checkers[] = {
#define K(kernel, arguments) {#kernel, check_##kernel, brief_##kernel},
#include "kernel_list.h"
};

/* All shapes of one round, or the brief walk's. */
static pmoe_status walk(struct check *c, int32_t *checks)
{
    for (size_t k = 0; k < sizeof checkers / sizeof *checkers; k++) {
        c->shapes = c->brief ? checkers[k].brief_shapes : SHAPES;
        for (c->number = 0; c->number < c->shapes; c->number++, ++*checks) {
            c->kernel = checkers[k].kernel;
            c->random = random_at(c->seed, RANDOM_CHECK, ((uint64_t)c->round * 64 + k) * SHAPES + (uint64_t)c->number);
            pmoe_status status = checkers[k].check(c);
            give_all(c);
            TRY(status);
        }
    }
    return PMOE_OK;
}

pmoe_status kernels_check(const struct kernels *kernels, const struct kernels *twin, uint64_t seed, int32_t rounds,
                          int32_t *checks, pmoe_error *error)
{
    struct check c = {.tables = {kernels, twin}, .seed = seed, .error = error, .brief = rounds == 0};
    pmoe_status status = PMOE_OK;
    int32_t done = 0;
    c.room = c.brief ? malloc(BRIEF_BYTES) : NULL;
    c.room_bytes = c.room ? BRIEF_BYTES : 0;
    for (; !status && (c.round < rounds || (c.brief && c.round == 0)); c.round++)
        status = walk(&c, &done);
    free(c.room);
    if (checks && !status)
        *checks = done;
    return status;
}

const struct kernels *kernels_twin(const struct kernels *kernels)
{
    const struct kernels *scalar = kernels_at(0);
    return kernels != scalar && kernels->lanes == scalar->lanes && kernels->fused == scalar->fused ? scalar : NULL;
}
