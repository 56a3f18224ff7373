/* Routing: top-l against sorting, ties, NaN, the three gate forms and their gradients. */
#include "route/route.h"

#include "base/exp.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

/* One list, as route() wants it. */
static void route_one(enum gate_form form, const float *scores, int32_t n, int32_t l, int32_t *picks, float *gates)
{
    float list[MOST + ROUTE_SLACK] = {0}, scratch[2 * (MOST + 1) * (ROUTE_SLACK + 1)];
    memcpy(list, scores, (size_t)n * sizeof *list);
    route(kernels_find("best"), form, (struct route_lists){list, 1, 1, n, scratch}, l, picks, gates);
}

static void test_top_is_the_head_of_a_stable_sort(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 2000; round++) {
        struct random random = random_at(5, RANDOM_CHECK, round);
        int32_t n = 1 + (int32_t)random_below(&random, MOST), l = 1 + (int32_t)random_below(&random, (uint32_t)n);
        float scores[MOST];
        for (int32_t j = 0; j < n; j++)
            scores[j] = (float)random_below(&random, 9) - 4; /* few values: many ties */
        int32_t picks[MOST], taken[MOST] = {0};
        float gates[MOST];
        route_one(GATE_HARD, scores, n, l, picks, gates);
        for (int32_t i = 0; i < l; i++) {
            int32_t best = -1;
            for (int32_t j = 0; j < n; j++)
                if (!taken[j] && (best < 0 || scores[j] > scores[best]))
                    best = j;
            taken[best] = 1;
            assert_int_equal(picks[i], best);
        }
    }
}

static void test_ties_go_to_the_lower_index(void **state)
{
    (void)state;
    const float scores[] = {1, 3, 3, 1, 3};
    int32_t picks[4];
    float gates[4];
    route_one(GATE_HARD, scores, 5, 4, picks, gates);
    const int32_t expected[] = {1, 2, 4, 0};
    assert_memory_equal(picks, expected, sizeof expected);
}

static void test_nan_is_minus_infinity_and_picks_stay_distinct(void **state)
{
    (void)state;
    const float scores[] = {NAN, -INFINITY, NAN, 2, NAN};
    int32_t picks[5];
    float gates[5];
    route_one(GATE_TOPL_SOFTMAX, scores, 5, 5, picks, gates);
    const int32_t expected[] = {3, 0, 1, 2, 4};
    assert_memory_equal(picks, expected, sizeof expected);
    assert_true(gates[0] == 1 && gates[1] == 0 && gates[2] == 0 && gates[3] == 0 && gates[4] == 0);
}

static void test_gates(void **state)
{
    (void)state;
    const float scores[] = {0.5f, -1, 2, 0.25f};
    int32_t picks[2];
    float gates[2];
    route_one(GATE_HARD, scores, 4, 2, picks, gates);
    assert_true(picks[0] == 2 && picks[1] == 0 && gates[0] == 1 && gates[1] == 1);
    double kept = exp(2) + exp(0.5), all = kept + exp(-1) + exp(0.25);
    route_one(GATE_TOPL_SOFTMAX, scores, 4, 2, picks, gates);
    assert_float_equal(gates[0], (float)(exp(2) / kept), 1e-6f);
    assert_float_equal(gates[1], (float)(exp(0.5) / kept), 1e-6f);
    route_one(GATE_SOFTMAX_TOPL, scores, 4, 2, picks, gates);
    assert_float_equal(gates[0], (float)(exp(2) / all), 1e-6f);
    assert_float_equal(gates[1], (float)(exp(0.5) / all), 1e-6f);
}

static void test_gates_of_huge_scores_are_finite(void **state)
{
    (void)state;
    const float scores[] = {3e38f, -3e38f, 1e38f};
    int32_t picks[3];
    float gates[3];
    for (enum gate_form form = GATE_TOPL_SOFTMAX; form <= GATE_SOFTMAX_TOPL; form++) {
        route_one(form, scores, 3, 3, picks, gates);
        assert_true(gates[0] == 1 && gates[1] == 0 && gates[2] == 0);
    }
}

/* d(sum_i c_i G_i)/d(score_j) against central differences of a double evaluation. */
static double weighted_gates(enum gate_form form, const double *scores, int32_t n, const int32_t *picks, int32_t l,
                             const float *c)
{
    double sum = 0, total = 0;
    for (int32_t j = 0; j < n; j++) {
        int counted = form == GATE_SOFTMAX_TOPL;
        for (int32_t i = 0; i < l && !counted; i++)
            counted = picks[i] == j;
        total += counted ? exp(scores[j]) : 0;
    }
    for (int32_t i = 0; i < l; i++)
        sum += (double)c[i] * exp(scores[picks[i]]) / total;
    return sum;
}

static void test_gate_gradients(void **state)
{
    (void)state;
    enum { N = 7, L = 3 };
    for (uint64_t round = 0; round < 50; round++) {
        struct random random = random_at(6, RANDOM_CHECK, round);
        float scores[N], c[L], gates[L];
        double exact[N];
        int32_t picks[L];
        for (int32_t j = 0; j < N; j++)
            exact[j] = (double)(scores[j] = random_normal(&random));
        for (int32_t i = 0; i < L; i++)
            c[i] = random_normal(&random);
        for (enum gate_form form = GATE_HARD; form <= GATE_SOFTMAX_TOPL; form++) {
            float gradient[N] = {0};
            route_one(form, scores, N, L, picks, gates);
            route_gates_backward(form, scores, N, picks, L, gates, c, gradient);
            for (int32_t j = 0; j < N; j++) {
                double at = exact[j], expected = 0;
                if (form != GATE_HARD) {
                    exact[j] = at + 1e-5;
                    expected = weighted_gates(form, exact, N, picks, L, c);
                    exact[j] = at - 1e-5;
                    expected = (expected - weighted_gates(form, exact, N, picks, L, c)) / 2e-5;
                    exact[j] = at;
                }
                assert_float_equal(gradient[j], (float)expected, 2e-6f);
            }
        }
    }
}

static void test_exp(void **state)
{
    (void)state;
    for (double x = -87.2; x < 88.6; x += 0.00131) {
        float at = (float)x;
        double exact = exp((double)at);
        assert_true(fabs((double)exp_f32(at) - exact) <= 2 * 5.97e-8 * exact);
    }
    assert_true(exp_f32(0) == 1 && exp_f32(-1000) == 0 && exp_f32(1000) == INFINITY && isnan(exp_f32(NAN)));
    assert_true(exp_f32(-INFINITY) == 0 && exp_f32(INFINITY) == INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_is_the_head_of_a_stable_sort),
        cmocka_unit_test(test_ties_go_to_the_lower_index),
        cmocka_unit_test(test_nan_is_minus_infinity_and_picks_stay_distinct),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_gates_of_huge_scores_are_finite),
        cmocka_unit_test(test_gate_gradients),
        cmocka_unit_test(test_exp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
