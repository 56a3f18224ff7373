/* From a recipe to a layer list. */
#include "../base/error.h"
#include "../data/source.h"
#include "recipe.h"

#include <stdio.h>
#include <string.h>

enum { RECIPE_TEXT_BYTES = 16384 };

/* Of a normalisation, whose variance is known: as good as none. */
static const double NORMALISE_EPSILON = 1e-12;

static void write_layer(struct json_writer *json, const char *name, const char *type)
{
    json_open_object(json, NULL);
    if (name)
        json_add_text(json, "name", name);
    json_add_text(json, "type", type);
}

static void write_bias(struct json_writer *json, const pmoe_recipe *recipe)
{
    if (recipe->bias)
        json_add_bool(json, "bias", 1);
}

static void write_cnn(struct json_writer *json, const pmoe_recipe *recipe)
{
    write_layer(json, "conv", "patch_conv");
    json_add_int(json, "patch", PMOE_CELL);
    json_add_int(json, "filters", recipe->filters);
    write_bias(json, recipe);
    json_close_object(json);
    write_layer(json, "relu", "relu");
    json_close_object(json);
}

static void write_experts(struct json_writer *json, const pmoe_recipe *recipe)
{
    write_layer(json, "router", "patch_router");
    json_add_int(json, "patch", PMOE_CELL);
    json_add_int(json, "experts", recipe->experts);
    json_close_object(json);
    write_layer(json, "experts", "expert_group");
    json_add_text(json, "input", "image");
    json_add_text(json, "router", "router");
    json_add_int(json, "kept", recipe->kept);
    json_add_text(json, "gate", recipe->kind == PMOE_SEPARATE ? "hard" : recipe->gate);
    json_open_array(json, "expert");
    write_layer(json, NULL, "patch_conv");
    json_add_int(json, "patch", PMOE_CELL);
    json_add_int(json, "filters", recipe->filters / recipe->experts);
    write_bias(json, recipe);
    json_close_object(json);
    write_layer(json, NULL, "relu");
    json_close_object(json);
    json_close_array(json);
    json_close_object(json);
}

/* What a layer reads if it is not the one before it. */
static void write_input(struct json_writer *json, const char *input)
{
    if (input)
        json_add_text(json, "input", input);
}

static void write_plain(struct json_writer *json, const char *name, const char *type, const char *input)
{
    write_layer(json, name, type);
    write_input(json, input);
    json_close_object(json);
}

/* Padded so that every stride pixels of the input give one, and no more than that: nothing where windows do not
 * overlap. */
static void write_conv(struct json_writer *json, const pmoe_recipe *recipe, const char *name, const char *input,
                       int32_t kernel, int32_t stride, int32_t filters)
{
    write_layer(json, name, "conv");
    write_input(json, input);
    json_add_int(json, "kernel", kernel);
    json_add_int(json, "stride", stride);
    json_add_int(json, "padding", kernel > stride ? (kernel - stride + 1) / 2 : 0);
    json_add_int(json, "filters", filters);
    write_bias(json, recipe);
    json_close_object(json);
}

/* One name of a block's layers. */
struct layer_name {
    char text[GRAPH_NAME_BYTES];
};

static struct layer_name block_layer(int32_t group, int32_t block, const char *layer)
{
    struct layer_name name;
    snprintf(name.text, sizeof name.text, "group%d.%d.%s", (int)group + 1, (int)block + 1, layer);
    return name;
}

int32_t recipe_group_filters(const pmoe_recipe *recipe, int32_t group)
{
    return (16 << group) * recipe->widen;
}

/* norm, ReLU, 3x3: how every block begins. */
static void write_half_block(struct json_writer *json, const pmoe_recipe *recipe, int32_t group, int32_t block,
                             const char *input)
{
    write_plain(json, block_layer(group, block, "norm1").text, "batch_norm", input);
    write_plain(json, block_layer(group, block, "relu1").text, "relu", NULL);
    write_conv(json, recipe, block_layer(group, block, "conv1").text, NULL, 3, group > 0 && block == 0 ? 2 : 1,
               recipe_group_filters(recipe, group));
}

