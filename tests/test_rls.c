/* src/solve/rls.c: compared with solutions in long double of all rows, weighted by age. */
#include <float.h>

#include "support/alloc.h"
#include "support/draw.h"
#include "support/files.h"
#include "support/oracle.h"
#include "support/statistics.h"

#include "model/model.h"
#include "solve/rls.h"

static snnk_rls *create(size_t m, size_t t, double ridge, double forgetting) {
    snnk_rls *rls = NULL;

    assert_ok(snnk_rls_create(m, t, ridge, forgetting, NULL, &rls));
    return rls;
}

static void update(snnk_rls *rls, size_t n, const float *Phi, const float *Y) {
    assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = n, .X = Phi, .Y = Y), NULL, 0));
}

/* The normal equations of what the header says is minimised, for packed rows: A = sum mu^(n-i) w
 * phi phi^T + mu^n ridge, R likewise with y. weights: n, or NULL for ones. */
static void batch(const snnk_rls *rls, size_t n, const float *Phi, const float *Y,
                  const float *weights, long double *A, long double *R) {
    const size_t m = rls->features, t = rls->targets;

    for (size_t i = 0; i < m * m; i++)
        A[i] = i % (m + 1) == 0 ? rls->ridge * powl(rls->forgetting, (long double)n) : 0;
    for (size_t i = 0; i < t * m; i++) R[i] = 0;
    for (size_t i = 0; i < n; i++) {
        const long double age = powl(rls->forgetting, (long double)(n - 1 - i));
        const long double w = weights ? age * weights[i] : age;

        for (size_t j = 0; j < m; j++) {
            for (size_t l = 0; l < m; l++) A[j * m + l] += w * Phi[i * m + j] * Phi[i * m + l];
            for (size_t k = 0; k < t; k++) R[k * m + j] += w * Phi[i * m + j] * Y[i * t + k];
        }
    }
}

/* Check that B and the leverages of 3 rows are those of A and R, which are destroyed. */
static void assert_solves(const snnk_rls *rls, long double *A, long double *R, double rtol) {
    const size_t m = rls->features, t = rls->targets;
    double *B = malloc(t * m * sizeof *B), largest = 0, leverage[3];
    float *rows = statistics_random(3 * m, 99), *Y = malloc(3 * t * sizeof *Y);
    long double *x = malloc((t + 3) * m * sizeof *x);

    for (size_t i = 0; i < t * m; i++) x[i] = R[i];
    for (size_t i = 0; i < 3 * m; i++) x[t * m + i] = rows[i];
    oracle_solve(m, t + 3, A, x);
    assert_ok(snnk_rls_solution(rls, B, m));
    assert_ok(snnk_rls_predict(rls, 3, rows, m, Y, t, leverage));
    for (size_t i = 0; i < t * m; i++) largest = fmax(largest, fabs((double)x[i]));
    for (size_t i = 0; i < t * m; i++) assert_close(B[i], (double)x[i], 0, rtol * largest);
    for (size_t i = 0; i < 3; i++) {
        long double h = 0;

        for (size_t j = 0; j < m; j++) h += rows[i * m + j] * x[(t + i) * m + j];
        assert_close(leverage[i], (double)h, rtol, 0);
        for (size_t k = 0; k < t; k++) {
            double y = 0;

            for (size_t j = 0; j < m; j++) y += B[k * m + j] * (double)rows[i * m + j];
            assert_close((double)Y[i * t + k], y, 1e-7, 1e-7 * largest); /* a float */
        }
    }
    free(x);
    free(Y);
    free(rows);
    free(B);
}

/* m = t = 1, ridge 1, mu = 1/2: rows (2, 6), (1, 1). P^-1 = 1/2 + 4 = 9/2, B = 12/(9/2) = 8/3. Then
 * P^-1 = 9/4 + 1 = 13/4, B = (6 + 1)/(13/4) = 28/13. */
static void test_by_hand(void **state) {
    snnk_rls *rls = create(1, 1, 1, 0.5);
    float phi = 2, y = 6, predicted = 9;
    double B, h;

    (void)state;
    assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = &phi, .Y = &y), &predicted, 0));
    assert_true(predicted == 0);
    assert_ok(snnk_rls_solution(rls, &B, 1));
    assert_close(B, 8.0 / 3, 10 * DBL_EPSILON, 0);
    phi = 1, y = 1;
    assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = &phi, .Y = &y), &y,
                           0)); /* written over the target itself */
    assert_close((double)y, 8.0 / 3, 1e-7, 0);
    assert_ok(snnk_rls_solution(rls, &B, 1));
    assert_close(B, 28.0 / 13, 10 * DBL_EPSILON, 0);
    assert_ok(snnk_rls_predict(rls, 1, &phi, 1, &y, 1, &h));
    assert_close(h, 4.0 / 13, 10 * DBL_EPSILON, 0);
    assert_close((double)y, 28.0 / 13, 1e-7, 0);
    assert_int_equal(snnk_rls_rows(rls), 2);
    snnk_rls_free(rls);
}

/* Rotations are orthogonal: n of them add n eps to a system whose condition is below 1e4 here (a
 * mean of 1): 1e-9. */
