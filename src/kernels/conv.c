/* Convolutions: geometry, tables, packing and the call; conv.h is the contract.
 *
 * Direct.  A tap is as many contiguous floats as one entry of the table can stand for: without padding the `kernel`
 * pixels of a row lie side by side wherever the window is, so a row is one tap of kernel * channels; with padding each
 * pixel is its own, because a window may begin outside.  Of long rows of outputs those whose windows begin and end
 * inside go by rows of taps all the same: weights lie alike for both and sums are in the same order, so it is the table
 * alone that is shorter (a stem of one channel takes half the time). */
#include "conv.h"

#include "../base/memory.h"
#include "conv_direct.h"
#include "int8.h"
#include "pack.h"
#include "split.h"
#include "winograd.h"

#include <assert.h>
#include <string.h>

enum {
    MOST_POSITIONS = 1 << 30, /* of one kernel call, which counts them in 32 bits */
    LONG_ROW = 24,            /* outputs inside of a row from which on tiles of their own pay */
    MAP_COST = 2,             /* to fetch what another thread has just written: 3.2 to 5.8 ns a line, weights 2.2 */
};

static int32_t out_size(int32_t in, int32_t kernel, int32_t stride, int32_t padding)
{
    int64_t span = (int64_t)in + 2 * (int64_t)padding - kernel;
    return span < 0 ? 0 : (int32_t)(span / stride + 1);
}

struct conv conv_of(const struct kernels *kernels, int32_t high, int32_t wide, int32_t channels, int32_t row,
                    int32_t kernel, int32_t stride, int32_t padding, int32_t outs)
{
    assert(high >= 0 && wide >= 0 && channels > 0 && kernel > 0 && stride > 0 && padding >= 0 && outs > 0);
    struct conv conv = {.high = high,
                        .wide = wide,
                        .channels = channels,
                        .row = row,
                        .kernel = kernel,
                        .stride = stride,
                        .padding = padding,
                        .out_high = out_size(high, kernel, stride, padding),
                        .out_wide = out_size(wide, kernel, stride, padding),
                        .outs = outs};
    conv.algorithm = winograd_choice(kernels, &conv);
    return conv;
}

/* ---- Tables ---- */

/* Pixels of the kernel's row that one tap takes. */
static int32_t tap_pixels(const struct conv *conv)
{
    return conv->padding == 0 ? conv->kernel : 1;
}

static int32_t tap_channels(const struct conv *conv)
{
    return conv->channels * tap_pixels(conv);
}

/* Outputs of each row whose windows begin and end inside, first .. end - 1, if they go by rows of taps; else none. */
struct inside {
    int32_t first, end;
};

static struct inside inside_of(const struct conv *conv)
{
    const int32_t last = conv->wide + conv->padding - conv->kernel; /* where the last such window begins, padded */
    struct inside inside = {(conv->padding - 1) / conv->stride + 1, last / conv->stride + 1};
    if (conv->padding == 0 || conv->kernel == 1 || last < 0 || inside.end - inside.first < LONG_ROW)
        inside = (struct inside){0, 0};
    return inside;
}

/* A table by taps, and behind it one by rows of taps if there are outputs inside. */
size_t conv_table_count(const struct conv *conv)
{
    if (conv_is_int8(conv))
        return int8_table_count(conv);
    if (conv->algorithm != CONV_DIRECT)
        return winograd_table_count(conv);
    size_t count;
    if (!size_mul((size_t)conv->out_high, (size_t)conv->out_wide, &count) ||
        !size_mul(count, (size_t)conv->kernel, &count) ||
        !size_mul(count, (size_t)(conv->kernel / tap_pixels(conv) + (inside_of(conv).end > 0)), &count))
        return SIZE_MAX;
    return count;
}

/* Where the taps of every window begin, each so many pixels of a row. */
static int32_t *fill_taps(const struct conv *conv, int32_t pixels, int32_t *table)
{
    for (int32_t oy = 0; oy < conv->out_high; oy++)
        for (int32_t ox = 0; ox < conv->out_wide; ox++)
            for (int32_t ky = 0; ky < conv->kernel; ky++)
                for (int32_t kx = 0; kx < conv->kernel; kx += pixels) {
                    int32_t y = oy * conv->stride - conv->padding + ky, x = ox * conv->stride - conv->padding + kx;
                    int inside = y >= 0 && y < conv->high && x >= 0 && x < conv->wide;
                    *table++ = inside ? y * conv->row + x * conv->channels : -1;
                }
    return table;
}

