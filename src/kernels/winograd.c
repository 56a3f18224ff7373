/* Winograd convolutions: tables, filters, strips of tiles; winograd.h has the algorithm and its exactness.
 *
 * A strip is a run of tiles, whatever image each belongs to, that passes three stages through scratch memory:
 *
 *     pixels -> V [point][tile][channel] -> M [point][tile][output] -> outputs
 *
 * the last two for a block of outputs at a time.  Strips are short so that V and M stay in the second-level cache, and
 * long enough for the weights, which each strip reads once, to cost less than its arithmetic.  Where there are fewer
 * strips than threads, the threads share one: its tiles first, then its blocks. */
#include "winograd.h"

#include "../base/memory.h"
#include "pack.h"
#include "split.h"
#include "winograd_tiles.h"

#include <float.h>
#include <string.h>

enum { MOST_SIDE = 6 };

static int32_t tile_size(const struct conv *conv)
{
    return conv->algorithm == CONV_WINOGRAD_2 ? 2 : 4;
}

static int32_t points_of(const struct conv *conv)
{
    return (tile_size(conv) + 2) * (tile_size(conv) + 2);
}

/* ---- Tables: for each row of tiles the places of its m + 2 rows of pixels, -1 outside, then the same of columns ----
 */

size_t winograd_table_count(const struct conv *conv)
{
    int32_t m = tile_size(conv);
    size_t lines = (size_t)divide_up(conv->out_high, m) + (size_t)divide_up(conv->out_wide, m), count;
    return size_mul(lines, (size_t)(m + 2), &count) ? count : SIZE_MAX;
}

static int32_t *fill_lines(int32_t *table, int32_t m, int32_t outs, int32_t padding, int32_t ins, int32_t step)
{
    for (int32_t first = 0; first < outs; first += m)
        for (int32_t i = first - padding; i < first - padding + m + 2; i++)
            *table++ = i >= 0 && i < ins ? i * step : -1;
    return table;
}

void winograd_fill_table(const struct conv *conv, int32_t *table)
{
    int32_t m = tile_size(conv);
    table = fill_lines(table, m, conv->out_high, conv->padding, conv->high, conv->row);
    fill_lines(table, m, conv->out_wide, conv->padding, conv->wide, conv->channels);
}

/* ---- Weights: [point][panel][channel][output], then the zeros that lie outside ---- */

#define A 0.625
#define B 1.5
#define D (A * A - B * B)

