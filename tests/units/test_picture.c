/* Picture files: pixels as stored, photos upright, and every other file refused with a sentence. */
#include "files.h"
#include "image/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CORPUS "tests/fuzz/corpus/picture/"

static struct picture decode(const uint8_t *file, size_t bytes)
{
    struct picture picture;
    pmoe_error error;
    if (picture_decode(file, bytes, PICTURE_MAX_PIXELS, &picture, &error))
        fail_msg("%s", error.text);
    return picture;
}

static struct picture decode_corpus(const char *path)
{
    size_t bytes;
    uint8_t *file = read_file(path, &bytes);
    struct picture picture = decode(file, bytes);
    free(file);
    return picture;
}

static void refuse(const void *file, size_t bytes, int32_t max_pixels, pmoe_status status, const char *words)
{
    uint8_t here;
    struct picture picture = {&here, 7, 8};
    pmoe_error error = {PMOE_OK, ""};
    uint8_t *copy = malloc(bytes ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, file, bytes);
    assert_int_equal(picture_decode(copy, bytes, max_pixels, &picture, &error), status);
    free(copy);
    if (!strstr(error.text, words))
        fail_msg("expected \"%s\" in: %s", words, error.text);
    assert_ptr_equal(picture.rgba, &here); /* untouched */
    assert_int_equal(picture.width, 7);
    assert_int_equal(picture.height, 8);
}

static void formats_give_their_pixels(void **state)
{
    (void)state;
    static const uint8_t colours[6][4] = {{255, 0, 0, 255},  {0, 255, 0, 128},     {0, 0, 255, 0},
                                          {10, 20, 30, 255}, {255, 255, 255, 255}, {1, 2, 3, 4}};
    struct picture png = decode_corpus(CORPUS "rgba.png"), bmp = decode_corpus(CORPUS "small.bmp");
    assert_int_equal(png.width, 3);
    assert_int_equal(png.height, 2);
    assert_memory_equal(png.rgba, colours, sizeof colours);
    assert_int_equal(bmp.width, 3);
    assert_int_equal(bmp.height, 2);
    for (int i = 0; i < 6; i++) {
        assert_memory_equal(bmp.rgba + 4 * i, colours[i], 3);
        assert_int_equal(bmp.rgba[4 * i + 3], 255);
    }
    picture_free(&png);
    picture_free(&bmp);
    assert_null(png.rgba);
    picture_free(&png);

    static const uint8_t four[4][4] = {{0, 0, 0, 255}, {255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}};
    struct picture gif = decode_corpus(CORPUS "small.gif");
    assert_int_equal(gif.width, 2);
    assert_int_equal(gif.height, 2);
    assert_memory_equal(gif.rgba, four, sizeof four);
    picture_free(&gif);

    struct picture palette = decode_corpus(CORPUS "palette.png");
    static const uint8_t first[8] = {0, 1, 2, 128, 3, 4, 5, 255}; /* entry 0 is half transparent */
    assert_memory_equal(palette.rgba, first, sizeof first);
    picture_free(&palette);

    struct picture progressive = decode_corpus(CORPUS "progressive.jpg"), deep = decode_corpus(CORPUS "grey16.png");
    assert_int_equal(progressive.width, 16);
    assert_int_equal(progressive.height, 8);
    assert_int_equal(deep.rgba[4], 37 * 2); /* the high byte of the second pixel of a row without filter */
    picture_free(&progressive);
    picture_free(&deep);
}

/* ---- EXIF ---- */

