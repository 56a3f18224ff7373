#include "strided_backward.h"

#include "../base/memory.h"
#include "../kernels/pack.h"

#include <string.h>

/* One phase.  In rows first .. end - 1 every vertical tap is inside, so that they share the table of the first. */
struct phase {
    int32_t y, x, high, wide, taps;
    int32_t first, end;
    size_t table, panels; /* where its own begin */
};

/* What of the kernel's rows (or columns) reaches a place of dx. */
static int32_t reaches(const struct conv *conv, int32_t place, int32_t k)
{
    return (place + conv->padding - k) % conv->stride == 0;
}

/* The row (or column) of dy that it then meets, which may be outside. */
static int32_t met(const struct conv *conv, int32_t place, int32_t k)
{
    return (place + conv->padding - k) / conv->stride;
}

static int32_t is_inside(const struct conv *conv, int32_t y)
{
    for (int32_t k = 0; k < conv->kernel; k++)
        if (reaches(conv, y, k) && (y + conv->padding < k || met(conv, y, k) >= conv->out_high))
            return 0;
    return 1;
}

static int32_t count_reaching(const struct conv *conv, int32_t place)
{
    int32_t count = 0;
    for (int32_t k = 0; k < conv->kernel; k++)
        count += reaches(conv, place, k);
    return count;
}

static int32_t places(int32_t count, int32_t first, int32_t stride)
{
    return count > first ? (count - first - 1) / stride + 1 : 0;
}

static size_t align_floats(size_t floats)
{
    const size_t align = ARENA_ALIGN / sizeof(float);
    return (floats + align - 1) / align * align;
}

static struct phase phase_at(const struct conv *conv, int32_t index)
{
    struct phase phase = {.y = index / conv->stride, .x = index % conv->stride};
    phase.high = places(conv->high, phase.y, conv->stride);
    phase.wide = places(conv->wide, phase.x, conv->stride);
    phase.taps = count_reaching(conv, phase.y) * count_reaching(conv, phase.x);
    while (phase.first < phase.high && !is_inside(conv, phase.y + phase.first * conv->stride))
        phase.first++;
    for (phase.end = phase.first; phase.end < phase.high; phase.end++)
        if (!is_inside(conv, phase.y + phase.end * conv->stride))
            break;
    return phase;
}

static size_t table_floats(const struct phase *phase)
{
    return (size_t)phase->high * (size_t)phase->wide * (size_t)phase->taps;
}

static size_t panel_floats(const struct kernels *kernels, const struct conv *conv, const struct phase *phase)
{
    return align_floats(conv_panels_count(kernels, (size_t)phase->taps * (size_t)conv->outs, conv->channels));
}

struct strided_backward strided_backward_of(const struct kernels *kernels, const struct conv *conv)
{
    struct strided_backward strided = {.kernels = kernels, .conv = *conv};
    strided.phases = conv->stride > 1 ? conv->stride * conv->stride : 0;
    for (int32_t i = 0; i < strided.phases; i++) {
        const struct phase phase = phase_at(conv, i);
        strided.panel_floats += panel_floats(kernels, conv, &phase);
    }
    return strided;
}

void strided_backward_lay_out(struct strided_backward *strided, struct arena *arena)
{
    size_t table = 0;
    for (int32_t i = 0; i < strided->phases; i++) {
        const struct phase phase = phase_at(&strided->conv, i);
        table += table_floats(&phase);
    }
    strided->phase = arena_take(arena, (size_t)strided->phases * sizeof *strided->phase);
    strided->table = arena_take(arena, table * sizeof *strided->table);
}

static int32_t *fill_pixel(const struct conv *conv, int32_t y, int32_t x, int32_t *table)
{
    for (int32_t ky = 0; ky < conv->kernel; ky++)
        for (int32_t kx = 0; kx < conv->kernel; kx++) {
            if (!reaches(conv, y, ky) || !reaches(conv, x, kx))
                continue;
            const int32_t oy = met(conv, y, ky), ox = met(conv, x, kx);
            const int inside =
                y + conv->padding >= ky && x + conv->padding >= kx && oy < conv->out_high && ox < conv->out_wide;
            *table++ = inside ? (oy * conv->out_wide + ox) * conv->outs : -1;
        }
    return table;
}

void strided_backward_fill(struct strided_backward *strided)
{
    const struct conv *conv = &strided->conv;
    int32_t *table = strided->table;
    size_t panels = 0;
    for (int32_t i = 0; i < strided->phases; i++) {
        struct phase phase = phase_at(conv, i);
        phase.table = (size_t)(table - strided->table);
        phase.panels = panels;
        panels += panel_floats(strided->kernels, conv, &phase);
        strided->phase[i] = phase;
        for (int32_t p = 0; p < phase.high * phase.wide; p++)
            table = fill_pixel(conv, phase.y + p / phase.wide * conv->stride, phase.x + p % phase.wide * conv->stride,
                               table);
    }
}

