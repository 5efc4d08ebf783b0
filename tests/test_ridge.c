/* src/solve/ridge.c, choose_ridge.c, rss.c: Cholesky, truncated eigenvectors, scores, the choice of
 * a ridge. */
#include <float.h>

#include "data/ridge.h"
#include "support/alloc.h"
#include "support/compare.h"
#include "support/statistics.h"

static snnk_lstsq *create(size_t m, size_t t) {
    snnk_lstsq *s = NULL;

    assert_ok(snnk_lstsq_create(m, t, NULL, &s));
    return s;
}

/* Statistics of n packed rows. */
static snnk_lstsq *collect(size_t n, size_t m, size_t t, const float *Phi, const float *Y) {
    snnk_lstsq *s = create(m, t);

    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = n, .X = Phi, .ldx = m, .Y = Y, .ldy = t), NULL));
    return s;
}

static snnk_solve_config config_with(double ridge, int32_t intercept) {
    snnk_solve_config config;

    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = ridge;
    config.intercept = intercept;
    return config;
}

/* Solve, and check that the statistics keep every bit. */
static snnk_solve_report solve(snnk_lstsq *s, const snnk_solve_config *config, double *B,
                               double *b) {
    snnk_solve_report report = {.size = sizeof report};
    const uint64_t rows = s->rows;
    double *before = statistics_copy(s);

    assert_ok(snnk_lstsq_solve(s, config, NULL, B, s->features, b, &report));
    statistics_assert_same(s, rows, before);
    assert_int_equal(report.rows, rows);
    return report;
}

/* Rows (11, 20), (10, 21), (9, 19), targets 3, 0, 0, ridge 1. Means (10, 20) and 1; centered rows
 * (1, 0), (0, 1), (-1, -1), so S + 1 = (3, 1; 1, 3), C = (3, 0), determinant 8:
 *     B = (9, -3) / 8,   b = 1 - (90 - 60) / 8 = -11/4,   residuals 7/8, -5/8, -1/4: rss 78/64.
 * The 1-norms of S + 1 and its inverse are 4 and 4/8: condition 2. */
static void test_by_hand(void **state) {
    const float Phi[] = {11, 20, 10, 21, 9, 19}, Y[] = {3, 0, 0};
    const snnk_solve_config config = config_with(1, 1);
    snnk_lstsq *s = collect(3, 2, 1, Phi, Y);
    double B[2], b, rss;
    const snnk_solve_report report = solve(s, &config, B, &b);

    (void)state;
    /* A dozen operations on numbers of about 1, or 20 for b. */
    assert_close(B[0], 9.0 / 8, 12 * DBL_EPSILON, 0);
    assert_close(B[1], -3.0 / 8, 12 * DBL_EPSILON, 0);
    assert_close(b, -11.0 / 4, 0, 20 * 12 * DBL_EPSILON);
    assert_close(report.rss, 78.0 / 64, 20 * 12 * DBL_EPSILON, 0);
    assert_close(report.condition, 2, 12 * DBL_EPSILON, 0);
    assert_true(report.ridge == 1 && report.rank == 2);
    assert_int_equal(report.method, SNNK_SOLVE_CHOLESKY);

    /* Any other solution: B = (1, 0), b = 0 has residuals 3 - 11, -10, -9; also if b is not
     * given. */
    B[0] = 1, B[1] = 0, b = 0;
    assert_ok(snnk_lstsq_rss(s, B, 2, &b, &rss));
    assert_close(rss, 64 + 100 + 81, 20 * 12 * DBL_EPSILON, 0);
    assert_ok(snnk_lstsq_rss(s, B, 2, NULL, &rss));
    assert_close(rss, 64 + 100 + 81, 20 * 12 * DBL_EPSILON, 0);
    snnk_lstsq_free(s);
}

/* Without an intercept: rows (1, 0), (0, 1), (1, 1), targets 1, 2, 4. The system (2, 1; 1, 2) B =
 * (5, 6) has B = (4, 7) / 3, residuals -1/3, -1/3, 1/3. */
static void test_by_hand_no_intercept(void **state) {
    const float Phi[] = {1, 0, 0, 1, 1, 1}, Y[] = {1, 2, 4};
    const snnk_solve_config config = config_with(0, 0);
    snnk_lstsq *s = collect(3, 2, 1, Phi, Y);
    double B[2], b = 77;
    snnk_solve_report report = solve(s, &config, B, &b);

    (void)state;
    assert_close(B[0], 4.0 / 3, 20 * DBL_EPSILON, 0);
    assert_close(B[1], 7.0 / 3, 20 * DBL_EPSILON, 0);
    assert_true(b == 0);
    assert_close(report.rss, 1.0 / 3, 100 * DBL_EPSILON, 0); /* from terms of about 21 */
    report = solve(s, &config, B, NULL);
    assert_close(B[0], 4.0 / 3, 20 * DBL_EPSILON, 0);
    snnk_lstsq_free(s);
}

/* SciPy's ridge path, no intercept. The statistics are set in double, so only the solver's rounding
 * remains: the condition number is below 15, times m eps times a few: 1e-13. With rows in float it
 * is their rounding, 2^-24 of entries of about 1, times the condition: 1e-6. */
