/* snprintf and vsnprintf of these modules, in place of libc's, which bring files and long double, a tenth of a module.
 *
 * Takes what the library prints: %s %c %d %u %x %g %%, lengths ll, z and t, a precision for %s and %g, and zeros in
 * front of %x.  Anything else is a trap, so that tests find it.  Includes only what a host has too: a unit test holds
 * it against the host's own. */
#include "print.h"
#include "../base/decimal.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct sink {
    char *text;
    size_t capacity, length;
};

static void put(struct sink *sink, const char *from, size_t count)
{
    for (size_t i = 0; i < count; i++, sink->length++)
        if (sink->length + 1 < sink->capacity)
            sink->text[sink->length] = from[i];
}

static void put_zeros(struct sink *sink, int count)
{
    for (; count > 0; count--)
        put(sink, "0", 1);
}

static void put_integer(struct sink *sink, uint64_t value, unsigned base, int width)
{
    char digits[20];
    int at = sizeof digits;
    do
        digits[--at] = "0123456789abcdef"[value % base];
    while (value /= base);
    put_zeros(sink, width - ((int)sizeof digits - at));
    put(sink, digits + at, sizeof digits - (size_t)at);
}

/* %.*g, precision 1 .. 17 */
static void put_number(struct sink *sink, double value, int precision)
{
    if (signbit(value))
        put(sink, "-", 1);
    if (!isfinite(value)) {
        put(sink, isnan(value) ? "nan" : "inf", 3);
        return;
    }
    char digits[17];
    const int exponent = decimal_write(value, precision, digits), long_form = exponent < -4 || exponent >= precision;
    const int whole = long_form ? 1 : exponent + 1; /* digits before the point */
    int count = precision;
    while (count > 1 && count > whole && digits[count - 1] == '0')
        count--;
    if (whole <= 0) {
        put(sink, "0.", 2);
        put_zeros(sink, -whole);
        put(sink, digits, (size_t)count);
    } else {
        put(sink, digits, (size_t)whole);
        put(sink, ".", count > whole);
        put(sink, digits + whole, (size_t)(count - whole));
    }
    if (long_form) {
        put(sink, exponent < 0 ? "e-" : "e+", 2);
        put_integer(sink, (uint64_t)(exponent < 0 ? -exponent : exponent), 10, 2);
    }
}

int print_args(char *text, size_t capacity, const char *format, va_list args)
{
    struct sink sink = {.text = text, .capacity = capacity};
    for (const char *at = format; *at; at++) {
        if (*at != '%') {
            put(&sink, at, 1);
            continue;
        }
        int width = 0, precision = -1, bits = 32;
        for (at++; *at >= '0' && *at <= '9'; at++)
            width = 10 * width + (*at - '0');
        if (*at == '.' && at[1] == '*') {
            precision = va_arg(args, int);
            at += 2;
        } else if (*at == '.')
            for (precision = 0, at++; *at >= '0' && *at <= '9'; at++)
                precision = 10 * precision + (*at - '0');
        for (; *at == 'l' || *at == 'z' || *at == 't'; at++)
            bits = *at == 'l' && at[-1] == 'l' ? 64 : 8 * (int)sizeof(size_t);
        switch (*at) {
        case '%': put(&sink, "%", 1); break;
        case 'c': {
            const char c = (char)va_arg(args, int);
            put(&sink, &c, 1);
            break;
        }
        case 's': {
            const char *from = va_arg(args, const char *);
            size_t count = 0;
            while ((precision < 0 || count < (size_t)precision) && from[count])
                count++;
            put(&sink, from, count);
            break;
        }
        case 'd': {
            const int64_t value = bits == 64 ? va_arg(args, long long) : va_arg(args, int);
            put(&sink, "-", value < 0);
            put_integer(&sink, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, 0);
            break;
        }
        case 'u':
        case 'x':
            put_integer(&sink, bits == 64 ? va_arg(args, unsigned long long) : va_arg(args, unsigned),
                        *at == 'x' ? 16 : 10, width);
            break;
        case 'g': put_number(&sink, va_arg(args, double), precision < 0 ? 6 : precision); break;
        default: __builtin_trap();
        }
    }
    if (capacity)
        text[sink.length < capacity ? sink.length : capacity - 1] = 0;
    return (int)sink.length;
}
