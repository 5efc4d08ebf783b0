/* Ridge paths: decomposing, scoring, choosing, solving. */
#include "solve/ridge_path.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/overlap.h"
#include "base/size.h"
#include "base/workspace.h"
#include "kernels/moments.h"
#include "solve/config.h"
#include "solve/eigen.h"
#include "solve/qr_path.h"
#include "solve/system.h"

/* ---- Decomposing ---- */

/* Count the directions above the tolerance, and those above rounding. */
static int count_directions(snnk_ridge_path *path, double tolerance) {
    const size_t m = path->features;
    const double *values = path->values, largest = values[m - 1];
    size_t rank = 0, known = 0;

    while (rank < m && largest > 0 && values[m - 1 - rank] > tolerance * largest) rank++;
    while (known < m && largest > 0 && values[m - 1 - known] > path->rounding * largest) known++;
    if (rank == 0)
        return snnk__fail(
            SNNK_E_SINGULAR,
            "rank 0: every one of the %zu features is constant (without an intercept: zero)", m);
    path->rank = rank;
    path->known = snnk__max_size(rank, known);
    return SNNK_OK;
}

/* Compute how much of each target's squares the kept directions explain. left (t): the unexplained
 * squares. */
static int explain(snnk_ridge_path *path, const double *left) {
    const size_t t = path->targets, rank = path->rank;
    const double *values = snnk__ridge_path_values(path);
    const bool saturated = (double)rank + path->intercept >= path->rows;

    for (size_t k = 0; k < t; k++) {
        for (size_t j = 0; j < rank; j++) {
            const double d = path->along[k * rank + j], e = d / values[j] * d;

            path->explained[k * rank + j] = e;
            path->explained[t * rank + j] += e;
        }
        /* With as many directions as rows, every row is fitted exactly, and the rest is
         * rounding. */
        path->least_rss[k] = saturated || left[k] < 0 ? 0 : left[k];
        path->least_rss[t] += path->least_rss[k];
    }
    return snnk__check_finite_f64(path->explained, "explained", t + 1, rank, rank);
}

static int allocate(snnk_ridge_path *path, size_t count, const char *what, double **pointer) {
    return snnk__alloc_zero(&path->allocator, count, sizeof(double), what, pointer);
}

/* Allocate what does not depend on the rank. */
static int allocate_square(snnk_ridge_path *path, size_t m, size_t t) {
    size_t square;
    int st;

    if (!snnk__mul_size(m, m, &square))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu eigenvectors overflow size_t", m, m);
    st = snnk__alloc(&path->allocator, square, sizeof *path->vectors, "eigenvectors",
                     &path->vectors);
    if (st != SNNK_OK) return st;
    if ((st = allocate(path, m, "eigenvalues", &path->values)) != SNNK_OK) return st;
    if ((st = allocate(path, m, "feature means", &path->mean_phi)) != SNNK_OK) return st;
    if ((st = allocate(path, t, "target means", &path->mean_y)) != SNNK_OK) return st;
    return allocate(path, t + 1, "residuals", &path->least_rss);
}

/* Allocate what depends on the rank. */
static int allocate_kept(snnk_ridge_path *path, double tolerance) {
    const size_t t = path->targets;
    int st;

    if ((st = count_directions(path, tolerance)) != SNNK_OK) return st;
    st = allocate(path, t * path->rank, "projected right sides", &path->along);
    if (st != SNNK_OK) return st;
    return allocate(path, (t + 1) * path->rank, "explained squares", &path->explained);
}

/* Decompose moments, by eigenvectors. */
static int decompose_moments(snnk_ridge_path *path, const snnk_lstsq *lstsq, double tolerance,
                             snnk__progress *progress) {
    const size_t m = path->features, t = path->targets;
    snnk__system system = {.A = path->vectors};
    int st;

    st = snnk__alloc(&path->allocator, t * m + t, sizeof *system.R, "right sides", &system.R);
    if (st != SNNK_OK) goto done;
    system.yy = system.R + t * m;
    if ((st = snnk__system_build(lstsq, path->intercept, progress, &system)) != SNNK_OK) goto done;
    st = snnk__eigenvectors(&path->allocator, m, 'U', path->vectors, path->values, progress);
    if (st != SNNK_OK) goto done;
    if ((st = allocate_kept(path, tolerance)) != SNNK_OK) goto done;

    const size_t rank = path->rank;

    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (lapack_int)t, (lapack_int)rank,
                (lapack_int)m, 1, system.R, (lapack_int)m, snnk__ridge_path_vectors(path),
                (lapack_int)m, 0, path->along, (lapack_int)rank);
    for (size_t k = 0; k < t; k++) /* the unexplained part of yy */
        for (size_t j = 0; j < rank; j++) {
            const double d = path->along[k * rank + j];

            system.yy[k] -= d / snnk__ridge_path_values(path)[j] * d;
        }
    st = explain(path, system.yy);
