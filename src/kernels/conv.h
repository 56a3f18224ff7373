/* Convolutions over maps: which algorithm, how its weights are packed, and the call.
 *
 * A convolution reads `images` maps through pointers, so that a trunk layer (one map an image), an expert on the l
 * patches that its router chose (each a window of a larger map) and a batch of either are the same call: dense is
 * routing with l = n, here too, and nothing is gathered.  What lies beyond a map or a patch is zeros.
 *
 * Models use this header; the kernels below it (conv_forward and the Winograd transforms of kernel_list.h) see tiles
 * and tables only.  Everything that can be known before the first image is in the table and the packed weights, so a
 * call computes no geometry.  Leaves out patch convolutions with kernel = stride = patch and few outputs
 * (patch_forward): those run along the patch, these along the outputs. */
#ifndef PMOE_KERNELS_CONV_H
#define PMOE_KERNELS_CONV_H

#include "../base/pool.h"
#include "kernels.h"

enum conv_algorithm {
    CONV_DIRECT,
    CONV_WINOGRAD_2, /* F(2x2, 3x3): 2.25 times fewer multiplications */
    CONV_WINOGRAD_4, /* F(4x4, 3x3): 4 times fewer, less exact */
    CONV_INT8,       /* directly, in eight bits (int8.h); never chosen here */
};

struct conv {
    int32_t high, wide, channels; /* of what it reads: a map, or one patch of a map */
    int32_t row;                  /* floats from one row of that to the next: wide * channels, or the larger map's */
    int32_t kernel, stride, padding;
    int32_t out_high, out_wide, outs;
    enum conv_algorithm algorithm;
    float step; /* CONV_INT8 (int8_use sets these): a number q of what it reads stands for (q - zero) * step, */
    int32_t zero, group; /* and a pixel's channels are filled up to whole groups */
};

static inline int conv_is_int8(const struct conv *conv)
{
    return HAS_INT8 && conv->algorithm == CONV_INT8;
}

/* Geometry from the first seven; sets out_high, out_wide (floor, as PyTorch) and the algorithm that is fastest for
 * such a shape on these kernels. */
struct conv conv_of(const struct kernels *kernels, int32_t high, int32_t wide, int32_t channels, int32_t row,
                    int32_t kernel, int32_t stride, int32_t padding, int32_t outs);

/* The table of offsets: int32_t each; SIZE_MAX if a size_t cannot hold them. */
size_t conv_table_count(const struct conv *conv);
void conv_fill_table(const struct conv *conv, int32_t *table);

/* Weights.  w [outs][kernel][kernel][channels] -> panels [conv_packed_count], 64-byte aligned.  Count SIZE_MAX if a
 * size_t cannot hold it. */
size_t conv_packed_count(const struct kernels *kernels, const struct conv *conv);
void conv_pack(const struct kernels *kernels, const struct conv *conv, const float *w, float *panels);

/* Floats of scratch that one call needs with so many threads, whatever the number of images. */
size_t conv_scratch_count(const struct kernels *kernels, const struct conv *conv, int32_t threads);

struct conv_call {
    const struct conv *conv;
    const int32_t *table;
    const float *panels;
    const float *bias;     /* [outs] or NULL */
    const float *const *x; /* [images] first float of each map or patch */
    int32_t images;
    const float *add; /* [images][out_high][out_wide][outs], added before the ReLU, or NULL; may be y itself */
    int32_t relu;
    float *y;       /* [images][out_high][out_wide][outs] */
    float *scratch; /* [conv_scratch_count], 64-byte aligned */
};

/* The result does not depend on the number of threads; pool may be NULL. */
void conv_run(const struct kernels *kernels, const struct conv_call *call, struct pool *pool);

/* What conv_forward and conv_gradient are told of a convolution that is carried out directly: its table, filled for the
 * algorithm CONV_DIRECT, and zeros, as many as the shape's channels (at most kernel * channels).  Maps of y lie one
 * behind the other. */
struct conv_shape conv_direct_shape(const struct conv *conv, const int32_t *table, const float *zeros);

/* How far an output may be from the exact one, as a multiple of FLT_EPSILON times the sum of the absolute values of its
 * products, bias and addend.  In Winograd's algorithms each pixel of a channel counts there as the largest of that
 * channel in the output's tile, (m + 2) x (m + 2) pixels (winograd.h).  Not of CONV_INT8, whose errors are of another
 * kind. */
double conv_error_bound(const struct kernels *kernels, const struct conv *conv);

#endif
