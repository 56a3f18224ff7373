#include "recipe.h"

#include "../base/error.h"
#include "../base/random.h"
#include "balance.h"

#include <math.h>
#include <string.h>

static int is_soft(const pmoe_recipe *recipe)
{
    return recipe->kind == PMOE_JOINT || recipe->kind == PMOE_DEEP || recipe->kind == PMOE_WRN_PMOE;
}

static int is_wrn(const pmoe_recipe *recipe)
{
    return recipe->kind == PMOE_WRN || recipe->kind == PMOE_WRN_PMOE;
}

/* Its router reads a map of its own; how many patches there are, its graph says. */
static int has_patch(const pmoe_recipe *recipe)
{
    return recipe->kind == PMOE_DEEP || recipe->kind == PMOE_WRN_PMOE;
}

static int has_experts(const pmoe_recipe *recipe)
{
    return recipe->kind == PMOE_SEPARATE || is_soft(recipe);
}

static int has_stages(const pmoe_recipe *recipe)
{
    return recipe->kind == PMOE_DEEP || recipe->kind == PMOE_STAGES;
}

/* ---- Heads ---- */

static int head_is(const pmoe_recipe *recipe, const char *head)
{
    return recipe->kind == PMOE_WRN && recipe->head && strcmp(recipe->head, head) == 0;
}

int recipe_is_noisy(const pmoe_recipe *recipe)
{
    return head_is(recipe, "sparse") || head_is(recipe, "hard");
}

int recipe_is_mixture(const pmoe_recipe *recipe)
{
    return head_is(recipe, "soft") || recipe_is_noisy(recipe);
}

int recipe_has_hidden(const pmoe_recipe *recipe)
{
    return head_is(recipe, "dense") || recipe_is_mixture(recipe);
}

int32_t recipe_head_width(const pmoe_recipe *recipe)
{
    int32_t pooled = 64 * recipe->widen;
    return recipe->head_width ? recipe->head_width : recipe_is_mixture(recipe) ? pooled / recipe->experts : pooled;
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
    if (is_soft(recipe) && !is_one_of(recipe->gate, "topl_softmax", "softmax_topl", "softmax_topl"))
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
    int photos = pmoe_set_is_photos(recipe->set);
    if (!has_stages(recipe) && is_wrn(recipe) != photos)
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": the set is %s; residual networks are for photographs, layers of one patch for "
                    "boards, deep ones for both",
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
    int32_t grid = pmoe_set_grid(recipe->set), filters = recipe->filters;
    TRY(check_range(recipe, "kept", recipe->kept, 1, has_patch(recipe) ? GRAPH_MAX_PATCHES : grid * grid, error));
    if (has_patch(recipe))
        TRY(check_range(recipe, "patch", recipe->patch, 1, GRAPH_MAX_SIDE, error));
    if (is_wrn(recipe))
        filters = recipe_group_filters(recipe, 2);
    if (recipe->kind != PMOE_DEEP && filters % recipe->experts)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": %d filters do not divide among %d experts", recipe->name,
                    (int)filters, (int)recipe->experts);
    /* Appendix M: routers are trained in pairs of classes, one a class. */
    if (recipe->kind == PMOE_SEPARATE && recipe->experts != pmoe_set_classes(recipe->set))
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": separate training has one expert a class, expected %d experts, found %d",
                    recipe->name, (int)pmoe_set_classes(recipe->set), (int)recipe->experts);
    return PMOE_OK;
}

static pmoe_status check_balance(const pmoe_recipe *recipe, pmoe_error *error)
{
    enum balance_form form = balance_form_of(recipe->balance);
    int of_noisy = form == BALANCE_SMOOTH || form == BALANCE_IMPORTANCE;
    int fits = form == BALANCE_NONE || (recipe_is_mixture(recipe) && of_noisy == recipe_is_noisy(recipe));
    if (form == BALANCE_FORMS || !fits)
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": balance is \"%.31s\", expected \"smooth\" or \"importance\" of sparse and hard "
                    "heads, \"uniform\", \"mean\" or \"code\" of soft ones",
                    recipe->name, recipe->balance);
    TRY(check_positive(recipe, "importance", recipe->importance, error));
    TRY(check_positive(recipe, "load", recipe->load, error));
    return check_positive(recipe, "kl", recipe->kl, error);
}

