/* The benchmark's networks: shapes, counted multiply-adds and weights.  The numbers are worked out by hand from the
 * networks' definitions, or are the published ones; none is what the code once printed. */
#include "base/memory.h"
#include "bench/networks.h"
#include "model/graph.h"
#include "model/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct graph graph;

static void read_network(int32_t index)
{
    pmoe_allocator memory = allocator_or_malloc(NULL);
    pmoe_error why = {PMOE_OK, ""};
    size_t length = network_list(index, NULL, 0);
    char *list = malloc(length + 1);
    assert_non_null(list);
    assert_int_equal(network_list(index, list, length + 1), length);
    pmoe_status status = graph_read(list, length, &memory, &graph, &why);
    free(list);
    assert_string_equal(why.text, "");
    assert_int_equal(status, PMOE_OK);
}

static void read_named(const char *name)
{
    int32_t index = network_find(name);
    assert_true(index >= 0);
    read_network(index);
    assert_string_equal(graph.name, name);
}

static int64_t multiply_adds(const char *name)
{
    int64_t sum = 0;
    read_named(name);
    for (int32_t i = 0; i < graph.layers; i++)
        sum += layer_multiply_adds(&graph, i);
    return sum;
}

static void names_are_found_and_differ(void **state)
{
    (void)state;
    int32_t count = 0;
    for (; network_name(count); count++) {
        assert_int_equal(network_find(network_name(count)), count);
        assert_true(strlen(network_summary(count)) > 0);
    }
    assert_true(count > 20);
    assert_null(network_summary(count));
    assert_null(network_name(-1));
    assert_int_equal(network_find("wrn10_3"), -1);
    assert_int_equal(network_find(""), -1);
}

static void every_list_is_a_sound_graph(void **state)
{
    (void)state;
    for (int32_t i = 0; network_name(i); i++) {
        read_network(i);
        assert_string_equal(graph.name, network_name(i));
    }
}

static void dense_networks_count_what_everybody_counts(void **state)
{
    (void)state;
    assert_int_equal(multiply_adds("wrn10_2"), 44483840);
    assert_int_equal(multiply_adds("wrn10_4"), 166119936);
    assert_int_equal(multiply_adds("resnet18"), 555684864);
    assert_int_equal(multiply_adds("conv64_32"), 37748736);
    assert_int_equal(multiply_adds("conv128_16"), 37748736);
    assert_int_equal(multiply_adds("patch_cnn"), 501800);
}

/* 11,436,618 of paper 2, plus what a batch norm stores and does not learn: 4,800 channels, mean and variance. */
static void resnet18_has_paper_2s_parameters(void **state)
{
    (void)state;
    read_named("resnet18");
    assert_int_equal(graph.parameters, 11436618 + 2 * 4800);
    read_named("resnet18_top2"); /* 11,444,896 less w_noise, which only training uses */
    assert_int_equal(graph.parameters, 11444896 - (512 * 8 + 8) + 2 * 4800);
}

static void one_layer_models_count_router_and_experts(void **state)
{
    (void)state;
    assert_int_equal(multiply_adds("patch_separate"), 16 * 784 * 2 + 2 * 2 * 784 * 20 + 40);
    assert_int_equal(multiply_adds("patch_joint"), 16 * 784 * 8 + 8 * 6 * 784 * 5 + 40);
    assert_int_equal(multiply_adds("patch_moe"), 163112);
}

static void heads_count_the_kept_experts(void **state)
{
    (void)state;
    assert_int_equal(multiply_adds("head_dense"), 267264);
    assert_int_equal(multiply_adds("head_soft"), 512 * 8 + 8 * (512 * 64 + 640));
    assert_int_equal(multiply_adds("head_top2"), 70912);
    assert_int_equal(multiply_adds("head_hard"), 37504);
    assert_int_equal(multiply_adds("resnet18_top2"), 555684864 - 267264 + 70912);
}