static void test_is_the_batch_solution(void **state) {
    enum { N = 400, M = 21, T = 3 };
    const double forgetting[] = {1, 0.99, 0.9, 0.5}, ridge[] = {1e-3, 0.1, 1, 2};
    float *Phi = statistics_random(N * M, 1), *Y = statistics_random(N * T, 2);
    long double A[M * M], R[T * M];

    (void)state;
    for (size_t i = 0; i < N * M; i++) Phi[i] += 1;
    for (size_t f = 0; f < 4; f++)
        for (size_t n = 1; n <= N; n *= 20) {
            snnk_rls *rls = create(M, T, ridge[f], forgetting[f]);

            update(rls, n, Phi, Y);
            assert_int_equal(snnk_rls_rows(rls), n);
            batch(rls, n, Phi, Y, NULL, A, R);
            assert_solves(rls, A, R, 1e-9);
            snnk_rls_free(rls);
            if (forgetting[f] == 0.5 && n == 20) break; /* later, fewer rows than features count */
        }
    free(Y);
    free(Phi);
}

/* mu = 1 gives the solution of snnk_lstsq_solve; without an intercept, with more targets than
 * features. */
static void test_is_the_ridge_solution(void **state) {
    enum { N = 200, M = 12, T = 15 };
    float *Phi = statistics_random(N * M, 3), *Y = statistics_random(N * T, 4);
    snnk_solve_config config;
    snnk_lstsq *s = NULL;
    snnk_rls *rls = create(M, T, 0.25, 1);
    double B[T * (M + 1)], expected[T * M];

    (void)state;
    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = 0.25;
    config.intercept = 0;
    assert_ok(snnk_lstsq_create(M, T, NULL, &s));
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
    assert_ok(snnk_lstsq_solve(s, &config, NULL, expected, M, NULL, NULL));
    update(rls, N, Phi, Y);
    for (size_t i = 0; i < T * (M + 1); i++) B[i] = 99;
    assert_ok(snnk_rls_solution(rls, B, M + 1));
    for (size_t k = 0; k < T; k++) {
        for (size_t j = 0; j < M; j++)
            assert_close(B[k * (M + 1) + j], expected[k * M + j], 0, 1e-9);
        assert_true(B[k * (M + 1) + M] == 99);
    }
    snnk_rls_free(rls);
    snnk_lstsq_free(s);
    free(Y);
    free(Phi);
}

/* Half of the rows from statistics, which count fully, the others one by one. */
static void test_from_statistics(void **state) {
    enum { N = 100, M = 7, T = 2 };
    const double mu = 0.98, ridge = 0.5;
    float *Phi = statistics_random(2 * N * M, 5), *Y = statistics_random(2 * N * T, 6);
    snnk_lstsq *s = NULL;
    snnk_rls *rls = NULL;
    long double A[M * M], R[T * M], old_A[M * M], old_R[T * M];

    (void)state;
    for (size_t i = 0; i < 2 * N * M; i++) Phi[i] += 2;
    assert_ok(snnk_lstsq_create(M, T, NULL, &s));
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
    double *before = statistics_copy(s);
    assert_ok(snnk_rls_create_from_lstsq(s, ridge, mu, NULL, &rls));
    statistics_assert_same(s, N, before);
    snnk_lstsq_free(s);
    assert_int_equal(snnk_rls_rows(rls), N);

    const oracle_rows rows = {N, M, T, Phi, Y, NULL, SIZE_MAX};
    long double mean[M + T];

    oracle_system(&rows, 0, ridge, mean, old_A, old_R);
    memcpy(A, old_A, sizeof A), memcpy(R, old_R, sizeof R);
    assert_solves(rls, A, R, 1e-9);

    update(rls, N, Phi + N * M, Y + N * T);
    batch(rls, N, Phi + N * M, Y + N * T, NULL, A, R);
    for (size_t i = 0; i < M * M; i++) /* instead of only the ridge */
        A[i] += powl(mu, N) * (old_A[i] - (i % (M + 1) == 0 ? ridge : 0));
    for (size_t i = 0; i < T * M; i++) R[i] += powl(mu, N) * old_R[i];
    assert_solves(rls, A, R, 1e-9);
    snnk_rls_free(rls);
    free(Y);
    free(Phi);
}

static snnk_lstsq *sums_of(size_t n, size_t m, const float *Phi, const float *Y,
                           int32_t precision) {
    snnk_lstsq *s = NULL;

    assert_ok(snnk_lstsq_create(m, 1, NULL, &s));
    assert_ok(snnk_lstsq_set_precision(s, precision));
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = n, .X = Phi, .ldx = m, .Y = Y, .ldy = 1), NULL));
    return s;
}

/* A column that is exactly the sum of two others is refused with a negligible ridge, whatever the
 * rounding: of double, of float, or of rows 1e3 times as large that were forgotten. With a
 * sufficient ridge, or without that column, it is accepted. */
