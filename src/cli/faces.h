/* CelebA from its folder, list_attr_celeba.txt and img_align_celeba/, to rows as pmoe_photos_open takes them. */
#ifndef PMOE_CLI_FACES_H
#define PMOE_CLI_FACES_H

#include "files.h"

/* The first of `most` photographs of a set of CelebA's, each cropped to its middle square and averaged to PMOE_FACE a
 * side.  rows is the caller's to close. */
PMOE_MUST_USE pmoe_status faces_read(const char *folder, pmoe_set set, int train, int32_t most, struct file *rows,
                                     pmoe_error *error);

#endif
