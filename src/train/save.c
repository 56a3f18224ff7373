/* Trained weights to files and back: saving, golden outputs, resuming. */
#include "trainer.h"

#include "../base/error.h"
#include "../model/golden.h"
#include "../model/safetensors.h"
#include "oracle.h"
#include "recipe.h"

#include <stdlib.h>
#include <string.h>

enum {
    GRAPH_TEXT_BYTES = 16384,
    TRAIN_TEXT_BYTES = 2048,
    GOLDEN_TEXT_BYTES = 65536,
    GOLDEN_DEVIATIONS = 10, /* of rounding that a golden output allows */
    GOLDEN_TRIES = 200,     /* seeds tried for an input whose routing no rounding can change */
};

/* ---- Golden outputs ---- */

static size_t write_golden(const pmoe_trainer *trainer, const struct oracle *oracle, uint64_t seed, char *text,
                           size_t capacity)
{
    const struct graph *graph = trainer->graph;
    int32_t group = trainer->model->routed;
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_int(&json, "seed", (int64_t)seed);
    json_open_array(&json, "logits");
    for (int32_t i = 0; i < graph->outputs; i++)
        json_add_number(&json, NULL, oracle_logit(oracle, i), 17);
    json_close_array(&json);
    json_open_array(&json, "bounds");
    for (int32_t i = 0; i < graph->outputs; i++)
        json_add_number(&json, NULL, GOLDEN_DEVIATIONS * oracle_deviation(oracle, i), 3);
    json_close_array(&json);
    if (group >= 0) {
        const struct layer *layer = &graph->layer[group];
        const int32_t *picks = oracle_picks(oracle, group);
        json_open_array(&json, "picks");
        for (int32_t s = 0; s < layer->experts; s++) {
            json_open_array(&json, NULL);
            for (int32_t j = 0; j < layer->kept; j++)
                json_add_int(&json, NULL, *picks++);
            json_close_array(&json);
        }
        json_close_array(&json);
    }
    json_close_object(&json);
    return json.length;
}

