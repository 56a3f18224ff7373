/* Picture files as rows of photographs, as pmoe_photos_open takes them. */
#ifndef PMOE_CLI_PICTURE_ROWS_H
#define PMOE_CLI_PICTURE_ROWS_H

#include "files.h"

size_t picture_row_bytes(int32_t side);

/* One picture, its middle square averaged to `side`, and its label as the next row.  row [picture_row_bytes]. */
PMOE_MUST_USE pmoe_status picture_row(const char *path, int32_t side, int32_t label, uint8_t *row, pmoe_error *error);

/* All files of a folder in the order of their names, label 0; those that begin with '.' and folders are passed over.
 * PMOE_E_IO if there are none, PMOE_E_LIMIT above 100,000.  rows is the caller's to close. */
PMOE_MUST_USE pmoe_status picture_rows(const char *folder, int32_t side, struct file *rows, pmoe_error *error);

#endif
