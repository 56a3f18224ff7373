/* The list of kernels.  Include with K(name, arguments) defined; it is undefined again at the end.  So is K_DOT, for
 * those that an instruction set with a dot product of its own has of its own; not defined, it is K.
 *
 * From this list come the table type (kernels.h), each instruction set's table (table_tmpl.c), the checks of the
 * harness and of the start-up self-test, and the benchmarks.  A kernel that is not in here does not exist.  The modules
 * that a page loads (PMOE_PAGE) leave out what only benchmarks ask for there: 9 KiB of 72 that no visitor waits for.
 *
 * Every kernel: any count may be 0; pointers need no alignment beyond a float's, panels excepted; outputs never
 * overlap inputs unless it says so; NaN in, NaN out. */

#if !defined(K_DOT)
#define K_DOT(kernel, arguments) K(kernel, arguments)
#endif

/* The convolution of everything here: rows times weights, rows given as pointers, `groups` times with weights of their
 * own.
 *
 *     y[i * y_step + o] = act(bias[o] + sum over r, j of x[i][r * shape.step + j] * w[o][r * shape.run + j])
 *
 *   y       [groups][rows] rows of `outs` values, y_step floats apart
 *   x       [groups][rows] pointers to the first float of a patch.  Dense lists all n patches of every image, routed
 *           the l that a router chose for each expert, a linear layer the rows of its input: one kernel, so that dense
 *           against routed compares routing and nothing else
 *   groups  1, or experts that have as many rows each: one call for all, since a small one alone takes a tenth of its
 *           time to come and go
 *   panels  [groups] weights as pack_panels (pack.h) lays them out for this instruction set, 64-byte aligned
 *   bias    [groups][outs] or NULL
 *   relu    act is max(0, .), else the identity
 *
 * Reads exactly the patch, never a float beside it.  An infinity in x may turn into NaN: padded weights are zeros. */
K(patch_forward, (float *y, ptrdiff_t y_step, const float *const *x, int32_t rows, int32_t groups,
                  struct patch_shape shape, const float *panels, const float *bias, int32_t outs, int32_t relu))

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

/* The stages of a Winograd convolution F(m x m, 3x3), m 2 or 4; winograd.h has the transforms.
 *
 * Input: (m + 2) x (m + 2) pixels of one tile, x[i * (m + 2) + j] each `channels` floats, become as many points:
 * channel c of point p goes to v[p * point_step + c].  Writes whole vectors, zeros behind the last channel. */
K(winograd_input, (float *v, ptrdiff_t point_step, const float *const *x, int32_t m, int32_t channels))

/* Multiply: at each point p, for `tiles` tiles and `outs` outputs, whole vectors of them,
 *
 *     m[p * m_point + t * m_row + o] = sum over c of v[p * v_point + t * v_row + c] * w[p][o][c]
 *
 * panels as winograd_pack lays them out, 64-byte aligned; some panels alone are a call, too. */
K(winograd_multiply,
  (float *m, const float *v, const float *panels, const struct winograd_strip *strip, int32_t tiles, int32_t outs))

/* Output: the points of one tile, m[p * point_step + o], become the pixels of `part` that exist (up to m x m):
 *
 *     y[i * row + j * pixel + o] = act(bias[o] + transformed[i][j][o] + add[i * row + j * pixel + o])
 *
 * bias NULL or [outs]; add laid out as y, and may be y, or NULL.  Reads whole vectors of m. */
K(winograd_output, (float *y, struct map_part part, const float *points, ptrdiff_t point_step, int32_t m,
                    const float *bias, const float *add, int32_t relu, int32_t outs))

/* Pooling over patches, with their gates:  y[c] = scale * sum over i of gates[i] * x[i * count + c]; gates NULL: 1 */
K(gated_sum, (float *y, const float *x, const float *gates, float scale, int32_t rows, int32_t count))

/* The largest of each channel:  y[c] = max over i of x[i * count + c]; of equals the first; rows are at least 1 */
K(row_max, (float *y, const float *x, int32_t rows, int32_t count))

/* y[i] = x[i] > 0 ? x[i] : 0, and NaN where x is NaN */
K(relu, (float *y, const float *x, size_t count))

/* A batch norm by channel:  y[i * count + c] = act(scale[c] * x[i * count + c] + shift[c]), act as above */
K(scale_shift,
  (float *y, const float *x, const float *scale, const float *shift, int32_t rows, int32_t count, int32_t relu))

/* y[i] += a * x[i] */
K(axpy, (float *y, float a, const float *x, size_t count))

#if !defined(PMOE_PAGE)
/* What this instruction set can do at most, for benchmarks: `sums` (2, 3, 8, 10 or 12, else nothing happens) vectors in
 * registers, `rounds` multiply-adds each.  Lane j of y [lanes] is
 *
 *     sum over i < sums of v(i, rounds),   v(i, 0) = 16 i + j,   v(i, r + 1) = v(i, r) / 2 + 1 */
K(register_rounds, (float *y, int64_t rounds, int32_t sums))
#endif

/* ---- Training, natively only: wasm modules infer and hold none of these ---- */
#if !defined(__wasm__)

/* The gradient of patch_forward by the weights, summed over rows in order:
 *
 *     dw[o * runs * run + k] += sum over i of dy[i * dy_step + o] * x[i][k]      (k counts the patch's floats)    */
K(patch_gradient, (float *dw, const float *const *x, int32_t rows, struct patch_shape shape, const float *dy,
                   ptrdiff_t dy_step, int32_t outs))

