/* src/encode/form: numbers and dates that an encoder standardizes or squashes. Expected values are
 * closed forms, or from NumPy 1.24: (v - v.mean()) / v.std(), with v = x or
 * numpy.arcsinh((x - numpy.median(x)) / spread), and numpy.percentile for the quartiles. */
#define _XOPEN_SOURCE 700

#include <float.h>
#include <math.h>

#include "support/alloc.h"
#include "support/damage.h"
#include "support/files.h"

enum { PLAIN, STANDARDIZED, SQUASHED, MOST = 64 };

/* Outputs are sums and quotients of a few dozen roundings, of numbers around 1. */
#define ROUNDING 1e-14

static test_files files;

static int set_up(void **state) {
    (void)state;
    test_files_make(&files);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_files_remove(&files);
    return 0;
}

static snnk_table *open_text(const char *text) {
    snnk_table *table;

    assert_ok(snnk_table_open(test_write(&files, "t.csv", text, strlen(text)), NULL, &table));
    return table;
}

static snnk_encoder_config settings(int32_t form) {
    snnk_encoder_config config;

    assert_ok(snnk_encoder_config_init(&config, sizeof config));
    assert_int_equal(config.numbers, SNNK_NUMBER_FORM_PLAIN);
    config.numbers = form;
    return config;
}

static snnk_encoder *learn(const char *text, int32_t form) {
    const snnk_encoder_config config = settings(form);
    snnk_table *table = open_text(text);
    snnk_encoder *encoder;

    assert_ok(snnk_encoder_create(table, &config, &encoder));
    snnk_table_free(table);
    return encoder;
}

/* Write a column x with these values as CSV; NaN is an empty field. */
static const char *column_text(size_t n, const double *x) {
    static char text[4096];
    size_t used = (size_t)sprintf(text, "x,one\n");

    for (size_t i = 0; i < n; i++)
        used += (size_t)(isnan(x[i]) ? sprintf(text + used, ",1\n")
                                     : sprintf(text + used, "%.17g,1\n", x[i]));
    assert_true(used < sizeof text);
    return text;
}

/* Apply the encoder to a table and compare all outputs. */
static void expect(const snnk_encoder *encoder, const char *text, size_t count,
                   const double *values) {
    snnk_table *table = open_text(text);
    const size_t d = snnk_encoder_outputs(encoder), n = snnk_table_rows(table);
    double X[MOST];

    assert_int_equal(n * d, count);
    assert_true(count <= MOST);
    assert_ok(snnk_encoder_apply(encoder, table, 0, n, X, d, NULL));
    for (size_t k = 0; k < count; k++) assert_close(X[k], values[k], 4 * ROUNDING, ROUNDING);
    snnk_table_free(table);
}

/* Learn a column in a form, and compare the outputs of the values it was learned from. */
static snnk_encoder *expect_column(int32_t form, size_t n, const double *x, const double *values) {
    snnk_encoder *encoder = learn(column_text(n, x), form);

    assert_int_equal(snnk_encoder_column_form(encoder, 0), form);
    assert_int_equal(snnk_encoder_column_form(encoder, 1), SNNK_NUMBER_FORM_PLAIN); /* constant */
    expect(encoder, column_text(n, x), n, values);
    return encoder;
}

/* (v - mean) / deviation, straight from the definition. */
static void standardize(size_t n, const double *v, double *out) {
    double mean = 0, squares = 0;

    for (size_t i = 0; i < n; i++) mean += v[i] / (double)n;
    for (size_t i = 0; i < n; i++) squares += (v[i] - mean) * (v[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++) out[i] = (v[i] - mean) / sqrt(squares);
}

/* ---- Ordinary columns ---- */

/* The mean of 1, 2, 3, 4, 100 is 22, the variance (441 + 400 + 361 + 324 + 6084) / 5 = 1522. */
static void test_standardized(void **state) {
    const double x[] = {1, 2, 3, 4, 100}, s = sqrt(1522);
    snnk_encoder *encoder = expect_column(
        STANDARDIZED, 5, x, (const double[]){-21 / s, -20 / s, -19 / s, -18 / s, 78 / s});

    (void)state;
    expect(encoder, "x\n22\n1522\n", 2, (const double[]){0, 1500 / s});
    snnk_encoder_free(encoder);
}

/* The median of 1, 2, 3, 4, 100 is 3, the quartiles are 2 and 4. */
static void test_squashed(void **state) {
    const double x[] = {1, 2, 3, 4, 100};
    const double numpy[] = {-0.8688139871950614, -0.6464644985068518, -0.35160911316436677,
                            -0.05675372782188175, 1.9236413266881618};
    double v[5], z[5];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        const double q = (x[i] - 3) / (2 / 1.349);

        v[i] = copysign(log(fabs(q) + sqrt(q * q + 1)), q); /* asinh */
    }
    standardize(5, v, z);
    for (size_t i = 0; i < 5; i++) assert_close(z[i], numpy[i], 0, ROUNDING);
    snnk_encoder *encoder = expect_column(SQUASHED, 5, x, z);
    expect(encoder, "x\n1e6\n-1e308\n22\n", 3,
           (const double[]){6.2372277254413975, -331.5448958455849, 1.1633103087200831});
    snnk_encoder_free(encoder);
}

