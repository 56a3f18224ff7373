/* Pixels to boards and to digits: exact averages, the emptiness rule, and real digits that come back as they were. */
#include "base/digest.h"
#include "files.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { DIGIT_BYTES = PMOE_CELL * PMOE_CELL };

/* A fixed sequence of its own: the golden values must not move with the library's generator. */
static uint32_t next_draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static uint8_t *noise(size_t bytes, uint32_t seed)
{
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)next_draw(&seed);
    return data;
}

static int32_t board(const uint8_t *rgba, int32_t width, int32_t height, int32_t out_width, int32_t out_height,
                     uint8_t *grey)
{
    int32_t inverted = -1;
    pmoe_error error;
    if (pmoe_board_from_rgba(rgba, width, height, out_width, out_height, grey, &inverted, &error))
        fail_msg("%d x %d: %s", (int)width, (int)height, error.text);
    return inverted;
}

/* ---- Boards ---- */

static void one_pixel_gives_its_luma(void **state)
{
    (void)state;
    static const struct {
        uint8_t rgba[4];
        int32_t grey, inverted;
    } rows[] = {
        {{255, 0, 0, 255}, 76, 0},      {{0, 127, 0, 255}, 75, 0},    {{0, 0, 255, 255}, 29, 0},
        {{0, 255, 0, 255}, 105, 1},     {{255, 255, 255, 255}, 0, 1}, {{0, 0, 0, 255}, 0, 0},
        {{255, 255, 255, 100}, 100, 0}, {{255, 255, 255, 0}, 0, 0},   {{127, 127, 127, 255}, 127, 0},
        {{128, 128, 128, 255}, 127, 1}, {{200, 100, 50, 128}, 62, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t grey[9];
        assert_int_equal(board(rows[i].rgba, 1, 1, 3, 3, grey), rows[i].inverted);
        for (int k = 0; k < 9; k++)
            if (grey[k] != rows[i].grey)
                fail_msg("row %d: expected %d, found %d", (int)i, (int)rows[i].grey, grey[k]);
    }
}

static void greys_of_the_right_size_are_kept(void **state)
{
    (void)state;
    static uint8_t rgba[PMOE_BOARD * PMOE_BOARD * 4], grey[PMOE_BOARD * PMOE_BOARD];
    for (int i = 0; i < PMOE_BOARD * PMOE_BOARD; i++) {
        int x = i % PMOE_BOARD, y = i / PMOE_BOARD;
        int ring = x == 0 || y == 0 || x == PMOE_BOARD - 1 || y == PMOE_BOARD - 1;
        memset(rgba + 4 * i, ring ? 0 : i * 7 & 255, 3);
        rgba[4 * i + 3] = 255;
    }
    assert_int_equal(board(rgba, PMOE_BOARD, PMOE_BOARD, PMOE_BOARD, PMOE_BOARD, grey), 0);
    for (int i = 0; i < PMOE_BOARD * PMOE_BOARD; i++)
        assert_int_equal(grey[i], rgba[4 * i]);
}

/* What the header promises, in doubles and by overlap of intervals instead of by weights. */
static double expected_grey(const uint8_t *rgba, int32_t width, const double crop[4], int32_t out_width,
                            int32_t out_height, int32_t ox, int32_t oy)
{
    double x0 = crop[0] + crop[2] * ox / out_width, x1 = crop[0] + crop[2] * (ox + 1) / out_width;
    double y0 = crop[1] + crop[3] * oy / out_height, y1 = crop[1] + crop[3] * (oy + 1) / out_height, sum = 0;
    for (int32_t y = (int32_t)floor(y0); y < y1; y++)
        for (int32_t x = (int32_t)floor(x0); x < x1; x++) {
            const uint8_t *p = rgba + ((size_t)y * width + x) * 4;
            double part = (fmin(x1, x + 1) - fmax(x0, x)) * (fmin(y1, y + 1) - fmax(y0, y));
            sum += part * (0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]) * p[3] / 255;
        }
    return sum / ((x1 - x0) * (y1 - y0));
}