/* norm, ReLU, 3x3, norm, ReLU, 3x3, and the block's input added; where the shape changes, a 1x1 of that input, not
 * normalised (paper 1's code). */
static void write_block(struct json_writer *json, const pmoe_recipe *recipe, int32_t group, int32_t block,
                        int32_t channels, const char *input)
{
    int32_t stride = group > 0 && block == 0 ? 2 : 1, filters = recipe_group_filters(recipe, group);
    struct layer_name skip = block_layer(group, block, "skip");
    int changes = stride != 1 || channels != filters;
    if (changes)
        write_conv(json, recipe, skip.text, input, 1, stride, filters);
    write_half_block(json, recipe, group, block, input);
    write_plain(json, block_layer(group, block, "norm2").text, "batch_norm", NULL);
    write_plain(json, block_layer(group, block, "relu2").text, "relu", NULL);
    write_conv(json, recipe, block_layer(group, block, "conv2").text, NULL, 3, 1, filters);
    write_layer(json, block_layer(group, block, "sum").text, "add");
    json_add_text(json, "with", changes ? skip.text : input);
    json_close_object(json);
}

/* Paper 1's code: the last block loses its sum, and its second convolution becomes one of experts, each a share of the
 * filters behind a norm of its own; gates multiply the kept patches, the others are zeros to an expert.  1x1 where a
 * patch is a pixel, as there; else 3x3 (papers B2). */
static void write_routed_block(struct json_writer *json, const pmoe_recipe *recipe, int32_t group, int32_t block,
                               const char *input)
{
    write_half_block(json, recipe, group, block, input);
    write_layer(json, "router", "patch_router");
    json_add_int(json, "patch", recipe->patch);
    json_add_int(json, "experts", recipe->experts);
    json_close_object(json);
    write_layer(json, "experts", "expert_group");
    write_input(json, block_layer(group, block, "conv1").text);
    json_add_text(json, "router", "router");
    json_add_int(json, "kept", recipe->kept);
    json_add_text(json, "gate", recipe->gate);
    json_add_text(json, "gated", "input");
    json_add_text(json, "dropped", "zeros");
    json_open_array(json, "expert");
    write_plain(json, "norm1", "batch_norm", NULL);
    write_plain(json, "relu1", "relu", NULL);
    write_conv(json, recipe, "conv", NULL, recipe->patch == 1 ? 1 : 3, 1,
               recipe_group_filters(recipe, group) / recipe->experts);
    write_plain(json, "norm2", "batch_norm", NULL);
    write_plain(json, "relu2", "relu", NULL);
    write_layer(json, NULL, "avg_pool");
    json_add_text(json, "divisor", "n");
    json_close_object(json);
    json_close_array(json);
    json_close_object(json);
}

static void write_normalise(struct json_writer *json)
{
    write_layer(json, "normalise", "batch_norm");
    json_add_number(json, "epsilon", NORMALISE_EPSILON, 9);
    json_close_object(json);
}

/* Zagoruyko and Komodakis 2016, table 1. */
static void write_wrn(struct json_writer *json, const pmoe_recipe *recipe)
{
    struct layer_name input = {"stem"};
    int32_t channels = 16, blocks = (recipe->depth - 4) / 6;
    write_conv(json, recipe, input.text, NULL, 3, 1, channels);
    for (int32_t group = 0; group < 3; group++)
        for (int32_t block = 0; block < blocks; block++) {
            if (recipe->kind == PMOE_WRN_PMOE && group == 2 && block + 1 == blocks) {
                write_routed_block(json, recipe, group, block, input.text);
                return;
            }
            write_block(json, recipe, group, block, channels, input.text);
            input = block_layer(group, block, "sum");
            channels = recipe_group_filters(recipe, group);
        }
    write_plain(json, "norm", "batch_norm", NULL);
    write_plain(json, "relu", "relu", NULL);
}

