/* conv_run in eight bits: the same bits on every instruction set and any number of threads, errors within int8.h's
 * bound of a plain convolution in double precision, and what is not an ordinary number. */
#include "conv_layer.h"
#include "kernels/int8.h"

static const struct geometry layers[] = {
    {17, 19, 16, 3, 1, 1, 40, 3}, {9, 9, 48, 1, 2, 0, 64, 2},  {16, 16, 3, 5, 1, 2, 33, 1}, {4, 4, 64, 3, 1, 1, 160, 3},
    {30, 30, 1, 7, 2, 3, 24, 2},  {12, 56, 1, 3, 2, 1, 16, 3}, {5, 40, 6, 3, 1, 1, 7, 2},   {3, 3, 5, 3, 1, 0, 70, 9}};
enum { LAYERS = sizeof layers / sizeof *layers };

static void run_on(const struct kernels *kernels, struct layer *l, struct pool *pool)
{
    int8_use(kernels, &l->conv, -1, 1);
    run_layer(kernels, l, pool);
}

/* How far an output may be from the exact one. */
static double bound(const struct layer *l, int32_t image, int32_t oy, int32_t ox, int32_t o)
{
    const struct conv *conv = &l->conv;
    const int32_t each = conv->kernel * conv->kernel * conv->channels;
    const float *w = l->w + (ptrdiff_t)o * each;
    double most = 0, sum_w = 0, sum_x = 0;
    for (int32_t i = 0; i < each; i++) {
        const int32_t k = i / conv->channels;
        most = fabsf(w[i]) > most ? fabsf(w[i]) : most;
        sum_w += fabsf(w[i]);
        sum_x += fabsf(pixel_of(l, image, oy * conv->stride - conv->padding + k / conv->kernel,
                                ox * conv->stride - conv->padding + k % conv->kernel, i % conv->channels));
    }
    return conv->step / 2 * sum_w + most / 127 / 2 * (sum_x + each * conv->step / 2);
}

static void check_bound(const struct layer *l)
{
    const struct conv *conv = &l->conv;
    const float *y = l->y;
    for (int32_t i = 0; i < l->images; i++)
        for (int32_t oy = 0; oy < conv->out_high; oy++)
            for (int32_t ox = 0; ox < conv->out_wide; ox++)
                for (int32_t o = 0; o < conv->outs; o++, y++) {
                    struct conv plainly = *conv;
                    struct layer exact = *l;
                    double magnitude;
                    plainly.algorithm = CONV_DIRECT;
                    exact.conv = plainly;
                    const double want = plain(&exact, i, oy, ox, o, &magnitude);
                    const double most = bound(l, i, oy, ox, o) * (1 + 1e-5) + 4 * (double)FLT_EPSILON * magnitude;
                    if (!(fabs(*y - want) <= most))
                        fail_msg("image %d, (%d, %d), output %d is %.9g, expected %.9g within %g", i, oy, ox, o, *y,
                                 want, most);
                }
}

static void test_the_same_bits_on_every_isa(void **state)
{
    (void)state;
    struct random random = random_at(1, RANDOM_CHECK, 0);
    for (size_t i = 0; i < LAYERS; i++) {
        struct layer l = layer_of(kernels_at(0), CONV_INT8, &random, layers[i]);
        float *first = taken(l.outputs * sizeof *first);
        run_on(kernels_at(0), &l, NULL);
        check_bound(&l);
        memcpy(first, l.y, l.outputs * sizeof *first);
        for (int32_t set = 1; set < kernels_count(); set++) {
            memset(l.y, 0, l.outputs * sizeof *first);
            run_on(kernels_at(set), &l, NULL);
            if (memcmp(l.y, first, l.outputs * sizeof *first) != 0)
                fail_msg("%s, layer %zu: not the bits of scalar", kernels_at(set)->name, i);
        }
        free(first);
        layer_free(&l);
    }
}

/* With 1 to 4 threads, and each image alone as among others. */
static void test_threads_and_neighbours_change_nothing(void **state)
{
    (void)state;
    struct random random = random_at(2, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++)
        for (size_t i = 0; i < LAYERS; i++) {
            struct layer l = layer_of(kernels_at(set), CONV_INT8, &random, layers[i]);
            int8_use(kernels_at(set), &l.conv, -1, 1);
            check_bits(kernels_at(set), &l);
            layer_free(&l);
        }
}

