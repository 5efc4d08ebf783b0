/* Dual problems for one ridge: residuals of fits without a row or its group, scores, solutions. */
#include <math.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/progress.h"
#include "solve/cholesky.h"
#include "solve/dual_problem.h"

/* Scratch for one ridge. Everything is multiplied by lambda, so that nothing overflows for small
 * ones:
 *
 *     lambda M = sum_j share_j u_j u_j^T + (I - q q^T - sum_j u_j u_j^T)
 *
 * with share_j = lambda/(s_j + lambda). The second part is 0 if the eigenvectors are complete. If
 * they are not, lambda M = (I - q q^T) + sum_j factor_j u_j u_j^T with factor_j = share_j - 1. */
typedef struct pass {
    double ridge;
    double *share;    /* r */
    double *factor;   /* r: share if the eigenvectors are complete */
    double *parts;    /* t x r: share or factor, times along or a row of U */
    double *fitted;   /* t x n: lambda alpha, the weighted residuals */
    double *residual; /* t x n: without the row's group, not weighted */
    double *matrix;   /* most x most: lambda M_gg */
    double *right;    /* most */
    double *group; /* most x r: rows of U, times the root of |factor|; with groups of 2 or more */
    snnk__progress *progress; /* cancels between groups; NULL for none */
} pass;

static int pass_alloc(const snnk__dual *dual, pass *p) {
    const size_t n = dual->n, r = dual->r, t = dual->t, most = dual->most;
    const size_t group = most > 1 ? most * r : 0;
    const int st =
        snnk__alloc(&dual->allocator, (2 + t) * r + 2 * n * t + most * most + most + group,
                    sizeof *p->share, "scratch of a dual problem", &p->share);

    if (st != SNNK_OK) return st;
    p->progress = NULL;
    p->factor = p->share + r;
    p->parts = p->factor + r;
    p->fitted = p->parts + t * r;
    p->residual = p->fitted + n * t;
    p->matrix = p->residual + n * t;
    p->right = p->matrix + most * most;
    p->group = p->right + most;
    return SNNK_OK;
}

static void set_ridge(const snnk__dual *dual, double ridge, pass *p) {
    p->ridge = fmax(ridge, snnk__dual_least_ridge(dual));
    for (size_t j = 0; j < dual->r; j++) {
        p->share[j] = 1 / (1 + dual->values[j] / p->ridge);
        p->factor[j] = dual->complete ? p->share[j] : p->share[j] - 1;
    }
}

/* Set sums = U diag(factors) U^T z_k + added * sums for targets first ... last. sums: of
 * `first`. */
static void multiply_targets(const snnk__dual *dual, size_t first, size_t last,
                             const double *factors, double added, pass *p, double *sums) {
    const size_t n = dual->n, r = dual->r, t = last - first + 1;

    for (size_t k = 0; k < t; k++)
        for (size_t j = 0; j < r; j++)
            p->parts[k * r + j] = factors[j] * dual->along[(first + k) * r + j];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)t, (int)n, (int)r, 1, p->parts,
                (int)r, dual->U, (int)r, added, sums, (int)n);
}

/* Set the weighted residuals of targets first ... last. */
static void fit_targets(const snnk__dual *dual, size_t first, size_t last, pass *p) {
    const size_t n = dual->n;

    for (size_t k = first; k <= last; k++)
        for (size_t i = 0; i < n; i++)
            p->fitted[k * n + i] = dual->complete ? 0 : dual->root[i] * dual->Y[k * n + i];
    multiply_targets(dual, first, last, p->factor, 1, p, p->fitted + first * n);
}

/* Entry a, c of the part of lambda M that the eigenvectors do not have. total: the sum of the
 * weights. */
static double rest_of(const snnk__dual *dual, double total, size_t a, size_t c) {
    const double along_q = dual->intercept ? dual->root[a] * dual->root[c] / total : 0;

    return dual->complete ? 0 : (a == c ? 1 : 0) - along_q;
}

