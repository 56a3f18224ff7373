/* Routing in ONNX: TopK over the scores, GatherND of the kept patches alone, so that a routed model does a routed
 * model's work there too.  TopK breaks ties towards the lower index, as route() does.
 *
 * N images, n patches, k experts, l kept, D values a patch, c outputs of an expert. */
#include "onnx.h"

#include "../base/error.h"

static const struct onnx_place outside = {.expert = -1};

static void softmax(struct onnx *onnx, const char *output, const char *input)
{
    onnx_begin(onnx, "Softmax", output, input, NULL, NULL);
    onnx_int(onnx, "axis", -1);
    onnx_end(onnx);
}

/* "part/top" and "part/picks" [..][l] of scores [..][n]; then, unless gates are 1, "part/gates" [..][l]. */
static void add_top(struct onnx *onnx, const char *part, const char *scores, const struct layer *layer, int64_t axis)
{
    struct onnx_name top = onnx_name("%s/top", part), picks = onnx_name("%s/picks", part);
    struct onnx_name gates = onnx_name("%s/gates", part), all = onnx_name("%s/all", part);
    int64_t kept = layer->kept;
    struct onnx_name count = onnx_int64s(onnx, onnx_name("%s/kept", part).text, 1, &kept);
    onnx_begin(onnx, "TopK", top.text, scores, count.text, NULL);
    onnx_output(onnx, picks.text);
    onnx_int(onnx, "axis", -1);
    onnx_end(onnx);
    if (layer->gate == GATE_TOPL_SOFTMAX)
        softmax(onnx, gates.text, top.text);
    if (layer->gate != GATE_SOFTMAX_TOPL)
        return;
    softmax(onnx, all.text, scores);
    onnx_begin(onnx, "GatherElements", gates.text, all.text, picks.text, NULL);
    onnx_int(onnx, "axis", axis);
    onnx_end(onnx);
}

static struct onnx_name part_of(const char *output, int32_t expert)
{
    return onnx_name("%s/e%d", output, (int)expert);
}

/* All experts' parts of it, along axis 1. */
static void concat(struct onnx *onnx, const char *output, int32_t experts)
{
    onnx_begin(onnx, "Concat", output, NULL, NULL, NULL);
    for (int32_t e = 0; e < experts; e++)
        onnx_input(onnx, part_of(output, e).text);
    onnx_int(onnx, "axis", 1);
    onnx_end(onnx);
}

/* The stack of one expert; answers the name of its vector. */
static struct onnx_name add_stack(struct onnx *onnx, int32_t group, const struct onnx_place *place)
{
    for (int32_t i = group + 1; i <= graph_stack_end(onnx->graph, group); i++)
        onnx_layer(onnx, i, place);
    return onnx_value(onnx, graph_stack_end(onnx->graph, group), place);
}

/* ---- Patches ---- */

/* Scores [N][count][n] of so many experts, whose filters are `weight`. */
static void add_scores(struct onnx *onnx, int32_t router, const char *weight, int32_t count, const char *output)
{
    const struct layer *layer = &onnx->graph->layer[router];
    struct onnx_name map = onnx_name("%s/map", output);
    struct onnx_name input = onnx_as_map(onnx, onnx_layer_input(onnx, router, &outside).text,
                                         graph_input_shape(onnx->graph, router), output);
    onnx_begin(onnx, "Conv", map.text, input.text, weight, NULL);
    onnx_ints(onnx, "kernel_shape", 2, (const int64_t[]){layer->patch, layer->patch});
    onnx_ints(onnx, "strides", 2, (const int64_t[]){layer->patch, layer->patch});
    onnx_end(onnx);
    onnx_reshape(onnx, output, map.text, 3, (const int64_t[]){-1, count, layer->patches});
}

/* In the naive form only the filters, which several groups may share: each expert has a Conv of its own. */
void onnx_patch_router(struct onnx *onnx, int32_t router)
{
    const struct layer *layer = &onnx->graph->layer[router];
    if (onnx->form == PMOE_ONNX_NAIVE) {
        for (int32_t e = 0; e < layer->experts; e++)
            onnx_weight_filter(onnx, layer->weight, e);
        return;
    }
    struct onnx_name weight = onnx_weight(onnx, layer->weight, &outside, 0, NULL);
    add_scores(onnx, router, weight.text, layer->experts, onnx_value(onnx, router, &outside).text);
}

static int64_t patch_values(const struct onnx *onnx, int32_t group)
{
    const struct layer *layer = &onnx->graph->layer[group];
    return (int64_t)layer->patch * layer->patch * graph_input_shape(onnx->graph, group).c;
}

