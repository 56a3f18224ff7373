/* Facts from the markers of a JPEG file; see jpeg.h.  Decodes nothing, takes no memory.
 *
 * The walk visits every marker that stb_image can come to: it goes forward from marker to marker, steps over segments
 * by their length, and inside coded data stops at everything that is not stuffing or a restart.  What follows the end
 * marker (a phone's video, a second picture) is no part of the picture. */
#include "jpeg.h"

#include <string.h>

enum {
    MARKER_STUFFING = 0x00, /* a coded byte ff */
    MARKER_TABLES = 0xc4,   /* Huffman tables */
    MARKER_RESTART_0 = 0xd0,
    MARKER_RESTART_7 = 0xd7,
    MARKER_END = 0xd9,
    MARKER_SCAN = 0xda,
    MARKER_APP1 = 0xe1,
    TAG_ORIENTATION = 0x112,
    TYPE_SHORT = 3,
    ENTRY_BYTES = 12
};

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

/* Does every Huffman table of a segment have at most 256 codes?  stb_image 2.27 believes the counts and writes past its
 * table.  Like stb_image, this reads on where a table passes the segment's end, and takes zeros past the file's. */
static int tables_fit(const uint8_t *file, size_t bytes, size_t at, long left)
{
    while (left > 0 && at < bytes) {
        const long head = 1 + 16; /* which table; how many codes of 1 to 16 bits */
        long codes = 0;
        for (size_t i = 1; i < (size_t)head && i < bytes - at; i++)
            codes += file[at + i];
        if (codes > 256)
            return 0;
        left -= head + codes;
        at += (size_t)(head + codes);
    }
    return 1;
}

static int exif_orientation(const uint8_t *body, size_t bytes)
{
    if (bytes < 6 || memcmp(body, "Exif\0\0", 6))
        return 0;
    return tiff_orientation((struct tiff){body + 6, bytes - 6, 0});
}

struct jpeg_facts jpeg_look(const uint8_t *file, size_t bytes)
{
    struct jpeg_facts facts = {0, 1, 0};
    size_t at = 2; /* past the start-of-image marker */
    while (at < bytes) {
        const uint8_t *found = memchr(file + at, 0xff, bytes - at);
        if (!found)
            break;
        at = (size_t)(found - file);
        while (at < bytes && file[at] == 0xff)
            at++;
        if (bytes - at < 3)
            break;
        int marker = file[at++];
        if (marker == MARKER_STUFFING || (marker >= MARKER_RESTART_0 && marker <= MARKER_RESTART_7))
            continue;
        size_t length = (size_t)file[at] << 8 | file[at + 1]; /* counts its own two bytes */
        if (marker == MARKER_END || length < 2)
            break;
        if (marker == MARKER_TABLES)
            facts.tables_fit &= tables_fit(file, bytes, at + 2, (long)length - 2);
        facts.scans += marker == MARKER_SCAN;
        if (length > bytes - at)
            break;
        if (marker == MARKER_APP1 && !facts.orientation)
            facts.orientation = exif_orientation(file + at + 2, length - 2);
        at += length;
    }
    if (!facts.orientation)
        facts.orientation = 1;
    return facts;
}
