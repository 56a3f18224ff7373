/* Trained weights to files and back: models with golden outputs, checkpoints, resuming.
 *
 * A checkpoint holds each tensor under its name, those that a gate's noise comes from under noise.NAME of the router's
 * own, and the optimizer's state under moment.0. and moment.1. before these, all in the file's order, and pmoe.train in
 * its metadata; it has no layer list and so is no model. */
#include "trainer.h"

#include "../base/error.h"
#include "../model/golden.h"
#include "../model/safetensors.h"
#include "oracle.h"
#include "recipe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    CHECKPOINT_NAME_BYTES = GRAPH_TENSOR_NAME_BYTES + 16,
    CHECKPOINT_MAX_TENSORS = TRAINER_TENSORS * (1 + OPTIMIZER_MOMENTS),
    GRAPH_TEXT_BYTES = 16384,
    TRAIN_TEXT_BYTES = 2048,
    GOLDEN_TEXT_BYTES = 65536,
    GOLDEN_DEVIATIONS = ORACLE_DEVIATIONS, /* of rounding that a golden output allows */
    GOLDEN_TELLING = 100, /* of what it allows, the least that some logit must be: zeros tell nothing */
    GOLDEN_TRIES = 200,   /* seeds tried for an input that tells and whose routing no rounding can change */
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

static int tells(const pmoe_trainer *trainer, const struct oracle *oracle)
{
    for (int32_t i = 0; i < trainer->graph->outputs; i++)
        if (fabs(oracle_logit(oracle, i)) > GOLDEN_TELLING * GOLDEN_DEVIATIONS * oracle_deviation(oracle, i))
            return 1;
    return 0;
}