/* The map cut into patches, [N][n][D], each [c][patch][patch]. */
static void add_patches(struct onnx *onnx, int32_t group, const char *output)
{
    const struct layer *layer = &onnx->graph->layer[group];
    struct shape in = graph_input_shape(onnx->graph, group);
    struct onnx_name cut = onnx_name("%s/cut", output), order = onnx_name("%s/order", output);
    onnx_reshape(onnx, cut.text, onnx_layer_input(onnx, group, &outside).text, 6,
                 (const int64_t[]){-1, in.c, layer->high, layer->patch, layer->wide, layer->patch});
    onnx_begin(onnx, "Transpose", order.text, cut.text, NULL, NULL);
    onnx_ints(onnx, "perm", 6, (const int64_t[]){0, 2, 4, 1, 3, 5});
    onnx_end(onnx);
    onnx_reshape(onnx, output, order.text, 3, (const int64_t[]){-1, layer->patches, patch_values(onnx, group)});
}

/* Picks and gates of `part`, [N][count][l], from scores [N][count][n], and "part/patches", the kept patches,
 * [N][count][l][D], times their gates if those go there.  "part/factors" are gates as [N][count][l][1]. */
static void add_kept(struct onnx *onnx, int32_t group, const char *part, const char *scores, const char *patches)
{
    const struct layer *layer = &onnx->graph->layer[group];
    struct onnx_name index = onnx_name("%s/index", part), kept = onnx_name("%s/patches", part);
    struct onnx_name factors = onnx_name("%s/factors", part), plain = onnx_name("%s/plain", part);
    int gated = layer->gate != GATE_HARD && layer->gate_place == GATE_ON_INPUT;
    add_top(onnx, part, scores, layer, 2);
    onnx_unsqueeze(onnx, index.text, onnx_name("%s/picks", part).text, 3);
    onnx_begin(onnx, "GatherND", gated ? plain.text : kept.text, patches, index.text, NULL);
    onnx_int(onnx, "batch_dims", 1);
    onnx_end(onnx);
    if (layer->gate != GATE_HARD)
        onnx_unsqueeze(onnx, factors.text, onnx_name("%s/gates", part).text, 3);
    if (gated)
        onnx_op(onnx, "Mul", kept.text, plain.text, factors.text);
}

/* What experts make of their patches is `output` itself, or "part/made" if gates go on that. */
static struct onnx_name before_gates(const struct layer *layer, const char *part, const char *output)
{
    int gated = layer->gate != GATE_HARD && layer->gate_place == GATE_ON_OUTPUT;
    return gated ? onnx_name("%s/made", part) : onnx_name("%s", output);
}

static void add_gates(struct onnx *onnx, const struct layer *layer, const char *part, const char *output)
{
    if (layer->gate != GATE_HARD && layer->gate_place == GATE_ON_OUTPUT)
        onnx_op(onnx, "Mul", output, onnx_name("%s/made", part).text, onnx_name("%s/factors", part).text);
}

/* One expert on its kept patches [N][1][l][D]: `output` [N][1][l][c]. */
static void add_expert(struct onnx *onnx, int32_t group, int32_t expert, const char *kept, const char *output)
{
    const struct layer *layer = &onnx->graph->layer[group];
    int64_t channels = graph_input_shape(onnx->graph, group).c;
    struct onnx_place place = {.expert = expert, .given = onnx_name("%s/given", output)};
    if (layer->patch == 1)
        onnx_reshape(onnx, place.given.text, kept, 2, (const int64_t[]){-1, channels});
    else
        onnx_reshape(onnx, place.given.text, kept, 4, (const int64_t[]){-1, channels, layer->patch, layer->patch});
    struct onnx_name made = add_stack(onnx, group, &place);
    onnx_reshape(onnx, output, made.text, 4, (const int64_t[]){-1, 1, layer->kept, layer->shape.c});
}

/* What every expert answers to a dropped patch, [1][k][c]: nodes without an input, which a runtime evaluates once. */
static void add_dropped(struct onnx *onnx, int32_t group, const char *output)
{
    const struct layer *layer = &onnx->graph->layer[group];
    int64_t channels = graph_input_shape(onnx->graph, group).c;
    struct onnx_name zeros = onnx_name("%s/zeros", output);
    const int64_t map[] = {1, channels, layer->patch, layer->patch};
    struct onnx_name shape = onnx_int64s(onnx, onnx_name("%s/shape", zeros.text).text, layer->patch == 1 ? 2 : 4, map);
    onnx_op(onnx, "ConstantOfShape", zeros.text, shape.text, NULL);
    for (int32_t e = 0; e < layer->experts; e++) {
        struct onnx_place place = {.expert = e, .zeros = 1, .given = zeros};
        struct onnx_name made = add_stack(onnx, group, &place);
        onnx_reshape(onnx, part_of(output, e).text, made.text, 3, (const int64_t[]){1, 1, layer->shape.c});
    }
    concat(onnx, output, layer->experts);
}

