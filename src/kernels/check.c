/* The harness: memory, outputs and the walk; check.h says what it covers. */
#include "check_parts.h"

#include "../base/error.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BORDER = 24,           /* poisoned floats beside an array */
    BRIEF_BYTES = 1 << 15, /* for the arrays of most of a brief walk's shapes */
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

void *check_take_bytes(struct check *c, size_t bytes)
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

static int take_array(struct check *c, size_t count, size_t back, struct array *array)
{
    size_t front = BORDER + random_below(&c->random, 16);
    array->count = count;
    array->all_count = front + count + back;
    array->all = check_take_bytes(c, array->all_count * sizeof(float));
    if (!array->all)
        return 0;
    array->at = array->all + front;
    poison(array->all, array->all_count);
    return 1;
}

int check_take_input(struct check *c, size_t count, struct array *array)
{
    return take_array(c, count, random_below(&c->random, 2) * BORDER, array);
}

void check_fill(struct check *c, float *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at[i] = 2 * random_uniform(&c->random) - 1;
}

int check_take_filled(struct check *c, size_t count, struct array *array)
{
    if (!check_take_input(c, count, array))
        return 0;
    check_fill(c, array->at, count);
    return 1;
}

void check_plant_nan(struct check *c, float *at, size_t count)
{
    if (count && random_below(&c->random, 8) == 0)
        at[random_below(&c->random, (uint32_t)count)] = NAN;
}

pmoe_status check_no_memory(struct check *c)
{
    return fail(c->error, PMOE_E_MEMORY, "no memory to check the kernel %s", c->kernel);
}

float *check_take_aligned(struct check *c, size_t count)
{
    unsigned char *block = check_take_bytes(c, count * sizeof(float) + 63);
    if (!block)
        return NULL;
    float *at = (float *)(block + (-(uintptr_t)block & 63));
    poison(at, count);
    return at;
}

/* ---- Outputs ---- */

int check_take_outputs(struct check *c, size_t count, struct outputs *outputs)
{
    for (int t = 0; t < 2 && c->tables[t]; t++)
        if (!take_array(c, count, BORDER, &outputs->of[t]))
            return 0;
    return 1;
}

pmoe_status check_wrong(const struct check *c, ptrdiff_t index, const char *what, double got, double want)
{
    char dims[96];
    const int32_t *of = c->dims.of;
    snprintf(dims, sizeof dims, c->dims.form, (int)of[0], (int)of[1], (int)of[2], (int)of[3], (int)of[4], (int)of[5]);
    return fail(c->error, PMOE_E_CHECKSUM,
                "kernel %s of %s, %s: value %td %s: found %.9g, expected %.9g (seed %llu, round %d, shape %d)",
                c->kernel, c->tables[0]->name, dims, index, what, got, want, (unsigned long long)c->seed, (int)c->round,
                (int)c->number);
}

pmoe_status check_verify(struct check *c, struct outputs *outputs, size_t index, struct ref want, double roundings)
{
    float *at = outputs->of[0].at + index;
    float got = *at;
    int good = isnan(want.value) ? isnan(got) : fabs(got - want.value) <= roundings * FLT_EPSILON * want.magnitude;
    if (!good)
        return check_wrong(c, (ptrdiff_t)index, "is out of bounds", got, want.value);
    poison(at, 1);
    if (c->tables[1]) {
        float *other = outputs->of[1].at + index;
        float twin = *other;
        if (memcmp(&got, &twin, sizeof got) != 0 && !(isnan(got) && isnan(twin)))
            return check_wrong(c, (ptrdiff_t)index, "differs from its twin's bits", got, twin);
        poison(other, 1);
    }
    return PMOE_OK;
}

pmoe_status check_untouched(struct check *c, const struct outputs *outputs)
{
    const struct array *array = &outputs->of[0];
    for (size_t i = 0; i < array->all_count; i++)
        if (!is_poison(array->all + i))
            return check_wrong(c, array->all + i - array->at, "was written and is no output", array->all[i], NAN);
    return PMOE_OK;
}

/* ---- The walk ---- */

/* How many of each kernel's shapes a brief walk takes: all tiles (a gradient's have no rows of their own) and one shape
 * of many rows; all lengths up to some vectors; each number of sums in registers. */
enum {
    brief_patch_forward = CHECK_GRID * CHECK_GRID + 1,
    brief_conv_forward = CHECK_HEIGHTS * 7,
    brief_winograd_input = 2 * BRIEF_WIDTHS,
    brief_winograd_multiply = BRIEF_HEIGHTS * 5,
    brief_winograd_output = 4 * BRIEF_WIDTHS,
    brief_gated_sum = 20,
    brief_row_max = 20,
    brief_relu = 20,
    brief_scale_shift = 20,
    brief_axpy = 20,
    brief_register_rounds = 6,
    brief_patch_gradient = 3 * CHECK_GRID + 1,
    brief_conv_gradient = CHECK_HEIGHTS * 7,
    brief_winograd_output_gradient = 2 * BRIEF_WIDTHS,
    brief_winograd_multiply_gradient = CHECK_HEIGHTS * 5,
    brief_winograd_filter_gradient = 2 * BRIEF_WIDTHS,
    brief_norm_squares = 20,
    brief_norm_sums = 20,
    brief_norm_gradient = 20,
    brief_quantise = 20,
    brief_conv_int8 = CHECK_HEIGHTS * 7,
    brief_route = 20,
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
        c->shapes = c->brief ? checkers[k].brief_shapes : CHECK_SHAPES;
        for (c->number = 0; c->number < c->shapes; c->number++, ++*checks) {
            c->kernel = checkers[k].kernel;
            c->random =
                random_at(c->seed, RANDOM_CHECK, ((uint64_t)c->round * 64 + k) * CHECK_SHAPES + (uint64_t)c->number);
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
