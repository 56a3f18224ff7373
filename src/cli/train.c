/* pmoe train: one recipe, from data to a weights file. */
#include "../base/error.h"
#include "../study/accuracy.h"
#include "../train/recipe.h"
#include "commands.h"
#include "data_dir.h"
#include "model_file.h"
#include "output.h"
#include "progress.h"
#include "result.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct train_options {
    const char *data, *backgrounds, *out, *checkpoint, *resume, *gate, *divisor, *optimizer, *schedule, *output, *stem,
        *stages, *pooling, *balance, *isa;
    int64_t seed, threads, samples, batch, epochs, router_epochs, depth, widen, patch, norm, filters, head_width,
        experts, kept, shift, flip, nesterov, boards, checkpoint_every, test_every;
    double rate, rate_end, router_rate, momentum, decay, smoothing, dropout, noise, importance, load, kl;
    int32_t set, json;
};

#define AT(field) offsetof(struct train_options, field)
#define MOST 2147483647.0

static const struct option options[] = {
    {"data", OPTION_TEXT, AT(data), NULL, "folder of MNIST's or CIFAR-10's files (default: below data/)", "DIR", 0, 0,
     NULL, 0},
    {"set", OPTION_CHOICE, AT(set), NULL, "what to train and judge on (default: the recipe's)", "SET", 0, 0, set_names,
     0},
    {"backgrounds", OPTION_TEXT, AT(backgrounds), NULL,
     "of the set noise: a folder of pictures to put the photographs on (default: shuffled crops of photographs)", "DIR",
     0, 0, NULL, 0},
    {"out", OPTION_TEXT, AT(out), NULL, "weights file to write", "FILE", 0, 0, NULL, 1},
    OPTION_ROW_SEED(struct train_options, "of initial weights, boards and their order"),
    {"samples", OPTION_INT, AT(samples), NULL, "boards or photographs an epoch (default: the recipe's, as below)", "N",
     1, MOST, NULL, 0},
    {"batch", OPTION_INT, AT(batch), NULL, "samples a step", "N", 1, MOST, NULL, 0},
    {"epochs", OPTION_INT, AT(epochs), NULL, "epochs of the experts", "N", 1, MOST, NULL, 0},
    {"router-epochs", OPTION_INT, AT(router_epochs), NULL, "epochs of separate routers", "N", 1, MOST, NULL, 0},
    {"optimizer", OPTION_TEXT, AT(optimizer), NULL, "sgd or adam", "NAME", 0, 0, NULL, 0},
    {"momentum", OPTION_NUMBER, AT(momentum), "-1", "of SGD; -1: the recipe's", "M", -1, 1, NULL, 0},
    {"nesterov", OPTION_INT, AT(nesterov), "-1", "1: Nesterov's momentum, 0: plain; -1: the recipe's", "B", -1, 1, NULL,
     0},
    {"decay", OPTION_NUMBER, AT(decay), "-1", "of weights, not of biases and norms; -1: the recipe's", "D", -1, 1000,
     NULL, 0},
    {"schedule", OPTION_TEXT, AT(schedule), NULL, "of the rate: line, cosine, one_cycle or step", "NAME", 0, 0, NULL,
     0},
    {"rate", OPTION_NUMBER, AT(rate), NULL, "first epoch, or the highest", "R", 0, 1000, NULL, 0},
    {"rate-end", OPTION_NUMBER, AT(rate_end), NULL, "last epoch (default: a given --rate on a line, else 0)", "R", 0,
     1000, NULL, 0},
    {"smoothing", OPTION_NUMBER, AT(smoothing), "-1", "of labels, a share; -1: the recipe's", "S", -1, 1, NULL, 0},
    {"router-rate", OPTION_NUMBER, AT(router_rate), NULL, "of separate routers", "R", 0, 1000, NULL, 0},
    {"depth", OPTION_INT, AT(depth), NULL, "of a residual network: 10, 16, 22 or 28", "N", 1, MOST, NULL, 0},
    {"widen", OPTION_INT, AT(widen), NULL, "its groups' channels: 16, 32 and 64 times so many", "N", 1, MOST, NULL, 0},
    {"stem", OPTION_TEXT, AT(stem), NULL, "convolutions of a deep network's stem: filters[xkernel][/stride],...",
     "LIST", 0, 0, NULL, 0},
    {"patch", OPTION_INT, AT(patch), NULL, "side of a deep network's patches in pixels of its stem", "N", 1, MOST, NULL,
     0},
    {"stages", OPTION_TEXT, AT(stages), NULL, "convolutions of each of its experts, or of a dense network", "LIST", 0,
     0, NULL, 0},
    {"pooling", OPTION_TEXT, AT(pooling), NULL, "what these end in: avg or max", "HOW", 0, 0, NULL, 0},
    {"norm", OPTION_INT, AT(norm), "-1", "1: a batch norm behind each of them; -1: the recipe's", "B", -1, 1, NULL, 0},
    {"filters", OPTION_INT, AT(filters), NULL, "m, of all experts together", "N", 1, MOST, NULL, 0},
    {"experts", OPTION_INT, AT(experts), NULL, "k", "N", 1, MOST, NULL, 0},
    {"kept", OPTION_INT, AT(kept), NULL, "l, patches that each expert keeps; of a head: experts that an image keeps",
     "N", 1, MOST, NULL, 0},
    {"head-width", OPTION_INT, AT(head_width), NULL, "hidden outputs of the dense head or of each expert", "N", 1, MOST,
     NULL, 0},
    {"dropout", OPTION_NUMBER, AT(dropout), "-1", "of heads, a share; -1: the recipe's", "P", -1, 1, NULL, 0},
    {"noise", OPTION_NUMBER, AT(noise), "-1", "its least deviation on a head's scores; -1: the recipe's", "D", -1, 1000,
     NULL, 0},
    {"balance", OPTION_TEXT, AT(balance), NULL, "what keeps experts in use: smooth, importance, uniform, mean or code",
     "LOSS", 0, 0, NULL, 0},
    {"importance", OPTION_NUMBER, AT(importance), "-1", "weight of that loss; -1: the recipe's", "W", -1, 1000, NULL,
     0},
    {"load", OPTION_NUMBER, AT(load), "-1", "likewise", "W", -1, 1000, NULL, 0},
    {"kl", OPTION_NUMBER, AT(kl), "-1", "likewise, of a soft head", "W", -1, 1000, NULL, 0},
    {"shift", OPTION_INT, AT(shift), "-1", "move each cell or photograph by up to so many pixels; -1: the recipe's",
     "N", -1, 14, NULL, 0},
    {"flip", OPTION_INT, AT(flip), "-1", "1: mirror half of the photographs; -1: the recipe's", "B", -1, 1, NULL, 0},
    {"gate", OPTION_TEXT, AT(gate), NULL, "topl_softmax or softmax_topl", "FORM", 0, 0, NULL, 0},
    {"divisor", OPTION_TEXT, AT(divisor), NULL, "what pooling divides by, n or l", "D", 0, 0, NULL, 0},
    {"output", OPTION_TEXT, AT(output), NULL, "output layer: normal, sign or trained", "HOW", 0, 0, NULL, 0},
    {"boards", OPTION_INT, AT(boards), NULL,
     "test boards (seed 1) or photographs for the accuracy in the model card (default: 10000, or all photographs)", "N",
     1, 10000000, NULL, 0},
    {"test-every", OPTION_INT, AT(test_every), "0", "epochs between two looks at those; 0: only at the end", "N", 0,
     MOST, NULL, 0},
    {"checkpoint", OPTION_TEXT, AT(checkpoint), NULL, "file to save to on the way", "FILE", 0, 0, NULL, 0},
    {"checkpoint-every", OPTION_INT, AT(checkpoint_every), "1", "epochs between two checkpoints", "N", 1, MOST, NULL,
     0},
    {"resume", OPTION_TEXT, AT(resume), NULL,
     "go on from a checkpoint of the same recipe and seed; --json then has the epochs from there on", "FILE", 0, 0,
     NULL, 0},
    OPTION_ROW_THREADS(struct train_options),
    OPTION_ROW_ISA(struct train_options),
    OPTION_ROW_JSON(struct train_options),
};

