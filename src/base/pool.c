/* The thread pool behind pool.h: how jobs are opened, worked through and closed; one source for all hosts.
 *
 * A job is open from pool_run until its caller finds no task left.  A thread that finds it open enters, takes task
 * numbers until none is left, and leaves; nobody enters once it is closed.  So the caller waits for those inside and no
 * others: a thread that sleeps late, was never started or has been ended costs speed, nothing else, and what a job
 * consists of is written only while nobody is inside.
 *
 * Each thread begins with a share of its own, neighbours in number and the same ones in every job of so many tasks:
 * what it wrote of one layer's map it reads of the next, out of its own cache.  Then it helps the others.
 *
 * Leaves out where threads come from and how they sleep (pool_parts.h), and queues: one job at a time. */
#include "pool_parts.h"

#include <assert.h>

enum {
    IDLE_SPIN_NS = 50000,    /* of a thread without a job: longer than what lies between two layers of a pass */
    CALLER_SPIN_NS = 500000, /* of the caller, which has nothing better to do: as long as a large layer's last task */
};

/* The gate: threads inside in the low half, above it whether the job is open, above that the job's number.  A thread
 * enters each number once.  That the number wraps does no harm: at worst a thread that slept through 2^15 jobs sits out
 * one more. */
#define GATE_INSIDE ((uint32_t)0xffff)
#define GATE_OPEN ((uint32_t)1 << 16)
#define GATE_JOB ((uint32_t)1 << 17)

/* Enter the job that is open, unless it is number *last; *last becomes its number. */
static int gate_enter(struct pool *pool, uint32_t *last)
{
    uint32_t gate = atomic_load_explicit(&pool->gate, memory_order_relaxed);
    while ((gate & GATE_OPEN) && gate / GATE_JOB != *last)
        if (atomic_compare_exchange_weak_explicit(&pool->gate, &gate, gate + 1, memory_order_acquire,
                                                  memory_order_relaxed)) {
            *last = gate / GATE_JOB;
            return 1;
        }
    return 0;
}

static void gate_leave(struct pool *pool)
{
    uint32_t before = atomic_fetch_sub_explicit(&pool->gate, 1, memory_order_acq_rel);
    if (!(before & GATE_OPEN) && (before & GATE_INSIDE) == 1)
        bell_ring(&pool->done);
}

/* Where the share of thread `worker` begins, and that of the one before ends. */
static int32_t share_begin(const struct pool *pool, int32_t worker)
{
    return (int32_t)((int64_t)pool->tasks * worker / pool->threads);
}

static void work_through(struct pool *pool, int32_t worker)
{
    for (int32_t i = 0; i < pool->threads; i++) {
        const int32_t share = (worker + i) % pool->threads, end = share_begin(pool, share + 1);
        int32_t index = atomic_load_explicit(&pool->next[share], memory_order_relaxed);
        while (index < end && (index = atomic_fetch_add_explicit(&pool->next[share], 1, memory_order_relaxed)) < end)
            pool->task(pool->context, index, worker);
    }
}

void pool_serve(struct pool *pool, int32_t worker)
{
    for (uint32_t last = 0;;) {
        uint32_t rings = atomic_load_explicit(&pool->work.rings, memory_order_acquire);
        int entered;
        struct spin spin = {IDLE_SPIN_NS, 0, 0};
        do {
            if (atomic_load_explicit(&pool->closing, memory_order_relaxed))
                return;
            entered = gate_enter(pool, &last);
        } while (!entered && !pool->crowded && spin_on(&spin));
        if (entered) {
            work_through(pool, worker);
            gate_leave(pool);
        } else {
            bell_wait(&pool->work, rings);
        }
    }
}

void pool_lose(struct pool *pool)
{
    atomic_store_explicit(&pool->lost, 1, memory_order_relaxed);
    gate_leave(pool);
}

static void wait_until_left(struct pool *pool)
{
    for (;;) {
        uint32_t rings = atomic_load_explicit(&pool->done.rings, memory_order_acquire);
        struct spin spin = {CALLER_SPIN_NS, 0, 0};
        do {
            if (!(atomic_load_explicit(&pool->gate, memory_order_acquire) & GATE_INSIDE))
                return;
        } while (!pool->crowded && spin_on(&spin));
        bell_wait(&pool->done, rings);
    }
}

void pool_run(struct pool *pool, int32_t tasks, void (*task)(void *context, int32_t index, int32_t worker),
              void *context)
{
    if (!pool || pool->threads == 1 || tasks <= 1) {
        for (int32_t i = 0; i < tasks; i++)
            task(context, i, 0);
        return;
    }
    uint32_t gate = atomic_load_explicit(&pool->gate, memory_order_relaxed);
    assert(!(gate & (GATE_OPEN | GATE_INSIDE)));
    pool->task = task;
    pool->context = context;
    pool->tasks = tasks;
    for (int32_t i = 0; i < pool->threads; i++)
        atomic_store_explicit(&pool->next[i], share_begin(pool, i), memory_order_relaxed);
    atomic_store_explicit(&pool->gate, (gate + GATE_JOB) | GATE_OPEN, memory_order_release);
    bell_ring(&pool->work);
    work_through(pool, 0);
    if (atomic_fetch_and_explicit(&pool->gate, ~GATE_OPEN, memory_order_acq_rel) & GATE_INSIDE)
        wait_until_left(pool);
    assert(!atomic_load_explicit(&pool->lost, memory_order_relaxed));
}

int32_t pool_threads(const struct pool *pool)
{
    return pool ? pool->threads : 1;
}

struct pool *pool_wake(struct pool *pool, int64_t multiply_adds)
{
    if (pool_threads(pool) == 1 || multiply_adds < POOL_LEAST_PASS)
        return NULL;
    if (atomic_load_explicit(&pool->work.asleep, memory_order_relaxed))
        bell_ring(&pool->work);
    return pool;
}

int32_t pool_tasks(const struct pool *pool, int64_t multiply_adds)
{
    int32_t threads = pool_threads(pool);
    if (threads == 1 || multiply_adds < POOL_LEAST_CALL)
        return 1;
    int64_t tasks = multiply_adds / POOL_LEAST_TASK, most = (int64_t)POOL_TASKS_PER_THREAD * threads;
    return (int32_t)(tasks < most ? tasks : most);
}
