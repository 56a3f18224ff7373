/* Stochastic gradient descent over the samples of a source: papers A2, B1. */
#include "trainer.h"

#include "../base/error.h"
#include "../base/random.h"
#include "recipe.h"

#include <math.h>
#include <string.h>

/* By how much a step moves a norm's stored statistics towards its batch's (PyTorch's "momentum"). */
static const float TRAINER_FOLLOW = 0.1f;

/* ---- Weights ---- */

/* The way forth and the way back of one layer are tasks of their own, so that the largest layer is no thread's alone.
 */
static void pack_task(void *context, int32_t index, int32_t worker)
{
    (void)worker;
    pmoe_trainer *trainer = context;
    const int32_t at = index / 2, back = index % 2;
    const struct layer *layer = &trainer->graph->layer[at];
    const struct layer_plan *plan = &trainer->model->plan[at];
    float *const *weights = trainer->weights;
    if (layer->weight < 0)
        return;
    if (layer->type == LAYER_BATCH_NORM && !back)
        norm_affine(weights[layer->weight], weights[layer->bias], weights[layer->mean], weights[layer->variance],
                    layer->epsilon, (size_t)trainer->graph->tensor[layer->weight].count, plan->scale, plan->bias);
    else if (back)
        backward_pack(&trainer->backward, at, weights[layer->weight]);
    else
        model_pack(trainer->model, at, weights[layer->weight], layer->bias < 0 ? NULL : weights[layer->bias]);
}

void trainer_pack(pmoe_trainer *trainer)
{
    pool_run(trainer->pool, 2 * trainer->graph->layers, pack_task, trainer);
}

pmoe_status trainer_settle(pmoe_trainer *trainer, pmoe_error *error)
{
    trainer_pack(trainer);
    return model_find_constants(trainer->model, error);
}

/* ---- One batch ---- */

static uint64_t sample_number(const pmoe_trainer *trainer, int32_t sample)
{
    uint64_t first = 0;
    if (trainer->recipe.fresh)
        first = (uint64_t)trainer->epoch * (uint64_t)trainer->recipe.samples;
    return first + (uint64_t)sample;
}

/* How often samples were used before this use of one. */
static uint64_t use_number(const pmoe_trainer *trainer, int32_t sample)
{
    return (uint64_t)trainer->epoch * (uint64_t)trainer->recipe.samples + (uint64_t)sample;
}

int32_t trainer_load_sample(const pmoe_trainer *trainer, int32_t sample, uint8_t *pixels, float *image)
{
    int32_t label, patch;
    if (source_sample(&trainer->source, sample_number(trainer, sample), pixels, &label, &patch, NULL) != PMOE_OK)
        return -1;
    if (trainer->recipe.shift || trainer->recipe.flip) {
        struct random random = random_at(trainer->recipe.seed, RANDOM_AUGMENT, use_number(trainer, sample));
        source_augment(&trainer->source, trainer->recipe.shift, trainer->recipe.flip, &random, pixels);
    }
    pmoe_bytes_to_floats(pixels, source_pixels(&trainer->source), image);
    return label;
}

/* Part `index` of the batch: [*first, *first + returned). */
static int32_t part_share(const pmoe_trainer *trainer, int32_t index, int32_t *first)
{
    int32_t from = index * trainer->lane_batch, left = trainer->batch_size - from;
    *first = from;
    return left <= 0 ? 0 : left < trainer->lane_batch ? left : trainer->lane_batch;
}

/* What is random in the pass of `count` images of lane `number`, samples [count], and of its gates' loss. */
static struct chance chance_of(const pmoe_trainer *trainer, int32_t number, const int32_t *samples, int32_t count)
{
    const pmoe_recipe *recipe = &trainer->recipe;
    uint64_t *uses = trainer->uses + (size_t)number * (size_t)trainer->lane_batch;
    for (int32_t i = 0; i < count; i++)
        uses[i] = use_number(trainer, samples[i]);
    return (struct chance){
        .seed = recipe->seed,
        .use = uses,
        .dropout = recipe->dropout,
        .floor = recipe->noise,
        .noise = trainer->noise,
        .balance = {balance_form_of(recipe->balance), recipe->importance, recipe->load, recipe->kl},
        .share = (float)count / (float)trainer->batch_size,
    };
}

