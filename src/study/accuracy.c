/* The evaluation loop; see accuracy.h. */
#include "accuracy.h"

#include "../base/error.h"
#include "../base/memory.h"
#include "../data/source.h"

#include <string.h>

/* What one thread needs and counts. */
struct worker {
    pmoe_run *run;
    uint8_t *pixels; /* of one sample */
    float *images;   /* [ACCURACY_BATCH] of them */
    float *logits;   /* [ACCURACY_BATCH][outputs] */
    float *probabilities;
    struct accuracy counts; /* its own arrays */
    int32_t failed_task;    /* the lowest that failed, or -1 */
    pmoe_error why;
};

struct evaluation {
    const struct accuracy_job *job;
    struct source source;
    pmoe_info info;         /* experts 0 unless they are counted */
    struct worker *workers; /* [threads] */
    int32_t threads;
};

const int32_t *accuracy_places(const struct accuracy *accuracy, int32_t class_index, int32_t expert)
{
    size_t row = (size_t)class_index * (size_t)accuracy->experts + (size_t)expert;
    return accuracy->places + row * (size_t)accuracy->kept;
}

int32_t accuracy_kept(const struct accuracy *accuracy, int32_t class_index, int32_t expert)
{
    const int32_t *places = accuracy_places(accuracy, class_index, expert);
    int32_t sum = 0;
    for (int32_t r = 0; r < accuracy->kept; r++)
        sum += places[r];
    return sum;
}

/* ---- Memory ---- */

/* Whole numbers but for the use of a mixture. */
static size_t counts_size(const pmoe_info *info)
{
    return (size_t)info->classes * (3 + (size_t)info->experts * (size_t)info->kept);
}

static struct accuracy lay_out_counts(const struct evaluation *evaluation, struct arena *arena)
{
    const pmoe_info *info = &evaluation->info;
    int32_t *at = arena_take(arena, counts_size(info) * sizeof *at);
    struct accuracy counts = {.classes = info->classes, .experts = info->experts, .kept = info->kept};
    if (info->mixed_experts)
        usage_lay_out(&counts.usage, info->classes, info->mixed_experts, info->mixed_kept, arena);
    if (!at)
        return counts;
    counts.class_boards = at;
    counts.class_correct = counts.class_boards + info->classes;
    counts.kept_by_any = counts.class_correct + info->classes;
    counts.places = counts.kept_by_any + info->classes;
    memset(at, 0, counts_size(info) * sizeof *at);
    if (counts.usage.experts)
        usage_clear(&counts.usage);
    return counts;
}

static void lay_out_worker(struct worker *worker, const struct evaluation *evaluation, struct arena *arena)
{
    const pmoe_info *info = &evaluation->info;
    size_t pixels = source_pixels(&evaluation->source);
    worker->pixels = arena_take(arena, pixels);
    worker->images = arena_take(arena, (size_t)ACCURACY_BATCH * pixels * sizeof(float));
    worker->logits = arena_take(arena, (size_t)ACCURACY_BATCH * (size_t)info->outputs * sizeof(float));
    worker->probabilities = arena_take(arena, (size_t)info->classes * sizeof(float));
    worker->counts = lay_out_counts(evaluation, arena);
}

/* ---- Counting ---- */

static void count_routing(struct accuracy *counts, pmoe_routing routing, int32_t label, int32_t patch)
{
    int32_t *places = counts->places + (size_t)label * (size_t)counts->experts * (size_t)counts->kept;
    const int32_t *picks = routing.picks;
    int32_t by_any = 0;
    for (int32_t s = 0; s < routing.experts; s++, places += routing.kept, picks += routing.kept)
        for (int32_t r = 0; r < routing.kept; r++)
            if (picks[r] == patch) {
                places[r]++;
                by_any = 1;
            }
    counts->kept_by_any[label] += by_any;
}

static pmoe_status count_batch(const struct evaluation *evaluation, struct worker *worker, int32_t first, int32_t batch)
{
    const struct accuracy_job *job = evaluation->job;
    size_t pixels = source_pixels(&evaluation->source);
    int32_t labels[ACCURACY_BATCH], patches[ACCURACY_BATCH];
    for (int32_t i = 0; i < batch; i++) {
        TRY(source_sample(&evaluation->source, (uint64_t)(first + i), worker->pixels, &labels[i], &patches[i],
                          &worker->why));
        pmoe_bytes_to_floats(worker->pixels, pixels, worker->images + (size_t)i * pixels);
    }
    pmoe_status status = pmoe_forward(worker->run, worker->images, batch, worker->logits);
    if (status != PMOE_OK)
        return fail(&worker->why, status, "sample %d: %s", first, pmoe_status_name(status));
    struct accuracy *counts = &worker->counts;
    for (int32_t i = 0; i < batch; i++) {
        const float *logits = worker->logits + (size_t)i * (size_t)evaluation->info.outputs;
        int32_t right = pmoe_probabilities(job->model, logits, worker->probabilities) == labels[i];
        counts->boards++;
        counts->correct += right;
        counts->class_boards[labels[i]]++;
        counts->class_correct[labels[i]] += right;
        if (counts->usage.experts)
            usage_add(&counts->usage, labels[i], pmoe_run_mixing(worker->run, i));
        if (counts->experts)
            count_routing(counts, pmoe_run_routing(worker->run, i), labels[i], patches[i]);
    }
    return PMOE_OK;
}

