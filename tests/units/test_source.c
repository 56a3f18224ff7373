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
    assert_int_equal(pmoe_photos_open(&(pmoe_bytes){rows, sizeof rows}, 1, PMOE_PHOTO, NULL, &photos, NULL), PMOE_OK);
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
    assert_int_equal(source_open((pmoe_set)99, (pmoe_data){.photos = photos}, 1, &source, &error), PMOE_E_ARGUMENT);
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

/* Photographs of one colour each: byte 20 * label + which of that label it is. */
static pmoe_photos *open_plain(int labels, int each)
{
    static uint8_t rows[10 * 3 * ROW];
    int count = 0;
    for (int i = 0; i < each; i++)
        for (int label = 0; label < labels; label++, count++) {
            memset(rows + count * ROW, 20 * label + i, ROW);
            rows[count * ROW] = (uint8_t)label;
        }
    pmoe_photos *photos;
    assert_int_equal(pmoe_photos_open(&(pmoe_bytes){rows, (size_t)(count * ROW)}, 1, PMOE_PHOTO, NULL, &photos, NULL),
                     PMOE_OK);
    return photos;
}

/* One quadrant is the vehicle that the label says, the others are animals; every vehicle comes once. */
static void test_vehicles_among_animals(void **state)
{
    (void)state;
    static const int of_class[4] = {0, 1, 8, 9};
    pmoe_photos *photos = open_plain(10, 3);
    struct source source;
    int places[4] = {0}, seen[256] = {0};
    uint8_t pixels[BYTES], again[BYTES];
    int32_t label, patch;
    assert_int_equal(source_open(PMOE_VEHICLES, (pmoe_data){.photos = photos}, 1, &source, NULL), PMOE_OK);
    assert_int_equal(source.count, 12);
    for (uint64_t i = 0; i < 12; i++) {
        assert_int_equal(source_sample(&source, i, pixels, &label, &patch, NULL), PMOE_OK);
        assert_true(label == (int32_t)(i % 4) && patch == -1);
        int vehicles = 0;
        for (int q = 0; q < 4; q++) {
            const uint8_t *corner = pixels + (q / 2 * 16 * SIDE + q % 2 * 16) * 3;
            for (int y = 0; y < 16; y++)
                for (int x = 0; x < 16 * 3; x++)
                    assert_int_equal(corner[y * SIDE * 3 + x], corner[0]);
            int of = corner[0] / 20, is_vehicle = of == of_class[label];
            assert_true(is_vehicle || (of >= 2 && of <= 7));
            vehicles += is_vehicle;
            places[q] += is_vehicle;
            seen[corner[0]] += is_vehicle;
        }
        assert_int_equal(vehicles, 1);
        assert_int_equal(source_sample(&source, i, again, &label, &patch, NULL), PMOE_OK);
        assert_memory_equal(pixels, again, BYTES);
    }
    for (int label_of = 0; label_of < 4; label_of++)
        for (int i = 0; i < 3; i++)
            assert_int_equal(seen[20 * of_class[label_of] + i], 1);
    assert_true(places[0] < 12 && places[1] < 12 && places[2] < 12 && places[3] < 12);
    pmoe_error error = {PMOE_OK, ""};
    assert_int_equal(source_sample(&source, 12, pixels, &label, &patch, &error), PMOE_E_ARGUMENT);
    pmoe_photos_close(&photos);
    photos = open_plain(9, 1); /* no truck */
    assert_int_equal(source_open(PMOE_VEHICLES, (pmoe_data){.photos = photos}, 1, &source, &error), PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "vehicles needs photographs of"));
    pmoe_photos_close(&photos);
}

/* A quarter of the sample is the photograph, halved, somewhere; the rest are pixels of another one. */
static void test_photographs_on_backgrounds(void **state)
{
    (void)state;
    pmoe_photos *photos = open_plain(10, 3);
    struct source source;
    int tops[17] = {0}, lefts[17] = {0};
    assert_int_equal(source_open(PMOE_CIFAR10_NOISE, (pmoe_data){.photos = photos}, 1, &source, NULL), PMOE_OK);
    assert_int_equal(source.count, 30);
    for (uint64_t seed = 0; seed < 20; seed++)
        for (uint64_t i = 0; i < 30; i++) {
            uint8_t pixels[BYTES], colour = (uint8_t)(i % 10 * 20 + i / 10), other = colour;
            int32_t label, patch, inside = 0, top = -1, left = SIDE;
            source.seed = seed;
            assert_int_equal(source_sample(&source, i, pixels, &label, &patch, NULL), PMOE_OK);
            assert_true(label == (int32_t)(i % 10) && patch == -1);
            for (int p = 0; p < SIDE * SIDE; p++) {
                assert_true(pixels[3 * p] == pixels[3 * p + 1] && pixels[3 * p] == pixels[3 * p + 2]);
                if (pixels[3 * p] != colour) {
                    assert_true(other == colour || other == pixels[3 * p]);
                    other = pixels[3 * p];
                    continue;
                }
                top = top < 0 ? p / SIDE : top;
                left = p % SIDE < left ? p % SIDE : left;
                inside++;
            }
            if (other == colour) /* the background is its own */
                continue;
            assert_int_equal(inside, 16 * 16);
            assert_true(top <= 16 && left <= 16);
            tops[top]++;
            lefts[left]++;
        }
    for (int at = 0; at <= 16; at++)
        assert_true(tops[at] && lefts[at]);
    pmoe_photos_close(&photos);
}

