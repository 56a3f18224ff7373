#include "quadrants.h"

void quadrants_order(uint32_t rank, int32_t permutation[QUADRANTS])
{
    static const uint32_t factorial[QUADRANTS] = {6, 2, 1, 1};
    int32_t left[QUADRANTS] = {0, 1, 2, 3};
    for (int32_t q = 0; q < QUADRANTS; q++) {
        uint32_t at = rank / factorial[q];
        rank %= factorial[q];
        permutation[q] = left[at];
        for (uint32_t k = at; k + 1 < QUADRANTS; k++)
            left[k] = left[k + 1];
    }
}
