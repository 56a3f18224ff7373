/* Failing with a sentence: how a status and its explanation travel up. */
#ifndef PMOE_BASE_ERROR_H
#define PMOE_BASE_ERROR_H

#include "../pmoe.h"

/* Fill *error (may be NULL) and return `status`, so that `return fail(...)` is all a check needs. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
pmoe_status
fail(pmoe_error *error, pmoe_status status, const char *format, ...);

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        pmoe_status try_status_ = (call);                                                                              \
        if (try_status_ != PMOE_OK)                                                                                    \
            return try_status_;                                                                                        \
    } while (0)

#endif
