/* The buffer behind stdout; see output.h. */
#include "output.h"

#include "../base/error.h"
#include "../base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Room for `bytes` more and a final 0, or NULL, noted. */
static char *output_room(struct output *out, size_t bytes)
{
    size_t needed;
    if (out->failed || !size_add(out->length, bytes, &needed) || !size_add(needed, 1, &needed)) {
        out->failed = 1;
        return NULL;
    }
    if (needed > out->capacity) {
        size_t capacity = needed < SIZE_MAX / 2 ? 2 * needed : needed;
        char *grown = realloc(out->text, capacity);
        if (!grown) {
            out->failed = 1;
            return NULL;
        }
        out->text = grown;
        out->capacity = capacity;
    }
    return out->text + out->length;
}

void output_add(struct output *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *room = length < 0 ? NULL : output_room(out, (size_t)length);
    if (!room)
        return;
    va_start(args, format);
    vsnprintf(room, (size_t)length + 1, format, args);
    va_end(args);
    out->length += (size_t)length;
}

void output_json(struct output *out, void (*write)(struct json_writer *json, const void *context), const void *context)
{
    struct json_writer json;
    json_begin(&json, NULL, 0);
    write(&json, context);
    size_t length = json.length;
    char *room = output_room(out, length);
    if (!room)
        return;
    json_begin(&json, room, length + 1);
    write(&json, context);
    out->length += length;
    output_add(out, "\n");
}

const char *expert_letters(int32_t expert, char letters[EXPERT_LETTERS])
{
    char *at = letters + EXPERT_LETTERS - 1;
    *at = 0;
    do {
        *--at = (char)('A' + expert % 26);
        expert = expert / 26 - 1;
    } while (expert >= 0 && at > letters);
    return at;
}

int32_t expert_of_letters(const char *text, size_t length)
{
    int32_t expert = 0;
    if (length >= EXPERT_LETTERS - 2) /* 26^5 still fits */
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 'A' || text[i] > 'Z')
            return -1;
        expert = expert * 26 + (text[i] - 'A') + 1;
    }
    return expert - 1;
}

pmoe_status output_flush(struct output *out, FILE *stream, pmoe_error *error)
{
    if (out->failed)
        return fail(error, PMOE_E_MEMORY, "no memory for the result");
    errno = 0;
    size_t written = out->length ? fwrite(out->text, 1, out->length, stream) : 0;
    if (written != out->length || fflush(stream))
        return fail(error, PMOE_E_IO, "stdout: the result could not be written: %s",
                    errno ? strerror(errno) : "unknown reason");
    return PMOE_OK;
}

void output_close(struct output *out)
{
    free(out->text);
    *out = (struct output){NULL, 0, 0, 0};
}
