/* The checks of the kernels over vectors and rows, and of routing. */
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

/* An int32_t below 2^23 as the float of the same bits, which outputs are compared as. */
static struct ref same_bits(int32_t value)
{
    float bits;
    memcpy(&bits, &value, sizeof bits);
    return (struct ref){bits, 0};
}

/* Lists around one vector and two, items around one block and two. */
pmoe_status check_route(struct check *c)
{
    const int32_t most = c->brief ? 20 : 70, lists = c->number % (2 * c->tables[0]->lanes + 2);
    const int32_t n = 1 + (int32_t)random_below(&c->random, (uint32_t)most);
    const int32_t l = 1 + (int32_t)random_below(&c->random, (uint32_t)(n < 9 ? n : 9));
    const int32_t over = (int32_t[]){0, l, n}[random_below(&c->random, 3)];
    const int32_t step = lists + (int32_t)random_below(&c->random, 3);
    c->dims = (struct dims){"%d lists of %d, l %d over %d", {lists, n, l, over}};
    const size_t kept = (size_t)lists * (size_t)l;
    struct array scores;
    struct outputs picks, gates;
    float *scratch = check_take_aligned(c, 2 * ((size_t)l + 1) * (size_t)c->tables[0]->lanes);
    if (!scratch ||
        !check_take_input(c, (size_t)(n - 1) * (size_t)step + (size_t)check_whole_vectors(c, lists), &scores) ||
        !check_take_outputs(c, kept, &picks) || !check_take_outputs(c, kept, &gates))
        return check_no_memory(c);
    const uint32_t values = c->number % 2 ? 4 : 1 << 20; /* of few, many are equal */
    for (size_t i = 0; i < scores.count; i++)
        scores.at[i] = (float)random_below(&c->random, values) / (float)values;
    check_plant_nan(c, scores.at, scores.count);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->route((int32_t *)(void *)picks.of[t].at, gates.of[t].at, scores.at, step, lists, n, l, over,
                            scratch);
    for (size_t at = 0; at < kept; at++) {
        const float *list = scores.at + at / (size_t)l;
        const int32_t i = (int32_t)(at % (size_t)l);
        int32_t pick = -1;
        const struct ref gate = ref_route(list, step, n, i, over, &pick);
        TRY(check_verify(c, &picks, at, same_bits(pick), 0));
        /* a difference of at most 2, its exponential within 2 ulp, a sum, a quotient */
        TRY(check_verify(c, &gates, at, gate, 1 + 2 + over + 1));
    }
    TRY(check_untouched(c, &picks));
    return check_untouched(c, &gates);
}