static const double filters_2[4][3] = {{-1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
static const double filters_4[6][3] = {
    {1 / (A * A * B * B), 0, 0},
    {1 / (2 * A * A * D), 1 / (2 * A * D), 1 / (2 * D)},
    {1 / (2 * A * A * D), -1 / (2 * A * D), 1 / (2 * D)},
    {-1 / (2 * B * B * D), -1 / (2 * B * D), -1 / (2 * D)},
    {-1 / (2 * B * B * D), 1 / (2 * B * D), -1 / (2 * D)},
    {0, 0, 1},
};

/* Floats of one point's weights. */
static size_t point_floats(const struct kernels *kernels, const struct conv *conv)
{
    return (size_t)vectors_of(kernels, conv->outs) * (size_t)kernels->lanes * (size_t)conv->channels;
}

size_t winograd_packed_count(const struct kernels *kernels, const struct conv *conv)
{
    size_t outs, count;
    if (!size_mul((size_t)vectors_of(kernels, conv->outs), (size_t)kernels->lanes, &outs) ||
        !size_mul(outs, (size_t)conv->channels, &count) || !size_mul(count, (size_t)points_of(conv), &count) ||
        !size_add(count, (size_t)conv->channels, &count))
        return SIZE_MAX;
    return count;
}

/* What each of the nine weights counts at each point: [point][9]. */
static void find_factors(const struct conv *conv, double factors[MOST_SIDE * MOST_SIDE][9])
{
    const int32_t m = tile_size(conv), side = m + 2;
    const double(*g)[3] = m == 2 ? filters_2 : filters_4;
    for (int32_t p = 0; p < side * side; p++)
        for (int32_t k = 0; k < 9; k++)
            factors[p][k] = g[p / side][k / 3] * g[p % side][k % 3];
}

/* One channel's 3 x 3 weights of one output; its value at the next point goes `step` floats on. */
static void transform_filter(const struct conv *conv, double factors[][9], const float *w, float *to, size_t step)
{
    double weights[9];
    for (int32_t k = 0; k < 9; k++)
        weights[k] = (double)w[(size_t)k * (size_t)conv->channels];
    for (int32_t p = 0; p < points_of(conv); p++, to += step) {
        double sum = 0;
        for (int32_t k = 0; k < 9; k++)
            sum += factors[p][k] * weights[k];
        *to = (float)sum;
    }
}

void winograd_pack(const struct kernels *kernels, const struct conv *conv, const float *w, float *panels)
{
    const size_t point = point_floats(kernels, conv), filter = (size_t)9 * (size_t)conv->channels;
    const struct split split = split_evenly(vectors_of(kernels, conv->outs), kernels->winograd_vecs);
    double factors[MOST_SIDE * MOST_SIDE][9];
    find_factors(conv, factors);
    memset(panels, 0, winograd_packed_count(kernels, conv) * sizeof *panels);
    for (int32_t p = 0, first = 0, width; p < split.parts; p++, first += width) {
        width = split_size(split, p) * kernels->lanes;
        for (int32_t c = 0; c < conv->channels; c++, panels += width)
            for (int32_t o = 0; o < width && first + o < conv->outs; o++)
                transform_filter(conv, factors, w + (size_t)(first + o) * filter + c, panels + o, point);
    }
}

/* ---- Scratch ---- */

enum {
    BLOCK_OUTS = 64,         /* outputs of a block, about: rows of M are whole cache lines */
    STRIP_TILES = 12,        /* of a strip, while its weights fit the second-level cache, */
    LONG_STRIP_TILES = 24,   /* and when they do not */
    LARGE_WEIGHTS = 1 << 18, /* floats */
};

static int32_t most_strip_tiles(const struct kernels *kernels, const struct conv *conv)
{
    size_t count = winograd_packed_count(kernels, conv);
    return count > LARGE_WEIGHTS ? LONG_STRIP_TILES : STRIP_TILES;
}

/* Panels of the largest block. */
static int32_t block_panels(const struct kernels *kernels)
{
    int32_t outs = kernels->winograd_vecs * kernels->lanes;
    return outs < BLOCK_OUTS ? BLOCK_OUTS / outs : 1;
}

static struct winograd_strip strip_of(const struct kernels *kernels, const struct conv *conv)
{
    const int32_t tiles = most_strip_tiles(kernels, conv);
    const int32_t block = block_panels(kernels) * kernels->winograd_vecs * kernels->lanes;
    struct winograd_strip strip = {.points = points_of(conv),
                                   .channels = conv->channels,
                                   .v_row = row_floats(conv->channels),
                                   .m_row = row_floats(conv->outs < block ? conv->outs : block),
                                   .w_point = (ptrdiff_t)point_floats(kernels, conv)};
    strip.v_point = step_of_points(tiles, strip.v_row);
    strip.m_point = step_of_points(tiles, strip.m_row);
    return strip;
}

/* V and M for each thread. */
size_t winograd_scratch_count(const struct kernels *kernels, const struct conv *conv, int32_t threads)
{
    size_t count;
    if (winograd_packed_count(kernels, conv) == SIZE_MAX ||
        !size_mul((size_t)row_floats(conv->channels), (size_t)points_of(conv) * (LONG_STRIP_TILES + 1), &count))
        return SIZE_MAX;
    struct winograd_strip strip = strip_of(kernels, conv);
    count = (size_t)points_of(conv) * (size_t)(strip.v_point + strip.m_point);
    return size_mul(count, (size_t)threads, &count) ? count : SIZE_MAX;
}

/* ---- The call ---- */

struct winograd {
    const struct kernels *kernels;
    const struct conv_call *call;
    struct winograd_strip strip;
    const int32_t *rows, *columns; /* the tables */
    const float *zeros;
    struct tile_grid grid;
    int32_t m, blocks;
    int64_t tiles, strips;
    int64_t shared; /* the strip that all threads work at */
    int32_t tasks;
};

static void transform_input(const struct winograd *w, int64_t first, int32_t tiles, float *v)
{
    const int32_t side = w->m + 2;
    struct tile tile = tile_at(w->grid, first);
    for (int32_t t = 0; t < tiles; t++, next_tile(w->grid, &tile), v += w->strip.v_row) {
        const float *x = w->call->x[tile.image], *pixels[MOST_SIDE * MOST_SIDE];
        const int32_t *rows = w->rows + (ptrdiff_t)tile.row * side,
                      *columns = w->columns + (ptrdiff_t)tile.column * side;
        for (int32_t i = 0; i < side; i++)
            for (int32_t j = 0; j < side; j++)
                pixels[i * side + j] = rows[i] < 0 || columns[j] < 0 ? w->zeros : x + rows[i] + columns[j];
        w->kernels->winograd_input(v, w->strip.v_point, pixels, w->m, w->call->conv->channels);
    }
}

static void transform_output(const struct winograd *w, int64_t first, int32_t tiles, const float *m, int32_t out,
                             int32_t outs)
{
    const struct conv_call *call = w->call;
    const struct conv *conv = call->conv;
    struct tile tile = tile_at(w->grid, first);
    for (int32_t t = 0; t < tiles; t++, next_tile(w->grid, &tile), m += w->strip.m_row) {
        const int32_t y = tile.row * w->m, x = tile.column * w->m;
        const struct map_part part = {conv->out_high - y, conv->out_wide - x, (ptrdiff_t)conv->out_wide * conv->outs,
                                      conv->outs};
        const ptrdiff_t to = ((ptrdiff_t)tile.image * conv->out_high + y) * part.row + x * part.pixel + out;
        w->kernels->winograd_output(call->y + to, part, m, w->strip.m_point, w->m, call->bias ? call->bias + out : NULL,
                                    call->add ? call->add + to : NULL, call->relu, outs);
    }
}

/* Products and outputs of one block for the tiles in v. */
static void run_block(const struct winograd *w, int64_t first, int32_t tiles, int32_t block, const float *v, float *m)
{
    const struct kernels *kernels = w->kernels;
    const struct conv *conv = w->call->conv;
    int32_t out;
    const int32_t outs = conv_block(kernels, kernels->winograd_vecs, conv->outs, w->blocks, block, &out);
    kernels->winograd_multiply(m, v, w->call->panels + (ptrdiff_t)out * conv->channels, &w->strip, tiles, outs);
    transform_output(w, first, tiles, m, out, outs);
}

static float *scratch_v(const struct winograd *w, int32_t worker)
{
    return w->call->scratch + worker * (w->strip.points * (w->strip.v_point + w->strip.m_point));
}

static float *scratch_m(const struct winograd *w, int32_t worker)
{
    return scratch_v(w, worker) + w->strip.points * w->strip.v_point;
}

/* Whole strips. */
static void strips_task(void *context, int32_t index, int32_t worker)
{
    const struct winograd *w = context;
    const int64_t end = part_begin(w->strips, w->tasks, index + 1);
    for (int64_t strip = part_begin(w->strips, w->tasks, index); strip < end; strip++) {
        const int64_t first = part_begin(w->tiles, w->strips, strip);
        const int32_t tiles = (int32_t)(part_begin(w->tiles, w->strips, strip + 1) - first);
        transform_input(w, first, tiles, scratch_v(w, worker));
        for (int32_t block = 0; block < w->blocks; block++)
            run_block(w, first, tiles, block, scratch_v(w, worker), scratch_m(w, worker));
    }
}

/* A part of the tiles of the shared strip. */
static void shared_input_task(void *context, int32_t index, int32_t worker)
{
    const struct winograd *w = context;
    const int64_t first = part_begin(w->tiles, w->strips, w->shared);
    const int64_t tiles = part_begin(w->tiles, w->strips, w->shared + 1) - first;
    const int64_t begin = part_begin(tiles, w->tasks, index), end = part_begin(tiles, w->tasks, index + 1);
    (void)worker;
    transform_input(w, first + begin, (int32_t)(end - begin), scratch_v(w, 0) + begin * w->strip.v_row);
}

/* A block of the shared strip. */
static void shared_block_task(void *context, int32_t index, int32_t worker)
{
    const struct winograd *w = context;
    const int64_t first = part_begin(w->tiles, w->strips, w->shared);
    const int32_t tiles = (int32_t)(part_begin(w->tiles, w->strips, w->shared + 1) - first);
    run_block(w, first, tiles, index, scratch_v(w, 0), scratch_m(w, worker));
}

void winograd_run(const struct kernels *kernels, const struct conv_call *call, struct pool *pool)
{
    const struct conv *conv = call->conv;
    const int32_t m = tile_size(conv), most_tiles = most_strip_tiles(kernels, conv);
    const int32_t panels = split_evenly(vectors_of(kernels, conv->outs), kernels->winograd_vecs).parts;
    struct winograd w = {.kernels = kernels,
                         .call = call,
                         .strip = strip_of(kernels, conv),
                         .rows = call->table,
                         .zeros = call->panels + winograd_packed_count(kernels, conv) - conv->channels,
                         .m = m,
                         .grid = {divide_up(conv->out_high, m), divide_up(conv->out_wide, m)},
                         .blocks = divide_up(panels, block_panels(kernels))};
    w.columns = w.rows + (ptrdiff_t)w.grid.high * (m + 2);
    w.tiles = (int64_t)call->images * w.grid.high * w.grid.wide;
    w.strips = (w.tiles + most_tiles - 1) / most_tiles;
    if (pool_tasks(pool, w.tiles * w.strip.points * conv->channels * conv->outs) == 1)
        pool = NULL;
    const int32_t threads = pool_threads(pool);
    if (w.strips >= threads) {
        w.strips += (threads - w.strips % threads) % threads; /* as many for each */
        w.strips = w.strips < w.tiles ? w.strips : w.tiles;
        w.tasks = w.strips < threads * POOL_TASKS_PER_THREAD ? (int32_t)w.strips : threads * POOL_TASKS_PER_THREAD;
        pool_run(pool, w.tasks, strips_task, &w);
        return;
    }
    w.blocks = w.blocks > threads ? w.blocks : threads < panels ? threads : panels;
    w.tasks = threads;
    for (w.shared = 0; w.shared < w.strips; w.shared++) {
        pool_run(pool, threads, shared_input_task, &w);
        pool_run(pool, w.blocks, shared_block_task, &w);
    }
}

/* ---- Choice ---- */

/* A model of the cost in multiply-adds, for one map and fitted to measurements (SPEED.md).  Weights are read once a
 * map: a float costs as much as several multiply-adds, and more when the weights come from beyond the second-level
 * cache, so that few outputs to a weight cost as many.  A transformed number costs as much as some multiply-adds, too.
 */
enum { TRANSFORM_COST = 10, WEIGHT_COST = 3 };

static double multiply_cost(const struct kernels *kernels, const struct conv *conv, double products, double uses)
{
    const double channels = conv->channels, outs = (double)vectors_of(kernels, conv->outs) * kernels->lanes;
    const double weights = products * channels * outs;
    const double least = weights > LARGE_WEIGHTS && kernels->lanes > WEIGHT_COST ? kernels->lanes : WEIGHT_COST;
    return weights * (uses > least ? uses : least);
}

static double winograd_cost(const struct kernels *kernels, const struct conv *conv)
{
    const int32_t m = tile_size(conv);
    const double tiles = (double)divide_up(conv->out_high, m) * divide_up(conv->out_wide, m);
    const double numbers = (double)vectors_of(kernels, conv->channels) + vectors_of(kernels, conv->outs);
    return multiply_cost(kernels, conv, points_of(conv), tiles) +
           TRANSFORM_COST * points_of(conv) * tiles * numbers * kernels->lanes;
}

enum conv_algorithm winograd_choice(const struct kernels *kernels, const struct conv *conv)
{
    if (conv->kernel != 3 || conv->stride != 1)
        return CONV_DIRECT;
    struct conv with_2 = *conv, with_4 = *conv;
    with_2.algorithm = CONV_WINOGRAD_2;
    with_4.algorithm = CONV_WINOGRAD_4;
    const double direct = multiply_cost(kernels, conv, 9, (double)conv->out_high * conv->out_wide);
    const double cost_2 = winograd_cost(kernels, &with_2), cost_4 = winograd_cost(kernels, &with_4);
    return direct <= cost_2 && direct <= cost_4 ? CONV_DIRECT : cost_2 < cost_4 ? CONV_WINOGRAD_2 : CONV_WINOGRAD_4;
}

/* ---- Exactness ---- */

double winograd_error_bound(const struct kernels *kernels, const struct conv *conv)
{
    const int is_4 = tile_size(conv) == 4, fused = kernels->fused == 1;
    const double in = !is_4 ? 1 : fused ? 2 : 4, out = !is_4 ? 2 : fused ? 3 : 4;
    const double roundings = 2 * in + 1 + conv->channels + 2 * out + 2;
    return (is_4 ? 175.42 : 16) * roundings / 2 / (1 - roundings * FLT_EPSILON / 2);
}
