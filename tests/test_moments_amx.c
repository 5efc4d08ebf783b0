/* src/kernels/moments_amx.c: the machine code of the second moments by AMX, on a real unit or
 * emulated: bit for bit as a scalar model, within a derived bound of sums in double, without bias;
 * and fits with it. */
#define _POSIX_C_SOURCE 200809L
#include "support/amx_emulation.h"
#include "support/compare.h"
#include "support/draw.h"
#include "support/statistics.h"

#include <float.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"
#include "kernels/kernels.h"

/* The linker replaces the library's choice: statistics of any size can use either table. */
const snnk__moments *__real_snnk__moments_get(int32_t precision, size_t rows, size_t features);
const snnk__moments *__wrap_snnk__moments_get(int32_t precision, size_t rows, size_t features);
size_t __real_snnk__moments_columns(size_t features);
size_t __wrap_snnk__moments_columns(size_t features);
static const snnk__moments *in_single; /* NULL: the library's choice */

const snnk__moments *__wrap_snnk__moments_get(int32_t precision, size_t rows, size_t features) {
    if (precision == SNNK_PRECISION_SINGLE && in_single) return in_single;
    return __real_snnk__moments_get(precision, rows, features);
}

size_t __wrap_snnk__moments_columns(size_t features) {
    (void)features;
    return SNNK__MOMENTS_AMX_WIDTH;
}

#ifdef SNNK_KERNELS_AMX

enum { WIDTH = SNNK__MOMENTS_AMX_WIDTH, ROWS = SNNK__PANEL_ROWS };

static const snnk__moments *const amx = &snnk__moments_amx;
static const double unit = 0x1p-24;

/* The error of a sum of products over at most 384 rows, as a share of the sum of their sizes:
 *
 *     rounding: 6 products of each of 12 tiles are added, the first to 0: 71 roundings of a partial
 *         sum; in a tile, two chains of 16 multiply-adds of which the first is exact, and the sum
 *         of both: 16 roundings of sums whose total is the same; partial sums are 1 + 2^-6 times
 *         the sum of sizes, because the sizes of the parts of a number add up to 1 + 2^-7 of it;
 *     products that are left out: 2^-24 + 2^-34. */
static const double bound = (71 + 16) * 0x1p-24 * (1 + 0x1p-6) + 0x1p-24 + 0x1p-34;

/* Sums lose products below 2^-126 of the largest numbers of both columns, 6 a row. */
static const double lost = 6 * 384 * 0x1p-126;

/* cmocka handles SIGILL itself, test by test. */
static void begin_test(void **state) {
    (void)state;
    in_single = NULL;
    assert_true(amx_emulation_start());
}

/* ---- Sums of products, and their models ---- */

enum { LDX = 420 };

/* Centered columns of L and of R, and what add made of S. */
typedef struct sums {
    size_t rows, n_left, n_right, lds;
    float *L, *R; /* rows x n_left, n_right */
    double *S, *start;
} sums;

static float *centered(size_t rows, size_t columns, const float *X, const double *mean) {
    float *to = malloc(rows * columns * sizeof *to);

    for (size_t k = 0; k < rows; k++)
        for (size_t c = 0; c < columns; c++)
            to[k * columns + c] = (float)((double)X[k * LDX + c] - mean[c]);
    return to;
}

/* Panels, with garbage in columns and rows that are not packed. */
static char *packed(size_t rows, size_t columns, const float *X, const double *mean) {
    const size_t panels = (columns - 1) / WIDTH + 1;
    char *to = aligned_alloc(64, panels * amx->panel_bytes);

    memset(to, 0xff, panels * amx->panel_bytes); /* NaN */
    amx->pack(rows, columns, X, LDX, mean, to);
    for (size_t p = 0; p < panels; p++)
        amx->finish(rows, columns - p * WIDTH < WIDTH ? columns - p * WIDTH : WIDTH,
                    to + p * amx->panel_bytes);
    return to;
}