static void test_reference(void **state) {
    snnk_lstsq *s = create(RIDGE_M, RIDGE_T), *rounded = create(RIDGE_M, RIDGE_T);
    float Phi[RIDGE_N * RIDGE_M], Y[RIDGE_N * RIDGE_T];
    double B[RIDGE_T * RIDGE_M];

    (void)state;
    for (size_t i = 0; i < RIDGE_N * RIDGE_M; i++) Phi[i] = (float)ridge_P[i];
    for (size_t i = 0; i < RIDGE_N * RIDGE_T; i++) Y[i] = (float)ridge_Y[i];
    statistics_set(s, RIDGE_N, ridge_P, ridge_Y);
    assert_ok(snnk_lstsq_add(
        rounded, SNNK_ROWS(.n = RIDGE_N, .X = Phi, .ldx = RIDGE_M, .Y = Y, .ldy = RIDGE_T), NULL));
    for (size_t p = 0; p < RIDGE_PATH; p++) {
        const snnk_solve_config config = config_with(ridge_lambda[p], 0);
        snnk_solve_report report = solve(s, &config, B, NULL);

        for (size_t i = 0; i < RIDGE_T * RIDGE_M; i++) assert_close(B[i], ridge_B[p][i], 0, 1e-13);
        assert_close(report.rss, ridge_rss[p], 1e-13, 0);
        assert_true(report.condition < 15);
        report = solve(rounded, &config, B, NULL);
        for (size_t i = 0; i < RIDGE_T * RIDGE_M; i++) assert_close(B[i], ridge_B[p][i], 0, 1e-6);
        assert_close(report.rss, ridge_rss[p], 1e-6, 0);
    }

    const snnk_solve_config config = config_with(RIDGE_LATE_LAMBDA, 0);

    statistics_set(s, RIDGE_N - 5, ridge_P + 5 * RIDGE_M, ridge_Y + 5 * RIDGE_T);
    (void)solve(s, &config, B, NULL);
    for (size_t i = 0; i < RIDGE_T * RIDGE_M; i++) assert_close(B[i], ridge_late_B[i], 0, 1e-13);
    snnk_lstsq_free(rounded);
    snnk_lstsq_free(s);
}

/* ---- NIST StRD, linear regression, certified to 15 digits. Data with one decimal are entered
 * times 10, so that they are integers and exact in float. */

/* The tolerance of a coefficient: moments are sums of n products, with errors of n eps of their
 * bound, and Cholesky adds m eps. Solving the system of unit diagonal multiplies that by its
 * condition number, in the norm of the scaled solution, `norm` = max |B_k| length_k, where length
 * is the square root of the diagonal of S. */
static double coefficient_tolerance(const snnk_lstsq *s, const snnk_solve_report *report,
                                    const double *B, size_t j) {
    const size_t m = s->features;
    double norm = 0;

    for (size_t k = 0; k < m; k++) norm = fmax(norm, fabs(B[k]) * sqrt(s->S[k * m + k]));
    return report->condition * (double)(s->rows + m) * DBL_EPSILON * norm / sqrt(s->S[j * m + j]);
}

static void assert_certified(snnk_lstsq *s, const double *B, double b, double rss) {
    double solution[8], intercept, b_tolerance = 0;
    const snnk_solve_report report = solve(s, NULL, solution, &intercept);

    for (size_t j = 0; j < s->features; j++) {
        const double tolerance = coefficient_tolerance(s, &report, B, j);

        assert_close(solution[j], B[j], 1e-14, tolerance);
        b_tolerance += tolerance * fabs(s->mean_phi[j]);
    }
    assert_close(intercept, b, 1e-14, b_tolerance);
    /* A difference of numbers as large as yy, each a sum of n products. */
    assert_close(report.rss, rss, 1e-14, (double)s->rows * DBL_EPSILON * s->yy[0]);
    assert_int_equal(report.method, SNNK_SOLVE_CHOLESKY);
}

static void test_nist_norris(void **state) {
    static const float y[] = {1, 3388, 1181, 8880, 92,   2281, 6685, 9985, 4491, 7789, 5592, 3,
                              1, 7781, 6688, 3393, 4489, 108,  5577, 2283, 9980, 8888, 1196, 3,
                              6, 5576, 3393, 8880, 9985, 7789, 102,  1176, 2289, 6684, 4492, 2};
    static const float x[] = {2, 3374, 1182, 8846, 101,  2265, 6663, 9963, 4486, 7770, 5582, 4,
                              6, 7755, 6669, 3380, 4475, 116,  5560, 2281, 9958, 8876, 1202, 3,
                              3, 5568, 3391, 8872, 9990, 7790, 111,  1183, 2292, 6691, 4489, 5};
    const double B = 1.00211681802045;
    snnk_lstsq *s = collect(36, 1, 1, x, y);

    (void)state;
    assert_certified(s, &B, 10 * -0.262323073774029, 100 * 26.6173985294224);
    snnk_lstsq_free(s);
}