/* ---- Stems and stages ---- */

/* A decimal number of 1 to 5 digits, and *text behind it; 0 if there is none. */
static int32_t read_number(const char **text)
{
    int32_t number = 0;
    for (int digits = 0; digits < 5 && **text >= '0' && **text <= '9'; digits++)
        number = 10 * number + *(*text)++ - '0';
    return number;
}

int32_t recipe_stages(const char *text, struct stage stages[RECIPE_MAX_STAGES])
{
    if (!text || strlen(text) >= RECIPE_STAGES_BYTES)
        return 0;
    for (int32_t count = 0; count < RECIPE_MAX_STAGES; text++) {
        struct stage *stage = &stages[count++];
        *stage = (struct stage){read_number(&text), 3, 1};
        if (*text == 'x') {
            text++;
            stage->kernel = read_number(&text);
        }
        if (*text == '/') {
            text++;
            stage->stride = read_number(&text);
        }
        if (!stage->filters || !stage->kernel || !stage->stride || (*text != ',' && *text))
            return 0;
        if (!*text)
            return count;
    }
    return 0;
}

static struct layer_name stage_layer(const char *prefix, int32_t stage, const char *layer)
{
    struct layer_name name;
    snprintf(name.text, sizeof name.text, "%s%d%s", prefix, (int)stage + 1, layer);
    return name;
}

/* Convolution, norm if wanted, ReLU, of each stage.  Returns the name of the last layer. */
static struct layer_name write_stages(struct json_writer *json, const pmoe_recipe *recipe, const char *prefix,
                                      const char *text)
{
    struct stage stages[RECIPE_MAX_STAGES];
    int32_t count = recipe_stages(text, stages);
    for (int32_t i = 0; i < count; i++) {
        write_conv(json, recipe, stage_layer(prefix, i, "").text, NULL, stages[i].kernel, stages[i].stride,
                   stages[i].filters);
        if (recipe->norm)
            write_plain(json, stage_layer(prefix, i, ".norm").text, "batch_norm", NULL);
        write_plain(json, stage_layer(prefix, i, ".relu").text, "relu", NULL);
    }
    return stage_layer(prefix, count - 1, ".relu");
}

/* Over all pixels of a patch or of the map. */
static void write_stage_pool(struct json_writer *json, const pmoe_recipe *recipe)
{
    int is_max = strcmp(recipe->pooling, "max") == 0;
    write_layer(json, "pool", is_max ? "max_pool" : "avg_pool");
    if (!is_max)
        json_add_text(json, "divisor", "n");
    json_close_object(json);
}

static void write_deep(struct json_writer *json, const pmoe_recipe *recipe)
{
    struct layer_name stem = write_stages(json, recipe, "stem", recipe->stem);
    write_layer(json, "router", "patch_router");
    json_add_int(json, "patch", recipe->patch);
    json_add_int(json, "experts", recipe->experts);
    json_close_object(json);
    write_layer(json, "experts", "expert_group");
    write_input(json, stem.text);
    json_add_text(json, "router", "router");
    json_add_int(json, "kept", recipe->kept);
    json_add_text(json, "gate", recipe->gate);
    json_open_array(json, "expert");
    write_stages(json, recipe, "conv", recipe->stages);
    write_stage_pool(json, recipe);
    json_close_array(json);
    json_close_object(json);
}

/* ---- Heads ---- */

static void write_linear(struct json_writer *json, const char *name, int32_t outputs)
{
    write_layer(json, name, "linear");
    json_add_int(json, "outputs", outputs);
    json_add_bool(json, "bias", 1);
    json_close_object(json);
}

/* Paper 2's experts, and its dense head: linear, ReLU, linear. */
static void write_hidden(struct json_writer *json, const pmoe_recipe *recipe, int32_t outputs)
{
    write_linear(json, "hidden", recipe_head_width(recipe));
    write_plain(json, "active", "relu", NULL);
    write_linear(json, "out", outputs);
}

