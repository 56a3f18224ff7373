/* The two composed sets: the same boards for ever, balanced, uniform, and made of what they say they are made of. */
#include "base/digest.h"
#include "files.h"
#include "image/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PIXELS = PMOE_CELL * PMOE_CELL, BOARD_BYTES = PMOE_BOARD * PMOE_BOARD, HALF = PMOE_CELL / 2, PER_LABEL = 12 };

struct source {
    uint8_t *images, *labels;
    pmoe_digits *digits;
};

static void open_source(struct source *source, size_t images_bytes, size_t labels_bytes)
{
    pmoe_error error;
    if (pmoe_digits_open(source->images, images_bytes, source->labels, labels_bytes, NULL, &source->digits, &error))
        fail_msg("%s", error.text);
}

static struct source open_samples(void)
{
    struct source source;
    size_t images_bytes, labels_bytes;
    source.images = read_file("weights/samples/digits-images-idx3-ubyte", &images_bytes);
    source.labels = read_file("weights/samples/digits-labels-idx1-ubyte", &labels_bytes);
    open_source(&source, images_bytes, labels_bytes);
    return source;
}

static void close_source(struct source *source)
{
    pmoe_digits_close(&source->digits);
    free(source->images);
    free(source->labels);
}

/* Ten digits, one a label, whose quadrants tell themselves and their corners apart: the pixel in row y, column x of
 * quadrant q is 60 q + 4 (y >= 7) + 2 (x >= 7) + 1. */
static struct source open_marked(void)
{
    static const uint8_t images_header[16] = {0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 28, 0, 0, 0, 28};
    static const uint8_t labels_header[8] = {0, 0, 8, 1, 0, 0, 0, 10};
    struct source source = {malloc(16 + 10 * PIXELS), malloc(8 + 10), NULL};
    assert_non_null(source.images);
    assert_non_null(source.labels);
    memcpy(source.images, images_header, 16);
    memcpy(source.labels, labels_header, 8);
    for (int i = 0; i < 10; i++) {
        source.labels[8 + i] = (uint8_t)i;
        for (int k = 0; k < PIXELS; k++) {
            int y = k / PMOE_CELL, x = k % PMOE_CELL, quadrant = y / HALF * 2 + x / HALF;
            source.images[16 + i * PIXELS + k] =
                (uint8_t)(60 * quadrant + 4 * (y % HALF >= HALF / 2) + 2 * (x % HALF >= HALF / 2) + 1);
        }
    }
    open_source(&source, 16 + 10 * PIXELS, 8 + 10);
    return source;
}

static pmoe_board_truth compose(const struct source *source, pmoe_set set, uint64_t seed, uint64_t index,
                                uint8_t *pixels)
{
    pmoe_board_truth truth;
    pmoe_error error;
    if (pmoe_board(source->digits, set, seed, index, pixels, &truth, &error))
        fail_msg("%s", error.text);
    return truth;
}

static void cut_cell(const uint8_t *board, int grid, int cell, uint8_t out[PIXELS])
{
    for (int y = 0; y < PMOE_CELL; y++)
        memcpy(out + y * PMOE_CELL, board + ((cell / grid * PMOE_CELL + y) * grid + cell % grid) * PMOE_CELL,
               PMOE_CELL);
}

