/* What only a browser needs: its clock, and the layouts that JavaScript reads.
 *
 * Everything else in the .wasm files is the public API as it stands (exports.txt).  The one import of a module is
 * env.pmoe_now_ns.  Leaves out WASI: nothing here opens files, prints or exits, and a failed assert is a trap, which
 * the engine reports with the name of the call. */
#include "../base/error.h"
#include "../base/json.h"
#include "../bench/timing.h"
#include "../pmoe.h"
#include "print.h"

#include <stdarg.h>
#include <stdio.h>

/* A clock that never runs backwards, in nanoseconds: performance.now() times 1e6. */
__attribute__((import_module("env"), import_name("pmoe_now_ns"))) double pmoe_now_ns(void);

double web_clock_step_ns(void);
pmoe_status web_time_runs(pmoe_run *const *runs, const float *const *images, int32_t count, int32_t batch,
                          double budget_ns, pmoe_timing *timings, pmoe_error *error);
size_t web_describe(char *text, size_t capacity);
_Noreturn void __assert_fail(const char *expression, const char *file, int line, const char *function);
void emscripten_notify_memory_growth(size_t memory);

/* Function pointers do not cross the border, so the calls that take a clock are given ours here. */
static double clock_ns(void)
{
    return pmoe_now_ns();
}

double web_clock_step_ns(void)
{
    return pmoe_clock_step_ns(clock_ns);
}

pmoe_status web_time_runs(pmoe_run *const *runs, const float *const *images, int32_t count, int32_t batch,
                          double budget_ns, pmoe_timing *timings, pmoe_error *error)
{
    return pmoe_time_runs(runs, images, count, batch, budget_ns, clock_ns, timings, error);
}

#define OFFSET(json, type, member) json_add_int(json, #member, (int64_t)offsetof(type, member))

/* Constants and struct layouts as JSON, so that engine code in JavaScript mirrors none by hand.  Like snprintf. */
size_t web_describe(char *text, size_t capacity)
{
    struct json_writer json;
    json_begin(&json, text, capacity);
    json_open_object(&json, NULL);
    json_add_text(&json, "version", pmoe_version());
    json_add_int(&json, "cell", PMOE_CELL);
    json_add_int(&json, "photo", PMOE_PHOTO);
    json_add_int(&json, "photo_channels", PMOE_PHOTO_CHANNELS);
    json_open_object(&json, "sets");
    for (int set = 0; pmoe_set_grid((pmoe_set)set); set++) { /* of boards: they come first */
        json_open_object(&json, pmoe_set_name((pmoe_set)set));
        json_add_int(&json, "number", set);
        json_add_int(&json, "grid", pmoe_set_grid((pmoe_set)set));
        json_close_object(&json);
    }
    json_close_object(&json);
    json_open_object(&json, "error");
    json_add_int(&json, "bytes", sizeof(pmoe_error));
    OFFSET(&json, pmoe_error, text);
    json_close_object(&json);
    json_open_object(&json, "timing");
    json_add_int(&json, "bytes", sizeof(pmoe_timing));
    OFFSET(&json, pmoe_timing, first_ns);
    OFFSET(&json, pmoe_timing, median_ns);
    OFFSET(&json, pmoe_timing, low_ns);
    OFFSET(&json, pmoe_timing, high_ns);
    OFFSET(&json, pmoe_timing, samples);
    OFFSET(&json, pmoe_timing, calls);
    json_close_object(&json);
    json_open_object(&json, "what_if");
    json_add_int(&json, "bytes", sizeof(pmoe_what_if));
    OFFSET(&json, pmoe_what_if, kept);
    OFFSET(&json, pmoe_what_if, off);
    json_close_object(&json);
    json_open_object(&json, "truth");
    json_add_int(&json, "bytes", sizeof(pmoe_board_truth));
    OFFSET(&json, pmoe_board_truth, label);
    OFFSET(&json, pmoe_board_truth, patch);
    OFFSET(&json, pmoe_board_truth, digits);
    json_close_object(&json);
    json_close_object(&json);
    return json.length;
}

/* Stands in for libc's, which would bring stderr and with it the imports of WASI. */
_Noreturn void __assert_fail(const char *expression, const char *file, int line, const char *function)
{
    (void)expression, (void)file, (void)line, (void)function;
    __builtin_trap();
}

/* libc would import this one; views of the memory are made fresh for every use, so nobody needs telling. */
void emscripten_notify_memory_growth(size_t memory)
{
    (void)memory;
}

/* These stand in for libc's; print.c says why. */
int vsnprintf(char *text, size_t capacity, const char *format, va_list args)
{
    return print_args(text, capacity, format, args);
}

int snprintf(char *text, size_t capacity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = print_args(text, capacity, format, args);
    va_end(args);
    return length;
}
