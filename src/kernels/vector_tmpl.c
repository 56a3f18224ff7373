/* Kernels over plain rows of floats: pooling with gates, maxima, batch norms, ReLU, axpy.  All are bound
 * by memory, so none is tiled. */
#include "tmpl.h"

/* Rows are added in order, each lane on its own, and the scale is applied last. */
void KFN(gated_sum)(float *y, const float *x, const float *gates, float scale, int32_t rows, int32_t count)
{
    vf factor = vf_set1(scale);
    int32_t c = 0;
    for (; c + VF_LANES <= count; c += VF_LANES) {
        vf sum = vf_set1(0);
        for (int32_t i = 0; i < rows; i++)
            sum = vf_fma(vf_set1(gates ? gates[i] : 1), vf_load(x + (ptrdiff_t)i * count + c), sum);
        vf_store(y + c, vf_mul(factor, sum));
    }
    if (c < count) {
        vf_part part = vf_part_of(count - c);
        vf sum = vf_set1(0);
        for (int32_t i = 0; i < rows; i++)
            sum = vf_fma(vf_set1(gates ? gates[i] : 1), vf_load_part(x + (ptrdiff_t)i * count + c, part), sum);
        vf_store_part(y + c, vf_mul(factor, sum), part);
    }
}

void KFN(row_max)(float *y, const float *x, int32_t rows, int32_t count)
{
    int32_t c = 0;
    for (; c + VF_LANES <= count; c += VF_LANES) {
        vf most = vf_load(x + c);
        for (int32_t i = 1; i < rows; i++)
            most = vf_max(vf_load(x + (ptrdiff_t)i * count + c), most);
        vf_store(y + c, most);
    }
    if (c < count) {
        vf_part part = vf_part_of(count - c);
        vf most = vf_load_part(x + c, part);
        for (int32_t i = 1; i < rows; i++)
            most = vf_max(vf_load_part(x + (ptrdiff_t)i * count + c, part), most);
        vf_store_part(y + c, most, part);
    }
}

INLINE vf scaled(vf x, vf scale, vf shift, int32_t relu)
{
    const vf value = vf_fma(scale, x, shift);
    return relu ? vf_relu(value) : value;
}

/* Rows narrower than a vector, a photograph's three colours, as one row: VF_LANES of them are `count` vectors, which
 * come round again. */
static void scale_shift_narrow(float *y, const float *x, const float *scale, const float *shift, int32_t rows,
                               int32_t count, int32_t relu)
{
    float scales[VF_LANES * VF_LANES], shifts[VF_LANES * VF_LANES];
    const int32_t round = VF_LANES * count;
    for (int32_t i = 0, c = 0; i < round; i++, c = c + 1 == count ? 0 : c + 1) {
        scales[i] = scale[c];
        shifts[i] = shift[c];
    }
    const ptrdiff_t all = (ptrdiff_t)rows * count;
    int32_t at = 0;
    for (ptrdiff_t i = 0; i < all; i += VF_LANES, at = at + VF_LANES == round ? 0 : at + VF_LANES) {
        vf by = vf_load(scales + at), plus = vf_load(shifts + at);
        if (all - i >= VF_LANES) {
            vf_store(y + i, scaled(vf_load(x + i), by, plus, relu));
        } else {
            vf_part part = vf_part_of((int32_t)(all - i));
            vf_store_part(y + i, scaled(vf_load_part(x + i, part), by, plus, relu), part);
        }
    }
}

void KFN(scale_shift)(float *y, const float *x, const float *scale, const float *shift, int32_t rows, int32_t count,
                      int32_t relu)
{
    if (count < VF_LANES && rows >= VF_LANES) {
        scale_shift_narrow(y, x, scale, shift, rows, count, relu);
        return;
    }
    for (int32_t i = 0; i < rows; i++, x += count, y += count) {
        int32_t c = 0;
        for (; c + VF_LANES <= count; c += VF_LANES)
            vf_store(y + c, scaled(vf_load(x + c), vf_load(scale + c), vf_load(shift + c), relu));
        if (c < count) {
            vf_part part = vf_part_of(count - c);
            vf value =
                scaled(vf_load_part(x + c, part), vf_load_part(scale + c, part), vf_load_part(shift + c, part), relu);
            vf_store_part(y + c, value, part);
        }
    }
}

void KFN(relu)(float *y, const float *x, size_t count)
{
    size_t i = 0;
    for (; count - i >= VF_LANES; i += VF_LANES)
        vf_store(y + i, vf_relu(vf_load(x + i)));
    if (i < count) {
        vf_part part = vf_part_of((int32_t)(count - i));
        vf_store_part(y + i, vf_relu(vf_load_part(x + i, part)), part);
    }
}

void KFN(axpy)(float *y, float a, const float *x, size_t count)
{
    vf factor = vf_set1(a);
    size_t i = 0;
    for (; count - i >= VF_LANES; i += VF_LANES)
        vf_store(y + i, vf_fma(factor, vf_load(x + i), vf_load(y + i)));
    if (i < count) {
        vf_part part = vf_part_of((int32_t)(count - i));
        vf_store_part(y + i, vf_fma(factor, vf_load_part(x + i, part), vf_load_part(y + i, part)), part);
    }
}
