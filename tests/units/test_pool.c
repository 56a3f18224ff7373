/* The thread pool: every task once, worker numbers in range, no difference by number of threads; threads asleep, late,
 * dead or closing; misuse stops at an assertion.  Also run under the thread sanitizer. */
#include "base/pool_parts.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

/* ---- Short jobs, sleeping threads ---- */

static void fall_asleep(void)
{
    struct timespec while_idle = {0, 2000000}; /* longer than any thread spins */
    nanosleep(&while_idle, NULL);
}

/* Each task adds its number to an element of its own; what a run leaves behind depends on the run's number. */
struct sums {
    int64_t sum[8];
    int64_t run;
};

static void add(void *context, int32_t index, int32_t worker)
{
    (void)worker;
    struct sums *sums = context;
    sums->sum[index] += sums->run * (index + 1);
}

/* Jobs so short that threads arrive when they are over, and the next one has begun. */
static void thousands_of_tiny_runs_lose_and_repeat_nothing(void **state)
{
    (void)state;
    enum { RUNS = 20000 };
    for (int32_t threads = 2; threads <= 4; threads++) {
        struct pool *pool;
        struct sums sums = {{0}, 0};
        int64_t expected[8] = {0};
        assert_int_equal(pool_open(threads, &pool, NULL), PMOE_OK);
        for (sums.run = 1; sums.run <= RUNS; sums.run++) {
            int32_t tasks = 2 + (int32_t)(sums.run % 7);
            for (int32_t i = 0; i < tasks; i++)
                expected[i] += sums.run * (i + 1);
            pool_run(pool, tasks, add, &sums);
            if (sums.run % 2000 == 0)
                fall_asleep();
        }
        pool_close(&pool);
        assert_memory_equal(sums.sum, expected, sizeof expected);
    }
}

/* Tasks that end only when every thread has one. */
struct meeting {
    int32_t threads;
    _Atomic int32_t arrived;
    int32_t workers[MOST_THREADS]; /* by task */
    int linger;                    /* workers go on long after the caller has ended its task */
    struct pool *pool;
};

static void meet(void *context, int32_t index, int32_t worker)
{
    struct meeting *meeting = context;
    meeting->workers[index] = worker;
    atomic_fetch_add(&meeting->arrived, 1);
    while (atomic_load(&meeting->arrived) < meeting->threads)
        sched_yield();
    if (meeting->linger && worker > 0)
        fall_asleep();
}

/* One share each here, and none is done before all are begun. */
static void every_thread_takes_its_own_share_awake_or_asleep(void **state)
{
    (void)state;
    for (int32_t threads = 2; threads <= MOST_THREADS; threads++) {
        struct pool *pool;
        assert_int_equal(pool_open(threads, &pool, NULL), PMOE_OK);
        for (int run = 0; run < 6; run++) {
            struct meeting meeting = {.threads = threads, .linger = run % 2};
            pool_run(pool, threads, meet, &meeting);
            for (int32_t i = 0; i < threads; i++)
                assert_int_equal(meeting.workers[i], i);
            if (run >= 3)
                fall_asleep();
        }
        pool_close(&pool);
    }
}

enum { LATE = 4, SHARES = 8 }; /* of two threads: LATE is the first of the second one's tasks */

/* All tasks but LATE count; LATE ends when they have. */
static void be_late(void *context, int32_t index, int32_t worker)
{
    (void)worker;
    _Atomic int32_t *done = context;
    if (index != LATE)
        atomic_fetch_add(done, 1);
    while (index == LATE && atomic_load(done) < SHARES - 1)
        sched_yield();
}

