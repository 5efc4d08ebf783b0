/* src/io: how CSV files are written in the world: separators, decimal commas, headers, missing
 * values, words, encodings. Expected values are read off the texts by hand. */
#define _XOPEN_SOURCE 700

#include <locale.h>
#include <time.h>

#include "support/alloc.h"
#include "support/files.h"
#include "support/german.h"

#include <snnk/table.h>

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

static snnk_table *open_with(const char *text, const snnk_table_config *config) {
    snnk_table *table;

    assert_ok(snnk_table_open(test_write(&files, "t", text, strlen(text)), config, &table));
    return table;
}

static snnk_table *open_text(const char *text) { return open_with(text, NULL); }

static snnk_table_config config_of(int32_t separator, int32_t decimal, int32_t header,
                                   const char *missing) {
    snnk_table_config config;

    assert_ok(snnk_table_config_init(&config, sizeof config));
    config.separator = separator;
    config.decimal = decimal;
    config.header = header;
    config.missing = missing;
    return config;
}

static void refuse_bytes(const void *bytes, size_t size, int status, const char *says) {
    snnk_table *table = (snnk_table *)&files;

    assert_status(snnk_table_open(test_write(&files, "t", bytes, size), NULL, &table), status);
    assert_null(table);
    assert_says(says);
    assert_says(files.path);
}

static void refuse_text(const char *text, int status, const char *says) {
    refuse_bytes(text, strlen(text), status, says);
}

/* Compare a table of numbers, in double and in float. NAN expects a missing value. Frees it. */
static void expect(snnk_table *table, size_t rows, size_t columns, const double *values) {
    double X[64];
    float x[64];

    assert_int_equal(snnk_table_rows(table), rows);
    assert_int_equal(snnk_table_columns(table), columns);
    assert_ok(snnk_table_read_f64(table, 0, rows, X, columns));
    assert_ok(snnk_table_read(table, 0, rows, x, columns));
    for (size_t i = 0; i < rows * columns; i++) {
        assert_true(X[i] == values[i] || (isnan(X[i]) && isnan(values[i])));
        assert_true(x[i] == (float)values[i] || (isnan(x[i]) && isnan(values[i])));
    }
    snnk_table_free(table);
}

#define EXPECT(table, rows, columns, ...)                                                          \
    expect((table), (rows), (columns), (const double[]){__VA_ARGS__})

static void expect_names(const snnk_table *table, size_t n, const char *const *names) {
    assert_int_equal(snnk_table_columns(table), n);
    for (size_t j = 0; j < n; j++) assert_string_equal(snnk_table_column_name(table, j), names[j]);
    assert_null(snnk_table_column_name(table, n));
}

#define EXPECT_NAMES(table, n, ...) expect_names((table), (n), (const char *const[]){__VA_ARGS__})

/* ---- Missing values and words ---- */

static void missing_numbers(void **state) {
    (void)state;
    snnk_table *table = open_text("a,y\n65.0,1\nNA,2\n94.4,3\n");

    assert_int_equal(snnk_table_column_type(table, 0), SNNK_COLUMN_NUMBERS);
    assert_int_equal(snnk_table_missing(table, 0), 1);
    assert_int_equal(snnk_table_missing(table, 1), 0);
    EXPECT(table, 3, 2, 65, 1, NAN, 2, 94.4, 3);

    table = open_text("yr,nsa,sa\n2022,392.96,392.61\n1986,107.53,\n");
    assert_int_equal(snnk_table_missing(table, 0), 0);
    assert_int_equal(snnk_table_missing(table, 1), 0);
    assert_int_equal(snnk_table_missing(table, 2), 1);
    EXPECT(table, 2, 3, 2022, 392.96, 392.61, 1986, 107.53, NAN);

    /* Each of the default texts, with spaces, in quotes; NaN in any case. */
    table =
        open_text("x\nNA\nN/A\nn/a\n#N/A\nNaN\nnan\nNULL\nnull\nNone\n?\n \n\"\"\n NA \n-NAN\n1\n");
    assert_int_equal(snnk_table_rows(table), 15);
    assert_int_equal(snnk_table_missing(table, 0), 14);
    snnk_table_free(table);
    /* A column where all is missing has numbers. */
    table = open_text("a,b\n1,?\n2,\n");
    assert_int_equal(snnk_table_column_type(table, 1), SNNK_COLUMN_NUMBERS);
    assert_int_equal(snnk_table_missing(table, 1), 2);
    EXPECT(table, 2, 2, 1, NAN, 2, NAN);
}

