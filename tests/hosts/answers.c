/* What this host answers to many inputs, for comparing hosts and instruction sets.
 *
 *     answers ISA COUNT boards IMAGES LABELS MODEL...      boards 0 .. COUNT-1 of seed 1 from the two IDX files; each
 *                                                          model's set follows from its input and classes
 *     answers ISA COUNT pixels FILE MODEL...               the first COUNT inputs of a file of bytes
 *
 * prints one JSON object a line: {"model", "input", "logits", "picks"}.  With ISA "oracle" the double-precision oracle
 * answers, and adds "bounds", what float rounding does to each logit at most, and "margin": above 0 no rounding changes
 * a pick. */
#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "train/oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PIXELS = PMOE_MAX_BOARD * PMOE_MAX_BOARD, MOST_OUTPUTS = 16 };

struct bytes {
    void *at;
    size_t count;
};

static struct bytes read_file(const char *path)
{
    struct bytes bytes = {NULL, 0};
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "answers: %s: cannot be read\n", path);
        exit(1);
    }
    bytes.count = (size_t)ftell(file);
    rewind(file);
    bytes.at = malloc(bytes.count + 1);
    if (!bytes.at || fread(bytes.at, 1, bytes.count, file) != bytes.count)
        exit(1);
    fclose(file);
    return bytes;
}

static void require(pmoe_status status, const pmoe_error *error)
{
    if (status == PMOE_OK)
        return;
    fprintf(stderr, "answers: %s\n", error->text);
    exit(1);
}

static void print_numbers(const char *key, const double *values, int32_t count)
{
    printf(", \"%s\": [", key);
    for (int32_t i = 0; i < count; i++)
        printf("%s%.17g", i ? ", " : "", values[i]);
    printf("]");
}

static void print_picks(const int32_t *picks, int32_t experts, int32_t kept)
{
    printf(", \"picks\": [");
    for (int32_t s = 0; s < experts; s++) {
        printf("%s[", s ? ", " : "");
        for (int32_t j = 0; j < kept; j++)
            printf("%s%d", j ? ", " : "", (int)picks[s * kept + j]);
        printf("]");
    }
    printf("]");
}

/* ---- The oracle's weights: the file's, as doubles ---- */

static double **read_doubles(struct bytes file, const struct graph *graph)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    pmoe_error error;
    struct safetensors view;
    require(safetensors_open(file.at, file.count, &allocator, &view, &error), &error);
    double **tensors = calloc((size_t)graph->tensors, sizeof *tensors);
    for (int32_t t = 0; tensors && t < graph->tensors; t++) {
        struct safetensors_entry entry;
        size_t count = (size_t)graph->tensor[t].count;
        float *values = malloc(count * sizeof *values);
        tensors[t] = malloc(count * sizeof **tensors);
        if (!values || !tensors[t] || !safetensors_find(&view, graph->tensor[t].name, &entry))
            exit(1);
        tensor_from_file(graph, t, entry.bytes, values);
        for (size_t i = 0; i < count; i++)
            tensors[t][i] = (double)values[i];
        free(values);
    }
    safetensors_close(&view, &allocator);
    return tensors;
}

/* ---- Answers ---- */

/* Boards are made of digits; without those inputs lie in the file one behind the other. */
struct inputs {
    const pmoe_digits *digits;
    struct bytes pixels;
    int32_t count;
};

static size_t pixel_count(const struct graph *graph)
{
    return (size_t)graph->height * (size_t)graph->width * (size_t)graph->channels;
}

static void load(const struct inputs *inputs, const struct graph *graph, int32_t index, float *image)
{
    uint8_t board[MOST_PIXELS];
    const uint8_t *pixels = board;
    size_t count = pixel_count(graph);
    pmoe_error error = {PMOE_E_ARGUMENT, "the file of pixels is too small"};
    if (inputs->digits) {
        pmoe_set set = graph->classes == 2 ? PMOE_MOSAIC : graph->height == PMOE_BOARD ? PMOE_MOSAIC10 : PMOE_MOSAIC64;
        require(pmoe_board(inputs->digits, set, 1, (uint64_t)index, board, NULL, &error), &error);
    } else {
        require(((size_t)index + 1) * count > inputs->pixels.count, &error);
        pixels = (const uint8_t *)inputs->pixels.at + (size_t)index * count;
    }
    pmoe_bytes_to_floats(pixels, count, image);
}