static void others_work_through_the_share_of_a_late_thread(void **state)
{
    (void)state;
    struct pool *pool;
    assert_int_equal(pool_open(2, &pool, NULL), PMOE_OK);
    for (int run = 0; run < 100; run++) {
        _Atomic int32_t done = 0;
        pool_run(pool, SHARES, be_late, &done);
        assert_int_equal(atomic_load(&done), SHARES - 1);
    }
    pool_close(&pool);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Idle threads would use as much processor time as passes; asleep they use none, however busy the machine is. */
static void idle_threads_sleep(void **state)
{
    (void)state;
    struct pool *pool;
    struct sums sums = {{0}, 1};
    assert_int_equal(pool_open(3, &pool, NULL), PMOE_OK);
    pool_run(pool, 8, add, &sums);
    while (atomic_load(&pool->work.asleep) < 2)
        fall_asleep();
    double before = cpu_seconds();
    for (int i = 0; i < 100; i++)
        fall_asleep();
    assert_true(cpu_seconds() - before < 0.1);
    pool_close(&pool);
}

static void pools_do_not_meet(void **state)
{
    (void)state;
    enum { POOLS = 12 };
    struct pool *pools[POOLS];
    struct sums sums[POOLS];
    memset(sums, 0, sizeof sums);
    for (int i = 0; i < POOLS; i++)
        assert_int_equal(pool_open(1 + i % 4, &pools[i], NULL), PMOE_OK);
    for (int run = 0; run < 300; run++)
        for (int i = 0; i < POOLS; i++) {
            sums[i].run = i;
            pool_run(pools[i], 8, add, &sums[i]);
        }
    for (int i = 0; i < POOLS; i++) {
        pool_close(&pools[i]);
        for (int task = 0; task < 8; task++)
            assert_int_equal(sums[i].sum[task], 300 * i * (task + 1));
    }
}

static void pools_close_at_any_moment(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct pool *pool;
        struct sums sums = {{0}, 1};
        assert_int_equal(pool_open(4, &pool, NULL), PMOE_OK);
        if (round % 3)
            pool_run(pool, 4, add, &sums);
        if (round % 20 == 0)
            fall_asleep();
        pool_close(&pool);
        pool_close(&pool);
    }
}

/* ---- Misuse ---- */

/* How a child process ends that does this. */
static int end_of(void (*deed)(void))
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        alarm(60); /* hanging is another end */
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        deed();
        _exit(0);
    }
    int status = 0;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void run_inside(void *context, int32_t index, int32_t worker)
{
    (void)index, (void)worker;
    struct sums sums = {{0}, 1};
    pool_run(context, 2, add, &sums);
}

static void nest(void)
{
    struct pool *pool;
    if (pool_open(2, &pool, NULL) == PMOE_OK)
        pool_run(pool, 2, run_inside, pool);
}

static void leave_for_good(void *context, int32_t index, int32_t worker)
{
    struct meeting *meeting = context;
    meet(meeting, index, worker);
    if (worker == 0)
        return;
    pool_lose(meeting->pool);
    pthread_exit(NULL);
}

static void lose_a_thread(void)
{
    struct meeting meeting = {.threads = 2};
    if (pool_open(2, &meeting.pool, NULL) == PMOE_OK)
        pool_run(meeting.pool, 2, leave_for_good, &meeting);
}

static void misuse_and_lost_threads_end_in_an_assertion(void **state)
{
    (void)state;
    assert_int_equal(end_of(nest), SIGABRT);
    assert_int_equal(end_of(lose_a_thread), SIGABRT);
}

/* ---- Where threads pay ---- */

static void little_work_is_not_split(void **state)
{
    (void)state;
    struct pool *pool;
    assert_int_equal(pool_tasks(NULL, INT64_MAX), 1);
    assert_null(pool_wake(NULL, INT64_MAX));
    assert_int_equal(pool_open(1, &pool, NULL), PMOE_OK);
    assert_int_equal(pool_tasks(pool, INT64_MAX), 1);
    assert_null(pool_wake(pool, INT64_MAX));
    pool_close(&pool);
    assert_int_equal(pool_open(3, &pool, NULL), PMOE_OK);
    int32_t before = 1;
    for (int64_t work = 0; work < (int64_t)1 << 40; work = 3 * work + 1) {
        int32_t tasks = pool_tasks(pool, work);
        assert_in_range(tasks, before, 12);
        assert_true((tasks > 1) == (work >= POOL_LEAST_CALL));
        assert_true(tasks == 1 || work / tasks >= POOL_LEAST_TASK);
        assert_ptr_equal(pool_wake(pool, work), work < POOL_LEAST_PASS ? NULL : pool);
        before = tasks;
    }
    assert_int_equal(before, 12);
    pool_close(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(no_pool_is_the_caller),
        cmocka_unit_test(zero_asks_for_the_cpus),
        cmocka_unit_test(refuses_senseless_counts),
        cmocka_unit_test(thousands_of_tiny_runs_lose_and_repeat_nothing),
        cmocka_unit_test(every_thread_takes_its_own_share_awake_or_asleep),
        cmocka_unit_test(others_work_through_the_share_of_a_late_thread),
        cmocka_unit_test(idle_threads_sleep),
        cmocka_unit_test(pools_do_not_meet),
        cmocka_unit_test(pools_close_at_any_moment),
        cmocka_unit_test(misuse_and_lost_threads_end_in_an_assertion),
        cmocka_unit_test(little_work_is_not_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
