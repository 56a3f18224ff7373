/* Opening weights files in eight bits; see int8_file.h. */
#include "int8_file.h"

#include "../base/error.h"
#include "../data/source.h"

#include <stdlib.h>
#include <string.h>

/* `count` samples as a model reads them. */
static pmoe_status fill_images(const struct source *source, int32_t count, float *images, uint8_t *pixels,
                               pmoe_error *error)
{
    const size_t each = source_pixels(source);
    for (int32_t i = 0; i < count; i++) {
        int32_t label, patch;
        TRY(source_sample(source, (uint64_t)i, pixels, &label, &patch, error));
        pmoe_bytes_to_floats(pixels, each, images + (size_t)i * each);
    }
    return PMOE_OK;
}

static pmoe_status open_calibrated(const struct int8_request *request, const struct source *source, pmoe_model **model,
                                   pmoe_error *error)
{
    const struct model_file *file = request->file;
    const pmoe_options options = {.isa = request->isa};
    const size_t each = source_pixels(source);
    char sha256[DIGEST_HEX];
    struct file bytes;
    pmoe_error why;
    TRY(weights_read(file->path, NULL, &bytes, error));
    digest_of(bytes.bytes, bytes.count, sha256);
    float *images = calloc((size_t)request->count, each * sizeof *images);
    uint8_t *pixels = malloc(each);
    pmoe_status status =
        strcmp(sha256, file->sha256) != 0 ? fail(error, PMOE_E_IO, "%s: changed while it was used", file->path)
        : !images || !pixels ? fail(error, PMOE_E_MEMORY, "no memory for %d samples to calibrate on", request->count)
                             : fill_images(source, request->count, images, pixels, error);
    if (status == PMOE_OK) {
        status = pmoe_model_open_int8(bytes.bytes, bytes.count, &options, images, request->count, model, &why);
        status = status == PMOE_OK ? status : fail_at(error, file->path, why);
    }
    free(images);
    free(pixels);
    file_close(&bytes);
    return status;
}

pmoe_status int8_file_open(const struct int8_request *request, pmoe_model **model, pmoe_error *error)
{
    struct data_dir data;
    struct source source;
    *model = NULL;
    TRY(data_dir_open(request->folder, request->set, DATA_TRAIN, request->count, &data, error));
    pmoe_status status = data_dir_backgrounds(request->backgrounds, request->set, &data, error);
    if (status == PMOE_OK)
        status = source_open(request->set, data_dir_all(&data), request->seed + 1, &source, error);
    if (status == PMOE_OK && source.count && request->count > source.count)
        status = fail(error, PMOE_E_ARGUMENT, "--calibrate: there are %d photographs, %d were asked for",
                      (int)source.count, (int)request->count);
    if (status == PMOE_OK)
        status = open_calibrated(request, &source, model, error);
    data_dir_close(&data);
    return status;
}