/* X: rows x LDX. L are its first columns, and R the n_right columns from `right` on. start: 0, or S
 * begins with numbers of this size. */
static sums make_sums(size_t rows, size_t n_left, size_t right, size_t n_right, const float *X,
                      double start) {
    sums s = {.rows = rows, .n_left = n_left, .n_right = n_right, .lds = n_right + 3};
    double mean[LDX];

    for (size_t c = 0; c < LDX; c++) mean[c] = c % 5 ? 0 : (double)X[c] / 3;
    s.L = centered(rows, n_left, X, mean);
    s.R = centered(rows, n_right, X + right, mean + right);
    s.S = malloc((n_left + 1) * s.lds * sizeof *s.S);
    s.start = malloc((n_left + 1) * s.lds * sizeof *s.S);
    for (size_t i = 0; i < (n_left + 1) * s.lds; i++) s.S[i] = s.start[i] = start * (double)(i % 3);

    char *L = packed(rows, n_left, X, mean), *R = packed(rows, n_right, X + right, mean + right);
    amx->add(rows, L, n_left, R, n_right, s.S, s.lds);
    assert_false(amx_tiles_in_use());
    free(R);
    free(L);
    return s;
}

static void free_sums(sums *s) { free(s->L), free(s->R), free(s->S), free(s->start); }

/* The exponent of the largest of n numbers. */
static int exponent_of(size_t n, size_t stride, const float *x) {
    float most = 0;

    for (size_t k = 0; k < n; k++) most = fmaxf(most, fabsf(x[k * stride]));
    return most == 0 ? -126 : (int)fmax(fmin(ilogb((double)most), 126), -126);
}

/* As VCVTNE2PS2BF16 does: a subnormal number is zero before it is rounded. */
static float rounded(float a) { return snnk__bf16_value(snnk__bf16_of(amx_multiply_add(1, a, 0))); }

typedef struct column {
    float part[3][ROWS];
    int exponent;
} column;

/* Split a column in three parts in bf16, with zeros below its rows. */
static void split(size_t rows, size_t stride, const float *x, column *c) {
    memset(c, 0, sizeof *c);
    c->exponent = exponent_of(rows, stride, x);
    for (size_t k = 0; k < rows; k++) {
        const float scaled = ldexpf(x[k * stride], -c->exponent);

        c->part[0][k] = rounded(scaled);
        c->part[1][k] = rounded(scaled - c->part[0][k]);
        c->part[2][k] = rounded(scaled - c->part[0][k] - c->part[1][k]);
    }
}

/* TDPBF16PS: the products of 32 rows, added to a sum. */
static float dot(const float *l, const float *r, float sum) {
    float pair[2] = {0, 0};

    for (size_t k = 0; k < 32; k++) pair[k % 2] = amx_multiply_add(l[k], r[k], pair[k % 2]);
    return amx_multiply_add(1, sum, amx_multiply_add(1, pair[0], pair[1]));
}

static double model(size_t rows, const column *l, const column *r) {
    static const int products[][2] = {{0, 2}, {0, 1}, {1, 1}, {1, 0}, {2, 0}, {0, 0}};
    float sum = 0;

    for (size_t first = 0; first < rows; first += 32)
        for (size_t p = 0; p < 6; p++)
            sum = dot(l->part[products[p][0]] + first, r->part[products[p][1]] + first, sum);
    return ldexp((double)sum, l->exponent + r->exponent);
}

static void check_model(const sums *s) {
    column *l = malloc(s->n_left * sizeof *l), *r = malloc(s->n_right * sizeof *r);

    for (size_t i = 0; i < s->n_left; i++) split(s->rows, s->n_left, s->L + i, &l[i]);
    for (size_t j = 0; j < s->n_right; j++) split(s->rows, s->n_right, s->R + j, &r[j]);
    for (size_t i = 0; i <= s->n_left; i++)
        for (size_t j = 0; j < s->lds; j++) {
            const bool inside = i < s->n_left && j < s->n_right;
            const double start = s->start[i * s->lds + j];
            const double expected = start + (inside ? model(s->rows, &l[i], &r[j]) : 0);

            if (s->S[i * s->lds + j] != expected)
                fprintf(stderr, "%zu rows, %zu x %zu: S[%zu][%zu] = %a, expected %a\n", s->rows,
                        s->n_left, s->n_right, i, j, s->S[i * s->lds + j], expected);
            assert_true(s->S[i * s->lds + j] == expected);
        }
    free(r);
    free(l);
}

