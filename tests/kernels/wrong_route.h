/* Kernels of routing that are wrong on purpose (wrong.h). */
#ifndef WRONG_ROUTE_H
#define WRONG_ROUTE_H

#include "kernels/kernels.h"

#define ROUTE(name)                                                                                                    \
    static void name(int32_t *picks, float *gates, const float *scores, int32_t step, int32_t lists, int32_t n,        \
                     int32_t l, int32_t over, float *scratch)
#define RIGHT_ROUTE(scores, n, over) kernels_at(0)->route(picks, gates, scores, step, lists, n, l, over, scratch)

ROUTE(route_without_last_item)
{
    RIGHT_ROUTE(scores, n > l ? n - 1 : n, over == n && n > l ? n - 1 : over);
}

ROUTE(route_ignores_step)
{
    step = lists;
    RIGHT_ROUTE(scores, n, over);
}

ROUTE(route_gates_over_all)
{
    RIGHT_ROUTE(scores, n, over ? n : 0);
}

ROUTE(route_gates_hard)
{
    RIGHT_ROUTE(scores, n, 0);
    (void)over;
}

ROUTE(route_ties_to_the_higher)
{
    RIGHT_ROUTE(scores, n, over);
    for (int32_t e = 0; e < lists; e++)
        for (int32_t i = 1; i < l; i++) {
            int32_t *pair = picks + e * l + i - 1;
            if (scores[pair[0] * step + e] == scores[pair[1] * step + e] && pair[0] < pair[1]) {
                const int32_t first = pair[0];
                pair[0] = pair[1];
                pair[1] = first;
            }
        }
}

ROUTE(route_nan_first)
{
    RIGHT_ROUTE(scores, n, over);
    for (int32_t e = 0; e < lists; e++)
        for (int32_t j = 0; j < n; j++)
            if (scores[j * step + e] != scores[j * step + e])
                picks[e * l] = j;
}

ROUTE(route_writes_behind)
{
    RIGHT_ROUTE(scores, n, over);
    gates[-1] = 0;
}

#endif
