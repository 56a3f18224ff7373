/* Digits from a folder: MNIST's four files, or the two of the sample sheet.
 *
 *     train-images-idx3-ubyte  train-labels-idx1-ubyte  t10k-images-idx3-ubyte  t10k-labels-idx1-ubyte
 *     digits-images-idx3-ubyte  digits-labels-idx1-ubyte           (one sheet, which serves as either split) */
#ifndef PMOE_CLI_DATA_DIR_H
#define PMOE_CLI_DATA_DIR_H

#include "files.h"

enum data_split { DATA_TEST, DATA_TRAIN };

/* For option tables: choices in the order of enum data_split and of pmoe_set. */
extern const char *const data_split_names[];
extern const char *const board_set_names[];

struct data_dir {
    pmoe_digits *digits;
    struct file images, labels; /* what digits refers to */
};

PMOE_MUST_USE pmoe_status data_dir_open(const char *folder, enum data_split split, struct data_dir *data,
                                        pmoe_error *error);
void data_dir_close(struct data_dir *data);

#endif
