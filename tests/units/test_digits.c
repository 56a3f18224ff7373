/* The IDX reader: what a good pair serves, and that every broken one is refused with a sentence that says where. */
#include "counting_allocator.h"
#include "files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PIXELS = PMOE_CELL * PMOE_CELL, IMAGES_HEADER = 16, LABELS_HEADER = 8 };

struct pair {
    uint8_t *images, *labels;
    size_t images_bytes, labels_bytes;
};

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* `count` digits; digit i has label i mod 10 and pixel k of value i + k. */
static struct pair make_pair(int count)
{
    struct pair pair = {.images_bytes = IMAGES_HEADER + (size_t)count * PIXELS,
                        .labels_bytes = LABELS_HEADER + (size_t)count};
    pair.images = malloc(pair.images_bytes);
    pair.labels = malloc(pair.labels_bytes);
    assert_non_null(pair.images);
    assert_non_null(pair.labels);
    put_u32(pair.images, 0x803);
    put_u32(pair.images + 4, (uint32_t)count);
    put_u32(pair.images + 8, PMOE_CELL);
    put_u32(pair.images + 12, PMOE_CELL);
    put_u32(pair.labels, 0x801);
    put_u32(pair.labels + 4, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        pair.labels[LABELS_HEADER + i] = (uint8_t)(i % 10);
        for (int k = 0; k < PIXELS; k++)
            pair.images[IMAGES_HEADER + i * PIXELS + k] = (uint8_t)(i + k);
    }
    return pair;
}

static void drop_pair(struct pair *pair)
{
    free(pair->images);
    free(pair->labels);
}

/* Opening copies of just the given sizes fails with `status` and a sentence that holds `words`. */
static void refuse(const struct pair *pair, size_t images_bytes, size_t labels_bytes, pmoe_status status,
                   const char *words)
{
    uint8_t *images = malloc(images_bytes ? images_bytes : 1), *labels = malloc(labels_bytes ? labels_bytes : 1);
    assert_non_null(images);
    assert_non_null(labels);
    memcpy(images, pair->images, images_bytes);
    memcpy(labels, pair->labels, labels_bytes);
    struct counting counting;
    pmoe_options options = {.allocator = counting_allocator(&counting, -1)};
    pmoe_digits *digits = (pmoe_digits *)&counting;
    pmoe_error error = {PMOE_OK, ""};
    assert_int_equal(pmoe_digits_open(images, images_bytes, labels, labels_bytes, &options, &digits, &error), status);
    assert_null(digits);
    assert_int_equal(counting.requests, 0); /* refused before anything is allocated */
    assert_int_equal(error.status, status);
    if (!strstr(error.text, words))
        fail_msg("expected \"%s\" in: %s", words, error.text);
    free(images);
    free(labels);
}

static void refuse_whole(const struct pair *pair, pmoe_status status, const char *words)
{
    refuse(pair, pair->images_bytes, pair->labels_bytes, status, words);
}

static void a_good_pair_is_referred_to(void **state)
{
    (void)state;
    struct pair pair = make_pair(23);
    pmoe_digits *digits;
    assert_int_equal(
        pmoe_digits_open(pair.images, pair.images_bytes, pair.labels, pair.labels_bytes, NULL, &digits, NULL), PMOE_OK);
    assert_int_equal(pmoe_digits_count(digits), 23);
    for (int32_t i = 0; i < 23; i++) {
        assert_int_equal(pmoe_digits_label(digits, i), i % 10);
        assert_ptr_equal(pmoe_digits_pixels(digits, i), pair.images + IMAGES_HEADER + i * PIXELS);
    }
    assert_int_equal(pmoe_digits_label(digits, -1), -1);
    assert_int_equal(pmoe_digits_label(digits, 23), -1);
    assert_null(pmoe_digits_pixels(digits, -1));
    assert_null(pmoe_digits_pixels(digits, 23));
    pmoe_digits_close(&digits);
    assert_null(digits);
    pmoe_digits_close(&digits);
    pmoe_digits_close(NULL);
    drop_pair(&pair);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct pair pair = make_pair(2);
    for (size_t bytes = 0; bytes < pair.images_bytes; bytes++)
        refuse(&pair, bytes, pair.labels_bytes, PMOE_E_FORMAT, "IDX images: expected");
    for (size_t bytes = 0; bytes < pair.labels_bytes; bytes++)
        refuse(&pair, pair.images_bytes, bytes, PMOE_E_FORMAT, "IDX labels: expected");
    drop_pair(&pair);
}

static void trailing_bytes_are_refused(void **state)
{
    (void)state;
    struct pair pair = make_pair(2);
    pair.images = realloc(pair.images, pair.images_bytes + 1);
    pair.labels = realloc(pair.labels, pair.labels_bytes + 1);
    assert_non_null(pair.images);
    assert_non_null(pair.labels);
    pair.images[pair.images_bytes] = pair.labels[pair.labels_bytes] = 0;
    refuse(&pair, pair.images_bytes + 1, pair.labels_bytes, PMOE_E_FORMAT,
           "IDX images: expected 1584 bytes for 2 items, found 1585");
    refuse(&pair, pair.images_bytes, pair.labels_bytes + 1, PMOE_E_FORMAT,
           "IDX labels: expected 10 bytes for 2 items, found 11");
    drop_pair(&pair);
}

