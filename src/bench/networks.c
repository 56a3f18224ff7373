/* The layer lists; see networks.h.  One function a family, one row of the table a network.
 *
 * Sizes are chosen as follows.  WRN-10 (Zagoruyko & Komodakis 2016), ResNet-18 with the stem for 32 x 32 images
 * (He et al. 2016; paper 2) and the two single layers are what runtimes are usually compared on.  patch_* are paper 1's
 * one-layer models.  stack<n>_l<l> have experts of three convolutions on the l best of n patches of 28 x 28, beside
 * stack<n>_dense, where the same experts take all n.  sweep<n> differ in n alone.  head_* are paper 2's heads. */
#include "networks.h"

#include "../base/json.h"
#include "../model/layer_list.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* "layer1.0.conv2" */
static struct layer_name label_of(const char *block, const char *layer)
{
    struct layer_name label;
    snprintf(label.text, sizeof label.text, "%s.%s", block, layer);
    return label;
}

/* ---- Families ---- */

enum { CLASSES = 10 };

struct network {
    const char *name, *summary;
    void (*write)(struct json_writer *json, const struct network *network);
    int32_t size, experts, filters, kept; /* as the family takes them */
    enum gate_form gate;
};

/* Classes are numbers. */
static void open_list(struct json_writer *json, const struct network *network, int32_t height, int32_t width,
                      int32_t channels, int32_t classes)
{
    list_begin(json, network->name, height, width, channels);
    for (int32_t i = 0; i < classes; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", (int)i);
        json_add_text(json, NULL, text);
    }
    list_begin_layers(json);
}

/* The one group or mixture of a network; the caller adds its stack. */
static void open_experts(struct json_writer *json, enum layer_type type, const char *input, int32_t kept,
                         enum gate_form gate)
{
    list_open_experts(json, type,
                      (struct list_experts){"experts", input, "router", kept, gate_form_name(gate), NULL, NULL});
}

/* Pre-activation block with a projection, as all three of WRN-10 are: the shortcut reads what the first ReLU gives. */
static void add_wrn_block(struct json_writer *json, const char *block, int32_t filters, int32_t stride)
{
    struct layer_name relu = label_of(block, "relu1"), out = label_of(block, "conv2"),
                      shortcut = label_of(block, "shortcut");
    list_plain(json, relu.text, LAYER_RELU, NULL);
    list_conv(json, label_of(block, "conv1").text, NULL, 3, stride, filters, 1);
    list_plain(json, label_of(block, "relu2").text, LAYER_RELU, NULL);
    list_conv(json, out.text, NULL, 3, 1, filters, 1);
    list_conv(json, shortcut.text, relu.text, 1, stride, filters, 1);
    list_sum(json, label_of(block, "add").text, out.text, shortcut.text);
}

/* size: the factor that widens it.  Batch norms are folded already: every convolution has a bias. */
static void write_wrn(struct json_writer *json, const struct network *network)
{
    open_list(json, network, 32, 32, 3, CLASSES);
    list_conv(json, "conv1", NULL, 3, 1, 16, 1);
    add_wrn_block(json, "block1", 16 * network->size, 1);
    add_wrn_block(json, "block2", 32 * network->size, 2);
    add_wrn_block(json, "block3", 64 * network->size, 2);
    list_plain(json, "relu", LAYER_RELU, NULL);
    list_avg_pool(json, "pool", pool_divisor_name(POOL_BY_PATCHES));
    list_linear(json, "fc", NULL, CLASSES, 1);
    list_end(json);
}

