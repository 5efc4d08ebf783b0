/* What an encoder learns from a table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "encode/encoder.h"

enum { BLOCK_ROWS = 256 };

static const snnk_encoder_config defaults = {.size = sizeof(snnk_encoder_config),
                                             .max_words = 64,
                                             .missing = SNNK_MISSING_MEAN,
                                             .numbers = SNNK_NUMBER_FORM_PLAIN};

#define CONFIG_MINIMUM sizeof(snnk_encoder_config)

int snnk_encoder_config_init(snnk_encoder_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "encoder config");
}

typedef struct lesson {
    const snnk_table *table;
    const snnk_encoder_config *config;
    snnk_encoder *encoder;
} lesson;

/* The values of a column that are not missing. */
typedef struct numbers {
    size_t count, missing;
    snnk__number_moments moments;
    double least, most;
    bool increasing; /* whole numbers, each larger than the one before */
} numbers;

static const numbers no_numbers = {.least = INFINITY, .most = -INFINITY, .increasing = true};

static void add_number(numbers *of, double value) {
    if (!(value > of->most) || value != floor(value)) of->increasing = false;
    of->count++;
    snnk__number_moments_add(&of->moments, value, 1);
    of->least = fmin(of->least, value);
    of->most = fmax(of->most, value);
}

/* ---- Numbers ---- */

static int refuse_missing(const lesson *l, const snnk__column *column, size_t row) {
    if (l->config->missing != SNNK_MISSING_REFUSE) return SNNK_OK;
    return snnk__fail(
        SNNK_E_NONFINITE,
        "row %zu, column \"%s\": the value is missing: fill it in, or learn with SNNK_MISSING_MEAN",
        row + 1, snnk__label_of(column).text);
}

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Read the values of a column that are not missing, sorted. *sorted: the caller frees it. */
static int read_sorted(const lesson *l, size_t position, double **sorted, size_t *n) {
    const size_t rows = snnk_table_rows(l->table);
    double *values;
    int st = snnk__alloc(&l->encoder->allocator, rows, sizeof *values, "a column", &values);

    *n = 0;
    *sorted = values;
    if (st != SNNK_OK) return st;
    st = snnk_table_read_columns(l->table, 0, rows, 1, &position, values, 1);
    for (size_t i = 0; st == SNNK_OK && i < rows; i++)
        if (!isnan(values[i])) values[(*n)++] = values[i];
    qsort(values, *n, sizeof *values, by_value);
    return st;
}

/* Learn what needs all values of a column at once: the median, and the form of squashed numbers. */
static int learn_sorted(const lesson *l, snnk__column *column) {
    double *sorted = NULL;
    size_t n;
    const int st = read_sorted(l, column->position, &sorted, &n);

    if (st == SNNK_OK && l->config->missing == SNNK_MISSING_MEDIAN)
        column->fill = snnk__sorted_median(sorted, n);
    if (st == SNNK_OK && l->config->numbers == SNNK_NUMBER_FORM_SQUASHED)
        column->form = snnk__form_squash(sorted, n);
    snnk__free(&l->encoder->allocator, sorted);
    return st;
}

static int decide_numbers(const lesson *l, snnk__column *column, const numbers *of) {
    if (column->position == 0 && of->increasing && of->missing == 0 && of->count > 2)
        l->encoder->likely_index = true;
    if (of->count == 0 || (of->missing == 0 && of->least == of->most))
        return SNNK_OK; /* constant */
    column->encoding = &snnk__encoding_numbers;
    column->has_gaps = of->missing > 0;
    column->fill = of->moments.mean;
    if (l->config->numbers == SNNK_NUMBER_FORM_STANDARDIZED)
        column->form = snnk__form_standardize(&of->moments);
    return l->config->missing == SNNK_MISSING_MEDIAN ||
                   l->config->numbers == SNNK_NUMBER_FORM_SQUASHED
               ? learn_sorted(l, column)
               : SNNK_OK;
}

/* Add a block of rows. values: n x count. */
static int add_block(const lesson *l, size_t first, size_t n, size_t count, const size_t *which,
                     const double *values, numbers *of) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < count; k++) {
            const snnk__column *column = &l->encoder->columns[which[k]];
            const double value = values[i * count + k];

            if (isnan(value)) {
                const int st = refuse_missing(l, column, first + i);

                if (st != SNNK_OK) return st;
                of[k].missing++;
            } else if (isinf(value)) {
                return snnk__fail(SNNK_E_NONFINITE,
                                  "row %zu, column \"%s\": %g is not a finite number: correct it, "
                                  "or leave the field empty",
                                  first + i + 1, snnk__label_of(column).text, value);
            } else {
                add_number(&of[k], value);
            }
        }
    return SNNK_OK;
}