static void missing_is_configurable(void **state) {
    (void)state;
    const snnk_table_config numbers = config_of(0, 0, 0, "-999,n.d."),
                            none = config_of(0, 0, 0, "");
    snnk_table *table = open_with("a,b\n-999,1\nn.d.,2\n-99,-999.0\n,NaN\n", &numbers);

    assert_int_equal(snnk_table_missing(table, 0), 3);
    assert_int_equal(snnk_table_missing(table, 1), 1);
    EXPECT(table, 4, 2, NAN, 1, NAN, 2, -99, -999, NAN, NAN);
    table = open_with("a\n1\nNA\n", &none);
    assert_int_equal(snnk_table_column_type(table, 0), SNNK_COLUMN_WORDS);
    snnk_table_free(table);
}

/* Words stay words: NA is the class of a continent. */
static void words_are_kept(void **state) {
    (void)state;
    static const size_t first = 0;
    snnk_table *table = open_text("x,continent\n1,NA\n2,EU\n3,\n");
    int32_t words[3];
    double X[6];
    float x[6];

    assert_int_equal(snnk_table_column_type(table, 0), SNNK_COLUMN_NUMBERS);
    assert_int_equal(snnk_table_column_type(table, 1), SNNK_COLUMN_WORDS);
    assert_int_equal(snnk_table_words(table, 1), 2);
    assert_string_equal(snnk_table_word(table, 1, 0), "EU");
    assert_string_equal(snnk_table_word(table, 1, 1), "NA");
    assert_int_equal(snnk_table_missing(table, 1), 1);
    assert_ok(snnk_table_read_words(table, 1, 0, 3, words));
    assert_memory_equal(words, ((const int32_t[]){1, 0, -1}), sizeof words);
    assert_ok(snnk_table_read_words(table, 1, 1, 1, words));
    assert_int_equal(words[0], 0);

    assert_status(snnk_table_read(table, 0, 3, x, 2), SNNK_E_UNSUPPORTED);
    assert_says("t: column 2, \"continent\", has words instead of numbers: \"EU\" in line 3");
    assert_status(snnk_table_read_f64(table, 0, 3, X, 2), SNNK_E_UNSUPPORTED);
    assert_ok(snnk_table_read_columns(table, 1, 2, 1, &first, X, 1));
    assert_true(X[0] == 2 && X[1] == 3);
    assert_status(snnk_table_read_words(table, 0, 0, 3, words), SNNK_E_UNSUPPORTED);
    assert_says("column 1 has numbers");
    snnk_table_free(table);

    /* Beside words, NA is a word wherever it stands, and spaces are an empty field. */
    table = open_text("w\nNA\n  \n\n?\nx\nNA\n");
    int32_t mixed[6];
    assert_int_equal(snnk_table_words(table, 0), 3);
    assert_string_equal(snnk_table_word(table, 0, 0), "?");
    assert_string_equal(snnk_table_word(table, 0, 1), "NA");
    assert_int_equal(snnk_table_missing(table, 0), 2);
    assert_ok(snnk_table_read_words(table, 0, 0, 6, mixed));
    assert_memory_equal(mixed, ((const int32_t[]){1, -1, -1, 0, 2, 1}), sizeof mixed);
    snnk_table_free(table);

    /* The sentence names the first field that is no number, and its line in the file. */
    table = open_text("n,w\n1,2\n2,\"NA\"\n3,\"two\nlines\"\n4,3x\n");
    assert_status(snnk_table_read(table, 0, 1, x, 2), SNNK_E_UNSUPPORTED);
    assert_says("\"two\nlines\" in line 4");
    snnk_table_free(table);
}

/* A million different words take about a second, and not the hours of a quadratic search. */
static void a_million_words(void **state) {
    (void)state;
    enum { WORDS = 1000000 };
    char *text = malloc((size_t)10 * WORDS + 16), *end = text;
    const clock_t start = clock();
    snnk_table *table;
    int32_t first;

    assert_non_null(text);
    end += sprintf(end, "w\n");
    for (size_t i = 0; i < WORDS; i++) /* 7 and 1000000 have no common divisor: all are different */
        end += sprintf(end, "w%06zu\n", i * 7 % WORDS);
    table = open_text(text);
    assert_int_equal(snnk_table_words(table, 0), WORDS);
    assert_string_equal(snnk_table_word(table, 0, 999999), "w999999");
    assert_ok(snnk_table_read_words(table, 0, 1, 1, &first));
    assert_int_equal(first, 7);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 60); /* sanitizers are slow */
    snnk_table_free(table);
    free(text);
}

/* ---- Separators ---- */

