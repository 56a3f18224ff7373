/* Options from tables: one row says an option's name, type, place, default and meaning; parsing, help and error
 * sentences all come from it.
 *
 * Understood: --name VALUE, --name=VALUE, --flag, -h, and -- before operands that begin with a dash.  The last of an
 * option given twice counts, except lists of texts, which grow.  Leaves out short options and abbreviations: scripts
 * that use them break when options are added. */
#ifndef PMOE_CLI_OPTIONS_H
#define PMOE_CLI_OPTIONS_H

#include "../pmoe.h"

enum option_type {
    OPTION_FLAG,   /* int32_t: 1 if given */
    OPTION_TEXT,   /* const char *; NULL if neither given nor defaulted */
    OPTION_INT,    /* int64_t in [low, high] */
    OPTION_NUMBER, /* double in [low, high] */
    OPTION_CHOICE, /* int32_t: index into choices; -1 if neither given nor defaulted */
    OPTION_TEXTS,  /* struct option_texts; may be given again and again */
    OPTION_INTS,   /* struct option_ints: 1,2,4; each in [low, high] */
};

enum { OPTION_MAX_TEXTS = 16, OPTION_MAX_INTS = 32 };

struct option_texts {
    const char *at[OPTION_MAX_TEXTS];
    int32_t count;
};

struct option_ints {
    int64_t at[OPTION_MAX_INTS];
    int32_t count;
};

struct option {
    const char *name; /* without the dashes */
    enum option_type type;
    size_t at;            /* offsetof in the command's struct */
    const char *fallback; /* the default as one would type it; NULL: none */
    const char *help;
    const char *value;          /* what help calls the value: "FILE" */
    double low, high;           /* numbers; whole ones below 2^53 */
    const char *const *choices; /* NULL at the end */
    int32_t required;
};

/* Rows that several commands share; `type` is the command's struct. */
#define OPTION_ROW_JSON(type)                                                                                          \
    {                                                                                                                  \
        "json", OPTION_FLAG, offsetof(type, json), NULL, "print the result as JSON", NULL, 0, 0, NULL, 0               \
    }
#define OPTION_ROW_ISA(type)                                                                                           \
    {                                                                                                                  \
        "isa", OPTION_TEXT, offsetof(type, isa), "best",                                                               \
            "instruction set; `pmoe self-test` lists those that run here", "NAME", 0, 0, NULL, 0                       \
    }
#define OPTION_MAX_WHOLE 9007199254740991.0 /* 2^53 - 1: whole numbers that doubles and JSON readers keep */
#define OPTION_ROW_SEED(type, help)                                                                                    \
    {                                                                                                                  \
        "seed", OPTION_INT, offsetof(type, seed), "1", help, "N", 0, OPTION_MAX_WHOLE, NULL, 0                         \
    }
/* Of single passes: one unless asked for, since starting threads takes longer than a small model's pass. */
#define OPTION_ROW_PASS_THREADS(type)                                                                                  \
    {                                                                                                                  \
        "threads", OPTION_INT, offsetof(type, threads), "1", "threads that a pass may use; 0: one per CPU", "N", 0,    \
            256, NULL, 0                                                                                               \
    }
#define OPTION_ROW_THREADS(type)                                                                                       \
    {                                                                                                                  \
        "threads", OPTION_INT, offsetof(type, threads), "0", "threads to use; 0: one per CPU", "N", 0, 256, NULL, 0    \
    }

/* What was typed besides options. */
struct invocation {
    const char *const *operand;
    int32_t operands;
    const char *line; /* the whole command, quoted where a shell needs it: for result files */
};

/* Text on its way to stdout, kept back until a command has succeeded. */
struct output {
    char *text; /* malloc */
    size_t length, capacity;
    int32_t failed; /* out of memory: reported at the end */
};

/* One subcommand. */
struct command {
    const char *name;     /* "eval", or two words: "study samples" */
    const char *operands; /* as help shows them: "IMAGE..."; NULL: none */
    const char *summary;  /* one line for the list of commands */
    const struct option *options;
    size_t option_count;
    size_t options_bytes; /* of its struct */
    int32_t min_operands, max_operands;
    /* `options` is its struct, filled.  Results go to `out`; a failure is a status and one sentence. */
    pmoe_status (*run)(const void *options, const struct invocation *typed, struct output *out, pmoe_error *error);
};

/* Fill the command's struct from argv [argc], those behind its name.  Operands are collected in `operand` [argc].
 * *wants_help is 1 if -h or --help was among them; then nothing else was checked. */
PMOE_MUST_USE pmoe_status options_parse(const struct command *command, int argc, char *const *argv, void *options,
                                        const char **operand, int32_t *operand_count, int32_t *wants_help,
                                        pmoe_error *error);

void options_help(const struct command *command, struct output *out);

/* Of names, the one that `typed` was likely meant to be; NULL if none is near. */
const char *nearest_name(const char *typed, const char *(*name_at)(const void *context, size_t index),
                         const void *context);

#endif
