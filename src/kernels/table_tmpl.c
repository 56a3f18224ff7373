/* One instruction set's row of functions. */
#include "tmpl.h"

const struct kernels KFN(kernels) = {
    .name = VF_NAME,
    .lanes = VF_LANES,
    .panel_outs = VF_TILE_OUTS,
    .fused = VF_FUSED,
#define K(kernel, arguments) .kernel = KFN(kernel),
#include "kernel_list.h"
};
