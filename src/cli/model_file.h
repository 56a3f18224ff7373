/* Weights files opened by path, with the digest that results name them by. */
#ifndef PMOE_CLI_MODEL_FILE_H
#define PMOE_CLI_MODEL_FILE_H

#include "../base/digest.h"
#include "options.h"

struct model_file {
    const char *path;
    pmoe_model *model;
    char sha256[DIGEST_HEX]; /* of the file */
};

/* The weights that predict and bench use when none are named. */
extern const char *const default_models[];
enum { DEFAULT_MODELS = 3 };

PMOE_MUST_USE pmoe_status model_file_open(const char *path, const char *isa, struct model_file *file,
                                          pmoe_error *error);
void model_file_close(struct model_file *file);

/* Those named, or the default ones; files [OPTION_MAX_TEXTS]. */
PMOE_MUST_USE pmoe_status model_files_open(const struct option_texts *paths, const char *isa, struct model_file *files,
                                           int32_t *count, pmoe_error *error);
void model_files_close(struct model_file *files, int32_t count);

/* PMOE_E_ARGUMENT, listing those that there are, unless `isa` is "best" or one of them. */
PMOE_MUST_USE pmoe_status check_isa(const char *isa, pmoe_error *error);

#endif