static void add_resnet_block(struct json_writer *json, const char *block, const char *input, int32_t filters,
                             int32_t stride)
{
    struct layer_name out = label_of(block, "bn2"), shortcut = label_of(block, "downsample.1");
    list_conv(json, label_of(block, "conv1").text, input, 3, stride, filters, 0);
    list_plain(json, label_of(block, "bn1").text, LAYER_BATCH_NORM, NULL);
    list_plain(json, label_of(block, "relu1").text, LAYER_RELU, NULL);
    list_conv(json, label_of(block, "conv2").text, NULL, 3, 1, filters, 0);
    list_plain(json, out.text, LAYER_BATCH_NORM, NULL);
    if (stride > 1) {
        list_conv(json, label_of(block, "downsample.0").text, input, 1, stride, filters, 0);
        list_plain(json, shortcut.text, LAYER_BATCH_NORM, NULL);
    }
    list_sum(json, label_of(block, "add").text, out.text, stride > 1 ? shortcut.text : input);
    list_plain(json, label_of(block, "relu2").text, LAYER_RELU, NULL);
}

/* Paper 2's heads on 512 values: dense, or `kept` of 8 experts.  Soft is all of them; the sparse ones have noisy
 * top-k's router, which standardises its scores (its noise is for training). */
static void add_head(struct json_writer *json, const struct network *network, const char *input)
{
    if (!network->kept) {
        list_linear(json, "hidden", input, 512, 1);
        list_plain(json, "relu", LAYER_RELU, NULL);
        list_linear(json, "fc", NULL, CLASSES, 1);
        return;
    }
    list_sample_router(json, "router", input, 8, network->kept < 8);
    open_experts(json, LAYER_MIXTURE, input, network->kept, GATE_TOPL_SOFTMAX);
    list_linear(json, "hidden", NULL, 64, 1);
    list_plain(json, NULL, LAYER_RELU, NULL);
    list_linear(json, "out", NULL, CLASSES, 1);
    list_close_experts(json);
}

static void write_resnet18(struct json_writer *json, const struct network *network)
{
    char input[GRAPH_NAME_BYTES] = "relu1";
    open_list(json, network, 32, 32, 3, CLASSES);
    list_conv(json, "conv1", NULL, 3, 1, 64, 0);
    list_plain(json, "bn1", LAYER_BATCH_NORM, NULL);
    list_plain(json, input, LAYER_RELU, NULL);
    for (int32_t i = 0; i < 8; i++) {
        char block[16];
        snprintf(block, sizeof block, "layer%d.%d", (int)(i / 2 + 1), (int)(i % 2));
        add_resnet_block(json, block, input, 64 << i / 2, i % 2 == 0 && i > 0 ? 2 : 1);
        memcpy(input, label_of(block, "relu2").text, sizeof input);
    }
    list_avg_pool(json, "avgpool", pool_divisor_name(POOL_BY_PATCHES));
    add_head(json, network, "avgpool");
    list_end(json);
}

static void write_head(struct json_writer *json, const struct network *network)
{
    open_list(json, network, 1, 1, 512, CLASSES);
    add_head(json, network, "image");
    list_end(json);
}

/* One convolution of `filters` channels at size x size, bias and ReLU.  A model ends in a vector, so a mean over the
 * pixels is part of it: no counted multiply-adds, and a read of the output that a layer alone would not have. */
static void write_conv_layer(struct json_writer *json, const struct network *network)
{
    open_list(json, network, network->size, network->size, network->filters, network->filters);
    list_conv(json, "conv", NULL, 3, 1, network->filters, 1);
    list_plain(json, "relu", LAYER_RELU, NULL);
    list_avg_pool(json, "pool", pool_divisor_name(POOL_BY_PATCHES));
    list_end(json);
}