/* Inputs and outputs change places: a phase's weights [channels][taps][outs]. */
static void turn(const struct conv *conv, const struct phase *phase, const float *w, float *turned)
{
    const size_t channels = (size_t)conv->channels, outs = (size_t)conv->outs,
                 kernel = (size_t)conv->kernel * (size_t)conv->kernel;
    for (size_t c = 0; c < channels; c++)
        for (int32_t k = 0; k < conv->kernel * conv->kernel; k++)
            if (reaches(conv, phase->y, k / conv->kernel) && reaches(conv, phase->x, k % conv->kernel))
                for (size_t o = 0; o < outs; o++)
                    *turned++ = w[(o * kernel + (size_t)k) * channels + c];
}

void strided_backward_pack(const struct strided_backward *strided, const float *w, float *turned, float *panels)
{
    const struct conv *conv = &strided->conv;
    for (int32_t i = 0; i < strided->phases; i++) {
        const struct phase *phase = &strided->phase[i];
        turn(conv, phase, w, turned);
        conv_pack_panels(strided->kernels, (size_t)phase->taps * (size_t)conv->outs, conv->channels, turned,
                         panels + phase->panels);
    }
}

size_t strided_backward_rows(const struct conv *conv)
{
    return conv->stride > 1 ? (size_t)conv->high : 0;
}

/* ---- The call ---- */

/* One image of one phase. */
struct call {
    const struct strided_backward *strided;
    const struct phase *phase;
    const float *panels, *zeros, *dy;
    int32_t adds;
    float *dx; /* of the phase's first pixel */
};

/* Rows first .. first + count - 1, which share the table of the first: to the kernel each is an image. */
static void run_rows(const struct call *call, int32_t first, int32_t count, const float **rows)
{
    const struct conv *conv = &call->strided->conv;
    const struct phase *phase = call->phase;
    const ptrdiff_t pixel = (ptrdiff_t)conv->stride * conv->channels, row = pixel * conv->wide;
    const struct conv_shape shape = {.pixels = phase->wide,
                                     .taps = phase->taps,
                                     .channels = conv->outs,
                                     .outs = conv->channels,
                                     .at = call->strided->table + phase->table +
                                           (ptrdiff_t)first * phase->wide * phase->taps,
                                     .zeros = call->zeros,
                                     .y_pixel = pixel,
                                     .y_image = row};
    for (int32_t i = 0; i < count; i++)
        rows[i] = call->dy + (ptrdiff_t)i * conv->out_wide * conv->outs;
    float *dx = call->dx + first * row;
    call->strided->kernels->conv_forward(dx, rows, 0, count * phase->wide, &shape, call->panels + phase->panels, NULL,
                                         call->adds ? dx : NULL, 0);
}

static void clear_rows(const struct call *call)
{
    const struct conv *conv = &call->strided->conv;
    const ptrdiff_t pixel = (ptrdiff_t)conv->stride * conv->channels;
    for (int32_t y = 0; y < call->phase->high && !call->adds; y++)
        for (int32_t x = 0; x < call->phase->wide; x++)
            memset(call->dx + (y * (ptrdiff_t)conv->wide + x) * pixel, 0, (size_t)conv->channels * sizeof(float));
}

static void run_phase(const struct call *call, const float **rows)
{
    const struct phase *phase = call->phase;
    if (!phase->taps || !phase->wide) {
        clear_rows(call);
        return;
    }
    for (int32_t y = 0; y < phase->first; y++)
        run_rows(call, y, 1, rows);
    if (phase->first < phase->end)
        run_rows(call, phase->first, phase->end - phase->first, rows);
    for (int32_t y = phase->end; y < phase->high; y++)
        run_rows(call, y, 1, rows);
}

void strided_backward_activations(const struct strided_backward *strided, const float *panels, const float *zeros,
                                  const float *dy, int32_t images, int32_t adds, float *dx, const float **rows)
{
    const struct conv *conv = &strided->conv;
    const ptrdiff_t in = (ptrdiff_t)conv->high * conv->wide * conv->channels,
                    out = (ptrdiff_t)conv->out_high * conv->out_wide * conv->outs;
    for (int32_t i = 0; i < images; i++)
        for (int32_t p = 0; p < strided->phases; p++) {
            const struct phase *phase = &strided->phase[p];
            const struct call call = {strided,
                                      phase,
                                      panels,
                                      zeros,
                                      dy + i * out,
                                      adds,
                                      dx + i * in + ((ptrdiff_t)phase->y * conv->wide + phase->x) * conv->channels};
            run_phase(&call, rows);
        }
}
