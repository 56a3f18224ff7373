/* What the pool has to stand in a browser, called by threads.test.mjs: each call is given a pool whose threads are
 * there.  Stands in for what pool_threads.c would take from the rest of the module. */
#include "base/pool_parts.h"
#include "model/model.h"

int32_t tiny_runs(struct pool *pool, int32_t runs);
int32_t meet_all(struct pool *pool, int32_t rounds);
void nest(struct pool *pool);
void trap_in_a_task(struct pool *pool);
_Noreturn void __assert_fail(const char *expression, const char *file, int line, const char *function);
void emscripten_notify_memory_growth(size_t memory);

_Noreturn void __assert_fail(const char *expression, const char *file, int line, const char *function)
{
    (void)expression, (void)file, (void)line, (void)function;
    __builtin_trap();
}

void emscripten_notify_memory_growth(size_t memory)
{
    (void)memory;
}

pmoe_status run_use_pool(pmoe_run *run, struct pool *pool, pmoe_error *error)
{
    (void)run, (void)pool, (void)error;
    return PMOE_OK;
}

/* ---- Tiny jobs ---- */

enum { MOST_TASKS = 8, MOST_THREADS = 16 };

struct sums {
    int64_t sum[MOST_TASKS], run;
};

static void add(void *context, int32_t index, int32_t worker)
{
    (void)worker;
    struct sums *sums = context;
    sums->sum[index] += sums->run * (index + 1);
}

/* How many sums are wrong. */
int32_t tiny_runs(struct pool *pool, int32_t runs)
{
    struct sums sums = {{0}, 1};
    int64_t expected[MOST_TASKS] = {0};
    for (; sums.run <= runs; sums.run++) {
        int32_t tasks = 2 + (int32_t)(sums.run % (MOST_TASKS - 1));
        for (int32_t i = 0; i < tasks; i++)
            expected[i] += sums.run * (i + 1);
        pool_run(pool, tasks, add, &sums);
    }
    int32_t wrong = 0;
    for (int32_t i = 0; i < MOST_TASKS; i++)
        wrong += sums.sum[i] != expected[i];
    return wrong;
}

/* ---- Tasks that end only when every thread has one ---- */

struct meeting {
    int32_t threads;
    _Atomic int32_t arrived;
    _Atomic int32_t came[MOST_THREADS]; /* by worker */
    int trap;
};

static void meet(void *context, int32_t index, int32_t worker)
{
    (void)index;
    struct meeting *meeting = context;
    meeting->came[worker]++;
    meeting->arrived++;
    while (meeting->arrived < meeting->threads)
        continue;
    if (meeting->trap && worker > 0)
        __builtin_trap();
}

/* In every second round after the threads have gone to sleep.  Returns how many threads were in all rounds. */
int32_t meet_all(struct pool *pool, int32_t rounds)
{
    int32_t threads = pool_threads(pool), always = 0;
    struct meeting meeting = {.threads = threads};
    for (int32_t round = 0; round < rounds; round++) {
        meeting.arrived = 0;
        while (round % 2 && pool->work.asleep < threads - 1)
            continue;
        pool_run(pool, threads, meet, &meeting);
    }
    for (int32_t worker = 0; worker < threads; worker++)
        always += meeting.came[worker] == rounds;
    return always;
}

void trap_in_a_task(struct pool *pool)
{
    struct meeting meeting = {.threads = pool_threads(pool), .trap = 1};
    pool_run(pool, meeting.threads, meet, &meeting);
}

static void run_inside(void *context, int32_t index, int32_t worker)
{
    (void)index, (void)worker;
    struct sums sums = {{0}, 1};
    pool_run(context, 2, add, &sums);
}

void nest(struct pool *pool)
{
    pool_run(pool, 2, run_inside, pool);
}
