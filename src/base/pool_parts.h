/* Between the pool and where its threads come from: pthreads (pool_host.c) or a browser's workers
 * (wasm/pool_threads.c). */
#ifndef PMOE_BASE_POOL_PARTS_H
#define PMOE_BASE_POOL_PARTS_H

#include "pool.h"

#include <stdalign.h>
#include <stdatomic.h>
#ifndef __wasm__
#include <pthread.h>
#endif

/* What threads sleep on.  To wait for a condition: read `rings`, look at the condition, and if it does not hold sleep
 * until `rings` is another number; whoever makes it hold rings afterwards, so no ring is missed.  Ringing costs a
 * system call only while someone sleeps. */
struct bell {
    _Atomic uint32_t rings;
    _Atomic int32_t asleep;
#ifndef __wasm__
    pthread_mutex_t lock;
    pthread_cond_t rung;
#endif
};

void bell_ring(struct bell *bell);
void bell_wait(struct bell *bell, uint32_t rings); /* until `rings` has changed; may return earlier */

/* Looking again and again before sleeping: to be woken takes tens of microseconds, as long as a small layer.  A loop
 * `do look; while (spin_on(&spin))` looks for about so long. */
struct spin {
    int32_t limit_ns;
    int32_t looks; /* 0 at first, as is end_ns */
    int64_t end_ns;
};

int spin_on(struct spin *spin);

enum { POOL_MAX_THREADS = 256 };

struct pool {
    int32_t threads;
    int32_t crowded;         /* more threads than CPUs: nobody spins */
    _Atomic int32_t closing; /* threads are to return from pool_serve */
    _Atomic int32_t lost;    /* a thread died inside a task */
    struct bell work, done;  /* a job was opened; the last thread has left it */

    /* One cache line for all that a short job of a few threads touches. */
    alignas(64) _Atomic uint32_t gate; /* number of the job, open or not, threads inside: see pool.c */
    int32_t tasks;
    void (*task)(void *context, int32_t index, int32_t worker);
    void *context;
    _Atomic int32_t next[POOL_MAX_THREADS]; /* task to hand out of each thread's share */
};

/* The life of thread `worker` of 1 .. threads-1: jobs, until the pool is closing. */
void pool_serve(struct pool *pool, int32_t worker);

/* Of a thread that died inside a task: the caller of pool_run stops (assert) instead of waiting for ever. */
void pool_lose(struct pool *pool);

#endif