/* Six values: the median is halfway between two, the quartiles at indices 1.25 and 3.75. */
static void test_interpolated_quartiles(void **state) {
    const double x[] = {0.1, 7, 2.5, 33, -4, 1e4};
    const double numpy[] = {-0.5688128707401853,   -0.43138800729398064, -0.5214574420362744,
                            -0.022914745586304863, -0.646350203310728,   2.190923268967473};

    (void)state;
    snnk_encoder_free(expect_column(SQUASHED, 6, x, numpy));
}

/* Both quartiles are 5. The distances of the other values are 1, 4, 8 and 1000: the spread is 6. */
static void test_equal_quartiles(void **state) {
    const double x[] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 9, 1005, -3}, five = -0.26544531372276;
    const double numpy[] = {five,
                            five,
                            five,
                            five,
                            five,
                            five,
                            five,
                            five,
                            five,
                            -0.16138418307080937,
                            0.12666754645514441,
                            3.3782577869288515,
                            -0.954533326808347};

    (void)state;
    snnk_encoder_free(expect_column(SQUASHED, 13, x, numpy));
}

/* 0 four times and 1 once: mean 1/5, deviation 2/5. Two values have no tails, so that other numbers
 * follow the line through them. */
static void test_two_values(void **state) {
    const double x[] = {0, 1, 0, 0, 0};
    snnk_encoder *encoder = learn(column_text(5, x), SQUASHED);

    (void)state;
    assert_int_equal(snnk_encoder_column_form(encoder, 0), STANDARDIZED);
    expect(encoder, column_text(5, x), 5, (const double[]){-0.5, 2, -0.5, -0.5, -0.5});
    expect(encoder, "x\n1000\n", 1, (const double[]){2499.5});
    snnk_encoder_free(encoder);
}

/* ---- Missing values ---- */

/* The mean of 1, 2, 6 is 3, the variance (4 + 1 + 9) / 3; the median is 2, the quartiles are 1.5
 * and
 * 4. The indicator is never standardized. */
static void test_missing_values_take_the_form(void **state) {
    const double x[] = {1, 2, NAN, 6}, s = sqrt(14.0 / 3), spread = 2.5 / 1.349;
    const double v[] = {asinh(-1 / spread), 0, asinh(4 / spread)};
    const double mean = (v[0] + v[2]) / 3;
    snnk_encoder_config config = settings(STANDARDIZED);
    snnk_encoder *encoder;
    double z[3];

    (void)state;
    encoder = learn(column_text(4, x), STANDARDIZED);
    expect(encoder, column_text(4, x), 8, (const double[]){-2 / s, 0, -1 / s, 0, 0, 1, 3 / s, 0});
    snnk_encoder_free(encoder);

    config.missing = SNNK_MISSING_MEDIAN;
    snnk_table *table = open_text(column_text(4, x));
    assert_ok(snnk_encoder_create(table, &config, &encoder));
    expect(encoder, "x\n\"\"\n", 2, (const double[]){-1 / s, 1});
    snnk_encoder_free(encoder);

    standardize(3, v, z);
    config.numbers = SQUASHED;
    assert_ok(snnk_encoder_create(table, &config, &encoder));
    expect(encoder, column_text(4, x), 8, (const double[]){z[0], 0, z[1], 0, z[1], 1, z[2], 0});
    snnk_encoder_free(encoder);

    config.missing = SNNK_MISSING_MEAN; /* 3, which is 1 above the median */
    assert_ok(snnk_encoder_create(table, &config, &encoder));
    expect(encoder, "x\n\"\"\n", 2,
           (const double[]){(asinh(1 / spread) - mean) * (z[2] - z[0]) / (v[2] - v[0]), 1});
    snnk_encoder_free(encoder);
    snnk_table_free(table);
}

