/* Opening weights files; see model_file.h. */
#include "model_file.h"

#include "../base/error.h"
#include "../bench/networks.h"
#include "result.h"

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

static const char *network_at(const void *context, size_t index)
{
    (void)context;
    return network_name((int32_t)index);
}

pmoe_status weights_read(const char *path, const char *network, struct file *bytes, pmoe_error *error)
{
    *bytes = (struct file){NULL, 0};
    if (!path == !network)
        return fail(error, PMOE_E_ARGUMENT, "expected a weights file or --network NAME, found %s",
                    path ? "both" : "neither");
    if (path)
        return file_read(path, FILE_MODEL_CAP, bytes, error);
    int32_t index = network_find(network);
    const char *near = index < 0 ? nearest_name(network, network_at, NULL) : NULL;
    if (index < 0)
        return fail(error, PMOE_E_ARGUMENT, "--network: expected a network of the benchmark, found \"%.40s\"%s%s%s",
                    network, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return network_file(index, NULL, &bytes->bytes, &bytes->count, error);
}

pmoe_status model_file_open(const char *path, const char *network, const char *isa, struct model_file *file,
                            pmoe_error *error)
{
    *file = (struct model_file){.path = path ? path : network};
    TRY(check_isa(isa, error));
    struct file bytes;
    TRY(weights_read(path, network, &bytes, error));
    pmoe_options options = {.isa = isa};
    pmoe_error why;
    double start = native_clock_ns();
    pmoe_status status = pmoe_model_open(bytes.bytes, bytes.count, &options, &file->model, &why);
    file->open_ns = native_clock_ns() - start;
    digest_of(bytes.bytes, bytes.count, file->sha256);
    file_close(&bytes);
    return status == PMOE_OK ? PMOE_OK : fail_at(error, file->path, why);
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
        pmoe_status status = model_file_open(path, NULL, isa, &files[*count], error);
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
