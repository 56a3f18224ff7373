/* What batch norms need in training: sums for their statistics and on the way back, and the gradient by their input.
 * Bound by memory, so that a ReLU behind a norm is done again from what it read, not looked up in what it wrote. */
#include "tmpl.h"

INLINE vf load(const float *p, int whole, vf_part part)
{
    return whole ? vf_load(p) : vf_load_part(p, part);
}

INLINE void store(float *p, vf a, int whole, vf_part part)
{
    if (whole)
        vf_store(p, a);
    else
        vf_store_part(p, a, part);
}

/* ---- Statistics ---- */

/* V vectors of channels at once: as many sums that do not wait for each other.  V is 1 where the vector is not whole.
 */
INLINE void statistics(const int V, const int whole, vf_part part, float *sum, float *square, const float *x,
                       const float *from, int32_t rows, int32_t count)
{
    vf sums[4], squares[4], off[4];
    EACH (v, V) {
        sums[v] = squares[v] = vf_set1(0);
        off[v] = load(from + v * VF_LANES, whole, part);
    }
    for (int32_t i = 0; i < rows; i++, x += count)
        EACH (v, V) {
            vf value = vf_sub(load(x + v * VF_LANES, whole, part), off[v]);
            sums[v] = vf_add(sums[v], value);
            squares[v] = vf_fma(value, value, squares[v]);
        }
    EACH (v, V) {
        store(sum + v * VF_LANES, sums[v], whole, part);
        store(square + v * VF_LANES, squares[v], whole, part);
    }
}

/* Rows are added in order, each lane on its own. */
void KFN(norm_squares)(float *sum, float *square, const float *x, const float *from, int32_t rows, int32_t count)
{
    const vf_part all = vf_part_of(VF_LANES);
    int32_t c = 0;
    for (; c + 4 * VF_LANES <= count; c += 4 * VF_LANES)
        statistics(4, 1, all, sum + c, square + c, x + c, from + c, rows, count);
    for (; c + 2 * VF_LANES <= count; c += 2 * VF_LANES)
        statistics(2, 1, all, sum + c, square + c, x + c, from + c, rows, count);
    for (; c + VF_LANES <= count; c += VF_LANES)
        statistics(1, 1, all, sum + c, square + c, x + c, from + c, rows, count);
    if (c < count)
        statistics(1, 0, vf_part_of(count - c), sum + c, square + c, x + c, from + c, rows, count);
}

/* ---- Sums on the way back ---- */

INLINE void sums_back(const int V, const int whole, const int relu, vf_part part, float *sum, float *product,
                      const float *x, const float *mean, const float *dy, const float *scale, const float *shift,
                      int32_t rows, int32_t count)
{
    vf sums[4], products[4], off[4], by[4], plus[4];
    EACH (v, V) {
        sums[v] = products[v] = vf_set1(0);
        off[v] = load(mean + v * VF_LANES, whole, part);
        by[v] = relu ? load(scale + v * VF_LANES, whole, part) : vf_set1(0);
        plus[v] = relu ? load(shift + v * VF_LANES, whole, part) : vf_set1(0);
    }
    for (int32_t i = 0; i < rows; i++, x += count, dy += count)
        EACH (v, V) {
            vf value = load(x + v * VF_LANES, whole, part), gradient = load(dy + v * VF_LANES, whole, part);
            if (relu)
                gradient = vf_pass(gradient, vf_fma(by[v], value, plus[v]));
            sums[v] = vf_add(sums[v], gradient);
            products[v] = vf_fma(vf_sub(value, off[v]), gradient, products[v]);
        }
    EACH (v, V) {
        store(sum + v * VF_LANES, sums[v], whole, part);
        store(product + v * VF_LANES, products[v], whole, part);
    }
}

