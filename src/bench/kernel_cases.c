/* Collecting the shapes and timing them; see kernel_cases.h. */
#include "kernel_cases.h"

#include "../base/error.h"
#include "../base/memory.h"
#include "../base/random.h"
#include "../kernels/int8.h"
#include "../kernels/pack.h"
#include "../model/model.h"
#include "timing.h"

#include <string.h>

/* ---- Shapes ---- */

int kernel_same_shape(const struct kernel_case *a, const struct kernel_case *b)
{
    if (a->is_conv != b->is_conv || a->rows != b->rows || a->outs != b->outs || a->relu != b->relu)
        return 0;
    if (a->is_conv)
        return memcmp(&a->conv, &b->conv, sizeof a->conv) == 0;
    return a->shape.runs == b->shape.runs && a->shape.run == b->shape.run && a->shape.step == b->shape.step;
}

/* Maps, patches or vectors of one image that one call of the layer's kernel meets. */
static int32_t rows_of(const struct graph *graph, const struct layer *layer)
{
    int32_t maps = layer->group >= 0 && graph->layer[layer->group].type == LAYER_EXPERT_GROUP
                       ? graph->layer[layer->group].kept
                       : 1;
    return layer->type == LAYER_PATCH_CONV || layer->type == LAYER_PATCH_ROUTER ? maps * layer->patches : maps;
}

static struct kernel_case case_of_layer(const pmoe_model *model, int32_t at)
{
    const struct layer *layer = &model->graph.layer[at];
    const struct layer_plan *plan = &model->plan[at];
    struct kernel_case one = {.model = model,
                              .layer = at,
                              .layer_name = layer->name,
                              .is_conv = layer->type == LAYER_CONV,
                              .conv = plan->conv,
                              .shape = plan->patch,
                              .rows = rows_of(&model->graph, layer),
                              .outs = plan->outs,
                              .relu = plan->relu};
    one.multiply_adds = (int64_t)one.rows * one.outs * one.shape.runs * one.shape.run;
    if (one.is_conv)
        one.multiply_adds = (int64_t)one.rows * one.conv.out_high * one.conv.out_wide * one.conv.kernel *
                            one.conv.kernel * one.conv.channels * one.conv.outs;
    return one;
}

static int has_kernel(enum layer_type type)
{
    return type == LAYER_CONV || type == LAYER_PATCH_CONV || type == LAYER_LINEAR || type == LAYER_PATCH_ROUTER ||
           type == LAYER_SAMPLE_ROUTER;
}

int32_t kernel_cases(pmoe_model *const *models, int32_t count, struct kernel_case *cases, int32_t capacity)
{
    int32_t found = 0;
    for (int32_t m = 0; m < count; m++)
        for (int32_t at = 0; at < models[m]->graph.layers && found < capacity; at++) {
            if (!has_kernel(models[m]->graph.layer[at].type))
                continue;
            struct kernel_case one = case_of_layer(models[m], at);
            int32_t known = 0;
            for (int32_t i = 0; i < found && !known; i++)
                known = kernel_same_shape(&cases[i], &one);
            if (!known)
                cases[found++] = one;
        }
    return found;
}

/* ---- Ways ---- */

const char *conv_algorithm_name(enum conv_algorithm algorithm)
{
    switch (algorithm) {
    case CONV_DIRECT: return "direct";
    case CONV_WINOGRAD_2: return "winograd_2";
    case CONV_WINOGRAD_4: return "winograd_4";
    case CONV_INT8: return "int8";
    }
    return "unknown";
}

int32_t kernel_ways(const struct kernel_case *one, const struct kernels *kernels, struct kernel_way ways[KERNEL_WAYS])
{
    int32_t count = 1;
    ways[0] = (struct kernel_way){kernels, one->conv.algorithm};
    if (!one->is_conv)
        return count;
    const int winograd = one->conv.kernel == 3 && one->conv.stride == 1;
    for (int32_t a = CONV_DIRECT; a <= CONV_INT8; a++)
        if (a != (int32_t)one->conv.algorithm &&
            (winograd || a == CONV_DIRECT || (a == CONV_INT8 && int8_fits(&one->conv))))
            ways[count++] = (struct kernel_way){kernels, (enum conv_algorithm)a};
    return count;
}

/* ---- Timing ---- */

struct kernel_call {
    const struct kernel_case *one;
    const struct kernels *kernels;
    const float **rows;
    float *panels, *y;
    struct conv conv;
    struct conv_call conv_call;
};

static pmoe_status call_kernel(void *context, pmoe_error *error)
{
    (void)error;
    const struct kernel_call *call = context;
    const struct kernel_case *one = call->one;
    if (one->is_conv)
        conv_run(call->kernels, &call->conv_call, NULL);
    else
        call->kernels->patch_forward(call->y, one->outs, call->rows, one->rows, 1, one->shape, call->panels, NULL,
                                     one->outs, one->relu);
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
    float *input, *weights, *bias, *y;
    size_t inputs, weight_count, outputs;
};

/* How the rows of a case lie in its input: `per_map` of them in each map of `floats`, at the offsets of a table. */
struct row_places {
    const int32_t *table; /* NULL: one row a map */
    size_t floats;
    int32_t per_map, maps;
};

