/* Winograd's algorithm, forced through conv_run, against a plain convolution in double precision: geometries, windows
 * of larger maps, images, bias, addend and ReLU; the stated bound, and that it can be approached; errors of random
 * data; bits that depend on no thread and no neighbour; what is not finite; the choice of an algorithm. */
#include "conv_layer.h"

static const enum conv_algorithm both[] = {CONV_WINOGRAD_2, CONV_WINOGRAD_4};

static struct geometry stride_1(int32_t high, int32_t wide, int32_t channels, int32_t padding, int32_t outs,
                                int32_t images)
{
    return (struct geometry){high, wide, channels, 3, 1, padding, outs, images};
}

/* ---- Geometries ---- */

static void check_geometry(const struct kernels *kernels, enum conv_algorithm algorithm, struct random *random,
                           int32_t high, int32_t wide)
{
    static const int32_t channels_of[] = {1, 3, 8, 17, 33}, outs_of[] = {1, 7, 16, 20, 72};
    const int32_t channels = channels_of[random_below(random, 5)], outs = outs_of[random_below(random, 5)];
    const int32_t padding = (int32_t)random_below(random, 3), images = 1 + (int32_t)random_below(random, 3);
    struct layer l = layer_of(kernels, algorithm, random, stride_1(high, wide, channels, padding, outs, images));
    assert_int_equal(l.conv.out_high, high + 2 * padding - 2);
    run_layer(kernels, &l, NULL);
    const double most = conv_error_bound(kernels, &l.conv) * FLT_EPSILON * 9 * channels;
    assert_true(check_layer(kernels, &l) <= most / 100); /* random data stay far below it: test_random_errors */
    layer_free(&l);
}

/* From one pixel on, patches of experts, and maps of several strips. */
static void test_geometries(void **state)
{
    (void)state;
    static const int32_t sides[][2] = {{2, 3}, {3, 3},  {4, 4},   {5, 6},   {7, 7},   {8, 8},
                                       {6, 9}, {9, 14}, {13, 10}, {14, 14}, {21, 17}, {32, 30}};
    struct random random = random_at(1, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++)
        for (int a = 0; a < 2; a++)
            for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
                for (int again = 0; again < (i < 8 ? 4 : 1); again++)
                    if (sides[i][0] > 2)
                        check_geometry(kernels_at(set), both[a], &random, sides[i][0], sides[i][1]);
}

static void test_nothing_to_compute(void **state)
{
    (void)state;
    struct random random = random_at(2, RANDOM_CHECK, 0);
    for (int a = 0; a < 2; a++) {
        struct layer none = layer_of(kernels_at(0), both[a], &random, stride_1(4, 4, 3, 0, 5, 0));
        run_layer(kernels_at(0), &none, NULL);
        layer_free(&none);
        /* smaller than a window */
        struct layer small = layer_of(kernels_at(0), both[a], &random, stride_1(1, 2, 3, 0, 5, 1));
        assert_int_equal(small.outputs, 0);
        run_layer(kernels_at(0), &small, NULL);
        layer_free(&small);
    }
}

/* ---- Exactness ---- */

/* Coefficients of the product of (x - points[s]) over all s but one. */
static void product_of(const double *points, int32_t count, int32_t without, double product[6])
{
    memset(product, 0, 6 * sizeof *product);
    product[0] = 1;
    for (int32_t s = 0; s < count; s++)
        if (s != without)
            for (int32_t k = 5; k >= 0; k--)
                product[k] = (k ? product[k - 1] : 0) - points[s] * product[k];
}

/* k of winograd.h, for finite points: infinity comes last. */
static double growth_of(const double *points, int32_t count)
{
    double most = 0;
    for (int32_t i = 0; i < count - 1; i++)
        for (int32_t j = 0; j < 3; j++) {
            double sum = 0;
            for (int32_t p = 0; p <= count; p++) {
                double product[6], norm = 0, divisor = 1;
                product_of(points, count, p, product);
                for (int32_t l = 0; l < 6; l++)
                    norm += fabs(product[l]);
                for (int32_t s = 0; s < count && p < count; s++)
                    divisor *= s == p ? 1 : points[p] - points[s];
                double a = p < count ? pow(points[p], i) : i == count - 2, g = p < count ? pow(points[p], j) : j == 2;
                sum += fabs(a * g / divisor) * norm;
            }
            most = fmax(most, sum);
        }
    return most;
}

static void test_bound_follows_from_the_points(void **state)
{
    (void)state;
    static const double points[] = {0, 1, -1}, points_of_4[] = {0, 0.625, -0.625, 1.5, -1.5};
    const double growth[] = {growth_of(points, 3), growth_of(points_of_4, 5)};
    for (int32_t fused = -1; fused <= 1; fused++)
        for (int a = 0; a < 2; a++) {
            const struct kernels kernels = {.fused = fused};
            const struct conv conv = {.channels = 1000, .algorithm = both[a]};
            const double roundings = 1000 + (!a ? 9 : fused == 1 ? 13 : 19);
            const double want = growth[a] * growth[a] * roundings / 2, got = conv_error_bound(&kernels, &conv);
            assert_true(got >= want && got <= 1.001 * want);
        }
}

