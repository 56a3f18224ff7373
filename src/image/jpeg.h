/* What the JPEG decoder does not look at: which way up a photo is, and whether decoding it can take for ever. */
#ifndef PMOE_IMAGE_JPEG_H
#define PMOE_IMAGE_JPEG_H

#include <stddef.h>
#include <stdint.h>

/* EXIF orientation, 1 to 8; 1, upright, where the file says nothing or nonsense. */
int jpeg_orientation(const uint8_t *file, size_t bytes);

/* Start-of-scan markers anywhere in the file.  A progressive file of a few bytes a scan can order the whole picture to
 * be gone through once per scan; honest ones have about ten. */
size_t jpeg_scans(const uint8_t *file, size_t bytes);

#endif
