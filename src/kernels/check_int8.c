/* The checks of convolutions in eight bits: numbers and outputs must be the oracle's to the last bit. */
#include "check_parts.h"

#include "../base/error.h"
#include "split.h"

#include <math.h>
#include <string.h>

enum { RUNS = 6, GAP = 4 }; /* places of a map that taps read, and numbers between them: of whole groups, too */

/* Numbers of a map or of weights as one instruction set has them in memory. */
static void put(const struct kernels *kernels, void *numbers, size_t i, int32_t value)
{
    if (kernels->int8_bytes == 1)
        ((int8_t *)numbers)[i] = (int8_t)value;
    else
        ((int16_t *)numbers)[i] = (int16_t)value;
}

static int32_t get(const struct kernels *kernels, const void *numbers, size_t i)
{
    return kernels->int8_bytes == 1 ? ((const int8_t *)numbers)[i] : ((const int16_t *)numbers)[i];
}

static int32_t filled(const struct kernels *kernels, int32_t channels)
{
    return (channels + kernels->int8_group - 1) / kernels->int8_group * kernels->int8_group;
}

/* ---- quantise ---- */

/* Rounded halves, limits and what is beyond them, NaN and infinities among ordinary numbers. */
static void fill_floats(struct check *c, float *x, size_t count, float factor, int32_t zero)
{
    for (size_t i = 0; i < count; i++)
        switch (random_below(&c->random, 8)) {
        case 0: x[i] = ((float)random_below(&c->random, 300) - 86 - (float)zero) / 2 / factor; break;
        case 1: x[i] = random_below(&c->random, 2) ? INFINITY : -INFINITY; break;
        case 2: x[i] = NAN; break;
        default: x[i] = (160 * random_uniform(&c->random) - 16 - (float)zero) / factor;
        }
}

static pmoe_status check_quantise_of(struct check *c, const struct kernels *kernels, const float *x, int32_t pixels,
                                     int32_t channels, float factor, int32_t zero)
{
    enum { BEFORE = 8, BEHIND = 64 }; /* numbers around, of which none may change */
    const int32_t wide = filled(kernels, channels);
    const size_t count = (size_t)pixels * (size_t)wide, all = BEFORE + count + BEHIND;
    unsigned char *numbers = check_take_bytes(c, all * (size_t)kernels->int8_bytes);
    if (!numbers)
        return check_no_memory(c);
    for (size_t i = 0; i < all; i++)
        put(kernels, numbers, i, -99);
    kernels->quantise(numbers + BEFORE * kernels->int8_bytes, x, pixels, channels, factor, zero);
    for (size_t i = 0; i < all; i++) {
        const int32_t got = get(kernels, numbers, i), at = (int32_t)i - BEFORE;
        if (at < 0 || at >= (int32_t)count) {
            if (got != -99)
                return check_wrong(c, at, "was written and is no output", got, NAN);
            continue;
        }
        const int32_t pixel = at / wide, channel = at % wide;
        if (got < 0 || got > 127)
            return check_wrong(c, at, "is not of seven bits", got, NAN);
        if (channel < channels && got != ref_quantise(x[pixel * channels + channel], factor, zero))
            return check_wrong(c, at, "is another number", got,
                               ref_quantise(x[pixel * channels + channel], factor, zero));
    }
    return PMOE_OK;
}

pmoe_status check_quantise(struct check *c)
{
    const int32_t pixels = (int32_t)random_below(&c->random, 5), channels = 1 + c->number;
    const int32_t zero = (int32_t)random_below(&c->random, 128);
    const float factor = random_below(&c->random, 2) ? 4 : 3 + random_uniform(&c->random);
    c->dims = (struct dims){"%d pixels of %d, zero %d", {pixels, channels, zero}};
    struct array x;
    if (!check_take_input(c, (size_t)pixels * (size_t)channels, &x))
        return check_no_memory(c);
    fill_floats(c, x.at, x.count, factor, zero);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        TRY(check_quantise_of(c, c->tables[t], x.at, pixels, channels, factor, zero));
    return PMOE_OK;
}

/* ---- conv_int8 ---- */

/* What the oracle reads: maps [RUNS][channels], weights [outs][taps][channels], and which place each tap reads or -1.
 */
struct plain {
    struct conv_shape shape;
    int32_t images, first, count, outside;
    int8_t *x, *w;
    int32_t *places; /* [pixels][taps] */
    struct array scale, bias, add;
    int32_t *start;
    int32_t has_bias, added, relu; /* added: 2 in place */
};