struct epoch_row {
    int32_t epoch; /* from 1; a training that was resumed has no rows of those before */
    const char *phase;
    double loss, accuracy, test; /* test: accuracy on test data, NAN if nobody looked */
    double seconds;              /* of training alone */
    double balance;
    pmoe_usage usage; /* its arrays in training.used */
};

struct training {
    const struct train_options *given;
    const char *command;
    pmoe_recipe recipe;
    struct data_dir train, test;
    pmoe_trainer *trainer;
    struct progress progress;
    struct epoch_row *rows;    /* malloc */
    double *used;              /* malloc: [epochs][2][experts of a mixture] */
    int32_t row_count, boards; /* boards: or photographs, of the test */
    double accuracy, seconds;
    pmoe_usage usage;     /* on test data: of all, its arrays in `tested` */
    pmoe_usage *by_class; /* malloc: [classes] */
    double *tested;       /* malloc: [1 + classes][2][experts of a mixture] */
    size_t file_bytes;
};

enum { DEFAULT_BOARDS = 10000 };

/* ---- Recipe ---- */

/* Options that take the place of a recipe's field; a number counts as given from `least` on. */
static const struct override {
    enum { WHOLE, NUMBER, WORD } type;
    size_t given, field;
    double least;
} overrides[] = {
#define OVERRIDE(type, name, least)                                                                                    \
    {                                                                                                                  \
        type, AT(name), offsetof(pmoe_recipe, name), least                                                             \
    }
    OVERRIDE(WHOLE, samples, 1),   OVERRIDE(WHOLE, batch, 1),         OVERRIDE(WHOLE, epochs, 1),
    OVERRIDE(WHOLE, depth, 1),     OVERRIDE(WHOLE, widen, 1),         OVERRIDE(WHOLE, router_epochs, 1),
    OVERRIDE(WHOLE, filters, 1),   OVERRIDE(WHOLE, experts, 1),       OVERRIDE(WHOLE, kept, 1),
    OVERRIDE(WHOLE, shift, 0),     OVERRIDE(WHOLE, flip, 0),          OVERRIDE(WHOLE, nesterov, 0),
    OVERRIDE(NUMBER, rate, 1e-30), OVERRIDE(NUMBER, rate_end, 1e-30), OVERRIDE(NUMBER, router_rate, 1e-30),
    OVERRIDE(NUMBER, momentum, 0), OVERRIDE(NUMBER, decay, 0),        OVERRIDE(NUMBER, smoothing, 0),
    OVERRIDE(WORD, gate, 0),       OVERRIDE(WORD, divisor, 0),        OVERRIDE(WORD, optimizer, 0),
    OVERRIDE(WORD, schedule, 0),   OVERRIDE(WORD, output, 0),         OVERRIDE(WORD, stem, 0),
    OVERRIDE(WORD, stages, 0),     OVERRIDE(WORD, pooling, 0),        OVERRIDE(WHOLE, patch, 1),
    OVERRIDE(WHOLE, norm, 0),      OVERRIDE(WHOLE, head_width, 1),    OVERRIDE(NUMBER, dropout, 0),
    OVERRIDE(NUMBER, noise, 0),    OVERRIDE(WORD, balance, 0),        OVERRIDE(NUMBER, importance, 0),
    OVERRIDE(NUMBER, load, 0),     OVERRIDE(NUMBER, kl, 0),
#undef OVERRIDE
};

