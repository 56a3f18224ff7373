/* pmoe: one program, a table of subcommands.
 *
 * Results go to stdout and nothing else does; a failure is one sentence on stderr and exit code 1. */
#include "../base/error.h"
#include "commands.h"
#include "output.h"
#include "result.h"

#include <stdlib.h>
#include <string.h>

/* In the order in which a new user meets them. */
static const struct command *const commands[] = {
    &command_predict, &command_info,          &command_eval,          &command_bench,  &command_board,
    &command_train,   &command_study_samples, &command_study_routing, &command_export, &command_self_test,
};

static const char *command_name_at(const void *context, size_t index)
{
    (void)context;
    return index < COUNT_OF(commands) ? commands[index]->name : NULL;
}

/* The command that the words begin with; *used says how many words its name has. */
static const struct command *find_command(int argc, char *const *words, int *used)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        const char *name = commands[i]->name, *space = strchr(name, ' ');
        size_t first = space ? (size_t)(space - name) : strlen(name);
        if (argc < 1 || strlen(words[0]) != first || memcmp(words[0], name, first))
            continue;
        *used = space ? 2 : 1;
        if (!space || (argc > 1 && strcmp(words[1], space + 1) == 0))
            return commands[i];
    }
    return NULL;
}

static pmoe_status fail_command(int argc, char *const *words, pmoe_error *error)
{
    char typed[64];
    snprintf(typed, sizeof typed, "%.30s", words[0]);
    const char *near = nearest_name(typed, command_name_at, NULL);
    for (size_t i = 0; i < COUNT_OF(commands) && !near; i++) /* "study" alone */
        if (strncmp(commands[i]->name, typed, strlen(typed)) == 0 && commands[i]->name[strlen(typed)] == ' ')
            near = commands[i]->name;
    if (!near && argc > 1) {
        snprintf(typed, sizeof typed, "%.30s %.30s", words[0], words[1]);
        near = nearest_name(typed, command_name_at, NULL);
    }
    return fail(error, PMOE_E_ARGUMENT, "unknown command \"%.60s\"; %s%s%s", words[0], near ? "did you mean " : "",
                near ? near : "`pmoe --help` lists them", near ? "?" : "");
}

static void help_all(struct output *out)
{
    output_add(out, "usage: pmoe COMMAND [OPTIONS]\n\n"
                    "Patch-level mixture-of-experts networks: train, run, explain and measure them.\n\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        output_add(out, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
    output_add(out, "\n`pmoe COMMAND --help` lists the options of one.  `pmoe --version` prints version and build.\n");
}

/* ---- The command line again, as a shell would take it ---- */

static void add_word(struct output *line, const char *word)
{
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+@%";
    if (*word && strspn(word, plain) == strlen(word)) {
        output_add(line, "%s", word);
        return;
    }
    output_add(line, "'");
    for (; *word; word++)
        output_add(line, *word == '\'' ? "'\\''" : "%c", *word);
    output_add(line, "'");
}

static void add_line(struct output *line, int argc, char *const *argv)
{
    for (int i = 0; i < argc; i++) {
        output_add(line, "%s", i ? " " : "");
        add_word(line, argv[i]);
    }
}

/* ---- Running ---- */

static pmoe_status run_with(const struct command *command, int argc, char *const *argv, int skip, const char **operand,
                            void *options, const char *line, struct output *out, pmoe_error *error)
{
    struct invocation typed = {operand, 0, line};
    int32_t wants_help;
    TRY(options_parse(command, argc - skip, argv + skip, options, operand, &typed.operands, &wants_help, error));
    if (!wants_help)
        return command->run(options, &typed, out, error);
    options_help(command, out);
    return PMOE_OK;
}

static pmoe_status run_command(const struct command *command, int argc, char *const *argv, int skip, struct output *out,
                               pmoe_error *error)
{
    struct output line = {NULL, 0, 0, 0};
    add_line(&line, argc, argv);
    void *options = calloc(1, command->options_bytes);
    const char **operand = calloc((size_t)argc, sizeof *operand);
    pmoe_status status = line.failed || !options || !operand
                             ? fail(error, PMOE_E_MEMORY, "no memory for the options")
                             : run_with(command, argc, argv, skip, operand, options, line.text, out, error);
    free(operand);
    free(options);
    output_close(&line);
    return status;
}

static int is_word(const char *word, const char *one, const char *other)
{
    return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

/* argv[0] is the program.  *command is set as soon as it is known, for the error line. */
static pmoe_status run_words(int argc, char *const *argv, const struct command **command, struct output *out,
                             pmoe_error *error)
{
    if (argc < 2)
        return fail(error, PMOE_E_ARGUMENT, "a command is missing; `pmoe --help` lists them");
    int is_help = is_word(argv[1], "help", "help");
    if (is_word(argv[1], "--help", "-h") || (is_help && argc == 2)) {
        help_all(out);
        return PMOE_OK;
    }
    if (is_word(argv[1], "--version", "version")) {
        output_add(out, "pmoe %s, build %s\n", pmoe_version(), build_id());
        return PMOE_OK;
    }
    int used = 0, before = is_help ? 2 : 1;
    const struct command *found = find_command(argc - before, argv + before, &used);
    if (!found)
        return fail_command(argc - before, argv + before, error);
    if (is_help) {
        options_help(found, out);
        return PMOE_OK;
    }
    *command = found;
    return run_command(found, argc, argv, before + used, out, error);
}

/* One line, whatever bytes a path or a file put into the sentence. */
static void report(const struct command *command, const pmoe_error *why)
{
    char text[sizeof why->text];
    size_t length = 0;
    for (; why->text[length] && length < sizeof text - 1; length++)
        text[length] = (unsigned char)why->text[length] < 32 || why->text[length] == 127 ? '?' : why->text[length];
    text[length] = 0;
    fprintf(stderr, "pmoe%s%s: %s\n", command ? " " : "", command ? command->name : "", text);
}

int main(int argc, char **argv)
{
    struct output out = {NULL, 0, 0, 0};
    const struct command *command = NULL;
    pmoe_error why = {PMOE_OK, ""};
    pmoe_status status = run_words(argc, argv, &command, &out, &why);
    if (status == PMOE_OK)
        status = output_flush(&out, stdout, &why);
    if (status != PMOE_OK)
        report(command, &why);
    output_close(&out);
    return status == PMOE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
