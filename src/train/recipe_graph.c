/* From a recipe to a layer list. */
#include "../base/error.h"
#include "../data/source.h"
#include "../model/layer_list.h"
#include "recipe.h"

#include <stdio.h>
#include <string.h>

enum { RECIPE_TEXT_BYTES = 16384 };

/* Of a normalisation, whose variance is known: as good as none. */
static const double NORMALISE_EPSILON = 1e-12;

static void write_cnn(struct json_writer *json, const pmoe_recipe *recipe)
{
    list_patch_conv(json, "conv", PMOE_CELL, recipe->filters, recipe->bias);
    list_plain(json, "relu", LAYER_RELU, NULL);
}

static void write_experts(struct json_writer *json, const pmoe_recipe *recipe)
{
    const char *gate = recipe->kind == PMOE_SEPARATE ? gate_form_name(GATE_HARD) : recipe->gate;
    list_patch_router(json, "router", NULL, PMOE_CELL, recipe->experts);
    list_open_experts(json, LAYER_EXPERT_GROUP,
                      (struct list_experts){"experts", "image", "router", recipe->kept, gate, NULL, NULL});
    list_patch_conv(json, NULL, PMOE_CELL, recipe->filters / recipe->experts, recipe->bias);
    list_plain(json, NULL, LAYER_RELU, NULL);
    list_close_experts(json);
}

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
    list_plain(json, block_layer(group, block, "norm1").text, LAYER_BATCH_NORM, input);
    list_plain(json, block_layer(group, block, "relu1").text, LAYER_RELU, NULL);
    list_conv(json, block_layer(group, block, "conv1").text, NULL, 3, group > 0 && block == 0 ? 2 : 1,
              recipe_group_filters(recipe, group), recipe->bias);
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
        list_conv(json, skip.text, input, 1, stride, filters, recipe->bias);
    write_half_block(json, recipe, group, block, input);
    list_plain(json, block_layer(group, block, "norm2").text, LAYER_BATCH_NORM, NULL);
    list_plain(json, block_layer(group, block, "relu2").text, LAYER_RELU, NULL);
    list_conv(json, block_layer(group, block, "conv2").text, NULL, 3, 1, filters, recipe->bias);
    list_sum(json, block_layer(group, block, "sum").text, NULL, changes ? skip.text : input);
}

/* Paper 1's code: the last block loses its sum, and its second convolution becomes one of experts, each a share of the
 * filters behind a norm of its own; gates multiply the kept patches, the others are zeros to an expert.  1x1 where a
 * patch is a pixel, as there; else 3x3 (papers B2). */
static void write_routed_block(struct json_writer *json, const pmoe_recipe *recipe, int32_t group, int32_t block,
                               const char *input)
{
    write_half_block(json, recipe, group, block, input);
    list_patch_router(json, "router", NULL, recipe->patch, recipe->experts);
    list_open_experts(json, LAYER_EXPERT_GROUP,
                      (struct list_experts){"experts", block_layer(group, block, "conv1").text, "router", recipe->kept,
                                            recipe->gate, gate_place_name(GATE_ON_INPUT),
                                            dropped_rule_name(DROPPED_ZEROS)});
    list_plain(json, "norm1", LAYER_BATCH_NORM, NULL);
    list_plain(json, "relu1", LAYER_RELU, NULL);
    list_conv(json, "conv", NULL, recipe->patch == 1 ? 1 : 3, 1, recipe_group_filters(recipe, group) / recipe->experts,
              recipe->bias);
    list_plain(json, "norm2", LAYER_BATCH_NORM, NULL);
    list_plain(json, "relu2", LAYER_RELU, NULL);
    list_avg_pool(json, NULL, pool_divisor_name(POOL_BY_PATCHES));
    list_close_experts(json);
}

static void write_normalise(struct json_writer *json)
{
    list_open_layer(json, "normalise", LAYER_BATCH_NORM, NULL);
    json_add_number(json, "epsilon", NORMALISE_EPSILON, 9);
    json_close_object(json);
}