done:
    snnk__free(&path->allocator, system.R);
    return st;
}

/* Decompose a factor, by singular vectors. Here the unexplained part of yy is a sum, not a
 * difference. */
static int decompose_factor(snnk_ridge_path *path, const snnk_lstsq *lstsq, double tolerance,
                            snnk__progress *progress) {
    const size_t m = path->features, t = path->targets;
    snnk__qr_system system = {.values = path->values, .vectors = path->vectors};
    int st;

    st = snnk__alloc(&path->allocator, t * m + t, sizeof *system.parts, "right sides",
                     &system.parts);
    if (st != SNNK_OK) goto done;
    system.rest = system.parts + t * m;
    if ((st = snnk__qr_decompose(lstsq, path->intercept, &system, progress)) != SNNK_OK) goto done;
    if ((st = allocate_kept(path, tolerance)) != SNNK_OK) goto done;

    const size_t rank = path->rank, dropped = m - rank;

    for (size_t k = 0; k < t; k++) {
        const double *part = system.parts + k * m;

        for (size_t j = 0; j < dropped; j++) system.rest[k] += part[j] * part[j];
        for (size_t j = 0; j < rank; j++)
            path->along[k * rank + j] = sqrt(snnk__ridge_path_values(path)[j]) * part[dropped + j];
    }
    st = explain(path, system.rest);
done:
    snnk__free(&path->allocator, system.parts);
    return st;
}

/* The error of eigenvalues, as a share of the largest. Those of a factor are squares of singular
 * values with that error. */
static double rounding_of(const snnk_lstsq *lstsq, double rounding) {
    if (lstsq->factorization != SNNK_FACTORIZATION_GRAM) return rounding * rounding;
    return lstsq->single ? SNNK__SINGLE_ROUNDING : rounding;
}

int snnk_ridge_path_create(const snnk_lstsq *lstsq, const snnk_solve_config *config,
                           snnk_workspace *workspace, snnk_ridge_path **path) {
    snnk_solve_config ours, defaults;
    snnk_ridge_path *made = NULL;
    snnk__work work;
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    *path = NULL;
    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__solve_config_read(&defaults, NULL)) != SNNK_OK) return st;
    if ((st = snnk__solve_config_read(&ours, config)) != SNNK_OK) return st;
    ours.ridge = 0; /* ignored */
    if ((st = snnk__solve_config_check(&ours)) != SNNK_OK) return st;
    if (lstsq->rows == 0)
        return snnk__fail(SNNK_E_STATE, "no rows were added: nothing to decompose");

    const size_t m = lstsq->features, t = lstsq->targets;
    const bool of_moments = lstsq->factorization == SNNK_FACTORIZATION_GRAM;

    if ((st = snnk__check_eigenvectors(m)) != SNNK_OK) return st;
    st = snnk__alloc_zero(&lstsq->allocator, 1, sizeof *made, "a ridge path", &made);
    if (st != SNNK_OK) goto done;
    made->allocator = lstsq->allocator;
    made->features = m;
    made->targets = t;
    made->intercept = ours.intercept;
    made->rows = (double)lstsq->rows;
    made->weight = lstsq->weight;
    made->factor = !of_moments;
    made->noise = snnk__rank_tolerance(&defaults, m);
    made->rounding = rounding_of(lstsq, made->noise);
    if ((st = allocate_square(made, m, t)) != SNNK_OK) goto done;
    if (ours.intercept) {
        memcpy(made->mean_phi, lstsq->mean_phi, m * sizeof *made->mean_phi);
        memcpy(made->mean_y, lstsq->mean_y, t * sizeof *made->mean_y);
    }
    const double tolerance =
        of_moments || ours.rank_tolerance > 0 ? snnk__rank_tolerance(&ours, m) : made->rounding;
    snnk__work_begin(workspace, 1, &work);
    snnk__progress_begin_stage(&work.progress, 1);
    st = of_moments ? decompose_moments(made, lstsq, tolerance, &work.progress)
                    : decompose_factor(made, lstsq, tolerance, &work.progress);
    if (st == SNNK_OK) st = snnk__progress_finish(&work.progress);
    snnk__work_end(&work);
    if (st != SNNK_OK) goto done;
    *path = made;
    made = NULL;
done:
    snnk_ridge_path_free(made);
    return st;
}

