/* Kernels of backward passes and steps (src/kernels: correlate, slopes, adam, transposed panels),
 * compared with sums, closed forms and steps in double. tests/CMakeLists.txt runs this for every
 * kernel table of the machine. */
#include "support/compare.h"
#include "support/draw.h"

#include <float.h>
#include <stdbool.h>
#include <stdlib.h>

#include "kernels/backward.h"

static const float guard = -12345.5f;
static const double eps = 0x1p-24; /* half a unit in the last place of 1: one float rounding */

static float *draw(size_t count, uint64_t seed) {
    float *values = malloc(count * sizeof *values);

    draw_floats(values, count, seed);
    return values;
}

/* Whole numbers -8 ... 8: sums of fewer than 2^17 products are exact in float. */
static float *draw_whole(size_t count, uint64_t seed) {
    float *values = draw(count, seed);

    for (size_t i = 0; i < count; i++) values[i] = rintf(8 * values[i]);
    return values;
}

/* ---- Sums over rows ---- */

typedef struct product {
    size_t n, rows, columns, lda, ldb, ldc;
    float *A, *B, *C, *expected;
} product;

static product make_product(size_t n, size_t rows, size_t columns, bool whole) {
    product p = {n, rows, columns, rows + 3, columns + 5, columns + 1, NULL, NULL, NULL, NULL};
    float *(*values)(size_t, uint64_t) = whole ? draw_whole : draw;

    p.A = values(n * p.lda, 1);
    p.B = values(n * p.ldb, 2);
    p.C = values(rows * p.ldc, 3);
    for (size_t j = 0; j < rows; j++) p.C[j * p.ldc + columns] = guard;
    p.expected = malloc(rows * p.ldc * sizeof *p.expected);
    memcpy(p.expected, p.C, rows * p.ldc * sizeof *p.C);
    return p;
}

static void free_product(product *p) {
    free(p->expected);
    free(p->C);
    free(p->B);
    free(p->A);
}

/* Compare C with C before + A^T B. The n products are summed in order, and then added to C: each of
 * the n + 1 additions and of the products rounds once, so the error is at most (n + 2) eps times
 * the sum of all magnitudes (Higham 2002, section 3.1), here with twice that for higher orders. */
static void check_product(const product *p, bool whole) {
    for (size_t j = 0; j < p->rows; j++) {
        for (size_t k = 0; k < p->columns; k++) {
            double sum = p->expected[j * p->ldc + k], size = fabs(sum);

            for (size_t i = 0; i < p->n; i++) {
                const double term = (double)p->A[i * p->lda + j] * p->B[i * p->ldb + k];

                sum += term;
                size += fabs(term);
            }
            if (whole)
                assert_true(p->C[j * p->ldc + k] == (float)sum);
            else
                assert_close(p->C[j * p->ldc + k], sum, 0, 2 * (double)(p->n + 2) * eps * size);
        }
        assert_true(p->C[j * p->ldc + p->columns] == guard);
    }
}

static void test_correlate(void **state) {
    static const size_t counts[] = {0, 1, 2, 7};

    (void)state;
    for (size_t rows = 1; rows <= 30; rows++)
        for (size_t columns = 1; columns <= 70; columns++)
            for (size_t whole = 0; whole < 2; whole++) {
                product p = make_product(counts[(rows + columns) % 4], rows, columns, whole);

                snnk__kernels_get()->correlate(p.n, rows, columns, p.A, p.lda, p.B, p.ldb, p.C,
                                               p.ldc);
                check_product(&p, whole);
                free_product(&p);
            }
}

/* snnk__correlate packs A in pieces, and takes blocks of rows. */
static void test_many_rows(void **state) {
    static const size_t counts[] = {1, 127, 128, 129, 300}, rows[] = {1, 23, 24, 25, 48, 70, 131};

    (void)state;
    for (size_t c = 0; c < 5; c++)
        for (size_t r = 0; r < 7; r++)
            for (size_t whole = 0; whole < 2; whole++) {
                product p = make_product(counts[c], rows[r], 37, whole);

                snnk__correlate(p.n, p.rows, p.columns, p.A, p.lda, p.B, p.ldb, p.C, p.ldc);
                check_product(&p, whole);
                free_product(&p);
            }
}