/* The largest error of a tile in units of its bound. */
static double share_of_bound(const struct kernels *kernels, struct layer *l)
{
    double most = 0;
    run_layer(kernels, l, NULL);
    for (int32_t i = 0; i < l->conv.out_high * l->conv.out_wide; i++) {
        double magnitude, want = plain(l, 0, i / l->conv.out_wide, i % l->conv.out_wide, 0, &magnitude);
        most = fmax(most, fabs(l->y[i] - want) / (conv_error_bound(kernels, &l->conv) * FLT_EPSILON * magnitude));
    }
    return most;
}

/* Numbers that a search made as bad as it could: within the bound, and above a hundredth of it.  (All roundings would
 * have to be the worst ones, and all in one direction, to reach it.) */
static void test_bound_is_approached(void **state)
{
    (void)state;
    const struct kernels *kernels = kernels_find("best");
    for (int a = 0; a < 2; a++) {
        struct random random = random_at(4, RANDOM_CHECK, (uint64_t)a);
        const int32_t side = a ? 6 : 4, numbers = side * side + 9;
        struct layer l = layer_of(kernels, both[a], &random, stride_1(side, side, 1, 0, 1, 1));
        l.conv.row = side, l.relu = 0;
        free(l.bias), free(l.add), l.bias = l.add = NULL;
        for (int32_t i = 0; i < side * side; i++)
            l.data[i] = random_below(&random, 2) ? 1 : -1;
        double worst = share_of_bound(kernels, &l);
        for (int32_t step = 0; step < 6000; step++) {
            const int32_t i = (int32_t)random_below(&random, (uint32_t)numbers);
            float *at = i < side * side ? l.data + i : l.w + i - side * side, before = *at;
            const float sign = random_below(&random, 2) ? 1 : -1;
            *at = random_below(&random, 2) ? before * (1 - 1e-3f * random_uniform(&random))
                                           : sign * (1 - 1e-2f * random_uniform(&random));
            const double share = share_of_bound(kernels, &l);
            assert_true(share <= 1);
            if (share >= worst)
                worst = share;
            else
                *at = before;
        }
        assert_true(worst >= 0.01);
        layer_free(&l);
    }
}

/* Random data, in errors of direct convolutions of the same data.  F(4, 3) at the usual points 0, 1, -1, 2, -2 and
 * infinity has 3.5. */
static void test_random_errors(void **state)
{
    (void)state;
    struct random random = random_at(3, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++) {
        const struct kernels *kernels = kernels_at(set);
        struct layer l = layer_of(kernels, CONV_WINOGRAD_4, &random, stride_1(16, 16, 64, 1, 16, 1));
        l.relu = 0;
        double error[3];
        for (int a = 0; a < 3; a++) {
            run_layer(kernels, &l, NULL);
            error[l.conv.algorithm] = check_layer(kernels, &l);
            l.conv.algorithm = a ? CONV_DIRECT : CONV_WINOGRAD_2;
        }
        assert_true(error[CONV_WINOGRAD_2] <= 0.8 * error[CONV_DIRECT]);
        assert_true(error[CONV_WINOGRAD_4] <= 2.2 * error[CONV_DIRECT]);
        layer_free(&l);
    }
}

/* Twice the pixels are twice the outputs to the last bit, and so on: nothing depends on the size of numbers. */
static void test_powers_of_two_change_no_digit(void **state)
{
    (void)state;
    struct random random = random_at(5, RANDOM_CHECK, 0);
    for (int a = 0; a < 2; a++) {
        const struct kernels *kernels = kernels_find("best");
        struct layer l = layer_of(kernels, both[a], &random, stride_1(9, 9, 20, 1, 10, 1));
        free(l.bias), free(l.add), l.bias = l.add = NULL;
        float *first = taken(l.outputs * sizeof *first);
        run_layer(kernels, &l, NULL);
        memcpy(first, l.y, l.outputs * sizeof *first);
        for (int32_t power = -60; power <= 110; power += 170) {
            const float factor = ldexpf(1, power);
            for (size_t i = 0; i < l.map; i++)
                l.data[i] *= factor;
            run_layer(kernels, &l, NULL);
            for (size_t i = 0; i < l.outputs; i++)
                assert_true(l.y[i] == first[i] * factor);
            for (size_t i = 0; i < l.map; i++)
                l.data[i] /= factor;
        }
        free(first);
        layer_free(&l);
    }
}

