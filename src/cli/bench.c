/* pmoe bench: what routing saves in time, measured side by side, beside what it saves in multiply-adds.
 *
 * `kept` is the part of the saving in multiply-adds that arrives as time: (time of the first model / time of this one)
 * / (multiply-adds of the first / of this one); 1 is all of it.  Times are of whole forward passes of a batch, images
 * already floats and the same every time, so caches are warm; kernels are timed on one thread.  Leaves out opening
 * files, decoding and output. */
#include "../base/error.h"
#include "../base/pool.h"
#include "../bench/compare.h"
#include "../bench/kernel_cases.h"
#include "commands.h"
#include "model_file.h"
#include "output.h"
#include "result.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum bench_what { WHAT_ALL, WHAT_MODELS, WHAT_KERNELS };
static const char *const what_names[] = {"all", "models", "kernels", NULL};

struct bench_options {
    struct option_texts models;
    const char *isa;
    struct option_ints batch;
    double seconds;
    int64_t seed, threads;
    int32_t what, json;
};

static const struct option options[] = {
    {"model", OPTION_TEXTS, offsetof(struct bench_options, models), NULL,
     "weights file; the first is what others are compared with (default: the three of weights/mosaic-*)", "FILE", 0, 0,
     NULL, 0},
    {"what", OPTION_CHOICE, offsetof(struct bench_options, what), "all", "what to time", "WHAT", 0, 0, what_names, 0},
    {"batch", OPTION_INTS, offsetof(struct bench_options, batch), "1,32", "images a pass", "N,...", 1, 4096, NULL, 0},
    {"seconds", OPTION_NUMBER, offsetof(struct bench_options, seconds), "1", "for each group compared", "S", 0, 3600,
     NULL, 0},
    {"isa", OPTION_TEXT, offsetof(struct bench_options, isa), "best",
     "instruction set of the models; kernels: that one, or with best all that run here", "NAME", 0, 0, NULL, 0},
    OPTION_ROW_PASS_THREADS(struct bench_options),
    OPTION_ROW_SEED(struct bench_options, "seed of the images and of the intervals"),
    OPTION_ROW_JSON(struct bench_options),
};

enum { MAX_SETS = 8, MAX_CASES = 32, MAX_ROWS = OPTION_MAX_TEXTS * OPTION_MAX_INTS + MAX_CASES * MAX_SETS };

/* A model at a batch size, or a kernel's shape on an instruction set. */
struct bench_row {
    const struct model_file *file; /* NULL for kernels */
    const struct kernel_case *one; /* NULL for models */
    const char *isa;
    int32_t batch;
    int64_t multiply_adds; /* of one pass or call */
    pmoe_timing timing;
    int32_t first;           /* row it is compared with: the first of its group */
    struct interval speedup; /* 95% interval of time(first) / time(this) */
};

struct bench {
    const struct bench_options *given;
    const char *command;
    struct environment environment;
    double clock_step_ns;
    int32_t threads;
    struct model_file files[OPTION_MAX_TEXTS];
    pmoe_model *models[OPTION_MAX_TEXTS];
    int32_t model_count;
    struct kernel_case cases[MAX_CASES];
    struct bench_row *rows; /* [MAX_ROWS] */
    double *samples;        /* [MAX_ROWS][TIMING_MAX_SAMPLES] */
    int32_t count;
};

static double row_speedup(const struct bench *bench, const struct bench_row *row)
{
    return bench->rows[row->first].timing.median_ns / row->timing.median_ns;
}

static double row_saving(const struct bench *bench, const struct bench_row *row)
{
    return (double)bench->rows[row->first].multiply_adds / (double)row->multiply_adds;
}

/* ---- Measuring ---- */

static const double *row_samples(const struct bench *bench, int32_t row)
{
    return bench->samples + (size_t)row * TIMING_MAX_SAMPLES;
}

/* The `count` rows behind those that there are have been timed into `timings` and their place among the samples. */
static void finish_group(struct bench *bench, const pmoe_timing *timings, int32_t count)
{
    int32_t first = bench->count;
    for (int32_t i = 0; i < count; i++) {
        struct bench_row *row = &bench->rows[first + i];
        row->first = first;
        row->timing = timings[i];
        row->speedup = compare_ratio(row_samples(bench, first), row_samples(bench, first + i), timings[i].samples,
                                     (uint64_t)bench->given->seed);
    }
    bench->count += count;
}

static pmoe_status time_models(struct bench *bench, int32_t batch, pmoe_error *error)
{
    pmoe_timing timings[OPTION_MAX_TEXTS];
    TRY(compare_models(bench->models, bench->model_count, batch, bench->threads, (uint64_t)bench->given->seed,
                       1e9 * bench->given->seconds, native_clock_ns,
                       bench->samples + (size_t)bench->count * TIMING_MAX_SAMPLES, timings, error));
    for (int32_t i = 0; i < bench->model_count; i++) {
        pmoe_info info = pmoe_model_info(bench->models[i]);
        bench->rows[bench->count + i] = (struct bench_row){
            .file = &bench->files[i], .isa = info.isa, .batch = batch, .multiply_adds = batch * info.multiply_adds};
    }
    finish_group(bench, timings, bench->model_count);
    return PMOE_OK;
}

