/* The thread pool behind pool.h: one mutex, two conditions, task numbers handed out one by one.
 *
 * Tasks here are whole images or blocks of kernels, microseconds and up, so a lock per task costs nothing that can be
 * measured and a lock-free queue is left out.  Hosted builds only: inference, and so the wasm build, has no pool. */
#if !defined(_GNU_SOURCE) && defined(__linux__)
#define _GNU_SOURCE /* sched_getaffinity */
#endif

#include "pool.h"

#include "error.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#ifdef __linux__
#include <sched.h>
#endif
#include <unistd.h>

enum { POOL_MAX_THREADS = 256 };

struct worker {
    struct pool *pool;
    pthread_t thread;
    int32_t number; /* 1 .. threads-1; the caller is 0 */
};

struct pool {
    int32_t threads, started; /* started: threads that really run, beside the caller */
    pthread_mutex_t lock;     /* guards everything below */
    pthread_cond_t work, done;
    void (*task)(void *context, int32_t index, int32_t worker);
    void *context;
    int32_t next, tasks; /* next task to hand out, of how many */
    int32_t running;     /* handed out and not yet returned */
    int closing;
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

/* Run tasks of the current job until none is left to hand out.  Called and returns with the lock held. */
static void work_through(struct pool *pool, int32_t worker)
{
    while (pool->next < pool->tasks) {
        int32_t index = pool->next++;
        pool->running++;
        pthread_mutex_unlock(&pool->lock);
        pool->task(pool->context, index, worker);
        pthread_mutex_lock(&pool->lock);
        pool->running--;
    }
    if (pool->running == 0)
        pthread_cond_signal(&pool->done);
}

static void *worker_main(void *argument)
{
    struct worker *self = argument;
    struct pool *pool = self->pool;
    pthread_mutex_lock(&pool->lock);
    while (!pool->closing) {
        if (pool->next < pool->tasks)
            work_through(pool, self->number);
        else
            pthread_cond_wait(&pool->work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

pmoe_status pool_open(int32_t threads, struct pool **out, pmoe_error *error)
{
    *out = NULL;
    if (threads < 0 || threads > POOL_MAX_THREADS)
        return fail(error, PMOE_E_ARGUMENT, "threads: expected 0 (one per CPU) to %d, found %d", POOL_MAX_THREADS,
                    (int)threads);
    if (threads == 0)
        threads = usable_cpus();
    if (threads > POOL_MAX_THREADS)
        threads = POOL_MAX_THREADS;
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return fail(error, PMOE_E_MEMORY, "no memory for a pool of %d threads", (int)threads);
    pool->threads = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (int32_t i = 1; i < threads; i++) {
        struct worker *worker = &pool->workers[i];
        worker->pool = pool;
        worker->number = i;
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
            pool_close(&pool);
            return fail(error, PMOE_E_MEMORY, "thread %d of %d could not be started", (int)i + 1, (int)threads);
        }
        pool->started++;
    }
    *out = pool;
    return PMOE_OK;
}

void pool_close(struct pool **at)
{
    struct pool *pool = at ? *at : NULL;
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = 1;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int32_t i = 1; i <= pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    *at = NULL;
}

int32_t pool_threads(const struct pool *pool)
{
    return pool ? pool->threads : 1;
}

void pool_run(struct pool *pool, int32_t tasks, void (*task)(void *context, int32_t index, int32_t worker),
              void *context)
{
    if (!pool || pool->threads == 1 || tasks <= 1) {
        for (int32_t i = 0; i < tasks; i++)
            task(context, i, 0);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    assert(pool->running == 0 && pool->next == pool->tasks);
    pool->task = task;
    pool->context = context;
    pool->next = 0;
    pool->tasks = tasks;
    pthread_cond_broadcast(&pool->work);
    work_through(pool, 0);
    while (pool->running > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
