/* src/encode: what encoders learn from small tables, and the numbers that they make, worked out by
 * hand. */
#define _XOPEN_SOURCE 700

#include <math.h>

#include "support/alloc.h"
#include "support/damage.h"
#include "support/files.h"
#include "support/german.h"

static test_files files;

static int set_up(void **state) {
    (void)state;
    test_files_make(&files);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    setlocale(LC_ALL, "C"); /* a failed test may have left another locale */
    test_files_remove(&files);
    return 0;
}

static snnk_table *open_text(const char *text) {
    snnk_table *table;

    assert_ok(snnk_table_open(test_write(&files, "t.csv", text, strlen(text)), NULL, &table));
    return table;
}

static snnk_encoder_config settings(void) {
    snnk_encoder_config config;

    assert_ok(snnk_encoder_config_init(&config, sizeof config));
    return config;
}

static snnk_encoder *learn(const char *text, const snnk_encoder_config *config) {
    snnk_table *table = open_text(text);
    snnk_encoder *encoder;

    assert_ok(snnk_encoder_create(table, config, &encoder));
    snnk_table_free(table);
    return encoder;
}

/* Apply the encoder to a table, and compare all outputs. Values are exact unless a tolerance is
 * given. */
static void expect_within(const snnk_encoder *encoder, const char *text, size_t rows,
                          size_t outputs, const double *values, double tolerance, uint64_t missing,
                          uint64_t unknown) {
    snnk_table *table = open_text(text);
    snnk_encoder_report report = {.size = sizeof report};
    double X[64];

    assert_int_equal(snnk_table_rows(table), rows);
    assert_int_equal(snnk_encoder_outputs(encoder), outputs);
    assert_true(rows * outputs <= 64);
    assert_ok(snnk_encoder_apply(encoder, table, 0, rows, X, outputs, &report));
    for (size_t k = 0; k < rows * outputs; k++) assert_close(X[k], values[k], 0, tolerance);
    assert_int_equal(report.missing, missing);
    assert_int_equal(report.unknown_words, unknown);
    snnk_table_free(table);
}

static void expect(const snnk_encoder *encoder, const char *text, size_t rows, size_t outputs,
                   const double *values, uint64_t missing, uint64_t unknown) {
    expect_within(encoder, text, rows, outputs, values, 0, missing, unknown);
}

static void expect_name(const snnk_encoder *encoder, size_t output, const char *name) {
    char buffer[64];
    size_t needed = 0;

    assert_ok(snnk_encoder_output_name(encoder, output, buffer, sizeof buffer, &needed));
    assert_string_equal(buffer, name);
    assert_int_equal(needed, strlen(name) + 1);
    assert_ok(snnk_encoder_output_name(encoder, output, buffer, 3, &needed)); /* cut */
    assert_int_equal(strlen(buffer), strlen(name) < 2 ? strlen(name) : 2);
    assert_int_equal(needed, strlen(name) + 1);
}

/* ---- Numbers ---- */

/* The mean of 65.0 and 94.4 is 79.7. */
static void test_issue_16_missing_numbers_become_the_mean(void **state) {
    const char text[] = "a,y\n65.0,1\nNA,2\n94.4,3\n";
    snnk_encoder_config config = settings();
    const size_t columns[] = {0};
    const double values[] = {65.0, 0, 79.7, 1, 94.4, 0};

    (void)state;
    config.columns = columns;
    config.n_columns = 1;
    snnk_encoder *encoder = learn(text, &config);
    /* The mean is summed in double: two roundings of a number below 128. */
    expect_within(encoder, text, 3, 2, values, 128 * 0x1p-52, 1, 0);
    expect_name(encoder, 0, "a");
    expect_name(encoder, 1, "a is missing");
    assert_int_equal(snnk_encoder_column_encoding(encoder, 0), SNNK_ENCODING_NUMBERS);
    assert_string_equal(snnk_encoder_column_name(encoder, 0), "a");
    assert_int_equal(snnk_encoder_column_outputs(encoder, 0), 2);
    snnk_encoder_free(encoder);
}

/* Of 1, 2, 3, 100 the median is 2.5; of 1, 2, 100 it is 2. */
static void test_median(void **state) {
    snnk_encoder_config config = settings();
    const double even[] = {2.5, 1}, odd[] = {2, 1};
    snnk_encoder *encoder;

    (void)state;
    config.missing = SNNK_MISSING_MEDIAN;
    encoder = learn("a,b\n100,0\n1,0\n,0\n3,0\n2,1\n", &config);
    expect(encoder, "a,b\n,7\n", 1, 3, (const double[]){even[0], even[1], 7}, 1, 0);
    snnk_encoder_free(encoder);
    encoder = learn("a,b\n100,0\n1,0\n,0\n2,1\n", &config);
    expect(encoder, "a,b\n,7\n", 1, 3, (const double[]){odd[0], odd[1], 7}, 1, 0);
    snnk_encoder_free(encoder);
}

