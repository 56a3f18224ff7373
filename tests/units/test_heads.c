/* Heads in training: gradients through dropout, noise and the losses that keep experts in use, against central
 * differences of this file's own equations in double; the losses by hand; use of experts; sparse against masked dense.
 */
#include "model_file.h"

#include "route/usage.h"
#include "train/backward.h"
#include "train/loss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it */
#include <cmocka.h>
#include <math.h>

enum { BATCH = 6, INPUTS = 5, STEM = 6, EXPERTS = 4, HIDDEN = 3, CLASSES = 3, NOISE = 16, TABLE = NOISE + 2 };

#define HEAD_LIST(name)                                                                                                \
    "{\"version\":1,\"name\":\"" name "\",\"input\":{\"height\":1,\"width\":1,\"channels\":5},"                        \
    "\"classes\":[\"a\",\"b\",\"c\"],\"layers\":["                                                                     \
    "{\"name\":\"stem\",\"type\":\"linear\",\"outputs\":6,\"bias\":true},"
#define EXPERT                                                                                                         \
    "{\"name\":\"in\",\"type\":\"linear\",\"outputs\":3,\"bias\":true},{\"name\":\"r\",\"type\":\"relu\"},"            \
    "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":3,\"bias\":true}"
#define MIXTURE_LIST(name, kept, how)                                                                                  \
    HEAD_LIST(name)                                                                                                    \
    "{\"name\":\"gate\",\"type\":\"sample_router\",\"experts\":4,\"bias\":true" how "},"                               \
    "{\"name\":\"head\",\"type\":\"mixture\",\"input\":\"stem\",\"router\":\"gate\",\"kept\":" kept ","                \
    "\"gate\":\"topl_softmax\",\"expert\":[" EXPERT "]}]}"

static const char *const dense_list = HEAD_LIST("dense") EXPERT "]}";
static const char *const soft_list = MIXTURE_LIST("soft", "4", "");
static const char *const sparse_list = MIXTURE_LIST("sparse", "2", ",\"normalise\":true");
static const char *const hard_list = MIXTURE_LIST("hard", "1", ",\"normalise\":true");

/* ---- One network ---- */

struct bench {
    struct model_file file;
    pmoe_model *model;
    struct backward backward;
    struct lane lane;
    int32_t mixture, router;                  /* layers, or -1 */
    float *weights[TABLE], *gradients[TABLE]; /* with the noise's at NOISE */
    double *values[TABLE];                    /* the weights */
    uint64_t use[BATCH];
    double keep[BATCH][EXPERTS][HIDDEN]; /* behind ReLUs: 0, or what the value was multiplied by */
    int32_t dropped, alive;
};

static int64_t value_count(const struct bench *bench, int32_t t)
{
    return t == NOISE ? EXPERTS * STEM : t > NOISE ? EXPERTS : bench->file.graph.tensor[t].count;
}

static void bench_open(struct bench *bench, const char *list, uint64_t seed)
{
    memset(bench, 0, sizeof *bench);
    model_file_open(&bench->file, list, seed);
    const struct graph *graph = &bench->file.graph;
    assert_int_equal(model_create(graph, "{}", 2, MODEL_KEEP_ALL, NULL, NULL, &bench->model, NULL), PMOE_OK);
    assert_int_equal(backward_open(bench->model, &bench->backward, NULL), PMOE_OK);
    assert_int_equal(lane_open(&bench->backward, BATCH, &bench->lane, NULL), PMOE_OK);
    bench->mixture = bench->model->mixed;
    bench->router = bench->mixture < 0 ? -1 : graph->layer[bench->mixture].router;
    struct random random = random_at(seed, RANDOM_CHECK, 1);
    for (int32_t i = 0; i < graph->layers; i++)
        if (graph->layer[i].weight >= 0)
            model_pack(bench->model, i, bench->file.weights[graph->layer[i].weight],
                       bench->file.weights[graph->layer[i].bias]);
    for (int32_t t = 0; t < TABLE; t++) {
        if (t >= graph->tensors && t < NOISE)
            continue;
        size_t count = (size_t)value_count(bench, t);
        bench->weights[t] = malloc(count * sizeof(float));
        bench->gradients[t] = malloc(count * sizeof(float));
        bench->values[t] = malloc(count * sizeof(double));
        for (size_t i = 0; i < count; i++)
            bench->values[t][i] =
                (double)(bench->weights[t][i] = t < NOISE ? bench->file.weights[t][i] : 0.5f * random_normal(&random));
    }
    for (size_t i = 0; i < BATCH * model_file_image(graph); i++)
        bench->lane.images[i] = random_normal(&random);
    for (int32_t b = 0; b < BATCH; b++)
        bench->use[b] = 1000 * seed + (uint64_t)b;
    bench->lane.chance = (struct chance){.seed = seed, .use = bench->use, .share = 0.5f};
}