/* Set *sum and *size to the sum of the products of two columns and of their absolute values. */
static void exact(const sums *s, size_t i, size_t j, long double *sum, long double *size) {
    *sum = *size = 0;
    for (size_t k = 0; k < s->rows; k++) {
        const double product = (double)s->L[k * s->n_left + i] * (double)s->R[k * s->n_right + j];

        *sum += product;
        *size += fabs(product);
    }
}

static void check_bound(const sums *s) {
    for (size_t i = 0; i < s->n_left; i++)
        for (size_t j = 0; j < s->n_right; j++) {
            const double start = s->start[i * s->lds + j];
            const int exponents = exponent_of(s->rows, s->n_left, s->L + i) +
                                  exponent_of(s->rows, s->n_right, s->R + j);
            long double sum, size;

            exact(s, i, j, &sum, &size);
            assert_close(s->S[i * s->lds + j] - start, (double)sum, 0,
                         bound * (double)size + ldexp(lost, exponents + 2) + start * 0x1p-52 +
                             (double)size * 0x1p-52);
        }
}

/* ---- Kernels ---- */

static const struct {
    size_t rows, n_left, n_right;
} shapes[] = {{1, 1, 1},    {2, 32, 32},   {31, 17, 31},  {32, 16, 16},  {33, 15, 17},
              {64, 31, 33}, {65, 1, 384},  {97, 32, 1},   {383, 5, 48},  {384, 32, 32},
              {384, 1, 1},  {200, 32, 70}, {130, 2, 100}, {255, 18, 50}, {40, 32, 384}};

static void sums_have_the_bits_of_the_model(void **state) {
    float *X = malloc(ROWS * LDX * sizeof *X);

    begin_test(state);
    draw_floats(X, ROWS * LDX, 1);
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++) {
        const unsigned long before = amx_emulated_products();
        sums s = make_sums(shapes[c].rows, shapes[c].n_left, 20, shapes[c].n_right, X, 1);

        if (!(snnk__cpu_features() & SNNK__CPU_AMX)) assert_true(amx_emulated_products() > before);
        check_model(&s);
        check_bound(&s);
        free_sums(&s);
    }
    free(X);
}

/* Columns of very different sizes, and with numbers of different sizes. */
static void sizes_of_columns_do_not_matter(void **state) {
    static const int exponents[] = {0, 59, -40, -63, -75, -101, -126, -130, -145, 30, 100, 127};
    float *X = malloc(ROWS * LDX * sizeof *X);
    uint64_t seed = 2;

    begin_test(state);
    draw_floats(X, ROWS * LDX, 3);
    for (size_t k = 0; k < ROWS; k++)
        for (size_t c = 0; c < LDX; c++) {
            /* Some columns are spread over all sizes. */
            const int below = c % 4 ? 0 : (int)(draw_bits(&seed) % 160);

            X[k * LDX + c] = ldexpf(X[k * LDX + c], exponents[c % 12] - below);
        }
    for (size_t k = 0; k < ROWS; k++) X[k * LDX + 7] = 0;
    X[11] = X[LDX + 11] = FLT_MAX;            /* rounded up, hi would be infinite */
    sums s = make_sums(130, 24, 5, 36, X, 0); /* from 0: S does not hide small sums */
    for (size_t i = 0; i < s.n_left * s.lds; i++) assert_true(isfinite(s.S[i]));
    check_model(&s);
    check_bound(&s);
    free_sums(&s);
    free(X);
}

