/* The native engine inside of node, so that it and onnxruntime-node are timed in one process.
 *
 *     open(file: Uint8Array, batch: number, threads: number) -> model
 *     forward(model, images: Float32Array, logits: Float32Array)
 *     describe(model) -> {isa, outputs, multiplyAdds}
 *
 * The addon of build_scripts/bench_peers.mjs and no more: batch and lengths are as `open` was told.  Errors are thrown.
 */
#include "pmoe.h"

#include <node_api.h>

#include <stdlib.h>

struct engine {
    pmoe_model *model;
    pmoe_run *run;
    int32_t batch;
};

static napi_value fail_with(napi_env env, const char *text)
{
    napi_throw_error(env, NULL, text);
    return NULL;
}

/* The elements of a typed array of just that type, or NULL. */
static void *array_of(napi_env env, napi_value value, napi_typedarray_type type, size_t *count)
{
    napi_typedarray_type found;
    void *data = NULL;
    if (napi_get_typedarray_info(env, value, &found, count, &data, NULL, NULL) != napi_ok || found != type)
        return NULL;
    return data;
}

static void engine_close(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    struct engine *engine = data;
    pmoe_run_close(&engine->run);
    pmoe_model_close(&engine->model);
    free(engine);
}

static napi_value engine_open(napi_env env, napi_callback_info info)
{
    napi_value argument[3], external;
    size_t count = 3, bytes;
    int32_t batch, threads;
    napi_get_cb_info(env, info, &count, argument, NULL, NULL);
    void *file = count < 3 ? NULL : array_of(env, argument[0], napi_uint8_array, &bytes);
    if (!file || napi_get_value_int32(env, argument[1], &batch) != napi_ok ||
        napi_get_value_int32(env, argument[2], &threads) != napi_ok)
        return fail_with(env, "open: expected a Uint8Array and two numbers");
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return fail_with(env, "open: no memory");
    engine->batch = batch;
    pmoe_error why;
    if (pmoe_model_open(file, bytes, NULL, &engine->model, &why) != PMOE_OK ||
        pmoe_run_open(engine->model, batch, &engine->run, &why) != PMOE_OK ||
        pmoe_run_threads(engine->run, threads, &why) != PMOE_OK) {
        engine_close(env, engine, NULL);
        return fail_with(env, why.text);
    }
    if (napi_create_external(env, engine, engine_close, NULL, &external) != napi_ok) {
        engine_close(env, engine, NULL);
        return fail_with(env, "open: node has no memory");
    }
    return external;
}

static napi_value engine_forward(napi_env env, napi_callback_info info)
{
    napi_value argument[3];
    size_t count = 3, images_length, logits_length;
    void *data;
    napi_get_cb_info(env, info, &count, argument, NULL, NULL);
    float *images = count < 3 ? NULL : array_of(env, argument[1], napi_float32_array, &images_length);
    float *logits = count < 3 ? NULL : array_of(env, argument[2], napi_float32_array, &logits_length);
    if (!images || !logits || napi_get_value_external(env, argument[0], &data) != napi_ok)
        return fail_with(env, "forward: expected a model and two Float32Arrays");
    struct engine *engine = data;
    pmoe_info about = pmoe_model_info(engine->model);
    size_t image = (size_t)about.height * (size_t)about.width * (size_t)about.channels;
    if (images_length != image * (size_t)engine->batch ||
        logits_length != (size_t)about.outputs * (size_t)engine->batch)
        return fail_with(env, "forward: expected arrays of the batch that the model was opened for");
    if (pmoe_forward(engine->run, images, engine->batch, logits) != PMOE_OK)
        return fail_with(env, "forward: was refused");
    return NULL;
}

static napi_value engine_describe(napi_env env, napi_callback_info info)
{
    napi_value argument, about, value;
    size_t count = 1;
    void *data;
    napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
    if (count < 1 || napi_get_value_external(env, argument, &data) != napi_ok)
        return fail_with(env, "describe: expected a model");
    pmoe_info model = pmoe_model_info(((struct engine *)data)->model);
    napi_create_object(env, &about);
    napi_create_string_utf8(env, model.isa, NAPI_AUTO_LENGTH, &value);
    napi_set_named_property(env, about, "isa", value);
    napi_create_int32(env, model.outputs, &value);
    napi_set_named_property(env, about, "outputs", value);
    napi_create_int64(env, model.multiply_adds, &value);
    napi_set_named_property(env, about, "multiplyAdds", value);
    return about;
}

NAPI_MODULE_INIT()
{
    const napi_property_descriptor functions[] = {
        {"open", NULL, engine_open, NULL, NULL, NULL, napi_enumerable, NULL},
        {"forward", NULL, engine_forward, NULL, NULL, NULL, napi_enumerable, NULL},
        {"describe", NULL, engine_describe, NULL, NULL, NULL, napi_enumerable, NULL},
    };
    if (napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) != napi_ok)
        return fail_with(env, "the addon could not be set up");
    return exports;
}