/* The mean of 1, 4 and 7 is 4; of 3 yes and no, 2 are yes; the mean of the days is the second. */
static void test_what_was_learned(void **state) {
    snnk_encoder_config config = settings();
    snnk_encoder *encoder;

    (void)state;
    config.max_words = 2;
    encoder = learn("n,w,b,d,k\n1,Rome,yes,1970-01-01,5\n,Oslo,no,1970-01-02,5\n"
                    "4,Rome,yes,1970-01-03,5\n7,Lima,,,5\n7,Oslo,,,5\n4,,,,5\n1,,,,5\n",
                    &config);
    assert_int_equal(snnk_encoder_missing(encoder), SNNK_MISSING_MEAN);
    /* Means are updated row by row: a rounding or two for each of 6 rows. */
    assert_close(snnk_encoder_column_fill(encoder, 0), 4, 0, 6 * 4 * 0x1p-52);
    assert_true(isnan(snnk_encoder_column_fill(encoder, 1)));
    assert_close(snnk_encoder_column_fill(encoder, 2), 2.0 / 3, 0, 6 * 0x1p-52);
    assert_close(snnk_encoder_column_fill(encoder, 3), 86400, 0, 6 * 86400 * 0x1p-52);
    assert_true(isnan(snnk_encoder_column_fill(encoder, 4)));
    assert_true(isnan(snnk_encoder_column_fill(encoder, 5)));
    for (size_t k = 0; k < 4; k++) assert_int_equal(snnk_encoder_column_has_gaps(encoder, k), 1);
    assert_int_equal(snnk_encoder_column_has_gaps(encoder, 4), 0);
    assert_int_equal(snnk_encoder_column_has_gaps(encoder, 5), 0);
    assert_int_equal(snnk_encoder_column_words(encoder, 0), 0);
    assert_int_equal(snnk_encoder_column_words(encoder, 1), 2);
    assert_string_equal(snnk_encoder_column_word(encoder, 1, 0), "Oslo");
    assert_string_equal(snnk_encoder_column_word(encoder, 1, 1), "Rome");
    assert_null(snnk_encoder_column_word(encoder, 1, 2));
    assert_null(snnk_encoder_column_word(encoder, 9, 0));
    assert_int_equal(snnk_encoder_missing(NULL), -1);
    snnk_encoder_free(encoder);
}

/* A value that was never missing is filled in without an output that says so. */
static void test_missing_where_none_was(void **state) {
    snnk_encoder *encoder = learn("a,b\n1,2\n3,5\n", NULL);

    (void)state;
    expect(encoder, "a,b\n,4\n", 1, 2, (const double[]){2, 4}, 1, 0);
    snnk_encoder_free(encoder);
}

/* Column a had a gap, column b none, word column w none. The mean of 1 and 3 is 2. */
static void test_missing_only_where_known(void **state) {
    static const char *const gaps_of_b = "a,b,w\n1,,x\n", *const gaps_of_w = "a,b,w\n1,5,x\n1,5,\n";
    snnk_encoder_report report = {.size = sizeof report};
    snnk_encoder_config config;
    snnk_encoder *encoder;
    snnk_table *table;
    double X[10];

    (void)state;
    assert_ok(snnk_encoder_config_init(&config, sizeof config));
    config.missing = SNNK_MISSING_KNOWN;
    encoder = learn("a,b,w\n1,5,x\n,6,y\n3,7,x\n", &config);
    assert_int_equal(snnk_encoder_missing(encoder), SNNK_MISSING_KNOWN);
    expect(encoder, "a,b,w\n,5,x\n", 1, 5, (const double[]){2, 1, 5, 1, 0}, 1, 0);
    table = open_text(gaps_of_b);
    assert_status(snnk_encoder_apply(encoder, table, 0, 1, X, 5, NULL), SNNK_E_NONFINITE);
    assert_says("row 1, column \"b\": the value is missing, but none was in the training data");
    snnk_table_free(table);
    table = open_text(gaps_of_w);
    assert_status(snnk_encoder_apply(encoder, table, 0, 2, X, 5, NULL), SNNK_E_NONFINITE);
    assert_says("row 2, column \"w\"");
    snnk_table_free(table);
    table = open_text("a,b,w\n1,5,x\n1,huge,x\n");
    assert_status(snnk_encoder_apply(encoder, table, 0, 2, X, 5, NULL), SNNK_E_UNSUPPORTED);
    assert_says("correct it, or remove the row");
    snnk_table_free(table);
    snnk_encoder_free(encoder);

    /* The report names the first row with a gap, whatever the order of columns. */
    encoder = learn("a,b,w\n1,5,x\n,6,y\n3,7,x\n", NULL);
    table = open_text("a,b,w\n1,5,x\n1,5,x\n,5,x\n1,,x\n1,5,x\n1,,x\n");
    double Y[15];
    assert_ok(snnk_encoder_apply(encoder, table, 3, 3, Y, 5, &report));
    assert_int_equal(report.missing, 2);
    assert_int_equal(report.missing_row, 3);
    assert_int_equal(report.missing_column, 1);
    snnk_table_free(table);
    table = open_text("a,b,w\n1,5,x\n,5,x\n1,,x\n");
    assert_ok(snnk_encoder_apply(encoder, table, 0, 3, Y, 5, &report));
    assert_int_equal(report.missing_row, 1);
    assert_int_equal(report.missing_column, 0);
    snnk_table_free(table);
    table = open_text("a,b,w\n1,5,x\n1,,x\n,5,x\n");
    assert_ok(snnk_encoder_apply(encoder, table, 0, 3, Y, 5, &report));
    assert_int_equal(report.missing_row, 1);
    assert_int_equal(report.missing_column, 1);
    snnk_table_free(table);
    snnk_encoder_free(encoder);
}

