/* From a recipe to a layer list. */
#include "../base/error.h"
#include "../data/source.h"
#include "recipe.h"

#include <stdio.h>

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

static void write_conv(struct json_writer *json, const pmoe_recipe *recipe, const char *name, const char *input,
                       int32_t kernel, int32_t stride, int32_t filters)
{
    write_layer(json, name, "conv");
    write_input(json, input);
    json_add_int(json, "kernel", kernel);
    json_add_int(json, "stride", stride);
    json_add_int(json, "padding", kernel / 2);
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

/* norm, ReLU, 3x3, norm, ReLU, 3x3, and the block's input added; where the shape changes, a 1x1 of that input, not
 * normalised (paper 1's code). */
static void write_block(struct json_writer *json, const pmoe_recipe *recipe, int32_t group, int32_t block,
                        int32_t channels, const char *input)
{
    int32_t stride = group > 0 && block == 0 ? 2 : 1, filters = (16 << group) * recipe->widen;
    struct layer_name skip = block_layer(group, block, "skip");
    int changes = stride != 1 || channels != filters;
    if (changes)
        write_conv(json, recipe, skip.text, input, 1, stride, filters);
    write_plain(json, block_layer(group, block, "norm1").text, "batch_norm", input);
    write_plain(json, block_layer(group, block, "relu1").text, "relu", NULL);
    write_conv(json, recipe, block_layer(group, block, "conv1").text, NULL, 3, stride, filters);
    write_plain(json, block_layer(group, block, "norm2").text, "batch_norm", NULL);
    write_plain(json, block_layer(group, block, "relu2").text, "relu", NULL);
    write_conv(json, recipe, block_layer(group, block, "conv2").text, NULL, 3, 1, filters);
    write_layer(json, block_layer(group, block, "sum").text, "add");
    json_add_text(json, "with", changes ? skip.text : input);
    json_close_object(json);
}

/* Zagoruyko and Komodakis 2016, table 1, behind the set's normalisation. */
static void write_wrn(struct json_writer *json, const pmoe_recipe *recipe)
{
    struct layer_name input = {"stem"};
    int32_t channels = 16;
    write_layer(json, "normalise", "batch_norm");
    json_add_number(json, "epsilon", NORMALISE_EPSILON, 9);
    json_close_object(json);
    write_conv(json, recipe, input.text, NULL, 3, 1, channels);
    for (int32_t group = 0; group < 3; group++)
        for (int32_t block = 0; block < (recipe->depth - 4) / 6; block++) {
            write_block(json, recipe, group, block, channels, input.text);
            input = block_layer(group, block, "sum");
            channels = (16 << group) * recipe->widen;
        }
    write_plain(json, "norm", "batch_norm", NULL);
    write_plain(json, "relu", "relu", NULL);
}

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
    } else if (recipe->kind == PMOE_WRN) {
        write_linear(json, "out", outputs);
    } else {
        write_layer(json, "out", "linear");
        json_add_int(json, "outputs", outputs);
        json_close_object(json);
    }
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
    if (recipe->kind == PMOE_CNN)
        write_cnn(&json, recipe);
    else if (recipe->kind == PMOE_WRN)
        write_wrn(&json, recipe);
    else
        write_experts(&json, recipe);
    write_layer(&json, "pool", "avg_pool");
    json_add_text(&json, "divisor", recipe->divisor);
    json_close_object(&json);
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
