/* The pool's threads on a host with pthreads: starting, joining, sleeping. */
#if !defined(_GNU_SOURCE) && defined(__linux__)
#define _GNU_SOURCE /* sched_getaffinity */
#endif

#include "error.h"
#include "pool_parts.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct worker {
    struct pool *pool;
    pthread_t thread;
    int32_t number; /* 1 .. threads-1; the caller is 0 */
};

struct host_pool {
    struct pool pool; /* first: a pool is cast to what it is part of */
    int32_t started;  /* threads that run, beside the caller */
    struct worker workers[POOL_MAX_THREADS];
};

static int32_t usable_cpus(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 && online < POOL_MAX_THREADS ? (int32_t)online : 1;
}

/* ---- Sleeping ---- */

static void bell_open(struct bell *bell)
{
    pthread_mutex_init(&bell->lock, NULL);
    pthread_cond_init(&bell->rung, NULL);
}

static void bell_close(struct bell *bell)
{
    pthread_cond_destroy(&bell->rung);
    pthread_mutex_destroy(&bell->lock);
}

/* Sequentially consistent on both sides: either the ringer sees the sleeper, or the sleeper the ring. */
void bell_ring(struct bell *bell)
{
    atomic_fetch_add(&bell->rings, 1);
    if (atomic_load(&bell->asleep) == 0)
        return;
    pthread_mutex_lock(&bell->lock);
    pthread_mutex_unlock(&bell->lock); /* a sleeper between its look at `rings` and its sleep is asleep now */
    pthread_cond_broadcast(&bell->rung);
}

void bell_wait(struct bell *bell, uint32_t rings)
{
    pthread_mutex_lock(&bell->lock);
    atomic_fetch_add(&bell->asleep, 1);
    while (atomic_load(&bell->rings) == rings)
        pthread_cond_wait(&bell->rung, &bell->lock);
    atomic_fetch_sub(&bell->asleep, 1);
    pthread_mutex_unlock(&bell->lock);
}

static void cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* yield does nothing on most of them */
#endif
}

int spin_on(struct spin *spin)
{
    enum { LOOKS_PER_CLOCK = 16 };
    cpu_pause();
    if (++spin->looks % LOOKS_PER_CLOCK)
        return 1;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (!spin->end_ns)
        spin->end_ns = now_ns + spin->limit_ns;
    sched_yield(); /* whoever is waited for may be waiting for this CPU */
    return now_ns < spin->end_ns;
}

/* ---- Opening and closing ---- */

static void *worker_main(void *argument)
{
    const struct worker *self = argument;
    pool_serve(self->pool, self->number);
    return NULL;
}

pmoe_status pool_open(int32_t threads, struct pool **out, pmoe_error *error)
{
    *out = NULL;
    if (threads < 0 || threads > POOL_MAX_THREADS)
        return fail(error, PMOE_E_ARGUMENT, "threads: expected 0 (one per CPU) to %d, found %d", POOL_MAX_THREADS,
                    (int)threads);
    int32_t cpus = usable_cpus();
    if (threads == 0)
        threads = cpus < POOL_MAX_THREADS ? cpus : POOL_MAX_THREADS;
    struct host_pool *made = aligned_alloc(alignof(struct host_pool), sizeof *made);
    if (!made)
        return fail(error, PMOE_E_MEMORY, "no memory for a pool of %d threads", (int)threads);
    memset(made, 0, sizeof *made);
    struct pool *pool = &made->pool;
    pool->threads = threads;
    pool->crowded = threads > cpus;
    bell_open(&pool->work);
    bell_open(&pool->done);
    for (int32_t i = 1; i < threads; i++) {
        struct worker *worker = &made->workers[i];
        worker->pool = pool;
        worker->number = i;
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
            pool_close(&pool);
            return fail(error, PMOE_E_MEMORY, "thread %d of %d could not be started", (int)i + 1, (int)threads);
        }
        made->started++;
    }
    *out = pool;
    return PMOE_OK;
}

void pool_close(struct pool **at)
{
    struct pool *pool = at ? *at : NULL;
    if (!pool)
        return;
    struct host_pool *made = (struct host_pool *)pool;
    atomic_store(&pool->closing, 1);
    bell_ring(&pool->work);
    for (int32_t i = 1; i <= made->started; i++)
        pthread_join(made->workers[i].thread, NULL);
    bell_close(&pool->done);
    bell_close(&pool->work);
    free(made);
    *at = NULL;
}
