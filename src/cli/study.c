/* pmoe study samples, pmoe study routing: paper 1's MNIST figures 4, 8 and 9, trained anew. */
#include "../base/error.h"
#include "../study/sweep.h"
#include "commands.h"
#include "data_dir.h"
#include "output.h"
#include "progress.h"
#include "result.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SEEDS = 100, KEPTS = 5 };

struct study_options {
    const char *data;
    struct option_ints sizes;
    int64_t seeds, boards, epochs, router_epochs, threads;
    int32_t json;
};

#define AT(field) offsetof(struct study_options, field)
#define STUDY_ROWS(default_sizes)                                                                                      \
    {"data", OPTION_TEXT, AT(data), "data/mnist", "folder of MNIST's files", "DIR", 0, 0, NULL, 0},                    \
        {"sizes", OPTION_INTS, AT(sizes), default_sizes, "numbers of training boards", "N,N,..", 1, 1000000, NULL, 0}, \
        {"seeds", OPTION_INT, AT(seeds), "5", "trials of each point", "N", 1, MAX_SEEDS, NULL, 0},                     \
        {"boards", OPTION_INT, AT(boards), "10000", "test boards (the paper: 1000)", "N", 1, 10000000, NULL, 0},       \
        {"epochs", OPTION_INT, AT(epochs), "150", "of CNN and experts", "N", 0, 1000000, NULL, 0},                     \
        {"router-epochs", OPTION_INT, AT(router_epochs), "100", "of separate routers", "N", 0, 1000000, NULL, 0},      \
        OPTION_ROW_THREADS(struct study_options), OPTION_ROW_JSON(struct study_options)

static const struct option samples_options[] = {STUDY_ROWS("100,300,500,700,900,1000")};
static const struct option routing_options[] = {STUDY_ROWS("100,200,300,400,500,600,700,800,900,1000")};

/* One point of a figure: the same measurement over all seeds. */
struct point {
    const char *figure, *model;
    int32_t size, kept, label; /* kept, label: -1 where they say nothing */
    int32_t first;             /* its trials are first .. first + seeds - 1 */
    double paper;              /* read off the figure; 0 where there is no such point */
    double values[MAX_SEEDS];
    struct spread spread;
};

struct study {
    const struct study_options *given;
    const char *command, *kind;
    struct trial *trials; /* malloc */
    struct point *points; /* malloc */
    int32_t trial_count, point_count;
    struct progress progress;
    double seconds, work;
};

/* ---- What the paper shows ---- */

struct paper_value {
    const char *figure, *model;
    int32_t size, kept, label;
    double value;
};

static const struct paper_value paper_values[] = {
    {"4", "cnn", 100, -1, -1, 78.6},  {"4", "separate", 100, -1, -1, 82.3},  {"4", "joint", 100, -1, -1, 89.1},
    {"4", "cnn", 300, -1, -1, 89.5},  {"4", "separate", 300, -1, -1, 92.3},  {"4", "joint", 300, -1, -1, 94.3},
    {"4", "cnn", 500, -1, -1, 92.7},  {"4", "separate", 500, -1, -1, 94.75}, {"4", "joint", 500, -1, -1, 94.7},
    {"4", "cnn", 700, -1, -1, 94.0},  {"4", "separate", 700, -1, -1, 95.7},  {"4", "joint", 700, -1, -1, 95.5},
    {"4", "cnn", 900, -1, -1, 94.4},  {"4", "separate", 900, -1, -1, 96.5},  {"4", "joint", 900, -1, -1, 95.1},
    {"4", "cnn", 1000, -1, -1, 95.2}, {"4", "separate", 1000, -1, -1, 96.8}, {"4", "joint", 1000, -1, -1, 96.6},
};

/* Fig 8, l = 1, 2, 4, 6, 8, and Fig 9, classes 0 and 1 (the paper's class-2 and class-1), over N = 100 .. 1000. */
static const int32_t fig8_kept[KEPTS] = {1, 2, 4, 6, 8};
static const double fig8[KEPTS][10] = {
    {73.5, 79.7, 84.2, 84.1, 84.4, 84.5, 84.4, 84.9, 85.4, 85.5},
    {86.8, 88.4, 92.1, 90.8, 91.1, 91.3, 91.2, 91.8, 91.8, 91.7},
    {95.0, 94.8, 96.4, 96.4, 96.4, 96.1, 96.3, 96.4, 96.8, 96.8},
    {97.9, 97.2, 97.9, 97.7, 97.9, 97.8, 97.8, 97.8, 98.1, 98.1},
    {98.9, 98.3, 98.9, 98.5, 98.5, 98.7, 98.7, 98.7, 99.1, 99.1},
};
static const double fig9[2][10] = {
    {87.7, 91.4, 90.4, 89.7, 90.2, 91.4, 90.4, 91.0, 90.9, 91.9},
    {75, 58, 95.1, 92.4, 95.4, 95.3, 94.3, 94.8, 94.4, 94.9},
};

