/* Doubles to decimal digits and back, rounded correctly (to nearest, ties to even), whatever the locale. */
#ifndef PMOE_BASE_DECIMAL_H
#define PMOE_BASE_DECIMAL_H

#include <stddef.h>

/* The `count` (1 .. 17) digits of |value|, finite, as printf's %.*e finds them, no terminator.  Returns the power of
 * ten of the first. */
int decimal_write(double value, int count, char *digits);

/* 0.DIGITS times 10^exponent, for any number of digits; infinity beyond DBL_MAX. */
double decimal_read(const char *digits, size_t count, int exponent);

#endif
