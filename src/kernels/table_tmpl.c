/* One instruction set's row of functions. */
#include "tmpl.h"

#define TEXT_OF(word) #word
#define TEXT(word) TEXT_OF(word)

const struct kernels KFN(kernels) = {
    .name = VF_NAME,
    .floats = TEXT(VF_ELSE),
    .lanes = VF_LANES,
    .panel_outs = VF_TILE_OUTS,
    .conv_vecs = VF_CONV_VECS,
    .winograd_vecs = VF_WINOGRAD_VECS,
    .int8_vecs = VF_DOT_VECS,
    .int8_group = VQ_GROUP,
    .int8_bytes = sizeof(vq),
    .fused = VF_FUSED,
#define K(kernel, arguments) .kernel = KFN_EXPAND(kernel, VF_ELSE),
#define K_DOT(kernel, arguments) .kernel = KFN(kernel),
#include "kernel_list.h"
};
