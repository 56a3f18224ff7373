/* The harness: every kernel of kernel_list.h against the oracle (ref/ref.h).
 *
 * It walks all tile shapes and beyond, zero rows and outputs included, runs shorter and longer than a vector, runs
 * apart, misaligned arrays, arrays that end where their memory ends, repeated rows, and planted NaNs.  Everything
 * around the inputs and between the outputs is NaN: reading it spoils a result, writing it is seen.
 *
 * It runs in the unit tests, in `pmoe self-test` and, as a brief walk, at the start of the page: there a browser has
 * compiled nothing yet, so that every float checked and every call of a large function counts. */
#ifndef PMOE_KERNELS_CHECK_H
#define PMOE_KERNELS_CHECK_H

#include "../pmoe.h"
#include "kernels.h"

/* Check `kernels`.  twin NULL, or a table whose results must be the same to the last bit.  Shapes and numbers follow
 * from the seed; `rounds` times as many of them; 0 is the brief walk: each kernel, each tile shape once, on few floats.
 * *checks (may be NULL) counts kernel calls that were checked.
 * PMOE_E_CHECKSUM with kernel, instruction set, shape, first bad index and seed; PMOE_E_MEMORY. */
PMOE_MUST_USE pmoe_status kernels_check(const struct kernels *kernels, const struct kernels *twin, uint64_t seed,
                                        int32_t rounds, int32_t *checks, pmoe_error *error);

/* The table that must agree bit by bit: scalar, for others of 4 lanes that round every product; else NULL. */
const struct kernels *kernels_twin(const struct kernels *kernels);

#endif
