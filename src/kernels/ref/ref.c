/* The oracle; ref.h explains.  No tiling, no reuse: each function is its equation. */
#include "ref.h"

#include <math.h>

static void add_term(struct ref *sum, double term)
{
    sum->value += term;
    sum->magnitude += fabs(term);
}

struct ref ref_relu(float x)
{
    return (struct ref){x <= 0 ? 0 : x, fabs(x)};
}

struct ref ref_patch_forward(const float *x, struct patch_shape shape, const float *w, const float *bias, int32_t o,
                             int32_t relu)
{
    struct ref sum = {0, 0};
    for (int32_t r = 0; r < shape.runs; r++)
        for (int32_t j = 0; j < shape.run; j++) {
            size_t k = (size_t)r * (size_t)shape.run + (size_t)j;
            float weight = w[(size_t)o * (size_t)shape.runs * (size_t)shape.run + k];
            add_term(&sum, (double)x[(ptrdiff_t)r * shape.step + j] * weight);
        }
    if (bias)
        add_term(&sum, bias[o]);
    if (relu && sum.value < 0)
        sum.value = 0;
    return sum;
}

struct ref ref_conv_forward(const float *x, int32_t pixel, const struct conv_shape *shape, const float *w,
                            const float *bias, const float *add, int32_t o, int32_t relu)
{
    struct ref sum = {0, 0};
    const int32_t *at = shape->at + (ptrdiff_t)pixel * shape->taps;
    w += (ptrdiff_t)o * shape->taps * shape->channels;
    for (int32_t t = 0; t < shape->taps; t++, w += shape->channels)
        for (int32_t c = 0; c < shape->channels; c++)
            add_term(&sum, at[t] < 0 ? 0 : (double)x[at[t] + c] * w[c]);
    if (bias)
        add_term(&sum, bias[o]);
    if (add)
        add_term(&sum, *add);
    if (relu && sum.value < 0)
        sum.value = 0;
    return sum;
}

int32_t ref_quantise(float x, float factor, int32_t zero)
{
    const float product = x * factor;
    const double sum = (double)product + zero; /* of 24 bits and 7: rounded, if at all, far from any half */
    if (!(sum > 0))
        return 0;
    if (sum >= 127)
        return 127;
    const double below = floor(sum), rest = sum - below;
    return (int32_t)below + (rest > 0.5 || (rest == 0.5 && (int32_t)below % 2));
}

struct ref ref_conv_int8(const int8_t *x, int32_t pixel, const struct conv_shape *shape, const int8_t *w,
                         const struct int8_filters *filters, int8_t outside, const float *add, int32_t o, int32_t relu)
{
    const int32_t *at = shape->at + (ptrdiff_t)pixel * shape->taps;
    int32_t sum = filters->start[o];
    w += (ptrdiff_t)o * shape->taps * shape->channels;
    for (int32_t t = 0; t < shape->taps; t++, w += shape->channels)
        for (int32_t c = 0; c < shape->channels; c++)
            sum += (at[t] < 0 ? outside : x[at[t] + c]) * w[c];
    float value = filters->scale[o] * (float)sum; /* each statement rounds once */
    value = value + (filters->bias ? filters->bias[o] : 0);
    value = add ? value + *add : value;
    value = relu && value <= 0 ? 0 : value;
    return (struct ref){value, fabs(value)};
}

/* B^T and A^T of winograd.h for m 2 and 4: [point][number of a line] and [point][output of a line]. */
static const double winograd_b[2][6][6] = {
    {{-1, 0, 1}, {0, 1, 1}, {0, -1, 1}, {0, -1, 0, 1}},
    {{0.87890625, 0, -2.640625, 0, 1},
     {0, -1.40625, -2.25, 0.625, 1},
     {0, 1.40625, -2.25, -0.625, 1},
     {0, -0.5859375, -0.390625, 1.5, 1},
     {0, 0.5859375, -0.390625, -1.5, 1},
     {0, 0.87890625, 0, -2.640625, 0, 1}},
};
static const double winograd_a[2][6][4] = {
    {{1, 0}, {1, 1}, {1, -1}, {0, 1}},
    {{1, 0, 0, 0},
     {1, 0.625, 0.390625, 0.244140625},
     {1, -0.625, 0.390625, -0.244140625},
     {1, 1.5, 2.25, 3.375},
     {1, -1.5, 2.25, -3.375},
     {0, 0, 0, 1}},
};

