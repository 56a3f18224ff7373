/* pmoe predict: what each model says of a picture, and which patches its experts took, or which experts took it.
 *
 * A picture is read as one whole board, whatever its size.  An empty one is refused: a model would name a class. */
#include "../base/error.h"
#include "../image/picture.h"
#include "commands.h"
#include "files.h"
#include "model_file.h"
#include "output.h"
#include "result.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct predict_options {
    struct option_texts models;
    const char *isa, *off;
    int64_t threads, kept;
    int32_t json;
};

enum { MOST_KEPT = 4096 }; /* beyond any model's n */

static const struct option options[] = {
    {"model", OPTION_TEXTS, offsetof(struct predict_options, models), NULL,
     "weights file (default: the three of weights/mosaic-*)", "FILE", 0, 0, NULL, 0},
    {"kept", OPTION_INT, offsetof(struct predict_options, kept), "0",
     "what if each expert kept so many patches (of a mixture: each image so many experts); 0: the model's own", "L", 0,
     MOST_KEPT, NULL, 0},
    {"off", OPTION_TEXT, offsetof(struct predict_options, off), NULL, "what if these experts were switched off", "A,C",
     0, 0, NULL, 0},
    OPTION_ROW_PASS_THREADS(struct predict_options),
    OPTION_ROW_ISA(struct predict_options),
    OPTION_ROW_JSON(struct predict_options),
};

enum { FAINTEST_INK = 32 }; /* of 255; what pmoe_digit_from_ink calls ink */

/* One model with what it needs to look at one picture at a time. */
struct seer {
    struct model_file file;
    pmoe_run *run;
    uint8_t *pixels; /* what the model is shown */
    float *image, *logits, *probabilities;
};

struct seen_picture {
    const char *path;
    int32_t width, height, inverted;
    char *predictions[OPTION_MAX_TEXTS]; /* pmoe_run_describe, one per model; for JSON only */
};

struct predictions {
    const char *command;
    struct environment environment;
    struct seer seers[OPTION_MAX_TEXTS];
    int32_t models;
    struct seen_picture *pictures;
    int32_t count;
};

/* ---- One picture, one model ---- */

/* Bits of experts as --off names them, "A,C". */
static pmoe_status read_off(const char *typed, uint64_t *off, pmoe_error *error)
{
    *off = 0;
    for (const char *at = typed, *end; at; at = *end ? end + 1 : NULL) {
        end = at + strcspn(at, ",");
        int32_t expert = expert_of_letters(at, (size_t)(end - at));
        if (expert < 0 || expert >= 64)
            return fail(error, PMOE_E_ARGUMENT,
                        "--off: expected letters of experts, A to Z or AA to BL, with commas between, found \"%.40s\"",
                        typed);
        *off |= (uint64_t)1 << expert;
    }
    return PMOE_OK;
}

static int routes(pmoe_info info)
{
    return info.experts || info.mixed_experts;
}

static pmoe_status seer_open(struct seer *seer, int32_t threads, pmoe_what_if what_if, pmoe_error *error)
{
    pmoe_info info = pmoe_model_info(seer->file.model);
    if (info.channels != 1 && info.channels != 3)
        return fail(error, PMOE_E_ARGUMENT,
                    "%.100s: expected a model of grey or colour images, found one of %d channels", seer->file.path,
                    info.channels);
    size_t pixels = (size_t)info.height * (size_t)info.width * (size_t)info.channels;
    seer->pixels = malloc(pixels);
    seer->image = malloc(pixels * sizeof *seer->image);
    seer->logits = malloc((size_t)info.outputs * sizeof *seer->logits);
    seer->probabilities = malloc((size_t)info.classes * sizeof *seer->probabilities);
    if (!seer->pixels || !seer->image || !seer->logits || !seer->probabilities)
        return fail(error, PMOE_E_MEMORY, "%.100s: no memory for its input", seer->file.path);
    pmoe_error why;
    pmoe_status status = pmoe_run_open_what_if(seer->file.model, 1, routes(info) ? &what_if : NULL, &seer->run, &why);
    if (status != PMOE_OK)
        return fail_at(error, seer->file.path, why);
    return pmoe_run_threads(seer->run, threads, error);
}

static void seer_close(struct seer *seer)
{
    pmoe_run_close(&seer->run);
    free(seer->probabilities);
    free(seer->logits);
    free(seer->image);
    free(seer->pixels);
    model_file_close(&seer->file);
}

