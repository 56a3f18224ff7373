/* Boards: 4 x 4 or 8 x 8 digits of which one decides the class (paper 1, sec. 5.1, and the ten-class variants).
 *
 * The order of the draws is part of the format: a change gives other boards for the same seed.  From the generator of
 * (seed, RANDOM_BOARD, index), with below(b) uniform in 0 .. b-1:
 *
 *   label   index mod 2 or 10; drawn from nothing, so that any run of boards is balanced
 *   patch   below(16), of PMOE_MOSAIC64 below(64)
 *   then for each cell in reading order:
 *     the patch itself          below(images of that label), in the order of the files
 *     clutter of PMOE_MOSAIC    below(images of labels 2..9), sorted by label, then in the order of the files
 *     clutter of the others     below(all images), in the order of the files;
 *                               1 + below(23): the permutation of quadrants, in lexicographic order, 0 the identity;
 *                               below(256): bits 2q and 2q + 1 mirror target quadrant q left-right and top-bottom
 *
 * Quadrants count in reading order; target quadrant q is made from source quadrant permutation[q]. */
#include "digits.h"

#include "../base/error.h"
#include "../base/random.h"
#include "quadrants.h"

#include <string.h>

enum { HALF = PMOE_CELL / 2 };

/* Where a cell is drawn: its first pixel, and bytes from one row of the board to the next. */
struct place {
    uint8_t *pixels;
    int32_t row;
};

static struct place cell_at(uint8_t *board, int32_t grid, int32_t cell)
{
    int32_t row = grid * PMOE_CELL;
    return (struct place){board + (cell / grid * row + cell % grid) * PMOE_CELL, row};
}

static void draw_whole(const uint8_t *digit, struct place cell)
{
    for (int32_t y = 0; y < PMOE_CELL; y++)
        memcpy(cell.pixels + y * cell.row, digit + y * PMOE_CELL, PMOE_CELL);
}

static void draw_quartered(const uint8_t *digit, const int32_t permutation[QUADRANTS], uint32_t mirrors,
                           struct place cell)
{
    for (int32_t q = 0; q < QUADRANTS; q++) {
        const uint8_t *from = digit + (permutation[q] / 2 * PMOE_CELL + permutation[q] % 2) * HALF;
        uint8_t *to = cell.pixels + (q / 2 * cell.row + q % 2) * HALF;
        int32_t mirror_x = mirrors >> (2 * q) & 1, mirror_y = mirrors >> (2 * q + 1) & 1;
        for (int32_t y = 0; y < HALF; y++)
            for (int32_t x = 0; x < HALF; x++)
                to[y * cell.row + x] = from[(mirror_y ? HALF - 1 - y : y) * PMOE_CELL + (mirror_x ? HALF - 1 - x : x)];
    }
}

/* Uniform over the images with labels low .. high. */
static int32_t draw_digit(const pmoe_digits *digits, struct random *random, int32_t low, int32_t high)
{
    int32_t first = digits->start[low], end = digits->start[high + 1];
    return digits->by_label[first + (int32_t)random_below(random, (uint32_t)(end - first))];
}

static int32_t draw_clutter(const pmoe_digits *digits, pmoe_set set, struct random *random, struct place cell)
{
    if (set == PMOE_MOSAIC) {
        int32_t digit = draw_digit(digits, random, 2, DIGIT_LABELS - 1);
        draw_whole(pmoe_digits_pixels(digits, digit), cell);
        return digit;
    }
    int32_t digit = (int32_t)random_below(random, (uint32_t)digits->count);
    int32_t permutation[QUADRANTS];
    quadrants_order(1 + random_below(random, QUADRANT_ORDERS - 1), permutation);
    draw_quartered(pmoe_digits_pixels(digits, digit), permutation, random_below(random, 256), cell);
    return digit;
}

static pmoe_status check_labels(const pmoe_digits *digits, pmoe_error *error)
{
    for (int32_t c = 0; c < DIGIT_LABELS; c++)
        if (digits->start[c] == digits->start[c + 1])
            return fail(error, PMOE_E_ARGUMENT, "board: expected images of every digit 0 to 9, found none of digit %d",
                        (int)c);
    return PMOE_OK;
}

pmoe_status pmoe_board(const pmoe_digits *digits, pmoe_set set, uint64_t seed, uint64_t index, uint8_t *pixels,
                       pmoe_board_truth *truth, pmoe_error *error)
{
    if (!digits || !pixels)
        return fail(error, PMOE_E_ARGUMENT, "board: %s NULL", digits ? "the output is" : "the digits are");
    int32_t grid = pmoe_set_grid(set);
    if (!grid)
        return fail(error, PMOE_E_ARGUMENT, "board: expected a set of boards, %d to %d, found %d", PMOE_MOSAIC,
                    PMOE_MOSAIC64, (int)set);
    TRY(check_labels(digits, error));

    struct random random = random_at(seed, RANDOM_BOARD, index);
    pmoe_board_truth made = {.label = (int32_t)(index % (uint64_t)pmoe_set_classes(set))};
    made.patch = (int32_t)random_below(&random, (uint32_t)(grid * grid));
    for (int32_t cell = 0; cell < grid * grid; cell++) {
        if (cell == made.patch) {
            made.digits[cell] = draw_digit(digits, &random, made.label, made.label);
            draw_whole(pmoe_digits_pixels(digits, made.digits[cell]), cell_at(pixels, grid, cell));
        } else {
            made.digits[cell] = draw_clutter(digits, set, &random, cell_at(pixels, grid, cell));
        }
    }
    if (truth)
        *truth = made;
    return PMOE_OK;
}
