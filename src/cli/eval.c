/* pmoe eval: accuracy of one model on photographs, and with its routing on freshly composed boards; how a mixture's
 * experts are used, by class.  In eight bits, too, beside floats. */
#include "../base/error.h"
#include "../data/source.h"
#include "../study/accuracy.h"
#include "commands.h"
#include "data_dir.h"
#include "int8_file.h"
#include "model_file.h"
#include "output.h"
#include "result.h"

#include <stddef.h>
#include <stdlib.h>

struct eval_options {
    const char *model, *data, *backgrounds, *isa;
    int32_t set, split, int8, json;
    int64_t boards, calibrate, seed, threads;
};

static const struct option options[] = {
    {"model", OPTION_TEXT, offsetof(struct eval_options, model), NULL, "weights file", "FILE", 0, 0, NULL, 1},
    {"data", OPTION_TEXT, offsetof(struct eval_options, data), NULL,
     "folder of MNIST's files, of a sample sheet or of CIFAR-10's (default: below data/)", "DIR", 0, 0, NULL, 0},
    {"backgrounds", OPTION_TEXT, offsetof(struct eval_options, backgrounds), NULL,
     "of the set noise: a folder of pictures to put the photographs on (default: shuffled crops of photographs)", "DIR",
     0, 0, NULL, 0},
    {"set", OPTION_CHOICE, offsetof(struct eval_options, set), NULL,
     "which set (default: by the model's input and classes)", "SET", 0, 0, set_names, 0},
    {"split", OPTION_CHOICE, offsetof(struct eval_options, split), "test", "which digits or photographs", "SPLIT", 0, 0,
     data_split_names, 0},
    {"boards", OPTION_INT, offsetof(struct eval_options, boards), NULL,
     "how many boards or photographs (default: 1000 boards, all photographs)", "N", 1, 10000000, NULL, 0},
    {"int8", OPTION_FLAG, offsetof(struct eval_options, int8), NULL,
     "convolutions in eight bits, but for those of the image itself; accuracy beside that of floats", NULL, 0, 0, NULL,
     0},
    {"calibrate", OPTION_INT, offsetof(struct eval_options, calibrate), "256",
     "of int8: how many samples to train on say in which range numbers lie", "N", 1, 100000, NULL, 0},
    OPTION_ROW_SEED(struct eval_options, "seed of the sequence of boards"),
    OPTION_ROW_THREADS(struct eval_options),
    OPTION_ROW_ISA(struct eval_options),
    OPTION_ROW_JSON(struct eval_options),
};

struct eval_result {
    const struct eval_options *given;
    const char *command;
    struct environment environment;
    const struct model_file *file;
    pmoe_set set;
    const pmoe_model *model; /* the file's, or the one in eight bits */
    struct accuracy accuracy;
    int32_t correct_float; /* with --int8 */
    double *used;          /* malloc: [1 + classes][2][experts of a mixture], what `usage` refers to */
};

static const char *data_folder(const struct eval_result *result)
{
    return result->given->data ? result->given->data : data_dir_default(result->set);
}

static double percent(int32_t part, int32_t whole)
{
    return whole ? 100.0 * part / whole : 0;
}

/* ---- JSON ---- */

static int32_t count_largest(const struct accuracy *of, int32_t c, int32_t expert)
{
    return accuracy_places(of, c, expert)[0];
}

/* Shares of one class's boards, one number per expert. */
static void write_shares(struct json_writer *json, const char *key, const struct accuracy *of, int32_t c,
                         int32_t (*count)(const struct accuracy *of, int32_t c, int32_t expert))
{
    json_open_array(json, key);
    for (int32_t s = 0; s < of->experts; s++)
        json_add_number(json, NULL, percent(count(of, c, s), of->class_boards[c]), 6);
    json_close_array(json);
}

static void write_class(struct json_writer *json, const struct eval_result *result, int32_t c)
{
    const struct accuracy *found = &result->accuracy;
    int32_t boards = found->class_boards[c];
    json_open_object(json, NULL);
    json_add_text(json, "class", pmoe_model_class(result->file->model, c));
    json_add_int(json, "boards", boards);
    json_add_number(json, "accuracy", percent(found->class_correct[c], boards), 6);
    if (found->experts) {
        json_add_number(json, "kept_by_any", percent(found->kept_by_any[c], boards), 6);
        write_shares(json, "kept", found, c, accuracy_kept);
        write_shares(json, "largest_gate", found, c, count_largest);
    }
    if (found->usage.experts) {
        pmoe_usage usage = usage_read_row(&result->accuracy.usage, c, result->used);
        result_usage(json, "usage", &usage);
    }
    json_close_object(json);
}

