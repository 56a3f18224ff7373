/* Picture files in memory to pixels, and boards to PNG files.  Native only: browsers have decoders of their own. */
#ifndef PMOE_IMAGE_PICTURE_H
#define PMOE_IMAGE_PICTURE_H

#include "../pmoe.h"

enum { PICTURE_MAX_PIXELS = 1 << 26 };

struct picture {
    uint8_t *rgba; /* [height][width][4], straight alpha; NULL: none */
    int32_t width, height;
};

/* Decode PNG, JPEG, BMP or the first frame of a GIF, told apart by their bytes.  JPEGs are turned upright by their EXIF
 * orientation.  16 bits become 8; colour profiles are not applied.
 *
 * Size and format are checked before anything is decoded: PMOE_E_LIMIT above 16384 a side, above max_pixels (itself at
 * most PICTURE_MAX_PIXELS) or for files over 256 MiB; PMOE_E_FORMAT names what HEIC, AVIF, WebP, SVG, TIFF, PDF and
 * web pages are.  No single block of memory exceeds what the largest accepted picture takes, 512 MiB. */
PMOE_MUST_USE pmoe_status picture_decode(const void *file, size_t bytes, int32_t max_pixels, struct picture *picture,
                                         pmoe_error *error);
void picture_free(struct picture *picture); /* a zeroed picture is fine */

/* Write grey [height][width] as a PNG of 8-bit grey; the same bytes for the same pixels.  Removes what it began if it
 * cannot finish. */
PMOE_MUST_USE pmoe_status picture_write_png_grey(const char *path, const uint8_t *grey, int32_t width, int32_t height,
                                                 pmoe_error *error);

#endif
