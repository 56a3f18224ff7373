/* Orders of the four quadrants of a picture. */
#ifndef PMOE_DATA_QUADRANTS_H
#define PMOE_DATA_QUADRANTS_H

#include <stdint.h>

enum { QUADRANTS = 4, QUADRANT_ORDERS = 24 };

/* Permutation number `rank` of 0..3 in lexicographic order; 0 is the identity. */
void quadrants_order(uint32_t rank, int32_t permutation[QUADRANTS]);

#endif