/* The file with an EXIF segment of just an orientation put in front. */
static uint8_t *with_orientation(const uint8_t *jpeg, size_t bytes, int orientation, int little_endian, size_t *out)
{
    static const uint8_t big[] = "\xff\xe1\0\x22"
                                 "Exif\0\0"
                                 "MM\0*\0\0\0\x08"
                                 "\0\x01"
                                 "\x01\x12\0\x03\0\0\0\x01\0\0\0\0"
                                 "\0\0\0";
    static const uint8_t little[] = "\xff\xe1\0\x22"
                                    "Exif\0\0"
                                    "II*\0\x08\0\0\0"
                                    "\x01\0"
                                    "\x12\x01\x03\0\x01\0\0\0\0\0\0\0"
                                    "\0\0\0";
    const size_t segment = sizeof big, value = 28; /* where the entry's value begins */
    uint8_t *turned = malloc(bytes + segment);
    assert_non_null(turned);
    memcpy(turned, jpeg, 2);
    memcpy(turned + 2, little_endian ? little : big, segment);
    turned[2 + value + (little_endian ? 0 : 1)] = (uint8_t)orientation;
    memcpy(turned + 2 + segment, jpeg + 2, bytes - 2);
    *out = bytes + segment;
    return turned;
}

/* Which of the stored quarters red, green, blue, white shows at a fraction of the upright picture. */
static char quarter(const struct picture *picture, int right, int bottom)
{
    int32_t x = picture->width * (1 + 2 * right) / 4, y = picture->height * (1 + 2 * bottom) / 4;
    const uint8_t *p = picture->rgba + ((size_t)y * picture->width + x) * 4;
    int red = p[0] > 200, green = p[1] > 200, blue = p[2] > 200;
    return red && green && blue ? 'W' : red ? 'R' : green ? 'G' : blue ? 'B' : '?';
}

static void photos_are_turned_upright(void **state)
{
    (void)state;
    /* Stored RG over BW; by EXIF's words for where row 0 and column 0 of the stored picture are seen. */
    static const char *const upright[10] = {
        "RGBW",                                  /* 0: nonsense */
        "RGBW", "GRWB", "WBGR", "BWRG",          /* top left, top right, bottom right, bottom left */
        "RBGW", "BRWG", "WGBR", "GWRB", "RGBW"}; /* left top, right top, right bottom, left bottom; 9: nonsense */
    size_t bytes;
    uint8_t *jpeg = read_file(CORPUS "quarters.jpg", &bytes);
    for (int orientation = 0; orientation <= 9; orientation++)
        for (int little_endian = 0; little_endian < 2; little_endian++) {
            size_t turned_bytes;
            uint8_t *turned = with_orientation(jpeg, bytes, orientation, little_endian, &turned_bytes);
            struct picture picture = decode(turned, turned_bytes);
            int swapped = orientation >= 5 && orientation <= 8;
            assert_int_equal(picture.width, swapped ? 8 : 16);
            assert_int_equal(picture.height, swapped ? 16 : 8);
            char seen[5] = {quarter(&picture, 0, 0), quarter(&picture, 1, 0), quarter(&picture, 0, 1),
                            quarter(&picture, 1, 1), 0};
            if (strcmp(seen, upright[orientation]))
                fail_msg("orientation %d: expected %s, found %s", orientation, upright[orientation], seen);
            picture_free(&picture);
            free(turned);
        }
    free(jpeg);
}

/* No EXIF, however broken, keeps a photo from being read. */
static void broken_exif_means_upright(void **state)
{
    (void)state;
    size_t bytes, turned_bytes;
    uint8_t *jpeg = read_file(CORPUS "quarters.jpg", &bytes);
    for (int at = 6; at < 38; at++) {
        uint8_t *turned = with_orientation(jpeg, bytes, 6, 0, &turned_bytes);
        turned[at] ^= 0xff;
        struct picture picture = decode(turned, turned_bytes);
        /* What the value is read from; the count of entries may say more than there are. */
        int in_use = at < 32 && at != 20 && at != 21;
        if (picture.width != (in_use ? 16 : 8))
            fail_msg("byte %d: width %d", at, (int)picture.width);
        picture_free(&picture);
        free(turned);
    }
    free(jpeg);
}

/* ---- Refusals ---- */