static pmoe_status time_kernels(struct bench *bench, const struct kernel_case *one, pmoe_error *error)
{
    const struct kernels *sets[MAX_SETS];
    pmoe_timing timings[MAX_SETS];
    int32_t count = 0, all = strcmp(bench->given->isa, "best") == 0;
    for (int32_t i = 0; i < kernels_count() && count < MAX_SETS; i++)
        if (all || strcmp(bench->given->isa, kernels_at(i)->name) == 0)
            sets[count++] = kernels_at(i);
    TRY(kernel_case_time(one, sets, count, (uint64_t)bench->given->seed, 1e9 * bench->given->seconds, native_clock_ns,
                         bench->samples + (size_t)bench->count * TIMING_MAX_SAMPLES, timings, error));
    for (int32_t i = 0; i < count; i++)
        bench->rows[bench->count + i] =
            (struct bench_row){.one = one, .isa = sets[i]->name, .batch = 1, .multiply_adds = one->multiply_adds};
    finish_group(bench, timings, count);
    return PMOE_OK;
}

/* How many threads those asked for are: 0 stands for as many as there are CPUs. */
static pmoe_status count_threads(struct bench *bench, pmoe_error *error)
{
    struct pool *pool;
    TRY(pool_open((int32_t)bench->given->threads, &pool, error));
    bench->threads = pool_threads(pool);
    pool_close(&pool);
    return PMOE_OK;
}

static pmoe_status measure(struct bench *bench, pmoe_error *error)
{
    TRY(count_threads(bench, error));
    bench->clock_step_ns = pmoe_clock_step_ns(native_clock_ns);
    for (int32_t i = 0; i < bench->given->batch.count && bench->given->what != WHAT_KERNELS; i++)
        TRY(time_models(bench, (int32_t)bench->given->batch.at[i], error));
    if (bench->given->what == WHAT_MODELS)
        return PMOE_OK;
    int32_t cases = kernel_cases(bench->models, bench->model_count, bench->cases, MAX_CASES);
    for (int32_t i = 0; i < cases; i++)
        TRY(time_kernels(bench, &bench->cases[i], error));
    return PMOE_OK;
}

/* ---- JSON ---- */

static void write_model_part(struct json_writer *json, const struct bench *bench, const struct bench_row *row)
{
    json_add_text(json, "what", "model");
    json_add_text(json, "model", pmoe_model_info(row->file->model).name);
    json_add_text(json, "file", row->file->path);
    json_add_text(json, "sha256", row->file->sha256);
    json_add_int(json, "batch", row->batch);
    json_add_number(json, "multiply_add_ratio", row_saving(bench, row), 6);
    json_add_number(json, "kept", row_speedup(bench, row) / row_saving(bench, row), 6);
}

static void write_kernel_part(struct json_writer *json, const struct kernel_case *one)
{
    json_add_text(json, "what", "kernel");
    json_add_text(json, "kernel", "patch_forward");
    json_add_text(json, "model", pmoe_model_info(one->model).name);
    json_add_text(json, "layer", one->layer_name);
    json_add_int(json, "rows", one->rows);
    json_add_int(json, "runs", one->shape.runs);
    json_add_int(json, "run", one->shape.run);
    json_add_int(json, "outputs", one->outs);
}

static void write_row(struct json_writer *json, const struct bench *bench, int32_t at)
{
    const struct bench_row *row = &bench->rows[at];
    json_open_object(json, NULL);
    if (row->file)
        write_model_part(json, bench, row);
    else
        write_kernel_part(json, row->one);
    json_add_text(json, "isa", row->isa);
    json_add_int(json, "multiply_adds", row->multiply_adds);
    json_add_number(json, "gmac_per_s", (double)row->multiply_adds / row->timing.median_ns, 6);
    json_add_int(json, "compared_with", row->first);
    json_add_number(json, "time_ratio", row_speedup(bench, row), 6);
    json_add_number(json, "time_ratio_low", row->speedup.low, 6);
    json_add_number(json, "time_ratio_high", row->speedup.high, 6);
    json_add_number(json, "first_ns", row->timing.first_ns, 6);
    json_add_number(json, "median_ns", row->timing.median_ns, 6);
    json_add_number(json, "low_ns", row->timing.low_ns, 6);
    json_add_number(json, "high_ns", row->timing.high_ns, 6);
    json_add_int(json, "calls", row->timing.calls);
    json_open_array(json, "samples_ns");
    for (int32_t i = 0; i < row->timing.samples; i++)
        json_add_number(json, NULL, row_samples(bench, at)[i], 6);
    json_close_array(json);
    json_close_object(json);
}