static void write_json(struct json_writer *json, const void *context)
{
    const struct eval_result *result = context;
    const struct accuracy *found = &result->accuracy;
    pmoe_info info = pmoe_model_info(result->model);
    result_begin(json, "eval", result->command, info.isa, &result->environment);
    json_add_text(json, "model", info.name);
    json_add_text(json, "file", result->file->path);
    json_add_text(json, "sha256", result->file->sha256);
    json_add_int(json, "multiply_adds", info.multiply_adds);
    json_add_text(json, "data", data_folder(result));
    json_add_text(json, "set", pmoe_set_name(result->set));
    json_add_text(json, "split", data_split_names[result->given->split]);
    json_add_int(json, "seed", result->given->seed);
    json_add_int(json, "boards", found->boards);
    json_add_int(json, "correct", found->correct);
    json_add_number(json, "accuracy", percent(found->correct, found->boards), 6);
    if (result->given->int8) {
        json_add_number(json, "accuracy_float", percent(result->correct_float, found->boards), 6);
        json_open_object(json, "int8");
        json_add_int(json, "calibrated_on", result->given->calibrate);
        json_add_int(json, "layers", info.int8_layers);
        json_close_object(json);
    }
    json_add_int(json, "experts", found->experts);
    if (found->usage.experts) {
        pmoe_usage usage = usage_read_row(&result->accuracy.usage, USAGE_ALL, result->used);
        result_usage(json, "usage", &usage);
    }
    json_open_array(json, "classes");
    for (int32_t c = 0; c < found->classes; c++)
        write_class(json, result, c);
    json_close_array(json);
    json_close_object(json);
}

/* ---- Text ---- */

/* The share of the expert that has the most, and which that is; ties: the lower. */
static void add_best(struct output *out, const char *what, const struct accuracy *of, int32_t c,
                     int32_t (*count)(const struct accuracy *of, int32_t c, int32_t expert))
{
    int32_t best = 0;
    for (int32_t s = 1; s < of->experts; s++)
        if (count(of, c, s) > count(of, c, best))
            best = s;
    char letters[EXPERT_LETTERS];
    output_add(out, "   %s %6.2f%% (expert %s)", what, percent(count(of, c, best), of->class_boards[c]),
               expert_letters(best, letters));
}

static void add_shares(struct output *out, const char *what, const double *shares, int32_t experts)
{
    output_add(out, "  %-12s", what);
    for (int32_t e = 0; e < experts; e++)
        output_add(out, " %6.2f", 100 * shares[e]);
}

/* The table of classes by experts. */
static void add_usage(const struct eval_result *result, struct output *out)
{
    pmoe_usage all = usage_read_row(&result->accuracy.usage, USAGE_ALL, result->used);
    output_add(
        out,
        "experts: an image keeps %d of %d; CV of mean gates %.3f, of load %.3f; entropy of an image's gates %.3f "
        "nats\nmean gates, in percent:\n  %-12s",
        all.kept, all.experts, all.gates_cv, all.load_cv, all.entropy, "");
    for (int32_t e = 0; e < all.experts; e++) {
        char letters[EXPERT_LETTERS];
        output_add(out, " %6s", expert_letters(e, letters));
    }
    output_add(out, "\n");
    for (int32_t c = 0; c < result->accuracy.classes; c++) {
        pmoe_usage of_class = usage_read_row(&result->accuracy.usage, c, result->used);
        add_shares(out, pmoe_model_class(result->file->model, c), of_class.gates, all.experts);
        output_add(out, "\n");
    }
    add_shares(out, "all", all.gates, all.experts);
    output_add(out, "\n");
    add_shares(out, "kept by", all.load, all.experts);
    output_add(out, "\n");
}

static void write_text(const struct eval_result *result, struct output *out)
{
    const struct accuracy *found = &result->accuracy;
    pmoe_info info = pmoe_model_info(result->model);
    if (pmoe_set_is_photos(result->set))
        output_add(out, "%s on %d photographs of %s (%s, %s)\n", info.name, found->boards, pmoe_set_name(result->set),
                   data_folder(result), data_split_names[result->given->split]);
    else
        output_add(out, "%s on %d boards of %s (%s, %s digits, seed %lld)\n", info.name, found->boards,
                   pmoe_set_name(result->set), data_folder(result), data_split_names[result->given->split],
                   (long long)result->given->seed);
    output_add(out, "accuracy %.2f%%, %lld multiply-adds an image\n", percent(found->correct, found->boards),
               (long long)info.multiply_adds);
    if (result->given->int8)
        output_add(out, "  in int8: %d convolution%s, calibrated on %d %s to train on; in floats %.2f%%\n",
                   (int)info.int8_layers, info.int8_layers == 1 ? "" : "s", (int)result->given->calibrate,
                   pmoe_set_is_photos(result->set) ? "photographs" : "boards",
                   percent(result->correct_float, found->boards));
    if (found->experts)
        output_add(out, "discriminative patch: kept by any expert, kept by the expert that keeps it most often, and\n"
                        "with the largest gate of the expert that has it there most often\n");
    for (int32_t c = 0; c < found->classes; c++) {
        int32_t boards = found->class_boards[c];
        output_add(out, "  class %-*s %6d %s %7.2f%%", pmoe_set_is_photos(result->set) ? 10 : 4,
                   pmoe_model_class(result->file->model, c), boards,
                   pmoe_set_is_photos(result->set) ? "photographs" : "boards",
                   percent(found->class_correct[c], boards));
        if (found->experts) {
            output_add(out, "   any %6.2f%%", percent(found->kept_by_any[c], boards));
            add_best(out, "kept", found, c, accuracy_kept);
            add_best(out, "largest", found, c, count_largest);
        }
        output_add(out, "\n");
    }
    if (found->usage.experts)
        add_usage(result, out);
}

