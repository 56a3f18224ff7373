/* pmoe self-test: does this machine compute what it should? */
#include "../base/error.h"
#include "commands.h"
#include "files.h"
#include "model_file.h"
#include "output.h"
#include "result.h"

#include <stddef.h>
#include <string.h>

struct self_test_options {
    const char *isa;
    int64_t seed;
    struct option_texts models;
    int32_t json;
};

static const struct option options[] = {
    {"isa", OPTION_TEXT, offsetof(struct self_test_options, isa), "all", "instruction set, or all that run here",
     "NAME", 0, 0, NULL, 0},
    {"model", OPTION_TEXTS, offsetof(struct self_test_options, models), NULL,
     "weights file whose stored test output is checked as well", "FILE", 0, 0, NULL, 0},
    OPTION_ROW_SEED(struct self_test_options, "seed of the random shapes and values"),
    OPTION_ROW_JSON(struct self_test_options),
};

enum { MAX_ISAS = 8 };

struct self_test_row {
    const char *isa;
    int32_t kernel_checks;
    int32_t golden[OPTION_MAX_TEXTS]; /* outputs compared, per model */
};

struct self_test {
    const struct self_test_options *given;
    const char *command;
    struct environment environment;
    struct self_test_row rows[MAX_ISAS];
    int32_t count;
};

static pmoe_status check_golden(const char *path, const char *isa, int32_t *checked, pmoe_error *error)
{
    struct model_file file;
    TRY(model_file_open(path, NULL, isa, &file, error));
    pmoe_error why;
    pmoe_status status = pmoe_model_check_golden(file.model, checked, &why);
    model_file_close(&file);
    return status == PMOE_OK ? PMOE_OK : fail_at(error, path, why);
}

static pmoe_status test_isa(struct self_test *test, const char *isa, pmoe_error *error)
{
    struct self_test_row *row = &test->rows[test->count];
    row->isa = isa;
    pmoe_error why;
    pmoe_status status = pmoe_self_test(isa, 1, (uint64_t)test->given->seed, &row->kernel_checks, &why);
    if (status != PMOE_OK)
        return fail_at(error, isa, why);
    for (int32_t i = 0; i < test->given->models.count; i++)
        TRY(check_golden(test->given->models.at[i], isa, &row->golden[i], error));
    test->count++;
    return PMOE_OK;
}

static void write_json(struct json_writer *json, const void *context)
{
    const struct self_test *test = context;
    result_begin(json, "self-test", test->command, NULL, &test->environment);
    json_add_int(json, "seed", test->given->seed);
    json_open_array(json, "rows");
    for (int32_t i = 0; i < test->count; i++) {
        json_open_object(json, NULL);
        json_add_text(json, "isa", test->rows[i].isa);
        json_add_int(json, "kernel_checks", test->rows[i].kernel_checks);
        json_open_array(json, "models");
        for (int32_t m = 0; m < test->given->models.count; m++) {
            json_open_object(json, NULL);
            json_add_text(json, "file", test->given->models.at[m]);
            json_add_int(json, "golden_checks", test->rows[i].golden[m]);
            json_close_object(json);
        }
        json_close_array(json);
        json_close_object(json);
    }
    json_close_array(json);
    json_close_object(json);
}

static void write_text(const struct self_test *test, struct output *out)
{
    for (int32_t i = 0; i < test->count; i++) {
        const struct self_test_row *row = &test->rows[i];
        output_add(out, "%-8s %d kernel checks passed\n", row->isa, row->kernel_checks);
        for (int32_t m = 0; m < test->given->models.count; m++)
            output_add(out, "%-8s %s: %s\n", row->isa, test->given->models.at[m],
                       row->golden[m] ? "the stored test output was reproduced" : "no stored test output to check");
    }
}

static pmoe_status run(const void *given, const struct invocation *typed, struct output *out, pmoe_error *error)
{
    struct self_test test = {.given = given, .command = typed->line, .environment = environment_read()};
    int all = strcmp(test.given->isa, "all") == 0;
    if (!all)
        TRY(check_isa(test.given->isa, error));
    for (int32_t i = 0; i < pmoe_isa_count() && test.count < MAX_ISAS; i++) {
        const char *isa = pmoe_isa_name(i);
        int is_best = strcmp(test.given->isa, "best") == 0 && i == pmoe_isa_count() - 1;
        if (all || is_best || strcmp(test.given->isa, isa) == 0)
            TRY(test_isa(&test, isa, error));
    }
    if (test.given->json)
        output_json(out, write_json, &test);
    else
        write_text(&test, out);
    return PMOE_OK;
}

const struct command command_self_test = {
    .name = "self-test",
    .summary = "check every kernel of this machine against the double-precision reference",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_bytes = sizeof(struct self_test_options),
    .run = run,
};