static void test_nist_longley(void **state) {
    static const float x[16][6] = {
        {830, 234289, 2356, 1590, 107608, 1947},  {885, 259426, 2325, 1456, 108632, 1948},
        {882, 258054, 3682, 1616, 109773, 1949},  {895, 284599, 3351, 1650, 110929, 1950},
        {962, 328975, 2099, 3099, 112075, 1951},  {981, 346999, 1932, 3594, 113270, 1952},
        {990, 365385, 1870, 3547, 115094, 1953},  {1000, 363112, 3578, 3350, 116219, 1954},
        {1012, 397469, 2904, 3048, 117388, 1955}, {1046, 419180, 2822, 2857, 118734, 1956},
        {1084, 442769, 2936, 2798, 120445, 1957}, {1108, 444546, 4681, 2637, 121950, 1958},
        {1126, 482704, 3813, 2552, 123366, 1959}, {1142, 502601, 3931, 2514, 125368, 1960},
        {1157, 518173, 4806, 2572, 127852, 1961}, {1169, 554894, 4007, 2827, 130081, 1962}};
    static const float y[] = {60323, 61122, 60171, 61187, 63221, 63639, 64989, 63761,
                              66019, 67857, 68169, 66513, 68655, 69564, 69331, 70551};
    const double B[] = {15.0618722713733 / 10, -0.358191792925910e-1, -2.02022980381683,
                        -1.03322686717359,     -0.511041056535807e-1, 1829.15146461355};
    snnk_lstsq *s = collect(16, 6, 1, x[0], y);

    (void)state;
    assert_certified(s, B, -3482258.63459582, 836424.055505915);
    snnk_lstsq_free(s);
}

/* y = 1 + x + ... + x^5 at x = 0 ... 20, exactly: all coefficients 1, residuals 0. */
static void test_nist_wampler1(void **state) {
    const double B[] = {1, 1, 1, 1, 1};
    float x[21][5], y[21];

    (void)state;
    for (size_t i = 0; i < 21; i++) {
        double power = 1, sum = 1;

        for (size_t j = 0; j < 5; j++) {
            power *= (double)i;
            x[i][j] = (float)power;
            sum += power;
        }
        y[i] = (float)sum; /* at most 3368421 < 2^24 */
    }
    snnk_lstsq *s = collect(21, 5, 1, x[0], y);

    assert_certified(s, B, 1, 0);
    snnk_lstsq_free(s);
}

/* ---- Systems without full rank */

/* Columns x, x, z with y = 2 x + z: the two x share its coefficient, (1, 1, 1). Then a column of
 * zeros for the second x: (2, 0, 1). */
static void test_duplicate_and_zero_column(void **state) {
    float Phi[6][3], Y[6];
    double B[3], b;

    (void)state;
    for (int zero = 0; zero < 2; zero++) {
        for (int i = 0; i < 6; i++) {
            const float x = (float)(i % 3), z = (float)(i / 3 * 2 - i % 2);

            Phi[i][0] = x;
            Phi[i][1] = zero ? 0 : x;
            Phi[i][2] = z;
            Y[i] = 2 * x + z + 5;
        }
        snnk_lstsq *s = collect(6, 3, 1, Phi[0], Y);
        const snnk_solve_report report = solve(s, NULL, B, &b);

        assert_int_equal(report.method, SNNK_SOLVE_TRUNCATED_EIGEN);
        assert_int_equal(report.rank, 2);
        assert_true(report.condition >= 1 && report.condition < 10);
        /* The condition is below 10 on the kept directions: a few eps. */
        assert_close(B[0], zero ? 2 : 1, 1e-14, 0);
        assert_close(B[1], zero ? 0 : 1, 0, 1e-14);
        assert_close(B[2], 1, 1e-14, 0);
        assert_close(b, 5, 1e-14, 0);
        assert_close(report.rss, 0, 0, 1e-13); /* yy is about 20 */
        snnk_lstsq_free(s);
    }
}

/* A column that is -3 times another one, rounded to float: not dependent in exact arithmetic, but
 * dependent as far as floats can represent. The default tolerance must recognise that: if the two
 * were treated as independent, the coefficients would be noise of about 1e4. Predictions are those
 * of the first column alone. */
static void test_dependent_to_float_rounding(void **state) {
    enum { N = 3000 };
    float *x = statistics_random(N, 8), *Phi = malloc(2 * N * sizeof *Phi);
    double B[2], b;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        x[i] = 1.1F * (x[i] + 1.5F); /* so that all 24 bits vary */
        Phi[2 * i] = x[i];
        Phi[2 * i + 1] = -3 * x[i];
    }
    snnk_lstsq *s = collect(N, 2, 1, Phi, x);
    const snnk_solve_report report = solve(s, NULL, B, &b);

    assert_int_equal(report.method, SNNK_SOLVE_TRUNCATED_EIGEN);
    assert_int_equal(report.rank, 1);
    assert_close(B[0] - 3 * B[1], 1, 1e-7, 0); /* the second column is off by 2^-24 = 6e-8 */
    snnk_lstsq_free(s);
    free(Phi);
    free(x);
}

/* Two rows at distance d, m = 4, |d_j| = 1: of all B with d.B = 1 the shortest is d / 4. Then m =
 * 2, d = (1, 2), whose scales differ: B = d / 5. */
static void test_fewer_rows_than_features(void **state) {
    const float Phi[] = {1, 2, 3, 4, 2, 1, 4, 5}, pair[] = {5, 5, 6, 7}, Y[] = {7, 8};
    snnk_lstsq *s = collect(2, 4, 1, Phi, Y), *scaled = collect(2, 2, 1, pair, Y);
    double B[4], b;
    snnk_solve_report report = solve(s, NULL, B, &b);

    (void)state;
    assert_int_equal(report.method, SNNK_SOLVE_TRUNCATED_EIGEN);
    assert_int_equal(report.rank, 1);
    assert_close(report.condition, 1, 1e-15, 0);
    for (size_t j = 0; j < 4; j++) assert_close(B[j], j == 1 ? -0.25 : 0.25, 1e-14, 0);
    report = solve(scaled, NULL, B, &b);
    assert_int_equal(report.rank, 1);
    assert_close(B[0], 0.2, 1e-14, 0);
    assert_close(B[1], 0.4, 1e-14, 0);
    snnk_lstsq_free(scaled);
    snnk_lstsq_free(s);
}