static void part_task(void *context, int32_t index, int32_t worker)
{
    pmoe_trainer *trainer = context;
    int32_t number = trainer->apart ? worker : index;
    struct lane *lane = &trainer->lane[number];
    int32_t outputs = trainer->graph->outputs, first, count = part_share(trainer, index, &first);
    trainer->part_balance[index] = 0;
    if (!count)
        return;
    size_t pixels = source_pixels(&trainer->source);
    int32_t labels[4096]; /* the largest batch that recipe_check lets through */
    for (int32_t i = 0; i < count; i++) {
        labels[i] = trainer_load_sample(trainer, trainer->batch_order[first + i],
                                        trainer->pixels + (size_t)number * pixels, lane->images + (size_t)i * pixels);
        if (labels[i] < 0) {
            trainer->losses[first + i].correct = -1;
            return;
        }
    }
    lane->chance = chance_of(trainer, number, trainer->batch_order + first, count);
    lane_forward(lane, count, trainer->weights);
    for (int32_t i = 0; trainer->model->mixed >= 0 && i < count; i++)
        usage_add(&trainer->part_usage[index], 0, pmoe_run_mixing(lane->run, i));
    lane_clear(lane);
    float *dlogits = lane->doutput[trainer->graph->last];
    for (int32_t i = 0; i < count; i++)
        trainer->losses[first + i] = loss_of(lane->logits + i * outputs, outputs, labels[i], trainer->recipe.smoothing,
                                             1.0f / (float)trainer->batch_size, dlogits + i * outputs);
    lane_backward(lane, trainer->apart ? trainer->part_gradients[index] : NULL);
    trainer->part_balance[index] = lane->balance * count;
}

/* Biases and batch norms do not decay: their size is no complexity. */
static int decays(const pmoe_trainer *trainer, int32_t tensor)
{
    int32_t like = trainer_like(trainer, tensor);
    const struct layer *layer = &trainer->graph->layer[trainer->graph->tensor[like].layer];
    return trainer->recipe.decay > 0 && layer->type != LAYER_BATCH_NORM && like == layer->weight;
}

/* Step against the gradient of `count` weights of a tensor, from number `at`. */
static void step_tensor(const pmoe_trainer *trainer, int32_t tensor, size_t at, size_t count)
{
    const pmoe_recipe *recipe = &trainer->recipe;
    const struct kernels *kernels = trainer->model->kernels;
    float *const *moments = trainer->moments[tensor];
    float *w = trainer->weights[tensor] + at, *gradient = trainer->gradients[tensor] + at;
    if (decays(trainer, tensor))
        kernels->axpy(gradient, recipe->decay, w, count);
    if (moments[1])
        optimizer_adam(w, gradient, moments[0] + at, moments[1] + at, count, trainer->step_rate, trainer->step);
    else if (moments[0])
        optimizer_momentum(w, gradient, moments[0] + at, count, trainer->step_rate, recipe->momentum, recipe->nesterov);
    else
        kernels->axpy(w, -trainer->step_rate, gradient, count);
}

