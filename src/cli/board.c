/* pmoe board: compose one board, write it as a picture and say what is on it. */
#include "../base/error.h"
#include "../image/picture.h"
#include "commands.h"
#include "data_dir.h"
#include "output.h"
#include "result.h"

#include <stddef.h>

struct board_options {
    const char *data, *out;
    int32_t set, split, json;
    int64_t seed, index;
};

static const struct option options[] = {
    {"data", OPTION_TEXT, offsetof(struct board_options, data), "data/mnist",
     "folder of MNIST's files or of a sample sheet", "DIR", 0, 0, NULL, 0},
    {"set", OPTION_CHOICE, offsetof(struct board_options, set), "mosaic", "which boards", "SET", 0, 0, board_set_names,
     0},
    {"split", OPTION_CHOICE, offsetof(struct board_options, split), "test", "which digits", "SPLIT", 0, 0,
     data_split_names, 0},
    OPTION_ROW_SEED(struct board_options, "seed of the sequence of boards"),
    {"index", OPTION_INT, offsetof(struct board_options, index), "0", "number of the board in the sequence", "N", 0,
     OPTION_MAX_WHOLE, NULL, 0},
    {"out", OPTION_TEXT, offsetof(struct board_options, out), NULL, "PNG to write", "FILE", 0, 0, NULL, 1},
    OPTION_ROW_JSON(struct board_options),
};

struct board_result {
    const struct board_options *given;
    const char *command;
    struct environment environment;
    pmoe_board_truth truth;
    int32_t grid, cells, labels[PMOE_MAX_CELLS]; /* labels: of truth.digits */
};

static void write_json(struct json_writer *json, const void *context)
{
    const struct board_result *result = context;
    result_begin(json, "board", result->command, NULL, &result->environment);
    json_add_text(json, "data", result->given->data);
    json_add_text(json, "set", pmoe_set_name((pmoe_set)result->given->set));
    json_add_text(json, "split", data_split_names[result->given->split]);
    json_add_int(json, "seed", result->given->seed);
    json_add_int(json, "index", result->given->index);
    json_add_text(json, "file", result->given->out);
    json_add_int(json, "label", result->truth.label);
    json_add_int(json, "patch", result->truth.patch);
    json_open_array(json, "digits");
    for (int32_t cell = 0; cell < result->cells; cell++)
        json_add_int(json, NULL, result->truth.digits[cell]);
    json_close_array(json);
    json_open_array(json, "labels");
    for (int32_t cell = 0; cell < result->cells; cell++)
        json_add_int(json, NULL, result->labels[cell]);
    json_close_array(json);
    json_close_object(json);
}

static void write_text(const struct board_result *result, struct output *out)
{
    output_add(out, "%s: class %d, its patch is %d (row %d, column %d)\n", result->given->out, result->truth.label,
               result->truth.patch + 1, result->truth.patch / result->grid + 1, result->truth.patch % result->grid + 1);
    output_add(out, "its cells were made from digits with the labels");
    for (int32_t cell = 0; cell < result->cells; cell++)
        output_add(out, "%s%d", cell % result->grid ? " " : "\n  ", result->labels[cell]);
    output_add(out, "\n");
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    const struct board_options *options_given = given;
    struct board_result result = {.given = given, .command = typed->line, .environment = environment_read()};
    result.grid = pmoe_set_grid((pmoe_set)options_given->set);
    result.cells = result.grid * result.grid;
    struct data_dir data;
    TRY(data_dir_open(options_given->data, (pmoe_set)options_given->set, (enum data_split)options_given->split, 0,
                      &data, error));
    uint8_t pixels[PMOE_MAX_BOARD * PMOE_MAX_BOARD];
    pmoe_error why;
    pmoe_status status = pmoe_board(data.digits, (pmoe_set)options_given->set, (uint64_t)options_given->seed,
                                    (uint64_t)options_given->index, pixels, &result.truth, &why);
    for (int32_t cell = 0; cell < result.cells && status == PMOE_OK; cell++)
        result.labels[cell] = pmoe_digits_label(data.digits, result.truth.digits[cell]);
    data_dir_close(&data);
    if (status != PMOE_OK)
        return fail_at(error, options_given->data, why);
    TRY(picture_write_png_grey(options_given->out, pixels, result.grid * PMOE_CELL, result.grid * PMOE_CELL, error));
    if (options_given->json)
        output_json(out, write_json, &result);
    else
        write_text(&result, out);
    return PMOE_OK;
}

const struct command command_board = {
    .name = "board",
    .summary = "compose one board of digits, write it as a PNG and say what is on it",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct board_options),
    .run = run,
};
