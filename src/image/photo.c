/* A picture of any size to the photograph that the networks see.
 *
 * Whole numbers rounded once, as board.c, channel by channel. */
#include "../base/error.h"
#include "crop.h"
#include "span.h"

/* Channel c of one row of a span, over black, in units of 1 / 255 of a level; below 2^45. */
static uint64_t row_sum(const uint8_t *row, const struct span *columns, int c)
{
    uint64_t sum = 0;
    for (int32_t k = 0; k < columns->count; k++) {
        const uint8_t *at = row + (size_t)(columns->first + k) * 4;
        sum += (uint64_t)span_weight(columns, k) * (uint32_t)(at[c] * at[3]);
    }
    return sum;
}

pmoe_status pmoe_photo_from_rgba(const uint8_t *rgba, int32_t width, int32_t height, int32_t out_width,
                                 int32_t out_height, uint8_t *rgb, pmoe_error *error)
{
    if (!rgba || !rgb)
        return fail(error, PMOE_E_ARGUMENT, "photograph: %s is NULL", rgba ? "the output" : "the picture");
    TRY(crop_check("photograph", width, height, out_width, out_height, error));
    struct crop crop = crop_centre(width, height, out_width, out_height);
    const uint64_t unit = (uint64_t)crop.width * (uint64_t)crop.height * 255;
    for (int32_t y = 0; y < out_height; y++) {
        struct span rows = span_of(crop.height, out_height, y);
        for (int32_t x = 0; x < out_width; x++) {
            struct span columns = span_of(crop.width, out_width, x);
            for (int c = 0; c < 3; c++) {
                uint64_t sum = 0;
                for (int32_t k = 0; k < rows.count; k++) {
                    const uint8_t *row =
                        rgba + ((size_t)(crop.y + rows.first + k) * (size_t)width + (size_t)crop.x) * 4;
                    sum += span_weight(&rows, k) * row_sum(row, &columns, c);
                }
                *rgb++ = (uint8_t)((2 * sum + unit) / (2 * unit));
            }
        }
    }
    return PMOE_OK;
}