static void override_field(const struct override *override, const struct train_options *given, pmoe_recipe *recipe)
{
    const void *from = (const char *)given + override->given;
    void *to = (char *)recipe + override->field;
    switch (override->type) {
    case WHOLE:
        if ((double)*(const int64_t *)from >= override->least)
            *(int32_t *)to = (int32_t) * (const int64_t *)from;
        break;
    case NUMBER:
        if (*(const double *)from >= override->least)
            *(float *)to = (float)*(const double *)from;
        break;
    case WORD:
        if (*(const char *const *)from)
            *(const char **)to = *(const char *const *)from;
        break;
    }
}

static void override_recipe(pmoe_recipe *recipe, const struct train_options *given)
{
    for (size_t i = 0; i < COUNT_OF(overrides); i++)
        override_field(&overrides[i], given, recipe);
    int line = !recipe->schedule || strcmp(recipe->schedule, "line") == 0;
    if (!given->rate_end && line && given->rate > 0)
        recipe->rate_end = recipe->rate;
    else if (!given->rate_end && !line && given->schedule)
        recipe->rate_end = 0;
    recipe->seed = (uint64_t)given->seed;
}

static pmoe_status find_recipe(const char *name, pmoe_recipe *recipe, pmoe_error *error)
{
    const pmoe_recipe *found = pmoe_recipe_find(name);
    if (found) {
        *recipe = *found;
        return PMOE_OK;
    }
    return fail(error, PMOE_E_ARGUMENT, "no recipe is called \"%.60s\"; `pmoe train --help` names them", name);
}

