/* src/kernels/vector_math.h: the functions of the kernel table in use, compared with the C library
 * in double, over the whole range of float; and that no value depends on its neighbours. */
#include "support/compare.h"

#include <float.h>
#include <stdbool.h>

#include "kernels/kernels.h"

/* f in double, with a relative error of at most 1e-14. */
static double exact(int32_t activation, double x) {
    const double u = sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x);

    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: return x;
    case SNNK_STEP: return x > 0;
    case SNNK_RELU: return x > 0 ? x : 0;
    case SNNK_GELU: return x * erfc(-x / sqrt(2)) / 2;
    case SNNK_GELU_TANH: return u > 0 ? x / (1 + exp(-2 * u)) : x * exp(2 * u) / (1 + exp(2 * u));
    case SNNK_TANH: return tanh(x);
    case SNNK_SIGMOID: return x > 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
    case SNNK_SILU: return x > 0 ? x / (1 + exp(-x)) : x * exp(x) / (1 + exp(x));
    case SNNK_SOFTPLUS: return fmax(x, 0) + log1p(exp(-fabs(x)));
    case SNNK_SIN: return sin(x);
    case SNNK_COS: return cos(x);
    case SNNK_EXP: return exp(x);
    case SNNK_ERF: return erf(x);
    }
    return NAN;
}

/* The distance between two floats near |y|. Three functions are x times a number that becomes
 * subnormal first. */
static double ulp_of(int32_t activation, double x, double y) {
    const bool product =
        activation == SNNK_GELU || activation == SNNK_GELU_TANH || activation == SNNK_SILU;

    return fmax(ldexp(1, ilogb(fmax(fabs(y), FLT_MIN)) - 23),
                product ? 0x1p-149 * fmin(fabs(x), 200) : 0);
}

enum { BATCH = 4096 };

/* The largest error in ulp over every `step`-th float bit pattern, both signs. */
static double largest_error(int32_t activation, uint32_t step, float *where) {
    const snnk__function function = {SNNK__OPERATION_ACTIVATION, activation, 0, 0, 1, NULL};
    const uint32_t end = UINT32_C(0x7f800000);
    static float x[BATCH], y[BATCH];
    double largest = 0;

    for (uint32_t first = 0; first < end; first += step * (BATCH / 2)) {
        for (uint32_t i = 0; i < BATCH / 2; i++) {
            const uint32_t bits = first + i * step < end ? first + i * step : end - 1;

            memcpy(&x[i], &bits, sizeof bits);
            x[BATCH / 2 + i] = -x[i];
        }
        snnk__kernels_get()->apply(&function, BATCH, x, y);
        for (size_t i = 0; i < BATCH; i++) {
            const double value = exact(activation, x[i]);
            double error = fabs(y[i] - value) / ulp_of(activation, x[i], value);

            if (fabs(value) > FLT_MAX) error = isinf(y[i]) ? 0 : INFINITY;
            if (!(error <= largest)) {
                largest = error;
                *where = x[i];
            }
        }
    }
    return largest;
}

/* Bounds in ulp: those stated in src/kernels/vector_math.h; and those of portable.c's formulas in
 * double and the C library's float functions (tanhf: 1.9 in glibc's own tests). */
static void test_accuracy(void **state) {
    static const struct {
        int32_t activation;
        double vectors, portable;
    } bounds[] = {{SNNK_IDENTITY, 0, 0},     {SNNK_STEP, 0, 0},           {SNNK_RELU, 0, 0},
                  {SNNK_GELU, 6.5, 0.51},    {SNNK_GELU_TANH, 3.5, 0.51}, {SNNK_TANH, 1.5, 2},
                  {SNNK_SIGMOID, 2.5, 0.51}, {SNNK_SILU, 3.5, 0.51},      {SNNK_SOFTPLUS, 3, 0.51},
                  {SNNK_SIN, 2.5, 1},        {SNNK_COS, 2.5, 1},          {SNNK_EXP, 1.1, 1},
                  {SNNK_ERF, 1.5, 1}};
    const bool portable = strcmp(snnk__kernels_get()->name, "portable") == 0;

    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        float where = 0;
        const double error = largest_error(bounds[i].activation, portable ? 60013 : 1021, &where);

        if (!(error <= (portable ? bounds[i].portable : bounds[i].vectors)))
            print_error("%s: %.3f ulp, at %.9g\n", snnk_activation_name(bounds[i].activation),
                        error, (double)where);
        assert_true(error <= (portable ? bounds[i].portable : bounds[i].vectors));
    }
}

