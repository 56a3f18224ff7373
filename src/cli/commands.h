/* The subcommands, one file each. */
#ifndef PMOE_CLI_COMMANDS_H
#define PMOE_CLI_COMMANDS_H

#include "options.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

extern const struct command command_bench, command_board, command_eval, command_export, command_info, command_predict,
    command_self_test, command_study_routing, command_study_samples, command_train;

#endif
