/* Reading JSON.  The scanner (json_scan.c) finds the text sound and counts what it needs; jsmn then makes the tokens; a
 * hash index over all keys finds duplicates and members. */
#include "json.h"
#include "decimal.h"
#include "error.h"
#include "json_scan.h"
#include "memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

/* ---- Unescaping ------------------------------------------------------------------------------------------------- */

/* Walks over the bytes that a text stands for, without storing them. */
struct walk {
    const char *at, *end;
    int escaped;                    /* whether backslashes mean anything */
    int32_t pending, pending_count; /* of a \u escape */
    unsigned char pending_bytes[4];
};

static void walk_unicode(struct walk *walk)
{
    uint32_t code = json_hex4(walk->at);
    walk->at += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (json_hex4(walk->at + 2) - 0xdc00);
        walk->at += 6;
    }
    int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (int i = length - 1; i > 0; i--, code >>= 6)
        walk->pending_bytes[i] = (unsigned char)(0x80 | (code & 0x3f));
    walk->pending_bytes[0] = (unsigned char)(lead[length] | code);
    walk->pending = 0;
    walk->pending_count = length;
}

/* The next byte, -1 at the end. */
static int walk_byte(struct walk *walk)
{
    if (walk->pending < walk->pending_count)
        return walk->pending_bytes[walk->pending++];
    if (walk->at == walk->end)
        return -1;
    char c = *walk->at++;
    if (c != '\\' || !walk->escaped)
        return (unsigned char)c;
    c = *walk->at++;
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': walk_unicode(walk); return walk->pending_bytes[walk->pending++];
    default: return c; /* quote, backslash, slash */
    }
}

static int walks_agree(struct walk a, struct walk b)
{
    for (;;) {
        int byte = walk_byte(&a);
        if (byte != walk_byte(&b))
            return 0;
        if (byte < 0)
            return 1;
    }
}

/* ---- Tokens and the index of keys ------------------------------------------------------------------------------- */

static const jsmntok_t *token_at(const struct json *json, json_node node)
{
    assert(node >= 0 && node < json->count);
    return (const jsmntok_t *)json->tokens + node;
}

static struct walk walk_token(const struct json *json, json_node node)
{
    const jsmntok_t *token = token_at(json, node);
    return (struct walk){.at = json->text + token->start, .end = json->text + token->end, .escaped = 1};
}

static struct walk walk_plain(const char *text)
{
    return (struct walk){.at = text, .end = text + strlen(text)};
}

/* A key is a text right inside an object; the value that belongs to it is its child and the next token. */
static int is_key(const struct json *json, json_node node)
{
    const jsmntok_t *token = token_at(json, node);
    return token->type == JSMN_STRING && token->parent >= 0 && token_at(json, token->parent)->type == JSMN_OBJECT;
}

/* Slots of the index: a power of two above twice the number of keys, as each key has a value and is not the root. */
static size_t slot_count(int32_t tokens)
{
    size_t slots = 1;
    while (slots < (size_t)tokens)
        slots *= 2;
    return slots;
}

/* The slot that holds the key of an object which reads like `name`, or else the free slot where it would go.  FNV-1a;
 * a text made to collide costs the square of JSON_MAX_TOKENS / 2 probes at worst. */
static json_node *find_slot(const struct json *json, json_node object, struct walk name)
{
    json_node *slots = (json_node *)((jsmntok_t *)json->tokens + json->count);
    size_t mask = slot_count(json->count) - 1;
    uint32_t hash = 2166136261u ^ (uint32_t)object;
    struct walk bytes = name;
    for (int byte = walk_byte(&bytes); byte >= 0; byte = walk_byte(&bytes))
        hash = (hash ^ (uint32_t)byte) * 16777619u;
    for (size_t slot = (hash ^ hash >> 15) & mask;; slot = (slot + 1) & mask) {
        json_node key = slots[slot];
        if (key == JSON_NONE || (token_at(json, key)->parent == object && walks_agree(walk_token(json, key), name)))
            return &slots[slot];
    }
}

static pmoe_status index_keys(const struct json *json, pmoe_error *error)
{
    json_node *slots = (json_node *)((jsmntok_t *)json->tokens + json->count);
    for (size_t slot = 0; slot < slot_count(json->count); slot++)
        slots[slot] = JSON_NONE;
    for (json_node node = 1; node < json->count; node++) {
        if (!is_key(json, node))
            continue;
        json_node *slot = find_slot(json, token_at(json, node)->parent, walk_token(json, node));
        if (*slot != JSON_NONE)
            return fail(error, PMOE_E_FORMAT, "%s, byte %d: key \"%s\" appears twice", json->what,
                        token_at(json, node)->start, json_quote(json, node).text);
        *slot = node;
    }
    return PMOE_OK;
}