static void separators(void **state) {
    (void)state;
    static const char *const texts[] = {"a,b\n1,2\n", "a;b\n1;2\n", "a\tb\n1\t2\n", "a|b\n1|2\n"};
    const snnk_table_config pipe = config_of('|', 0, 0, NULL);
    snnk_table *table;

    for (size_t i = 0; i < 4; i++) {
        table = open_text(texts[i]);
        assert_int_equal(snnk_table_separator(table), texts[i][1]);
        assert_int_equal(snnk_table_decimal(table), '.');
        assert_int_equal(snnk_table_has_header(table), 1);
        EXPECT_NAMES(table, 2, "a", "b");
        EXPECT(table, 1, 2, 1, 2);
    }
    /* Other separators inside words do not confuse. */
    table = open_text("name;note\nA;x, y\nB;x, z\n");
    assert_int_equal(snnk_table_separator(table), ';');
    assert_string_equal(snnk_table_word(table, 1, 0), "x, y");
    snnk_table_free(table);
    table = open_text("name,note\n\"A\",x;y\n\"B;C\",z\n");
    assert_int_equal(snnk_table_separator(table), ',');
    snnk_table_free(table);
    /* Commas would give two or three regular columns, but only semicolons give numbers. */
    table = open_text("1,5;2,5\n3,5;4,25\n");
    assert_int_equal(snnk_table_separator(table), ';');
    EXPECT(table, 2, 2, 1.5, 2.5, 3.5, 4.25);
    /* The config wins. */
    table = open_with("a,b|c\n1|2\n", &pipe);
    EXPECT_NAMES(table, 2, "a,b", "c");
    EXPECT(table, 1, 2, 1, 2);
}

/* The form of the UCI tables: columns are lined up with blanks, some lines begin or end with
 * them. */
static void blanks(void **state) {
    (void)state;
    const snnk_table_config given = config_of(' ', 0, 0, NULL);
    snnk_table *table = open_text(
        " 0.5  18.00   2.310  0\n 10.25   0.00   7.070  1  \r\n\t-3\t4 5e1 \t 6\n   \n\n ");

    assert_int_equal(snnk_table_separator(table), ' ');
    assert_int_equal(snnk_table_has_header(table), 0);
    EXPECT(table, 3, 4, 0.5, 18, 2.31, 0, 10.25, 0, 7.07, 1, -3, 4, 50, 6);
    table = open_text("name mpg cyl\n\"ford pinto\" 18.5 8\nvw ? 4\n");
    EXPECT_NAMES(table, 3, "name", "mpg", "cyl");
    assert_int_equal(snnk_table_separator(table), ' ');
    assert_string_equal(snnk_table_word(table, 0, 0), "ford pinto");
    assert_int_equal(snnk_table_missing(table, 1), 1);
    snnk_table_free(table);
    table = open_text("1,5 2,25\n3,5 4\n");
    EXPECT(table, 2, 2, 1.5, 2.25, 3.5, 4);
    /* Words of a single column, and spaces after commas, are no columns. */
    table = open_text("city\nNew York\nLos Angeles\n");
    assert_int_equal(snnk_table_columns(table), 1);
    snnk_table_free(table);
    table = open_text("Room 1\nRoom 2\nRoom 2\n");
    assert_int_equal(snnk_table_columns(table), 1);
    snnk_table_free(table);
    /* Nor are those of texts that only sometimes have numbers, though more than a quarter here. */
    table = open_text("size of part\n3 x 5\n4 x 6\nnone and half\n");
    assert_int_equal(snnk_table_columns(table), 1);
    snnk_table_free(table);
    table = open_text("a, b, c\n1, 2, 3\n");
    assert_int_equal(snnk_table_separator(table), ',');
    EXPECT(table, 1, 3, 1, 2, 3);
    /* If it is given, they are. */
    table = open_with("city state\nAustin Texas\n", &given);
    EXPECT_NAMES(table, 2, "city", "state");
    assert_string_equal(snnk_table_word(table, 1, 0), "Texas");
    snnk_table_free(table);
    assert_status(snnk_table_open(test_write(&files, "t", "a b\n1 2\n3\n", 10), &given, &table),
                  SNNK_E_RAGGED);
    assert_says("line 3 has 1 fields, but the header has 2: write NA where a value is missing");
}

/* Lines of spaces and tabs at the end are no records, unless tabs separate. */
static void blank_ends(void **state) {
    (void)state;
    static const char *const ends[] = {"\t\n", "\t", " \t \r\n\n\t\t\n", "\n\n \n"};
    const snnk_table_config given = config_of(' ', 0, 0, NULL);
    char text[64];

    for (size_t i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "1 2\n3 4\n%s", ends[i]);
        EXPECT(open_text(text), 2, 2, 1, 2, 3, 4);
        EXPECT(open_with(text, &given), 2, 2, 1, 2, 3, 4);
        snprintf(text, sizeof text, "1,2\n3,4\n%s", ends[i]);
        EXPECT(open_text(text), 2, 2, 1, 2, 3, 4);
    }
    EXPECT(open_text("1\t2\n3\t4\n\t\n"), 3, 2, 1, 2, 3, 4, NAN, NAN);
}

