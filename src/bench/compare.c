/* Runs, images, parts and ratios; see compare.h. */
#include "compare.h"

#include "../base/error.h"
#include "../base/memory.h"
#include "../model/model.h"

#include <string.h>

enum { RATIO_DRAWS = 2000 };

struct interval compare_ratio(const double *a, const double *b, int32_t samples, uint64_t seed)
{
    double scratch[TIMING_MAX_SAMPLES + RATIO_DRAWS];
    struct random random = random_at(seed, RANDOM_BOOTSTRAP, 0);
    return statistics_ratio_interval(a, b, samples, 0.95, RATIO_DRAWS, &random, scratch);
}

const char *pass_part_name(enum pass_part part)
{
    static const char *const names[PASS_PARTS] = {"before", "router", "top_l", "gather", "experts"};
    return names[part];
}

/* ---- What is timed ---- */

struct pass {
    pmoe_run *run;
    const float *images;
    float *logits; /* shared by all: what a pass leaves there is not looked at */
    int32_t batch;
    enum pass_part part; /* PASS_PARTS: all of it */
};

static int32_t group_of(const pmoe_model *model)
{
    return model->routed >= 0 ? model->routed : model->mixed;
}

static pmoe_status call_whole(void *context, pmoe_error *error)
{
    const struct pass *pass = context;
    pmoe_status status = pmoe_forward(pass->run, pass->images, pass->batch, pass->logits);
    return status == PMOE_OK ? PMOE_OK : fail(error, status, "forward: %s", pmoe_status_name(status));
}

static void part_of_images(pmoe_run *run, enum pass_part part)
{
    const struct graph *graph = &run->model->graph;
    int32_t group = group_of(run->model), router = graph->layer[group].router;
    switch (part) {
    case PART_BEFORE:
        for (int32_t i = 0; i < router; i++)
            if (graph->layer[i].group < 0)
                run_layer(run, i);
        break;
    case PART_ROUTER: run_layer(run, router); break;
    case PART_TOP: run_route(run, group); break;
    case PART_GATHER: run_gather(run, group); break;
    case PART_EXPERTS: run_experts(run, group); break;
    case PASS_PARTS: break;
    }
}

static pmoe_status call_part(void *context, pmoe_error *error)
{
    const struct pass *pass = context;
    (void)error;
    for (int32_t first = 0; first < pass->batch;) {
        first += run_part(pass->run, pass->images, first);
        part_of_images(pass->run, pass->part);
    }
    return PMOE_OK;
}

/* ---- Memory ---- */

/* Everything of one comparison but the runs; laid out twice, to count and to place. */
struct comparison_parts {
    struct timed *items; /* whole passes first, then parts */
    struct pass *passes;
    pmoe_run **runs;
    float *images, *logits;
    double *part_samples;
    int32_t parts; /* of all contenders */
};

/* Floats of the largest batch of inputs or of outputs; SIZE_MAX if that overflows. */
static size_t most_floats(const struct contender *contenders, int32_t count, int32_t batch, int inputs)
{
    size_t most = 1;
    for (int32_t i = 0; i < count; i++) {
        pmoe_info info = pmoe_model_info(contenders[i].model);
        size_t floats = inputs ? (size_t)info.height * (size_t)info.width : (size_t)info.outputs;
        if (!size_mul(floats, inputs ? (size_t)info.channels : 1, &floats) ||
            !size_mul(floats, (size_t)batch, &floats) || floats > SIZE_MAX / 16)
            return SIZE_MAX / 16;
        most = floats > most ? floats : most;
    }
    return most;
}

static void lay_out(struct comparison_parts *parts, const struct contender *contenders, int32_t count, int32_t batch,
                    struct arena *arena)
{
    parts->parts = 0;
    for (int32_t i = 0; i < count; i++)
        parts->parts += contenders[i].in_parts ? PASS_PARTS : 0;
    size_t items = (size_t)count + (size_t)parts->parts;
    parts->items = arena_take(arena, items * sizeof *parts->items);
    parts->passes = arena_take(arena, items * sizeof *parts->passes);
    parts->runs = arena_take(arena, (size_t)count * sizeof *parts->runs);
    parts->part_samples = arena_take(arena, (size_t)parts->parts * TIMING_MAX_SAMPLES * sizeof *parts->part_samples);
    parts->logits = arena_take(arena, most_floats(contenders, count, batch, 0) * sizeof *parts->logits);
    parts->images = arena_take(arena, most_floats(contenders, count, batch, 1) * sizeof *parts->images);
}

