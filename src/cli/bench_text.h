/* The benchmark's tables. */
#ifndef PMOE_CLI_BENCH_TEXT_H
#define PMOE_CLI_BENCH_TEXT_H

#include "../bench/suite.h"
#include "output.h"
#include "result.h"

void bench_text(const struct suite *suite, const struct environment *environment, struct output *out);

#endif
