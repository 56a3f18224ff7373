/* The list of kernels.  Include with K(name, arguments) defined; it is undefined again at the end.
 *
 * From this list come the table type (kernels.h), each instruction set's table (table_tmpl.c), the checks of the
 * harness and of the start-up self-test, and the benchmarks.  A kernel that is not in here does not exist.
 *
 * Every kernel: any count may be 0; pointers need no alignment beyond a float's, panels excepted; outputs never
 * overlap inputs; NaN in, NaN out. */

/* The convolution of everything here: rows times weights, rows given as pointers.
 *
 *     y[i * y_step + o] = act(bias[o] + sum over r, j of x[i][r * shape.step + j] * w[o][r * shape.run + j])
 *
 *   y       [rows] rows of `outs` values, y_step floats apart
 *   x       [rows] pointers to the first float of a patch.  Dense lists all n patches of every image, routed the l that
 *           a router chose, a linear layer the rows of its input: one kernel, so that dense against routed compares
 *           routing and nothing else
 *   panels  weights as pack_panels (pack.h) lays them out for this instruction set, 64-byte aligned
 *   bias    [outs] or NULL
 *   relu    act is max(0, .), else the identity
 *
 * Reads exactly the patch, never a float beside it.  An infinity in x may turn into NaN: padded weights are zeros. */
K(patch_forward, (float *y, ptrdiff_t y_step, const float *const *x, int32_t rows, struct patch_shape shape,
                  const float *panels, const float *bias, int32_t outs, int32_t relu))

/* Its gradient by the weights, summed over rows in order:
 *
 *     dw[o * runs * run + k] += sum over i of dy[i * dy_step + o] * x[i][k]      (k counts the patch's floats)    */
K(patch_gradient, (float *dw, const float *const *x, int32_t rows, struct patch_shape shape, const float *dy,
                   ptrdiff_t dy_step, int32_t outs))

/* Pooling over patches, with their gates:  y[c] = scale * sum over i of gates[i] * x[i * count + c]; gates NULL: 1 */
K(gated_sum, (float *y, const float *x, const float *gates, float scale, int32_t rows, int32_t count))

/* y[i] = x[i] > 0 ? x[i] : 0, and NaN where x is NaN */
K(relu, (float *y, const float *x, size_t count))

/* y[i] += a * x[i] */
K(axpy, (float *y, float a, const float *x, size_t count))

#undef K