/* ---- Saving ---- */

static size_t write_card(const struct training *training, char *text, size_t capacity)
{
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_text(&json, "data",
                  training->given->data ? training->given->data : data_dir_default(training->recipe.set));
    if (training->given->backgrounds)
        json_add_text(&json, "backgrounds", training->given->backgrounds);
    json_add_text(&json, "isa", pmoe_model_info(pmoe_trainer_model(training->trainer)).isa);
    if (pmoe_set_is_photos(training->recipe.set)) {
        json_add_int(&json, "test_photographs", training->boards);
    } else {
        json_add_int(&json, "test_boards", training->boards);
        json_add_int(&json, "test_seed", 1);
    }
    json_add_number(&json, "accuracy", training->accuracy, 6);
    if (training->usage.experts) {
        json_add_number(&json, "gates_cv", training->usage.gates_cv, 6);
        json_add_number(&json, "load_cv", training->usage.load_cv, 6);
        json_add_number(&json, "entropy", training->usage.entropy, 6);
    }
    json_close_object(&json);
    return json.length;
}

static pmoe_status save_checkpoint(const struct training *training, pmoe_error *error)
{
    unsigned char *file;
    size_t bytes;
    TRY(pmoe_trainer_checkpoint(training->trainer, &file, &bytes, error));
    pmoe_status status = file_write(training->given->checkpoint, file, bytes, error);
    free(file);
    return status;
}

static pmoe_status save_model(struct training *training, const char *card, pmoe_error *error)
{
    unsigned char *file;
    TRY(pmoe_trainer_save(training->trainer, card, &file, &training->file_bytes, error));
    pmoe_status status = file_write(training->given->out, file, training->file_bytes, error);
    free(file);
    return status;
}

static pmoe_status resume(struct training *training, pmoe_error *error)
{
    struct file file;
    TRY(file_read(training->given->resume, FILE_MODEL_CAP, &file, error));
    pmoe_error why = {PMOE_OK, ""};
    pmoe_status status = pmoe_trainer_resume(training->trainer, file.bytes, file.count, &why);
    file_close(&file);
    return status == PMOE_OK ? PMOE_OK : fail_at(error, training->given->resume, why);
}

/* ---- Training ---- */

static void report_batch(void *user, const pmoe_progress *now)
{
    struct training *training = user;
    double epochs = now->epoch + (double)now->batch / now->batches;
    char text[160], accuracy[24] = "", usage[64] = "";
    if (!isnan(now->accuracy))
        snprintf(accuracy, sizeof accuracy, ", accuracy %.2f%%", now->accuracy);
    if (now->usage.experts)
        snprintf(usage, sizeof usage, ", gates' CV %.3f, entropy %.3f", now->usage.gates_cv, now->usage.entropy);
    snprintf(text, sizeof text, "%s, epoch %d of %d, loss %.4g%s%s", now->phase, (int)now->epoch + 1, (int)now->epochs,
             now->loss, accuracy, usage);
    progress_show(&training->progress, epochs / now->epochs, text);
}

static pmoe_status measure(struct training *training, pmoe_error *error)
{
    struct pool *pool = NULL;
    TRY(pool_open((int32_t)training->given->threads, &pool, error));
    struct accuracy_job job = {pmoe_trainer_model(training->trainer), data_dir_all(&training->test),
                               training->recipe.set, 1, training->boards};
    struct accuracy found;
    pmoe_status status = accuracy_open(&job, pool, &found, error);
    if (status == PMOE_OK) {
        training->accuracy = 100.0 * found.correct / found.boards;
        if (found.usage.experts)
            training->usage = usage_read_row(&found.usage, USAGE_ALL, training->tested);
        for (int32_t c = 0; c < found.classes && found.usage.experts; c++)
            training->by_class[c] = usage_read_row(&found.usage, c, training->tested);
        accuracy_close(&found);
    }
    pool_close(&pool);
    return status;
}