/* Whether dropped patches reach the pool: one matrix without a bias answers zeros with zeros. */
static int has_dropped(const struct onnx *onnx, int32_t group)
{
    const struct layer *layer = &onnx->graph->layer[group];
    return layer->dropped == DROPPED_ZEROS && layer->kept < layer->patches &&
           !(onnx->form == PMOE_ONNX_BATCHED && !layer[1].has_bias);
}

/* ---- Groups ---- */

/* Everything of an expert on its own, from its router to its gates. */
static void add_group_naive(struct onnx *onnx, int32_t group, const char *patches, const char *out)
{
    const struct layer *layer = &onnx->graph->layer[group];
    int32_t filters = onnx->graph->layer[layer->router].weight;
    for (int32_t e = 0; e < layer->experts; e++) {
        struct onnx_name part = onnx_name("%s/route%d", layer->name, (int)e), gated = part_of(out, e);
        struct onnx_name scores = onnx_name("%s/scores", part.text);
        add_scores(onnx, layer->router, onnx_weight_name(onnx, filters, e).text, 1, scores.text);
        add_kept(onnx, group, part.text, scores.text, patches);
        add_expert(onnx, group, e, onnx_name("%s/patches", part.text).text,
                   before_gates(layer, part.text, gated.text).text);
        add_gates(onnx, layer, part.text, gated.text);
    }
    concat(onnx, out, layer->experts);
}

/* Scores, top-l and gates of all experts at once, then one expert after the other. */
static void add_group_shared(struct onnx *onnx, int32_t group, const char *part, const char *out)
{
    const struct layer *layer = &onnx->graph->layer[group];
    struct onnx_name all = before_gates(layer, part, out);
    onnx_begin(onnx, "Split", NULL, onnx_name("%s/patches", part).text, NULL, NULL);
    for (int32_t e = 0; e < layer->experts; e++)
        onnx_output(onnx, onnx_name("%s/kept%d", part, (int)e).text);
    onnx_int(onnx, "axis", 1);
    onnx_end(onnx);
    for (int32_t e = 0; e < layer->experts; e++)
        add_expert(onnx, group, e, onnx_name("%s/kept%d", part, (int)e).text, part_of(all.text, e).text);
    concat(onnx, all.text, layer->experts);
    add_gates(onnx, layer, part, out);
}

/* [N][k][l][D] times [k][D][c]. */
static void add_group_batched(struct onnx *onnx, int32_t group, const char *part, const char *out)
{
    const struct layer *layer = &onnx->graph->layer[group], *first = layer + 1;
    struct onnx_name made = before_gates(layer, part, out), sum = onnx_name("%s/sum", part);
    struct onnx_name product = onnx_name("%s/product", part), dropped = onnx_name("%s/dropped", layer->name);
    struct onnx_name weight = onnx_weight_transposed(onnx, first->weight);
    int relu = layer->inner == 2;
    if (!relu)
        *(first->has_bias ? &sum : &product) = made;
    onnx_op(onnx, "MatMul", product.text, onnx_name("%s/patches", part).text, weight.text);
    if (first->has_bias) {
        const int64_t shape[] = {layer->experts, 1, layer->shape.c}, row[] = {1, layer->experts, layer->shape.c};
        struct onnx_name bias = onnx_weight(onnx, first->bias, &outside, 3, shape);
        struct onnx_name answer = relu ? onnx_name("%s/sum", dropped.text) : dropped;
        onnx_op(onnx, "Add", sum.text, product.text, bias.text);
        if (has_dropped(onnx, group)) {
            onnx_reshape(onnx, answer.text, bias.text, 3, row);
            if (relu)
                onnx_op(onnx, "Relu", dropped.text, answer.text, NULL);
        }
    }
    if (relu)
        onnx_op(onnx, "Relu", made.text, first->has_bias ? sum.text : product.text, NULL);
    add_gates(onnx, layer, part, out);
}