/* Columns may be divided anywhere; threads divide them at multiples of 64. */
static void test_correlate_in_parts(void **state) {
    static const size_t parts[][3] = {{64, 128, 150}, {128, 150, 150}, {1, 7, 150}, {33, 97, 150}};
    static const size_t rows[] = {1, 5, 6, 7, 12, 13, 20, 24, 25, 61};
    enum { columns = 150 };

    (void)state;
    for (size_t r = 0; r < 10; r++)
        for (size_t t = 0; t < 4; t++) {
            product p = make_product(300, rows[r], columns, false);

            snnk__correlate(p.n, p.rows, columns, p.A, p.lda, p.B, p.ldb, p.C, p.ldc);
            for (size_t part = 0, begin = 0; part < 3; begin = parts[t][part++])
                snnk__correlate(p.n, p.rows, parts[t][part] - begin, p.A, p.lda, p.B + begin, p.ldb,
                                p.expected + begin, p.ldc);
            assert_memory_equal(p.C, p.expected, p.rows * p.ldc * sizeof *p.C);
            free_product(&p);
        }
}

/* Blocks of SNNK__BACK_ROWS rows, in order: the same bits as a call for each. */
static void test_blocks_of_rows(void **state) {
    product p = make_product(300, 70, 67, false);

    (void)state;
    snnk__correlate(p.n, p.rows, p.columns, p.A, p.lda, p.B, p.ldb, p.C, p.ldc);
    for (size_t i = 0; i < 300; i += SNNK__BACK_ROWS)
        snnk__correlate(i + SNNK__BACK_ROWS < 300 ? SNNK__BACK_ROWS : 300 - i, p.rows, p.columns,
                        p.A + i * p.lda, p.lda, p.B + i * p.ldb, p.ldb, p.expected, p.ldc);
    assert_memory_equal(p.C, p.expected, p.rows * p.ldc * sizeof *p.C);
    free_product(&p);
}

static void test_add_columns(void **state) {
    enum { n = 300, columns = 77, ld = 80 };
    float *A = draw_whole(n * ld, 1), *sums = draw_whole(columns + 1, 2), before[columns];

    (void)state;
    memcpy(before, sums, sizeof before);
    sums[columns] = guard;
    snnk__add_columns(n, columns, A, ld, sums);
    for (size_t k = 0; k < columns; k++) {
        double sum = before[k];

        for (size_t i = 0; i < n; i++) sum += A[i * ld + k];
        assert_true(sums[k] == (float)sum);
    }
    assert_true(sums[columns] == guard);
    free(sums);
    free(A);
}

/* NaN and infinity in the columns that exist reach C; what lies beside them does not. */
static void test_correlate_nonfinite(void **state) {
    product p = make_product(5, 7, 37, true);

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 7; j < p.lda; j++) p.A[i * p.lda + j] = NAN;
        for (size_t k = 37; k < p.ldb; k++) p.B[i * p.ldb + k] = NAN;
    }
    snnk__correlate(5, 7, 37, p.A, p.lda, p.B, p.ldb, p.C, p.ldc);
    check_product(&p, true);
    p.B[2 * p.ldb + 36] = NAN;
    snnk__correlate(5, 7, 37, p.A, p.lda, p.B, p.ldb, p.C, p.ldc);
    for (size_t j = 0; j < 7; j++)
        for (size_t k = 0; k < 37; k++) assert_true(isnan(p.C[j * p.ldc + k]) == (k == 36));
    free_product(&p);
}

/* ---- Slopes ---- */

static double sigmoid(double z) { return 1 / (1 + exp(-z)); }

/* h'(z) by its closed form, for finite z. */
static double slope_value(int32_t activation, double z) {
    static const double c = 0.79788456080286535588, a = 0.044715; /* sqrt(2/pi) */
    const double t = fmax(fmin(z, 1e4), -1e4); /* where a limit is reached: avoids inf * 0 */

    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: return 1;
    case SNNK_STEP: return 0;
    case SNNK_RELU: return z > 0;
    case SNNK_GELU: return erfc(-z / sqrt(2)) / 2 + t * exp(-t * t / 2) / sqrt(2 * acos(-1));
    case SNNK_GELU_TANH: {
        const double u = 2 * c * (t + a * t * t * t);
        return sigmoid(u) + 2 * c * t * sigmoid(u) * sigmoid(-u) * (1 + 3 * a * t * t);
    }
    case SNNK_TANH: return 4 * sigmoid(2 * z) * sigmoid(-2 * z);
    case SNNK_SIGMOID: return sigmoid(z) * sigmoid(-z);
    case SNNK_SILU: return sigmoid(z) + t * sigmoid(t) * sigmoid(-t);
    case SNNK_SOFTPLUS: return sigmoid(z);
    case SNNK_SIN: return cos(z);
    case SNNK_COS: return -sin(z);
    case SNNK_EXP: return exp(z);
    case SNNK_ERF: return 2 / sqrt(acos(-1)) * exp(-z * z);
    }
    return NAN;
}

