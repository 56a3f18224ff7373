/* A thread pool: the same function over task numbers 0 .. tasks-1, caller included.
 *
 * Nothing about a result may depend on which thread ran a task or in what order, so results do not depend on the
 * number of threads.  A NULL pool runs everything in the caller. */
#ifndef PMOE_BASE_POOL_H
#define PMOE_BASE_POOL_H

#include "../pmoe.h"

struct pool;

/* threads counts the caller; 0 asks for one per CPU that this process may use.  At most 256. */
PMOE_MUST_USE pmoe_status pool_open(int32_t threads, struct pool **pool, pmoe_error *error);
void pool_close(struct pool **pool);
int32_t pool_threads(const struct pool *pool); /* 1 for NULL */

/* Returns when every task has run.  Not to be called from inside a task of the same pool.  worker is 0 .. threads-1,
 * for scratch memory. */
void pool_run(struct pool *pool, int32_t tasks, void (*task)(void *context, int32_t index, int32_t worker),
              void *context);

#endif
