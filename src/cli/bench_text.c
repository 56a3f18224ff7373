/* Tables of a suite's rows, one a comparison; see bench_text.h. */
#include "bench_text.h"

#include <stdio.h>
#include <string.h>

struct words {
    char text[64];
};

static struct words duration_of(double ns)
{
    struct words duration;
    const char *unit = ns < 1e3 ? "ns" : ns < 1e6 ? "us" : ns < 1e9 ? "ms" : "s";
    double value = ns < 1e3 ? ns : ns < 1e6 ? ns / 1e3 : ns < 1e9 ? ns / 1e6 : ns / 1e9;
    snprintf(duration.text, sizeof duration.text, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
    return duration;
}

/* What sets a row apart from the others of its comparison. */
static struct words row_words(const struct suite_row *row)
{
    struct words words;
    if (row->group == SUITE_KERNELS)
        snprintf(words.text, sizeof words.text, "%s%s%s", row->isa, row->algorithm ? ", " : "",
                 row->algorithm ? row->algorithm : "");
    else if (row->group == SUITE_LAYERS || row->group == SUITE_NETWORKS)
        snprintf(words.text, sizeof words.text, "%s, %d thread%s", row->isa, (int)row->threads,
                 row->threads == 1 ? "" : "s");
    else
        snprintf(words.text, sizeof words.text, "%.47s%s", row->model, row->int8 ? ", int8" : "");
    return words;
}

/* ---- Headings ---- */

static void add_kernel_title(const struct suite_row *row, struct output *out)
{
    output_add(out, "\n%s, layer %s: ", row->model, row->layer);
    if (row->is_conv)
        output_add(out, "%d x %d convolution, stride %d, %d to %d channels at %d x %d, %d map%s\n",
                   (int)row->conv.kernel, (int)row->conv.kernel, (int)row->conv.stride, (int)row->conv.channels,
                   (int)row->outs, (int)row->conv.high, (int)row->conv.wide, (int)row->rows, row->rows == 1 ? "" : "s");
    else
        output_add(out, "patch_forward, %d row%s of %d x %d, %d outputs\n", (int)row->rows, row->rows == 1 ? "" : "s",
                   (int)row->shape.runs, (int)row->shape.run, (int)row->outs);
}

static void add_heading(const struct suite_row *row, struct output *out)
{
    if (row->group == SUITE_KERNELS) {
        add_kernel_title(row, out);
    } else {
        output_add(out, "\n%s", suite_group_name(row->group));
        if (strcmp(row->comparison, suite_group_name(row->group)) != 0)
            output_add(out, " %s", row->comparison);
        if (row->group != SUITE_LAYERS && row->group != SUITE_NETWORKS)
            output_add(out, " on %s, %d thread%s", row->isa, (int)row->threads, row->threads == 1 ? "" : "s");
        output_add(out, ", batch %d, %d samples each\n", (int)row->batch, (int)row->timing.samples);
    }
    output_add(out, "  %-20s %9s %9s %9s  %-21s %13s %8s %7s", row->group == SUITE_KERNELS ? "kernel" : "model", "cold",
               "first", "median", "quartiles", "multiply-adds", "GMAC/s", "of peak");
    output_add(out, "%s   %s\n", row->beside_dense ? "  madd ratio   kept" : "", "time ratio (95%)");
}

/* ---- Rows ---- */

static void add_row(const struct suite_row *rows, const struct suite_row *row, struct output *out)
{
    struct words quartiles, cold = {"-"};
    snprintf(quartiles.text, sizeof quartiles.text, "%.24s - %.24s", duration_of(row->timing.low_ns).text,
             duration_of(row->timing.high_ns).text);
    if (row->group != SUITE_KERNELS)
        cold = duration_of(row->open_ns + row->timing.first_ns);
    output_add(out, "  %-20s %9s %9s %9s  %-21s %13lld %8.2f %6.1f%%", row_words(row).text, cold.text,
               duration_of(row->timing.first_ns).text, duration_of(row->timing.median_ns).text, quartiles.text,
               (long long)row->multiply_adds, row_gmac_per_s(row), 100 * row->peak_share);
    if (row->beside_dense)
        output_add(out, "  %10.2f %6.2f", row_saving(rows, row), row_speedup(rows, row) / row_saving(rows, row));
    output_add(out, "   %.2f (%.2f - %.2f)\n", row_speedup(rows, row), row->speedup.low, row->speedup.high);
}

static void add_ledgers(const struct suite_row *rows, int32_t first, int32_t end, struct output *out)
{
    int32_t begun = 0;
    for (int32_t i = first; i < end; i++) {
        const struct ledger *ledger = &rows[i].ledger;
        if (!(ledger->theory > 0))
            continue;
        if (!begun++)
            output_add(out, "  %-20s %8s %9s %7s %9s %8s %8s %9s %8s\n", "of the time", "theory", "measured", "kept",
                       "router", "top-l", "gather", "experts", "rest");
        output_add(out, "  %-20s %8.2f %9.2f %6.1f%% %8.1f%% %7.1f%% %7.1f%% %8.1f%% %7.1f%%\n",
                   row_words(&rows[i]).text, ledger->theory, ledger->measured, 100 * ledger->kept, 100 * ledger->router,
                   100 * ledger->top, 100 * ledger->gather, 100 * ledger->experts, 100 * ledger->rest);
    }
}

/* Where nothing is beside a dense model: how long each part takes. */
static void add_parts(const struct suite_row *rows, int32_t first, int32_t end, struct output *out)
{
    int32_t begun = 0;
    for (int32_t i = first; i < end; i++) {
        if (rows[i].beside_dense || !(rows[i].parts_ns[PART_ROUTER] > 0))
            continue;
        if (!begun++)
            output_add(out, "  %-20s %9s %9s %9s %9s %9s\n", "parts", "before", "router", "top-l", "gather", "experts");
        output_add(out, "  %-20s", row_words(&rows[i]).text);
        for (int32_t p = 0; p < PASS_PARTS; p++)
            output_add(out, " %9s", duration_of(rows[i].parts_ns[p]).text);
        output_add(out, "\n");
    }
}

/* ---- The whole ---- */

static void add_reference(const struct suite *suite, struct output *out)
{
    const struct reference *reference = suite_reference(suite);
    double drift = reference_drift(reference);
    output_add(out, "register-only multiply-adds before, between and after (%d times), GMAC/s:", reference->points);
    for (int32_t s = 0; s < reference->sets; s++) {
        double low = reference->gmac_per_s[0][s], high = low;
        for (int32_t p = 1; p < reference->points; p++) {
            low = reference->gmac_per_s[p][s] < low ? reference->gmac_per_s[p][s] : low;
            high = reference->gmac_per_s[p][s] > high ? reference->gmac_per_s[p][s] : high;
        }
        output_add(out, "%s %s %.1f - %.1f", s ? "," : "", reference->set[s]->name, low, high);
    }
    output_add(out, "\n");
    if (drift > REFERENCE_DRIFT_ALLOWED)
        output_add(
            out,
            "DRIFT: that is %.0f%% apart, so this was not the same machine all along; ratios of what ran side by "
            "side hold, times of different tables do not compare\n",
            100 * drift);
}

void bench_text(const struct suite *suite, const struct environment *environment, struct output *out)
{
    int32_t count;
    const struct suite_row *rows = suite_rows(suite, &count);
    output_add(out, "%s, %s, build %s, clock step %s\n", environment->cpu, environment->compiler, build_id(),
               duration_of(suite_clock_step_ns(suite)).text);
    add_reference(suite, out);
    for (int32_t first = 0, end; first < count; first = end) {
        add_heading(&rows[first], out);
        for (end = first; end < count && rows[end].first == first; end++)
            add_row(rows, &rows[end], out);
        add_ledgers(rows, first, end, out);
        add_parts(rows, first, end, out);
    }
}
