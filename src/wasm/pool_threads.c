/* The pool in a browser: threads are workers that run this same module on the same memory, each on a stack of its own.
 *
 * JavaScript starts them (web/engine/thread.js), so pool_open gives none: one pool is opened by web_pool_open for all
 * runs of an instance, each thread enters pool_serve with its number, and web_run_use makes a run use the pool.  A
 * worker that never comes, or is ended while it waits, is one that takes no tasks.  The pool lasts as long as the
 * memory.  Tasks must not allocate: malloc has no lock here and belongs to the worker that calls pool_run, which has to
 * be one that may sleep, so never a page's own thread. */
#include "../base/error.h"
#include "../base/pool_parts.h"
#include "../model/model.h"

#include <stdlib.h>
#include <string.h>

enum {
    STACK_BYTES = 65536, /* of each thread */
    LOOK_NS = 3,         /* one look of a spinning thread, measured; a clock to ask is not to be had here */
};

struct web_pool {
    struct pool pool; /* first: a pool is cast to what it is part of */
    alignas(64) unsigned char stacks[];
};

struct pool *web_pool_open(int32_t threads);
void *web_pool_stack(struct pool *pool, int32_t worker);
pmoe_status web_run_use(pmoe_run *run, struct pool *pool, pmoe_error *error);

/* For 2 to 16 threads, the caller of pool_run included.  NULL if there is no memory. */
struct pool *web_pool_open(int32_t threads)
{
    struct web_pool *made = aligned_alloc(alignof(struct web_pool), sizeof *made + (size_t)(threads - 1) * STACK_BYTES);
    if (!made)
        return NULL;
    memset(made, 0, sizeof *made);
    made->pool.threads = threads;
    return &made->pool;
}

/* The end of the stack of thread `worker` of 1 .. threads-1: stacks grow downwards. */
void *web_pool_stack(struct pool *pool, int32_t worker)
{
    return ((struct web_pool *)pool)->stacks + (size_t)worker * STACK_BYTES;
}

pmoe_status web_run_use(pmoe_run *run, struct pool *pool, pmoe_error *error)
{
    return run_use_pool(run, pool, error);
}

void bell_ring(struct bell *bell)
{
    atomic_fetch_add(&bell->rings, 1);
    if (atomic_load(&bell->asleep))
        __builtin_wasm_memory_atomic_notify((int *)&bell->rings, ~0u);
}

void bell_wait(struct bell *bell, uint32_t rings)
{
    atomic_fetch_add(&bell->asleep, 1);
    __builtin_wasm_memory_atomic_wait32((int *)&bell->rings, (int)rings, -1);
    atomic_fetch_sub(&bell->asleep, 1);
}

int spin_on(struct spin *spin)
{
    return ++spin->looks < spin->limit_ns / LOOK_NS;
}

pmoe_status pool_open(int32_t threads, struct pool **pool, pmoe_error *error)
{
    (void)threads, (void)error;
    *pool = NULL;
    return PMOE_OK;
}

void pool_close(struct pool **pool)
{
    *pool = NULL;
}