static size_t image_floats(const struct graph *graph)
{
    return (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
}

/* Every weight as a double, one block; pointers[t] for each tensor. */
static double *weights_as_doubles(const pmoe_trainer *trainer, const double **pointers)
{
    const struct graph *graph = trainer->graph;
    double *values = allocator_take(&trainer->allocator, (size_t)graph->parameters * sizeof *values);
    double *at = values;
    for (int32_t t = 0; values && t < graph->tensors; t++) {
        pointers[t] = at;
        for (int64_t i = 0; i < graph->tensor[t].count; i++)
            *at++ = (double)trainer->weights[t][i];
    }
    return values;
}

/* An empty text means that no input was found whose routing is beyond doubt: equal routers, as before training. */
static void find_golden(const pmoe_trainer *trainer, struct oracle *oracle, const double *const *weights, float *image,
                        double *image_double, char *text, size_t capacity)
{
    size_t count = image_floats(trainer->graph);
    text[0] = 0;
    for (uint64_t seed = 0; seed < GOLDEN_TRIES; seed++) {
        golden_input(seed, image, count);
        for (size_t i = 0; i < count; i++)
            image_double[i] = (double)image[i];
        oracle_forward(oracle, weights, image_double);
        if (oracle_margin(oracle) > 0) {
            if (write_golden(trainer, oracle, seed, text, capacity) >= capacity)
                text[0] = 0;
            return;
        }
    }
}

static pmoe_status make_golden(const pmoe_trainer *trainer, char *text, size_t capacity, pmoe_error *error)
{
    const double *pointers[GRAPH_MAX_TENSORS];
    size_t count = image_floats(trainer->graph);
    double *weights = weights_as_doubles(trainer, pointers);
    double *image_double = allocator_take(&trainer->allocator, count * (sizeof(double) + sizeof(float)));
    struct oracle *oracle = NULL;
    pmoe_status status = PMOE_OK;
    if (!weights || !image_double)
        status = fail(error, PMOE_E_MEMORY, "saving: no memory for golden outputs");
    if (status == PMOE_OK)
        status = oracle_open(trainer->graph, &trainer->allocator, &oracle, error);
    if (status == PMOE_OK)
        find_golden(trainer, oracle, pointers, (float *)(image_double + count), image_double, text, capacity);
    oracle_close(&oracle);
    allocator_give(&trainer->allocator, image_double);
    allocator_give(&trainer->allocator, weights);
    return status;
}

/* ---- Saving ---- */

static size_t write_train(const pmoe_trainer *trainer, char *text, size_t capacity)
{
    char recipe[TRAIN_TEXT_BYTES];
    size_t length = recipe_describe(&trainer->recipe, recipe, sizeof recipe);
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_raw(&json, "recipe", recipe, length);
    json_add_int(&json, "epochs_done", trainer->epoch);
    json_close_object(&json);
    return json.length;
}

struct save_texts {
    char graph[GRAPH_TEXT_BYTES], train[2 * TRAIN_TEXT_BYTES], golden[GOLDEN_TEXT_BYTES];
};

static pmoe_status save_with(const pmoe_trainer *trainer, const char *card, struct save_texts *texts, float *values,
                             unsigned char **file, size_t *file_bytes, pmoe_error *error)
{
    const struct graph *graph = trainer->graph;
    if (graph_write(graph, texts->graph, sizeof texts->graph) >= sizeof texts->graph ||
        write_train(trainer, texts->train, sizeof texts->train) >= sizeof texts->train)
        return fail(error, PMOE_E_LIMIT, "saving: the layer list or the recipe is too long");
    TRY(make_golden(trainer, texts->golden, sizeof texts->golden, error));
    struct safetensors_pair pairs[4] = {{"pmoe.model", texts->graph}, {"pmoe.train", texts->train}};
    int32_t count = 2;
    if (texts->golden[0])
        pairs[count++] = (struct safetensors_pair){"pmoe.golden", texts->golden};
    if (card)
        pairs[count++] = (struct safetensors_pair){"pmoe.card", card};
    struct safetensors_source sources[GRAPH_MAX_TENSORS];
    for (int32_t t = 0; t < graph->tensors; t++) {
        const struct tensor *row = &graph->tensor[t];
        sources[t] = (struct safetensors_source){row->name, row->rank, row->dims, values};
        tensor_to_file(graph, t, trainer->weights[t], values);
        values += row->count;
    }
    return safetensors_write(sources, graph->tensors, pairs, count, &trainer->allocator, file, file_bytes, error);
}

pmoe_status pmoe_trainer_save(const pmoe_trainer *trainer, const char *card, unsigned char **file, size_t *file_bytes,
                              pmoe_error *error)
{
    struct save_texts *texts = allocator_take(&trainer->allocator, sizeof *texts);
    float *values = allocator_take(&trainer->allocator, (size_t)trainer->graph->parameters * sizeof *values);
    pmoe_status status = texts && values ? save_with(trainer, card, texts, values, file, file_bytes, error)
                                         : fail(error, PMOE_E_MEMORY, "saving: no memory for the file");
    allocator_give(&trainer->allocator, values);
    allocator_give(&trainer->allocator, texts);
    return status;
}

/* ---- Resuming ---- */

static pmoe_status read_train(const pmoe_trainer *trainer, const char *text, int32_t *epoch, pmoe_error *error)
{
    char own[TRAIN_TEXT_BYTES];
    size_t own_bytes = recipe_describe(&trainer->recipe, own, sizeof own), found_bytes = 0;
    struct json json;
    TRY(json_open(text, strlen(text), "pmoe.train", &trainer->allocator, &json, error));
    json_node recipe = json_member(&json, 0, "recipe");
    const char *found = recipe == JSON_NONE ? NULL : json_raw(&json, recipe, &found_bytes);
    pmoe_status status = PMOE_OK;
    int64_t done = 0;
    if (!found || found_bytes != own_bytes || memcmp(found, own, own_bytes) != 0)
        status = fail(error, PMOE_E_ARGUMENT,
                      "resume: the file was trained by another recipe; expected the same \"recipe\" under pmoe.train");
    else
        status = json_int(&json, json_member(&json, 0, "epochs_done"), "pmoe.train: epochs_done", 0,
                          (int64_t)trainer->recipe.epochs + trainer->recipe.router_epochs, &done, error);
    json_close(&json, &trainer->allocator);
    *epoch = (int32_t)done;
    return status;
}

static pmoe_status resume_view(pmoe_trainer *trainer, const struct safetensors *view, pmoe_error *error)
{
    char *text = NULL;
    int32_t epoch, checked;
    TRY(safetensors_verify(view, &trainer->allocator, &checked, error));
    TRY(safetensors_metadata(view, "pmoe.train", &trainer->allocator, &text, error));
    if (!text)
        return fail(error, PMOE_E_FORMAT, "resume: the file has no \"pmoe.train\" in its metadata");
    pmoe_status status = read_train(trainer, text, &epoch, error);
    allocator_give(&trainer->allocator, text);
    TRY(status);
    const struct graph *graph = trainer->graph;
    for (int pass = 0; pass < 2; pass++) /* all are checked before any is taken */
        for (int32_t t = 0; t < graph->tensors; t++) {
            struct safetensors_entry entry;
            if (!safetensors_find(view, graph->tensor[t].name, &entry) ||
                (int64_t)entry.count != graph->tensor[t].count)
                return fail(error, PMOE_E_GRAPH, "resume: tensor \"%s\" is missing or of another size",
                            graph->tensor[t].name);
            if (pass == 1)
                tensor_from_file(graph, t, entry.bytes, trainer->weights[t]);
        }
    for (int32_t i = 0; i < graph->layers; i++)
        if (graph->layer[i].weight >= 0)
            model_pack(trainer->model, i, trainer->weights[graph->layer[i].weight],
                       graph->layer[i].bias < 0 ? NULL : trainer->weights[graph->layer[i].bias]);
    trainer->epoch = epoch;
    return PMOE_OK;
}

pmoe_status pmoe_trainer_resume(pmoe_trainer *trainer, const void *file, size_t file_bytes, pmoe_error *error)
{
    struct safetensors view;
    TRY(safetensors_open(file, file_bytes, &trainer->allocator, &view, error));
    pmoe_status status = resume_view(trainer, &view, error);
    safetensors_close(&view, &trainer->allocator);
    return status;
}
