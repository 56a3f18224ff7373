#include "source.h"

#include "../base/error.h"
#include "composed.h"

#include <string.h>

struct source source_shape(pmoe_set set)
{
    int photos = pmoe_set_is_photos(set);
    int32_t side = pmoe_set_side(set);
    return (struct source){.set = set,
                           .height = side,
                           .width = side,
                           .channels = photos ? PMOE_PHOTO_CHANNELS : 1,
                           .cell = photos ? side : PMOE_CELL};
}

pmoe_status source_open(pmoe_set set, pmoe_data data, uint64_t seed, struct source *source, pmoe_error *error)
{
    if (!pmoe_set_name(set))
        return fail(error, PMOE_E_ARGUMENT, "data: there is no set number %d", (int)set);
    if (pmoe_set_is_photos(set) ? !data.photos : !data.digits)
        return fail(error, PMOE_E_ARGUMENT, "data: the set %s needs %s, found none", pmoe_set_name(set),
                    pmoe_set_is_photos(set) ? "photographs" : "digits");
    if (pmoe_set_is_photos(set) && pmoe_photos_side(data.photos) != pmoe_set_side(set))
        return fail(error, PMOE_E_ARGUMENT, "data: the set %s needs photographs of side %d, found %d",
                    pmoe_set_name(set), (int)pmoe_set_side(set), (int)pmoe_photos_side(data.photos));
    if (data.backgrounds && pmoe_photos_side(data.backgrounds) != PMOE_PHOTO)
        return fail(error, PMOE_E_ARGUMENT, "data: backgrounds are of side %d, found %d", PMOE_PHOTO,
                    (int)pmoe_photos_side(data.backgrounds));
    *source = source_shape(set);
    source->data = data;
    source->seed = seed;
    source->count = pmoe_set_is_photos(set) ? composed_count(data.photos, set) : 0;
    if (pmoe_set_is_photos(set) && !source->count)
        return fail(error, PMOE_E_ARGUMENT,
                    "data: the set %s needs photographs of airplanes, automobiles, ships, "
                    "trucks and animals, one of these is missing",
                    pmoe_set_name(set));
    return PMOE_OK;
}

size_t source_pixels(const struct source *source)
{
    return (size_t)source->height * (size_t)source->width * (size_t)source->channels;
}

pmoe_status source_sample(const struct source *source, uint64_t index, uint8_t *pixels, int32_t *label, int32_t *patch,
                          pmoe_error *error)
{
    if (!pmoe_set_is_photos(source->set)) {
        pmoe_board_truth truth;
        TRY(pmoe_board(source->data.digits, source->set, source->seed, index, pixels, &truth, error));
        *label = truth.label;
        *patch = truth.patch;
        return PMOE_OK;
    }
    if (index >= (uint64_t)source->count)
        return fail(error, PMOE_E_ARGUMENT, "data: there are %d photographs, number %llu was asked for",
                    (int)source->count, (unsigned long long)index);
    *label = composed_sample(source->data, source->set, source->seed, (int32_t)index, pixels);
    *patch = -1;
    return PMOE_OK;
}

/* Pixels that enter a cell are black. */
static void shift_cell(uint8_t *corner, int32_t cell, size_t pixel, size_t row, int32_t right, int32_t down)
{
    enum { MOST_BYTES = PMOE_FACE * PMOE_FACE * PMOE_PHOTO_CHANNELS };
    uint8_t moved[MOST_BYTES] = {0}; /* a board's cell is smaller */
    size_t bytes = (size_t)cell * pixel, kept = (size_t)(cell - (right < 0 ? -right : right)) * pixel;
    size_t from = right < 0 ? (size_t)-right * pixel : 0, to = right > 0 ? (size_t)right * pixel : 0;
    for (int32_t y = 0; y < cell; y++)
        if (y + down >= 0 && y + down < cell)
            memcpy(moved + (size_t)(y + down) * bytes + to, corner + (size_t)y * row + from, kept);
    for (int32_t y = 0; y < cell; y++)
        memcpy(corner + (size_t)y * row, moved + (size_t)y * bytes, bytes);
}

static void mirror(const struct source *source, uint8_t *pixels)
{
    size_t pixel = (size_t)source->channels;
    for (int32_t y = 0; y < source->height; y++)
        for (int32_t x = 0; x < source->width / 2; x++) {
            uint8_t *left = pixels + (size_t)(y * source->width + x) * pixel;
            uint8_t *right = pixels + (size_t)(y * source->width + source->width - 1 - x) * pixel;
            for (size_t c = 0; c < pixel; c++) {
                uint8_t kept = left[c];
                left[c] = right[c];
                right[c] = kept;
            }
        }
}

void source_augment(const struct source *source, int32_t shift, int32_t flip, struct random *random, uint8_t *pixels)
{
    size_t pixel = (size_t)source->channels, row = (size_t)source->width * pixel;
    uint32_t choices = (uint32_t)(2 * shift + 1);
    for (int32_t y = 0; shift && y < source->height; y += source->cell)
        for (int32_t x = 0; x < source->width; x += source->cell) {
            int32_t right = (int32_t)random_below(random, choices) - shift,
                    down = (int32_t)random_below(random, choices) - shift;
            shift_cell(pixels + (size_t)y * row + (size_t)x * pixel, source->cell, pixel, row, right, down);
        }
    if (flip && random_below(random, 2))
        mirror(source, pixels);
}