/* An empty text means that no such input was found: equal routers, as before training, or nothing but zeros. */
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
        if (oracle_margin(oracle) > 0 && tells(trainer, oracle)) {
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

/* ---- Checkpoints ---- */

struct checkpoint_entry {
    char name[CHECKPOINT_NAME_BYTES];
    int32_t tensor; /* row of the tensor table: order and shape */
    float *values;  /* of the trainer, in memory's order */
};

struct checkpoint {
    struct checkpoint_entry entry[CHECKPOINT_MAX_TENSORS];
    struct safetensors_source source[CHECKPOINT_MAX_TENSORS];
    int32_t count;
    size_t floats;
    char train[2 * TRAIN_TEXT_BYTES];
};

static void add_entry(struct checkpoint *checkpoint, const pmoe_trainer *trainer, const char *prefix, int32_t tensor,
                      float *values)
{
    struct checkpoint_entry *entry = &checkpoint->entry[checkpoint->count++];
    entry->tensor = trainer_like(trainer, tensor);
    snprintf(entry->name, sizeof entry->name, "%s%s%s", prefix, entry->tensor == tensor ? "" : "noise.",
             trainer->graph->tensor[entry->tensor].name);
    entry->values = values;
    checkpoint->floats += (size_t)trainer->graph->tensor[entry->tensor].count;
}

/* What a checkpoint of this trainer holds, in order. */
static void list_entries(const pmoe_trainer *trainer, struct checkpoint *checkpoint)
{
    static const char *const prefixes[OPTIMIZER_MOMENTS] = {"moment.0.", "moment.1."};
    checkpoint->count = 0;
    checkpoint->floats = 0;
    for (int32_t t = 0; t < trainer->tensors; t++)
        add_entry(checkpoint, trainer, "", t, trainer->weights[t]);
    for (int m = 0; m < OPTIMIZER_MOMENTS; m++)
        for (int32_t t = 0; t < trainer->tensors; t++)
            if (trainer->moments[t][m])
                add_entry(checkpoint, trainer, prefixes[m], t, trainer->moments[t][m]);
}

static pmoe_status write_checkpoint(const pmoe_trainer *trainer, struct checkpoint *checkpoint, float *values,
                                    unsigned char **file, size_t *file_bytes, pmoe_error *error)
{
    if (write_train(trainer, checkpoint->train, sizeof checkpoint->train) >= sizeof checkpoint->train)
        return fail(error, PMOE_E_LIMIT, "checkpoint: the recipe is too long");
    for (int32_t i = 0; i < checkpoint->count; i++) {
        const struct checkpoint_entry *entry = &checkpoint->entry[i];
        const struct tensor *row = &trainer->graph->tensor[entry->tensor];
        checkpoint->source[i] = (struct safetensors_source){entry->name, row->rank, row->dims, values};
        tensor_to_file(trainer->graph, entry->tensor, entry->values, values);
        values += row->count;
    }
    struct safetensors_pair pair = {"pmoe.train", checkpoint->train};
    return safetensors_write(checkpoint->source, checkpoint->count, &pair, 1, &trainer->allocator, file, file_bytes,
                             error);
}

pmoe_status pmoe_trainer_checkpoint(const pmoe_trainer *trainer, unsigned char **file, size_t *file_bytes,
                                    pmoe_error *error)
{
    struct checkpoint *checkpoint = allocator_take(&trainer->allocator, sizeof *checkpoint);
    if (!checkpoint)
        return fail(error, PMOE_E_MEMORY, "checkpoint: no memory for its list");
    list_entries(trainer, checkpoint);
    float *values = allocator_take(&trainer->allocator, checkpoint->floats * sizeof *values);
    pmoe_status status = values ? write_checkpoint(trainer, checkpoint, values, file, file_bytes, error)
                                : fail(error, PMOE_E_MEMORY, "checkpoint: no memory for the file");
    allocator_give(&trainer->allocator, values);
    allocator_give(&trainer->allocator, checkpoint);
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

/* All entries are found and of the right size before any is taken. */
static pmoe_status take_entries(pmoe_trainer *trainer, const struct safetensors *view,
                                const struct checkpoint *checkpoint, pmoe_error *error)
{
    for (int pass = 0; pass < 2; pass++)
        for (int32_t i = 0; i < checkpoint->count; i++) {
            const struct checkpoint_entry *entry = &checkpoint->entry[i];
            struct safetensors_entry found;
            if (!safetensors_find(view, entry->name, &found) ||
                (int64_t)found.count != trainer->graph->tensor[entry->tensor].count)
                return fail(error, PMOE_E_GRAPH,
                            "resume: tensor \"%s\" is missing or of another size; expected a checkpoint", entry->name);
            if (pass == 1)
                tensor_from_file(trainer->graph, entry->tensor, found.bytes, entry->values);
        }
    return PMOE_OK;
}

static pmoe_status resume_view(pmoe_trainer *trainer, const struct safetensors *view, pmoe_error *error)
{
    char *text = NULL;
    int32_t epoch, checked;
    TRY(safetensors_verify(view, &trainer->allocator, &checked, error));
    TRY(safetensors_metadata(view, "pmoe.train", &trainer->allocator, &text, error));
    if (!text)
        return fail(error, PMOE_E_FORMAT,
                    "resume: the file has no \"pmoe.train\" in its metadata; expected a checkpoint");
    pmoe_status status = read_train(trainer, text, &epoch, error);
    allocator_give(&trainer->allocator, text);
    TRY(status);
    struct checkpoint *checkpoint = allocator_take(&trainer->allocator, sizeof *checkpoint);
    if (!checkpoint)
        return fail(error, PMOE_E_MEMORY, "resume: no memory for the checkpoint's list");
    list_entries(trainer, checkpoint);
    status = take_entries(trainer, view, checkpoint, error);
    allocator_give(&trainer->allocator, checkpoint);
    TRY(status);
    trainer->epoch = epoch;
    return trainer_settle(trainer, error);
}

pmoe_status pmoe_trainer_resume(pmoe_trainer *trainer, const void *file, size_t file_bytes, pmoe_error *error)
{
    struct safetensors view;
    TRY(safetensors_open(file, file_bytes, &trainer->allocator, &view, error));
    pmoe_status status = resume_view(trainer, &view, error);
    safetensors_close(&view, &trainer->allocator);
    return status;
}
