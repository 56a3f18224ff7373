/* Golden outputs: a test input that a model file names, and what must come out.
 *
 * Metadata key pmoe.golden:
 *   {"seed": 3, "logits": [..], "bounds": [..], "picks": [[..], ..]}
 * The input is noise from random_at(seed, RANDOM_GOLDEN, 0), multiples of 1/255.  Logits come from the double-precision
 * oracle (train/oracle.h), bounds are ten standard deviations of float rounding, and the seed is one whose routing no
 * rounding can change and that moves some logit far from zero; train/save.c writes them. */
#include "golden.h"

#include "../base/error.h"
#include "model.h"

#include <math.h>
#include <string.h>

void golden_input(uint64_t seed, float *image, size_t count)
{
    struct random random = random_at(seed, RANDOM_GOLDEN, 0);
    for (size_t i = 0; i < count; i++)
        image[i] = (float)(random_u32(&random) >> 24) / 255.0f;
}

static pmoe_status check_logits(const pmoe_model *model, const struct json *json, const float *logits,
                                pmoe_error *error)
{
    json_node expected = json_member(json, 0, "logits"), bounds = json_member(json, 0, "bounds");
    int32_t outputs = model->graph.outputs;
    if (!json_is_array(json, expected) || json_size(json, expected) != outputs || !json_is_array(json, bounds) ||
        json_size(json, bounds) != outputs)
        return fail(error, PMOE_E_FORMAT, "pmoe.golden: expected %d logits and as many bounds", (int)outputs);
    expected = json_first(json, expected);
    bounds = json_first(json, bounds);
    for (int32_t i = 0; i < outputs; i++) {
        double value, bound;
        TRY(json_number(json, expected, "pmoe.golden: logit", &value, error));
        TRY(json_number(json, bounds, "pmoe.golden: bound", &bound, error));
        if (!(fabs((double)logits[i] - value) <= bound))
            return fail(error, PMOE_E_CHECKSUM, "model \"%s\" on %s: logit %d is %.9g, expected %.9g within %.2g",
                        model->graph.name, model->kernels->name, (int)i, (double)logits[i], value, bound);
        expected = json_next(json, expected);
        bounds = json_next(json, bounds);
    }
    return PMOE_OK;
}

static pmoe_status check_picks(const pmoe_run *run, const struct json *json, pmoe_error *error)
{
    pmoe_routing routing = pmoe_run_routing(run, 0);
    json_node experts = json_member(json, 0, "picks");
    if (!routing.experts)
        return PMOE_OK;
    if (!json_is_array(json, experts) || json_size(json, experts) != routing.experts)
        return fail(error, PMOE_E_FORMAT, "pmoe.golden: expected the picks of %d experts", (int)routing.experts);
    json_node expert = json_first(json, experts);
    for (int32_t s = 0; s < routing.experts; s++, expert = json_next(json, expert)) {
        if (!json_is_array(json, expert) || json_size(json, expert) != routing.kept)
            return fail(error, PMOE_E_FORMAT, "pmoe.golden: expected %d picks of expert %d", (int)routing.kept, (int)s);
        json_node pick = json_first(json, expert);
        for (int32_t j = 0; j < routing.kept; j++, pick = json_next(json, pick)) {
            int64_t expected;
            int32_t found = routing.picks[s * routing.kept + j];
            TRY(json_int(json, pick, "pmoe.golden: pick", 0, routing.patches - 1, &expected, error));
            if (found != expected)
                return fail(error, PMOE_E_CHECKSUM,
                            "model \"%s\" on %s: expert %d kept patch %d as its number %d, expected patch %d",
                            run->model->graph.name, run->model->kernels->name, (int)s, (int)found, (int)j,
                            (int)expected);
        }
    }
    return PMOE_OK;
}

static pmoe_status check_run(const pmoe_model *model, const struct json *json, pmoe_run *run, float *image,
                             pmoe_error *error)
{
    int64_t seed;
    TRY(json_int(json, json_member(json, 0, "seed"), "pmoe.golden: seed", 0, INT64_MAX, &seed, error));
    size_t count = (size_t)model->graph.height * (size_t)model->graph.width * (size_t)model->graph.channels;
    float *logits = image + count;
    golden_input((uint64_t)seed, image, count);
    if (pmoe_forward(run, image, 1, logits) != PMOE_OK)
        return fail(error, PMOE_E_ARGUMENT, "pmoe.golden: the test input could not be run");
    TRY(check_picks(run, json, error));
    return check_logits(model, json, logits, error);
}

static pmoe_status check_parsed(const pmoe_model *model, const struct json *json, pmoe_error *error)
{
    const pmoe_allocator *allocator = &model->allocator;
    size_t count = (size_t)model->graph.height * (size_t)model->graph.width * (size_t)model->graph.channels;
    float *image = allocator_take(allocator, (count + (size_t)model->graph.outputs) * sizeof *image);
    if (!image)
        return fail(error, PMOE_E_MEMORY, "pmoe.golden: no memory for the test input");
    pmoe_run *run;
    pmoe_status status = pmoe_run_open(model, 1, &run, error);
    if (status == PMOE_OK)
        status = check_run(model, json, run, image, error);
    pmoe_run_close(&run);
    allocator_give(allocator, image);
    return status;
}

pmoe_status pmoe_model_check_golden(const pmoe_model *model, int32_t *checked, pmoe_error *error)
{
    *checked = 0;
    if (model_int8_layers(model))
        return PMOE_OK;
    const pmoe_allocator *allocator = &model->allocator;
    struct json metadata;
    TRY(json_open(model->metadata, strlen(model->metadata), "metadata", allocator, &metadata, error));
    json_node value = json_member(&metadata, 0, "pmoe.golden");
    size_t capacity = value == JSON_NONE ? 0 : strlen(model->metadata) + 1;
    char *text = capacity ? allocator_take(allocator, capacity) : NULL;
    pmoe_status status = PMOE_OK;
    if (capacity && !text)
        status = fail(error, PMOE_E_MEMORY, "pmoe.golden: no memory to read it");
    else if (capacity)
        status = json_text(&metadata, value, "pmoe.golden", text, capacity, error);
    json_close(&metadata, allocator);
    if (status == PMOE_OK && text) {
        struct json json;
        status = json_open(text, strlen(text), "pmoe.golden", allocator, &json, error);
        if (status == PMOE_OK) {
            status = check_parsed(model, &json, error);
            json_close(&json, allocator);
            *checked = status == PMOE_OK;
        }
    }
    allocator_give(allocator, text);
    return status;
}
