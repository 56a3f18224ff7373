/* Any layer list that is accepted, with weights drawn for it, as a model that runs: in floats and in eight bits, on
 * every instruction set, as it is and as a what-if.  No pass may read or write beside its memory, and none may depend
 * on the number of threads. */
#include "base/random.h"
#include "model/model.h"
#include "model/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BATCH = 3, MOST_FLOATS = 1 << 16, MOST_WORK = 1 << 20 };

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Small enough for some hundred passes a second. */
static int is_small(const struct graph *graph)
{
    int64_t work = graph->parameters;
    int64_t floats = (int64_t)graph->height * graph->width * graph->channels;
    for (int32_t i = 0; i < graph->layers; i++) {
        int64_t copies = graph->layer[i].group < 0 ? 1 : graph->layer[graph->layer[i].group].patches;
        if (work > MOST_WORK || floats > MOST_FLOATS)
            return 0;
        work += layer_multiply_adds(graph, i);
        floats += shape_count(graph->layer[i].shape) * (copies > 1 ? copies : 1);
    }
    return work <= MOST_WORK && floats <= MOST_FLOATS;
}

/* One value in 64 is none that training leaves. */
static float draw(struct random *random, int odd)
{
    static const float odd_values[] = {INFINITY, -INFINITY, NAN, 0, -0.0f, 1e38f, -1e38f, 1e-42f};
    if (odd && random_below(random, 64) == 0)
        return odd_values[random_below(random, 8)];
    return 0.5f * random_normal(random);
}

static void write_file(const struct graph *graph, const char *list, uint64_t seed, unsigned char **file, size_t *bytes)
{
    struct safetensors_source *sources = calloc(GRAPH_MAX_TENSORS, sizeof *sources);
    const struct safetensors_pair pair = {"pmoe.model", list};
    struct random random = random_at(seed, RANDOM_INIT, 0);
    require(sources != NULL);
    for (int32_t t = 0; t < graph->tensors; t++) {
        const struct tensor *tensor = &graph->tensor[t];
        float *values = malloc((size_t)tensor->count * sizeof *values);
        require(values != NULL);
        const int of_squares = graph->layer[tensor->layer].variance == t;
        for (int64_t i = 0; i < tensor->count; i++) {
            values[i] = draw(&random, seed % 4 == 0);
            if (of_squares && seed % 8)
                values[i] = fabsf(values[i]);
        }
        sources[t] = (struct safetensors_source){tensor->name, tensor->rank, tensor->dims, values};
    }
    require(safetensors_write(sources, graph->tensors, &pair, 1, NULL, file, bytes, NULL) == PMOE_OK);
    for (int32_t t = 0; t < graph->tensors; t++)
        free((void *)(uintptr_t)sources[t].values);
    free(sources);
}

static void pass(const pmoe_model *model, const pmoe_what_if *what_if, int32_t threads, const float *images,
                 float *logits)
{
    pmoe_run *run;
    pmoe_error error = {PMOE_OK, ""};
    const int32_t outputs = pmoe_model_info(model).outputs;
    const pmoe_status status = pmoe_run_open_what_if(model, BATCH, what_if, &run, &error);
    if (status != PMOE_OK) {
        require(what_if && status != PMOE_E_MEMORY && error.text[0] != 0);
        return;
    }
    require(pmoe_run_threads(run, threads, NULL) == PMOE_OK);
    require(pmoe_forward(run, images, BATCH, logits) == PMOE_OK);
    for (int32_t b = 0; b < BATCH; b++) {
        const size_t length = pmoe_run_describe(run, b, logits + b * outputs, NULL, 0);
        char *text = malloc(length + 1);
        require(text && pmoe_run_describe(run, b, logits + b * outputs, text, length + 1) == length);
        free(text);
    }
    pmoe_run_close(&run);
}

static void use(pmoe_model *model, const float *images, uint64_t seed)
{
    const size_t count = (size_t)BATCH * (size_t)pmoe_model_info(model).outputs;
    const pmoe_what_if what_if = {(int32_t)(seed >> 8) % 7, (seed >> 16) % 16};
    float *logits = calloc(3 * count, sizeof *logits);
    require(logits != NULL);
    pass(model, NULL, 1, images, logits);
    pass(model, NULL, 2, images, logits + count);
    require(memcmp(logits, logits + count, count * sizeof *logits) == 0);
    pass(model, &what_if, 1, images, logits + 2 * count);
    free(logits);
    pmoe_model_close(&model);
}

static void open_and_use(const void *file, size_t bytes, const float *images, uint64_t seed)
{
    for (int isa = 0; isa < pmoe_isa_count(); isa++) {
        const pmoe_options how = {.isa = pmoe_isa_name(isa)};
        pmoe_error error = {PMOE_OK, ""};
        pmoe_model *model;
        pmoe_status status = pmoe_model_open(file, bytes, &how, &model, &error);
        if (status != PMOE_OK) { /* a variance that is none */
            require(status == PMOE_E_FORMAT && error.text[0] != 0);
            return;
        }
        use(model, images, seed);
        status = pmoe_model_open_int8(file, bytes, &how, images, BATCH, &model, &error);
        if (status == PMOE_OK)
            use(model, images, seed);
        else
            require(status == PMOE_E_ARGUMENT && error.text[0] != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct graph *graph = malloc(sizeof *graph);
    char *list = malloc(size + 1);
    require(graph && list);
    memcpy(list, data, size);
    list[size] = 0;
    if (strlen(list) == size && graph_read(list, size, NULL, graph, NULL) == PMOE_OK && is_small(graph)) {
        uint64_t seed = size;
        for (size_t i = 0; i < size; i++)
            seed = (seed ^ data[i]) * 1099511628211u;
        seed ^= seed >> 29;
        const size_t count = (size_t)BATCH * (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
        struct random random = random_at(seed, RANDOM_CHECK, 0);
        unsigned char *file;
        size_t bytes;
        float *images = malloc(count * sizeof *images);
        require(images != NULL);
        for (size_t i = 0; i < count; i++)
            images[i] = draw(&random, seed % 4 == 1);
        write_file(graph, list, seed, &file, &bytes);
        open_and_use(file, bytes, images, seed);
        free(file);
        free(images);
    }
    free(list);
    free(graph);
    return 0;
}
