/* pmoe info: what a weights file, or a network of the benchmark, holds. */
#include "../base/error.h"
#include "../base/memory.h"
#include "commands.h"
#include "model_file.h"
#include "output.h"
#include "result.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct info_options {
    const char *isa, *network;
    int32_t json;
};

static const struct option options[] = {
    OPTION_ROW_NETWORK(struct info_options),
    OPTION_ROW_ISA(struct info_options),
    OPTION_ROW_JSON(struct info_options),
};

struct info_result {
    const char *command;
    const struct model_file *file;
    struct environment environment;
    const char *description; /* pmoe_model_describe */
};

static void write_json(struct json_writer *json, const void *context)
{
    const struct info_result *result = context;
    result_begin(json, "info", result->command, pmoe_model_info(result->file->model).isa, &result->environment);
    json_add_text(json, "file", result->file->path);
    json_add_text(json, "sha256", result->file->sha256);
    json_add_raw(json, "model", result->description, strlen(result->description));
    json_close_object(json);
}

/* ---- Text, from the description's JSON ---- */

enum { CELL_BYTES = 64, VALUE_SHOWN = 160 };

/* A member as it is written, without the quotes of texts; "" if absent. */
static const char *member_text(const struct json *json, json_node object, const char *key, char text[CELL_BYTES])
{
    size_t bytes = 0;
    json_node node = json_member(json, object, key);
    const char *raw = node == JSON_NONE ? "" : json_raw(json, node, &bytes);
    if (json_is_string(json, node) && json_text(json, node, key, text, CELL_BYTES, NULL) == PMOE_OK)
        return text;
    snprintf(text, CELL_BYTES, "%.*s", bytes < CELL_BYTES ? (int)bytes : CELL_BYTES - 1, raw);
    return text;
}

/* [4,4,40] as 4 x 4 x 40 */
static const char *shape_text(const struct json *json, json_node layer, char text[CELL_BYTES])
{
    size_t length = 0;
    text[0] = 0;
    json_node shape = json_member(json, layer, "shape");
    for (json_node side = json_first(json, shape); side != JSON_NONE; side = json_next(json, side)) {
        size_t bytes;
        const char *raw = json_raw(json, side, &bytes);
        int added = snprintf(text + length, CELL_BYTES - length, "%s%.*s", length ? " x " : "", (int)bytes, raw);
        length += added > 0 && (size_t)added < CELL_BYTES - length ? (size_t)added : 0;
    }
    return text;
}

static void add_layers(const struct json *json, struct output *out)
{
    output_add(out, "\n  %-14s %-13s %-16s %12s %14s\n", "layer", "type", "output", "parameters", "multiply-adds");
    json_node layers = json_member(json, 0, "layers");
    for (json_node layer = json_first(json, layers); layer != JSON_NONE; layer = json_next(json, layer)) {
        char name[CELL_BYTES], type[CELL_BYTES], shape[CELL_BYTES], parameters[CELL_BYTES], multiply_adds[CELL_BYTES];
        output_add(out, "  %-14s %-13s %-16s %12s %14s\n", member_text(json, layer, "name", name),
                   member_text(json, layer, "type", type), shape_text(json, layer, shape),
                   member_text(json, layer, "parameters", parameters),
                   member_text(json, layer, "multiply_adds", multiply_adds));
    }
}

static void add_metadata(const struct json *json, struct output *out)
{
    json_node metadata = json_member(json, 0, "metadata");
    output_add(out, "\n  metadata (--json prints all of it)\n");
    for (json_node key = json_first(json, metadata); key != JSON_NONE; key = json_next(json, key)) {
        size_t key_bytes, value_bytes;
        const char *name = json_raw(json, key, &key_bytes);
        const char *value = json_raw(json, json_value(json, key), &value_bytes);
        int cut = value_bytes > VALUE_SHOWN;
        output_add(out, "  %.*s: %.*s%s\n", (int)key_bytes, name, cut ? VALUE_SHOWN : (int)value_bytes, value,
                   cut ? " ..." : "");
    }
}

static void add_classes(const pmoe_model *model, const pmoe_info *info, struct output *out)
{
    output_add(out, "  classes        ");
    int32_t shown = info->classes < 20 ? info->classes : 20;
    for (int32_t c = 0; c < shown; c++)
        output_add(out, "%s%s", c ? ", " : "", pmoe_model_class(model, c));
    if (shown < info->classes)
        output_add(out, " and %d more", info->classes - shown);
    output_add(out, "\n");
}

static pmoe_status write_text(const struct info_result *result, struct output *out, pmoe_error *error)
{
    const struct model_file *file = result->file;
    pmoe_info info = pmoe_model_info(file->model);
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct json json;
    TRY(json_open(result->description, strlen(result->description), "description", &allocator, &json, error));
    output_add(out, "%s: %s\n", file->path, info.name);
    output_add(out, "  input          %d x %d x %d\n", info.height, info.width, info.channels);
    if (info.patches_high)
        output_add(out, "  patches        %d x %d\n", info.patches_high, info.patches_wide);
    add_classes(file->model, &info, out);
    if (info.experts)
        output_add(out, "  experts        %d, each keeps %d patches\n", info.experts, info.kept);
    if (info.mixed_experts)
        output_add(out, "  experts        %d, an image keeps %d\n", info.mixed_experts, info.mixed_kept);
    output_add(out, "  parameters     %lld\n", (long long)info.parameters);
    output_add(out, "  multiply-adds  %lld an image\n", (long long)info.multiply_adds);
    output_add(out, "  memory         %zu bytes with weights packed for %s, %zu bytes at most to run one image\n",
               info.model_bytes, info.isa, info.run_bytes);
    output_add(out, "  sha256         %s\n", file->sha256);
    add_layers(&json, out);
    add_metadata(&json, out);
    json_close(&json, &allocator);
    return PMOE_OK;
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    const struct info_options *wanted = given;
    struct model_file file;
    TRY(model_file_open(typed->operands ? typed->operand[0] : NULL, wanted->network, wanted->isa, &file, error));
    size_t length = pmoe_model_describe(file.model, NULL, 0);
    char *description = malloc(length + 1);
    pmoe_status status = PMOE_OK;
    if (description) {
        pmoe_model_describe(file.model, description, length + 1);
        struct info_result result = {typed->line, &file, environment_read(), description};
        if (wanted->json)
            output_json(out, write_json, &result);
        else
            status = write_text(&result, out, error);
    } else {
        status = fail(error, PMOE_E_MEMORY, "%.100s: no memory to describe it", file.path);
    }
    free(description);
    model_file_close(&file);
    return status;
}

const struct command command_info = {
    .name = "info",
    .operands = "[FILE]",
    .summary = "layers, shapes, parameters, multiply-adds and metadata of a weights file",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct info_options),
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
