/* src/kernels/elementwise.c, src/spectrum/activation.c: values and derivatives of activations. */
#include "support/compare.h"
#include "support/draw.h"

#include <float.h>

#include "spectrum/activation.h"

/* ---- References, from the definitions, in long double ---- */

static long double sigmoid(long double z) { return 1 / (1 + expl(-z)); }
static long double cdf(long double z) { return erfcl(-z * sqrtl(0.5L)) / 2; }
static long double density(long double z) { return expl(-z * z / 2) / sqrtl(2 * acosl(-1)); }

/* 2 u of z/2 (1 + tanh u) = z sigmoid(2 u), and its derivative. */
static long double twice(long double z) {
    return 2 * sqrtl(2 / acosl(-1)) * (z + 0.044715L * z * z * z);
}
static long double twice_slope(long double z) {
    return 2 * sqrtl(2 / acosl(-1)) * (1 + 3 * 0.044715L * z * z);
}

static long double value(int32_t activation, long double z) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: return z;
    case SNNK_STEP: return z > 0;
    case SNNK_RELU: return z > 0 ? z : 0;
    case SNNK_GELU: return z * cdf(z);
    case SNNK_GELU_TANH: return z * sigmoid(twice(z));
    case SNNK_TANH: return tanhl(z);
    case SNNK_SIGMOID: return sigmoid(z);
    case SNNK_SILU: return z * sigmoid(z);
    case SNNK_SOFTPLUS: return z > 0 ? z + log1pl(expl(-z)) : log1pl(expl(z));
    case SNNK_SIN: return sinl(z);
    case SNNK_COS: return cosl(z);
    case SNNK_EXP: return expl(z);
    case SNNK_ERF: return erfl(z);
    }
    return NAN;
}

static long double slope(int32_t activation, long double z) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: return 1;
    case SNNK_STEP: return 0;
    case SNNK_RELU: return z > 0;
    case SNNK_GELU: return cdf(z) + z * density(z);
    case SNNK_GELU_TANH: {
        const long double p = sigmoid(twice(z)), q = sigmoid(-twice(z));
        return p + z * p * q * twice_slope(z);
    }
    case SNNK_TANH: return 1 / (coshl(z) * coshl(z));
    case SNNK_SIGMOID: return sigmoid(z) * sigmoid(-z);
    case SNNK_SILU: return sigmoid(z) * (1 + z * sigmoid(-z));
    case SNNK_SOFTPLUS: return sigmoid(z);
    case SNNK_SIN: return cosl(z);
    case SNNK_COS: return -sinl(z);
    case SNNK_EXP: return expl(z);
    case SNNK_ERF: return 2 / sqrtl(acosl(-1)) * expl(-z * z);
    }
    return NAN;
}

/* ---- Accuracy ---- */

/* |y - exact| in units in the last place of a float near `exact`, subnormals included. */
static double ulps(float y, long double exact) {
    int exponent;

    if (fabsl(exact) > (long double)FLT_MAX * (1 + 0x1p-25L)) return isinf(y) ? 0 : INFINITY;
    if (isinf(y)) return INFINITY;
    frexpl(exact, &exponent); /* exact = f 2^exponent, f in [1/2, 1) */
    if (exact == 0 || exponent < -125) exponent = -125;
    return (double)(fabsl(y - exact) / ldexpl(1, exponent - 24));
}

/* Floats of every size and sign up to 10^4, with many where the curvature is large. */
#define POINTS 60000

static void fill_points(float *z) {
    uint64_t state = 1;

    for (size_t i = 0; i < POINTS; i++) {
        const double u = draw_uniform(&state);

        switch (i % 4) {
        case 0: z[i] = (float)(u * ldexp(1, (int)(draw_bits(&state) % 160) - 146)); break;
        case 1: z[i] = (float)(110 * u); break;
        case 2: z[i] = (float)(15 * u); break;
        default: z[i] = (float)(2 * u); break;
        }
        if (i % 97 == 0) z[i] *= 90;
    }
    z[0] = 0.0f;
    z[1] = -0.0f;
    z[2] = FLT_MIN;
    z[3] = -0x1p-149f;
    z[4] = -1.2784645f; /* where the derivative of silu changes sign, and of gelu */
    z[5] = -0.7517915f;
}

typedef int (*apply_function)(int32_t, size_t, const float *, float *);
typedef long double (*exact_function)(int32_t, long double);