void onnx_group(struct onnx *onnx, int32_t group)
{
    const struct layer *layer = &onnx->graph->layer[group];
    struct onnx_name out = onnx_value(onnx, group, &outside), part = onnx_name("%s/route", layer->name);
    struct onnx_name patches = onnx_name("%s/patches", layer->name);
    add_patches(onnx, group, patches.text);
    if (onnx->form == PMOE_ONNX_NAIVE) {
        add_group_naive(onnx, group, patches.text, out.text);
    } else {
        add_kept(onnx, group, part.text, onnx_value(onnx, layer->router, &outside).text, patches.text);
        if (onnx->form == PMOE_ONNX_BATCHED)
            add_group_batched(onnx, group, part.text, out.text);
        else
            add_group_shared(onnx, group, part.text, out.text);
    }
    if (onnx->form != PMOE_ONNX_BATCHED && has_dropped(onnx, group))
        add_dropped(onnx, group, onnx_name("%s/dropped", layer->name).text);
}

/* [N][k][l][c] to [N][k * c]. */
void onnx_routed_pool(struct onnx *onnx, int32_t pool)
{
    const struct layer *layer = &onnx->graph->layer[pool], *group = &onnx->graph->layer[layer->input];
    struct onnx_name out = onnx_value(onnx, pool, &outside), sum = onnx_name("%s/sum", out.text);
    struct onnx_name mean = onnx_name("%s/mean", out.text), axes = onnx_name("%s/axes", out.text);
    float divisor = (float)(layer->divisor == POOL_BY_KEPT ? group->kept : group->patches);
    const int64_t over_kept = 2;
    onnx_begin(onnx, "ReduceSum", sum.text, onnx_value(onnx, layer->input, &outside).text,
               onnx_int64s(onnx, axes.text, 1, &over_kept).text, NULL);
    onnx_int(onnx, "keepdims", 0);
    onnx_end(onnx);
    if (has_dropped(onnx, layer->input)) {
        struct onnx_name dropped = onnx_name("%s/dropped", out.text), all = onnx_name("%s/all", out.text);
        struct onnx_name times =
            onnx_scalar(onnx, onnx_name("%s/times", out.text).text, (float)(group->patches - group->kept));
        onnx_op(onnx, "Mul", dropped.text, onnx_name("%s/dropped", group->name).text, times.text);
        onnx_op(onnx, "Add", all.text, sum.text, dropped.text);
        sum = all;
    }
    onnx_op(onnx, "Div", mean.text, sum.text, onnx_scalar(onnx, onnx_name("%s/divisor", out.text).text, divisor).text);
    onnx_reshape(onnx, out.text, mean.text, 2, (const int64_t[]){-1, layer->shape.c});
}

/* ---- Whole images ---- */

void onnx_sample_router(struct onnx *onnx, int32_t router)
{
    const struct layer *layer = &onnx->graph->layer[router];
    struct onnx_name out = onnx_value(onnx, router, &outside);
    struct onnx_name raw = layer->normalise ? onnx_name("%s/raw", out.text) : out;
    struct onnx_name weight = onnx_weight(onnx, layer->weight, &outside, 0, NULL);
    onnx_begin(onnx, "Gemm", raw.text, onnx_layer_input(onnx, router, &outside).text, weight.text, NULL);
    if (layer->bias >= 0)
        onnx_input(onnx, onnx_weight(onnx, layer->bias, &outside, 0, NULL).text);
    onnx_int(onnx, "transB", 1);
    onnx_end(onnx);
    if (!layer->normalise)
        return;
    const int64_t over_experts = 1;
    struct onnx_name mean = onnx_name("%s/mean", out.text), centred = onnx_name("%s/centred", out.text);
    struct onnx_name squares = onnx_name("%s/squares", out.text), variance = onnx_name("%s/variance", out.text);
    struct onnx_name deviation = onnx_name("%s/deviation", out.text), divisor = onnx_name("%s/divisor", out.text);
    onnx_begin(onnx, "ReduceMean", mean.text, raw.text, NULL, NULL);
    onnx_ints(onnx, "axes", 1, &over_experts);
    onnx_end(onnx);
    onnx_op(onnx, "Sub", centred.text, raw.text, mean.text);
    onnx_begin(onnx, "ReduceSumSquare", squares.text, centred.text, NULL, NULL);
    onnx_ints(onnx, "axes", 1, &over_experts);
    onnx_end(onnx);
    struct onnx_name count = onnx_scalar(onnx, onnx_name("%s/unbiased", out.text).text, (float)(layer->experts - 1));
    onnx_op(onnx, "Div", variance.text, squares.text, count.text);
    onnx_op(onnx, "Sqrt", deviation.text, variance.text, NULL);
    onnx_op(onnx, "Add", divisor.text, deviation.text,
            onnx_scalar(onnx, onnx_name("%s/least", out.text).text, 1e-5f).text);
    onnx_op(onnx, "Div", out.text, centred.text, divisor.text);
}