static void test_dependent_columns(void **state) {
    enum { N = 400, M = 8, GONE = 100 };
    snnk_rls *rls = NULL;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        for (int kind = 0; kind < 4; kind++) {
            const size_t n = seed % 2 ? N : N / 2;
            const int32_t precision = kind == 1 || kind == 3;
            float *Phi = statistics_random(n * M, seed), *Y = statistics_random(n, 50 + seed);

            /* Sums of squares are about 1000 to 10,000: a ridge of 1e-12 is 1e-15 of that. */
            for (size_t i = 0; i < n * M; i++) {
                if (kind == 3) Phi[i] = Phi[i] > 0; /* equal sums, which round the same way */
                Phi[i] *= kind == 2 && i < GONE * M ? 8192 : 8;
            }
            snnk_lstsq *s = sums_of(n, M, Phi, Y, precision);
            if (kind == 2)
                assert_ok(snnk_lstsq_forget(
                    s, SNNK_ROWS(.n = GONE, .X = Phi, .ldx = M, .Y = Y, .ldy = 1), NULL));
            assert_ok(snnk_rls_create_from_lstsq(s, 1e-12, 1, NULL, &rls));
            snnk_rls_free(rls);
            snnk_lstsq_free(s);

            for (size_t i = 0; i < n; i++) Phi[i * M + 7] = Phi[i * M + 2] + Phi[i * M + 4];
            s = sums_of(n, M, Phi, Y, precision);
            if (kind == 2)
                assert_ok(snnk_lstsq_forget(
                    s, SNNK_ROWS(.n = GONE, .X = Phi, .ldx = M, .Y = Y, .ldy = 1), NULL));
            assert_status(snnk_rls_create_from_lstsq(s, 1e-12, 1, NULL, &rls), SNNK_E_SINGULAR);
            assert_ok(snnk_rls_create_from_lstsq(s, precision ? 1 : 1e-2, 1, NULL, &rls));
            snnk_rls_free(rls);
            snnk_lstsq_free(s);
            free(Y);
            free(Phi);
        }
}

/* ---- The square root */

/* P of a single feature: the leverage of its unit row. */
static double variance(const snnk_rls *rls, size_t j) {
    float *row = calloc(rls->features, sizeof *row), *y = calloc(rls->targets, sizeof *y);
    double h;

    row[j] = 1;
    assert_ok(snnk_rls_predict(rls, 1, row, rls->features, y, rls->targets, &h));
    free(y);
    free(row);
    return h;
}

/* 1e5 rows of features whose lengths are 1e-5 ... 1e6, two of them nearly equal. P would become
 * indefinite if it were updated directly. P^-1 of a feature of length a is at least about n a^2/3,
 * and P is not smaller than if all other features were known. */
static void test_stays_positive(void **state) {
    enum { N = 100000, M = 6 };
    const float length[M] = {1e-5F, 1e6F, 1, 1, 1e3F, 1e-3F};
    uint64_t seed = 7;

    (void)state;
    for (int forgets = 0; forgets < 2; forgets++) {
        snnk_rls *rls = create(M, 1, 1e-12, forgets ? 0.999 : 1);
        const double rows = forgets ? 1000 : N; /* the rows that count */
        double B[M];

        for (size_t i = 0; i < N; i++) {
            float phi[M], y = 0;

            draw_floats(phi, M, draw_bits(&seed));
            phi[3] = phi[2] + 1e-4F * phi[3];
            for (size_t j = 0; j < M; j++) {
                phi[j] *= length[j];
                y += phi[j] / length[j];
            }
            assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = &y), NULL, 0));
        }
        assert_ok(snnk_rls_solution(rls, B, M));
        for (size_t j = 0; j < M; j++) {
            const double a = (double)length[j], alone = 3 / (rows * a * a);
            /* Twins are determined by only 1e-4 of their length. */
            const double twins = j == 2 || j == 3 ? 1e8 : 1;

            assert_true(snnk__rls_column(rls, j)[j] > 0);
            /* A factor of 2 for chance, which is 8 deviations of a sum of 1000. */
            assert_true(variance(rls, j) > alone * twins / 2 &&
                        variance(rls, j) < alone * twins * 2);
            /* Targets have 4 roundings to float, 2e-7. The ridge changes the shortest feature by
             * 3e-7. */
            assert_close(B[j] * a, 1, 0, 1e-6 * sqrt(twins));
        }
        snnk_rls_free(rls);
    }
}

/* By hand: for a feature that is always zero P is mu^-n/ridge, 5.2e11/ridge at row 256 and
 * 2.8e12/ridge at 272, where the guard makes it 1e6/ridge (1e6 minus one part in 3e6). */
static void test_guard(void **state) {
    const double mu = 0.9, ridge = 2;
    const float phi[] = {1, 0}, y = 1;
    snnk_rls *rls = create(2, 1, ridge, mu);

    (void)state;
    for (int n = 1; n <= 300; n++) {
        const double expected = n < 272 ? pow(mu, -n) : 1e6 * pow(mu, 272 - n);

        assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = &y), NULL, 0));
        assert_close(variance(rls, 1) * ridge, expected, n < 272 ? 1e-12 : 1e-6, 0);
    }
    snnk_rls_free(rls);
}

/* A feature that is always zero, and two that are always equal: P of unexcited directions stays
 * between 1e6/ridge and 1e12/ridge (and what 16 rows add), and the other features are what they
 * would be alone. */
