/* What batch norms need in training: sums of centred products, and the gradient by their input.  Bound by memory, as
 * those of vector_tmpl.c. */
#include "tmpl.h"

/* V vectors of channels at once: as many sums that do not wait for each other. */
INLINE void sum_columns(const int V, float *y, const float *a, const float *a_mean, const float *b, const float *b_mean,
                        int32_t rows, int32_t count)
{
    vf sum[4], from_a[4], from_b[4];
    EACH (v, V) {
        sum[v] = vf_set1(0);
        from_a[v] = vf_load(a_mean + v * VF_LANES);
        from_b[v] = vf_load(b_mean + v * VF_LANES);
    }
    for (int32_t i = 0; i < rows; i++, a += count, b += count)
        EACH (v, V)
            sum[v] = vf_fma(vf_sub(vf_load(a + v * VF_LANES), from_a[v]), vf_sub(vf_load(b + v * VF_LANES), from_b[v]),
                            sum[v]);
    EACH (v, V)
        vf_store(y + v * VF_LANES, sum[v]);
}

/* Rows are added in order, each lane on its own. */
void KFN(centred_sum)(float *y, const float *a, const float *a_mean, const float *b, const float *b_mean, int32_t rows,
                      int32_t count)
{
    int32_t c = 0;
    for (; c + 4 * VF_LANES <= count; c += 4 * VF_LANES)
        sum_columns(4, y + c, a + c, a_mean + c, b + c, b_mean + c, rows, count);
    for (; c + 2 * VF_LANES <= count; c += 2 * VF_LANES)
        sum_columns(2, y + c, a + c, a_mean + c, b + c, b_mean + c, rows, count);
    for (; c + VF_LANES <= count; c += VF_LANES)
        sum_columns(1, y + c, a + c, a_mean + c, b + c, b_mean + c, rows, count);
    if (c < count) {
        vf_part part = vf_part_of(count - c);
        vf sum = vf_set1(0), from_a = vf_load_part(a_mean + c, part), from_b = vf_load_part(b_mean + c, part);
        for (int32_t i = 0; i < rows; i++)
            sum = vf_fma(vf_sub(vf_load_part(a + (ptrdiff_t)i * count + c, part), from_a),
                         vf_sub(vf_load_part(b + (ptrdiff_t)i * count + c, part), from_b), sum);
        vf_store_part(y + c, sum, part);
    }
}

void KFN(scale_two)(float *y, const float *a, const float *by_a, const float *b, const float *by_b, const float *shift,
                    const float *add, int32_t rows, int32_t count)
{
    for (int32_t i = 0; i < rows; i++) {
        const ptrdiff_t row = (ptrdiff_t)i * count;
        int32_t c = 0;
        for (; c + VF_LANES <= count; c += VF_LANES) {
            vf sum = add ? vf_add(vf_load(shift + c), vf_load(add + row + c)) : vf_load(shift + c);
            sum = vf_fma(vf_load(by_a + c), vf_load(a + row + c), sum);
            vf_store(y + row + c, vf_fma(vf_load(by_b + c), vf_load(b + row + c), sum));
        }
        if (c < count) {
            vf_part part = vf_part_of(count - c);
            vf sum = vf_load_part(shift + c, part);
            sum = add ? vf_add(sum, vf_load_part(add + row + c, part)) : sum;
            sum = vf_fma(vf_load_part(by_a + c, part), vf_load_part(a + row + c, part), sum);
            sum = vf_fma(vf_load_part(by_b + c, part), vf_load_part(b + row + c, part), sum);
            vf_store_part(y + row + c, sum, part);
        }
    }
}