/* Learn the columns of numbers, all of them in one pass over the rows.
 *   which      indices in the encoder, count of them
 *   positions  indices in the table */
static int learn_numbers(const lesson *l, size_t count, const size_t *which,
                         const size_t *positions) {
    const size_t rows = snnk_table_rows(l->table);
    const snnk_allocator *allocator = &l->encoder->allocator;
    numbers *of = NULL;
    double *values = NULL;
    size_t floats;
    int st;

    if (count == 0) return SNNK_OK;
    if (!snnk__mul_size(count, BLOCK_ROWS, &floats))
        return snnk__fail(SNNK_E_SIZE, "a block of %zu columns overflows size_t", count);
    st = snnk__alloc(allocator, floats, sizeof *values, "a block of rows", &values);
    if (st == SNNK_OK) st = snnk__alloc(allocator, count, sizeof *of, "statistics", &of);
    for (size_t k = 0; st == SNNK_OK && k < count; k++) of[k] = no_numbers;
    for (size_t first = 0; st == SNNK_OK && first < rows; first += BLOCK_ROWS) {
        const size_t n = snnk__min_size(BLOCK_ROWS, rows - first);

        st = snnk_table_read_columns(l->table, first, n, count, positions, values, count);
        if (st == SNNK_OK) st = add_block(l, first, n, count, which, values, of);
    }
    for (size_t k = 0; st == SNNK_OK && k < count; k++)
        st = decide_numbers(l, &l->encoder->columns[which[k]], &of[k]);
    snnk__free(allocator, of);
    snnk__free(allocator, values);
    return st;
}

/* ---- Words ---- */

/* A word of a column, and in how many rows it is. */
typedef struct tally {
    const char *word;
    uint64_t rows;
} tally;

static int by_frequency(const void *left, const void *right) {
    const tally *a = left, *b = right;

    if (a->rows != b->rows) return a->rows > b->rows ? -1 : 1;
    return strcmp(a->word, b->word);
}

static int by_word(const void *left, const void *right) {
    return strcmp(((const tally *)left)->word, ((const tally *)right)->word);
}

