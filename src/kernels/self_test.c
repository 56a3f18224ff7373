/* pmoe_self_test: the harness (check.h) over one instruction set of this build and CPU. */
#include "../base/error.h"
#include "check.h"

pmoe_status pmoe_self_test(const char *isa, int32_t rounds, uint64_t seed, int32_t *checks, pmoe_error *error)
{
    const struct kernels *kernels = kernels_find(isa);
    if (!kernels)
        return fail(error, PMOE_E_ARGUMENT,
                    "instruction set \"%.32s\": this build and CPU have none so named (best: %s)", isa,
                    kernels_find("best")->name);
    if (rounds < 0)
        return fail(error, PMOE_E_ARGUMENT, "rounds: expected 0 or more, found %d", (int)rounds);
    return kernels_check(kernels, kernels_twin(kernels), seed, rounds, checks, error);
}
