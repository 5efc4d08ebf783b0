#include "train/loss_gradient.h"

#include <math.h>

#include "base/size.h"
#include "base/status.h"
#include "base/workspace.h"

/* From how many outputs on a batch is worth several threads. */
enum { FOR_THREADS = 8192 };

/* The target of output k. */
static double target_of(const snnk__targets *t, size_t i, size_t k) {
    if (t->labels) return (size_t)t->labels[i] == k ? 1 : 0;
    return t->Y[i * t->outputs + k];
}

/* The squared errors of n outputs, and their gradients. */
static double squared_errors(size_t n, const float *y, const float *targets, double weight,
                             float *dy) {
    enum { SUMS = 8 }; /* which do not wait for each other */
    double sums[SUMS] = {0}, all = 0;
    size_t k = 0;

    for (; dy && k + SUMS <= n; k += SUMS)
        for (size_t j = 0; j < SUMS; j++) {
            const double e = (double)y[k + j] - targets[k + j];

            sums[j] += e * e;
            dy[k + j] = (float)(2 * weight * e);
        }
    for (; k < n; k++) {
        const double e = (double)y[k] - targets[k];

        sums[k % SUMS] += e * e;
        if (dy) dy[k] = (float)(2 * weight * e);
    }
    for (size_t j = 0; j < SUMS; j++) all += sums[j];
    return all;
}

static double squared(const snnk__targets *t, size_t i, const float *y, double weight, float *dy) {
    double sum = 0;

    if (!t->labels) return squared_errors(t->outputs, y, t->Y + i * t->outputs, weight, dy);
    for (size_t k = 0; k < t->outputs; k++) {
        const double e = y[k] - target_of(t, i, k);

        sum += e * e;
        if (dy) dy[k] = (float)(2 * weight * e);
    }
    return sum;
}

static double huber(const snnk__targets *t, size_t i, double h, const float *y, double weight,
                    float *dy) {
    double sum = 0;

    for (size_t k = 0; k < t->outputs; k++) {
        const double e = y[k] - target_of(t, i, k), size = fabs(e);

        sum += size <= h ? e * e : h * (2 * size - h);
        if (dy) dy[k] = (float)(2 * weight * (e > h ? h : e < -h ? -h : e)); /* NaN stays NaN */
    }
    return sum;
}

/* sum_k t_k (log sum_j exp y_j - y_k), shifted by the largest output. */
static double cross_entropy(const snnk__targets *t, size_t i, const float *y, double weight,
                            float *dy) {
    double most = -INFINITY, sum = 0, loss = 0, mass = 0;

    for (size_t k = 0; k < t->outputs; k++)
        if (!(y[k] <= most)) most = y[k]; /* also NaN */
    for (size_t k = 0; k < t->outputs; k++) sum += exp(y[k] - most);
    const double log_sum = log(sum) + most;

    for (size_t k = 0; k < t->outputs; k++) {
        const double target = target_of(t, i, k);

        mass += target;
        if (target > 0) loss += target * (log_sum - y[k]);
    }
    for (size_t k = 0; dy && k < t->outputs; k++)
        dy[k] = (float)(weight * (mass * exp(y[k] - log_sum) - target_of(t, i, k)));
    return loss;
}

/* 1 - c with c = y.t/(|y| |t|); its gradient is (c y/|y| - t/|t|)/|y|. A row of zeros has c = 0
 * and no gradient. */
static double cosine(const snnk__targets *t, size_t i, const float *y, double weight, float *dy) {
    double yy = 0, tt = 0, yt = 0;

    for (size_t k = 0; k < t->outputs; k++) {
        const double target = target_of(t, i, k);

        yy += (double)y[k] * y[k];
        tt += target * target;
        yt += y[k] * target;
    }
    const double length = sqrt(yy) * sqrt(tt), c = length == 0 ? 0 : yt / length;

    for (size_t k = 0; dy && k < t->outputs; k++)
        dy[k] = length == 0 ? 0 : (float)(weight * (c * y[k] / yy - target_of(t, i, k) / length));
    return 1 - c;
}