static void write_json(struct json_writer *json, const void *context)
{
    const struct bench *bench = context;
    result_begin(json, "bench", bench->command, pmoe_model_info(bench->models[0]).isa, &bench->environment);
    json_add_number(json, "clock_step_ns", bench->clock_step_ns, 6);
    json_add_int(json, "threads", bench->threads);
    json_add_int(json, "seed", bench->given->seed);
    json_add_number(json, "seconds", bench->given->seconds, 6);
    json_open_array(json, "rows");
    for (int32_t i = 0; i < bench->count; i++)
        write_row(json, bench, i);
    json_close_array(json);
    json_close_object(json);
}

/* ---- Text ---- */

struct duration {
    char text[24];
};

static struct duration duration_of(double ns)
{
    struct duration duration;
    const char *unit = ns < 1e3 ? "ns" : ns < 1e6 ? "us" : ns < 1e9 ? "ms" : "s";
    double value = ns < 1e3 ? ns : ns < 1e6 ? ns / 1e3 : ns < 1e9 ? ns / 1e6 : ns / 1e9;
    snprintf(duration.text, sizeof duration.text, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
    return duration;
}

/* `middle` are the columns that only models have. */
static void add_heading(const char *what, const char *middle, struct output *out)
{
    output_add(out, "  %-18s %9s  %-21s %13s %8s%s   %s\n", what, "median", "quartiles", "multiply-adds", "GMAC/s",
               middle, "time ratio (95%)");
}

static void add_times(const struct bench *bench, const struct bench_row *row, const char *name, const char *middle,
                      struct output *out)
{
    char quartiles[64];
    snprintf(quartiles, sizeof quartiles, "%s - %s", duration_of(row->timing.low_ns).text,
             duration_of(row->timing.high_ns).text);
    output_add(out, "  %-18s %9s  %-21s %13lld %8.2f%s   %.2f (%.2f - %.2f)\n", name,
               duration_of(row->timing.median_ns).text, quartiles, (long long)row->multiply_adds,
               (double)row->multiply_adds / row->timing.median_ns, middle, row_speedup(bench, row), row->speedup.low,
               row->speedup.high);
}

static void add_model(const struct bench *bench, const struct bench_row *row, int begins, struct output *out)
{
    char middle[64];
    if (begins) {
        output_add(out, "\nmodels on %s, batch %d, %d thread%s, %d samples each\n", row->isa, row->batch,
                   bench->threads, bench->threads == 1 ? "" : "s", row->timing.samples);
        add_heading("model", "  madd ratio   kept", out);
    }
    snprintf(middle, sizeof middle, "  %10.2f %6.2f", row_saving(bench, row),
             row_speedup(bench, row) / row_saving(bench, row));
    add_times(bench, row, pmoe_model_info(row->file->model).name, middle, out);
}

static void add_kernel(const struct bench *bench, const struct bench_row *row, int begins, struct output *out)
{
    if (begins) {
        const struct kernel_case *one = row->one;
        output_add(out, "\npatch_forward as in %s, layer %s: rows %d, patch %d x %d, outputs %d\n",
                   pmoe_model_info(one->model).name, one->layer_name, one->rows, one->shape.runs, one->shape.run,
                   one->outs);
        add_heading("isa", "", out);
    }
    add_times(bench, row, row->isa, "", out);
}

static void write_text(const struct bench *bench, struct output *out)
{
    output_add(out, "%s, %s, build %s, clock step %s\n", bench->environment.cpu, bench->environment.compiler,
               build_id(), duration_of(bench->clock_step_ns).text);
    for (int32_t i = 0; i < bench->count; i++)
        (bench->rows[i].file ? add_model : add_kernel)(bench, &bench->rows[i], bench->rows[i].first == i, out);
}

/* ---- Running ---- */

static pmoe_status run_bench(struct bench *bench, struct output *out, pmoe_error *error)
{
    bench->rows = calloc(MAX_ROWS, sizeof *bench->rows);
    bench->samples = calloc(MAX_ROWS * TIMING_MAX_SAMPLES, sizeof *bench->samples);
    pmoe_status status =
        bench->rows && bench->samples ? measure(bench, error) : fail(error, PMOE_E_MEMORY, "no memory for the samples");
    if (status == PMOE_OK && bench->given->json)
        output_json(out, write_json, bench);
    else if (status == PMOE_OK)
        write_text(bench, out);
    free(bench->samples);
    free(bench->rows);
    return status;
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    const struct bench_options *wanted = given;
    struct bench bench = {.given = wanted, .command = typed->line, .environment = environment_read()};
    TRY(model_files_open(&wanted->models, wanted->isa, bench.files, &bench.model_count, error));
    for (int32_t i = 0; i < bench.model_count; i++)
        bench.models[i] = bench.files[i].model;
    pmoe_status status = run_bench(&bench, out, error);
    model_files_close(bench.files, bench.model_count);
    return status;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "time models and kernels side by side, beside their multiply-adds",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct bench_options),
    .run = run,
};
