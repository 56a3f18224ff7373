/* The committed weights give their golden outputs on every instruction set, and a model that is not quite them does
 * not.  Runs where `make test` runs: in the root of the repository. */
#include "files.h"
#include "model/model.h"
#include "pmoe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char *const paths[] = {
    "weights/mosaic-cnn.safetensors",        "weights/mosaic-separate.safetensors",
    "weights/mosaic-joint.safetensors",      "weights/mosaic10-cnn.safetensors",
    "weights/mosaic10-pmoe.safetensors",     "weights/board-deep-pmoe.safetensors",
    "weights/vehicles-wrn-pmoe.safetensors", "weights/cifar-head-sparse.safetensors",
};
enum { PATHS = sizeof paths / sizeof *paths };

static pmoe_model *open_path(const char *path, const char *isa)
{
    size_t bytes;
    uint8_t *file = read_file(path, &bytes);
    pmoe_options options = {.isa = isa};
    pmoe_error error = {.text = ""};
    pmoe_model *model;
    if (pmoe_model_open(file, bytes, &options, &model, &error) != PMOE_OK)
        fail_msg("%s: %s", path, error.text);
    free(file);
    return model;
}

static void test_committed_weights_on_every_isa(void **state)
{
    (void)state;
    for (int p = 0; p < PATHS; p++)
        for (int isa = 0; isa < pmoe_isa_count(); isa++) {
            pmoe_model *model = open_path(paths[p], pmoe_isa_name(isa));
            pmoe_error error = {.text = ""};
            int32_t checked = 0;
            if (pmoe_model_check_golden(model, &checked, &error) != PMOE_OK)
                fail_msg("%s on %s: %s", paths[p], pmoe_isa_name(isa), error.text);
            assert_int_equal(checked, 1);
            pmoe_model_close(&model);
        }
}

/* A hundredth more on all of a router's scores leaves their ranking, and nothing at all where they are standardised. */
static int is_router(enum layer_type type)
{
    return type == LAYER_PATCH_ROUTER || type == LAYER_SAMPLE_ROUTER;
}

/* What a broken kernel would do to a model: one packed filter off by one part in a hundred. */
static void test_a_wrong_filter_is_noticed(void **state)
{
    (void)state;
    for (int p = 0; p < PATHS; p++) {
        pmoe_model *model = open_path(paths[p], "scalar");
        int changed = 0, noticed = 0;
        for (int32_t layer = 0; layer < model->graph.layers; layer++) {
            struct layer_plan *plan = &model->plan[layer];
            if (!plan->outs || is_router(model->graph.layer[layer].type))
                continue;
            size_t count = plan->panel_floats * (size_t)plan->matrices;
            changed++;
            for (size_t i = 0; i < count; i++)
                plan->panels[i] *= 1.01f;
            pmoe_error error = {.text = ""};
            int32_t checked;
            if (pmoe_model_check_golden(model, &checked, &error) == PMOE_E_CHECKSUM)
                noticed++;
            for (size_t i = 0; i < count; i++)
                plan->panels[i] /= 1.01f;
        }
        assert_int_equal(noticed, changed);
        assert_true(changed >= 2); /* the convolutions or the experts, and the output layer */
        pmoe_model_close(&model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_committed_weights_on_every_isa),
        cmocka_unit_test(test_a_wrong_filter_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