/* Of a residual network; others have none of it. */
static pmoe_status check_head(const pmoe_recipe *recipe, pmoe_error *error)
{
    int linear = !recipe->head || strcmp(recipe->head, "linear") == 0;
    if (recipe->kind == PMOE_WRN ? !linear && !recipe_has_hidden(recipe) : recipe->head != NULL)
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": head is \"%.31s\", expected \"linear\", \"dense\", \"soft\", \"sparse\" or "
                    "\"hard\", and of a residual network only",
                    recipe->name, recipe->head);
    TRY(check_balance(recipe, error));
    TRY(check_positive(recipe, "noise", recipe->noise, error));
    if (!(recipe->dropout >= 0 && recipe->dropout < 1) || (recipe->dropout > 0 && !recipe_has_hidden(recipe)))
        return fail(error, PMOE_E_ARGUMENT,
                    "recipe \"%.31s\": dropout is %g, expected 0 to below 1 and a head that is not linear",
                    recipe->name, (double)recipe->dropout);
    if (recipe_is_mixture(recipe)) {
        int32_t experts = recipe->experts, least = 2, most = experts - 1;
        if (head_is(recipe, "soft"))
            least = most = experts;
        else if (head_is(recipe, "hard"))
            least = most = 1;
        TRY(check_range(recipe, "experts", experts, 2, GRAPH_MAX_EXPERTS, error));
        TRY(check_range(recipe, "kept", recipe->kept, least, most, error));
    }
    if (recipe_has_hidden(recipe))
        TRY(check_range(recipe, "head_width", recipe_head_width(recipe), 1, GRAPH_MAX_CHANNELS, error));
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

static pmoe_status check_stages(const pmoe_recipe *recipe, const char *field, const char *text, pmoe_error *error)
{
    struct stage stages[RECIPE_MAX_STAGES];
    if (recipe_stages(text, stages))
        return PMOE_OK;
    return fail(
        error, PMOE_E_ARGUMENT,
        "recipe \"%.31s\": %s is \"%.63s\", expected 1 to %d convolutions' filters, kernel and stride, \"16x5/4,32\"",
        recipe->name, field, text ? text : "", RECIPE_MAX_STAGES);
}

static pmoe_status check_deep(const pmoe_recipe *recipe, pmoe_error *error)
{
    TRY(check_stages(recipe, "stem", recipe->stem, error));
    TRY(check_stages(recipe, "stages", recipe->stages, error));
    if (!is_one_of(recipe->pooling, "avg", "max", "max"))
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": pooling is \"%.31s\", expected \"avg\" or \"max\"",
                    recipe->name, recipe->pooling ? recipe->pooling : "");
    return PMOE_OK;
}

pmoe_status recipe_check(const pmoe_recipe *recipe, pmoe_error *error)
{
    if (recipe->kind < PMOE_CNN || recipe->kind > PMOE_STAGES)
        return fail(error, PMOE_E_ARGUMENT, "recipe \"%.31s\": there is no kind number %d", recipe->name,
                    (int)recipe->kind);
    if (is_wrn(recipe))
        TRY(check_wrn(recipe, error));
    else if (has_stages(recipe))
        TRY(check_deep(recipe, error));
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
    TRY(check_head(recipe, error));
    return check_experts(recipe, error);
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

/* He et al. 2015: the variance of a ReLU's input stays that of the layer before.  dims end in [c][kernel][kernel]. */
static float conv_std(const struct tensor *row)
{
    const int64_t *dims = row->dims + row->rank - 3;
    return sqrtf(2 / (float)(dims[0] * dims[1] * dims[2]));
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
    case LAYER_CONV: init_normal(&random, conv_std(row), values, row->count); return;
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
    case LAYER_PATCH_ROUTER: return is_soft(recipe);
    case LAYER_BATCH_NORM: return graph->layer[graph->tensor[tensor].layer].input != GRAPH_IMAGE;
    case LAYER_LINEAR: return strcmp(recipe->output, "trained") == 0;
    default: return 1;
    }
}

