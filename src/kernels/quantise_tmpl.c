/* Floats to the numbers of seven bits that conv_int8 reads. */
#include "tmpl.h"

/* Between 2^23 and 2^24 floats are the integers: adding 2^23 + zero rounds, and the lowest bits are the result. */
struct quantiser {
    vf factor, least, most, shift;
};

INLINE vf quantised(const struct quantiser *by, vf x)
{
    return vf_add(vf_below(vf_above(vf_mul(x, by->factor), by->least), by->most), by->shift);
}

static void quantise_row(vq *q, const float *x, ptrdiff_t count, const struct quantiser *by)
{
    ptrdiff_t i = 0;
    for (; count - i >= VF_LANES; i += VF_LANES)
        vq_store(q + i, quantised(by, vf_load(x + i)));
    if (i < count) {
        vq last[VF_LANES];
        vq_store(last, quantised(by, vf_load_part(x + i, vf_part_of((int32_t)(count - i)))));
        for (int32_t j = 0; j < (count - i + VQ_GROUP - 1) / VQ_GROUP * VQ_GROUP; j++)
            q[i + j] = last[j];
    }
}

void KFN(quantise)(void *q, const float *x, int32_t pixels, int32_t channels, float factor, int32_t zero)
{
    const struct quantiser by = {vf_set1(factor), vf_set1((float)-zero), vf_set1((float)(127 - zero)),
                                 vf_set1((float)((1 << 23) + zero))};
    const int32_t filled = (channels + VQ_GROUP - 1) / VQ_GROUP * VQ_GROUP;
    if (filled == channels) {
        quantise_row(q, x, (ptrdiff_t)pixels * channels, &by);
        return;
    }
    vq *to = q;
    for (int32_t i = 0; i < pixels; i++)
        quantise_row(to + (ptrdiff_t)i * filled, x + (ptrdiff_t)i * channels, channels, &by);
}