/* ---- Running ---- */

/* The set that was asked for, or the one of the model's shape and classes. */
static pmoe_status choose_set(const struct eval_options *given, const struct model_file *file, pmoe_set *set,
                              pmoe_error *error)
{
    pmoe_info info = pmoe_model_info(file->model);
    *set = (pmoe_set)given->set;
    for (int32_t i = 0; given->set < 0 && set_names[i]; i++) {
        struct source shape = source_shape((pmoe_set)i);
        *set = (pmoe_set)i;
        if (info.height == shape.height && info.width == shape.width && info.channels == shape.channels &&
            info.classes == pmoe_set_classes(*set))
            return PMOE_OK;
    }
    return given->set >= 0 ? PMOE_OK
                           : fail(error, PMOE_E_ARGUMENT,
                                  "%.100s: no set has samples of %d x %d x %d and %d classes, as this model",
                                  file->path, info.height, info.width, info.channels, info.classes);
}

/* result->accuracy of result->model; with --int8 what is counted beside it is how often floats are right. */
static pmoe_status count(struct eval_result *result, struct accuracy_job job, struct pool *pool, pmoe_error *error)
{
    job.model = result->model;
    TRY(accuracy_open(&job, pool, &result->accuracy, error));
    if (!result->given->int8)
        return PMOE_OK;
    struct accuracy floats;
    job.model = result->file->model;
    TRY(accuracy_open(&job, pool, &floats, error));
    result->correct_float = floats.correct;
    accuracy_close(&floats);
    return PMOE_OK;
}

static pmoe_status evaluate(struct eval_result *result, const struct data_dir *data, pmoe_error *error)
{
    const struct eval_options *given = result->given;
    struct pool *pool = NULL;
    enum { DEFAULT_BOARDS = 1000 };
    struct accuracy_job job = {.data = data_dir_all(data), .set = result->set, .seed = (uint64_t)given->seed};
    TRY(data_dir_samples(data, result->set, given->boards, DEFAULT_BOARDS, &job.boards, error));
    TRY(pool_open((int32_t)given->threads, &pool, error));
    pmoe_status status = count(result, job, pool, error);
    pool_close(&pool);
    TRY(status);
    size_t rows = 1 + (size_t)result->accuracy.classes, experts = (size_t)result->accuracy.usage.experts;
    result->used = calloc(rows, 2 * (experts + 1) * sizeof *result->used);
    return result->used ? PMOE_OK : fail(error, PMOE_E_MEMORY, "no memory for a table of %zu experts", experts);
}

/* The model that is judged: the file's own, or *in_int8, opened here. */
static pmoe_status choose_model(struct eval_result *result, pmoe_model **in_int8, pmoe_error *error)
{
    const struct eval_options *given = result->given;
    const struct int8_request request = {.file = result->file,
                                         .isa = given->isa,
                                         .folder = given->data,
                                         .backgrounds = given->backgrounds,
                                         .set = result->set,
                                         .count = (int32_t)given->calibrate,
                                         .seed = (uint64_t)given->seed};
    if (given->int8)
        TRY(int8_file_open(&request, in_int8, error));
    result->model = given->int8 ? *in_int8 : result->file->model;
    return PMOE_OK;
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    const struct eval_options *wanted = given;
    struct model_file file;
    TRY(model_file_open(wanted->model, NULL, wanted->isa, &file, error));
    struct eval_result result = {
        .given = wanted, .command = typed->line, .environment = environment_read(), .file = &file};
    struct data_dir data = {.digits = NULL};
    pmoe_model *in_int8 = NULL;
    pmoe_status status = choose_set(wanted, &file, &result.set, error);
    if (status == PMOE_OK)
        status = choose_model(&result, &in_int8, error);
    if (status == PMOE_OK)
        status = data_dir_open(wanted->data, result.set, (enum data_split)wanted->split, (int32_t)wanted->boards, &data,
                               error);
    if (status == PMOE_OK)
        status = data_dir_backgrounds(wanted->backgrounds, result.set, &data, error);
    if (status == PMOE_OK)
        status = evaluate(&result, &data, error);
    if (status == PMOE_OK && wanted->json)
        output_json(out, write_json, &result);
    else if (status == PMOE_OK)
        write_text(&result, out);
    free(result.used);
    accuracy_close(&result.accuracy);
    data_dir_close(&data);
    pmoe_model_close(&in_int8);
    model_file_close(&file);
    return status;
}

const struct command command_eval = {
    .name = "eval",
    .summary = "accuracy of a model on photographs, or with its routing on freshly composed boards; use of experts",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct eval_options),
    .run = run,
};
