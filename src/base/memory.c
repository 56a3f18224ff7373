#define _DEFAULT_SOURCE /* madvise */
#include "memory.h"

#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { HUGE_PAGE = 1 << 21, HUGE_LEAST = 2 * HUGE_PAGE };

static size_t align_up(size_t at)
{
    return (at + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1);
}

void *arena_take(struct arena *arena, size_t bytes)
{
    size_t at = align_up(arena->used);
    arena->used = at + bytes;
    return arena->base && arena->used <= arena->size ? arena->base + at : NULL;
}

/* Large blocks in large pages, where the system has them for the asking: a network whose weights no cache holds reads
 * them a fifth faster (src/kernels/SPEED.md). */
static void *malloc_alloc(void *user, size_t bytes)
{
    (void)user;
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_LEAST && bytes <= SIZE_MAX - HUGE_PAGE) {
        size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        void *block = aligned_alloc(HUGE_PAGE, whole);
        if (block)
            (void)madvise(block, whole, MADV_HUGEPAGE); /* refused: small pages do, too */
        return block;
    }
#endif
    return malloc(bytes);
}

static void malloc_release(void *user, void *block)
{
    (void)user;
    free(block);
}

pmoe_allocator allocator_or_malloc(const pmoe_allocator *allocator)
{
    if (allocator && allocator->alloc && allocator->release)
        return *allocator;
    return (pmoe_allocator){malloc_alloc, malloc_release, NULL};
}

void *allocator_take(const pmoe_allocator *allocator, size_t bytes)
{
    return allocator->alloc(allocator->user, bytes ? bytes : 1);
}

void allocator_give(const pmoe_allocator *allocator, void *block)
{
    if (block)
        allocator->release(allocator->user, block);
}

int arena_open(struct arena *arena, size_t bytes, const pmoe_allocator *allocator, void **block)
{
    size_t with_slack;
    if (!size_add(bytes, ARENA_ALIGN - 1, &with_slack))
        return 0;
    *block = allocator_take(allocator, with_slack);
    if (!*block)
        return 0;
    *arena = (struct arena){(unsigned char *)align_up((size_t)*block), bytes, 0};
    return 1;
}

int size_mul(size_t a, size_t b, size_t *out)
{
    if (b && a > SIZE_MAX / b)
        return 0;
    *out = a * b;
    return 1;
}

int size_add(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return 0;
    *out = a + b;
    return 1;
}