/* The gradient of conv_forward by the weights, summed over images and their pixels in order:
 *
 *     dw[(t * channels + c) * outs + o] +=
 *         sum over i, p of x[i][at[p * taps + t] + c] * dy[i * y_image + p * y_pixel + o]
 *
 * x, at and zeros as in conv_forward, dy laid out as its y; outputs lie innermost, unlike in the files. */
K(conv_gradient, (float *dw, const float *const *x, int32_t images, const struct conv_shape *shape, const float *dy))

/* The way back through the stages of a Winograd convolution F(4x4, 3x3) to its weights; winograd.h has the transforms.
 *
 * Output: gradients by the 4 x 4 outputs of one tile, dy[i * 4 + j] each `outs` floats, become those by its products
 * at all 36 points, that of output o to m[p * point_step + o].  Writes whole vectors, zeros behind the last output. */
K(winograd_output_gradient, (float *m, ptrdiff_t point_step, const float *const *dy, int32_t outs))

/* Multiply: at each point p, whole vectors of channels, summed over tiles in order,
 *
 *     du[p * w_point + o * v_row + c] += sum over t of m[p * m_point + t * m_row + o] * v[p * v_point + t * v_row + c]
 *
 * v as winograd_input leaves it; strip->w_point counts floats of one point of du. */
K(winograd_multiply_gradient,
  (float *du, const float *m, const float *v, const struct winograd_strip *strip, int32_t tiles, int32_t outs))

/* Filter: the gradients by one output's transformed weights, du[p * point_step + c], become those by its nine weights
 * a channel, dw[tap * tap_step + c].  Reads whole vectors of du. */
K(winograd_filter_gradient, (float *dw, ptrdiff_t tap_step, const float *du, ptrdiff_t point_step, int32_t channels))

/* For a batch norm's statistics, by channel over rows in order:
 *
 *     sum[c] = sum over i of x[i * count + c] - from[c]          square[c]: of their squares */
K(norm_squares, (float *sum, float *square, const float *x, const float *from, int32_t rows, int32_t count))

/* On its way back, by channel over rows in order:
 *
 *     sum[c] = sum over i of g_ic         product[c] = sum over i of (x[i * count + c] - mean[c]) * g_ic
 *
 * with g the gradient dy, or, if scale is not NULL, what a ReLU behind scale_shift lets through of it: 0 where
 * scale[c] * x[i * count + c] + shift[c], rounded as there, is not above 0. */
K(norm_sums, (float *sum, float *product, const float *x, const float *mean, const float *dy, const float *scale,
              const float *shift, int32_t rows, int32_t count))

/* Its gradient by its input, an affine map by channel of x and of g as above:
 *
 *     dx[i * count + c] = by_x[c] * x[i * count + c] + by_dy[c] * g_ic + by_1[c] + add[i * count + c]
 *
 * add laid out as dx, and may be dx; or NULL.  dx may be dy, too */
K(norm_gradient, (float *dx, const float *x, const float *by_x, const float *dy, const float *by_dy, const float *by_1,
                  const float *scale, const float *shift, const float *add, int32_t rows, int32_t count))

#endif

/* ---- Eight bits (int8.h) ---- */
#if !defined(PMOE_PAGE)

/* Floats to numbers of seven bits, `channels` of each pixel, the last group of them filled up with anything
 * from 0 to 127:
 *
 *     q[i * filled + c] = x[i * channels + c] * factor + zero, rounded to the nearest integer, a half to the even one,
 *                         and limited to 0 .. 127; the product is rounded to a float before; NaN gives 0
 *
 *   q        numbers of int8_bytes each; filled: channels rounded up to whole groups of int8_group
 *   zero     0 .. 127 */
K(quantise, (void *q, const float *x, int32_t pixels, int32_t channels, float factor, int32_t zero))

/* conv_forward on quantised maps: the sum is of integers and exact, the rest three roundings, so that outputs are the
 * same bits on every instruction set.  With q and p as there,
 *
 *     y[..] = act(scale[o] * (start[o] + sum over t, c of x[i * x_image + at[p * taps + t] + c] * w[o][t][c])
 *                 + bias[o] + add[..])
 *
 *   x        what quantise wrote, maps x_image numbers apart; at counts numbers, too
 *   shape    channels are whole groups; zeros are not read but filters->outside */
K_DOT(conv_int8, (float *y, const void *x, ptrdiff_t x_image, int32_t first, int32_t count,
                  const struct conv_shape *shape, const struct int8_filters *filters, const float *add, int32_t relu))

#endif

/* Which l of n every list keeps, and with which gates (route/route.h has why).  Lists lie side by side, `step` floats
 * from one item's scores to the next's.  With s = scores[j * step + e], item j of list e, where NaN counts as
 * -infinity:
 *
 *     picks[e * l + i] = the j of the i-th largest s, of equals the lower j first
 *     gates[e * l + i] = exp(that s - the largest) / sum of exp(s - the largest) over the `over` largest
 *
 *   n        1 .. 2^24, l 1 .. n
 *   over     l or n; 0: gates are 1
 *   scratch  2 * (l + 1) * lanes floats
 *
 * Reads whole vectors: up to lanes - 1 floats behind the last item's scores, whatever they are.  Picks and gates are
 * the same bits on every instruction set. */
K(route, (int32_t * picks, float *gates, const float *scores, int32_t step, int32_t lists, int32_t n, int32_t l,
          int32_t over, float *scratch))

#undef K
#undef K_DOT