static void bench_close(struct bench *bench)
{
    for (int32_t t = 0; t < TABLE; t++) {
        free(bench->weights[t]);
        free(bench->gradients[t]);
        free(bench->values[t]);
    }
    lane_close(&bench->lane);
    backward_close(&bench->backward);
    pmoe_model_close(&bench->model);
    model_file_close(&bench->file);
}

static int32_t tensor_named(const struct bench *bench, const char *name)
{
    for (int32_t t = 0; t < bench->file.graph.tensors; t++)
        if (strcmp(bench->file.graph.tensor[t].name, name) == 0)
            return t;
    fail_msg("no tensor %s", name);
    return -1;
}

/* ---- Its loss in double ---- */

/* y [outs] = bias + w x, of tensors "NAME.weight" and "NAME.bias", part `part` of both. */
static void multiply(const struct bench *bench, const char *name, int32_t part, const double *x, int32_t ins,
                     int32_t outs, double *y)
{
    char text[64];
    snprintf(text, sizeof text, "%s.weight", name);
    const double *w = bench->values[tensor_named(bench, text)] + part * ins * outs;
    snprintf(text, sizeof text, "%s.bias", name);
    const double *bias = bench->values[tensor_named(bench, text)] + part * outs;
    for (int32_t o = 0; o < outs; o++) {
        y[o] = bias[o];
        for (int32_t i = 0; i < ins; i++)
            y[o] += w[o * ins + i] * x[i];
    }
}

/* What one image is to the batch's losses. */
struct image_terms {
    double logits[CLASSES], gates[EXPERTS], chances[EXPERTS];
};

static void expert_logits(const struct bench *bench, const char *prefix, int32_t expert, int32_t b, const double *h,
                          double scale, double *logits)
{
    char in[32], out[32];
    double hidden[HIDDEN], made[CLASSES];
    snprintf(in, sizeof in, "%sin", prefix);
    snprintf(out, sizeof out, "%sout", prefix);
    multiply(bench, in, expert, h, STEM, HIDDEN, hidden);
    for (int i = 0; i < HIDDEN; i++)
        hidden[i] = (hidden[i] > 0 ? hidden[i] : 0) * bench->keep[b][expert][i];
    multiply(bench, out, expert, hidden, HIDDEN, CLASSES, made);
    for (int c = 0; c < CLASSES; c++)
        logits[c] += scale * made[c];
}

static void standardise(double *z)
{
    double mean = 0, squares = 0;
    for (int e = 0; e < EXPERTS; e++)
        mean += z[e] / EXPERTS;
    for (int e = 0; e < EXPERTS; e++)
        squares += (z[e] - mean) * (z[e] - mean);
    for (int e = 0; e < EXPERTS; e++)
        z[e] = (z[e] - mean) / (sqrt(squares / (EXPERTS - 1)) + 1e-5);
}

/* taken [EXPERTS]: the `count` largest of the values but for `without`, of equal ones, such as dropped scores are, the
 * lower first.  Returns the least of them. */
static double take_largest(const double *values, int32_t count, int32_t without, int *taken)
{
    int best = -1;
    memset(taken, 0, EXPERTS * sizeof *taken);
    for (; count > 0; count--) {
        best = -1;
        for (int e = 0; e < EXPERTS; e++)
            if (e != without && !taken[e] && (best < 0 || values[e] > values[best]))
                best = e;
        taken[best] = 1;
    }
    return values[best];
}

