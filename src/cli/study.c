/* pmoe study samples, pmoe study routing: paper 1's figures 4, 8 to 12 and 14 to 16, trained anew. */
#include "../base/error.h"
#include "../study/figures.h"
#include "../study/sweep.h"
#include "commands.h"
#include "data_dir.h"
#include "output.h"
#include "progress.h"
#include "result.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SEEDS = 100, DEFAULT_BOARDS = 10000 };

struct study_options {
    const char *data, *backgrounds;
    struct option_ints sizes;
    int64_t seeds, boards, epochs, router_epochs, widen, threads;
    int32_t set, json;
};

#define AT(field) offsetof(struct study_options, field)
#define STUDY_ROWS(default_sizes, what)                                                                                \
    {"data", OPTION_TEXT, AT(data), NULL, "folder of the set's files (default: below data/)", "DIR", 0, 0, NULL, 0},   \
        {"sizes", OPTION_INTS, AT(sizes), default_sizes, what, "N,N,..", 1, 1000000, NULL, 0},                         \
        {"seeds", OPTION_INT, AT(seeds), "5", "trials of each point", "N", 1, MAX_SEEDS, NULL, 0},                     \
        {"boards", OPTION_INT, AT(boards), NULL, "test boards or photographs (default: 10000, or all photographs)",    \
         "N",      1,          10000000,   NULL, 0},                                                                   \
        {"epochs", OPTION_INT, AT(epochs), "-1", "of CNN and experts; -1: the recipe's", "N", -1, 1000000, NULL, 0},   \
        {"router-epochs", OPTION_INT, AT(router_epochs), "100", "of separate routers", "N", 0, 1000000, NULL, 0},      \
        OPTION_ROW_THREADS(struct study_options), OPTION_ROW_JSON(struct study_options)

static const struct option samples_options[] = {
    {"set", OPTION_CHOICE, AT(set), "mosaic", "of which figure: 4, 10 to 12, or 14 to 16; not all sets have one", "SET",
     0, 0, set_names, 0},
    {"backgrounds", OPTION_TEXT, AT(backgrounds), NULL,
     "of the set noise: a folder of pictures to put the photographs on (default: shuffled crops of photographs)", "DIR",
     0, 0, NULL, 0},
    {"widen", OPTION_INT, AT(widen), "0", "of photographs: channels of the networks (the paper: 10); 0: the recipe's",
     "N", 0, 20, NULL, 0},
    STUDY_ROWS(NULL, "numbers of training samples (default: the figure's)"),
};
static const struct option routing_options[] = {
    STUDY_ROWS("100,200,300,400,500,600,700,800,900,1000", "numbers of training boards"),
};

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
    pmoe_set set;
    struct trial *trials;                     /* malloc */
    struct point *points;                     /* malloc */
    int32_t trial_count, point_count, boards; /* boards: or photographs, of the test */
    struct progress progress;
    double seconds, work;
};

/* ---- Trials ---- */

static void add_trials(struct study *study, const char *name, int32_t size, int32_t epochs, int32_t kept)
{
    for (int32_t seed = 1; seed <= study->given->seeds; seed++) {
        pmoe_recipe *recipe = &study->trials[study->trial_count++].recipe;
        *recipe = *pmoe_recipe_find(name);
        recipe->set = study->set;
        recipe->samples = size;
        recipe->seed = (uint64_t)seed;
        if (epochs >= 0)
            recipe->epochs = epochs;
        if (recipe->kind == PMOE_SEPARATE)
            recipe->router_epochs = (int32_t)study->given->router_epochs;
        if (study->given->widen > 0)
            recipe->widen = (int32_t)study->given->widen;
        if (kept > 0)
            recipe->kept = kept;
    }
}

static void add_point(struct study *study, struct point point)
{
    study->points[study->point_count++] = point;
}

static int32_t size_at(const struct study *study, const struct figure *figure, int32_t i)
{
    return study->given->sizes.count ? (int32_t)study->given->sizes.at[i] : figure->size[i];
}

static void plan_samples(struct study *study)
{
    const struct figure *figure = figure_of(study->set);
    int32_t sizes = study->given->sizes.count ? study->given->sizes.count : figure->sizes;
    for (int32_t c = 0; c < figure->curves; c++)
        for (int32_t i = 0; i < sizes; i++) {
            int32_t size = size_at(study, figure, i);
            add_point(study, (struct point){.figure = figure->name,
                                            .model = figure->curve[c].model,
                                            .size = size,
                                            .kept = -1,
                                            .label = -1,
                                            .first = study->trial_count,
                                            .paper = figure_percent(figure, c, size)});
            add_trials(study, figure->curve[c].recipe, size, (int32_t)study->given->epochs, 0);
        }
}