static double worst_ulps(int32_t activation, apply_function apply, exact_function exact) {
    static float z[POINTS], y[POINTS];
    double worst = 0;

    fill_points(z);
    assert_ok(apply(activation, POINTS, z, y));
    for (size_t i = 0; i < POINTS; i++) {
        const double error = ulps(y[i], exact(activation, (long double)z[i]));

        if (error > worst || isnan(error)) worst = error;
    }
    return worst;
}

/* A value that is computed in double and rounded once has an error of half a unit, plus the error
 * of ten roundings in double: 10 2^-53/2^-24, less than 1e-7. Amplified 150 times in exp(-z^2/2),
 * z^2/2 < 104, that is still below 1e-5. */
static const double rounded_once = 0.50001;

static double value_bound(int32_t activation) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY:
    case SNNK_STEP:
    case SNNK_RELU: return 0;
    case SNNK_GELU:
    case SNNK_GELU_TANH:
    case SNNK_SIGMOID:
    case SNNK_SILU:
    case SNNK_SOFTPLUS: return rounded_once;
    case SNNK_SIN: /* from libm in float: glibc's manual states 1 ulp for these, and 2 for tanh */
    case SNNK_COS: /* how many whole units off the nearest float */
    case SNNK_EXP:
    case SNNK_ERF: return 1.5;
    case SNNK_TANH: return 2.5;
    }
    return 0;
}

static void test_values_to_the_last_place(void **state) {
    (void)state;
    for (int32_t a = 0; a < SNNK__ACTIVATIONS; a++) {
        const double worst = worst_ulps(a, snnk_activation_eval, value);

        if (!(worst <= value_bound(a)))
            fprintf(stderr, "%s is off by %g ulp\n", snnk_activation_name(a), worst);
        assert_true(worst <= value_bound(a));
    }
}

/* Derivatives are computed in double too, except those of sin, cos and exp. Next to a zero of a
 * derivative (silu, both gelus), the nearest float to the zero leaves at least 1e-9 of the value:
 * its unit, 1e-16, is that of the roundings in double, and a few of them make one more unit. */
static double slope_bound(int32_t activation) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY:
    case SNNK_STEP:
    case SNNK_RELU: return 0;
    case SNNK_SIN:
    case SNNK_COS:
    case SNNK_EXP: return 1.5;
    case SNNK_GELU:
    case SNNK_GELU_TANH:
    case SNNK_SILU: return 2;
    case SNNK_TANH:
    case SNNK_SIGMOID:
    case SNNK_SOFTPLUS:
    case SNNK_ERF: return rounded_once;
    }
    return 0;
}

static void test_derivatives_to_the_last_place(void **state) {
    (void)state;
    for (int32_t a = 0; a < SNNK__ACTIVATIONS; a++) {
        const double worst = worst_ulps(a, snnk_activation_derivative, slope);

        if (!(worst <= slope_bound(a)))
            fprintf(stderr, "%s' is off by %g ulp\n", snnk_activation_name(a), worst);
        assert_true(worst <= slope_bound(a));
    }
}

/* Derivatives match central differences of the reference value in long double, h = 1e-5. Truncation
 * is h^2/6 max |f'''| <= 1e-10 (|f'''| <= 4 except for exp, where it is f), float rounding 2 ulp.
 * The kinks of step and relu are left out. */
static void test_derivatives_are_those_of_the_values(void **state) {
    const long double h = 1e-5L;

    (void)state;
    for (int32_t a = 0; a < SNNK__ACTIVATIONS; a++)
        for (int i = -320; i <= 320; i++) {
            const float z = (float)i / 40 + 0.003f;
            float y;

            assert_ok(snnk_activation_derivative(a, 1, &z, &y));
            assert_close(y, (double)((value(a, z + h) - value(a, z - h)) / (2 * h)), 4 * 0x1p-24,
                         1e-10);
        }
}

/* Values by SciPy in double (and numerical integrals of their Fourier transforms). z is rounded to
 * a float before: |f'| |z| 2^-24 with |f'| <= 1.13, plus tanhf's two units. */