/* The gate, drawn as the lane drew it: its keeps and its eps are taken from there. */
static void find_gates(const struct bench *bench, int32_t b, const double *h, struct image_terms *terms)
{
    const struct layer *router = &bench->file.graph.layer[bench->router];
    const struct gate *gate = &bench->lane.gate[bench->router];
    const struct chance *chance = &bench->lane.chance;
    int32_t kept = bench->file.graph.layer[bench->mixture].kept;
    double x[STEM], z[EXPERTS], noisy[EXPERTS], score[EXPERTS], deviations[EXPERTS], sum = 0;
    int taken[EXPERTS];
    for (int i = 0; i < STEM; i++)
        x[i] = h[i] * (chance->dropout > 0 ? (double)gate->input_keep[b * STEM + i] : 1);
    multiply(bench, "gate", 0, x, STEM, EXPERTS, z);
    if (router->normalise)
        standardise(z);
    for (int e = 0; e < EXPERTS; e++) {
        double before = bench->values[NOISE + 1][e];
        for (int i = 0; i < STEM; i++)
            before += bench->values[NOISE][e * STEM + i] * x[i];
        deviations[e] = log1p(exp(before)) + (double)chance->floor;
        noisy[e] = z[e] + (chance->noise ? (double)gate->eps[b * EXPERTS + e] * deviations[e] : 0);
        score[e] = noisy[e] * (chance->dropout > 0 ? (double)gate->score_keep[b * EXPERTS + e] : 1);
    }
    for (int e = 0; e < EXPERTS && kept < EXPERTS; e++)
        terms->chances[e] = 0.5 * erfc((take_largest(noisy, kept, e, taken) - z[e]) / deviations[e] / sqrt(2));
    take_largest(score, kept, -1, taken);
    for (int e = 0; e < EXPERTS; e++)
        sum += terms->gates[e] = taken[e] ? exp(score[e]) : 0;
    for (int e = 0; e < EXPERTS; e++)
        terms->gates[e] /= sum;
}

static double squared_variation(const double *v)
{
    double mean = 0, squares = 0;
    for (int e = 0; e < EXPERTS; e++)
        mean += v[e] / EXPERTS;
    for (int e = 0; e < EXPERTS; e++)
        squares += v[e] * v[e] / EXPERTS;
    return squares / (mean * mean) - 1;
}

static double balance_loss(const struct balance *balance, const struct image_terms *terms)
{
    double importance[EXPERTS] = {0}, load[EXPERTS] = {0}, kl = 0;
    for (int b = 0; b < BATCH; b++)
        for (int e = 0; e < EXPERTS; e++) {
            importance[e] += terms[b].gates[e];
            load[e] += terms[b].chances[e];
        }
    for (int e = 0; e < EXPERTS; e++) {
        double p = importance[e] / BATCH, u = 1.0 / EXPERTS;
        kl += (double)balance->kl * (balance->form == BALANCE_MEAN ? p * log(p / u) : u * log(u / p));
    }
    switch (balance->form) {
    case BALANCE_SMOOTH:
        return (double)balance->importance * squared_variation(importance) +
               (double)balance->load * squared_variation(load);
    case BALANCE_IMPORTANCE: return (double)(balance->importance + balance->load) * squared_variation(importance);
    case BALANCE_CODE: return kl / EXPERTS;
    case BALANCE_UNIFORM:
    case BALANCE_MEAN: return kl;
    default: return 0;
    }
}

static double whole_loss(const struct bench *bench, double *balance)
{
    struct image_terms terms[BATCH];
    double sum = 0;
    for (int32_t b = 0; b < BATCH; b++) {
        double image[INPUTS], h[STEM], exponentials = 0;
        memset(&terms[b], 0, sizeof terms[b]);
        for (int i = 0; i < INPUTS; i++)
            image[i] = (double)bench->lane.images[b * INPUTS + i];
        multiply(bench, "stem", 0, image, INPUTS, STEM, h);
        if (bench->mixture < 0)
            expert_logits(bench, "", 0, b, h, 1, terms[b].logits);
        else
            find_gates(bench, b, h, &terms[b]);
        for (int32_t e = 0; bench->mixture >= 0 && e < EXPERTS; e++)
            if (terms[b].gates[e] > 0)
                expert_logits(bench, "head.", e, b, h, terms[b].gates[e], terms[b].logits);
        for (int c = 0; c < CLASSES; c++)
            exponentials += exp(terms[b].logits[c] - terms[b].logits[b % CLASSES]);
        sum += log(exponentials) / BATCH;
    }
    *balance = balance_loss(&bench->lane.chance.balance, terms);
    return sum + (double)bench->lane.chance.share * *balance;
}

/* ---- The lane's ---- */