/* Squares of centered and of positive numbers: their mean error is less than 4 standard errors.
 * (With three products, or with parts whose digits are cut off, it is more.) */
static void diagonals_have_no_bias(void **state) {
    enum { COLUMNS = 32, DRAWS = 12 };
    float *X = malloc(ROWS * LDX * sizeof *X);

    begin_test(state);
    for (int way = 0; way < 2; way++) {
        sample errors = {0};
        double largest = 0;

        for (uint64_t seed = 0; seed < DRAWS; seed++) {
            draw_floats(X, ROWS * LDX, 100 + seed);
            for (size_t k = 0; way == 1 && k < ROWS * LDX; k++) X[k] = 1 + X[k] / 3;
            sums s = make_sums(ROWS, COLUMNS, 0, COLUMNS, X, 0);
            for (size_t i = 0; i < COLUMNS; i++) {
                const size_t at = i * s.lds + i;
                long double sum, size;

                exact(&s, i, i, &sum, &size);
                const double error = (s.S[at] - s.start[at]) / (double)sum - 1;
                sample_add(&errors, error);
                largest = fmax(largest, fabs(error));
            }
            free_sums(&s);
        }
        print_message("diagonal: mean error %.2g, standard error %.2g, largest %.2g\n", errors.mean,
                      sample_error(&errors), largest);
        assert_true(fabs(errors.mean) < 4 * sample_error(&errors));
        /* 72 additions to sums that grow: see precision_of_many_rows. */
        assert_true(largest < 5 * unit * sqrt(72) / 3);
    }
    free(X);
}

/* ---- Statistics ---- */

static snnk_lstsq *create(size_t m, size_t t, int32_t precision) {
    snnk_lstsq *s;

    assert_ok(snnk_lstsq_create(m, t, NULL, &s));
    assert_ok(snnk_lstsq_set_precision(s, precision));
    return s;
}

static void precision_of_many_rows(void **state) {
    enum { N = 8000, M = 34, T = 1 };
    float *Phi = statistics_random(N * M, 13), *Y = statistics_random(N * T, 14);
    snnk_lstsq *expected = create(M, T, SNNK_PRECISION_DOUBLE);
    double largest[2] = {0};

    begin_test(state);
    for (size_t i = 0; i < N * M; i++) Phi[i] += 0.9f * Phi[i - i % M] + 1;
    statistics_set_float(expected, N, Phi, Y);
    for (int way = 0; way < 2; way++) {
        snnk_lstsq *s = create(M, T, SNNK_PRECISION_SINGLE);

        in_single = way ? amx : &snnk__kernels_get()->moments[SNNK_PRECISION_SINGLE];
        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j <= i; j++)
                largest[way] =
                    fmax(largest[way], fabs(s->S[i * M + j] - expected->S[i * M + j]) /
                                           sqrt(expected->S[i * M + i] * expected->S[j * M + j]));
        snnk_lstsq_free(s);
    }
    print_message("largest error of S: %.2g in float, %.2g by AMX\n", largest[0], largest[1]);
    /* As in test_lstsq.c: 72 roundings of partial sums instead of 384, in 5 standard deviations. */
    assert_true(largest[1] < 5 * unit * sqrt(72 / (N / 384.0)) / 3);
    assert_true(largest[1] > 1e-10);
    snnk_lstsq_free(expected);
    free(Y);
    free(Phi);
}

typedef struct data {
    size_t n, m, t;
    float *Phi, *Y, *weights;
} data;

static data make_data(size_t n, size_t m, size_t t) {
    data d = {n,
              m,
              t,
              statistics_random(n * m, m),
              statistics_random(n * t, t),
              malloc(n * sizeof(float))};

    for (size_t i = 0; i < n * m; i++) d.Phi[i] = 2 + fmaxf(d.Phi[i], 0);
    for (size_t i = 0; i < n; i++) {
        d.weights[i] = 0.25f + (float)(i % 7);
        for (size_t k = 0; k < t; k++) d.Y[i * t + k] += 3 * d.Phi[i * m + k % m];
    }
    return d;
}

