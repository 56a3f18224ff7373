/* Top-l and gates of many lists at once, one a lane, without a branch on any score: one list alone, scores put in their
 * place one after the other, mispredicts its way to 4 times as long in wasm and 2 natively (SPEED.md). */
#include "tmpl.h"

#include "../base/exp.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK = 32, /* items that pass all slots together: what they displace stays in the first-level cache */
    WIDTH = VF_ROUTE_SLOTS,
};

/* The slots of VF_LANES lists, best first, whole WIDTHs of them: scores, and items as floats. */
struct slots {
    float *score, *item; /* [count][VF_LANES] */
    int32_t count;
};

/* Items on their way from slot to slot. */
struct passing {
    float score[BLOCK * VF_LANES], item[BLOCK * VF_LANES];
};

INLINE vf score_of(const float *scores)
{
    return vf_above(vf_load(scores), vf_set1(-INFINITY)); /* NaN: -infinity */
}

/* Items `first` .. first + count - 1 of the lists, the first of them at `scores`, pass the slots from `at` on.  Each
 * moves into the place of the first item that is not at least as good, which moves on to the next slot, and so do all
 * behind it: of equals the one that came first stays ahead.  An empty slot is NaN, at least as good as nothing.
 *
 * Scores go by themselves, the larger stays: an item waits for the one before by a maximum alone, and not by a
 * comparison and a choice.
 *
 * What is on its way for each item is in `passing`, and is the item itself where `is_first`. */
APART void pass(struct slots slots, int32_t at, const float *scores, int32_t step, int32_t first, int32_t count,
                struct passing *passing, int is_first)
{
    vf score[WIDTH], item[WIDTH], index = vf_set1((float)first);
    EACH (i, WIDTH) {
        score[i] = vf_load(slots.score + (at + i) * VF_LANES);
        item[i] = vf_load(slots.item + (at + i) * VF_LANES);
    }
    for (int32_t j = 0; j < count; j++) {
        const vf new = score_of(scores + (ptrdiff_t)j * step);
        vf s = is_first ? new : vf_load(passing->score + j * VF_LANES);
        vf is = is_first ? index : vf_load(passing->item + j * VF_LANES);
        index = vf_add(index, vf_set1(1));
        EACH (i, WIDTH) {
            const vf_truth stays = vf_at_least(score[i], new);
            const vf s_here = score[i], is_here = item[i];
            score[i] = vf_above(s_here, s);
            item[i] = vf_pick(stays, is_here, is);
            s = vf_below(s, s_here);
            is = vf_pick(stays, is, is_here);
        }
        vf_store(passing->score + j * VF_LANES, s);
        vf_store(passing->item + j * VF_LANES, is);
    }
    EACH (i, WIDTH) {
        vf_store(slots.score + (at + i) * VF_LANES, score[i]);
        vf_store(slots.item + (at + i) * VF_LANES, item[i]);
    }
}

static void fill_slots(struct slots slots, const float *scores, int32_t step, int32_t n)
{
    memset(slots.score, 0xff, 2 * (size_t)slots.count * VF_LANES * sizeof(float)); /* scores and items: NaN */
    for (int32_t first = 0; first < n; first += BLOCK) {
        const int32_t count = n - first < BLOCK ? n - first : BLOCK;
        struct passing passing;
        const float *from = scores + (ptrdiff_t)first * step;
        for (int32_t at = 0; at < slots.count; at += WIDTH)
            pass(slots, at, from, step, first, count, &passing, at == 0);
    }
}

/* In place, exp(score - largest) of `count` vectors, by plain C that compilers make vectors of, and sum + all of them.
 */
APART vf exponentials(float *scores, int32_t count, vf largest, vf sum)
{
    for (int32_t i = 0; i < count; i++, scores += VF_LANES) {
        vf_store(scores, vf_sub(vf_load(scores), largest));
        for (int32_t s = 0; s < VF_LANES; s++)
            scores[s] = exp_f32(scores[s]);
        sum = vf_add(sum, vf_load(scores));
    }
    return sum;
}

/* The same sum over the n scores of the lists. */
static vf sum_of_all(const float *scores, int32_t step, int32_t n, vf largest)
{
    vf sum = vf_set1(0);
    for (int32_t j = 0; j < n; j++, scores += step) {
        float value[VF_LANES];
        vf_store(value, score_of(scores));
        sum = exponentials(value, 1, largest, sum);
    }
    return sum;
}

/* What gates are divided by, having turned kept scores into their exponentials.  No exponent is above 0, and the
 * largest's is 0, so that it is at least 1. */
static vf gate_sums(struct slots slots, const float *scores, int32_t step, int32_t n, int32_t l, int32_t over)
{
    const vf largest = vf_load(slots.score), kept = exponentials(slots.score, l, largest, vf_set1(0));
    return over == l ? kept : sum_of_all(scores, step, n, largest);
}

void KFN(route)(int32_t *picks, float *gates, const float *scores, int32_t step, int32_t lists, int32_t n, int32_t l,
                int32_t over, float *scratch)
{
    const int32_t count = (l + WIDTH - 1) / WIDTH * WIDTH;
    const struct slots slots = {scratch, scratch + (ptrdiff_t)count * VF_LANES, count};
    for (int32_t e = 0; e < lists; e += VF_LANES, scores += VF_LANES) {
        const int32_t now = lists - e < VF_LANES ? lists - e : VF_LANES;
        float sum[VF_LANES] = {0};
        fill_slots(slots, scores, step, n);
        if (over)
            vf_store(sum, gate_sums(slots, scores, step, n, l, over));
        for (int32_t s = 0; s < now; s++)
            for (int32_t i = 0; i < l; i++) {
                *picks++ = (int32_t)slots.item[i * VF_LANES + s];
                *gates++ = over ? slots.score[i * VF_LANES + s] / sum[s] : 1;
            }
    }
}
