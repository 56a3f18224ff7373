/* Steps of the optimizers that keep state, and how long each step is.  Plain SGD is the kernel axpy. */
#ifndef PMOE_TRAIN_OPTIMIZER_H
#define PMOE_TRAIN_OPTIMIZER_H

#include "../pmoe.h"

enum { OPTIMIZER_MOMENTS = 2 }; /* arrays of state, each as long as the weights */

/* Adam (Kingma, Ba 2015, algorithm 1), beta 0.9 and 0.999, eps 1e-8, step counted from 1:
 *
 *     m += 0.1 (g - m);  v += 0.001 (g^2 - v);  w -= rate * m' / (sqrt(v') + eps),  m' and v' corrected for their start
 */
void optimizer_adam(float *w, const float *gradient, float *m, float *v, size_t count, float rate, int64_t step);

/* SGD with momentum, as PyTorch:  v = momentum v + g;  w -= rate * (nesterov ? g + momentum v : v) */
void optimizer_momentum(float *w, const float *gradient, float *v, size_t count, float rate, float momentum,
                        int32_t nesterov);

/* The rate of step number `step`, from 0 on, of `steps` in all, in epoch `epoch`. */
float schedule_rate(const pmoe_recipe *recipe, int32_t epoch, int64_t steps, int64_t step);

#endif