static void free_data(data *d) { free(d->Phi), free(d->Y), free(d->weights); }

static snnk_lstsq *statistics_of(const data *d, const snnk__moments *moments, bool weighted,
                                 snnk_workspace *workspace) {
    snnk_lstsq *s = create(d->m, d->t, moments ? SNNK_PRECISION_SINGLE : SNNK_PRECISION_DOUBLE);

    in_single = moments;
    assert_ok(snnk_lstsq_add(s,
                             SNNK_ROWS(.n = d->n, .X = d->Phi, .ldx = d->m, .Y = d->Y, .ldy = d->t,
                                       .weights = weighted ? d->weights : NULL),
                             workspace));
    return s;
}

/* Around the widths of tiles, panels and groups of panels, and blocks of 383 rows; means, weights;
 * sums of squares of targets, which are not products of panels, have the same bits as before. */
static void statistics_of_all_sizes(void **state) {
    static const size_t sizes[][3] = {{1, 1, 1},    {2, 33, 1},   {50, 16, 17}, {383, 31, 3},
                                      {384, 65, 2}, {800, 40, 1}, {33, 385, 33}};

    begin_test(state);
    for (size_t c = 0; c < sizeof sizes / sizeof *sizes; c++) {
        data d = make_data(sizes[c][0], sizes[c][1], sizes[c][2]);
        const bool weighted = c % 2 == 0;
        snnk_lstsq *expected = statistics_of(&d, NULL, weighted, NULL);
        snnk_lstsq *floats =
            statistics_of(&d, &snnk__kernels_get()->moments[SNNK_PRECISION_SINGLE], weighted, NULL);
        snnk_lstsq *s = statistics_of(&d, amx, weighted, NULL);

        assert_true(s->single);
        /* 2 for the rounding of centered numbers, and as much for that of the weights. */
        statistics_assert_close(s, expected, bound + 4 * unit, 1e-15);
        assert_memory_equal(s->yy, floats->yy, d.t * sizeof *s->yy);
        assert_memory_equal(s->mean_phi, floats->mean_phi, d.m * sizeof *s->mean_phi);
        snnk_lstsq_free(s);
        snnk_lstsq_free(floats);
        snnk_lstsq_free(expected);
        free_data(&d);
    }
}

/* Constant features have moments of 0, so they are found to be constant. */
static void constant_columns_stay_zero(void **state) {
    data d = make_data(500, 40, 1);

    begin_test(state);
    for (size_t i = 0; i < d.n; i++) d.Phi[i * d.m + 5] = 0.1f, d.Phi[i * d.m + 37] = 7;
    snnk_lstsq *s = statistics_of(&d, amx, false, NULL);
    for (size_t j = 0; j <= 37; j++) assert_true(s->S[37 * d.m + j] == 0);
    for (size_t j = 0; j <= 5; j++) assert_true(s->S[5 * d.m + j] == 0);
    assert_true(s->C[5] == 0 && s->C[37] == 0);
    snnk_lstsq_free(s);
    free_data(&d);
}

static void threads_give_the_same_bits(void **state) {
    data d = make_data(40, 130, 5);

    begin_test(state);
    snnk_lstsq *alone = statistics_of(&d, amx, true, NULL);
    for (size_t threads = 2; threads <= 3; threads++) {
        snnk_workspace *workspace;

        assert_ok(snnk_workspace_create(threads, NULL, &workspace));
        snnk_lstsq *s = statistics_of(&d, amx, true, workspace);
        statistics_assert_same(s, d.n, statistics_copy(alone));
        snnk_lstsq_free(s);
        snnk_workspace_free(workspace);
    }
    snnk_lstsq_free(alone);
    free_data(&d);
}

