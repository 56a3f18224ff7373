#include "loss.h"

#include <math.h>
#include <stddef.h>

static struct loss logistic(float logit, int32_t label, float scale, float *dlogit)
{
    double y = label ? 1 : -1, margin = y * (double)logit;
    double tail = exp(-fabs(margin)); /* never overflows */
    if (dlogit)
        *dlogit = (float)((double)scale * -y * (margin > 0 ? tail / (1 + tail) : 1 / (1 + tail)));
    return (struct loss){(margin > 0 ? 0 : -margin) + log1p(tail), (logit > 0) == (label != 0)};
}

struct loss loss_of(const float *logits, int32_t outputs, int32_t label, float smoothing, float scale, float *dlogits)
{
    if (outputs == 1)
        return logistic(logits[0], label, scale, dlogits);
    int32_t best = 0;
    for (int32_t c = 1; c < outputs; c++)
        if (logits[c] > logits[best])
            best = c;
    double sum = 0;
    for (int32_t c = 0; c < outputs; c++)
        sum += exp((double)logits[c] - (double)logits[best]);
    for (int32_t c = 0; dlogits && c < outputs; c++) {
        double probability = exp((double)logits[c] - (double)logits[best]) / sum;
        double wanted = (1 - (double)smoothing) * (c == label) + (double)smoothing / outputs;
        dlogits[c] = (float)((double)scale * (probability - wanted));
    }
    double loss = log(sum) - ((double)logits[label] - (double)logits[best]);
    if (smoothing > 0) {
        double all = 0;
        for (int32_t c = 0; c < outputs; c++)
            all += log(sum) - ((double)logits[c] - (double)logits[best]);
        loss = (1 - (double)smoothing) * loss + (double)smoothing / outputs * all;
    }
    return (struct loss){loss, best == label};
}
