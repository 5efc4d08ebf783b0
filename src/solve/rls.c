#include "solve/rls.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/overlap.h"
#include "base/rows.h"
#include "base/size.h"
#include "base/workspace.h"
#include "kernels/moments.h"
#include "solve/cholesky.h"
#include "solve/config.h"
#include "solve/lstsq.h"
#include "solve/system.h"

#define ROW_BLOCK      64   /* rows predicted at once */
#define GUARD_PERIOD   16   /* rows between two checks of P */
#define GUARD_LIMIT    1e12 /* P_ii times ridge */
#define GUARD_VARIANCE 1e6  /* its value afterwards */

/* ---- Creating ---- */

int snnk__rls_check(double ridge, double forgetting) {
    int st;

    if ((st = snnk__check_within(ridge, 1e-12, 1e12, "ridge")) != SNNK_OK) return st;
    return snnk__check_within(forgetting, 0.5, 1, "forgetting");
}

/* Set *pointer to rows x columns doubles, filled with zeros. */
static int allocate(const snnk_rls *rls, size_t rows, size_t columns, const char *what,
                    double **pointer) {
    size_t count;

    if (!snnk__mul_size(rows, columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%s: %zu x %zu overflows size_t", what, rows, columns);
    return snnk__alloc_zero(&rls->allocator, count, sizeof(double), what, pointer);
}

/* Allocate m (m + 1)/2 numbers; one of the factors is even and is halved. */
static int allocate_triangle(snnk_rls *rls) {
    const size_t m = rls->features;
    const bool even = m % 2 == 0;

    return allocate(rls, even ? m / 2 : m, even ? m + 1 : m / 2 + 1, "a square root", &rls->U);
}

int snnk_rls_create(size_t features, size_t targets, double ridge, double forgetting,
                    const snnk_allocator *allocator, snnk_rls **rls) {
    const size_t m = features, t = targets;
    snnk_allocator memory;
    snnk_rls *made = NULL;
    int st;

    if ((st = snnk__check_pointer(rls, "rls")) != SNNK_OK) return st;
    *rls = NULL;
    if ((st = snnk__allocator_read(&memory, allocator)) != SNNK_OK) return st;
    if ((st = snnk__check_width(m, "features")) != SNNK_OK) return st;
    if ((st = snnk__check_width(t, "targets")) != SNNK_OK) return st;
    if ((st = snnk__rls_check(ridge, forgetting)) != SNNK_OK) return st;

    st = snnk__alloc_zero(&memory, 1, sizeof *made, "recursive least squares", &made);
    if (st != SNNK_OK) goto done;
    *made = (snnk_rls){.allocator = memory,
                       .features = m,
                       .targets = t,
                       .ridge = ridge,
                       .forgetting = forgetting,
                       .scale = 1};
    if ((st = allocate_triangle(made)) != SNNK_OK) goto done;
    if ((st = allocate(made, t, m, "coefficients", &made->B)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, m, "a row", &made->phi)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, m, "gains", &made->gain)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, t, "residuals", &made->residual)) != SNNK_OK) goto done;
    for (size_t j = 0; j < m; j++) snnk__rls_column(made, j)[j] = 1 / sqrt(ridge);
    *rls = made;
    made = NULL;
done:
    snnk_rls_free(made);
    return st;
}

void snnk_rls_free(snnk_rls *rls) {
    if (!rls) return;

    const snnk_allocator memory = rls->allocator;
    void *const arrays[] = {rls->U, rls->B, rls->phi, rls->gain, rls->residual};

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) snnk__free(&memory, arrays[i]);
    snnk__free(&memory, rls);
}

size_t snnk_rls_features(const snnk_rls *rls) { return rls ? rls->features : 0; }

size_t snnk_rls_targets(const snnk_rls *rls) { return rls ? rls->targets : 0; }

uint64_t snnk_rls_rows(const snnk_rls *rls) { return rls ? rls->rows : 0; }