/* What each slope may be off by, as a share of its size, and of 1. Relative ones are those of the
 * activations it is made of (2.5 ulp). Absolute ones are about twice the largest error that was
 * measured on all kernel tables over the arguments below; 1e-37 is where numbers become
 * denormal. */
static const struct {
    double relative, absolute;
} slope_errors[] = {
    [SNNK_IDENTITY] = {0, 0},
    [SNNK_STEP] = {0, 0},
    [SNNK_RELU] = {0, 0},
    [SNNK_GELU] = {2e-7, 1e-7},
    [SNNK_GELU_TANH] = {2e-7, 1e-7},
    [SNNK_TANH] = {3e-7, 1e-37},
    [SNNK_SIGMOID] = {3e-7, 1e-37},
    [SNNK_SILU] = {2e-7, 5e-8},
    [SNNK_SOFTPLUS] = {3e-7, 1e-37},
    [SNNK_SIN] = {0, 1e-7},
    [SNNK_COS] = {0, 1e-7},
    [SNNK_EXP] = {3e-7, 1e-37},
    [SNNK_ERF] = {3e-7, 1e-11},
};

enum { ARGUMENTS = 4099 }; /* not a multiple of a register */

/* Most near 0, some large, some tiny. */
static void draw_arguments(float *z, uint64_t seed) {
    draw_floats(z, ARGUMENTS, seed);
    for (size_t i = 0; i < ARGUMENTS; i++)
        z[i] *= i % 16 == 0 ? 80 : i % 16 == 1 ? 1e-3f : i % 16 == 2 ? 1e4f : 8;
}

static void test_activation_slopes(void **state) {
    float z[ARGUMENTS], back[ARGUMENTS], dz[ARGUMENTS];

    (void)state;
    for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++) {
        const snnk__function f = {SNNK__OPERATION_ACTIVATION, a, 0, 0, 0.37f, NULL};

        draw_arguments(z, 7);
        draw_floats(back, ARGUMENTS, 8);
        snnk__kernels_get()->slopes(&f, ARGUMENTS, z, back, dz);
        for (size_t i = 0; i < ARGUMENTS; i++) {
            const double by = (double)f.scale * back[i], slope = slope_value(a, z[i]);

            if (fabs(slope) > 1e38) continue; /* exp overflows in float */
            /* two more roundings: by the scale and by `back` */
            assert_close(dz[i], by * slope, 0,
                         fabs(by) * ((slope_errors[a].relative + 3 * eps) * fabs(slope) +
                                     slope_errors[a].absolute) +
                             1e-45);
        }
    }
}

/* Each argument alone in a register, and in every lane of one; in place, over z and over `back`. */
static void test_slopes_of_any_count(void **state) {
    float z[67], back[67], all[67], some[68];

    (void)state;
    draw_floats(z, 67, 1);
    draw_floats(back, 67, 2);
    for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++) {
        const snnk__function f = {SNNK__OPERATION_ACTIVATION, a, 0, 0, 0.37f, NULL};

        snnk__kernels_get()->slopes(&f, 67, z, back, all);
        for (size_t n = 0; n <= 67; n++) {
            some[n] = guard;
            snnk__kernels_get()->slopes(&f, n, z, back, some);
            assert_memory_equal(some, all, n * sizeof *some);
            assert_true(some[n] == guard);
        }
        memcpy(some, z, sizeof z);
        snnk__kernels_get()->slopes(&f, 67, some, back, some);
        assert_memory_equal(some, all, sizeof all);
        memcpy(some, back, sizeof back);
        snnk__kernels_get()->slopes(&f, 67, z, some, some);
        assert_memory_equal(some, all, sizeof all);
    }
}

