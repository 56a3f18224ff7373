/* Carrying comparisons out; see suite.h. */
#include "suite.h"

#include "../base/error.h"
#include "../base/memory.h"
#include "../model/model.h"
#include "int8_model.h"
#include "networks.h"
#include "suite_plan.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_CASES = 64, /* different kernel calls of one model */
    MOST_WAYS = REFERENCE_MOST_SETS * KERNEL_WAYS,
    MOST_SEEN = 256,
};
static const double REFERENCE_BUDGET_NS = 5e7;

/* The samples of one comparison, or of one kernel's; the next one made before. */
struct samples {
    struct samples *before;
    double at[];
};

struct suite {
    pmoe_allocator memory;
    struct suite_options options;
    struct reference reference;
    double clock_step_ns;
    struct suite_row *rows;
    int32_t row_count, row_room;
    struct samples *samples;
    struct kernel_case seen[MOST_SEEN]; /* kernel calls that were timed; their models may be gone */
    int32_t seen_count;
    int32_t count;
    struct comparison comparisons[SUITE_MOST_COMPARISONS];
};

const char *suite_group_name(enum suite_group group)
{
    static const char *const names[SUITE_GROUPS] = {"layers",  "networks", "routed", "heads",
                                                    "kernels", "models",   "int8"};
    return names[group];
}

/* ---- Opening ---- */

pmoe_status suite_open(const struct suite_options *options, struct suite **suite, pmoe_error *error)
{
    pmoe_allocator memory = allocator_or_malloc(NULL);
    *suite = NULL;
    struct suite *made = allocator_take(&memory, sizeof *made);
    if (!made)
        return fail(error, PMOE_E_MEMORY, "bench: no memory for its list of comparisons");
    memset(made, 0, sizeof *made);
    made->memory = memory;
    made->options = *options;
    made->clock_step_ns = pmoe_clock_step_ns(options->clock_ns);
    made->count = suite_plan(options, made->comparisons);
    made->reference = reference_of(options->clock_ns);
    pmoe_status status = reference_measure(&made->reference, REFERENCE_BUDGET_NS, error);
    if (status == PMOE_OK)
        *suite = made;
    else
        suite_close(&made);
    return status;
}

void suite_close(struct suite **suite)
{
    if (!*suite)
        return;
    pmoe_allocator memory = (*suite)->memory;
    for (struct samples *at = (*suite)->samples; at;) {
        struct samples *before = at->before;
        allocator_give(&memory, at);
        at = before;
    }
    allocator_give(&memory, (*suite)->rows);
    allocator_give(&memory, *suite);
    *suite = NULL;
}

/* Room for so many more rows and their samples; NULL when there is no memory. */
static double *take_room(struct suite *suite, int32_t rows)
{
    if (suite->row_count + rows > suite->row_room) {
        int32_t room = 2 * (suite->row_count + rows);
        struct suite_row *grown = allocator_take(&suite->memory, (size_t)room * sizeof *grown);
        if (!grown)
            return NULL;
        if (suite->row_count)
            memcpy(grown, suite->rows, (size_t)suite->row_count * sizeof *grown);
        allocator_give(&suite->memory, suite->rows);
        suite->rows = grown;
        suite->row_room = room;
    }
    struct samples *block =
        allocator_take(&suite->memory, sizeof *block + (size_t)rows * TIMING_MAX_SAMPLES * sizeof *block->at);
    if (!block)
        return NULL;
    block->before = suite->samples;
    suite->samples = block;
    return block->at;
}

/* ---- Models of a comparison ---- */

struct opened {
    pmoe_model *model[SUITE_MOST_ENTRIES];
    double open_ns[SUITE_MOST_ENTRIES];
    int32_t is_ours[SUITE_MOST_ENTRIES];
};

