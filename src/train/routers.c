/* The step of separate training that is the routers' own (paper 1, eq. 6). */
#include "trainer.h"

#include <string.h>

/* Sum over all patches of one image, in memory's order of a filter. */
static void sum_patches(const pmoe_trainer *trainer, int32_t router, const float *image, float *sum)
{
    const struct layer_plan *plan = &trainer->model->plan[router];
    memset(sum, 0, (size_t)plan->patch.runs * (size_t)plan->patch.run * sizeof *sum);
    for (int32_t j = 0; j < trainer->graph->layer[router].patches; j++)
        for (int32_t r = 0; r < plan->patch.runs; r++) {
            const float *from = image + plan->table[j] + (ptrdiff_t)r * plan->patch.step;
            for (int32_t i = 0; i < plan->patch.run; i++)
                sum[r * plan->patch.run + i] += from[i];
        }
}

/* For each sample of class c: L_r = <w_partner - w_c, sum of its patches>, classes paired (0,1), (2,3), ...; the
 * gradient does not depend on the weights. */
void trainer_route_batch(pmoe_trainer *trainer, int32_t router)
{
    const struct kernels *kernels = trainer->model->kernels;
    int32_t tensor = trainer->graph->layer[router].weight;
    float *w = trainer->weights[tensor], *sum = trainer->gradients[tensor];
    size_t row = (size_t)trainer->graph->tensor[tensor].count / (size_t)trainer->recipe.experts;
    float rate = trainer->step_rate / (float)trainer->batch_size;
    for (int32_t i = 0; i < trainer->batch_size; i++) {
        struct lane *lane = &trainer->lane[0];
        int32_t label = trainer_load_sample(trainer, trainer->batch_order[i], trainer->pixels, lane->images);
        if (label < 0) {
            trainer->batch_bad = 1;
            return;
        }
        sum_patches(trainer, router, lane->images, sum);
        float *own = w + (size_t)label * row, *partner = w + (size_t)(label ^ 1) * row;
        double loss = 0;
        for (size_t k = 0; k < row; k++)
            loss += ((double)partner[k] - (double)own[k]) * (double)sum[k];
        trainer->losses[i] = (struct loss){loss, 0};
        kernels->axpy(own, rate, sum, row);
        kernels->axpy(partner, -rate, sum, row);
    }
}
