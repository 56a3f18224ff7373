/* Environment, build and clock; see result.h. */
#include "result.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef PMOE_BUILD
#define PMOE_BUILD "unknown"
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

const char *build_id(void)
{
    return PMOE_BUILD;
}

/* The first "model name" of /proc/cpuinfo; Arm kernels give none. */
static void read_cpu(char *cpu, size_t capacity)
{
    snprintf(cpu, capacity, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file)
        return;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !colon)
            continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(cpu, capacity, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    fclose(file);
}

struct environment environment_read(void)
{
    struct environment environment = {.compiler = COMPILER};
    read_cpu(environment.cpu, sizeof environment.cpu);
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(environment.system, sizeof environment.system, "%.30s %.30s %.30s", name.sysname, name.release,
                 name.machine);
    else
        snprintf(environment.system, sizeof environment.system, "unknown");
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    environment.cpus = cpus > 0 ? (int32_t)cpus : 1;
    return environment;
}

void result_begin(struct json_writer *json, const char *kind, const char *command, const char *isa,
                  const struct environment *environment)
{
    json_open_object(json, NULL);
    json_add_int(json, "version", RESULT_VERSION);
    json_add_text(json, "kind", kind);
    json_add_text(json, "pmoe", pmoe_version());
    json_add_text(json, "build", build_id());
    json_add_text(json, "command", command);
    json_open_object(json, "environment");
    json_add_text(json, "host", "native");
    json_add_text(json, "cpu", environment->cpu);
    json_add_int(json, "cpus_reported", environment->cpus);
    json_add_text(json, "isa", isa);
    json_add_text(json, "compiler", environment->compiler);
    json_add_text(json, "system", environment->system);
    json_close_object(json);
}

static void write_numbers(struct json_writer *json, const char *key, const double *values, int32_t count)
{
    json_open_array(json, key);
    for (int32_t i = 0; i < count; i++)
        json_add_number(json, NULL, values[i], 6);
    json_close_array(json);
}

void result_usage(struct json_writer *json, const char *key, const pmoe_usage *usage)
{
    json_open_object(json, key);
    write_numbers(json, "gates", usage->gates, usage->experts);
    write_numbers(json, "load", usage->load, usage->experts);
    json_add_number(json, "gates_cv", usage->gates_cv, 6);
    json_add_number(json, "load_cv", usage->load_cv, 6);
    json_add_number(json, "entropy", usage->entropy, 6);
    json_close_object(json);
}

double native_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}