/* One value with gaps: all that varies is the indicator. */
static void test_one_value_with_gaps(void **state) {
    const double x[] = {7, NAN, 7};

    (void)state;
    for (int32_t form = STANDARDIZED; form <= SQUASHED; form++) {
        snnk_encoder *encoder = learn(column_text(3, x), form);

        assert_int_equal(snnk_encoder_column_form(encoder, 0), STANDARDIZED);
        expect(encoder, column_text(3, x), 6, (const double[]){0, 0, 0, 1, 0, 0});
        expect(encoder, "x\n9\n", 2, (const double[]){2, 0}); /* the deviation counts as 1 */
        snnk_encoder_free(encoder);
    }
}

/* ---- Other columns ---- */

/* Two rows of 1970-01-01, one of 1970-01-04 and a missing date: the mean is a day, the deviation
 * sqrt(2) days. The cycles, words and booleans are as they are without a form. */
static void test_dates_and_others(void **state) {
    static const char text[] =
        "when,b,w\n1970-01-01,yes,a\n1970-01-04,no,b\n1970-01-01,yes,c\n,,\n";
    snnk_table *table = open_text(text);
    double X[MOST], plain[MOST];

    (void)state;
    for (int32_t form = PLAIN; form <= SQUASHED; form++) {
        snnk_encoder_config config = settings(form);
        snnk_encoder *encoder;

        config.date_parts = 1;
        assert_ok(snnk_encoder_create(table, &config, &encoder));
        const size_t d = snnk_encoder_outputs(encoder);
        assert_int_equal(d, 8 + 2 + 4);
        assert_ok(snnk_encoder_apply(encoder, table, 0, 4, X, d, NULL));
        if (form == PLAIN) memcpy(plain, X, sizeof plain);
        for (size_t k = 0; k < 4 * d; k++)
            if (k % d != 0) assert_true(X[k] == plain[k]);
        if (form != PLAIN) {
            const double z[] = {-sqrt(0.5), sqrt(2), -sqrt(0.5), 0};

            for (size_t i = 0; i < 4; i++) assert_close(X[i * d], z[i], 0, ROUNDING);
            assert_int_equal(snnk_encoder_column_form(encoder, 0), STANDARDIZED); /* two dates */
        }
        assert_int_equal(snnk_encoder_column_form(encoder, 1), PLAIN);
        assert_int_equal(snnk_encoder_column_form(encoder, 2), PLAIN);
        snnk_encoder_free(encoder);
    }
    snnk_table_free(table);
}

/* The seconds are 0, 951868800, 2147483647 and 86400. */
static void test_dates(void **state) {
    static const char text[] = "when\n1970-01-01\n2000-03-01\n2038-01-19T03:14:07Z\n1970-01-02\n";
    const double standardized[] = {-0.8779033177729069, 0.20054838765545388, 1.5551603581104352,
                                   -0.8778054279929823};
    const double squashed[] = {-0.9190648443649916, 0.36148300885903417, 1.4765390328663939,
                               -0.9189571973604362};
    snnk_encoder *encoder;

    (void)state;
    encoder = learn(text, STANDARDIZED);
    expect(encoder, text, 4, standardized);
    snnk_encoder_free(encoder);
    encoder = learn(text, SQUASHED);
    assert_int_equal(snnk_encoder_column_form(encoder, 0), SQUASHED);
    expect(encoder, text, 4, squashed);
    snnk_encoder_free(encoder);
}

/* ---- Extreme values ---- */

/* -a, 0, a has the deviation a sqrt(2/3): sums and differences of a may overflow or underflow. */
static void test_huge_and_tiny_values(void **state) {
    const double sizes[] = {1e308, DBL_MAX, 1e-300, 1e-308, 1e160, 1e-160}, h = sqrt(1.5);

    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const double a = sizes[k];
        const double x[] = {a, -a, 0}, shifted[] = {a, 1.5 * (a / 2), a / 2};

        snnk_encoder_free(expect_column(STANDARDIZED, 3, x, (const double[]){h, -h, 0}));
        snnk_encoder_free(expect_column(STANDARDIZED, 3, shifted, (const double[]){h, 0, -h}));
        /* asinh is odd, so v is -b, 0, b for some b. */
        snnk_encoder_free(expect_column(SQUASHED, 3, x, (const double[]){h, -h, 0}));
    }
}