/* What the lane's last pass kept behind ReLUs of one stack's `images`, of which image i is from[i]. */
static void read_keeps(struct bench *bench, int32_t hidden, int32_t expert, int32_t images, const int32_t *from)
{
    const float *y = run_output(bench->lane.run, hidden);
    float dropout = bench->lane.chance.dropout;
    for (int32_t i = 0; i < images; i++)
        for (int h = 0; h < HIDDEN; h++, y++) {
            bench->keep[from ? from[i] : i][expert][h] = *y > 0 ? 1 / (1 - (double)dropout) : 0;
            bench->dropped += *y == 0;
            bench->alive += *y > 0;
        }
}

static void float_pass(struct bench *bench)
{
    struct lane *lane = &bench->lane;
    lane_forward(lane, BATCH, bench->weights);
    if (bench->mixture < 0)
        read_keeps(bench, bench->file.graph.tensor[tensor_named(bench, "in.weight")].layer, 0, BATCH, NULL);
    for (int32_t e = 0; bench->mixture >= 0 && e < EXPERTS; e++) {
        int32_t from[BATCH], images = run_stack(lane->run, bench->mixture, e);
        for (int32_t i = 0; i < images; i++)
            from[i] = lane->run->from[i] / bench->file.graph.layer[bench->mixture].kept;
        read_keeps(bench, bench->mixture + 1, e, images, from);
    }
    lane->run->expert = 0;
    lane_clear(lane);
    for (int32_t b = 0; b < BATCH; b++)
        loss_of(lane->logits + b * CLASSES, CLASSES, b % CLASSES, 0, 1.0f / BATCH,
                lane->doutput[bench->file.graph.last] + b * CLASSES);
    lane_backward(lane, bench->gradients);
}

static void compare(struct bench *bench, int32_t t, int32_t *checked, int32_t *kinks)
{
    const double steps[2] = {1e-5, 1e-6};
    for (int64_t i = 0; i < value_count(bench, t); i++) {
        double *value = &bench->values[t][i], at = *value, slope[2], balance;
        for (int s = 0; s < 2; s++) {
            *value = at + steps[s];
            double above = whole_loss(bench, &balance);
            *value = at - steps[s];
            slope[s] = (above - whole_loss(bench, &balance)) / (2 * steps[s]);
            *value = at;
        }
        if (fabs(slope[0] - slope[1]) > 1e-6 * (1 + fabs(slope[0]))) {
            ++*kinks;
            continue;
        }
        ++*checked;
        double off = fabs((double)bench->gradients[t][i] - slope[0]);
        if (off > 3e-5 * (1 + fabs(slope[0])))
            print_error("%s tensor %d element %d: %.8g, expected %.8g\n", bench->file.graph.name, (int)t, (int)i,
                        (double)bench->gradients[t][i], slope[0]);
        assert_true(off <= 3e-5 * (1 + fabs(slope[0])));
    }
}

struct head_case {
    const char *const *list;
    float dropout;
    int noisy;
    struct balance balance;
};

static void check_case(const struct head_case *head, uint64_t seed, int32_t *checked, int32_t *kinks)
{
    struct bench bench;
    double balance;
    bench_open(&bench, *head->list, seed);
    bench.lane.chance.dropout = head->dropout;
    bench.lane.chance.floor = head->noisy ? 0.3f : 0;
    bench.lane.chance.noise = head->noisy ? NOISE : 0;
    bench.lane.chance.balance = head->balance;
    float_pass(&bench);
    float logits[BATCH * CLASSES];
    memcpy(logits, bench.lane.logits, sizeof logits);
    double loss = whole_loss(&bench, &balance), sum = 0;
    for (int32_t b = 0; b < BATCH; b++)
        sum += loss_of(logits + b * CLASSES, CLASSES, b % CLASSES, 0, 1, NULL).value / BATCH;
    assert_float_equal((float)(sum + (double)bench.lane.chance.share * balance), (float)loss, 1e-5f);
    assert_float_equal((float)bench.lane.balance, (float)balance, 1e-5f);
    for (int32_t t = 0; t < bench.file.graph.tensors; t++)
        compare(&bench, t, checked, kinks);
    for (int32_t t = NOISE; head->noisy && t < TABLE; t++)
        compare(&bench, t, checked, kinks);
    if (head->dropout > 0)
        assert_true(bench.dropped > 0 && bench.alive > 0);
    bench_close(&bench);
}

