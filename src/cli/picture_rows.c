#include "picture_rows.h"

#include "../base/error.h"
#include "../image/picture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_PIXELS = 1 << 24, MOST_FILES = 100000, PATH_BYTES = 1024 };

size_t picture_row_bytes(int32_t side)
{
    return 1 + (size_t)PMOE_PHOTO_CHANNELS * (size_t)side * (size_t)side;
}

pmoe_status picture_row(const char *path, int32_t side, int32_t label, uint8_t *row, pmoe_error *error)
{
    struct file file;
    TRY(file_read(path, FILE_PICTURE_CAP, &file, error));
    struct picture picture = {NULL, 0, 0};
    uint8_t rgb[PMOE_FACE * PMOE_FACE * PMOE_PHOTO_CHANNELS];
    pmoe_error why = {PMOE_OK, ""};
    pmoe_status status = picture_decode(file.bytes, file.count, MOST_PIXELS, &picture, &why);
    if (status == PMOE_OK)
        status = pmoe_photo_from_rgba(picture.rgba, picture.width, picture.height, side, side, rgb, &why);
    picture_free(&picture);
    file_close(&file);
    if (status != PMOE_OK)
        return fail_at(error, path, why);
    *row++ = (uint8_t)label;
    for (int32_t c = 0; c < PMOE_PHOTO_CHANNELS; c++)
        for (int32_t i = 0; i < side * side; i++)
            *row++ = rgb[i * PMOE_PHOTO_CHANNELS + c];
    return PMOE_OK;
}

/* ---- All of a folder ---- */

struct names {
    char **at; /* malloc, each and all */
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->at[i]);
    free(names->at);
}

static pmoe_status add_name(struct names *names, const char *folder, const char *name, pmoe_error *error)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || length >= PATH_BYTES)
        return fail(error, PMOE_E_LIMIT, "%s: the path is too long", short_path(folder));
    struct stat found;
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return PMOE_OK;
    if (names->count == MOST_FILES)
        return fail(error, PMOE_E_LIMIT, "%s: more than %d files", short_path(folder), MOST_FILES);
    names->at[names->count] = malloc((size_t)length + 1);
    if (!names->at[names->count])
        return fail(error, PMOE_E_MEMORY, "%s: no memory for a name", short_path(folder));
    memcpy(names->at[names->count++], path, (size_t)length + 1);
    return PMOE_OK;
}

static pmoe_status list_folder(const char *folder, struct names *names, pmoe_error *error)
{
    *names = (struct names){malloc(MOST_FILES * sizeof *names->at), 0};
    if (!names->at)
        return fail(error, PMOE_E_MEMORY, "%s: no memory for its names", short_path(folder));
    DIR *open = opendir(folder);
    if (!open)
        return fail(error, PMOE_E_IO, "%s: expected a folder of pictures, found none", short_path(folder));
    pmoe_status status = PMOE_OK;
    for (struct dirent *entry; status == PMOE_OK && (entry = readdir(open));)
        if (entry->d_name[0] != '.')
            status = add_name(names, folder, entry->d_name, error);
    closedir(open);
    if (status == PMOE_OK && !names->count)
        status = fail(error, PMOE_E_IO, "%s: expected a folder of pictures, found no file", short_path(folder));
    qsort(names->at, names->count, sizeof *names->at, by_name);
    return status;
}

pmoe_status picture_rows(const char *folder, int32_t side, struct file *rows, pmoe_error *error)
{
    *rows = (struct file){NULL, 0};
    struct names names;
    pmoe_status status = list_folder(folder, &names, error);
    size_t row = picture_row_bytes(side);
    if (status == PMOE_OK && !(rows->bytes = malloc(names.count * row)))
        status = fail(error, PMOE_E_MEMORY, "%s: no memory for %zu pictures", short_path(folder), names.count);
    for (size_t i = 0; i < names.count && status == PMOE_OK; i++)
        status = picture_row(names.at[i], side, 0, rows->bytes + i * row, error);
    rows->count = names.count * row;
    names_free(&names);
    if (status != PMOE_OK)
        file_close(rows);
    return status;
}
