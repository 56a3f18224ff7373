/* The reader of CIFAR-10's binary files: what good ones serve, and that every broken one is refused with a sentence. */
#include "counting_allocator.h"
#include "pmoe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PIXELS = PMOE_PHOTO * PMOE_PHOTO, ROW = 1 + 3 * PIXELS };

/* `count` rows; row i of `file` has label (i + file) mod 10, and plane c the values i + 50 c + pixel. */
static pmoe_bytes make_file(int count, int file)
{
    uint8_t *rows = malloc((size_t)count * ROW);
    assert_non_null(rows);
    for (int i = 0; i < count; i++) {
        rows[i * ROW] = (uint8_t)((i + file) % 10);
        for (int c = 0; c < 3; c++)
            for (int at = 0; at < PIXELS; at++)
                rows[i * ROW + 1 + c * PIXELS + at] = (uint8_t)(i + 50 * c + at);
    }
    return (pmoe_bytes){rows, (size_t)count * ROW};
}

static void drop(pmoe_bytes file)
{
    free((void *)file.at);
}

static void test_files_serve_their_rows_in_order(void **state)
{
    (void)state;
    pmoe_bytes files[2] = {make_file(3, 0), make_file(2, 5)};
    pmoe_photos *photos;
    assert_int_equal(pmoe_photos_open(files, 2, PMOE_PHOTO, NULL, &photos, NULL), PMOE_OK);
    assert_int_equal(pmoe_photos_count(photos), 5);
    static const int32_t labels[] = {0, 1, 2, 5, 6};
    uint8_t rgb[PIXELS * 3];
    for (int32_t i = 0; i < 5; i++) {
        assert_int_equal(pmoe_photos_label(photos, i), labels[i]);
        pmoe_photos_pixels(photos, i, rgb);
        for (int at = 0; at < PIXELS; at++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(rgb[3 * at + c], (uint8_t)((i < 3 ? i : i - 3) + 50 * c + at));
    }
    memset(rgb, 7, sizeof rgb);
    for (int32_t i = -1; i <= 5; i += 6) {
        assert_int_equal(pmoe_photos_label(photos, i), -1);
        pmoe_photos_pixels(photos, i, rgb);
        assert_true(rgb[0] == 7 && memcmp(rgb, rgb + 1, sizeof rgb - 1) == 0);
    }
    pmoe_photos_close(&photos);
    assert_null(photos);
    pmoe_photos_close(&photos);
    pmoe_photos_close(NULL);
    drop(files[0]);
    drop(files[1]);
}

static void refuse(const pmoe_bytes *files, int32_t count, pmoe_status status, const char *words)
{
    pmoe_error error = {PMOE_OK, ""};
    pmoe_photos *photos;
    assert_int_equal(pmoe_photos_open(files, count, PMOE_PHOTO, NULL, &photos, &error), status);
    assert_null(photos);
    if (!strstr(error.text, words))
        fail_msg("expected \"%s\" in: %s", words, error.text);
}

static void test_other_bytes_are_refused(void **state)
{
    (void)state;
    pmoe_bytes files[2] = {make_file(1, 0), make_file(2, 0)};
    refuse(files, 0, PMOE_E_ARGUMENT, "expected 1 to 16 files, found 0");
    refuse(files, 17, PMOE_E_ARGUMENT, "found 17");
    refuse(NULL, 1, PMOE_E_ARGUMENT, "found 0");
    refuse((pmoe_bytes[]){{NULL, 5}}, 1, PMOE_E_ARGUMENT, "file 1: the file is NULL");
    refuse((pmoe_bytes[]){files[0], {files[1].at, 0}}, 2, PMOE_E_FORMAT,
           "file 2: expected rows of 3073 bytes, found 0");
    refuse((pmoe_bytes[]){{files[1].at, 2 * ROW - 1}}, 1, PMOE_E_FORMAT, "found 6145 bytes");
    refuse((pmoe_bytes[]){{"\x1f\x8b\x08", 3}}, 1, PMOE_E_FORMAT, "gzip");
    ((uint8_t *)files[1].at)[ROW] = 10;
    refuse(files, 2, PMOE_E_FORMAT, "file 2: expected a label 0 to 9 at byte 3073, found 10");
    pmoe_error error = {PMOE_OK, ""};
    assert_int_equal(pmoe_photos_open(files, 1, PMOE_PHOTO, NULL, NULL, &error), PMOE_E_ARGUMENT);
    struct counting counting;
    pmoe_options options = {.allocator = counting_allocator(&counting, 0)};
    pmoe_photos *photos;
    assert_int_equal(pmoe_photos_open(files, 1, PMOE_PHOTO, &options, &photos, &error), PMOE_E_MEMORY);
    assert_int_equal(counting.out, 0);
    drop(files[0]);
    drop(files[1]);
}

static void test_sets_have_names(void **state)
{
    (void)state;
    assert_string_equal(pmoe_set_name(PMOE_CIFAR10), "cifar10");
    assert_string_equal(pmoe_set_name(PMOE_MOSAIC10), "mosaic10");
    assert_string_equal(pmoe_set_name(PMOE_CIFAR10_NOISE), "noise");
    assert_string_equal(pmoe_set_name(PMOE_VEHICLES), "vehicles");
    assert_string_equal(pmoe_set_name(PMOE_CELEBA_HAIR), "celeba-hair");
    assert_null(pmoe_set_name((pmoe_set)(PMOE_CELEBA_GLASSES + 1)));
    assert_false(pmoe_set_is_photos((pmoe_set)(PMOE_CELEBA_GLASSES + 1)));
    assert_string_equal(pmoe_set_class(PMOE_CELEBA, 0), "not smiling");
    assert_int_equal(pmoe_set_side(PMOE_CELEBA_GLASSES), 64);
    assert_int_equal(pmoe_set_side(PMOE_VEHICLES), 32);
    assert_int_equal(pmoe_set_side(PMOE_MOSAIC64), 224);
    assert_true(pmoe_set_is_photos(PMOE_CIFAR10) && pmoe_set_is_photos(PMOE_VEHICLES));
    assert_false(pmoe_set_is_photos(PMOE_MOSAIC64));
    assert_int_equal(pmoe_set_classes(PMOE_VEHICLES), 4);
    assert_string_equal(pmoe_set_class(PMOE_VEHICLES, 2), "ship");
    assert_int_equal(pmoe_set_grid(PMOE_MOSAIC), 4);
    assert_int_equal(pmoe_set_grid(PMOE_MOSAIC64), 8);
    assert_int_equal(pmoe_set_grid(PMOE_CIFAR10), 0);
    assert_int_equal(pmoe_set_classes(PMOE_MOSAIC), 2);
    assert_int_equal(pmoe_set_classes(PMOE_CIFAR10), 10);
    assert_string_equal(pmoe_set_class(PMOE_CIFAR10, 3), "cat");
    assert_string_equal(pmoe_set_class(PMOE_MOSAIC, 1), "1");
    assert_null(pmoe_set_class(PMOE_MOSAIC, 2));
    assert_null(pmoe_set_class(PMOE_CIFAR10, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_serve_their_rows_in_order),
        cmocka_unit_test(test_other_bytes_are_refused),
        cmocka_unit_test(test_sets_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