/* Limits at infinity, NaN, kinks. */
static void test_slopes_at_limits(void **state) {
    static const float z[] = {0, -0.0f, INFINITY, -INFINITY, 1e30f, -1e30f, FLT_MAX, -FLT_MAX};
    static const float odd = NAN;
    static const struct {
        int32_t activation;
        float slopes[8]; /* NAN: compared with the closed form elsewhere, or not defined */
    } cases[] = {
        {SNNK_IDENTITY, {1, 1, 1, 1, 1, 1, 1, 1}},
        {SNNK_STEP, {0, 0, 0, 0, 0, 0, 0, 0}},
        {SNNK_RELU, {0, 0, 1, 0, 1, 0, 1, 0}},
        {SNNK_GELU, {0.5f, 0.5f, 1, 0, 1, 0, 1, 0}},
        {SNNK_GELU_TANH, {0.5f, 0.5f, 1, 0, 1, 0, 1, 0}},
        {SNNK_TANH, {1, 1, 0, 0, 0, 0, 0, 0}},
        {SNNK_SIGMOID, {0.25f, 0.25f, 0, 0, 0, 0, 0, 0}},
        {SNNK_SILU, {0.5f, 0.5f, 1, 0, 1, 0, 1, 0}},
        {SNNK_SOFTPLUS, {0.5f, 0.5f, 1, 0, 1, 0, 1, 0}},
        {SNNK_EXP, {1, 1, INFINITY, 0, INFINITY, 0, INFINITY, 0}},
        {SNNK_ERF, {1.12837917f, 1.12837917f, 0, 0, 0, 0, 0, 0}},
    };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const snnk__function f = {
            SNNK__OPERATION_ACTIVATION, cases[c].activation, 0, 0, 0.5f, NULL};

        for (size_t i = 0; i <= 8; i++) {
            float at[33], back[33], dz[33];

            for (size_t k = 0; k < 33; k++) at[k] = i < 8 ? z[i] : odd, back[k] = -2;
            snnk__kernels_get()->slopes(&f, 33, at, back, dz);
            for (size_t k = 0; k < 33; k++)
                if (i == 8)
                    assert_true(isnan(dz[k]));
                else /* a slope of e^-87 instead of 0 is within the bounds above */
                    assert_close(dz[k], -(double)cases[c].slopes[i], 3e-7, 1e-37);
        }
    }
    for (size_t i = 2; i < 9; i++) /* sin and cos: any angle, and NaN */
        for (int32_t a = SNNK_SIN; a <= SNNK_COS; a++) {
            const snnk__function f = {SNNK__OPERATION_ACTIVATION, a, 0, 0, 1, NULL};
            const float at = i < 8 ? z[i] : odd, one = 1;
            float dz;

            snnk__kernels_get()->slopes(&f, 1, &at, &one, &dz);
            if (isfinite(at))
                assert_close(dz, slope_value(a, at), 0, 2e-7);
            else
                assert_true(isnan(dz));
        }
}

static void test_power_slopes(void **state) {
    static const float floors[] = {0, -0.5f, -1e15f};
    float z[ARGUMENTS], back[ARGUMENTS], dz[ARGUMENTS];

    (void)state;
    draw_arguments(z, 3);
    draw_floats(back, ARGUMENTS, 4);
    z[0] = 0, z[1] = -0.5f, z[2] = -0.0f, z[3] = 1e30f, z[4] = -1e30f, z[5] = INFINITY;
    z[6] = -INFINITY, z[ARGUMENTS - 1] = z[7] = NAN, z[8] = nextafterf(0, 1), z[9] = -1e15f;
    for (int32_t order = 1; order <= 2; order++)
        for (size_t c = 0; c < 3; c++) {
            const snnk__function f = {SNNK__OPERATION_POWER, 0, order, floors[c], 0.37f, NULL};

            snnk__kernels_get()->slopes(&f, ARGUMENTS, z, back, dz);
            for (size_t i = 0; i < ARGUMENTS; i++) {
                const double slope = order == 1 ? 1 : 2 * (double)z[i];

                if (isnan(z[i]))
                    assert_true(isnan(dz[i]));
                else if (z[i] > f.floor)
                    assert_close(dz[i], (double)f.scale * back[i] * slope, 3 * eps, 1e-45);
                else
                    assert_true(dz[i] == 0);
            }
        }
}