/* Zagoruyko and Komodakis 2016, table 1. */
static void write_wrn(struct json_writer *json, const pmoe_recipe *recipe)
{
    struct layer_name input = {"stem"};
    int32_t channels = 16, blocks = (recipe->depth - 4) / 6;
    list_conv(json, input.text, NULL, 3, 1, channels, recipe->bias);
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
    list_plain(json, "norm", LAYER_BATCH_NORM, NULL);
    list_plain(json, "relu", LAYER_RELU, NULL);
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
        list_conv(json, stage_layer(prefix, i, "").text, NULL, stages[i].kernel, stages[i].stride, stages[i].filters,
                  recipe->bias);
        if (recipe->norm)
            list_plain(json, stage_layer(prefix, i, ".norm").text, LAYER_BATCH_NORM, NULL);
        list_plain(json, stage_layer(prefix, i, ".relu").text, LAYER_RELU, NULL);
    }
    return stage_layer(prefix, count - 1, ".relu");
}

/* Over all pixels of a patch or of the map. */
static void write_stage_pool(struct json_writer *json, const pmoe_recipe *recipe)
{
    if (strcmp(recipe->pooling, "max") == 0)
        list_plain(json, "pool", LAYER_MAX_POOL, NULL);
    else
        list_avg_pool(json, "pool", pool_divisor_name(POOL_BY_PATCHES));
}

static void write_deep(struct json_writer *json, const pmoe_recipe *recipe)
{
    struct layer_name stem = write_stages(json, recipe, "stem", recipe->stem);
    list_patch_router(json, "router", NULL, recipe->patch, recipe->experts);
    list_open_experts(json, LAYER_EXPERT_GROUP,
                      (struct list_experts){"experts", stem.text, "router", recipe->kept, recipe->gate, NULL, NULL});
    write_stages(json, recipe, "conv", recipe->stages);
    write_stage_pool(json, recipe);
    list_close_experts(json);
}

/* ---- Heads ---- */

/* Paper 2's experts, and its dense head: linear, ReLU, linear. */
static void write_hidden(struct json_writer *json, const pmoe_recipe *recipe, int32_t outputs)
{
    list_linear(json, "hidden", NULL, recipe_head_width(recipe), 1);
    list_plain(json, "active", LAYER_RELU, NULL);
    list_linear(json, "out", NULL, outputs, 1);
}

static void write_mixture(struct json_writer *json, const pmoe_recipe *recipe, int32_t outputs)
{
    list_sample_router(json, "gate", NULL, recipe->experts, recipe_is_noisy(recipe));
    list_open_experts(
        json, LAYER_MIXTURE,
        (struct list_experts){"head", "pool", "gate", recipe->kept, gate_form_name(GATE_TOPL_SOFTMAX), NULL, NULL});
    write_hidden(json, recipe, outputs);
    list_close_experts(json);
}

/* What makes logits of the pooled vector. */
static void write_head(struct json_writer *json, const pmoe_recipe *recipe, int32_t outputs)
{
    if (recipe_is_mixture(recipe))
        write_mixture(json, recipe, outputs);
    else if (recipe_has_hidden(recipe))
        write_hidden(json, recipe, outputs);
    else
        list_linear(json, "out", NULL, outputs, recipe->kind >= PMOE_WRN);
}

/* ---- All of them ---- */

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
    list_avg_pool(json, "pool", recipe->divisor);
}

static size_t write_graph(const pmoe_recipe *recipe, char *text, size_t capacity)
{
    int32_t classes = pmoe_set_classes(recipe->set);
    struct source shape = source_shape(recipe->set);
    struct json_writer json;
    json_begin(&json, text, capacity);
    list_begin(&json, recipe->name, shape.height, shape.width, shape.channels);
    for (int32_t c = 0; c < classes; c++)
        json_add_text(&json, NULL, pmoe_set_class(recipe->set, c));
    list_begin_layers(&json);
    write_layers(&json, recipe);
    write_head(&json, recipe, classes == 2 ? 1 : classes);
    list_end(&json);
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