static void comments(void **state) {
    (void)state;
    const snnk_table_config no = config_of(0, 0, SNNK_TABLE_HEADER_NO, NULL);
    const snnk_table_config yes = config_of(0, 0, SNNK_TABLE_HEADER_YES, NULL);
    /* numpy.savetxt(..., header="a,b,c", delimiter=",") and with its own delimiter. */
    snnk_table *table = open_text("# a,b,c\n1.5e+00,2,3\n4,5,6\n");

    EXPECT_NAMES(table, 3, "a", "b", "c");
    assert_int_equal(snnk_table_has_header(table), 1);
    assert_int_equal(snnk_table_comment_lines(table), 0);
    EXPECT(table, 2, 3, 1.5, 2, 3, 4, 5, 6);
    table = open_text("# made by hand\n# a b\n1 2\n3 4\n");
    EXPECT_NAMES(table, 2, "a", "b");
    assert_int_equal(snnk_table_comment_lines(table), 1);
    EXPECT(table, 2, 2, 1, 2, 3, 4);
    /* A comment before the header, even one with as many fields. */
    table = open_text("# made by me, 2020\r\nx,y\r\n1,2\r\n");
    EXPECT_NAMES(table, 2, "x", "y");
    assert_int_equal(snnk_table_comment_lines(table), 1);
    EXPECT(table, 1, 2, 1, 2);
    table = open_with("# of all people, 2020\nx,y\n1,2\n", &yes);
    EXPECT_NAMES(table, 2, "x", "y");
    snnk_table_free(table);
    table = open_text("#\n#\n1,2\n");
    assert_int_equal(snnk_table_comment_lines(table), 2);
    EXPECT(table, 1, 2, 1, 2);
    table = open_with("# made by hand\n1,2\n", &no);
    EXPECT_NAMES(table, 2, "1", "2");
    assert_int_equal(snnk_table_comment_lines(table), 1);
    EXPECT(table, 1, 2, 1, 2);
    /* Above a single column of numbers: not a name. */
    table = open_text("# made by hand\n1\n2\n");
    EXPECT_NAMES(table, 1, "1");
    assert_int_equal(snnk_table_comment_lines(table), 1);
    EXPECT(table, 2, 1, 1, 2);
    /* Lines are counted from the beginning of the file. */
    refuse_text("# one\n# two\na,b\n1,2\n3\n", SNNK_E_RAGGED, "line 5 has 1 fields");
    refuse_text("# one\n# two\n1,\"2\n", SNNK_E_FORMAT, "line 3, column 2: a quote is opened");
}

/* The # before the first name goes, with a space or without, unless two columns would then have the
 * same name, or the first none. */
static void marked_names(void **state) {
    (void)state;
    static const struct {
        const char *text, *first;
    } cases[] = {{"#id,a\n1,2\n3,4\n", "id"},        {"#id,id\n1,2\n3,4\n", "#id"},
                 {"# a,a\n1,2\n3,4\n", "#a"},        {"#,a\n1,2\n3,4\n", "#"},
                 {"# \"a b\",c\n1,2\n3,4\n", "a b"}, {"# x y\n1 2\n3 4\n", "x"},
                 {"#x y\n1 2\n3 4\n", "x"},          {"#tag,x\n#a,1\n#b,2\n", "tag"},
                 {"#tag,x\n#a,1\nb,2\n", "tag"}};
    snnk_table *table;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        table = open_text(cases[i].text);
        assert_string_equal(snnk_table_column_name(table, 0), cases[i].first);
        assert_int_equal(snnk_table_columns(table), 2);
        assert_int_equal(snnk_table_rows(table), 2);
        assert_int_equal(snnk_table_has_header(table), 1);
        assert_int_equal(snnk_table_comment_lines(table), 0);
        snnk_table_free(table);
    }
}