/* Rows in double, then by AMX, then in floats: each uses the memory of the panels in its way. */
static void tables_take_turns(void **state) {
    const snnk__moments *const floats = &snnk__kernels_get()->moments[SNNK_PRECISION_SINGLE];
    data d = make_data(300, 70, 3);

    begin_test(state);
    snnk_lstsq *expected = statistics_of(&d, NULL, false, NULL);
    snnk_lstsq *s = create(d.m, d.t, SNNK_PRECISION_DOUBLE);
    for (size_t i = 0; i < d.n; i += 50) {
        const size_t turn = i / 50 % 3;

        in_single = turn == 1 ? amx : floats;
        assert_ok(snnk_lstsq_set_precision(s, turn > 0));
        assert_ok(snnk_lstsq_add(
            s, SNNK_ROWS(.n = 50, .X = d.Phi + i * d.m, .ldx = d.m, .Y = d.Y + i * d.t, .ldy = d.t),
            NULL));
    }
    statistics_assert_close(s, expected, bound + 4 * unit, 1e-15);
    snnk_lstsq_free(s);
    snnk_lstsq_free(expected);
    free_data(&d);
}

/* Doubles, centered in double: timestamps that vary by seconds. */
static void doubles_keep_their_digits(void **state) {
    enum { N = 400, M = 34 };
    float *noise = statistics_random(N * M, 21);
    double *Phi = malloc(N * M * sizeof *Phi);
    const float *Y = noise;
    snnk_lstsq *s = create(M, 1, SNNK_PRECISION_SINGLE),
               *expected = create(M, 1, SNNK_PRECISION_DOUBLE);

    begin_test(state);
    for (size_t i = 0; i < N * M; i++) Phi[i] = 1.7e9 + (double)noise[i];
    in_single = amx;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = N, .X_f64 = Phi, .ldx = M, .Y = Y, .ldy = 1), NULL));
    assert_ok(
        snnk_lstsq_add(expected, SNNK_ROWS(.n = N, .X = noise, .ldx = M, .Y = Y, .ldy = 1), NULL));
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j <= i; j++) /* doubles near 1.7e9 have units of 2^-22 */
            assert_close(s->S[i * M + j], expected->S[i * M + j], 0,
                         (bound + 2 * unit + 0x1p-20) *
                             sqrt(expected->S[i * M + i] * expected->S[j * M + j]));
    snnk_lstsq_free(expected);
    snnk_lstsq_free(s);
    free(Phi);
    free(noise);
}

/* The solution differs from that in double by at most the norm of the error of S over the ridge,
 * which is 1e-3 of the trace of S: times 1e3 bound. The error of C has the same size. */
static void fits_agree_with_double(void **state) {
    enum { N = 1000, M = 60, T = 2 };
    data d = make_data(N, M, T);
    double B[2][T * M], b[2][T], worst = 0, largest = 0;

    begin_test(state);
    for (int way = 0; way < 2; way++) {
        snnk_lstsq *s = statistics_of(&d, way ? amx : NULL, true, NULL);
        snnk_solve_config config;
        snnk_solve_report report = {.size = sizeof report};

        assert_ok(snnk_solve_config_init(&config, sizeof config));
        config.ridge = 1e-3 * s->S[0] * M;
        assert_ok(snnk_lstsq_solve(s, &config, NULL, B[way], M, b[way], &report));
        assert_int_equal(report.method, SNNK_SOLVE_CHOLESKY);
        snnk_lstsq_free(s);
    }
    for (size_t i = 0; i < T * M; i++) {
        worst = fmax(worst, fabs(B[1][i] - B[0][i]));
        largest = fmax(largest, fabs(B[0][i]));
    }
    assert_true(largest > 1); /* Y has 3 times a feature */
    assert_true(worst > 0 && worst < 2e3 * bound * largest);
    free_data(&d);
}

/* ---- Processes, permission ---- */

