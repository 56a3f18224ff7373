/* The oracle's layers that treat each map or vector alike. */
#include "oracle_parts.h"

#include <math.h>

void oracle_patch_conv(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    for (int32_t j = 0; j < layer->patches; j++)
        for (int32_t f = 0; f < layer->filters; f++)
            oracle->output[at][j * layer->filters + f] = oracle_filter_on_patch(oracle, at, f, j);
}

/* Weights [kernel][kernel][channels] of one filter on the window at (y, x), zeros beyond the map. */
static struct number window_product(const struct number *x, struct shape in, const struct layer *layer, const double *w,
                                    double bias, int32_t top, int32_t left)
{
    double sum = bias, magnitude = fabs(bias), carried = 0, variance = 0;
    for (int32_t ky = 0; ky < layer->kernel; ky++)
        for (int32_t kx = 0; kx < layer->kernel; kx++, w += in.c) {
            int32_t y = top + ky, column = left + kx;
            if (y < 0 || y >= in.a || column < 0 || column >= in.b)
                continue;
            struct number part =
                number_product(x + ((size_t)y * (size_t)in.b + (size_t)column) * (size_t)in.c, w, 0, 1, in.c, 0);
            sum += part.value;
            for (int32_t c = 0; c < in.c; c++) {
                struct number one = x[((size_t)y * (size_t)in.b + (size_t)column) * (size_t)in.c + (size_t)c];
                magnitude += fabs(w[c] * one.value);
                carried += fabs(w[c]) * one.bound;
                variance += w[c] * w[c] * one.variance;
            }
        }
    int32_t terms = layer->kernel * layer->kernel * in.c + 2;
    return (struct number){sum, carried + terms * (double)FLT_EPSILON * (magnitude + carried),
                           variance + terms * (ORACLE_ROUND * magnitude) * (ORACLE_ROUND * magnitude)};
}

void oracle_conv(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    struct shape in = graph_input_shape(oracle->graph, at);
    const double *w = oracle_tensor(oracle, at, layer->weight), *bias = oracle_tensor(oracle, at, layer->bias);
    size_t filter = (size_t)layer->kernel * (size_t)layer->kernel * (size_t)in.c, index = 0;
    for (int32_t y = 0; y < layer->shape.a; y++)
        for (int32_t x = 0; x < layer->shape.b; x++)
            for (int32_t f = 0; f < layer->filters; f++)
                oracle->output[at][index++] =
                    window_product(oracle_input(oracle, at), in, layer, w + (size_t)f * filter, bias ? bias[f] : 0,
                                   y * layer->stride - layer->padding, x * layer->stride - layer->padding);
}

void oracle_norm(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    const double *gamma = oracle_tensor(oracle, at, layer->weight), *beta = oracle_tensor(oracle, at, layer->bias);
    const double *mean = oracle_tensor(oracle, at, layer->mean), *spread = oracle_tensor(oracle, at, layer->variance);
    const struct number *x = oracle_input(oracle, at);
    size_t count = (size_t)shape_count(layer->shape);
    for (size_t i = 0; i < count; i++) {
        size_t c = i % (size_t)layer->shape.c;
        double scale = gamma[c] / sqrt(spread[c] + (double)layer->epsilon), shift = beta[c] - mean[c] * scale;
        double magnitude = fabs(scale * x[i].value) + fabs(beta[c]) + fabs(mean[c] * scale);
        oracle->output[at][i] = (struct number){
            scale * x[i].value + shift, fabs(scale) * x[i].bound + 4 * (double)FLT_EPSILON * magnitude,
            scale * scale * x[i].variance + 4 * (ORACLE_ROUND * magnitude) * (ORACLE_ROUND * magnitude)};
    }
}

void oracle_add(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    const struct number *a = oracle_input(oracle, at), *b = oracle_source(oracle, layer->with);
    size_t count = (size_t)shape_count(layer->shape);
    for (size_t i = 0; i < count; i++) {
        double sum = a[i].value + b[i].value, magnitude = fabs(a[i].value) + fabs(b[i].value);
        oracle->output[at][i] =
            (struct number){sum, a[i].bound + b[i].bound + (double)FLT_EPSILON * magnitude,
                            a[i].variance + b[i].variance + (ORACLE_ROUND * magnitude) * (ORACLE_ROUND * magnitude)};
    }
}

/* The largest of each channel; what rounding does to it is what it does at most to one that might be the largest. */
void oracle_max_pool(struct oracle *oracle, int32_t at)
{
    struct shape in = graph_input_shape(oracle->graph, at);
    size_t count = (size_t)shape_count(in), step = (size_t)in.c;
    const struct number *x = oracle_input(oracle, at);
    for (size_t c = 0; c < step; c++) {
        double surely = -INFINITY;
        struct number most = {-INFINITY, 0, 0};
        for (size_t i = c; i < count; i += step) {
            surely = fmax(surely, x[i].value - x[i].bound);
            most.value = fmax(most.value, x[i].value);
        }
        for (size_t i = c; i < count; i += step)
            if (x[i].value + x[i].bound >= surely) {
                most.bound = fmax(most.bound, x[i].bound);
                most.variance = fmax(most.variance, x[i].variance);
            }
        oracle->output[at][c] = most;
    }
}

void oracle_linear(struct oracle *oracle, int32_t at)
{
    const struct layer *layer = &oracle->graph->layer[at];
    int32_t inputs = graph_input_shape(oracle->graph, at).c;
    for (int32_t o = 0; o < layer->filters; o++) {
        const double *w = oracle_tensor(oracle, at, layer->weight) + (size_t)o * (size_t)inputs;
        const double *bias = oracle_tensor(oracle, at, layer->bias);
        oracle->output[at][o] = number_product(oracle_input(oracle, at), w, bias ? bias[o] : 0, 1, inputs, inputs);
    }
}

void oracle_relu(struct oracle *oracle, int32_t at)
{
    size_t count = (size_t)shape_count(oracle->graph->layer[at].shape);
    const struct number *x = oracle_input(oracle, at);
    struct number *out = oracle->output[at];
    for (size_t i = 0; i < count; i++) {
        out[i] = x[i]; /* bound and variance, too: a float evaluation of a value below 0 may be above it */
        if (x[i].value < 0)
            out[i].value = 0;
    }
}
