/* The checks of the kernels that only training uses: natively, as they are. */
#include "check_parts.h"

#include "../base/error.h"

#include <math.h>
#include <string.h>

pmoe_status check_conv_gradient(struct check *c)
{
    enum { RUNS = 6 };
    struct random *random = &c->random;
    const int32_t lanes = c->tables[0]->lanes, vectors = c->number / CHECK_HEIGHTS,
                  more = c->number >= CHECK_HEIGHTS * 7;
    struct conv_shape shape = {.pixels = 1 + (int32_t)random_below(random, more ? 90 : 5),
                               .taps = 1 + (int32_t)random_below(random, 3),
                               .channels = more ? 1 + (int32_t)random_below(random, 30) : c->number % CHECK_HEIGHTS + 1,
                               .outs = vectors * lanes - (int32_t)random_below(random, (uint32_t)lanes)};
    shape.outs = vectors == 0 || more ? 1 + (int32_t)random_below(random, 20) : shape.outs;
    shape.y_pixel = shape.outs + (ptrdiff_t)random_below(random, 3);
    shape.y_image = shape.pixels * shape.y_pixel + (ptrdiff_t)random_below(random, 3);
    const int32_t images = (int32_t)random_below(random, 4);
    c->dims = (struct dims){"%d images of %d pixels, %d taps of %d, %d outputs",
                            {images, shape.pixels, shape.taps, shape.channels, shape.outs}};
    size_t run = (size_t)shape.channels, step = run + 1, entries = (size_t)(shape.pixels * shape.taps);
    size_t gradients =
        images ? (size_t)((images - 1) * shape.y_image + (shape.pixels - 1) * shape.y_pixel + shape.outs) : 0;
    struct array data, zeros, dy, before;
    struct outputs dw;
    const float **x = check_take_bytes(c, ((size_t)images + 1) * sizeof *x);
    int32_t *at = check_take_bytes(c, entries * sizeof *at);
    if (!x || !at || !check_take_input(c, ((size_t)images + 1) * RUNS * step - 1, &data) ||
        !check_take_input(c, run, &zeros) || !check_take_input(c, gradients, &dy) ||
        !check_take_filled(c, entries / (size_t)shape.pixels * run * (size_t)shape.outs, &before) ||
        !check_take_outputs(c, before.count, &dw))
        return check_no_memory(c);
    for (int32_t i = 0; i < (images + 1) * RUNS; i++)
        check_fill(c, data.at + (size_t)i * step, run);
    for (int32_t i = 0; i < images; i++)
        x[i] = data.at + random_below(random, (uint32_t)i + 2) * RUNS * step;
    for (int32_t i = 0; i < images; i++)
        for (int32_t p = 0; p < shape.pixels; p++)
            check_fill(c, dy.at + i * shape.y_image + p * shape.y_pixel, (size_t)shape.outs);
    check_plant_nan(c, data.at, run);
    check_plant_nan(c, dy.at, images ? (size_t)shape.outs : 0);
    check_plant_nan(c, before.at, before.count);
    for (size_t i = 0; i < entries; i++)
        at[i] = random_below(random, 3) == 0 ? -1 : (int32_t)(random_below(random, RUNS) * step);
    memset(zeros.at, 0, run * sizeof(float));
    shape.zeros = zeros.at;
    shape.at = at;
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        memcpy(dw.of[t].at, before.at, before.count * sizeof(float));
        c->tables[t]->conv_gradient(dw.of[t].at, x, images, &shape, dy.at);
    }
    for (size_t i = 0; i < before.count; i++) {
        int32_t o = (int32_t)(i % (size_t)shape.outs), k = (int32_t)(i / (size_t)shape.outs);
        TRY(check_verify(
            c, &dw, i,
            ref_conv_gradient(before.at[i], x, images, &shape, dy.at, k / shape.channels, k % shape.channels, o),
            1 + (double)images * shape.pixels)); /* one product, a sum over the pixels */
    }
    return check_untouched(c, &dw);
}

pmoe_status check_norm_squares(struct check *c)
{
    int32_t rows = (int32_t)random_below(&c->random, 20), count = c->number;
    c->dims = (struct dims){"%d rows of %d", {rows, count}};
    struct array x, from;
    struct outputs sum, square;
    if (!check_take_filled(c, (size_t)rows * (size_t)count, &x) || !check_take_filled(c, (size_t)count, &from) ||
        !check_take_outputs(c, (size_t)count, &sum) || !check_take_outputs(c, (size_t)count, &square))
        return check_no_memory(c);
    check_plant_nan(c, x.at, x.count);
    check_plant_nan(c, from.at, from.count);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->norm_squares(sum.of[t].at, square.of[t].at, x.at, from.at, rows, count);
    for (int32_t i = 0; i < count; i++) { /* a difference, a sum over the rows; two, their product, a sum */
        TRY(check_verify(c, &sum, (size_t)i, ref_norm_squares(x.at, from.at, rows, count, i, 0), 1 + rows));
        TRY(check_verify(c, &square, (size_t)i, ref_norm_squares(x.at, from.at, rows, count, i, 1), 2 + 1 + rows));
    }
    TRY(check_untouched(c, &sum));
    return check_untouched(c, &square);
}

