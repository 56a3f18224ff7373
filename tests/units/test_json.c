/* Reading JSON: what the grammar allows and refuses, and access with its sentences.  Texts are given to the reader in
 * blocks of just their size, so that a sanitizer sees every byte read too far. */
#include "base/json.h"
#include "counting_allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct opened {
    struct json json;
    pmoe_status status;
    pmoe_error error;
    char *block;
};

static struct opened open_bytes(const char *text, size_t bytes)
{
    struct opened opened = {.block = malloc(bytes ? bytes : 1)};
    assert_non_null(opened.block);
    memcpy(opened.block, text, bytes);
    opened.status = json_open(opened.block, bytes, "text", NULL, &opened.json, &opened.error);
    return opened;
}

static struct opened open_text(const char *text)
{
    return open_bytes(text, strlen(text));
}

static void close_text(struct opened *opened)
{
    json_close(&opened->json, NULL);
    free(opened->block);
}

/* ---- The grammar ---- */

static void accepts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        " \t\r\n{ \n} ",
        "[[],{}]",
        "[1]",
        "[-0]",
        "[0]",
        "[10,20]",
        "[1.5,-2.25e10,3E-2,4e+5,0.0]",
        "[true,false,null]",
        "[\"\"]",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
        "[\"\\u00e9\\uD83D\\ude00\"]",
        "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]",
        "[\"\x7f\"]",
        "{\"\":1}",
        "{\"a\":{\"a\":1},\"b\":[{\"a\":2}]}",
        "[\"\xf4\x8f\xbf\xbf\xee\x80\x80\xed\x9f\xbf\"]",
        "{\"a\" : 1 , \"b\" : [ 1 , 2 ] }",
        "[\"\\u0000\"]",
        "[\"\\uABCD\\uEF01\\uabcd\\uef29\\u3456\\u7890\\ud7ff\\ue000 \"]",
        "[\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\"]",
        "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct opened opened = open_text(texts[i]);
        if (opened.status != PMOE_OK)
            fail_msg("refused %s: %s", texts[i], opened.error.text);
        close_text(&opened);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fragment;
    } rows[] = {
        {"", "byte 0: expected '{' or '[', found the end"},
        {"  ", "byte 2: expected '{' or '['"},
        {"1", "expected '{' or '['"},
        {"\"a\"", "expected '{' or '['"},
        {"\xef\xbb\xbf{}", "found byte 0xef"},
        {"{", "byte 1: expected text in quotes, found the end"},
        {"[", "expected a value, found the end"},
        {"[1", "expected ',' or ']', found the end"},
        {"[1,", "expected a value"},
        {"[1,]", "byte 3: expected a value, found ']'"},
        {"[,1]", "expected a value, found ','"},
        {"[1 2]", "expected ',' or ']', found '2'"},
        {"[1;2]", "expected ',' or ']'"},
        {"[1}", "expected ',' or ']', found '}'"},
        {"{\"a\":1]", "expected ',' or '}', found ']'"},
        {"{\"a\"}", "expected ':'"},
        {"{\"a\" 1}", "expected ':'"},
        {"{\"a\":}", "expected a value"},
        {"{\"a\":1,}", "expected text in quotes, found '}'"},
        {"{,}", "expected text in quotes"},
        {"{a:1}", "expected text in quotes, found 'a'"},
        {"{1:1}", "expected text in quotes"},
        {"{\"a\":1 \"b\":2}", "expected ',' or '}'"},
        {"{\"a\":1:2}", "expected ',' or '}', found ':'"},
        {"{\"a\":1,\"b\"}", "expected ':'"},
        {"[\"a\":1]", "expected ',' or ']'"},
        {"{}{}", "byte 2: expected nothing more"},
        {"{} x", "expected nothing more"},
        {"[]]", "expected nothing more"},
        {"[tru]", "expected true"},
        {"[truth]", "expected true"},
        {"[True]", "expected a value"},
        {"[nul]", "expected null"},
        {"[falsey]", "expected ',' or ']', found 'y'"},
        {"[NaN]", "expected a value"},
        {"[Infinity]", "expected a value"},
        {"[-Infinity]", "expected a digit"},
        {"[+1]", "expected a value"},
        {"[01]", "expected ',' or ']', found '1'"},
        {"[-]", "expected a digit"},
        {"[-01]", "expected ',' or ']'"},
        {"[.5]", "expected a value"},
        {"[1.]", "expected a digit"},
        {"[1.e5]", "expected a digit"},
        {"[1e]", "expected a digit"},
        {"[1e+]", "expected a digit"},
        {"[1e+-2]", "expected a digit"},
        {"[1.5.5]", "expected ',' or ']'"},
        {"[0x10]", "expected ',' or ']', found 'x'"},
        {"[1_000]", "expected ',' or ']'"},
        {"['a']", "expected a value"},
        {"[\"a]", "byte 4: expected a closing quote, found the end"},
        {"[\"a\nb\"]", "expected a closing quote, found byte 0x0a"},
        {"[\"a\tb\"]", "found byte 0x09"},
        {"[\"\\", "expected an escape that JSON knows, found the end"},
        {"[\"\\a\"]", "expected an escape that JSON knows, found 'a'"},
        {"[\"\\'\"]", "expected an escape that JSON knows"},
        {"[\"\\x41\"]", "expected an escape that JSON knows"},
        {"[\"\\U0041\"]", "expected an escape that JSON knows"},
        {"[\"\\u00g0\"]", "expected four hexadecimal digits, found 'g'"},
        {"[\"\\u12\"]", "expected four hexadecimal digits"},
        {"[\"\\u1", "expected four hexadecimal digits, found the end"},
        {"[\"\\ud800\"]", "\\ud800 is half a surrogate pair"},
        {"[\"\\udc00\"]", "\\udc00 is half a surrogate pair"},
        {"[\"\\ud800\\u0041\"]", "half a surrogate pair"},
        {"[\"\\ud800\\n\"]", "half a surrogate pair"},
        {"[\"\\ud800\\ud800\"]", "half a surrogate pair"},
        {"[\"\x80\"]", "expected UTF-8 text, found byte 0x80"},
        {"[\"\xbf\xbf\"]", "expected UTF-8 text, found byte 0xbf"},
        {"[- 1]", "expected a digit, found byte 0x20"},
        {"[\"\\u00:0\"]", "expected four hexadecimal digits, found ':'"},
        {"[\"\\u00G0\"]", "expected four hexadecimal digits, found 'G'"},
        {"[\"\\u00`0\"]", "expected four hexadecimal digits, found '`'"},
        {"[\"\xc3\"]", "expected UTF-8 text"},
        {"[\"\xc0\x80\"]", "expected UTF-8 text"},
        {"[\"\xc1\xbf\"]", "expected UTF-8 text"},
        {"[\"\xe0\x80\x80\"]", "expected UTF-8 text"},
        {"[\"\xe2\x82\"]", "expected UTF-8 text"},
        {"[\"\xed\xa0\x80\"]", "expected UTF-8 text"},
        {"[\"\xf0\x8f\xbf\xbf\"]", "expected UTF-8 text"},
        {"[\"\xf4\x90\x80\x80\"]", "expected UTF-8 text"},
        {"[\"\xf5\x80\x80\x80\"]", "expected UTF-8 text"},
        {"[\"\xff\"]", "expected UTF-8 text"},
        {"[\"\xe2\x82", "expected UTF-8 text"},
        {"{\"a\":1,\"a\":2}", "byte 8: key \"a\" appears twice"},
        {"{\"ab\":1,\"\\u0061b\":2}", "appears twice"},
        {"{\"\xc3\xa9\":1,\"\\u00E9\":2}", "appears twice"},
        {"{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", "appears twice"},
        {"[{\"x\":{\"k\":1,\"j\":2,\"k\":3}}]", "key \"k\" appears twice"},
        {"{\"\":1,\"\":2}", "key \"\" appears twice"},
        {"/* c */{}", "expected '{' or '['"},
        {"{}//", "expected nothing more"},
        {"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "nested deeper than 16"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct opened opened = open_text(rows[i].text);
        if (opened.status == PMOE_OK || !strstr(opened.error.text, rows[i].fragment))
            fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].text, rows[i].fragment,
                     opened.status == PMOE_OK ? "no error" : opened.error.text);
        assert_int_equal(opened.status, opened.error.status);
        assert_null(opened.json.tokens);
        close_text(&opened);
    }
    static const char with_zero[] = "[1\0]";
    struct opened opened = open_bytes(with_zero, sizeof with_zero - 1);
    assert_int_equal(opened.status, PMOE_E_FORMAT);
    assert_non_null(strstr(opened.error.text, "byte 2"));
    close_text(&opened);
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5e3,true,null,\"\\u00e9\\ud83d\\ude00\xe2\x82\xac\"],\"b\":{\"c\":{}}}";
    for (size_t bytes = 0; bytes < sizeof text - 1; bytes++) {
        struct opened opened = open_bytes(text, bytes);
        assert_int_equal(opened.status, PMOE_E_FORMAT);
        close_text(&opened);
    }
    struct opened opened = open_text(text);
    assert_int_equal(opened.status, PMOE_OK);
    close_text(&opened);
}

