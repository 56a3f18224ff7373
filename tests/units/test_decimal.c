/* Numbers as text without libc: decimal.h, and the wasm modules' printf, against this host's printf and strtod. */
#include "base/decimal.h"
#include "base/random.h"

#include "wasm/print.c"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 20000 };

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Any finite double, or one as files have them. */
static double some_double(struct random *random, int round)
{
    if (round % 2)
        return (float)(2 * random_uniform(random) - 1);
    const double value = double_of((uint64_t)random_u32(random) << 32 | random_u32(random));
    return isfinite(value) ? value : 0;
}

static void check_write(double value, int count)
{
    char digits[17], found[32], want[32];
    int exponent = decimal_write(value, count, digits);
    snprintf(found, sizeof found, "%c%s%.*se%s%02d", digits[0], count > 1 ? "." : "", count - 1, digits + 1,
             exponent < 0 ? "-" : "+", abs(exponent));
    snprintf(want, sizeof want, "%.*e", count - 1, fabs(value));
    assert_string_equal(found, want);
}

static void check_read(const char *text)
{
    char digits[1200];
    size_t count = 0;
    int exponent = 0, whole = 1;
    const char *at = text;
    for (; *at && *at != 'e'; at++)
        if (*at == '.')
            whole = 0;
        else {
            digits[count++] = *at;
            exponent += whole;
        }
    exponent += *at ? atoi(at + 1) : 0;
    const double found = decimal_read(digits, count, exponent), want = strtod(text, NULL);
    if (memcmp(&found, &want, sizeof found) != 0)
        fail_msg("%s is %.17g, read as %.17g", text, want, found);
}

static const double edges[] = {
    0, 0.5, 1.5, 2.5, 9.5, 99.5, 0.125, DBL_MAX, DBL_MIN, 4.9406564584124654e-324, DBL_EPSILON, 1e22, 1e23, 1.5e17};

static void writes_digits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        for (int count = 1; count <= 17; count++)
            check_write(edges[i], count);
    struct random random = random_at(1, RANDOM_CHECK, 0);
    for (int round = 0; round < ROUNDS; round++)
        check_write(some_double(&random, round), 1 + round / 2 % 17);
}

/* Its own digits, the shortest that some write, and those just around what lies between it and the next. */
static void check_around(double value)
{
    char text[1200];
    for (int count = 1; count <= 17; count += 4) {
        snprintf(text, sizeof text, "%.*e", count - 1, value);
        check_read(text);
    }
    const double next = nextafter(value, INFINITY);
    const long double middle = isfinite(next) ? ((long double)value + next) / 2 : value;
    snprintf(text, sizeof text, "%.1000Le", middle);
    check_read(text);
    strchr(text, 'e')[-1] = '1';
    check_read(text);
    snprintf(text, sizeof text, "%.18Le", middle);
    check_read(text);
}

static void reads_digits(void **state)
{
    (void)state;
    static const char *const texts[] = {"0",
                                        "0000.0000",
                                        "000123.4500",
                                        "1e-400",
                                        "1e400",
                                        "2.4703282292062327e-324",
                                        "2.4703282292062328e-324",
                                        "1.7976931348623158e308",
                                        "1.7976931348623159e308",
                                        "1e309",
                                        "9007199254740993",
                                        "9007199254740992.9999999999",
                                        "2.2250738585072011e-308",
                                        "123456789012345678901234567890",
                                        "1e22",
                                        "1e23",
                                        "1e-22",
                                        "1e-23"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_read(texts[i]);
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        check_around(edges[i]);
    struct random random = random_at(2, RANDOM_CHECK, 0);
    for (int round = 0; round < ROUNDS; round++)
        check_around(fabs(some_double(&random, round)));
}

static int print_some(char *text, size_t capacity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = print_args(text, capacity, format, args);
    va_end(args);
    return length;
}

/* The same text and length, cut off or not. */
#define PRINTS(...)                                                                                                    \
    for (size_t capacity = 0; capacity <= sizeof want; capacity += capacity < 8 ? 1 : 24) {                            \
        int length = snprintf(want, capacity, __VA_ARGS__);                                                            \
        assert_int_equal(print_some(found, capacity, __VA_ARGS__), length);                                            \
        if (capacity)                                                                                                  \
            assert_string_equal(found, want);                                                                          \
    }

static void prints_as_libc(void **state)
{
    (void)state;
    char want[80], found[80];
    const char unterminated[3] = {'a', 'b', 'c'};
    PRINTS("%s", "")
    PRINTS("a %s and %.2s%c%%", "text", "xyz", '!')
    PRINTS("%.*s|%.*s", 3, unterminated, -1, "all")
    PRINTS("%d %d %d", 0, INT32_MAX, INT32_MIN)
    PRINTS("%lld %lld", (long long)INT64_MIN, (long long)INT64_MAX)
    PRINTS("%u %llu %zu %lu", UINT32_MAX, (unsigned long long)UINT64_MAX, SIZE_MAX, 7ul)
    PRINTS("%td %x %04x %02x %08x", (ptrdiff_t)-12, 0xabcu, 0x1fu, 0x12345u, 0u)
    const double numbers[] = {0,      -0.0,       1,         -1.5,  100,   1e5,      123456,   1234567,
                              0.0001, 0.00001234, 9.9999995, 1e100, -1e-7, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        PRINTS("%g", numbers[i])
        PRINTS("%.9g and %.2g", numbers[i], numbers[i])
    }
    PRINTS("%g", (double)NAN)
    struct random random = random_at(3, RANDOM_CHECK, 0);
    for (int round = 0; round < 1000; round++) {
        double value = some_double(&random, round);
        PRINTS("%.*g", 1 + round % 17, value)
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_digits),
        cmocka_unit_test(reads_digits),
        cmocka_unit_test(prints_as_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