/* Rows 0, u, v of 4 features with u = (1, 8, 0, 0) and v = (0, 8, 64, 1), targets 0, 1, -2, without
 * intercept: the shortest B with u.B = 1, v.B = -2 is p u + q v with
 *     65 p + 64 q = 1,  64 p + 4161 q = -2,  determinant 65 * 4161 - 64^2 = 266369,
 *     p = (4161 + 128)/266369,  q = (-130 - 64)/266369.
 * Then a third row (0, 0, 0, 4) with target 8, so that more directions are kept than left out:
 * B_4 = 2, which leaves v'.B = -4 for v' = (0, 8, 64, 0):
 *     65 p + 64 q = 1,  64 p + 4160 q = -4,  determinant 266304,
 *     p = (4160 + 256)/266304,  q = (-260 - 64)/266304.
 * The ridge path with ridge 0, and a solution with a small ridge, give the same. */
static void test_shortest_solution_in_unequal_units(void **state) {
    const float Phi[] = {0, 0, 0, 0, 1, 8, 0, 0, 0, 8, 64, 1, 0, 0, 0, 4}, Y[] = {0, 1, -2, 8};
    const double p[] = {4289.0 / 266369, 4416.0 / 266304}, q[] = {-194.0 / 266369, -324.0 / 266304};

    (void)state;
    for (int more = 0; more < 2; more++)
        for (int of_factor = 0; of_factor < 2; of_factor++) {
            const double expected[] = {p[more], 8 * (p[more] + q[more]), 64 * q[more],
                                       more ? 2 : q[more]};
            const double zero = 0, small = 1e-7;
            snnk_solve_config config;
            snnk_ridge_path *path;
            snnk_lstsq *s = create(4, 1);
            double B[4];

            if (of_factor) assert_ok(snnk_lstsq_set_factorization(s, SNNK_FACTORIZATION_QR));
            assert_ok(snnk_lstsq_add(
                s, SNNK_ROWS(.n = more ? 4 : 3, .X = Phi, .ldx = 4, .Y = Y, .ldy = 1), NULL));
            assert_ok(snnk_solve_config_init(&config, sizeof config));
            config.intercept = 0;
            assert_ok(snnk_lstsq_solve(s, &config, NULL, B, 4, NULL, NULL));
            /* The condition of S is below 1e4, so 1e-11 allows 1e3 units in the last place of
             * it. */
            for (int j = 0; j < 4; j++) assert_close(B[j], expected[j], 1e-10, 1e-12);
            assert_ok(snnk_ridge_path_create(s, &config, NULL, &path));
            assert_ok(snnk_ridge_path_solve(path, &zero, B, 4, NULL));
            for (int j = 0; j < 4; j++) assert_close(B[j], expected[j], 1e-10, 1e-12);
            /* A ridge changes B by its share of the smallest eigenvalue, which is above 0.9. */
            assert_ok(snnk_ridge_path_solve(path, &small, B, 4, NULL));
            for (int j = 0; j < 4; j++) assert_close(B[j], expected[j], 2e-6, 0);
            snnk_ridge_path_free(path);
            snnk_lstsq_free(s);
        }
}

/* S set to diag(2, -1): the negative direction is left out. */
static void test_indefinite(void **state) {
    snnk_lstsq *s = create(2, 1);
    double B[2], b;

    (void)state;
    s->rows = 5, s->weight = 5;
    s->S[0] = 2, s->S[2] = 0, s->S[3] = -1;
    s->C[0] = 6, s->C[1] = 7;
    s->yy[0] = 30;
    const snnk_solve_report report = solve(s, NULL, B, &b);
    assert_int_equal(report.method, SNNK_SOLVE_TRUNCATED_EIGEN);
    assert_int_equal(report.rank, 1);
    assert_close(B[0], 3, 1e-15, 0);
    assert_true(B[1] == 0);
    assert_close(report.rss, 30 - 18, 1e-15, 0);
    snnk_lstsq_free(s);
}

/* Eigenvalues 1 +- 0.9 of (1, 0.9; 0.9, 1): a rank_tolerance above their ratio, 1/19, leaves
 * one. */
static void test_rank_tolerance(void **state) {
    snnk_solve_config config = config_with(0, 1);
    snnk_lstsq *s = create(2, 1);
    double B[2], b;

    (void)state;
    s->rows = 5, s->weight = 5;
    s->S[0] = 1, s->S[2] = 0.9, s->S[3] = 1;
    s->C[0] = 1, s->C[1] = 0;
    s->yy[0] = 100;
    config.rank_tolerance = 0.052;
    assert_int_equal(solve(s, &config, B, &b).rank, 2);
    assert_close(B[0], 1 / 0.19, 1e-14, 0); /* inverse: (1, -0.9; -0.9, 1) / 0.19 */
    assert_close(B[1], -0.9 / 0.19, 1e-14, 0);
    config.rank_tolerance = 0.053;
    assert_int_equal(solve(s, &config, B, &b).rank, 1);
    assert_close(B[0], 0.5 / 1.9, 1e-14, 0); /* along (1, 1) / sqrt 2, value 1.9 */
    assert_close(B[1], 0.5 / 1.9, 1e-14, 0);
    snnk_lstsq_free(s);
}