static void test_windup(void **state) {
    enum { N = 20000, M = 5, T = 1 };
    const double mu = 0.9, ridge = 2, least = 0.99e6 / ridge;
    const double most = 1e12 / ridge * pow(mu, -17);
    snnk_rls *rls = create(M, T, ridge, mu), *alone = create(2, T, ridge, mu);
    uint64_t seed = 8;
    double B[M], expected[2];
    float phi[M] = {0}, two[2], y;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        two[0] = (float)draw_uniform(&seed), two[1] = (float)draw_uniform(&seed);
        phi[0] = two[0], phi[4] = two[1]; /* 1 is always zero, 2 and 3 are twins, which are zero at
                                           * first */
        y = two[0] - 2 * two[1] + (float)draw_uniform(&seed);
        assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = &y), NULL, 0));
        assert_ok(snnk_rls_add(alone, SNNK_ROWS(.n = 1, .X = two, .Y = &y), NULL, 0));
    }
    assert_ok(snnk_rls_solution(rls, B, M));
    assert_ok(snnk_rls_solution(alone, expected, 2));
    /* The same rotations except for turns by 0: rounding only. */
    assert_close(B[0], expected[0], 1e-12, 0);
    assert_close(B[4], expected[1], 1e-12, 0);
    assert_close(variance(rls, 0), variance(alone, 0), 1e-12, 0);
    assert_close(variance(rls, 4), variance(alone, 1), 1e-12, 0);
    assert_true(B[1] == 0 && B[2] == 0 && B[3] == 0);
    for (size_t j = 1; j < 4; j++) assert_true(variance(rls, j) > least && variance(rls, j) < most);

    /* Now the twins vary, always equally: their sum is learned and tracked, (1, -1) stays unknown.
     * The other features stay accurate. */
    for (size_t i = 0; i < N; i++) {
        const float slope = i < N / 2 ? 3 : -1;

        two[0] = (float)draw_uniform(&seed), two[1] = (float)draw_uniform(&seed);
        phi[0] = two[0], phi[4] = two[1], phi[2] = phi[3] = (float)draw_uniform(&seed);
        y = slope * two[0] - 2 * two[1] + slope * phi[2];
        assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = &y), NULL, 0));
    }
    assert_ok(snnk_rls_solution(rls, B, M));
    /* y has an error of 2e-7, and the twins' rows of U have length 1e6: eps 1e6. */
    assert_close(B[0], -1, 1e-5, 0);
    assert_close(B[4], -2, 1e-5, 0);
    assert_close(B[2] + B[3], -1, 1e-5, 0);
    for (size_t j = 1; j < 4; j++)
        assert_true(variance(rls, j) > least / 4 && variance(rls, j) < most);

    /* Now the zero feature varies too: it is learned at once. */
    phi[1] = 1;
    y = 10 - two[0] - 2 * two[1] - phi[2];
    phi[0] = two[0], phi[4] = two[1];
    assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = &y), NULL, 0));
    assert_ok(snnk_rls_solution(rls, B, M));
    assert_close(B[1], 10, 1e-4, 0);
    assert_true(variance(rls, 1) < 10);
    snnk_rls_free(alone);
    snnk_rls_free(rls);
}

/* ---- Files */

static void assert_same(const snnk_rls *a, const snnk_rls *b) {
    const size_t m = a->features, t = a->targets;

    assert_int_equal(b->features, m);
    assert_int_equal(b->targets, t);
    assert_int_equal(b->rows, a->rows);
    assert_true(b->ridge == a->ridge && b->forgetting == a->forgetting && b->scale == a->scale);
    assert_memory_equal(b->U, a->U, m * (m + 1) / 2 * sizeof *a->U);
    assert_memory_equal(b->B, a->B, t * m * sizeof *a->B);
}

/* Save to memory, which gives the bytes of the file at `path`, and load from there. */
static snnk_rls *through_memory(const snnk_rls *rls, const char *path) {
    unsigned char in_file[4096];
    snnk_rls *loaded;
    size_t bytes;

    assert_ok(snnk_rls_saved_bytes(rls, &bytes));
    void *buffer = malloc(bytes);
    assert_ok(snnk_rls_save_memory(rls, buffer, bytes));
    assert_int_equal(test_slurp(path, in_file, sizeof in_file), bytes);
    assert_memory_equal(buffer, in_file, bytes);
    assert_ok(snnk_rls_load_memory(buffer, bytes, NULL, &loaded));
    free(buffer);
    return loaded;
}

/* A loaded object continues with the same bits, at any scale of U. */
static void test_continues_from_a_file(void **state) {
    enum { M = 4, T = 2 };
    float *Phi = statistics_random(200 * M, 9), *Y = statistics_random(200 * T, 10);
    test_files files;

    (void)state;
    test_files_make(&files);
    for (size_t n = 0; n <= 90; n += 45) { /* at 0.5, 64 rows double the scale to 2^32 */
        snnk_rls *saved = create(M, T, 3, 0.5), *loaded = NULL;

        update(saved, n, Phi, Y);
        assert_ok(snnk_rls_save(saved, test_path(&files, "r")));
        assert_ok(snnk_rls_load(files.path, NULL, &loaded));
        assert_same(saved, loaded);
        snnk_rls *from_memory = through_memory(saved, files.path);
        assert_same(saved, from_memory);
        update(saved, 100, Phi + n * M, Y + n * T);
        update(loaded, 100, Phi + n * M, Y + n * T);
        update(from_memory, 100, Phi + n * M, Y + n * T);
        assert_same(saved, loaded);
        assert_same(saved, from_memory);
        snnk_rls_free(from_memory);
        snnk_rls_free(loaded);
        snnk_rls_free(saved);
    }
    test_files_remove(&files);
    free(Y);
    free(Phi);
}

