/* The ridge solution: a scaled system in the scratch triangle, solved by Cholesky, or by
 * eigenvectors if Cholesky cannot be trusted.
 *
 * Storage: the row-major lower triangle of S holds the statistics. LAPACK reads by columns, so for
 * LAPACK it is the upper triangle. The system is built in the other triangle, LAPACK's 'L'. Both
 * share the diagonal, which is saved first and always restored. */
#include "solve/ridge.h"

#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/overlap.h"
#include "base/size.h"
#include "base/workspace.h"
#include "solve/cholesky.h"
#include "solve/eigen.h"
#include "solve/qr_solve.h"
#include "solve/rss.h"
#include "solve/statistics.h"

/* The layout of the first version, the smallest report that is accepted. */
#define REPORT_BYTES sizeof(snnk_solve_report)

static const snnk_solve_report empty_report = {.size = sizeof(snnk_solve_report)};

/* The share of a solution that its Cholesky factorization takes in progress. It is more in time,
 * but if the system is singular, eigenvectors follow. */
#define COST_OF_FACTOR 0.5

#define TILE 64 /* two 64 x 64 tiles of doubles fit the L1 cache */

/* A solution in progress: scale A scale z = scale r with A = S + w mean mean^T + ridge I and r = C
 * + w mean_y mean^T. w = 0 with an intercept, else the weight of the rows. */
typedef struct ridge_problem {
    snnk_lstsq *lstsq;
    double ridge, tolerance, w;
    double *diagonal;  /* m: the saved diagonal of S */
    double *scale;     /* m: powers of two */
    double *work;      /* 3 m: for LAPACK */
    lapack_int *iwork; /* m */
} ridge_problem;

/* Entry (i, j) of scale A scale, j < i. */
static double scaled_entry(const ridge_problem *problem, size_t i, size_t j) {
    const snnk_lstsq *lstsq = problem->lstsq;
    const double a =
        lstsq->S[i * lstsq->features + j] + problem->w * lstsq->mean_phi[i] * lstsq->mean_phi[j];

    return a * problem->scale[i] * problem->scale[j];
}

/* Diagonal entry i of A. */
static double diagonal_entry(const ridge_problem *problem, size_t i) {
    const double mean = problem->lstsq->mean_phi[i];

    return problem->diagonal[i] + problem->w * mean * mean + problem->ridge;
}

/* Choose powers of two, which round nothing, that bring the diagonal to 1/2 ... 2. */
static void choose_scale(ridge_problem *problem) {
    for (size_t i = 0; i < problem->lstsq->features; i++) {
        const double a = fabs(diagonal_entry(problem, i));
        int exponent = 0;

        if (a > 0) (void)frexp(a, &exponent);
        problem->scale[i] = ldexp(1, -(exponent / 2));
    }
}

/* Fill the scratch triangle, a tile at a time: target (j, i) = scaled entry (i, j), j < i. `target`
 * is S or an m x m copy. */
static void build(const ridge_problem *problem, double *target) {
    const size_t m = problem->lstsq->features;

    for (size_t i0 = 0; i0 < m; i0 += TILE)
        for (size_t j0 = 0; j0 <= i0; j0 += TILE)
            for (size_t i = i0; i < snnk__min_size(i0 + TILE, m); i++)
                for (size_t j = j0; j < snnk__min_size(j0 + TILE, i); j++)
                    target[j * m + i] = scaled_entry(problem, i, j);
    for (size_t i = 0; i < m; i++)
        target[i * m + i] = diagonal_entry(problem, i) * problem->scale[i] * problem->scale[i];
}

/* Set R (t x m) = scale (C + w mean_y mean^T). */
static void right_sides(const ridge_problem *problem, double *R) {
    const snnk_lstsq *lstsq = problem->lstsq;
    const size_t m = lstsq->features;

    for (size_t k = 0; k < lstsq->targets; k++)
        for (size_t j = 0; j < m; j++)
            R[k * m + j] =
                (lstsq->C[k * m + j] + problem->w * lstsq->mean_y[k] * lstsq->mean_phi[j]) *
                problem->scale[j];
}

/* Factor and solve in the scratch triangle. *usable = false if the system is singular or indefinite
 * to the tolerance. R: t x m, right sides in, scaled solution out. The diagonal of S is lost; the
 * caller restores it. */