/* More maps than scratch holds at once. */
static void test_many_images(void **state)
{
    (void)state;
    struct random random = random_at(3, RANDOM_CHECK, 0);
    const struct geometry g = {20, 20, 64, 3, 2, 1, 8, 15};
    struct layer l = layer_of(kernels_at(0), CONV_INT8, &random, g);
    run_on(kernels_at(0), &l, NULL);
    assert_true(int8_scratch_count(kernels_at(0), &l.conv) * sizeof(float) < 15 * 20 * 20 * 64);
    check_bound(&l);
    layer_free(&l);
}

/* One map of one pixel and one output, with one weight: what an input becomes. */
static float one_product(float x, float w, float least, float most)
{
    float y = 12345, *panels = taken(4096), *maps = taken(1 << 20);
    int32_t table[4];
    const float *rows = &x;
    struct conv conv = conv_of(kernels_find(NULL), 1, 1, 1, 1, 1, 1, 0, 1);
    int8_use(kernels_find(NULL), &conv, least, most);
    assert_true(conv_packed_count(kernels_find(NULL), &conv) <= 1024);
    assert_true(conv_scratch_count(kernels_find(NULL), &conv, 1) <= (1 << 18));
    conv_fill_table(&conv, table);
    conv_pack(kernels_find(NULL), &conv, &w, panels);
    const struct conv_call call = {
        .conv = &conv, .table = table, .panels = panels, .x = &rows, .images = 1, .y = &y, .scratch = maps};
    conv_run(kernels_find(NULL), &call, NULL);
    free(panels), free(maps);
    return y;
}

static void test_what_is_no_ordinary_number(void **state)
{
    (void)state;
    assert_true(one_product(127, 1, 0, 127) == 127);
    assert_true(one_product(200, 1, 0, 127) == 127); /* beyond what was seen */
    assert_true(one_product(-3, 1, 0, 127) == 0);
    assert_true(one_product(-27, 1, -27, 100) == -27);
    assert_true(one_product(INFINITY, 1, -27, 100) == 100);
    assert_true(one_product(-INFINITY, 1, -27, 100) == -27);
    assert_true(one_product(NAN, 1, -27, 100) == -27);
    assert_true(one_product(5, 0, 0, 127) == 0);
    assert_true(one_product(5, FLT_MIN, 0, 127) == 0); /* a step as small would not be a float */
    assert_true(isnan(one_product(5, INFINITY, 0, 127)));
    assert_true(isnan(one_product(5, NAN, 0, 127)));
    assert_true(one_product(5, 1, 0, 0) == 5); /* nothing was seen: steps of 1 */
    assert_true(one_product(300, 1, 0, FLT_MIN) == 127);
    assert_true(one_product(3, 1, NAN, NAN) == 3);
    assert_true(one_product(3, 1, -INFINITY, INFINITY) == 3);
    assert_true(isfinite(one_product(FLT_MAX, 1e-30f, -FLT_MAX, FLT_MAX)));
}

static void test_sizes(void **state)
{
    (void)state;
    const struct kernels *kernels = kernels_at(0);
    struct conv conv = conv_of(kernels, 1, 1, INT32_MAX / 8, INT32_MAX / 8, INT32_MAX / 8, 1, 0, INT32_MAX / 8);
    assert_false(int8_fits(&conv));
    int8_use(kernels, &conv, 0, 1);
    assert_true(conv_packed_count(kernels, &conv) == SIZE_MAX);
    conv = conv_of(kernels, 9, 9, INT32_MAX / 127 / 127, 9, 1, 1, 0, 1);
    assert_true(int8_fits(&conv));
    conv.channels++;
    assert_false(int8_fits(&conv));
    conv = conv_of(kernels, 2, 3, 1, 3, 5, 1, 1, 1);
    int8_use(kernels, &conv, 0, 1);
    assert_int_equal(conv_table_count(&conv), 0);
    assert_int_equal(conv_scratch_count(kernels, &conv, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_bits_on_every_isa),
        cmocka_unit_test(test_threads_and_neighbours_change_nothing),
        cmocka_unit_test(test_many_images),
        cmocka_unit_test(test_what_is_no_ordinary_number),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
