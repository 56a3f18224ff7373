/* Data for trainings that take no time: a few drawn blobs or colours a class, so that there is something to learn.
 * To be included after cmocka.h. */
#ifndef SMALL_DATA_H
#define SMALL_DATA_H

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum { DIGITS = 100, PIXELS = 28 * 28 };

static pmoe_digits *open_digits(void)
{
    static unsigned char images[16 + DIGITS * PIXELS], labels[8 + DIGITS];
    const unsigned char image_head[16] = {0, 0, 8, 3, 0, 0, 0, DIGITS, 0, 0, 0, 28, 0, 0, 0, 28};
    const unsigned char label_head[8] = {0, 0, 8, 1, 0, 0, 0, DIGITS};
    memcpy(images, image_head, sizeof image_head);
    memcpy(labels, label_head, sizeof label_head);
    for (int i = 0; i < DIGITS; i++) {
        int label = i % 10;
        struct random random = random_at(1, RANDOM_CHECK, (uint64_t)i);
        labels[8 + i] = (unsigned char)label;
        for (int at = 0; at < PIXELS; at++) {
            int y = at / 28, x = at % 28;
            int inside = abs(y - 4 - 2 * label) < 4 && abs(x - 24 + 2 * label) < 5;
            images[16 + i * PIXELS + at] = (unsigned char)((inside ? 200 : 0) + (int)random_below(&random, 40));
        }
    }
    pmoe_digits *digits;
    assert_int_equal(pmoe_digits_open(images, sizeof images, labels, sizeof labels, NULL, &digits, NULL), PMOE_OK);
    return digits;
}

/* As many photographs, each class a colour under noise. */
static pmoe_photos *open_colours(void)
{
    enum { PHOTOS = 40, PLANE = PMOE_PHOTO * PMOE_PHOTO, ROW = 1 + 3 * PLANE };
    static unsigned char rows[PHOTOS * ROW];
    for (int i = 0; i < PHOTOS; i++) {
        struct random random = random_at(2, RANDOM_CHECK, (uint64_t)i);
        rows[i * ROW] = (unsigned char)(i % 10);
        for (int at = 0; at < 3 * PLANE; at++)
            rows[i * ROW + 1 + at] =
                (unsigned char)(20 + 22 * (i % 10 + at / PLANE * 3) % 200 + (int)random_below(&random, 50));
    }
    pmoe_photos *photos;
    assert_int_equal(pmoe_photos_open(&(pmoe_bytes){rows, sizeof rows}, 1, PMOE_PHOTO, NULL, &photos, NULL), PMOE_OK);
    return photos;
}

static pmoe_data open_data(void)
{
    return (pmoe_data){.digits = open_digits(), .photos = open_colours()};
}

static void close_data(pmoe_data *data)
{
    pmoe_digits_close((pmoe_digits **)&data->digits);
    pmoe_photos_close((pmoe_photos **)&data->photos);
}

#endif
