#include "recipe.h"

#include "../base/error.h"
#include "../base/random.h"
#include "../data/source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { RECIPE_TEXT_BYTES = 16384 };

/* Of a normalisation, whose variance is known: as good as none. */
static const double NORMALISE_EPSILON = 1e-12;

/* Paper 1's MNIST settings (papers A2 and B1; the code's where text and code differ: pooling by n, output +1 / -1 of
 * the separate model), and ours for ten classes. */
static const pmoe_recipe recipes[] = {
    {.name = "mosaic-cnn",
     .kind = PMOE_CNN,
     .set = PMOE_MOSAIC,
     .filters = 40,
     .divisor = "n",
     .samples = 1000,
     .batch = 20,
     .epochs = 150,
     .rate = 0.2f,
     .rate_end = 0.2f,
     .expert_std = 0.1f,
     .optimizer = "sgd",
     .output = "normal",
     .seed = 1},
    {.name = "mosaic-separate",
     .kind = PMOE_SEPARATE,
     .set = PMOE_MOSAIC,
     .filters = 40,
     .experts = 2,
     .kept = 2,
     .divisor = "n",
     .samples = 1000,
     .batch = 20,
     .epochs = 150,
     .rate = 0.2f,
     .rate_end = 0.2f,
     .router_epochs = 100,
     .router_rate = 0.1f,
     .expert_std = 0.1f,
     .router_std = 0.1f,
     .optimizer = "sgd",
     .output = "sign",
     .seed = 1},
    {.name = "mosaic-joint",
     .kind = PMOE_JOINT,
     .set = PMOE_MOSAIC,
     .filters = 40,
     .experts = 8,
     .kept = 6,
     .gate = "topl_softmax",
     .divisor = "n",
     .samples = 1000,
     .batch = 20,
     .epochs = 150,
     .rate = 0.2f,
     .rate_end = 0.2f,
     .expert_std = 0.01f,
     .router_std = 1e-4f,
     .optimizer = "sgd",
     .output = "normal",
     .seed = 1},
    {.name = "mosaic10-cnn",
     .kind = PMOE_CNN,
     .set = PMOE_MOSAIC10,
     .filters = 640,
     .bias = 1,
     .divisor = "n",
     .samples = 16000,
     .fresh = 1,
     .shift = 1,
     .batch = 64,
     .epochs = 36,
     .optimizer = "adam",
     .rate = 0.004f,
     .rate_end = 0.00005f,
     .expert_std = 0.02f,
     .output = "trained",
     .seed = 1},
    {.name = "mosaic10-pmoe",
     .kind = PMOE_JOINT,
     .set = PMOE_MOSAIC10,
     .filters = 640,
     .bias = 1,
     .experts = 20,
     .kept = 2,
     .gate = "topl_softmax",
     .divisor = "l",
     .samples = 16000,
     .fresh = 1,
     .shift = 1,
     .batch = 64,
     .epochs = 36,
     .optimizer = "adam",
     .rate = 0.004f,
     .rate_end = 0.00005f,
     .expert_std = 0.02f,
     .router_std = 0.01f,
     .output = "trained",
     .seed = 1},
    {.name = "cifar-wrn",
     .kind = PMOE_WRN,
     .set = PMOE_CIFAR10,
     .depth = 10,
     .widen = 2,
     .divisor = "n",
     .samples = 50000,
     .shift = 4,
     .flip = 1,
     .batch = 128,
     .epochs = 60,
     .optimizer = "sgd",
     .momentum = 0.9f,
     .nesterov = 1,
     .decay = 5e-4f,
     .schedule = "one_cycle",
     .rate = 0.2f,
     .rate_end = 0,
     .output = "trained",
     .seed = 1},
};

int pmoe_recipe_count(void)
{
    return (int)(sizeof recipes / sizeof *recipes);
}

const pmoe_recipe *pmoe_recipe_at(int index)
{
    return index >= 0 && index < pmoe_recipe_count() ? &recipes[index] : NULL;
}

const pmoe_recipe *pmoe_recipe_find(const char *name)
{
    for (int i = 0; i < pmoe_recipe_count(); i++)
        if (strcmp(recipes[i].name, name) == 0)
            return &recipes[i];
    return NULL;
}

const char *model_kind_name(pmoe_model_kind kind)
{
    static const char *const names[] = {"cnn", "separate", "joint", "wrn"};
    return names[kind];
}