/* ---- Measuring ---- */

static pmoe_status open_runs(struct comparison_parts *parts, struct contender *contenders, int32_t count,
                             const struct compare_options *options, pmoe_error *error)
{
    for (int32_t i = 0; i < count; i++) {
        TRY(pmoe_run_open(contenders[i].model, options->batch, &parts->runs[i], error));
        if (contenders[i].threads != 1)
            TRY(options->use_threads(options->threads_context, parts->runs[i], contenders[i].threads, error));
        contenders[i].run_bytes = pmoe_run_bytes(parts->runs[i]);
    }
    return PMOE_OK;
}

/* A router that is the first layer has nothing before it. */
static int has_part(const struct contender *one, enum pass_part part)
{
    int32_t group = group_of(one->model);
    return one->in_parts && group >= 0 && (part != PART_BEFORE || one->model->graph.layer[group].router > 0);
}

static int32_t list_items(struct comparison_parts *parts, struct contender *contenders, int32_t count, int32_t batch)
{
    int32_t items = count;
    double *samples = parts->part_samples;
    for (int32_t i = 0; i < count; i++) {
        struct pass whole = {parts->runs[i], parts->images, parts->logits, batch, PASS_PARTS};
        parts->passes[i] = whole;
        parts->items[i] =
            (struct timed){.call = call_whole, .context = &parts->passes[i], .samples = contenders[i].samples};
        for (int32_t p = 0; p < PASS_PARTS; p++) {
            if (!has_part(&contenders[i], (enum pass_part)p))
                continue;
            parts->passes[items] = whole;
            parts->passes[items].part = (enum pass_part)p;
            parts->items[items] =
                (struct timed){.call = call_part, .context = &parts->passes[items], .samples = samples};
            samples += TIMING_MAX_SAMPLES;
            items++;
        }
    }
    return items;
}

static void hand_out(const struct comparison_parts *parts, struct contender *contenders, int32_t count)
{
    int32_t item = count;
    for (int32_t i = 0; i < count; i++) {
        contenders[i].timing = parts->items[i].timing;
        for (int32_t p = 0; p < PASS_PARTS; p++)
            contenders[i].parts_ns[p] =
                has_part(&contenders[i], (enum pass_part)p) ? parts->items[item++].timing.median_ns : 0;
    }
}

pmoe_status compare_models(struct contender *contenders, int32_t count, const struct compare_options *options,
                           pmoe_error *error)
{
    if (count < 1 || count > TIMING_MAX_RUNS)
        return fail(error, PMOE_E_ARGUMENT, "timing: expected 1 to %d models, found %d", TIMING_MAX_RUNS, count);
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct arena arena = {NULL, 0, 0};
    struct comparison_parts parts;
    void *block;
    lay_out(&parts, contenders, count, options->batch, &arena);
    if (!arena_open(&arena, arena.used, &allocator, &block))
        return fail(error, PMOE_E_MEMORY, "timing: no memory for batches of %d images (%zu bytes)", (int)options->batch,
                    arena.used);
    lay_out(&parts, contenders, count, options->batch, &arena);
    memset(parts.runs, 0, (size_t)count * sizeof *parts.runs);
    struct random random = random_at(options->seed, RANDOM_CHECK, 1);
    size_t floats = most_floats(contenders, count, options->batch, 1);
    for (size_t i = 0; i < floats; i++)
        parts.images[i] = random_uniform(&random);

    pmoe_status status = open_runs(&parts, contenders, count, options, error);
    if (status == PMOE_OK) {
        int32_t items = list_items(&parts, contenders, count, options->batch);
        status = timing_interleaved(parts.items, items, options->budget_ns, options->clock_ns, error);
    }
    if (status == PMOE_OK)
        hand_out(&parts, contenders, count);
    for (int32_t i = 0; i < count; i++)
        pmoe_run_close(&parts.runs[i]);
    allocator_give(&allocator, block);
    return status;
}
