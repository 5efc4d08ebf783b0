/* Features are centered on their weighted means. Then the intercepts are nearly independent of B,
 * and the preconditioner is block-diagonal. The unknowns are x = (B, c) with c = b + B mean. */
#include <snnk/logistic.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/overlap.h"
#include "base/size.h"
#include "base/workspace.h"
#include "solve/accumulate.h"
#include "solve/preconditioner.h"

#define BLOCK 256 /* rows converted to double at a time */

#define MAX_PRODUCTS 200 /* of one Newton step */

static const snnk_logistic_config default_config = {
    .size = sizeof(snnk_logistic_config), .ridge = 1, .tolerance = 1e-6, .max_steps = 50};
static const snnk_logistic_report empty_report = {.size = sizeof(snnk_logistic_report)};

#define CONFIG_MINIMUM sizeof(snnk_logistic_config)
#define REPORT_MINIMUM sizeof(snnk_logistic_report)

int snnk_logistic_config_init(snnk_logistic_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &default_config, sizeof default_config,
                             CONFIG_MINIMUM, "logistic config");
}

/* ---- The problem ---- */

/* Vectors of unknowns have t m + t numbers: B, row by row, then c. */
typedef struct logistic {
    size_t n, m, t;
    const snnk_rows *rows;
    double ridge;
    snnk__preconditioner preconditioner; /* has the mean */
    double *block;                       /* BLOCK x m: centered features */
    double *Z, *U, *P;                   /* n x t: scores, scores of a direction, probabilities */
    snnk_workspace *workspace;           /* NULL for one thread */
    snnk__progress *progress;
    double share; /* of the stage of progress that is done */
} logistic;

static double weight_of(const logistic *p, size_t i) {
    return p->rows->weights ? (double)p->rows->weights[i] : 1;
}

static size_t unknowns(const logistic *p) { return p->t * p->m + p->t; }

static double dot(size_t n, const double *x, const double *y) {
    double sum = 0;

    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* Write rows first ... first+count-1, centered, to the block. */
static void fill_block(const logistic *p, size_t first, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double *to = p->block + i * p->m;

        for (size_t j = 0; j < p->m; j++)
            to[j] = snnk__rows_input(p->rows, first + i, j) - p->preconditioner.mean[j];
    }
}