/* Only constant features: no solution without a ridge, the means with one. */
static void test_rank_zero(void **state) {
    const float Phi[] = {0.1F, 7, 0.1F, 7, 0.1F, 7}, Y[] = {1, 2, 6};
    const snnk_solve_config ridge = config_with(1e-3, 1);
    snnk_lstsq *s = collect(3, 2, 1, Phi, Y);
    snnk_solve_report report = {.size = sizeof report}, kept;
    double B[] = {5, 6}, b = 7, *before = statistics_copy(s);

    (void)state;
    kept = report;
    assert_status(snnk_lstsq_solve(s, NULL, NULL, B, 2, &b, &report), SNNK_E_SINGULAR);
    assert_says("every one of the 2 features is constant");
    assert_true(B[0] == 5 && B[1] == 6 && b == 7);
    assert_memory_equal(&report, &kept, sizeof report);
    statistics_assert_same(s, 3, before);
    report = solve(s, &ridge, B, &b);
    assert_true(B[0] == 0 && B[1] == 0);
    assert_close(b, 3, 1e-15, 0);
    assert_close(report.rss, 4 + 1 + 9, 1e-15, 0);
    snnk_lstsq_free(s);
}

/* B = C / S = 1e200 / 1e-200 overflows double. */
static void test_overflowing_solution(void **state) {
    snnk_lstsq *s = create(1, 1);
    double B = 5, b = 6;

    (void)state;
    s->rows = 2, s->weight = 2;
    s->S[0] = 1e-200;
    s->C[0] = 1e200;
    double *before = statistics_copy(s);
    assert_status(snnk_lstsq_solve(s, NULL, NULL, &B, 1, &b, NULL), SNNK_E_NONFINITE);
    assert_says("the solution overflows at B[0][0]");
    assert_true(B == 5 && b == 6);
    statistics_assert_same(s, 2, before);
    snnk_lstsq_free(s);
}

/* Larger than the tiles and LAPACK's blocks, with a row stride and several targets: the normal
 * equations (S + ridge) B = C hold, to eps times the terms of the sum, and memory between the rows
 * of B is unchanged. */
static void test_normal_equations(void **state) {
    enum { N = 1500, M = 150, T = 70, LDB = M + 3 };
    const double ridge = 0.5;
    const snnk_solve_config config = config_with(ridge, 1);
    float *Phi = statistics_random(N * M, 9), *Y = statistics_random(N * T, 10);
    snnk_lstsq *s = collect(N, M, T, Phi, Y);
    double *B = malloc(T * LDB * sizeof *B), b[T], rss = 0;
    snnk_solve_report report = {.size = sizeof report};

    (void)state;
    for (size_t i = 0; i < T * LDB; i++) B[i] = 99;
    assert_ok(snnk_lstsq_solve(s, &config, NULL, B, LDB, b, &report));
    for (size_t k = 0; k < T; k++) {
        for (size_t i = 0; i < M; i++) {
            double sum = ridge * B[k * LDB + i], terms = fabs(sum);

            for (size_t j = 0; j < M; j++) {
                const double a = i >= j ? s->S[i * M + j] : s->S[j * M + i];

                sum += a * B[k * LDB + j];
                terms += fabs(a * B[k * LDB + j]);
            }
            assert_close(sum, s->C[k * M + i], 0, M * DBL_EPSILON * terms);
        }
        for (size_t j = M; j < LDB; j++) assert_true(B[k * LDB + j] == 99);
    }
    /* The reported rss equals that of the rows themselves, predicted one by one. */
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < T; k++) {
            double residual = (double)Y[i * T + k] - b[k];

            for (size_t j = 0; j < M; j++) residual -= B[k * LDB + j] * (double)Phi[i * M + j];
            rss += residual * residual;
        }
    assert_close(report.rss, rss, N * DBL_EPSILON, 0);
    free(B);
    snnk_lstsq_free(s);
    free(Y);
    free(Phi);
}

/* ---- Choosing a ridge */

/* Three columns of the 8 x 8 Hadamard matrix: S = 8 I, so B_j = (C_j / 8) s with s = 8 / (8 +
 * ridge). Trained on y = 3 h1 + h2 + h3 + 10 and scored on y = 2 h1 + 9, a row's mean squared error
 * is (2 - 3 s)^2 + 2 s^2 + 1, least at s = 6/11, ridge = 8 (11/6 - 1) = 20/3. */
