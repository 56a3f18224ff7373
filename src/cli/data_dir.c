/* Finding and opening a data set; see data_dir.h. */
#include "data_dir.h"

#include "../base/error.h"
#include "../data/source.h"
#include "faces.h"
#include "picture_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const data_split_names[] = {"test", "train", NULL};
const char *const set_names[] = {"mosaic",   "mosaic10", "mosaic64",    "cifar10",        "noise",
                                 "vehicles", "celeba",   "celeba-hair", "celeba-glasses", NULL};
const char *const board_set_names[] = {"mosaic", "mosaic10", "mosaic64", NULL};

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

static pmoe_status open_digits(const char *folder, enum data_split split, struct data_dir *data, pmoe_error *error)
{
    const struct names *names = &split_names[split];
    if (!has_file(folder, names->images)) {
        if (!has_file(folder, sheet_names.images))
            return fail(error, PMOE_E_IO,
                        "%s: expected a folder with %s or %s, found neither; `make data` fetches MNIST",
                        short_path(folder), names->images, sheet_names.images);
        names = &sheet_names;
    }
    struct file *images = &data->file[0], *labels = &data->file[1];
    TRY(read_in(folder, names->images, images, error));
    TRY(read_in(folder, names->labels, labels, error));
    pmoe_error why;
    pmoe_status status =
        pmoe_digits_open(images->bytes, images->count, labels->bytes, labels->count, NULL, &data->digits, &why);
    return status == PMOE_OK ? PMOE_OK : fail_at(error, folder, why);
}

static pmoe_status open_photos(const char *folder, enum data_split split, struct data_dir *data, pmoe_error *error)
{
    pmoe_bytes files[DATA_FILES];
    int32_t count = split == DATA_TRAIN ? DATA_FILES : 1;
    for (int32_t i = 0; i < count; i++) {
        char name[24] = "test_batch.bin";
        if (split == DATA_TRAIN)
            snprintf(name, sizeof name, "data_batch_%d.bin", (int)i + 1);
        if (!has_file(folder, name))
            return fail(error, PMOE_E_IO, "%s: expected a folder with %s, found none; `make data` fetches CIFAR-10",
                        short_path(folder), name);
        TRY(read_in(folder, name, &data->file[i], error));
        files[i] = (pmoe_bytes){data->file[i].bytes, data->file[i].count};
    }
    pmoe_error why;
    pmoe_status status = pmoe_photos_open(files, count, PMOE_PHOTO, NULL, &data->photos, &why);
    return status == PMOE_OK ? PMOE_OK : fail_at(error, folder, why);
}

static pmoe_status open_faces(const char *folder, pmoe_set set, enum data_split split, int32_t most,
                              struct data_dir *data, pmoe_error *error)
{
    enum { MOST_TRAIN = 25000, MOST_TEST = 2000 };
    struct file *rows = &data->file[0];
    most = most ? most : split == DATA_TRAIN ? MOST_TRAIN : MOST_TEST;
    TRY(faces_read(folder, set, split == DATA_TRAIN, most, rows, error));
    return pmoe_photos_open(&(pmoe_bytes){rows->bytes, rows->count}, 1, PMOE_FACE, NULL, &data->photos, error);
}

const char *data_dir_default(pmoe_set set)
{
    if (!pmoe_set_is_photos(set))
        return "data/mnist";
    return pmoe_set_side(set) == PMOE_FACE ? "data/celeba" : "data/cifar10";
}

pmoe_status data_dir_open(const char *folder, pmoe_set set, enum data_split split, int32_t most, struct data_dir *data,
                          pmoe_error *error)
{
    *data = (struct data_dir){.digits = NULL};
    folder = folder ? folder : data_dir_default(set);
    pmoe_status status = !pmoe_set_is_photos(set)          ? open_digits(folder, split, data, error)
                         : pmoe_set_side(set) == PMOE_FACE ? open_faces(folder, set, split, most, data, error)
                                                           : open_photos(folder, split, data, error);
    if (status != PMOE_OK)
        data_dir_close(data);
    return status;
}

pmoe_status data_dir_backgrounds(const char *folder, pmoe_set set, struct data_dir *data, pmoe_error *error)
{
    if (!folder)
        return PMOE_OK;
    if (set != PMOE_CIFAR10_NOISE)
        return fail(error, PMOE_E_ARGUMENT, "--backgrounds: expected the set noise, found %s", pmoe_set_name(set));
    TRY(picture_rows(folder, PMOE_PHOTO, &data->behind, error));
    return pmoe_photos_open(&(pmoe_bytes){data->behind.bytes, data->behind.count}, 1, PMOE_PHOTO, NULL,
                            &data->backgrounds, error);
}

void data_dir_close(struct data_dir *data)
{
    pmoe_digits_close(&data->digits);
    pmoe_photos_close(&data->photos);
    pmoe_photos_close(&data->backgrounds);
    file_close(&data->behind);
    for (int32_t i = 0; i < DATA_FILES; i++)
        file_close(&data->file[i]);
}

pmoe_status data_dir_samples(const struct data_dir *data, pmoe_set set, int64_t asked, int32_t boards, int32_t *count,
                             pmoe_error *error)
{
    struct source source;
    TRY(source_open(set, data_dir_all(data), 1, &source, error));
    if (source.count && asked > source.count)
        return fail(error, PMOE_E_ARGUMENT, "--boards: there are %d photographs, %lld were asked for",
                    (int)source.count, (long long)asked);
    *count = asked ? (int32_t)asked : source.count ? source.count : boards;
    return PMOE_OK;
}

pmoe_data data_dir_all(const struct data_dir *data)
{
    return (pmoe_data){data->digits, data->photos, data->backgrounds};
}
