/* Picture files: formats told apart, limits checked, stb_image called, photos turned upright.
 *
 * The only file that sees stb_image and stb_image_write.  Leaves out: colour management, animation, and EXIF in
 * anything but JPEG. */
#include "picture.h"

#include "../base/error.h"
#include "jpeg.h"
#include "span.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_FILE_BYTES = 1 << 28,
    /* A progressive JPEG can order the whole picture to be gone through once per scan, at some 10 bytes a scan and, for
     * the largest picture, a second.  Honest ones have up to ten. */
    SCANS_OF_LARGEST = 10,
    /* 16-bit RGBA of the largest picture and a filter byte a row.  stb_image inflates PNG data to wherever it leads;
     * this is where it ends. */
    MAX_BLOCK = 8 * PICTURE_MAX_PIXELS + IMAGE_MAX_SIDE
};

/* Zeroed, because stb_image 2.27 decodes with Huffman tables that a file names and never gives. */
static void *stb_alloc(size_t bytes)
{
    return bytes > MAX_BLOCK ? NULL : calloc(1, bytes);
}

static void *stb_grow(void *block, size_t bytes)
{
    return bytes > MAX_BLOCK ? NULL : realloc(block, bytes);
}

#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_FAILURE_USERMSG
#define STBI_MALLOC(bytes) stb_alloc(bytes)
#define STBI_REALLOC(block, bytes) stb_grow(block, bytes)
#define STBI_FREE(block) free(block)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
/* For the rest of this file: gcc says it at the end, and also of system headers. */
#pragma GCC diagnostic ignored "-Wunused-function"
#if defined(__clang__)
/* Sanitizer builds go on watching every bound and address in there; arithmetic that C leaves open and every compiler
 * does alike (shifted signs, NULL and 0 bytes, wrapping sums in damaged JPEGs) is not ours to mend. */
#pragma clang attribute push(                                                                                          \
    __attribute__((no_sanitize("shift", "signed-integer-overflow", "pointer-overflow", "nonnull-attribute"))),         \
    apply_to = function)
#endif
#include <stb_image.h>
#include <stb_image_write.h>
#if defined(__clang__)
#pragma clang attribute pop
#endif

/* ---- Formats by their bytes --------------------------------------------------------------------------------- */

struct format {
    const char *name;
    size_t at; /* where the signature stands */
    const char *signature;
    size_t bytes;
    int readable;
};

#define SIGNATURE(text) text, sizeof(text) - 1

static const struct format formats[] = {
    {"PNG", 0, SIGNATURE("\x89PNG\r\n\x1a\n"), 1},
    {"JPEG", 0, SIGNATURE("\xff\xd8\xff"), 1},
    {"GIF", 0, SIGNATURE("GIF8"), 1},
    {"BMP", 0, SIGNATURE("BM"), 1},
    {"WebP", 8, SIGNATURE("WEBP"), 0},
    {"AVIF", 4, SIGNATURE("ftypavif"), 0},
    {"AVIF", 4, SIGNATURE("ftypavis"), 0},
    {"HEIC", 4, SIGNATURE("ftyphei"), 0},
    {"HEIC", 4, SIGNATURE("ftyphev"), 0},
    {"HEIC", 4, SIGNATURE("ftypmif1"), 0},
    {"HEIC", 4, SIGNATURE("ftypmsf1"), 0},
    {"video", 4, SIGNATURE("ftyp"), 0},
    {"TIFF", 0, SIGNATURE("II*\0"), 0},
    {"TIFF", 0, SIGNATURE("MM\0*"), 0},
    {"JPEG XL", 0, SIGNATURE("\xff\x0a"), 0},
    {"JPEG XL", 4, SIGNATURE("JXL "), 0},
    {"JPEG 2000", 4, SIGNATURE("jP  "), 0},
    {"PDF", 0, SIGNATURE("%PDF"), 0},
    {"gzip", 0, SIGNATURE("\x1f\x8b"), 0},
    {"SVG", 0, SIGNATURE("<svg"), 0},
    {"SVG or XML", 0, SIGNATURE("<?xml"), 0},
    {"web page (HTML)", 0, SIGNATURE("<!"), 0},
    {"web page (HTML)", 0, SIGNATURE("<html"), 0},
};

static const struct format *format_of(const uint8_t *file, size_t bytes)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const struct format *format = &formats[i];
        if (bytes >= format->at + format->bytes && !memcmp(file + format->at, format->signature, format->bytes))
            return format;
    }
    return NULL;
}

