/* See suite_plan.h.  What is compared with what, as tables and a few loops. */
#include "suite_plan.h"

#include <assert.h>
#include <string.h>

struct plan {
    const struct suite_options *options;
    const char *isa; /* of all but layers and kernels */
    int32_t every_isa;
    struct comparison *comparisons;
    int32_t count;
};

/* Its entries are added by the caller. */
static struct comparison *add_comparison(struct plan *plan, enum suite_group group, const char *name, int32_t batch,
                                         int32_t beside_dense)
{
    assert(plan->count < SUITE_MOST_COMPARISONS);
    struct comparison *added = &plan->comparisons[plan->count++];
    *added = (struct comparison){.group = group, .name = name, .batch = batch, .beside_dense = beside_dense};
    return added;
}

static void add_entry(struct comparison *comparison, const char *network, const char *isa, int32_t threads)
{
    assert(comparison->count < SUITE_MOST_ENTRIES);
    comparison->entry[comparison->count++] = (struct suite_entry){.network = network, .isa = isa, .threads = threads};
}

/* ---- Groups ---- */

static const int32_t usual_batches[] = {1, 32, 256};

static int too_large(const struct plan *plan, int32_t batch, int32_t most)
{
    return !plan->options->batch_count && batch > most;
}

/* Has a set other kernels of floats than the plan's, and its own? */
static int is_other_set(const struct plan *plan, const struct kernels *set)
{
    return strcmp(set->floats, set->name) == 0 && strcmp(set->floats, kernels_find(plan->isa)->floats) != 0;
}

/* The best instruction set on each number of threads; for single images every other one, too. */
static void plan_layers(struct plan *plan, int32_t batch)
{
    static const char *const layers[] = {"conv64_32", "conv128_16"};
    const struct suite_options *options = plan->options;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct comparison *one = add_comparison(plan, SUITE_LAYERS, layers[i], batch, 0);
        for (int32_t t = 0; t < options->thread_count; t++)
            add_entry(one, layers[i], plan->isa, options->threads[t]);
        for (int32_t s = kernels_count() - 1; plan->every_isa && batch == 1 && s >= 0; s--)
            if (is_other_set(plan, kernels_at(s)))
                add_entry(one, layers[i], kernels_at(s)->name, options->threads[0]);
    }
}

static void plan_networks(struct plan *plan, int32_t batch)
{
    static const char *const networks[] = {"patch_cnn", "wrn10_2", "wrn10_4", "resnet18"};
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        struct comparison *one = add_comparison(plan, SUITE_NETWORKS, networks[i], batch, 0);
        for (int32_t t = 0; t < plan->options->thread_count; t++)
            add_entry(one, networks[i], plan->isa, plan->options->threads[t]);
    }
}

/* Networks side by side, the first of them dense; in_parts: all others in parts. */
struct family {
    const char *name;
    int32_t in_parts, beside_dense;
    int32_t most; /* images of a batch, where nobody asked for more */
    const char *networks[10];
};

static const struct family routed[] = {
    {"patch", 1, 1, 32, {"patch_cnn", "patch_separate", "patch_joint", "patch_moe"}},
    {"stack16", 1, 1, 32, {"stack16_dense", "stack16_l2", "stack16_l4"}},
    {"stack64", 1, 1, 32, {"stack64_dense", "stack64_l2", "stack64_l4"}},
    {"stack256", 1, 1, 32, {"stack256_dense", "stack256_l2", "stack256_l4"}},
    {"sweep",
     1,
     0,
     1,
     {"sweep16", "sweep32", "sweep64", "sweep128", "sweep256", "sweep512", "sweep1024", "sweep2048", "sweep4096"}},
};
static const struct family heads[] = {
    {"head", 1, 1, 256, {"head_dense", "head_soft", "head_top2", "head_hard"}},
    {"resnet18_head", 0, 1, 32, {"resnet18", "resnet18_top2"}},
};

static void plan_family(struct plan *plan, enum suite_group group, const struct family *family, int32_t batch)
{
    if (too_large(plan, batch, family->most))
        return;
    struct comparison *one = add_comparison(plan, group, family->name, batch, family->beside_dense);
    for (size_t i = 0; i < sizeof family->networks / sizeof *family->networks && family->networks[i]; i++) {
        add_entry(one, family->networks[i], plan->isa, plan->options->threads[0]);
        one->entry[one->count - 1].in_parts = family->in_parts && (i > 0 || !family->beside_dense);
    }
}

