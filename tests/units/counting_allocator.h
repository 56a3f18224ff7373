/* An allocator for tests that counts what is out and can refuse the n-th request. */
#ifndef TESTS_COUNTING_ALLOCATOR_H
#define TESTS_COUNTING_ALLOCATOR_H

#include "pmoe.h"

#include <stdlib.h>

struct counting {
    int requests, out; /* so far; not given back */
    int refuse_at;     /* the request to refuse, from 0; -1 for none */
    size_t largest;
};

static void *counting_alloc(void *user, size_t bytes)
{
    struct counting *counting = user;
    if (counting->requests++ == counting->refuse_at)
        return NULL;
    counting->largest = bytes > counting->largest ? bytes : counting->largest;
    counting->out++;
    return malloc(bytes);
}

static void counting_release(void *user, void *block)
{
    struct counting *counting = user;
    counting->out--;
    free(block);
}

static pmoe_allocator counting_allocator(struct counting *counting, int refuse_at)
{
    *counting = (struct counting){.refuse_at = refuse_at};
    return (pmoe_allocator){counting_alloc, counting_release, counting};
}

#endif