static pmoe_status open_network(const struct suite *suite, const struct suite_entry *entry, pmoe_model **model,
                                double *open_ns, pmoe_error *error)
{
    unsigned char *file;
    size_t bytes;
    int32_t network = network_find(entry->network);
    assert(network >= 0);
    TRY(network_file(network, &suite->memory, &file, &bytes, error));
    const pmoe_options options = {.isa = entry->isa};
    double (*const clock_ns)(void) = suite->options.clock_ns;
    double start = clock_ns();
    pmoe_status status;
    if (entry->int8) {
        status = int8_model_open(file, bytes, &options, suite->options.seed, clock_ns, model, open_ns, error);
    } else {
        status = pmoe_model_open(file, bytes, &options, model, error);
        *open_ns = clock_ns() - start;
    }
    allocator_give(&suite->memory, file);
    return status;
}

/* Entries that differ in threads alone share a model. */
static pmoe_status open_models(const struct suite *suite, const struct comparison *comparison, struct opened *opened,
                               pmoe_error *error)
{
    memset(opened, 0, sizeof *opened);
    for (int32_t i = 0; i < comparison->count; i++) {
        const struct suite_entry *entry = &comparison->entry[i];
        if (!entry->network) {
            const struct suite_model *given = &suite->options.models[entry->model];
            opened->model[i] = entry->int8 ? given->int8 : given->model;
            opened->open_ns[i] = entry->int8 ? given->int8_open_ns : given->open_ns;
            continue;
        }
        int32_t same = 0;
        while (same < i && (comparison->entry[same].int8 != entry->int8 ||
                            strcmp(comparison->entry[same].network, entry->network) != 0 ||
                            strcmp(comparison->entry[same].isa, entry->isa) != 0))
            same++;
        opened->model[i] = opened->model[same];
        opened->open_ns[i] = opened->open_ns[same];
        if (same < i)
            continue;
        opened->is_ours[i] = 1;
        TRY(open_network(suite, entry, &opened->model[i], &opened->open_ns[i], error));
    }
    return PMOE_OK;
}

static void close_models(struct opened *opened)
{
    for (int32_t i = 0; i < SUITE_MOST_ENTRIES; i++)
        if (opened->is_ours[i])
            pmoe_model_close(&opened->model[i]);
}

/* ---- Rows ---- */

double row_speedup(const struct suite_row *rows, const struct suite_row *row)
{
    return rows[row->first].timing.median_ns / row->timing.median_ns;
}

double row_saving(const struct suite_row *rows, const struct suite_row *row)
{
    return (double)rows[row->first].multiply_adds / (double)row->multiply_adds;
}

double row_gmac_per_s(const struct suite_row *row)
{
    return (double)row->multiply_adds / row->timing.median_ns;
}

/* The last `count` rows are one comparison, timed; the reference was measured on both sides of it. */
static void finish_rows(struct suite *suite, int32_t first, int32_t count)
{
    for (int32_t i = first; i < first + count; i++) {
        struct suite_row *row = &suite->rows[i];
        row->first = first;
        row->speedup =
            compare_ratio(suite->rows[first].samples, row->samples, row->timing.samples, suite->options.seed);
        double peak = reference_peak(&suite->reference, row->isa) * row->threads;
        row->peak_share = peak > 0 ? row_gmac_per_s(row) / peak : 0;
    }
}

/* What the router and the experts of the first group or mixture multiply. */
static void count_parts(const struct graph *graph, int32_t group, int32_t batch, struct ledger_times *times)
{
    times->router_macs = batch * layer_multiply_adds(graph, graph->layer[group].router);
    for (int32_t i = group + 1; i <= graph_stack_end(graph, group); i++)
        times->expert_macs += batch * layer_multiply_adds(graph, i);
}

