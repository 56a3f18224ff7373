/* The layer lists; see networks.h.  One function a family, one row of the table a network.
 *
 * Sizes are chosen as follows.  WRN-10 (Zagoruyko & Komodakis 2016), ResNet-18 with the stem for 32 x 32 images
 * (He et al. 2016; paper 2) and the two single layers are what runtimes are usually compared on.  patch_* are paper 1's
 * one-layer models.  stack<n>_l<l> have experts of three convolutions on the l best of n patches of 28 x 28, beside
 * stack<n>_dense, where the same experts take all n.  sweep<n> differ in n alone.  head_* are paper 2's heads. */
#include "networks.h"

#include "../base/json.h"
#include "../model/graph.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- Layers ---- */

/* input NULL: the layer before.  The caller adds what the type asks for and closes the object. */
static void open_layer(struct json_writer *json, const char *name, enum layer_type type, const char *input)
{
    json_open_object(json, NULL);
    if (name)
        json_add_text(json, "name", name);
    json_add_text(json, "type", layer_type_name(type));
    if (input)
        json_add_text(json, "input", input);
}

static void add_plain(struct json_writer *json, const char *name, enum layer_type type, const char *input)
{
    open_layer(json, name, type, input);
    json_close_object(json);
}

/* Padded such that stride 1 keeps the sides. */
static void add_conv(struct json_writer *json, const char *name, const char *input, int32_t kernel, int32_t stride,
                     int32_t filters, int32_t has_bias)
{
    open_layer(json, name, LAYER_CONV, input);
    json_add_int(json, "kernel", kernel);
    json_add_int(json, "stride", stride);
    json_add_int(json, "padding", kernel / 2);
    json_add_int(json, "filters", filters);
    json_add_bool(json, "bias", has_bias);
    json_close_object(json);
}

static void add_sum(struct json_writer *json, const char *name, const char *input, const char *with)
{
    open_layer(json, name, LAYER_ADD, input);
    json_add_text(json, "with", with);
    json_close_object(json);
}

static void add_pool(struct json_writer *json, const char *name, enum pool_divisor divisor)
{
    open_layer(json, name, LAYER_AVG_POOL, NULL);
    json_add_text(json, "divisor", pool_divisor_name(divisor));
    json_close_object(json);
}

static void add_linear(struct json_writer *json, const char *name, const char *input, int32_t outputs, int32_t has_bias)
{
    open_layer(json, name, LAYER_LINEAR, input);
    json_add_int(json, "outputs", outputs);
    json_add_bool(json, "bias", has_bias);
    json_close_object(json);
}

static void add_patch_router(struct json_writer *json, const char *input, int32_t patch, int32_t experts)
{
    open_layer(json, "router", LAYER_PATCH_ROUTER, input);
    json_add_int(json, "patch", patch);
    json_add_int(json, "experts", experts);
    json_close_object(json);
}

/* The caller adds the stack and closes array and object. */
static void open_experts(struct json_writer *json, enum layer_type type, const char *input, int32_t kept,
                         enum gate_form gate)
{
    open_layer(json, "experts", type, input);
    json_add_text(json, "router", "router");
    json_add_int(json, "kept", kept);
    json_add_text(json, "gate", gate_form_name(gate));
    json_open_array(json, "expert");
}

static void close_experts(struct json_writer *json)
{
    json_close_array(json);
    json_close_object(json);
}

/* "layer1.0.conv2" */
struct label {
    char text[GRAPH_NAME_BYTES];
};

static struct label label_of(const char *block, const char *layer)
{
    struct label label;
    snprintf(label.text, sizeof label.text, "%s.%s", block, layer);
    return label;
}

static void add_input(struct json_writer *json, int32_t height, int32_t width, int32_t channels)
{
    json_open_object(json, "input");
    json_add_int(json, "height", height);
    json_add_int(json, "width", width);
    json_add_int(json, "channels", channels);
    json_close_object(json);
}

static void open_list(struct json_writer *json, int32_t height, int32_t width, int32_t channels, int32_t classes)
{
    add_input(json, height, width, channels);
    json_open_array(json, "classes");
    for (int32_t i = 0; i < classes; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", (int)i);
        json_add_text(json, NULL, text);
    }
    json_close_array(json);
    json_open_array(json, "layers");
}

/* ---- Families ---- */

enum { CLASSES = 10 };

struct network {
    const char *name, *summary;
    void (*write)(struct json_writer *json, const struct network *network);
    int32_t size, experts, filters, kept; /* as the family takes them */
    enum gate_form gate;
};