static struct row_places places_of(const struct kernel_case *one)
{
    const struct graph *graph = &one->model->graph;
    const struct layer *layer = &graph->layer[one->layer];
    int32_t from = layer->group >= 0 && layer->input == GRAPH_EXPERT ? layer->group : one->layer;
    int has_grid = graph->layer[from].patches > 0 && graph->layer[from].type != LAYER_AVG_POOL;
    struct row_places places = {has_grid ? one->model->plan[from].table : NULL,
                                (size_t)shape_count(graph_input_shape(graph, from)),
                                has_grid ? graph->layer[from].patches : 1, 1};
    if (from == one->layer)
        places.maps = (one->rows + places.per_map - 1) / places.per_map;
    return places;
}

static void place_call(struct kernel_buffers *buffers, int32_t index, const struct kernel_case *one,
                       const struct kernel_way *way, struct arena *arena)
{
    struct conv conv = one->conv;
    size_t panels = one->is_conv ? 0 : packed_count(way->kernels, one->shape, one->outs), scratch = 0, table = 0;
    if (one->is_conv) {
        conv.algorithm = way->algorithm;
        if (way->algorithm == CONV_INT8)
            int8_use(way->kernels, &conv, -1, 1);
        panels = conv_packed_count(way->kernels, &conv);
        scratch = conv_scratch_count(way->kernels, &conv, 1);
        table = conv_table_count(&conv);
    }
    float *panels_at = arena_take(arena, panels * sizeof(float)),
          *scratch_at = arena_take(arena, scratch * sizeof(float));
    int32_t *table_at = arena_take(arena, table * sizeof(int32_t));
    if (!buffers->calls)
        return;
    struct kernel_call *call = &buffers->calls[index];
    *call = (struct kernel_call){one, way->kernels, buffers->rows, panels_at, buffers->y, conv, {0}};
    call->conv_call = (struct conv_call){.conv = &call->conv,
                                         .table = table_at,
                                         .panels = panels_at,
                                         .bias = buffers->bias,
                                         .x = buffers->rows,
                                         .images = one->rows,
                                         .relu = one->relu,
                                         .y = buffers->y,
                                         .scratch = scratch_at};
    if (one->is_conv)
        conv_fill_table(&call->conv, table_at);
}

static void lay_out(struct kernel_buffers *buffers, const struct kernel_case *one, const struct kernel_way *ways,
                    int32_t count, struct arena *arena)
{
    size_t weights = one->is_conv ? (size_t)one->conv.kernel * (size_t)one->conv.kernel * (size_t)one->conv.channels
                                  : (size_t)one->shape.runs * (size_t)one->shape.run;
    size_t pixels = one->is_conv ? (size_t)one->conv.out_high * (size_t)one->conv.out_wide : 1;
    struct row_places places = places_of(one);
    buffers->inputs = places.floats * (size_t)places.maps;
    buffers->weight_count = (size_t)one->outs * weights;
    buffers->outputs = (size_t)one->rows * (size_t)one->outs * pixels;
    buffers->items = arena_take(arena, (size_t)count * sizeof *buffers->items);
    buffers->calls = arena_take(arena, (size_t)count * sizeof *buffers->calls);
    buffers->rows = arena_take(arena, (size_t)one->rows * sizeof *buffers->rows);
    buffers->input = arena_take(arena, buffers->inputs * sizeof(float));
    buffers->weights = arena_take(arena, buffers->weight_count * sizeof(float));
    buffers->bias = arena_take(arena, (size_t)one->outs * sizeof(float));
    buffers->y = arena_take(arena, buffers->outputs * sizeof(float));
    for (int32_t i = 0; i < count; i++)
        place_call(buffers, i, one, &ways[i], arena);
}

static void point_rows(struct kernel_buffers *buffers, const struct kernel_case *one)
{
    struct row_places places = places_of(one);
    for (int32_t i = 0; i < one->rows; i++) {
        size_t map = (size_t)(i / places.per_map % places.maps) * places.floats;
        buffers->rows[i] = buffers->input + map + (places.table ? (size_t)places.table[i % places.per_map] : 0);
    }
}

pmoe_status kernel_case_time(const struct kernel_case *one, const struct kernel_way *ways, int32_t count, uint64_t seed,
                             double budget_ns, double (*clock_ns)(void), double *samples, pmoe_timing *timings,
                             pmoe_error *error)
{
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct arena arena = {NULL, 0, 0};
    struct kernel_buffers buffers;
    void *block;
    lay_out(&buffers, one, ways, count, &arena);
    if (!arena_open(&arena, arena.used, &allocator, &block))
        return fail(error, PMOE_E_MEMORY, "layer \"%s\": no memory to time its kernel (%zu bytes)", one->layer_name,
                    arena.used);
    lay_out(&buffers, one, ways, count, &arena);

    struct random random = random_at(seed, RANDOM_CHECK, 0);
    fill_uniform(buffers.input, buffers.inputs, &random);
    fill_uniform(buffers.weights, buffers.weight_count, &random);
    fill_uniform(buffers.bias, (size_t)one->outs, &random);
    point_rows(&buffers, one);
    for (int32_t i = 0; i < count; i++) {
        struct kernel_call *call = &buffers.calls[i];
        if (one->is_conv)
            conv_pack(ways[i].kernels, &call->conv, buffers.weights, call->panels);
        else
            pack_panels(ways[i].kernels, one->shape, one->outs, buffers.weights, call->panels);
        buffers.items[i] =
            (struct timed){.call = call_kernel, .context = call, .samples = samples + (size_t)i * TIMING_MAX_SAMPLES};
    }
    pmoe_status status = timing_interleaved(buffers.items, count, budget_ns, clock_ns, error);
    for (int32_t i = 0; i < count && status == PMOE_OK; i++)
        timings[i] = buffers.items[i].timing;
    allocator_give(&allocator, block);
    return status;
}
