/* What every result says about how it came to be, and the native clock.
 *
 * A result is a JSON object: {"version": 1, "kind": "bench", "pmoe": ..., "build": ..., "command": ..., "environment":
 * {...}, ...}; what follows belongs to the kind.  The page writes and reads the same. */
#ifndef PMOE_CLI_RESULT_H
#define PMOE_CLI_RESULT_H

#include "../base/json.h"

enum { RESULT_VERSION = 1 };

struct environment {
    char cpu[96];      /* as the system reports it; "unknown" where it does not */
    char system[96];   /* kernel and machine, without its name */
    char compiler[96]; /* that built this program */
    int32_t cpus;      /* that this process may use, as reported */
};

struct environment environment_read(void);

const char *build_id(void); /* hash over the sources */

/* Open the result's object and write what all kinds share.  `isa` is what ran, NULL where none did.  The caller closes
 * the object. */
void result_begin(struct json_writer *json, const char *kind, const char *command, const char *isa,
                  const struct environment *environment);

/* How a mixture used its experts: {"gates": [...], "load": [...], "gates_cv": ..., "load_cv": ..., "entropy": ...}, as
 * pmoe_usage. */
void result_usage(struct json_writer *json, const char *key, const pmoe_usage *usage);

/* Monotonic nanoseconds. */
double native_clock_ns(void);

#endif
