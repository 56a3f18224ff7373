/* JSON in and out.
 *
 * Reading: a tree of tokens (jsmn) over the caller's text, checked to be strict JSON with unique keys; accessors fail
 * with the path of what was wrong.  Writing: straight into a fixed buffer, counting what did not fit. */
#ifndef PMOE_BASE_JSON_H
#define PMOE_BASE_JSON_H

#include "../pmoe.h"

/* ---- Reading ---- */

enum { JSON_MAX_TOKENS = 16384, JSON_MAX_DEPTH = 16 };

struct json_token; /* one value or key */

struct json {
    const char *text;
    const char *what; /* named in errors: "header", "pmoe.model" */
    struct json_token *tokens;
    int32_t count;
};

typedef int32_t json_node; /* index of a value; the root is 0; JSON_NONE for "not there" */
#define JSON_NONE (-1)

/* Parse `bytes` of text (not 0-terminated).  Tokens come from the allocator and go with json_close.  Refuses more
 * than JSON_MAX_TOKENS, depth beyond JSON_MAX_DEPTH, duplicate keys and anything RFC 8259 does not allow, before use;
 * errors name the byte offset. */
PMOE_MUST_USE pmoe_status json_open(const char *text, size_t bytes, const char *what, const pmoe_allocator *allocator,
                                    struct json *json, pmoe_error *error);
void json_close(struct json *json, const pmoe_allocator *allocator);

int json_is_object(const struct json *json, json_node node);
int json_is_array(const struct json *json, json_node node);
int json_is_string(const struct json *json, json_node node);
int32_t json_size(const struct json *json, json_node node);                    /* members or elements */
json_node json_member(const struct json *json, json_node object, const char *key); /* JSON_NONE if absent */
json_node json_first(const struct json *json, json_node node); /* first element, or first member's key */
json_node json_next(const struct json *json, json_node node);  /* the sibling after; for a key: the next key */
json_node json_value(const struct json *json, json_node key);  /* the value that belongs to a key */

/* Value of a leaf.  Text is unescaped to UTF-8 with a final 0; PMOE_E_LIMIT if it does not fit in capacity.
 * Integers must be written as integers and lie in [low, high].  `name` is used in the error sentence. */
PMOE_MUST_USE pmoe_status json_text(const struct json *json, json_node node, const char *name, char *text,
                                    size_t capacity, pmoe_error *error);
PMOE_MUST_USE pmoe_status json_int(const struct json *json, json_node node, const char *name, int64_t low,
                                   int64_t high, int64_t *value, pmoe_error *error);
PMOE_MUST_USE pmoe_status json_bool(const struct json *json, json_node node, const char *name, int *value,
                                    pmoe_error *error);
PMOE_MUST_USE pmoe_status json_number(const struct json *json, json_node node, const char *name, double *value,
                                      pmoe_error *error); /* finite */

/* The raw text of a value, for copying it elsewhere unread. */
const char *json_raw(const struct json *json, json_node node, size_t *bytes);

/* ---- Writing ---- */

/* Commas and nesting are kept by the writer; keys are NULL inside arrays.  Like snprintf, `length` goes on counting
 * when the buffer is full, and what is there ends in a 0 if capacity > 0. */
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