/* Pearson's statistic of counts that should all be alike. */
static double chi_square(const int *counts, int cells, int draws)
{
    double expected = (double)draws / cells, sum = 0;
    for (int i = 0; i < cells; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    return sum;
}

/* What must never change: pixels and truth of the first boards of each set. */
static void boards_are_the_same_for_ever(void **state)
{
    (void)state;
    static const char *const expected[] = {"a968846afeb19b85263b5d2a41da4664d0efbe90b06764d50a4a642e2ddbcba7",
                                           "71289f587c2110174b9eb45c870e36f5ce8cfdde9705ee67fc7cff24c5c646d4",
                                           "b1426a626b570a18c3f9cfde54fb19bf746b238bd71d59f3bed49f9509cdce17"};
    struct source source = open_samples();
    for (int set = PMOE_MOSAIC; set <= PMOE_MOSAIC64; set++) {
        const size_t cells = (size_t)pmoe_set_grid((pmoe_set)set) * (size_t)pmoe_set_grid((pmoe_set)set);
        struct digest digest;
        digest_open(&digest);
        for (uint64_t index = 0; index < 20; index++) {
            uint8_t pixels[PMOE_MAX_BOARD * PMOE_MAX_BOARD], small[2 + PMOE_MAX_CELLS];
            pmoe_board_truth truth = compose(&source, (pmoe_set)set, 7, index, pixels);
            small[0] = (uint8_t)truth.label;
            small[1] = (uint8_t)truth.patch;
            for (size_t cell = 0; cell < cells; cell++)
                small[2 + cell] = (uint8_t)truth.digits[cell];
            digest_add(&digest, pixels, cells * PIXELS);
            digest_add(&digest, small, 2 + cells);
            for (size_t cell = cells; cell < PMOE_MAX_CELLS; cell++)
                assert_int_equal(truth.digits[cell], 0);
        }
        char hex[DIGEST_HEX];
        digest_close_hex(&digest, hex);
        assert_string_equal(hex, expected[set]);
    }
    close_source(&source);
}

static void any_board_can_be_had_alone(void **state)
{
    (void)state;
    enum { BOARDS = 30 };
    struct source source = open_samples();
    static uint8_t forward[BOARDS][BOARD_BYTES], again[BOARD_BYTES];
    pmoe_board_truth truth[BOARDS];
    for (int i = 0; i < BOARDS; i++)
        truth[i] = compose(&source, PMOE_MOSAIC10, 3, (uint64_t)i, forward[i]);
    for (int i = BOARDS - 1; i >= 0; i--) {
        pmoe_board_truth second = compose(&source, PMOE_MOSAIC10, 3, (uint64_t)i, again);
        assert_memory_equal(again, forward[i], BOARD_BYTES);
        assert_memory_equal(&second, &truth[i], sizeof second);
        assert_int_equal(pmoe_board(source.digits, PMOE_MOSAIC10, 3, (uint64_t)i, again, NULL, NULL), PMOE_OK);
        assert_memory_equal(again, forward[i], BOARD_BYTES);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(forward[i], forward[j], BOARD_BYTES);
    }
    compose(&source, PMOE_MOSAIC10, 4, 0, again);
    assert_memory_not_equal(again, forward[0], BOARD_BYTES);
    compose(&source, PMOE_MOSAIC10, UINT64_MAX, UINT64_MAX, again);
    close_source(&source);
}

static void mosaic_is_made_of_whole_digits(void **state)
{
    (void)state;
    enum { BOARDS = 4000 };
    struct source source = open_samples();
    int patches[PMOE_CELLS] = {0}, clutter[8 * PER_LABEL] = {0}, true_digits[2 * PER_LABEL] = {0};
    for (int i = 0; i < BOARDS; i++) {
        uint8_t pixels[BOARD_BYTES], cell_pixels[PIXELS];
        pmoe_board_truth truth = compose(&source, PMOE_MOSAIC, 11, (uint64_t)i, pixels);
        assert_int_equal(truth.label, i & 1);
        assert_in_range(truth.patch, 0, PMOE_CELLS - 1);
        patches[truth.patch]++;
        for (int cell = 0; cell < PMOE_CELLS; cell++) {
            int32_t digit = truth.digits[cell];
            cut_cell(pixels, PMOE_GRID, cell, cell_pixels);
            assert_memory_equal(cell_pixels, pmoe_digits_pixels(source.digits, digit), PIXELS);
            int32_t label = pmoe_digits_label(source.digits, digit);
            if (cell == truth.patch) {
                assert_int_equal(label, truth.label);
                true_digits[digit]++;
            } else {
                assert_in_range(label, 2, 9);
                clutter[digit - 2 * PER_LABEL]++; /* the sheet is sorted by label */
            }
        }
    }
    /* 99.9% points for 15, 95 and 23 degrees of freedom. */
    assert_true(chi_square(patches, PMOE_CELLS, BOARDS) < 37.7);
    assert_true(chi_square(clutter, 8 * PER_LABEL, BOARDS * (PMOE_CELLS - 1)) < 142.0);
    assert_true(chi_square(true_digits, 2 * PER_LABEL, BOARDS) < 49.7);
    close_source(&source);
}

static int compare_bytes(const void *a, const void *b)
{
    return *(const uint8_t *)a - *(const uint8_t *)b;
}

/* patches_limit: 99.9% point of cells - 1 degrees of freedom. */
static void check_one_true_digit(pmoe_set set, double patches_limit)
{
    enum { BOARDS = 1000 };
    struct source source = open_samples();
    const int grid = pmoe_set_grid(set), cells = grid * grid;
    int patches[PMOE_MAX_CELLS] = {0}, clutter[10 * PER_LABEL] = {0};
    for (int i = 0; i < BOARDS; i++) {
        uint8_t pixels[PMOE_MAX_BOARD * PMOE_MAX_BOARD], found[PIXELS], original[PIXELS];
        pmoe_board_truth truth = compose(&source, set, 12, (uint64_t)i, pixels);
        assert_in_range(truth.patch, 0, cells - 1);
        assert_int_equal(truth.label, i % 10);
        patches[truth.patch]++;
        for (int cell = 0; cell < cells; cell++) {
            cut_cell(pixels, grid, cell, found);
            memcpy(original, pmoe_digits_pixels(source.digits, truth.digits[cell]), PIXELS);
            if (cell == truth.patch) {
                assert_int_equal(pmoe_digits_label(source.digits, truth.digits[cell]), truth.label);
                assert_memory_equal(found, original, PIXELS);
                continue;
            }
            clutter[truth.digits[cell]]++;
            assert_memory_not_equal(found, original, PIXELS);
            qsort(found, PIXELS, 1, compare_bytes);
            qsort(original, PIXELS, 1, compare_bytes);
            assert_memory_equal(found, original, PIXELS);
        }
    }
    assert_true(chi_square(patches, cells, BOARDS) < patches_limit);
    assert_true(chi_square(clutter, 10 * PER_LABEL, BOARDS * (cells - 1)) < 173.6); /* 119 degrees of freedom */
    close_source(&source);
}

static void mosaic10_and_64_have_one_true_digit(void **state)
{
    (void)state;
    check_one_true_digit(PMOE_MOSAIC10, 37.7);
    check_one_true_digit(PMOE_MOSAIC64, 103.4);
}

/* With marked digits the permutation and the mirrors can be read off the board, and every pixel foretold from them. */
static void quadrants_are_permuted_and_mirrored(void **state)
{
    (void)state;
    enum { BOARDS = 400, PERMUTATIONS = 256 };
    struct source source = open_marked();
    const uint8_t *marked = pmoe_digits_pixels(source.digits, 0);
    int permutations[PERMUTATIONS] = {0}, mirrors[4][4] = {{0}}, cells = 0;
    for (int i = 0; i < BOARDS; i++) {
        uint8_t pixels[BOARD_BYTES], found[PIXELS];
        pmoe_board_truth truth = compose(&source, PMOE_MOSAIC10, 13, (uint64_t)i, pixels);
        for (int cell = 0; cell < PMOE_CELLS; cell++) {
            if (cell == truth.patch)
                continue;
            cut_cell(pixels, PMOE_GRID, cell, found);
            int code = 0, seen = 0;
            for (int q = 0; q < 4; q++) {
                const uint8_t *corner = found + (q / 2 * PMOE_CELL + q % 2) * HALF;
                int from = *corner / 60, down = *corner % 60 >= 5, right = (*corner % 60 - 1) % 4 >= 2;
                code = code * 4 + from;
                seen |= 1 << from;
                mirrors[q][2 * down + right]++;
                for (int y = 0; y < HALF; y++)
                    for (int x = 0; x < HALF; x++) {
                        int from_y = down ? HALF - 1 - y : y, from_x = right ? HALF - 1 - x : x;
                        assert_int_equal(corner[y * PMOE_CELL + x],
                                         marked[(from / 2 * HALF + from_y) * PMOE_CELL + from % 2 * HALF + from_x]);
                    }
            }
            assert_int_equal(seen, 15);
            permutations[code]++;
            cells++;
        }
    }
    const int identity = 0 * 64 + 1 * 16 + 2 * 4 + 3;
    assert_int_equal(permutations[identity], 0);
    int used[23], kinds = 0;
    for (int code = 0; code < PERMUTATIONS; code++)
        if (permutations[code]) {
            assert_in_range(kinds, 0, 22);
            used[kinds++] = permutations[code];
        }
    assert_int_equal(kinds, 23);
    assert_true(chi_square(used, 23, cells) < 48.3); /* 99.9% point of 22 degrees of freedom */
    for (int q = 0; q < 4; q++)
        assert_true(chi_square(mirrors[q], 4, cells) < 16.3); /* of 3 */
    close_source(&source);
}

static void a_missing_digit_is_named(void **state)
{
    (void)state;
    for (int missing = 0; missing < 10; missing++)
        for (int set = PMOE_MOSAIC; set <= PMOE_MOSAIC64; set++) {
            struct source source = open_marked();
            pmoe_digits_close(&source.digits);
            source.labels[8 + missing] = (uint8_t)((missing + 1) % 10);
            open_source(&source, 16 + 10 * PIXELS, 8 + 10);
            uint8_t pixels[PMOE_MAX_BOARD * PMOE_MAX_BOARD], before[sizeof pixels];
            memset(pixels, 77, sizeof pixels);
            memcpy(before, pixels, sizeof before);
            pmoe_error error;
            char words[32];
            snprintf(words, sizeof words, "found none of digit %d", missing);
            assert_int_equal(pmoe_board(source.digits, (pmoe_set)set, 1, 1, pixels, NULL, &error), PMOE_E_ARGUMENT);
            assert_non_null(strstr(error.text, words));
            assert_memory_equal(pixels, before, sizeof before);
            close_source(&source);
        }
}

static void senseless_calls_are_refused(void **state)
{
    (void)state;
    struct source source = open_marked();
    uint8_t pixels[BOARD_BYTES];
    pmoe_error error;
    assert_int_equal(pmoe_board(source.digits, PMOE_CIFAR10, 1, 1, pixels, NULL, &error), PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "found 3"));
    assert_int_equal(pmoe_board(NULL, PMOE_MOSAIC, 1, 1, pixels, NULL, &error), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_board(source.digits, PMOE_MOSAIC, 1, 1, NULL, NULL, &error), PMOE_E_ARGUMENT);
    close_source(&source);
}

