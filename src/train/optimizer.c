#include "train/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "kernels/kernels.h"

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

double snnk__gradient_length(size_t n_slots, const snnk__slot *slots, double scale) {
    double squares = 0;

    for (size_t s = 0; s < n_slots; s++) {
        const snnk__parameter *p = slots[s].parameter;

        squares += sum_of_squares(p->count, p->gradient);
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

static void step_range(size_t first, size_t count, void *scratch, void *context) {
    const array_step *step = context;
    const snnk__slot *slot = step->slot;
    const snnk__parameter *p = slot->parameter;
    const size_t begin = first * SNNK__ROW_CHUNK,
                 n = snnk__min_size(count * SNNK__ROW_CHUNK, p->count - begin);

    (void)scratch;
    if (step->momentum)
        momentum_step(step, n, p->gradient + begin, p->value + begin, slot->mean + begin);
    else
        snnk__kernels_get()->adam(&step->adam, n, p->gradient + begin, p->value + begin,
                                  slot->mean + begin, slot->square + begin);
    memset(p->gradient + begin, 0, n * sizeof *p->gradient);
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
        snnk__for_rows(workspace, NULL, (p->count - 1) / SNNK__ROW_CHUNK + 1, 0, step_range, &of);
    }
}
