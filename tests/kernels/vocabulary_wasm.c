/* vocabulary.h as a WebAssembly module of one instruction set, which -DISA and -DSIMD_H name. */
#include "vocabulary.h"

const char *vocabulary_fault(void)
{
    return KFN(vocabulary_fault)();
}