static void test_independent_values(void **state) {
    static const double z[7] = {-3.7, -1.2, -0.3, 0.0, 0.45, 1.9, 4.2};
    static const struct {
        const char *name;
        double f[7];
    } cases[] = {
        {"relu", {0, 0, 0, 0, 0.45, 1.9, 4.2}},
        {"gelu",
         {-0.000398859013866415, -0.13808360426604993, -0.1146265733433142, 0.0, 0.303140150870436,
          1.8454385363495966, 4.199943947854133}},
        {"softplus",
         {0.024422845933779157, 0.26328246733803123, 0.5543552444685271, 0.6931471805599453,
          0.9432489459974549, 2.0393867582829603, 4.214884254671919}},
        {"silu",
         {-0.08926997924537602, -0.27777025980117886, -0.1276672449565023, 0.0, 0.27478765527714993,
          1.652793898710304, 4.137949066888253}},
        {"sigmoid",
         {0.024127021417669196, 0.23147521650098238, 0.425557483188341, 0.5, 0.610639233949222,
          0.8698915256370021, 0.9852259683067269}},
        {"tanh",
         {-0.9987782412811311, -0.8336546070121552, -0.2913126124515909, 0.0, 0.4218990052500079,
          0.9562374581277391, 0.9995503664595334}},
        {"erf",
         {-0.9999998328489421, -0.9103139782296353, -0.3286267594591274, 0.0, 0.4754817197869237,
          0.9927904292352575, 0.9999999971445058}},
    };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int i = 0; i < 7; i++) {
            const float at = (float)z[i];
            int32_t a;
            float y;

            assert_ok(snnk_activation_from_name(cases[c].name, &a));
            assert_ok(snnk_activation_eval(a, 1, &at, &y));
            assert_close(y, cases[c].f[i], 5 * 0x1p-24, 1.13 * fabs(z[i]) * 0x1p-24);
        }
}

/* ---- Limits ---- */

static void test_limits(void **state) {
    static const double inf = INFINITY, nan = NAN;
    static const struct {
        snnk_activation a;
        double left, right, slope_left, slope_right;
    } limits[] = {
        {SNNK_IDENTITY, -inf, inf, 1, 1}, {SNNK_STEP, 0, 1, 0, 0},
        {SNNK_RELU, 0, inf, 0, 1},        {SNNK_GELU, 0, inf, 0, 1},
        {SNNK_GELU_TANH, 0, inf, 0, 1},   {SNNK_TANH, -1, 1, 0, 0},
        {SNNK_SIGMOID, 0, 1, 0, 0},       {SNNK_SILU, 0, inf, 0, 1},
        {SNNK_SOFTPLUS, 0, inf, 0, 1},    {SNNK_SIN, nan, nan, nan, nan},
        {SNNK_COS, nan, nan, nan, nan},   {SNNK_EXP, 0, inf, 0, inf},
        {SNNK_ERF, -1, 1, 0, 0},
    };
    static const float ends[2] = {-INFINITY, INFINITY}, far[2] = {-FLT_MAX, FLT_MAX};
    float y[2];

    (void)state;
    assert_int_equal(sizeof limits / sizeof *limits, SNNK__ACTIVATIONS);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        assert_int_equal(limits[i].a, i);
        assert_ok(snnk_activation_eval((int32_t)i, 2, ends, y));
        assert_close(y[0], limits[i].left, 0, 0);
        assert_close(y[1], limits[i].right, 0, 0);
        assert_ok(snnk_activation_derivative((int32_t)i, 2, ends, y));
        assert_close(y[0], limits[i].slope_left, 0, 0);
        assert_close(y[1], limits[i].slope_right, 0, 0);

        /* The largest floats give the same limits, except that the result is finite where the
         * function grows like z. */
        assert_ok(snnk_activation_eval((int32_t)i, 2, far, y));
        if (i == SNNK_SIN || i == SNNK_COS) {
            assert_true(fabsf(y[0]) <= 1 && fabsf(y[1]) <= 1);
            continue;
        }
        assert_close(y[0], isinf(limits[i].left) ? -(double)FLT_MAX : limits[i].left, 0, 0);
        if (i != SNNK_EXP)
            assert_close(y[1], isinf(limits[i].right) ? (double)FLT_MAX : limits[i].right, 0, 0);
        assert_ok(snnk_activation_derivative((int32_t)i, 2, far, y));
        assert_close(y[0], limits[i].slope_left, 0, 0);
        assert_close(y[1], limits[i].slope_right, 0, 0);
    }
}

static void test_kinks_and_overflow(void **state) {
    const float z[5] = {-0x1p-149f, -0.0f, 0.0f, 0x1p-149f, 88.73f};
    float y[5];

    (void)state;
    assert_ok(snnk_activation_eval(SNNK_STEP, 4, z, y));
    assert_true(y[0] == 0 && y[1] == 0 && y[2] == 0 && y[3] == 1);
    assert_ok(snnk_activation_eval(SNNK_RELU, 4, z, y));
    assert_true(y[0] == 0 && y[1] == 0 && y[2] == 0 && y[3] == 0x1p-149f);
    assert_ok(snnk_activation_derivative(SNNK_RELU, 4, z, y));
    assert_true(y[0] == 0 && y[1] == 0 && y[2] == 0 && y[3] == 1);
    assert_ok(snnk_activation_eval(SNNK_EXP, 5, z, y));
    assert_true(y[0] == 1 && isinf(y[4]));
}