static void choose_shape(struct check *c, struct plain *plain)
{
    struct random *random = &c->random;
    const int32_t lanes = c->tables[0]->lanes, vectors = c->number / CHECK_HEIGHTS;
    struct conv_shape *shape = &plain->shape;
    plain->count = c->number % CHECK_HEIGHTS;
    *shape = (struct conv_shape){.pixels = 1 + (int32_t)random_below(random, 8),
                                 .taps = 1 + (int32_t)random_below(random, c->brief ? 3 : 5),
                                 .channels = 1 + (int32_t)random_below(random, c->brief ? 5 : 17)};
    shape->outs = vectors ? vectors * lanes - (int32_t)random_below(random, (uint32_t)lanes) : 0;
    shape->y_pixel = shape->outs + (ptrdiff_t)random_below(random, 3);
    shape->y_image = shape->pixels * shape->y_pixel + (ptrdiff_t)random_below(random, 3);
    plain->first = (int32_t)random_below(random, (uint32_t)(2 * shape->pixels));
    plain->images = (plain->first + plain->count) / shape->pixels + 1;
    plain->outside = (int32_t)random_below(random, 128);
    plain->has_bias = (int32_t)random_below(random, 2);
    plain->added = (int32_t)random_below(random, 3);
    plain->relu = (int32_t)random_below(random, 2);
    c->dims = (struct dims){"%d positions from %d, %d pixels, %d taps of %d, %d outputs",
                            {plain->count, plain->first, shape->pixels, shape->taps, shape->channels, shape->outs}};
}

/* One shape in four has the largest numbers alone. */
static int take_plain(struct check *c, struct plain *plain, size_t outputs)
{
    struct random *random = &c->random;
    const struct conv_shape *shape = &plain->shape;
    const size_t numbers = (size_t)(plain->images * RUNS * shape->channels), outs = (size_t)shape->outs;
    const size_t weights = outs * (size_t)(shape->taps * shape->channels),
                 entries = (size_t)(shape->pixels * shape->taps);
    plain->x = check_take_bytes(c, numbers);
    plain->w = check_take_bytes(c, weights);
    plain->places = check_take_bytes(c, entries * sizeof *plain->places);
    plain->start = check_take_bytes(c, outs * sizeof *plain->start);
    if (!plain->x || !plain->w || !plain->places || !plain->start || !check_take_filled(c, outs, &plain->scale) ||
        !check_take_filled(c, outs, &plain->bias) || !check_take_filled(c, outputs, &plain->add))
        return 0;
    const int largest = random_below(random, 4) == 0;
    for (size_t i = 0; i < numbers; i++)
        plain->x[i] = (int8_t)(largest ? 127 : random_below(random, 128));
    for (size_t i = 0; i < weights; i++)
        plain->w[i] = (int8_t)(largest ? i / (weights / outs) % 2 ? -127 : 127 : (int)random_below(random, 255) - 127);
    for (size_t i = 0; i < entries; i++)
        plain->places[i] = random_below(random, 4) == 0 ? -1 : (int32_t)random_below(random, RUNS);
    for (size_t i = 0; i < outs; i++)
        plain->start[i] = (int32_t)random_below(random, 2000001) - 1000000;
    check_plant_nan(c, plain->bias.at, outs);
    check_plant_nan(c, plain->add.at, outputs);
    return 1;
}

/* Whole vectors of one array of 4-byte values, what is behind the last as 0. */
static void *take_vectors(struct check *c, const struct kernels *kernels, const void *values, int32_t outs)
{
    const size_t all = (size_t)((outs + kernels->lanes - 1) / kernels->lanes * kernels->lanes);
    unsigned char *vectors = check_take_bytes(c, all * 4);
    if (vectors) {
        memset(vectors, 0, all * 4);
        memcpy(vectors, values, (size_t)outs * 4);
    }
    return vectors;
}

/* Panels as int8.h has them: for each tap and group of channels, each output of the panel's vectors has its group. */
static void *take_panels(struct check *c, const struct kernels *kernels, const struct plain *plain)
{
    const struct conv_shape *shape = &plain->shape;
    const int32_t group = kernels->int8_group, wide = filled(kernels, shape->channels);
    const int32_t vectors = (shape->outs + kernels->lanes - 1) / kernels->lanes;
    const size_t count = (size_t)(vectors * kernels->lanes * shape->taps * wide);
    void *panels = check_take_bytes(c, count * (size_t)kernels->int8_bytes);
    if (!panels)
        return NULL;
    const struct split split = split_evenly(vectors, kernels->int8_vecs);
    size_t at = 0;
    for (int32_t p = 0, first = 0, outs; p < split.parts; p++, first += outs) {
        outs = split_size(split, p) * kernels->lanes;
        for (int32_t i = 0; i < shape->taps * wide * outs; i++, at++) {
            const int32_t o = first + i / group % outs, channel = i / (group * outs) * group + i % group;
            const int32_t t = channel / wide, k = channel % wide;
            put(kernels, panels, at,
                o < shape->outs && k < shape->channels ? plain->w[(o * shape->taps + t) * shape->channels + k] : 0);
        }
    }
    return panels;
}