static void plan_heads(struct plan *plan, int32_t batch)
{
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        plan_family(plan, SUITE_HEADS, &heads[i], batch);
}

/* Networks whose calls between them have every shape that matters, or the caller's models. */
static void plan_kernels(struct plan *plan)
{
    static const char *const networks[] = {"conv64_32", "conv128_16", "wrn10_2",   "wrn10_4",
                                           "resnet18",  "stack16_l2", "patch_cnn", "patch_moe"};
    const struct suite_options *options = plan->options;
    for (int32_t i = 0; i < options->model_count; i++) {
        struct comparison *one =
            add_comparison(plan, SUITE_KERNELS, pmoe_model_info(options->models[i].model).name, 1, 0);
        add_entry(one, NULL, plan->isa, 1);
        one->entry[0].model = i;
    }
    for (size_t i = 0; i < sizeof networks / sizeof *networks && !options->model_count; i++)
        add_entry(add_comparison(plan, SUITE_KERNELS, networks[i], 1, 0), networks[i], plan->isa, 1);
}

static void plan_models(struct plan *plan, int32_t batch)
{
    if (!plan->options->model_count)
        return;
    struct comparison *one = add_comparison(plan, SUITE_MODELS, "models", batch, 1);
    for (int32_t i = 0; i < plan->options->model_count; i++) {
        add_entry(one, NULL, plan->isa, plan->options->threads[0]);
        one->entry[i].model = i;
        one->entry[i].in_parts = i > 0;
    }
}

/* Beside itself in floats: the first of the two that were added. */
static void add_int8(struct comparison *comparison)
{
    struct suite_entry entry = comparison->entry[comparison->count - 1];
    entry.int8 = 1;
    comparison->entry[comparison->count++] = entry;
}

static void plan_int8(struct plan *plan, int32_t batch)
{
    static const char *const networks[] = {"wrn10_2", "wrn10_4", "resnet18"};
    const struct suite_options *options = plan->options;
    int32_t given = 0;
    for (int32_t i = 0; i < options->model_count; i++) {
        if (!options->models[i].int8)
            continue;
        struct comparison *one =
            add_comparison(plan, SUITE_INT8, pmoe_model_info(options->models[i].model).name, batch, 0);
        add_entry(one, NULL, plan->isa, options->threads[0]);
        one->entry[0].model = i;
        add_int8(one);
        given++;
    }
    for (size_t i = 0; i < sizeof networks / sizeof *networks && !given; i++) {
        struct comparison *one = add_comparison(plan, SUITE_INT8, networks[i], batch, 0);
        add_entry(one, networks[i], plan->isa, options->threads[0]);
        add_int8(one);
    }
}

/* ---- The whole ---- */

static void plan_group(struct plan *plan, enum suite_group group, int32_t batch)
{
    switch (group) {
    case SUITE_LAYERS:
    case SUITE_NETWORKS:
    case SUITE_MODELS:
        if (!too_large(plan, batch, 32))
            (group == SUITE_LAYERS ? plan_layers : group == SUITE_NETWORKS ? plan_networks : plan_models)(plan, batch);
        break;
    case SUITE_ROUTED:
        for (size_t i = 0; i < sizeof routed / sizeof *routed; i++)
            plan_family(plan, SUITE_ROUTED, &routed[i], batch);
        break;
    case SUITE_HEADS: plan_heads(plan, batch); break;
    case SUITE_INT8:
        if (!too_large(plan, batch, 32))
            plan_int8(plan, batch);
        break;
    case SUITE_KERNELS:
    case SUITE_GROUPS: break;
    }
}

int32_t suite_plan(const struct suite_options *options, struct comparison *comparisons)
{
    struct plan plan = {.options = options,
                        .isa = kernels_find(options->isa)->name,
                        .every_isa = !options->isa || strcmp(options->isa, "best") == 0,
                        .comparisons = comparisons};
    for (int32_t group = 0; group < SUITE_GROUPS; group++) {
        if (!(options->groups >> group & 1))
            continue;
        if (group == SUITE_KERNELS)
            plan_kernels(&plan);
        for (int32_t i = 0; i < options->batch_count; i++)
            plan_group(&plan, (enum suite_group)group, options->batches[i]);
        for (size_t i = 0; i < sizeof usual_batches / sizeof *usual_batches && !options->batch_count; i++)
            plan_group(&plan, (enum suite_group)group, usual_batches[i]);
    }
    return plan.count;
}