/* Sine and cosine are within 2.5 ulp (vector_math.h): 2e-7 each; then two products and a sum. */
static void test_cos_sin_slopes(void **state) {
    float z[ARGUMENTS], back[2 * ARGUMENTS], dz[ARGUMENTS + 1], one[2];
    const snnk__function f = {SNNK__OPERATION_COS_SIN, 0, 0, 0, 0.37f, NULL};

    (void)state;
    draw_arguments(z, 3);
    draw_floats(back, 2 * ARGUMENTS, 4);
    z[5] = 1e30f, z[6] = -1e30f, z[7] = 60000;
    snnk__kernels_get()->slopes(&f, ARGUMENTS, z, back, dz);
    for (size_t i = 0; i < ARGUMENTS; i++) {
        const double a = back[2 * i], b = back[2 * i + 1];

        assert_close(dz[i], (double)f.scale * (b * cos(z[i]) - a * sin(z[i])), 0,
                     f.scale * (fabs(a) + fabs(b)) * (2e-7 + 3 * eps));
    }
    for (size_t n = 0; n <= 67; n++) { /* any count gives the same bits, and writes no more */
        float some[68];

        some[n] = guard;
        snnk__kernels_get()->slopes(&f, n, z, back, some);
        assert_memory_equal(some, dz, n * sizeof *some);
        assert_true(some[n] == guard);
    }
    for (size_t i = 0; i < 3; i++) {
        const float bad[] = {NAN, INFINITY, -INFINITY};

        one[0] = one[1] = 1;
        snnk__kernels_get()->slopes(&f, 1, bad + i, one, dz);
        assert_true(isnan(dz[0]));
    }
}

/* ---- Adam ---- */

/* Compare with a step in double from the same state. Errors: of g, 3 roundings of the sum of the
 * magnitudes of its terms; the means add 4 more; the step is the quotient's relative error, the
 * mean's as it is, half that of the square, and 6 more roundings; and the value rounds 3 times. */
static void test_adam(void **state) {
    static const size_t counts[] = {0, 1, 7, 8, 16, 17, 67, 1003};
    static const snnk__adam steps[] = {
        {1, 0, 0, 0.1f, 0.001f, 0.01f, 1000, 1e-8f},
        {0.01f, 0.02f, 0, 0.3f, 0.02f, 0.1f, 1.5f, 1e-3f},
        {-3, 0, 0.01f, 1, 1, 1e-3f, 1, 0.5f},
    };

    (void)state;
    for (size_t c = 0; c < 8; c++)
        for (size_t t = 0; t < 3; t++) {
            const size_t n = counts[c];
            const snnk__adam *s = &steps[t];
            float *gradient = draw(n + 1, 1), *value = draw(n + 1, 2), *mean = draw(n + 1, 3),
                  *square = draw(n + 1, 4), *v = draw(n + 1, 2), *m = draw(n + 1, 3),
                  *q = malloc((n + 1) * sizeof *q);

            for (size_t j = 0; j <= n; j++) q[j] = square[j] = fabsf(square[j]);
            v[n] = m[n] = q[n] = guard;
            snnk__kernels_get()->adam(s, n, gradient, v, m, q);
            for (size_t j = 0; j < n; j++) {
                const double x = value[j], scaled = (double)s->scale * gradient[j];
                const double g = scaled + (double)s->decay * x;
                const double eg = 3 * eps * (fabs(scaled) + fabs(s->decay * x));
                const double mj = mean[j] + (double)s->new_mean * (g - mean[j]);
                const double em =
                    s->new_mean * eg + 4 * eps * (fabs(mean[j]) + s->new_mean * fabs(g));
                const double qj = square[j] + (double)s->new_square * (g * g - square[j]);
                const double eq = s->new_square * (2 * fabs(g) * eg + eg * eg) +
                                  4 * eps * (square[j] + s->new_square * g * g);
                const double root = sqrt(s->unbias_square * qj);
                const double least = sqrt(s->unbias_square * fmax(qj - eq, 0));
                const double by = s->rate * mj / (root + s->epsilon);
                const double eb = s->rate * em / (least + s->epsilon) +
                                  fabs(by) * ((root - least) / (least + s->epsilon) + 6 * eps);

                assert_close(m[j], mj, 0, em);
                assert_close(q[j], qj, 0, eq);
                assert_close(v[j], x - (s->shrink * x + by), 0,
                             eb + 3 * eps * (fabs(x) + fabs(by)));
            }
            assert_true(v[n] == guard && m[n] == guard && q[n] == guard);
            free(q);
            free(m);
            free(v);
            free(square);
            free(mean);
            free(value);
            free(gradient);
        }
}