static void keep_row(struct training *training, const pmoe_progress *now, double seconds)
{
    size_t bytes = (size_t)now->usage.experts * sizeof(double);
    double *gates = training->used + (size_t)(2 * training->row_count * now->usage.experts);
    double *load = gates + now->usage.experts;
    struct epoch_row *row = &training->rows[training->row_count++];
    *row = (struct epoch_row){.epoch = now->epoch,
                              .phase = now->phase,
                              .loss = now->loss,
                              .accuracy = now->accuracy,
                              .test = (double)NAN,
                              .seconds = seconds,
                              .balance = now->balance,
                              .usage = now->usage};
    if (!bytes)
        return;
    memcpy(gates, now->usage.gates, bytes);
    memcpy(load, now->usage.load, bytes);
    row->usage.gates = gates;
    row->usage.load = load;
}

static pmoe_status train_epochs(struct training *training, pmoe_error *error)
{
    const struct train_options *given = training->given;
    while (!pmoe_trainer_done(training->trainer)) {
        pmoe_progress now;
        double start = native_clock_ns();
        TRY(pmoe_trainer_epoch(training->trainer, report_batch, training, &now, error));
        keep_row(training, &now, (native_clock_ns() - start) * 1e-9);
        if (given->test_every && now.epoch % given->test_every == 0) {
            TRY(measure(training, error));
            training->rows[training->row_count - 1].test = training->accuracy;
        }
        if (given->checkpoint && now.epoch % given->checkpoint_every == 0)
            TRY(save_checkpoint(training, error));
    }
    return PMOE_OK;
}

static pmoe_status train(struct training *training, pmoe_error *error)
{
    const struct train_options *given = training->given;
    TRY(check_isa(given->isa, error));
    TRY(data_dir_open(given->data, training->recipe.set, DATA_TRAIN, training->recipe.samples, &training->train,
                      error));
    TRY(data_dir_open(given->data, training->recipe.set, DATA_TEST, (int32_t)given->boards, &training->test, error));
    pmoe_options how = {.isa = given->isa};
    TRY(pmoe_trainer_open(&training->recipe, data_dir_all(&training->train), (int32_t)given->threads, &how,
                          &training->trainer, error));
    TRY(data_dir_backgrounds(given->backgrounds, training->recipe.set, &training->train, error));
    TRY(data_dir_backgrounds(given->backgrounds, training->recipe.set, &training->test, error));
    /* Now: hours later would be too late. */
    TRY(data_dir_samples(&training->test, training->recipe.set, given->boards, DEFAULT_BOARDS, &training->boards,
                         error));
    if (given->resume)
        TRY(resume(training, error));
    size_t epochs = (size_t)training->recipe.epochs + (size_t)training->recipe.router_epochs;
    training->rows = calloc(epochs + 1, sizeof *training->rows);
    training->used = calloc((epochs + 1) * 2, (1 + (size_t)training->recipe.experts) * sizeof *training->used);
    size_t classes = (size_t)pmoe_set_classes(training->recipe.set);
    training->tested = calloc(1 + classes, 2 * (1 + (size_t)training->recipe.experts) * sizeof *training->tested);
    training->by_class = calloc(classes, sizeof *training->by_class);
    if (!training->rows || !training->used || !training->tested || !training->by_class)
        return fail(error, PMOE_E_MEMORY, "no memory for the log of %zu epochs", epochs);
    double start = native_clock_ns();
    pmoe_status status = train_epochs(training, error);
    progress_close(&training->progress);
    TRY(status);
    training->seconds = (native_clock_ns() - start) * 1e-9;
    TRY(measure(training, error));
    char card[1024];
    if (write_card(training, card, sizeof card) >= sizeof card)
        return fail(error, PMOE_E_LIMIT, "%.100s: the path is too long for the model card",
                    given->data ? given->data : "");
    return save_model(training, card, error);
}

