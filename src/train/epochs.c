#include "train/epochs.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

/* ---- Judging ---- */

static bool is_largest(size_t n, const float *y, size_t label) {
    bool largest = true;

    for (size_t k = 0; largest && k < n; k++)
        largest = k < label ? y[k] < y[label] : y[k] <= y[label];
    return largest;
}

static size_t count_right(const snnk__batch *batch, const float *Y) {
    const size_t l = batch->targets.outputs;
    size_t right = 0;

    for (size_t i = 0; batch->targets.labels && i < batch->n; i++)
        right += is_largest(l, Y + i * l, (size_t)batch->targets.labels[i]);
    return right;
}

/* Compute the outputs of a batch and its loss; dY NULL: without gradients. */
static int batch_loss(snnk__run *run, const snnk__batch *batch, float *dY, double *loss,
                      double *weight) {
    snnk_trainer *trainer = run->trainer;
    const size_t d = run->train.inputs, l = run->train.outputs;
    const int st = snnk__passes_forward(trainer, trainer->first_learning, batch->n, batch->X, d,
                                        run->Y, l, run->record, run->workspace);

    if (st != SNNK_OK) return st;
    return snnk__loss_gradient(&trainer->config, run->loss, batch->n, &batch->targets, run->Y, l,
                               run->loss == SNNK_LOSS_USER ? run->dY : dY, l, run->losses, loss,
                               weight, run->workspace);
}

int snnk__epochs_judge(snnk__run *run, snnk__batches *batches, snnk__judgement *of) {
    const snnk__batch *batch;
    double loss = 0, weight = 0;
    size_t right = 0, n = 0;
    bool labels = false;
    int st;

    snnk__batches_begin(batches, 0, false);
    for (;;) {
        if ((st = snnk__batches_next(batches, run->workspace, &batch)) != SNNK_OK) return st;
        if (!batch) break;
        if ((st = batch_loss(run, batch, NULL, &loss, &weight)) != SNNK_OK) return st;
        labels = batch->targets.labels != NULL;
        right += count_right(batch, run->Y);
        n += batch->n;
    }
    *of = (snnk__judgement){.loss = loss / weight,
                            .accuracy = labels ? (double)right / (double)n : NAN};
    return SNNK_OK;
}

/* ---- Gradients ---- */

static int batch_gradient(snnk__run *run, const snnk__batch *batch, double *loss, double *weight) {
    snnk_trainer *trainer = run->trainer;
    const size_t d = run->train.inputs, l = run->train.outputs;
    const int st = batch_loss(run, batch, run->dY, loss, weight);

    if (st != SNNK_OK) return st;
    if (!isfinite(*loss) && trainer->config.optimizer == SNNK_OPTIMIZER_LBFGS)
        return snnk__fail(SNNK_E_NONFINITE,
                          "the loss of step %llu is not finite: smaller inputs or numbers to start "
                          "from may help",
                          (unsigned long long)trainer->steps + 1);
    if (!isfinite(*loss))
        return snnk__fail(SNNK_E_NONFINITE,
                          "the loss of step %llu is not finite: a smaller rate (now %g) or `clip` "
                          "may help",
                          (unsigned long long)trainer->steps + 1, trainer->config.rate);
    return snnk__passes_backward(trainer, trainer->first_learning, run->record, batch->X, d,
                                 run->dY, l, NULL, 0, run->workspace);
}

int snnk__epochs_gradient(snnk__run *run, double *loss, double *weight) {
    const snnk__batch *batch;
    int st;

    *loss = *weight = 0;
    snnk__batches_begin(&run->train, 0, false);
    for (;;) {
        if ((st = snnk__batches_next(&run->train, run->workspace, &batch)) != SNNK_OK) return st;
        if (!batch) return SNNK_OK;
        if ((st = batch_gradient(run, batch, loss, weight)) != SNNK_OK) return st;
    }
}

/* ---- Steps ---- */

/* The rate of a step as a share of the config's. */
static double scheduled(const snnk_trainer *trainer, double step, double steps) {
    const snnk_train_config *c = &trainer->config;
    const double warmup = c->warmup * steps, pi = 3.14159265358979323846;

    if (step < warmup) return (step + 1) / (warmup + 1);
    if (c->schedule == SNNK_SCHEDULE_CONSTANT) return 1;
    const double done = (step - warmup) / (steps - warmup);

    return c->last_rate + (1 - c->last_rate) * 0.5 * (1 + cos(pi * done));
}

static int one_step(snnk__run *run, const snnk__batch *batch, double step, double steps,
                    double *loss_sum, double *weight_sum) {
    snnk_trainer *trainer = run->trainer;
    double loss = 0, weight = 0;
    int st = batch_gradient(run, batch, &loss, &weight);

    if (st != SNNK_OK) return st;
    *loss_sum += loss;
    *weight_sum += weight;
    trainer->rate_share = scheduled(trainer, step, steps);
    st = snnk__trainer_step(trainer, 1 / weight, trainer->rate_share, run->workspace);
    if (st != SNNK_OK) return st;
    return snnk__progress_count(run->progress, step + 1, steps);
}

int snnk__epochs_run(snnk__run *run, double *loss) {
    const snnk_trainer *trainer = run->trainer;
    const snnk__batches *b = &run->train;
    const double each = ceil((double)b->n / (double)b->batch),
                 steps = each * (double)trainer->config.epochs;
    double step = each * (double)trainer->run_done, weight = 0;
    const snnk__batch *batch;
    int st;

    *loss = 0;
    snnk__batches_begin(&run->train, trainer->n_epochs, true);
    for (;; step++) {
        if ((st = snnk__batches_next(&run->train, run->workspace, &batch)) != SNNK_OK) return st;
        if (!batch) break;
        st = one_step(run, batch, step, steps, loss, &weight);
        if (st != SNNK_OK) return st;
    }
    *loss /= weight;
    return SNNK_OK;
}
