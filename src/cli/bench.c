/* pmoe bench: what routing saves in time, measured side by side, beside what it saves in multiply-adds.
 *
 * `kept` is the part of the saving in multiply-adds that arrives as time: (time of the first model / time of this one)
 * / (multiply-adds of the first / of this one); 1 is all of it.  Times are of whole forward passes of a batch, images
 * already floats and the same every time, so caches are warm; cold is from a file's bytes to the first result.  Leaves
 * out reading files, decoding and output. */
#include "../base/error.h"
#include "../bench/int8_model.h"
#include "bench_text.h"
#include "commands.h"
#include "model_file.h"
#include "progress.h"

#include <stddef.h>
#include <string.h>

enum { WHAT_ALL = 0 }; /* then the groups, in the order of enum suite_group */
static const char *const what_names[] = {"all",     "layers", "networks", "routed", "heads",
                                         "kernels", "models", "int8",     NULL};

struct bench_options {
    struct option_texts models, networks;
    const char *isa, *out, *compare_view;
    struct option_ints batch, threads;
    double seconds;
    int64_t seed;
    int32_t what, json;
};

static const struct option options[] = {
    {"what", OPTION_CHOICE, offsetof(struct bench_options, what), NULL,
     "what to time (default: all, or with --model or --network those models and their kernels)", "WHAT", 0, 0,
     what_names, 0},
    {"model", OPTION_TEXTS, offsetof(struct bench_options, models), NULL,
     "weights file for models, kernels or int8; of models the first is what others are compared with (default: the "
     "three of weights/mosaic-*)",
     "FILE", 0, 0, NULL, 0},
    {"network", OPTION_TEXTS, offsetof(struct bench_options, networks), NULL,
     "likewise: a network of the benchmark, weights at random", "NAME", 0, 0, NULL, 0},
    {"batch", OPTION_INTS, offsetof(struct bench_options, batch), NULL, "images a pass (default: 1,32, heads 256 too)",
     "N,...", 1, 4096, NULL, 0},
    {"seconds", OPTION_NUMBER, offsetof(struct bench_options, seconds), "1",
     "for each comparison; a quarter for each kernel", "S", 0, 3600, NULL, 0},
    {"isa", OPTION_TEXT, offsetof(struct bench_options, isa), "best",
     "instruction set; layers and kernels: that one, or with best all that run here", "NAME", 0, 0, NULL, 0},
    {"out", OPTION_TEXT, offsetof(struct bench_options, out), NULL, "write the result as JSON there, too", "FILE", 0, 0,
     NULL, 0},
    {"compare-view", OPTION_TEXT, offsetof(struct bench_options, compare_view), NULL,
     "write the samples as google/benchmark's compare.py reads them", "FILE", 0, 0, NULL, 0},
    {"threads", OPTION_INTS, offsetof(struct bench_options, threads), "1",
     "threads of a pass; layers and networks: each number, the others: the first", "N,...", 1, 256, NULL, 0},
    OPTION_ROW_SEED(struct bench_options, "seed of the images and of the intervals"),
    OPTION_ROW_JSON(struct bench_options),
};

struct bench {
    const struct bench_options *given;
    const char *command;
    struct environment environment;
    struct model_file files[2 * OPTION_MAX_TEXTS];
    int32_t file_count;
    struct suite_options suite_options;
    struct suite *suite;
};

/* ---- Options ---- */

static uint32_t groups_of(const struct bench_options *given)
{
    if (given->what > WHAT_ALL)
        return 1u << (given->what - 1);
    int own = given->what < 0 && given->models.count + given->networks.count > 0;
    return own ? 1u << SUITE_KERNELS | 1u << SUITE_MODELS : (1u << SUITE_GROUPS) - 1;
}

static pmoe_status start_threads(void *context, pmoe_run *run, int32_t threads, pmoe_error *error)
{
    (void)context;
    return pmoe_run_threads(run, threads, error);
}

static pmoe_status read_options(struct bench *bench, pmoe_error *error)
{
    const struct bench_options *given = bench->given;
    struct suite_options *suite = &bench->suite_options;
    TRY(check_isa(given->isa, error));
    if (given->batch.count > SUITE_MOST_BATCHES)
        return fail(error, PMOE_E_ARGUMENT, "--batch: expected at most %d numbers, found %d", SUITE_MOST_BATCHES,
                    (int)given->batch.count);
    if (given->threads.count > SUITE_MOST_THREADS)
        return fail(error, PMOE_E_ARGUMENT, "--threads: expected at most %d numbers, found %d", SUITE_MOST_THREADS,
                    (int)given->threads.count);
    *suite = (struct suite_options){.groups = groups_of(given),
                                    .batch_count = given->batch.count,
                                    .thread_count = given->threads.count,
                                    .isa = given->isa,
                                    .seconds = given->seconds,
                                    .seed = (uint64_t)given->seed,
                                    .clock_ns = native_clock_ns,
                                    .use_threads = start_threads};
    for (int32_t i = 0; i < given->threads.count; i++)
        suite->threads[i] = (int32_t)given->threads.at[i];
    for (int32_t i = 0; i < given->batch.count; i++)
        suite->batches[i] = (int32_t)given->batch.at[i];
    return PMOE_OK;
}

