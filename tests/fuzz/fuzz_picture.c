/* Fuzz target: a picture file of any bytes is refused with a sentence, or becomes a board and a digit.
 *
 * Small pictures only, so that time goes into the decoders and not into filling pixels. */
#include "image/picture.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PIXELS = 1 << 12 };

static void use(const struct picture *picture)
{
    static uint8_t board[PMOE_BOARD * PMOE_BOARD], digit[PMOE_CELL * PMOE_CELL];
    pmoe_error error;
    int32_t inverted, empty;
    int64_t pixels = (int64_t)picture->width * picture->height;
    if (picture->width < 1 || picture->height < 1 || pixels > MOST_PIXELS)
        abort();
    if (pmoe_board_from_rgba(picture->rgba, picture->width, picture->height, PMOE_BOARD, PMOE_BOARD, board, &inverted,
                             &error) != PMOE_OK)
        abort();
    /* The first width * height bytes, whatever they show. */
    if (pmoe_digit_from_ink(picture->rgba, picture->width, picture->height, digit, &empty, &error) != PMOE_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of just its size, so that the sanitizer sees every byte read past the end. */
    uint8_t *file = malloc(size ? size : 1);
    if (!file)
        abort();
    memcpy(file, data, size);
    struct picture picture = {NULL, 0, 0};
    pmoe_error error = {PMOE_OK, ""};
    if (picture_decode(file, size, MOST_PIXELS, &picture, &error) == PMOE_OK)
        use(&picture);
    else if (picture.rgba || error.status == PMOE_OK || !error.text[0])
        abort();
    picture_free(&picture);
    free(file);
    return 0;
}
