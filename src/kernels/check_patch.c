/* The checks of the kernels over patches. */
#include "check_parts.h"

#include "../base/error.h"
#include "pack.h"

#include <string.h>

enum {
    BRIEF_ROWS = 65, /* of a brief walk's last shape: more than patch_gradient takes at once */
};

struct patches {
    int32_t rows, groups, outs; /* rows of each group */
    int32_t wide;               /* patches side by side, as on a board: kernels may read those as one; else 1 */
    struct patch_shape shape;
    size_t floats;   /* of one patch */
    const float **x; /* [groups][rows], some of them the same patch */
};

static size_t matrix_floats(const struct patches *p)
{
    return p->floats * (size_t)p->outs;
}

static void choose_shape(struct check *c, int32_t most_groups, struct patches *p)
{
    struct random *random = &c->random;
    const int32_t is_tile = c->number < (c->brief ? c->shapes - 1 : CHECK_GRID * CHECK_GRID),
                  lanes = c->tables[0]->lanes;
    const uint32_t longest = !is_tile ? 12 : c->brief ? 2 * (uint32_t)lanes + 1 : 40;
    p->rows = is_tile ? c->number / CHECK_GRID : c->brief ? BRIEF_ROWS : (int32_t)random_below(random, 100);
    p->outs = is_tile ? c->number % CHECK_GRID : c->brief ? CHECK_GRID - 1 : (int32_t)random_below(random, 20);
    p->shape.runs = is_tile ? 1 + (int32_t)random_below(random, c->brief ? 2 : 4) : 1;
    p->shape.run = random_below(random, 16) ? 1 + (int32_t)random_below(random, longest) : 0;
    if (c->brief && p->rows == 1) /* vectors whole and cut short, an odd number: patch_gradient's tiles */
        p->shape.runs = 3, p->shape.run = lanes + 1;
    p->wide = p->rows % 4 == 0 && (c->brief ? p->rows == 8 : random_below(random, 2)) ? 4 : 1;
    if (p->wide > 1 && (c->brief || random_below(random, 4)))
        p->shape.run = 28; /* the board's */
    p->shape.step = p->wide * p->shape.run + (int32_t)random_below(random, c->brief ? 3 : 20);
    p->floats = (size_t)p->shape.runs * (size_t)p->shape.run;
    p->groups = p->rows % 3 == 2 ? most_groups : 1;
    c->dims = (struct dims){"%d rows, %d outputs, %d runs of %d, step %d, %d side by side",
                            {p->rows, p->outs, p->shape.runs, p->shape.run, p->shape.step, p->wide}};
}

/* Patches, or rows of them, one behind the other, poison between their runs; the last one ends where the array ends. */
static int take_patches(struct check *c, int32_t most_groups, struct patches *p)
{
    choose_shape(c, most_groups, p);
    const int32_t rows = p->rows * p->groups;
    size_t run = (size_t)p->shape.run, wide = (size_t)p->wide;
    size_t extent = (size_t)(p->shape.runs - 1) * (size_t)p->shape.step + wide * run;
    struct array data;
    p->x = check_take_bytes(c, (size_t)rows * sizeof *p->x);
    if (!p->x || !check_take_input(c, (size_t)rows / wide * extent, &data))
        return 0;
    for (int32_t i = 0; i < rows; i++) {
        float *patch = data.at + (size_t)i / wide * extent + (size_t)i % wide * run;
        for (int32_t r = 0; r < p->shape.runs; r++) {
            check_fill(c, patch + (ptrdiff_t)r * p->shape.step, run);
            if (i == 0)
                check_plant_nan(c, patch + (ptrdiff_t)r * p->shape.step, run);
        }
        int32_t to = wide > 1 ? i : (int32_t)random_below(&c->random, (uint32_t)i + 1); /* a shuffle while dealing */
        p->x[i] = p->x[to];
        p->x[to] = patch;
    }
    if (rows > 3 && wide == 1)
        p->x[1] = p->x[2];
    return 1;
}