/* 3 x 3 convolutions: 1 to 8 channels at 28 x 28, 8 to 16 and 16 to 16 at 14 x 14. */
static void stacks_differ_in_the_patches_kept_alone(void **state)
{
    (void)state;
    enum { STACK = 28 * 28 * 9 * 1 * 8 + 14 * 14 * 9 * 8 * 16 + 14 * 14 * 9 * 16 * 16, EXPERTS = 4 };
    const int32_t patches[] = {16, 64, 256};
    for (size_t i = 0; i < 3; i++) {
        int64_t others = (int64_t)patches[i] * 784 * EXPERTS + EXPERTS * 16 * 10;
        const struct {
            const char *kind;
            int32_t kept;
        } kinds[] = {{"dense", patches[i]}, {"l2", 2}, {"l4", 4}};
        for (size_t j = 0; j < 3; j++) {
            char name[32];
            snprintf(name, sizeof name, "stack%d_%s", patches[i], kinds[j].kind);
            assert_int_equal(multiply_adds(name), others + (int64_t)EXPERTS * kinds[j].kept * STACK);
            assert_int_equal(graph.layer[0].patches, patches[i]);
            assert_int_equal(graph.height, graph.width);
        }
    }
}

static void sweeps_grow_by_stem_and_router_alone(void **state)
{
    (void)state;
    for (int32_t n = 16; n <= 4096; n *= 2) {
        char name[32];
        snprintf(name, sizeof name, "sweep%d", n);
        int64_t pixels = (int64_t)n * 64, stem = pixels * 9 * 4, router = pixels * 4 * 4;
        int64_t experts = (int64_t)4 * 4 * 64 * (9 * 4 * 32 + 9 * 32 * 32);
        assert_int_equal(multiply_adds(name), stem + router + experts + 4 * 32 * 10);
        assert_int_equal(graph.layer[3].patches, n);
        assert_int_equal((int64_t)graph.height * graph.width, pixels);
    }
}

/* The file holds the list's tensors, finite, with the spread that He et al. ask for, and is the same every time. */
static void files_hold_ordinary_numbers(void **state)
{
    (void)state;
    const char *const names[] = {"wrn10_2", "stack16_l2", "head_top2", "sweep16"};
    pmoe_allocator memory = allocator_or_malloc(NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsigned char *file, *again;
        size_t bytes, bytes_again;
        pmoe_error why;
        read_named(names[i]);
        assert_int_equal(network_file(network_find(names[i]), NULL, &file, &bytes, &why), PMOE_OK);
        assert_int_equal(network_file(network_find(names[i]), NULL, &again, &bytes_again, &why), PMOE_OK);
        assert_int_equal(bytes, bytes_again);
        assert_memory_equal(file, again, bytes);
        free(again);

        struct safetensors view;
        struct safetensors_entry entry;
        assert_int_equal(safetensors_open(file, bytes, &memory, &view, &why), PMOE_OK);
        json_node at = 0;
        int32_t tensors = 0;
        for (; safetensors_next(&view, &at, &entry); tensors++) {
            double squares = 0;
            for (size_t j = 0; j < entry.count; j++) {
                float value;
                memcpy(&value, entry.bytes + j * sizeof value, sizeof value);
                assert_true(isfinite(value));
                squares += (double)value * (double)value;
            }
            if (entry.rank < 4 || entry.count < 1000)
                continue;
            double values_in = 1;
            for (int32_t d = entry.rank - 3; d < entry.rank; d++)
                values_in *= (double)entry.dims[d];
            assert_true(fabs(squares / (double)entry.count * values_in / 2 - 1) < 0.1);
        }
        assert_int_equal(tensors, graph.tensors);
        safetensors_close(&view, &memory);
        free(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_and_differ),
        cmocka_unit_test(every_list_is_a_sound_graph),
        cmocka_unit_test(dense_networks_count_what_everybody_counts),
        cmocka_unit_test(resnet18_has_paper_2s_parameters),
        cmocka_unit_test(one_layer_models_count_router_and_experts),
        cmocka_unit_test(heads_count_the_kept_experts),
        cmocka_unit_test(stacks_differ_in_the_patches_kept_alone),
        cmocka_unit_test(sweeps_grow_by_stem_and_router_alone),
        cmocka_unit_test(files_hold_ordinary_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