/* Count the rows of each word. *missing: the rows without one. */
static int count_words(const lesson *l, const snnk__column *column, size_t n_words, tally *tallies,
                       size_t *missing) {
    const size_t rows = snnk_table_rows(l->table);
    int32_t words[BLOCK_ROWS];

    for (size_t k = 0; k < n_words; k++)
        tallies[k] = (tally){snnk_table_word(l->table, column->position, k), 0};
    for (size_t first = 0; first < rows; first += BLOCK_ROWS) {
        const size_t n = snnk__min_size(BLOCK_ROWS, rows - first);
        int st = snnk_table_read_words(l->table, column->position, first, n, words);

        for (size_t i = 0; st == SNNK_OK && i < n; i++) {
            if (words[i] >= 0)
                tallies[words[i]].rows++;
            else if ((st = refuse_missing(l, column, first + i)) == SNNK_OK)
                ++*missing;
        }
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

/* Whether all words are dates. *mean: of their rows. */
static bool are_dates(size_t n_words, const tally *tallies, double *mean) {
    double rows = 0, seconds;

    *mean = 0;
    for (size_t k = 0; k < n_words; k++) {
        if (!snnk__date_read(tallies[k].word, &seconds)) return false;
        rows += (double)tallies[k].rows;
        if (tallies[k].rows > 0) *mean += (seconds - *mean) * ((double)tallies[k].rows / rows);
    }
    return n_words > 0;
}

/* Learn to squash dates: as many seconds of each as it has rows. */
static int squash_dates(const lesson *l, snnk__column *column, size_t n_words,
                        const tally *tallies) {
    const size_t rows = snnk_table_rows(l->table);
    const snnk_allocator *allocator = &l->encoder->allocator;
    double *sorted, seconds;
    size_t n = 0;
    const int st = snnk__alloc(allocator, rows, sizeof *sorted, "a column", &sorted);

    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < n_words; k++) {
        snnk__date_read(tallies[k].word, &seconds);
        for (uint64_t i = 0; i < tallies[k].rows; i++) sorted[n++] = seconds;
    }
    qsort(sorted, n, sizeof *sorted, by_value);
    column->form = snnk__form_squash(sorted, n);
    snnk__free(allocator, sorted);
    return SNNK_OK;
}

static int decide_dates(const lesson *l, snnk__column *column, size_t n_words,
                        const tally *tallies) {
    snnk__number_moments moments = {0};
    double seconds;

    column->encoding = &snnk__encoding_dates;
    column->parts = l->config->date_parts;
    if (l->config->numbers == SNNK_NUMBER_FORM_SQUASHED)
        return squash_dates(l, column, n_words, tallies);
    if (l->config->numbers == SNNK_NUMBER_FORM_PLAIN) return SNNK_OK;
    for (size_t k = 0; k < n_words; k++) {
        snnk__date_read(tallies[k].word, &seconds);
        if (tallies[k].rows > 0)
            snnk__number_moments_add(&moments, seconds, (double)tallies[k].rows);
    }
    column->form = snnk__form_standardize(&moments);
    return SNNK_OK;
}

/* The row of the first word that is no date, of the column's many that are. */
static int refuse_word(const lesson *l, const snnk__column *column) {
    const size_t rows = snnk_table_rows(l->table);
    double seconds;

    for (size_t row = 0; row < rows; row++) {
        int32_t k = -1;
        const int st = snnk_table_read_words(l->table, column->position, row, 1, &k);

        if (st != SNNK_OK) return st;
        if (k < 0) continue;
        const char *word = snnk_table_word(l->table, column->position, (size_t)k);
        if (!snnk__date_read(word, &seconds))
            return snnk__fail(
                SNNK_E_FORMAT,
                "row %zu, column \"%s\": \"%.40s\" is no date, but most of the column "
                "are: correct it, or leave the field empty",
                row + 1, snnk__label_of(column).text, word);
    }
    return SNNK_OK;
}

/* Refuse a column in which most rows have dates and some have other words. */
static int check_dates(const lesson *l, const snnk__column *column, size_t n_words,
                       const tally *tallies) {
    double rows = 0, dates = 0, seconds;

    for (size_t k = 0; k < n_words; k++) {
        rows += (double)tallies[k].rows;
        if (snnk__date_read(tallies[k].word, &seconds)) dates += (double)tallies[k].rows;
    }
    return 2 * dates > rows ? refuse_word(l, column) : SNNK_OK;
}

/* Keep the most frequent words, in the order of strcmp. */
static int keep_words(const lesson *l, snnk__column *column, size_t n_words, tally *tallies) {
    const snnk_allocator *allocator = &l->encoder->allocator;
    const size_t kept = n_words <= l->config->max_words ? n_words : (size_t)l->config->max_words;
    int st;

    qsort(tallies, n_words, sizeof *tallies, by_frequency);
    qsort(tallies, kept, sizeof *tallies, by_word);
    st = snnk__alloc_zero(allocator, kept, sizeof *column->words, "words", &column->words);
    if (st != SNNK_OK) return st;
    column->n_words = kept;
    column->rare = kept < n_words;
    for (size_t k = 0; st == SNNK_OK && k < kept; k++)
        st = snnk__encoder_copy(allocator, tallies[k].word, &column->words[k]);
    return st;
}

static int decide_words(const lesson *l, snnk__column *column, size_t n_words, tally *tallies,
                        size_t missing) {
    int st;

    if (n_words == 0 || (n_words == 1 && missing == 0)) return SNNK_OK; /* constant */
    column->has_gaps = missing > 0;
    if (n_words == 2 && snnk__is_boolean(tallies[0].word, tallies[1].word)) {
        double truth = 0;

        column->encoding = &snnk__encoding_booleans;
        column->encoding->encode(column, (snnk__field){.word = tallies[1].word}, &truth,
                                 &(bool){true});
        column->fill =
            (double)tallies[truth > 0 ? 1 : 0].rows / (double)(tallies[0].rows + tallies[1].rows);
        return SNNK_OK;
    }
    if (are_dates(n_words, tallies, &column->fill))
        return decide_dates(l, column, n_words, tallies);
    if ((st = check_dates(l, column, n_words, tallies)) != SNNK_OK) return st;
    column->fill = 0;
    column->encoding = &snnk__encoding_words;
    return keep_words(l, column, n_words, tallies);
}

static int learn_words(const lesson *l, snnk__column *column) {
    const size_t n_words = snnk_table_words(l->table, column->position);
    const snnk_allocator *allocator = &l->encoder->allocator;
    size_t missing = 0;
    tally *tallies;
    int st = snnk__alloc(allocator, n_words, sizeof *tallies, "words", &tallies);

    if (st == SNNK_OK) st = count_words(l, column, n_words, tallies, &missing);
    if (st == SNNK_OK) st = decide_words(l, column, n_words, tallies, missing);
    snnk__free(allocator, tallies);
    return st;
}

/* ---- Creating ---- */

static int check_config(const snnk_table *table, const snnk_encoder_config *config) {
    int st;

    st = snnk__check_enum(config->missing, SNNK_MISSING_KNOWN + 1, "missing");
    if (st != SNNK_OK) return st;
    if (config->max_words < 1 || config->max_words > 65536)
        return snnk__fail(SNNK_E_RANGE, "max_words = %llu is not in 1 ... 65536",
                          (unsigned long long)config->max_words);
    if ((st = snnk__check_enum(config->date_parts, 2, "date_parts")) != SNNK_OK) return st;
    st = snnk__check_enum(config->numbers, SNNK_NUMBER_FORM_SQUASHED + 1, "numbers");
    if (st != SNNK_OK) return st;
    if (snnk_table_rows(table) == 0)
        return snnk__fail(SNNK_E_SHAPE, "the table has 0 rows: an encoder needs at least 1");
    for (size_t k = 0; config->columns && k < config->n_columns; k++)
        if (config->columns[k] >= snnk_table_columns(table))
            return snnk__fail(SNNK_E_RANGE, "columns[%zu] = %zu, but the table has %zu columns", k,
                              config->columns[k], snnk_table_columns(table));
    return SNNK_OK;
}

static int set_columns(lesson *l) {
    snnk_encoder *e = l->encoder;
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < e->n_columns; k++) {
        const size_t position = l->config->columns ? l->config->columns[k] : k;
        const char *name = snnk_table_column_name(l->table, position);

        e->columns[k].position = position;
        for (size_t j = 0; l->config->columns && j < k; j++)
            if (e->columns[j].position == position)
                return snnk__fail(SNNK_E_SHAPE, "columns[%zu] and columns[%zu] are both %zu", j, k,
                                  position);
        if (name) st = snnk__encoder_copy(&e->allocator, name, &e->columns[k].name);
    }
    return st;
}

