/* See int8.h.  A direct convolution over maps that were quantised into scratch, a few at a time. */
#include "int8.h"

#include "../base/memory.h"
#include "conv_direct.h"
#include "pack.h"
#include "split.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum {
    SCRATCH_BYTES = 1 << 18, /* of quantised maps, if more than one: a share of the second-level cache */
    QUANTISE_COST = 8,       /* of a number, in multiply-adds */
    LINE_BYTES = 64,
};

static size_t whole_lines(size_t bytes)
{
    return (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
}

/* ---- Steps ---- */

int int8_fits(const struct conv *conv)
{
    const int64_t weights = (int64_t)conv->kernel * conv->kernel;
    return weights <= INT32_MAX / (INT8_MOST * INT8_MOST) &&
           weights * conv->channels <= INT32_MAX / (INT8_MOST * INT8_MOST);
}

void int8_use(const struct kernels *kernels, struct conv *conv, float least, float most)
{
    const double low = least < 0 ? least : 0, high = most > 0 ? most : 0;
    double step = (high - low) / INT8_MOST;
    int usable = isfinite(step) && step >= FLT_MIN;
    conv->algorithm = CONV_INT8;
    conv->group = kernels->int8_group;
    conv->step = usable ? (float)step : 1;
    conv->zero = usable ? (int32_t)(-low / step + 0.5) : 0;
}

/* ---- What the kernel reads ---- */

/* The same convolution over a quantised map, counted in its numbers. */
static struct conv quantised(const struct conv *conv)
{
    struct conv same = *conv;
    same.algorithm = CONV_DIRECT;
    same.channels = (conv->channels + conv->group - 1) / conv->group * conv->group;
    same.row = conv->wide * same.channels;
    return same;
}

size_t int8_table_count(const struct conv *conv)
{
    const struct conv same = quantised(conv);
    return conv_table_count(&same);
}

void int8_fill_table(const struct conv *conv, int32_t *table)
{
    const struct conv same = quantised(conv);
    conv_fill_table(&same, table);
}

/* ---- Weights: panels, what lies outside, starts of sums, scales; each on a cache line ---- */

struct layout {
    size_t outside, start, scale, bytes; /* offsets, the whole */
};

/* False if a size_t cannot hold them. */
static int lay_out(const struct kernels *kernels, const struct conv *conv, struct layout *layout)
{
    const struct conv same = quantised(conv);
    const size_t outs = (size_t)vectors_of(kernels, conv->outs) * (size_t)kernels->lanes;
    size_t bytes;
    if (!size_mul((size_t)conv->kernel * (size_t)conv->kernel, (size_t)same.channels, &bytes) ||
        !size_mul(bytes, outs, &bytes) || !size_mul(bytes, (size_t)kernels->int8_bytes, &bytes) || bytes > SIZE_MAX / 4)
        return 0;
    layout->outside = whole_lines(bytes);
    layout->start = layout->outside + whole_lines((size_t)direct_outside_count(&same) * (size_t)kernels->int8_bytes);
    layout->scale = layout->start + whole_lines(outs * sizeof(int32_t));
    layout->bytes = layout->scale + whole_lines(outs * sizeof(float));
    return 1;
}

size_t int8_packed_count(const struct kernels *kernels, const struct conv *conv)
{
    struct layout layout;
    return lay_out(kernels, conv, &layout) ? layout.bytes / sizeof(float) : SIZE_MAX;
}

/* Number i of an array of them. */
static void put(const struct kernels *kernels, void *numbers, size_t i, int32_t value)
{
    if (kernels->int8_bytes == 1)
        ((int8_t *)numbers)[i] = (int8_t)value;
    else
        ((int16_t *)numbers)[i] = (int16_t)value;
}

/* An output's step: 0 where all its weights are as good as 0, NaN where one is not finite, as its sums would be. */
static float weight_step(const float *w, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(w[i]))
            return NAN;
        most = fabsf(w[i]) > most ? fabsf(w[i]) : most;
    }
    return most / INT8_MOST >= FLT_MIN ? most / INT8_MOST : 0;
}