/* Gates of all experts, [N][1][k], 0 for those that an image is not sent to. */
static struct onnx_name add_mask(struct onnx *onnx, const struct layer *layer, const char *scores)
{
    struct onnx_name part = onnx_name("%s/route", layer->name), mask = onnx_name("%s/mask", layer->name);
    struct onnx_name row = onnx_name("%s/row", mask.text), gates = onnx_name("%s/gates", part.text);
    if (layer->kept == layer->experts && layer->gate != GATE_HARD) {
        softmax(onnx, row.text, scores);
        onnx_unsqueeze(onnx, mask.text, row.text, 1);
        return mask;
    }
    struct onnx_name picks = onnx_name("%s/picks", part.text), shape = onnx_name("%s/shape", part.text);
    struct onnx_name zeros = onnx_name("%s/zeros", part.text);
    add_top(onnx, part.text, scores, layer, 1);
    if (layer->gate == GATE_HARD) {
        struct onnx_name one = onnx_scalar(onnx, onnx_name("%s/one", part.text).text, 1);
        struct onnx_name like = onnx_name("%s/like", part.text);
        onnx_op(onnx, "Shape", like.text, picks.text, NULL);
        onnx_op(onnx, "Expand", gates.text, one.text, like.text);
    }
    onnx_op(onnx, "Shape", shape.text, scores, NULL);
    onnx_op(onnx, "ConstantOfShape", zeros.text, shape.text, NULL);
    onnx_begin(onnx, "ScatterElements", row.text, zeros.text, picks.text, gates.text);
    onnx_int(onnx, "axis", 1);
    onnx_end(onnx);
    onnx_unsqueeze(onnx, mask.text, row.text, 1);
    return mask;
}

/* ONNX has no way to run k of E networks on k of E parts of a batch but an If for each, so all experts see all images,
 * and a mask of gates does the rest: what users run. */
void onnx_mixture(struct onnx *onnx, int32_t mixture)
{
    const struct layer *layer = &onnx->graph->layer[mixture];
    struct onnx_name out = onnx_value(onnx, mixture, &outside), all = onnx_name("%s/all", layer->name);
    for (int32_t e = 0; e < layer->experts; e++) {
        struct onnx_place place = {.expert = e, .given = onnx_layer_input(onnx, mixture, &outside)};
        struct onnx_name made = add_stack(onnx, mixture, &place);
        onnx_unsqueeze(onnx, part_of(all.text, e).text, made.text, 1);
    }
    concat(onnx, all.text, layer->experts);
    struct onnx_name sum = onnx_name("%s/sum", layer->name);
    struct onnx_name mask = add_mask(onnx, layer, onnx_value(onnx, layer->router, &outside).text);
    onnx_op(onnx, "MatMul", sum.text, mask.text, all.text);
    onnx_reshape(onnx, out.text, sum.text, 2, (const int64_t[]){-1, layer->shape.c});
}

/* ---- Forms ---- */

static int is_one_matrix(const struct graph *graph, int32_t group)
{
    const struct layer *layer = &graph->layer[group], *first = layer + 1, *second = layer + 2;
    int whole = (first->type == LAYER_PATCH_CONV && first->patch == layer->patch) || first->type == LAYER_LINEAR ||
                (first->type == LAYER_CONV && first->kernel == layer->patch && first->padding == 0);
    return whole &&
           (layer->inner == 1 || (layer->inner == 2 && second->type == LAYER_RELU && second->input == group + 1));
}

pmoe_status onnx_check_form(const struct onnx *onnx, pmoe_error *error)
{
    int32_t groups = 0;
    for (int32_t i = 0; i < onnx->graph->layers; i++) {
        if (onnx->graph->layer[i].type != LAYER_EXPERT_GROUP)
            continue;
        groups++;
        if (onnx->form == PMOE_ONNX_BATCHED && !is_one_matrix(onnx->graph, i))
            return fail(error, PMOE_E_GRAPH,
                        "layer \"%s\": its experts have %d layers; a batched graph takes experts of one, over the "
                        "whole patch, with or without a relu",
                        onnx->graph->layer[i].name, (int)onnx->graph->layer[i].inner);
    }
    if (onnx->form == PMOE_ONNX_BATCHED && groups == 0)
        return fail(error, PMOE_E_GRAPH, "model \"%s\": has no expert group, which is what a batched graph is about",
                    onnx->graph->name);
    return PMOE_OK;
}
