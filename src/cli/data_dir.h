/* Data from a folder: MNIST's four files, the two of the sample sheet, the binary files of CIFAR-10, or CelebA.
 *
 *     train-images-idx3-ubyte  train-labels-idx1-ubyte  t10k-images-idx3-ubyte  t10k-labels-idx1-ubyte
 *     digits-images-idx3-ubyte  digits-labels-idx1-ubyte           (one sheet, which serves as either split)
 *     data_batch_1.bin .. data_batch_5.bin  test_batch.bin
 *     list_attr_celeba.txt  img_align_celeba/ */
#ifndef PMOE_CLI_DATA_DIR_H
#define PMOE_CLI_DATA_DIR_H

#include "files.h"

enum data_split { DATA_TEST, DATA_TRAIN };

/* For option tables: choices in the order of enum data_split and of pmoe_set. */
extern const char *const data_split_names[];
extern const char *const set_names[];
extern const char *const board_set_names[]; /* without the photographs */

enum { DATA_FILES = 5 };

struct data_dir {
    pmoe_digits *digits;
    pmoe_photos *photos, *backgrounds;
    struct file file[DATA_FILES], behind; /* what they refer to */
};

/* Where `make data` puts what a set needs. */
const char *data_dir_default(pmoe_set set);

/* What a set needs from `folder`; NULL: the default one.  Of CelebA, whose pictures are decoded one by one, the first
 * `most` of the set; 0: 25,000 to train on, 2,000 to test, the most that the paper uses. */
PMOE_MUST_USE pmoe_status data_dir_open(const char *folder, pmoe_set set, enum data_split split, int32_t most,
                                        struct data_dir *data, pmoe_error *error);
/* Besides, a folder of pictures for the set `noise` to put its photographs on; NULL: none. */
PMOE_MUST_USE pmoe_status data_dir_backgrounds(const char *folder, pmoe_set set, struct data_dir *data,
                                               pmoe_error *error);
void data_dir_close(struct data_dir *data);

/* How many samples of a set to judge a model on: `asked`, refused if there are not so many; 0: all photographs, or
 * `boards`. */
PMOE_MUST_USE pmoe_status data_dir_samples(const struct data_dir *data, pmoe_set set, int64_t asked, int32_t boards,
                                           int32_t *count, pmoe_error *error);

/* As the library wants it. */
pmoe_data data_dir_all(const struct data_dir *data);

#endif
