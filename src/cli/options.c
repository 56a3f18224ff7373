/* Parsing, help and suggestions from option tables; see options.h. */
#include "options.h"

#include "../base/error.h"
#include "output.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Suggestions ---- */

enum { NEAREST_MAX = 48 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Letters to insert, delete, replace or swap with a neighbour to get from a to b. */
static int edit_distance(const char *a, const char *b)
{
    size_t long_b = strlen(b);
    if (strlen(a) > NEAREST_MAX || long_b > NEAREST_MAX)
        return NEAREST_MAX;
    int rows[3][NEAREST_MAX + 1];
    for (size_t j = 0; j <= long_b; j++)
        rows[0][j] = (int)j;
    size_t i = 0;
    for (; a[i]; i++) {
        int *above = rows[i % 3], *row = rows[(i + 1) % 3], *two_above = rows[(i + 2) % 3];
        row[0] = (int)i + 1;
        for (size_t j = 0; j < long_b; j++) {
            row[j + 1] = smaller(smaller(row[j], above[j + 1]) + 1, above[j] + (a[i] != b[j]));
            if (i && j && a[i] == b[j - 1] && a[i - 1] == b[j])
                row[j + 1] = smaller(row[j + 1], two_above[j - 1] + 1);
        }
    }
    return rows[i % 3][long_b];
}

const char *nearest_name(const char *typed, const char *(*name_at)(const void *context, size_t index),
                         const void *context)
{
    const char *best = NULL;
    int best_distance = (int)(strlen(typed) + 2) / 3; /* more is another word */
    if (best_distance > 3)
        best_distance = 3;
    const char *name;
    for (size_t i = 0; (name = name_at(context, i)); i++) {
        int distance = edit_distance(typed, name);
        if (distance <= best_distance && (!best || distance < best_distance)) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

static const char *option_name_at(const void *context, size_t index)
{
    const struct command *command = context;
    return index < command->option_count ? command->options[index].name : NULL;
}

static const char *choice_at(const void *context, size_t index)
{
    return ((const char *const *)context)[index];
}

/* ", did you mean ...?" or nothing */
struct suggestion {
    char text[80];
};

static struct suggestion suggest(const char *dashes, const char *name)
{
    struct suggestion suggestion = {""};
    if (name)
        snprintf(suggestion.text, sizeof suggestion.text, "; did you mean %s%s?", dashes, name);
    return suggestion;
}

/* ---- Values ---- */

static void *option_place(const struct option *option, void *options)
{
    return (char *)options + option->at;
}

static pmoe_status parse_number(const struct option *option, const char *typed, double *value, pmoe_error *error)
{
    char *end;
    errno = 0;
    *value = strtod(typed, &end);
    if (end == typed || *end || !isfinite(*value) || *value < option->low || *value > option->high)
        return fail(error, PMOE_E_ARGUMENT, "--%s: expected a number from %g to %g, found \"%.40s\"", option->name,
                    option->low, option->high, typed);
    return PMOE_OK;
}

/* One whole number, up to a 0 or (in lists) a comma; *end points there. */
static pmoe_status parse_whole(const struct option *option, const char *typed, const char *at, int64_t *value,
                               const char **end, pmoe_error *error)
{
    char *stop;
    errno = 0;
    long long whole = strtoll(at, &stop, 10);
    int comma_ok = option->type == OPTION_INTS && *stop == ',';
    if (stop == at || (*stop && !comma_ok) || errno || (double)whole < option->low || (double)whole > option->high)
        return fail(error, PMOE_E_ARGUMENT, "--%s: expected %s from %.0f to %.0f, found \"%.40s\"", option->name,
                    option->type == OPTION_INTS ? "whole numbers, with commas between," : "a whole number", option->low,
                    option->high, typed);
    *value = whole;
    *end = stop;
    return PMOE_OK;
}

static pmoe_status parse_ints(const struct option *option, const char *typed, struct option_ints *ints,
                              pmoe_error *error)
{
    ints->count = 0;
    for (const char *at = typed, *end;; at = end + 1) {
        if (ints->count == OPTION_MAX_INTS)
            return fail(error, PMOE_E_ARGUMENT, "--%s: expected at most %d numbers, found more", option->name,
                        OPTION_MAX_INTS);
        TRY(parse_whole(option, typed, at, &ints->at[ints->count], &end, error));
        ints->count++;
        if (!*end)
            return PMOE_OK;
    }
}

static pmoe_status parse_choice(const struct option *option, const char *typed, int32_t *choice, pmoe_error *error)
{
    char list[120] = "";
    size_t length = 0;
    for (int32_t i = 0; option->choices[i]; i++) {
        if (strcmp(typed, option->choices[i]) == 0) {
            *choice = i;
            return PMOE_OK;
        }
        const char *joint = i == 0 ? "" : option->choices[i + 1] ? ", " : " or ";
        int added = snprintf(list + length, sizeof list - length, "%s%s", joint, option->choices[i]);
        if (added > 0 && (size_t)added < sizeof list - length)
            length += (size_t)added;
    }
    const char *near = nearest_name(typed, choice_at, option->choices);
    return fail(error, PMOE_E_ARGUMENT, "--%s: expected %s, found \"%.40s\"%s", option->name, list, typed,
                suggest("", near).text);
}

static pmoe_status parse_value(const struct option *option, const char *typed, void *options, pmoe_error *error)
{
    void *place = option_place(option, options);
    const char *end;
    switch (option->type) {
    case OPTION_FLAG: *(int32_t *)place = 1; return PMOE_OK;
    case OPTION_TEXT: *(const char **)place = typed; return PMOE_OK;
    case OPTION_INT: return parse_whole(option, typed, typed, place, &end, error);
    case OPTION_NUMBER: return parse_number(option, typed, place, error);
    case OPTION_CHOICE: return parse_choice(option, typed, place, error);
    case OPTION_INTS: return parse_ints(option, typed, place, error);
    case OPTION_TEXTS: break;
    }
    struct option_texts *texts = place;
    if (texts->count == OPTION_MAX_TEXTS)
        return fail(error, PMOE_E_ARGUMENT, "--%s: expected at most %d of them, found more", option->name,
                    OPTION_MAX_TEXTS);
    texts->at[texts->count++] = typed;
    return PMOE_OK;
}

/* ---- Parsing ---- */

static pmoe_status set_defaults(const struct command *command, void *options, pmoe_error *error)
{
    memset(options, 0, command->options_bytes);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *option = &command->options[i];
        if (option->type == OPTION_CHOICE)
            *(int32_t *)option_place(option, options) = -1;
        if (option->fallback)
            TRY(parse_value(option, option->fallback, options, error));
    }
    return PMOE_OK;
}

static const struct option *find_option(const struct command *command, const char *name, size_t length)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (strlen(command->options[i].name) == length && memcmp(command->options[i].name, name, length) == 0)
            return &command->options[i];
    return NULL;
}

/* argv[*at] is an option; take its value, which may be the next argument. */
static pmoe_status parse_option(const struct command *command, int argc, char *const *argv, int *at, void *options,
                                const struct option **found, pmoe_error *error)
{
    const char *name = argv[*at] + (argv[*at][1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *option = argv[*at][1] == '-' ? find_option(command, name, length) : NULL;
    if (!option) {
        char typed[NEAREST_MAX + 1];
        snprintf(typed, sizeof typed, "%.*s", length < NEAREST_MAX ? (int)length : NEAREST_MAX, name);
        return fail(error, PMOE_E_ARGUMENT, "unknown option \"%.48s\"%s", argv[*at],
                    suggest("--", nearest_name(typed, option_name_at, command)).text);
    }
    *found = option;
    if (option->type == OPTION_FLAG)
        return equals
                   ? fail(error, PMOE_E_ARGUMENT, "--%s: expected no value, found \"%.40s\"", option->name, equals + 1)
                   : parse_value(option, NULL, options, error);
    const char *value = equals ? equals + 1 : *at + 1 < argc ? argv[*at + 1] : NULL;
    if (!value || !*value || (!equals && strncmp(value, "--", 2) == 0))
        return fail(error, PMOE_E_ARGUMENT, "--%s: expected a value (%s), found %s", option->name, option->value,
                    value && *value ? value : "none");
    *at += !equals;
    return parse_value(option, value, options, error);
}

static pmoe_status check_operands(const struct command *command, int32_t count, const char *const *operand,
                                  pmoe_error *error)
{
    if (count < command->min_operands)
        return fail(error, PMOE_E_ARGUMENT, "expected %s, found none", command->operands);
    if (count > command->max_operands)
        return fail(error, PMOE_E_ARGUMENT, "expected %s, found \"%.80s\" too",
                    command->operands ? command->operands : "options only", operand[command->max_operands]);
    return PMOE_OK;
}

pmoe_status options_parse(const struct command *command, int argc, char *const *argv, void *options,
                          const char **operand, int32_t *operand_count, int32_t *wants_help, pmoe_error *error)
{
    *operand_count = *wants_help = 0;
    for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *wants_help = 1;
            return PMOE_OK;
        }
    TRY(set_defaults(command, options, error));
    assert(command->option_count <= 64);
    uint64_t given = 0;
    int32_t only_operands = 0;
    for (int i = 0; i < argc; i++) {
        const struct option *option = NULL;
        if (only_operands || argv[i][0] != '-' || !argv[i][1]) {
            operand[(*operand_count)++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_operands = 1;
        } else {
            TRY(parse_option(command, argc, argv, &i, options, &option, error));
            given |= (uint64_t)1 << (option - command->options);
        }
    }
    for (size_t i = 0; i < command->option_count; i++)
        if (command->options[i].required && !(given >> i & 1))
            return fail(error, PMOE_E_ARGUMENT, "--%s %s is missing: %s", command->options[i].name,
                        command->options[i].value, command->options[i].help);
    return check_operands(command, *operand_count, operand, error);
}

/* ---- Help ---- */

static void help_range(const struct option *option, struct output *out)
{
    if (option->type == OPTION_CHOICE)
        for (int32_t i = 0; option->choices[i]; i++)
            output_add(out, "%s%s", i == 0 ? ": " : option->choices[i + 1] ? ", " : " or ", option->choices[i]);
    else if ((option->type == OPTION_INT || option->type == OPTION_INTS) && option->high < OPTION_MAX_WHOLE)
        output_add(out, ", %.0f to %.0f", option->low, option->high);
    else if (option->type == OPTION_NUMBER)
        output_add(out, ", %g to %g", option->low, option->high);
    if (option->type == OPTION_TEXTS)
        output_add(out, "; may be repeated");
    if (option->required)
        output_add(out, " (needed)");
    else if (option->fallback)
        output_add(out, " (default %s)", option->fallback);
}

void options_help(const struct command *command, struct output *out)
{
    output_add(out, "usage: pmoe %s [OPTIONS]%s%s\n\n%s\n\n", command->name, command->operands ? " " : "",
               command->operands ? command->operands : "", command->summary);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *option = &command->options[i];
        char left[40];
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->value ? " " : "",
                 option->value ? option->value : "");
        output_add(out, "  %-20s %s", left, option->help);
        help_range(option, out);
        output_add(out, "\n");
    }
    output_add(out, "  %-20s %s\n", "--help", "print this");
}
