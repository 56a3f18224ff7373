/* A thread pool: the same function over task numbers 0 .. tasks-1, caller included.
 *
 * Nothing about a result may depend on which thread ran a task or in what order, so results do not depend on the
 * number of threads.  A NULL pool runs everything in the caller. */
#ifndef PMOE_BASE_POOL_H
#define PMOE_BASE_POOL_H

#include "../pmoe.h"

struct pool;

/* threads counts the caller; 0 asks for one per CPU that this process may use.  At most 256.  In wasm, where threads
 * come from JavaScript (wasm/pool_threads.c), *pool is NULL. */
PMOE_MUST_USE pmoe_status pool_open(int32_t threads, struct pool **pool, pmoe_error *error);
void pool_close(struct pool **pool);
int32_t pool_threads(const struct pool *pool); /* 1 for NULL */

/* Returns when every task has run; never waits for a thread that has not begun one.  One caller at a time, and never
 * from inside a task of the same pool: both are asserted.  worker is 0 .. threads-1, for scratch memory. */
void pool_run(struct pool *pool, int32_t tasks, void (*task)(void *context, int32_t index, int32_t worker),
              void *context);

/* ---- Where threads pay: the one place that decides ---- */

/* Multiply-adds.  Measured on two CPUs (kernels/SPEED.md), natively and in a browser alike: splitting a call costs 0.5
 * to 1.1 us while the threads are awake, 5 to 11 % of the smallest that is split; waking them costs the caller 8 us,
 * 5 % of the smallest pass that they are woken for; handing out the smallest task costs 0.1 of its 2.5 us.  Natively 50
 * of them take a nanosecond, in a browser 25. */
#ifdef __wasm__
enum { POOL_LEAST_CALL = 250000, POOL_LEAST_PASS = 4000000, POOL_LEAST_TASK = 62500 };
#else
enum { POOL_LEAST_CALL = 500000, POOL_LEAST_PASS = 8000000, POOL_LEAST_TASK = 125000 };
#endif
enum { POOL_TASKS_PER_THREAD = 4 };

/* Once at the start of a pass: the pool to use in it, or NULL if its work is less than waking the threads is worth;
 * wakes them if they sleep, so that they are there when the first call is split.  `multiply_adds` of those calls alone
 * that may be split. */
struct pool *pool_wake(struct pool *pool, int64_t multiply_adds);

/* Into how many equal tasks to split a call of so many multiply-adds: 1, which is not to split it, or a few for each
 * thread, so that a late one leaves its share to the others. */
int32_t pool_tasks(const struct pool *pool, int64_t multiply_adds);

#endif
