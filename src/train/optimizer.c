#include "train/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "kernels/kernels.h"

/* From how many numbers on an array is worth several threads. */
enum { FOR_THREADS = 8192 };

/* The numbers of a step that stay in the first-level cache, with their gradient and means. */
enum { IN_CACHE = 2048 };

/* In several sums, which do not wait for each other. */
static double sum_of_squares(size_t n, const float *values) {
    enum { SUMS = 16 };
    double sums[SUMS] = {0}, all = 0;
    size_t k = 0;

    for (; k + SUMS <= n; k += SUMS)
        for (size_t j = 0; j < SUMS; j++) sums[j] += (double)values[k + j] * values[k + j];
    for (; k < n; k++) all += (double)values[k] * values[k];
    for (size_t j = 0; j < SUMS; j++) all += sums[j];
    return all;
}

double snnk__root_mean_square(size_t n, const float *values) {
    return n > 0 ? sqrt(sum_of_squares(n, values) / (double)n) : 0;
}

/* The squares of a gradient, in parts that do not depend on the number of threads. */
enum { LENGTH_PARTS = 16 };

typedef struct squares_of {
    const snnk__parameter *parameter;
    double parts[LENGTH_PARTS];
} squares_of;

static void square_parts(size_t first, size_t count, void *scratch, void *context) {
    squares_of *of = context;
    const size_t all = of->parameter->count, each = all / LENGTH_PARTS + 1;

    (void)scratch;
    for (size_t k = first; k < first + count; k++) {
        const size_t begin = snnk__min_size(k * each, all);

        of->parts[k] =
            sum_of_squares(snnk__min_size(each, all - begin), of->parameter->gradient + begin);
    }
}

double snnk__gradient_length(size_t n_slots, const snnk__slot *slots, double scale,
                             snnk_workspace *workspace) {
    double squares = 0;

    for (size_t s = 0; s < n_slots; s++) {
        squares_of of = {.parameter = slots[s].parameter};

        snnk__for_rows(of.parameter->count < FOR_THREADS ? NULL : workspace, NULL, LENGTH_PARTS, 0,
                       square_parts, &of);
        for (size_t k = 0; k < LENGTH_PARTS; k++) squares += of.parts[k];
    }
    return fabs(scale) * sqrt(squares);
}

/* The step of one array, divided between threads. */
typedef struct array_step {
    snnk__slot *slot;
    bool momentum; /* SGD */
    snnk__adam adam;
    float rate, keep, scale, decay;
} array_step;

static void momentum_step(const array_step *step, size_t n, const float *gradient, float *value,
                          float *mean) {
    for (size_t k = 0; k < n; k++) {
        mean[k] = step->keep * mean[k] + step->scale * gradient[k] + step->decay * value[k];
        value[k] -= step->rate * mean[k];
    }
}

/* The step of numbers begin ... begin+n-1. Their gradient is zero again for the next rows. */
static void step_numbers(const array_step *step, size_t begin, size_t n) {
    const snnk__slot *slot = step->slot;
    const snnk__parameter *p = slot->parameter;

    if (step->momentum)
        momentum_step(step, n, p->gradient + begin, p->value + begin, slot->mean + begin);
    else
        snnk__kernels_get()->adam(&step->adam, n, p->gradient + begin, p->value + begin,
                                  slot->mean + begin, slot->square + begin);
    memset(p->gradient + begin, 0, n * sizeof *p->gradient);
}

static void step_range(size_t first, size_t count, void *scratch, void *context) {
    const array_step *step = context;
    const size_t end =
        snnk__min_size((first + count) * SNNK__ROW_CHUNK, step->slot->parameter->count);

    (void)scratch;
    for (size_t begin = first * SNNK__ROW_CHUNK; begin < end; begin += IN_CACHE)
        step_numbers(step, begin, snnk__min_size(IN_CACHE, end - begin));
}

void snnk__optimizer_step(const snnk_train_config *config, size_t n_slots, snnk__slot *slots,
                          uint64_t step, double scale, double factor, snnk_workspace *workspace) {
    const double t = (double)step, beta = config->momentum, beta_2 = config->square_momentum;
    const bool adamw = config->optimizer == SNNK_OPTIMIZER_ADAMW;

    for (size_t s = 0; s < n_slots; s++) {
        const snnk__parameter *p = slots[s].parameter;

        if (p->drawn) continue;
        const double decay = snnk__part_decays(p->part) ? config->weight_decay : 0;
        const double rate = config->rate * slots[s].factor * slots[s].size * factor;
        array_step of = {.slot = &slots[s],
                         .momentum = config->optimizer == SNNK_OPTIMIZER_SGD,
                         .rate = (float)rate,
                         .keep = (float)beta,
                         .scale = (float)scale,
                         .decay = (float)decay};

        of.adam = (snnk__adam){.scale = (float)scale,
                               .decay = adamw ? 0 : (float)decay,
                               .shrink = adamw ? (float)(rate / slots[s].size * decay) : 0,
                               .new_mean = (float)(1 - beta),
                               .new_square = (float)(1 - beta_2),
                               .rate = (float)(rate / (1 - pow(beta, t))),
                               .unbias_square = (float)(1 / (1 - pow(beta_2, t))),
                               .epsilon = (float)config->epsilon};
        snnk__for_rows(p->count < FOR_THREADS ? NULL : workspace, NULL,
                       (p->count - 1) / SNNK__ROW_CHUNK + 1, 0, step_range, &of);
    }
}