static void test_nan_propagates(void **state) {
    const float z[3] = {1, NAN, -1};
    float y[3];

    (void)state;
    for (int32_t a = 0; a < SNNK__ACTIVATIONS; a++) {
        assert_ok(snnk_activation_eval(a, 3, z, y));
        assert_true(!isnan(y[0]) && isnan(y[1]) && !isnan(y[2]));
        assert_ok(snnk_activation_derivative(a, 3, z, y));
        assert_true(!isnan(y[0]) && isnan(y[1]) && !isnan(y[2]));
    }
}

static void test_in_place(void **state) {
    float z[21], y[21];

    (void)state;
    for (int32_t a = 0; a < SNNK__ACTIVATIONS; a++) {
        for (int i = 0; i < 21; i++) z[i] = (float)(i - 10) / 3;
        assert_ok(snnk_activation_eval(a, 21, z, y));
        assert_ok(snnk_activation_eval(a, 21, z, z));
        assert_memory_equal(y, z, sizeof z);
        for (int i = 0; i < 21; i++) z[i] = (float)(i - 10) / 3;
        assert_ok(snnk_activation_derivative(a, 21, z, y));
        assert_ok(snnk_activation_derivative(a, 21, z, z));
        assert_memory_equal(y, z, sizeof z);
    }
}

/* ---- Names and misuse ---- */

static void test_names(void **state) {
    static const char *const names[] = {"identity", "step",    "relu", "gelu",     "gelu_tanh",
                                        "tanh",     "sigmoid", "silu", "softplus", "sin",
                                        "cos",      "exp",     "erf"};
    int32_t a = 77;

    (void)state;
    assert_int_equal(sizeof names / sizeof *names, SNNK__ACTIVATIONS);
    for (int32_t i = 0; i < SNNK__ACTIVATIONS; i++) { /* stored in files: values never change */
        assert_string_equal(snnk_activation_name(i), names[i]);
        assert_ok(snnk_activation_from_name(names[i], &a));
        assert_int_equal(a, i);
    }
    assert_null(snnk_activation_name(-1));
    assert_null(snnk_activation_name(SNNK__ACTIVATIONS));
    assert_null(snnk_activation_name(INT32_MIN));

    a = 77;
    assert_status(snnk_activation_from_name("swish", &a), SNNK_E_ENUM);
    assert_says("\"swish\" is not an activation");
    assert_status(snnk_activation_from_name("ReLU", &a), SNNK_E_ENUM);
    assert_status(snnk_activation_from_name("", &a), SNNK_E_ENUM);
    assert_status(snnk_activation_from_name(NULL, &a), SNNK_E_NULL);
    assert_status(snnk_activation_from_name("relu", NULL), SNNK_E_NULL);
    assert_int_equal(a, 77);
}

static void test_misuse(void **state) {
    static const apply_function calls[] = {snnk_activation_eval, snnk_activation_derivative};
    static const int32_t bad[] = {-1, SNNK__ACTIVATIONS, INT32_MAX, INT32_MIN};
    const float z = 1;
    float y = 77;

    (void)state;
    for (int c = 0; c < 2; c++) {
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            assert_status(calls[c](bad[i], 1, &z, &y), SNNK_E_ENUM);
            assert_says("activation = ");
            assert_says("is not one of 0 ... 12");
        }
        assert_status(calls[c](SNNK_RELU, 1, NULL, &y), SNNK_E_NULL);
        assert_says("z is NULL");
        assert_status(calls[c](SNNK_RELU, 1, &z, NULL), SNNK_E_NULL);
        assert_says("y is NULL");
        assert_ok(calls[c](SNNK_RELU, 0, NULL, NULL));
        assert_ok(calls[c](SNNK_RELU, 0, &z, &y));
        assert_true(y == 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_to_the_last_place),
        cmocka_unit_test(test_derivatives_to_the_last_place),
        cmocka_unit_test(test_derivatives_are_those_of_the_values),
        cmocka_unit_test(test_independent_values),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_kinks_and_overflow),
        cmocka_unit_test(test_nan_propagates),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_misuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