static double loss_of(const snnk_train_config *config, int32_t loss, const snnk__targets *t,
                      size_t i, const float *y, double weight, float *dy) {
    switch ((snnk_loss)loss) {
    case SNNK_LOSS_SQUARED: return squared(t, i, y, weight, dy);
    case SNNK_LOSS_CROSS_ENTROPY: return cross_entropy(t, i, y, weight, dy);
    case SNNK_LOSS_HUBER: return huber(t, i, config->huber, y, weight, dy);
    case SNNK_LOSS_COSINE: return cosine(t, i, y, weight, dy);
    case SNNK_LOSS_USER: break;
    }
    return NAN;
}

static int own_loss(const snnk_train_config *config, size_t n, const snnk__targets *t,
                    const float *Y, size_t ldy, float *dY, size_t lddy, double *losses) {
    if (config->loss_function(config->user, n, t->rows, Y, ldy, dY, lddy, losses) == 0)
        return SNNK_OK;
    return snnk__fail(SNNK_E_CANCELLED, "the loss function asked to stop");
}

/* The losses of a batch, divided between threads. */
typedef struct batch_losses {
    const snnk_train_config *config;
    int32_t loss;
    const snnk__targets *targets;
    const float *Y;
    size_t ldy;
    float *dY; /* or NULL */
    size_t lddy;
    double *losses;
} batch_losses;

static double weight_of(const snnk__targets *t, size_t i) {
    return t->weights ? (double)t->weights[i] : 1;
}

static void loss_rows(size_t first, size_t count, void *scratch, void *context) {
    const batch_losses *of = context;

    (void)scratch;
    for (size_t i = first; i < first + count; i++)
        of->losses[i] = loss_of(of->config, of->loss, of->targets, i, of->Y + i * of->ldy,
                                weight_of(of->targets, i), of->dY ? of->dY + i * of->lddy : NULL);
}

/* The gradients of the caller's loss times weights. */
static void weigh(const batch_losses *of, size_t n) {
    const snnk__targets *t = of->targets;

    for (size_t i = 0; of->dY && t->weights && i < n; i++)
        for (size_t k = 0; k < t->outputs; k++) of->dY[i * of->lddy + k] *= t->weights[i];
}

int snnk__loss_gradient(const snnk_train_config *config, int32_t loss, size_t n,
                        const snnk__targets *targets, const float *Y, size_t ldy, float *dY,
                        size_t lddy, double *losses, double *loss_sum, double *weight,
                        snnk_workspace *workspace) {
    batch_losses of = {config, loss, targets, Y, ldy, dY, lddy, losses};

    if (loss == SNNK_LOSS_USER) {
        const int st = own_loss(config, n, targets, Y, ldy, dY, lddy, losses);

        if (st != SNNK_OK) return st;
        weigh(&of, n);
    } else {
        snnk__for_rows(n * targets->outputs < FOR_THREADS ? NULL : workspace, NULL, n, 0, loss_rows,
                       &of);
    }
    for (size_t i = 0; i < n; i++) {
        const double w = weight_of(targets, i);

        *loss_sum += w * losses[i];
        *weight += w;
    }
    return SNNK_OK;
}

int snnk__check_targets(int32_t loss, const snnk_rows *rows) {
    if (loss != SNNK_LOSS_CROSS_ENTROPY || rows->labels) return SNNK_OK;
    for (size_t i = 0; i < rows->n; i++) {
        double sum = 0;

        for (size_t k = 0; k < rows->outputs; k++) {
            const double target = snnk__rows_target(rows, i, k);

            if (target < 0)
                return snnk__fail(SNNK_E_RANGE,
                                  "Y[%zu][%zu] = %g is not a probability: cross-entropy needs "
                                  "targets of at least 0 that sum to 1",
                                  i, k, target);
            sum += target;
        }
        if (!(fabs(sum - 1) <= 1e-3))
            return snnk__fail(SNNK_E_RANGE,
                              "the targets of row %zu sum to %g instead of 1: cross-entropy needs "
                              "probabilities",
                              i, sum);
    }
    return SNNK_OK;
}