void snnk_ridge_path_free(snnk_ridge_path *path) {
    if (!path) return;

    const snnk_allocator memory = path->allocator;
    void *const arrays[] = {path->mean_phi, path->mean_y,    path->values,   path->vectors,
                            path->along,    path->explained, path->least_rss};

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) snnk__free(&memory, arrays[i]);
    snnk__free(&memory, path);
}

size_t snnk_ridge_path_features(const snnk_ridge_path *path) { return path ? path->features : 0; }

size_t snnk_ridge_path_targets(const snnk_ridge_path *path) { return path ? path->targets : 0; }

size_t snnk_ridge_path_rank(const snnk_ridge_path *path) { return path ? path->rank : 0; }

uint64_t snnk_ridge_path_rows(const snnk_ridge_path *path) {
    return path ? (uint64_t)path->rows : 0;
}

/* ---- Scoring ---- */

/* lambda/(s + lambda), the share of a direction that shrinking leaves in the residuals, computed
 * without overflow; s > 0. */
static double left_share(double value, double ridge) { return 1 / (1 + value / ridge); }

static double degrees_of_freedom(const snnk_ridge_path *path, double ridge) {
    const double *values = snnk__ridge_path_values(path);
    double dof = path->intercept;

    for (size_t j = 0; j < path->rank; j++) dof += 1 / (1 + ridge / values[j]);
    return dof;
}

/* n - dof, as a sum of terms >= 0: precise also when it is much smaller than n. */
static double residual_freedom(const snnk_ridge_path *path, double ridge) {
    const double *values = snnk__ridge_path_values(path);
    double left = fmax(path->rows - (double)path->rank - path->intercept, 0);

    for (size_t j = 0; j < path->rank; j++) left += left_share(values[j], ridge);
    return left;
}

/* The sum of squared residuals of target k (t: of all targets): rss(0), plus what shrinking adds.
 * Nothing cancels. */
static double residual_squares(const snnk_ridge_path *path, size_t k, double ridge) {
    const double *values = snnk__ridge_path_values(path),
                 *explained = path->explained + k * path->rank;
    double rss = path->least_rss[k];

    for (size_t j = 0; j < path->rank; j++) {
        const double share = left_share(values[j], ridge);

        rss += share * share * explained[j];
    }
    return rss;
}

static double gcv_of(const snnk_ridge_path *path, double rss, double freedom) {
    return freedom > 0 ? path->rows / freedom * (rss / freedom) : INFINITY;
}

int snnk_ridge_path_score(const snnk_ridge_path *path, size_t n_ridges, const double *ridges,
                          double *rss, double *dof, double *gcv) {
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;

    const size_t t = path->targets;

    st = snnk__check_matrix(ridges, "ridges", n_ridges, t, t, sizeof *rss);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_ridges(n_ridges, ridges)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {
        SNNK__READ(ridges, 1, n_ridges, n_ridges), SNNK__WRITTEN(rss, n_ridges, t, t),
        SNNK__WRITTEN(dof, 1, n_ridges, n_ridges), SNNK__WRITTEN(gcv, n_ridges, t, t)};
    if ((st = snnk__check_overlap(4, arrays)) != SNNK_OK) return st;
    for (size_t i = 0; i < n_ridges; i++) {
        const double freedom = residual_freedom(path, ridges[i]);

        if (dof) dof[i] = degrees_of_freedom(path, ridges[i]);
        for (size_t k = 0; (rss || gcv) && k < t; k++) {
            const double squares = residual_squares(path, k, ridges[i]);

            if (rss) rss[i * t + k] = squares;
            if (gcv) gcv[i * t + k] = gcv_of(path, squares, freedom);
        }
    }
    return SNNK_OK;
}

/* ---- Choosing ---- */

#define GRID_FROM                                                                                  \
    (-12) /* from this decade, relative to the mean eigenvalue; for a factor from
                           * the next: */
#define FACTOR_FROM (-18)
#define GRID_TO     3
#define GRID_DECADE 10     /* points per decade */
#define PRECISION   4.3e-5 /* log10(1 + 1e-4) */

/* A search in progress: gcv of target k (t: of the sum) at 10^decades times the mean eigenvalue. */
typedef struct gcv_search {
    const snnk_ridge_path *path;
    size_t target;
    double mean;
    double best, least; /* the least gcv so far, and where it is */
} gcv_search;

static double ridge_at(const gcv_search *search, double decades) {
    return search->mean * pow(10, decades);
}

static double try_ridge(gcv_search *search, double decades) {
    const double ridge = ridge_at(search, decades);
    const double rss = residual_squares(search->path, search->target, ridge);
    const double gcv = gcv_of(search->path, rss, residual_freedom(search->path, ridge));

    if (gcv < search->least) search->least = gcv, search->best = decades;
    return gcv;
}

