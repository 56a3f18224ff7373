/* A suite's result as JSON, the same for every host. */
#include "suite.h"

#include <stdio.h>

static void write_reference(const struct suite *suite, struct json_writer *json)
{
    const struct reference *reference = suite_reference(suite);
    double drift = reference_drift(reference);
    json_open_object(json, "measured");
    json_add_number(json, "clock_step_ns", suite_clock_step_ns(suite), 6);
    json_open_array(json, "reference");
    for (int32_t s = 0; s < reference->sets; s++) {
        json_open_object(json, NULL);
        json_add_text(json, "isa", reference->set[s]->name);
        json_open_array(json, "gmac_per_s");
        for (int32_t p = 0; p < reference->points; p++)
            json_add_number(json, NULL, reference->gmac_per_s[p][s], 5);
        json_close_array(json);
        json_close_object(json);
    }
    json_close_array(json);
    json_add_number(json, "drift", drift, 4);
    json_add_bool(json, "drifted", drift > REFERENCE_DRIFT_ALLOWED);
    json_close_object(json);
}

static void write_conv(const struct suite_row *row, struct json_writer *json)
{
    json_add_text(json, "kernel", "conv");
    json_add_text(json, "algorithm", row->algorithm);
    json_add_int(json, "maps", row->rows);
    json_add_int(json, "height", row->conv.high);
    json_add_int(json, "width", row->conv.wide);
    json_add_int(json, "channels", row->conv.channels);
    json_add_int(json, "side", row->conv.kernel);
    json_add_int(json, "stride", row->conv.stride);
    json_add_int(json, "outputs", row->outs);
}

static void write_kernel(const struct suite_row *row, struct json_writer *json)
{
    json_add_text(json, "what", "kernel");
    json_add_text(json, "model", row->model);
    json_add_text(json, "layer", row->layer);
    if (row->is_conv) {
        write_conv(row, json);
        return;
    }
    json_add_text(json, "kernel", "patch_forward");
    json_add_int(json, "rows", row->rows);
    json_add_int(json, "runs", row->shape.runs);
    json_add_int(json, "run", row->shape.run);
    json_add_int(json, "outputs", row->outs);
}

static void write_ledger(const struct suite_row *row, struct json_writer *json)
{
    json_open_object(json, "parts_ns");
    for (int32_t p = 0; p < PASS_PARTS; p++)
        if (row->parts_ns[p] > 0)
            json_add_number(json, pass_part_name((enum pass_part)p), row->parts_ns[p], 6);
    json_close_object(json);
    if (!row->beside_dense)
        return;
    json_open_object(json, "ledger");
    json_add_number(json, "theory", row->ledger.theory, 6);
    json_add_number(json, "measured", row->ledger.measured, 6);
    json_add_number(json, "kept", row->ledger.kept, 6);
    json_add_number(json, "router", row->ledger.router, 4);
    json_add_number(json, "top_l", row->ledger.top, 4);
    json_add_number(json, "gather", row->ledger.gather, 4);
    json_add_number(json, "experts", row->ledger.experts, 4);
    json_add_number(json, "rest", row->ledger.rest, 4);
    json_close_object(json);
}

static void write_model(const struct suite_row *rows, const struct suite_row *row, struct json_writer *json)
{
    json_add_text(json, "what", "model");
    json_add_text(json, "model", row->model);
    json_add_int(json, "batch", row->batch);
    if (row->group == SUITE_INT8)
        json_add_bool(json, "int8", row->int8);
    if (row->experts) {
        json_add_int(json, "n", row->patches);
        json_add_int(json, "k", row->experts);
        json_add_int(json, "l", row->kept);
    }
    json_add_int(json, "model_bytes", (int64_t)row->model_bytes);
    json_add_int(json, "run_bytes", (int64_t)row->run_bytes);
    if (row->beside_dense) {
        json_add_number(json, "multiply_add_ratio", row_saving(rows, row), 6);
        json_add_number(json, "kept", row_speedup(rows, row) / row_saving(rows, row), 6);
    }
    if (row->parts_ns[PART_ROUTER] > 0)
        write_ledger(row, json);
    json_add_number(json, "open_ns", row->open_ns, 6);
}

