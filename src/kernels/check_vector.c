/* The checks of the kernels over vectors and rows. */
#include "check_parts.h"

#include "../base/error.h"

#include <math.h>
#include <string.h>

pmoe_status check_gated_sum(struct check *c)
{
    int32_t rows = (int32_t)random_below(&c->random, 20), count = c->number;
    c->dims = (struct dims){"%d rows of %d", {rows, count}};
    struct array x, gate;
    struct outputs y;
    if (!check_take_filled(c, (size_t)rows * (size_t)count, &x) || !check_take_filled(c, (size_t)rows, &gate) ||
        !check_take_outputs(c, (size_t)count, &y))
        return check_no_memory(c);
    check_plant_nan(c, x.at, x.count);
    check_plant_nan(c, gate.at, gate.count);
    const float *gates = random_below(&c->random, 2) ? gate.at : NULL;
    float scale = 1 / (1 + random_uniform(&c->random));
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->gated_sum(y.of[t].at, x.at, gates, scale, rows, count);
    for (int32_t i = 0; i < count; i++) /* a product, a sum over the rows, the scale */
        TRY(check_verify(c, &y, (size_t)i, ref_gated_sum(x.at, gates, scale, rows, count, i), 1 + rows + 1));
    return check_untouched(c, &y);
}

pmoe_status check_row_max(struct check *c)
{
    int32_t rows = 1 + (int32_t)random_below(&c->random, 20), count = c->number;
    c->dims = (struct dims){"%d rows of %d", {rows, count}};
    struct array x;
    struct outputs y;
    if (!check_take_filled(c, (size_t)rows * (size_t)count, &x) || !check_take_outputs(c, (size_t)count, &y))
        return check_no_memory(c);
    check_plant_nan(c, x.at, x.count);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->row_max(y.of[t].at, x.at, rows, count);
    for (int32_t i = 0; i < count; i++)
        TRY(check_verify(c, &y, (size_t)i, ref_row_max(x.at, rows, count, i), 0));
    return check_untouched(c, &y);
}

pmoe_status check_scale_shift(struct check *c)
{
    int32_t rows = (int32_t)random_below(&c->random, 40), count = c->number,
            relu = (int32_t)random_below(&c->random, 2);
    c->dims = (struct dims){"%d rows of %d", {rows, count}};
    struct array x, scale, shift;
    struct outputs y;
    if (!check_take_filled(c, (size_t)rows * (size_t)count, &x) || !check_take_filled(c, (size_t)count, &scale) ||
        !check_take_filled(c, (size_t)count, &shift) || !check_take_outputs(c, x.count, &y))
        return check_no_memory(c);
    check_plant_nan(c, x.at, x.count);
    check_plant_nan(c, scale.at, scale.count);
    check_plant_nan(c, shift.at, shift.count);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->scale_shift(y.of[t].at, x.at, scale.at, shift.at, rows, count, relu);
    for (size_t i = 0; i < x.count; i++) /* product and sum */
        TRY(check_verify(c, &y, i,
                         ref_scale_shift(x.at[i], scale.at[i % (size_t)count], shift.at[i % (size_t)count], relu), 2));
    return check_untouched(c, &y);
}

pmoe_status check_relu(struct check *c)
{
    size_t count = (size_t)c->number;
    c->dims = (struct dims){"%d floats", {c->number}};
    struct array x;
    struct outputs y;
    if (!check_take_filled(c, count, &x) || !check_take_outputs(c, count, &y))
        return check_no_memory(c);
    check_plant_nan(c, x.at, count);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->relu(y.of[t].at, x.at, count);
    for (size_t i = 0; i < count; i++)
        TRY(check_verify(c, &y, i, ref_relu(x.at[i]), 0));
    return check_untouched(c, &y);
}

pmoe_status check_axpy(struct check *c)
{
    size_t count = (size_t)c->number;
    c->dims = (struct dims){"%d floats", {c->number}};
    struct array x, before;
    struct outputs y;
    if (!check_take_filled(c, count, &x) || !check_take_filled(c, count, &before) || !check_take_outputs(c, count, &y))
        return check_no_memory(c);
    check_plant_nan(c, x.at, count);
    check_plant_nan(c, before.at, count);
    float a = 2 * random_uniform(&c->random) - 1;
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        memcpy(y.of[t].at, before.at, count * sizeof(float));
        c->tables[t]->axpy(y.of[t].at, a, x.at, count);
    }
    for (size_t i = 0; i < count; i++) /* product and sum */
        TRY(check_verify(c, &y, i, ref_axpy(before.at[i], a, x.at[i]), 2));
    return check_untouched(c, &y);
}