struct ref ref_winograd_input(const float *const *x, int32_t m, int32_t p, int32_t c)
{
    const int32_t side = m + 2;
    struct ref sum = {0, 0};
    for (int32_t i = 0; i < side; i++)
        for (int32_t j = 0; j < side; j++) {
            double factor = winograd_b[m == 4][p / side][i] * winograd_b[m == 4][p % side][j];
            if (factor != 0)
                add_term(&sum, factor * x[i * side + j][c]);
        }
    return sum;
}

struct ref ref_winograd_output(const float *points, ptrdiff_t point_step, int32_t m, int32_t pixel, const float *bias,
                               const float *add, int32_t relu)
{
    const int32_t side = m + 2;
    struct ref sum = {0, 0};
    for (int32_t p = 0; p < side * side; p++) {
        double factor = winograd_a[m == 4][p / side][pixel / m] * winograd_a[m == 4][p % side][pixel % m];
        if (factor != 0)
            add_term(&sum, factor * points[p * point_step]);
    }
    if (bias)
        add_term(&sum, *bias);
    if (add)
        add_term(&sum, *add);
    if (relu && sum.value < 0)
        sum.value = 0;
    return sum;
}

struct ref ref_patch_gradient(float dw, const float *const *x, int32_t rows, struct patch_shape shape, const float *dy,
                              ptrdiff_t dy_step, int32_t o, int32_t k)
{
    struct ref sum = {dw, fabs(dw)};
    for (int32_t i = 0; i < rows; i++)
        add_term(&sum, (double)dy[i * dy_step + o] * x[i][(ptrdiff_t)(k / shape.run) * shape.step + k % shape.run]);
    return sum;
}

struct ref ref_gated_sum(const float *x, const float *gates, float scale, int32_t rows, int32_t count, int32_t c)
{
    struct ref sum = {0, 0};
    for (int32_t i = 0; i < rows; i++)
        add_term(&sum, (double)scale * (gates ? gates[i] : 1) * x[(ptrdiff_t)i * count + c]);
    return sum;
}

struct ref ref_row_max(const float *x, int32_t rows, int32_t count, int32_t c)
{
    double most = x[c];
    for (int32_t i = 1; i < rows; i++) {
        double value = x[(ptrdiff_t)i * count + c];
        most = isnan(most) || value <= most ? most : value;
    }
    return (struct ref){most, fabs(most)};
}

struct ref ref_scale_shift(float x, float scale, float shift, int32_t relu)
{
    struct ref sum = {shift, fabs(shift)};
    add_term(&sum, (double)scale * x);
    if (relu && sum.value < 0)
        sum.value = 0;
    return sum;
}

struct ref ref_axpy(float y, float a, float x)
{
    return (struct ref){y + (double)a * x, fabs(y) + fabs((double)a * x)};
}

static double ranked_score(const float *scores, int32_t step, int32_t j)
{
    const float score = scores[(ptrdiff_t)j * step];
    return isnan(score) ? -HUGE_VAL : score;
}

/* Of differences of scores in -1 .. 1, and of -infinity; libm's is 4 KiB of a wasm module. */
static double exponential(double x)
{
    double sum = 0, term = 1;
    for (int k = 1; k < 40; k++) {
        sum += term;
        term *= x / k;
    }
    return x == -HUGE_VAL ? 0 : sum;
}

/* An item's rank is how many others come before it. */
struct ref ref_route(const float *scores, int32_t step, int32_t n, int32_t i, int32_t over, int32_t *pick)
{
    double largest = ranked_score(scores, step, 0), own = 0, sum = 0;
    for (int32_t j = 1; j < n; j++)
        largest = ranked_score(scores, step, j) > largest ? ranked_score(scores, step, j) : largest;
    for (int32_t j = 0; j < n; j++) {
        const double score = ranked_score(scores, step, j), power = exponential(score - largest);
        int32_t rank = 0;
        for (int32_t other = 0; other < n; other++) {
            const double its = ranked_score(scores, step, other);
            rank += its > score || (its == score && other < j);
        }
        sum += rank < over ? power : 0;
        if (rank == i) {
            *pick = j;
            own = power;
        }
    }
    return over ? (struct ref){own / sum, own / sum} : (struct ref){1, 1};
}

