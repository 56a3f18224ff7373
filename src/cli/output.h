/* What commands print: text or JSON, gathered and written at once when the command has succeeded.
 *
 * So stdout holds a whole result or nothing, also when the last of many steps fails. */
#ifndef PMOE_CLI_OUTPUT_H
#define PMOE_CLI_OUTPUT_H

#include "../base/json.h"
#include "options.h"

#include <stdio.h>

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void output_add(struct output *out, const char *format, ...);

/* `write` is called twice, to size the text and to write it, and must do the same both times.  A newline follows. */
void output_json(struct output *out, void (*write)(struct json_writer *json, const void *context), const void *context);

enum { EXPERT_LETTERS = 8 };

/* What people call an expert, on the page too: A, B, .. Z, AA, AB, ..  JSON has its index. */
const char *expert_letters(int32_t expert, char letters[EXPERT_LETTERS]);
int32_t expert_of_letters(const char *text, size_t length); /* the index again; -1: no such name */

/* Write it all to the stream; PMOE_E_IO if that fails (a full disk, a closed pipe). */
PMOE_MUST_USE pmoe_status output_flush(struct output *out, FILE *stream, pmoe_error *error);
void output_close(struct output *out);

#endif