static void test_refuses_missing_values(void **state) {
    snnk_encoder_config config = settings();
    snnk_table *table = open_text("a,b\n1,x\n2,y\n,x\n");
    snnk_encoder *encoder;
    double X[6];

    (void)state;
    config.missing = SNNK_MISSING_REFUSE;
    assert_status(snnk_encoder_create(table, &config, &encoder), SNNK_E_NONFINITE);
    assert_null(encoder);
    assert_says(
        "row 3, column \"a\": the value is missing: fill it in, or learn with SNNK_MISSING_MEAN");
    snnk_table_free(table);
    encoder = learn("a,b\n1,x\n2,y\n", &config);
    table = open_text("a,b\n1,x\n2,\n");
    assert_status(snnk_encoder_apply(encoder, table, 0, 2, X, 3, NULL), SNNK_E_NONFINITE);
    assert_says(
        "row 2, column \"b\": the value is missing: fill it in, or learn with SNNK_MISSING_MEAN");
    assert_ok(snnk_encoder_apply(encoder, table, 0, 1, X, 3, NULL));
    snnk_table_free(table);
    snnk_encoder_free(encoder);
}

static void test_infinite_values_are_refused(void **state) {
    snnk_table *table = open_text("a\n1\ninf\n");
    snnk_encoder *encoder;
    double X[2];

    (void)state;
    assert_status(snnk_encoder_create(table, NULL, &encoder), SNNK_E_NONFINITE);
    assert_says("row 2, column \"a\"");
    encoder = learn("a\n1\n2\n", NULL);
    assert_status(snnk_encoder_apply(encoder, table, 0, 2, X, 1, NULL), SNNK_E_NONFINITE);
    assert_says("row 2, column \"a\"");
    snnk_encoder_free(encoder);
    snnk_table_free(table);
}

/* Constant columns have no outputs, and need not be in other tables. */
static void test_constant_columns(void **state) {
    snnk_encoder *encoder = learn("id,c,w,e,x\n1,5,one,,3\n2,5,one,,4\n3,5,one,,8\n", NULL);

    (void)state;
    for (size_t k = 1; k <= 3; k++) {
        assert_int_equal(snnk_encoder_column_encoding(encoder, k), SNNK_ENCODING_CONSTANT);
        assert_int_equal(snnk_encoder_column_outputs(encoder, k), 0);
    }
    assert_int_equal(snnk_encoder_likely_index(encoder), 1);
    expect(encoder, "x,id\n7,9\n", 1, 2, (const double[]){9, 7}, 0, 0); /* in another order */
    snnk_encoder_free(encoder);
}

static void test_likely_index(void **state) {
    static const char *const not_one[] = {"a,b\n1,1\n3,2\n2,3\n", "a,b\n1,1\n2.5,2\n3,3\n",
                                          "a,b\n1,1\n,2\n3,3\n"};
    snnk_encoder *encoder;

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        encoder = learn(not_one[k], NULL); /* b increases, but is not the first column */
        assert_int_equal(snnk_encoder_likely_index(encoder), 0);
        snnk_encoder_free(encoder);
    }
    encoder = learn("a,b\n-5,1\n0,1\n1000000000000,2\n", NULL);
    assert_int_equal(snnk_encoder_likely_index(encoder), 1);
    snnk_encoder_free(encoder);
}

/* ---- Words ---- */

static void test_words(void **state) {
    const char text[] = "city,n\nRome,1\nOslo,2\n,3\nRome,4\nLima,5\n";
    snnk_encoder *encoder = learn(text, NULL);
    /* Lima, Oslo, Rome, missing, n */
    const double values[] = {0, 0, 1, 0, 1, 0, 1, 0, 0, 2, 0, 0, 0,
                             1, 3, 0, 0, 1, 0, 4, 1, 0, 0, 0, 5};

    (void)state;
    expect(encoder, text, 5, 5, values, 1, 0);
    expect_name(encoder, 0, "city=Lima");
    expect_name(encoder, 2, "city=Rome");
    expect_name(encoder, 3, "city is missing");
    expect(encoder, "city,n\nParis,7\n", 1, 5, (const double[]){0, 0, 0, 0, 7}, 0, 1);
    snnk_encoder_free(encoder);
}

/* Of words with 3, 1, 2, 1 rows the two most frequent keep an output each; the others, and words
 * that are new, share one. */