pmoe_status json_open(const char *text, size_t bytes, const char *what, const pmoe_allocator *allocator,
                      struct json *json, pmoe_error *error)
{
    *json = (struct json){0};
    int32_t count;
    TRY(json_scan(text, bytes, what, &count, error));

    pmoe_allocator memory = allocator_or_malloc(allocator);
    size_t block_bytes = (size_t)count * sizeof(jsmntok_t) + slot_count(count) * sizeof(json_node);
    jsmntok_t *tokens = allocator_take(&memory, block_bytes);
    if (!tokens)
        return fail(error, PMOE_E_MEMORY, "%s: no memory for its %d values and keys", what, (int)count);
    jsmn_parser parser;
    jsmn_init(&parser);
    int parsed = jsmn_parse(&parser, text, bytes, tokens, (unsigned)count);
    assert(parsed == count);
    (void)parsed;

    *json = (struct json){text, what, (struct json_token *)tokens, count};
    pmoe_status status = index_keys(json, error);
    if (status != PMOE_OK)
        json_close(json, allocator);
    return status;
}

void json_close(struct json *json, const pmoe_allocator *allocator)
{
    pmoe_allocator memory = allocator_or_malloc(allocator);
    allocator_give(&memory, json->tokens);
    *json = (struct json){0};
}

/* ---- Access ----------------------------------------------------------------------------------------------------- */

static int has_type(const struct json *json, json_node node, jsmntype_t type)
{
    return node != JSON_NONE && token_at(json, node)->type == type;
}

int json_is_object(const struct json *json, json_node node)
{
    return has_type(json, node, JSMN_OBJECT);
}

int json_is_array(const struct json *json, json_node node)
{
    return has_type(json, node, JSMN_ARRAY);
}

int json_is_string(const struct json *json, json_node node)
{
    return has_type(json, node, JSMN_STRING);
}

int32_t json_size(const struct json *json, json_node node)
{
    return json_is_object(json, node) || json_is_array(json, node) ? token_at(json, node)->size : 0;
}

json_node json_member(const struct json *json, json_node object, const char *key)
{
    return json_is_object(json, object) ? json_value(json, *find_slot(json, object, walk_plain(key))) : JSON_NONE;
}

json_node json_first(const struct json *json, json_node node)
{
    return json_size(json, node) > 0 ? node + 1 : JSON_NONE;
}

json_node json_next(const struct json *json, json_node node)
{
    if (node == JSON_NONE)
        return JSON_NONE;
    json_node last = is_key(json, node) ? node + 1 : node;
    int end = token_at(json, last)->end;
    json_node next = last + 1;
    while (next < json->count && token_at(json, next)->start < end)
        next++;
    int is_sibling = next < json->count && token_at(json, next)->parent == token_at(json, node)->parent;
    return is_sibling ? next : JSON_NONE;
}

json_node json_value(const struct json *json, json_node key)
{
    return key != JSON_NONE && is_key(json, key) ? key + 1 : JSON_NONE;
}

const char *json_raw(const struct json *json, json_node node, size_t *bytes)
{
    const jsmntok_t *token = token_at(json, node);
    int quote = token->type == JSMN_STRING;
    *bytes = (size_t)(token->end - token->start + 2 * quote);
    return json->text + token->start - quote;
}

struct json_quote json_quote(const struct json *json, json_node node)
{
    struct json_quote quote = {"nothing"};
    if (node == JSON_NONE)
        return quote;
    const jsmntok_t *token = token_at(json, node);
    size_t bytes = (size_t)(token->end - token->start), room = sizeof quote.text - 1;
    size_t kept = bytes <= room ? bytes : room - 3;
    for (size_t i = 0; i < kept; i++) {
        unsigned char c = (unsigned char)json->text[(size_t)token->start + i];
        quote.text[i] = c >= ' ' && c < 0x7f ? (char)c : '?';
    }
    memcpy(quote.text + kept, kept < bytes ? "..." : "", kept < bytes ? 4 : 1);
    return quote;
}

static pmoe_status wrong_kind(const struct json *json, json_node node, const char *name, const char *expected,
                              pmoe_error *error)
{
    static const char *const kinds[] = {[JSMN_OBJECT] = "an object", [JSMN_ARRAY] = "an array", [JSMN_STRING] = "text"};
    if (node == JSON_NONE)
        return fail(error, PMOE_E_FORMAT, "%s is missing, expected %s", name, expected);
    jsmntype_t type = token_at(json, node)->type;
    return fail(error, PMOE_E_FORMAT, "%s is %s, expected %s", name,
                type == JSMN_PRIMITIVE ? json_quote(json, node).text : kinds[type], expected);
}

