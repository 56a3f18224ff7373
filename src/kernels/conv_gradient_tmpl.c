/* conv_gradient: the gradient of conv_forward by its weights.
 *
 * Vectors run along the outputs.  A tile keeps P channels of one tap x O vectors of dw in registers and lets a block of
 * pixels pass, each giving P broadcast inputs and O vectors of dy.  Blocks are so few pixels that their inputs and
 * gradients stay in the first-level cache while all taps and tiles pass.
 *
 * Every element of dw starts from what it held and adds the pixels in order, so neither the tile's shape nor the blocks
 * change a bit of the result. */
#include "split.h"
#include "tmpl.h"

enum { TILE_MOST_ROWS = VF_CONV_PIXELS, TILE_MOST_VECS = VF_CONV_VECS, TILE_REGISTERS = VF_CONV_REGISTERS };
#include "conv_tile.h"

enum {
    MOST_SUMS = TILE_REGISTERS,
    BLOCK_BYTES = 1 << 15, /* of inputs and gradients: what a first-level cache holds */
    LEAST_BLOCK = 48,      /* pixels, so that loading and storing sums does not count */
};

/* Pixels that pass all tiles together, of one row of all images' pixels. */
struct block {
    const struct conv_shape *shape;
    const float *const *x;
    const float *dy;
    int32_t image, pixel, count;
};

/* What of dw a tile holds: channels from c on of tap t, outputs from o on. */
struct place {
    float *dw;
    int32_t t, c, o, last; /* last: outputs in the last vector */
};

INLINE vf load_outs(const float *p, int whole, int32_t last)
{
    return whole ? vf_load(p) : vf_load_part(p, vf_part_of(last));
}

/* P channels by O vectors of outputs, constants after inlining. */
INLINE void tile(const int P, const int O, const int whole, const struct block *block, const struct place *place)
{
    vf sums[MOST_SUMS];
    const struct conv_shape *shape = block->shape;
    float *dw = place->dw;
    EACH (p, P)
        EACH (o, O)
            sums[p * O + o] =
                load_outs(dw + (ptrdiff_t)p * shape->outs + o * VF_LANES, whole || o < O - 1, place->last);
    int32_t image = block->image, pixel = block->pixel;
    for (int32_t left = block->count; left > 0;) {
        const float *x = block->x[image], *dy = block->dy + image * shape->y_image + pixel * shape->y_pixel + place->o;
        const int32_t *at = shape->at + (ptrdiff_t)pixel * shape->taps + place->t;
        int32_t pixels = shape->pixels - pixel < left ? shape->pixels - pixel : left;
        for (int32_t i = 0; i < pixels; i++, at += shape->taps, dy += shape->y_pixel) {
            const float *from = *at < 0 ? shape->zeros : x + *at;
            vf factor[6];
            EACH (o, O)
                factor[o] = vf_keep(load_outs(dy + o * VF_LANES, whole || o < O - 1, place->last));
            EACH (p, P) {
                vf in = vf_load_splat(from + place->c + p);
                EACH (o, O)
                    sums[p * O + o] = vf_fma(in, factor[o], sums[p * O + o]);
            }
        }
        left -= pixels;
        pixel = 0;
        image++;
    }
    EACH (p, P)
        EACH (o, O) {
            float *to = dw + (ptrdiff_t)p * shape->outs + o * VF_LANES;
            if (whole || o < O - 1)
                vf_store(to, sums[p * O + o]);
            else
                vf_store_part(to, sums[p * O + o], vf_part_of(place->last));
        }
}

/* Tiles of P channels while there are so many left, P no more than registers allow. */
#define TILES(P, O, whole)                                                                                             \
    for (; P <= TILE_PIXELS(O) && channels - place.c >= P; place.c += P, place.dw += P * row)                          \
        tile(P, O, whole, block, &place);

/* All channels of a tap. */
#define COLUMN(O)                                                                                                      \
    static __attribute__((noinline)) void column_##O(const struct block *block, struct place place)                    \
    {                                                                                                                  \
        const ptrdiff_t row = block->shape->outs;                                                                      \
        const int32_t channels = block->shape->channels;                                                               \
        if (O > VF_CONV_VECS)                                                                                          \
            return;                                                                                                    \
        if (place.last == VF_LANES) {                                                                                  \
            TILES(12, O, 1) TILES(8, O, 1) TILES(6, O, 1) TILES(4, O, 1) TILES(2, O, 1) TILES(1, O, 1)                 \
        } else {                                                                                                       \
            TILES(8, O, 0) TILES(4, O, 0) TILES(2, O, 0) TILES(1, O, 0)                                                \
        }                                                                                                              \
    }
COLUMN(1)
COLUMN(2)
COLUMN(3)
COLUMN(4)
COLUMN(5)
COLUMN(6)

static void run_column(int32_t vecs, const struct block *block, struct place place)
{
    switch (vecs) {
    case 1: column_1(block, place); break;
    case 2: column_2(block, place); break;
    case 3: column_3(block, place); break;
    case 4: column_4(block, place); break;
    case 5: column_5(block, place); break;
    case 6: column_6(block, place); break;
    }
}

static void run_block(float *dw, const struct block *block)
{
    const struct conv_shape *shape = block->shape;
    const struct split split = split_evenly(shape->outs / VF_LANES + (shape->outs % VF_LANES != 0), VF_CONV_VECS);
    for (int32_t t = 0; t < shape->taps; t++)
        for (int32_t part = 0, o = 0; part < split.parts; part++) {
            const int32_t vecs = split_size(split, part), last = shape->outs - o - (vecs - 1) * VF_LANES;
            run_column(vecs, block,
                       (struct place){.dw = dw + (ptrdiff_t)t * shape->channels * shape->outs + o,
                                      .t = t,
                                      .o = o,
                                      .last = last < VF_LANES ? last : VF_LANES});
            o += vecs * VF_LANES;
        }
}

void KFN(conv_gradient)(float *dw, const float *const *x, int32_t images, const struct conv_shape *shape,
                        const float *dy)
{
    int32_t fit = BLOCK_BYTES / (int32_t)sizeof(float) / (shape->channels + shape->outs);
    const int32_t most = fit < LEAST_BLOCK ? LEAST_BLOCK : fit;
    for (int32_t image = 0; image < images;) {
        /* Whole images, or, where one is more than a block, parts of it. */
        struct block block = {.shape = shape, .x = x, .dy = dy, .image = image};
        if (shape->pixels >= most) {
            const struct split split = split_evenly(shape->pixels, most);
            for (int32_t part = 0; part < split.parts; part++) {
                block.count = split_size(split, part);
                run_block(dw, &block);
                block.pixel += block.count;
            }
            image++;
            continue;
        }
        int32_t together = most / shape->pixels < images - image ? most / shape->pixels : images - image;
        block.count = together * shape->pixels;
        run_block(dw, &block);
        image += together;
    }
}
