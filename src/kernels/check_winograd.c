/* The checks of the stages of Winograd convolutions.  What lies behind the last channel or output of a row up to a
 * whole vector is written as zeros by the first two and never used by the last. */
#include "check_parts.h"

#include "../base/error.h"
#include "pack.h"

#include <string.h>

int32_t check_whole_vectors(const struct check *c, int32_t count)
{
    const int32_t lanes = c->tables[0]->lanes;
    return (count + lanes - 1) / lanes * lanes;
}

int32_t check_choose_width(const struct check *c)
{
    const int32_t lanes = c->tables[0]->lanes, brief[BRIEF_WIDTHS] = {0, 1, lanes - 1, lanes, lanes + 1, 2 * lanes + 1};
    return c->brief ? brief[c->number / 2 % BRIEF_WIDTHS] : c->number / 2 % (lanes + 4);
}

/* Roundings in a line of F(4, 3): winograd.h. */
static double line_roundings(const struct check *c, int32_t m, double fused, double unfused, double of_2)
{
    return m == 2 ? of_2 : c->tables[0]->fused == 1 ? fused : unfused;
}

pmoe_status check_winograd_input(struct check *c)
{
    enum { RUNS = 12 };
    const int32_t m = c->number % 2 ? 2 : 4, channels = check_choose_width(c), whole = check_whole_vectors(c, channels);
    const int32_t points = (m + 2) * (m + 2), step = whole + (int32_t)random_below(&c->random, 3);
    c->dims = (struct dims){"F(%d, 3), %d channels, step %d", {m, channels, step}};
    struct array data;
    struct outputs v;
    const float *x[36];
    if (!check_take_input(c, (size_t)(RUNS * (channels + 1) - 1), &data) ||
        !check_take_outputs(c, (size_t)((points - 1) * step + whole), &v))
        return check_no_memory(c);
    for (int32_t i = 0; i < RUNS; i++)
        check_fill(c, data.at + i * (channels + 1), (size_t)channels);
    check_plant_nan(c, data.at, (size_t)channels);
    for (int32_t i = 0; i < points; i++)
        x[i] = data.at + (int32_t)random_below(&c->random, RUNS) * (channels + 1);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->winograd_input(v.of[t].at, step, x, m, channels);
    for (int32_t p = 0; p < points; p++)
        for (int32_t i = 0; i < whole; i++) {
            struct ref want = i < channels ? ref_winograd_input(x, m, p, i) : (struct ref){0, 0};
            TRY(check_verify(c, &v, (size_t)(p * step + i), want, 2 * line_roundings(c, m, 2, 4, 1)));
        }
    return check_untouched(c, &v);
}

/* Rows of V with poison between them, weights [point][whole vectors of outputs][channel]. */
static int take_strip(struct check *c, int32_t tiles, int32_t outs, struct winograd_strip *s, struct array *v,
                      struct array *w)
{
    struct random *random = &c->random;
    const int32_t whole = check_whole_vectors(c, outs);
    *s = (struct winograd_strip){.points = 1 + (int32_t)random_below(random, 3),
                                 .channels = (int32_t)random_below(random, c->brief ? 4 : 10)};
    s->v_row = s->channels + (ptrdiff_t)random_below(random, 3);
    s->v_point = tiles * s->v_row + (ptrdiff_t)random_below(random, 3);
    s->m_row = whole + (ptrdiff_t)random_below(random, 3);
    s->m_point = tiles * s->m_row + (ptrdiff_t)random_below(random, 3);
    s->w_point = (ptrdiff_t)whole * s->channels;
    size_t extent = tiles ? (size_t)((s->points - 1) * s->v_point + (tiles - 1) * s->v_row + s->channels) : 0;
    if (!check_take_input(c, extent, v) || !check_take_input(c, (size_t)(s->points * s->w_point), w))
        return 0;
    memset(w->at, 0, w->count * sizeof(float));
    for (int32_t p = 0; p < s->points; p++) {
        check_fill(c, w->at + p * s->w_point, (size_t)outs * (size_t)s->channels);
        for (int32_t t = 0; t < tiles; t++)
            check_fill(c, v->at + p * s->v_point + t * s->v_row, (size_t)s->channels);
    }
    check_plant_nan(c, v->at, tiles ? (size_t)s->channels : 0);
    check_plant_nan(c, w->at, (size_t)outs * (size_t)s->channels);
    return 1;
}

