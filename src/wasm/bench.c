/* The benchmark in a browser: the native one's comparisons, step by step.
 *
 * In modules of its own (build/wasm/bench/), which hold all that the page's have and these exports; the page's are not
 * larger for it.  JavaScript picks the groups, calls web_bench_run for each comparison, so that it can say how far it
 * is, and reads the result at the end. */
#include "../base/error.h"
#include "../bench/suite.h"
#include "../model/model.h"

__attribute__((import_module("env"), import_name("pmoe_now_ns"))) double pmoe_now_ns(void);

pmoe_status web_bench_open(uint32_t groups, const int32_t *batches, int32_t batch_count, double seconds,
                           pmoe_model *const *models, int32_t model_count, struct pool *pool, struct suite **suite,
                           pmoe_error *error);
void web_bench_close(struct suite *suite);
int32_t web_bench_count(const struct suite *suite);
size_t web_bench_title(const struct suite *suite, int32_t comparison, char *text, size_t capacity);
pmoe_status web_bench_run(struct suite *suite, int32_t comparison, pmoe_error *error);
size_t web_bench_write(const struct suite *suite, char *text, size_t capacity);

static double clock_ns(void)
{
    return pmoe_now_ns();
}

static pmoe_status use_pool(void *pool, pmoe_run *run, int32_t threads, pmoe_error *error)
{
    (void)threads;
    return run_use_pool(run, pool, error);
}

/* groups: bits in the order of enum suite_group.  batch_count 0: the usual ones.  pool NULL: one thread.  The models
 * must stay open until web_bench_close. */
pmoe_status web_bench_open(uint32_t groups, const int32_t *batches, int32_t batch_count, double seconds,
                           pmoe_model *const *models, int32_t model_count, struct pool *pool, struct suite **suite,
                           pmoe_error *error)
{
    struct suite_options options = {.groups = groups,
                                    .threads = {1, pool_threads(pool)},
                                    .thread_count = pool_threads(pool) > 1 ? 2 : 1,
                                    .seconds = seconds,
                                    .seed = 1,
                                    .clock_ns = clock_ns,
                                    .use_threads = use_pool,
                                    .threads_context = pool};
    if (batch_count > SUITE_MOST_BATCHES || model_count > SUITE_MOST_MODELS)
        return fail(error, PMOE_E_LIMIT, "bench: expected at most %d batches and %d models, found %d and %d",
                    SUITE_MOST_BATCHES, SUITE_MOST_MODELS, (int)batch_count, (int)model_count);
    for (; options.batch_count < batch_count; options.batch_count++)
        options.batches[options.batch_count] = batches[options.batch_count];
    for (; options.model_count < model_count; options.model_count++)
        options.models[options.model_count].model = models[options.model_count];
    return suite_open(&options, suite, error);
}

void web_bench_close(struct suite *suite)
{
    suite_close(&suite);
}

int32_t web_bench_count(const struct suite *suite)
{
    return suite_count(suite);
}

size_t web_bench_title(const struct suite *suite, int32_t comparison, char *text, size_t capacity)
{
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_add_text(&json, NULL, suite_title(suite, comparison).text);
    return json.length;
}

pmoe_status web_bench_run(struct suite *suite, int32_t comparison, pmoe_error *error)
{
    return suite_run(suite, comparison, error);
}

/* {"measured": ..., "rows": ...}, like snprintf. */
size_t web_bench_write(const struct suite *suite, char *text, size_t capacity)
{
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    suite_write(suite, &json);
    json_close_object(&json);
    return json.length;
}
