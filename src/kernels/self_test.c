/* pmoe_self_test: the harness (check.h) over one instruction set of this build and CPU. */
#include "../base/error.h"
#include "check.h"

pmoe_status pmoe_self_test(const char *isa, uint64_t seed, int32_t *checks, pmoe_error *error)
{
    const struct kernels *kernels = kernels_find(isa);
    if (!kernels)
        return fail(error, PMOE_E_ARGUMENT,
                    "instruction set \"%.32s\": this build and CPU have none so named (best: %s)", isa,
                    kernels_find("best")->name);
    return kernels_check(kernels, kernels_twin(kernels), seed, 1, checks, error);
}