static void averages_are_exact(void **state)
{
    (void)state;
    static const struct {
        int32_t width, height, out_width, out_height;
        double crop[4]; /* x, y, width, height */
    } rows[] = {
        {224, 224, 112, 112, {0, 0, 224, 224}},
        {113, 113, 112, 112, {0, 0, 113, 113}},
        {300, 200, 7, 7, {50, 0, 200, 200}},
        {90, 201, 9, 9, {0, 55, 90, 90}},
        {101, 37, 5, 3, {19, 0, 62, 37}},
        {64, 64, 3, 5, {13, 0, 38, 64}},
        {17, 1, 1, 1, {8, 0, 1, 1}},
        {31, 29, 1, 1, {1, 0, 29, 29}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t width = rows[i].width, height = rows[i].height;
        uint8_t *rgba = noise((size_t)width * (size_t)height * 4, (uint32_t)i + 1), grey[112 * 112];
        int32_t inverted = board(rgba, width, height, rows[i].out_width, rows[i].out_height, grey);
        for (int32_t oy = 0; oy < rows[i].out_height; oy++)
            for (int32_t ox = 0; ox < rows[i].out_width; ox++) {
                double expected =
                    expected_grey(rgba, width, rows[i].crop, rows[i].out_width, rows[i].out_height, ox, oy);
                expected = inverted ? 255 - expected : expected;
                int found = grey[oy * rows[i].out_width + ox];
                if (fabs(found - expected) > 0.5 + 1e-9)
                    fail_msg("row %d at %d, %d: expected %f, found %d", (int)i, (int)ox, (int)oy, expected, found);
            }
        free(rgba);
    }
}

static void small_pictures_are_repeated(void **state)
{
    (void)state;
    uint8_t rgba[9 * 4], grey[36];
    for (int i = 0; i < 9; i++) {
        memset(rgba + 4 * i, 10 * i, 3);
        rgba[4 * i + 3] = 255;
    }
    board(rgba, 3, 3, 6, 6, grey);
    for (int i = 0; i < 36; i++)
        assert_int_equal(grey[i], 10 * (i / 6 / 2 * 3 + i % 6 / 2));
    static const int under_the_middle[5] = {0, 0, 1, 2, 2};
    board(rgba, 3, 3, 5, 5, grey);
    for (int i = 0; i < 25; i++)
        assert_int_equal(grey[i], 10 * (under_the_middle[i / 5] * 3 + under_the_middle[i % 5]));
}

static void light_rings_invert(void **state)
{
    (void)state;
    enum { SIDE = 8, RING = 4 * SIDE - 4 };
    uint8_t rgba[SIDE * SIDE * 4], grey[SIDE * SIDE];
    /* White paper, a black mark in the middle: white ink on black afterwards. */
    memset(rgba, 255, sizeof rgba);
    memset(rgba + (3 * SIDE + 3) * 4, 0, 3);
    assert_int_equal(board(rgba, SIDE, SIDE, SIDE, SIDE, grey), 1);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_int_equal(grey[i], i == 3 * SIDE + 3 ? 255 : 0);
    /* Half of the ring is not most of it; one pixel more is. */
    for (int light = RING / 2; light <= RING / 2 + 1; light++) {
        memset(rgba, 0, sizeof rgba);
        int placed = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            int x = i % SIDE, y = i / SIDE, ring = x == 0 || y == 0 || x == SIDE - 1 || y == SIDE - 1;
            memset(rgba + 4 * i, ring && placed++ < light ? 255 : 0, 3);
            rgba[4 * i + 3] = 255;
        }
        assert_int_equal(placed, RING);
        assert_int_equal(board(rgba, SIDE, SIDE, SIDE, SIDE, grey), light > RING / 2);
    }
    /* Transparent paper is dark, whatever colour it hides. */
    memset(rgba, 255, sizeof rgba);
    for (int i = 0; i < SIDE * SIDE; i++)
        rgba[4 * i + 3] = 0;
    assert_int_equal(board(rgba, SIDE, SIDE, SIDE, SIDE, grey), 0);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_int_equal(grey[i], 0);
}