static void test_choose_ridge(void **state) {
    static const double ridges[] = {0, 2, 20.0 / 3, 20, 100};
    float Phi[8][3], train_y[8], heldout_y[8];
    double errors[5];
    size_t best = 99;

    (void)state;
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < 3; j++) Phi[i][j] = (i >> j & 1) ? -1 : 1;
        train_y[i] = 3 * Phi[i][0] + Phi[i][1] + Phi[i][2] + 10;
        heldout_y[i] = 2 * Phi[i][0] + 9;
    }
    snnk_lstsq *train = collect(8, 3, 1, Phi[0], train_y);
    snnk_lstsq *heldout = collect(8, 3, 1, Phi[0], heldout_y);
    double *before = statistics_copy(train);

    assert_ok(snnk_lstsq_choose_ridge(train, heldout, NULL, 5, ridges, NULL, errors, &best));
    assert_int_equal(best, 2);
    for (size_t k = 0; k < 5; k++) {
        const double s = 8 / (8 + ridges[k]);

        assert_close(errors[k], (2 - 3 * s) * (2 - 3 * s) + 2 * s * s + 1, 1e-14, 0);
    }
    best = 99;
    assert_ok(snnk_lstsq_choose_ridge(train, heldout, NULL, 5, ridges, NULL, NULL, &best));
    assert_int_equal(best, 2);

    /* The default grid, 8e-9 ... 8: its largest value is the nearest to 20/3 on a log scale. */
    assert_ok(snnk_lstsq_choose_ridge(train, heldout, NULL, 10, NULL, NULL, NULL, &best));
    assert_int_equal(best, 9);
    statistics_assert_same(train, 8, before);
    snnk_lstsq_free(heldout);
    snnk_lstsq_free(train);
}

/* A ridge without a solution scores infinity; it is an error only if no ridge has one. */
static void test_choose_ridge_singular(void **state) {
    const float Phi[] = {7, 7, 7}, Y[] = {1, 2, 6};
    const double ridges[] = {0, 1};
    snnk_lstsq *s = collect(3, 1, 1, Phi, Y);
    double errors[] = {-1, -1};
    size_t best = 99;

    (void)state;
    assert_status(snnk_lstsq_choose_ridge(s, s, NULL, 1, ridges, NULL, errors, &best),
                  SNNK_E_SINGULAR);
    assert_says("rank 0");
    assert_true(errors[0] == -1 && best == 99);
    assert_ok(snnk_lstsq_choose_ridge(s, s, NULL, 2, ridges, NULL, errors, &best));
    assert_int_equal(best, 1);
    assert_true(isinf(errors[0]) && errors[0] > 0);
    assert_close(errors[1], 14.0 / 3, 1e-15, 0); /* predicting the mean, 3: residuals -2, -1, 3 */
    snnk_lstsq_free(s);
}

static void test_default_ridges(void **state) {
    const float Phi[] = {1, 0, -1, 0, 3, 4, -3, -4}; /* S = (20, ..; 24, 32): mean diagonal 26 */
    const float Y[] = {0, 0, 0, 0}, constant[] = {1, 1, 1, 1};
    snnk_lstsq *s = collect(4, 2, 1, Phi, Y), *flat = collect(2, 2, 1, constant, Y);
    snnk_lstsq *empty = create(2, 1);
    const double expected[] = {26e-9, 26e-6, 26e-3, 26};
    double ridges[4];

    (void)state;
    assert_ok(snnk_lstsq_default_ridges(s, 4, ridges));
    for (int k = 0; k < 4; k++)
        assert_close(ridges[k], expected[k], 1e-14, 0); /* eps in an exponent of up to 9 times ln
                                                         * 10 */
    ridges[0] = 5;
    assert_status(snnk_lstsq_default_ridges(NULL, 4, ridges), SNNK_E_NULL);
    assert_says("lstsq is NULL");
    assert_status(snnk_lstsq_default_ridges(s, 4, NULL), SNNK_E_NULL);
    assert_says("ridges is NULL");
    assert_status(snnk_lstsq_default_ridges(s, 1, ridges), SNNK_E_RANGE);
    assert_says("a grid needs at least 2 ridges");
    assert_status(snnk_lstsq_default_ridges(empty, 4, ridges), SNNK_E_STATE);
    assert_says("no rows");
    assert_status(snnk_lstsq_default_ridges(flat, 4, ridges), SNNK_E_STATE);
    assert_says("every feature is constant");
    assert_true(ridges[0] == 5);
    snnk_lstsq_free(empty);
    snnk_lstsq_free(flat);
    snnk_lstsq_free(s);
}

/* ---- Misuse */

static const float some_Phi[] = {1, 2, 3, 5, 4, 0}, some_Y[] = {1, -1, 2};

/* Call solve with a config, and check that it fails and changes nothing. */
static void assert_solve_fails(const snnk_solve_config *config, int status, const char *part) {
    snnk_lstsq *s = collect(3, 2, 1, some_Phi, some_Y);
    double B[] = {5, 6}, b = 7, *before = statistics_copy(s), errors[] = {8};
    const double ridges[] = {1};
    size_t best = 9;

    assert_status(snnk_lstsq_solve(s, config, NULL, B, 2, &b, NULL), status);
    assert_says(part);
    assert_true(B[0] == 5 && B[1] == 6 && b == 7);
    if (strcmp(part, "ridge = ") == 0) { /* choose_ridge ignores the ridge */
        assert_ok(snnk_lstsq_choose_ridge(s, s, config, 1, ridges, NULL, errors, &best));
    } else {
        assert_status(snnk_lstsq_choose_ridge(s, s, config, 1, ridges, NULL, errors, &best),
                      status);
        assert_says(part);
        assert_true(errors[0] == 8 && best == 9);
    }
    statistics_assert_same(s, 3, before);
    snnk_lstsq_free(s);
}