static void write_row(const struct suite_row *rows, const struct suite_row *row, struct json_writer *json)
{
    json_open_object(json, NULL);
    json_add_text(json, "group", suite_group_name(row->group));
    json_add_text(json, "comparison", row->comparison);
    if (row->group == SUITE_KERNELS)
        write_kernel(row, json);
    else
        write_model(rows, row, json);
    json_add_text(json, "isa", row->isa);
    json_add_int(json, "threads", row->threads);
    json_add_int(json, "multiply_adds", row->multiply_adds);
    json_add_number(json, "gmac_per_s", row_gmac_per_s(row), 6);
    json_add_number(json, "peak_share", row->peak_share, 4);
    json_add_int(json, "compared_with", row->first);
    json_add_number(json, "time_ratio", row_speedup(rows, row), 6);
    json_add_number(json, "time_ratio_low", row->speedup.low, 6);
    json_add_number(json, "time_ratio_high", row->speedup.high, 6);
    json_add_number(json, "first_ns", row->timing.first_ns, 6);
    json_add_number(json, "median_ns", row->timing.median_ns, 6);
    json_add_number(json, "low_ns", row->timing.low_ns, 6);
    json_add_number(json, "high_ns", row->timing.high_ns, 6);
    json_add_int(json, "calls", row->timing.calls);
    json_open_array(json, "samples_ns");
    for (int32_t i = 0; i < row->timing.samples; i++)
        json_add_number(json, NULL, row->samples[i], 6);
    json_close_array(json);
    json_close_object(json);
}

void suite_write(const struct suite *suite, struct json_writer *json)
{
    int32_t count;
    const struct suite_row *rows = suite_rows(suite, &count);
    write_reference(suite, json);
    json_open_array(json, "rows");
    for (int32_t i = 0; i < count; i++)
        write_row(rows, &rows[i], json);
    json_close_array(json);
}

/* ---- google/benchmark ---- */

static void write_view_name(const struct suite_row *row, struct json_writer *json)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s%s%s%s/%s%s%s/batch:%d/threads:%d", suite_group_name(row->group), row->model,
             row->int8 ? "/int8" : "", row->layer[0] ? "/" : "", row->layer, row->isa, row->algorithm ? "/" : "",
             row->algorithm ? row->algorithm : "", (int)row->batch, (int)row->threads);
    json_add_text(json, "name", name);
    json_add_text(json, "run_name", name);
}

void suite_write_view(const struct suite *suite, int32_t cpus, struct json_writer *json)
{
    int32_t count;
    const struct suite_row *rows = suite_rows(suite, &count);
    json_open_object(json, NULL);
    json_open_object(json, "context");
    json_add_text(json, "executable", "pmoe bench");
    json_add_int(json, "num_cpus", cpus);
    json_close_object(json);
    json_open_array(json, "benchmarks");
    for (int32_t i = 0; i < count; i++)
        for (int32_t s = 0; s < rows[i].timing.samples; s++) {
            json_open_object(json, NULL);
            write_view_name(&rows[i], json);
            json_add_int(json, "family_index", i);
            json_add_int(json, "per_family_instance_index", 0);
            json_add_text(json, "run_type", "iteration");
            json_add_int(json, "repetitions", rows[i].timing.samples);
            json_add_int(json, "repetition_index", s);
            json_add_int(json, "threads", rows[i].threads);
            json_add_int(json, "iterations", rows[i].timing.calls);
            json_add_number(json, "real_time", rows[i].samples[s], 6);
            json_add_number(json, "cpu_time", rows[i].samples[s], 6);
            json_add_text(json, "time_unit", "ns");
            json_close_object(json);
        }
    json_close_array(json);
    json_close_object(json);
}