static void other_files_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t bytes;
        const char *words;
    } rows[] = {
        {"", 0, "the file is empty"},
        {"\0\0\0\x18"
         "ftypheic\0\0\0\0",
         16, "found HEIC; save it as PNG or JPEG"},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0",
         16, "found HEIC"},
        {"\0\0\0\x18"
         "ftypavif\0\0\0\0",
         16, "found AVIF"},
        {"\0\0\0\x18"
         "ftypisom\0\0\0\0",
         16, "found video"},
        {"RIFF\1\0\0\0WEBPVP8 ", 16, "found WebP"},
        {"<svg xmlns=''/>", 15, "found SVG"},
        {"<?xml version", 13, "found SVG or XML"},
        {"<!DOCTYPE html>", 15, "found web page"},
        {"%PDF-1.4", 8, "found PDF"},
        {"II*\0rest", 8, "found TIFF"},
        {"Hello", 5, "begins with 48"},
        {"\x89PNG\r\n\x1a", 7, "begins with 89"},
        {"\x89PNG\r\n\x1a\n", 8, "begins like a PNG, but its header cannot be read"},
        {"GIF89a", 6, "begins like a GIF, but"},
        {"BM", 2, "begins like a BMP, but"},
        {"\xff\xd8\xff", 3, "begins like a JPEG, but"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(rows[i].file, rows[i].bytes, PICTURE_MAX_PIXELS, PMOE_E_FORMAT, rows[i].words);
}

