/* The thread pool: every task once, worker numbers in range, no difference by number of threads. */
#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TASKS = 1000, MOST_THREADS = 5 };

struct record {
    int32_t times[TASKS]; /* a task writes its own element only */
    int32_t workers[TASKS];
};

static void note(void *context, int32_t index, int32_t worker)
{
    struct record *record = context;
    record->times[index]++;
    record->workers[index] = worker;
}

static void every_task_runs_once(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
        struct pool *pool;
        assert_int_equal(pool_open(threads, &pool, NULL), PMOE_OK);
        assert_int_equal(pool_threads(pool), threads);
        for (int32_t tasks = 0; tasks <= TASKS; tasks = tasks * 3 + 1) {
            struct record record;
            memset(&record, 0, sizeof record);
            pool_run(pool, tasks, note, &record);
            for (int32_t i = 0; i < TASKS; i++) {
                assert_int_equal(record.times[i], i < tasks);
                assert_in_range(record.workers[i], 0, threads - 1);
            }
        }
        pool_close(&pool);
        assert_null(pool);
    }
}

static void no_pool_is_the_caller(void **state)
{
    (void)state;
    struct record record;
    memset(&record, 0, sizeof record);
    assert_int_equal(pool_threads(NULL), 1);
    pool_run(NULL, TASKS, note, &record);
    for (int32_t i = 0; i < TASKS; i++) {
        assert_int_equal(record.times[i], 1);
        assert_int_equal(record.workers[i], 0);
    }
}

static void zero_asks_for_the_cpus(void **state)
{
    (void)state;
    struct pool *pool;
    assert_int_equal(pool_open(0, &pool, NULL), PMOE_OK);
    assert_true(pool_threads(pool) >= 1);
    pool_close(&pool);
}

static void refuses_senseless_counts(void **state)
{
    (void)state;
    int32_t bad[] = {-1, 257, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pool *pool = (struct pool *)&bad;
        pmoe_error error;
        assert_int_equal(pool_open(bad[i], &pool, &error), PMOE_E_ARGUMENT);
        assert_int_equal(error.status, PMOE_E_ARGUMENT);
        assert_non_null(strstr(error.text, "256"));
        assert_null(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(no_pool_is_the_caller),
        cmocka_unit_test(zero_asks_for_the_cpus),
        cmocka_unit_test(refuses_senseless_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