double snnk_rls_ridge(const snnk_rls *rls) { return rls ? rls->ridge : 0; }

double snnk_rls_forgetting(const snnk_rls *rls) { return rls ? rls->forgetting : 0; }

/* ---- From statistics ---- */

/* Set noise[i] to a bound on the rounding error of pivot i: that of sums over all rows ever added,
 * and of their factor. A: m x m, including the ridge. */
static void find_noise(const snnk_lstsq *lstsq, double tolerance, const double *A, double *noise) {
    const size_t m = lstsq->features;
    const uint64_t rows = lstsq->rows > lstsq->max_rows ? lstsq->rows : lstsq->max_rows;
    const double share = tolerance + sqrt((double)rows) * DBL_EPSILON;

    for (size_t i = 0; i < m; i++) {
        const double most = fmax(lstsq->max_phi[i], snnk__lstsq_diagonal(lstsq, i));

        noise[i] = share * fmax(A[i * m + i], most);
        if (lstsq->single) noise[i] += SNNK__SINGLE_ROUNDING * most;
    }
}

/* A pivot is the part of a feature that is independent of the features before it. Its share of the
 * diagonal does not change when the feature is scaled. factor: row-major lower. */
static int check_pivots(size_t m, const double *factor, const double *noise) {
    for (size_t i = 0; i < m; i++) {
        const double pivot = factor[i * m + i] * factor[i * m + i];

        if (!(pivot > noise[i]))
            return snnk__fail(SNNK_E_SINGULAR,
                              "feature %zu is a linear combination of the features before it, to "
                              "working precision; use a larger ridge",
                              i);
    }
    return SNNK_OK;
}

/* Replace A by L with A = L L^T (row-major lower; by columns the upper triangle), R by B = R A^-1,
 * then L by L^-1: the columns of U = L^-T are its rows. */
static int factor(size_t m, size_t t, double *A, double *R, const double *noise,
                  snnk__progress *progress) {
    bool definite;
    int st;

    snnk__progress_begin_stage(progress, 0.4);
    if ((st = snnk__cholesky('U', m, A, progress, &definite)) != SNNK_OK) return st;
    if (!definite) return snnk__fail(SNNK_E_SINGULAR, "the system is singular: use a larger ridge");
    if ((st = check_pivots(m, A, noise)) != SNNK_OK) return st;
    snnk__progress_begin_stage(progress, 0.1);
    if ((st = snnk__cholesky_solve('U', m, t, A, R, progress)) != SNNK_OK) return st;
    snnk__progress_begin_stage(progress, 0.5);
    return snnk__triangle_invert(m, A, progress);
}

static int check_solution(size_t count, const double *B) {
    for (size_t i = 0; i < count; i++)
        if (!(fabs(B[i]) <= SNNK__RLS_B))
            return snnk__fail(SNNK_E_NONFINITE, "the solution overflows: %g", B[i]);
    return SNNK_OK;
}

static int take_statistics(snnk_rls *rls, const snnk_lstsq *lstsq, snnk__progress *progress) {
    const snnk_allocator *memory = &rls->allocator;
    const size_t m = rls->features, t = rls->targets;
    double *noise = rls->gain; /* scratch until the first row */
    snnk_solve_config defaults;
    snnk__system system = {.R = rls->B, .yy = rls->residual};
    size_t square;
    int st;

    if ((st = snnk__solve_config_read(&defaults, NULL)) != SNNK_OK) return st;
    if (!snnk__mul_size(m, m, &square))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu moments overflow size_t", m, m);
    st = snnk__alloc(memory, square, sizeof *system.A, "a copy of the moments", &system.A);
    if (st != SNNK_OK) return st;
    if ((st = snnk__system_build(lstsq, false, progress, &system)) != SNNK_OK) goto done;
    for (size_t i = 0; i < m; i++) system.A[i * m + i] += rls->ridge;
    find_noise(lstsq, snnk__rank_tolerance(&defaults, m), system.A, noise);
    st = factor(m, t, system.A, rls->B, noise, progress);
    if (st != SNNK_OK) goto done;
    if ((st = check_solution(t * m, rls->B)) != SNNK_OK) goto done;
    for (size_t j = 0; j < m; j++)
        memcpy(snnk__rls_column(rls, j), system.A + j * m, (j + 1) * sizeof *system.A);
    rls->rows = lstsq->rows;
done:
    snnk__free(memory, system.A);
    return st;
}