static int has_experts(const pmoe_recipe *recipe)
{
    return recipe->kind == PMOE_SEPARATE || recipe->kind == PMOE_JOINT;
}

/* ---- Checking ---- */

static pmoe_status check_range(const pmoe_recipe *recipe, const char *field, int64_t value, int64_t low, int64_t high,
                               pmoe_error *error)
{
    if (value >= low && value <= high)
        return PMOE_OK;
    return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": %s is %lld, expected %lld to %lld", recipe->name, field,
                (long long)value, (long long)low, (long long)high);
}

static pmoe_status check_positive(const pmoe_recipe *recipe, const char *field, float value, pmoe_error *error)
{
    if (value >= 0 && value <= 1000)
        return PMOE_OK;
    return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": %s is %g, expected 0 to 1000", recipe->name, field,
                (double)value);
}

static int is_one_of(const char *value, const char *a, const char *b, const char *c)
{
    return value && (strcmp(value, a) == 0 || strcmp(value, b) == 0 || strcmp(value, c) == 0);
}

static pmoe_status check_words(const pmoe_recipe *recipe, pmoe_error *error)
{
    if (!is_one_of(recipe->divisor, "n", "l", "l"))
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": divisor is \"%.31s\", expected \"n\" or \"l\"",
                    recipe->name, recipe->divisor ? recipe->divisor : "");
    if (recipe->kind == PMOE_JOINT && !is_one_of(recipe->gate, "topl_softmax", "softmax_topl", "softmax_topl"))
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": gate is \"%.31s\", expected \"topl_softmax\" or \"softmax_topl\"", recipe->name,
                    recipe->gate ? recipe->gate : "");
    if (!is_one_of(recipe->optimizer, "sgd", "adam", "adam"))
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": optimizer is \"%.31s\", expected \"sgd\" or \"adam\"",
                    recipe->name, recipe->optimizer ? recipe->optimizer : "");
    if (recipe->schedule && !is_one_of(recipe->schedule, "line", "cosine", "one_cycle") &&
        strcmp(recipe->schedule, "step") != 0)
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": schedule is \"%.31s\", expected \"line\", \"cosine\", \"one_cycle\" or \"step\"",
                    recipe->name, recipe->schedule);
    if (!is_one_of(recipe->output, "normal", "sign", "trained"))
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": output is \"%.31s\", expected \"normal\", \"sign\" or \"trained\"", recipe->name,
                    recipe->output ? recipe->output : "");
    if (strcmp(recipe->output, "sign") == 0 && (recipe->kind != PMOE_SEPARATE || recipe->set != PMOE_MOSAIC))
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": output \"sign\" needs separate training of two classes",
                    recipe->name);
    return PMOE_OK;
}

static pmoe_status check_set(const pmoe_recipe *recipe, pmoe_error *error)
{
    if (!pmoe_set_name(recipe->set))
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": there is no set number %d", recipe->name,
                    (int)recipe->set);
    int photos = recipe->set == PMOE_CIFAR10;
    if ((recipe->kind == PMOE_WRN) != photos)
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": the set is %s; residual networks are for photographs, all others for boards",
                    recipe->name, pmoe_set_name(recipe->set));
    if (recipe->smoothing > 0 && pmoe_set_classes(recipe->set) == 2)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": smoothing is for more classes than 2", recipe->name);
    if (recipe->fresh && photos)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": fresh samples are for boards, photographs are few",
                    recipe->name);
    if (recipe->flip && !photos)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": flip is for photographs, digits are not symmetric",
                    recipe->name);
    return PMOE_OK;
}

static pmoe_status check_experts(const pmoe_recipe *recipe, pmoe_error *error)
{
    if (!has_experts(recipe))
        return PMOE_OK;
    TRY(check_range(recipe, "experts", recipe->experts, 1, GRAPH_MAX_EXPERTS, error));
    TRY(check_range(recipe, "kept", recipe->kept, 1, PMOE_CELLS, error));
    if (recipe->filters % recipe->experts)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": %d filters do not divide among %d experts", recipe->name,
                    (int)recipe->filters, (int)recipe->experts);
    /* Appendix M: routers are trained in pairs of classes, one a class. */
    if (recipe->kind == PMOE_SEPARATE && recipe->experts != pmoe_set_classes(recipe->set))
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": separate training has one expert a class, expected %d experts, found %d",
                    recipe->name, (int)pmoe_set_classes(recipe->set), (int)recipe->experts);
    return PMOE_OK;
}

