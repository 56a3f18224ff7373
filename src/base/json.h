/* JSON in and out.
 *
 * Reading: a tree of tokens (jsmn) over the caller's text, checked beforehand to be strict JSON; accessors fail with
 * the path of what was wrong.  Writing: straight into a fixed buffer, counting what did not fit. */
#ifndef PMOE_BASE_JSON_H
#define PMOE_BASE_JSON_H

#include "../pmoe.h"

/* ---- Reading ---- */

enum { JSON_MAX_BYTES = 1 << 24, JSON_MAX_TOKENS = 16384, JSON_MAX_DEPTH = 16, JSON_MAX_NUMBER = 64 };

struct json_token; /* one value or key; an index of all keys lies behind the last one, in the same block */

struct json {
    const char *text;
    const char *what; /* named in errors: "header", "pmoe.model" */
    struct json_token *tokens;
    int32_t count;
};

typedef int32_t json_node; /* index of a value; the root is 0; JSON_NONE for "not there" */
#define JSON_NONE (-1)

/* Parse `bytes` of text (not 0-terminated).  One block for the tokens comes from the allocator, none before the text
 * was found sound, and goes with json_close.  Refuses more than JSON_MAX_BYTES, JSON_MAX_TOKENS or JSON_MAX_DEPTH
 * (PMOE_E_LIMIT), and whatever RFC 8259 does not allow (PMOE_E_FORMAT, naming the byte): commas, colons and brackets
 * out of place, other literals and number forms, unknown escapes, control characters, text that is not UTF-8,
 * anything behind the value.  Stricter than the RFC in three things: the outermost value is an object or an array,
 * keys of one object differ (after unescaping), \u surrogates come in pairs.  *json is zeroed on failure. */
PMOE_MUST_USE pmoe_status json_open(const char *text, size_t bytes, const char *what, const pmoe_allocator *allocator,
                                    struct json *json, pmoe_error *error);
void json_close(struct json *json, const pmoe_allocator *allocator);

int json_is_object(const struct json *json, json_node node);
int json_is_array(const struct json *json, json_node node);
int json_is_string(const struct json *json, json_node node);
int32_t json_size(const struct json *json, json_node node);                        /* members or elements */
json_node json_member(const struct json *json, json_node object, const char *key); /* JSON_NONE if absent */
json_node json_first(const struct json *json, json_node node); /* first element, or first member's key */
json_node json_next(const struct json *json, json_node node);  /* the sibling after; for a key: the next key */
json_node json_value(const struct json *json, json_node key);  /* the value that belongs to a key */

/* Nodes may be JSON_NONE in all of these: sizes are then 0, relatives JSON_NONE, and the four below say that `name` is
 * missing.
 *
 * Value of a leaf.  Text is unescaped to UTF-8 with a final 0; PMOE_E_LIMIT if it does not fit in capacity, and
 * PMOE_E_FORMAT if it holds a 0 of its own.  Integers must be written as integers and lie in [low, high];
 * PMOE_E_LIMIT above, PMOE_E_FORMAT below.  `name` opens the error sentence. */
PMOE_MUST_USE pmoe_status json_text(const struct json *json, json_node node, const char *name, char *text,
                                    size_t capacity, pmoe_error *error);
PMOE_MUST_USE pmoe_status json_int(const struct json *json, json_node node, const char *name, int64_t low, int64_t high,
                                   int64_t *value, pmoe_error *error);
PMOE_MUST_USE pmoe_status json_bool(const struct json *json, json_node node, const char *name, int *value,
                                    pmoe_error *error);
PMOE_MUST_USE pmoe_status json_number(const struct json *json, json_node node, const char *name, double *value,
                                      pmoe_error *error); /* finite, in at most JSON_MAX_NUMBER characters */

/* The raw text of a value, for copying it elsewhere unread. */
const char *json_raw(const struct json *json, json_node node, size_t *bytes);

/* A value's raw text for an error sentence: printable ASCII, others as ?, long ones cut; text without its quotes. */
struct json_quote {
    char text[44];
};
struct json_quote json_quote(const struct json *json, json_node node);

/* Bytes of the well-formed UTF-8 character at the start of text, 0 if there is none. */
size_t json_utf8(const char *text, size_t bytes);

/* ---- Writing ---- */

/* Commas and nesting (at most 31 deep) are kept by the writer; keys are NULL inside arrays.  Like snprintf, `length`
 * goes on counting when the buffer is full, and what is there ends in a 0 if capacity > 0.  Text that is not UTF-8
 * gets U+FFFD for each bad byte, so that what is written is always JSON. */
struct json_writer {
    char *text;
    size_t capacity, length;
    int32_t depth;
    uint32_t has_items; /* one bit per depth */
};

void json_begin(struct json_writer *writer, char *text, size_t capacity);
void json_open_object(struct json_writer *writer, const char *key);
void json_close_object(struct json_writer *writer);
void json_open_array(struct json_writer *writer, const char *key);
void json_close_array(struct json_writer *writer);
void json_add_text(struct json_writer *writer, const char *key, const char *value); /* NULL value: null */
void json_add_int(struct json_writer *writer, const char *key, int64_t value);
void json_add_bool(struct json_writer *writer, const char *key, int value);
/* `digits` significant digits (9 restores a float, 17 a double); not finite: null. */
void json_add_number(struct json_writer *writer, const char *key, double value, int digits);
void json_add_raw(struct json_writer *writer, const char *key, const char *value, size_t bytes);

#endif