/* Golden-section search (Kiefer 1953) between two points around the best. */
static void refine(gcv_search *search, double from, double to) {
    const double golden = (sqrt(5) - 1) / 2;
    double left = to - golden * (to - from), right = from + golden * (to - from);
    double at_left = try_ridge(search, left), at_right = try_ridge(search, right);

    while (to - from > PRECISION) {
        if (at_left < at_right) {
            to = right, right = left, at_right = at_left;
            left = to - golden * (to - from);
            at_left = try_ridge(search, left);
        } else {
            from = left, left = right, at_left = at_right;
            right = from + golden * (to - from);
            at_right = try_ridge(search, right);
        }
    }
}

static double mean_value(const snnk_ridge_path *path) {
    const double *values = snnk__ridge_path_values(path);
    double mean = 0;

    for (size_t j = 0; j < path->rank; j++) mean += values[j] / (double)path->features;
    return mean;
}

static double least_gcv(const snnk_ridge_path *path, size_t target) {
    const double step = 1.0 / GRID_DECADE;
    const int from = path->factor ? FACTOR_FROM : GRID_FROM;
    gcv_search search = {
        .path = path, .target = target, .mean = mean_value(path), .best = from, .least = INFINITY};

    for (int i = 0; i <= (GRID_TO - from) * GRID_DECADE; i++)
        (void)try_ridge(&search, from + i * step);

    const double center = search.best;

    refine(&search, fmax(center - step, from), fmin(center + step, GRID_TO));
    return ridge_at(&search, search.best);
}

int snnk_ridge_path_choose_gcv(const snnk_ridge_path *path, int32_t common, double *ridges) {
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(ridges, "ridges")) != SNNK_OK) return st;
    if (common != 0 && common != 1)
        return snnk__fail(SNNK_E_RANGE, "common = %ld is neither 0 nor 1", (long)common);

    const double all = common ? least_gcv(path, path->targets) : 0;

    for (size_t k = 0; k < path->targets; k++) ridges[k] = common ? all : least_gcv(path, k);
    return SNNK_OK;
}

/* ---- Solving ---- */

/* Set B (t x m, packed) = K V with K = along/(s + lambda) (scratch), and b = mean_y - B mean. */
static int solve(const snnk_ridge_path *path, const double *ridges, double *K, double *B,
                 double *b) {
    const size_t m = path->features, t = path->targets, rank = path->rank;
    const double *values = snnk__ridge_path_values(path);
    int st;

    for (size_t k = 0; k < t; k++)
        for (size_t j = 0; j < rank; j++)
            K[k * rank + j] = path->along[k * rank + j] / (values[j] + ridges[k]);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (lapack_int)t, (lapack_int)m,
                (lapack_int)rank, 1, K, (lapack_int)rank, snnk__ridge_path_vectors(path),
                (lapack_int)m, 0, B, (lapack_int)m);
    if ((st = snnk__check_finite_f64(B, "the solution B", t, m, m)) != SNNK_OK) return st;
    for (size_t k = 0; k < t; k++) {
        double fitted = 0;

        for (size_t j = 0; j < m; j++) fitted += B[k * m + j] * path->mean_phi[j];
        b[k] = path->mean_y[k] - fitted;
    }
    return snnk__check_finite_f64(b, "the solution b", 1, t, t);
}

int snnk_ridge_path_solve(const snnk_ridge_path *path, const double *ridges, double *B, size_t ldb,
                          double *b) {
    double *K = NULL, *solution = NULL; /* t x m, then t */
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(ridges, "ridges")) != SNNK_OK) return st;

    const size_t m = path->features, t = path->targets;

    if ((st = snnk__check_matrix(B, "B", t, m, ldb, sizeof *B)) != SNNK_OK) return st;
    if ((st = snnk__check_ridges(t, ridges)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__WRITTEN(B, t, m, ldb), SNNK__WRITTEN(b, 1, t, t)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    st = snnk__alloc(&path->allocator, t * path->rank, sizeof *K, "projected coefficients", &K);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(&path->allocator, t * m + t, sizeof *solution, "the solution", &solution);
    if (st != SNNK_OK) goto done;
    if ((st = solve(path, ridges, K, solution, solution + t * m)) != SNNK_OK) goto done;
    for (size_t k = 0; k < t; k++) memcpy(B + k * ldb, solution + k * m, m * sizeof *B);
    if (b) memcpy(b, solution + t * m, t * sizeof *b);
done:
    snnk__free(&path->allocator, solution);
    snnk__free(&path->allocator, K);
    return st;
}
