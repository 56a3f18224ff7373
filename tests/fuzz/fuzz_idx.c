/* Fuzz target: an IDX pair of any bytes is refused with a sentence, or serves boards.
 *
 * Input: 32 bits little-endian, how many of the following bytes are the images file; the rest are the labels. */
#include "pmoe.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A copy of just its size, so that the sanitizer sees every byte read past the end. */
static uint8_t *exact_copy(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    if (!copy)
        abort();
    memcpy(copy, data, bytes);
    return copy;
}

static void use(const pmoe_digits *digits)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < pmoe_digits_count(digits); i++) {
        int32_t label = pmoe_digits_label(digits, i);
        if (label < 0 || label > 9)
            abort();
        for (int32_t k = 0; k < PMOE_CELL * PMOE_CELL; k++)
            sum += pmoe_digits_pixels(digits, i)[k];
    }
    static uint8_t pixels[PMOE_MAX_BOARD * PMOE_MAX_BOARD];
    for (int set = PMOE_MOSAIC; set <= PMOE_MOSAIC64; set++) {
        pmoe_board_truth truth;
        pmoe_error error;
        if (pmoe_board(digits, (pmoe_set)set, sum, sum, pixels, &truth, &error) != PMOE_OK)
            continue;
        if (pmoe_digits_label(digits, truth.digits[truth.patch]) != truth.label)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    size_t images_bytes = (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 | (size_t)data[3] << 24;
    data += 4;
    size -= 4;
    images_bytes = images_bytes < size ? images_bytes : size;
    uint8_t *images = exact_copy(data, images_bytes);
    uint8_t *labels = exact_copy(data + images_bytes, size - images_bytes);

    pmoe_digits *digits;
    pmoe_error error = {PMOE_OK, ""};
    if (pmoe_digits_open(images, images_bytes, labels, size - images_bytes, NULL, &digits, &error) == PMOE_OK)
        use(digits);
    else if (digits || error.status == PMOE_OK || !error.text[0])
        abort();
    pmoe_digits_close(&digits);
    free(images);
    free(labels);
    return 0;
}