static void count_task(void *context, int32_t index, int32_t worker_index)
{
    const struct evaluation *evaluation = context;
    struct worker *worker = &evaluation->workers[worker_index];
    int32_t first = index * ACCURACY_BATCH, left = evaluation->job->boards - first;
    if (worker->failed_task >= 0 && worker->failed_task < index)
        return;
    if (count_batch(evaluation, worker, first, left < ACCURACY_BATCH ? left : ACCURACY_BATCH) != PMOE_OK)
        worker->failed_task = index;
}

/* The error of the lowest task that failed: the same one for any number of threads. */
static pmoe_status first_failure(const struct evaluation *evaluation, pmoe_error *error)
{
    const struct worker *first = NULL;
    for (int32_t i = 0; i < evaluation->threads; i++) {
        const struct worker *worker = &evaluation->workers[i];
        if (worker->failed_task >= 0 && (!first || worker->failed_task < first->failed_task))
            first = worker;
    }
    return first ? fail(error, first->why.status, "%s", first->why.text) : PMOE_OK;
}

/* ---- The whole ---- */

static pmoe_status check_job(const struct accuracy_job *job, struct source *source, pmoe_info *info, pmoe_error *error)
{
    TRY(source_open(job->set, job->data, job->seed, source, error));
    int32_t classes = pmoe_set_classes(job->set);
    if (info->height != source->height || info->width != source->width || info->channels != source->channels)
        return fail(error, PMOE_E_ARGUMENT, "model \"%s\": samples of %s are %d x %d x %d, its input is %d x %d x %d",
                    info->name, pmoe_set_name(job->set), source->height, source->width, source->channels, info->height,
                    info->width, info->channels);
    if (info->classes != classes)
        return fail(error, PMOE_E_ARGUMENT, "model \"%s\": the set has %d classes, the model %d", info->name, classes,
                    info->classes);
    if (pmoe_set_is_photos(job->set))
        info->experts = info->kept = 0;
    int32_t grid = pmoe_set_grid(job->set);
    if (info->experts && info->patches_high * info->patches_wide != grid * grid)
        return fail(error, PMOE_E_ARGUMENT, "model \"%s\": boards have %d cells, it routes %d patches", info->name,
                    grid * grid, info->patches_high * info->patches_wide);
    if (job->boards < 1)
        return fail(error, PMOE_E_ARGUMENT, "expected at least one sample, found %d", job->boards);
    if (source->count && job->boards > source->count)
        return fail(error, PMOE_E_ARGUMENT, "there are %d photographs, %d were asked for", source->count, job->boards);
    return PMOE_OK;
}

static pmoe_status evaluate(struct evaluation *evaluation, struct pool *pool, struct accuracy *accuracy,
                            pmoe_error *error)
{
    for (int32_t i = 0; i < evaluation->threads; i++)
        TRY(pmoe_run_open(evaluation->job->model, ACCURACY_BATCH, &evaluation->workers[i].run, error));
    int32_t tasks = (evaluation->job->boards - 1) / ACCURACY_BATCH + 1;
    pool_run(pool, tasks, count_task, evaluation);
    TRY(first_failure(evaluation, error));
    size_t counts = counts_size(&evaluation->info);
    for (int32_t i = 0; i < evaluation->threads; i++) {
        const struct accuracy *part = &evaluation->workers[i].counts;
        accuracy->boards += part->boards;
        accuracy->correct += part->correct;
        for (size_t at = 0; at < counts; at++)
            accuracy->class_boards[at] += part->class_boards[at]; /* all arrays: they lie in a row */
        if (accuracy->usage.experts)
            usage_merge(&accuracy->usage, &part->usage);
    }
    return PMOE_OK;
}

pmoe_status accuracy_open(const struct accuracy_job *job, struct pool *pool, struct accuracy *accuracy,
                          pmoe_error *error)
{
    struct evaluation evaluation = {.job = job, .info = pmoe_model_info(job->model), .threads = pool_threads(pool)};
    TRY(check_job(job, &evaluation.source, &evaluation.info, error));
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct arena arena = {NULL, 0, 0}, kept = {NULL, 0, 0};
    void *scratch, *block;
    lay_out_counts(&evaluation, &kept);
    if (!arena_open(&kept, kept.used, &allocator, &block))
        return fail(error, PMOE_E_MEMORY, "evaluation: no memory for its counts (%zu bytes)", kept.used);
    arena_take(&arena, (size_t)evaluation.threads * sizeof *evaluation.workers);
    struct worker counting;
    for (int32_t i = 0; i < evaluation.threads; i++)
        lay_out_worker(&counting, &evaluation, &arena);
    if (!arena_open(&arena, arena.used, &allocator, &scratch)) {
        allocator_give(&allocator, block);
        return fail(error, PMOE_E_MEMORY, "evaluation: no memory for the samples of %d threads (%zu bytes)",
                    evaluation.threads, arena.used);
    }
    evaluation.workers = arena_take(&arena, (size_t)evaluation.threads * sizeof *evaluation.workers);
    for (int32_t i = 0; i < evaluation.threads; i++) {
        evaluation.workers[i] = (struct worker){.failed_task = -1};
        lay_out_worker(&evaluation.workers[i], &evaluation, &arena);
    }
    struct accuracy found = lay_out_counts(&evaluation, &kept);
    found.block = block;
    pmoe_status status = evaluate(&evaluation, pool, &found, error);
    for (int32_t i = 0; i < evaluation.threads; i++)
        pmoe_run_close(&evaluation.workers[i].run);
    allocator_give(&allocator, scratch);
    if (status == PMOE_OK)
        *accuracy = found;
    else
        accuracy_close(&found);
    return status;
}

void accuracy_close(struct accuracy *accuracy)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    allocator_give(&allocator, accuracy->block);
    *accuracy = (struct accuracy){.block = NULL};
}
