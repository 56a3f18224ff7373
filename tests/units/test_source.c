/* The source of samples: photographs as they are, what augmentation does to them and to boards. */
#include "data/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = PMOE_PHOTO, BYTES = SIDE * SIDE * 3, ROW = 1 + BYTES };

/* Two photographs, no byte 0, so that black is what an augmentation brought. */
static pmoe_photos *open_photos(void)
{
    static uint8_t rows[2 * ROW];
    for (int i = 0; i < 2 * ROW; i++)
        rows[i] = (uint8_t)(1 + (i * 31 + i / 7) % 251);
    rows[0] = 4;
    rows[ROW] = 9;
    pmoe_photos *photos;
    assert_int_equal(pmoe_photos_open(&(pmoe_bytes){rows, sizeof rows}, 1, NULL, &photos, NULL), PMOE_OK);
    return photos;
}

static struct source open_source(pmoe_photos *photos)
{
    struct source source;
    assert_int_equal(source_open(PMOE_CIFAR10, (pmoe_data){.photos = photos}, 1, &source, NULL), PMOE_OK);
    return source;
}

static void test_photographs_come_as_they_are(void **state)
{
    (void)state;
    pmoe_photos *photos = open_photos();
    struct source source = open_source(photos);
    uint8_t pixels[BYTES], expected[BYTES];
    int32_t label, patch;
    pmoe_error error = {PMOE_OK, ""};
    assert_int_equal(source_pixels(&source), BYTES);
    assert_int_equal(source_sample(&source, 1, pixels, &label, &patch, &error), PMOE_OK);
    pmoe_photos_pixels(photos, 1, expected);
    assert_memory_equal(pixels, expected, BYTES);
    assert_true(label == 9 && patch == -1);
    assert_int_equal(source_sample(&source, 2, pixels, &label, &patch, &error), PMOE_E_ARGUMENT);
    assert_int_equal(source_open(PMOE_CIFAR10, (pmoe_data){.photos = NULL}, 1, &source, &error), PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "cifar10 needs photographs"));
    assert_int_equal(source_open(PMOE_MOSAIC, (pmoe_data){.photos = photos}, 1, &source, &error), PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "mosaic needs digits"));
    assert_int_equal(source_open((pmoe_set)7, (pmoe_data){.photos = photos}, 1, &source, &error), PMOE_E_ARGUMENT);
    pmoe_photos_close(&photos);
}

/* Is `pixels` the photograph moved so far, and mirrored? */
static int is_moved(const uint8_t *photo, const uint8_t *pixels, int right, int down, int mirrored)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++) {
                int from_y = y - down, from_x = (mirrored ? SIDE - 1 - x : x) - right;
                int inside = from_y >= 0 && from_y < SIDE && from_x >= 0 && from_x < SIDE;
                if (pixels[(y * SIDE + x) * 3 + c] != (inside ? photo[(from_y * SIDE + from_x) * 3 + c] : 0))
                    return 0;
            }
    return 1;
}

/* Every crop of the padded photograph and both of its sides come up, and nothing else. */
static void test_crops_and_mirror_images(void **state)
{
    (void)state;
    enum { MOST = 2, CHOICES = 2 * MOST + 1 };
    pmoe_photos *photos = open_photos();
    struct source source = open_source(photos);
    uint8_t photo[BYTES], pixels[BYTES];
    int seen[2][CHOICES][CHOICES] = {{{0}}}, found = 0;
    pmoe_photos_pixels(photos, 0, photo);
    for (uint64_t use = 0; use < 1000; use++) {
        struct random random = random_at(5, RANDOM_AUGMENT, use);
        memcpy(pixels, photo, BYTES);
        source_augment(&source, MOST, 1, &random, pixels);
        int matched = 0;
        for (int m = 0; m < 2; m++)
            for (int right = -MOST; right <= MOST; right++)
                for (int down = -MOST; down <= MOST; down++)
                    if (is_moved(photo, pixels, right, down, m)) {
                        matched++;
                        found += !seen[m][right + MOST][down + MOST]++;
                    }
        assert_int_equal(matched, 1);
    }
    assert_int_equal(found, 2 * CHOICES * CHOICES);
    struct random random = random_at(5, RANDOM_AUGMENT, 0);
    memcpy(pixels, photo, BYTES);
    source_augment(&source, 0, 0, &random, pixels);
    assert_memory_equal(pixels, photo, BYTES);
    pmoe_photos_close(&photos);
}

/* Cells of a board move apart, each within itself. */
static void test_cells_move_within_themselves(void **state)
{
    (void)state;
    struct source source = source_shape(PMOE_MOSAIC10);
    static uint8_t board[PMOE_BOARD * PMOE_BOARD], moved[sizeof board];
    for (int y = 0; y < PMOE_BOARD; y++)
        for (int x = 0; x < PMOE_BOARD; x++)
            board[y * PMOE_BOARD + x] = (uint8_t)(1 + y / PMOE_CELL * PMOE_GRID + x / PMOE_CELL);
    memcpy(moved, board, sizeof board);
    struct random random = random_at(5, RANDOM_AUGMENT, 1);
    source_augment(&source, 3, 0, &random, moved);
    int black = 0;
    for (size_t i = 0; i < sizeof board; i++) {
        assert_true(moved[i] == board[i] || moved[i] == 0);
        black += moved[i] == 0;
    }
    assert_in_range(black, 1, PMOE_CELLS * 2 * 3 * PMOE_CELL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_photographs_come_as_they_are),
        cmocka_unit_test(test_crops_and_mirror_images),
        cmocka_unit_test(test_cells_move_within_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