/* Paper 1's one-layer models on boards of 4 x 4 patches of 28 x 28.  Gated ones average over the kept patches. */
static void write_patch_model(struct json_writer *json, const struct network *network)
{
    open_list(json, network, PMOE_BOARD, PMOE_BOARD, 1, 2);
    if (network->experts) {
        list_patch_router(json, "router", NULL, PMOE_CELL, network->experts);
        open_experts(json, LAYER_EXPERT_GROUP, "image", network->kept, network->gate);
    }
    list_patch_conv(json, network->experts ? NULL : "conv", PMOE_CELL, network->filters, 0);
    list_plain(json, network->experts ? NULL : "relu", LAYER_RELU, NULL);
    if (network->experts)
        list_close_experts(json);
    list_avg_pool(json, "pool", pool_divisor_name(network->gate == GATE_HARD ? POOL_BY_PATCHES : POOL_BY_KEPT));
    list_linear(json, "fc", NULL, 1, 0);
    list_end(json);
}

static void add_relu_conv(struct json_writer *json, int32_t filters, int32_t stride, const char *name)
{
    list_conv(json, name, NULL, 3, stride, filters, 1);
    list_plain(json, NULL, LAYER_RELU, NULL);
}

/* Boards of size x size patches of 28 x 28; kept 0: all of them. */
static void write_stack(struct json_writer *json, const struct network *network)
{
    int32_t side = network->size * PMOE_CELL, patches = network->size * network->size;
    open_list(json, network, side, side, 1, CLASSES);
    list_patch_router(json, "router", NULL, PMOE_CELL, network->experts);
    open_experts(json, LAYER_EXPERT_GROUP, "image", network->kept ? network->kept : patches, network->gate);
    add_relu_conv(json, 8, 1, "a");
    add_relu_conv(json, 16, 2, "b");
    add_relu_conv(json, 16, 1, "c");
    list_avg_pool(json, NULL, pool_divisor_name(POOL_BY_PATCHES));
    list_close_experts(json);
    list_avg_pool(json, "pool", pool_divisor_name(POOL_BY_KEPT));
    list_linear(json, "fc", NULL, CLASSES, 1);
    list_end(json);
}

/* n = 2^size patches of 8 x 8, as square a board as that allows.  A stem that is cheap and looks at every pixel, as
 * the router does; experts that cost the same whatever n is. */
static void write_sweep(struct json_writer *json, const struct network *network)
{
    enum { PATCH = 8 };
    int32_t high = 1 << network->size / 2, wide = 1 << (network->size + 1) / 2;
    open_list(json, network, high * PATCH, wide * PATCH, 1, CLASSES);
    list_conv(json, "stem", NULL, 3, 1, 4, 1);
    list_plain(json, "relu", LAYER_RELU, NULL);
    list_patch_router(json, "router", "relu", PATCH, network->experts);
    open_experts(json, LAYER_EXPERT_GROUP, "relu", network->kept, network->gate);
    add_relu_conv(json, 32, 1, "a");
    add_relu_conv(json, 32, 1, "b");
    list_avg_pool(json, NULL, pool_divisor_name(POOL_BY_PATCHES));
    list_close_experts(json);
    list_avg_pool(json, "pool", pool_divisor_name(POOL_BY_KEPT));
    list_linear(json, "fc", NULL, CLASSES, 1);
    list_end(json);
}

/* ---- The table ---- */

static const char stack_summary[] = "4 experts of 3 convolutions on patches of 28 x 28: all n, or l = 2 or 4 of them";
static const char sweep_summary[] = "a stem, then 4 experts of 2 convolutions on l = 4 of n patches of 8 x 8";