/* A PNG that is no more than a header of this size; its pixels would be refused later for being absent. */
static void refuse_png_size(uint32_t width, uint32_t height, const char *words)
{
    size_t bytes;
    uint8_t *png = read_file(CORPUS "rgba.png", &bytes);
    for (int i = 0; i < 4; i++) {
        png[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        png[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    refuse(png, bytes, PICTURE_MAX_PIXELS, PMOE_E_LIMIT, words);
    free(png);
}

static void sizes_are_limited(void **state)
{
    (void)state;
    refuse_png_size(16385, 2, "at most 16384 pixels a side and 67108864 in all, found 16385 x 2");
    refuse_png_size(2, 100000, "found 2 x 100000");
    refuse_png_size(0x7fffffff, 0x7fffffff, "found 2147483647 x 2147483647");
    refuse_png_size(8192, 8193, "found 8192 x 8193");
    size_t bytes;
    uint8_t *png = read_file(CORPUS "rgba.png", &bytes);
    refuse(png, bytes, 5, PMOE_E_LIMIT, "5 in all, found 3 x 2");
    struct picture picture;
    assert_int_equal(picture_decode(png, bytes, 6, &picture, NULL), PMOE_OK);
    picture_free(&picture);
    assert_int_equal(picture_decode(png, bytes, 0, &picture, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(picture_decode(png, bytes, PICTURE_MAX_PIXELS + 1, &picture, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(picture_decode(png, bytes, 6, NULL, NULL), PMOE_E_ARGUMENT);
    free(png);
}

static void truncations_end_in_pixels_or_a_sentence(void **state)
{
    (void)state;
    static const char *const names[] = {CORPUS "rgba.png",     CORPUS "interlaced.png", CORPUS "grey16.png",
                                        CORPUS "quarters.jpg", CORPUS "turned.jpg",     CORPUS "progressive.jpg",
                                        CORPUS "small.gif",    CORPUS "small.bmp"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t bytes, refused = 0;
        uint8_t *file = read_file(names[n], &bytes);
        for (size_t cut = 0; cut < bytes; cut++) {
            uint8_t *part = malloc(cut ? cut : 1);
            assert_non_null(part);
            memcpy(part, file, cut);
            struct picture picture = {NULL, 0, 0};
            pmoe_error error = {PMOE_OK, ""};
            pmoe_status status = picture_decode(part, cut, PICTURE_MAX_PIXELS, &picture, &error);
            if (status != PMOE_OK) {
                assert_int_equal(status, PMOE_E_FORMAT);
                assert_non_null(strstr(error.text, "picture: "));
                assert_null(picture.rgba);
                refused++;
            }
            picture_free(&picture);
            free(part);
        }
        assert_true(refused > bytes / 4);
        free(file);
    }
}

static void dangerous_jpegs_are_refused(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *jpeg = read_file(CORPUS "quarters.jpg", &bytes);
    size_t tables = 0, scan = 0;
    for (size_t i = 0; i + 1 < bytes; i++) {
        tables = !tables && jpeg[i] == 0xff && jpeg[i + 1] == 0xc4 ? i : tables;
        scan = !scan && jpeg[i] == 0xff && jpeg[i + 1] == 0xda ? i : scan;
    }
    assert_true(tables && scan);
    uint8_t kept = jpeg[tables + 5];
    jpeg[tables + 5] = 255;
    jpeg[tables + 6] = 255;
    refuse(jpeg, bytes, PICTURE_MAX_PIXELS, PMOE_E_FORMAT, "a Huffman table of more than 256 codes");
    jpeg[tables + 5] = kept;
    free(jpeg);

    /* The smallest scans there are, over the largest picture there may be. */
    enum { SCANS = 11, SCAN_BYTES = 10 };
    jpeg = read_file(CORPUS "progressive.jpg", &bytes);
    uint8_t *slow = malloc(bytes + SCANS * SCAN_BYTES);
    assert_non_null(slow);
    memcpy(slow, jpeg, bytes);
    for (size_t i = 0; i + 8 < bytes; i++)
        if (slow[i] == 0xff && slow[i + 1] == 0xc2)
            memcpy(slow + i + 5, "\x20\0\x20\0", 4); /* 8192 x 8192 */
    for (int i = 0; i < SCANS; i++)
        memcpy(slow + bytes - 2 + i * SCAN_BYTES, "\xff\xda\0\x08\1\1\0\1\x3f\1", SCAN_BYTES);
    refuse(slow, bytes - 2 + SCANS * SCAN_BYTES, PICTURE_MAX_PIXELS, PMOE_E_LIMIT,
           "a JPEG of 8192 x 8192 may have at most 10 scans, found 15");
    free(slow);
    free(jpeg);
}

/* ---- Writing ---- */

static void a_board_survives_its_file(void **state)
{
    (void)state;
    enum { WIDTH = 31, HEIGHT = 17 };
    uint8_t grey[WIDTH * HEIGHT];
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        grey[i] = (uint8_t)(i * i / 3);
    char folder[] = "/tmp/pmoe-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/board.png", folder);
    pmoe_error error;
    if (picture_write_png_grey(path, grey, WIDTH, HEIGHT, &error))
        fail_msg("%s", error.text);
    struct picture picture = decode_corpus(path);
    assert_int_equal(picture.width, WIDTH);
    assert_int_equal(picture.height, HEIGHT);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        for (int channel = 0; channel < 4; channel++)
            assert_int_equal(picture.rgba[4 * i + channel], channel == 3 ? 255 : grey[i]);
    picture_free(&picture);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);

    assert_int_equal(picture_write_png_grey(path, grey, WIDTH, HEIGHT, &error), PMOE_E_IO); /* its folder is gone */
    assert_non_null(strstr(error.text, path));
    assert_int_equal(picture_write_png_grey(path, grey, 0, HEIGHT, &error), PMOE_E_ARGUMENT);
    assert_int_equal(picture_write_png_grey(path, grey, WIDTH, 16385, &error), PMOE_E_ARGUMENT);
    assert_int_equal(picture_write_png_grey(NULL, grey, WIDTH, HEIGHT, &error), PMOE_E_ARGUMENT);
    if (access("/dev/full", W_OK) == 0) { /* a device that takes nothing, not a file to be left behind */
        assert_int_equal(picture_write_png_grey("/dev/full", grey, WIDTH, HEIGHT, &error), PMOE_E_IO);
        assert_non_null(strstr(error.text, "/dev/full could not be written"));
        assert_int_equal(access("/dev/full", W_OK), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_give_their_pixels),   cmocka_unit_test(photos_are_turned_upright),
        cmocka_unit_test(broken_exif_means_upright),   cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(sizes_are_limited),           cmocka_unit_test(truncations_end_in_pixels_or_a_sentence),
        cmocka_unit_test(dangerous_jpegs_are_refused), cmocka_unit_test(a_board_survives_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
