/* Holds one instruction set's vocabulary (src/simd/) to its definition, lane by lane.
 *
 * Include with ISA and SIMD_H defined, once per instruction set: every name of the vocabulary gets the set's name
 * behind it, so that several fit into one program, and KFN(vocabulary_fault) is what there is to call.  Where the
 * compiler must be told to use the instructions, that is the includer's part. */
#ifndef VOCABULARY_NAMES
#define VOCABULARY_NAMES
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KFN_PASTE(name, isa) name##_##isa
#define KFN_EXPAND(name, isa) KFN_PASTE(name, isa)
#define KFN(name) KFN_EXPAND(name, ISA)

#define vf KFN(vf)
#define vf_part KFN(vf_part)
#define vf_truth KFN(vf_truth)
#define vf_part_of KFN(vf_part_of)
#define vf_set1 KFN(vf_set1)
#define vf_load KFN(vf_load)
#define vf_load_splat KFN(vf_load_splat)
#define vf_load_part KFN(vf_load_part)
#define vf_store KFN(vf_store)
#define vf_store_part KFN(vf_store_part)
#define vf_keep KFN(vf_keep)
#define vf_add KFN(vf_add)
#define vf_sub KFN(vf_sub)
#define vf_mul KFN(vf_mul)
#define vf_fma KFN(vf_fma)
#define vf_relu KFN(vf_relu)
#define vf_pass KFN(vf_pass)
#define vf_max KFN(vf_max)
#define vf_at_least KFN(vf_at_least)
#define vf_pick KFN(vf_pick)
#define vf_slide KFN(vf_slide)
#define vf_sums KFN(vf_sums)
#define vf_halves KFN(vf_halves)
#define vf_quarters KFN(vf_quarters)
#define vf_pairs KFN(vf_pairs)
#define vf_four_sums KFN(vf_four_sums)
#define vf_above KFN(vf_above)
#define vf_below KFN(vf_below)
#define vf_from KFN(vf_from)
#define vq KFN(vq)
#define vq_store KFN(vq_store)
#define vg KFN(vg)
#define vg_load KFN(vg_load)
#define vg_load_splat KFN(vg_load_splat)
#define vg_keep KFN(vg_keep)
#define vi KFN(vi)
#define vi_load KFN(vi_load)
#define vi_dot KFN(vi_dot)
#define VQ_GROUP KFN(VQ_GROUP)
#define VF_LANES KFN(VF_LANES)
#define VF_FUSED KFN(VF_FUSED)
#define VF_TILE_ROWS KFN(VF_TILE_ROWS)
#define VF_TILE_OUTS KFN(VF_TILE_OUTS)
#define VF_TILE_REGISTERS KFN(VF_TILE_REGISTERS)
#define VF_PAIR_ROWS KFN(VF_PAIR_ROWS)
#define VF_STRIP_ROWS KFN(VF_STRIP_ROWS)
#define VF_STRIP_RUN KFN(VF_STRIP_RUN)
#define VF_STRIP_OUTS KFN(VF_STRIP_OUTS)
#define VF_GRADIENT_OUTS KFN(VF_GRADIENT_OUTS)
#define VF_GRADIENT_VECS KFN(VF_GRADIENT_VECS)
#define VF_CONV_PIXELS KFN(VF_CONV_PIXELS)
#define VF_CONV_VECS KFN(VF_CONV_VECS)
#define VF_CONV_REGISTERS KFN(VF_CONV_REGISTERS)
#define VF_WINOGRAD_TILES KFN(VF_WINOGRAD_TILES)
#define VF_WINOGRAD_VECS KFN(VF_WINOGRAD_VECS)
#define VF_ROUTE_SLOTS KFN(VF_ROUTE_SLOTS)
#define VF_FETCHES KFN(VF_FETCHES)
#define VF_DOT_PIXELS KFN(VF_DOT_PIXELS)
#define VF_DOT_VECS KFN(VF_DOT_VECS)
#define VF_DOT_REGISTERS KFN(VF_DOT_REGISTERS)

enum { VOCABULARY_LANES = 16 }; /* the widest */

static const float vocabulary_values[] = {0,         -0.0f,   1,       -1,           0.1f,       NAN,  INFINITY,
                                          -INFINITY, FLT_MAX, FLT_MIN, -FLT_MIN / 8, 16777215.f, -3.7f};
enum { VOCABULARY_VALUES = sizeof vocabulary_values / sizeof *vocabulary_values };

/* The same bits; any NaN is as good as another. */
static int vocabulary_same(float got, float want)
{
    return isnan(want) ? isnan(got) : memcmp(&got, &want, sizeof got) == 0;
}

static void vocabulary_fill(float *lanes, int first, int stride)
{
    for (int i = 0; i < VOCABULARY_LANES; i++)
        lanes[i] = vocabulary_values[(first + i * stride) % VOCABULARY_VALUES];
}