/* Infinities, NaN, zeros, subnormals, and the largest numbers. */
static void test_limits(void **state) {
    const float x[] = {INFINITY, -INFINITY, NAN, 0.0f, -0.0f, FLT_MAX, -FLT_MAX, 1e-40f, -1e-40f};
    enum { COUNT = sizeof x / sizeof *x };
    const double at_infinity[][2] = {{INFINITY, -INFINITY},
                                     {1, 0},
                                     {INFINITY, 0},
                                     {INFINITY, 0},
                                     {INFINITY, 0},
                                     {1, -1},
                                     {1, 0},
                                     {INFINITY, 0},
                                     {INFINITY, 0},
                                     {NAN, NAN},
                                     {NAN, NAN},
                                     {INFINITY, 0},
                                     {1, -1}};

    (void)state;
    for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++) {
        const snnk__function function = {SNNK__OPERATION_ACTIVATION, a, 0, 0, 1, NULL};
        float y[COUNT];

        snnk__kernels_get()->apply(&function, COUNT, x, y);
        for (size_t i = 0; i < 2; i++)
            assert_true(isnan(at_infinity[a][i]) ? isnan(y[i]) : y[i] == at_infinity[a][i]);
        assert_true(isnan(y[2]));
        for (size_t i = 3; i < COUNT; i++) assert_close(y[i], (float)exact(a, x[i]), 1e-6, 1e-45);
    }
}

/* ---- No value depends on its neighbours ---- */

enum { NEIGHBOURS = 2 * 16 + 5 }; /* two of the largest registers, and one that is not full */

/* Compute the function of n values, or its slopes. */
static void compute(const snnk__function *function, bool slopes, size_t n, const float *x,
                    float *y) {
    float back[2 * NEIGHBOURS];

    for (size_t i = 0; i < 2 * n; i++) back[i] = 1;
    if (slopes)
        snnk__kernels_get()->slopes(function, n, x, back, y);
    else
        snnk__kernels_get()->apply(function, n, x, y);
}

/* With `odd` at each position of ordinary values, all have the bits that they have alone. */
static void check_neighbours(const snnk__function *function, bool slopes, float odd) {
    const size_t width = function->operation == SNNK__OPERATION_COS_SIN && !slopes ? 2 : 1;
    float x[NEIGHBOURS], alone[2 * NEIGHBOURS], y[2 * NEIGHBOURS];
    float odd_alone[2];

    /* Angles of -90 ... 90, and larger ones of -45000 ... 45000, whose last bits differ most. */
    for (size_t i = 0; i < NEIGHBOURS; i++)
        x[i] = (i % 3 ? 5.017f : 2503.7f) * ((float)i - NEIGHBOURS / 2);
    for (size_t i = 0; i < NEIGHBOURS; i++) compute(function, slopes, 1, &x[i], &alone[width * i]);
    compute(function, slopes, 1, &odd, odd_alone);
    for (size_t at = 0; at < NEIGHBOURS; at++) {
        const float kept = x[at];

        x[at] = odd;
        compute(function, slopes, NEIGHBOURS, x, y);
        x[at] = kept;
        for (size_t i = 0; i < NEIGHBOURS; i++) {
            const float *expected = i == at ? odd_alone : &alone[width * i];

            if (i == at && isnan(odd_alone[0])) continue; /* the bits of NaN say nothing */
            if (memcmp(&y[width * i], expected, width * sizeof *y) != 0)
                fail_msg("operation %d, activation %d, slopes %d: with %g at %zu, value %zu is "
                         "%.9g, alone %.9g",
                         (int)function->operation, (int)function->activation, slopes, (double)odd,
                         at, i, (double)y[width * i], (double)expected[0]);
        }
    }
}

static void test_neighbours(void **state) {
    const float odd[] = {1e6f, -1e6f, 50001, FLT_MAX, INFINITY, -INFINITY, NAN, 1e-40f};

    (void)state;
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++)
        for (int slopes = 0; slopes < 2; slopes++) {
            const snnk__function both = {SNNK__OPERATION_COS_SIN, 0, 0, 0, 1, NULL};

            for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++) {
                const snnk__function one = {SNNK__OPERATION_ACTIVATION, a, 0, 0, 1, NULL};

                check_neighbours(&one, slopes, odd[k]);
            }
            check_neighbours(&both, slopes, odd[k]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