static int solve_cholesky(ridge_problem *problem, double *R, bool *usable, snnk__progress *progress,
                          snnk__solve_outcome *outcome) {
    double *A = problem->lstsq->S;
    const size_t features = problem->lstsq->features, targets = problem->lstsq->targets;
    const lapack_int m = (lapack_int)features;
    double norm, reciprocal = 0;
    int st;

    *usable = false;
    build(problem, A);
    norm = LAPACKE_dlansy_work(LAPACK_COL_MAJOR, '1', 'L', m, A, m, problem->work);
    snnk__progress_begin_stage(progress, COST_OF_FACTOR);
    st = snnk__cholesky('L', features, A, progress, usable);
    if (st != SNNK_OK || !*usable) return st;
    (void)LAPACKE_dpocon_work(LAPACK_COL_MAJOR, 'L', m, A, m, norm, &reciprocal, problem->work,
                              problem->iwork);
    *usable = reciprocal >= problem->tolerance;
    if (!*usable) return SNNK_OK;
    snnk__progress_begin_stage(progress, 1 - COST_OF_FACTOR);
    st = snnk__cholesky_solve('L', features, targets, A, R, progress);
    if (st != SNNK_OK) return st;
    *outcome = (snnk__solve_outcome){
        .condition = 1 / reciprocal, .rank = (size_t)m, .method = SNNK_SOLVE_CHOLESKY};
    return SNNK_OK;
}

/* Solve by eigenvectors, in a copy. */
static int solve_eigen(const ridge_problem *problem, double *R, snnk__progress *progress,
                       snnk__solve_outcome *outcome) {
    const snnk_allocator *allocator = &problem->lstsq->allocator;
    const size_t m = problem->lstsq->features;
    double *A = NULL;
    int st;

    st = snnk__alloc(allocator, m * m, sizeof *A, "a copy of the moments", &A);
    if (st != SNNK_OK) return st;
    build(problem, A);
    st = snnk__solve_truncated(allocator, m, problem->lstsq->targets, problem->tolerance, A,
                               problem->scale, R, progress, outcome);
    snnk__free(allocator, A);
    return st;
}

static int solve_moments(ridge_problem *problem, double *R, snnk__progress *progress,
                         snnk__solve_outcome *outcome) {
    const size_t m = problem->lstsq->features;
    bool usable;
    int st;

    right_sides(problem, R);
    st = solve_cholesky(problem, R, &usable, progress, outcome);
    for (size_t i = 0; i < m; i++) problem->lstsq->S[i * m + i] = problem->diagonal[i];
    if (st != SNNK_OK || usable) return st;
    snnk__progress_begin_stage(progress, 1 - COST_OF_FACTOR);
    return solve_eigen(problem, R, progress, outcome);
}

/* Undo the scaling: B (t x m) = z scale, and b = mean_y - B mean, or 0. */
static int finish(const ridge_problem *problem, double *B, double *b) {
    const snnk_lstsq *lstsq = problem->lstsq;
    const size_t m = lstsq->features;

    for (size_t k = 0; k < lstsq->targets; k++) {
        double fitted = 0;

        for (size_t j = 0; j < m; j++) {
            B[k * m + j] *= problem->scale[j];
            fitted += B[k * m + j] * lstsq->mean_phi[j];
            if (!isfinite(B[k * m + j]))
                return snnk__fail(SNNK_E_NONFINITE, "the solution overflows at B[%zu][%zu] = %g", k,
                                  j, B[k * m + j]);
        }
        b[k] = problem->w > 0 ? 0 : lstsq->mean_y[k] - fitted;
        if (!isfinite(b[k]))
            return snnk__fail(SNNK_E_NONFINITE, "the solution overflows at b[%zu] = %g", k, b[k]);
    }
    return SNNK_OK;
}

/* The tolerance for singular values of a factor: they are the roots of eigenvalues, but known with
 * the same relative precision. */
static double tolerance_of(const snnk_lstsq *lstsq, const snnk_solve_config *config) {
    const double tolerance = snnk__rank_tolerance(config, lstsq->features);

    return lstsq->factorization == SNNK_FACTORIZATION_GRAM || config->rank_tolerance == 0
               ? tolerance
               : sqrt(tolerance);
}

