/* Fuzz target: CIFAR-10's binary files of any bytes are refused with a sentence, or serve photographs.
 *
 * Input: a byte, mod 4 the number of files less one; one to skip; then the files, all of one size. */
#include "pmoe.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void use(const pmoe_photos *photos)
{
    static uint8_t rgb[PMOE_PHOTO * PMOE_PHOTO * PMOE_PHOTO_CHANNELS];
    for (int32_t i = -1; i <= pmoe_photos_count(photos); i++) {
        int32_t label = pmoe_photos_label(photos, i);
        if (label > 9 || (label < 0) != (i < 0 || i == pmoe_photos_count(photos)))
            abort();
        pmoe_photos_pixels(photos, i, rgb);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 4 };
    if (size < 2)
        return 0;
    int32_t count = data[0] % MOST + 1;
    data += 2;
    size -= 2;
    pmoe_bytes files[MOST];
    uint8_t *copies[MOST]; /* of just their size, so that the sanitizer sees every byte read past the end */
    for (int32_t i = 0; i < count; i++) {
        size_t bytes = size / (size_t)count;
        copies[i] = malloc(bytes ? bytes : 1);
        if (!copies[i])
            abort();
        memcpy(copies[i], data + (size_t)i * bytes, bytes);
        files[i] = (pmoe_bytes){copies[i], bytes};
    }
    pmoe_photos *photos;
    pmoe_error error = {PMOE_OK, ""};
    if (pmoe_photos_open(files, count, PMOE_PHOTO, NULL, &photos, &error) == PMOE_OK)
        use(photos);
    else if (photos || error.status == PMOE_OK || !error.text[0])
        abort();
    pmoe_photos_close(&photos);
    for (int32_t i = 0; i < count; i++)
        free(copies[i]);
    return 0;
}
