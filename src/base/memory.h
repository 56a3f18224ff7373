/* Memory: the caller's allocator, and an arena that one call to it fills.
 *
 * Whoever opens a handle runs the same laying-out code twice: over an arena without a base, which only counts, and
 * over the block of just that size.  Planning and opening can so never disagree. */
#ifndef PMOE_BASE_MEMORY_H
#define PMOE_BASE_MEMORY_H

#include "../pmoe.h"

enum { ARENA_ALIGN = 64 }; /* a cache line, and the widest vector */

struct arena {
    unsigned char *base; /* NULL: count only; else aligned to ARENA_ALIGN */
    size_t size, used;
};

/* The next `bytes` of the arena, 64-byte aligned; NULL while counting, or when they do not fit. */
void *arena_take(struct arena *arena, size_t bytes);

/* The default for a NULL or zeroed allocator: malloc and free. */
pmoe_allocator allocator_or_malloc(const pmoe_allocator *allocator);

void *allocator_take(const pmoe_allocator *allocator, size_t bytes);
void allocator_give(const pmoe_allocator *allocator, void *block);

/* A block from the allocator whose address is rounded up to ARENA_ALIGN for the arena; *block is what to give back.
 * False when there is no memory. */
int arena_open(struct arena *arena, size_t bytes, const pmoe_allocator *allocator, void **block);

/* a * b and a + b for sizes from outside: false on overflow, *out then untouched.  32-bit size_t included. */
int size_mul(size_t a, size_t b, size_t *out);
int size_add(size_t a, size_t b, size_t *out);

#endif
