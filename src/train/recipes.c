/* The recipes; weights/README.md says of which there are weights. */
#include "../pmoe.h"
#include "recipe.h"

#include <string.h>

/* What all recipes for CIFAR-10 share. */
#define CIFAR(called)                                                                                                  \
    .name = "cifar-" called, .set = PMOE_CIFAR10, .samples = 50000, .batch = 128, .schedule = "one_cycle",             \
    .rate_end = 0, .output = "trained", .seed = 1

/* And those that see every photograph anew each time. */
#define MOVED(called)                                                                                                  \
    CIFAR(called), .shift = 4, .flip = 1, .optimizer = "sgd", .momentum = 0.9f, .nesterov = 1, .decay = 5e-4f,         \
                   .rate = 0.2f

/* All four heads (papers C1 to C3), of the paper's sizes: 512 hidden outputs, or 8 experts of 64.  As in the paper's
 * code, which declares crops and mirror images and never runs them, photographs are as they are. */
#define HEAD(called)                                                                                                   \
    CIFAR("head-" called), .head = called, .kind = PMOE_WRN, .depth = 10, .widen = 2, .epochs = 15, .divisor = "n",    \
                           .optimizer = "adam", .rate = 0.005f, .dropout = 0.1f

/* Paper 1's settings for photographs (papers B2), but for the width: 10 there. */
#define PAPER(called, of)                                                                                              \
    .name = called, .set = of, .depth = 10, .widen = 2, .divisor = "n", .samples = 4000, .batch = 128, .epochs = 50,   \
    .optimizer = "sgd", .rate = 0.1f, .rate_end = 0.1f, .output = "trained", .seed = 1

/* The frontier of accuracy against time: one stem and one budget for all. */
#define STAGES(called) MOVED(called), .divisor = "l", .stem = "16/2,32,64/2", .norm = 1, .pooling = "avg", .epochs = 8

/* Paper 1's MNIST settings (papers A2 and B1; the code's where text and code differ: pooling by n, output +1 / -1 of
 * the separate model), and ours for ten classes.  board-cnn has as many filters as all experts of board-deep-pmoe
 * together. */
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
    {.name = "board-deep-pmoe",
     .kind = PMOE_DEEP,
     .set = PMOE_MOSAIC64,
     .stem = "16x4/4",
     .patch = 7,
     .stages = "32,64/2,64x4/4",
     .pooling = "max",
     .experts = 2,
     .kept = 2,
     .bias = 1,
     .gate = "topl_softmax",
     .divisor = "l",
     .samples = 16000,
     .fresh = 1,
     .batch = 32,
     .epochs = 14,
     .optimizer = "adam",
     .rate = 0.003f,
     .rate_end = 0.00005f,
     .router_std = 0.01f,
     .output = "trained",
     .seed = 1},
    {.name = "board-cnn",
     .kind = PMOE_STAGES,
     .set = PMOE_MOSAIC64,
     .stem = "16x4/4",
     .stages = "64,128/2,128x4/4",
     .norm = 1,
     .pooling = "max",
     .bias = 1,
     .divisor = "n",
     .samples = 16000,
     .fresh = 1,
     .batch = 32,
     .epochs = 14,
     .optimizer = "adam",
     .rate = 0.003f,
     .rate_end = 0.00005f,
     .output = "trained",
     .seed = 1},
    {MOVED("wrn"), .divisor = "n", .kind = PMOE_WRN, .depth = 16, .widen = 2, .epochs = 32},
    {MOVED("wrn-pmoe"), .divisor = "n", .kind = PMOE_WRN_PMOE, .depth = 16, .widen = 2, .epochs = 32, .patch = 1,
     .experts = 4, .kept = 16, .gate = "softmax_topl", .router_std = 1e-4f},
    {STAGES("cnn"), .kind = PMOE_STAGES, .stages = "64x2/2,64x1"},
    {STAGES("deep-pmoe"), .kind = PMOE_DEEP, .stages = "64x2/2,64x1", .patch = 2, .experts = 4, .kept = 4,
     .gate = "topl_softmax", .router_std = 0.01f},
    {HEAD("dense"), .head_width = 512},
    {HEAD("soft"), .head_width = 64, .experts = 8, .kept = 8, .balance = "uniform", .kl = 0.2f},
    {HEAD("sparse"), .head_width = 64, .experts = 8, .kept = 2, .noise = 0.3f, .balance = "smooth", .importance = 0.2f,
     .load = 0.2f},
    {HEAD("hard"), .head_width = 64, .experts = 8, .kept = 1, .noise = 0.3f, .balance = "smooth", .importance = 0.2f,
     .load = 0.2f},
    {PAPER("vehicles-wrn", PMOE_VEHICLES), .kind = PMOE_WRN},
    {PAPER("vehicles-wrn-pmoe", PMOE_VEHICLES), .kind = PMOE_WRN_PMOE, .patch = 1, .experts = 4, .kept = 16,
     .gate = "softmax_topl", .router_std = 1e-4f},
    {PAPER("celeba-wrn", PMOE_CELEBA), .kind = PMOE_WRN},
    {PAPER("celeba-wrn-pmoe", PMOE_CELEBA), .kind = PMOE_WRN_PMOE, .patch = 4, .experts = 8, .kept = 2,
     .gate = "softmax_topl", .router_std = 1e-4f},
};
#undef STAGES
#undef PAPER
#undef HEAD
#undef MOVED
#undef CIFAR

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
    static const char *const names[] = {"cnn", "separate", "joint", "wrn", "wrn-pmoe", "deep", "stages"};
    return names[kind];
}