pmoe_status json_text(const struct json *json, json_node node, const char *name, char *text, size_t capacity,
                      pmoe_error *error)
{
    if (!json_is_string(json, node))
        return wrong_kind(json, node, name, "text", error);
    size_t length = 0;
    struct walk walk = walk_token(json, node);
    for (int byte = walk_byte(&walk); byte >= 0; byte = walk_byte(&walk), length++)
        if (byte == 0)
            return fail(error, PMOE_E_FORMAT, "%s holds a zero character: \"%s\"", name, json_quote(json, node).text);
    if (length >= capacity)
        return fail(error, PMOE_E_LIMIT, "%s is %zu bytes long, at most %zu are read: \"%s\"", name, length,
                    capacity ? capacity - 1 : 0, json_quote(json, node).text);
    walk = walk_token(json, node);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)walk_byte(&walk);
    text[length] = 0;
    return PMOE_OK;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The span of a number, NULL for any other value. */
static const char *number_span(const struct json *json, json_node node, size_t *bytes)
{
    if (!has_type(json, node, JSMN_PRIMITIVE))
        return NULL;
    const char *text = json_raw(json, node, bytes);
    return *text == '-' || is_digit(*text) ? text : NULL;
}

pmoe_status json_int(const struct json *json, json_node node, const char *name, int64_t low, int64_t high,
                     int64_t *value, pmoe_error *error)
{
    size_t bytes = 0;
    const char *text = number_span(json, node, &bytes);
    if (!text || memchr(text, '.', bytes) || memchr(text, 'e', bytes) || memchr(text, 'E', bytes))
        return wrong_kind(json, node, name, "an integer", error);
    int negative = *text == '-', too_long = 0;
    int64_t sum = 0; /* kept negative: the range below 0 is the larger one */
    for (size_t i = (size_t)negative; i < bytes; i++) {
        int digit = text[i] - '0';
        too_long |= sum < (INT64_MIN + digit) / 10;
        sum = too_long ? 0 : sum * 10 - digit;
    }
    too_long |= !negative && sum == INT64_MIN;
    int64_t found = too_long ? 0 : negative ? sum : -sum;
    if (too_long || found < low || found > high)
        return fail(error, (too_long ? !negative : found > high) ? PMOE_E_LIMIT : PMOE_E_FORMAT,
                    "%s is %s, expected %lld to %lld", name, json_quote(json, node).text, (long long)low,
                    (long long)high);
    *value = found;
    return PMOE_OK;
}

pmoe_status json_bool(const struct json *json, json_node node, const char *name, int *value, pmoe_error *error)
{
    size_t bytes = 0;
    const char *text = has_type(json, node, JSMN_PRIMITIVE) ? json_raw(json, node, &bytes) : "";
    if (*text != 't' && *text != 'f')
        return wrong_kind(json, node, name, "true or false", error);
    *value = *text == 't';
    return PMOE_OK;
}

pmoe_status json_number(const struct json *json, json_node node, const char *name, double *value, pmoe_error *error)
{
    size_t bytes = 0;
    const char *text = number_span(json, node, &bytes);
    if (!text)
        return wrong_kind(json, node, name, "a number", error);
    if (bytes > JSON_MAX_NUMBER)
        return fail(error, PMOE_E_LIMIT, "%s has %zu characters, at most %d are read", name, bytes, JSON_MAX_NUMBER);
    char digits[JSON_MAX_NUMBER];
    size_t length = 0, i = *text == '-';
    int exponent = 0, sign = 1, in_fraction = 0, whole = 0;
    for (; i < bytes && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            in_fraction = 1;
            continue;
        }
        digits[length++] = text[i];
        whole += !in_fraction;
    }
    for (i++; i < bytes; i++) {
        sign = text[i] == '-' ? -1 : sign;
        if (is_digit(text[i]) && exponent < 100000) /* beyond any double, and far from overflow */
            exponent = exponent * 10 + (text[i] - '0');
    }
    double found = decimal_read(digits, length, whole + sign * exponent);
    if (!isfinite(found))
        return fail(error, PMOE_E_LIMIT, "%s is %s, expected a finite double", name, json_quote(json, node).text);
    *value = *text == '-' ? -found : found;
    return PMOE_OK;
}
