/* What both ways through a Winograd convolution share: the walk over tiles, and how V and M lie. */
#ifndef PMOE_KERNELS_WINOGRAD_TILES_H
#define PMOE_KERNELS_WINOGRAD_TILES_H

#include <stddef.h>
#include <stdint.h>

enum { WINOGRAD_LINE = 16 }; /* floats in a cache line, and in the widest vector: rows are so many, or twice, ... */

static inline int32_t divide_up(int32_t a, int32_t b)
{
    return a / b + (a % b != 0);
}

/* Rows are whole lines.  From point to point is an odd number of lines, or the points of a tile would compete for a
 * few places of the first-level cache. */
static inline ptrdiff_t row_floats(int32_t count)
{
    return (ptrdiff_t)divide_up(count, WINOGRAD_LINE) * WINOGRAD_LINE;
}

static inline ptrdiff_t step_of_points(int32_t rows, ptrdiff_t row)
{
    return ((rows * row / WINOGRAD_LINE) | 1) * WINOGRAD_LINE;
}

/* The tiles of all images in one row, a map's one row of tiles behind the other. */
struct tile_grid {
    int32_t high, wide;
};

struct tile {
    int32_t image, row, column;
};

static inline struct tile tile_at(struct tile_grid grid, int64_t index)
{
    int64_t in_image = (int64_t)grid.high * grid.wide, rest = index % in_image;
    return (struct tile){(int32_t)(index / in_image), (int32_t)(rest / grid.wide), (int32_t)(rest % grid.wide)};
}

static inline void next_tile(struct tile_grid grid, struct tile *tile)
{
    if (++tile->column < grid.wide)
        return;
    tile->column = 0;
    if (++tile->row < grid.high)
        return;
    tile->row = 0;
    tile->image++;
}

#endif