static void test_rare_words(void **state) {
    const char text[] = "w,n\nc,1\na,1\nc,2\nb,1\na,1\nc,1\nd,1\n";
    snnk_encoder_config config = settings();
    const double values[] = {0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 2, 0, 0,
                             1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1};

    (void)state;
    config.max_words = 2;
    snnk_encoder *encoder = learn(text, &config);
    expect(encoder, text, 7, 4, values, 0, 0);
    expect_name(encoder, 0, "w=a");
    expect_name(encoder, 1, "w=c");
    expect_name(encoder, 2, "w is rare");
    expect(encoder, "w,n\nzebra,1\n", 1, 4, (const double[]){0, 0, 1, 1}, 0, 0);
    snnk_encoder_free(encoder);
}

static void test_booleans(void **state) {
    const char text[] = "b,n\nyes,1\nNo,2\nyes,3\n,4\n";
    snnk_encoder *encoder = learn(text, NULL);
    const double values[] = {1, 0, 1, 0, 0, 2, 1, 0, 3, 2.0 / 3, 1, 4};

    (void)state;
    assert_int_equal(snnk_encoder_column_encoding(encoder, 0), SNNK_ENCODING_BOOLEANS);
    expect(encoder, text, 4, 3, values, 1, 0);
    expect(encoder, "b,n\nmaybe,1\nTRUE,2\n", 2, 3, (const double[]){2.0 / 3, 0, 1, 1, 0, 2}, 0, 1);
    snnk_encoder_free(encoder);
    encoder = learn("b,n\nyes,1\nfalse,2\n", NULL); /* words of different pairs */
    assert_int_equal(snnk_encoder_column_encoding(encoder, 0), SNNK_ENCODING_WORDS);
    snnk_encoder_free(encoder);
}

/* ---- Dates ---- */

/* Two of three rows have dates: the third is more likely wrong than a word. One of three is not. */
static void test_dates_and_other_words(void **state) {
    snnk_table *table = open_text("d,n\n2026-01-01,1\nsoon,2\n2026-01-02,3\n");
    snnk_encoder *encoder;

    (void)state;
    assert_status(snnk_encoder_create(table, NULL, &encoder), SNNK_E_FORMAT);
    assert_null(encoder);
    assert_says("row 2, column \"d\": \"soon\" is no date");
    snnk_table_free(table);
    encoder = learn("d,n\n2026-01-01,1\nsoon,2\nlater,3\n", NULL);
    assert_int_equal(snnk_encoder_column_encoding(encoder, 0), SNNK_ENCODING_WORDS);
    snnk_encoder_free(encoder);
}

/* Known times: 2000-03-01 is day 11017, 2038-01-19T03:14:07Z is 2^31 - 1. */
static void test_dates(void **state) {
    const char text[] = "when,n\n1970-01-01,1\n2000-03-01,2\n2038-01-19T03:14:07Z,3\n,4\n";
    snnk_encoder *encoder = learn(text, NULL);
    const double day = 86400, last = 2147483647, mean = (11017 * day + last) / 3;
    const double values[] = {0, 0, 1, 11017 * day, 0, 2, last, 0, 3, mean, 1, 4};

    (void)state;
    assert_int_equal(snnk_encoder_column_encoding(encoder, 0), SNNK_ENCODING_DATES);
    expect_within(encoder, text, 4, 3, values, 4 * last * 0x1p-52, 1, 0);
    expect(encoder,
           "when,n\n1969-12-31T23:59:59.5Z,0\n2000-02-29T12:00+02:00,0\n1972-06-30 23:59:60Z,0\n"
           "1600-03-01,0\n",
           4, 3,
           (const double[]){-0.5, 0, 0, 11016 * day + 36000, 0, 0, 912 * day, 0, 0, -135080 * day,
                            0, 0},
           0, 0);
    snnk_encoder_free(encoder);
}

static void test_what_is_no_date(void **state) {
    static const char *const not_dates[] = {
        "2026-02-29",  "2026-13-01",       "2026-00-10",
        "2026-1-01",   "2026-01-01T24:00", "2026-01-01T10",
        "2026-01-01x", "01.02.2026",       "2026-01-01T10:00+25:00"};
    char text[128];

    (void)state;
    for (size_t k = 0; k < sizeof not_dates / sizeof *not_dates; k++) {
        snnk_encoder *encoder;
        snnk_table *table;
        double X[4];

        snprintf(text, sizeof text, "when,n\n2026-01-01,1\n%s,2\n", not_dates[k]);
        encoder = learn(text, NULL);
        assert_int_equal(snnk_encoder_column_encoding(encoder, 0), SNNK_ENCODING_WORDS);
        snnk_encoder_free(encoder);
        encoder = learn("when,n\n2026-01-01,1\n2026-01-02,2\n", NULL);
        table = open_text(text);
        assert_status(snnk_encoder_apply(encoder, table, 0, 2, X, 2, NULL), SNNK_E_FORMAT);
        assert_says("row 2, column \"when\"");
        assert_says(not_dates[k]);
        snnk_table_free(table);
        snnk_encoder_free(encoder);
    }
}

/* Monday, 2026-11-30, at 06:00 and 12:00: a quarter and a half of the day. The week has begun 0.25
 * and 0.5 days ago. */
