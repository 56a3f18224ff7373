/* The list of kernels.  Include with K(name, arguments) defined; it is undefined again at the end.
 *
 * From this list come the table type (kernels.h), each instruction set's table (table_tmpl.c), the checks of the
 * harness and of the start-up self-test, and the benchmarks.  A kernel that is not in here does not exist.
 *
 * Every kernel: any count may be 0; pointers need no alignment beyond a float's, panels excepted; outputs never
 * overlap inputs unless it says so; NaN in, NaN out. */

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

/* A convolution over maps, images and pixels in one row of positions q, of which this call computes `count` from
 * `first` on: q is pixel p = q mod shape->pixels of image i = q / shape->pixels, and
 *
 *     y[i * y_image + p * y_pixel + o] = act(bias[o] + sum over t, c of x[i][at[p * taps + t] + c] * w[o][t][c]
 *                                            + add[i * y_image + p * y_pixel + o])
 *
 *   x       [images] pointers to the first float of a map, or of a patch within one
 *   panels  weights as conv_pack_panels (pack.h) lays them out for this instruction set, 64-byte aligned.  Some panels
 *           alone are a call, too: with their outputs' part of y, bias and add, and shape->outs of just those
 *   bias    [outs] or NULL
 *   add     laid out as y, and may be y; or NULL
 *   relu    act is max(0, .), else the identity
 *
 * Pixels, taps and channels are at least 1.  Outside a map are zeros, and zeros times an infinite or NaN weight are NaN
 * or nothing, as the tile likes. */
K(conv_forward, (float *y, const float *const *x, int32_t first, int32_t count, const struct conv_shape *shape,
                 const float *panels, const float *bias, const float *add, int32_t relu))

/* Pooling over patches, with their gates:  y[c] = scale * sum over i of gates[i] * x[i * count + c]; gates NULL: 1 */
K(gated_sum, (float *y, const float *x, const float *gates, float scale, int32_t rows, int32_t count))

/* y[i] = x[i] > 0 ? x[i] : 0, and NaN where x is NaN */
K(relu, (float *y, const float *x, size_t count))

/* y[i] += a * x[i] */
K(axpy, (float *y, float a, const float *x, size_t count))

#undef K