/* The entry of lambda M for a row alone. */
static double diagonal_of(const snnk__dual *dual, double total, size_t row, const pass *p) {
    const double *u = dual->U + row * dual->r;
    double sum = rest_of(dual, total, row, row);

    for (size_t j = 0; j < dual->r; j++) sum += p->factor[j] * u[j] * u[j];
    return sum;
}

/* Set the lower triangle by columns of the matrix to lambda M_gg, for k rows. All factors have one
 * sign, so their roots make it a product of a matrix with itself. */
static void build_group(const snnk__dual *dual, double total, size_t k, const size_t *rows,
                        pass *p) {
    const size_t r = dual->r;

    for (size_t c = 0; c < k; c++)
        for (size_t a = c; a < k; a++)
            p->matrix[c * k + a] = rest_of(dual, total, rows[a], rows[c]);
    for (size_t j = 0; j < r; j++) p->parts[j] = sqrt(fabs(p->factor[j]));
    for (size_t a = 0; a < k; a++)
        for (size_t j = 0; j < r; j++) p->group[a * r + j] = p->parts[j] * dual->U[rows[a] * r + j];
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)k, (int)r, dual->complete ? 1 : -1,
                p->group, (int)r, 1, p->matrix, (int)k);
}

/* Build and factor lambda M_gg (of a single row: only build it). total: the sum of the weights.
 *   usable  the result: false if it is singular: nothing is left to predict from
 * SNNK_E_CANCELLED. */
static int factor_group(const snnk__dual *dual, double total, size_t g, pass *p, bool *usable) {
    const size_t *rows = dual->order + dual->start[g], k = dual->start[g + 1] - dual->start[g];
    snnk__progress inside = snnk__progress_within(p->progress, 0); /* of share 0: only cancels */

    *usable = !(dual->intercept && k == dual->n);
    if (!*usable) return SNNK_OK;
    if (k > 1) {
        build_group(dual, total, k, rows, p);
        return snnk__cholesky('L', k, p->matrix, &inside, usable);
    }
    p->matrix[0] = diagonal_of(dual, total, rows[0], p);
    *usable = p->matrix[0] > 0;
    return SNNK_OK;
}

/* Set the residuals of the rows of one group without them, for target t. */
static void leave_group(const snnk__dual *dual, size_t g, size_t t, bool usable, pass *p) {
    const size_t *rows = dual->order + dual->start[g], k = dual->start[g + 1] - dual->start[g];
    const size_t n = dual->n;

    for (size_t a = 0; a < k; a++) p->right[a] = usable ? p->fitted[t * n + rows[a]] : INFINITY;
    if (usable && k == 1)
        p->right[0] /= p->matrix[0];
    else if (usable)
        (void)LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', (lapack_int)k, 1, p->matrix, (lapack_int)k,
                                  p->right, (lapack_int)k);
    for (size_t a = 0; a < k; a++) p->residual[t * n + rows[a]] = p->right[a] / dual->root[rows[a]];
}

/* Set the residuals of all distinct rows without their groups, for targets first ... last.
 * SNNK_E_CANCELLED. */
static int leave_out(const snnk__dual *dual, size_t first, size_t last, pass *p) {
    const double total = cblas_ddot((int)dual->n, dual->root, 1, dual->root, 1);
    int st = SNNK_OK;

    fit_targets(dual, first, last, p);
    for (size_t g = 0; g < dual->groups; g++) {
        bool usable;

        if ((st = factor_group(dual, total, g, p, &usable)) != SNNK_OK) return st;
        for (size_t k = first; k <= last; k++) leave_group(dual, g, k, usable, p);
    }
    return st;
}

/* The residual of given row i for target k. */
static double residual_of(const snnk__dual *dual, const pass *p, size_t i, size_t k) {
    return dual->off[k * dual->rows + i] + p->residual[k * dual->n + dual->distinct[i]];
}

/* ---- Scoring ---- */

