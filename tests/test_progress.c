/* The progress function of a workspace: what it is told, and what stays after it cancels a call.
 *
 * Every long call runs three times in one loop: cancelled at call k of the progress function, for
 * several k; then repeated to its end. The end must be that of a run without a progress function,
 * bit for bit. */
#include "support/compare.h"

#include <stdlib.h>

#include "solve/dual.h"
#include "solve/eigen.h"
#include "support/alloc.h"
#include "support/statistics.h"

/* More features than a panel of the Cholesky factorization and a leaf of divide and conquer
 * have. */
enum { M = 620, T = 3, N = 1300, FEW = 40, OUTPUTS = 20000 };

#define UNTOUCHED 7.5 /* of outputs before a call */

static float *Phi, *Y;
static int32_t labels[N];
static snnk_lstsq *wide, *singular, *factor, *singular_factor, *heldout;
static test_memory memory;
static snnk_allocator allocator;

/* ---- The progress function ---- */

typedef struct counter {
    long calls, cancel_at;
    double last;
} counter;

static int count_call(void *user, double share) {
    counter *c = user;

    c->calls++;
    assert_true(share >= c->last && share <= 1); /* also not NaN */
    c->last = share;
    return c->calls == c->cancel_at;
}

/* ---- Results of a call ---- */

typedef struct results {
    double values[OUTPUTS];
    size_t count;
} results;

static void put(results *r, size_t count, const double *values) {
    assert_true(r->count + count <= OUTPUTS);
    memcpy(r->values + r->count, values, count * sizeof *values);
    r->count += count;
}

static void fill(size_t count, double *values) {
    for (size_t i = 0; i < count; i++) values[i] = UNTOUCHED;
}

static void assert_untouched(size_t count, const double *values) {
    for (size_t i = 0; i < count; i++) assert_true(values[i] == UNTOUCHED);
}

/* Keep a solution after success; it must be untouched otherwise. */
static int keep(int st, double *B, size_t count, results *r) {
    if (st == SNNK_OK)
        put(r, count, B);
    else
        assert_untouched(count, B);
    free(B);
    return st;
}

static double *room(size_t count) {
    double *values = malloc(count * sizeof *values);

    fill(count, values);
    return values;
}

/* ---- The calls ---- */

static snnk_lstsq *statistics_of(size_t n, size_t first, int32_t factorization) {
    snnk_lstsq *lstsq;

    assert_ok(snnk_lstsq_create(M, T, &allocator, &lstsq));
    assert_ok(snnk_lstsq_set_factorization(lstsq, factorization));
    assert_ok(snnk_lstsq_add(
        lstsq, SNNK_ROWS(.n = n, .X = Phi + first * M, .ldx = M, .Y = Y + first * T, .ldy = T),
        NULL));
    return lstsq;
}

static void make_statistics(void) {
    Phi = statistics_random((size_t)N * M, 1);
    Y = statistics_random((size_t)N * T, 2);
    for (size_t i = 0; i < (size_t)N * M; i++) /* powers of two: the scaling of the solver acts */
        Phi[i] *= i % M % 2 ? 1 : 4;
    for (size_t i = 0; i < N; i++) labels[i] = Y[i * T] > 0 ? 1 : 0;
    allocator = test_memory_allocator(&memory);
    wide = statistics_of(N, 0, SNNK_FACTORIZATION_GRAM);
    singular = statistics_of(M / 2, 0, SNNK_FACTORIZATION_GRAM);
    factor = statistics_of(N, 0, SNNK_FACTORIZATION_QR);
    singular_factor = statistics_of(M / 2, 0, SNNK_FACTORIZATION_QR);
    heldout = statistics_of(FEW, 300, SNNK_FACTORIZATION_GRAM);
}

static void free_statistics(void) {
    snnk_lstsq_free(wide);
    snnk_lstsq_free(singular);
    snnk_lstsq_free(factor);
    snnk_lstsq_free(singular_factor);
    snnk_lstsq_free(heldout);
    free(Phi);
    free(Y);
}

static int solve_statistics(snnk_lstsq *lstsq, double ridge, snnk_workspace *workspace,
                            results *r) {
    double *B = room(T * M + T + 1);
    snnk_solve_config config;
    snnk_solve_report report = {.size = sizeof report, .rss = UNTOUCHED};
    int st;

    snnk_solve_config_init(&config, sizeof config);
    config.ridge = ridge;
    st = snnk_lstsq_solve(lstsq, &config, workspace, B, M, B + T * M, &report);
    B[T * M + T] = report.rss;
    return keep(st, B, T * M + T + 1, r);
}

