/* The check of the kernel that benchmarks divide by. */
#include "check_parts.h"

#include "../base/error.h"

#include <math.h>

/* v(i, r) = 2 + (16 i + j - 2) / 2^r.  With so few rounds every sum of those is a float exactly. */
pmoe_status check_register_rounds(struct check *c)
{
    static const int32_t widths[] = {2, 3, 8, 10, 12, 1};
    int32_t sums = widths[c->number % 6], rounds = c->number % 13, lanes = sums > 1 ? c->tables[0]->lanes : 0;
    c->dims = (struct dims){"%d rounds of %d sums", {rounds, sums}};
    struct outputs y;
    if (!check_take_outputs(c, (size_t)lanes, &y))
        return check_no_memory(c);
    for (int t = 0; t < 2 && c->tables[t]; t++)
        c->tables[t]->register_rounds(y.of[t].at, rounds, sums);
    for (int32_t lane = 0; lane < lanes; lane++) {
        struct ref want = {0, 0};
        for (int32_t i = 0; i < sums; i++)
            want.value += 2 + ldexp(16 * i + lane - 2, -rounds);
        TRY(check_verify(c, &y, (size_t)lane, want, 0));
    }
    return check_untouched(c, &y);
}