static pmoe_status check_wrn(const pmoe_recipe *recipe, pmoe_error *error)
{
    enum { MOST_DEPTH = 28, MOST_WIDEN = 20 };
    TRY(check_range(recipe, "depth", recipe->depth, 10, MOST_DEPTH, error));
    TRY(check_range(recipe, "widen", recipe->widen, 1, MOST_WIDEN, error));
    if (recipe->depth % 6 != 4)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": depth is %d, expected 10, 16, 22 or 28", recipe->name,
                    (int)recipe->depth);
    return PMOE_OK;
}

pmoe_status recipe_check(const pmoe_recipe *recipe, pmoe_error *error)
{
    if (recipe->kind < PMOE_CNN || recipe->kind > PMOE_WRN)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": there is no kind number %d", recipe->name,
                    (int)recipe->kind);
    if (recipe->kind == PMOE_WRN)
        TRY(check_wrn(recipe, error));
    else
        TRY(check_range(recipe, "filters", recipe->filters, 1, GRAPH_MAX_CHANNELS, error));
    TRY(check_range(recipe, "samples", recipe->samples, 1, 100000000, error));
    TRY(check_range(recipe, "shift", recipe->shift, 0, PMOE_CELL / 2, error));
    TRY(check_range(recipe, "batch", recipe->batch, 1, 4096, error));
    TRY(check_range(recipe, "epochs", recipe->epochs, 0, 1000000, error));
    TRY(check_range(recipe, "router_epochs", recipe->router_epochs, 0, 1000000, error));
    TRY(check_positive(recipe, "rate", recipe->rate, error));
    TRY(check_positive(recipe, "rate_end", recipe->rate_end, error));
    TRY(check_positive(recipe, "router_rate", recipe->router_rate, error));
    TRY(check_positive(recipe, "expert_std", recipe->expert_std, error));
    TRY(check_positive(recipe, "router_std", recipe->router_std, error));
    if (!(recipe->momentum >= 0 && recipe->momentum < 1) || !(recipe->smoothing >= 0 && recipe->smoothing < 1))
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": momentum is %g and smoothing %g, expected 0 to below 1",
                    recipe->name, (double)recipe->momentum, (double)recipe->smoothing);
    TRY(check_positive(recipe, "decay", recipe->decay, error));
    TRY(check_words(recipe, error));
    if (recipe->momentum > 0 && strcmp(recipe->optimizer, "sgd") != 0)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": momentum is of sgd, the optimizer is %s", recipe->name,
                    recipe->optimizer);
    TRY(check_set(recipe, error));
    return check_experts(recipe, error);
}

/* ---- The layer list ---- */

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
    write_layer(&json, "out", "linear");
    json_add_int(&json, "outputs", classes == 2 ? 1 : classes);
    if (recipe->kind == PMOE_WRN)
        json_add_bool(&json, "bias", 1);
    json_close_object(&json);
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

/* ---- Weights ---- */

static void init_normal(struct random *random, float std, float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = std * random_normal(random);
}

/* gamma 1, beta 0, mean 0, variance 1; of the one that normalises the image, the mean and variance of CIFAR-10's
 * training photographs by channel. */
static void init_norm(const struct graph *graph, int32_t tensor, float *values)
{
    static const float mean[] = {0.4914f, 0.4822f, 0.4465f}, deviation[] = {0.2470f, 0.2435f, 0.2616f};
    const struct tensor *row = &graph->tensor[tensor];
    const struct layer *layer = &graph->layer[row->layer];
    int fixed = layer->input == GRAPH_IMAGE;
    for (int64_t i = 0; i < row->count; i++)
        values[i] = tensor == layer->weight     ? 1
                    : tensor == layer->variance ? (fixed ? deviation[i] * deviation[i] : 1)
                    : tensor == layer->mean     ? (fixed ? mean[i] : 0)
                                                : 0;
}

