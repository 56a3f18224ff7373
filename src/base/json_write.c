/* Writing JSON into a fixed buffer.  Reads nothing, allocates nothing, and cannot fail: what does not fit is counted.
 */
#include "decimal.h"
#include "json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void put(struct json_writer *writer, const char *text, size_t bytes)
{
    if (writer->length < writer->capacity) {
        size_t room = writer->capacity - 1 - writer->length;
        size_t fits = bytes < room ? bytes : room;
        memcpy(writer->text + writer->length, text, fits);
        writer->text[writer->length + fits] = 0;
    }
    writer->length += bytes;
}

static void put_char(struct json_writer *writer, unsigned char c)
{
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char escape[8];
    if (c == '"' || c == '\\')
        snprintf(escape, sizeof escape, "\\%c", c);
    else if (c < sizeof letters && letters[c])
        snprintf(escape, sizeof escape, "\\%c", letters[c]);
    else
        snprintf(escape, sizeof escape, "\\u%04x", c);
    put(writer, escape, strlen(escape));
}

static void put_text(struct json_writer *writer, const char *text)
{
    put(writer, "\"", 1);
    for (size_t left = strlen(text); left > 0;) {
        size_t length = json_utf8(text, left);
        unsigned char c = (unsigned char)*text;
        if (length == 0)
            put(writer, "\xef\xbf\xbd", 3);
        else if (c < ' ' || c == '"' || c == '\\')
            put_char(writer, c);
        else
            put(writer, text, length);
        text += length ? length : 1;
        left -= length ? length : 1;
    }
    put(writer, "\"", 1);
}

/* The comma and the key that go before a value. */
static void put_lead(struct json_writer *writer, const char *key)
{
    uint32_t bit = (uint32_t)1 << writer->depth;
    if (writer->has_items & bit)
        put(writer, ",", 1);
    writer->has_items |= bit;
    if (!key)
        return;
    put_text(writer, key);
    put(writer, ":", 1);
}

static void put_open(struct json_writer *writer, const char *key, const char *bracket)
{
    put_lead(writer, key);
    put(writer, bracket, 1);
    writer->depth++;
    assert(writer->depth < 32);
    writer->has_items &= ~((uint32_t)1 << writer->depth);
}

static void put_close(struct json_writer *writer, const char *bracket)
{
    assert(writer->depth > 0);
    writer->depth--;
    put(writer, bracket, 1);
}

void json_begin(struct json_writer *writer, char *text, size_t capacity)
{
    *writer = (struct json_writer){.text = text, .capacity = capacity};
    put(writer, "", 0);
}

void json_open_object(struct json_writer *writer, const char *key)
{
    put_open(writer, key, "{");
}

void json_close_object(struct json_writer *writer)
{
    put_close(writer, "}");
}

void json_open_array(struct json_writer *writer, const char *key)
{
    put_open(writer, key, "[");
}

void json_close_array(struct json_writer *writer)
{
    put_close(writer, "]");
}

void json_add_raw(struct json_writer *writer, const char *key, const char *value, size_t bytes)
{
    put_lead(writer, key);
    put(writer, value, bytes);
}

void json_add_text(struct json_writer *writer, const char *key, const char *value)
{
    put_lead(writer, key);
    if (value)
        put_text(writer, value);
    else
        put(writer, "null", 4);
}

void json_add_int(struct json_writer *writer, const char *key, int64_t value)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)value);
    json_add_raw(writer, key, digits, (size_t)length);
}

void json_add_bool(struct json_writer *writer, const char *key, int value)
{
    json_add_raw(writer, key, value ? "true" : "false", value ? 4 : 5);
}

void json_add_number(struct json_writer *writer, const char *key, double value, int digits)
{
    assert(digits >= 1 && digits <= 17);
    if (!isfinite(value)) {
        json_add_raw(writer, key, "null", 4);
        return;
    }
    char found[17];
    const int exponent = decimal_write(value, digits, found);
    int count = digits;
    while (count > 1 && found[count - 1] == '0')
        count--;

    put_lead(writer, key);
    if (signbit(value))
        put(writer, "-", 1);
    if (exponent < -5 || exponent > 16) {
        char power[8];
        put(writer, found, 1);
        put(writer, ".", count > 1);
        put(writer, found + 1, (size_t)count - 1);
        put(writer, power, (size_t)snprintf(power, sizeof power, "e%d", exponent));
        return;
    }
    const int whole = exponent < 0 ? 0 : count < exponent + 1 ? count : exponent + 1; /* digits before the point */
    put(writer, exponent < 0 ? "0" : found, exponent < 0 ? 1 : (size_t)whole);
    put(writer, "0000000000000000", exponent < 0 ? 0 : (size_t)(exponent + 1 - whole));
    put(writer, ".", count > whole);
    put(writer, "0000", exponent < 0 ? (size_t)(-exponent - 1) : 0);
    put(writer, found + whole, (size_t)(count - whole));
}