/* The documented order: halves added until four lanes are left, then (v0 + v2) + (v1 + v3). */
static float vocabulary_sum(const float *lanes, int count)
{
    float sum[VOCABULARY_LANES];
    memcpy(sum, lanes, (size_t)count * sizeof *sum);
    for (; count > 1; count /= 2)
        for (int i = 0; i < count / 2; i++)
            sum[i] += sum[i + count / 2];
    return sum[0];
}
#endif

#include SIMD_H

static const char *KFN(vocabulary_fault_arithmetic)(const float *a, const float *b, const float *c)
{
    float add[VOCABULARY_LANES], mul[VOCABULARY_LANES], fma[VOCABULARY_LANES], relu[VOCABULARY_LANES];
    float splat[VOCABULARY_LANES], sub[VOCABULARY_LANES], most[VOCABULARY_LANES], pass[VOCABULARY_LANES];
    vf_store(splat, vf_load_splat(a));
    vf_store(add, vf_add(vf_keep(vf_load(a)), vf_load(b)));
    vf_store(sub, vf_sub(vf_load(a), vf_load(b)));
    vf_store(mul, vf_mul(vf_load(a), vf_load(b)));
    vf_store(fma, vf_fma(vf_load(a), vf_load(b), vf_load(c)));
    vf_store(relu, vf_relu(vf_load(a)));
    vf_store(pass, vf_pass(vf_load(a), vf_load(b)));
    vf_store(most, vf_max(vf_load(a), vf_load(b)));
    for (int i = 0; i < VF_LANES; i++) {
        float product = a[i] * b[i], twice = product + c[i], once = fmaf(a[i], b[i], c[i]);
        if (!vocabulary_same(add[i], a[i] + b[i]))
            return "vf_add";
        if (!vocabulary_same(sub[i], a[i] - b[i]))
            return "vf_sub";
        if (!vocabulary_same(mul[i], product))
            return "vf_mul";
        if (!(VF_FUSED != 1 && vocabulary_same(fma[i], twice)) && !(VF_FUSED != 0 && vocabulary_same(fma[i], once)))
            return "vf_fma";
        if (!vocabulary_same(relu[i], a[i] <= 0 ? 0 : a[i]))
            return "vf_relu";
        if (!vocabulary_same(pass[i], b[i] > 0 ? a[i] : 0))
            return "vf_pass";
        if (!vocabulary_same(most[i], a[i] > b[i] || isnan(a[i]) ? a[i] : b[i]))
            return "vf_max";
        if (!vocabulary_same(splat[i], a[0]))
            return "vf_load_splat";
    }
    return NULL;
}

/* As many vectors as lanes, and all smaller counts of them. */
static const char *KFN(vocabulary_fault_sum)(float of[VOCABULARY_LANES][VOCABULARY_LANES])
{
    vf vectors[VOCABULARY_LANES];
    for (int i = 0; i < VF_LANES; i++)
        vectors[i] = vf_load(of[i]);
    for (int count = 1; count <= VF_LANES; count++) {
        float sums[VOCABULARY_LANES];
        vf_store(sums, vf_sums(vectors, count));
        for (int i = 0; i < count; i++)
            if (!vocabulary_same(sums[i], vocabulary_sum(of[i], VF_LANES)))
                return "vf_sums";
    }
    return NULL;
}

static const char *KFN(vocabulary_fault_slide)(const float *a, const float *b)
{
    for (int n = 0; n < VF_LANES; n++) {
        float slid[VOCABULARY_LANES];
        vf_store(slid, vf_slide(vf_load(a), vf_load(b), n));
        for (int i = 0; i < VF_LANES; i++)
            if (!vocabulary_same(slid[i], i + n < VF_LANES ? a[i + n] : b[i + n - VF_LANES]))
                return "vf_slide";
    }
    return NULL;
}

static const char *KFN(vocabulary_fault_choice)(const float *a, const float *b, const float *c)
{
    float above[VOCABULARY_LANES], below[VOCABULARY_LANES], picked[VOCABULARY_LANES];
    vq stored[VOCABULARY_LANES];
    vf_store(above, vf_above(vf_load(a), vf_load(b)));
    vf_store(below, vf_below(vf_load(a), vf_load(b)));
    vf_store(picked, vf_pick(vf_at_least(vf_load(a), vf_load(b)), vf_load(c), vf_load(a)));
    vq_store(stored, vf_load(a));
    for (int i = 0; i < VF_LANES; i++) {
        uint32_t bits;
        memcpy(&bits, a + i, sizeof bits);
        if (!vocabulary_same(above[i], a[i] > b[i] ? a[i] : b[i]))
            return "vf_above";
        if (!vocabulary_same(below[i], a[i] < b[i] ? a[i] : b[i]))
            return "vf_below";
        if (!vocabulary_same(picked[i], a[i] >= b[i] ? c[i] : a[i]))
            return "vf_at_least or vf_pick";
        if (!isnan(a[i]) && stored[i] != (vq)(bits & 127))
            return "vq_store";
    }
    return NULL;
}