pmoe_status check_winograd_multiply(struct check *c)
{
    const int32_t lanes = c->tables[0]->lanes, heights = c->brief ? BRIEF_HEIGHTS : CHECK_HEIGHTS;
    const int32_t tiles = c->number % heights, vectors = c->number / heights;
    const int32_t outs = vectors ? vectors * lanes - (int32_t)random_below(&c->random, (uint32_t)lanes) : 0;
    struct winograd_strip s;
    struct array v, w;
    struct outputs m;
    if (!take_strip(c, tiles, outs, &s, &v, &w) ||
        !check_take_outputs(
            c, tiles ? (size_t)((s.points - 1) * s.m_point + (tiles - 1) * s.m_row + vectors * lanes) : 0, &m))
        return check_no_memory(c);
    c->dims = (struct dims){"%d tiles, %d points, %d channels, %d outputs", {tiles, s.points, s.channels, outs}};
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        struct kernels table = *c->tables[t];
        table.conv_vecs = table.winograd_vecs;
        float *panels = check_take_aligned(c, w.count);
        if (!panels)
            return check_no_memory(c);
        for (int32_t p = 0; p < s.points; p++)
            conv_pack_panels(&table, (size_t)s.channels, outs, w.at + p * s.w_point, panels + p * s.w_point);
        table.winograd_multiply(m.of[t].at, v.at, panels, &s, tiles, outs);
    }
    const struct patch_shape row = {1, s.channels, s.channels};
    for (int32_t p = 0; p < s.points; p++)
        for (int32_t t = 0; t < tiles; t++)
            for (int32_t o = 0; o < vectors * lanes; o++)
                TRY(check_verify(
                    c, &m, (size_t)(p * s.m_point + t * s.m_row + o),
                    ref_patch_forward(v.at + p * s.v_point + t * s.v_row, row, w.at + p * s.w_point, NULL, o, 0),
                    s.channels));
    return check_untouched(c, &m);
}

pmoe_status check_winograd_output(struct check *c)
{
    struct random *random = &c->random;
    const int32_t m = c->number % 2 ? 2 : 4, outs = check_choose_width(c), whole = check_whole_vectors(c, outs);
    const int32_t points = (m + 2) * (m + 2), step = whole + (int32_t)random_below(random, 3);
    struct map_part part = {.high = 1 + (int32_t)random_below(random, (uint32_t)m + 1),
                            .wide = 1 + (int32_t)random_below(random, (uint32_t)m + 1),
                            .pixel = outs + (ptrdiff_t)random_below(random, 3)};
    if (c->brief && c->number < 2 * BRIEF_WIDTHS) /* a whole tile */
        part.high = part.wide = m;
    part.row = m * part.pixel + (ptrdiff_t)random_below(random, 3);
    const int32_t high = part.high < m ? part.high : m, wide = part.wide < m ? part.wide : m;
    const size_t all = outs ? (size_t)((high - 1) * part.row + (wide - 1) * part.pixel + outs) : 0;
    c->dims = (struct dims){"F(%d, 3), %d outputs, %d x %d pixels", {m, outs, part.high, part.wide}};
    struct array from, bias, add;
    struct outputs y;
    if (!check_take_input(c, (size_t)((points - 1) * step + whole), &from) ||
        !check_take_filled(c, (size_t)outs, &bias) || !check_take_filled(c, all, &add) ||
        !check_take_outputs(c, all, &y))
        return check_no_memory(c);
    for (int32_t p = 0; p < points; p++)
        check_fill(c, from.at + p * step, (size_t)outs);
    check_plant_nan(c, from.at, (size_t)outs);
    check_plant_nan(c, bias.at, bias.count);
    check_plant_nan(c, add.at, add.count);
    const float *biases = random_below(random, 2) ? bias.at : NULL;
    const int32_t relu = (int32_t)random_below(random, 2), added = (int32_t)random_below(random, 3);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        float *to = y.of[t].at;
        for (int32_t i = 0; i < high * wide && added == 2 && outs; i++) {
            ptrdiff_t at = i / wide * part.row + i % wide * part.pixel;
            memcpy(to + at, add.at + at, (size_t)outs * sizeof(float));
        }
        c->tables[t]->winograd_output(to, part, from.at, step, m, biases,
                                      added == 2 ? to
                                      : added    ? add.at
                                                 : NULL,
                                      relu, outs);
    }
    for (int32_t i = 0; i < high * wide; i++)
        for (int32_t o = 0; o < outs; o++) {
            ptrdiff_t at = i / wide * part.row + i % wide * part.pixel + o;
            struct ref want = ref_winograd_output(from.at + o, step, m, i / wide * m + i % wide,
                                                  biases ? biases + o : NULL, added ? add.at + at : NULL, relu);
            TRY(check_verify(c, &y, (size_t)at, want, 2 * line_roundings(c, m, 3, 4, 2) + 2)); /* bias and addend */
        }
    return check_untouched(c, &y);
}