static void write_mixture(struct json_writer *json, const pmoe_recipe *recipe, int32_t outputs)
{
    write_layer(json, "gate", "sample_router");
    json_add_int(json, "experts", recipe->experts);
    json_add_bool(json, "bias", 1);
    if (recipe_is_noisy(recipe))
        json_add_bool(json, "normalise", 1);
    json_close_object(json);
    write_layer(json, "head", "mixture");
    json_add_text(json, "input", "pool");
    json_add_text(json, "router", "gate");
    json_add_int(json, "kept", recipe->kept);
    json_add_text(json, "gate", "topl_softmax");
    json_open_array(json, "expert");
    write_hidden(json, recipe, outputs);
    json_close_array(json);
    json_close_object(json);
}

/* What makes logits of the pooled vector. */
static void write_head(struct json_writer *json, const pmoe_recipe *recipe, int32_t outputs)
{
    if (recipe_is_mixture(recipe)) {
        write_mixture(json, recipe, outputs);
    } else if (recipe_has_hidden(recipe)) {
        write_hidden(json, recipe, outputs);
    } else if (recipe->kind >= PMOE_WRN) {
        write_linear(json, "out", outputs);
    } else {
        write_layer(json, "out", "linear");
        json_add_int(json, "outputs", outputs);
        json_close_object(json);
    }
}

/* ---- All of them ---- */

static void write_pool(struct json_writer *json, const pmoe_recipe *recipe)
{
    write_layer(json, "pool", "avg_pool");
    json_add_text(json, "divisor", recipe->divisor);
    json_close_object(json);
}

static void write_layers(struct json_writer *json, const pmoe_recipe *recipe)
{
    if (pmoe_set_is_photos(recipe->set))
        write_normalise(json);
    switch (recipe->kind) {
    case PMOE_CNN: write_cnn(json, recipe); break;
    case PMOE_SEPARATE:
    case PMOE_JOINT: write_experts(json, recipe); break;
    case PMOE_WRN:
    case PMOE_WRN_PMOE: write_wrn(json, recipe); break;
    case PMOE_DEEP: write_deep(json, recipe); break;
    case PMOE_STAGES:
        write_stages(json, recipe, "stem", recipe->stem);
        write_stages(json, recipe, "conv", recipe->stages);
        write_stage_pool(json, recipe);
        return;
    }
    write_pool(json, recipe);
}

static size_t write_graph(const pmoe_recipe *recipe, char *text, size_t capacity)
{
    int32_t classes = pmoe_set_classes(recipe->set);
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_int(&json, "version", GRAPH_VERSION);
    json_add_text(&json, "name", recipe->name);
    json_open_object(&json, "input");
    struct source shape = source_shape(recipe->set);
    json_add_int(&json, "height", shape.height);
    json_add_int(&json, "width", shape.width);
    json_add_int(&json, "channels", shape.channels);
    json_close_object(&json);
    json_open_array(&json, "classes");
    for (int32_t c = 0; c < classes; c++)
        json_add_text(&json, NULL, pmoe_set_class(recipe->set, c));
    json_close_array(&json);
    json_open_array(&json, "layers");
    write_layers(&json, recipe);
    write_head(&json, recipe, classes == 2 ? 1 : classes);
    json_close_array(&json);
    json_close_object(&json);
    return json.length;
}

pmoe_status recipe_graph(const pmoe_recipe *recipe, const pmoe_allocator *scratch, struct graph *graph,
                         pmoe_error *error)
{
    TRY(recipe_check(recipe, error));
    char text[RECIPE_TEXT_BYTES];
    size_t length = write_graph(recipe, text, sizeof text);
    if (length >= sizeof text)
        return fail(error, PMOE_E_LIMIT, "recipe: its name is too long");
    return graph_read(text, length, scratch, graph, error);
}
