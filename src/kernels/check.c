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
    MOST_BLOCKS = 16,
    BORDER = 24, /* poisoned floats beside an array */
};

/* One shape at a time; all its memory is given back before the next. */
struct check {
    const struct kernels *tables[2]; /* under test, and its twin or NULL */
    struct random random;
    uint64_t seed;
    int32_t round, number;
    const char *kernel;
    char dims[96];
    pmoe_error *error;
    void *blocks[MOST_BLOCKS];
    int32_t blocks_used;
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
    void *block = malloc(bytes ? bytes : 1);
    if (block)
        c->blocks[c->blocks_used++] = block;
    return block;
}

static void give_all(struct check *c)
{
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
    return fail(c->error, PMOE_E_CHECKSUM,
                "kernel %s of %s, %s: float %td %s: found %.9g, expected %.9g (seed %llu, round %d, shape %d)",
                c->kernel, c->tables[0]->name, c->dims, index, what, got, want, (unsigned long long)c->seed,
                (int)c->round, (int)c->number);
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
    if (c->number < GRID * GRID) {
        p->rows = c->number / GRID;
        p->outs = c->number % GRID;
        p->shape.runs = 1 + (int32_t)random_below(random, 4);
    } else {
        p->rows = (int32_t)random_below(random, 100);
        p->outs = (int32_t)random_below(random, 20);
        p->shape.runs = 1;
    }
    uint32_t longest = c->number < GRID * GRID ? 40 : 12;
    p->shape.run = random_below(random, 16) ? 1 + (int32_t)random_below(random, longest) : 0;
    p->shape.step = p->shape.run + (int32_t)random_below(random, 20);
    p->floats = (size_t)p->shape.runs * (size_t)p->shape.run;
    snprintf(c->dims, sizeof c->dims, "%d rows, %d outputs, %d runs of %d, step %d", (int)p->rows, (int)p->outs,
             (int)p->shape.runs, (int)p->shape.run, (int)p->shape.step);
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

/* ---- Convolutions ---- */

struct maps {
    struct conv_shape shape;
    int32_t images, first, count;
    const float **x; /* [images] */
    int32_t *at;     /* [pixels][taps] */
    struct array zeros;
};

/* Each height of a tile and 1 to 4 vectors of outputs; taps anywhere in the map and outside. */
static void choose_maps(struct check *c, struct maps *m)
{
    struct random *random = &c->random;
    int32_t lanes = c->tables[0]->lanes, vectors = c->number / HEIGHTS % 5;
    m->count = c->number % HEIGHTS;
    m->shape = (struct conv_shape){.pixels = 1 + (int32_t)random_below(random, 8),
                                   .taps = 1 + (int32_t)random_below(random, 5),
                                   .channels = 1 + (int32_t)random_below(random, 9),
                                   .outs = vectors * lanes - (int32_t)random_below(random, (uint32_t)lanes)};
    m->shape.outs = vectors ? m->shape.outs : 0;
    m->shape.y_pixel = m->shape.outs + (ptrdiff_t)random_below(random, 3);
    m->shape.y_image = m->shape.pixels * m->shape.y_pixel + (ptrdiff_t)random_below(random, 3);
    m->first = (int32_t)random_below(random, (uint32_t)(2 * m->shape.pixels));
    m->images = (m->first + m->count) / m->shape.pixels + 1;
    snprintf(c->dims, sizeof c->dims, "%d positions from %d, %d pixels, %d taps of %d, %d outputs", (int)m->count,
             (int)m->first, (int)m->shape.pixels, (int)m->shape.taps, (int)m->shape.channels, (int)m->shape.outs);
}

/* Maps of runs of `channels` floats with poison between them; the last one ends where the array ends. */
static int take_maps(struct check *c, struct maps *m)
{
    enum { RUNS = 6 };
    choose_maps(c, m);
    struct random *random = &c->random;
    size_t run = (size_t)m->shape.channels, step = run + 1, entries = (size_t)(m->shape.pixels * m->shape.taps);
    struct array data;
    m->x = take_bytes(c, (size_t)m->images * sizeof *m->x);
    m->at = take_bytes(c, entries * sizeof *m->at);
    if (!m->x || !m->at || !take_input(c, (size_t)m->images * RUNS * step - 1, &data) || !take_input(c, run, &m->zeros))
        return 0;
    for (int32_t i = 0; i < m->images * RUNS; i++)
        fill(c, data.at + (size_t)i * step, run);
    for (int32_t i = 0; i < m->images; i++)
        m->x[i] = data.at + random_below(random, (uint32_t)i + 1) * RUNS * step;
    plant_nan(c, data.at, run);
    int outside = random_below(random, 3) != 0;
    for (size_t i = 0; i < entries; i++)
        m->at[i] = outside && random_below(random, 3) == 0 ? -1 : (int32_t)(random_below(random, RUNS) * step);
    memset(m->zeros.at, 0, run * sizeof(float));
    m->shape.zeros = outside ? m->zeros.at : NULL;
    m->shape.at = m->at;
    return 1;
}

static float *take_conv_panels(struct check *c, const struct kernels *kernels, size_t floats, int32_t outs,
                               const float *w)
{
    size_t count = conv_panels_count(kernels, floats, outs);
    float *panels = take_aligned(c, count);
    if (panels)
        conv_pack_panels(kernels, floats, outs, w, panels);
    return panels;
}

/* Float of position q, which is a pixel of an image. */
static size_t position_at(const struct maps *m, int32_t q)
{
    return (size_t)(q / m->shape.pixels * m->shape.y_image + q % m->shape.pixels * m->shape.y_pixel);
}

static pmoe_status check_conv_forward(struct check *c)
{
    struct maps m;
    struct array w, bias, add;
    struct outputs y;
    if (!take_maps(c, &m))
        return no_memory(c);
    const struct conv_shape *shape = &m.shape;
    size_t floats = (size_t)(shape->taps * shape->channels), outs = (size_t)shape->outs;
    size_t all = m.count ? position_at(&m, m.first + m.count - 1) + outs : 0;
    if (!take_filled(c, floats * outs, &w) || !take_filled(c, outs, &bias) || !take_filled(c, all, &add) ||
        !take_outputs(c, all, &y))
        return no_memory(c);
    plant_nan(c, w.at, shape->zeros ? 0 : w.count);
    plant_nan(c, bias.at, bias.count);
    plant_nan(c, add.at, add.count);
    const float *biases = random_below(&c->random, 2) ? bias.at : NULL;
    int32_t relu = (int32_t)random_below(&c->random, 2), added = (int32_t)random_below(&c->random, 3);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        const float *panels = take_conv_panels(c, c->tables[t], floats, shape->outs, w.at);
        if (!panels)
            return no_memory(c);
        for (int32_t i = 0; i < m.count && added == 2; i++) {
            size_t at = position_at(&m, m.first + i);
            memcpy(y.of[t].at + at, add.at + at, outs * sizeof(float));
        }
        c->tables[t]->conv_forward(y.of[t].at, m.x, m.first, m.count, shape, panels, biases,
                                   added == 2 ? y.of[t].at
                                   : added    ? add.at
                                              : NULL,
                                   relu);
    }
    for (int32_t i = 0; i < m.count; i++)
        for (int32_t o = 0; o < shape->outs; o++) {
            int32_t q = m.first + i;
            size_t at = position_at(&m, q) + (size_t)o;
            struct ref want = ref_conv_forward(m.x[q / shape->pixels], q % shape->pixels, shape, w.at, biases,
                                               added ? add.at + at : NULL, o, relu);
            TRY(verify(c, &y, at, want, (double)floats + 2)); /* one product, a sum from the bias on, the addend */
        }
    return verify_untouched(c, &y);
}

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
    snprintf(c->dims, sizeof c->dims, "%d rows of %d", (int)rows, (int)count);
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
    snprintf(c->dims, sizeof c->dims, "%d rows of %d", (int)rows, (int)count);
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
    snprintf(c->dims, sizeof c->dims, "%zu floats", count);
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
    snprintf(c->dims, sizeof c->dims, "%zu floats", count);
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
    snprintf(c->dims, sizeof c->dims, "%d rounds of %d sums", (int)rounds, (int)sums);
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