int snnk_rls_create_from_lstsq(const snnk_lstsq *lstsq, double ridge, double forgetting,
                               snnk_workspace *workspace, snnk_rls **rls) {
    snnk_rls *made = NULL;
    snnk__work work;
    int st;

    if ((st = snnk__check_pointer(rls, "rls")) != SNNK_OK) return st;
    *rls = NULL;
    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if (lstsq->rows == 0)
        return snnk__fail(SNNK_E_STATE,
                          "no rows were added to lstsq: there is no solution to start from");
    st = snnk_rls_create(lstsq->features, lstsq->targets, ridge, forgetting, &lstsq->allocator,
                         &made);
    if (st != SNNK_OK) return st;
    snnk__work_begin(workspace, 1, &work);
    st = take_statistics(made, lstsq, &work.progress);
    if (st == SNNK_OK) st = snnk__progress_finish(&work.progress);
    snnk__work_end(&work);
    if (st != SNNK_OK) goto done;
    *rls = made;
    made = NULL;
done:
    snnk_rls_free(made);
    return st;
}

/* ---- Updating ---- */

/* Set residual = B phi. */
static void predict_row(snnk_rls *rls) {
    const lapack_int m = (lapack_int)rls->features;

    cblas_dgemv(CblasRowMajor, CblasNoTrans, (lapack_int)rls->targets, m, 1, rls->B, m, rls->phi, 1,
                0, rls->residual, 1);
}

/* Update P by an observation of phi with variance a^2: P - P phi phi^T P/(a^2 + phi^T P phi).
 * Rotation j maps (a, f_j) to (a', 0); the same angle rotates column j of U and a sum, which
 * becomes the gain times a'. */
static void observe(snnk_rls *rls, double a) {
    const size_t m = rls->features;
    double *gain = rls->gain;

    memset(gain, 0, m * sizeof *gain);
    for (size_t j = 0; j < m; j++) {
        double *column = snnk__rls_column(rls, j);
        const lapack_int count = (lapack_int)(j + 1);
        const double f = rls->scale * cblas_ddot(count, column, 1, rls->phi, 1);
        const double length = sqrt(a * a + f * f);

        cblas_drot(count, gain, 1, column, 1, a / length, f / length);
        a = length;
    }
    cblas_dscal((lapack_int)m, rls->scale / a, gain, 1);
}

/* Set P = P/mu. */
static void forget(snnk_rls *rls) {
    const size_t m = rls->features;

    rls->scale /= sqrt(rls->forgetting);
    if (rls->scale < SNNK__RLS_SCALE) return;
    for (size_t k = 0; k < m * (m + 1) / 2; k++) rls->U[k] *= SNNK__RLS_SCALE;
    rls->scale /= SNNK__RLS_SCALE;
}

/* P_ii: the square of row i of U. */
static double variance(const snnk_rls *rls, size_t i) {
    double sum = 0;

    for (size_t j = i; j < rls->features; j++) {
        const double u = rls->scale * snnk__rls_column(rls, j)[i];

        sum += u * u;
    }
    return sum;
}

/* Whether some P_ii is above the limit; reads U in the order of memory. */
static bool any_beyond(snnk_rls *rls, double limit) {
    const size_t m = rls->features;
    double *sums = rls->gain; /* scratch between rows */
    bool beyond = false;

    memset(sums, 0, m * sizeof *sums);
    for (size_t j = 0; j < m; j++) {
        const double *column = snnk__rls_column(rls, j);

        for (size_t i = 0; i <= j; i++) sums[i] += column[i] * column[i];
    }
    for (size_t i = 0; i < m; i++) beyond |= sums[i] * rls->scale * rls->scale > limit;
    return beyond;
}

