/* Slope and biases by Newton steps. The log loss is convex in both. */
#include "predict/softmax.h"

#include <math.h>

#include "base/size.h"

#define MAX_STEPS       100
#define ROWS_PER_REPORT 4096

/* A Newton step that would lower the mean loss by less than this is the last one. */
#define SMALL_DECREASE 1e-12

void snnk__softmax(size_t classes, double slope, const double *biases, const double *scores,
                   double *p) {
    double largest = scores[0], most = -INFINITY, sum = 0;

    for (size_t k = 1; k < classes; k++)
        if (scores[k] > largest) largest = scores[k];
    for (size_t k = 0; k < classes; k++) {
        /* The difference to the largest one, because scores may have a large common part. */
        p[k] = slope * (scores[k] - largest) + biases[k];
        if (p[k] > most) most = p[k];
    }
    for (size_t k = 0; k < classes; k++) {
        p[k] = exp(p[k] - most);
        sum += p[k];
    }
    for (size_t k = 0; k < classes; k++) p[k] /= sum;
}

/* What is fitted. Parameter 0 is the slope, for scores divided by `scale`; the biases follow. */
typedef struct fit {
    const snnk_rows *rows;
    double smoothing;           /* of the targets */
    int without;                /* the part that is left out; negative: none */
    snnk__progress *progress;   /* only cancels */
    size_t classes, parameters; /* 1 without biases */
    double weight;              /* of the rows that are not left out */
    double scale;               /* the typical distance of a score to the largest one of its row */
    double *right;              /* classes: the target of a row of this class, for this class */
    double *theta, *tried;      /* parameters: now, and after the step that is tried */
    double *zeros;              /* classes: the biases of a fit without biases */
    double *gradient, *step;
    double *hessian; /* parameters x parameters, the lower triangle */
    double *u, *p;   /* classes: scores and probabilities of a row */
} fit;

/* The weight of row i: 0 if it is left out. */
static double weight_of(const fit *f, size_t i) {
    if (f->without >= 0 && (int)(i % SNNK__SOFTMAX_PARTS) == f->without) return 0;
    return f->rows->weights ? (double)f->rows->weights[i] : 1;
}

/* Set u to the scores of row i, less the largest one, divided by the scale. */
static void scaled_scores(const fit *f, size_t i) {
    double largest = -INFINITY;

    for (size_t k = 0; k < f->classes; k++) {
        f->u[k] = snnk__rows_input(f->rows, i, k);
        largest = fmax(largest, f->u[k]);
    }
    for (size_t k = 0; k < f->classes; k++) f->u[k] = (f->u[k] - largest) / f->scale;
}

/* The target for class k of a row whose label is `label`. */
static double target(const fit *f, size_t label, size_t k) {
    return k == label ? f->right[label] : (1 - f->right[label]) / (double)(f->classes - 1);
}

static const double *biases_of(const fit *f, const double *theta) {
    return f->parameters > 1 ? theta + 1 : f->zeros;
}

/* The loss of row i, whose probabilities become p. */
static double row_loss(const fit *f, const double *theta, size_t i) {
    const size_t label = (size_t)f->rows->labels[i];
    double loss = 0;

    scaled_scores(f, i);
    snnk__softmax(f->classes, theta[0], biases_of(f, theta), f->u, f->p);
    for (size_t k = 0; k < f->classes; k++)
        loss -= target(f, label, k) * log(fmax(f->p[k], 1e-300));
    return weight_of(f, i) * loss;
}

/* Whether to go on, asked before row i. SNNK_E_CANCELLED. */
static int ask(const fit *f, size_t i) {
    return i % ROWS_PER_REPORT == 0 ? snnk__progress_update(f->progress, 0) : SNNK_OK;
}

static int total_loss(const fit *f, const double *theta, double *total) {
    double loss = 0;
    int st;

    for (size_t i = 0; i < f->rows->n; i++) {
        if ((st = ask(f, i)) != SNNK_OK) return st;
        if (weight_of(f, i) > 0) loss += row_loss(f, theta, i);
    }
    *total = loss;
    return SNNK_OK;
}