static void a_forked_child_computes_the_same(void **state) {
    data d = make_data(100, 50, 1);
    int status;

    begin_test(state);
    snnk_lstsq *s = statistics_of(&d, amx, false, NULL);
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        snnk_lstsq *again = statistics_of(&d, amx, false, NULL);
        double *one = statistics_copy(s), *two = statistics_copy(again);

        _exit(memcmp(one, two, statistics_count(s) * sizeof *one) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    snnk_lstsq_free(s);
    free_data(&d);
}

static int asked;
static const snnk__narrow *permitted(void) {
    asked++;
    return &snnk__narrow_amx;
}
static const snnk__narrow *refused(void) {
    asked++;
    return &snnk__narrow_avx512;
}

static void without_permission_floats_are_used(void **state) {
    enum {
        SINGLE = SNNK_PRECISION_SINGLE,
        DOUBLE = SNNK_PRECISION_DOUBLE,
        LEAST_ROWS = 32,
        M = 128
    };
    const snnk__kernels *best = &snnk__kernels_avx512, *other = &snnk__kernels_avx2;

    begin_test(state);
    asked = 0;
    assert_ptr_equal(snnk__moments_choose(best, permitted, SINGLE, LEAST_ROWS, M), amx);
    assert_ptr_equal(snnk__moments_choose(best, refused, SINGLE, LEAST_ROWS, M),
                     &best->moments[SINGLE]);
    assert_int_equal(asked, 2);
    /* Nobody asks in double, for small sizes, or where other kernels were wanted. */
    assert_ptr_equal(snnk__moments_choose(best, permitted, DOUBLE, 383, 1024),
                     &best->moments[DOUBLE]);
    assert_ptr_equal(snnk__moments_choose(best, permitted, SINGLE, LEAST_ROWS - 1, M),
                     &best->moments[SINGLE]);
    assert_ptr_equal(snnk__moments_choose(best, permitted, SINGLE, LEAST_ROWS, M - 1),
                     &best->moments[SINGLE]);
    assert_ptr_equal(snnk__moments_choose(other, permitted, SINGLE, 383, 1024),
                     &other->moments[SINGLE]);
    assert_int_equal(asked, 2);
    /* The real choice agrees with that of narrow products. */
    assert_true((__real_snnk__moments_get(SINGLE, 383, 1024) == amx) ==
                (snnk__narrow_get() == &snnk__narrow_amx));
    /* Memory is enough for either table. */
    if (snnk__kernels_get() == best) assert_int_equal(__real_snnk__moments_columns(M), WIDTH);
    assert_int_equal(__real_snnk__moments_columns(M - 1),
                     snnk__kernels_get()->moments[DOUBLE].width);
    assert_int_equal(WIDTH % snnk__kernels_get()->moments[DOUBLE].width, 0);
    assert_true(amx->panel_bytes <= SNNK__PANEL_STRIDE * WIDTH * sizeof(double));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_have_the_bits_of_the_model),
        cmocka_unit_test(sizes_of_columns_do_not_matter),
        cmocka_unit_test(diagonals_have_no_bias),
        cmocka_unit_test(precision_of_many_rows),
        cmocka_unit_test(statistics_of_all_sizes),
        cmocka_unit_test(constant_columns_stay_zero),
        cmocka_unit_test(threads_give_the_same_bits),
        cmocka_unit_test(tables_take_turns),
        cmocka_unit_test(doubles_keep_their_digits),
        cmocka_unit_test(fits_agree_with_double),
        cmocka_unit_test(a_forked_child_computes_the_same),
        cmocka_unit_test(without_permission_floats_are_used),
    };

    if (!(snnk__cpu_features() & SNNK__CPU_AVX512_BF16)) {
        printf("no AVX-512 with bf16: the moments by AMX are not tested\n");
        return 77;
    }
    if (!amx_emulation_start()) {
        printf("neither AMX nor an emulation of it: the moments by AMX are not tested\n");
        return 77;
    }
    printf("AMX: %s\n", snnk__cpu_features() & SNNK__CPU_AMX ? "a real unit" : "emulated");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
    (void)in_single;
    printf("a build without AMX kernels: they are not tested\n");
    return 77;
}
#endif
