/* Kernels over plain rows of floats: pooling with gates, maxima, batch norms, ReLU, axpy.  All are bound by memory, so
 * none is tiled. */
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

void KFN(scale_shift)(float *y, const float *x, const float *scale, const float *shift, int32_t rows, int32_t count,
                      int32_t relu)
{
    for (int32_t i = 0; i < rows; i++, x += count, y += count) {
        int32_t c = 0;
        for (; c + VF_LANES <= count; c += VF_LANES) {
            vf value = vf_fma(vf_load(scale + c), vf_load(x + c), vf_load(shift + c));
            vf_store(y + c, relu ? vf_relu(value) : value);
        }
        if (c < count) {
            vf_part part = vf_part_of(count - c);
            vf value = vf_fma(vf_load_part(scale + c, part), vf_load_part(x + c, part), vf_load_part(shift + c, part));
            vf_store_part(y + c, relu ? vf_relu(value) : value, part);
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
