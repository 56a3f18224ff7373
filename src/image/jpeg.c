/* Two facts from the markers of a JPEG file; see jpeg.h.  Decodes nothing, takes no memory. */
#include "jpeg.h"

#include <string.h>

enum { MARKER_SCAN = 0xda, MARKER_APP1 = 0xe1, TAG_ORIENTATION = 0x112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

/* The TIFF block inside an EXIF segment: offsets count from its start, byte order is its own choice. */
struct tiff {
    const uint8_t *data;
    size_t bytes;
    int little_endian;
};

static uint32_t tiff_u16(const struct tiff *tiff, size_t at)
{
    const uint8_t *p = tiff->data + at;
    return tiff->little_endian ? (uint32_t)p[1] << 8 | p[0] : (uint32_t)p[0] << 8 | p[1];
}

static uint32_t tiff_u32(const struct tiff *tiff, size_t at)
{
    uint32_t first = tiff_u16(tiff, at), second = tiff_u16(tiff, at + 2);
    return tiff->little_endian ? second << 16 | first : first << 16 | second;
}

/* Orientation from the first directory of a TIFF block, 0 if it has none. */
static int tiff_orientation(struct tiff tiff)
{
    if (tiff.bytes < 8)
        return 0;
    tiff.little_endian = tiff.data[0] == 'I';
    if (memcmp(tiff.data, "II*\0", 4) && memcmp(tiff.data, "MM\0*", 4))
        return 0;
    size_t directory = tiff_u32(&tiff, 4);
    if (directory > tiff.bytes - 2)
        return 0;
    size_t entries = tiff_u16(&tiff, directory);
    size_t room = (tiff.bytes - directory - 2) / ENTRY_BYTES;
    for (size_t i = 0; i < entries && i < room; i++) {
        size_t at = directory + 2 + i * ENTRY_BYTES;
        if (tiff_u16(&tiff, at) != TAG_ORIENTATION)
            continue;
        uint32_t value = tiff_u16(&tiff, at + 8);
        int usable = tiff_u16(&tiff, at + 2) == TYPE_SHORT && tiff_u32(&tiff, at + 4) == 1;
        return usable && value >= 1 && value <= 8 ? (int)value : 0;
    }
    return 0;
}

int jpeg_orientation(const uint8_t *file, size_t bytes)
{
    size_t at = 2; /* past the start-of-image marker */
    while (at + 4 <= bytes && file[at] == 0xff) {
        int marker = file[at + 1];
        if (marker == 0xff) { /* filling before a marker */
            at++;
            continue;
        }
        size_t length = (size_t)file[at + 2] << 8 | file[at + 3]; /* counts its own two bytes */
        if (marker == MARKER_SCAN || length < 2 || length > bytes - at - 2)
            return 1;
        const uint8_t *body = file + at + 4;
        if (marker == MARKER_APP1 && length >= 8 && !memcmp(body, "Exif\0\0", 6)) {
            int orientation = tiff_orientation((struct tiff){body + 6, length - 8, 0});
            return orientation ? orientation : 1;
        }
        at += 2 + length;
    }
    return 1;
}

size_t jpeg_scans(const uint8_t *file, size_t bytes)
{
    size_t scans = 0;
    for (size_t i = 0; i + 1 < bytes; i++)
        scans += file[i] == 0xff && file[i + 1] == MARKER_SCAN;
    return scans;
}