struct ref ref_conv_gradient(float dw, const float *const *x, int32_t images, const struct conv_shape *shape,
                             const float *dy, int32_t t, int32_t c, int32_t o)
{
    struct ref sum = {dw, fabs(dw)};
    for (int32_t i = 0; i < images; i++)
        for (int32_t p = 0; p < shape->pixels; p++) {
            int32_t at = shape->at[(ptrdiff_t)p * shape->taps + t];
            double in = at < 0 ? 0 : x[i][at + c];
            add_term(&sum, in * dy[i * shape->y_image + p * shape->y_pixel + o]);
        }
    return sum;
}

struct ref ref_winograd_output_gradient(const float *const *dy, int32_t p, int32_t o)
{
    struct ref sum = {0, 0};
    for (int32_t i = 0; i < 4 * 4; i++) {
        double factor = winograd_a[1][p / 6][i / 4] * winograd_a[1][p % 6][i % 4];
        if (factor != 0)
            add_term(&sum, factor * dy[i][o]);
    }
    return sum;
}

struct ref ref_winograd_multiply_gradient(float du, const float *m, const float *v, const struct winograd_strip *strip,
                                          int32_t tiles, int32_t p, int32_t o, int32_t c)
{
    struct ref sum = {du, fabs(du)};
    for (int32_t t = 0; t < tiles; t++)
        add_term(&sum,
                 (double)m[p * strip->m_point + t * strip->m_row + o] * v[p * strip->v_point + t * strip->v_row + c]);
    return sum;
}

/* G of winograd.h for m = 4: powers of the points, each line over the product of its point's distances. */
static double winograd_g(int32_t point, int32_t tap)
{
    static const double points[] = {0, 0.625, -0.625, 1.5, -1.5};
    if (point == 5)
        return tap == 2;
    double value = tap == 0 ? 1 : tap == 1 ? points[point] : points[point] * points[point];
    for (int32_t s = 0; s < 5; s++)
        value /= s == point ? 1 : points[point] - points[s];
    return value;
}

struct ref ref_winograd_filter_gradient(const float *du, ptrdiff_t point_step, int32_t tap)
{
    struct ref sum = {0, 0};
    for (int32_t p = 0; p < 6 * 6; p++) {
        double factor = winograd_g(p / 6, tap / 3) * winograd_g(p % 6, tap % 3);
        if (factor != 0)
            add_term(&sum, factor * du[p * point_step]);
    }
    return sum;
}

struct ref ref_norm_squares(const float *x, const float *from, int32_t rows, int32_t count, int32_t c, int32_t squares)
{
    struct ref sum = {0, 0};
    for (int32_t i = 0; i < rows; i++) {
        double value = x[i * count + c], off = from[c], most = fabs(value) + fabs(off);
        sum.value += squares ? (value - off) * (value - off) : value - off;
        sum.magnitude += squares ? most * most : most;
    }
    return sum;
}

double ref_norm_pass(float dy, float x, const float *scale, const float *shift)
{
    return !scale || (double)*scale * x + *shift > 0 ? dy : 0;
}

struct ref ref_norm_sums(const float *x, const float *mean, const float *dy, const float *scale, const float *shift,
                         int32_t rows, int32_t count, int32_t c, int32_t products)
{
    struct ref sum = {0, 0};
    for (int32_t i = 0; i < rows; i++) {
        double value = x[i * count + c], off = mean[c];
        double passed =
            ref_norm_pass(dy[i * count + c], x[i * count + c], scale ? scale + c : NULL, scale ? shift + c : NULL);
        sum.value += products ? (value - off) * passed : passed;
        sum.magnitude += products ? (fabs(value) + fabs(off)) * fabs(passed) : fabs(passed);
    }
    return sum;
}

struct ref ref_norm_gradient(float x, float by_x, double passed, float by_dy, float by_1, float add)
{
    struct ref sum = {0, 0};
    add_term(&sum, (double)x * by_x);
    add_term(&sum, passed * by_dy);
    add_term(&sum, by_1);
    add_term(&sum, add);
    return sum;
}
