/* pmoe export: a weights file in another format. */
#include "../base/error.h"
#include "commands.h"
#include "files.h"
#include "model_file.h"
#include "output.h"
#include "result.h"

#include <stddef.h>
#include <stdlib.h>

struct export_options {
    const char *out;
    int32_t onnx, batched, naive, json;
};

static const struct option options[] = {
    {"onnx", OPTION_FLAG, offsetof(struct export_options, onnx), NULL,
     "write ONNX, opset 17: \"image\" [batch][channels][height][width] to \"logits\"", NULL, 0, 0, NULL, 0},
    {"batched", OPTION_FLAG, offsetof(struct export_options, batched), NULL,
     "all experts of a group in one product; for experts of one layer", NULL, 0, 0, NULL, 0},
    {"naive", OPTION_FLAG, offsetof(struct export_options, naive), NULL,
     "each expert with its own router, top-l and gates: a baseline", NULL, 0, 0, NULL, 0},
    {"out", OPTION_TEXT, offsetof(struct export_options, out), NULL, "file to write", "FILE", 0, 0, NULL, 1},
    OPTION_ROW_JSON(struct export_options),
};

struct export_result {
    const struct export_options *given;
    const char *command, *file;
    struct environment environment;
    size_t bytes;
    char sha256[DIGEST_HEX], written_sha256[DIGEST_HEX]; /* of the weights file, of the new one */
};

static void write_json(struct json_writer *json, const void *context)
{
    const struct export_result *result = context;
    result_begin(json, "export", result->command, NULL, &result->environment);
    json_add_text(json, "file", result->file);
    json_add_text(json, "sha256", result->sha256);
    json_open_object(json, "written");
    json_add_text(json, "file", result->given->out);
    json_add_text(json, "format", "onnx");
    json_add_int(json, "bytes", (int64_t)result->bytes);
    json_add_text(json, "sha256", result->written_sha256);
    json_close_object(json);
    json_close_object(json);
}

static pmoe_status export_file(const struct file *weights, struct export_result *result, pmoe_error *error)
{
    const struct export_options *given = result->given;
    pmoe_onnx_form form = given->batched ? PMOE_ONNX_BATCHED : given->naive ? PMOE_ONNX_NAIVE : PMOE_ONNX_SHARED;
    unsigned char *onnx;
    pmoe_error why;
    pmoe_status status = pmoe_export_onnx(weights->bytes, weights->count, form, NULL, &onnx, &result->bytes, &why);
    if (status != PMOE_OK)
        return fail_at(error, result->file, why);
    digest_of(weights->bytes, weights->count, result->sha256);
    digest_of(onnx, result->bytes, result->written_sha256);
    status = file_write(given->out, onnx, result->bytes, error);
    free(onnx);
    return status;
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    struct export_result result = {
        .given = given, .command = typed->line, .file = typed->operand[0], .environment = environment_read()};
    if (!result.given->onnx)
        return fail(error, PMOE_E_ARGUMENT, "expected --onnx, the one format there is, found none");
    if (result.given->batched && result.given->naive)
        return fail(error, PMOE_E_ARGUMENT, "expected --batched or --naive, found both");
    struct file weights;
    TRY(file_read(result.file, FILE_MODEL_CAP, &weights, error));
    pmoe_status status = export_file(&weights, &result, error);
    file_close(&weights);
    TRY(status);
    if (result.given->json)
        output_json(out, write_json, &result);
    else
        output_add(out, "%s: %zu bytes, from %s\n", result.given->out, result.bytes, result.file);
    return PMOE_OK;
}

const struct command command_export = {
    .name = "export",
    .operands = "MODEL",
    .summary = "a weights file as ONNX, routing included",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct export_options),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
