#include "error.h"

#include <stdarg.h>
#include <stdio.h>

#ifndef PMOE_VERSION
#define PMOE_VERSION "0.1.0"
#endif

const char *pmoe_version(void)
{
    return PMOE_VERSION;
}

const char *pmoe_status_name(pmoe_status status)
{
    switch (status) {
    case PMOE_OK: return "ok";
    case PMOE_E_ARGUMENT: return "bad argument";
    case PMOE_E_MEMORY: return "out of memory";
    case PMOE_E_IO: return "input or output failed";
    case PMOE_E_FORMAT: return "not in the expected format";
    case PMOE_E_CHECKSUM: return "checksum mismatch";
    case PMOE_E_GRAPH: return "layers do not fit";
    case PMOE_E_LIMIT: return "over a limit";
    }
    return "unknown status";
}

pmoe_status fail(pmoe_error *error, pmoe_status status, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        error->status = status;
        vsnprintf(error->text, sizeof error->text, format, args);
        va_end(args);
    }
    return status;
}
