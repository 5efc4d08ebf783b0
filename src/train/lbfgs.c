#include "train/lbfgs.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

enum { MOST_TRIALS = 30 };

/* Conditions on a step (weak Wolfe): the loss falls by at least this share of what the gradient
 * promises, and the slope becomes at most this share of the first one. */
static const double least_fall = 1e-4, most_slope = 0.9;

static double dot(size_t n, const double *a, const double *b) {
    double sum = 0;

    for (size_t k = 0; k < n; k++) sum += a[k] * b[k];
    return sum;
}

/* ---- The loss as a function of all numbers ---- */

static void set_numbers(snnk_trainer *trainer, const double *x, double t, const double *d) {
    for (size_t s = 0, at = 0; s < trainer->n_slots; s++) {
        const snnk__parameter *p = trainer->slots[s].parameter;

        for (size_t k = 0; k < p->count; k++, at++) p->value[k] = (float)(x[at] + t * d[at]);
    }
    snnk__trainer_refresh(trainer, NULL);
}

static void get_numbers(const snnk_trainer *trainer, double *x) {
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__parameter *p = trainer->slots[s].parameter;

        for (size_t k = 0; k < p->count; k++) *x++ = (double)p->value[k];
    }
}

/* Set g to the gradient of the mean loss with weight decay, *loss to its value, and *plain (unless
 * it is NULL) to that without decay. The gradients
 * of the trainer become 0. */
static int evaluate(snnk__run *run, double *loss, double *plain, double *g) {
    snnk_trainer *trainer = run->trainer;
    const double decay = trainer->config.weight_decay;
    double weight;
    const int st = snnk__epochs_gradient(run, loss, &weight);

    if (st != SNNK_OK) {
        snnk__trainer_forget_gradients(trainer); /* of the batches before the one that failed */
        return st;
    }
    *loss /= weight;
    if (plain) *plain = *loss;
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__parameter *p = trainer->slots[s].parameter;
        const double shrink = snnk__part_decays(p->part) ? decay : 0;

        for (size_t k = 0; k < p->count; k++) {
            *g++ = p->gradient[k] / weight + shrink * p->value[k];
            *loss += shrink / 2 * p->value[k] * p->value[k];
        }
        memset(p->gradient, 0, p->count * sizeof *p->gradient);
    }
    return SNNK_OK;
}

/* ---- A step ---- */

/* Set d = -H g, H the inverse Hessian by the pairs (two loops). */
static void set_direction(snnk__lbfgs *b) {
    const size_t n = b->n;
    double alpha[SNNK__LBFGS_ROOM], scale;

    for (size_t k = 0; k < n; k++) b->d[k] = -b->g[k];
    if (b->count == 0) {
        const double length = sqrt(dot(n, b->g, b->g));

        scale = length > 1 ? 1 / length : 1;
        for (size_t k = 0; k < n; k++) b->d[k] *= scale;
        return;
    }
    for (size_t i = 1; i <= b->count; i++) {
        const size_t p = snnk__lbfgs_row(b, i);
        const double *s = b->s + p * n, *y = b->y + p * n;

        alpha[p] = dot(n, s, b->d) / dot(n, s, y);
        for (size_t k = 0; k < n; k++) b->d[k] -= alpha[p] * y[k];
    }
    const size_t last = snnk__lbfgs_row(b, 1);

    scale = dot(n, b->s + last * n, b->y + last * n) / dot(n, b->y + last * n, b->y + last * n);
    for (size_t k = 0; k < n; k++) b->d[k] *= scale;
    for (size_t i = b->count; i > 0; i--) {
        const size_t p = snnk__lbfgs_row(b, i);
        const double *s = b->s + p * n, *y = b->y + p * n;
        const double beta = dot(n, y, b->d) / dot(n, s, y);

        for (size_t k = 0; k < n; k++) b->d[k] += (alpha[p] - beta) * s[k];
    }
}

/* Find a step by bisection (Lewis & Overton 2013); *t = 0 if there is none. A trial whose loss is
 * not finite is too long. */
static int search(snnk__run *run, snnk__lbfgs *b, double loss, double *t) {
    const double slope = dot(b->n, b->g, b->d);
    double low = 0, high = INFINITY, step = 1;
    snnk__sentence before;

    *t = 0;
    if (!(slope < 0)) return SNNK_OK;
    snnk__sentence_save(&before);
    for (int trial = 0; trial < MOST_TRIALS; trial++) {
        double now;

        set_numbers(run->trainer, b->x, step, b->d);
        int st = evaluate(run, &now, NULL, b->g_new);

        if (st == SNNK_E_NONFINITE && !isfinite(now)) { /* not of rows that were read */
            now = INFINITY;
            st = snnk__recovered(SNNK_OK, &before);
        }
        if (st != SNNK_OK) return st;
        st = snnk__progress_count(run->progress,
                                  (double)run->trainer->run_done + (double)trial / MOST_TRIALS,
                                  (double)run->trainer->config.epochs);
        if (st != SNNK_OK) return st;
        if (!(now <= loss + least_fall * step * slope)) {
            high = step;
        } else {
            *t = step;
            if (dot(b->n, b->g_new, b->d) >= most_slope * slope) return SNNK_OK;
            low = step;
        }
        step = isinf(high) ? 2 * low : (low + high) / 2;
    }
    if (*t > 0) { /* a step that reduces the loss will do */
        set_numbers(run->trainer, b->x, *t, b->d);
        return evaluate(run, &loss, NULL, b->g_new);
    }
    return SNNK_OK;
}

static void add_pair(const snnk_trainer *trainer, snnk__lbfgs *b) {
    const size_t n = b->n;
    double *s = b->s + b->next * n, *y = b->y + b->next * n;

    get_numbers(trainer, s);
    for (size_t k = 0; k < n; k++) {
        s[k] -= b->x[k];
        y[k] = b->g_new[k] - b->g[k];
    }
    if (!(dot(n, s, y) > 1e-10 * dot(n, y, y))) return; /* no curvature to learn from */
    b->next = (b->next + 1) % SNNK__LBFGS_ROOM;
    if (b->count < SNNK__LBFGS_PAIRS) b->count++;
}

static int one_step(snnk__run *run, double *loss) {
    snnk_trainer *trainer = run->trainer;
    snnk__lbfgs *b = trainer->lbfgs;
    double t, with_decay;
    int st;

    get_numbers(trainer, b->x);
    if ((st = evaluate(run, &with_decay, loss, b->g)) != SNNK_OK) return st;
    set_direction(b);
    if ((st = search(run, b, with_decay, &t)) != SNNK_OK) return st;
    if (t > 0) {
        add_pair(trainer, b);
    } else {
        set_numbers(trainer, b->x, 0, b->d);
        b->count = 0; /* begin again along the gradient */
    }
    trainer->steps++;
    trainer->rate_share = t;
    return SNNK_OK;
}

int snnk__lbfgs_run(snnk__run *run, double *loss) {
    snnk_trainer *trainer = run->trainer;
    int st = SNNK_OK;

    if (!trainer->lbfgs)
        st = snnk__lbfgs_create(&trainer->allocator, (size_t)snnk_trainer_parameters(trainer),
                                &trainer->lbfgs);
    return st == SNNK_OK ? one_step(run, loss) : st;
}