void conv_fill_table(const struct conv *conv, int32_t *table)
{
    if (conv_is_int8(conv)) {
        int8_fill_table(conv, table);
        return;
    }
    if (conv->algorithm != CONV_DIRECT) {
        winograd_fill_table(conv, table);
        return;
    }
    table = fill_taps(conv, tap_pixels(conv), table);
    if (inside_of(conv).end)
        fill_taps(conv, conv->kernel, table);
}

/* ---- Weights ---- */

int32_t direct_outside_count(const struct conv *conv)
{
    return inside_of(conv).end ? conv->channels * conv->kernel : tap_channels(conv);
}

/* The panels, then the zeros that lie outside. */
size_t conv_packed_count(const struct kernels *kernels, const struct conv *conv)
{
    if (conv_is_int8(conv))
        return int8_packed_count(kernels, conv);
    if (conv->algorithm != CONV_DIRECT)
        return winograd_packed_count(kernels, conv);
    size_t floats, panels, count;
    if (!size_mul((size_t)conv->kernel, (size_t)conv->kernel, &floats) ||
        !size_mul(floats, (size_t)conv->channels, &floats))
        return SIZE_MAX;
    panels = conv_panels_count(kernels, floats, conv->outs);
    return panels != SIZE_MAX && size_add(panels, (size_t)direct_outside_count(conv), &count) ? count : SIZE_MAX;
}

static size_t panels_count(const struct kernels *kernels, const struct conv *conv)
{
    return conv_packed_count(kernels, conv) - (size_t)direct_outside_count(conv);
}

void conv_pack(const struct kernels *kernels, const struct conv *conv, const float *w, float *panels)
{
    if (conv_is_int8(conv)) {
        int8_pack(kernels, conv, w, panels);
        return;
    }
    if (conv->algorithm != CONV_DIRECT) {
        winograd_pack(kernels, conv, w, panels);
        return;
    }
    size_t floats = (size_t)conv->kernel * (size_t)conv->kernel * (size_t)conv->channels;
    conv_pack_panels(kernels, floats, conv->outs, w, panels);
    memset(panels + panels_count(kernels, conv), 0, (size_t)direct_outside_count(conv) * sizeof *panels);
}

size_t conv_scratch_count(const struct kernels *kernels, const struct conv *conv, int32_t threads)
{
    if (conv_is_int8(conv))
        return int8_scratch_count(kernels, conv);
    return conv->algorithm == CONV_DIRECT ? 0 : winograd_scratch_count(kernels, conv, threads);
}

/* The bias, a product and a sum for each float, the addend. */
double conv_error_bound(const struct kernels *kernels, const struct conv *conv)
{
    if (conv->algorithm != CONV_DIRECT)
        return winograd_error_bound(kernels, conv);
    return 2 + (double)conv->kernel * conv->kernel * conv->channels;
}

/* ---- The call ---- */

struct conv_shape conv_direct_shape(const struct conv *conv, const int32_t *table, const float *zeros)
{
    const int32_t pixels = conv->out_high * conv->out_wide;
    return (struct conv_shape){.pixels = pixels,
                               .taps = conv->kernel * (conv->kernel / tap_pixels(conv)),
                               .channels = tap_channels(conv),
                               .outs = conv->outs,
                               .at = table,
                               .zeros = zeros,
                               .y_pixel = conv->outs,
                               .y_image = (ptrdiff_t)pixels * conv->outs};
}

/* A direct run, cut. */
struct cut {
    const struct direct *direct;
    struct inside inside;
    int32_t positions;     /* of all images */
    int32_t parts, blocks; /* tasks are parts of the positions, or blocks of the outputs' panels */
};

/* The same by rows of taps. */
static struct conv_shape by_rows(const struct conv *conv, struct conv_shape shape)
{
    shape.at += (ptrdiff_t)shape.pixels * shape.taps;
    shape.taps = conv->kernel;
    shape.channels = conv->kernel * conv->channels;
    return shape;
}

/* Positions first .. end - 1 of shape->outs outputs from `out` on.  Those inside of a row are a call, and so are those
 * from there to the inside of the next row. */