/* A board is empty when no pixel is ink. */
static int has_ink(const uint8_t *grey, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (grey[i] >= FAINTEST_INK)
            return 1;
    return 0;
}

static pmoe_status see(struct seer *seer, const struct picture *picture, struct seen_picture *seen, pmoe_error *error)
{
    pmoe_info info = pmoe_model_info(seer->file.model);
    size_t pixels = (size_t)info.height * (size_t)info.width * (size_t)info.channels;
    pmoe_error why;
    pmoe_status status = info.channels == 1
                             ? pmoe_board_from_rgba(picture->rgba, picture->width, picture->height, info.width,
                                                    info.height, seer->pixels, &seen->inverted, &why)
                             : pmoe_photo_from_rgba(picture->rgba, picture->width, picture->height, info.width,
                                                    info.height, seer->pixels, &why);
    if (status != PMOE_OK)
        return fail_at(error, seen->path, why);
    if (info.channels == 1 && !has_ink(seer->pixels, pixels))
        return fail(error, PMOE_E_ARGUMENT, "%s: the board is empty, no pixel reaches %d of 255: nothing to predict",
                    short_path(seen->path), FAINTEST_INK);
    pmoe_bytes_to_floats(seer->pixels, pixels, seer->image);
    status = pmoe_forward(seer->run, seer->image, 1, seer->logits);
    return status == PMOE_OK ? PMOE_OK : fail(error, status, "%.100s: %s", seen->path, pmoe_status_name(status));
}

static char *describe(const struct seer *seer)
{
    size_t length = pmoe_run_describe(seer->run, 0, seer->logits, NULL, 0);
    char *text = malloc(length + 1);
    if (text)
        pmoe_run_describe(seer->run, 0, seer->logits, text, length + 1);
    return text;
}

/* ---- Printing ---- */

static void add_routing(pmoe_routing routing, struct output *out)
{
    for (int32_t s = 0; s < routing.experts; s++) {
        char letters[EXPERT_LETTERS];
        int off = s < 64 && (routing.off >> s & 1);
        output_add(out, "      expert %-3s%s", expert_letters(s, letters), off ? "  off" : "");
        for (int32_t j = 0; !off && j < routing.kept; j++)
            output_add(out, "  %2d (%.3f)", routing.picks[s * routing.kept + j] + 1,
                       (double)routing.gates[s * routing.kept + j]);
        output_add(out, "\n");
    }
}

static void add_mixing(pmoe_mixing mixing, struct output *out)
{
    if (!mixing.experts)
        return;
    output_add(out, "      experts kept of %d (gate):", mixing.experts);
    for (int32_t j = 0; j < mixing.kept; j++) {
        char letters[EXPERT_LETTERS];
        output_add(out, "  %s (%.3f)", expert_letters(mixing.picks[j], letters), (double)mixing.gates[j]);
    }
    output_add(out, "\n");
}

static void add_prediction(const struct seer *seer, struct output *out)
{
    pmoe_info info = pmoe_model_info(seer->file.model);
    int32_t best = pmoe_probabilities(seer->file.model, seer->logits, seer->probabilities);
    output_add(out, "  %-18s class %s, %.2f%%;", info.name, pmoe_model_class(seer->file.model, best),
               100 * (double)seer->probabilities[best]);
    for (int32_t c = 0; c < info.classes && c < 10; c++)
        output_add(out, " %s: %.2f%%", pmoe_model_class(seer->file.model, c), 100 * (double)seer->probabilities[c]);
    output_add(out, "; %lld multiply-adds\n", (long long)pmoe_run_multiply_adds(seer->run));
    pmoe_routing routing = pmoe_run_routing(seer->run, 0);
    if (routing.experts)
        output_add(out, "      patches kept of %d, counted from 1 in reading order (gate):\n", routing.patches);
    add_routing(routing, out);
    add_mixing(pmoe_run_mixing(seer->run, 0), out);
}