/* Pre-activation block with a projection, as all three of WRN-10 are: the shortcut reads what the first ReLU gives. */
static void add_wrn_block(struct json_writer *json, const char *block, int32_t filters, int32_t stride)
{
    struct label relu = label_of(block, "relu1"), out = label_of(block, "conv2"),
                 shortcut = label_of(block, "shortcut");
    add_plain(json, relu.text, LAYER_RELU, NULL);
    add_conv(json, label_of(block, "conv1").text, NULL, 3, stride, filters, 1);
    add_plain(json, label_of(block, "relu2").text, LAYER_RELU, NULL);
    add_conv(json, out.text, NULL, 3, 1, filters, 1);
    add_conv(json, shortcut.text, relu.text, 1, stride, filters, 1);
    add_sum(json, label_of(block, "add").text, out.text, shortcut.text);
}

/* size: the factor that widens it.  Batch norms are folded already: every convolution has a bias. */
static void write_wrn(struct json_writer *json, const struct network *network)
{
    open_list(json, 32, 32, 3, CLASSES);
    add_conv(json, "conv1", NULL, 3, 1, 16, 1);
    add_wrn_block(json, "block1", 16 * network->size, 1);
    add_wrn_block(json, "block2", 32 * network->size, 2);
    add_wrn_block(json, "block3", 64 * network->size, 2);
    add_plain(json, "relu", LAYER_RELU, NULL);
    add_pool(json, "pool", POOL_BY_PATCHES);
    add_linear(json, "fc", NULL, CLASSES, 1);
    json_close_array(json);
}

static void add_resnet_block(struct json_writer *json, const char *block, const char *input, int32_t filters,
                             int32_t stride)
{
    struct label out = label_of(block, "bn2"), shortcut = label_of(block, "downsample.1");
    add_conv(json, label_of(block, "conv1").text, input, 3, stride, filters, 0);
    add_plain(json, label_of(block, "bn1").text, LAYER_BATCH_NORM, NULL);
    add_plain(json, label_of(block, "relu1").text, LAYER_RELU, NULL);
    add_conv(json, label_of(block, "conv2").text, NULL, 3, 1, filters, 0);
    add_plain(json, out.text, LAYER_BATCH_NORM, NULL);
    if (stride > 1) {
        add_conv(json, label_of(block, "downsample.0").text, input, 1, stride, filters, 0);
        add_plain(json, shortcut.text, LAYER_BATCH_NORM, NULL);
    }
    add_sum(json, label_of(block, "add").text, out.text, stride > 1 ? shortcut.text : input);
    add_plain(json, label_of(block, "relu2").text, LAYER_RELU, NULL);
}

/* Paper 2's heads on 512 values: dense, or `kept` of 8 experts.  Soft is all of them; the sparse ones have noisy
 * top-k's router, which standardises its scores (its noise is for training). */
static void add_head(struct json_writer *json, const struct network *network, const char *input)
{
    if (!network->kept) {
        add_linear(json, "hidden", input, 512, 1);
        add_plain(json, "relu", LAYER_RELU, NULL);
        add_linear(json, "fc", NULL, CLASSES, 1);
        return;
    }
    open_layer(json, "router", LAYER_SAMPLE_ROUTER, input);
    json_add_int(json, "experts", 8);
    json_add_bool(json, "bias", 1);
    json_add_bool(json, "normalise", network->kept < 8);
    json_close_object(json);
    open_experts(json, LAYER_MIXTURE, input, network->kept, GATE_TOPL_SOFTMAX);
    add_linear(json, "hidden", NULL, 64, 1);
    add_plain(json, NULL, LAYER_RELU, NULL);
    add_linear(json, "out", NULL, CLASSES, 1);
    close_experts(json);
}

static void write_resnet18(struct json_writer *json, const struct network *network)
{
    char input[GRAPH_NAME_BYTES] = "relu1";
    open_list(json, 32, 32, 3, CLASSES);
    add_conv(json, "conv1", NULL, 3, 1, 64, 0);
    add_plain(json, "bn1", LAYER_BATCH_NORM, NULL);
    add_plain(json, input, LAYER_RELU, NULL);
    for (int32_t i = 0; i < 8; i++) {
        char block[16];
        snprintf(block, sizeof block, "layer%d.%d", (int)(i / 2 + 1), (int)(i % 2));
        add_resnet_block(json, block, input, 64 << i / 2, i % 2 == 0 && i > 0 ? 2 : 1);
        memcpy(input, label_of(block, "relu2").text, sizeof input);
    }
    add_pool(json, "avgpool", POOL_BY_PATCHES);
    add_head(json, network, "avgpool");
    json_close_array(json);
}

