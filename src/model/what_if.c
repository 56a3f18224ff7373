/* What-ifs: the same weights behind a layer list that keeps other patches, and routers without the experts that are
 * off.
 *
 * A run of one has a copy of the model in its block, changed before anything is sized by it; passes read the copy and
 * know of what-ifs only that some experts are off. */
#include "model.h"

#include "../base/error.h"
#include "../kernels/pack.h"

#include <math.h>
#include <string.h>

/* Experts that are on: which [experts], in order, may be NULL. */
static int32_t list_on(const pmoe_what_if *what_if, int32_t experts, int32_t *which)
{
    int32_t on = 0;
    for (int32_t e = 0; e < experts; e++)
        if (!what_if_is_off(what_if, e)) {
            if (which)
                which[on] = e;
            on++;
        }
    return on;
}

/* Those that a what-if is of. */
static enum layer_type changed_type(const pmoe_model *model)
{
    return model->routed >= 0 ? LAYER_EXPERT_GROUP : LAYER_MIXTURE;
}

/* ---- Changing a copy ---- */

static pmoe_status check_kept(const struct graph *graph, int32_t at, int32_t most, int32_t kept, pmoe_error *error)
{
    const struct layer *layer = &graph->layer[at];
    if (kept < 0 || kept > most)
        return fail(error, PMOE_E_ARGUMENT, "what if: kept is %d, expected 1 to %d (the %s of layer \"%s\")", (int)kept,
                    (int)most, layer->type == LAYER_EXPERT_GROUP ? "patches" : "experts", layer->name);
    /* As when the layer list is read; a group's own output is at most what its pool's channels allow, times n. */
    int64_t copies = layer->type == LAYER_EXPERT_GROUP ? kept : 1;
    for (int32_t i = at + 1; i <= graph_stack_end(graph, at); i++)
        if (shape_count(graph->layer[i].shape) * copies > GRAPH_MAX_ELEMENTS)
            return fail(error, PMOE_E_LIMIT, "what if: layer \"%s\" has more than %lld elements at kept %d",
                        graph->layer[i].name, (long long)GRAPH_MAX_ELEMENTS, (int)kept);
    return PMOE_OK;
}

static pmoe_status change_layer(struct graph *graph, int32_t at, const pmoe_what_if *what_if, pmoe_error *error)
{
    struct layer *layer = &graph->layer[at];
    int is_group = layer->type == LAYER_EXPERT_GROUP;
    TRY(check_kept(graph, at, is_group ? layer->patches : layer->experts, what_if->kept, error));
    if (layer->experts < WHAT_IF_EXPERTS && what_if->off >> layer->experts)
        return fail(error, PMOE_E_ARGUMENT, "what if: an expert is off beyond the %d of layer \"%s\"",
                    (int)layer->experts, layer->name);
    int32_t on = list_on(what_if, layer->experts, NULL);
    if (what_if->kept)
        layer->kept = what_if->kept;
    if (is_group) {
        layer->shape.b = layer->kept;
    } else if (layer->kept > on) {
        if (!on)
            return fail(error, PMOE_E_ARGUMENT, "what if: all %d experts of layer \"%s\" are off, expected 1 on",
                        (int)layer->experts, layer->name);
        layer->kept = on;
    }
    return PMOE_OK;
}

static pmoe_status change(pmoe_model *copy, const pmoe_what_if *what_if, pmoe_error *error)
{
    if (copy->routed < 0 && copy->mixed < 0)
        return fail(error, PMOE_E_ARGUMENT, "what if: model \"%s\" routes nothing", copy->graph.name);
    for (int32_t i = 0; i < copy->graph.layers; i++)
        if (copy->graph.layer[i].type == changed_type(copy))
            TRY(change_layer(&copy->graph, i, what_if, error));
    model_plan_kept(copy);
    return PMOE_OK;
}

pmoe_status what_if_copy(const pmoe_model *model, const pmoe_what_if *what_if, pmoe_model **copy, pmoe_error *error)
{
    *copy = allocator_take(&model->allocator, sizeof **copy);
    if (!*copy)
        return fail(error, PMOE_E_MEMORY, "what if: no memory for a copy of the layer list (%zu bytes)", sizeof **copy);
    memcpy(*copy, model, sizeof **copy);
    pmoe_status status = change(*copy, what_if, error);
    if (status != PMOE_OK) {
        allocator_give(&model->allocator, *copy);
        *copy = NULL;
    }
    return status;
}

/* ---- The run's own ---- */

void what_if_lay_out(pmoe_run *run, struct arena *arena)
{
    int32_t which[GRAPH_MAX_EXPERTS];
    pmoe_model *copy = arena_take(arena, sizeof *copy);
    if (copy) {
        memcpy(copy, run->model, sizeof *copy);
        run->model = copy;
    }
    for (int32_t i = 0; run->what_if.off && i < run->model->graph.layers; i++) {
        if (run->model->graph.layer[i].type != LAYER_PATCH_ROUTER)
            continue;
        const struct layer_plan *plan = &run->model->plan[i];
        int32_t on = list_on(&run->what_if, plan->outs, which);
        float *panels = arena_take(arena, packed_count(run->model->kernels, plan->patch, on) * sizeof(float));
        if (!copy)
            continue;
        repack_panels(copy->kernels, plan->patch, plan->outs, plan->panels, which, on, panels);
        copy->plan[i].panels = panels;
        copy->plan[i].outs = on;
    }
}

/* ---- In passes ---- */

int32_t what_if_stretch(const pmoe_what_if *what_if, int32_t first, int32_t experts)
{
    if (!what_if->off)
        return experts;
    while (first < experts && !what_if_is_off(what_if, first))
        first++;
    return first;
}

void what_if_rank_last(const pmoe_run *run, float *scores, int32_t experts)
{
    if (run->what_if.off && run->model->routed < 0)
        for (int32_t i = 0; i < run->now * experts; i++)
            if (what_if_is_off(&run->what_if, i % experts))
                scores[i] = -INFINITY;
}

/* ---- Counting ---- */

int64_t pmoe_run_multiply_adds(const pmoe_run *run)
{
    const struct graph *graph = &run->model->graph;
    int64_t sum = 0;
    for (int32_t i = 0; i < graph->layers; i++) {
        const struct layer *layer = &graph->layer[i], *group = layer->group < 0 ? layer : &graph->layer[layer->group];
        int64_t adds = layer_multiply_adds(graph, i);
        if (layer->type == LAYER_PATCH_ROUTER || group->type == LAYER_EXPERT_GROUP)
            adds = adds / group->experts * list_on(&run->what_if, group->experts, NULL);
        sum += adds;
    }
    return sum;
}