/* Sum one slice of the weights' gradient over the lanes, in order, and step against it. */
static void job_task(void *context, int32_t index, int32_t worker)
{
    pmoe_trainer *trainer = context;
    struct job job = trainer->jobs[index];
    const struct layer *layer = &trainer->graph->layer[job.layer];
    const struct layer_plan *plan = &trainer->model->plan[job.layer];
    size_t row = (size_t)plan->patch.runs * (size_t)plan->patch.run;
    size_t out = (size_t)job.matrix * (size_t)plan->outs + (size_t)job.first;
    float *gradient = trainer->gradients[layer->weight] + out * row;
    float *dbias = layer->bias < 0 ? NULL : trainer->gradients[layer->bias] + out;
    memset(gradient, 0, (size_t)job.count * row * sizeof *gradient);
    if (dbias)
        memset(dbias, 0, (size_t)job.count * sizeof *dbias);
    for (int32_t i = 0; i < trainer->parts; i++) {
        int32_t first;
        if (part_share(trainer, i, &first))
            lane_weight_gradient(&trainer->lane[i], job.layer, job.matrix, job.first, job.count,
                                 trainer->scratch[worker], gradient, dbias);
    }
    step_tensor(trainer, layer->weight, out * row, (size_t)job.count * row);
    if (dbias)
        step_tensor(trainer, layer->bias, out, (size_t)job.count);
}

/* Sum one slice of a tensor's gradient over the parts, in order, and step against it; a norm's statistics are averaged
 * over them and followed. */
static void slice_task(void *context, int32_t index, int32_t worker)
{
    (void)worker;
    pmoe_trainer *trainer = context;
    struct slice slice = trainer->slices[index];
    int statistic = trainer_is_statistic(trainer, slice.tensor);
    float *gradient = trainer->gradients[slice.tensor] + slice.first,
          *weights = trainer->weights[slice.tensor] + slice.first;
    memset(gradient, 0, slice.count * sizeof *gradient);
    for (int32_t p = 0; p < trainer->parts; p++) {
        int32_t first, count = part_share(trainer, p, &first);
        float share = statistic ? (float)count / (float)trainer->batch_size : 1;
        if (count)
            trainer->model->kernels->axpy(gradient, share, trainer->part_gradients[p][slice.tensor] + slice.first,
                                          slice.count);
    }
    for (size_t i = 0; statistic && i < slice.count; i++)
        weights[i] += TRAINER_FOLLOW * (gradient[i] - weights[i]);
    if (!statistic)
        step_tensor(trainer, slice.tensor, slice.first, slice.count);
}

/* The parts' counts to the epoch's. */
static void gather_usage(pmoe_trainer *trainer)
{
    for (int32_t p = 0; trainer->model->mixed >= 0 && p < trainer->parts; p++) {
        usage_merge(&trainer->usage, &trainer->part_usage[p]);
        usage_clear(&trainer->part_usage[p]);
    }
}

static void train_batch(pmoe_trainer *trainer)
{
    pool_run(trainer->pool, trainer->parts, part_task, trainer);
    for (int32_t i = 0; i < trainer->batch_size; i++)
        if (trainer->losses[i].correct < 0)
            trainer->batch_bad = 1;
    if (trainer->batch_bad)
        return;
    pool_run(trainer->pool, trainer->job_count, job_task, trainer);
    pool_run(trainer->pool, trainer->slice_count, slice_task, trainer);
    trainer_pack(trainer);
    gather_usage(trainer);
}

/* ---- Epochs ---- */

static int32_t router_layer(const pmoe_trainer *trainer)
{
    for (int32_t i = 0; i < trainer->graph->layers; i++)
        if (trainer->graph->layer[i].type == LAYER_PATCH_ROUTER)
            return i;
    return -1;
}

static int32_t router_epochs(const pmoe_trainer *trainer)
{
    return trainer->recipe.kind == PMOE_SEPARATE ? trainer->recipe.router_epochs : 0;
}

static int32_t all_epochs(const pmoe_trainer *trainer)
{
    return router_epochs(trainer) + trainer->recipe.epochs;
}

int32_t pmoe_trainer_done(const pmoe_trainer *trainer)
{
    return trainer->epoch >= all_epochs(trainer);
}

/* The rate of the step that comes next; `batches` an epoch. */
static float step_rate(const pmoe_trainer *trainer, int32_t batches)
{
    const pmoe_recipe *recipe = &trainer->recipe;
    int32_t epoch = trainer->epoch - router_epochs(trainer);
    if (epoch < 0)
        return recipe->router_rate;
    return schedule_rate(recipe, epoch, (int64_t)batches * recipe->epochs, trainer->step - 1);
}