/* A file written by hand, m = 2, t = 1. */
typedef struct crafted {
    const char *rows;
    size_t t, m, triangle, one;
    double B[4], U[4], scale, ridge, forgetting;
} crafted;

static int load_crafted(test_files *files, const crafted *c) {
    const size_t B[] = {c->t, c->m}, one = 1;
    snnk_allocator memory;
    snnk__safetensors_writer writer;
    snnk_rls *rls;
    int st;

    assert_ok(snnk__allocator_read(&memory, NULL));
    snnk__model_begin(&writer, &memory, SNNK__MODEL_RLS);
    if (c->rows) snnk__safetensors_add_text(&writer, "snnk.rows", c->rows);
    snnk__safetensors_add_tensor(&writer, "B", SNNK__DTYPE_F64, 2, B, c->B);
    snnk__safetensors_add_tensor(&writer, "U", SNNK__DTYPE_F64, 1, &c->triangle, c->U);
    snnk__safetensors_add_tensor(&writer, "scale", SNNK__DTYPE_F64, 1, &c->one, &c->scale);
    snnk__safetensors_add_tensor(&writer, "ridge", SNNK__DTYPE_F64, 1, &one, &c->ridge);
    snnk__safetensors_add_tensor(&writer, "forgetting", SNNK__DTYPE_F64, 1, &one, &c->forgetting);
    assert_ok(snnk__safetensors_write_file(&writer, test_path(files, "r")));
    snnk__safetensors_writer_free(&writer);
    st = snnk_rls_load(files->path, NULL, &rls);
    assert_true((rls == NULL) == (st != SNNK_OK));
    if (st != SNNK_OK) assert_says(files->path);
    snnk_rls_free(rls);
    return st;
}

static void test_damaged_files(void **state) {
    const crafted good = {"3", 1, 2, 3, 1, {5, 6}, {1, -2, 0.5}, 1.5, 0.25, 0.75};
    test_files files;
    crafted bad;
    snnk_rls *rls;
    unsigned char bytes[4096];

    (void)state;
    test_files_make(&files);
    assert_ok(load_crafted(&files, &good));
#define REFUSED(change, status, part)                                                              \
    bad = good, change;                                                                            \
    assert_status(load_crafted(&files, &bad), status);                                             \
    assert_says(part)
    REFUSED(bad.rows = NULL, SNNK_E_FORMAT, "snnk.rows");
    REFUSED(bad.rows = "-1", SNNK_E_FORMAT, "snnk.rows");
    REFUSED(bad.m = 0, SNNK_E_FORMAT, "\"B\"");
    REFUSED(bad.t = 0, SNNK_E_FORMAT, "\"B\"");
    REFUSED(bad.m = 1, SNNK_E_FORMAT, "\"U\"");
    REFUSED(bad.triangle = 4, SNNK_E_FORMAT, "\"U\"");
    REFUSED(bad.one = 0, SNNK_E_FORMAT, "\"scale\"");
    REFUSED(bad.scale = 0.9, SNNK_E_FORMAT, "scale = 0.9");
    REFUSED(bad.scale = 5e9, SNNK_E_FORMAT, "scale = 5e+09");
    REFUSED(bad.ridge = 0.9e-12, SNNK_E_FORMAT, "ridge = ");
    REFUSED(bad.forgetting = 0.49, SNNK_E_FORMAT, "forgetting = 0.49");
    REFUSED(bad.forgetting = NAN, SNNK_E_NONFINITE, "forgetting");
    REFUSED(bad.U[2] = 0, SNNK_E_FORMAT, "U[1][1] = 0 is not above 0");
    REFUSED(bad.U[0] = -1, SNNK_E_FORMAT, "U[0][0] = -1");
    REFUSED(bad.U[1] = -1e40, SNNK_E_FORMAT, "U[0][1] = -1e+40");
    REFUSED(bad.U[1] = INFINITY, SNNK_E_NONFINITE, "U");
    REFUSED(bad.B[1] = -2e300, SNNK_E_FORMAT, "B[0][1] = -2e+300");
    REFUSED(bad.B[0] = NAN, SNNK_E_NONFINITE, "B");
#undef REFUSED

    /* Any changed bit, any shorter file. */
    assert_ok(load_crafted(&files, &good));
    const size_t size = test_slurp(files.path, bytes, sizeof bytes);

    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        assert_true(snnk_rls_load(test_write(&files, "r", bytes, size), NULL, &rls) != SNNK_OK ||
                    i < 8 || bytes[i] == ' ' + 1);
        snnk_rls_free(rls);
        bytes[i] ^= 1;
        assert_true(snnk_rls_load(test_write(&files, "r", bytes, i), NULL, &rls) != SNNK_OK);
    }
    test_files_remove(&files);
}

/* ---- Misuse */

static const float some_Phi[] = {1, 2, 3, 5, 4, 0}, some_Y[] = {1, -1, 2};