static double paper_value(const struct point *point)
{
    int32_t column = point->size / 100 - 1;
    int on_grid = point->size % 100 == 0 && column >= 0 && column < 10;
    if (strcmp(point->figure, "9") == 0)
        return on_grid ? fig9[point->label][column] : 0;
    for (int32_t i = 0; i < KEPTS && strcmp(point->figure, "8") == 0; i++)
        if (fig8_kept[i] == point->kept)
            return on_grid ? fig8[i][column] : 0;
    for (size_t i = 0; i < COUNT_OF(paper_values); i++)
        if (strcmp(paper_values[i].model, point->model) == 0 && paper_values[i].size == point->size)
            return paper_values[i].value;
    return 0;
}

/* ---- Trials ---- */

static void add_trials(struct study *study, const char *recipe, int32_t size, int32_t epochs, int32_t kept)
{
    for (int32_t seed = 1; seed <= study->given->seeds; seed++) {
        struct trial *trial = &study->trials[study->trial_count++];
        trial->recipe = *pmoe_recipe_find(recipe);
        trial->recipe.samples = size;
        trial->recipe.epochs = epochs;
        trial->recipe.seed = (uint64_t)seed;
        if (trial->recipe.kind == PMOE_SEPARATE)
            trial->recipe.router_epochs = (int32_t)study->given->router_epochs;
        if (kept > 0)
            trial->recipe.kept = kept;
    }
}

static void add_point(struct study *study, struct point point)
{
    point.paper = paper_value(&point);
    study->points[study->point_count++] = point;
}

static void plan_samples(struct study *study)
{
    static const char *const models[] = {"cnn", "separate", "joint"};
    static const char *const recipes[] = {"mosaic-cnn", "mosaic-separate", "mosaic-joint"};
    for (int32_t m = 0; m < 3; m++)
        for (int32_t i = 0; i < study->given->sizes.count; i++) {
            int32_t size = (int32_t)study->given->sizes.at[i];
            add_point(study, (struct point){"4", models[m], size, -1, -1, .first = study->trial_count});
            add_trials(study, recipes[m], size, (int32_t)study->given->epochs, 0);
        }
}

/* A router's ranking does not depend on l, so one trial that keeps all patches serves every l of Fig 8. */
static void plan_routing(struct study *study)
{
    for (int32_t i = 0; i < study->given->sizes.count; i++) {
        int32_t size = (int32_t)study->given->sizes.at[i];
        for (int32_t l = 0; l < KEPTS; l++)
            add_point(study, (struct point){"8", "separate", size, fig8_kept[l], -1, .first = study->trial_count});
        add_trials(study, "mosaic-separate", size, 0, PMOE_CELLS);
        for (int32_t label = 0; label < SWEEP_CLASSES; label++)
            add_point(study, (struct point){"9", "joint", size, 6, label, .first = study->trial_count});
        add_trials(study, "mosaic-joint", size, (int32_t)study->given->epochs, 6);
    }
}

static double trial_value(const struct point *point, const struct trial *trial)
{
    if (strcmp(point->figure, "4") == 0)
        return trial->accuracy;
    if (strcmp(point->figure, "9") == 0)
        return trial->place[point->label][0];
    double sum = 0;
    for (int32_t label = 0; label < SWEEP_CLASSES; label++)
        for (int32_t r = 0; r < point->kept; r++)
            sum += trial->place[label][r];
    return sum / SWEEP_CLASSES; /* boards of both classes are equally many */
}

static void collect(struct study *study)
{
    for (int32_t i = 0; i < study->point_count; i++) {
        struct point *point = &study->points[i];
        for (int32_t s = 0; s < study->given->seeds; s++)
            point->values[s] = trial_value(point, &study->trials[point->first + s]);
        point->spread = spread_of(point->values, (int32_t)study->given->seeds);
    }
    for (int32_t i = 0; i < study->trial_count; i++)
        study->work += study->trials[i].seconds;
}

static void report_trial(void *user, const struct trial *trial, int32_t done, int32_t count)
{
    struct study *study = user;
    char text[96];
    snprintf(text, sizeof text, "%s, N = %d, seed %llu", trial->recipe.name, (int)trial->recipe.samples,
             (unsigned long long)trial->recipe.seed);
    progress_show(&study->progress, (double)done / count, text);
}

static pmoe_status train_all(struct study *study, const struct data_dir *train, const struct data_dir *test,
                             pmoe_error *error)
{
    struct pool *pool = NULL;
    TRY(pool_open((int32_t)study->given->threads, &pool, error));
    struct sweep sweep = {.train = train->digits,
                          .test = test->digits,
                          .test_seed = 1,
                          .test_boards = (int32_t)study->given->boards,
                          .report = report_trial,
                          .user = study,
                          .clock_ns = native_clock_ns};
    double start = native_clock_ns();
    pmoe_status status = sweep_run(&sweep, pool, study->trials, study->trial_count, error);
    study->seconds = (native_clock_ns() - start) * 1e-9;
    progress_close(&study->progress);
    pool_close(&pool);
    if (status == PMOE_OK)
        collect(study);
    return status;
}