/* The quartiles are -a and a, so that their difference overflows. */
static void test_huge_quartiles(void **state) {
    const double a = DBL_MAX, x[] = {-a, -a, 0, a, a}, h = sqrt(1.25);

    (void)state;
    snnk_encoder_free(expect_column(STANDARDIZED, 5, x, (const double[]){-h, -h, 0, h, h}));
    snnk_encoder_free(expect_column(SQUASHED, 5, x, (const double[]){-h, -h, 0, h, h}));
}

/* The quartiles of -a, a/2, 3a/4, a are a/8 and 13a/16, the median is 5a/8: the sum of the two
 * values around it, and the difference of those around the lower quartile, overflow. */
static void test_huge_values_that_are_interpolated(void **state) {
    const double a = DBL_MAX, x[] = {-a, a / 2, 3 * (a / 4), a}, spread = (11 / 16.0) / 1.349;
    const double v[] = {asinh(-13 / 8.0 / spread), asinh(-1 / 8.0 / spread),
                        asinh(1 / 8.0 / spread), asinh(3 / 8.0 / spread)};
    double z[4];

    (void)state;
    standardize(4, v, z);
    snnk_encoder_free(expect_column(SQUASHED, 4, x, z));
}

/* n - 1 equal values and one that is larger: -1 / sqrt(n - 1) and sqrt(n - 1). */
static void test_all_but_one_are_equal(void **state) {
    const double ones[][2] = {{0, 1e308}, {0, 1e-308}, {0, DBL_TRUE_MIN}, {-DBL_MAX, DBL_MAX}};
    double x[17], z[17];

    (void)state;
    for (size_t k = 0; k < sizeof ones / sizeof *ones; k++) {
        /* The deviation, 0.24 DBL_TRUE_MIN, becomes DBL_TRUE_MIN, and the mean becomes 0. */
        const bool coarse = ones[k][1] == DBL_TRUE_MIN;

        for (size_t i = 0; i < 17; i++) {
            x[i] = ones[k][i == 5];
            z[i] = i == 5 ? 4 : -0.25;
            if (coarse) z[i] = i == 5;
        }
        for (int32_t form = STANDARDIZED; form <= SQUASHED; form++) {
            snnk_encoder *encoder = learn(column_text(17, x), form);

            expect(encoder, column_text(17, x), 17, z);
            snnk_encoder_free(encoder);
        }
    }
}

/* 1e-320 has 2024 units of 2^-1074. The quartiles are 0 and 1e-320, the spread is 1500 units
 * (2024 / 1.349 = 1500.4), and 1e308 divided by it overflows: asinh q is log(2 q) there. */
static void test_quotients_that_overflow(void **state) {
    const double x[] = {-1e-320, 0, 0, 1e-320, 1e308}, a = asinh(2024 / 1500.0);
    const double v[] = {-a, 0, 0, a, log(2) + log(1e308) - log(1500) + 1074 * log(2)};
    double z[5];

    (void)state;
    standardize(5, v, z);
    snnk_encoder_free(expect_column(SQUASHED, 5, x, z));
}

static void test_numbers_that_are_too_far(void **state) {
    snnk_encoder *encoder = learn("x\n1e-5\n2e-5\n3e-5\n", STANDARDIZED);
    snnk_table *table = open_text("x\n1e-5\n1e308\n");
    double X[2];

    (void)state;
    assert_status(snnk_encoder_apply(encoder, table, 0, 2, X, 1, NULL), SNNK_E_NONFINITE);
    assert_says("row 2, column \"x\": 1e+308 is too far");
    snnk_encoder_free(encoder);
    encoder = learn("x\n1e-5\n2e-5\n3e-5\n", SQUASHED);
    assert_ok(snnk_encoder_apply(encoder, table, 0, 2, X, 1, NULL));
    assert_true(isfinite(X[1]) && X[1] > 100);
    snnk_encoder_free(encoder);
    snnk_table_free(table);
}