static void test_date_parts(void **state) {
    snnk_encoder_config config = settings();
    const double turn = 2 * 3.14159265358979323846, days = 20787; /* since 1970 */
    double values[16] = {0};

    (void)state;
    config.date_parts = 1;
    snnk_encoder *encoder = learn("when,n\n2026-11-30T06:00Z,1\n2026-11-30T12:00Z,2\n", &config);
    for (size_t i = 0; i < 2; i++) {
        const double part = i == 0 ? 0.25 : 0.5;
        /* 56 mean years have passed since 1970, and this part of the next. */
        const double year = (days + part - 56 * 365.2425) / 365.2425;
        const double row[] = {(days + part) * 86400, cos(turn * year),     sin(turn * year),
                              cos(turn * part / 7),  sin(turn * part / 7), i == 0 ? 0 : -1,
                              i == 0 ? 1 : 0,        (double)i + 1};

        memcpy(values + 8 * i, row, sizeof row);
    }
    /* Seconds are exact; cycles lose the digits of the days: 20787 units of 2^-53 turns. */
    expect_within(encoder, "when,n\n2026-11-30T06:00Z,1\n2026-11-30T12:00Z,2\n", 2, 8, values,
                  20787 * turn * 0x1p-52, 0, 0);
    expect_name(encoder, 2, "when (sine of the year)");
    snnk_encoder_free(encoder);
}

/* ---- Other tables ---- */

static void refuse_table(const snnk_encoder *encoder, const char *text, int status,
                         const char *says) {
    snnk_table *table = open_text(text);
    double X[16];

    assert_status(snnk_encoder_apply(encoder, table, 0, snnk_table_rows(table), X, 8, NULL),
                  status);
    assert_says(says);
    snnk_table_free(table);
}

static void test_other_tables(void **state) {
    snnk_encoder *encoder = learn("a,w\n1,x\n2,y\n,\n", NULL);

    (void)state;
    refuse_table(encoder, "b,w\n1,x\n", SNNK_E_SHAPE, "no column \"a\"");
    refuse_table(encoder, "a,w\n3,x\nhigh,x\n", SNNK_E_UNSUPPORTED,
                 "row 2, column \"a\": \"high\" is not a number, but the column had numbers in the "
                 "training data: correct it, or leave the field empty");
    refuse_table(encoder, "a,w\n1,\n1,2\n", SNNK_E_UNSUPPORTED,
                 "row 2, column \"w\": 2 is a number, but the column had words in the training "
                 "data, such as x: check that it is the same column");
    /* A column without any values has no type. Outputs: a, missing, w=x, w=y, missing. */
    expect(encoder, "a,w\n,\n1,\n", 2, 5, (const double[]){1.5, 1, 0, 0, 1, 1, 0, 0, 0, 1}, 3, 0);
    snnk_encoder_free(encoder);
}

/* A table without names has the columns of the encoder in its order, whatever their positions were
 * when it was learned. One column more may be anything, for example the target. */
static void test_tables_without_names(void **state) {
    const size_t columns[] = {2, 0};
    const float two[] = {5, 7}, three[] = {5, 7, 9};
    snnk_encoder_config config = settings();
    snnk_table *table;
    double X[2];

    (void)state;
    config.columns = columns;
    config.n_columns = 2;
    snnk_encoder *encoder = learn("a,y,b\n1,2,3\n2,3,5\n", &config);
    assert_ok(snnk_table_save_npy(test_path(&files, "two.npy"), 1, 2, two, 2));
    assert_ok(snnk_table_open(test_path(&files, "two.npy"), NULL, &table));
    assert_ok(snnk_encoder_apply(encoder, table, 0, 1, X, 2, NULL));
    assert_true(X[0] == 5 && X[1] == 7);
    snnk_table_free(table);
    assert_ok(snnk_table_save_npy(test_path(&files, "three.npy"), 1, 3, three, 3));
    assert_ok(snnk_table_open(test_path(&files, "three.npy"), NULL, &table));
    assert_status(snnk_encoder_apply(encoder, table, 0, 1, X, 2, NULL), SNNK_E_SHAPE);
    assert_says("it needs the 2 columns of the training data in their order, but it has 3");
    snnk_table_free(table);
    snnk_encoder_free(encoder);
}

/* ---- Files ---- */

static const char everything[] = "n,w,b,d,c\n1.5,x,yes,2026-01-01,7\n,\"a\\\nb\",no,,7\n"
                                 "-3,y,yes,2026-01-03T01:00Z,7\n2,x,,2026-01-09,7\n";

/* Fractions are written and read with a point, whatever the locale: the same bytes, the same
 * bits. */
