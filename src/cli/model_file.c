/* Opening weights files; see model_file.h. */
#include "model_file.h"

#include "../base/error.h"
#include "files.h"

#include <stdio.h>
#include <string.h>

const char *const default_models[] = {
    "weights/mosaic-cnn.safetensors",
    "weights/mosaic-separate.safetensors",
    "weights/mosaic-joint.safetensors",
};

pmoe_status check_isa(const char *isa, pmoe_error *error)
{
    char list[120] = "best";
    size_t length = strlen(list);
    for (int32_t i = 0; i < pmoe_isa_count(); i++) {
        if (strcmp(isa, pmoe_isa_name(i)) == 0)
            return PMOE_OK;
        int added = snprintf(list + length, sizeof list - length, ", %s", pmoe_isa_name(i));
        if (added > 0 && (size_t)added < sizeof list - length)
            length += (size_t)added;
    }
    if (strcmp(isa, "best") == 0)
        return PMOE_OK;
    return fail(error, PMOE_E_ARGUMENT, "--isa: expected one that this build and this CPU have (%s), found \"%.40s\"",
                list, isa);
}

pmoe_status model_file_open(const char *path, const char *isa, struct model_file *file, pmoe_error *error)
{
    *file = (struct model_file){.path = path};
    TRY(check_isa(isa, error));
    struct file bytes;
    TRY(file_read(path, FILE_MODEL_CAP, &bytes, error));
    pmoe_options options = {.isa = isa};
    pmoe_error why;
    pmoe_status status = pmoe_model_open(bytes.bytes, bytes.count, &options, &file->model, &why);
    digest_of(bytes.bytes, bytes.count, file->sha256);
    file_close(&bytes);
    return status == PMOE_OK ? PMOE_OK : fail_at(error, path, why);
}

void model_file_close(struct model_file *file)
{
    pmoe_model_close(&file->model);
}

pmoe_status model_files_open(const struct option_texts *paths, const char *isa, struct model_file *files,
                             int32_t *count, pmoe_error *error)
{
    int32_t wanted = paths->count ? paths->count : DEFAULT_MODELS;
    for (*count = 0; *count < wanted; ++*count) {
        const char *path = paths->count ? paths->at[*count] : default_models[*count];
        pmoe_status status = model_file_open(path, isa, &files[*count], error);
        if (status != PMOE_OK) {
            model_files_close(files, *count);
            *count = 0;
            return status;
        }
    }
    return PMOE_OK;
}

void model_files_close(struct model_file *files, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        model_file_close(&files[i]);
}