/* ---- Files ---- */

static const char everything[] = "n,w,b,d,c\n1.5,x,yes,2026-01-01,7\n,y,no,,7\n"
                                 "-3,y,yes,2026-01-03T01:00Z,7\n2,x,,2026-01-09,7\n1e9,x,no,,7\n";

/* Save to memory. The caller frees the result. */
static void *save(const snnk_encoder *encoder, size_t *bytes) {
    assert_ok(snnk_encoder_saved_bytes(encoder, bytes));
    void *buffer = malloc(*bytes);
    assert_ok(snnk_encoder_save_memory(encoder, buffer, *bytes));
    return buffer;
}

static void test_saved_and_loaded(void **state) {
    snnk_table *table = open_text(everything);
    double X[MOST], again[MOST];

    (void)state;
    for (int32_t form = PLAIN; form <= SQUASHED; form++) {
        snnk_encoder *encoder = learn(everything, form), *loaded;
        size_t bytes;
        void *buffer = save(encoder, &bytes);

        assert_ok(snnk_encoder_load_memory(buffer, bytes, NULL, &loaded));
        const size_t d = snnk_encoder_outputs(encoder);
        assert_int_equal(snnk_encoder_outputs(loaded), d);
        assert_true(5 * d <= MOST);
        for (size_t k = 0; k < 5; k++)
            assert_int_equal(snnk_encoder_column_form(loaded, k),
                             k == 0 || k == 3 ? form : (int32_t)PLAIN);
        assert_ok(snnk_encoder_apply(encoder, table, 0, 5, X, d, NULL));
        assert_ok(snnk_encoder_apply(loaded, table, 0, 5, again, d, NULL));
        assert_memory_equal(X, again, 5 * d * sizeof *X);
        free(buffer);
        snnk_encoder_free(loaded);
        snnk_encoder_free(encoder);
    }
    snnk_table_free(table);
}

/* A column without "form" is plain, as in files that were written before there were forms. */
static void test_files_without_forms(void **state) {
    const double x[] = {1, 2, 4, 1e9};
    snnk_encoder *encoder = learn(column_text(4, x), SQUASHED), *loaded;
    size_t bytes, edited_bytes;
    void *buffer = save(encoder, &bytes);
    void *edited =
        edited_file(buffer, bytes, "snnk.encoder", "\"form\":", "\"from\":", NULL, &edited_bytes);

    (void)state;
    assert_ok(snnk_encoder_load_memory(edited, edited_bytes, NULL, &loaded));
    assert_int_equal(snnk_encoder_column_form(loaded, 0), PLAIN);
    expect(loaded, column_text(4, x), 4, x);
    snnk_encoder_free(loaded);
    snnk_encoder_free(encoder);
    free(edited);
    free(buffer);
}

/* Files with a correct checksum, and content that cannot be. */
static void test_impossible_files(void **state) {
    static const struct {
        const char *from, *to, *says;
    } edits[] = {
        {"\"form\":\"squashed\"", "\"form\":\"crushed\"", "form"},
        {"\"form\":\"squashed\"", "\"form\":2", "form"},
        {"\"median\":", "\"medium\":", "median"},
        {"\"median\":", "\"median\":1e999,\"was\":", "median"},
        {"\"spread\":", "\"bread\":", "spread"},
        {"\"spread\":", "\"spread\":0,\"was\":", "spread"},
        {"\"spread\":", "\"spread\":1e999,\"was\":", "spread"},
        {"\"mean\":", "\"meaning\":", "mean"},
        {"\"mean\":", "\"mean\":-1e999,\"was\":", "mean"},
        {"\"mean\":", "\"mean\":null,\"was\":", "mean"},
        {"\"deviation\":", "\"deviant\":", "deviation"},
        {"\"deviation\":", "\"deviation\":0,\"was\":", "deviation"},
        {"\"deviation\":", "\"deviation\":-1,\"was\":", "deviation"},
        {"\"deviation\":", "\"deviation\":1e999,\"was\":", "deviation"},
        {"\"deviation\":", "\"deviation\":1e-320,\"was\":", "too far"},
        {"\"encoding\":\"numbers\"", "\"encoding\":\"booleans\"", "no \"form\""},
    };
    snnk_encoder *encoder = learn("x\n1\n2\n4\n1000\n", SQUASHED), *loaded;
    size_t bytes, edited_bytes;
    void *buffer = save(encoder, &bytes);

    (void)state;
    for (size_t k = 0; k < sizeof edits / sizeof *edits; k++) {
        void *edited = edited_file(buffer, bytes, "snnk.encoder", edits[k].from, edits[k].to, NULL,
                                   &edited_bytes);

        assert_status(snnk_encoder_load_memory(edited, edited_bytes, NULL, &loaded), SNNK_E_FORMAT);
        assert_says(edits[k].says);
        assert_null(loaded);
        free(edited);
    }
    free(buffer);
    snnk_encoder_free(encoder);
}

