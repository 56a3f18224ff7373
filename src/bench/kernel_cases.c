/* Collecting the shapes and timing them; see kernel_cases.h. */
#include "kernel_cases.h"

#include "../base/error.h"
#include "../base/memory.h"
#include "../base/random.h"
#include "../kernels/pack.h"
#include "../model/model.h"
#include "timing.h"

static int same_shape(const struct kernel_case *a, const struct kernel_case *b)
{
    return a->rows == b->rows && a->outs == b->outs && a->relu == b->relu && a->shape.runs == b->shape.runs &&
           a->shape.run == b->shape.run && a->shape.step == b->shape.step;
}

static struct kernel_case case_of_layer(const pmoe_model *model, int32_t at)
{
    const struct layer *layer = &model->graph.layer[at];
    const struct layer_plan *plan = &model->plan[at];
    struct kernel_case one = {.model = model,
                              .layer = at,
                              .layer_name = layer->name,
                              .shape = plan->patch,
                              .rows = layer->type == LAYER_EXPERT_GROUP ? layer->kept
                                      : layer->type == LAYER_LINEAR     ? 1
                                                                        : layer->patches,
                              .outs = plan->outs,
                              .relu = plan->relu};
    one.multiply_adds = (int64_t)one.rows * one.outs * one.shape.runs * one.shape.run;
    return one;
}

int32_t kernel_cases(pmoe_model *const *models, int32_t count, struct kernel_case *cases, int32_t capacity)
{
    int32_t found = 0;
    for (int32_t m = 0; m < count; m++)
        for (int32_t at = 0; at < models[m]->graph.layers && found < capacity; at++) {
            if (!models[m]->plan[at].outs)
                continue;
            struct kernel_case one = case_of_layer(models[m], at);
            int32_t known = 0;
            for (int32_t i = 0; i < found && !known; i++)
                known = same_shape(&cases[i], &one);
            if (!known)
                cases[found++] = one;
        }
    return found;
}

struct kernel_call {
    const struct kernel_case *one;
    const struct kernels *kernels;
    const float **rows;
    float *panels, *y;
};

static pmoe_status call_kernel(void *context, pmoe_error *error)
{
    (void)error;
    const struct kernel_call *call = context;
    const struct kernel_case *one = call->one;
    call->kernels->patch_forward(call->y, one->outs, call->rows, one->rows, one->shape, call->panels, NULL, one->outs,
                                 one->relu);
    return PMOE_OK;
}

static void fill_uniform(float *values, size_t count, struct random *random)
{
    for (size_t i = 0; i < count; i++)
        values[i] = random_uniform(random) - 0.5f;
}

/* Buffers of one case, laid out twice: to count and to place. */
struct kernel_buffers {
    struct timed *items;
    struct kernel_call *calls;
    const float **rows;
    float *input, *weights, *y;
    size_t inputs, weight_count;
};

static void lay_out(struct kernel_buffers *buffers, const struct kernel_case *one, const struct kernels *const *sets,
                    int32_t count, struct arena *arena)
{
    buffers->inputs = (size_t)shape_count(graph_input_shape(&one->model->graph, one->layer));
    buffers->weight_count = (size_t)one->outs * (size_t)one->shape.runs * (size_t)one->shape.run;
    buffers->items = arena_take(arena, (size_t)count * sizeof *buffers->items);
    buffers->calls = arena_take(arena, (size_t)count * sizeof *buffers->calls);
    buffers->rows = arena_take(arena, (size_t)one->rows * sizeof *buffers->rows);
    buffers->input = arena_take(arena, buffers->inputs * sizeof(float));
    buffers->weights = arena_take(arena, buffers->weight_count * sizeof(float));
    buffers->y = arena_take(arena, (size_t)one->rows * (size_t)one->outs * sizeof(float));
    for (int32_t i = 0; i < count; i++) {
        float *panels = arena_take(arena, packed_count(sets[i], one->shape, one->outs) * sizeof(float));
        if (buffers->calls)
            buffers->calls[i] = (struct kernel_call){one, sets[i], buffers->rows, panels, buffers->y};
    }
}

pmoe_status kernel_case_time(const struct kernel_case *one, const struct kernels *const *sets, int32_t count,
                             uint64_t seed, double budget_ns, double (*clock_ns)(void), double *samples,
                             pmoe_timing *timings, pmoe_error *error)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct arena arena = {NULL, 0, 0};
    struct kernel_buffers buffers;
    void *block;
    lay_out(&buffers, one, sets, count, &arena);
    if (!arena_open(&arena, arena.used, &allocator, &block))
        return fail(error, PMOE_E_MEMORY, "layer \"%s\": no memory to time its kernel (%zu bytes)", one->layer_name,
                    arena.used);
    lay_out(&buffers, one, sets, count, &arena);

    struct random random = random_at(seed, RANDOM_CHECK, 0);
    fill_uniform(buffers.input, buffers.inputs, &random);
    fill_uniform(buffers.weights, buffers.weight_count, &random);
    const int32_t *patch_at = one->model->plan[one->layer].table;
    for (int32_t i = 0; i < one->rows; i++)
        buffers.rows[i] = buffers.input + (patch_at ? patch_at[i] : 0);
    for (int32_t i = 0; i < count; i++) {
        pack_panels(sets[i], one->shape, one->outs, buffers.weights, buffers.calls[i].panels);
        buffers.items[i] = (struct timed){
            .call = call_kernel, .context = &buffers.calls[i], .samples = samples + (size_t)i * TIMING_MAX_SAMPLES};
    }
    pmoe_status status = timing_interleaved(buffers.items, count, budget_ns, clock_ns, error);
    for (int32_t i = 0; i < count && status == PMOE_OK; i++)
        timings[i] = buffers.items[i].timing;
    allocator_give(&allocator, block);
    return status;
}