static void test_decimal_comma(void **state) {
    (void)state;
    snnk_encoder_config config = settings();
    config.numbers = SNNK_NUMBER_FORM_STANDARDIZED;
    const char *text = "a,b,y\n0.1,,1\n0.2,1e-7,1.5\n0.4,2.25,4\n";
    snnk_encoder *encoder = learn(text, &config), *loaded;
    size_t bytes, again;

    assert_ok(snnk_encoder_saved_bytes(encoder, &bytes));
    char *before = malloc(bytes), *after = malloc(bytes);
    assert_ok(snnk_encoder_save_memory(encoder, before, bytes));
    if (!test_use_german()) {
        snnk_encoder_free(encoder);
        free(before);
        free(after);
        skip();
    }
    assert_string_equal(localeconv()->decimal_point, ",");
    assert_ok(snnk_encoder_load_memory(before, bytes, NULL, &loaded));
    for (size_t k = 0; k < 3; k++) {
        const double left = snnk_encoder_column_fill(loaded, k);
        const double right = snnk_encoder_column_fill(encoder, k);

        assert_memory_equal(&left, &right, sizeof left);
    }
    assert_ok(snnk_encoder_saved_bytes(loaded, &again));
    assert_int_equal(again, bytes);
    assert_ok(snnk_encoder_save_memory(loaded, after, bytes));
    assert_memory_equal(before, after, bytes);
    snnk_encoder_free(loaded);
    loaded = learn(text, &config);
    assert_ok(snnk_encoder_save_memory(loaded, after, bytes));
    assert_memory_equal(before, after, bytes);
    setlocale(LC_ALL, "C");
    snnk_encoder_free(loaded);
    snnk_encoder_free(encoder);
    free(before);
    free(after);
}

static void test_saved_and_loaded(void **state) {
    snnk_encoder_config config = settings();
    snnk_table *table = open_text(everything);
    snnk_encoder *encoder, *loaded;
    double X[64], again[64];
    char name[2][64];
    size_t bytes;

    (void)state;
    config.max_words = 2;
    config.date_parts = 1;
    assert_ok(snnk_encoder_create(table, &config, &encoder));
    assert_ok(snnk_encoder_saved_bytes(encoder, &bytes));
    void *buffer = malloc(bytes);
    assert_ok(snnk_encoder_save_memory(encoder, buffer, bytes));
    assert_ok(snnk_encoder_load_memory(buffer, bytes, NULL, &loaded));
    const size_t d = snnk_encoder_outputs(encoder);
    assert_true(d > 0 && 4 * d <= 64);
    assert_int_equal(snnk_encoder_outputs(loaded), d);
    assert_int_equal(snnk_encoder_columns(loaded), 5);
    assert_int_equal(snnk_encoder_likely_index(loaded), snnk_encoder_likely_index(encoder));
    assert_ok(snnk_encoder_apply(encoder, table, 0, 4, X, d, NULL));
    assert_ok(snnk_encoder_apply(loaded, table, 0, 4, again, d, NULL));
    assert_memory_equal(X, again, 4 * d * sizeof *X);
    for (size_t k = 0; k < d; k++) {
        assert_ok(snnk_encoder_output_name(encoder, k, name[0], sizeof name[0], NULL));
        assert_ok(snnk_encoder_output_name(loaded, k, name[1], sizeof name[1], NULL));
        assert_string_equal(name[0], name[1]);
    }
    free(buffer);
    snnk_encoder_free(loaded);
    snnk_encoder_free(encoder);
    snnk_table_free(table);
}

/* A network saves and loads the encoder of its inputs, and networks made from it share it. */
static void test_networks_hold_encoders(void **state) {
    snnk_encoder *encoder = learn(everything, NULL), *other = learn("a\n1\n2\n", NULL);
    const size_t d = snnk_encoder_outputs(encoder);
    float W[64] = {0};
    float X[4 * 64], Y[4] = {1, 2, 3, 5};
    snnk_network *network, *loaded, *bundled;
    snnk_fit_config fit_config;
    snnk_layer *layer;
    snnk_fit *fit;
    size_t bytes, fit_bytes;

    (void)state;
    assert_true(d <= 64);
    for (size_t i = 0; i < 4 * d; i++) X[i] = (float)(i * i % 7);
    assert_ok(snnk_fit_config_init(&fit_config, sizeof fit_config));
    fit_config.ridge = 1;
    assert_ok(snnk_network_create(NULL, &network));
    assert_status(snnk_network_set_encoder(NULL, encoder), SNNK_E_NULL);
    assert_status(snnk_network_set_encoder(network, encoder), SNNK_E_STATE);
    assert_ok(snnk_layer_create_dense(d, 1, W, d, NULL, SNNK_IDENTITY, NULL, &layer));
    assert_ok(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    assert_status(snnk_network_set_encoder(network, other), SNNK_E_SHAPE);
    assert_null(snnk_network_encoder(network));
    assert_ok(snnk_network_set_encoder(network, encoder));
    snnk_encoder_free(encoder); /* the network keeps it alive */
    assert_int_equal(snnk_encoder_outputs(snnk_network_encoder(network)), d);
    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &bytes));
    void *buffer = malloc(bytes);
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, buffer, bytes));
    assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
    assert_int_equal(snnk_encoder_columns(snnk_network_encoder(loaded)), 5);
    assert_int_equal(snnk_encoder_outputs(snnk_network_encoder(loaded)), d);
    snnk_network_free(loaded);
    /* A fit of this network keeps it, also in memory. */
    assert_ok(snnk_fit_create_from_network(network, 0, &fit_config, &fit));
    assert_ok(snnk_fit_saved_bytes(fit, &fit_bytes));
    void *saved = malloc(fit_bytes);
    assert_ok(snnk_fit_save_memory(fit, saved, fit_bytes));
    snnk_fit_free(fit);
    assert_ok(snnk_fit_load_memory(saved, fit_bytes, NULL, &fit));
    free(saved);
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = 4, .X = X, .Y = Y), NULL));
    assert_ok(snnk_fit_solve_network(fit, NULL, NULL, &loaded));
    snnk_fit_free(fit);
    assert_int_equal(snnk_encoder_outputs(snnk_network_encoder(loaded)), d);
    snnk_network_free(loaded);
    assert_ok(snnk_network_bundle(network, 0, 0, &bundled));
    assert_ptr_equal(snnk_network_encoder(bundled), snnk_network_encoder(network));
    assert_ok(snnk_network_set_encoder(network, NULL));
    assert_null(snnk_network_encoder(network));
    snnk_network_free(network);
    assert_int_equal(snnk_encoder_outputs(snnk_network_encoder(bundled)), d);
    snnk_network_free(bundled);
    snnk_encoder_free(other);
    free(buffer);
}