/* Whole pictures of the caller's, each of them in turn. */
static void test_own_backgrounds(void **state)
{
    (void)state;
    enum { BACKGROUNDS = 3 };
    static uint8_t rows[BACKGROUNDS * ROW];
    for (int i = 0; i < BACKGROUNDS; i++)
        memset(rows + i * ROW + 1, 240 + i, BYTES); /* lighter than any photograph */
    pmoe_photos *photos = open_plain(10, 3), *own;
    assert_int_equal(pmoe_photos_open(&(pmoe_bytes){rows, sizeof rows}, 1, PMOE_PHOTO, NULL, &own, NULL), PMOE_OK);
    struct source source;
    const pmoe_data data = {.photos = photos, .backgrounds = own};
    assert_int_equal(source_open(PMOE_CIFAR10_NOISE, data, 1, &source, NULL), PMOE_OK);
    int seen[BACKGROUNDS] = {0};
    for (uint64_t i = 0; i < 30; i++) {
        uint8_t pixels[BYTES];
        int32_t label, patch, count[256] = {0};
        assert_int_equal(source_sample(&source, i, pixels, &label, &patch, NULL), PMOE_OK);
        for (int p = 0; p < BYTES; p++)
            count[pixels[p]]++;
        assert_int_equal(count[i % 10 * 20 + i / 10], BYTES / 4);
        for (int b = 0; b < BACKGROUNDS; b++) {
            assert_true(count[240 + b] == 0 || count[240 + b] == BYTES * 3 / 4);
            seen[b] += count[240 + b] > 0;
        }
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    pmoe_photos_close(&own);
    pmoe_photos_close(&photos);
}

/* A background is a crop of 16 x 16 magnified, its quadrants never in their own order. */
static void test_backgrounds_are_shuffled(void **state)
{
    (void)state;
    static uint8_t row[ROW]; /* red and green tell where a pixel lay */
    for (int p = 0; p < SIDE * SIDE; p++) {
        row[1 + p] = (uint8_t)(1 + p / SIDE);
        row[1 + SIDE * SIDE + p] = (uint8_t)(1 + p % SIDE);
    }
    pmoe_photos *photos;
    assert_int_equal(pmoe_photos_open(&(pmoe_bytes){row, sizeof row}, 1, PMOE_PHOTO, NULL, &photos, NULL), PMOE_OK);
    struct source source;
    assert_int_equal(source_open(PMOE_CIFAR10_NOISE, (pmoe_data){.photos = photos}, 1, &source, NULL), PMOE_OK);
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint8_t pixels[BYTES];
        int32_t label, patch, ordered = 0, corners = 0;
        source.seed = seed;
        assert_int_equal(source_sample(&source, 0, pixels, &label, &patch, NULL), PMOE_OK);
        /* A corner pixel of the sample that the photograph leaves free: its two neighbours are the same pixel. */
        int at[4][2];
        for (int q = 0; q < 4; q++) {
            int y = q / 2 * (SIDE - 1), x = q % 2 * (SIDE - 1);
            const uint8_t *corner = pixels + (y * SIDE + x) * 3, *beside = corner + (x ? -3 : 3);
            at[q][0] = corner[0];
            at[q][1] = corner[1];
            corners += corner[0] == beside[0] && corner[1] == beside[1];
        }
        for (int q = 1; q < 4; q++)
            ordered += at[q][0] == at[0][0] + q / 2 * 15 && at[q][1] == at[0][1] + q % 2 * 15;
        assert_true(corners >= 3); /* the photograph covers at most one corner, or its pixels lie two apart */
        assert_true(ordered < 3);
    }
    pmoe_photos_close(&photos);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_photographs_come_as_they_are), cmocka_unit_test(test_crops_and_mirror_images),
        cmocka_unit_test(test_cells_move_within_themselves), cmocka_unit_test(test_vehicles_among_animals),
        cmocka_unit_test(test_photographs_on_backgrounds),   cmocka_unit_test(test_own_backgrounds),
        cmocka_unit_test(test_backgrounds_are_shuffled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