static void run_part(const struct cut *cut, const struct conv_shape *shape, int32_t out, int32_t first, int32_t end)
{
    const struct inside inside = cut->inside;
    const struct conv_shape rows = by_rows(cut->direct->conv, *shape);
    const int32_t wide = cut->direct->conv->out_wide;
    while (first < end) {
        const int32_t x = first % wide, is_inside = x >= inside.first && x < inside.end;
        int32_t next = first - x + (is_inside ? inside.end : x < inside.first ? inside.first : wide + inside.first);
        next = !inside.end || next > end ? end : next;
        cut->direct->part(cut->direct, is_inside ? &rows : shape, out, first, next - first);
        first = next;
    }
}

static void direct_task(void *context, int32_t index, int32_t worker)
{
    (void)worker;
    const struct cut *cut = context;
    const struct direct *direct = cut->direct;
    struct conv_shape shape = direct->shape;
    const int32_t part = index / cut->blocks, block = index % cut->blocks;
    int32_t out;
    shape.outs = conv_block(direct->kernels, direct->vecs, shape.outs, cut->blocks, block, &out);
    run_part(cut, &shape, out, (int32_t)part_begin(cut->positions, cut->parts, part),
             (int32_t)part_begin(cut->positions, cut->parts, part + 1));
}

/* Tasks share the positions, and each reads all weights, or the outputs, and each reads all of the maps; of few
 * positions each would leave tiles half empty, too.  Positions make more tasks, which evens out threads of unequal
 * speed. */
static void deal_out(struct cut *cut, int32_t tasks, int32_t threads)
{
    const struct direct *direct = cut->direct;
    const struct conv *conv = direct->conv;
    const int32_t panels = split_evenly(vectors_of(direct->kernels, conv->outs), direct->vecs).parts;
    const int64_t map = (int64_t)direct->images * conv->high * conv->wide;
    const int by_outs = panels >= threads && conv->kernel * conv->kernel * (int64_t)conv->outs > MAP_COST * map;
    cut->blocks = !by_outs ? 1 : tasks < panels ? tasks : panels;
    cut->parts = by_outs ? 1 : tasks;
}

int32_t direct_most_images(const struct conv *conv)
{
    const int32_t most = MOST_POSITIONS / (conv->out_high * conv->out_wide);
    return most ? most : 1;
}

void direct_run(const struct direct *direct, struct pool *pool)
{
    const struct conv_shape *shape = &direct->shape;
    struct cut cut = {.direct = direct, .inside = inside_of(direct->conv)};
    cut.positions = direct->images * shape->pixels;
    deal_out(&cut, pool_tasks(pool, (int64_t)cut.positions * shape->outs * shape->taps * shape->channels),
             pool_threads(pool));
    pool_run(pool, cut.parts * cut.blocks, direct_task, &cut);
}

static void float_part(const struct direct *direct, const struct conv_shape *shape, int32_t out, int32_t first,
                       int32_t count)
{
    const struct conv_call *call = direct->context;
    direct->kernels->conv_forward(call->y + out, call->x, first, count, shape,
                                  call->panels + (ptrdiff_t)shape->taps * shape->channels * out,
                                  call->bias ? call->bias + out : NULL, call->add ? call->add + out : NULL, call->relu);
}

static void run_float(const struct kernels *kernels, const struct conv_call *call, struct pool *pool)
{
    const struct conv *conv = call->conv;
    struct conv_call now = *call;
    struct direct direct = {.kernels = kernels,
                            .conv = conv,
                            .shape = conv_direct_shape(conv, call->table, call->panels + panels_count(kernels, conv)),
                            .vecs = kernels->conv_vecs,
                            .part = float_part,
                            .context = &now};
    for (int32_t left = call->images; left > 0; left -= direct.images) {
        direct.images = left < direct_most_images(conv) ? left : direct_most_images(conv);
        direct_run(&direct, pool);
        now.x += direct.images;
        now.y += direct.images * direct.shape.y_image;
        now.add = now.add ? now.add + direct.images * direct.shape.y_image : NULL;
    }
}

void conv_run(const struct kernels *kernels, const struct conv_call *call, struct pool *pool)
{
    const struct conv *conv = call->conv;
    if (!conv->out_high || !conv->out_wide)
        return;
    if (conv_is_int8(conv))
        int8_run(kernels, call, pool);
    else if (conv->algorithm == CONV_DIRECT)
        run_float(kernels, call, pool);
    else
        winograd_run(kernels, call, pool);
}