static int solve_wide(snnk_workspace *w, results *r) { return solve_statistics(wide, 1e-3, w, r); }
static int solve_singular(snnk_workspace *w, results *r) {
    return solve_statistics(singular, 0, w, r);
}
static int solve_factor(snnk_workspace *w, results *r) {
    return solve_statistics(factor, 1e-3, w, r);
}
static int solve_singular_factor(snnk_workspace *w, results *r) {
    return solve_statistics(singular_factor, 0, w, r);
}

static int choose_ridge(snnk_workspace *workspace, results *r) {
    const double ridges[] = {0, 1e-3, 1};
    double *errors = room(3);
    size_t best = SIZE_MAX;
    const int st =
        snnk_lstsq_choose_ridge(singular, heldout, NULL, 3, ridges, workspace, errors, &best);

    if (st != SNNK_OK) assert_true(best == SIZE_MAX);
    return keep(st, errors, 3, r);
}

static int make_path(const snnk_lstsq *lstsq, snnk_workspace *workspace, results *r) {
    const double ridges[T] = {1e-3, 1, 10};
    double *B = room(T * M + T);
    snnk_ridge_path *path = (snnk_ridge_path *)(void *)B;
    const int st = snnk_ridge_path_create(lstsq, NULL, workspace, &path);

    if (st == SNNK_OK)
        assert_ok(snnk_ridge_path_solve(path, ridges, B, M, B + T * M));
    else
        assert_null(path);
    snnk_ridge_path_free(path);
    return keep(st, B, T * M + T, r);
}

static int path_of_moments(snnk_workspace *w, results *r) { return make_path(wide, w, r); }
static int path_of_factor(snnk_workspace *w, results *r) { return make_path(factor, w, r); }

static int solve_logistic(snnk_workspace *workspace, results *r) {
    double *B = room(2 * M + 2);
    snnk_logistic_config config;

    snnk_logistic_config_init(&config, sizeof config);
    config.allocator = &allocator;
    return keep(
        snnk_logistic_solve(SNNK_ROWS(.n = N, .inputs = M, .X = Phi, .ldx = M, .labels = labels), 2,
                            &config, workspace, B, M, B + 2 * M, NULL),
        B, 2 * M + 2, r);
}

static int start_rls(snnk_workspace *workspace, results *r) {
    double *B = room(T * M);
    snnk_rls *rls = (snnk_rls *)(void *)B;
    const int st = snnk_rls_create_from_lstsq(factor, 1, 1, workspace, &rls);

    if (st == SNNK_OK)
        assert_ok(snnk_rls_solution(rls, B, M));
    else
        assert_null(rls);
    snnk_rls_free(rls);
    return keep(st, B, T * M, r);
}

/* Forget the first FEW rows, or all. Statistics of a cancelled call are as before. */
static int forget_from(const snnk_lstsq *lstsq, size_t n, snnk_workspace *workspace, results *r) {
    double *before = statistics_copy(lstsq), *after;
    snnk_lstsq *copy;
    int st;

    assert_ok(snnk__lstsq_clone(lstsq, &allocator, &copy));
    st =
        snnk_lstsq_forget(copy, SNNK_ROWS(.n = n, .X = Phi, .ldx = M, .Y = Y, .ldy = T), workspace);
    after = statistics_copy(copy);
    if (st == SNNK_OK) {
        put(r, T * M, copy->C);
        put(r, M, after + M + T + (M - 1) * M); /* the last row of S */
    } else {
        assert_memory_equal(before, after, statistics_count(copy) * sizeof *after);
        assert_true(copy->rows == lstsq->rows);
    }
    free(before);
    free(after);
    snnk_lstsq_free(copy);
    return st;
}

static int forget_moments(snnk_workspace *w, results *r) { return forget_from(wide, FEW, w, r); }
static int forget_factor(snnk_workspace *w, results *r) { return forget_from(factor, FEW, w, r); }
static int forget_all(snnk_workspace *w, results *r) { return forget_from(factor, N, w, r); }

