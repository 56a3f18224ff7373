/* What a sample is made of; pmoe.h describes the sets.
 *
 * The order of the draws is part of the format: a change gives other samples for the same seed.  From the generator of
 * (seed, RANDOM_COMPOSE, index), with below(b) uniform in 0 .. b-1:
 *
 *   PMOE_CIFAR10_NOISE   below(photographs): whose crop the background is; below(17), below(17): its top and left;
 *                        1 + below(23): the order of its quadrants, magnified; below(17), below(17): top and left of
 *                        photograph `index`, halved.  Of a caller's backgrounds, whole: below(backgrounds), which
 *                        one, then only where the photograph is
 *   PMOE_VEHICLES        below(4): the quadrant of vehicle index / 4 of class index mod 4; then for each other quadrant
 *                        in reading order below(animals)
 *
 * The paper's backgrounds are ImageNet's plants, which cannot be had everywhere; these have the colours and edges of
 * photographs and none of their things. */
#include "composed.h"

#include "quadrants.h"

#include <string.h>

enum { SIDE = PMOE_PHOTO, HALF = SIDE / 2, PIXEL = PMOE_PHOTO_CHANNELS, VEHICLE_LABELS = 4 };

/* Labels of CIFAR-10 that the classes of PMOE_VEHICLES are; all others are animals, and lie between. */
static const int32_t vehicle_labels[VEHICLE_LABELS] = {0, 1, 8, 9};
enum { FIRST_ANIMAL = 2, LAST_ANIMAL = 7 };

/* The photograph at half its side, each pixel the rounded mean of four, onto rgb from (top, left) on. */
static void draw_halved(const pmoe_photos *photos, int32_t index, int32_t top, int32_t left, uint8_t *rgb)
{
    uint8_t whole[SIDE * SIDE * PIXEL];
    pmoe_photos_pixels(photos, index, whole);
    for (int32_t y = 0; y < HALF; y++)
        for (int32_t i = 0; i < HALF * PIXEL; i++) {
            const uint8_t *from = whole + 2 * y * SIDE * PIXEL + i / PIXEL * 2 * PIXEL + i % PIXEL;
            int32_t sum = from[0] + from[PIXEL] + from[SIDE * PIXEL] + from[SIDE * PIXEL + PIXEL];
            rgb[((top + y) * SIDE + left) * PIXEL + i] = (uint8_t)((sum + 2) / 4);
        }
}

/* A quarter of another photograph, magnified, its quadrants in another order. */
static void draw_background(const pmoe_photos *photos, struct random *random, uint8_t *rgb)
{
    uint8_t whole[SIDE * SIDE * PIXEL];
    int32_t order[QUADRANTS];
    pmoe_photos_pixels(photos, (int32_t)random_below(random, (uint32_t)pmoe_photos_count(photos)), whole);
    int32_t top = (int32_t)random_below(random, HALF + 1), left = (int32_t)random_below(random, HALF + 1);
    quadrants_order(1 + random_below(random, QUADRANT_ORDERS - 1), order);
    for (int32_t y = 0; y < SIDE; y++)
        for (int32_t x = 0; x < SIDE; x++, rgb += PIXEL) {
            int32_t from = order[y / HALF * 2 + x / HALF];
            int32_t row = top + (from / 2 * HALF + y % HALF) / 2, column = left + (from % 2 * HALF + x % HALF) / 2;
            memcpy(rgb, whole + (row * SIDE + column) * PIXEL, PIXEL);
        }
}

static int32_t draw_noise(pmoe_data data, struct random *random, int32_t index, uint8_t *rgb)
{
    const pmoe_photos *photos = data.photos, *backgrounds = data.backgrounds;
    if (backgrounds)
        pmoe_photos_pixels(backgrounds, (int32_t)random_below(random, (uint32_t)pmoe_photos_count(backgrounds)), rgb);
    else
        draw_background(photos, random, rgb);
    int32_t top = (int32_t)random_below(random, HALF + 1), left = (int32_t)random_below(random, HALF + 1);
    draw_halved(photos, index, top, left, rgb);
    return pmoe_photos_label(photos, index);
}

static int32_t draw_vehicle(const pmoe_photos *photos, struct random *random, int32_t index, uint8_t *rgb)
{
    int32_t label = index % VEHICLE_LABELS, file_label = vehicle_labels[label], vehicles, animals;
    const int32_t *vehicle = photos_of_labels(photos, file_label, file_label, &vehicles);
    const int32_t *animal = photos_of_labels(photos, FIRST_ANIMAL, LAST_ANIMAL, &animals);
    int32_t place = (int32_t)random_below(random, QUADRANTS);
    for (int32_t q = 0; q < QUADRANTS; q++) {
        int32_t photo = q == place ? vehicle[index / VEHICLE_LABELS] : animal[random_below(random, (uint32_t)animals)];
        draw_halved(photos, photo, q / 2 * HALF, q % 2 * HALF, rgb);
    }
    return label;
}

int32_t composed_count(const pmoe_photos *photos, pmoe_set set)
{
    if (set != PMOE_VEHICLES)
        return pmoe_photos_count(photos);
    int32_t least, count;
    photos_of_labels(photos, FIRST_ANIMAL, LAST_ANIMAL, &least);
    least = least ? INT32_MAX / VEHICLE_LABELS : 0;
    for (int32_t v = 0; v < VEHICLE_LABELS; v++) {
        photos_of_labels(photos, vehicle_labels[v], vehicle_labels[v], &count);
        least = count < least ? count : least;
    }
    return least * VEHICLE_LABELS;
}

int32_t composed_sample(pmoe_data data, pmoe_set set, uint64_t seed, int32_t index, uint8_t *rgb)
{
    struct random random = random_at(seed, RANDOM_COMPOSE, (uint64_t)index);
    if (set == PMOE_CIFAR10_NOISE)
        return draw_noise(data, &random, index, rgb);
    if (set == PMOE_VEHICLES)
        return draw_vehicle(data.photos, &random, index, rgb);
    pmoe_photos_pixels(data.photos, index, rgb);
    return pmoe_photos_label(data.photos, index);
}