/* Records whose first field begins with # are not lost. */
static void marked_records(void **state) {
    (void)state;
    static const char colors[] = "#ff0000,1,5\n#00ff00,2,6\n00ff00,1,7\n";
    static const char *const three[] = {
        colors, "# of colors\n#ff0000,1,5\n#00ff00,2,6\n00ff00,1,7\n",
        "#ff0000 1 5\n#00ff00 2 6\n00ff00 1 7\n000000 3 8\n",
        "#ff0000;1,5;5\n#00ff00;2;6\n00ff00;1;7\n", /* the only fraction */
        "#color,a,b\n#ff0000,1,5\n#00ff00,2,6\n00ff00,1,7\n"};
    static const size_t rows[] = {3, 3, 4, 3, 3}, comment_lines[] = {0, 1, 0, 0, 0};
    const snnk_table_config no = config_of(0, 0, SNNK_TABLE_HEADER_NO, NULL);
    snnk_table *table;
    int32_t word;

    for (size_t i = 0; i < 5; i++) {
        table = open_text(three[i]);
        assert_int_equal(snnk_table_rows(table), rows[i]);
        assert_int_equal(snnk_table_columns(table), 3);
        assert_int_equal(snnk_table_has_header(table), i == 4);
        assert_int_equal(snnk_table_comment_lines(table), comment_lines[i]);
        assert_ok(snnk_table_read_words(table, 0, 0, 1, &word));
        assert_string_equal(snnk_table_word(table, 0, (size_t)word), "#ff0000");
        assert_int_equal(snnk_table_decimal(table), i == 3 ? ',' : '.');
        assert_int_equal(snnk_table_column_type(table, 1), SNNK_COLUMN_NUMBERS);
        snnk_table_free(table);
    }
    table = open_with(colors, &no);
    assert_int_equal(snnk_table_rows(table), 3);
    snnk_table_free(table);
    table = open_with("#red,x\nblue,y\n", &no); /* without numbers too */
    assert_int_equal(snnk_table_rows(table), 2);
    assert_int_equal(snnk_table_has_header(table), 0);
    snnk_table_free(table);
    table = open_text("#red,3,3\nblue,1,2\ngreen,2,2\n");
    assert_int_equal(snnk_table_rows(table), 3);
    assert_int_equal(snnk_table_has_header(table), 0);
    snnk_table_free(table);
    /* Lines are counted from the beginning of the file. */
    refuse_text("# of colors\n#ff0000,1,5\n00ff00,1,7\n00ff00,1\n", SNNK_E_RAGGED,
                "line 4 has 2 fields, but the first line has 3");
}

static void two_commas(void **state) {
    (void)state;
    const snnk_table_config decimal = config_of(0, ',', 0, NULL);
    const snnk_table_config both = config_of(',', ',', 0, NULL);
    const char *path = test_write(&files, "t", "x,y\n1,2\n", 8);
    snnk_table *table;

    assert_status(snnk_table_open(path, &decimal, &table), SNNK_E_FORMAT);
    assert_says("line 1: commas separate the columns, so they cannot be decimal points too");
    assert_status(snnk_table_open(path, &both, &table), SNNK_E_RANGE);
    assert_says("separator and decimal are both ','");
    table = open_with("1,5\n2,5\n", &decimal); /* one column of fractions */
    EXPECT(table, 2, 1, 1.5, 2.5);
}

static void first_words(void **state) {
    (void)state;
    snnk_table *table = open_text("a,b,c\n1,2,3\n,x,NA\ny,4,5\n");

    assert_int_equal(snnk_table_first_word_row(table, 0), 2);
    assert_int_equal(snnk_table_first_word_row(table, 1), 1);
    assert_int_equal(snnk_table_first_word_row(table, 2), 3);
    assert_int_equal(snnk_table_first_word_row(table, 3), 3);
    assert_int_equal(snnk_table_first_word_row(NULL, 0), 0);
    assert_int_equal(snnk_table_comment_lines(NULL), 0);
    snnk_table_free(table);
}

static void trailing_separators(void **state) {
    (void)state;
    static const char *const texts[] = {"A,B,C\n1,4,7,\n2,5,8,\n", "A,B,C,\n1,4,7,\n2,5,8,\n",
                                        "A;B;C;\r\n1;4;7;\r\n2;5;8;\r\n"};
    snnk_table *table;

    for (size_t i = 0; i < 3; i++) {
        table = open_text(texts[i]);
        EXPECT_NAMES(table, 3, "A", "B", "C");
        EXPECT(table, 2, 3, 1, 4, 7, 2, 5, 8);
    }
    EXPECT(open_text("1,4,7,\n2,5,8,\n"), 2, 3, 1, 4, 7, 2, 5, 8);
    /* The last column stays if it has a name, or a value. */
    EXPECT(open_text("a,b\n1,\n2,\n"), 2, 2, 1, NAN, 2, NAN);
    EXPECT(open_text("a,\n1,\n2,3\n"), 2, 2, 1, NAN, 2, 3);
    refuse_text("A,B\n1,4,\n2,5\n", SNNK_E_RAGGED, "line 3 has 2 fields, but the header has 2");
    refuse_text("A,B\n1,4,\n2,5,6\n", SNNK_E_RAGGED, "line 3 has 3 fields, but the header has 2");
}