/* Each byte changed, and the file cut at each byte: refused, because of the checksum. */
static void test_damaged_files(void **state) {
    snnk_encoder *encoder = learn(everything, NULL), *loaded;
    size_t bytes;

    (void)state;
    assert_ok(snnk_encoder_saved_bytes(encoder, &bytes));
    unsigned char *buffer = malloc(bytes);
    assert_ok(snnk_encoder_save_memory(encoder, buffer, bytes));
    for (size_t k = 0; k < bytes; k++) {
        buffer[k] ^= 4;
        assert_true(snnk_encoder_load_memory(buffer, bytes, NULL, &loaded) != SNNK_OK);
        assert_null(loaded);
        buffer[k] ^= 4;
        assert_true(snnk_encoder_load_memory(buffer, k, NULL, &loaded) != SNNK_OK);
        assert_null(loaded);
    }
    free(buffer);
    snnk_encoder_free(encoder);
}

/* Files with a correct checksum, and content that cannot be. */
static void test_impossible_files(void **state) {
    static const struct {
        const char *from, *to, *says;
    } edits[] = {
        {"\"encoding\":\"words\"", "\"encoding\":\"verbs\"", "encoding"},
        {"\"encoding\":\"dates\"", "\"encoding\":\"words\"", "n_words"},
        {"\"n_words\":3", "\"n_words\":4", "words"},
        {"\"n_words\":3", "\"n_words\":2", "words"},
        {"\"n_words\":3", "\"n_words\":0", "n_words"},
        {"\"n_words\":3", "\"n_words\":9007199254740992", "n_words"},
        {"x\\ny", "y\\nx", "in order"},
        {"x\\ny", "x\\nx", "in order"},
        {"\"gaps\":true", "\"gaps\":1", "gaps"},
        {"\"fill\":0.", "\"fill\":1e999, \"was\":0.", "fill"},
        {"\"missing\":\"mean\"", "\"missing\":\"mode\"", "missing"},
        {"\"columns\":[", "\"columns\":[], \"were\":[", "columns"},
    };
    snnk_encoder *encoder = learn(everything, NULL), *loaded;
    size_t bytes, edited_bytes;

    (void)state;
    assert_ok(snnk_encoder_saved_bytes(encoder, &bytes));
    void *buffer = malloc(bytes);
    assert_ok(snnk_encoder_save_memory(encoder, buffer, bytes));
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
    snnk_encoder_config config = settings();
    snnk_table *table = open_text(everything);
    snnk_encoder *encoder = NULL, *loaded = NULL;
    double X[64];
    size_t bytes;
    int st = SNNK_OK;

    (void)state;
    config.allocator = &allocator;
    config.missing = SNNK_MISSING_MEDIAN;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_encoder_create(table, &config, &encoder);
        assert_made(st, encoder);
        snnk_encoder_free(encoder);
    });
    assert_ok(snnk_encoder_create(table, &config, &encoder));
    assert_survives_failing_allocations(
        memory, st, { st = snnk_encoder_apply(encoder, table, 0, 4, X, 16, NULL); });
    assert_ok(snnk_encoder_saved_bytes(encoder, &bytes));
    void *buffer = malloc(bytes);
    assert_survives_failing_allocations(memory, st,
                                        { st = snnk_encoder_save_memory(encoder, buffer, bytes); });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_encoder_load_memory(buffer, bytes, &allocator, &loaded);
        assert_made(st, loaded);
        snnk_encoder_free(loaded);
    });
    snnk_encoder_free(encoder);
    assert_int_equal(memory.alive, 0);
    free(buffer);
    snnk_table_free(table);
}

/* ---- Misuse ---- */

static void refuse_settings(const snnk_encoder_config *config, int status, const char *says) {
    snnk_table *table = open_text("a,b\n1,2\n2,3\n");
    snnk_encoder *encoder;

    assert_status(snnk_encoder_create(table, config, &encoder), status);
    assert_says(says);
    assert_null(encoder);
    snnk_table_free(table);
}

