/* Packing weights; pack.h draws the layout. */
#include "pack.h"

#include "../base/memory.h"
#include "split.h"

#include <string.h>

int32_t vectors_of(const struct kernels *kernels, int32_t floats)
{
    return floats / kernels->lanes + (floats % kernels->lanes != 0);
}

size_t packed_count(const struct kernels *kernels, struct patch_shape shape, int32_t outs)
{
    size_t count = (size_t)vectors_of(kernels, shape.run);
    if (!size_mul(count, (size_t)kernels->lanes, &count) || !size_mul(count, (size_t)shape.runs, &count) ||
        !size_mul(count, (size_t)outs, &count))
        return SIZE_MAX;
    return count;
}

/* One panel of `outs` outputs; returns where the next begins. */
static float *pack_panel(const struct kernels *kernels, struct patch_shape shape, int32_t outs, const float *w,
                         float *panel)
{
    size_t patch = (size_t)shape.runs * (size_t)shape.run;
    for (int32_t r = 0; r < shape.runs; r++)
        for (int32_t j = 0; j < shape.run; j += kernels->lanes) {
            int32_t rest = shape.run - j, count = rest < kernels->lanes ? rest : kernels->lanes;
            int32_t first_lane = shape.run < kernels->lanes ? 0 : kernels->lanes - count;
            const float *from = w + (size_t)r * (size_t)shape.run + j;
            for (int32_t o = 0; o < outs; o++, panel += kernels->lanes) {
                memset(panel, 0, (size_t)kernels->lanes * sizeof *panel);
                memcpy(panel + first_lane, from + (size_t)o * patch, (size_t)count * sizeof *panel);
            }
        }
    return panel;
}

void pack_panels(const struct kernels *kernels, struct patch_shape shape, int32_t outs, const float *w, float *panels)
{
    struct split panel_split = split_evenly(outs, kernels->panel_outs);
    for (int32_t p = 0; p < panel_split.parts; p++) {
        int32_t width = split_size(panel_split, p);
        panels = pack_panel(kernels, shape, width, w, panels);
        w += (size_t)width * (size_t)shape.runs * (size_t)shape.run;
    }
}

/* Where the first vector of one output lies; *step: floats from there to its next. */
static size_t output_at(const struct kernels *kernels, size_t each, int32_t outs, int32_t out, size_t *step)
{
    struct split panel_split = split_evenly(outs, kernels->panel_outs);
    int32_t panel = 0, first = 0;
    for (; first + split_size(panel_split, panel) <= out; panel++)
        first += split_size(panel_split, panel);
    *step = (size_t)split_size(panel_split, panel) * (size_t)kernels->lanes;
    return (size_t)first * each + (size_t)(out - first) * (size_t)kernels->lanes;
}

void repack_panels(const struct kernels *kernels, struct patch_shape shape, int32_t outs, const float *panels,
                   const int32_t *which, int32_t count, float *fewer)
{
    const size_t each = packed_count(kernels, shape, 1);
    for (int32_t i = 0; i < count; i++) {
        size_t step, fewer_step, from = output_at(kernels, each, outs, which[i], &step);
        size_t to = output_at(kernels, each, count, i, &fewer_step);
        for (size_t left = each; left; left -= (size_t)kernels->lanes, from += step, to += fewer_step)
            memcpy(fewer + to, panels + from, (size_t)kernels->lanes * sizeof *fewer);
    }
}

size_t conv_panels_count(const struct kernels *kernels, size_t floats, int32_t outs)
{
    size_t count;
    if (!size_mul((size_t)vectors_of(kernels, outs), (size_t)kernels->lanes, &count) ||
        !size_mul(count, floats, &count))
        return SIZE_MAX;
    return count;
}

void conv_pack_panels(const struct kernels *kernels, size_t floats, int32_t outs, const float *w, float *panels)
{
    struct split panel_split = split_evenly(vectors_of(kernels, outs), kernels->conv_vecs);
    for (int32_t p = 0, first = 0, width; p < panel_split.parts; p++, first += width) {
        width = split_size(panel_split, p) * kernels->lanes;
        for (size_t k = 0; k < floats; k++)
            for (int32_t o = first; o < first + width; o++)
                *panels++ = o < outs ? w[(size_t)o * floats + k] : 0;
    }
}

int32_t conv_block(const struct kernels *kernels, int32_t vecs, int32_t outs, int32_t blocks, int32_t block,
                   int32_t *first)
{
    const int32_t vectors = vectors_of(kernels, outs), panels = split_evenly(vectors, vecs).parts;
    const int64_t begin = part_begin(panels, blocks, block), end = part_begin(panels, blocks, block + 1);
    *first = (int32_t)part_begin(vectors, panels, begin) * kernels->lanes;
    const int32_t after = (int32_t)part_begin(vectors, panels, end) * kernels->lanes;
    return (after < outs ? after : outs) - *first;
}