/* ---- Results ---- */

/* On test data: of all, and the table of classes by experts. */
static void write_usage(struct json_writer *json, const struct training *training)
{
    result_usage(json, "usage", &training->usage);
    json_open_array(json, "usage_by_class");
    for (int32_t c = 0; c < pmoe_set_classes(training->recipe.set); c++)
        result_usage(json, NULL, &training->by_class[c]);
    json_close_array(json);
}

static void write_json(struct json_writer *json, const void *context)
{
    const struct training *training = context;
    struct environment environment = environment_read();
    pmoe_info info = pmoe_model_info(pmoe_trainer_model(training->trainer));
    char recipe[2048];
    size_t length = recipe_describe(&training->recipe, recipe, sizeof recipe);
    result_begin(json, "train", training->command, info.isa, &environment);
    json_add_raw(json, "recipe", recipe, length);
    json_add_text(json, "file", training->given->out);
    json_add_int(json, "bytes", (int64_t)training->file_bytes);
    json_add_int(json, "parameters", info.parameters);
    json_add_int(json, "multiply_adds", info.multiply_adds);
    json_add_int(json, "boards", training->boards);
    json_add_number(json, "accuracy", training->accuracy, 6);
    if (training->usage.experts)
        write_usage(json, training);
    json_add_number(json, "seconds", training->seconds, 4);
    json_open_array(json, "epochs");
    for (int32_t i = 0; i < training->row_count; i++) {
        const struct epoch_row *row = &training->rows[i];
        json_open_object(json, NULL);
        json_add_int(json, "epoch", row->epoch);
        json_add_text(json, "phase", row->phase);
        json_add_number(json, "loss", row->loss, 6);
        json_add_number(json, "accuracy", row->accuracy, 6);
        json_add_number(json, "seconds", row->seconds, 5);
        if (training->given->test_every)
            json_add_number(json, "test_accuracy", row->test, 6);
        if (row->usage.experts) {
            json_add_number(json, "balance", row->balance, 6);
            result_usage(json, "usage", &row->usage);
        }
        json_close_object(json);
    }
    json_close_array(json);
    json_close_object(json);
}

static void write_text(const struct training *training, struct output *out)
{
    pmoe_info info = pmoe_model_info(pmoe_trainer_model(training->trainer));
    output_add(out, "%s: accuracy %.2f%% on %d test %s, %lld parameters, %lld multiply-adds an image\n", info.name,
               training->accuracy, training->boards,
               pmoe_set_is_photos(training->recipe.set) ? "photographs" : "boards", (long long)info.parameters,
               (long long)info.multiply_adds);
    if (training->usage.experts)
        output_add(out, "experts: CV of mean gates %.3f, of load %.3f; entropy of an image's gates %.3f nats\n",
                   training->usage.gates_cv, training->usage.load_cv, training->usage.entropy);
    output_add(out, "%s: %zu bytes, after %.1f s\n", training->given->out, training->file_bytes, training->seconds);
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    struct training training = {.given = given, .command = typed->line};
    TRY(find_recipe(typed->operand[0], &training.recipe, error));
    override_recipe(&training.recipe, given);
    if (training.given->set >= 0)
        training.recipe.set = (pmoe_set)training.given->set;
    training.progress = progress_open();
    pmoe_status status = train(&training, error);
    if (status == PMOE_OK && training.given->json)
        output_json(out, write_json, &training);
    else if (status == PMOE_OK)
        write_text(&training, out);
    free(training.rows);
    free(training.used);
    free(training.tested);
    free(training.by_class);
    pmoe_trainer_close(&training.trainer);
    data_dir_close(&training.train);
    data_dir_close(&training.test);
    return status;
}

const struct command command_train = {
    .name = "train",
    .operands = "RECIPE",
    .summary = "train a model: mosaic-cnn, -separate, -joint, mosaic10-cnn, -pmoe, board-cnn, -deep-pmoe, "
               "cifar-wrn, -wrn-pmoe, -cnn, -deep-pmoe, cifar-head-dense, -soft, -sparse, -hard, vehicles-wrn, "
               "-wrn-pmoe, celeba-wrn, -wrn-pmoe",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct train_options),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
