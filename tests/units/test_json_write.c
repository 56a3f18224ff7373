/* Writing JSON, and numbers both ways: digits, capacity, escapes, and that values come back as they were. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static size_t write_sample(char *text, size_t capacity)
{
    struct json_writer writer;
    json_begin(&writer, text, capacity);
    json_open_object(&writer, NULL);
    json_add_text(&writer, "t\"", "a\\\"/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9");
    json_add_text(&writer, "none", NULL);
    json_open_array(&writer, "list");
    json_add_int(&writer, NULL, INT64_MIN);
    json_open_object(&writer, NULL);
    json_close_object(&writer);
    json_add_bool(&writer, NULL, 1);
    json_open_array(&writer, NULL);
    json_close_array(&writer);
    json_close_array(&writer);
    json_add_bool(&writer, "no", 0);
    json_add_raw(&writer, "raw", "[1]", 3);
    json_close_object(&writer);
    return writer.length;
}

static const char sample[] = "{\"t\\\"\":\"a\\\\\\\"/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\",\"none\":null,"
                             "\"list\":[-9223372036854775808,{},true,[]],\"no\":false,\"raw\":[1]}";

static void writes(void **state)
{
    (void)state;
    char text[256];
    assert_int_equal(write_sample(text, sizeof text), strlen(sample));
    assert_string_equal(text, sample);
    struct json json;
    char back[64];
    assert_int_equal(json_open(text, strlen(text), "text", NULL, &json, NULL), PMOE_OK);
    assert_int_equal(json_text(&json, json_member(&json, 0, "t\""), "t", back, sizeof back, NULL), PMOE_OK);
    assert_string_equal(back, "a\\\"/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9");
    json_close(&json, NULL);
}

static void writes_no_further_than_capacity(void **state)
{
    (void)state;
    assert_int_equal(write_sample(NULL, 0), strlen(sample));
    for (size_t capacity = 1; capacity <= sizeof sample; capacity++) {
        char *text = malloc(capacity);
        assert_non_null(text);
        assert_int_equal(write_sample(text, capacity), strlen(sample));
        assert_int_equal(strlen(text), capacity - 1);
        assert_memory_equal(text, sample, capacity - 1);
        free(text);
    }
}

static void replaces_what_is_not_utf8(void **state)
{
    (void)state;
    char text[64];
    struct json_writer writer;
    json_begin(&writer, text, sizeof text);
    json_add_text(&writer, NULL, "a\xff\xc3(\xe2\x82");
    assert_string_equal(text, "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"");
}

static double read_number(const char *number, pmoe_status *status)
{
    char text[128];
    snprintf(text, sizeof text, "[%s]", number);
    struct json json;
    double value = -1;
    assert_int_equal(json_open(text, strlen(text), "text", NULL, &json, NULL), PMOE_OK);
    *status = json_number(&json, json_first(&json, 0), "v", &value, NULL);
    json_close(&json, NULL);
    return value;
}

static void reads_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } rows[] = {
        {"0", 0.0},
        {"-0.0", -0.0},
        {"1.5", 1.5},
        {"-12.25e3", -12250.0},
        {"0.1", 0.1},
        {"3.0E-2", 0.03},
        {"1e308", 1e308},
        {"1.7976931348623157e308", DBL_MAX},
        {"2.2250738585072014e-308", DBL_MIN},
        {"4.9406564584124654e-324", 4.9406564584124654e-324},
        {"1e-400", 0.0},
        {"0e99999999999", 0.0},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
    };
    pmoe_status status;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double value = read_number(rows[i].text, &status);
        assert_int_equal(status, PMOE_OK);
        assert_memory_equal(&value, &rows[i].value, sizeof value);
    }
    read_number("1e309", &status);
    assert_int_equal(status, PMOE_E_LIMIT);
    read_number("-1e99999999999", &status);
    assert_int_equal(status, PMOE_E_LIMIT);
    read_number("\"1\"", &status);
    assert_int_equal(status, PMOE_E_FORMAT);
    read_number("0.00000000000000000000000000000000000000000000000000000000000001", &status); /* 64 characters */
    assert_int_equal(status, PMOE_OK);
    read_number("0.000000000000000000000000000000000000000000000000000000000000001", &status);
    assert_int_equal(status, PMOE_E_LIMIT);
}

static const char *number_text(double value, int digits, char text[64])
{
    struct json_writer writer;
    json_begin(&writer, text, 64);
    json_add_number(&writer, NULL, value, digits);
    assert_true(writer.length < 64);
    return text;
}

static void writes_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        int digits;
        const char *text;
    } rows[] = {
        {0.0, 9, "0"},
        {-0.0, 9, "-0"},
        {1.0, 17, "1"},
        {-12.5, 9, "-12.5"},
        {100.0, 9, "100"},
        {0.1, 9, "0.1"},
        {0.1, 17, "0.10000000000000001"},
        {1234567.0, 3, "1230000"},
        {0.00012, 2, "0.00012"},
        {1.5e-5, 9, "0.000015"},
        {1.5e-6, 9, "1.5e-6"},
        {2e-7, 9, "2e-7"},
        {1e16, 17, "10000000000000000"},
        {1.25e17, 17, "1.25e17"},
        {9.99, 1, "10"},
        {99.6, 2, "100"},
        {NAN, 9, "null"},
        {INFINITY, 9, "null"},
        {-INFINITY, 9, "null"},
        {1e308, 9, "1e308"},
        {123.456, 6, "123.456"},
        {123.456, 5, "123.46"},
    };
    char text[64];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(number_text(rows[i].value, rows[i].digits, text), rows[i].text);
    }
}

/* Bit patterns across the whole range come back as they were: 9 digits for floats, 17 for doubles. */
static void numbers_round_trip(void **state)
{
    (void)state;
    char text[64];
    pmoe_status status;
    uint64_t bits = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 20000; i++) {
        double wide;
        float narrow;
        uint32_t half = (uint32_t)(bits >> 32);
        memcpy(&wide, &bits, sizeof wide);
        memcpy(&narrow, &half, sizeof narrow);
        if (isfinite(wide)) {
            double back = read_number(number_text(wide, 17, text), &status);
            assert_int_equal(status, PMOE_OK);
            assert_memory_equal(&back, &wide, sizeof wide);
        }
        if (isfinite(narrow)) {
            float back = (float)read_number(number_text(narrow, 9, text), &status);
            assert_memory_equal(&back, &narrow, sizeof narrow);
        }
        bits = bits * 6364136223846793005u + 1442695040888963407u;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes),
        cmocka_unit_test(writes_no_further_than_capacity),
        cmocka_unit_test(replaces_what_is_not_utf8),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(writes_numbers),
        cmocka_unit_test(numbers_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
