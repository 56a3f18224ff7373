/* A weights file once more in eight bits, calibrated on samples of a set that are there to be trained on. */
#ifndef PMOE_CLI_INT8_FILE_H
#define PMOE_CLI_INT8_FILE_H

#include "data_dir.h"
#include "model_file.h"

struct int8_request {
    const struct model_file *file; /* opened, in floats */
    const char *isa, *folder;      /* folder as for data_dir_open */
    const char *backgrounds;       /* as for data_dir_backgrounds */
    pmoe_set set;
    int32_t count;
    uint64_t seed; /* of boards; theirs is the next one, so that no digits make a board that is tested */
};

/* *model is the caller's to close.  Reads the file again: PMOE_E_IO if it has changed meanwhile. */
PMOE_MUST_USE pmoe_status int8_file_open(const struct int8_request *request, pmoe_model **model, pmoe_error *error);

#endif