/* Packed weights of all groups for one table; NULL when there is no memory. */
static float *take_panels(struct check *c, const struct kernels *kernels, const struct patches *p, const float *w)
{
    const size_t each = packed_count(kernels, p->shape, p->outs);
    float *panels = check_take_aligned(c, (size_t)p->groups * each);
    for (int32_t g = 0; panels && g < p->groups; g++)
        pack_panels(kernels, p->shape, p->outs, w + (size_t)g * matrix_floats(p), panels + (size_t)g * each);
    return panels;
}

/* Behind an output: one product, a sum over the vectors of a patch in each lane, halvings of the lanes, the bias. */
static double forward_roundings(const struct kernels *kernels, struct patch_shape shape)
{
    int32_t lanes = kernels->lanes, halvings = 0;
    double vectors = (double)shape.runs * (shape.run / lanes + (shape.run % lanes != 0));
    for (; lanes > 1; lanes /= 2)
        halvings++;
    return 1 + vectors + halvings + 1;
}

pmoe_status check_patch_forward(struct check *c)
{
    struct patches p;
    struct array w, bias;
    struct outputs y;
    if (!take_patches(c, 2, &p) || !check_take_filled(c, (size_t)p.groups * matrix_floats(&p), &w) ||
        !check_take_filled(c, (size_t)p.groups * (size_t)p.outs, &bias))
        return check_no_memory(c);
    check_plant_nan(c, w.at, w.count);
    check_plant_nan(c, bias.at, bias.count);
    const float *biases = random_below(&c->random, 2) ? bias.at : NULL;
    int32_t relu = (int32_t)random_below(&c->random, 2);
    ptrdiff_t step = p.outs + (ptrdiff_t)random_below(&c->random, 4);
    const int32_t rows = p.groups * p.rows;
    if (!check_take_outputs(c, rows ? (size_t)((rows - 1) * step + p.outs) : 0, &y))
        return check_no_memory(c);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        const float *panels = take_panels(c, c->tables[t], &p, w.at);
        if (!panels)
            return check_no_memory(c);
        c->tables[t]->patch_forward(y.of[t].at, step, p.x, p.rows, p.groups, p.shape, panels, biases, p.outs, relu);
    }
    double roundings = forward_roundings(c->tables[0], p.shape);
    for (int32_t i = 0; i < rows; i++) {
        const int32_t group = i / p.rows;
        const float *weights = w.at + (size_t)group * matrix_floats(&p),
                    *shift = biases ? biases + group * p.outs : NULL;
        for (int32_t o = 0; o < p.outs; o++)
            TRY(check_verify(c, &y, (size_t)(i * step + o), ref_patch_forward(p.x[i], p.shape, weights, shift, o, relu),
                             roundings));
    }
    return check_untouched(c, &y);
}

#if !defined(__wasm__) /* training */

pmoe_status check_patch_gradient(struct check *c)
{
    struct patches p;
    struct array dy, before;
    struct outputs dw;
    if (!take_patches(c, 1, &p))
        return check_no_memory(c);
    ptrdiff_t step = p.outs + (ptrdiff_t)random_below(&c->random, 4);
    if (!check_take_input(c, p.rows ? (size_t)((p.rows - 1) * step + p.outs) : 0, &dy) ||
        !check_take_filled(c, p.floats * (size_t)p.outs, &before) || !check_take_outputs(c, before.count, &dw))
        return check_no_memory(c);
    for (int32_t i = 0; i < p.rows; i++)
        check_fill(c, dy.at + i * step, (size_t)p.outs);
    check_plant_nan(c, dy.at, p.rows ? (size_t)p.outs : 0);
    check_plant_nan(c, before.at, before.count);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        memcpy(dw.of[t].at, before.at, before.count * sizeof(float));
        c->tables[t]->patch_gradient(dw.of[t].at, p.x, p.rows, p.shape, dy.at, step, p.outs);
    }
    for (size_t i = 0; i < before.count; i++)
        TRY(check_verify(c, &dw, i,
                         ref_patch_gradient(before.at[i], p.x, p.rows, p.shape, dy.at, step, (int32_t)(i / p.floats),
                                            (int32_t)(i % p.floats)),
                         1 + p.rows)); /* one product, a sum over the rows */
    return check_untouched(c, &dw);
}

#endif