/* A router's ranking does not depend on l, so one trial that keeps all patches serves every l of Fig 8. */
static void plan_routing(struct study *study)
{
    for (int32_t i = 0; i < study->given->sizes.count; i++) {
        int32_t size = (int32_t)study->given->sizes.at[i];
        for (int32_t l = 0; l < FIGURE_KEPTS; l++)
            add_point(study, (struct point){.figure = "8",
                                            .model = "separate",
                                            .size = size,
                                            .kept = figure_kepts[l],
                                            .label = -1,
                                            .first = study->trial_count,
                                            .paper = figure8_percent(figure_kepts[l], size)});
        add_trials(study, "mosaic-separate", size, 0, PMOE_CELLS);
        for (int32_t label = 0; label < SWEEP_CLASSES; label++)
            add_point(study, (struct point){.figure = "9",
                                            .model = "joint",
                                            .size = size,
                                            .kept = 6,
                                            .label = label,
                                            .first = study->trial_count,
                                            .paper = figure9_percent(label, size)});
        add_trials(study, "mosaic-joint", size, (int32_t)study->given->epochs, 6);
    }
}

static double trial_value(const struct point *point, const struct trial *trial)
{
    if (point->kept < 0)
        return trial->accuracy;
    if (point->label >= 0)
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
    struct sweep sweep = {.train = data_dir_all(train),
                          .test = data_dir_all(test),
                          .test_seed = 1,
                          .test_boards = study->boards,
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
    int is_accuracy = point->kept < 0;
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
    json_add_text(json, "set", pmoe_set_name(study->set));
    json_add_int(json, "test_boards", study->boards);
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
    output_add(out, "percent of %d test %s, mean and standard deviation of %lld seeds; %.0f s\n", (int)study->boards,
               pmoe_set_is_photos(study->set) ? "photographs" : "boards", (long long)study->given->seeds,
               study->seconds);
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

static pmoe_status open_study(struct study *study, struct data_dir *train, struct data_dir *test, pmoe_error *error)
{
    size_t sizes = study->given->sizes.count ? (size_t)study->given->sizes.count : FIGURE_SIZES;
    study->trials = calloc(sizes * (size_t)study->given->seeds * FIGURE_CURVES, sizeof *study->trials);
    study->points = calloc(sizes * (FIGURE_KEPTS + SWEEP_CLASSES), sizeof *study->points);
    if (!study->trials || !study->points)
        return fail(error, PMOE_E_MEMORY, "no memory for the trials");
    int32_t most = 0;
    for (int32_t i = 0; i < study->given->sizes.count; i++)
        most = study->given->sizes.at[i] > most ? (int32_t)study->given->sizes.at[i] : most;
    TRY(data_dir_open(study->given->data, study->set, DATA_TRAIN, most, train, error));
    TRY(data_dir_open(study->given->data, study->set, DATA_TEST, (int32_t)study->given->boards, test, error));
    TRY(data_dir_backgrounds(study->given->backgrounds, study->set, train, error));
    TRY(data_dir_backgrounds(study->given->backgrounds, study->set, test, error));
    return data_dir_samples(test, study->set, study->given->boards, DEFAULT_BOARDS, &study->boards, error);
}

static pmoe_status run_study(struct study *study, void (*plan)(struct study *study), struct output *out,
                             pmoe_error *error)
{
    struct data_dir train = {.digits = NULL}, test = {.digits = NULL};
    study->progress = progress_open();
    pmoe_status status = open_study(study, &train, &test, error);
    if (status == PMOE_OK) {
        plan(study);
        status = train_all(study, &train, &test, error);
    }
    if (status == PMOE_OK && study->given->json)
        output_json(out, write_json, study);
    else if (status == PMOE_OK)
        write_text(study, out);
    data_dir_close(&test);
    data_dir_close(&train);
    free(study->points);
    free(study->trials);
    return status;
}

static pmoe_status run_samples(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    struct study study = {.given = given, .command = typed->line, .kind = "study samples"};
    study.set = (pmoe_set)study.given->set;
    if (!figure_of(study.set))
        return fail(error, PMOE_E_ARGUMENT,
                    "--set: paper 1 has no figure of %s; of mosaic, cifar10, noise, vehicles "
                    "and celeba, -hair and -glasses",
                    pmoe_set_name(study.set));
    return run_study(&study, plan_samples, out, error);
}

static pmoe_status run_routing(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    struct study study = {.given = given, .command = typed->line, .kind = "study routing", .set = PMOE_MOSAIC};
    return run_study(&study, plan_routing, out, error);
}

const struct command command_study_samples = {
    .name = "study samples",
    .summary =
        "accuracy against training samples: CNN, separate and joint (Fig 4), or WRN and WRN-pMoE (Figs 10 to 12 and 14 "
        "to 16)",
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
