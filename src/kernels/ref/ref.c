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

/* The points of Winograd's algorithm but the last, infinity; winograd.h. */
static double winograd_point(int32_t m, int32_t p)
{
    static const double points[2][5] = {{0, 1, -1, 0, 0}, {0, 0.625, -0.625, 1.5, -1.5}};
    return points[m == 4][p];
}

/* The factor of a line's k-th number at point p: that of x^k in the product of (x - s) over the other finite points s.
 */
static double winograd_factor(int32_t m, int32_t p, int32_t k)
{
    double product[7] = {1};
    for (int32_t s = 0; s < m + 1; s++)
        if (s != p)
            for (int32_t i = m + 1; i >= 0; i--)
                product[i] = (i ? product[i - 1] : 0) - winograd_point(m, s) * product[i];
    return product[k];
}

struct ref ref_winograd_input(const float *const *x, int32_t m, int32_t p, int32_t c)
{
    const int32_t side = m + 2;
    struct ref sum = {0, 0};
    double of_row[6], of_column[6];
    for (int32_t k = 0; k < side; k++) {
        of_row[k] = winograd_factor(m, p / side, k);
        of_column[k] = winograd_factor(m, p % side, k);
    }
    for (int32_t i = 0; i < side; i++)
        for (int32_t j = 0; j < side; j++) {
            double factor = of_row[i] * of_column[j];
            if (factor != 0)
                add_term(&sum, factor * x[i * side + j][c]);
        }
    return sum;
}

/* The factor of the value at point p in a line's k-th output: its k-th power, infinity in the last one alone. */
static double winograd_power(int32_t m, int32_t p, int32_t k)
{
    double power = 1;
    for (int32_t i = 0; i < k; i++)
        power *= winograd_point(m, p);
    return p == m + 1 ? k == m - 1 : power;
}

struct ref ref_winograd_output(const float *points, ptrdiff_t point_step, int32_t m, int32_t pixel, const float *bias,
                               const float *add, int32_t relu)
{
    const int32_t side = m + 2;
    struct ref sum = {0, 0};
    for (int32_t p = 0; p < side * side; p++) {
        double factor = winograd_power(m, p / side, pixel / m) * winograd_power(m, p % side, pixel % m);
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