/* The largest products too, of which pairs are nearly as much as 16 bits hold. */
static const char *KFN(vocabulary_fault_dot)(int seed)
{
    enum { NUMBERS = VOCABULARY_LANES * 4 };
    vq x[NUMBERS + 1], w[NUMBERS + 1];
    int32_t start[VOCABULARY_LANES + 1];
    float each[VOCABULARY_LANES], same[VOCABULARY_LANES];
    for (int i = 0; i <= NUMBERS; i++) {
        x[i] = (vq)(seed < 2 ? 127 : (i * 29 + seed * 17) % 128);
        w[i] = (vq)(seed == 0 ? 127 : seed == 1 ? -127 : (i * 41 + seed * 23) % 255 - 127);
        start[i / 4] = (i - 20) * 1000003;
    }
    vf_store(each, vf_from(vi_dot(vg_keep(vg_load(x + 1)), vg_load(w + 1), vi_load(start))));
    vf_store(same, vf_from(vi_dot(vg_load_splat(x + 1), vg_load(w + 1), vi_load(start + (NUMBERS / 4 - VF_LANES)))));
    for (int i = 0; i < VF_LANES; i++) {
        int32_t sum = start[i], sum_same = start[NUMBERS / 4 - VF_LANES + i];
        for (int j = i * VQ_GROUP; j < (i + 1) * VQ_GROUP; j++) {
            sum += x[j + 1] * w[j + 1];
            sum_same += x[j % VQ_GROUP + 1] * w[j + 1];
        }
        if (each[i] != (float)sum)
            return "vi_dot";
        if (same[i] != (float)sum_same)
            return "vg_load_splat";
    }
    return NULL;
}

/* `count` floats in memory of just that size: an address sanitizer sees a read or a write behind them. */
static const char *KFN(vocabulary_fault_part)(int32_t count)
{
    const char *fault = NULL;
    float all[VOCABULARY_LANES], *exact = malloc((size_t)count * sizeof *exact);
    if (!exact)
        return "malloc";
    for (int i = 0; i < count; i++)
        exact[i] = (float)(i + 1);
    vf loaded = vf_load_part(exact, vf_part_of(count));
    vf_store(all, loaded);
    for (int i = 0; i < VF_LANES; i++)
        if (!vocabulary_same(all[i], i < count ? (float)(i + 1) : 0))
            fault = "vf_load_part";
    vf_store(all, vf_set1(7));
    vf_store_part(all, vf_add(loaded, loaded), vf_part_of(count));
    for (int i = 0; i < VF_LANES; i++)
        if (!vocabulary_same(all[i], i < count ? 2 * (float)(i + 1) : 7))
            fault = "vf_store_part or vf_set1";
    vf_store_part(exact, vf_set1(3), vf_part_of(count));
    for (int i = 0; i < count; i++)
        if (exact[i] != 3)
            fault = "vf_store_part";
    free(exact);
    return fault;
}

/* The first operation found wrong, or NULL. */
static const char *KFN(vocabulary_fault)(void)
{
    const char *fault = NULL;
    for (int i = 0; i < VOCABULARY_VALUES; i++)
        for (int j = 0; j < VOCABULARY_VALUES; j++) {
            /* One float in, so that no load is aligned. */
            float a[VOCABULARY_LANES + 1], b[VOCABULARY_LANES + 1], c[VOCABULARY_LANES + 1];
            vocabulary_fill(a + 1, i, 1);
            vocabulary_fill(b + 1, j, 2);
            vocabulary_fill(c + 1, i + j, 3);
            if (!fault)
                fault = KFN(vocabulary_fault_arithmetic)(a + 1, b + 1, c + 1);
            if (!fault)
                fault = KFN(vocabulary_fault_slide)(a + 1, b + 1);
            if (!fault)
                fault = KFN(vocabulary_fault_choice)(a + 1, b + 1, c + 1);
        }
    for (int seed = 0; seed < 50; seed++) {
        float of[VOCABULARY_LANES][VOCABULARY_LANES];
        for (int i = 0; i < VOCABULARY_LANES; i++)
            for (int j = 0; j < VOCABULARY_LANES; j++)
                of[i][j] = sinf((float)(seed * 256 + i * VOCABULARY_LANES + j)) * (float)(1 + (i + j) % 5);
        if (seed % 10 == 0)
            of[seed / 10 % VF_LANES][seed % VF_LANES] = NAN;
        if (!fault)
            fault = KFN(vocabulary_fault_sum)(of);
    }
    for (int seed = 0; seed < 50; seed++)
        if (!fault)
            fault = KFN(vocabulary_fault_dot)(seed);
    for (int32_t count = 1; count <= VF_LANES; count++)
        if (!fault)
            fault = KFN(vocabulary_fault_part)(count);
    return fault;
}

#undef VF_NAME
