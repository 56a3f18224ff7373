/* See int8_model.h. */
#include "int8_model.h"

#include "../base/error.h"
#include "../base/memory.h"
#include "../base/random.h"

enum { IMAGES = 4 };

/* Floats of one image. */
static pmoe_status image_floats(const void *file, size_t file_bytes, const pmoe_options *options, size_t *floats,
                                pmoe_error *error)
{
    pmoe_model *model;
    TRY(pmoe_model_open(file, file_bytes, options, &model, error));
    const pmoe_info info = pmoe_model_info(model);
    *floats = (size_t)info.height * (size_t)info.width * (size_t)info.channels;
    pmoe_model_close(&model);
    return PMOE_OK;
}

pmoe_status int8_model_open(const void *file, size_t file_bytes, const pmoe_options *options, uint64_t seed,
                            double (*clock_ns)(void), pmoe_model **model, double *open_ns, pmoe_error *error)
{
    const pmoe_allocator memory = allocator_or_malloc(options ? &options->allocator : NULL);
    struct random random = random_at(seed, RANDOM_CHECK, IMAGES);
    size_t each;
    *model = NULL;
    TRY(image_floats(file, file_bytes, options, &each, error));
    float *images = allocator_take(&memory, IMAGES * each * sizeof *images);
    if (!images)
        return fail(error, PMOE_E_MEMORY, "int8: no memory for %d random images", IMAGES);
    for (size_t i = 0; i < IMAGES * each; i++)
        images[i] = random_uniform(&random);
    const double start = clock_ns();
    const pmoe_status status = pmoe_model_open_int8(file, file_bytes, options, images, IMAGES, model, error);
    *open_ns = clock_ns() - start;
    allocator_give(&memory, images);
    return status;
}