static void limits(void **state)
{
    (void)state;
    size_t most = JSON_MAX_TOKENS;
    char *text = malloc(2 * most + 8);
    assert_non_null(text);
    for (int over = 0; over <= 1; over++) { /* an array and its elements are one token each */
        size_t used = 0, elements = most - 1 + (size_t)over;
        text[used++] = '[';
        for (size_t i = 0; i < elements; i++) {
            text[used++] = '0';
            text[used++] = i + 1 < elements ? ',' : ']';
        }
        struct opened opened = open_bytes(text, used);
        assert_int_equal(opened.status, over ? PMOE_E_LIMIT : PMOE_OK);
        if (!over)
            assert_int_equal(json_size(&opened.json, 0), (int)elements);
        close_text(&opened);
    }
    free(text);

    struct json json;
    pmoe_error error;
    assert_int_equal(json_open("[]", (size_t)JSON_MAX_BYTES + 1, "text", NULL, &json, &error), PMOE_E_LIMIT);
}

static void allocates_once_and_only_for_sound_text(void **state)
{
    (void)state;
    struct counting counting;
    struct json json;
    pmoe_error error;
    pmoe_allocator allocator = counting_allocator(&counting, -1);
    assert_int_equal(json_open("[1,2,3", 6, "text", &allocator, &json, &error), PMOE_E_FORMAT);
    assert_int_equal(counting.requests, 0);
    assert_int_equal(json_open("[1,2,3]", 7, "text", &allocator, &json, &error), PMOE_OK);
    assert_int_equal(counting.requests, 1);
    json_close(&json, &allocator);
    assert_int_equal(counting.out, 0);
    assert_int_equal(json_open("{\"a\":1,\"a\":1}", 13, "text", &allocator, &json, &error), PMOE_E_FORMAT);
    assert_int_equal(counting.out, 0);
    allocator = counting_allocator(&counting, 0);
    assert_int_equal(json_open("[1,2,3]", 7, "text", &allocator, &json, &error), PMOE_E_MEMORY);
    assert_null(json.tokens);
}

