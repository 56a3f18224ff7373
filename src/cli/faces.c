#include "faces.h"

#include "../base/error.h"
#include "../data/celeba.h"
#include "picture_rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 1024 };

static const char list_name[] = "list_attr_celeba.txt";

static pmoe_status join(const char *folder, const char *name, char path[PATH_BYTES], pmoe_error *error)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < PATH_BYTES
               ? PMOE_OK
               : fail(error, PMOE_E_LIMIT, "%s: the path is too long", short_path(folder));
}

static pmoe_status read_face(const char *folder, const struct celeba_photo *photo, uint8_t *row, pmoe_error *error)
{
    char path[PATH_BYTES], name[CELEBA_NAME_BYTES + sizeof "img_align_celeba/"];
    snprintf(name, sizeof name, "img_align_celeba/%s", photo->file);
    TRY(join(folder, name, path, error));
    return picture_row(path, PMOE_FACE, photo->label, row, error);
}

static pmoe_status choose(const char *folder, pmoe_set set, int train, int32_t most, struct celeba_photo *photos,
                          int32_t *count, pmoe_error *error)
{
    char path[PATH_BYTES];
    struct file list;
    TRY(join(folder, list_name, path, error));
    if (!file_exists(path))
        return fail(error, PMOE_E_IO, "%s: expected a folder with CelebA's %s and img_align_celeba/, found none",
                    short_path(folder), list_name);
    TRY(file_read(path, FILE_DATA_CAP, &list, error));
    pmoe_error why = {PMOE_OK, ""};
    pmoe_status status = celeba_choose(list.bytes, list.count, set, train, most, photos, count, &why);
    file_close(&list);
    if (status != PMOE_OK)
        return fail_at(error, path, why);
    return *count ? PMOE_OK
                  : fail(error, PMOE_E_FORMAT, "%s: the list has no photographs of every class of %s", short_path(path),
                         pmoe_set_name(set));
}

pmoe_status faces_read(const char *folder, pmoe_set set, int train, int32_t most, struct file *rows, pmoe_error *error)
{
    const size_t row = picture_row_bytes(PMOE_FACE);
    *rows = (struct file){NULL, 0};
    struct celeba_photo *photos = malloc((size_t)most * sizeof *photos);
    if (!photos)
        return fail(error, PMOE_E_MEMORY, "no memory for %d photographs' names", (int)most);
    int32_t count = 0;
    pmoe_status status = choose(folder, set, train, most, photos, &count, error);
    if (status == PMOE_OK && !(rows->bytes = malloc((size_t)count * row)))
        status = fail(error, PMOE_E_MEMORY, "no memory for %d photographs", (int)count);
    for (int32_t i = 0; i < count && status == PMOE_OK; i++)
        status = read_face(folder, &photos[i], rows->bytes + (size_t)i * row, error);
    free(photos);
    if (status == PMOE_OK)
        rows->count = (size_t)count * row;
    else
        file_close(rows);
    return status;
}