static void write_head(struct json_writer *json, const struct network *network)
{
    open_list(json, 1, 1, 512, CLASSES);
    add_head(json, network, "image");
    json_close_array(json);
}

/* One convolution of `filters` channels at size x size, bias and ReLU.  A model ends in a vector, so a mean over the
 * pixels is part of it: no counted multiply-adds, and a read of the output that a layer alone would not have. */
static void write_conv_layer(struct json_writer *json, const struct network *network)
{
    open_list(json, network->size, network->size, network->filters, network->filters);
    add_conv(json, "conv", NULL, 3, 1, network->filters, 1);
    add_plain(json, "relu", LAYER_RELU, NULL);
    add_pool(json, "pool", POOL_BY_PATCHES);
    json_close_array(json);
}

/* Paper 1's one-layer models on boards of 4 x 4 patches of 28 x 28.  Gated ones average over the kept patches. */
static void write_patch_model(struct json_writer *json, const struct network *network)
{
    open_list(json, PMOE_BOARD, PMOE_BOARD, 1, 2);
    if (network->experts) {
        add_patch_router(json, NULL, PMOE_CELL, network->experts);
        open_experts(json, LAYER_EXPERT_GROUP, "image", network->kept, network->gate);
    }
    open_layer(json, network->experts ? NULL : "conv", LAYER_PATCH_CONV, NULL);
    json_add_int(json, "patch", PMOE_CELL);
    json_add_int(json, "filters", network->filters);
    json_close_object(json);
    add_plain(json, network->experts ? NULL : "relu", LAYER_RELU, NULL);
    if (network->experts)
        close_experts(json);
    add_pool(json, "pool", network->gate == GATE_HARD ? POOL_BY_PATCHES : POOL_BY_KEPT);
    add_linear(json, "fc", NULL, 1, 0);
    json_close_array(json);
}

static void add_relu_conv(struct json_writer *json, int32_t filters, int32_t stride, const char *name)
{
    add_conv(json, name, NULL, 3, stride, filters, 1);
    add_plain(json, NULL, LAYER_RELU, NULL);
}

/* Boards of size x size patches of 28 x 28; kept 0: all of them. */
static void write_stack(struct json_writer *json, const struct network *network)
{
    int32_t side = network->size * PMOE_CELL, patches = network->size * network->size;
    open_list(json, side, side, 1, CLASSES);
    add_patch_router(json, NULL, PMOE_CELL, network->experts);
    open_experts(json, LAYER_EXPERT_GROUP, "image", network->kept ? network->kept : patches, network->gate);
    add_relu_conv(json, 8, 1, "a");
    add_relu_conv(json, 16, 2, "b");
    add_relu_conv(json, 16, 1, "c");
    add_pool(json, NULL, POOL_BY_PATCHES);
    close_experts(json);
    add_pool(json, "pool", POOL_BY_KEPT);
    add_linear(json, "fc", NULL, CLASSES, 1);
    json_close_array(json);
}

/* n = 2^size patches of 8 x 8, as square a board as that allows.  A stem that is cheap and looks at every pixel, as
 * the router does; experts that cost the same whatever n is. */
static void write_sweep(struct json_writer *json, const struct network *network)
{
    enum { PATCH = 8 };
    int32_t high = 1 << network->size / 2, wide = 1 << (network->size + 1) / 2;
    open_list(json, high * PATCH, wide * PATCH, 1, CLASSES);
    add_conv(json, "stem", NULL, 3, 1, 4, 1);
    add_plain(json, "relu", LAYER_RELU, NULL);
    add_patch_router(json, "relu", PATCH, network->experts);
    open_experts(json, LAYER_EXPERT_GROUP, "relu", network->kept, network->gate);
    add_relu_conv(json, 32, 1, "a");
    add_relu_conv(json, 32, 1, "b");
    add_pool(json, NULL, POOL_BY_PATCHES);
    close_experts(json);
    add_pool(json, "pool", POOL_BY_KEPT);
    add_linear(json, "fc", NULL, CLASSES, 1);
    json_close_array(json);
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
    json_open_object(&json, NULL);
    json_add_int(&json, "version", GRAPH_VERSION);
    json_add_text(&json, "name", networks[index].name);
    networks[index].write(&json, &networks[index]);
    json_close_object(&json);
    return json.length;
}