/* ---- Models ---- */

static pmoe_status open_int8(const struct bench *bench, const char *path, const char *network,
                             struct suite_model *model, pmoe_error *error)
{
    const pmoe_options options = {.isa = bench->given->isa};
    struct file bytes;
    pmoe_error why;
    TRY(weights_read(path, network, &bytes, error));
    pmoe_status status = int8_model_open(bytes.bytes, bytes.count, &options, (uint64_t)bench->given->seed,
                                         native_clock_ns, &model->int8, &model->int8_open_ns, &why);
    file_close(&bytes);
    return status == PMOE_OK ? PMOE_OK : fail_at(error, path ? path : network, why);
}

static pmoe_status open_one(struct bench *bench, const char *path, const char *network, pmoe_error *error)
{
    struct model_file *file = &bench->files[bench->file_count];
    struct suite_model *model = &bench->suite_options.models[bench->file_count];
    TRY(model_file_open(path, network, bench->given->isa, file, error));
    *model = (struct suite_model){.model = file->model, .open_ns = file->open_ns};
    bench->suite_options.model_count = ++bench->file_count;
    return bench->given->what == 1 + SUITE_INT8 ? open_int8(bench, path, network, model, error) : PMOE_OK;
}

static pmoe_status open_models(struct bench *bench, pmoe_error *error)
{
    const struct bench_options *given = bench->given;
    int none = given->models.count + given->networks.count == 0;
    for (int32_t i = 0; none && bench->suite_options.groups >> SUITE_MODELS & 1 && i < DEFAULT_MODELS; i++)
        TRY(open_one(bench, default_models[i], NULL, error));
    for (int32_t i = 0; i < given->models.count; i++)
        TRY(open_one(bench, given->models.at[i], NULL, error));
    for (int32_t i = 0; i < given->networks.count; i++)
        TRY(open_one(bench, NULL, given->networks.at[i], error));
    return PMOE_OK;
}

/* ---- Results ---- */

static void write_json(struct json_writer *json, const void *context)
{
    const struct bench *bench = context;
    result_begin(json, "bench", bench->command, kernels_find(bench->given->isa)->name, &bench->environment);
    json_add_int(json, "seed", bench->given->seed);
    json_add_number(json, "seconds", bench->given->seconds, 6);
    json_open_array(json, "models");
    for (int32_t i = 0; i < bench->file_count; i++) {
        json_open_object(json, NULL);
        json_add_text(json, "model", pmoe_model_info(bench->files[i].model).name);
        json_add_text(json, "file", bench->files[i].path);
        json_add_text(json, "sha256", bench->files[i].sha256);
        json_close_object(json);
    }
    json_close_array(json);
    suite_write(bench->suite, json);
    json_close_object(json);
}

static void write_view(struct json_writer *json, const void *context)
{
    const struct bench *bench = context;
    suite_write_view(bench->suite, bench->environment.cpus, json);
}

static pmoe_status write_to(const char *path, void (*write)(struct json_writer *json, const void *context),
                            const struct bench *bench, pmoe_error *error)
{
    struct output text = {NULL, 0, 0, 0};
    output_json(&text, write, bench);
    pmoe_status status = text.failed ? fail(error, PMOE_E_MEMORY, "no memory for the result")
                                     : file_write(path, text.text, text.length, error);
    output_close(&text);
    return status;
}

static pmoe_status report(const struct bench *bench, struct output *out, pmoe_error *error)
{
    if (bench->given->out)
        TRY(write_to(bench->given->out, write_json, bench, error));
    if (bench->given->compare_view)
        TRY(write_to(bench->given->compare_view, write_view, bench, error));
    if (bench->given->json)
        output_json(out, write_json, bench);
    else
        bench_text(bench->suite, &bench->environment, out);
    return PMOE_OK;
}

/* ---- Running ---- */

static pmoe_status measure(struct bench *bench, pmoe_error *error)
{
    TRY(read_options(bench, error));
    TRY(open_models(bench, error));
    TRY(suite_open(&bench->suite_options, &bench->suite, error));
    struct progress progress = progress_open();
    int32_t count = suite_count(bench->suite);
    pmoe_status status = PMOE_OK;
    for (int32_t i = 0; i < count && status == PMOE_OK; i++) {
        progress_show(&progress, (double)i / count, suite_title(bench->suite, i).text);
        status = suite_run(bench->suite, i, error);
    }
    progress_close(&progress);
    return status;
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    struct bench bench = {.given = given, .command = typed->line, .environment = environment_read()};
    pmoe_status status = measure(&bench, error);
    if (status == PMOE_OK)
        status = report(&bench, out, error);
    suite_close(&bench.suite);
    for (int32_t i = 0; i < bench.file_count; i++) {
        model_file_close(&bench.files[i]);
        pmoe_model_close(&bench.suite_options.models[i].int8);
    }
    return status;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "time layers, networks, routing and kernels side by side, beside their multiply-adds",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct bench_options),
    .run = run,
};