void recipe_init(const pmoe_recipe *recipe, const struct graph *graph, int32_t tensor, float *values)
{
    const struct tensor *row = &graph->tensor[tensor];
    struct random random = random_at(recipe->seed, RANDOM_INIT, (uint64_t)tensor);
    if (graph->layer[row->layer].type == LAYER_BATCH_NORM) {
        init_norm(graph, tensor, values);
        return;
    }
    if (tensor == graph->layer[row->layer].bias) {
        memset(values, 0, (size_t)row->count * sizeof *values);
        return;
    }
    switch (graph->layer[row->layer].type) {
    case LAYER_PATCH_CONV: init_normal(&random, recipe->expert_std, values, row->count); return;
    case LAYER_PATCH_ROUTER: init_normal(&random, recipe->router_std, values, row->count); return;
    case LAYER_CONV:
        init_normal(&random, sqrtf(2 * (float)row->dims[0] / (float)row->count), values, row->count);
        return;
    default: break;
    }
    if (strcmp(recipe->output, "sign") == 0) {
        /* Expert s belongs to class s; class 1 is y = +1. */
        for (int64_t i = 0; i < row->count; i++)
            values[i] = i >= row->count / 2 ? 1.0f : -1.0f;
        return;
    }
    int trained = strcmp(recipe->output, "trained") == 0;
    init_normal(&random, trained ? 1 / sqrtf((float)row->dims[row->rank - 1]) : 1, values, row->count);
}

int recipe_trains(const pmoe_recipe *recipe, const struct graph *graph, int32_t tensor)
{
    switch (graph->layer[graph->tensor[tensor].layer].type) {
    case LAYER_PATCH_ROUTER: return recipe->kind == PMOE_JOINT;
    case LAYER_BATCH_NORM: return graph->layer[graph->tensor[tensor].layer].input != GRAPH_IMAGE;
    case LAYER_LINEAR: return strcmp(recipe->output, "trained") == 0;
    default: return 1;
    }
}

size_t recipe_describe(const pmoe_recipe *recipe, char *text, size_t capacity)
{
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_text(&json, "name", recipe->name);
    json_add_text(&json, "kind", model_kind_name(recipe->kind));
    json_add_text(&json, "set", pmoe_set_name(recipe->set));
    if (recipe->kind == PMOE_WRN) {
        json_add_int(&json, "depth", recipe->depth);
        json_add_int(&json, "widen", recipe->widen);
    } else {
        json_add_int(&json, "filters", recipe->filters);
    }
    if (recipe->bias)
        json_add_bool(&json, "bias", 1);
    if (has_experts(recipe)) {
        json_add_int(&json, "experts", recipe->experts);
        json_add_int(&json, "kept", recipe->kept);
        json_add_number(&json, "router_std", (double)recipe->router_std, 9);
    }
    if (recipe->kind == PMOE_JOINT)
        json_add_text(&json, "gate", recipe->gate);
    if (recipe->kind == PMOE_SEPARATE) {
        json_add_int(&json, "router_epochs", recipe->router_epochs);
        json_add_number(&json, "router_rate", (double)recipe->router_rate, 9);
    }
    json_add_text(&json, "divisor", recipe->divisor);
    json_add_int(&json, "samples", recipe->samples);
    json_add_bool(&json, "fresh", recipe->fresh);
    json_add_int(&json, "shift", recipe->shift);
    if (recipe->flip)
        json_add_bool(&json, "flip", 1);
    json_add_int(&json, "batch", recipe->batch);
    json_add_int(&json, "epochs", recipe->epochs);
    json_add_text(&json, "optimizer", recipe->optimizer);
    if (recipe->momentum > 0) {
        json_add_number(&json, "momentum", (double)recipe->momentum, 9);
        json_add_bool(&json, "nesterov", recipe->nesterov);
    }
    if (recipe->decay > 0)
        json_add_number(&json, "decay", (double)recipe->decay, 9);
    if (recipe->schedule)
        json_add_text(&json, "schedule", recipe->schedule);
    if (recipe->smoothing > 0)
        json_add_number(&json, "smoothing", (double)recipe->smoothing, 9);
    json_add_number(&json, "rate", (double)recipe->rate, 9);
    json_add_number(&json, "rate_end", (double)recipe->rate_end, 9);
    json_add_number(&json, "expert_std", (double)recipe->expert_std, 9);
    json_add_text(&json, "output", recipe->output);
    json_add_int(&json, "seed", (int64_t)recipe->seed);
    json_close_object(&json);
    return json.length;
}