/* If P_ii is above the limit, update with an artificial observation that coefficient i has its
 * present value. B does not change, and P shrinks along P e_i: a direction, perhaps of several
 * features, that no row excites. */
static void guard(snnk_rls *rls) {
    const size_t m = rls->features;
    const double limit = GUARD_LIMIT / rls->ridge;

    if (!any_beyond(rls, limit)) return;
    for (size_t i = 0; i < m; i++) {
        if (variance(rls, i) <= limit) continue; /* an earlier observation may have been enough */
        memset(rls->phi, 0, m * sizeof *rls->phi);
        rls->phi[i] = 1;
        observe(rls, sqrt(GUARD_VARIANCE / rls->ridge));
    }
}

/* Read row i: set rls->phi to its features, and rls->residual to targets minus prediction.
 * predicted: t, or NULL. */
static int read_row(snnk_rls *rls, const snnk_rows *rows, size_t i, float *predicted) {
    const size_t m = rls->features, t = rls->targets;

    for (size_t j = 0; j < m; j++) rls->phi[j] = snnk__rows_input(rows, i, j);
    predict_row(rls);
    for (size_t k = 0; k < t; k++)
        if (!(fabs(rls->residual[k]) <= SNNK__RLS_RESIDUAL))
            return snnk__fail(
                SNNK_E_NONFINITE,
                "the prediction of target %zu of row %zu is %g; its magnitude must not exceed %g",
                k, i, rls->residual[k], SNNK__RLS_RESIDUAL);
    for (size_t k = 0; k < t; k++) {
        const double before = rls->residual[k];

        rls->residual[k] = snnk__rows_target(rows, i, k) - before;
        if (predicted) predicted[k] = (float)before; /* last, because it may be Y */
    }
    return SNNK_OK;
}

/* Use the row that was read. A weight divides the variance of the observation. */
static void use_row(snnk_rls *rls, double weight) {
    const lapack_int m = (lapack_int)rls->features, t = (lapack_int)rls->targets;

    observe(rls, sqrt(rls->forgetting / weight));
    cblas_dger(CblasRowMajor, t, m, 1, rls->residual, 1, rls->gain, 1, rls->B, m);
    rls->rows++;
    if (rls->forgetting < 1) {
        forget(rls);
        if (rls->rows % GUARD_PERIOD == 0) guard(rls);
    }
}

int snnk_rls_add(snnk_rls *rls, const snnk_rows *rows, float *predicted, size_t ldp) {
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(rls, "rls")) != SNNK_OK) return st;

    const size_t t = rls->targets;

    if ((st = snnk__rows_read(rows, rls->features, t, true, &read)) != SNNK_OK) return st;
    if (ldp == 0) ldp = t;
    if (predicted) {
        st = snnk__check_matrix(predicted, "predicted", read.n, t, ldp, sizeof *predicted);
        if (st != SNNK_OK) return st;
        const snnk__operand to = SNNK__WRITTEN(predicted, read.n, t, ldp);
        if ((st = snnk__rows_check_overlap(&read, &to, true)) != SNNK_OK) return st;
    }
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    for (size_t i = 0; i < read.n; i++) {
        st = read_row(rls, &read, i, predicted ? predicted + i * ldp : NULL);
        if (st != SNNK_OK) return st;
        use_row(rls, read.weights ? (double)read.weights[i] : 1);
    }
    return SNNK_OK;
}

/* ---- Using ---- */