static void test_create_refuses(void **state) {
    const double bad_ridges[] = {0.9e-12, 1.1e12, -1, 0, NAN, INFINITY};
    const double bad_forgetting[] = {0.49, 1.01, NAN};
    const snnk_allocator broken = {NULL, NULL, NULL};
    snnk_rls *rls = (snnk_rls *)&broken;
    snnk_lstsq *s = NULL, *empty = NULL;

    (void)state;
    assert_ok(snnk_lstsq_create(2, 1, NULL, &s));
    assert_ok(snnk_lstsq_create(2, 1, NULL, &empty));
    assert_ok(
        snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = some_Phi, .ldx = 2, .Y = some_Y, .ldy = 1), NULL));
    assert_status(snnk_rls_create(2, 1, 1, 1, NULL, NULL), SNNK_E_NULL);
    assert_says("rls is NULL");
    assert_status(snnk_rls_create(2, 1, 1, 1, &broken, &rls), SNNK_E_NULL);
    assert_null(rls);
    assert_status(snnk_rls_create(0, 1, 1, 1, NULL, &rls), SNNK_E_SHAPE);
    assert_says("features = 0");
    assert_status(snnk_rls_create(2, 0, 1, 1, NULL, &rls), SNNK_E_SHAPE);
    assert_says("targets = 0");
    assert_status(snnk_rls_create((size_t)INT32_MAX + 1, 1, 1, 1, NULL, &rls), SNNK_E_SIZE);
    assert_status(snnk_rls_create(2147483647, 1, 1, 1, NULL, &rls), SNNK_E_SIZE);
    assert_says("a square root");
    for (size_t i = 0; i < sizeof bad_ridges / sizeof *bad_ridges; i++) {
        assert_status(snnk_rls_create(2, 1, bad_ridges[i], 1, NULL, &rls), SNNK_E_RANGE);
        assert_says("ridge = ");
        assert_status(snnk_rls_create_from_lstsq(s, bad_ridges[i], 1, NULL, &rls), SNNK_E_RANGE);
    }
    for (size_t i = 0; i < sizeof bad_forgetting / sizeof *bad_forgetting; i++) {
        assert_status(snnk_rls_create(2, 1, 1, bad_forgetting[i], NULL, &rls), SNNK_E_RANGE);
        assert_says("forgetting = ");
        assert_status(snnk_rls_create_from_lstsq(s, 1, bad_forgetting[i], NULL, &rls),
                      SNNK_E_RANGE);
    }
    assert_status(snnk_rls_create_from_lstsq(s, 1, 1, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_rls_create_from_lstsq(NULL, 1, 1, NULL, &rls), SNNK_E_NULL);
    assert_says("lstsq is NULL");
    assert_status(snnk_rls_create_from_lstsq(empty, 1, 1, NULL, &rls), SNNK_E_STATE);
    assert_null(rls);

    s->C[0] = 1e302, s->S[0] = s->S[3] = 1e-10, s->S[2] = 0, s->mean_phi[0] = s->mean_phi[1] = 0;
    assert_status(snnk_rls_create_from_lstsq(s, 1e-12, 1, NULL, &rls), SNNK_E_NONFINITE);
    assert_says("the solution overflows");
    s->mean_phi[0] = 1e200;
    assert_status(snnk_rls_create_from_lstsq(s, 1e-12, 1, NULL, &rls), SNNK_E_NONFINITE);
    /* Columns x and 3 x of length 1e6: a ridge of 1e-12 is rounding error, one of 1 is not. Then a
     * negative direction. */
    s->mean_phi[0] = 0, s->C[0] = 1;
    s->S[0] = 1e12, s->S[2] = 3e12, s->S[3] = 9e12;
    assert_status(snnk_rls_create_from_lstsq(s, 1e-12, 1, NULL, &rls), SNNK_E_SINGULAR);
    assert_null(rls);
    assert_ok(snnk_rls_create_from_lstsq(s, 1, 1, NULL, &rls));
    snnk_rls_free(rls);
    /* The second pivot, 9e12 2^-50, is positive only because of rounding. */
    s->S[3] = 9e12 * (1 + 0x1p-50);
    assert_status(snnk_rls_create_from_lstsq(s, 1e-12, 1, NULL, &rls), SNNK_E_SINGULAR);
    assert_says("feature 1 is a linear combination");
    s->S[2] = 0, s->S[3] = -1;
    assert_status(snnk_rls_create_from_lstsq(s, 1e-12, 1, NULL, &rls), SNNK_E_SINGULAR);
    assert_null(rls);

    snnk_rls_free(NULL);
    assert_int_equal(snnk_rls_features(NULL), 0);
    assert_int_equal(snnk_rls_targets(NULL), 0);
    assert_int_equal(snnk_rls_rows(NULL), 0);
    assert_true(snnk_rls_ridge(NULL) == 0 && snnk_rls_forgetting(NULL) == 0);
    snnk_lstsq_free(empty);
    snnk_lstsq_free(s);
}