static void the_committed_board_is_seed_1_index_0(void **state)
{
    (void)state;
    struct source source = open_samples();
    uint8_t pixels[BOARD_BYTES];
    pmoe_board_truth truth = compose(&source, PMOE_MOSAIC, 1, 0, pixels);
    assert_int_equal(truth.label, 0);
    assert_int_equal(truth.patch, 13);

    size_t bytes;
    uint8_t *file = read_file("weights/samples/board.png", &bytes);
    struct picture picture;
    assert_int_equal(picture_decode(file, bytes, PICTURE_MAX_PIXELS, &picture, NULL), PMOE_OK);
    assert_int_equal(picture.width, PMOE_BOARD);
    assert_int_equal(picture.height, PMOE_BOARD);
    for (int i = 0; i < BOARD_BYTES; i++)
        for (int channel = 0; channel < 3; channel++)
            assert_int_equal(picture.rgba[4 * i + channel], pixels[i]);
    picture_free(&picture);
    free(file);
    close_source(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boards_are_the_same_for_ever),        cmocka_unit_test(any_board_can_be_had_alone),
        cmocka_unit_test(mosaic_is_made_of_whole_digits),      cmocka_unit_test(mosaic10_and_64_have_one_true_digit),
        cmocka_unit_test(quadrants_are_permuted_and_mirrored), cmocka_unit_test(a_missing_digit_is_named),
        cmocka_unit_test(senseless_calls_are_refused),         cmocka_unit_test(the_committed_board_is_seed_1_index_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