static void answer_oracle(const pmoe_model *model, struct bytes file, const struct inputs *inputs)
{
    const struct graph *graph = &model->graph;
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    pmoe_error error;
    struct oracle *oracle;
    double **tensors = read_doubles(file, graph), exact[MOST_PIXELS], logits[MOST_OUTPUTS], bounds[MOST_OUTPUTS];
    float image[MOST_PIXELS];
    require(oracle_open(graph, &allocator, &oracle, &error), &error);
    for (int32_t b = 0; b < inputs->count; b++) {
        load(inputs, graph, b, image);
        for (size_t i = 0; i < pixel_count(graph); i++)
            exact[i] = (double)image[i];
        oracle_forward(oracle, (const double *const *)tensors, exact);
        for (int32_t o = 0; o < graph->outputs; o++) {
            logits[o] = oracle_logit(oracle, o);
            bounds[o] = fmin(oracle_bound(oracle, o), ORACLE_DEVIATIONS * oracle_deviation(oracle, o));
        }
        printf("{\"model\": \"%s\", \"input\": %d", graph->name, (int)b);
        print_numbers("logits", logits, graph->outputs);
        print_numbers("bounds", bounds, graph->outputs);
        if (model->routed >= 0) {
            const struct layer *layer = &graph->layer[model->routed];
            print_picks(oracle_picks(oracle, model->routed), layer->experts, layer->kept);
        } else if (model->mixed >= 0) {
            print_picks(oracle_picks(oracle, model->mixed), 1, graph->layer[model->mixed].kept);
        }
        double margin = oracle_margin(oracle);
        printf(", \"margin\": %.6g}\n", margin < 1e30 ? margin : 1e30);
    }
    oracle_close(&oracle);
    for (int32_t t = 0; t < graph->tensors; t++)
        free(tensors[t]);
    free(tensors);
}

static void answer(const pmoe_model *model, const struct inputs *inputs)
{
    pmoe_error error;
    pmoe_run *run;
    float image[MOST_PIXELS], logits[MOST_OUTPUTS];
    double wide[MOST_OUTPUTS];
    require(pmoe_run_open(model, 1, &run, &error), &error);
    for (int32_t b = 0; b < inputs->count; b++) {
        load(inputs, &model->graph, b, image);
        error = (pmoe_error){.text = "the forward pass was refused"};
        require(pmoe_forward(run, image, 1, logits), &error);
        for (int32_t o = 0; o < model->graph.outputs; o++)
            wide[o] = (double)logits[o];
        printf("{\"model\": \"%s\", \"input\": %d", model->graph.name, (int)b);
        print_numbers("logits", wide, model->graph.outputs);
        pmoe_routing routing = pmoe_run_routing(run, 0);
        pmoe_mixing mixing = pmoe_run_mixing(run, 0);
        if (routing.experts)
            print_picks(routing.picks, routing.experts, routing.kept);
        else if (mixing.experts)
            print_picks(mixing.picks, 1, mixing.kept);
        printf("}\n");
    }
    pmoe_run_close(&run);
}

int main(int argc, char **argv)
{
    int is_boards = argc > 3 && strcmp(argv[3], "boards") == 0, first = is_boards ? 6 : 5;
    if (argc <= first) {
        fprintf(stderr, "usage: answers ISA COUNT boards IMAGES LABELS MODEL... | pixels FILE MODEL...\n");
        return 1;
    }
    int is_oracle = strcmp(argv[1], "oracle") == 0;
    struct bytes file = read_file(argv[4]), labels = is_boards ? read_file(argv[5]) : (struct bytes){NULL, 0};
    pmoe_digits *digits = NULL;
    pmoe_error error;
    if (is_boards)
        require(pmoe_digits_open(file.at, file.count, labels.at, labels.count, NULL, &digits, &error), &error);
    struct inputs inputs = {digits, file, atoi(argv[2])};
    pmoe_options options = {.isa = is_oracle ? "scalar" : argv[1]};
    for (int i = first; i < argc; i++) {
        struct bytes weights = read_file(argv[i]);
        pmoe_model *model;
        require(pmoe_model_open(weights.at, weights.count, &options, &model, &error), &error);
        if (model->graph.outputs > MOST_OUTPUTS || pixel_count(&model->graph) > MOST_PIXELS)
            return 1;
        if (is_oracle)
            answer_oracle(model, weights, &inputs);
        else
            answer(model, &inputs);
        pmoe_model_close(&model);
        free(weights.at);
    }
    pmoe_digits_close(&digits);
    free(labels.at);
    free(file.at);
    return 0;
}
