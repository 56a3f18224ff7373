/* Exact decimal expansions: decimal.h is the contract.
 *
 * A double is m * 2^k, so its expansion ends: it is m * 2^k if k >= 0, else m * 5^-k with the point -k digits further
 * left.  Writing rounds that.  Reading guesses a double, then moves it until the digits lie between the midpoints to
 * its neighbours, which are such numbers too.
 *
 * libc's printf and strtod do the same through long double, which WebAssembly has in software only: a seventh of the
 * modules. */
#include "decimal.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
    MOST_DIGITS = 800, /* of the midpoint of the least two doubles there are 752, and a part of a word */
    WORD_DIGITS = 9,
    MOST_WORDS = MOST_DIGITS / WORD_DIGITS,
    INFINITE = 0x7ff, /* a double's exponent bits */
    EXACT_POWER = 22, /* 10^22 is a double, and so are integers of */
    EXACT_DIGITS = 15,
};
static const uint32_t WORD = 1000000000;

/* 0.DIGITS times 10^exponent; the first digit is not 0 unless there is none. */
struct decimal {
    int exponent, count;
    char digits[MOST_DIGITS];
};

struct words {
    int count;
    uint32_t at[MOST_WORDS]; /* least first */
};

static void multiply(struct words *words, uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < words->count; i++) {
        carry += (uint64_t)words->at[i] * factor;
        words->at[i] = (uint32_t)(carry % WORD);
        carry /= WORD;
    }
    if (carry)
        words->at[words->count++] = (uint32_t)carry;
}

/* m * 2^k */
static void expand(uint64_t m, int k, struct decimal *to)
{
    for (; m && m % 2 == 0 && k < 0; m /= 2)
        k++;
    struct words words = {.count = 3,
                          .at = {(uint32_t)(m % WORD), (uint32_t)(m / WORD % WORD), (uint32_t)(m / WORD / WORD)}};
    for (int left = k; left > 0; left -= 28)
        multiply(&words, 1u << (left < 28 ? left : 28));
    for (int left = -k; left > 0; left -= 12) {
        uint32_t factor = 1;
        for (int i = 0; i < left && i < 12; i++)
            factor *= 5;
        multiply(&words, factor);
    }
    to->count = 0;
    for (int i = words.count - 1; i >= 0; i--)
        for (uint32_t unit = WORD / 10; unit; unit /= 10) {
            const char digit = (char)('0' + words.at[i] / unit % 10);
            if (to->count || digit != '0')
                to->digits[to->count++] = digit;
        }
    to->exponent = to->count - (k < 0 ? -k : 0);
}

/* Of |value|, finite. */
static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & ~((uint64_t)1 << 63);
}

/* The double of those bits, or the midpoint between it and the next one. */
static void expand_bits(uint64_t bits, int midpoint, struct decimal *to)
{
    const int exponent = (int)(bits >> 52);
    uint64_t m = bits & (((uint64_t)1 << 52) - 1);
    m |= exponent ? (uint64_t)1 << 52 : 0;
    expand(2 * m + (uint64_t)midpoint, (exponent ? exponent : 1) - 1076, to);
}

int decimal_write(double value, int count, char *digits)
{
    struct decimal exact;
    expand_bits(bits_of(value), 0, &exact);
    memset(digits, '0', (size_t)count);
    memcpy(digits, exact.digits, (size_t)(exact.count < count ? exact.count : count));
    int up = 0;
    if (exact.count > count) {
        int rest = exact.digits[count] != '5' ? exact.digits[count] - '5' : 0;
        for (int i = count + 1; i < exact.count && !rest; i++)
            rest = exact.digits[i] - '0';
        up = rest > 0 || (rest == 0 && digits[count - 1] % 2);
    }
    for (int i = count - 1; up && i >= 0; i--) {
        up = digits[i] == '9';
        digits[i] = up ? '0' : (char)(digits[i] + 1);
    }
    if (up)
        digits[0] = '1';
    return exact.count ? exact.exponent - 1 + up : 0;
}

/* Do the digits round to a double beyond the one of those bits? */
static int is_beyond(const char *digits, int count, int exponent, uint64_t bits)
{
    struct decimal middle;
    expand_bits(bits, 1, &middle);
    if (exponent != middle.exponent)
        return exponent > middle.exponent;
    for (int i = 0; i < count || i < middle.count; i++) {
        const int found = i < count ? digits[i] : '0', limit = i < middle.count ? middle.digits[i] : '0';
        if (found != limit)
            return found > limit;
    }
    return bits % 2;
}

double decimal_read(const char *digits, size_t count, int exponent)
{
    for (; count && *digits == '0'; digits++, count--)
        exponent--;
    for (; count && digits[count - 1] == '0';)
        count--;
    if (!count || exponent < -330)
        return 0;
    if (exponent > 310)
        return INFINITY;

    uint64_t integer = 0;
    int taken = 0;
    for (; taken < (int)count && taken < 18; taken++)
        integer = 10 * integer + (uint64_t)(digits[taken] - '0');
    double guess = (double)integer;
    for (int power = exponent - taken; power;) {
        const int step = power > EXACT_POWER ? EXACT_POWER : power < -EXACT_POWER ? -EXACT_POWER : power;
        double factor = 1;
        for (int i = 0; i < step || i < -step; i++)
            factor *= 10;
        guess = step > 0 ? guess * factor : guess / factor;
        power -= step;
    }
    const int power = exponent - taken;
    if (count <= EXACT_DIGITS && power >= -EXACT_POWER && power <= EXACT_POWER)
        return guess; /* one operation on exact numbers: rounded once */

    uint64_t bits = bits_of(guess);
    while (bits >> 52 < INFINITE && is_beyond(digits, (int)count, exponent, bits))
        bits++;
    while (bits && !is_beyond(digits, (int)count, exponent, bits - 1))
        bits--;
    memcpy(&guess, &bits, sizeof guess);
    return guess;
}