static void test_config(void **state) {
    snnk_solve_config config;

    (void)state;
    memset(&config, 0xff, sizeof config);
    assert_ok(snnk_solve_config_init(&config, sizeof config));
    assert_true(config.size == sizeof config && config.ridge == 0 && config.rank_tolerance == 0);
    assert_true(config.intercept == 1 && config.reserved == 0);
    assert_status(snnk_solve_config_init(NULL, sizeof config), SNNK_E_NULL);
    assert_status(snnk_solve_config_init(&config, sizeof config - 1), SNNK_E_CONFIG);
    assert_status(snnk_solve_config_init(&config, sizeof config + 8), SNNK_E_CONFIG);
    assert_says("solve config: size = ");

    const double bad_ridges[] = {-1, NAN, INFINITY}, bad_tolerances[] = {-1e-9, 1, NAN};

    for (size_t i = 0; i < 3; i++) {
        config = config_with(bad_ridges[i], 1);
        assert_solve_fails(&config, SNNK_E_RANGE, "ridge = ");
        config = config_with(0, 1);
        config.rank_tolerance = bad_tolerances[i];
        assert_solve_fails(&config, SNNK_E_RANGE, "rank_tolerance = ");
    }
    config = config_with(0, 2);
    assert_solve_fails(&config, SNNK_E_RANGE, "intercept = 2");
    config = config_with(0, 1);
    config.reserved = 3;
    assert_solve_fails(&config, SNNK_E_RANGE, "reserved");
    config = config_with(0, 1);
    config.size -= 8;
    assert_solve_fails(&config, SNNK_E_CONFIG, "solve config: size = ");
    config.size = sizeof config + 8;
    assert_solve_fails(&config, SNNK_E_CONFIG, "solve config: size = ");
}

static void test_solve_refuses(void **state) {
    const snnk_solve_config no_intercept = config_with(0, 0);
    snnk_lstsq *s = collect(3, 2, 1, some_Phi, some_Y), *empty = create(2, 1);
    snnk_solve_report report = {.size = sizeof report};
    double B[] = {5, 6}, b = 7;

    (void)state;
    assert_status(snnk_lstsq_solve(NULL, NULL, NULL, B, 2, &b, NULL), SNNK_E_NULL);
    assert_says("lstsq is NULL");
    assert_status(snnk_lstsq_solve(s, NULL, NULL, NULL, 2, &b, NULL), SNNK_E_NULL);
    assert_says("B is NULL");
    assert_status(snnk_lstsq_solve(s, NULL, NULL, B, 2, NULL, NULL), SNNK_E_NULL);
    assert_says("b is NULL");
    assert_status(snnk_lstsq_solve(s, NULL, NULL, B, 1, &b, NULL), SNNK_E_STRIDE);
    assert_says("leading dimension of B, 1");
    assert_status(snnk_lstsq_solve(s, NULL, NULL, B, SIZE_MAX / 4, &b, NULL), SNNK_E_SIZE);
    assert_status(snnk_lstsq_solve(empty, NULL, NULL, B, 2, &b, &report), SNNK_E_STATE);
    assert_says("no rows were added");
    report.size = 8;
    assert_status(snnk_lstsq_solve(s, NULL, NULL, B, 2, &b, &report), SNNK_E_CONFIG);
    assert_says("solve report: size = 8");
    report.size = sizeof report + 8;
    assert_status(snnk_lstsq_solve(s, NULL, NULL, B, 2, &b, &report), SNNK_E_CONFIG);
    assert_true(B[0] == 5 && B[1] == 6 && b == 7);
    assert_ok(snnk_lstsq_solve(s, &no_intercept, NULL, B, 2, NULL, NULL));
    snnk_lstsq_free(empty);
    snnk_lstsq_free(s);
}

static void test_rss_refuses(void **state) {
    snnk_lstsq *s = collect(3, 2, 1, some_Phi, some_Y), *empty = create(2, 1);
    double B[] = {5, 6}, b = 7, rss = 8;

    (void)state;
    assert_status(snnk_lstsq_rss(NULL, B, 2, &b, &rss), SNNK_E_NULL);
    assert_says("lstsq is NULL");
    assert_status(snnk_lstsq_rss(s, NULL, 2, &b, &rss), SNNK_E_NULL);
    assert_says("B is NULL");
    assert_status(snnk_lstsq_rss(s, B, 2, &b, NULL), SNNK_E_NULL);
    assert_says("rss is NULL");
    assert_status(snnk_lstsq_rss(s, B, 1, &b, &rss), SNNK_E_STRIDE);
    assert_status(snnk_lstsq_rss(s, B, SIZE_MAX / 4, &b, &rss), SNNK_E_SIZE);
    assert_status(snnk_lstsq_rss(empty, B, 2, &b, &rss), SNNK_E_STATE);
    assert_says("no rows were added");
    B[1] = INFINITY;
    assert_status(snnk_lstsq_rss(s, B, 2, &b, &rss), SNNK_E_NONFINITE);
    assert_says("B[0][1] = inf");
    B[1] = 1e300;
    assert_status(snnk_lstsq_rss(s, B, 2, &b, &rss), SNNK_E_NONFINITE);
    assert_says("overflows");
    B[1] = 6, b = NAN;
    assert_status(snnk_lstsq_rss(s, B, 2, &b, &rss), SNNK_E_NONFINITE);
    assert_says("b[0][0] = ");
    assert_true(rss == 8);
    snnk_lstsq_free(empty);
    snnk_lstsq_free(s);
}