static int32_t quantised_weight(float w, float step)
{
    if (!(step > 0))
        return 0;
    const double value = (double)w / (double)step;
    return (int32_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/* One group of one output's weights in its place; returns their sum. */
static int32_t pack_group(const struct kernels *kernels, const struct conv *conv, const float *w, float step,
                          int32_t channel, void *panels, size_t at)
{
    int32_t sum = 0;
    for (int32_t c = channel; c < channel + conv->group; c++, at++) {
        const int32_t q = c < conv->channels ? quantised_weight(w[c], step) : 0;
        put(kernels, panels, at, q);
        sum += q;
    }
    return sum;
}

/* The order of conv_pack_panels (pack.h), a group of channels in place of one. */
void int8_pack(const struct kernels *kernels, const struct conv *conv, const float *w, float *panels)
{
    struct layout layout;
    const int fits = lay_out(kernels, conv, &layout);
    assert(fits), (void)fits;
    unsigned char *base = (unsigned char *)panels;
    int32_t *start = (int32_t *)(void *)(base + layout.start);
    float *scale = (float *)(void *)(base + layout.scale);
    const struct conv same = quantised(conv);
    const int32_t taps = conv->kernel * conv->kernel;
    const size_t each = (size_t)taps * (size_t)conv->channels;
    const struct split split = split_evenly(vectors_of(kernels, conv->outs), kernels->int8_vecs);
    memset(base, 0, layout.bytes);
    for (int32_t i = 0; i < direct_outside_count(&same); i++)
        put(kernels, base + layout.outside, (size_t)i, conv->zero);
    size_t panel = 0;
    for (int32_t p = 0, first = 0, width; p < split.parts; p++, first += width) {
        width = split_size(split, p) * kernels->lanes;
        for (int32_t o = first; o < first + width && o < conv->outs; o++) {
            const float *of_output = w + (size_t)o * each, step = weight_step(of_output, each);
            int32_t sum = 0;
            size_t at = panel + (size_t)(o - first) * (size_t)conv->group;
            for (int32_t t = 0; t < taps; t++)
                for (int32_t c = 0; c < same.channels; c += conv->group, at += (size_t)width * (size_t)conv->group)
                    sum += pack_group(kernels, conv, of_output + (ptrdiff_t)t * conv->channels, step, c, base, at);
            start[o] = -conv->zero * sum;
            scale[o] = (float)((double)step * (double)conv->step);
        }
        panel += (size_t)taps * (size_t)same.channels * (size_t)width;
    }
}

/* ---- The call ---- */

/* Numbers of one quantised map. */
static size_t map_numbers(const struct conv *conv)
{
    const struct conv same = quantised(conv);
    return (size_t)conv->high * (size_t)same.row;
}

static size_t map_bytes(const struct kernels *kernels, const struct conv *conv)
{
    return whole_lines(map_numbers(conv) * (size_t)kernels->int8_bytes);
}

/* Maps that are in scratch together. */
static int32_t maps_at_once(const struct kernels *kernels, const struct conv *conv)
{
    const size_t fit = SCRATCH_BYTES / (map_bytes(kernels, conv) + 1);
    const struct conv same = quantised(conv);
    const int32_t most = direct_most_images(&same);
    return fit < 1 ? 1 : fit < (size_t)most ? (int32_t)fit : most;
}

size_t int8_scratch_count(const struct kernels *kernels, const struct conv *conv)
{
    if (!conv->out_high || !conv->out_wide)
        return 0;
    return (size_t)maps_at_once(kernels, conv) * map_bytes(kernels, conv) / sizeof(float);
}

/* Some images of a call. */
struct some {
    const struct kernels *kernels;
    const struct conv_call *call;
    struct int8_filters filters;
    int32_t first, rows, tasks; /* rows: of all their maps */
};

static void *map_at(const struct some *some, int32_t image)
{
    return (unsigned char *)some->call->scratch + (size_t)image * map_bytes(some->kernels, some->call->conv);
}

/* A part of the rows. */
static void quantise_task(void *context, int32_t index, int32_t worker)
{
    (void)worker;
    const struct some *some = context;
    const struct conv *conv = some->call->conv;
    const struct conv same = quantised(conv);
    const int32_t end = (int32_t)part_begin(some->rows, some->tasks, index + 1);
    for (int32_t row = (int32_t)part_begin(some->rows, some->tasks, index), rows; row < end; row += rows) {
        const int32_t image = row / conv->high, y = row % conv->high;
        const int32_t left = end - row < conv->high - y ? end - row : conv->high - y;
        rows = conv->row == conv->wide * conv->channels ? left : 1;
        unsigned char *to = map_at(some, image);
        some->kernels->quantise(to + (size_t)y * (size_t)same.row * (size_t)some->kernels->int8_bytes,
                                some->call->x[some->first + image] + (ptrdiff_t)y * conv->row, rows * conv->wide,
                                conv->channels, 1 / conv->step, conv->zero);
    }
}

static void int8_part(const struct direct *direct, const struct conv_shape *shape, int32_t out, int32_t first,
                      int32_t count)
{
    const struct some *some = direct->context;
    const struct conv_call *call = some->call;
    const size_t bytes = (size_t)direct->kernels->int8_bytes;
    const ptrdiff_t y = some->first * shape->y_image + out;
    const struct int8_filters *all = &some->filters;
    const struct int8_filters filters = {.panels = (const unsigned char *)all->panels +
                                                   (size_t)shape->taps * (size_t)shape->channels * (size_t)out * bytes,
                                         .outside = all->outside,
                                         .start = all->start + out,
                                         .scale = all->scale + out,
                                         .bias = all->bias ? all->bias + out : NULL};
    direct->kernels->conv_int8(call->y + y, call->scratch, (ptrdiff_t)(map_bytes(direct->kernels, call->conv) / bytes),
                               first, count, shape, &filters, call->add ? call->add + y : NULL, call->relu);
}

static struct int8_filters filters_of(const struct kernels *kernels, const struct conv_call *call)
{
    struct layout layout;
    const int fits = lay_out(kernels, call->conv, &layout);
    assert(fits), (void)fits;
    const unsigned char *base = (const unsigned char *)call->panels;
    return (struct int8_filters){.panels = base,
                                 .outside = base + layout.outside,
                                 .start = (const int32_t *)(const void *)(base + layout.start),
                                 .scale = (const float *)(const void *)(base + layout.scale),
                                 .bias = call->bias};
}

void int8_run(const struct kernels *kernels, const struct conv_call *call, struct pool *pool)
{
    const struct conv same = quantised(call->conv);
    struct some some = {.kernels = kernels, .call = call, .filters = filters_of(kernels, call)};
    struct direct direct = {.kernels = kernels,
                            .conv = &same,
                            .shape = conv_direct_shape(&same, call->table, NULL),
                            .vecs = kernels->int8_vecs,
                            .part = int8_part,
                            .context = &some};
    const int32_t most = maps_at_once(kernels, call->conv);
    for (; some.first < call->images; some.first += direct.images) {
        direct.images = call->images - some.first < most ? call->images - some.first : most;
        some.rows = direct.images * same.high;
        some.tasks = pool_tasks(pool, (int64_t)some.rows * same.row * QUANTISE_COST);
        some.tasks = some.tasks < some.rows ? some.tasks : some.rows;
        pool_run(pool, some.tasks, quantise_task, &some);
        direct_run(&direct, pool);
    }
}