/* ---- Access ---- */

static void walks_and_finds(void **state)
{
    (void)state;
    struct opened opened =
        open_text("{\"a\":[10,[20,21],{\"x\":0},\"s\"],\"b\":{\"a\":{\"b\":7}},\"\\u0063\":\"t\",\"d\":[]}");
    const struct json *json = &opened.json;
    assert_int_equal(opened.status, PMOE_OK);
    assert_true(json_is_object(json, 0));
    assert_int_equal(json_size(json, 0), 4);

    static const char keys[] = "abcd";
    int count = 0;
    for (json_node key = json_first(json, 0); key != JSON_NONE; key = json_next(json, key), count++) {
        assert_true(json_value(json, key) == json_member(json, 0, (char[]){keys[count], 0}));
        assert_true(json_value(json, json_value(json, key)) == JSON_NONE);
        assert_true(json_next(json, json_value(json, key)) == JSON_NONE);
    }
    assert_int_equal(count, 4);

    json_node list = json_member(json, 0, "a"), item = json_first(json, list);
    assert_true(json_is_array(json, list));
    assert_int_equal(json_size(json, list), 4);
    item = json_next(json, item);
    assert_int_equal(json_size(json, item), 2);
    item = json_next(json, item);
    assert_true(json_is_object(json, item));
    item = json_next(json, item);
    assert_true(json_is_string(json, item));
    assert_true(json_next(json, item) == JSON_NONE);
    assert_true(json_value(json, item) == JSON_NONE);

    int64_t seven = 0;
    json_node deep = json_member(json, json_member(json, json_member(json, 0, "b"), "a"), "b");
    assert_int_equal(json_int(json, deep, "b", 0, 9, &seven, NULL), PMOE_OK);
    assert_int_equal(seven, 7);
    assert_true(json_member(json, 0, "x") == JSON_NONE); /* a key of another object */
    assert_true(json_member(json, 0, "") == JSON_NONE);
    assert_true(json_member(json, list, "a") == JSON_NONE);
    assert_true(json_member(json, JSON_NONE, "a") == JSON_NONE);
    assert_true(json_first(json, json_member(json, 0, "d")) == JSON_NONE);
    assert_int_equal(json_size(json, JSON_NONE), 0);
    assert_true(json_first(json, JSON_NONE) == JSON_NONE);
    assert_true(json_next(json, JSON_NONE) == JSON_NONE);
    assert_false(json_is_object(json, JSON_NONE));

    size_t bytes;
    const char *raw = json_raw(json, json_member(json, 0, "b"), &bytes);
    assert_int_equal(bytes, strlen("{\"a\":{\"b\":7}}"));
    assert_memory_equal(raw, "{\"a\":{\"b\":7}}", bytes);
    raw = json_raw(json, json_member(json, 0, "c"), &bytes);
    assert_int_equal(bytes, 3);
    assert_memory_equal(raw, "\"t\"", bytes);
    close_text(&opened);
}

