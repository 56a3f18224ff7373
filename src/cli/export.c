/* pmoe export: a weights file, or a network of the benchmark, in another format. */
#include "../base/error.h"
#include "commands.h"
#include "model_file.h"
#include "output.h"
#include "result.h"

#include <stddef.h>
#include <stdlib.h>

struct export_options {
    const char *out, *network;
    int32_t onnx, safetensors, batched, naive, json;
};

static const struct option options[] = {
    {"onnx", OPTION_FLAG, offsetof(struct export_options, onnx), NULL,
     "write ONNX, opset 17: \"image\" [batch][channels][height][width] to \"logits\"", NULL, 0, 0, NULL, 0},
    {"safetensors", OPTION_FLAG, offsetof(struct export_options, safetensors), NULL, "write the weights file itself",
     NULL, 0, 0, NULL, 0},
    {"batched", OPTION_FLAG, offsetof(struct export_options, batched), NULL,
     "all experts of a group in one product; for experts of one layer", NULL, 0, 0, NULL, 0},
    {"naive", OPTION_FLAG, offsetof(struct export_options, naive), NULL,
     "each expert with its own router, top-l and gates: a baseline", NULL, 0, 0, NULL, 0},
    OPTION_ROW_NETWORK(struct export_options),
    {"out", OPTION_TEXT, offsetof(struct export_options, out), NULL, "file to write", "FILE", 0, 0, NULL, 1},
    OPTION_ROW_JSON(struct export_options),
};

struct export_result {
    const struct export_options *given;
    const char *command, *from; /* path or name of the network */
    struct environment environment;
    size_t bytes;
    char sha256[DIGEST_HEX], written_sha256[DIGEST_HEX]; /* of the weights file, of the new one */
};

static void write_json(struct json_writer *json, const void *context)
{
    const struct export_result *result = context;
    result_begin(json, "export", result->command, NULL, &result->environment);
    json_add_text(json, result->given->network ? "network" : "file", result->from);
    json_add_text(json, "sha256", result->sha256);
    json_open_object(json, "written");
    json_add_text(json, "file", result->given->out);
    json_add_text(json, "format", result->given->onnx ? "onnx" : "safetensors");
    json_add_int(json, "bytes", (int64_t)result->bytes);
    json_add_text(json, "sha256", result->written_sha256);
    json_close_object(json);
    json_close_object(json);
}

static pmoe_status write_onnx(const struct file *weights, struct export_result *result, pmoe_error *error)
{
    const struct export_options *given = result->given;
    pmoe_onnx_form form = given->batched ? PMOE_ONNX_BATCHED : given->naive ? PMOE_ONNX_NAIVE : PMOE_ONNX_SHARED;
    unsigned char *onnx;
    pmoe_error why;
    pmoe_status status = pmoe_export_onnx(weights->bytes, weights->count, form, NULL, &onnx, &result->bytes, &why);
    if (status != PMOE_OK)
        return fail_at(error, result->from, why);
    digest_of(onnx, result->bytes, result->written_sha256);
    status = file_write(given->out, onnx, result->bytes, error);
    free(onnx);
    return status;
}

/* Unchanged, but not unread: what is written is a model. */
static pmoe_status write_safetensors(const struct file *weights, struct export_result *result, pmoe_error *error)
{
    pmoe_model *model;
    pmoe_error why;
    if (pmoe_model_open(weights->bytes, weights->count, NULL, &model, &why) != PMOE_OK)
        return fail_at(error, result->from, why);
    pmoe_model_close(&model);
    result->bytes = weights->count;
    digest_of(weights->bytes, weights->count, result->written_sha256);
    return file_write(result->given->out, weights->bytes, weights->count, error);
}

static pmoe_status check_options(const struct export_options *given, pmoe_error *error)
{
    if (given->onnx == given->safetensors)
        return fail(error, PMOE_E_ARGUMENT, "expected --onnx or --safetensors, found %s",
                    given->onnx ? "both" : "neither");
    if (given->batched + given->naive > given->onnx)
        return fail(error, PMOE_E_ARGUMENT, "expected one of --batched and --naive at most, and with --onnx only");
    return PMOE_OK;
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    struct export_result result = {.given = given, .command = typed->line, .environment = environment_read()};
    const char *network = result.given->network, *path = typed->operands ? typed->operand[0] : NULL;
    TRY(check_options(result.given, error));
    struct file weights;
    TRY(weights_read(path, network, &weights, error));
    result.from = path ? path : network;
    digest_of(weights.bytes, weights.count, result.sha256);
    pmoe_status status = (result.given->onnx ? write_onnx : write_safetensors)(&weights, &result, error);
    file_close(&weights);
    TRY(status);
    if (result.given->json)
        output_json(out, write_json, &result);
    else
        output_add(out, "%s: %zu bytes, from %s\n", result.given->out, result.bytes, result.from);
    return PMOE_OK;
}

const struct command command_export = {
    .name = "export",
    .operands = "[MODEL]",
    .summary = "a weights file, or a network of the benchmark, as ONNX, routing included",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct export_options),
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
