/* conv_run's direct convolutions against a plain one in double precision: geometries, windows of larger maps, several
 * images, fused bias, addend and ReLU, and results that do not depend on threads or on what else is computed. */
#include "conv_layer.h"

static void test_geometries(void **state)
{
    (void)state;
    static const int32_t kernels_of[] = {1, 3, 5, 7}, channels[] = {1, 3, 5, 16, 33}, outs[] = {1, 5, 16, 20, 64};
    struct random random = random_at(1, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++)
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < 5; c++)
                for (int32_t stride = 1; stride <= 3; stride++) {
                    const int32_t kernel = kernels_of[k];
                    const struct geometry g = {.high = kernel + (int32_t)random_below(&random, 8),
                                               .wide = kernel + (int32_t)random_below(&random, 8),
                                               .channels = channels[c],
                                               .kernel = kernel,
                                               .stride = stride,
                                               .padding = (int32_t)random_below(&random, (uint32_t)kernel),
                                               .outs = outs[random_below(&random, 5)],
                                               .images = 1 + (int32_t)random_below(&random, 3)};
                    struct layer l = layer_of(kernels_at(set), CONV_DIRECT, &random, g);
                    assert_int_equal(l.conv.out_high, (g.high + 2 * g.padding - kernel) / stride + 1);
                    assert_int_equal(l.conv.out_wide, (g.wide + 2 * g.padding - kernel) / stride + 1);
                    run_layer(kernels_at(set), &l, NULL);
                    check_layer(kernels_at(set), &l);
                    layer_free(&l);
                }
}

static void test_threads_and_neighbours_change_nothing(void **state)
{
    (void)state;
    static const struct geometry layers[] = {{17, 19, 16, 3, 1, 1, 40, 3}, {9, 9, 48, 1, 2, 0, 64, 2},
                                             {16, 16, 3, 5, 1, 2, 33, 1},  {4, 4, 64, 3, 1, 1, 160, 3},
                                             {30, 30, 1, 7, 2, 3, 24, 2},  {12, 56, 1, 3, 2, 1, 16, 3}};
    struct random random = random_at(2, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++)
        for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
            struct layer l = layer_of(kernels_at(set), CONV_DIRECT, &random, layers[i]);
            check_threads_and_neighbours(kernels_at(set), &l);
            layer_free(&l);
        }
}

/* Whose outputs inside of a row go by rows of taps, with strides and paddings of all sorts beside them. */
static void test_long_rows(void **state)
{
    (void)state;
    static const int32_t channels[] = {1, 3, 17}, outs[] = {1, 16, 20};
    struct random random = random_at(3, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++)
        for (int32_t kernel = 2; kernel <= 5; kernel++)
            for (int32_t stride = 1; stride <= 4; stride++)
                for (int32_t padding = 1; padding < kernel; padding++) {
                    const struct geometry g = {.high = kernel + (int32_t)random_below(&random, 3),
                                               .wide = stride * (30 + (int32_t)random_below(&random, 8)),
                                               .channels = channels[random_below(&random, 3)],
                                               .kernel = kernel,
                                               .stride = stride,
                                               .padding = padding,
                                               .outs = outs[random_below(&random, 3)],
                                               .images = 1 + (int32_t)random_below(&random, 2)};
                    struct layer l = layer_of(kernels_at(set), CONV_DIRECT, &random, g);
                    const size_t pixels = (size_t)l.conv.out_high * (size_t)l.conv.out_wide;
                    assert_int_equal(conv_table_count(&l.conv), pixels * (size_t)(kernel * (kernel + 1)));
                    run_layer(kernels_at(set), &l, NULL);
                    check_layer(kernels_at(set), &l);
                    layer_free(&l);
                }
}

static void test_sizes_saturate(void **state)
{
    (void)state;
    const struct kernels *kernels = kernels_at(0);
    struct conv conv = conv_of(kernels, 1, 1, INT32_MAX, INT32_MAX, INT32_MAX, 1, 0, INT32_MAX);
    assert_true(conv_packed_count(kernels, &conv) == SIZE_MAX);
    conv.out_high = conv.out_wide = INT32_MAX;
    assert_true(conv_table_count(&conv) == SIZE_MAX);
    conv = conv_of(kernels, 2, 3, 1, 3, 5, 1, 1, 1);
    assert_int_equal(conv.out_high, 0);
    assert_int_equal(conv.out_wide, 1);
    assert_int_equal(conv_table_count(&conv), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometries),
        cmocka_unit_test(test_threads_and_neighbours_change_nothing),
        cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_sizes_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