static void write_json(struct json_writer *json, const void *context)
{
    const struct predictions *all = context;
    result_begin(json, "predict", all->command, pmoe_model_info(all->seers[0].file.model).isa, &all->environment);
    json_open_array(json, "pictures");
    for (int32_t i = 0; i < all->count; i++) {
        const struct seen_picture *seen = &all->pictures[i];
        json_open_object(json, NULL);
        json_add_text(json, "file", seen->path);
        json_add_int(json, "width", seen->width);
        json_add_int(json, "height", seen->height);
        json_add_bool(json, "inverted", seen->inverted);
        json_open_array(json, "models");
        for (int32_t m = 0; m < all->models; m++) {
            json_open_object(json, NULL);
            json_add_text(json, "file", all->seers[m].file.path);
            json_add_text(json, "sha256", all->seers[m].file.sha256);
            json_add_int(json, "multiply_adds", pmoe_run_multiply_adds(all->seers[m].run));
            json_add_raw(json, "prediction", seen->predictions[m], strlen(seen->predictions[m]));
            json_close_object(json);
        }
        json_close_array(json);
        json_close_object(json);
    }
    json_close_array(json);
    json_close_object(json);
}

/* ---- All of them ---- */

static pmoe_status predict_picture(struct predictions *all, struct seen_picture *seen, int32_t as_json,
                                   struct output *out, pmoe_error *error)
{
    struct file file;
    struct picture picture;
    pmoe_error why;
    TRY(file_read(seen->path, FILE_PICTURE_CAP, &file, error));
    pmoe_status status = picture_decode(file.bytes, file.count, PICTURE_MAX_PIXELS, &picture, &why);
    file_close(&file);
    if (status != PMOE_OK)
        return fail_at(error, seen->path, why);
    seen->width = picture.width;
    seen->height = picture.height;
    for (int32_t m = 0; m < all->models && status == PMOE_OK; m++) {
        status = see(&all->seers[m], &picture, seen, error);
        if (status != PMOE_OK)
            break;
        if (!as_json && m == 0)
            output_add(out, "%s: %d x %d%s\n", seen->path, picture.width, picture.height,
                       seen->inverted ? ", inverted (dark on light)" : "");
        if (!as_json)
            add_prediction(&all->seers[m], out);
        else if (!(seen->predictions[m] = describe(&all->seers[m])))
            status = fail(error, PMOE_E_MEMORY, "%.100s: no memory for the result", seen->path);
    }
    picture_free(&picture);
    return status;
}

static pmoe_status predict_all(struct predictions *all, const struct predict_options *wanted,
                               const struct invocation *typed, struct output *out, pmoe_error *error)
{
    pmoe_what_if what_if = {.kept = (int32_t)wanted->kept};
    TRY(read_off(wanted->off, &what_if.off, error));
    int32_t routed = 0;
    for (int32_t m = 0; m < all->models; m++) {
        TRY(seer_open(&all->seers[m], (int32_t)wanted->threads, what_if, error));
        routed += routes(pmoe_model_info(all->seers[m].file.model));
    }
    if (!routed && (what_if.kept || what_if.off))
        return fail(error, PMOE_E_ARGUMENT, "--%s: expected a model that routes, found none",
                    what_if.kept ? "kept" : "off");
    for (; all->count < typed->operands; all->count++) {
        all->pictures[all->count].path = typed->operand[all->count];
        TRY(predict_picture(all, &all->pictures[all->count], wanted->json, out, error));
    }
    if (wanted->json)
        output_json(out, write_json, all);
    return PMOE_OK;
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    const struct predict_options *wanted = given;
    struct predictions all = {.command = typed->line, .environment = environment_read()};
    struct model_file files[OPTION_MAX_TEXTS];
    TRY(model_files_open(&wanted->models, wanted->isa, files, &all.models, error));
    for (int32_t m = 0; m < all.models; m++)
        all.seers[m].file = files[m];
    all.pictures = calloc((size_t)typed->operands, sizeof *all.pictures);
    pmoe_status status = all.pictures ? predict_all(&all, wanted, typed, out, error)
                                      : fail(error, PMOE_E_MEMORY, "no memory for %d pictures", typed->operands);
    for (int32_t i = 0; all.pictures && i < typed->operands; i++)
        for (int32_t m = 0; m < all.models; m++)
            free(all.pictures[i].predictions[m]);
    free(all.pictures);
    for (int32_t m = 0; m < all.models; m++)
        seer_close(&all.seers[m]);
    return status;
}

const struct command command_predict = {
    .name = "predict",
    .operands = "IMAGE...",
    .summary = "class, probabilities and routed patches or experts of pictures, of boards or whatever the model knows "
               "(PNG, JPEG, "
               "BMP, GIF)",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct predict_options),
    .min_operands = 1,
    .max_operands = INT32_MAX,
    .run = run,
};
