/* What the native engine answers to images of any shape, for comparing runtimes.
 *
 *     logits MODEL BATCH < IMAGES > LOGITS
 *
 * Images are floats [BATCH][height][width][channels] as they lie in memory, logits [BATCH][outputs] likewise. */
#include "pmoe.h"

#include <stdio.h>
#include <stdlib.h>

static void *read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    *bytes = (size_t)ftell(file);
    rewind(file);
    void *text = malloc(*bytes + 1);
    if (text && fread(text, 1, *bytes, file) != *bytes)
        *bytes = 0;
    fclose(file);
    return text;
}

static int fail_with(const char *what)
{
    fprintf(stderr, "logits: %s\n", what);
    return 1;
}

static int answer(const pmoe_model *model, int32_t batch)
{
    pmoe_info info = pmoe_model_info(model);
    size_t count = (size_t)batch * (size_t)info.height * (size_t)info.width * (size_t)info.channels;
    float *images = malloc(count * sizeof *images);
    float *logits = malloc((size_t)batch * (size_t)info.outputs * sizeof *logits);
    pmoe_run *run = NULL;
    pmoe_error why = {PMOE_OK, "no memory, or fewer images than promised"};
    int bad = !images || !logits || fread(images, sizeof *images, count, stdin) != count ||
              pmoe_run_open(model, batch, &run, &why) != PMOE_OK || pmoe_forward(run, images, batch, logits) != PMOE_OK;
    if (!bad)
        fwrite(logits, sizeof *logits, (size_t)batch * (size_t)info.outputs, stdout);
    pmoe_run_close(&run);
    free(logits);
    free(images);
    return bad ? fail_with(why.text) : 0;
}

int main(int argc, char **argv)
{
    size_t bytes = 0;
    void *file = argc == 3 ? read_file(argv[1], &bytes) : NULL;
    if (!file)
        return fail_with("expected MODEL BATCH, a file that can be read and a number");
    pmoe_model *model = NULL;
    pmoe_error why;
    pmoe_status status = pmoe_model_open(file, bytes, NULL, &model, &why);
    free(file);
    int result = status == PMOE_OK ? answer(model, (int32_t)atoi(argv[2])) : fail_with(why.text);
    pmoe_model_close(&model);
    return result;
}