static void test_gradients(void **state)
{
    (void)state;
    static const struct head_case cases[] = {
        {&dense_list, 0.25f, 0, {BALANCE_NONE, 0, 0, 0}},
        {&soft_list, 0, 0, {BALANCE_NONE, 0, 0, 0}},
        {&soft_list, 0.25f, 0, {BALANCE_UNIFORM, 0, 0, 0.7f}},
        {&soft_list, 0.25f, 0, {BALANCE_MEAN, 0, 0, 0.7f}},
        {&soft_list, 0, 0, {BALANCE_CODE, 0, 0, 0.7f}},
        {&sparse_list, 0, 1, {BALANCE_NONE, 0, 0, 0}},
        {&sparse_list, 0.25f, 1, {BALANCE_SMOOTH, 0.4f, 0.6f, 0}},
        {&sparse_list, 0.25f, 1, {BALANCE_IMPORTANCE, 0.4f, 0.6f, 0}},
        {&sparse_list, 0, 0, {BALANCE_IMPORTANCE, 0.4f, 0.6f, 0}},
        {&hard_list, 0.25f, 1, {BALANCE_SMOOTH, 0.4f, 0.6f, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t checked = 0, kinks = 0;
        for (uint64_t seed = 1; seed <= 5; seed++)
            check_case(&cases[i], seed, &checked, &kinks);
        assert_true(checked > 9 * kinks);
    }
}

/* ---- Losses by hand ---- */

static void test_balance_losses(void **state)
{
    (void)state;
    double slope[4];
    const double even[4] = {3, 3, 3, 3}, one[4] = {8, 0, 0, 0}, p[4] = {0.7, 0.1, 0.1, 0.1};
    assert_float_equal((float)balance_variation(even, 4, slope), 0, 1e-9f);
    assert_float_equal((float)slope[2], 0, 1e-9f);
    assert_float_equal((float)balance_variation(one, 4, slope), 3, 1e-6f); /* mean 2, variance 12 */
    double direct = 0.7 * log(2.8) + 0.3 * log(0.4), reverse = 0.25 * log(0.25 / 0.7) + 0.75 * log(2.5);
    assert_float_equal((float)balance_divergence(BALANCE_MEAN, p, 4, slope), (float)direct, 1e-6f);
    assert_float_equal((float)balance_divergence(BALANCE_UNIFORM, p, 4, slope), (float)reverse, 1e-6f);
    assert_float_equal((float)balance_divergence(BALANCE_CODE, p, 4, slope), (float)reverse / 4, 1e-6f);
    /* Kept 1 of 4: the largest must stay above the second, all others rise above the largest. */
    const float clean[4] = {1, 0, -1, 0.5f}, noisy[4] = {2, 0, -1, 1}, deviation[4] = {1, 2, 1, 0.5f};
    double chances[4];
    balance_chances(clean, noisy, deviation, 4, 1, chances);
    assert_float_equal((float)chances[0], 0.5f, 1e-6f);
    assert_float_equal((float)chances[1], 0.15865526f, 1e-6f);   /* Phi(-1) */
    assert_float_equal((float)chances[2], 0.0013498980f, 1e-6f); /* Phi(-3) */
    for (int form = 0; form < BALANCE_FORMS; form++)
        assert_int_equal(balance_form_of(balance_form_name((enum balance_form)form)), form);
    assert_int_equal(balance_form_of(NULL), BALANCE_NONE);
    assert_int_equal(balance_form_of("even"), BALANCE_FORMS);
    assert_null(balance_form_name(BALANCE_FORMS));
}

/* ---- What is random ---- */

/* The same use of a sample gives the same, whatever passes with it and wherever it lies in the batch; another use gives
 * another. */
static void test_chance_follows_the_sample(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, sparse_list, 3);
    struct lane *lane = &bench.lane;
    lane->chance.dropout = 0.5f;
    lane->chance.floor = 0.3f;
    lane->chance.noise = NOISE;
    float image[INPUTS], first[CLASSES], again[CLASSES], other[CLASSES];
    memcpy(image, lane->images + 4 * INPUTS, sizeof image);
    lane_forward(lane, BATCH, bench.weights);
    memcpy(first, lane->logits + 4 * CLASSES, sizeof first);
    memcpy(lane->images, image, sizeof image);
    bench.use[0] = bench.use[4];
    lane_forward(lane, 1, bench.weights);
    memcpy(again, lane->logits, sizeof again);
    bench.use[0]++;
    lane_forward(lane, 1, bench.weights);
    memcpy(other, lane->logits, sizeof other);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    bench_close(&bench);
}

/* ---- Use of experts ---- */

static void test_usage(void **state)
{
    (void)state;
    int64_t room[2 * (1 + 4 + 4 + 1) * 16];
    struct usage usage[2];
    pmoe_allocator allocator = allocator_or_malloc(NULL);
    struct arena arena = {NULL, 0, 0};
    void *block;
    for (int i = 0; i < 2; i++)
        usage_lay_out(&usage[i], 2, 4, 2, &arena);
    assert_true(arena.used <= sizeof room);
    assert_true(arena_open(&arena, arena.used, &allocator, &block));
    for (int i = 0; i < 2; i++) {
        usage_lay_out(&usage[i], 2, 4, 2, &arena);
        usage_clear(&usage[i]);
    }
    const int32_t picks[2][2] = {{0, 1}, {2, 0}};
    const float gates[2][2] = {{0.75f, 0.25f}, {0.5f, 0.5f}};
    for (int i = 0; i < 2; i++)
        usage_add(&usage[i], i, (pmoe_mixing){4, 2, picks[i], gates[i], NULL});
    usage_merge(&usage[0], &usage[1]);
    double mean[4], load[4];
    pmoe_usage of_row = usage_read(&usage[0], 1, 1, mean, load);
    assert_float_equal((float)of_row.gates[2], 0.5f, 1e-7f);
    assert_float_equal((float)of_row.entropy, 0.69314718f, 1e-7f);
    pmoe_usage all = usage_read(&usage[0], 0, 2, mean, load);
    const float expected[2][4] = {{0.625f, 0.125f, 0.25f, 0}, {1, 0.5f, 0.5f, 0}};
    for (int e = 0; e < 4; e++) {
        assert_float_equal((float)all.gates[e], expected[0][e], 1e-7f);
        assert_float_equal((float)all.load[e], expected[1][e], 1e-7f);
    }
    /* load: mean 0.5, variance 0.125 */
    assert_float_equal((float)all.load_cv, 0.70710678f, 1e-6f);
    usage_clear(&usage[0]);
    assert_true(usage_read(&usage[0], 0, 2, mean, load).gates_cv == 0);
    allocator_give(&allocator, block);
}

/* ---- Sparse against masked dense ---- */

/* A mixture that runs its kept experts is, to rounding, all experts run on all images times gates that are 0 for those
 * not kept. */
static void test_sparse_is_masked_dense(void **state)
{
    (void)state;
    static const char *const *const lists[] = {&sparse_list, &hard_list, &soft_list};
    for (int list = 0; list < 3; list++) {
        struct bench bench;
        bench_open(&bench, *lists[list], 7);
        pmoe_run *run;
        pmoe_model *model;
        float logits[BATCH * CLASSES];
        assert_int_equal(pmoe_model_open(bench.file.bytes, bench.file.count, NULL, &model, NULL), PMOE_OK);
        assert_int_equal(pmoe_run_open(model, BATCH, &run, NULL), PMOE_OK);
        assert_int_equal(pmoe_forward(run, bench.lane.images, BATCH, logits), PMOE_OK);
        for (int b = 0; b < BATCH; b++)
            for (int e = 0; e < EXPERTS; e++)
                for (int h = 0; h < HIDDEN; h++)
                    bench.keep[b][e][h] = 1; /* nothing is dropped */
        for (int32_t b = 0; b < BATCH; b++) {
            double image[INPUTS], h[STEM], gates[EXPERTS] = {0}, masked[CLASSES] = {0};
            pmoe_mixing mixing = pmoe_run_mixing(run, b);
            for (int32_t j = 0; j < mixing.kept; j++)
                gates[mixing.picks[j]] = (double)mixing.gates[j];
            for (int i = 0; i < INPUTS; i++)
                image[i] = (double)bench.lane.images[b * INPUTS + i];
            multiply(&bench, "stem", 0, image, INPUTS, STEM, h);
            for (int32_t e = 0; e < EXPERTS; e++)
                expert_logits(&bench, "head.", e, b, h, gates[e], masked);
            for (int c = 0; c < CLASSES; c++)
                assert_float_equal(logits[b * CLASSES + c], (float)masked[c], 1e-5f);
        }
        pmoe_run_close(&run);
        pmoe_model_close(&model);
        bench_close(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_balance_losses),
        cmocka_unit_test(test_chance_follows_the_sample),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_sparse_is_masked_dense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