static struct ledger row_ledger(const struct suite *suite, const struct suite_row *row, const pmoe_model *model)
{
    const struct suite_row *dense = &suite->rows[row->first];
    struct ledger_times times = {.dense_macs = dense->multiply_adds,
                                 .routed_macs = row->multiply_adds,
                                 .dense_ns = dense->timing.median_ns,
                                 .routed_ns = row->timing.median_ns,
                                 .router_ns = row->parts_ns[PART_ROUTER],
                                 .top_ns = row->parts_ns[PART_TOP],
                                 .gather_ns = row->parts_ns[PART_GATHER],
                                 .experts_ns = row->parts_ns[PART_EXPERTS]};
    count_parts(&model->graph, model->routed >= 0 ? model->routed : model->mixed, row->batch, &times);
    return ledger_of(&times);
}

static struct suite_row model_row(const struct comparison *comparison, int32_t index, const struct contender *timed,
                                  double open_ns)
{
    pmoe_info info = pmoe_model_info(timed->model);
    struct suite_row row = {.group = comparison->group,
                            .comparison = comparison->name,
                            .isa = timed->model->kernels->name,
                            .batch = comparison->batch,
                            .threads = comparison->entry[index].threads,
                            .int8 = comparison->entry[index].int8,
                            .experts = info.experts,
                            .kept = info.kept,
                            .patches = info.experts ? info.patches_high * info.patches_wide : 0,
                            .beside_dense = comparison->beside_dense,
                            .multiply_adds = comparison->batch * info.multiply_adds,
                            .open_ns = open_ns,
                            .model_bytes = info.model_bytes,
                            .run_bytes = timed->run_bytes,
                            .timing = timed->timing,
                            .samples = timed->samples};
    snprintf(row.model, sizeof row.model, "%s", info.name);
    memcpy(row.parts_ns, timed->parts_ns, sizeof row.parts_ns);
    return row;
}

/* ---- Models side by side ---- */

static pmoe_status time_models(struct suite *suite, const struct comparison *comparison, const struct opened *opened,
                               pmoe_error *error)
{
    struct contender contenders[SUITE_MOST_ENTRIES];
    double *samples = take_room(suite, comparison->count);
    if (!samples)
        return fail(error, PMOE_E_MEMORY, "bench: no memory for the samples of %d models", (int)comparison->count);
    for (int32_t i = 0; i < comparison->count; i++)
        contenders[i] = (struct contender){.model = opened->model[i],
                                           .threads = comparison->entry[i].threads,
                                           .in_parts = comparison->entry[i].in_parts,
                                           .samples = samples + (size_t)i * TIMING_MAX_SAMPLES};
    const struct compare_options options = {.batch = comparison->batch,
                                            .seed = suite->options.seed,
                                            .budget_ns = 1e9 * suite->options.seconds,
                                            .clock_ns = suite->options.clock_ns,
                                            .use_threads = suite->options.use_threads,
                                            .threads_context = suite->options.threads_context};
    TRY(compare_models(contenders, comparison->count, &options, error));
    TRY(reference_measure(&suite->reference, REFERENCE_BUDGET_NS, error));
    int32_t first = suite->row_count;
    for (int32_t i = 0; i < comparison->count; i++)
        suite->rows[suite->row_count++] = model_row(comparison, i, &contenders[i], opened->open_ns[i]);
    finish_rows(suite, first, comparison->count);
    for (int32_t i = 0; i < comparison->count; i++)
        if (comparison->beside_dense && contenders[i].parts_ns[PART_ROUTER] > 0)
            suite->rows[first + i].ledger = row_ledger(suite, &suite->rows[first + i], contenders[i].model);
    return PMOE_OK;
}

/* ---- Kernels ---- */

/* On all instruction sets, or on the one asked for, best first. */
static int32_t list_ways(const struct suite *suite, const struct kernel_case *one, struct kernel_way ways[MOST_WAYS])
{
    const char *isa = suite->options.isa;
    int32_t count = 0, all = !isa || strcmp(isa, "best") == 0;
    for (int32_t s = kernels_count() - 1; s >= 0; s--)
        if ((all || strcmp(isa, kernels_at(s)->name) == 0) && count + KERNEL_WAYS <= MOST_WAYS)
            count += kernel_ways(one, kernels_at(s), ways + count);
    return count;
}