/* What a norm read, its gradient, and in two of three shapes the ReLU behind it. */
struct norm_inputs {
    int32_t rows, count;
    struct array x, dy, scale, shift;
    const float *scales, *shifts; /* NULL for no ReLU */
};

/* A value at which a rounding could close the ReLU or open it is moved away. */
static int take_norm(struct check *c, struct norm_inputs *n)
{
    n->rows = (int32_t)random_below(&c->random, 12);
    n->count = c->number;
    const size_t all = (size_t)n->rows * (size_t)n->count, channels = (size_t)n->count;
    const int relu = random_below(&c->random, 3) != 0;
    c->dims = (struct dims){"%d rows of %d, relu %d", {n->rows, n->count, relu}};
    if (!check_take_filled(c, all, &n->x) || !check_take_filled(c, all, &n->dy) ||
        !check_take_filled(c, channels, &n->scale) || !check_take_filled(c, channels, &n->shift))
        return 0;
    for (size_t i = 0; i < all; i++)
        if (fabs((double)n->scale.at[i % channels] * n->x.at[i] + n->shift.at[i % channels]) < 1e-5)
            n->x.at[i] = 0;
    check_plant_nan(c, n->x.at, all);
    check_plant_nan(c, n->dy.at, all);
    n->scales = relu ? n->scale.at : NULL;
    n->shifts = relu ? n->shift.at : NULL;
    return 1;
}

pmoe_status check_norm_sums(struct check *c)
{
    struct norm_inputs n;
    struct array mean;
    struct outputs sum, product;
    if (!take_norm(c, &n) || !check_take_filled(c, (size_t)n.count, &mean) ||
        !check_take_outputs(c, (size_t)n.count, &sum) || !check_take_outputs(c, (size_t)n.count, &product))
        return check_no_memory(c);
    check_plant_nan(c, mean.at, mean.count);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->norm_sums(sum.of[t].at, product.of[t].at, n.x.at, mean.at, n.dy.at, n.scales, n.shifts, n.rows,
                                n.count);
    for (int32_t i = 0; i < n.count; i++) { /* a sum over the rows; of products, one of whose factors is a difference */
        struct ref want = ref_norm_sums(n.x.at, mean.at, n.dy.at, n.scales, n.shifts, n.rows, n.count, i, 0);
        TRY(check_verify(c, &sum, (size_t)i, want, n.rows));
        want = ref_norm_sums(n.x.at, mean.at, n.dy.at, n.scales, n.shifts, n.rows, n.count, i, 1);
        TRY(check_verify(c, &product, (size_t)i, want, 1 + 1 + n.rows));
    }
    TRY(check_untouched(c, &sum));
    return check_untouched(c, &product);
}

pmoe_status check_norm_gradient(struct check *c)
{
    struct norm_inputs n;
    struct array add, by_x, by_dy, by_1;
    struct outputs dx;
    if (!take_norm(c, &n) || !check_take_filled(c, n.x.count, &add) || !check_take_filled(c, n.scale.count, &by_x) ||
        !check_take_filled(c, n.scale.count, &by_dy) || !check_take_filled(c, n.scale.count, &by_1) ||
        !check_take_outputs(c, n.x.count, &dx))
        return check_no_memory(c);
    const int32_t added = (int32_t)random_below(&c->random, 3);
    check_plant_nan(c, add.at, add.count);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        if (added == 2)
            memcpy(dx.of[t].at, add.at, add.count * sizeof(float));
        c->tables[t]->norm_gradient(dx.of[t].at, n.x.at, by_x.at, n.dy.at, by_dy.at, by_1.at, n.scales, n.shifts,
                                    added == 2 ? dx.of[t].at
                                    : added    ? add.at
                                               : NULL,
                                    n.rows, n.count);
    }
    for (size_t i = 0; i < n.x.count; i++) { /* the addend, two products, two sums */
        size_t at = i % n.scale.count;
        double passed =
            ref_norm_pass(n.dy.at[i], n.x.at[i], n.scales ? n.scales + at : NULL, n.shifts ? n.shifts + at : NULL);
        TRY(check_verify(
            c, &dx, i,
            ref_norm_gradient(n.x.at[i], by_x.at[at], passed, by_dy.at[at], by_1.at[at], added ? add.at[i] : 0), 5));
    }
    return check_untouched(c, &dx);
}