/* Scores (n x t) of unknowns x. SNNK_E_CANCELLED. */
static int scores_of(const logistic *p, const double *x, double *scores) {
    const lapack_int m = (lapack_int)p->m, t = (lapack_int)p->t;
    const double *c = x + p->t * p->m;

    for (size_t first = 0; first < p->n; first += BLOCK) {
        const size_t count = snnk__min_size(BLOCK, p->n - first);
        double *to = scores + first * p->t;

        fill_block(p, first, count);
        for (size_t i = 0; i < count; i++) memcpy(to + i * p->t, c, p->t * sizeof *to);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (lapack_int)count, t, m, 1, p->block,
                    m, x, m, 1, to, t);
        const int st = snnk__progress_update(p->progress, p->share);

        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

/* Compute the probabilities of one row. Returns the logarithm of the sum of exponentials. */
static double softmax(size_t t, const double *z, double *p) {
    double largest = z[0], sum = 0;

    for (size_t c = 1; c < t; c++) largest = fmax(largest, z[c]);
    for (size_t c = 0; c < t; c++) sum += p[c] = exp(z[c] - largest);
    for (size_t c = 0; c < t; c++) p[c] /= sum;
    return largest + log(sum);
}

/* Cross-entropy at scores Z + step U; fills P. */
static double loss_at(const logistic *p, double step) {
    double sum = 0;

    for (size_t i = 0; i < p->n; i++) {
        double *to = p->P + i * p->t;

        for (size_t c = 0; c < p->t; c++) to[c] = p->Z[i * p->t + c] + step * p->U[i * p->t + c];
        const double own = to[p->rows->labels[i]];
        sum += weight_of(p, i) * (softmax(p->t, to, to) - own);
    }
    return sum;
}

static double penalty(const logistic *p, const double *x) {
    return p->ridge / 2 * dot(p->t * p->m, x, x);
}

/* to = sum_i q_i (phi_i, 1) + ridge (B, 0). `row` computes q_i (t values), in scratch.
 * SNNK_E_CANCELLED. */
typedef void (*row_function)(const logistic *p, size_t i, double *q);

static int collect(const logistic *p, row_function row, const double *x, double *Q, double *to) {
    const lapack_int m = (lapack_int)p->m, t = (lapack_int)p->t;
    double *c = to + p->t * p->m;

    for (size_t k = 0; k < p->t * p->m; k++) to[k] = p->ridge * x[k];
    memset(c, 0, p->t * sizeof *c);
    for (size_t first = 0; first < p->n; first += BLOCK) {
        const size_t count = snnk__min_size(BLOCK, p->n - first);

        fill_block(p, first, count);
        for (size_t i = 0; i < count; i++) {
            row(p, first + i, Q + i * p->t);
            for (size_t k = 0; k < p->t; k++) c[k] += Q[i * p->t + k];
        }
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, t, m, (lapack_int)count, 1, Q, t,
                    p->block, m, 1, to, m);
        const int st = snnk__progress_update(p->progress, p->share);

        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

/* w (p - e_y), for the gradient. */
static void gradient_row(const logistic *p, size_t i, double *q) {
    const double w = weight_of(p, i);

    for (size_t c = 0; c < p->t; c++) q[c] = w * p->P[i * p->t + c];
    q[p->rows->labels[i]] -= w;
}

/* w (diag(p) - p p^T) u, for a product with the Hessian. */
static void product_row(const logistic *p, size_t i, double *q) {
    const double *prob = p->P + i * p->t, *u = p->U + i * p->t;
    const double mean = dot(p->t, prob, u), w = weight_of(p, i);

    for (size_t c = 0; c < p->t; c++) q[c] = w * prob[c] * (u[c] - mean);
}

/* ---- Newton steps ---- */

/* to = M^-1 x. SNNK_E_CANCELLED. */
static int precondition(const logistic *p, const double *x, double *to) {
    return snnk__preconditioner_apply(&p->preconditioner, x, to, p->progress);
}

/* Vectors of t m + t numbers each, and BLOCK x t of scratch. */
typedef struct vectors {
    double *x, *gradient, *direction, *residual, *search, *preconditioned, *product, *Q;
} vectors;

/* Solve H direction = -gradient, to a residual of `share` of the gradient in the norm of M^-1. */
static int conjugate_gradients(const logistic *p, double share, const vectors *v,
                               uint64_t *products) {
    const size_t n = unknowns(p);
    double square, first;
    int st;

    memset(v->direction, 0, n * sizeof *v->direction);
    for (size_t k = 0; k < n; k++) v->residual[k] = -v->gradient[k];
    if ((st = precondition(p, v->residual, v->search)) != SNNK_OK) return st;
    first = square = dot(n, v->residual, v->search);
    for (int k = 0; k < MAX_PRODUCTS && square > share * share * first; k++) {
        if ((st = scores_of(p, v->search, p->U)) != SNNK_OK) return st;
        st = collect(p, product_row, v->search, v->Q, v->product);
        if (st != SNNK_OK) return st;
        ++*products;
        const double curvature = dot(n, v->search, v->product);
        if (!(curvature > 0)) break; /* only rounding is left */
        const double step = square / curvature, before = square;
        for (size_t j = 0; j < n; j++) {
            v->direction[j] += step * v->search[j];
            v->residual[j] -= step * v->product[j];
        }
        if ((st = precondition(p, v->residual, v->preconditioned)) != SNNK_OK) return st;
        square = dot(n, v->residual, v->preconditioned);
        for (size_t j = 0; j < n; j++)
            v->search[j] = v->preconditioned[j] + square / before * v->search[j];
    }
    return SNNK_OK;
}

/* Move x along the direction until the loss decreases enough (Armijo). *loss: of x, with the
 * penalty. Updates Z and P. *found = false: no step decreases it enough. SNNK_E_CANCELLED. */
static int line_search(const logistic *p, const vectors *v, double *loss, bool *found) {
    const size_t n = unknowns(p), bs = p->t * p->m;
    const double slope = dot(n, v->gradient, v->direction);
    const double cross = p->ridge * dot(bs, v->x, v->direction), at = penalty(p, v->x);
    const double curve = penalty(p, v->direction);
    const double rounding =
        100 * DBL_EPSILON * fabs(*loss); /* near the minimum the loss changes by no more than
                                          * this */

    const int st = scores_of(p, v->direction, p->U);

    *found = false;
    if (st != SNNK_OK) return st;
    for (int halvings = 0; halvings < 30; halvings++) {
        const double step = ldexp(1, -halvings);
        const double tried = loss_at(p, step) + at + step * cross + step * step * curve;

        if (!(tried <= *loss + 1e-4 * step * slope + rounding)) continue;
        for (size_t k = 0; k < n; k++) v->x[k] += step * v->direction[k];
        for (size_t k = 0; k < p->n * p->t; k++) p->Z[k] += step * p->U[k];
        *loss = tried;
        *found = true;
        return SNNK_OK;
    }
    loss_at(p, 0); /* restore P */
    return SNNK_OK;
}

/* Compute the gradient of x; *norm = its length in the norm of M^-1. */
static int take_gradient(const logistic *p, const vectors *v, double *norm) {
    int st;

    if ((st = collect(p, gradient_row, v->x, v->Q, v->gradient)) != SNNK_OK) return st;
    if ((st = precondition(p, v->gradient, v->preconditioned)) != SNNK_OK) return st;
    *norm = sqrt(dot(unknowns(p), v->gradient, v->preconditioned));
    return SNNK_OK;
}

/* The share of the work that is done when the gradient has come down to `now` of its first size.
 * The number of steps cannot be known; convergence is at least linear in the logarithm. */
static double share_of(double now, double tolerance) {
    if (!(now < 1)) return 0;
    return now <= tolerance ? 1 : log(now) / log(tolerance);
}

/* After a step of more products than this, a preconditioner of the new probabilities pays: it costs
 * about m/128 products. */
static uint64_t worth_renewing(const logistic *p) { return 4 + p->m / 128; }

/* Make the preconditioner of the probabilities P, without progress. */
static int renew(logistic *p) {
    snnk__progress inside = snnk__progress_within(p->progress, 0); /* of share 0: only cancels */

    return snnk__preconditioner_renew(&p->preconditioner, p->P, &inside);
}

/* Make the preconditioner with the bound 1/2, and compute the length of the gradient at 0 in its
 * norm. */
static int gradient_at_zero(logistic *p, const vectors *v, double *norm) {
    double *x = v->direction; /* scratch until the first step */
    vectors zero = *v;
    const int st = snnk__preconditioner_renew(&p->preconditioner, NULL, p->progress);

    if (st != SNNK_OK) return st;
    memset(x, 0, unknowns(p) * sizeof *x);
    zero.x = x;
    memset(p->Z, 0, p->n * p->t * sizeof *p->Z);
    memset(p->U, 0, p->n * p->t * sizeof *p->U);
    loss_at(p, 0);
    return take_gradient(p, &zero, norm);
}

/* Set Z, P and the loss of x. */
static int go_to_start(const logistic *p, const vectors *v, double *loss) {
    const int st = scores_of(p, v->x, p->Z);

    if (st != SNNK_OK) return st;
    memset(p->U, 0, p->n * p->t * sizeof *p->U);
    *loss = loss_at(p, 0) + penalty(p, v->x);
    if (isfinite(*loss)) return SNNK_OK;
    return snnk__fail(SNNK_E_NONFINITE, "the loss at the starting point is %g, not finite", *loss);
}

/* Set the loss of x, and the length of the gradient at 0, which the tolerance is relative to. If a
 * warm start is better than 0, the length is that of a quadratic function with this difference of
 * losses, and only the preconditioner of the probabilities there is made. */
static int begin(logistic *p, bool warm, const vectors *v, double *loss, double *scale) {
    double gain = 0;
    int st;

    if (warm) {
        if ((st = go_to_start(p, v, loss)) != SNNK_OK) return st;
        gain = p->preconditioner.total * log((double)p->t) - *loss;
    }
    if (gain > 0) {
        *scale = sqrt(2 * gain);
        return snnk__preconditioner_renew(&p->preconditioner, p->P, p->progress);
    }
    if ((st = gradient_at_zero(p, v, scale)) != SNNK_OK) return st;
    if ((st = go_to_start(p, v, loss)) != SNNK_OK) return st;
    return warm ? renew(p) : SNNK_OK;
}

static int minimise(logistic *p, const snnk_logistic_config *config, const vectors *v,
                    snnk_logistic_report *report) {
    double loss, scale, norm;
    bool found = true;
    int st;

    snnk__progress_begin_stage(p->progress, 0.25);
    if ((st = begin(p, config->warm, v, &loss, &scale)) != SNNK_OK) return st;
    snnk__progress_begin_stage(p->progress, 0.7);
    if ((st = take_gradient(p, v, &norm)) != SNNK_OK) return st;
    while (norm > config->tolerance * scale && report->steps < config->max_steps) {
        p->share = share_of(norm / scale, config->tolerance);
        const double share = fmin(0.1, sqrt(norm / scale));
        const uint64_t before = report->products;

        if ((st = conjugate_gradients(p, share, v, &report->products)) != SNNK_OK) return st;
        if ((st = line_search(p, v, &loss, &found)) != SNNK_OK) return st;
        if (!found) break;
        report->steps++;
        if (report->products - before > worth_renewing(p) && (st = renew(p)) != SNNK_OK) return st;
        if ((st = take_gradient(p, v, &norm)) != SNNK_OK) return st;
    }
    report->converged = norm <= config->tolerance * scale;
    report->gradient = scale > 0 ? norm / scale : 0;
    report->loss = (loss - penalty(p, v->x)) / p->preconditioner.total;
    return SNNK_OK;
}

/* ---- Setting up ---- */

static int check_config(const snnk_logistic_config *c) {
    int st;

    if (!(c->ridge > 0) || !isfinite(c->ridge))
        return snnk__fail(SNNK_E_RANGE, "ridge = %g is not a finite number > 0", c->ridge);
    if ((st = snnk__check_within(c->tolerance, 1e-12, 1, "tolerance")) != SNNK_OK) return st;
    if (c->max_steps < 1 || c->max_steps > 1000)
        return snnk__fail(SNNK_E_RANGE, "max_steps = %ld is not in 1 ... 1000", (long)c->max_steps);
    if (c->warm != 0 && c->warm != 1)
        return snnk__fail(SNNK_E_RANGE, "warm = %ld is neither 0 nor 1", (long)c->warm);
    return SNNK_OK;
}

/* Allocate the vectors as one block. */
static int allocate_vectors(const logistic *p, const snnk_allocator *allocator, vectors *v,
                            double **memory) {
    size_t count = unknowns(p), all;
    int st;

    if (!snnk__mul_size(count, 7, &all) || !snnk__add_size(all, BLOCK * p->t, &all))
        return snnk__fail(SNNK_E_SIZE, "%zu classes of %zu features overflow size_t", p->t, p->m);
    st = snnk__alloc_zero(allocator, all, sizeof **memory, "coefficients", memory);
    if (st != SNNK_OK) return st;
    double *const at = *memory;
    *v = (vectors){at,
                   at + count,
                   at + 2 * count,
                   at + 3 * count,
                   at + 4 * count,
                   at + 5 * count,
                   at + 6 * count,
                   at + 7 * count};
    return SNNK_OK;
}

static int allocate_scores(logistic *p, const snnk_allocator *allocator, double **memory) {
    size_t count, all;
    int st;

    if (!snnk__mul_size(p->n, p->t, &count) || !snnk__mul_size(count, 3, &all))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu classes overflow size_t", p->n, p->t);
    st = snnk__alloc(allocator, all, sizeof **memory, "scores", memory);
    if (st != SNNK_OK) return st;
    p->Z = *memory;
    p->U = p->Z + count;
    p->P = p->U + count;
    return snnk__alloc(allocator, BLOCK * p->m, sizeof *p->block, "a feature block", &p->block);
}

/* Convert (B, b) to x = (B, b + B mean), and back. */
static void read_start(const logistic *p, const double *B, size_t ldb, const double *b, double *x) {
    for (size_t c = 0; c < p->t; c++) {
        memcpy(x + c * p->m, B + c * ldb, p->m * sizeof *x);
        x[p->t * p->m + c] = b[c] + dot(p->m, x + c * p->m, p->preconditioner.mean);
    }
}

static int write_solution(const logistic *p, const double *x, double *B, size_t ldb, double *b) {
    const int st = snnk__check_finite_f64(x, "the solution", 1, unknowns(p), unknowns(p));

    if (st != SNNK_OK) return st;
    for (size_t c = 0; c < p->t; c++) {
        memcpy(B + c * ldb, x + c * p->m, p->m * sizeof *x);
        b[c] = x[p->t * p->m + c] - dot(p->m, x + c * p->m, p->preconditioner.mean);
    }
    return SNNK_OK;
}

static int check_arguments(const snnk_rows *rows, size_t classes,
                           const snnk_logistic_config *config, const double *B, size_t ldb,
                           const double *b) {
    const size_t m = rows->inputs;
    int st;

    if (rows->n == 0) return snnk__fail(SNNK_E_SHAPE, "n = 0: at least 1 row is needed");
    if ((st = snnk__check_pointer(rows->labels, "labels")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(B, "B", classes, m, ldb, sizeof *B)) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(b, "b")) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__WRITTEN(B, classes, m, ldb),
                                    SNNK__WRITTEN(b, 1, classes, classes)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    if (!config->warm) return SNNK_OK;
    if ((st = snnk__check_finite_f64(B, "B", classes, m, ldb)) != SNNK_OK) return st;
    return snnk__check_finite_f64(b, "b", 1, classes, classes);
}

/* Solve for checked rows. */
static int solve(logistic *p, const snnk_logistic_config *config, const snnk_allocator *allocator,
                 double *B, size_t ldb, double *b, snnk_logistic_report *report) {
    double *scores = NULL, *memory = NULL;
    vectors v;
    int st;

    if ((st = allocate_vectors(p, allocator, &v, &memory)) != SNNK_OK) goto done;
    if ((st = allocate_scores(p, allocator, &scores)) != SNNK_OK) goto done;
    snnk__progress_begin_stage(p->progress, 0.05);
    st = snnk__preconditioner_create(p->rows, p->t, p->ridge, allocator, p->workspace, p->progress,
                                     &p->preconditioner);
    if (st != SNNK_OK) goto done;
    if (config->warm) read_start(p, B, ldb, b, v.x);
    if ((st = minimise(p, config, &v, report)) != SNNK_OK) goto done;
    if ((st = snnk__progress_finish(p->progress)) != SNNK_OK) goto done;
    st = write_solution(p, v.x, B, ldb, b);
done:
    snnk__preconditioner_free(&p->preconditioner);
    snnk__free(allocator, p->block);
    snnk__free(allocator, scores);
    snnk__free(allocator, memory);
    return st;
}

int snnk_logistic_solve(const snnk_rows *rows, size_t classes, const snnk_logistic_config *config,
                        snnk_workspace *workspace, double *B, size_t ldb, double *b,
                        snnk_logistic_report *report) {
    snnk_logistic_config ours = default_config;
    snnk_logistic_report filled = empty_report;
    snnk_rows read;
    snnk_allocator allocator;
    logistic p = {0};
    snnk__work work;
    int st;

    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "logistic config");
    if (st != SNNK_OK) return st;
    st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "logistic report");
    if (st != SNNK_OK) return st;
    if ((st = check_config(&ours)) != SNNK_OK) return st;
    if (classes < 2)
        return snnk__fail(SNNK_E_SHAPE, "classes = %zu: at least 2 are needed", classes);
    if ((st = snnk__rows_read(rows, 0, classes, true, &read)) != SNNK_OK) return st;
    if ((st = check_arguments(&read, classes, &ours, B, ldb, b)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    p.preconditioner.allocator = allocator; /* to free nothing */
    p.n = read.n;
    p.m = read.inputs;
    p.t = classes;
    p.rows = &read;
    p.ridge = ours.ridge;
    p.workspace = workspace;
    p.progress = &work.progress;
    snnk__work_begin(workspace, 1, &work);
    st = solve(&p, &ours, &allocator, B, ldb, b, &filled);
    snnk__work_end(&work);
    if (st != SNNK_OK) return st;
    return snnk__config_write(report, &filled, sizeof filled, REPORT_MINIMUM, "logistic report");
}
