#include "recipe.h"

#include "../base/error.h"
#include "../base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { RECIPE_TEXT_BYTES = 4096 };

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
    return kind == PMOE_CNN ? "cnn" : kind == PMOE_SEPARATE ? "separate" : "joint";
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
    if (recipe->kind == PMOE_CNN)
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

pmoe_status recipe_check(const pmoe_recipe *recipe, pmoe_error *error)
{
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
    TRY(check_words(recipe, error));
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

static size_t write_graph(const pmoe_recipe *recipe, char *text, size_t capacity)
{
    int32_t classes = pmoe_set_classes(recipe->set);
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_int(&json, "version", GRAPH_VERSION);
    json_add_text(&json, "name", recipe->name);
    json_open_object(&json, "input");
    json_add_int(&json, "height", PMOE_BOARD);
    json_add_int(&json, "width", PMOE_BOARD);
    json_add_int(&json, "channels", 1);
    json_close_object(&json);
    json_open_array(&json, "classes");
    for (int32_t c = 0; c < classes; c++)
        json_add_text(&json, NULL, (char[]){(char)('0' + c), 0});
    json_close_array(&json);
    json_open_array(&json, "layers");
    if (recipe->kind == PMOE_CNN)
        write_cnn(&json, recipe);
    else
        write_experts(&json, recipe);
    write_layer(&json, "pool", "avg_pool");
    json_add_text(&json, "divisor", recipe->divisor);
    json_close_object(&json);
    write_layer(&json, "out", "linear");
    json_add_int(&json, "outputs", classes == 2 ? 1 : classes);
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

void recipe_init(const pmoe_recipe *recipe, const struct graph *graph, int32_t tensor, float *values)
{
    const struct tensor *row = &graph->tensor[tensor];
    struct random random = random_at(recipe->seed, RANDOM_INIT, (uint64_t)tensor);
    if (tensor == graph->layer[row->layer].bias) {
        memset(values, 0, (size_t)row->count * sizeof *values);
        return;
    }
    switch (graph->layer[row->layer].type) {
    case LAYER_PATCH_CONV: init_normal(&random, recipe->expert_std, values, row->count); return;
    case LAYER_PATCH_ROUTER: init_normal(&random, recipe->router_std, values, row->count); return;
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
    json_add_int(&json, "filters", recipe->filters);
    if (recipe->bias)
        json_add_bool(&json, "bias", 1);
    if (recipe->kind != PMOE_CNN) {
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
    json_add_number(&json, "rate", (double)recipe->rate, 9);
    json_add_number(&json, "rate_end", (double)recipe->rate_end, 9);
    json_add_number(&json, "expert_std", (double)recipe->expert_std, 9);
    json_add_text(&json, "output", recipe->output);
    json_add_int(&json, "seed", (int64_t)recipe->seed);
    json_close_object(&json);
    return json.length;
}
