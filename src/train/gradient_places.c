#include "gradient_places.h"

/* ---- Owners ---- */

static int32_t stored_in(const pmoe_model *model, int32_t layer)
{
    int32_t stored_by = model->plan[layer].stored_by;
    return model->plan[stored_by].in_group ? model->graph.layer[layer].group : stored_by;
}

static int reads(const struct graph *graph, int32_t reader, int32_t layer)
{
    const struct layer *at = &graph->layer[reader];
    return at->input == layer || at->router == layer || (at->type == LAYER_ADD && at->with == layer);
}

/* The sum that alone reads a convolution outside of experts, and once, or -1.  Going back such a convolution only reads
 * its gradient, unless a ReLU is folded into it. */
static int32_t only_sum(const pmoe_model *model, int32_t layer)
{
    const struct graph *graph = &model->graph;
    int32_t sum = -1;
    if (graph->layer[layer].type != LAYER_CONV || graph->layer[layer].group >= 0 || model->plan[layer].relu)
        return -1;
    for (int32_t reader = 0; reader < graph->layers; reader++)
        if (reads(graph, reader, layer)) {
            const struct layer *at = &graph->layer[reader];
            if (sum >= 0 || at->type != LAYER_ADD || at->input == at->with)
                return -1;
            sum = reader;
        }
    return sum;
}

/* ---- Slots ---- */

struct search {
    const pmoe_model *model;
    struct gradient_places *places;
    int32_t unused[GRAPH_MAX_LAYERS], unused_count; /* slots that nobody wants now, the last one given back on top */
};

/* A gradient is written first: the slot that was given back last is likeliest in a cache. */
static void take_slot(struct search *search, int32_t layer)
{
    struct gradient_places *places = search->places;
    if (layer < 0 || places->slot[places->owner[layer]] >= 0)
        return;
    const int32_t slot = search->unused_count ? search->unused[--search->unused_count] : places->slots++;
    const int64_t floats = search->model->plan[places->owner[layer]].out_count;
    places->floats[slot] = floats > places->floats[slot] ? floats : places->floats[slot];
    places->slot[places->owner[layer]] = slot;
}

/* Is this the last layer on the way back that wants its owner's gradient? */
static int is_last(const struct search *search, int32_t layer)
{
    const struct gradient_places *places = search->places;
    for (int32_t i = 0; i < layer; i++)
        if (search->model->graph.layer[i].group < 0 && places->owner[i] == places->owner[layer])
            return 0;
    return 1;
}

static void give_slot_back(struct search *search, int32_t layer)
{
    search->unused[search->unused_count++] = search->places->slot[search->places->owner[layer]];
}

/* A batch norm's gradient by its input may replace that by its output; all others read the one while they write the
 * other. */
static void pass_layer(struct search *search, int32_t at, int32_t reuses)
{
    const struct layer *layer = &search->model->graph.layer[at];
    const int in_place = layer->type == LAYER_BATCH_NORM, ends = reuses && is_last(search, at);
    take_slot(search, at);
    if (ends && in_place)
        give_slot_back(search, at);
    take_slot(search, layer->input);
    if (layer->type == LAYER_ADD)
        take_slot(search, layer->with);
    if (ends && !in_place)
        give_slot_back(search, at);
}

void gradient_places_find(const pmoe_model *model, int32_t reuses, struct gradient_places *places)
{
    struct search search = {.model = model, .places = places};
    *places = (struct gradient_places){.slots = 0};
    for (int32_t i = 0; i < model->graph.layers; i++) {
        const int32_t sum = only_sum(model, i);
        places->owner[i] = stored_in(model, sum < 0 ? i : sum);
        places->slot[i] = -1;
    }
    for (int32_t i = model->graph.layers - 1; i >= 0; i--)
        if (model->graph.layer[i].group < 0)
            pass_layer(&search, i, reuses);
}