static const struct network networks[] = {
    {"wrn10_2", "WRN-10-2 on 3 x 32 x 32, batch norms folded", write_wrn, 2, 0, 0, 0, GATE_HARD},
    {"wrn10_4", "WRN-10-4 on 3 x 32 x 32, batch norms folded", write_wrn, 4, 0, 0, 0, GATE_HARD},
    {"resnet18", "ResNet-18 on 3 x 32 x 32, 3 x 3 stem, head 512-512-10", write_resnet18, 0, 0, 0, 0, GATE_HARD},
    {"resnet18_top2", "the same with the head of head_top2", write_resnet18, 0, 8, 0, 2, GATE_TOPL_SOFTMAX},
    {"conv64_32", "3 x 3, 64 to 64 channels at 32 x 32, bias, ReLU; mean", write_conv_layer, 32, 0, 64, 0, GATE_HARD},
    {"conv128_16", "3 x 3, 128 to 128 channels at 16 x 16, bias, ReLU; mean", write_conv_layer, 16, 0, 128, 0,
     GATE_HARD},
    {"patch_cnn", "paper 1's CNN: 40 filters on 16 patches of 28 x 28", write_patch_model, 0, 0, 40, 0, GATE_HARD},
    {"patch_separate", "paper 1's separate router: 2 experts of 20 filters, l = 2", write_patch_model, 0, 2, 20, 2,
     GATE_HARD},
    {"patch_joint", "paper 1's joint training: 8 experts of 5 filters, l = 6", write_patch_model, 0, 8, 5, 6,
     GATE_TOPL_SOFTMAX},
    {"patch_moe", "8 experts of 5 filters, l = 2", write_patch_model, 0, 8, 5, 2, GATE_TOPL_SOFTMAX},
    {"stack16_dense", stack_summary, write_stack, 4, 4, 0, 0, GATE_TOPL_SOFTMAX},
    {"stack16_l2", stack_summary, write_stack, 4, 4, 0, 2, GATE_TOPL_SOFTMAX},
    {"stack16_l4", stack_summary, write_stack, 4, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"stack64_dense", stack_summary, write_stack, 8, 4, 0, 0, GATE_TOPL_SOFTMAX},
    {"stack64_l2", stack_summary, write_stack, 8, 4, 0, 2, GATE_TOPL_SOFTMAX},
    {"stack64_l4", stack_summary, write_stack, 8, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"stack256_dense", stack_summary, write_stack, 16, 4, 0, 0, GATE_TOPL_SOFTMAX},
    {"stack256_l2", stack_summary, write_stack, 16, 4, 0, 2, GATE_TOPL_SOFTMAX},
    {"stack256_l4", stack_summary, write_stack, 16, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"sweep16", sweep_summary, write_sweep, 4, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"sweep32", sweep_summary, write_sweep, 5, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"sweep64", sweep_summary, write_sweep, 6, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"sweep128", sweep_summary, write_sweep, 7, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"sweep256", sweep_summary, write_sweep, 8, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"sweep512", sweep_summary, write_sweep, 9, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"sweep1024", sweep_summary, write_sweep, 10, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"sweep2048", sweep_summary, write_sweep, 11, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"sweep4096", sweep_summary, write_sweep, 12, 4, 0, 4, GATE_TOPL_SOFTMAX},
    {"head_dense", "512-512-10", write_head, 0, 0, 0, 0, GATE_HARD},
    {"head_soft", "all of 8 experts 512-64-10", write_head, 0, 8, 0, 8, GATE_TOPL_SOFTMAX},
    {"head_top2", "noisy top-2 of 8 experts 512-64-10", write_head, 0, 8, 0, 2, GATE_TOPL_SOFTMAX},
    {"head_hard", "noisy top-1 of 8 experts 512-64-10", write_head, 0, 8, 0, 1, GATE_TOPL_SOFTMAX},
};
enum { NETWORKS = sizeof networks / sizeof *networks };

const char *network_name(int32_t index)
{
    return index >= 0 && index < NETWORKS ? networks[index].name : NULL;
}

const char *network_summary(int32_t index)
{
    return index >= 0 && index < NETWORKS ? networks[index].summary : NULL;
}

int32_t network_find(const char *name)
{
    for (int32_t i = 0; i < NETWORKS; i++)
        if (strcmp(networks[i].name, name) == 0)
            return i;
    return -1;
}

size_t network_list(int32_t index, char *text, size_t capacity)
{
    assert(index >= 0 && index < NETWORKS);
    struct json_writer json;
    json_begin(&json, text, capacity);
    networks[index].write(&json, &networks[index]);
    return json.length;
}
