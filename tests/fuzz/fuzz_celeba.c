/* Fuzz target: lists of any bytes are refused with a sentence, or choose photographs with names that stay in a folder.
 *
 * Input: a byte, which set and split; a byte, how many photographs; then the list. */
#include "pmoe.h"

#include "data/celeba.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct celeba_photo photos[256];
    if (size < 2)
        return 0;
    pmoe_set set = (pmoe_set)(PMOE_CELEBA + data[0] % 3);
    int train = data[0] >= 128;
    int32_t most = data[1] + 1, count = -1;
    size_t bytes = size - 2;
    char *text =
        malloc(bytes ? bytes : 1); /* of just its size, so that the sanitizer sees every byte read past the end */
    if (!text)
        abort();
    memcpy(text, data + 2, bytes);
    pmoe_error error = {PMOE_OK, ""};
    if (celeba_choose(text, bytes, set, train, most, photos, &count, &error) != PMOE_OK) {
        if (error.status == PMOE_OK || !error.text[0])
            abort();
    } else if (count < 0 || count > most) {
        abort();
    } else {
        for (int32_t i = 0; i < count; i++)
            if (photos[i].label != i % pmoe_set_classes(set) || !photos[i].file[0] || photos[i].file[0] == '.' ||
                strchr(photos[i].file, '/') || strlen(photos[i].file) >= CELEBA_NAME_BYTES)
                abort();
    }
    free(text);
    return 0;
}
