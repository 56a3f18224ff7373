/* Finding and opening a data set; see data_dir.h. */
#include "data_dir.h"

#include "../base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const data_split_names[] = {"test", "train", NULL};
const char *const board_set_names[] = {"mosaic", "mosaic10", NULL};

struct names {
    const char *images, *labels;
};

static const struct names split_names[] = {
    [DATA_TEST] = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
    [DATA_TRAIN] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
};
static const struct names sheet_names = {"digits-images-idx3-ubyte", "digits-labels-idx1-ubyte"};

/* folder/name, from malloc; NULL without memory */
static char *join_path(const char *folder, const char *name)
{
    size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = malloc(bytes);
    if (path)
        snprintf(path, bytes, "%s/%s", folder, name);
    return path;
}

static int has_file(const char *folder, const char *name)
{
    char *path = join_path(folder, name);
    int found = path && file_exists(path);
    free(path);
    return found;
}

static pmoe_status read_in(const char *folder, const char *name, struct file *file, pmoe_error *error)
{
    char *path = join_path(folder, name);
    if (!path)
        return fail(error, PMOE_E_MEMORY, "%s: no memory for a name", short_path(folder));
    pmoe_status status = file_read(path, FILE_DATA_CAP, file, error);
    free(path);
    return status;
}

pmoe_status data_dir_open(const char *folder, enum data_split split, struct data_dir *data, pmoe_error *error)
{
    *data = (struct data_dir){.digits = NULL};
    const struct names *names = &split_names[split];
    if (!has_file(folder, names->images)) {
        if (!has_file(folder, sheet_names.images))
            return fail(error, PMOE_E_IO,
                        "%s: expected a folder with %s or %s, found neither; `make data` fetches MNIST",
                        short_path(folder), names->images, sheet_names.images);
        names = &sheet_names;
    }
    pmoe_status status = read_in(folder, names->images, &data->images, error);
    if (status == PMOE_OK)
        status = read_in(folder, names->labels, &data->labels, error);
    if (status == PMOE_OK) {
        pmoe_error why;
        status = pmoe_digits_open(data->images.bytes, data->images.count, data->labels.bytes, data->labels.count, NULL,
                                  &data->digits, &why);
        if (status != PMOE_OK)
            fail_at(error, folder, why);
    }
    if (status != PMOE_OK)
        data_dir_close(data);
    return status;
}

void data_dir_close(struct data_dir *data)
{
    pmoe_digits_close(&data->digits);
    file_close(&data->images);
    file_close(&data->labels);
}
