/* A picture of any size to the grey board that the networks see, and bytes to floats.
 *
 * No memory is taken: each target pixel sums its own rectangle of the source.  Leaves out: decoding (picture.c) and
 * turning by EXIF orientation (jpeg.c; browsers do it on decoding). */
#include "../base/error.h"
#include "crop.h"
#include "span.h"

enum {
    LUMA_SCALE = 255 * 1000,      /* alpha times the sum of the three luma weights: one grey level */
    LUMA_WHITE = 255 * LUMA_SCALE /* below 2^26 */
};

/* Luma of one straight-alpha pixel over black, in units of 1 / LUMA_SCALE grey levels: exact. */
static inline uint32_t luma(const uint8_t *rgba)
{
    return (299u * rgba[0] + 587u * rgba[1] + 114u * rgba[2]) * rgba[3];
}

/* Are more than half of the outermost pixels in the lighter half of the scale? */
static int ring_is_light(const uint8_t *rgba, int32_t width, int32_t height)
{
    int32_t light = 0, ring = 0;
    for (int32_t y = 0; y < height; y++) {
        int whole_row = y == 0 || y == height - 1;
        int32_t step = whole_row || width == 1 ? 1 : width - 1;
        for (int32_t x = 0; x < width; x += step) {
            light += luma(rgba + ((size_t)y * width + x) * 4) >= LUMA_WHITE / 2;
            ring++;
        }
    }
    return 2 * light > ring;
}

/* Weighted luma of one row of a span; below 2^40. */
static uint64_t row_sum(const uint8_t *row, const struct span *columns)
{
    const uint8_t *at = row + (size_t)columns->first * 4;
    uint64_t sum = (uint64_t)columns->head * luma(at);
    if (columns->count == 1)
        return sum;
    uint64_t inner = 0;
    for (int32_t k = 1; k < columns->count - 1; k++)
        inner += luma(at + (size_t)k * 4);
    return sum + columns->body * inner + (uint64_t)columns->tail * luma(at + (size_t)(columns->count - 1) * 4);
}

static void resample(const uint8_t *rgba, int32_t width, struct crop crop, int32_t out_width, int32_t out_height,
                     int inverted, uint8_t *grey)
{
    const uint64_t area = (uint64_t)crop.width * (uint64_t)crop.height;
    const uint64_t unit = area * LUMA_SCALE, white = area * LUMA_WHITE;
    for (int32_t oy = 0; oy < out_height; oy++) {
        struct span rows = span_of(crop.height, out_height, oy);
        for (int32_t ox = 0; ox < out_width; ox++) {
            struct span columns = span_of(crop.width, out_width, ox);
            uint64_t sum = 0;
            for (int32_t k = 0; k < rows.count; k++) {
                const uint8_t *row = rgba + ((size_t)(crop.y + rows.first + k) * width + crop.x) * 4;
                sum += span_weight(&rows, k) * row_sum(row, &columns);
            }
            if (inverted)
                sum = white - sum;
            grey[(size_t)oy * out_width + ox] = (uint8_t)((2 * sum + unit) / (2 * unit));
        }
    }
}

pmoe_status pmoe_board_from_rgba(const uint8_t *rgba, int32_t width, int32_t height, int32_t out_width,
                                 int32_t out_height, uint8_t *grey, int32_t *inverted, pmoe_error *error)
{
    if (!rgba || !grey)
        return fail(error, PMOE_E_ARGUMENT, "board: %s is NULL", rgba ? "the output" : "the picture");
    TRY(crop_check("board", width, height, out_width, out_height, error));

    int light = ring_is_light(rgba, width, height);
    struct crop crop = crop_centre(width, height, out_width, out_height);
    resample(rgba, width, crop, out_width, out_height, light, grey);
    if (inverted)
        *inverted = light;
    return PMOE_OK;
}

void pmoe_bytes_to_floats(const uint8_t *bytes, size_t count, float *values)
{
    /* A division, not a product with 1/255: it rounds to the nearest float, as other programs' / 255 does. */
    for (size_t i = 0; i < count; i++)
        values[i] = (float)bytes[i] / 255.0f;
}
