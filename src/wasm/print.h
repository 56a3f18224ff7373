/* vsnprintf, as far as the library needs it; print.c says how far. */
#ifndef PMOE_WASM_PRINT_H
#define PMOE_WASM_PRINT_H

#include <stdarg.h>
#include <stddef.h>

int print_args(char *text, size_t capacity, const char *format, va_list args);

#endif