static int learn(const lesson *l, size_t *which, size_t *positions) {
    snnk_encoder *e = l->encoder;
    size_t count = 0;
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < e->n_columns; k++) {
        const size_t position = e->columns[k].position;

        if (snnk_table_column_type(l->table, position) == SNNK_COLUMN_WORDS) {
            st = learn_words(l, &e->columns[k]);
        } else {
            which[count] = k;
            positions[count++] = position;
        }
    }
    return st == SNNK_OK ? learn_numbers(l, count, which, positions) : st;
}

static int fill(lesson *l) {
    snnk_encoder *e = l->encoder;
    const size_t n = e->n_columns;
    size_t *which = NULL;
    int st;

    if ((st = set_columns(l)) != SNNK_OK) return st;
    st = snnk__alloc(&e->allocator, n, 2 * sizeof *which, "column indices", &which);
    if (st != SNNK_OK) return st;
    st = learn(l, which, which + n);
    snnk__free(&e->allocator, which);
    if (st == SNNK_OK) st = snnk__encoder_finish(e);
    if (st == SNNK_OK && e->outputs == 0)
        st = snnk__fail(SNNK_E_STATE, "no input column varies: there is nothing to learn from");
    return st;
}

int snnk_encoder_create(const snnk_table *table, const snnk_encoder_config *config,
                        snnk_encoder **encoder) {
    snnk_encoder_config ours = defaults;
    snnk_allocator allocator;
    snnk_encoder *made = NULL;
    int st;

    if ((st = snnk__check_pointer(encoder, "encoder")) != SNNK_OK) return st;
    *encoder = NULL;
    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "encoder config");
    if (st != SNNK_OK) return st;
    if ((st = check_config(table, &ours)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    const size_t n = ours.columns ? (size_t)ours.n_columns : snnk_table_columns(table);
    if (n == 0) return snnk__fail(SNNK_E_SHAPE, "n_columns = 0: an encoder needs at least 1");
    if ((st = snnk__encoder_make(n, &allocator, &made)) != SNNK_OK) return st;
    made->missing = ours.missing;
    lesson l = {table, &ours, made};

    if ((st = fill(&l)) != SNNK_OK)
        snnk_encoder_free(made);
    else
        *encoder = made;
    return st;
}
