/* Any bytes as a layer list.  What is accepted must be sound, and must come back as the same graph when written. */
#include "model/graph.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_layer(const struct graph *graph, int32_t at)
{
    const struct layer *layer = &graph->layer[at];
    struct shape in = graph_input_shape(graph, at);
    require(layer->input >= (layer->group < 0 ? GRAPH_IMAGE : GRAPH_EXPERT) && layer->input < at);
    require(layer->input < 0 || graph->layer[layer->input].group == layer->group);
    require(layer->group < 0 || (layer->group < at && at <= graph_stack_end(graph, layer->group)));
    require(shape_count(layer->shape) >= 1 && shape_count(layer->shape) <= GRAPH_MAX_ELEMENTS);
    require(layer_multiply_adds(graph, at) >= 0);
    require(in.kind != SHAPE_SCORES && (in.kind != SHAPE_ROUTED || layer->type == LAYER_AVG_POOL));
    if (layer->patch > 0)
        require(layer->high * layer->patch == in.a && layer->wide * layer->patch == in.b &&
                layer->high * layer->wide == layer->patches);
    if (layer->type == LAYER_ADD)
        require(shape_count(graph_shape_of(graph, at, layer->with)) == shape_count(layer->shape));
    require(layer->inner >= 0 && at + layer->inner < graph->layers);
    if (!layer->inner) {
        require(layer->router == -1);
        return;
    }
    require(layer->router >= 0 && layer->router < at);
    const struct layer *router = &graph->layer[layer->router];
    require(layer->kept >= 1 && layer->experts == router->experts);
    require(graph->layer[graph_stack_end(graph, at)].shape.c == layer->shape.c);
    if (layer->type == LAYER_MIXTURE) {
        require(router->type == LAYER_SAMPLE_ROUTER && layer->kept <= layer->experts);
        return;
    }
    require(router->type == LAYER_PATCH_ROUTER && router->input == layer->input && router->patch == layer->patch);
    require(layer->kept <= router->patches);
}

static void check_tensors(const struct graph *graph)
{
    int64_t parameters = 0;
    require(graph->tensors >= 0 && graph->tensors <= GRAPH_MAX_TENSORS);
    for (int32_t i = 0; i < graph->tensors; i++) {
        const struct tensor *tensor = &graph->tensor[i];
        const struct layer *layer = &graph->layer[tensor->layer];
        int64_t count = 1;
        for (int32_t d = 0; d < tensor->rank; d++)
            count *= tensor->dims[d];
        require(count == tensor->count && count >= 1 && count <= GRAPH_MAX_ELEMENTS);
        require(layer->weight == i || layer->bias == i || layer->mean == i || layer->variance == i);
        parameters += count;
    }
    require(parameters == graph->parameters);
}

static void check_round_trip(const struct graph *graph, struct graph *again)
{
    size_t length = graph_write(graph, NULL, 0);
    char *text = malloc(length + 1);
    if (!text)
        return;
    require(graph_write(graph, text, length + 1) == length);
    require(graph_read(text, length, NULL, again, NULL) == PMOE_OK);
    require(memcmp(again, graph, sizeof *graph) == 0);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct graph *graphs = malloc(2 * sizeof *graphs);
    pmoe_error error = {PMOE_OK, ""};
    if (!graphs)
        return 0;
    pmoe_status status = graph_read((const char *)data, size, NULL, &graphs[0], &error);
    if (status == PMOE_OK) {
        require(graphs->layers >= 1 && graphs->layers <= GRAPH_MAX_LAYERS);
        for (int32_t i = 0; i < graphs->layers; i++)
            check_layer(graphs, i);
        check_tensors(graphs);
        require(graphs->layer[graphs->last].group < 0);
        require(shape_count(graphs->layer[graphs->last].shape) == graphs->outputs);
        check_round_trip(&graphs[0], &graphs[1]);
    } else {
        require(error.status == status && error.text[0] != 0 && strpbrk(error.text, "\r\n\x1b") == NULL);
    }
    free(graphs);
    return 0;
}