static int is_jpeg(const struct format *format)
{
    return !strcmp(format->name, "JPEG");
}

/* stb_image gave up on the header.  For sizes far beyond its own limits it says only that the file is corrupt. */
static pmoe_status header_failed(const struct format *format, const uint8_t *file, size_t bytes, pmoe_error *error)
{
    enum { PNG_WIDTH = 16 }; /* where a PNG has its width; the height follows, both big-endian */
    if (!strcmp(format->name, "PNG") && bytes >= PNG_WIDTH + 8) {
        const uint8_t *at = file + PNG_WIDTH;
        unsigned long width = (unsigned long)at[0] << 24 | (unsigned long)at[1] << 16 | (unsigned)at[2] << 8 | at[3];
        unsigned long height = (unsigned long)at[4] << 24 | (unsigned long)at[5] << 16 | (unsigned)at[6] << 8 | at[7];
        if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE)
            return fail(error, PMOE_E_LIMIT, "picture: at most %d pixels a side, found %lu x %lu", IMAGE_MAX_SIDE,
                        width, height);
    }
    return fail(error, PMOE_E_FORMAT, "picture: begins like a %s, but its header cannot be read", format->name);
}

/* Everything that can be known without decoding. */
static pmoe_status check_file(const uint8_t *file, size_t bytes, int32_t max_pixels, const struct format **format,
                              struct picture *size, pmoe_error *error)
{
    if (!file || bytes == 0)
        return fail(error, PMOE_E_FORMAT, "picture: the file is empty");
    if (bytes > MAX_FILE_BYTES)
        return fail(error, PMOE_E_LIMIT, "picture: files of at most %d bytes are read, found %llu", MAX_FILE_BYTES,
                    (unsigned long long)bytes);
    *format = format_of(file, bytes);
    if (!*format)
        return fail(error, PMOE_E_FORMAT,
                    "picture: expected a PNG, JPEG, BMP or GIF, found a file that begins with %02x", file[0]);
    const char *name = (*format)->name;
    if (!(*format)->readable)
        return fail(error, PMOE_E_FORMAT, "picture: expected a PNG, JPEG, BMP or GIF, found %s; save it as PNG or JPEG",
                    name);
    /* Before stb_image sees a byte: even reading the header trusts the tables. */
    struct jpeg_facts facts = is_jpeg(*format) ? jpeg_look(file, bytes) : (struct jpeg_facts){1, 1, 0};
    if (!facts.tables_fit)
        return fail(error, PMOE_E_FORMAT, "picture: this JPEG has a Huffman table of more than 256 codes");
    int width = 0, height = 0, channels;
    if (!stbi_info_from_memory(file, (int)bytes, &width, &height, &channels) || width < 1 || height < 1)
        return header_failed(*format, file, bytes, error);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE || (int64_t)width * height > max_pixels)
        return fail(error, PMOE_E_LIMIT, "picture: at most %d pixels a side and %d in all, found %d x %d",
                    IMAGE_MAX_SIDE, (int)max_pixels, width, height);
    uint64_t most_scans = (uint64_t)SCANS_OF_LARGEST * PICTURE_MAX_PIXELS / ((uint64_t)width * (uint64_t)height);
    if (facts.scans > most_scans)
        return fail(error, PMOE_E_LIMIT, "picture: a JPEG of %d x %d may have at most %llu scans, found %lu", width,
                    height, (unsigned long long)most_scans, (unsigned long)facts.scans);
    *size = (struct picture){NULL, width, height};
    return PMOE_OK;
}

/* ---- Turning upright ---------------------------------------------------------------------------------------- */

/* EXIF orientation as steps from the upright picture back to the stored one. */
struct turn {
    int swap;           /* upright x runs along stored y */
    int flip_x, flip_y; /* then stored x or y counts from the far side */
};

static const struct turn turns[9] = {
    [2] = {0, 1, 0}, [3] = {0, 1, 1}, [4] = {0, 0, 1}, [5] = {1, 0, 0},
    [6] = {1, 0, 1}, [7] = {1, 1, 1}, [8] = {1, 1, 0},
};

