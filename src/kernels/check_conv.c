/* The check of convolutions over maps. */
#include "check_parts.h"

#include "../base/error.h"
#include "pack.h"

#include <string.h>

struct maps {
    struct conv_shape shape;
    int32_t images, first, count;
    const float **x; /* [images] */
    int32_t *at;     /* [pixels][taps] */
    struct array zeros;
};

/* Each height of a tile and 0 to 6 vectors of outputs; taps anywhere in the map and outside. */
static void choose_maps(struct check *c, struct maps *m)
{
    struct random *random = &c->random;
    int32_t lanes = c->tables[0]->lanes, vectors = c->number / CHECK_HEIGHTS;
    m->count = c->number % CHECK_HEIGHTS;
    m->shape = (struct conv_shape){.pixels = 1 + (int32_t)random_below(random, 8),
                                   .taps = 1 + (int32_t)random_below(random, c->brief ? 3 : 5),
                                   .channels = 1 + (int32_t)random_below(random, c->brief ? 3 : 9),
                                   .outs = vectors * lanes - (int32_t)random_below(random, (uint32_t)lanes)};
    m->shape.outs = vectors ? m->shape.outs : 0;
    m->shape.y_pixel = m->shape.outs + (ptrdiff_t)random_below(random, 3);
    m->shape.y_image = m->shape.pixels * m->shape.y_pixel + (ptrdiff_t)random_below(random, 3);
    m->first = (int32_t)random_below(random, (uint32_t)(2 * m->shape.pixels));
    m->images = (m->first + m->count) / m->shape.pixels + 1;
    c->dims = (struct dims){"%d positions from %d, %d pixels, %d taps of %d, %d outputs",
                            {m->count, m->first, m->shape.pixels, m->shape.taps, m->shape.channels, m->shape.outs}};
}

/* Maps of runs of `channels` floats with poison between them; the last one ends where the array ends. */
static int take_maps(struct check *c, struct maps *m)
{
    enum { RUNS = 6 };
    choose_maps(c, m);
    struct random *random = &c->random;
    size_t run = (size_t)m->shape.channels, step = run + 1, entries = (size_t)(m->shape.pixels * m->shape.taps);
    struct array data;
    m->x = check_take_bytes(c, (size_t)m->images * sizeof *m->x);
    m->at = check_take_bytes(c, entries * sizeof *m->at);
    if (!m->x || !m->at || !check_take_input(c, (size_t)m->images * RUNS * step - 1, &data) ||
        !check_take_input(c, run, &m->zeros))
        return 0;
    for (int32_t i = 0; i < m->images * RUNS; i++)
        check_fill(c, data.at + (size_t)i * step, run);
    for (int32_t i = 0; i < m->images; i++)
        m->x[i] = data.at + random_below(random, (uint32_t)i + 1) * RUNS * step;
    check_plant_nan(c, data.at, run);
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
    float *panels = check_take_aligned(c, count);
    if (panels)
        conv_pack_panels(kernels, floats, outs, w, panels);
    return panels;
}

/* Float of position q, which is a pixel of an image. */
static size_t position_at(const struct maps *m, int32_t q)
{
    return (size_t)(q / m->shape.pixels * m->shape.y_image + q % m->shape.pixels * m->shape.y_pixel);
}

pmoe_status check_conv_forward(struct check *c)
{
    struct maps m;
    struct array w, bias, add;
    struct outputs y;
    if (!take_maps(c, &m))
        return check_no_memory(c);
    const struct conv_shape *shape = &m.shape;
    size_t floats = (size_t)(shape->taps * shape->channels), outs = (size_t)shape->outs;
    size_t all = m.count ? position_at(&m, m.first + m.count - 1) + outs : 0;
    if (!check_take_filled(c, floats * outs, &w) || !check_take_filled(c, outs, &bias) ||
        !check_take_filled(c, all, &add) || !check_take_outputs(c, all, &y))
        return check_no_memory(c);
    check_plant_nan(c, w.at, shape->zeros ? 0 : w.count);
    check_plant_nan(c, bias.at, bias.count);
    check_plant_nan(c, add.at, add.count);
    const float *biases = random_below(&c->random, 2) ? bias.at : NULL;
    int32_t relu = (int32_t)random_below(&c->random, 2), added = (int32_t)random_below(&c->random, 3);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        const float *panels = take_conv_panels(c, c->tables[t], floats, shape->outs, w.at);
        if (!panels)
            return check_no_memory(c);
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
            TRY(check_verify(c, &y, at, want,
                             (double)floats + 2)); /* one product, a sum from the bias on, the addend */
        }
    return check_untouched(c, &y);
}