/* Numbers without a gradient stay where they are: 0/(0 + epsilon). */
static void test_adam_of_zeros(void **state) {
    const snnk__adam step = {1, 0, 0, 0.1f, 0.001f, 0.01f, 1000, 1e-30f};
    float gradient[19] = {0}, value[19], before[19], mean[19] = {0}, square[19] = {0};

    (void)state;
    draw_floats(value, 19, 1);
    memcpy(before, value, sizeof value);
    snnk__kernels_get()->adam(&step, 19, gradient, value, mean, square);
    assert_memory_equal(value, before, sizeof value);
}

/* ---- Panels ---- */

static size_t panel_elements(const snnk__panels *panels) {
    const snnk__panel_shape shape = panels->shape;
    const size_t last = panels->rows % shape.width;
    const size_t widths = panels->rows - last + (last + shape.unit - 1) / shape.unit * shape.unit;

    return (panels->columns + shape.chunk - 1) / shape.chunk * shape.chunk * widths;
}

/* Each entry is at its place, and what is beyond the matrix stays 0. */
static void check_panels(const snnk__panels *panels, const float *values, size_t row_step,
                         size_t column_step) {
    double sum = 0, expected = 0;
    float *row = malloc(panels->columns * sizeof *row);

    for (size_t i = 0; i < panels->rows; i++) {
        snnk__panels_get_row(panels, i, row);
        for (size_t k = 0; k < panels->columns; k++) {
            const float value = values[i * row_step + k * column_step];

            assert_true(snnk__panels_entry(panels, i, k) == value && row[k] == value);
            expected += fabs((double)value);
        }
    }
    for (size_t i = 0; i < panel_elements(panels); i++) sum += fabs((double)panels->data[i]);
    assert_close(sum, expected, 1e-12, 0);
    free(row);
}

static void test_panels(void **state) {
    const snnk__kernels *kernels = snnk__kernels_get();
    const snnk__panel_shape shapes[] = {
        kernels->projection_shape(70), kernels->readout_shape, {8, 1, 8}, {64, 4, 8}, {16, 32, 1}};
    snnk_allocator allocator;

    (void)state;
    assert_ok(snnk__allocator_read(&allocator, NULL));
    for (size_t s = 0; s < 5; s++)
        for (size_t rows = 1; rows <= 70; rows += 1 + rows / 20)
            for (size_t columns = 1; columns <= 70; columns += 1 + columns / 10) {
                const size_t ld = rows + 3;
                float *values = draw(columns * ld + rows * columns, 5);
                snnk__panels panels;

                assert_ok(
                    snnk__panels_create(&allocator, rows, columns, shapes[s], "a matrix", &panels));
                for (size_t i = 0; i < rows; i++)
                    snnk__panels_set_row(&panels, i, values + i * columns);
                check_panels(&panels, values, columns, 1);
                /* In two parts, the later one first. */
                snnk__panels_set_columns(&panels, rows / 3, rows - rows / 3, values + 1, ld);
                snnk__panels_set_columns(&panels, 0, rows / 3, values + 1, ld);
                check_panels(&panels, values + 1, 1, ld);
                snnk__panels_free(&allocator, &panels);
                free(values);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_correlate),          cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_correlate_in_parts), cmocka_unit_test(test_blocks_of_rows),
        cmocka_unit_test(test_add_columns),        cmocka_unit_test(test_correlate_nonfinite),
        cmocka_unit_test(test_activation_slopes),  cmocka_unit_test(test_slopes_of_any_count),
        cmocka_unit_test(test_slopes_at_limits),   cmocka_unit_test(test_power_slopes),
        cmocka_unit_test(test_cos_sin_slopes),     cmocka_unit_test(test_adam),
        cmocka_unit_test(test_adam_of_zeros),      cmocka_unit_test(test_panels),
    };
    return cmocka_run_group_tests_name("train_kernels", tests, NULL, NULL);
}