static pmoe_status turn_upright(struct picture *picture, int orientation, pmoe_error *error)
{
    if (orientation == 1)
        return PMOE_OK;
    struct turn turn = turns[orientation];
    const struct picture stored = *picture;
    struct picture upright = {NULL, turn.swap ? stored.height : stored.width, turn.swap ? stored.width : stored.height};
    upright.rgba = malloc((size_t)stored.width * (size_t)stored.height * 4);
    if (!upright.rgba)
        return fail(error, PMOE_E_MEMORY, "picture: no memory to turn %d x %d pixels upright", (int)stored.width,
                    (int)stored.height);
    for (int32_t y = 0; y < upright.height; y++)
        for (int32_t x = 0; x < upright.width; x++) {
            int32_t from_x = turn.swap ? y : x, from_y = turn.swap ? x : y;
            from_x = turn.flip_x ? stored.width - 1 - from_x : from_x;
            from_y = turn.flip_y ? stored.height - 1 - from_y : from_y;
            memcpy(upright.rgba + ((size_t)y * upright.width + x) * 4,
                   stored.rgba + ((size_t)from_y * stored.width + from_x) * 4, 4);
        }
    free(picture->rgba);
    *picture = upright;
    return PMOE_OK;
}

/* ---- Decoding and writing ----------------------------------------------------------------------------------- */

static pmoe_status decode_failed(const char *name, pmoe_error *error)
{
    const char *reason = stbi_failure_reason();
    if (reason && !strcmp(reason, "Out of memory"))
        return fail(error, PMOE_E_MEMORY, "picture: decoding this %s takes more memory than a picture may", name);
    return fail(error, PMOE_E_FORMAT, "picture: this %s is damaged or cut short (%s)", name,
                reason ? reason : "no reason given");
}

pmoe_status picture_decode(const void *file, size_t bytes, int32_t max_pixels, struct picture *picture,
                           pmoe_error *error)
{
    if (!picture || max_pixels < 1 || max_pixels > PICTURE_MAX_PIXELS)
        return fail(error, PMOE_E_ARGUMENT, "picture: needs a place for it and a limit of 1 to %d pixels",
                    PICTURE_MAX_PIXELS);
    const struct format *format = NULL;
    struct picture made;
    TRY(check_file(file, bytes, max_pixels, &format, &made, error));

    int width = 0, height = 0, channels;
    made.rgba = stbi_load_from_memory(file, (int)bytes, &width, &height, &channels, 4);
    if (!made.rgba)
        return decode_failed(format->name, error);
    pmoe_status status = PMOE_OK;
    if (width != made.width || height != made.height)
        status = fail(error, PMOE_E_FORMAT, "picture: the header announces %d x %d pixels, the data holds %d x %d",
                      (int)made.width, (int)made.height, width, height);
    else if (is_jpeg(format))
        status = turn_upright(&made, jpeg_look(file, bytes).orientation, error);
    if (status != PMOE_OK) {
        free(made.rgba);
        return status;
    }
    *picture = made;
    return PMOE_OK;
}

void picture_free(struct picture *picture)
{
    free(picture->rgba);
    *picture = (struct picture){NULL, 0, 0};
}

/* 0, or the errno of what went wrong; then a half-written file is removed, but never a device. */
static int write_file(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return errno;
    struct stat kind;
    int removable = fstat(fileno(file), &kind) == 0 && S_ISREG(kind.st_mode);
    int cause = fwrite(data, 1, bytes, file) == bytes ? 0 : errno;
    if (fclose(file) != 0 && !cause)
        cause = errno;
    if (cause && removable)
        remove(path);
    return cause;
}

pmoe_status picture_write_png_grey(const char *path, const uint8_t *grey, int32_t width, int32_t height,
                                   pmoe_error *error)
{
    if (!path || !grey || width < 1 || height < 1 || width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE)
        return fail(error, PMOE_E_ARGUMENT, "picture: needs a path and 1 to %d pixels a side to write, found %d x %d",
                    IMAGE_MAX_SIDE, (int)width, (int)height);
    int bytes;
    unsigned char *png = stbi_write_png_to_mem(grey, width, width, height, 1, &bytes);
    if (!png)
        return fail(error, PMOE_E_MEMORY, "picture: no memory to write %d x %d pixels", (int)width, (int)height);
    int cause = write_file(path, png, (size_t)bytes);
    free(png);
    if (cause)
        return fail(error, PMOE_E_IO, "picture: %s could not be written: %s", path, strerror(cause));
    return PMOE_OK;
}