/* A kernel in the list without a check_ function above does not compile. */
static const struct {
    const char *kernel;
    pmoe_status (*check)(struct check *c);
} checkers[] = {
#define K(kernel, arguments) {#kernel, check_##kernel},
#include "kernel_list.h"
};

pmoe_status kernels_check(const struct kernels *kernels, const struct kernels *twin, uint64_t seed, int32_t rounds,
                          int32_t *checks, pmoe_error *error)
{
    struct check c = {.tables = {kernels, twin}, .seed = seed, .error = error};
    int32_t done = 0;
    for (c.round = 0; c.round < rounds; c.round++)
        for (size_t k = 0; k < sizeof checkers / sizeof *checkers; k++)
            for (c.number = 0; c.number < SHAPES; c.number++, done++) {
                c.kernel = checkers[k].kernel;
                c.random = random_at(seed, RANDOM_CHECK, ((uint64_t)c.round * 64 + k) * SHAPES + (uint64_t)c.number);
                pmoe_status status = checkers[k].check(&c);
                give_all(&c);
                if (status != PMOE_OK)
                    return status;
            }
    if (checks)
        *checks = done;
    return PMOE_OK;
}

const struct kernels *kernels_twin(const struct kernels *kernels)
{
    const struct kernels *scalar = kernels_at(0);
    return kernels != scalar && kernels->lanes == scalar->lanes && kernels->fused == scalar->fused ? scalar : NULL;
}