/* |U^T phi|^2 of several rows, one column of U at a time. */
static void leverages(const snnk_rls *rls, size_t rows, const double *phi, double *leverage) {
    const size_t m = rls->features;

    for (size_t i = 0; i < rows; i++) leverage[i] = 0;
    for (size_t j = 0; j < m; j++)
        for (size_t i = 0; i < rows; i++) {
            const double f = rls->scale * cblas_ddot((lapack_int)(j + 1), snnk__rls_column(rls, j),
                                                     1, phi + i * m, 1);

            leverage[i] += f * f;
        }
}

/* Predict at most ROW_BLOCK rows from `first` on. phi, fits: rows x m and rows x t; their
 * results. */
static void predict_block(const snnk_rls *rls, size_t first, size_t rows, const snnk__numbers *X,
                          double *phi, double *fits) {
    const size_t m = rls->features;
    const lapack_int mi = (lapack_int)m, ti = (lapack_int)rls->targets;

    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < m; j++) phi[i * m + j] = snnk__number(X, first + i, j);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (lapack_int)rows, ti, mi, 1, phi, mi,
                rls->B, mi, 0, fits, ti);
}

int snnk__rls_outputs(const snnk_rls *rls, size_t n, const snnk__numbers *X, double *Y) {
    const size_t m = rls->features, t = rls->targets, most = snnk__min_size(n, ROW_BLOCK);
    double *phi;
    const int st = snnk__alloc(&rls->allocator, m, most * sizeof *phi, "a block of rows", &phi);

    if (st != SNNK_OK) return st;
    for (size_t first = 0; first < n; first += most)
        predict_block(rls, first, snnk__min_size(most, n - first), X, phi, Y + first * t);
    snnk__free(&rls->allocator, phi);
    return SNNK_OK;
}

int snnk_rls_predict(const snnk_rls *rls, size_t n, const float *Phi, size_t ldphi, float *Y,
                     size_t ldy, double *leverage) {
    double *phi = NULL, *fits = NULL;
    int st;

    if ((st = snnk__check_pointer(rls, "rls")) != SNNK_OK) return st;

    const snnk_allocator *memory = &rls->allocator;
    const size_t m = rls->features, t = rls->targets, most = snnk__min_size(n, ROW_BLOCK);

    if ((st = snnk__check_matrix(Phi, "Phi", n, m, ldphi, sizeof *Phi)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(Y, "Y", n, t, ldy, sizeof *Y)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(Phi, n, m, ldphi), SNNK__WRITTEN(Y, n, t, ldy),
                                    SNNK__WRITTEN(leverage, 1, n, n)};
    if ((st = snnk__check_overlap(3, arrays)) != SNNK_OK) return st;
    if (n == 0 || !Phi) return SNNK_OK; /* without rows Phi may be NULL */
    st = snnk__alloc(memory, m, most * sizeof *phi, "a block of rows", &phi);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(memory, t, most * sizeof *fits, "predictions", &fits);
    if (st != SNNK_OK) goto done;
    for (size_t first = 0; first < n; first += most) {
        const size_t rows = snnk__min_size(most, n - first);

        predict_block(rls, first, rows, &(snnk__numbers){.f32 = Phi, .ld = ldphi}, phi, fits);
        for (size_t i = 0; i < rows; i++)
            for (size_t k = 0; k < t; k++) Y[(first + i) * ldy + k] = (float)fits[i * t + k];
        if (leverage) leverages(rls, rows, phi, leverage + first);
    }
done:
    snnk__free(memory, fits);
    snnk__free(memory, phi);
    return st;
}

int snnk_rls_solution(const snnk_rls *rls, double *B, size_t ldb) {
    int st;

    if ((st = snnk__check_pointer(rls, "rls")) != SNNK_OK) return st;

    const size_t m = rls->features, t = rls->targets;

    if ((st = snnk__check_matrix(B, "B", t, m, ldb, sizeof *B)) != SNNK_OK) return st;
    for (size_t k = 0; k < t; k++) memcpy(B + k * ldb, rls->B + k * m, m * sizeof *B);
    return SNNK_OK;
}