static int make_dual(snnk_workspace *workspace, results *r) {
    enum { ROWS = M };
    double *targets = malloc(ROWS * sizeof *targets), *B = room(M + 1);
    const snnk__dual_data data = {.allocator = &allocator,
                                  .n = ROWS,
                                  .m = M,
                                  .t = 1,
                                  .Phi = Phi,
                                  .ldphi = M,
                                  .Y = targets,
                                  .ldy = 1,
                                  .intercept = true,
                                  .workspace = workspace};
    const double ridge = 0.1;
    snnk__dual *dual = (snnk__dual *)(void *)B;
    int st;

    for (size_t i = 0; i < ROWS; i++) targets[i] = (double)Y[i];
    st = snnk__dual_create(&data, &dual);
    if (st == SNNK_OK)
        assert_ok(snnk__dual_solve(dual, &ridge, B, M, B + M));
    else
        assert_null(dual);
    snnk__dual_free(dual);
    free(targets);
    return keep(st, B, M + 1, r);
}

/* A fit that chooses its ridge, with rows that are held out; its solution, then its statistics. */
static int solve_fit(snnk_workspace *workspace, results *r) {
    enum { INPUTS = 6, FEATURES = 330 };
    snnk_map_config config;
    snnk_map *map;
    snnk_fit *fit;
    snnk_layer *layer = NULL;
    snnk_lstsq *all;
    double *b = room(T + 1);
    snnk_fit_report report = {.size = sizeof report, .ridge = UNTOUCHED};
    int st;

    snnk_map_config_init(&config, sizeof config);
    config.kind = SNNK_MAP_GAUSSIAN;
    config.features = FEATURES;
    config.allocator = &allocator;
    assert_ok(snnk_map_create(INPUTS, &config, NULL, &map));
    assert_ok(snnk_fit_create(map, T, NULL, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
    st = snnk_fit_solve(fit, workspace, &report, &layer);
    if (st == SNNK_OK)
        assert_ok(snnk_layer_bias(layer, b));
    else
        assert_null(layer);
    b[T] = report.ridge;
    snnk_layer_free(layer);
    st = keep(st, b, T + 1, r);
    if (st == SNNK_OK) {
        assert_ok(snnk_fit_statistics(fit, NULL, &all));
        put(r, FEATURES, all->C);
        snnk_lstsq_free(all);
    }
    snnk_fit_free(fit);
    snnk_map_free(map);
    return st;
}

/* ---- Cancelling ---- */

typedef int (*call)(snnk_workspace *workspace, results *r);

/* about: how many of the calls of the progress function are tried. */
static void check(call run, long about) {
    results *expected = calloc(1, sizeof *expected), *r = calloc(1, sizeof *r);
    counter c = {0};
    snnk_workspace *workspace;
    const long alive = memory.alive;

    assert_ok(run(NULL, expected));
    assert_ok(snnk_workspace_create(1, NULL, &workspace));
    assert_ok(snnk_workspace_set_progress(workspace, count_call, &c));
    assert_ok(run(workspace, r));
    assert_true(c.calls > 1 && c.last == 1);
    assert_memory_equal(r, expected, sizeof *r);

    const long calls = c.calls, step = calls / about + 1;

    for (long k = 1; k <= calls; k = k < calls && k + step > calls ? calls : k + step) {
        c = (counter){.cancel_at = k};
        *r = (results){0};
        assert_status(run(workspace, r), SNNK_E_CANCELLED);
        assert_int_equal(c.calls, k); /* not called again after it cancelled */
        assert_int_equal(r->count, 0);
        assert_int_equal(memory.alive, alive);
    }
    c = (counter){0};
    assert_ok(run(workspace, r));
    assert_memory_equal(r, expected, sizeof *r);
    assert_int_equal(c.calls, calls);

    /* Without a progress function again. */
    assert_ok(snnk_workspace_set_progress(workspace, NULL, NULL));
    c = (counter){0};
    *r = (results){0};
    assert_ok(run(workspace, r));
    assert_int_equal(c.calls, 0);
    snnk_workspace_free(workspace);
    free(expected);
    free(r);
}

static void cancelled_solutions_leave_nothing(void **state) {
    (void)state;
    check(solve_wide, 8);
    check(solve_singular, 8);
    check(solve_factor, 8);
    check(solve_singular_factor, 5);
    check(choose_ridge, 8);
}

static void cancelled_decompositions_leave_nothing(void **state) {
    (void)state;
    check(path_of_moments, 8);
    check(path_of_factor, 5);
    check(make_dual, 8);
    check(start_rls, 8);
}

static void cancelled_logistic_regression_leaves_nothing(void **state) {
    (void)state;
    check(solve_logistic, 5);
}

static void cancelled_forgetting_changes_nothing(void **state) {
    (void)state;
    check(forget_moments, 8);
    check(forget_factor, 5);
    check(forget_all, 5);
}

static void cancelled_fits_leave_nothing(void **state) {
    (void)state;
    check(solve_fit, 5);
}

/* ---- Eigenvectors by divide and conquer ---- */

/* The path graph with 2 on the diagonal and -1 beside it has the eigenvalues 2 - 2 cos(k pi/(n+1)).
 * Scaled by a power of two, which must change nothing but the scale. */
static void eigenvalues_of_a_path_graph(void **state) {
    enum { SIZE = 1300 }; /* two levels of merging */
    const double scales[] = {1, 0x1p600, 0x1p-600};
    snnk_allocator ours;
    (void)state;

    assert_ok(snnk__allocator_read(&ours, NULL));
    for (size_t s = 0; s < 3; s++) {
        double *A = calloc((size_t)SIZE * SIZE, sizeof *A), values[SIZE];

        for (size_t i = 0; i < SIZE; i++) {
            A[i * SIZE + i] = 2 * scales[s];
            if (i + 1 < SIZE) A[i * SIZE + i + 1] = -scales[s];
        }
        assert_ok(snnk__eigenvectors(&ours, SIZE, 'L', A, values, NULL));
        for (size_t k = 0; k < SIZE; k++) {
            const double exact = 2 - 2 * cos((double)(k + 1) * 3.14159265358979323846 / (SIZE + 1));
            double square = 0, product = 0, next = 0;
            const double *v = A + k * SIZE, *after = v + (k + 1 < SIZE ? SIZE : 0);

            /* A few roundings of the largest eigenvalue, 4. */
            assert_close(values[k] / scales[s], exact, 0, 4e-15);
            for (size_t i = 0; i < SIZE; i++) {
                const double Av = 2 * v[i] - (i > 0 ? v[i - 1] : 0) - (i + 1 < SIZE ? v[i + 1] : 0);

                /* n eps would be 3e-13; divide and conquer stays far below. */
                assert_close(Av, exact * v[i], 0, 2e-14);
                square += v[i] * v[i];
                product += v[i] * after[i];
            }
            next = k + 1 < SIZE ? product : 0;
            assert_close(square, 1, 2e-14, 0);
            assert_close(next, 0, 0, 2e-14);
        }
        free(A);
    }
}

/* Many equal eigenvalues: a projection has the eigenvalues 0 and 1 only, so that nearly everything
 * deflates. I - 2 v v^T/|v|^2 with v = 1, 2, ...: -1 once, and 1. */
static void eigenvalues_that_are_equal(void **state) {
    enum { SIZE = 700 };
    double *A = calloc((size_t)SIZE * SIZE, sizeof *A), values[SIZE], square = 0;
    snnk_allocator ours;
    (void)state;

    assert_ok(snnk__allocator_read(&ours, NULL));
    for (size_t i = 0; i < SIZE; i++) square += (double)(i + 1) * (double)(i + 1);
    for (size_t i = 0; i < SIZE; i++)
        for (size_t j = 0; j <= i; j++)
            A[i * SIZE + j] = (i == j) - 2 * (double)(i + 1) * (double)(j + 1) / square;
    assert_ok(snnk__eigenvectors(&ours, SIZE, 'U', A, values, NULL));
    assert_close(values[0], -1, 1e-14, 0); /* backward stable: a few roundings of the norm, 1 */
    for (size_t k = 1; k < SIZE; k++) assert_close(values[k], 1, 1e-14, 0);
    for (size_t i = 0; i < SIZE; i++) /* the vector of -1 is v/|v|, of either sign */
        assert_close(fabs(A[i]), (double)(i + 1) / sqrt(square), 0, 1e-13);
    free(A);
}

static void arguments_are_checked(void **state) {
    (void)state;
    assert_status(snnk_workspace_set_progress(NULL, count_call, NULL), SNNK_E_NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_solutions_leave_nothing),
        cmocka_unit_test(cancelled_decompositions_leave_nothing),
        cmocka_unit_test(cancelled_logistic_regression_leaves_nothing),
        cmocka_unit_test(cancelled_forgetting_changes_nothing),
        cmocka_unit_test(cancelled_fits_leave_nothing),
        cmocka_unit_test(eigenvalues_of_a_path_graph),
        cmocka_unit_test(eigenvalues_that_are_equal),
        cmocka_unit_test(arguments_are_checked),
    };
    int failed;

    make_statistics();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    free_statistics();
    return failed;
}