/* Add a row of this label and weight, whose scores and probabilities are u and p. */
static void add_derivatives(fit *f, size_t label, double weight) {
    const size_t l = f->classes, q = f->parameters;
    double mean = 0, variance = 0;

    for (size_t k = 0; k < l; k++) mean += f->p[k] * f->u[k];
    for (size_t k = 0; k < l; k++) {
        const double residual = weight * (f->p[k] - target(f, label, k));

        variance += f->p[k] * (f->u[k] - mean) * (f->u[k] - mean);
        f->gradient[0] += residual * f->u[k];
        if (q > 1) f->gradient[1 + k] += residual;
    }
    f->hessian[0] += weight * variance;
    for (size_t k = 0; q > 1 && k < l; k++) {
        double *row = f->hessian + (1 + k) * q;
        const double wp = weight * f->p[k];

        row[0] += wp * (f->u[k] - mean);
        for (size_t j = 0; j <= k; j++) row[1 + j] -= wp * f->p[j];
        row[1 + k] += wp;
    }
}

/* Set gradient and Hessian, and *total to the loss. Adding a number to all biases changes nothing,
 * so the Hessian gets a term in that direction, in which the gradient is 0. */
static int derivatives(fit *f, double *total) {
    const size_t q = f->parameters;
    double loss = 0;
    int st;

    for (size_t k = 0; k < q; k++) f->gradient[k] = 0;
    for (size_t k = 0; k < q * q; k++) f->hessian[k] = 0;
    for (size_t i = 0; i < f->rows->n; i++) {
        if ((st = ask(f, i)) != SNNK_OK) return st;
        if (weight_of(f, i) == 0) continue;
        loss += row_loss(f, f->theta, i);
        add_derivatives(f, (size_t)f->rows->labels[i], weight_of(f, i));
    }
    for (size_t k = 1; k < q; k++)
        for (size_t j = 1; j <= k; j++) f->hessian[k * q + j] += f->weight / (double)f->classes;
    for (size_t k = 0; k < q; k++) f->hessian[k * q + k] += 1e-12 * f->weight;
    *total = loss;
    return SNNK_OK;
}

/* Solve hessian * step = gradient, by Cholesky. The Hessian is overwritten. */
static void solve_step(fit *f) {
    const size_t q = f->parameters;
    double *H = f->hessian, *x = f->step;

    for (size_t k = 0; k < q; k++) {
        for (size_t j = 0; j <= k; j++) {
            double sum = H[k * q + j];

            for (size_t i = 0; i < j; i++) sum -= H[k * q + i] * H[j * q + i];
            H[k * q + j] = j < k ? sum / H[j * q + j] : sqrt(fmax(sum, 1e-13 * f->weight));
        }
        x[k] = f->gradient[k];
        for (size_t j = 0; j < k; j++) x[k] -= H[k * q + j] * x[j];
        x[k] /= H[k * q + k];
    }
    for (size_t k = q; k-- > 0;) {
        for (size_t j = k + 1; j < q; j++) x[k] -= H[j * q + k] * x[j];
        x[k] /= H[k * q + k];
    }
}

/* Go a part of the step, the largest of 1, 1/2, 1/4 ... that lowers the loss enough (Armijo).
 * *gone = false: none does, because of rounding, and theta is the solution. SNNK_E_CANCELLED. */
static int go(fit *f, double loss, double decrease, bool *gone) {
    const bool small = decrease < SMALL_DECREASE * f->weight;

    *gone = false;
    for (int halvings = 0; !*gone && halvings < 30; halvings++) {
        const double part = ldexp(1, -halvings);
        double after = 0;
        int st;

        for (size_t k = 0; k < f->parameters; k++) f->tried[k] = f->theta[k] - part * f->step[k];
        if (!small && (st = total_loss(f, f->tried, &after)) != SNNK_OK) return st;
        *gone = small || after <= loss - 1e-4 * part * decrease;
    }
    for (size_t k = 0; *gone && k < f->parameters; k++) f->theta[k] = f->tried[k];
    return SNNK_OK;
}