static void extreme_shapes_work(void **state)
{
    (void)state;
    enum { LONGEST = 16384 };
    static const int32_t shapes[][2] = {{LONGEST, 1}, {1, LONGEST}, {LONGEST, 2}, {3, LONGEST}, {2, 1}, {1, 2}};
    uint8_t *rgba = malloc((size_t)LONGEST * 3 * 4), grey[112 * 112];
    assert_non_null(rgba);
    for (size_t i = 0; i < (size_t)LONGEST * 3; i++)
        memcpy(rgba + 4 * i, "\x30\x30\x30\xff", 4);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        assert_int_equal(board(rgba, shapes[i][0], shapes[i][1], 112, 112, grey), 0);
        for (int k = 0; k < 112 * 112; k++)
            assert_int_equal(grey[k], 0x30);
    }
    /* White without end: the largest sums there are. */
    memset(rgba, 255, (size_t)LONGEST * 3 * 4);
    memset(grey, 1, sizeof grey);
    assert_int_equal(board(rgba, LONGEST, 3, LONGEST / 4, 1, grey), 1);
    for (int k = 0; k < LONGEST / 4; k++)
        assert_int_equal(grey[k], 0);
    free(rgba);
}

/* A photograph's channels are each what a board of that channel alone would be: the same crop, the same averages. */
static void photographs_are_boards_of_three_channels(void **state)
{
    (void)state;
    static const int32_t sizes[][4] = {{1, 1, 3, 2}, {40, 30, 8, 8}, {31, 50, 16, 7}, {3, 5, 6, 6}, {64, 64, 32, 32}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int32_t width = sizes[i][0], height = sizes[i][1], out_width = sizes[i][2], out_height = sizes[i][3];
        uint8_t rgba[64 * 64 * 4], alone[64 * 64 * 4], rgb[32 * 32 * 3], grey[32 * 32];
        uint32_t state_of = (uint32_t)i + 5;
        for (int32_t at = 0; at < width * height * 4; at++)
            rgba[at] =
                (uint8_t)(next_draw(&state_of) >> 8 & (at % 4 == 3 ? 255 : 127)); /* dark: boards are not inverted */
        assert_int_equal(pmoe_photo_from_rgba(rgba, width, height, out_width, out_height, rgb, NULL), PMOE_OK);
        for (int c = 0; c < 3; c++) {
            int32_t inverted;
            for (int32_t at = 0; at < width * height * 4; at++)
                alone[at] = at % 4 == 3 ? rgba[at] : rgba[at / 4 * 4 + c]; /* grey of that channel */
            assert_int_equal(pmoe_board_from_rgba(alone, width, height, out_width, out_height, grey, &inverted, NULL),
                             PMOE_OK);
            assert_int_equal(inverted, 0);
            for (int32_t at = 0; at < out_width * out_height; at++)
                assert_int_equal(rgb[3 * at + c], grey[at]);
        }
    }
    uint8_t pixel[4] = {1, 2, 3, 4}, rgb[3] = {9, 9, 9};
    pmoe_error error;
    assert_int_equal(pmoe_photo_from_rgba(pixel, 1, 0, 1, 1, rgb, &error), PMOE_E_ARGUMENT);
    assert_non_null(strstr(error.text, "picture height must be at least 1, found 0"));
    assert_int_equal(pmoe_photo_from_rgba(pixel, 1, 1, 16385, 1, rgb, &error), PMOE_E_LIMIT);
    assert_non_null(strstr(error.text, "photograph width must be at most 16384"));
    assert_int_equal(pmoe_photo_from_rgba(NULL, 1, 1, 1, 1, rgb, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_photo_from_rgba(pixel, 1, 1, 1, 1, NULL, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(rgb[0], 9);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    static const struct {
        int32_t sizes[4];
        pmoe_status status;
        const char *words;
    } rows[] = {
        {{0, 1, 1, 1}, PMOE_E_ARGUMENT, "picture width must be at least 1, found 0"},
        {{1, -5, 1, 1}, PMOE_E_ARGUMENT, "picture height must be at least 1, found -5"},
        {{1, 1, 0, 1}, PMOE_E_ARGUMENT, "board width must be at least 1"},
        {{1, 1, 1, INT32_MIN}, PMOE_E_ARGUMENT, "board height must be at least 1"},
        {{16385, 1, 1, 1}, PMOE_E_LIMIT, "picture width must be at most 16384, found 16385"},
        {{1, INT32_MAX, 1, 1}, PMOE_E_LIMIT, "picture height must be at most 16384, found 2147483647"},
        {{1, 1, 16385, 1}, PMOE_E_LIMIT, "board width must be at most 16384"},
        {{1, 1, 1, 16385}, PMOE_E_LIMIT, "board height must be at most 16384"},
    };
    uint8_t pixel[4] = {1, 2, 3, 4}, grey = 99, digit[DIGIT_BYTES];
    int32_t inverted = 42, empty = 43;
    pmoe_error error;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int32_t *s = rows[i].sizes;
        assert_int_equal(pmoe_board_from_rgba(pixel, s[0], s[1], s[2], s[3], &grey, &inverted, &error), rows[i].status);
        assert_non_null(strstr(error.text, rows[i].words));
        if (s[0] == 1 && s[1] == 1)
            continue;
        memset(digit, 9, sizeof digit);
        assert_int_equal(pmoe_digit_from_ink(pixel, s[0], s[1], digit, &empty, &error), rows[i].status);
        assert_non_null(strstr(error.text, "digit: the drawing must be at"));
        assert_int_equal(digit[0], 9);
    }
    assert_int_equal(grey, 99);
    assert_int_equal(inverted, 42);
    assert_int_equal(empty, 43);
    assert_int_equal(pmoe_board_from_rgba(NULL, 1, 1, 1, 1, &grey, NULL, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_board_from_rgba(pixel, 1, 1, 1, 1, NULL, NULL, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_digit_from_ink(NULL, 1, 1, digit, &empty, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_digit_from_ink(pixel, 1, 1, NULL, &empty, NULL), PMOE_E_ARGUMENT);
    assert_int_equal(pmoe_digit_from_ink(pixel, 1, 1, digit, NULL, NULL), PMOE_E_ARGUMENT);
}

/* ---- Digits ---- */

static int32_t prepare(const uint8_t *ink, int32_t width, int32_t height, uint8_t digit[DIGIT_BYTES])
{
    int32_t empty = -1;
    pmoe_error error;
    memset(digit, 200, DIGIT_BYTES);
    if (pmoe_digit_from_ink(ink, width, height, digit, &empty, &error))
        fail_msg("%d x %d: %s", (int)width, (int)height, error.text);
    return empty;
}

/* Every pixel of the digit is `value` inside the given box and 0 outside. */
static void expect_box(const uint8_t *digit, int left, int top, int width, int height, int value)
{
    for (int i = 0; i < DIGIT_BYTES; i++) {
        int x = i % PMOE_CELL, y = i / PMOE_CELL;
        int inside = x >= left && x < left + width && y >= top && y < top + height;
        if (digit[i] != (inside ? value : 0))
            fail_msg("at %d, %d: expected %d, found %d", x, y, inside ? value : 0, digit[i]);
    }
}

static void no_ink_is_said_to_be_empty(void **state)
{
    (void)state;
    enum { WIDTH = 2000, HEIGHT = 1500 };
    uint8_t *ink = calloc(WIDTH, HEIGHT), digit[DIGIT_BYTES];
    assert_non_null(ink);
    assert_int_equal(prepare(ink, WIDTH, HEIGHT, digit), 1);
    expect_box(digit, 0, 0, 0, 0, 0);
    memset(ink, 31, (size_t)WIDTH * HEIGHT);
    assert_int_equal(prepare(ink, WIDTH, HEIGHT, digit), 1);
    expect_box(digit, 0, 0, 0, 0, 0);
    ink[700 * WIDTH + 3] = 32;
    assert_int_equal(prepare(ink, WIDTH, HEIGHT, digit), 0);
    /* Two dots so far apart that nothing of them is left. */
    memset(ink, 0, (size_t)WIDTH * HEIGHT);
    ink[0] = ink[(size_t)WIDTH * HEIGHT - 1] = 255;
    assert_int_equal(prepare(ink, WIDTH, HEIGHT, digit), 1);
    expect_box(digit, 0, 0, 0, 0, 0);
    free(ink);
}

static void simple_ink_lands_where_it_should(void **state)
{
    (void)state;
    enum { WIDTH = 60, HEIGHT = 50 };
    uint8_t ink[WIDTH * HEIGHT] = {0}, digit[DIGIT_BYTES];
    ink[17 * WIDTH + 5] = 90;
    assert_int_equal(prepare(ink, WIDTH, HEIGHT, digit), 0);
    expect_box(digit, 4, 4, 20, 20, 90);

    memset(ink, 0, sizeof ink);
    memset(ink + 20 * WIDTH + 8, 255, 40); /* a level line, one pixel thin */
    assert_int_equal(prepare(ink, WIDTH, HEIGHT, digit), 0);
    expect_box(digit, 4, 14, 20, 1, 255);

    memset(ink, 0, sizeof ink);
    for (int y = 0; y < HEIGHT; y++) /* an upright one along the last column */
        ink[y * WIDTH + WIDTH - 1] = 255;
    assert_int_equal(prepare(ink, WIDTH, HEIGHT, digit), 0);
    expect_box(digit, 14, 4, 1, 20, 255);

    memset(ink, 255, sizeof ink); /* ink up to every border: 60 x 50 becomes 20 x 17 */
    assert_int_equal(prepare(ink, WIDTH, HEIGHT, digit), 0);
    expect_box(digit, 4, 6, 20, 17, 255);

    ink[0] = 255;
    assert_int_equal(prepare(ink, 1, 1, digit), 0);
    expect_box(digit, 4, 4, 20, 20, 255);
}

/* The centre of mass gives way where ink would be cut off: a heavy left column with a faint tail to the right. */
static void nothing_is_cut_off(void **state)
{
    (void)state;
    uint8_t ink[20 * 20], digit[DIGIT_BYTES];
    for (int i = 0; i < 20 * 20; i++)
        ink[i] = i % 20 == 0 ? 255 : i / 20 == 19 ? 10 : 0;
    assert_int_equal(prepare(ink, 20, 20, digit), 0);
    for (int y = 0; y < 20; y++)
        assert_int_equal(digit[(4 + y) * PMOE_CELL + 8], 255); /* column 13 but for the tail */
    for (int x = 1; x < 20; x++)
        assert_int_equal(digit[23 * PMOE_CELL + 8 + x], 10);
}

/* Enlarge a digit by pixel repetition into a canvas, at left, top. */
static uint8_t *enlarge(const uint8_t *digit, int scale, int left, int top, int width, int height)
{
    uint8_t *ink = calloc((size_t)width, (size_t)height);
    assert_non_null(ink);
    for (int y = 0; y < PMOE_CELL * scale; y++)
        for (int x = 0; x < PMOE_CELL * scale; x++)
            ink[(top + y) * width + left + x] = digit[y / scale * PMOE_CELL + x / scale];
    return ink;
}

static int difference(const uint8_t *a, const uint8_t *b)
{
    int sum = 0;
    for (int i = 0; i < DIGIT_BYTES; i++)
        sum += abs(a[i] - b[i]);
    return sum;
}

static void real_digits_come_back(void **state)
{
    (void)state;
    enum { DIGITS = 120 };
    static const int views[][5] = {{10, 0, 0, 280, 280}, {10, 130, 40, 500, 350}, {7, 3, 91, 200, 300}};
    size_t bytes;
    uint8_t *images = read_file("weights/samples/digits-images-idx3-ubyte", &bytes);
    assert_int_equal(bytes, 16 + DIGITS * DIGIT_BYTES);
    for (size_t v = 0; v < sizeof views / sizeof views[0]; v++) {
        const int *view = views[v];
        int identical = 0;
        double sum = 0;
        for (int i = 0; i < DIGITS; i++) {
            const uint8_t *digit = images + 16 + i * DIGIT_BYTES;
            uint8_t *ink = enlarge(digit, view[0], view[1], view[2], view[3], view[4]), back[DIGIT_BYTES];
            assert_int_equal(prepare(ink, view[3], view[4], back), 0);
            int off = difference(digit, back);
            identical += off == 0;
            sum += (double)off / DIGIT_BYTES;
            free(ink);
        }
        /* Measured, in each view: 119 identical, mean absolute difference 0.00005 of 255. */
        if (identical < 119 || sum / DIGITS > 0.0001)
            fail_msg("view %d: %d of %d identical, mean absolute difference %f", (int)v, identical, DIGITS,
                     sum / DIGITS);
    }
    free(images);
}

/* ---- The same bytes on every host ---- */

static void golden_bytes(void **state)
{
    (void)state;
    struct digest digest;
    digest_open(&digest);
    static const int32_t shapes[][2] = {{640, 480}, {97, 331}, {50, 50}, {1, 9}, {512, 112}};
    uint32_t seed = 5;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        int32_t width = shapes[i][0], height = shapes[i][1];
        uint8_t *rgba = noise((size_t)width * (size_t)height * 4, seed++), grey[112 * 112], digit[DIGIT_BYTES];
        int32_t inverted = board(rgba, width, height, 112, 112, grey);
        uint8_t flag = (uint8_t)inverted;
        digest_add(&digest, grey, sizeof grey);
        digest_add(&digest, &flag, 1);
        /* A blot of noise in an empty drawing of the same size. */
        uint8_t *ink = calloc((size_t)width, (size_t)height);
        assert_non_null(ink);
        for (int32_t y = height / 3; y < height; y++)
            for (int32_t x = width / 5; x < width - width / 7; x++)
                ink[(size_t)y * width + x] = rgba[((size_t)y * width + x) * 4];
        prepare(ink, width, height, digit);
        digest_add(&digest, digit, sizeof digit);
        free(ink);
        free(rgba);
    }
    char hex[DIGEST_HEX];
    digest_close_hex(&digest, hex);
    assert_string_equal(hex, "253ff9278305d0a1376bf1ec9e86ecce8d8385a0225048a8acac6e803ff45b27");
}

static void bytes_become_the_nearest_floats(void **state)
{
    (void)state;
    uint8_t bytes[256];
    float values[257];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    values[256] = -1;
    pmoe_bytes_to_floats(bytes, 256, values);
    for (int i = 0; i < 256; i++) {
        double miss = fabs(values[i] - i / 255.0);
        assert_true(miss <= fabs(nextafterf(values[i], 2) - i / 255.0));
        assert_true(miss <= fabs(nextafterf(values[i], -1) - i / 255.0));
    }
    assert_true(values[0] == 0 && values[255] == 1);
    assert_true(values[256] == -1);
    pmoe_bytes_to_floats(NULL, 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_pixel_gives_its_luma),
        cmocka_unit_test(greys_of_the_right_size_are_kept),
        cmocka_unit_test(averages_are_exact),
        cmocka_unit_test(small_pictures_are_repeated),
        cmocka_unit_test(light_rings_invert),
        cmocka_unit_test(extreme_shapes_work),
        cmocka_unit_test(photographs_are_boards_of_three_channels),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(no_ink_is_said_to_be_empty),
        cmocka_unit_test(simple_ink_lands_where_it_should),
        cmocka_unit_test(nothing_is_cut_off),
        cmocka_unit_test(real_digits_come_back),
        cmocka_unit_test(golden_bytes),
        cmocka_unit_test(bytes_become_the_nearest_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
