/* The checks of the kernels that only training uses: natively, as they are. */
#include "check_parts.h"

#include "../base/error.h"

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

pmoe_status check_centred_sum(struct check *c)
{
    int32_t rows = (int32_t)random_below(&c->random, 20), count = c->number;
    c->dims = (struct dims){"%d rows of %d", {rows, count}};
    struct array a, b, a_mean, b_mean;
    struct outputs y;
    if (!check_take_filled(c, (size_t)rows * (size_t)count, &a) ||
        !check_take_filled(c, (size_t)rows * (size_t)count, &b) || !check_take_filled(c, (size_t)count, &a_mean) ||
        !check_take_filled(c, (size_t)count, &b_mean) || !check_take_outputs(c, (size_t)count, &y))
        return check_no_memory(c);
    check_plant_nan(c, a.at, a.count);
    check_plant_nan(c, b.at, b.count);
    check_plant_nan(c, a_mean.at, a_mean.count);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->centred_sum(y.of[t].at, a.at, a_mean.at, b.at, b_mean.at, rows, count);
    for (int32_t i = 0; i < count; i++) /* two differences, their product, a sum over the rows */
        TRY(check_verify(c, &y, (size_t)i, ref_centred_sum(a.at, a_mean.at, b.at, b_mean.at, rows, count, i),
                         2 + 1 + rows));
    return check_untouched(c, &y);
}

pmoe_status check_scale_two(struct check *c)
{
    int32_t rows = (int32_t)random_below(&c->random, 6), count = c->number,
            added = (int32_t)random_below(&c->random, 3);
    c->dims = (struct dims){"%d rows of %d", {rows, count}};
    struct array a, b, add, by_a, by_b, shift;
    struct outputs y;
    size_t all = (size_t)rows * (size_t)count;
    if (!check_take_filled(c, all, &a) || !check_take_filled(c, all, &b) || !check_take_filled(c, all, &add) ||
        !check_take_filled(c, (size_t)count, &by_a) || !check_take_filled(c, (size_t)count, &by_b) ||
        !check_take_filled(c, (size_t)count, &shift) || !check_take_outputs(c, all, &y))
        return check_no_memory(c);
    check_plant_nan(c, a.at, all);
    check_plant_nan(c, b.at, all);
    check_plant_nan(c, add.at, all);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        if (added == 2)
            memcpy(y.of[t].at, add.at, all * sizeof(float));
        c->tables[t]->scale_two(y.of[t].at, a.at, by_a.at, b.at, by_b.at, shift.at,
                                added == 2 ? y.of[t].at
                                : added    ? add.at
                                           : NULL,
                                rows, count);
    }
    for (size_t i = 0; i < all; i++) { /* the addend, two products, two sums */
        size_t at = i % (size_t)count;
        TRY(check_verify(c, &y, i,
                         ref_scale_two(a.at[i], by_a.at[at], b.at[i], by_b.at[at], shift.at[at], added ? add.at[i] : 0),
                         5));
    }
    return check_untouched(c, &y);
}