static void decimal_commas(void **state) {
    (void)state;
    const snnk_table_config comma = config_of(0, ',', 0, NULL), point = config_of(0, '.', 0, NULL);
    snnk_table *table = open_text("x;y\n1,5;2\n2,5;3\n");

    assert_int_equal(snnk_table_separator(table), ';');
    assert_int_equal(snnk_table_decimal(table), ',');
    EXPECT_NAMES(table, 2, "x", "y");
    EXPECT(table, 2, 2, 1.5, 2, 2.5, 3);
    EXPECT(open_text("x\ty\n-1,5e3\t,25\n"), 1, 2, -1500, 0.25);
    EXPECT(open_text("x;y\n1.5;2\n"), 1, 2, 1.5, 2);
    /* Many digits are rounded correctly, too. */
    EXPECT(open_text("x;y\n3,14159265358979323846264338327950288;9007199254740993\n"), 1, 2,
           0x1.921fb54442d18p1, 9007199254740992.0);
    /* The first fraction may come late. */
    char text[4096] = "x;y\n", *end = text + strlen(text);
    for (int i = 0; i < 200; i++) end += sprintf(end, "%d;%d\n", i, i);
    sprintf(end, "0,5;1\n");
    table = open_text(text);
    assert_int_equal(snnk_table_column_type(table, 0), SNNK_COLUMN_NUMBERS);
    assert_int_equal(snnk_table_decimal(table), ',');
    snnk_table_free(table);
    /* Thousands or fractions? With tabs it is not known: words, not a guess. */
    table = open_text("x\ty\n12,500\t1\n7,250\t2\n");
    assert_int_equal(snnk_table_decimal(table), '.');
    assert_int_equal(snnk_table_column_type(table, 0), SNNK_COLUMN_WORDS);
    snnk_table_free(table);
    EXPECT(open_with("x\ty\n12,500\t1\n7,250\t2\n", &comma), 2, 2, 12.5, 1, 7.25, 2);
    EXPECT(open_text("x\ty\n0,500\t1\n7,250\t2\n"), 2, 2, 0.5, 1, 7.25, 2);
    /* The config wins; a decimal comma does not separate. */
    EXPECT(open_with("x\n1,5\n2\n", &comma), 2, 1, 1.5, 2);
    table = open_with("x;y\n1,5;2\n", &point);
    assert_int_equal(snnk_table_column_type(table, 0), SNNK_COLUMN_WORDS);
    snnk_table_free(table);
}

/* ---- Headers ---- */

static void headers(void **state) {
    (void)state;
    const snnk_table_config no = config_of(0, 0, SNNK_TABLE_HEADER_NO, NULL),
                            yes = config_of(0, 0, SNNK_TABLE_HEADER_YES, NULL);
    snnk_table *table = open_text("5.1,3.5,setosa\n4.9,3.0,virginica\n");

    assert_int_equal(snnk_table_has_header(table), 0);
    assert_int_equal(snnk_table_rows(table), 2);
    EXPECT_NAMES(table, 3, "1", "2", "3");
    assert_int_equal(snnk_table_words(table, 2), 2);
    snnk_table_free(table);
    EXPECT(open_text("1,2\n3,4\n"), 2, 2, 1, 2, 3, 4);
    EXPECT(open_text("NA,NA\n3,4\n"), 2, 2, NAN, NAN, 3, 4);
    EXPECT(open_text("7\n"), 1, 1, 7);
    /* Quoted numbers above bare ones are names, and a text above numbers shows a header even beside
     * numbers. */
    table = open_text("\"2019\",\"2020\"\n1,2\n");
    EXPECT_NAMES(table, 2, "2019", "2020");
    EXPECT(table, 1, 2, 1, 2);
    EXPECT(open_text("\"1\",\"2\"\n\"3\",\"4\"\n"), 2, 2, 1, 2, 3, 4);
    table = open_text("x,2019,2020\n0.5,1,2\n");
    EXPECT_NAMES(table, 3, "x", "2019", "2020");
    EXPECT(table, 1, 3, 0.5, 1, 2);
    /* An array as pandas saves it, also with an index and a target of words. */
    table = open_text("0,1,2\n0.5,1,2\n");
    EXPECT_NAMES(table, 3, "0", "1", "2");
    EXPECT(table, 1, 3, 0.5, 1, 2);
    table = open_text(",0,1,2,kind\n0,0.5,1,2,a\n");
    EXPECT_NAMES(table, 5, "", "0", "1", "2", "kind");
    snnk_table_free(table);
    EXPECT(open_text("0,1,3\n0.5,1,2\n"), 2, 3, 0, 1, 3, 0.5, 1, 2);
    /* Words only: the first line is a header, unless the config says otherwise. */
    table = open_text("color,kind\nred,a\n");
    assert_int_equal(snnk_table_has_header(table), 1);
    snnk_table_free(table);
    table = open_with("color,kind\nred,a\n", &no);
    assert_int_equal(snnk_table_has_header(table), 0);
    assert_int_equal(snnk_table_rows(table), 2);
    snnk_table_free(table);
    table = open_with("1,2\n3,4\n", &yes);
    EXPECT_NAMES(table, 2, "1", "2");
    EXPECT(table, 1, 2, 3, 4);
    /* A mark, quotes, line ends of Windows. */
    table = open_text("\xef\xbb\xbf\"a\",\"b, c\"\r\n1,2\r\n");
    EXPECT_NAMES(table, 2, "a", "b, c");
    EXPECT(table, 1, 2, 1, 2);
}

