/* The grammar of RFC 8259, held against a text: nothing is stored, nothing allocated, recursion is JSON_MAX_DEPTH deep
 * at most.  What jsmn lets through that the grammar does not is refused here. */
#include "json_scan.h"
#include "error.h"

#include <string.h>

struct scan {
    const char *text, *what;
    size_t at, bytes;
    int32_t tokens;
    pmoe_error *error;
};

static pmoe_status unexpected(const struct scan *scan, const char *expected)
{
    unsigned char found = scan->at < scan->bytes ? (unsigned char)scan->text[scan->at] : 0;
    if (scan->at >= scan->bytes)
        return fail(scan->error, PMOE_E_FORMAT, "%s, byte %zu: expected %s, found the end", scan->what, scan->at,
                    expected);
    if (found > ' ' && found < 0x7f)
        return fail(scan->error, PMOE_E_FORMAT, "%s, byte %zu: expected %s, found '%c'", scan->what, scan->at, expected,
                    found);
    return fail(scan->error, PMOE_E_FORMAT, "%s, byte %zu: expected %s, found byte 0x%02x", scan->what, scan->at,
                expected, found);
}

/* The character at hand, -1 at the end. */
static int peek(const struct scan *scan)
{
    return scan->at < scan->bytes ? (unsigned char)scan->text[scan->at] : -1;
}

static int accept(struct scan *scan, char wanted)
{
    if (peek(scan) != wanted)
        return 0;
    scan->at++;
    return 1;
}

static void skip_space(struct scan *scan)
{
    while (accept(scan, ' ') || accept(scan, '\n') || accept(scan, '\r') || accept(scan, '\t'))
        ;
}

static int is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(int c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

uint32_t json_hex4(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)hex_value(at[i]);
    return value;
}

size_t json_utf8(const char *text, size_t bytes)
{
    /* Smallest code point that needs 2, 3, 4 bytes: anything below is an overlong form of a shorter one. */
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (bytes == 0)
        return 0;
    unsigned char lead = (unsigned char)text[0];
    size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (length == 1)
        return 1;
    if (lead < 0xc0 || lead > 0xf4 || bytes < length)
        return 0;
    uint32_t code = lead & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    }
    return code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : length;
}

/* Behind "\u": the digits of one code unit. */
static pmoe_status scan_hex4(struct scan *scan, uint32_t *unit)
{
    size_t start = scan->at;
    for (int i = 0; i < 4; i++, scan->at++)
        if (hex_value(peek(scan)) < 0)
            return unexpected(scan, "four hexadecimal digits");
    *unit = json_hex4(scan->text + start);
    return PMOE_OK;
}

static pmoe_status scan_escape(struct scan *scan)
{
    int c = peek(scan);
    if (c < 1 || !strchr("\"\\/bfnrtu", c))
        return unexpected(scan, "an escape that JSON knows");
    scan->at++;
    if (c != 'u')
        return PMOE_OK;
    uint32_t unit;
    TRY(scan_hex4(scan, &unit));
    if (unit < 0xd800 || unit > 0xdfff)
        return PMOE_OK;
    uint32_t low = 0;
    if (unit < 0xdc00 && accept(scan, '\\') && accept(scan, 'u'))
        TRY(scan_hex4(scan, &low));
    if (low < 0xdc00 || low > 0xdfff)
        return fail(scan->error, PMOE_E_FORMAT, "%s, byte %zu: \\u%04x is half a surrogate pair", scan->what, scan->at,
                    (unsigned)unit);
    return PMOE_OK;
}

static pmoe_status scan_string(struct scan *scan)
{
    if (!accept(scan, '"'))
        return unexpected(scan, "text in quotes");
    while (!accept(scan, '"')) {
        int c = peek(scan);
        if (c < ' ')
            return unexpected(scan, "a closing quote");
        if (accept(scan, '\\')) {
            TRY(scan_escape(scan));
            continue;
        }
        size_t length = json_utf8(scan->text + scan->at, scan->bytes - scan->at);
        if (length == 0)
            return unexpected(scan, "UTF-8 text");
        scan->at += length;
    }
    return PMOE_OK;
}

static pmoe_status scan_digits(struct scan *scan)
{
    if (!is_digit(peek(scan)))
        return unexpected(scan, "a digit");
    while (is_digit(peek(scan)))
        scan->at++;
    return PMOE_OK;
}

static pmoe_status scan_number(struct scan *scan)
{
    (void)accept(scan, '-');
    if (!accept(scan, '0'))
        TRY(scan_digits(scan));
    if (accept(scan, '.'))
        TRY(scan_digits(scan));
    if (accept(scan, 'e') || accept(scan, 'E')) {
        if (!accept(scan, '+'))
            (void)accept(scan, '-');
        TRY(scan_digits(scan));
    }
    return PMOE_OK;
}

static pmoe_status scan_word(struct scan *scan, const char *word)
{
    for (const char *c = word; *c; c++)
        if (!accept(scan, *c))
            return unexpected(scan, word);
    return PMOE_OK;
}

static pmoe_status count_token(struct scan *scan)
{
    if (++scan->tokens > JSON_MAX_TOKENS)
        return fail(scan->error, PMOE_E_LIMIT, "%s, byte %zu: more than %d values and keys", scan->what, scan->at,
                    JSON_MAX_TOKENS);
    return PMOE_OK;
}

static pmoe_status scan_value(struct scan *scan, int depth);

/* Behind the opening bracket. */
static pmoe_status scan_items(struct scan *scan, int depth, char close)
{
    if (depth == JSON_MAX_DEPTH)
        return fail(scan->error, PMOE_E_LIMIT, "%s, byte %zu: nested deeper than %d", scan->what, scan->at,
                    JSON_MAX_DEPTH);
    skip_space(scan);
    if (accept(scan, close))
        return PMOE_OK;
    for (;;) {
        skip_space(scan);
        if (close == '}') {
            TRY(count_token(scan));
            TRY(scan_string(scan));
            skip_space(scan);
            if (!accept(scan, ':'))
                return unexpected(scan, "':'");
            skip_space(scan);
        }
        TRY(scan_value(scan, depth + 1));
        skip_space(scan);
        if (accept(scan, close))
            return PMOE_OK;
        if (!accept(scan, ','))
            return unexpected(scan, close == '}' ? "',' or '}'" : "',' or ']'");
    }
}

static pmoe_status scan_value(struct scan *scan, int depth)
{
    TRY(count_token(scan));
    int c = peek(scan);
    switch (c) {
    case '{': scan->at++; return scan_items(scan, depth, '}');
    case '[': scan->at++; return scan_items(scan, depth, ']');
    case '"': return scan_string(scan);
    case 't': return scan_word(scan, "true");
    case 'f': return scan_word(scan, "false");
    case 'n': return scan_word(scan, "null");
    default: return c == '-' || is_digit(c) ? scan_number(scan) : unexpected(scan, "a value");
    }
}

pmoe_status json_scan(const char *text, size_t bytes, const char *what, int32_t *tokens, pmoe_error *error)
{
    if (bytes > JSON_MAX_BYTES)
        return fail(error, PMOE_E_LIMIT, "%s: %zu bytes, at most %d are read", what, bytes, JSON_MAX_BYTES);
    struct scan scan = {text, what, 0, bytes, 0, error};
    skip_space(&scan);
    if (peek(&scan) != '{' && peek(&scan) != '[')
        return unexpected(&scan, "'{' or '['");
    TRY(scan_value(&scan, 0));
    skip_space(&scan);
    if (scan.at != bytes)
        return unexpected(&scan, "nothing more");
    *tokens = scan.tokens;
    return PMOE_OK;
}