/* Maps with numbers between the places that taps read; the last one ends where its memory does. */
static void *take_maps(struct check *c, const struct kernels *kernels, const struct plain *plain)
{
    const int32_t channels = plain->shape.channels, step = filled(kernels, channels) + GAP;
    const size_t count = (size_t)(plain->images * RUNS * step - GAP);
    void *maps = check_take_bytes(c, count * (size_t)kernels->int8_bytes);
    for (size_t i = 0; maps && i < count; i++) {
        const int32_t k = (int32_t)i % step;
        put(kernels, maps, i, k < channels ? plain->x[(int32_t)i / step * channels + k] : 127);
    }
    return maps;
}

static pmoe_status run_one(struct check *c, const struct kernels *kernels, const struct plain *plain, float *y)
{
    const int32_t wide = filled(kernels, plain->shape.channels), step = wide + GAP;
    const int32_t entries = plain->shape.pixels * plain->shape.taps;
    struct conv_shape shape = plain->shape;
    int32_t *at = check_take_bytes(c, (size_t)entries * sizeof *at);
    unsigned char *outside = check_take_bytes(c, (size_t)(wide * kernels->int8_bytes));
    const void *maps = take_maps(c, kernels, plain);
    const struct int8_filters filters = {.panels = take_panels(c, kernels, plain),
                                         .outside = outside,
                                         .start = take_vectors(c, kernels, plain->start, shape.outs),
                                         .scale = take_vectors(c, kernels, plain->scale.at, shape.outs),
                                         .bias = plain->has_bias ? plain->bias.at : NULL};
    if (!at || !outside || !maps || !filters.panels || !filters.start || !filters.scale)
        return check_no_memory(c);
    for (int32_t i = 0; i < entries; i++)
        at[i] = plain->places[i] < 0 ? -1 : plain->places[i] * step;
    for (int32_t i = 0; i < wide; i++)
        put(kernels, outside, (size_t)i, plain->outside);
    shape.at = at;
    shape.channels = wide;
    kernels->conv_int8(y, maps, RUNS * step, plain->first, plain->count, &shape, &filters,
                       plain->added == 2 ? y
                       : plain->added    ? plain->add.at
                                         : NULL,
                       plain->relu);
    return PMOE_OK;
}

/* Float of position q, which is a pixel of an image. */
static size_t position_at(const struct plain *plain, int32_t q)
{
    const struct conv_shape *shape = &plain->shape;
    return (size_t)(q / shape->pixels * shape->y_image + q % shape->pixels * shape->y_pixel);
}

pmoe_status check_conv_int8(struct check *c)
{
    struct plain plain;
    struct outputs y;
    choose_shape(c, &plain);
    const struct conv_shape *shape = &plain.shape;
    const size_t outs = (size_t)shape->outs;
    const size_t all = plain.count ? position_at(&plain, plain.first + plain.count - 1) + outs : 0;
    if (!take_plain(c, &plain, all) || !check_take_outputs(c, all, &y))
        return check_no_memory(c);
    for (int t = 0; t < 2 && c->tables[t]; t++) {
        for (int32_t i = 0; i < plain.count && plain.added == 2; i++) {
            const size_t at = position_at(&plain, plain.first + i);
            memcpy(y.of[t].at + at, plain.add.at + at, outs * sizeof(float));
        }
        TRY(run_one(c, c->tables[t], &plain, y.of[t].at));
    }
    for (int32_t i = 0; i < shape->pixels * shape->taps; i++)
        plain.places[i] *= plain.places[i] < 0 ? 1 : shape->channels;
    plain.shape.at = plain.places;
    const struct int8_filters filters = {
        .start = plain.start, .scale = plain.scale.at, .bias = plain.has_bias ? plain.bias.at : NULL};
    for (int32_t q = plain.first; q < plain.first + plain.count; q++)
        for (int32_t o = 0; o < shape->outs; o++) {
            const size_t at = position_at(&plain, q) + (size_t)o;
            const int8_t *map = plain.x + (ptrdiff_t)(q / shape->pixels) * RUNS * shape->channels;
            TRY(check_verify(c, &y, at,
                             ref_conv_int8(map, q % shape->pixels, shape, plain.w, &filters, (int8_t)plain.outside,
                                           plain.added ? plain.add.at + at : NULL, o, plain.relu),
                             0));
        }
    return check_untouched(c, &y);
}