INLINE void all_sums(const int relu, float *sum, float *product, const float *x, const float *mean, const float *dy,
                     const float *scale, const float *shift, int32_t rows, int32_t count)
{
    const vf_part all = vf_part_of(VF_LANES);
    int32_t c = 0;
#define SUMS(V, whole, part)                                                                                           \
    sums_back(V, whole, relu, part, sum + c, product + c, x + c, mean + c, dy + c, relu ? scale + c : NULL,            \
              relu ? shift + c : NULL, rows, count)
    for (; c + 4 * VF_LANES <= count; c += 4 * VF_LANES)
        SUMS(4, 1, all);
    for (; c + 2 * VF_LANES <= count; c += 2 * VF_LANES)
        SUMS(2, 1, all);
    for (; c + VF_LANES <= count; c += VF_LANES)
        SUMS(1, 1, all);
    if (c < count)
        SUMS(1, 0, vf_part_of(count - c));
#undef SUMS
}

void KFN(norm_sums)(float *sum, float *product, const float *x, const float *mean, const float *dy, const float *scale,
                    const float *shift, int32_t rows, int32_t count)
{
    if (scale)
        all_sums(1, sum, product, x, mean, dy, scale, shift, rows, count);
    else
        all_sums(0, sum, product, x, mean, dy, NULL, NULL, rows, count);
}

/* ---- The gradient ---- */

INLINE void gradients(const int V, const int whole, const int relu, vf_part part, float *dx, const float *x,
                      const float *by_x, const float *dy, const float *by_dy, const float *by_1, const float *scale,
                      const float *shift, const float *add, int32_t rows, int32_t count)
{
    vf of_x[2], of_dy[2], of_1[2], by[2], plus[2];
    EACH (v, V) {
        of_x[v] = load(by_x + v * VF_LANES, whole, part);
        of_dy[v] = load(by_dy + v * VF_LANES, whole, part);
        of_1[v] = load(by_1 + v * VF_LANES, whole, part);
        by[v] = relu ? load(scale + v * VF_LANES, whole, part) : vf_set1(0);
        plus[v] = relu ? load(shift + v * VF_LANES, whole, part) : vf_set1(0);
    }
    for (int32_t i = 0; i < rows; i++, x += count, dy += count, dx += count) {
        EACH (v, V) {
            vf value = load(x + v * VF_LANES, whole, part), gradient = load(dy + v * VF_LANES, whole, part);
            if (relu)
                gradient = vf_pass(gradient, vf_fma(by[v], value, plus[v]));
            vf sum = add ? vf_add(of_1[v], load(add + v * VF_LANES, whole, part)) : of_1[v];
            sum = vf_fma(of_dy[v], gradient, sum);
            store(dx + v * VF_LANES, vf_fma(of_x[v], value, sum), whole, part);
        }
        if (add)
            add += count;
    }
}

INLINE void all_gradients(const int relu, float *dx, const float *x, const float *by_x, const float *dy,
                          const float *by_dy, const float *by_1, const float *scale, const float *shift,
                          const float *add, int32_t rows, int32_t count)
{
    int32_t c = 0;
#define GRADIENTS(V, whole, part)                                                                                      \
    gradients(V, whole, relu, part, dx + c, x + c, by_x + c, dy + c, by_dy + c, by_1 + c, relu ? scale + c : NULL,     \
              relu ? shift + c : NULL, add ? add + c : NULL, rows, count)
    for (; c + 2 * VF_LANES <= count; c += 2 * VF_LANES)
        GRADIENTS(2, 1, vf_part_of(VF_LANES));
    for (; c + VF_LANES <= count; c += VF_LANES)
        GRADIENTS(1, 1, vf_part_of(VF_LANES));
    if (c < count)
        GRADIENTS(1, 0, vf_part_of(count - c));
#undef GRADIENTS
}

void KFN(norm_gradient)(float *dx, const float *x, const float *by_x, const float *dy, const float *by_dy,
                        const float *by_1, const float *scale, const float *shift, const float *add, int32_t rows,
                        int32_t count)
{
    if (scale)
        all_gradients(1, dx, x, by_x, dy, by_dy, by_1, scale, shift, add, rows, count);
    else
        all_gradients(0, dx, x, by_x, dy, by_dy, by_1, NULL, NULL, add, rows, count);
}