static struct suite_row kernel_row(const struct comparison *comparison, const struct kernel_case *one,
                                   const struct kernel_way *way, const pmoe_timing *timing, const double *samples)
{
    struct suite_row row = {.group = SUITE_KERNELS,
                            .comparison = comparison->name,
                            .isa = way->kernels->name,
                            .algorithm = one->is_conv ? conv_algorithm_name(way->algorithm) : NULL,
                            .batch = 1,
                            .threads = 1,
                            .multiply_adds = one->multiply_adds,
                            .timing = *timing,
                            .samples = samples,
                            .is_conv = one->is_conv,
                            .rows = one->rows,
                            .outs = one->outs,
                            .conv = one->conv,
                            .shape = one->shape};
    snprintf(row.model, sizeof row.model, "%s", pmoe_model_info(one->model).name);
    snprintf(row.layer, sizeof row.layer, "%s", one->layer_name);
    return row;
}

static pmoe_status time_case(struct suite *suite, const struct comparison *comparison, const struct kernel_case *one,
                             pmoe_error *error)
{
    struct kernel_way ways[MOST_WAYS];
    pmoe_timing timings[MOST_WAYS];
    int32_t count = list_ways(suite, one, ways), first = suite->row_count;
    double *samples = take_room(suite, count);
    if (!samples)
        return fail(error, PMOE_E_MEMORY, "bench: no memory for the samples of a kernel");
    TRY(kernel_case_time(one, ways, count, suite->options.seed, 2.5e8 * suite->options.seconds, suite->options.clock_ns,
                         samples, timings, error));
    TRY(reference_measure(&suite->reference, REFERENCE_BUDGET_NS / 5, error));
    for (int32_t i = 0; i < count; i++)
        suite->rows[suite->row_count++] =
            kernel_row(comparison, one, &ways[i], &timings[i], samples + (size_t)i * TIMING_MAX_SAMPLES);
    finish_rows(suite, first, count);
    return PMOE_OK;
}

/* Shapes that an earlier comparison had are not timed again. */
static pmoe_status time_kernels(struct suite *suite, const struct comparison *comparison, pmoe_model *model,
                                pmoe_error *error)
{
    struct kernel_case cases[MOST_CASES];
    int32_t count = kernel_cases(&model, 1, cases, MOST_CASES);
    for (int32_t i = 0; i < count; i++) {
        int32_t known = 0;
        for (int32_t s = 0; s < suite->seen_count && !known; s++)
            known = kernel_same_shape(&suite->seen[s], &cases[i]);
        if (known)
            continue;
        if (suite->seen_count < MOST_SEEN)
            suite->seen[suite->seen_count++] = cases[i];
        TRY(time_case(suite, comparison, &cases[i], error));
    }
    return PMOE_OK;
}

/* ---- The whole ---- */

int32_t suite_count(const struct suite *suite)
{
    return suite->count;
}

struct suite_title suite_title(const struct suite *suite, int32_t comparison)
{
    const struct comparison *one = &suite->comparisons[comparison];
    struct suite_title title;
    snprintf(title.text, sizeof title.text, "%s %.48s, batch %d", suite_group_name(one->group), one->name,
             (int)one->batch);
    return title;
}

pmoe_status suite_run(struct suite *suite, int32_t comparison, pmoe_error *error)
{
    const struct comparison *one = &suite->comparisons[comparison];
    struct opened opened;
    pmoe_status status = open_models(suite, one, &opened, error);
    if (status == PMOE_OK)
        status = one->group == SUITE_KERNELS ? time_kernels(suite, one, opened.model[0], error)
                                             : time_models(suite, one, &opened, error);
    close_models(&opened);
    return status;
}

const struct suite_row *suite_rows(const struct suite *suite, int32_t *count)
{
    *count = suite->row_count;
    return suite->rows;
}

const struct reference *suite_reference(const struct suite *suite)
{
    return &suite->reference;
}

double suite_clock_step_ns(const struct suite *suite)
{
    return suite->clock_step_ns;
}