static void test_choose_ridge_refuses(void **state) {
    snnk_lstsq *s = collect(3, 2, 1, some_Phi, some_Y), *empty = create(2, 1), *wide = create(3, 1);
    const double ridges[] = {1, -1}, nan_ridge[] = {NAN};
    double errors[] = {8, 8};
    size_t best = 9;

    (void)state;
    assert_status(snnk_lstsq_choose_ridge(NULL, s, NULL, 1, ridges, NULL, errors, &best),
                  SNNK_E_NULL);
    assert_says("train is NULL");
    assert_status(snnk_lstsq_choose_ridge(s, NULL, NULL, 1, ridges, NULL, errors, &best),
                  SNNK_E_NULL);
    assert_says("heldout is NULL");
    assert_status(snnk_lstsq_choose_ridge(s, s, NULL, 1, ridges, NULL, errors, NULL), SNNK_E_NULL);
    assert_says("best is NULL");
    assert_status(snnk_lstsq_choose_ridge(s, wide, NULL, 1, ridges, NULL, errors, &best),
                  SNNK_E_SHAPE);
    assert_says("heldout has 3 features and 1 targets, but train has 2 and 1");
    assert_status(snnk_lstsq_choose_ridge(s, s, NULL, 0, ridges, NULL, errors, &best),
                  SNNK_E_RANGE);
    assert_says("n_ridges = 0");
    assert_status(snnk_lstsq_choose_ridge(s, s, NULL, 1, NULL, NULL, errors, &best), SNNK_E_RANGE);
    assert_says("a grid needs at least 2 ridges");
    assert_status(snnk_lstsq_choose_ridge(s, s, NULL, 2, ridges, NULL, errors, &best),
                  SNNK_E_RANGE);
    assert_says("ridges[1] = -1");
    assert_status(snnk_lstsq_choose_ridge(s, s, NULL, 1, nan_ridge, NULL, errors, &best),
                  SNNK_E_RANGE);
    assert_status(snnk_lstsq_choose_ridge(empty, s, NULL, 1, ridges, NULL, errors, &best),
                  SNNK_E_STATE);
    assert_says("no rows were added to train");
    assert_status(snnk_lstsq_choose_ridge(s, empty, NULL, 1, ridges, NULL, errors, &best),
                  SNNK_E_STATE);
    assert_says("no rows were added to heldout");
    assert_true(errors[0] == 8 && errors[1] == 8 && best == 9);
    snnk_lstsq_free(wide);
    snnk_lstsq_free(empty);
    snnk_lstsq_free(s);
}

/* Failed allocations leave outputs and statistics unchanged, in both solvers. */
static void test_failing_memory(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const float twin[] = {1, 1, 3, 3, 4, 4}; /* the second solver: a singular system */
    const float *const rows[] = {some_Phi, twin};
    const double ridges[] = {0, 1};
    int st;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snnk_lstsq *s = NULL;
        double B[] = {5, 6}, b = 7, rss = 8, errors[] = {9, 9};
        size_t best = 10;

        assert_ok(snnk_lstsq_create(2, 1, &allocator, &s));
        assert_ok(snnk_lstsq_add(
            s, SNNK_ROWS(.n = 3, .X = rows[i], .ldx = 2, .Y = some_Y, .ldy = 1), NULL));
        double *before = statistics_copy(s);

        assert_survives_failing_allocations(memory, st, {
            st = snnk_lstsq_rss(s, B, 2, &b, &rss);
            assert_true(st == SNNK_OK || rss == 8);
        });
        assert_survives_failing_allocations(memory, st, {
            snnk_solve_report report = {.size = sizeof report};

            st = snnk_lstsq_solve(s, NULL, NULL, B, 2, &b, &report);
            assert_true(st == SNNK_OK || (B[0] == 5 && B[1] == 6 && b == 7));
        });
        assert_true(memory.calls > 3); /* it must have failed several times before */
        assert_survives_failing_allocations(memory, st, {
            st = snnk_lstsq_choose_ridge(s, s, NULL, 2, ridges, NULL, errors, &best);
            assert_true(st == SNNK_OK || (errors[0] == 9 && errors[1] == 9 && best == 10));
        });
        statistics_assert_same(s, 3, before);
        snnk_lstsq_free(s);
        assert_int_equal(memory.alive, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_by_hand_no_intercept),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_nist_norris),
        cmocka_unit_test(test_nist_longley),
        cmocka_unit_test(test_nist_wampler1),
        cmocka_unit_test(test_duplicate_and_zero_column),
        cmocka_unit_test(test_dependent_to_float_rounding),
        cmocka_unit_test(test_fewer_rows_than_features),
        cmocka_unit_test(test_shortest_solution_in_unequal_units),
        cmocka_unit_test(test_indefinite),
        cmocka_unit_test(test_rank_tolerance),
        cmocka_unit_test(test_rank_zero),
        cmocka_unit_test(test_overflowing_solution),
        cmocka_unit_test(test_normal_equations),
        cmocka_unit_test(test_choose_ridge),
        cmocka_unit_test(test_choose_ridge_singular),
        cmocka_unit_test(test_default_ridges),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_solve_refuses),
        cmocka_unit_test(test_rss_refuses),
        cmocka_unit_test(test_choose_ridge_refuses),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