static void begin_usage(pmoe_trainer *trainer)
{
    if (trainer->model->mixed < 0)
        return;
    usage_clear(&trainer->usage);
    for (int32_t p = 0; p < trainer->parts; p++)
        usage_clear(&trainer->part_usage[p]);
}

static pmoe_usage usage_now(const pmoe_trainer *trainer)
{
    if (trainer->model->mixed < 0)
        return (pmoe_usage){.experts = 0};
    return usage_read(&trainer->usage, 0, 1, trainer->usage_read, trainer->usage_read + trainer->usage.experts);
}

/* What the epoch under way says of itself before its first batch. */
static pmoe_progress begin_epoch(pmoe_trainer *trainer)
{
    const pmoe_recipe *recipe = &trainer->recipe;
    begin_usage(trainer);
    for (int32_t i = 0; i < recipe->samples; i++)
        trainer->order[i] = i;
    struct random random = random_at(recipe->seed, RANDOM_ORDER, (uint64_t)trainer->epoch);
    random_shuffle(&random, trainer->order, (size_t)recipe->samples);
    return (pmoe_progress){.phase = trainer->epoch < router_epochs(trainer) ? "routers" : "experts",
                           .epoch = trainer->epoch,
                           .epochs = all_epochs(trainer),
                           .batches = (recipe->samples + recipe->batch - 1) / recipe->batch};
}

/* Batch `index` of `batches` becomes the one under way. */
static void begin_batch(pmoe_trainer *trainer, int32_t index, int32_t batches)
{
    int32_t first = index * trainer->recipe.batch, left = trainer->recipe.samples - first;
    trainer->batch_order = trainer->order + first;
    trainer->batch_size = left < trainer->recipe.batch ? left : trainer->recipe.batch;
    trainer->step = (int64_t)(trainer->epoch - router_epochs(trainer)) * batches + index + 1;
    trainer->step_rate = step_rate(trainer, batches);
}

/* Sums over the epoch so far. */
struct totals {
    int32_t seen, correct;
    double loss, balance;
};

static void add_batch(struct totals *totals, const pmoe_trainer *trainer)
{
    for (int32_t i = 0; i < trainer->batch_size; i++) {
        totals->loss += trainer->losses[i].value;
        totals->correct += trainer->losses[i].correct;
    }
    for (int32_t p = 0; p < trainer->parts; p++)
        totals->balance += trainer->part_balance[p];
    totals->seen += trainer->batch_size;
}

pmoe_status pmoe_trainer_epoch(pmoe_trainer *trainer, void (*report)(void *user, const pmoe_progress *progress),
                               void *user, pmoe_progress *progress, pmoe_error *error)
{
    if (pmoe_trainer_done(trainer))
        return fail(error, PMOE_E_ARGUMENT, "training: all %d epochs are done", (int)all_epochs(trainer));
    const int routers = trainer->epoch < router_epochs(trainer);
    const int32_t router = router_layer(trainer);
    struct totals totals = {.seen = 0};
    *progress = begin_epoch(trainer);
    while (progress->batch < progress->batches) {
        begin_batch(trainer, progress->batch, progress->batches);
        if (routers)
            trainer_route_batch(trainer, router);
        else
            train_batch(trainer);
        if (trainer->batch_bad)
            return fail(error, PMOE_E_ARGUMENT, "training: the data lack a digit that the boards need");
        add_batch(&totals, trainer);
        progress->loss = totals.loss / totals.seen;
        progress->balance = totals.balance / totals.seen;
        progress->usage = usage_now(trainer);
        progress->accuracy = routers ? (double)NAN : 100.0 * totals.correct / totals.seen;
        if (report)
            report(user, progress);
        progress->batch++;
    }
    trainer->epoch++;
    progress->epoch = trainer->epoch;
    return trainer_settle(trainer, error);
}

const pmoe_model *pmoe_trainer_model(const pmoe_trainer *trainer)
{
    return trainer->model;
}