static void many_keys_are_found(void **state)
{
    (void)state;
    enum { KEYS = 2000 };
    static char text[KEYS * 16];
    struct json_writer writer;
    json_begin(&writer, text, sizeof text);
    json_open_object(&writer, NULL);
    for (int i = 0; i < KEYS; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        json_add_int(&writer, key, i);
    }
    json_close_object(&writer);
    struct opened opened = open_text(text);
    assert_int_equal(opened.status, PMOE_OK);
    for (int i = 0; i < KEYS; i++) {
        char key[16];
        int64_t value = -1;
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(json_int(&opened.json, json_member(&opened.json, 0, key), key, 0, KEYS, &value, &opened.error),
                         PMOE_OK);
        assert_int_equal(value, i);
    }
    assert_true(json_member(&opened.json, 0, "k2000") == JSON_NONE);
    close_text(&opened);
}

static void reads_text(void **state)
{
    (void)state;
    struct opened opened = open_text("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\","
                                     "\"\\udbff\\udfff\\ud800\\udc00\\uffff\\u0800\\u07ff\\u0080\",\"a\\u0000b\",5]");
    static const char *const expected[] = {"\"\\/\b\f\n\r\t", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
                                           "\xf4\x8f\xbf\xbf\xf0\x90\x80\x80\xef\xbf\xbf\xe0\xa0\x80\xdf\xbf\xc2\x80"};
    assert_int_equal(opened.status, PMOE_OK);
    json_node node = json_first(&opened.json, 0);
    for (int i = 0; i < 3; i++, node = json_next(&opened.json, node)) {
        char text[64];
        size_t length = strlen(expected[i]);
        assert_int_equal(json_text(&opened.json, node, "t", text, length + 1, &opened.error), PMOE_OK);
        assert_string_equal(text, expected[i]);
        strcpy(text, "kept");
        assert_int_equal(json_text(&opened.json, node, "t", text, length, &opened.error), PMOE_E_LIMIT);
        assert_string_equal(text, "kept");
        assert_int_equal(json_text(&opened.json, node, "t", text, 0, &opened.error), PMOE_E_LIMIT);
    }
    char text[64];
    assert_int_equal(json_text(&opened.json, node, "t", text, sizeof text, &opened.error), PMOE_E_FORMAT);
    assert_string_equal(opened.error.text, "t holds a zero character: \"a\\u0000b\"");
    node = json_next(&opened.json, node);
    assert_int_equal(json_text(&opened.json, node, "t", text, sizeof text, &opened.error), PMOE_E_FORMAT);
    assert_string_equal(opened.error.text, "t is 5, expected text");
    assert_int_equal(json_text(&opened.json, JSON_NONE, "t", text, sizeof text, &opened.error), PMOE_E_FORMAT);
    assert_string_equal(opened.error.text, "t is missing, expected text");
    close_text(&opened);
}

