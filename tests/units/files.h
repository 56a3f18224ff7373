/* Files of the repository for tests, which run from its root. */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include "pmoe.h"

#include <stdio.h>
#include <stdlib.h>

/* The whole file in a block of just its size, so that sanitizers see a byte read past its end; ends the program where
 * it cannot be read, because no test of it can then mean anything. */
static uint8_t *read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    long length = -1;
    if (file && fseek(file, 0, SEEK_END) == 0)
        length = ftell(file);
    uint8_t *data = length > 0 ? malloc((size_t)length) : NULL;
    if (data) {
        rewind(file);
        *bytes = fread(data, 1, (size_t)length, file);
    }
    if (!data || *bytes != (size_t)length) {
        fprintf(stderr, "%s cannot be read; run tests from the repository's root\n", path);
        exit(1);
    }
    fclose(file);
    return data;
}

#endif