static void describe_head(const pmoe_recipe *recipe, struct json_writer *json)
{
    json_add_text(json, "head", recipe->head);
    json_add_int(json, "head_width", recipe_head_width(recipe));
    if (recipe_is_mixture(recipe)) {
        json_add_int(json, "experts", recipe->experts);
        json_add_int(json, "kept", recipe->kept);
    }
    json_add_number(json, "dropout", (double)recipe->dropout, 9);
    if (recipe_is_noisy(recipe))
        json_add_number(json, "noise", (double)recipe->noise, 9);
    if (!recipe->balance)
        return;
    json_add_text(json, "balance", recipe->balance);
    if (recipe_is_noisy(recipe)) {
        json_add_number(json, "importance", (double)recipe->importance, 9);
        json_add_number(json, "load", (double)recipe->load, 9);
    } else {
        json_add_number(json, "kl", (double)recipe->kl, 9);
    }
}

static void describe_network(const pmoe_recipe *recipe, struct json_writer *json)
{
    if (is_wrn(recipe)) {
        json_add_int(json, "depth", recipe->depth);
        json_add_int(json, "widen", recipe->widen);
        if (has_patch(recipe))
            json_add_int(json, "patch", recipe->patch);
    } else if (has_stages(recipe)) {
        json_add_text(json, "stem", recipe->stem);
        if (recipe->kind == PMOE_DEEP)
            json_add_int(json, "patch", recipe->patch);
        json_add_text(json, "stages", recipe->stages);
        json_add_text(json, "pooling", recipe->pooling);
        json_add_bool(json, "norm", recipe->norm);
    } else {
        json_add_int(json, "filters", recipe->filters);
    }
    if (recipe_has_hidden(recipe))
        describe_head(recipe, json);
    if (recipe->bias)
        json_add_bool(json, "bias", 1);
}

static void describe_experts(const pmoe_recipe *recipe, struct json_writer *json)
{
    if (has_experts(recipe)) {
        json_add_int(json, "experts", recipe->experts);
        json_add_int(json, "kept", recipe->kept);
        json_add_number(json, "router_std", (double)recipe->router_std, 9);
    }
    if (is_soft(recipe))
        json_add_text(json, "gate", recipe->gate);
    if (recipe->kind == PMOE_SEPARATE) {
        json_add_int(json, "router_epochs", recipe->router_epochs);
        json_add_number(json, "router_rate", (double)recipe->router_rate, 9);
    }
}

static void describe_training(const pmoe_recipe *recipe, struct json_writer *json)
{
    json_add_text(json, "divisor", recipe->divisor);
    json_add_int(json, "samples", recipe->samples);
    json_add_bool(json, "fresh", recipe->fresh);
    json_add_int(json, "shift", recipe->shift);
    if (recipe->flip)
        json_add_bool(json, "flip", 1);
    json_add_int(json, "batch", recipe->batch);
    json_add_int(json, "epochs", recipe->epochs);
    json_add_text(json, "optimizer", recipe->optimizer);
    if (recipe->momentum > 0) {
        json_add_number(json, "momentum", (double)recipe->momentum, 9);
        json_add_bool(json, "nesterov", recipe->nesterov);
    }
    if (recipe->decay > 0)
        json_add_number(json, "decay", (double)recipe->decay, 9);
    if (recipe->schedule)
        json_add_text(json, "schedule", recipe->schedule);
    if (recipe->smoothing > 0)
        json_add_number(json, "smoothing", (double)recipe->smoothing, 9);
    json_add_number(json, "rate", (double)recipe->rate, 9);
    json_add_number(json, "rate_end", (double)recipe->rate_end, 9);
    json_add_number(json, "expert_std", (double)recipe->expert_std, 9);
}

size_t recipe_describe(const pmoe_recipe *recipe, char *text, size_t capacity)
{
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_text(&json, "name", recipe->name);
    json_add_text(&json, "kind", model_kind_name(recipe->kind));
    json_add_text(&json, "set", pmoe_set_name(recipe->set));
    describe_network(recipe, &json);
    describe_experts(recipe, &json);
    describe_training(recipe, &json);
    json_add_text(&json, "output", recipe->output);
    json_add_int(&json, "seed", (int64_t)recipe->seed);
    json_close_object(&json);
    return json.length;
}
