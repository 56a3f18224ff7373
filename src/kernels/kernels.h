/* Kernels: floats and pointers, no models.  One table of functions per instruction set. */
#ifndef PMOE_KERNELS_H
#define PMOE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* A patch in memory: `runs` runs of `run` contiguous floats, `step` floats from one run to the next.  A 28 x 28 patch
 * of a 112 x 112 grey board is {28, 28, 112}; a row of 40 values is {1, 40, 40}. */
struct patch_shape {
    int32_t runs, run, step;
};

/* A convolution's tables: which floats each pixel of its output meets, and where it goes.  A matrix product is a
 * convolution of one tap. */
struct conv_shape {
    int32_t pixels, taps, channels, outs; /* pixels of one image's output; floats that a tap reads; outputs a pixel */
    const int32_t *at;                    /* [pixels][taps] floats from the image's first; negative: outside */
    const float *zeros;                   /* [channels] what is read outside; NULL if no tap is */
    ptrdiff_t y_pixel, y_image;           /* floats from one pixel of y, and from one image of it, to the next */
};

/* The weights of conv_int8, 64-byte aligned, as int8_pack (int8.h) lays them out. */
struct int8_filters {
    const void *panels;
    const void *outside;  /* [channels] what is read outside: the number that stands for 0 */
    const int32_t *start; /* what sums begin with; it and scale have whole vectors of outputs */
    const float *scale;
    const float *bias; /* [outs] or NULL */
};

/* A run of Winograd tiles between its stages: V holds transformed pixels, M products.  The value of a tile at point p
 * lies p * point floats behind the one at point 0; rows are whole vectors. */
struct winograd_strip {
    int32_t points, channels;
    ptrdiff_t v_row, v_point; /* floats from one tile of V to the next, and from one point to the next */
    ptrdiff_t m_row, m_point; /* the same of M */
    ptrdiff_t w_point;        /* floats of one point's packed weights */
};

/* What a tile of outputs covers of y: high x wide pixels, row floats from one of its rows to the next and pixel floats
 * from one pixel to the next. */
struct map_part {
    int32_t high, wide;
    ptrdiff_t row, pixel;
};

/* Are there kernels in eight bits?  Where there are none, what only they call is gone before the linker asks for it. */
#if defined(PMOE_PAGE)
#define HAS_INT8 0
#else
#define HAS_INT8 1
#endif

struct kernels {
    const char *name;      /* "avx2" */
    const char *floats;    /* the set whose kernels these are but for those of dot products: mostly itself */
    int32_t lanes;         /* floats in a vector */
    int32_t panel_outs;    /* most outputs in one panel of packed weights */
    int32_t conv_vecs;     /* most vectors of outputs in one panel of a convolution's packed weights */
    int32_t winograd_vecs; /* the same of winograd_multiply */
    int32_t int8_vecs;     /* the same of conv_int8 */
    int32_t int8_group;    /* channels that one lane of conv_int8 multiplies at once */
    int32_t int8_bytes;    /* of a quantised number in memory */
    int32_t fused;         /* 1: a * b + c rounds once; 0: twice; -1: as the engine likes (relaxed SIMD) */
#define K(kernel, arguments) void(*kernel) arguments;
#include "kernel_list.h"
};

/* Those that this build holds and this CPU runs, scalar first, each better than the one before. */
int32_t kernels_count(void);
const struct kernels *kernels_at(int32_t index);      /* NULL out of range */
const struct kernels *kernels_find(const char *name); /* NULL or "best": the last; NULL if there is none so named */

#endif