/* ---- Encodings and damage ---- */

static void encodings(void **state) {
    (void)state;
    static const char little[] = "\xff\xfe"
                                 "a\0\n\0"
                                 "1\0\n",
                      big[] = "\xfe\xff\0a\0\n\0"
                              "1\0\n";
    static const char no_mark[] = "a\0,\0b\0\n\0"
                                  "1\0,\0"
                                  "2\0\n",
                      no_mark_big[] = "\0a\0\n\0"
                                      "1\0\n";
    static const char utf32[] = "\xff\xfe\0\0a\0\0\0\n\0\0";

    refuse_bytes(little, sizeof little, SNNK_E_FORMAT, "is UTF-16 (little-endian)");
    assert_says("iconv -f UTF-16LE -t UTF-8");
    refuse_bytes(big, sizeof big - 1, SNNK_E_FORMAT, "is UTF-16 (big-endian)");
    assert_says("iconv -f UTF-16BE -t UTF-8");
    refuse_bytes(no_mark, sizeof no_mark, SNNK_E_FORMAT, "is UTF-16 (little-endian)");
    refuse_bytes(no_mark_big, sizeof no_mark_big - 1, SNNK_E_FORMAT, "is UTF-16 (big-endian)");
    refuse_bytes(utf32, sizeof utf32, SNNK_E_FORMAT, "is UTF-32");
    refuse_text("name,n\nJos\xc3\xa9,1\nJos\xe9,2\n", SNNK_E_FORMAT,
                "line 3, byte 4: 0xe9 is not UTF-8");
    assert_says("iconv -f WINDOWS-1252 -t UTF-8");
    refuse_text("\x80\n", SNNK_E_FORMAT, "line 1, byte 1: 0x80 is not UTF-8");
    refuse_text("PK\3\4 and so on", SNNK_E_FORMAT, "ZIP archive, as .xlsx");
    refuse_text("PAR1 and so on", SNNK_E_FORMAT, "the file is Parquet: save the table as CSV");
    refuse_text("ARROW1 and so on", SNNK_E_FORMAT, "the file is Arrow");
}

static void ragged_lines(void **state) {
    (void)state;
    refuse_text("a,b\n1,2\n3\n", SNNK_E_RAGGED,
                "line 3 has 1 fields, but the header has 2: leave a field empty");
    refuse_text("a,b\n1,2\n\n3,4\n", SNNK_E_RAGGED, "line 3 is empty: remove it");
    refuse_text("a,b\r\n1,2\r\n\r\n3,4\r\n", SNNK_E_RAGGED, "line 3 is empty: remove it");
    refuse_text("a,b\n1,2\n# more\n3,4\n", SNNK_E_RAGGED, "line 3 begins with #: remove it");
    refuse_text("a,b\n1,2\n# m, o, re\n3,4\n", SNNK_E_RAGGED, "line 3 begins with #: remove it");
    refuse_text("1;2\n1;2;3\n", SNNK_E_RAGGED,
                "line 2 has 3 fields, but the first line has 2: put quotes around fields that "
                "contain ';'");
    refuse_text("x\n1,5\n2,5\n", SNNK_E_RAGGED, "line 2 has 2 fields, but the header has 1");
}

/* Everything gives the same bits in a locale with a decimal comma. */
static void ignores_the_locale(void **state) {
    (void)state;
    if (!test_use_german()) skip();
    assert_string_equal(localeconv()->decimal_point, ",");
    EXPECT(open_text("x,y\n1.5,0.12345678901234567890\n"), 1, 2, 1.5, 0x1.f9add3746f65fp-4);
    EXPECT(open_text("x;y\n1,5;0,12345678901234567890\n"), 1, 2, 1.5, 0x1.f9add3746f65fp-4);
    assert_string_equal(localeconv()->decimal_point, ",");
}

/* ---- Configs, misuse ---- */

static void names_of_enums(void **state) {
    (void)state;
    assert_string_equal(snnk_column_type_name(SNNK_COLUMN_NUMBERS), "numbers");
    assert_string_equal(snnk_column_type_name(SNNK_COLUMN_WORDS), "words");
    assert_null(snnk_column_type_name(2));
    assert_null(snnk_column_type_name(-1));
    assert_string_equal(snnk_table_header_name(SNNK_TABLE_HEADER_AUTO), "auto");
    assert_string_equal(snnk_table_header_name(SNNK_TABLE_HEADER_YES), "yes");
    assert_string_equal(snnk_table_header_name(SNNK_TABLE_HEADER_NO), "no");
    assert_null(snnk_table_header_name(3));
    assert_null(snnk_table_header_name(-1));
}