/* Every output that reads the pixel is not finite, and no other tile changes. */
static void test_not_finite(void **state)
{
    (void)state;
    enum { SIDE = 12 };
    static const float wild[] = {NAN, INFINITY, -INFINITY};
    struct random random = random_at(6, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++)
        for (int a = 0; a < 2; a++)
            for (int32_t pixel = 0; pixel < SIDE * SIDE; pixel += 5) {
                const struct kernels *kernels = kernels_at(set);
                struct layer l = layer_of(kernels, both[a], &random, stride_1(SIDE, SIDE, 5, 1, 3, 1));
                l.relu = 0;
                float *first = taken(l.outputs * sizeof *first);
                run_layer(kernels, &l, NULL);
                memcpy(first, l.y, l.outputs * sizeof *first);
                const int32_t y = pixel / SIDE, x = pixel % SIDE, m = tile_of(&l.conv);
                l.data[y * l.conv.row + x * 5 + (int32_t)random_below(&random, 5)] = wild[random_below(&random, 3)];
                run_layer(kernels, &l, NULL);
                for (int32_t i = 0; i < SIDE * SIDE * 3; i++) {
                    const int32_t oy = i / 3 / SIDE, ox = i / 3 % SIDE;
                    if (abs(oy - y) <= 1 && abs(ox - x) <= 1)
                        assert_false(isfinite(l.y[i]));
                    else if (y < oy / m * m - 1 || y > oy / m * m + m || x < ox / m * m - 1 || x > ox / m * m + m)
                        assert_true(l.y[i] == first[i]);
                }
                free(first);
                layer_free(&l);
            }
}

/* ---- Bits ---- */

/* When each thread has strips of its own and when they share one. */
static void test_threads_and_neighbours_change_nothing(void **state)
{
    (void)state;
    static const struct geometry layers[] = {{17, 19, 16, 3, 1, 1, 40, 3},
                                             {8, 8, 20, 3, 1, 1, 200, 1},
                                             {7, 5, 33, 3, 1, 0, 130, 2},
                                             {4, 4, 64, 3, 1, 1, 16, 9}};
    struct random random = random_at(7, RANDOM_CHECK, 0);
    for (int32_t set = 0; set < kernels_count(); set++)
        for (size_t i = 0; i < 2 * (sizeof layers / sizeof *layers); i++) {
            struct layer l = layer_of(kernels_at(set), both[i % 2], &random, layers[i / 2]);
            check_threads_and_neighbours(kernels_at(set), &l);
            layer_free(&l);
        }
}

/* ---- Choice and sizes ---- */

static void test_choice(void **state)
{
    (void)state;
    static const struct {
        int32_t side, channels, kernel, stride, outs;
        enum conv_algorithm want;
    } layers[] = {
        {32, 64, 3, 1, 64, CONV_WINOGRAD_4},  {16, 128, 3, 1, 128, CONV_WINOGRAD_4}, {8, 32, 3, 1, 32, CONV_WINOGRAD_4},
        {8, 128, 3, 1, 128, CONV_WINOGRAD_2}, /* 4 tiles for 590,000 weights */
        {4, 512, 3, 1, 512, CONV_DIRECT},     {32, 3, 3, 1, 16, CONV_DIRECT},        {32, 64, 3, 2, 64, CONV_DIRECT},
        {32, 64, 5, 1, 64, CONV_DIRECT},      {32, 64, 1, 1, 64, CONV_DIRECT},
    };
    const struct kernels kernels = {.lanes = 16, .winograd_vecs = 4};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct conv conv =
            conv_of(&kernels, layers[i].side, layers[i].side, layers[i].channels, layers[i].side * layers[i].channels,
                    layers[i].kernel, layers[i].stride, layers[i].kernel / 2, layers[i].outs);
        assert_int_equal(conv.algorithm, layers[i].want);
    }
}

static void test_sizes_saturate(void **state)
{
    (void)state;
    const struct kernels *kernels = kernels_at(0);
    struct conv conv = conv_of(kernels, 8, 8, 64, 8 * 64, 3, 1, 1, 64);
    conv.algorithm = CONV_WINOGRAD_4;
    assert_int_equal(conv_table_count(&conv), 2 * 2 * 6);
    assert_int_equal(conv_packed_count(kernels, &conv), 36 * 64 * 64 + 64);
    assert_int_equal(conv_scratch_count(kernels, &conv, 3), 3 * conv_scratch_count(kernels, &conv, 1));
    conv.channels = conv.outs = INT32_MAX;
    assert_true(conv_packed_count(kernels, &conv) == SIZE_MAX);
    assert_true(conv_scratch_count(kernels, &conv, 1) == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometries),
        cmocka_unit_test(test_nothing_to_compute),
        cmocka_unit_test(test_bound_follows_from_the_points),
        cmocka_unit_test(test_bound_is_approached),
        cmocka_unit_test(test_random_errors),
        cmocka_unit_test(test_powers_of_two_change_no_digit),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_threads_and_neighbours_change_nothing),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_sizes_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
