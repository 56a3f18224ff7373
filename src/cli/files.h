/* Files whole: read with a cap, written in one step.  Error sentences begin with the path. */
#ifndef PMOE_CLI_FILES_H
#define PMOE_CLI_FILES_H

#include "../pmoe.h"

#define FILE_MODEL_CAP ((size_t)1 << 31)   /* bytes of a weights file */
#define FILE_PICTURE_CAP ((size_t)1 << 28) /* of a PNG or JPEG */
#define FILE_DATA_CAP ((size_t)1 << 30)    /* of an IDX file */

struct file {
    unsigned char *bytes; /* malloc */
    size_t count;
};

/* Read all of it: a regular file of at most `cap` bytes (checked before anything is allocated), or a pipe until its
 * end. An empty file is no error here. */
PMOE_MUST_USE pmoe_status file_read(const char *path, size_t cap, struct file *file, pmoe_error *error);
void file_close(struct file *file);

/* Whether there is something by that name. */
int file_exists(const char *path);

/* Replace the file as a whole: written beside it and renamed, so that readers see the old bytes or the new ones.
 * Devices and pipes are written to as they are. */
PMOE_MUST_USE pmoe_status file_write(const char *path, const void *bytes, size_t count, pmoe_error *error);

/* A path for an error sentence: the end of a long one. */
const char *short_path(const char *path);

/* Put the path before what went wrong with it, cutting the path where both are too long. */
pmoe_status fail_at(pmoe_error *error, const char *path, pmoe_error why);

#endif
