/* pool.h without threads: tasks run in the caller, in order. */
#include "../base/pool.h"

#include "../base/error.h"

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

int32_t pool_threads(const struct pool *pool)
{
    (void)pool;
    return 1;
}

void pool_run(struct pool *pool, int32_t tasks, void (*task)(void *context, int32_t index, int32_t worker),
              void *context)
{
    (void)pool;
    for (int32_t i = 0; i < tasks; i++)
        task(context, i, 0);
}

struct pool *pool_wake(struct pool *pool, int64_t multiply_adds)
{
    (void)pool, (void)multiply_adds;
    return NULL;
}

int32_t pool_tasks(const struct pool *pool, int64_t multiply_adds)
{
    (void)pool, (void)multiply_adds;
    return 1;
}