int snnk__lstsq_solve_into(snnk_lstsq *lstsq, const snnk_solve_config *config, double *B, double *b,
                           snnk__progress *progress, snnk__solve_outcome *outcome) {
    const snnk_allocator *allocator = &lstsq->allocator;
    const size_t m = lstsq->features;
    snnk__progress parts = snnk__progress_within(progress, 1);
    const double tolerance = tolerance_of(lstsq, config);
    ridge_problem problem = {.lstsq = lstsq,
                             .ridge = config->ridge,
                             .tolerance = tolerance,
                             .w = config->intercept ? 0 : lstsq->weight};
    double *vectors = NULL; /* diagonal, scale, work */
    int st;

    st = snnk__alloc(allocator, 5 * m, sizeof *vectors, "solver vectors", &vectors);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, m, sizeof *problem.iwork, "solver integers", &problem.iwork);
    if (st != SNNK_OK) goto done;
    problem.diagonal = vectors;
    problem.scale = vectors + m;
    problem.work = vectors + 2 * m;

    for (size_t i = 0; i < m; i++) problem.diagonal[i] = snnk__lstsq_diagonal(lstsq, i);
    choose_scale(&problem);
    st = lstsq->factorization == SNNK_FACTORIZATION_GRAM
             ? solve_moments(&problem, B, &parts, outcome)
             : snnk__qr_solve(lstsq, problem.ridge, problem.w, problem.tolerance, problem.scale, B,
                              &parts, outcome);
    if (st == SNNK_OK) st = finish(&problem, B, b);
    if (st == SNNK_OK) st = snnk__progress_finish(&parts);
done:
    snnk__free(allocator, problem.iwork);
    snnk__free(allocator, vectors);
    return st;
}

static int check_solve(const snnk_lstsq *lstsq, const snnk_solve_config *config, const double *B,
                       size_t ldb, const double *b, const snnk_solve_report *report,
                       snnk_solve_config *ours) {
    snnk_solve_report probe = empty_report;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__solve_config_read(ours, config)) != SNNK_OK) return st;
    if ((st = snnk__solve_config_check(ours)) != SNNK_OK) return st;
    st = snnk__check_matrix(B, "B", lstsq->targets, lstsq->features, ldb, sizeof *B);
    if (st != SNNK_OK) return st;
    if (ours->intercept && (st = snnk__check_pointer(b, "b")) != SNNK_OK) return st;
    st = snnk__config_read(&probe, sizeof probe, REPORT_BYTES, report, "solve report");
    if (st != SNNK_OK) return st;
    if (lstsq->rows == 0) return snnk__fail(SNNK_E_STATE, "no rows were added: nothing to solve");
    return SNNK_OK;
}

/* Solve for a checked config into `solution` (t x m, then t), and fill *report. */
static int solve(snnk_lstsq *lstsq, const snnk_solve_config *config, bool scored,
                 snnk__progress *progress, double *solution, snnk_solve_report *report) {
    const size_t m = lstsq->features, t = lstsq->targets;
    snnk__solve_outcome outcome;
    int st;

    snnk__progress_begin_stage(progress, 0.95);
    st = snnk__lstsq_solve_into(lstsq, config, solution, solution + t * m, progress, &outcome);
    if (st != SNNK_OK) return st;
    report->ridge = config->ridge;
    report->condition = outcome.condition;
    report->rows = lstsq->rows;
    report->rank = outcome.rank;
    report->method = outcome.method;
    snnk__progress_begin_stage(progress, 0.05);
    if (scored)
        st = snnk__lstsq_rss_of(lstsq, solution, m, solution + t * m, progress, &report->rss);
    return st == SNNK_OK ? snnk__progress_finish(progress) : st;
}

int snnk_lstsq_solve(snnk_lstsq *lstsq, const snnk_solve_config *config, snnk_workspace *workspace,
                     double *B, size_t ldb, double *b, snnk_solve_report *report) {
    snnk_solve_config ours;
    snnk_solve_report filled = empty_report;
    snnk__work work;
    double *solution = NULL; /* t x m, then t */
    int st;

    if ((st = check_solve(lstsq, config, B, ldb, b, report, &ours)) != SNNK_OK) return st;

    const size_t m = lstsq->features, t = lstsq->targets;
    const snnk__operand arrays[] = {SNNK__WRITTEN(B, t, m, ldb), SNNK__WRITTEN(b, 1, t, t)};

    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    st = snnk__alloc(&lstsq->allocator, t * m + t, sizeof *solution, "the solution", &solution);
    if (st != SNNK_OK) goto done;
    snnk__work_begin(workspace, 1, &work);
    st = solve(lstsq, &ours, report != NULL, &work.progress, solution, &filled);
    snnk__work_end(&work);
    if (st != SNNK_OK) goto done;
    if (report) {
        st = snnk__config_write(report, &filled, sizeof filled, REPORT_BYTES, "solve report");
        if (st != SNNK_OK) goto done;
    }
    for (size_t k = 0; k < t; k++) memcpy(B + k * ldb, solution + k * m, m * sizeof *B);
    if (b) memcpy(b, solution + t * m, t * sizeof *b);
done:
    snnk__free(&lstsq->allocator, solution);
    return st;
}
