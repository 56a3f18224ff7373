/* Weights files opened by path, and networks of the benchmark by name, with the digest that results name them by. */
#ifndef PMOE_CLI_MODEL_FILE_H
#define PMOE_CLI_MODEL_FILE_H

#include "../base/digest.h"
#include "files.h"
#include "options.h"

struct model_file {
    const char *path; /* or the network's name */
    pmoe_model *model;
    double open_ns;          /* from bytes to a model that is ready */
    char sha256[DIGEST_HEX]; /* of the file */
};

/* The weights that predict and bench use when none are named. */
extern const char *const default_models[];
enum { DEFAULT_MODELS = 3 };

/* A row that goes with operands or options that name files. */
#define OPTION_ROW_NETWORK(type)                                                                                       \
    {                                                                                                                  \
        "network", OPTION_TEXT, offsetof(type, network), NULL,                                                         \
            "instead: a network of the benchmark, weights at random", "NAME", 0, 0, NULL, 0                            \
    }

/* The bytes of a weights file: of the one at `path`, or of the network so named; exactly one of the two may be given,
 * the other is NULL.  file_close gives them back. */
PMOE_MUST_USE pmoe_status weights_read(const char *path, const char *network, struct file *bytes, pmoe_error *error);

/* Likewise, opened. */
PMOE_MUST_USE pmoe_status model_file_open(const char *path, const char *network, const char *isa,
                                          struct model_file *file, pmoe_error *error);
void model_file_close(struct model_file *file);

/* Those named, or the default ones; files [OPTION_MAX_TEXTS]. */
PMOE_MUST_USE pmoe_status model_files_open(const struct option_texts *paths, const char *isa, struct model_file *files,
                                           int32_t *count, pmoe_error *error);
void model_files_close(struct model_file *files, int32_t count);

/* PMOE_E_ARGUMENT, listing those that there are, unless `isa` is "best" or one of them. */
PMOE_MUST_USE pmoe_status check_isa(const char *isa, pmoe_error *error);

#endif