static void misuse(void **state) {
    (void)state;
    static const size_t both[] = {1, 0}, beyond[] = {0, 3};
    snnk_table *table = open_text("a,b,w\n1,2,x\n3,4,y\n"), *none = table;
    snnk_table_config config = config_of(':', 0, 0, NULL);
    double X[4] = {7, 7, 7, 7};
    int32_t words[2];

    assert_status(snnk_table_open(files.path, &config, &none), SNNK_E_RANGE);
    assert_null(none);
    assert_says("separator = 58");
    config = config_of(0, ';', 0, NULL);
    assert_status(snnk_table_open(files.path, &config, &none), SNNK_E_RANGE);
    assert_says("decimal = 59");
    config = config_of(0, 0, 3, NULL);
    assert_status(snnk_table_open(files.path, &config, &none), SNNK_E_ENUM);
    config = config_of(0, 0, 0, NULL);
    config.size = 3;
    assert_status(snnk_table_open(files.path, &config, &none), SNNK_E_CONFIG);
    assert_status(snnk_table_config_init(NULL, sizeof config), SNNK_E_NULL);
    assert_status(snnk_table_config_init(&config, sizeof config + 8), SNNK_E_CONFIG);

    assert_status(snnk_table_read_columns(NULL, 0, 2, 2, both, X, 2), SNNK_E_NULL);
    assert_status(snnk_table_read_columns(table, 0, 2, 2, NULL, X, 2), SNNK_E_NULL);
    assert_status(snnk_table_read_columns(table, 0, 2, 2, both, NULL, 2), SNNK_E_NULL);
    assert_status(snnk_table_read_columns(table, 0, 2, 0, both, X, 2), SNNK_E_SHAPE);
    assert_status(snnk_table_read_columns(table, 0, 3, 2, both, X, 2), SNNK_E_RANGE);
    assert_status(snnk_table_read_columns(table, 0, 2, 2, beyond, X, 2), SNNK_E_RANGE);
    assert_says("columns[1] = 3, but the table has 3 columns");
    assert_status(snnk_table_read_columns(table, 0, 2, 2, both, X, 1), SNNK_E_STRIDE);
    assert_status(snnk_table_read_f64(NULL, 0, 2, X, 3), SNNK_E_NULL);
    assert_status(snnk_table_read_words(NULL, 2, 0, 2, words), SNNK_E_NULL);
    assert_status(snnk_table_read_words(table, 2, 0, 2, NULL), SNNK_E_NULL);
    assert_status(snnk_table_read_words(table, 3, 0, 2, words), SNNK_E_RANGE);
    assert_status(snnk_table_read_words(table, 2, 1, 2, words), SNNK_E_RANGE);
    for (size_t i = 0; i < 4; i++) assert_true(X[i] == 7);
    assert_ok(snnk_table_read_columns(table, 0, 2, 2, both, X, 2));
    assert_memory_equal(X, ((const double[]){2, 1, 4, 3}), sizeof X);
    assert_int_equal(snnk_table_dims(table), 2);
    assert_int_equal(snnk_table_dim(table, 0), 2);
    assert_int_equal(snnk_table_dim(table, 1), 3);
    assert_int_equal(snnk_table_dim(table, 2), 0);
    snnk_table_free(table);

    assert_int_equal(snnk_table_separator(NULL), 0);
    assert_int_equal(snnk_table_decimal(NULL), 0);
    assert_int_equal(snnk_table_has_header(NULL), 0);
    assert_int_equal(snnk_table_missing(NULL, 0), 0);
    assert_int_equal(snnk_table_column_type(NULL, 0), SNNK_COLUMN_NUMBERS);
    assert_int_equal(snnk_table_dims(NULL), 0);
    assert_int_equal(snnk_table_dim(NULL, 0), 0);
}

static void failing_allocations(void **state) {
    (void)state;
    static const char text[] = "\xef\xbb\xbf\"x\";w;\n1,5;red;\n;blue;\n";
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_table_config config = config_of(0, 0, 0, NULL);
    snnk_table *table;
    int status;

    config.allocator = &allocator;
    test_write(&files, "t", text, sizeof text - 1);
    assert_survives_failing_allocations(memory, status, {
        status = snnk_table_open(files.path, &config, &table);
        assert_made(status, table);
        snnk_table_free(table);
    });
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(missing_numbers),
        TEST(missing_is_configurable),
        TEST(words_are_kept),
        TEST(a_million_words),
        TEST(separators),
        TEST(blanks),
        TEST(blank_ends),
        TEST(comments),
        TEST(marked_names),
        TEST(marked_records),
        TEST(two_commas),
        TEST(first_words),
        TEST(trailing_separators),
        TEST(decimal_commas),
        TEST(headers),
        TEST(encodings),
        TEST(ragged_lines),
        TEST(ignores_the_locale),
        TEST(names_of_enums),
        TEST(misuse),
        TEST(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
