/* Shapes of the tiles that conv_forward, conv_int8 and conv_gradient keep in registers: P rows, of pixels or of
 * channels, by O vectors of outputs.  The includer defines TILE_MOST_ROWS, TILE_MOST_VECS and TILE_REGISTERS. */
#ifndef PMOE_KERNELS_CONV_TILE_H
#define PMOE_KERNELS_CONV_TILE_H

/* Rows of a tile of so many vectors of outputs: its sums, the fewer of inputs and weights, and one of the other kind
 * must fit the registers. */
#define FITS(P, O) ((P) * (O) + ((P) < (O) ? (P) : (O)) + 1 <= TILE_REGISTERS && (P) <= TILE_MOST_ROWS)
#define TILE_PIXELS(O)                                                                                                 \
    (FITS(12, O)   ? 12                                                                                                \
     : FITS(11, O) ? 11                                                                                                \
     : FITS(10, O) ? 10                                                                                                \
     : FITS(9, O)  ? 9                                                                                                 \
     : FITS(8, O)  ? 8                                                                                                 \
     : FITS(7, O)  ? 7                                                                                                 \
     : FITS(6, O)  ? 6                                                                                                 \
     : FITS(5, O)  ? 5                                                                                                 \
     : FITS(4, O)  ? 4                                                                                                 \
     : FITS(3, O)  ? 3                                                                                                 \
     : FITS(2, O)  ? 2                                                                                                 \
                   : 1)

_Static_assert(TILE_MOST_ROWS <= 12 && TILE_MOST_VECS <= 6, "shapes up to 12 x 6 are listed");

#endif