static void reads_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t low, high, value;
        const char *sentence; /* NULL: accepted */
    } rows[] = {
        {"[0]", 0, 0, 0, NULL},
        {"[-0]", 0, 0, 0, NULL},
        {"[-7]", -9, 9, -7, NULL},
        {"[9223372036854775807]", 0, INT64_MAX, INT64_MAX, NULL},
        {"[-9223372036854775808]", INT64_MIN, 0, INT64_MIN, NULL},
        {"[9223372036854775808]", INT64_MIN, INT64_MAX, 0, "v is 9223372036854775808, expected "},
        {"[-9223372036854775809]", INT64_MIN, INT64_MAX, 0, "v is -9223372036854775809, expected "},
        {"[18446744073709551617]", 0, 9, 0, "v is 18446744073709551617, expected 0 to 9"},
        {"[92233720368547758070]", 0, 9, 0, "expected 0 to 9"},
        {"[10]", 0, 9, 0, "v is 10, expected 0 to 9"},
        {"[-1]", 0, 9, 0, "v is -1, expected 0 to 9"},
        {"[1.0]", 0, 9, 0, "v is 1.0, expected an integer"},
        {"[1e0]", 0, 9, 0, "expected an integer"},
        {"[1E0]", 0, 9, 0, "expected an integer"},
        {"[\"1\"]", 0, 9, 0, "v is text, expected an integer"},
        {"[true]", 0, 9, 0, "v is true, expected an integer"},
        {"[null]", 0, 9, 0, "expected an integer"},
        {"[[1]]", 0, 9, 0, "v is an array, expected an integer"},
        {"[{}]", 0, 9, 0, "v is an object, expected an integer"},
        {"[]", 0, 9, 0, "v is missing, expected an integer"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct opened opened = open_text(rows[i].text);
        int64_t value = 4711;
        pmoe_status status =
            json_int(&opened.json, json_first(&opened.json, 0), "v", rows[i].low, rows[i].high, &value, &opened.error);
        if (rows[i].sentence) {
            assert_int_not_equal(status, PMOE_OK);
            assert_non_null(strstr(opened.error.text, rows[i].sentence));
            assert_int_equal(value, 4711);
        } else {
            assert_int_equal(status, PMOE_OK);
            assert_true(value == rows[i].value);
        }
        close_text(&opened);
    }
}

static void reads_booleans(void **state)
{
    (void)state;
    struct opened opened = open_text("[true,false,1]");
    int value = 5;
    json_node node = json_first(&opened.json, 0);
    assert_int_equal(json_bool(&opened.json, node, "v", &value, &opened.error), PMOE_OK);
    assert_int_equal(value, 1);
    node = json_next(&opened.json, node);
    assert_int_equal(json_bool(&opened.json, node, "v", &value, &opened.error), PMOE_OK);
    assert_int_equal(value, 0);
    node = json_next(&opened.json, node);
    assert_int_equal(json_bool(&opened.json, node, "v", &value, &opened.error), PMOE_E_FORMAT);
    assert_string_equal(opened.error.text, "v is 1, expected true or false");
    close_text(&opened);
}

static void quotes_for_sentences(void **state)
{
    (void)state;
    struct opened opened = open_text("[\"caf\xc3\xa9\",\"1234567890123456789012345678901234567890123\","
                                     "\"12345678901234567890123456789012345678901234\",[1, 2]]");
    static const char *const expected[] = {"caf??", "1234567890123456789012345678901234567890123",
                                           "1234567890123456789012345678901234567890...", "[1, 2]"};
    json_node node = json_first(&opened.json, 0);
    for (int i = 0; i < 4; i++, node = json_next(&opened.json, node))
        assert_string_equal(json_quote(&opened.json, node).text, expected[i]);
    assert_string_equal(json_quote(&opened.json, JSON_NONE).text, "nothing");
    close_text(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(limits),
        cmocka_unit_test(allocates_once_and_only_for_sound_text),
        cmocka_unit_test(walks_and_finds),
        cmocka_unit_test(many_keys_are_found),
        cmocka_unit_test(reads_text),
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(reads_booleans),
        cmocka_unit_test(quotes_for_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