/* n - dof: the trace of lambda M, and the rows that equal others. */
static double residual_freedom(const snnk__dual *dual, const pass *p) {
    const size_t n = dual->n;
    const double total = cblas_ddot((int)n, dual->root, 1, dual->root, 1);
    double sum = (double)(dual->rows - n);

    for (size_t i = 0; i < n; i++) sum += diagonal_of(dual, total, i, p);
    return sum;
}

static double mean_loo(const snnk__dual *dual, const pass *p, size_t k) {
    double sum = 0, weight = 0;

    for (size_t i = 0; i < dual->rows; i++) {
        weight += dual->given[i];
        sum += dual->given[i] * pow(residual_of(dual, p, i, k), 2);
    }
    return sum / weight;
}

int snnk__dual_score(const snnk__dual *dual, size_t n_ridges, const double *ridges, double *rss,
                     double *dof, double *gcv, double *loo) {
    const size_t t = dual->t, n = dual->n;
    const double rows = (double)dual->rows;
    pass p;
    const int st = pass_alloc(dual, &p);

    if (st != SNNK_OK) return st;
    for (size_t r = 0; r < n_ridges; r++) {
        set_ridge(dual, ridges[r], &p);
        const double freedom = dof || gcv ? residual_freedom(dual, &p) : NAN;

        if (dof) dof[r] = rows - freedom;
        if (loo)
            (void)leave_out(dual, 0, t - 1, &p); /* nothing cancels it */
        else
            fit_targets(dual, 0, t - 1, &p);
        for (size_t k = 0; k < t; k++) {
            const double *fitted = p.fitted + k * n;

            const double squares = dual->within[k] + cblas_ddot((int)n, fitted, 1, fitted, 1);

            if (rss) rss[r * t + k] = squares;
            if (gcv) gcv[r * t + k] = freedom > 0 ? rows / freedom * (squares / freedom) : INFINITY;
            if (loo) loo[r * t + k] = mean_loo(dual, &p, k);
        }
    }
    snnk__free(&dual->allocator, p.share);
    return SNNK_OK;
}

int snnk__dual_loo_residuals(const snnk__dual *dual, const double *ridges, double *residuals,
                             size_t ldr, snnk__progress *progress) {
    pass p;
    int st = pass_alloc(dual, &p);

    if (st != SNNK_OK) return st;
    p.progress = progress;
    for (size_t first = 0, end; st == SNNK_OK && first < dual->t;
         first = end) { /* equal ridges together */
        for (end = first + 1; end < dual->t && ridges[end] == ridges[first]; end++) {
        }
        set_ridge(dual, ridges[first], &p);
        st = leave_out(dual, first, end - 1, &p);
        for (size_t k = first; st == SNNK_OK && k < end; k++)
            for (size_t i = 0; i < dual->rows; i++)
                residuals[i * ldr + k] = residual_of(dual, &p, i, k);
    }
    snnk__free(&dual->allocator, p.share);
    return st;
}

/* ---- Solving ---- */

int snnk__dual_solve(const snnk__dual *dual, const double *ridges, double *B, size_t ldb,
                     double *b) {
    const size_t n = dual->n, m = dual->m;
    pass p;
    int st = pass_alloc(dual, &p);

    if (st != SNNK_OK) return st;
    for (size_t k = 0; st == SNNK_OK && k < dual->t; k++) {
        double *row = B + k * ldb;

        set_ridge(dual, ridges[k], &p);
        multiply_targets(dual, k, k, p.share, 0, &p, p.fitted + k * n);
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)n, (int)m, 1 / p.ridge, dual->A, (int)m,
                    p.fitted + k * n, 1, 0, row, 1);
        for (size_t j = 0; st == SNNK_OK && j < m; j++)
            if (!isfinite(row[j]))
                st = snnk__fail(SNNK_E_NONFINITE, "the solution overflows at B[%zu][%zu] = %g", k,
                                j, row[j]);
        if (b) b[k] = dual->mean_y[k] - cblas_ddot((int)m, row, 1, dual->mean_phi, 1);
    }
    snnk__free(&dual->allocator, p.share);
    return st;
}
