#include "faces.h"

#include "../base/error.h"
#include "../data/celeba.h"
#include "../image/picture.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PLANE = PMOE_FACE * PMOE_FACE,
    ROW = 1 + PMOE_PHOTO_CHANNELS * PLANE,
    PATH_BYTES = 1024,
    MOST_PIXELS = 1 << 22, /* CelebA's have 178 x 218 */
};

static const char list_name[] = "list_attr_celeba.txt";

static pmoe_status join(const char *folder, const char *name, char path[PATH_BYTES], pmoe_error *error)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < PATH_BYTES
               ? PMOE_OK
               : fail(error, PMOE_E_LIMIT, "%s: the path is too long", short_path(folder));
}

/* One picture file as a row. */
static pmoe_status read_face(const char *folder, const struct celeba_photo *photo, uint8_t *row, pmoe_error *error)
{
    char path[PATH_BYTES], name[CELEBA_NAME_BYTES + sizeof "img_align_celeba/"];
    snprintf(name, sizeof name, "img_align_celeba/%s", photo->file);
    TRY(join(folder, name, path, error));
    struct file file;
    TRY(file_read(path, FILE_PICTURE_CAP, &file, error));
    struct picture picture = {NULL, 0, 0};
    uint8_t rgb[PLANE * PMOE_PHOTO_CHANNELS];
    pmoe_error why = {PMOE_OK, ""};
    pmoe_status status = picture_decode(file.bytes, file.count, MOST_PIXELS, &picture, &why);
    if (status == PMOE_OK)
        status = pmoe_photo_from_rgba(picture.rgba, picture.width, picture.height, PMOE_FACE, PMOE_FACE, rgb, &why);
    picture_free(&picture);
    file_close(&file);
    if (status != PMOE_OK)
        return fail_at(error, path, why);
    *row++ = (uint8_t)photo->label;
    for (int32_t c = 0; c < PMOE_PHOTO_CHANNELS; c++)
        for (int32_t i = 0; i < PLANE; i++)
            *row++ = rgb[i * PMOE_PHOTO_CHANNELS + c];
    return PMOE_OK;
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
    *rows = (struct file){NULL, 0};
    struct celeba_photo *photos = malloc((size_t)most * sizeof *photos);
    if (!photos)
        return fail(error, PMOE_E_MEMORY, "no memory for %d photographs' names", (int)most);
    int32_t count = 0;
    pmoe_status status = choose(folder, set, train, most, photos, &count, error);
    if (status == PMOE_OK && !(rows->bytes = malloc((size_t)count * ROW)))
        status = fail(error, PMOE_E_MEMORY, "no memory for %d photographs", (int)count);
    for (int32_t i = 0; i < count && status == PMOE_OK; i++)
        status = read_face(folder, &photos[i], rows->bytes + (size_t)i * ROW, error);
    free(photos);
    if (status == PMOE_OK)
        rows->count = (size_t)count * ROW;
    else
        file_close(rows);
    return status;
}