static void every_header_bit_matters(void **state)
{
    (void)state;
    struct pair pair = make_pair(2);
    uint8_t *const files[2] = {pair.images, pair.labels};
    const int header_bytes[2] = {IMAGES_HEADER, LABELS_HEADER};
    for (int f = 0; f < 2; f++)
        for (int bit = 0; bit < 8 * header_bytes[f]; bit++) {
            files[f][bit / 8] ^= (uint8_t)(1 << bit % 8);
            pmoe_digits *digits;
            pmoe_error error = {PMOE_OK, ""};
            pmoe_status status =
                pmoe_digits_open(pair.images, pair.images_bytes, pair.labels, pair.labels_bytes, NULL, &digits, &error);
            if (status != PMOE_E_FORMAT && status != PMOE_E_LIMIT)
                fail_msg("file %d with bit %d flipped: %s", f, bit, pmoe_status_name(status));
            assert_null(digits);
            assert_true(strlen(error.text) > 20);
            files[f][bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    drop_pair(&pair);
}

static void faults_are_named(void **state)
{
    (void)state;
    struct pair pair = make_pair(12);

    pair.labels[LABELS_HEADER + 7] = 10;
    refuse_whole(&pair, PMOE_E_FORMAT, "IDX labels: expected 0 to 9 at byte 15, found 10");
    pair.labels[LABELS_HEADER + 7] = 7;

    put_u32(pair.images + 8, 27);
    refuse_whole(&pair, PMOE_E_FORMAT, "expected images of 28 x 28 (byte 8), found 27 x 28");
    put_u32(pair.images + 8, PMOE_CELL);

    put_u32(pair.images, 0x802);
    refuse_whole(&pair, PMOE_E_FORMAT, "IDX images: expected magic 00000803 at byte 0, found 00000802");
    put_u32(pair.images, 0x803);

    put_u32(pair.images + 4, 1000001);
    refuse_whole(&pair, PMOE_E_LIMIT, "at most 1000000 items are accepted, byte 4 announces 1000001");
    put_u32(pair.images + 4, 0xffffffff);
    refuse_whole(&pair, PMOE_E_LIMIT, "announces 4294967295");
    put_u32(pair.images + 4, 12);

    struct pair longer = make_pair(13);
    struct pair mixed = {pair.images, longer.labels, pair.images_bytes, longer.labels_bytes};
    refuse_whole(&mixed, PMOE_E_FORMAT, "found 13 labels and 12 images");
    struct pair swapped = {pair.labels, pair.images, pair.labels_bytes, pair.images_bytes};
    refuse_whole(&swapped, PMOE_E_FORMAT, "found 00000801 (a labels file)");
    drop_pair(&longer);

    struct pair none = make_pair(0);
    refuse_whole(&none, PMOE_E_FORMAT, "expected at least 1 item");
    drop_pair(&none);

    pair.labels[0] = 0x1f;
    pair.labels[1] = 0x8b;
    refuse_whole(&pair, PMOE_E_FORMAT, "IDX labels: this is a gzip file (it begins with 1f 8b); gunzip it first");
    drop_pair(&pair);
}

static void nothing_given_is_an_argument(void **state)
{
    (void)state;
    struct pair pair = make_pair(1);
    pmoe_digits *digits;
    assert_int_equal(pmoe_digits_open(NULL, 0, pair.labels, pair.labels_bytes, NULL, &digits, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_digits_open(pair.images, pair.images_bytes, NULL, 0, NULL, &digits, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_digits_open(pair.images, pair.images_bytes, pair.labels, pair.labels_bytes, NULL, NULL, NULL),
                     PMOE_E_ARGUMENT);
    drop_pair(&pair);
}

static void memory_is_one_small_block(void **state)
{
    (void)state;
    struct pair pair = make_pair(100);
    struct counting counting;
    pmoe_options options = {.allocator = counting_allocator(&counting, 0)};
    pmoe_digits *digits;
    pmoe_error error;
    assert_int_equal(
        pmoe_digits_open(pair.images, pair.images_bytes, pair.labels, pair.labels_bytes, &options, &digits, &error),
        PMOE_E_MEMORY);
    assert_null(digits);
    assert_int_equal(counting.out, 0);

    options.allocator = counting_allocator(&counting, -1);
    assert_int_equal(
        pmoe_digits_open(pair.images, pair.images_bytes, pair.labels, pair.labels_bytes, &options, &digits, &error),
        PMOE_OK);
    assert_int_equal(counting.requests, 1);
    assert_true(counting.largest <= 100 * sizeof(int32_t) + 128);
    pmoe_digits_close(&digits);
    assert_int_equal(counting.out, 0);
    drop_pair(&pair);
}

static void the_sample_sheet_is_sorted(void **state)
{
    (void)state;
    size_t images_bytes, labels_bytes;
    uint8_t *images = read_file("weights/samples/digits-images-idx3-ubyte", &images_bytes);
    uint8_t *labels = read_file("weights/samples/digits-labels-idx1-ubyte", &labels_bytes);
    pmoe_digits *digits;
    assert_int_equal(pmoe_digits_open(images, images_bytes, labels, labels_bytes, NULL, &digits, NULL), PMOE_OK);
    assert_int_equal(pmoe_digits_count(digits), 120);
    for (int32_t i = 0; i < 120; i++)
        assert_int_equal(pmoe_digits_label(digits, i), i / 12);
    pmoe_digits_close(&digits);
    free(images);
    free(labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_pair_is_referred_to), cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(trailing_bytes_are_refused), cmocka_unit_test(every_header_bit_matters),
        cmocka_unit_test(faults_are_named),           cmocka_unit_test(nothing_given_is_an_argument),
        cmocka_unit_test(memory_is_one_small_block),  cmocka_unit_test(the_sample_sheet_is_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