static void test_use_refuses(void **state) {
    const float bad[] = {NAN, INFINITY, -INFINITY}, nan_rows[] = {NAN, 1, 1, 2};
    float phi[] = {1, 2}, y[] = {3}, out[] = {7, 7};
    double B[] = {5, 6}, h[] = {8, 8};
    snnk_rls *rls = create(2, 1, 1, 0.9), *kept = create(2, 1, 1, 0.9);
    size_t bytes = 77;
    char byte = 0;

    (void)state;
    update(rls, 3, some_Phi, some_Y), update(kept, 3, some_Phi, some_Y);
    assert_status(snnk_rls_add(NULL, SNNK_ROWS(.n = 1, .X = phi, .Y = y), out, 0), SNNK_E_NULL);
    assert_says("rls is NULL");
    assert_status(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .Y = y), out, 0), SNNK_E_NULL);
    assert_says("X is NULL");
    assert_status(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi), out, 0), SNNK_E_NULL);
    assert_says("neither Y nor labels");
    for (size_t i = 0; i < 3; i++) {
        phi[1] = bad[i];
        assert_status(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = y), out, 0),
                      SNNK_E_NONFINITE);
        assert_says("X[0][1]");
        phi[1] = 2, y[0] = bad[i];
        assert_status(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = y), out, 0),
                      SNNK_E_NONFINITE);
        assert_says("Y[0][0]");
        y[0] = 3;
    }
    assert_same(kept, rls);
    rls->B[0] = kept->B[0] = 1.1e200;
    assert_status(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = y), out, 0), SNNK_E_NONFINITE);
    assert_says("the prediction of target 0");
    rls->B[0] = kept->B[0] = 1;
    assert_same(kept, rls);
    assert_status(snnk_rls_predict(NULL, 1, phi, 2, out, 1, h), SNNK_E_NULL);
    assert_status(snnk_rls_predict(rls, 1, NULL, 2, out, 1, h), SNNK_E_NULL);
    assert_status(snnk_rls_predict(rls, 1, phi, 2, NULL, 1, h), SNNK_E_NULL);
    assert_says("Y is NULL");
    assert_status(snnk_rls_predict(rls, 1, phi, 1, out, 1, h), SNNK_E_STRIDE);
    assert_status(snnk_rls_predict(rls, 1, phi, 2, out, 0, h), SNNK_E_STRIDE);
    assert_status(snnk_rls_predict(rls, SIZE_MAX / 4, phi, 2, out, 1, h), SNNK_E_SIZE);
    assert_status(snnk_rls_solution(NULL, B, 2), SNNK_E_NULL);
    assert_status(snnk_rls_solution(rls, NULL, 2), SNNK_E_NULL);
    assert_status(snnk_rls_solution(rls, B, 1), SNNK_E_STRIDE);
    assert_status(snnk_rls_solution(rls, B, SIZE_MAX / 4), SNNK_E_SIZE);
    assert_ok(snnk_rls_predict(rls, 0, NULL, 0, NULL, 0, NULL));
    assert_true(out[0] == 7 && h[0] == 8 && B[0] == 5 && B[1] == 6);

    /* NaN stays in its row. */
    assert_ok(snnk_rls_predict(rls, 2, nan_rows, 2, out, 1, h));
    assert_true(isnan(out[0]) && isnan(h[0]) && isfinite(out[1]) && isfinite(h[1]));

    assert_status(snnk_rls_save(NULL, "x"), SNNK_E_NULL);
    assert_status(snnk_rls_save(rls, NULL), SNNK_E_NULL);
    assert_status(snnk_rls_save(rls, "/dev/full"), SNNK_E_IO);
    assert_status(snnk_rls_load("x", NULL, NULL), SNNK_E_NULL);
    snnk_rls_free(kept);
    kept = rls;
    assert_status(snnk_rls_load(NULL, NULL, &kept), SNNK_E_NULL);
    assert_null(kept);
    assert_status(snnk_rls_load("/nowhere/at/all", NULL, &kept), SNNK_E_IO);
    assert_status(snnk_rls_saved_bytes(NULL, &bytes), SNNK_E_NULL);
    assert_status(snnk_rls_saved_bytes(rls, NULL), SNNK_E_NULL);
    assert_int_equal(bytes, 77);
    assert_status(snnk_rls_save_memory(NULL, &byte, 1), SNNK_E_NULL);
    assert_status(snnk_rls_save_memory(rls, NULL, 1), SNNK_E_NULL);
    assert_status(snnk_rls_save_memory(rls, &byte, 1), SNNK_E_SIZE);
    assert_status(snnk_rls_load_memory(&byte, 1, NULL, NULL), SNNK_E_NULL);
    kept = rls;
    assert_status(snnk_rls_load_memory(NULL, 1, NULL, &kept), SNNK_E_NULL);
    assert_null(kept);
    kept = rls;
    assert_status(snnk_rls_load_memory(&byte, 1, NULL, &kept), SNNK_E_TRUNCATED);
    assert_null(kept);
    snnk_rls_free(rls);
}

/* Weights and labels, many rows at once: the weighted batch solution, and for each row the
 * prediction from the rows before it. Weights from 0.03 to 30 make the condition number 1e3 times
 * as large as in test_is_the_batch_solution, whose tolerance is 1e-9. */