static void test_misuse(void **state) {
    const size_t twice[] = {1, 1}, beyond[] = {2};
    snnk_encoder_config config = settings();
    snnk_encoder *encoder;
    snnk_table *table = open_text("a,b\n"), *constant = open_text("a\n1\n1\n");
    char byte;
    size_t bytes;

    (void)state;
    assert_status(snnk_encoder_create(NULL, NULL, &encoder), SNNK_E_NULL);
    assert_status(snnk_encoder_create(table, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_encoder_create(table, NULL, &encoder), SNNK_E_SHAPE);
    assert_says("0 rows");
    assert_status(snnk_encoder_create(constant, NULL, &encoder), SNNK_E_STATE);
    config.columns = twice;
    config.n_columns = 2;
    refuse_settings(&config, SNNK_E_SHAPE, "both 1");
    config.n_columns = 0;
    refuse_settings(&config, SNNK_E_SHAPE, "n_columns = 0");
    config.columns = beyond;
    config.n_columns = 1;
    refuse_settings(&config, SNNK_E_RANGE, "columns[0] = 2");
    config = settings();
    config.max_words = 0;
    refuse_settings(&config, SNNK_E_RANGE, "max_words");
    config = settings();
    config.missing = 4;
    refuse_settings(&config, SNNK_E_ENUM, "missing");
    config = settings();
    config.date_parts = 2;
    refuse_settings(&config, SNNK_E_ENUM, "date_parts");
    snnk_table_free(constant);
    snnk_table_free(table);

    encoder = learn("a,b\n1,2\n2,3\n", NULL);
    table = open_text("a,b\n1,2\n2,3\n");
    double X[4];
    snnk_encoder_report report = {0};
    assert_status(snnk_encoder_apply(NULL, table, 0, 1, X, 2, NULL), SNNK_E_NULL);
    assert_status(snnk_encoder_apply(encoder, NULL, 0, 1, X, 2, NULL), SNNK_E_NULL);
    assert_status(snnk_encoder_apply(encoder, table, 0, 1, NULL, 2, NULL), SNNK_E_NULL);
    assert_status(snnk_encoder_apply(encoder, table, 0, 1, X, 1, NULL), SNNK_E_STRIDE);
    assert_status(snnk_encoder_apply(encoder, table, 1, 2, X, 2, NULL), SNNK_E_RANGE);
    assert_status(snnk_encoder_apply(encoder, table, 0, 1, X, 2, &report), SNNK_E_CONFIG);
    assert_ok(snnk_encoder_apply(encoder, table, 2, 0, X, 2, NULL));
    assert_status(snnk_encoder_output_name(encoder, 2, &byte, 1, NULL), SNNK_E_RANGE);
    assert_status(snnk_encoder_output_name(encoder, 1, NULL, 1, NULL), SNNK_E_NULL);
    assert_ok(snnk_encoder_output_name(encoder, 1, NULL, 0, &bytes));
    assert_int_equal(bytes, 2);
    assert_status(snnk_encoder_save_memory(encoder, &byte, 1), SNNK_E_SIZE);
    assert_int_equal(snnk_encoder_column_encoding(encoder, 2), -1);
    assert_null(snnk_encoder_column_name(NULL, 0));
    assert_int_equal(snnk_encoder_outputs(NULL), 0);
    assert_string_equal(snnk_encoding_name(SNNK_ENCODING_DATES), "dates");
    assert_null(snnk_encoding_name(5));
    assert_string_equal(snnk_missing_name(SNNK_MISSING_REFUSE), "refuse");
    assert_string_equal(snnk_missing_name(SNNK_MISSING_KNOWN), "known");
    assert_null(snnk_missing_name(4));
    assert_null(snnk_missing_name(-1));
    snnk_table_free(table);
    snnk_encoder_free(encoder);
    snnk_encoder_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue_16_missing_numbers_become_the_mean),
        cmocka_unit_test(test_median),
        cmocka_unit_test(test_missing_where_none_was),
        cmocka_unit_test(test_missing_only_where_known),
        cmocka_unit_test(test_refuses_missing_values),
        cmocka_unit_test(test_infinite_values_are_refused),
        cmocka_unit_test(test_constant_columns),
        cmocka_unit_test(test_what_was_learned),
        cmocka_unit_test(test_likely_index),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_rare_words),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_dates_and_other_words),
        cmocka_unit_test(test_what_is_no_date),
        cmocka_unit_test(test_date_parts),
        cmocka_unit_test(test_other_tables),
        cmocka_unit_test(test_tables_without_names),
        cmocka_unit_test(test_decimal_comma),
        cmocka_unit_test(test_saved_and_loaded),
        cmocka_unit_test(test_networks_hold_encoders),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_impossible_files),
        cmocka_unit_test(test_failing_memory),
        cmocka_unit_test(test_misuse),
    };

    return cmocka_run_group_tests_name("encoder", tests, set_up, tear_down);
}
