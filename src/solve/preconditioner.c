#include "solve/preconditioner.h"

#include <math.h>
#include <string.h>

#include "solve/accumulate.h"
#include "solve/cholesky.h"

/* Rows count by at least this much, because statistics take no rows of weight 0. */
#define LEAST_WEIGHT 1e-30F

#define ROWS_PER_REPORT 1024

static double weight_of(const snnk_rows *rows, size_t i) {
    return rows->weights ? (double)rows->weights[i] : 1;
}

/* Factor S + ridge. */
static int factor(const snnk__preconditioner *made, snnk__progress *progress) {
    const size_t m = made->lstsq->features;
    double *S = made->lstsq->S;
    bool definite;

    for (size_t i = 0; i < m; i++) S[i * m + i] += made->ridge;
    const int st = snnk__cholesky('U', m, S, progress, &definite);
    if (st != SNNK_OK || definite) return st;
    return snnk__fail(
        SNNK_E_SINGULAR,
        "ridge = %g is too small: it is lost in the rounding error of the features' moments",
        made->ridge);
}

/* Add the rows with the weights q to empty statistics. */
static int add(const snnk__preconditioner *made, snnk__progress *progress) {
    snnk_rows rows = *made->rows;

    rows.weights = made->q;
    return snnk__lstsq_add_rows(made->lstsq, SNNK_PRECISION_DOUBLE, &rows, made->workspace,
                                progress);
}

/* Find the sum of the weights, and the weighted mean. SNNK_E_CANCELLED. */
static int find_mean(snnk__preconditioner *made, snnk__progress *progress) {
    const snnk_rows *rows = made->rows;
    const size_t m = rows->inputs;
    int st;

    made->total = 0;
    memset(made->mean, 0, m * sizeof *made->mean);
    for (size_t i = 0; i < rows->n; i++) {
        const double w = weight_of(rows, i);

        if (w == 0) continue;
        made->total += w;
        for (size_t j = 0; j < m; j++)
            made->mean[j] += w / made->total * (snnk__rows_input(rows, i, j) - made->mean[j]);
        if (i % ROWS_PER_REPORT != 0) continue;
        st = snnk__progress_count(progress, (double)i, (double)rows->n);
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

int snnk__preconditioner_create(const snnk_rows *rows, size_t classes, double ridge,
                                const snnk_allocator *allocator, snnk_workspace *workspace,
                                snnk__progress *progress, snnk__preconditioner *made) {
    const size_t m = rows->inputs;
    int st;

    *made = (snnk__preconditioner){
        .allocator = *allocator, .rows = rows, .ridge = ridge, .workspace = workspace};
    st = snnk_lstsq_create(m, classes, allocator, &made->lstsq);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, rows->n, sizeof *made->q, "weights", &made->q);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, m, 2 * sizeof *made->mean, "means", &made->mean);
    if (st != SNNK_OK) return st;
    made->shift = made->mean + m;
    return find_mean(made, progress);
}

void snnk__preconditioner_free(const snnk__preconditioner *made) {
    snnk__free(&made->allocator, made->mean);
    snnk__free(&made->allocator, made->q);
    snnk_lstsq_free(made->lstsq);
}

/* The bound on the largest eigenvalue of diag(p) - p p^T. */
static double bound(size_t classes, const double *p) {
    double most = 0;

    for (size_t c = 0; c < classes; c++) most = fmax(most, 2 * p[c] * (1 - p[c]));
    return most;
}

int snnk__preconditioner_renew(snnk__preconditioner *made, const double *P,
                               snnk__progress *progress) {
    const size_t n = made->rows->n, t = made->lstsq->targets;
    int st;

    for (size_t i = 0; i < n; i++) {
        const double q = weight_of(made->rows, i) * (P ? bound(t, P + i * t) : 0.5);

        made->q[i] = fmaxf((float)q, LEAST_WEIGHT);
    }
    snnk__lstsq_clear(made->lstsq);
    if ((st = add(made, progress)) != SNNK_OK) return st;
    made->weight = made->lstsq->weight;
    for (size_t j = 0; j < made->lstsq->features; j++)
        made->shift[j] = made->lstsq->mean_phi[j] - made->mean[j];
    return factor(made, progress);
}

/* With S about its own mean, M = (S + ridge + weight shift shift^T, weight shift; weight shift^T,
 * weight). So B = (S + ridge)^-1 (r - s shift), and the intercept is s/weight - shift B. */
int snnk__preconditioner_apply(const snnk__preconditioner *made, const double *x, double *to,
                               snnk__progress *progress) {
    const size_t m = made->lstsq->features, t = made->lstsq->targets;
    const double *intercepts = x + t * m;
    snnk__progress inside = snnk__progress_within(progress, 0); /* of share 0: only cancels */
    int st;

    for (size_t c = 0; c < t; c++)
        for (size_t j = 0; j < m; j++)
            to[c * m + j] = x[c * m + j] - intercepts[c] * made->shift[j];
    st = snnk__cholesky_solve('U', m, t, made->lstsq->S, to, &inside);
    if (st != SNNK_OK) return st;
    for (size_t c = 0; c < t; c++) {
        double sum = intercepts[c] / made->weight;

        for (size_t j = 0; j < m; j++) sum -= made->shift[j] * to[c * m + j];
        to[t * m + c] = sum;
    }
    return SNNK_OK;
}