static void test_weights_and_labels(void **state) {
    enum { N = 60, M = 5, T = 3, LDP = T + 1 };
    float *Phi = statistics_random(N * M, 21), Y[N * T] = {0}, weights[N], predicted[N * LDP];
    int32_t labels[N];
    long double A[M * M], R[T * M];
    snnk_rls *rls = create(M, T, 0.5, 0.9), *one = create(M, T, 0.5, 0.9);

    (void)state;
    for (size_t i = 0; i < N; i++) {
        labels[i] = (int32_t)(i * i % T);
        Y[i * T + (size_t)labels[i]] = 1;
        weights[i] = i % 4 == 0 ? 30 : i % 4 == 1 ? 0.03F : 1;
    }
    assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = N, .X = Phi, .labels = labels, .weights = weights),
                           predicted, LDP));
    assert_int_equal(snnk_rls_rows(rls), N);
    assert_true(snnk_rls_ridge(rls) == 0.5 && snnk_rls_forgetting(rls) == 0.9);
    for (size_t i = 0; i < N; i++) {
        float before[T];

        assert_ok(snnk_rls_predict(one, 1, Phi + i * M, M, before, T, NULL));
        for (size_t k = 0; k < T; k++) /* sums of M products in another order */
            assert_close((double)predicted[i * LDP + k], (double)before[k], 1e-6, 1e-14);
        assert_ok(snnk_rls_add(
            one, SNNK_ROWS(.n = 1, .X = Phi + i * M, .Y = Y + i * T, .weights = weights + i), NULL,
            0));
    }
    assert_same(one, rls);
    batch(rls, N, Phi, Y, weights, A, R);
    assert_solves(rls, A, R, 1e-6);
    snnk_rls_free(one);
    snnk_rls_free(rls);
    free(Phi);
}

/* Rows, strides and blocks: 150 rows are three blocks of them. */
static void test_predict_strides(void **state) {
    enum { N = 150, M = 3, T = 2 };
    float *Phi = statistics_random(N * (M + 2), 11), *one = statistics_random(T, 12);
    float *Y = calloc(N * (T + 1), sizeof *Y);
    snnk_rls *rls = create(M, T, 0.1, 1);
    double h[N];

    (void)state;
    for (size_t i = 0; i < 20; i++)
        assert_ok(snnk_rls_add(
            rls, SNNK_ROWS(.n = 1, .X = Phi + i * (M + 2), .Y = Phi + i * (M + 2) + M), NULL, 0));
    assert_ok(snnk_rls_predict(rls, N, Phi, M + 2, Y, T + 1, h));
    for (size_t i = 0; i < N; i++) {
        double alone;

        assert_ok(snnk_rls_predict(rls, 1, Phi + i * (M + 2), M, one, T, &alone));
        assert_close(h[i], alone, 1e-14, 0);
        for (size_t k = 0; k < T; k++)
            assert_close((double)Y[i * (T + 1) + k], (double)one[k], 1e-6, 1e-9);
        assert_true(Y[i * (T + 1) + T] == 0);
    }
    snnk_rls_free(rls);
    free(Y);
    free(one);
    free(Phi);
}

static void test_failing_memory(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_lstsq *s = NULL;
    snnk_rls *rls = NULL;
    test_files files;
    int st;

    (void)state;
    test_files_make(&files);
    assert_survives_failing_allocations(memory, st, {
        st = snnk_rls_create(2, 1, 1, 0.9, &allocator, &rls);
        assert_made(st, rls);
        snnk_rls_free(rls);
    });
    assert_ok(snnk_rls_create(2, 1, 1, 0.9, &allocator, &rls));

    /* Adding a row allocates nothing. */
    memory.calls = 0, memory.fail_after = 0;
    for (int i = 0; i < 100; i++) update(rls, 3, some_Phi, some_Y);
    assert_int_equal(memory.calls, 0);

    float y = 7;
    double h = 7;

    memory.fail_after = 1;
    assert_status(snnk_rls_predict(rls, 1, some_Phi, 2, &y, 1, &h), SNNK_E_NOMEM);
    assert_true(y == 7 && h == 7);
    memory.fail_after = -1;
    assert_ok(snnk_rls_save(rls, test_path(&files, "r")));
    snnk_rls_free(rls);
    assert_int_equal(memory.alive, 0);
    assert_survives_failing_allocations(memory, st, {
        st = snnk_rls_load(files.path, &allocator, &rls);
        assert_made(st, rls);
        snnk_rls_free(rls);
    });

    assert_ok(snnk_lstsq_create(2, 1, &allocator, &s));
    assert_ok(
        snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = some_Phi, .ldx = 2, .Y = some_Y, .ldy = 1), NULL));
    assert_survives_failing_allocations(memory, st, {
        st = snnk_rls_create_from_lstsq(s, 1, 0.9, NULL, &rls);
        assert_made(st, rls);
        snnk_rls_free(rls);
    });
    assert_true(memory.calls > 5);
    snnk_lstsq_free(s);
    assert_int_equal(memory.alive, 0);
    test_files_remove(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_is_the_batch_solution),
        cmocka_unit_test(test_is_the_ridge_solution),
        cmocka_unit_test(test_from_statistics),
        cmocka_unit_test(test_stays_positive),
        cmocka_unit_test(test_dependent_columns),
        cmocka_unit_test(test_guard),
        cmocka_unit_test(test_windup),
        cmocka_unit_test(test_continues_from_a_file),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_create_refuses),
        cmocka_unit_test(test_use_refuses),
        cmocka_unit_test(test_weights_and_labels),
        cmocka_unit_test(test_predict_strides),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