static void test_failing_memory(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_table *table = open_text(everything);
    int st = SNNK_OK;

    (void)state;
    for (int32_t form = STANDARDIZED; form <= SQUASHED; form++) {
        snnk_encoder_config config = settings(form);
        snnk_encoder *encoder = NULL, *loaded = NULL;
        double X[MOST];
        size_t bytes;

        config.allocator = &allocator;
        assert_survives_failing_allocations(memory, st, {
            st = snnk_encoder_create(table, &config, &encoder);
            assert_made(st, encoder);
            snnk_encoder_free(encoder);
        });
        assert_ok(snnk_encoder_create(table, &config, &encoder));
        const size_t d = snnk_encoder_outputs(encoder);
        assert_survives_failing_allocations(
            memory, st, { st = snnk_encoder_apply(encoder, table, 0, 5, X, d, NULL); });
        void *buffer = save(encoder, &bytes);
        assert_survives_failing_allocations(memory, st, {
            st = snnk_encoder_load_memory(buffer, bytes, &allocator, &loaded);
            assert_made(st, loaded);
            snnk_encoder_free(loaded);
        });
        snnk_encoder_free(encoder);
        assert_int_equal(memory.alive, 0);
        free(buffer);
    }
    snnk_table_free(table);
}

/* ---- Misuse ---- */

static void test_misuse(void **state) {
    snnk_encoder_config config = settings(3);
    snnk_table *table = open_text("x\n1\n2\n");
    snnk_encoder *encoder;

    (void)state;
    assert_status(snnk_encoder_create(table, &config, &encoder), SNNK_E_ENUM);
    assert_says("numbers");
    assert_null(encoder);
    config.numbers = -1;
    assert_status(snnk_encoder_create(table, &config, &encoder), SNNK_E_ENUM);
    assert_int_equal(snnk_encoder_column_form(NULL, 0), -1);
    assert_ok(snnk_encoder_create(table, NULL, &encoder));
    assert_int_equal(snnk_encoder_column_form(encoder, 0), PLAIN);
    assert_int_equal(snnk_encoder_column_form(encoder, 1), -1);
    assert_string_equal(snnk_number_form_name(SNNK_NUMBER_FORM_PLAIN), "plain");
    assert_string_equal(snnk_number_form_name(SNNK_NUMBER_FORM_STANDARDIZED), "standardized");
    assert_string_equal(snnk_number_form_name(SNNK_NUMBER_FORM_SQUASHED), "squashed");
    assert_null(snnk_number_form_name(3));
    assert_null(snnk_number_form_name(-1));
    snnk_encoder_free(encoder);
    snnk_table_free(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standardized),
        cmocka_unit_test(test_squashed),
        cmocka_unit_test(test_interpolated_quartiles),
        cmocka_unit_test(test_equal_quartiles),
        cmocka_unit_test(test_two_values),
        cmocka_unit_test(test_missing_values_take_the_form),
        cmocka_unit_test(test_one_value_with_gaps),
        cmocka_unit_test(test_dates_and_others),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_huge_and_tiny_values),
        cmocka_unit_test(test_huge_quartiles),
        cmocka_unit_test(test_huge_values_that_are_interpolated),
        cmocka_unit_test(test_all_but_one_are_equal),
        cmocka_unit_test(test_quotients_that_overflow),
        cmocka_unit_test(test_numbers_that_are_too_far),
        cmocka_unit_test(test_saved_and_loaded),
        cmocka_unit_test(test_files_without_forms),
        cmocka_unit_test(test_impossible_files),
        cmocka_unit_test(test_failing_memory),
        cmocka_unit_test(test_misuse),
    };

    return cmocka_run_group_tests_name("encoder_forms", tests, set_up, tear_down);
}
