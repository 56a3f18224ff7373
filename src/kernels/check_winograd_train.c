/* The checks of the way back through Winograd convolutions, natively, as check_train.c.  What lies behind the last
 * output or channel of a row up to a whole vector is written as zeros by the first and never used by the last. */
#include "check_parts.h"

#include "../base/error.h"

#include <string.h>

enum { PIXELS = 4 * 4, POINTS = 6 * 6, TAPS = 9 };

pmoe_status check_winograd_output_gradient(struct check *c)
{
    enum { RUNS = 7 };
    const int32_t outs = check_choose_width(c), whole = check_whole_vectors(c, outs);
    const int32_t step = whole + (int32_t)random_below(&c->random, 3);
    c->dims = (struct dims){"%d outputs, step %d", {outs, step}};
    struct array data;
    struct outputs m;
    const float *dy[PIXELS];
    if (!check_take_input(c, (size_t)(RUNS * (outs + 1) - 1), &data) ||
        !check_take_outputs(c, (size_t)((POINTS - 1) * step + whole), &m))
        return check_no_memory(c);
    for (int32_t i = 0; i < RUNS; i++)
        check_fill(c, data.at + i * (outs + 1), (size_t)outs);
    check_plant_nan(c, data.at, (size_t)outs);
    for (int32_t i = 0; i < PIXELS; i++)
        dy[i] = data.at + (int32_t)random_below(&c->random, RUNS) * (outs + 1);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->winograd_output_gradient(m.of[t].at, step, dy, outs);
    for (int32_t p = 0; p < POINTS; p++)
        for (int32_t o = 0; o < whole; o++) /* a product and two sums in each of two lines */
            TRY(check_verify(c, &m, (size_t)(p * step + o),
                             o < outs ? ref_winograd_output_gradient(dy, p, o) : (struct ref){0, 0}, 6));
    return check_untouched(c, &m);
}

/* Rows of V and M with poison between them. */
static int take_strip(struct check *c, int32_t tiles, int32_t outs, int32_t channels, struct winograd_strip *s,
                      struct array *v, struct array *m)
{
    struct random *random = &c->random;
    const int32_t whole = check_whole_vectors(c, channels);
    *s = (struct winograd_strip){.points = 1 + (int32_t)random_below(random, 3), .channels = channels};
    s->v_row = whole + (ptrdiff_t)random_below(random, 3);
    s->v_point = tiles * s->v_row + (ptrdiff_t)random_below(random, 3);
    s->m_row = outs + (ptrdiff_t)random_below(random, 3);
    s->m_point = tiles * s->m_row + (ptrdiff_t)random_below(random, 3);
    s->w_point = outs * s->v_row + (ptrdiff_t)random_below(random, 3);
    size_t v_extent = tiles ? (size_t)((s->points - 1) * s->v_point + (tiles - 1) * s->v_row + whole) : 0;
    size_t m_extent = tiles ? (size_t)((s->points - 1) * s->m_point + (tiles - 1) * s->m_row + outs) : 0;
    if (!check_take_input(c, v_extent, v) || !check_take_input(c, m_extent, m))
        return 0;
    for (int32_t p = 0; p < s->points; p++)
        for (int32_t t = 0; t < tiles; t++) {
            check_fill(c, v->at + p * s->v_point + t * s->v_row, (size_t)whole);
            check_fill(c, m->at + p * s->m_point + t * s->m_row, (size_t)outs);
        }
    check_plant_nan(c, v->at, tiles ? (size_t)whole : 0);
    check_plant_nan(c, m->at, tiles ? (size_t)outs : 0);
    return 1;
}

pmoe_status check_winograd_multiply_gradient(struct check *c)
{
    const int32_t lanes = c->tables[0]->lanes, vectors = c->number / CHECK_HEIGHTS;
    const int32_t outs = c->number % CHECK_HEIGHTS + (int32_t)random_below(&c->random, 2) * CHECK_HEIGHTS;
    const int32_t channels = vectors ? vectors * lanes - (int32_t)random_below(&c->random, (uint32_t)lanes) : 0;
    const int32_t tiles = (int32_t)random_below(&c->random, c->brief ? 4 : 40);
    struct winograd_strip s;
    struct array v, m, before;
    struct outputs du;
    if (!take_strip(c, tiles, outs, channels, &s, &v, &m))
        return check_no_memory(c);
    const int32_t whole = vectors * lanes;
    const size_t all = outs && whole ? (size_t)((s.points - 1) * s.w_point + (outs - 1) * s.v_row + whole) : 0;
    if (!check_take_filled(c, all, &before) || !check_take_outputs(c, all, &du))
        return check_no_memory(c);
    check_plant_nan(c, before.at, before.count);
    c->dims = (struct dims){"%d tiles, %d points, %d outputs, %d channels", {tiles, s.points, outs, channels}};
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        for (int32_t i = 0; i < s.points * outs && whole; i++) {
            ptrdiff_t at = i / outs * s.w_point + i % outs * s.v_row;
            memcpy(du.of[t].at + at, before.at + at, (size_t)whole * sizeof(float));
        }
        c->tables[t]->winograd_multiply_gradient(du.of[t].at, m.at, v.at, &s, tiles, outs);
    }
    for (int32_t p = 0; p < s.points; p++)
        for (int32_t o = 0; o < outs; o++)
            for (int32_t i = 0; i < whole; i++) {
                size_t at = (size_t)(p * s.w_point + o * s.v_row + i);
                struct ref want = ref_winograd_multiply_gradient(before.at[at], m.at, v.at, &s, tiles, p, o, i);
                TRY(check_verify(c, &du, at, want, 1 + (double)tiles)); /* one product, a sum over the tiles */
            }
    return check_untouched(c, &du);
}

pmoe_status check_winograd_filter_gradient(struct check *c)
{
    const int32_t channels = check_choose_width(c), whole = check_whole_vectors(c, channels);
    const int32_t point_step = whole + (int32_t)random_below(&c->random, 3),
                  tap_step = channels + (int32_t)random_below(&c->random, 3);
    c->dims = (struct dims){"%d channels, steps %d and %d", {channels, point_step, tap_step}};
    struct array du;
    struct outputs dw;
    if (!check_take_input(c, (size_t)((POINTS - 1) * point_step + whole), &du) ||
        !check_take_outputs(c, channels ? (size_t)((TAPS - 1) * tap_step + channels) : 0, &dw))
        return check_no_memory(c);
    for (int32_t p = 0; p < POINTS; p++)
        check_fill(c, du.at + p * point_step, (size_t)channels);
    check_plant_nan(c, du.at, (size_t)channels);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->winograd_filter_gradient(dw.of[t].at, tap_step, du.at, point_step, channels);
    for (int32_t tap = 0; tap < TAPS; tap++)
        for (int32_t i = 0; i < channels; i++) /* a factor, a product and three sums in each of two lines */
            TRY(check_verify(c, &dw, (size_t)(tap * tap_step + i),
                             ref_winograd_filter_gradient(du.at + i, point_step, tap), 10));
    return check_untouched(c, &dw);
}
