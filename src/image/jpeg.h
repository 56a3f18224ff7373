/* What the JPEG decoder leaves out: which way up a photo is, and whether its tables and scans are within reason. */
#ifndef PMOE_IMAGE_JPEG_H
#define PMOE_IMAGE_JPEG_H

#include <stddef.h>
#include <stdint.h>

struct jpeg_facts {
    int orientation; /* of EXIF, 1 to 8; 1, upright, where the file says nothing or nonsense */
    int tables_fit;  /* no Huffman table has more codes than there are bytes to code */
    size_t scans;    /* passes over the whole picture that a few bytes each can order */
};

struct jpeg_facts jpeg_look(const uint8_t *file, size_t bytes);

#endif