/* ---- Results ---- */

static void write_point(struct json_writer *json, const struct study *study, const struct point *point)
{
    int is_accuracy = strcmp(point->figure, "4") == 0;
    json_open_object(json, NULL);
    json_add_text(json, "figure", point->figure);
    json_add_text(json, "model", point->model);
    json_add_int(json, "n_train", point->size);
    if (point->kept > 0)
        json_add_int(json, "l", point->kept);
    if (point->label >= 0)
        json_add_int(json, "class", point->label);
    json_add_number(json, is_accuracy ? "accuracy_mean" : "share_mean", point->spread.mean, 6);
    json_add_number(json, is_accuracy ? "accuracy_std" : "share_std", point->spread.std, 4);
    json_add_int(json, "seeds", study->given->seeds);
    if (point->paper > 0)
        json_add_number(json, "paper", point->paper, 6);
    json_open_array(json, "values");
    for (int32_t s = 0; s < study->given->seeds; s++)
        json_add_number(json, NULL, point->values[s], 6);
    json_close_array(json);
    json_close_object(json);
}

static void write_json(struct json_writer *json, const void *context)
{
    const struct study *study = context;
    struct environment environment = environment_read();
    result_begin(json, study->kind, study->command, pmoe_isa_name(pmoe_isa_count() - 1), &environment);
    json_add_int(json, "test_boards", study->given->boards);
    json_add_number(json, "seconds", study->seconds, 4);
    json_add_number(json, "thread_seconds", study->work, 4);
    json_open_array(json, "rows");
    for (int32_t i = 0; i < study->point_count; i++)
        write_point(json, study, &study->points[i]);
    json_close_array(json);
    json_close_object(json);
}

static void write_text(const struct study *study, struct output *out)
{
    output_add(out, "percent of %lld test boards, mean and standard deviation of %lld seeds; %.0f s\n",
               (long long)study->given->boards, (long long)study->given->seeds, study->seconds);
    output_add(out, "figure  model     N      l  class    mean    std   paper\n");
    for (int32_t i = 0; i < study->point_count; i++) {
        const struct point *point = &study->points[i];
        char kept[12] = "-", label[12] = "-", paper[16] = "-";
        if (point->kept > 0)
            snprintf(kept, sizeof kept, "%d", (int)point->kept);
        if (point->label >= 0)
            snprintf(label, sizeof label, "%d", (int)point->label);
        if (point->paper > 0)
            snprintf(paper, sizeof paper, "%.1f", point->paper);
        output_add(out, "%-7s %-8s %5d %5s %6s %7.2f %6.2f %7s\n", point->figure, point->model, (int)point->size, kept,
                   label, point->spread.mean, point->spread.std, paper);
    }
}

static pmoe_status run_study(const struct study_options *given, const struct invocation *typed, const char *kind,
                             void (*plan)(struct study *study), struct output *out, pmoe_error *error)
{
    struct study study = {.given = given, .command = typed->line, .kind = kind, .progress = progress_open()};
    struct data_dir train = {.digits = NULL}, test = {.digits = NULL};
    size_t sizes = (size_t)given->sizes.count;
    study.trials = calloc(sizes * (size_t)given->seeds * 3, sizeof *study.trials);
    study.points = calloc(sizes * (KEPTS + SWEEP_CLASSES), sizeof *study.points);
    pmoe_status status = PMOE_OK;
    if (!study.trials || !study.points)
        status = fail(error, PMOE_E_MEMORY, "no memory for the trials");
    if (status == PMOE_OK)
        status = data_dir_open(given->data, PMOE_MOSAIC, DATA_TRAIN, &train, error);
    if (status == PMOE_OK)
        status = data_dir_open(given->data, PMOE_MOSAIC, DATA_TEST, &test, error);
    if (status == PMOE_OK) {
        plan(&study);
        status = train_all(&study, &train, &test, error);
    }
    if (status == PMOE_OK && given->json)
        output_json(out, write_json, &study);
    else if (status == PMOE_OK)
        write_text(&study, out);
    data_dir_close(&test);
    data_dir_close(&train);
    free(study.points);
    free(study.trials);
    return status;
}

static pmoe_status run_samples(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    return run_study(given, typed, "study samples", plan_samples, out, error);
}

static pmoe_status run_routing(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    return run_study(given, typed, "study routing", plan_routing, out, error);
}

const struct command command_study_samples = {
    .name = "study samples",
    .summary = "accuracy against training boards of CNN, separate and joint (Fig 4)",
    .options = samples_options,
    .option_count = COUNT_OF(samples_options),
    .options_bytes = sizeof(struct study_options),
    .run = run_samples,
};

const struct command command_study_routing = {
    .name = "study routing",
    .summary = "how often routers find the patch that matters (Figs 8 and 9)",
    .options = routing_options,
    .option_count = COUNT_OF(routing_options),
    .options_bytes = sizeof(struct study_options),
    .run = run_routing,
};