/* SNNK_E_CANCELLED. */
static int minimize(fit *f) {
    for (int step = 0; step < MAX_STEPS; step++) {
        double loss, decrease = 0;
        bool gone;
        int st;

        if ((st = derivatives(f, &loss)) != SNNK_OK) return st;
        solve_step(f);
        for (size_t k = 0; k < f->parameters; k++) decrease += f->step[k] * f->gradient[k];
        if ((st = go(f, loss, decrease, &gone)) != SNNK_OK) return st;
        if (!gone || decrease < SMALL_DECREASE * f->weight) return SNNK_OK;
    }
    return SNNK_OK;
}

/* Find the weight of each class, and the scale of the scores. */
static void prepare(fit *f) {
    double squares = 0;

    for (size_t k = 0; k < f->classes; k++) f->right[k] = f->zeros[k] = 0;
    f->weight = 0;
    f->scale = 1;
    for (size_t i = 0; i < f->rows->n; i++) {
        if (weight_of(f, i) == 0) continue;
        f->right[f->rows->labels[i]] += weight_of(f, i);
        f->weight += weight_of(f, i);
        scaled_scores(f, i);
        for (size_t k = 0; k < f->classes; k++)
            squares += weight_of(f, i) * f->u[k] * f->u[k] / (double)f->classes;
    }
    if (squares > 0) f->scale = sqrt(squares / f->weight);
}

/* Turn the weights of the classes in f->right into targets, and set biases (none without biases) to
 * the solution for slope 0: the logarithms of the mean targets. */
static void solve_without_slope(fit *f, double *biases) {
    const size_t l = f->classes;
    const double rest = f->smoothing / (double)(l - 1); /* of count/(count + 2), for each class */
    double others = 0, sum = 0;

    for (size_t k = 0; k < l; k++) others += rest * f->right[k] / (f->right[k] + 2);
    for (size_t k = 0; k < l; k++) {
        const double count = f->right[k], own = rest * count / (count + 2);

        f->right[k] = (count + 2 - f->smoothing) / (count + 2);
        if (f->parameters == 1) continue;
        biases[k] = log((count * f->right[k] + others - own) / f->weight);
        sum += biases[k];
    }
    for (size_t k = 0; k + 1 < f->parameters; k++) biases[k] -= sum / (double)l;
}

static int make_fit(const snnk_allocator *allocator, fit *f) {
    const size_t l = f->classes, q = f->parameters;
    size_t squares, count;

    if (!snnk__mul_size(q, q, &squares) || !snnk__mul_size(l, 8, &count) ||
        !snnk__add_size(count, squares, &count) || !snnk__add_size(count, 4, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu classes overflow a size", l);
    const int st =
        snnk__alloc(allocator, count, sizeof *f->right, "derivatives of the log loss", &f->right);
    if (st != SNNK_OK) return st;
    f->zeros = f->right + l;
    f->u = f->zeros + l;
    f->p = f->u + l;
    f->theta = f->p + l; /* 4 arrays of at most l + 1 */
    f->tried = f->theta + q;
    f->gradient = f->tried + q;
    f->step = f->gradient + q;
    f->hessian = f->step + q;
    return SNNK_OK;
}

int snnk__softmax_fit(const snnk_allocator *allocator, size_t classes, const snnk_rows *rows,
                      bool with_biases, double smoothing, int without, snnk__progress *progress,
                      double *slope, double *biases) {
    fit f = {.rows = rows,
             .smoothing = smoothing,
             .without = without,
             .progress = progress,
             .classes = classes,
             .parameters = with_biases ? classes + 1 : 1};
    int st = make_fit(allocator, &f);

    if (st != SNNK_OK) return st;
    prepare(&f);
    solve_without_slope(&f, f.theta + 1);
    f.theta[0] = 0;
    if (without >= 0) {
        f.theta[0] = *slope * f.scale;
        for (size_t k = 1; k < f.parameters; k++) f.theta[k] = biases[k - 1];
    }
    st = minimize(&f);
    /* The loss is convex, so the least loss of slopes >= 0 is then at 0. */
    if (f.theta[0] <= 0) {
        prepare(&f);
        solve_without_slope(&f, f.theta + 1);
        f.theta[0] = 0;
    }
    if (st == SNNK_OK) {
        *slope = f.theta[0] / f.scale;
        for (size_t k = 0; k < classes; k++) biases[k] = with_biases ? f.theta[1 + k] : 0;
    }
    snnk__free(allocator, f.right);
    return st;
}
