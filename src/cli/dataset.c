#include "cli/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/column_words.h"
#include "cli/columns.h"
#include "cli/console.h"
#include "cli/options.h"
#include "cli/row_copies.h"

static bool is_csv(const snnk_table *table) { return snnk_table_column_name(table, 0) != NULL; }

bool read_separator(const char *text, int32_t *separator) {
    static const char *const names[] = {",", ";", "|", "tab", "\\t", "\t", "space", " "};
    static const int32_t values[] = {',', ';', '|', '\t', '\t', '\t', ' ', ' '};
    const int found = find_name(text, names, 8);

    if (found >= 0) *separator = values[found];
    return found >= 0;
}

bool read_decimal(const char *text, int32_t *decimal) {
    if (strcmp(text, ".") != 0 && strcmp(text, ",") != 0) return false;
    *decimal = *text == ',' ? ',' : '.';
    return true;
}

/* Note what was found of a CSV that may be unexpected. */
static void print_found(const char *command, const char *path, const data_files *files,
                        const snnk_table *table) {
    if (is_csv(table) && !snnk_table_has_header(table) && !files->no_header)
        print_note(command, "%s has no header line: its columns are named 1 ... %zu", path,
                   snnk_table_columns(table));
    if (snnk_table_comment_lines(table) > 0)
        print_note(command, "%s: lines at the beginning that start with #, skipped: %zu", path,
                   snnk_table_comment_lines(table));
    if (snnk_table_separator(table) == ' ' && !files->separator)
        print_note(command, "%s: spaces separate its columns; if they do not, use --separator ,",
                   path);
}

static int open_table(const char *command, const char *path, const data_files *files,
                      snnk_table **table) {
    snnk_table_config config;

    if (snnk_table_config_init(&config, sizeof config) != SNNK_OK) return library_failed(command);
    if (files->separator == ',' && files->decimal == ',')
        return wrong_usage(command,
                           "--separator and --decimal are both ',': leave one of them out");
    config.separator = files->separator;
    config.decimal = files->decimal;
    config.missing = files->missing_words;
    if (files->no_header) config.header = SNNK_TABLE_HEADER_NO;
    if (snnk_table_open(path, &config, table) != SNNK_OK) return library_failed(command);
    print_found(command, path, files, *table);
    return EXIT_OK;
}

static int open_tables(const char *command, const data_files *files, dataset *data) {
    const char *path = files->table ? files->table : files->inputs;
    int exit_status = open_table(command, path, files, &data->inputs);

    if (exit_status != EXIT_OK) return exit_status;
    data->rows = snnk_table_rows(data->inputs);
    if (!files->targets) return EXIT_OK;
    exit_status = open_table(command, files->targets, files, &data->targets);
    if (exit_status != EXIT_OK) return exit_status;
    data->n_targets = snnk_table_columns(data->targets);
    if (snnk_table_rows(data->targets) != data->rows)
        return failed(command, "%s has %zu rows, but %s has %zu", files->targets,
                      snnk_table_rows(data->targets), path, data->rows);
    return EXIT_OK;
}

/* Refuse an input of words: name the first one. */
static int words_failed(const char *command, const dataset *data, size_t k) {
    const size_t column = data->columns[k], row = snnk_table_first_word_row(data->inputs, column);

    return failed(command,
                  "%s: row %zu, column \"%s\": \"%.60s\" is not a number, but all inputs "
                  "must be numbers here: correct it, or remove the row",
                  data->path, row + 1, snnk_table_column_name(data->inputs, column),
                  first_word(data->inputs, column));
}

static int check_numbers(const char *command, const dataset *data) {
    for (size_t k = 0; !data->encoder && k < data->n_inputs; k++)
        if (is_words(data->inputs, data->columns[k])) return words_failed(command, data, k);
    return EXIT_OK;
}

/* Refuse a target that the encoder reads as an input. */
static int check_encoded_target(const char *command, const snnk_encoder *encoder,
                                const dataset *data) {
    const char *target =
        data->targets == data->inputs ? snnk_table_column_name(data->inputs, data->target) : NULL;

    for (size_t k = 0; target && k < snnk_encoder_columns(encoder); k++) {
        const char *name = snnk_encoder_column_name(encoder, k);

        if (name && strcmp(name, target) == 0)
            return failed(command,
                          "%s: column \"%s\" is an input of the model and cannot be the target",
                          data->path, name);
    }
    return EXIT_OK;
}

/* ---- Weights and groups ---- */

void dataset_set_fold(const uint8_t *folds, uint8_t fold, bool without, dataset *data) {
    data->folds = folds;
    data->fold = fold;
    data->without_fold = without;
}

bool dataset_leaves_out(const dataset *data) { return data->weights != NO_COLUMN || data->folds; }

/* Read the column of weights. */
static int read_weights(const dataset *data, size_t first, size_t n, float *weights) {
    double values[BATCH_ROWS];
    char text[640];
    int st;

    for (size_t i = 0; i < n; i++) weights[i] = 1;
    if (data->weights == NO_COLUMN) return SNNK_OK;
    st = snnk_table_read_columns(data->inputs, first, n, 1, &data->weights, values, 1);
    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        const double value = values[i];
        char number[32];

        weights[i] = (float)value;
        if (value == 0 || (value >= 1e-30 && value <= 1e30)) continue;
        snprintf(text, sizeof text, "%.200s: row %zu, column \"%.80s\": ", data->path,
                 first + i + 1, column_name(data->inputs, data->weights, number));
        if (isnan(value))
            snprintf(text + strlen(text), 64, "the weight is missing");
        else
            snprintf(text + strlen(text), 64, "the weight %.6g is not 0 or in 1e-30 ... 1e30",
                     value);
        return snnk_fail(SNNK_E_RANGE, text);
    }
    return st;
}

int dataset_read_weights(const dataset *data, size_t first, size_t n, float *weights) {
    const int st = read_weights(data, first, n, weights);

    for (size_t i = 0; st == SNNK_OK && data->folds && i < n; i++)
        if ((data->folds[first + i] == data->fold) == data->without_fold) weights[i] = 0;
    return st;
}

/* Check that weights are numbers that are not negative, and not all 0. */
static int check_weights(const char *command, const dataset *data) {
    float weights[BATCH_ROWS];
    char number[32];
    bool any = data->rows == 0;

    if (data->weights == NO_COLUMN) return EXIT_OK;
    const char *name = column_name(data->inputs, data->weights, number);
    if (is_words(data->inputs, data->weights))
        return failed(command, "%s: column \"%s\" holds words, but weights must be numbers",
                      data->path, name);
    for (size_t first = 0; first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        if (dataset_read_weights(data, first, n, weights) != SNNK_OK)
            return library_failed(command);
        for (size_t i = 0; i < n; i++) any |= weights[i] > 0;
    }
    return any ? EXIT_OK
               : failed(command, "%s: column \"%s\" has only zeros: no row has a weight",
                        data->path, name);
}

static int missing_group(const dataset *data, size_t row) {
    char text[640], number[32];

    snprintf(text, sizeof text, "%.200s: row %zu, column \"%.80s\": the group is missing",
             data->path, row + 1, column_name(data->inputs, data->group, number));
    return snnk_fail(SNNK_E_NONFINITE, text);
}

int dataset_read_groups(const dataset *data, size_t first, size_t n, uint64_t *groups) {
    const bool words = is_words(data->inputs, data->group);
    int32_t indices[BATCH_ROWS];
    double values[BATCH_ROWS];
    const int st =
        words ? snnk_table_read_words(data->inputs, data->group, first, n, indices)
              : snnk_table_read_columns(data->inputs, first, n, 1, &data->group, values, 1);

    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        if (words ? indices[i] < 0 : isnan(values[i])) return missing_group(data, first + i);
        const double value = words ? indices[i] : values[i] + 0.0; /* -0 becomes 0 */
        memcpy(&groups[i], &value, sizeof groups[i]);
    }
    return st;
}

/* ---- Opening ---- */

/* Check that a table has the columns of an encoder, even if it has no rows. */
static int check_encoded_columns(const char *command, const dataset *data) {
    double none;
    const int exit_status = columns_check_encoder(command, data->encoder, data);

    if (exit_status != EXIT_OK) return exit_status;
    return snnk_encoder_apply(data->encoder, data->inputs, 0, 0, &none, data->n_inputs, NULL) ==
                   SNNK_OK
               ? EXIT_OK
               : failed(command, "%s: %s", data->path, snnk_last_error());
}

/* Open everything but the check or the encoding of inputs that are words. */
static int open_any(const char *command, const data_files *files, const char *wanted,
                    const snnk_encoder *encoder, dataset *data) {
    const char *path = files->table ? files->table : files->inputs;
    int exit_status;

    *data = (dataset){.path = path,
                      .targets_path = files->table ? path : files->targets,
                      .labels = files->labels,
                      .missing_words = files->missing_words,
                      .weights = NO_COLUMN,
                      .group = NO_COLUMN};
    if ((exit_status = open_tables(command, files, data)) != EXIT_OK) return exit_status;
    exit_status = columns_choose(command, files, wanted, encoder != NULL, data);
    if (exit_status == EXIT_OK && encoder) {
        data->encoder = snnk_encoder_retain(encoder);
        data->n_inputs = snnk_encoder_outputs(encoder);
        exit_status = check_encoded_target(command, encoder, data);
        if (exit_status == EXIT_OK) exit_status = check_encoded_columns(command, data);
    }
    if (exit_status == EXIT_OK) exit_status = columns_check_names(command, path, data->inputs);
    return exit_status == EXIT_OK ? check_weights(command, data) : exit_status;
}

int dataset_open(const char *command, const data_files *files, const char *wanted,
                 const snnk_encoder *encoder, dataset *data) {
    const int exit_status = open_any(command, files, wanted, encoder, data);

    return exit_status == EXIT_OK ? check_numbers(command, data) : exit_status;
}

/* Set constants to the columns that the encoder has found to be constant. */
static int find_constants(const char *command, size_t columns, dataset *data) {
    data->constants = calloc(columns, sizeof *data->constants);
    if (!data->constants) return failed(command, "out of memory");
    for (size_t k = 0; k < columns; k++)
        if (snnk_encoder_column_encoding(data->encoder, k) == SNNK_ENCODING_CONSTANT)
            data->constants[data->n_constants++] = data->columns[k];
    return EXIT_OK;
}

/* The columns of the table that are inputs. */
static size_t columns_of(const dataset *data) {
    return data->encoder ? snnk_encoder_columns(data->encoder) : data->n_inputs;
}

void dataset_set_encoder(const snnk_encoder *encoder, dataset *data) {
    const size_t columns = columns_of(data);

    snnk_encoder_free(data->encoder);
    data->encoder = snnk_encoder_retain(encoder);
    data->n_inputs = encoder ? snnk_encoder_outputs(encoder) : columns;
}

/* Write the path and the error of a call of the encoder, with the option where the library names a
 * constant. */
static void write_encoder_error(const dataset *data, size_t size, char *text) {
    static const char constant[] = "learn with SNNK_MISSING_MEAN";
    const char *error = snnk_last_error(), *at = strstr(error, constant);

    if (at)
        snprintf(text, size, "%.200s: %.*sfit with --missing mean%s", data->path, (int)(at - error),
                 error, at + sizeof constant - 1);
    else
        snprintf(text, size, "%.200s: %.400s", data->path, error);
}

int dataset_encode(const char *command, const data_files *files, int32_t form, dataset *data) {
    snnk_encoder_config config;
    snnk_encoder *encoder;
    char text[640];

    if (snnk_encoder_config_init(&config, sizeof config) != SNNK_OK) return library_failed(command);
    config.columns = data->columns;
    config.n_columns = columns_of(data);
    config.missing = files->missing;
    config.date_parts = files->date_parts;
    config.numbers = form;
    if (snnk_encoder_create(data->inputs, &config, &encoder) != SNNK_OK) {
        write_encoder_error(data, sizeof text, text);
        return failed(command, "%s", text);
    }
    dataset_set_encoder(encoder, data);
    snnk_encoder_free(encoder);
    return EXIT_OK;
}

bool dataset_has_columns(const dataset *data) { return is_csv(data->inputs); }

/* Whether columns of a CSV have words or missing values, or will have them. */
static bool needs_encoder(const data_files *files, const dataset *data) {
    if (data->rows == 0) return false;
    for (size_t k = 0; k < data->n_inputs; k++)
        if (is_words(data->inputs, data->columns[k]) ||
            snnk_table_missing(data->inputs, data->columns[k]) > 0)
            return true;
    return is_csv(data->inputs) &&
           (files->missing == SNNK_MISSING_MEAN || files->missing == SNNK_MISSING_MEDIAN);
}

/* Whether a word of a column is in more than MOST rows. -1: out of memory. */
static int has_frequent_word(const dataset *data, size_t column) {
    enum { MOST = 3 };
    unsigned char *counts = calloc(snnk_table_words(data->inputs, column) + 1, 1);
    int32_t words[BATCH_ROWS];
    int found = counts ? 0 : -1;

    for (size_t first = 0; found == 0 && first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        if (snnk_table_read_words(data->inputs, column, first, n, words) != SNNK_OK) found = -1;
        for (size_t i = 0; i < n && found == 0; i++)
            if (words[i] >= 0 && ++counts[words[i]] > MOST) found = 1;
    }
    free(counts);
    return found;
}

/* Whether nearly every row has a word of its own, so that the column only names the rows: more
 * words than get inputs of their own, nine for ten rows, and none of them frequent. -1: out of
 * memory. */
static int names_rows(const dataset *data, size_t k) {
    const size_t column = data->columns[k];
    const size_t words =
        is_words(data->inputs, column) ? snnk_table_words(data->inputs, column) : 0;
    const size_t present = data->rows - snnk_table_missing(data->inputs, column);

    if (words <= MOST_WORDS || words < present - present / 10 ||
        snnk_encoder_column_encoding(data->encoder, k) != SNNK_ENCODING_WORDS)
        return 0;
    const int frequent = has_frequent_word(data, column);
    return frequent < 0 ? -1 : !frequent;
}

/* Take the columns that only name the rows out of the inputs. If there are any, the encoder is
 * removed too, because it was learned with them. */
static int drop_names(const char *command, dataset *data) {
    const size_t columns = columns_of(data);
    size_t kept = 0;

    data->names = calloc(columns, sizeof *data->names);
    if (!data->names) return failed(command, "out of memory");
    for (size_t k = 0; k < columns; k++) {
        const int names = names_rows(data, k);

        if (names < 0) return failed(command, "out of memory");
        if (names)
            data->names[data->n_names++] = data->columns[k];
        else
            data->columns[kept++] = data->columns[k];
    }
    if (data->n_names == 0) return EXIT_OK;
    dataset_set_encoder(NULL, data);
    data->n_inputs = kept;
    return kept > 0 ? EXIT_OK
                    : failed(command,
                             "%s: column \"%s\" has a different word in nearly every row: there is "
                             "nothing to learn from",
                             data->path, snnk_table_column_name(data->inputs, data->names[0]));
}

/* Learn an encoder if one is needed, and leave out what cannot be an input. Columns that the user
 * named stay. */
static int encode(const char *command, const data_files *files, dataset *data) {
    int exit_status = EXIT_OK;

    if (needs_encoder(files, data)) {
        exit_status = dataset_encode(command, files, SNNK_NUMBER_FORM_PLAIN, data);
        if (exit_status == EXIT_OK && !files->columns) exit_status = drop_names(command, data);
        if (exit_status == EXIT_OK && !data->encoder && needs_encoder(files, data))
            exit_status = dataset_encode(command, files, SNNK_NUMBER_FORM_PLAIN, data);
    }
    if (exit_status != EXIT_OK) return exit_status;
    if (!data->encoder && files->keep_constants) return EXIT_OK;
    return data->encoder ? find_constants(command, columns_of(data), data)
                         : columns_drop_constants(command, data);
}

int dataset_open_training(const char *command, const data_files *files, dataset *data) {
    int exit_status = open_any(command, files, NULL, NULL, data);

    if (exit_status == EXIT_OK) exit_status = check_input_words(command, data);
    return exit_status == EXIT_OK ? encode(command, files, data) : exit_status;
}

void dataset_close(dataset *data) {
    if (data->targets != data->inputs) snnk_table_free(data->targets);
    snnk_table_free(data->inputs);
    snnk_encoder_free(data->encoder);
    free(data->columns);
    free(data->constants);
    free(data->before_tower);
    snnk_network_free(data->tower);
    free(data->names);
    *data = (dataset){0};
}

/* Without a branch for each value, so that compilers vectorize it. */
static bool all_finite(size_t n, const double *values) {
    bool finite = true;

    for (size_t i = 0; i < n; i++) finite &= fabs(values[i]) < INFINITY;
    return finite;
}

/* Find the first of n x width values that is not finite, and set the sentence that names its row
 * and column. first: the number of the first row; columns: indices of the inputs in the table, NULL
 * for width columns from `column` on, which are targets. */
static int check_values(const char *path, const snnk_table *table, size_t first, size_t n,
                        size_t width, const size_t *columns, size_t column, const double *values) {
    char text[640], label[256];
    size_t i = 0;

    if (all_finite(n * width, values)) return SNNK_OK;
    while (isfinite(values[i])) i++;
    const size_t where = columns ? columns[i % width] : column + i % width;
    const char *name = snnk_table_column_name(table, where);

    if (name)
        snprintf(label, sizeof label, "row %zu, column \"%.80s\"", first + i / width + 1, name);
    else
        snprintf(label, sizeof label, "row %zu, column %zu", first + i / width + 1, where + 1);
    if (name && isnan(values[i]))
        snprintf(text, sizeof text,
                 "%.200s: %s: the value is missing: fill it in, %sremove the row%s", path, label,
                 columns ? "" : "or ", columns ? ", or fit with --missing mean" : "");
    else
        snprintf(text, sizeof text,
                 "%.200s: %s: %g is not a finite number: replace it, or remove the row", path,
                 label, values[i]);
    return snnk_fail(SNNK_E_NONFINITE, text);
}

/* Whether the inputs are all columns of the file, in its order. */
static bool in_file_order(const dataset *data) {
    const size_t d = dataset_raw_inputs(data);

    for (size_t k = 0; k < d; k++)
        if (data->columns[k] != k) return false;
    return d == snnk_table_columns(data->inputs);
}

/* Read rows through the encoder. */
static int read_encoded(dataset *data, size_t first, size_t n, double *X) {
    snnk_encoder_report report = {.size = sizeof report};
    char text[640];
    const int st = snnk_encoder_apply(data->encoder, data->inputs, first, n, X,
                                      dataset_raw_inputs(data), &report);

    if (st != SNNK_OK) {
        write_encoder_error(data, sizeof text, text);
        return snnk_fail(st, text);
    }
    if (report.missing > 0 && data->missing == 0) {
        data->missing_row = report.missing_row;
        data->missing_column = report.missing_column;
    }
    data->missing += report.missing;
    data->unknown_words += report.unknown_words;
    return SNNK_OK;
}

/* dataset_read before a tower. */
static int read_raw(dataset *data, size_t first, size_t n, double *X) {
    const size_t d = dataset_raw_inputs(data);
    int st;

    if (data->encoder) return read_encoded(data, first, n, X);
    if (in_file_order(data))
        st = snnk_table_read_f64(data->inputs, first, n, X, d);
    else
        st = snnk_table_read_columns(data->inputs, first, n, d, data->columns, X, d);
    return st != SNNK_OK ? st
                         : check_values(data->path, data->inputs, first, n, d, data->columns, 0, X);
}

/* dataset_read_floats before a tower. */
static int read_raw_floats(const dataset *data, size_t first, size_t n, float *X) {
    const size_t d = dataset_raw_inputs(data);
    const int st = snnk_table_read(data->inputs, first, n, X, d);

    for (size_t i = 0; st == SNNK_OK && i < n * d; i++) {
        const double value = (double)X[i];

        if (!isfinite(value))
            return check_values(data->path, data->inputs, first + i / d, 1, 1, NULL, i % d, &value);
    }
    return st;
}

/* Whether elements of a type are exact as float. */
static bool fits_float(const char *type) {
    static const char *const types[] = {"BOOL", "U8", "I8", "U16", "I16", "F16", "F32"};

    return type && find_name(type, types, sizeof types / sizeof *types) >= 0;
}

static int read_raw_rows(dataset *data, size_t first, size_t n, double *X, snnk_rows *rows) {
    float *floats = (float *)X;

    *rows = *SNNK_ROWS(.n = n, .inputs = dataset_raw_inputs(data));
    if (!data->encoder && in_file_order(data) && fits_float(snnk_table_type(data->inputs))) {
        rows->X = floats;
        return read_raw_floats(data, first, n, floats);
    }
    rows->X_f64 = X;
    return read_raw(data, first, n, X);
}

/* Read rows as float, changed if the data say so.
 *   X  n x raw inputs, as double: overwritten with floats */
static int read_changed(dataset *data, size_t first, size_t n, double *X) {
    float *floats = (float *)X; /* each is written after its double was read */
    snnk_rows raw;
    const int st = read_raw_rows(data, first, n, X, &raw);

    if (st != SNNK_OK) return st;
    for (size_t k = 0; raw.X_f64 && k < n * raw.inputs; k++) floats[k] = (float)X[k];
    return data->copies ? row_copies_change(data->copies, first, n, floats) : SNNK_OK;
}

/* Read inputs and let them pass through the tower, in float. */
static int read_through_tower(dataset *data, size_t first, size_t n, float *X) {
    const size_t d = dataset_raw_inputs(data);
    const float *floats = (const float *)data->before_tower;
    const int st = read_changed(data, first, n, data->before_tower);

    if (st != SNNK_OK) return st;
    return snnk_network_forward(data->tower, n, floats, d, X, data->n_inputs, data->workspace);
}

int dataset_read(dataset *data, size_t first, size_t n, double *X) {
    const size_t count = n * data->n_inputs;
    float *floats;
    int st;

    if (!data->tower) return read_raw(data, first, n, X);
    floats =
        (float *)X + count; /* the second half, so that each is read before it is written over */
    st = read_through_tower(data, first, n, floats);
    for (size_t k = 0; st == SNNK_OK && k < count; k++) X[k] = (double)floats[k];
    return st;
}

int dataset_read_sample(dataset *data, size_t n, double *X) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < n; k++) {
        const size_t row = (size_t)((double)k * (double)data->rows / (double)n);

        st = interrupted ? SNNK_E_CANCELLED : dataset_read(data, row, 1, X + k * data->n_inputs);
    }
    return st;
}

int dataset_read_floats(const dataset *data, size_t first, size_t n, float *X) {
    return read_raw_floats(data, first, n, X);
}

int dataset_read_rows(dataset *data, size_t first, size_t n, double *X, snnk_rows *rows) {
    if (!data->tower && !data->copies) return read_raw_rows(data, first, n, X, rows);
    *rows = *SNNK_ROWS(.n = n, .inputs = data->n_inputs, .X = (float *)X);
    if (!data->tower) return read_changed(data, first, n, X);
    return read_through_tower(data, first, n, (float *)X);
}

/* ---- Towers ---- */

size_t dataset_raw_inputs(const dataset *data) {
    return data->tower ? snnk_network_inputs(data->tower) : data->n_inputs;
}

void dataset_clear_tower(dataset *data) {
    data->n_inputs = dataset_raw_inputs(data);
    free(data->before_tower);
    snnk_network_free(data->tower);
    data->before_tower = NULL;
    data->tower = NULL;
}

int dataset_set_tower(const char *command, snnk_network *tower, snnk_workspace *workspace,
                      dataset *data) {
    dataset_clear_tower(data);
    data->before_tower = calloc(BATCH_ROWS, data->n_inputs * sizeof *data->before_tower);
    data->tower = tower;
    data->workspace = workspace;
    data->n_inputs = snnk_network_outputs(tower);
    return data->before_tower ? EXIT_OK : failed(command, "out of memory");
}

/* Read the indices of words of a target column. */
static int read_words(const dataset *data, size_t first, size_t n, double *Y) {
    int32_t words[BATCH_ROWS];
    const int st = snnk_table_read_words(data->targets, data->target, first, n, words);

    for (size_t i = 0; st == SNNK_OK && i < n; i++) Y[i] = words[i] < 0 ? (double)NAN : words[i];
    return st;
}

int dataset_read_targets(dataset *data, size_t first, size_t n, double *Y) {
    int st;

    if (data->n_targets == 1 && is_words(data->targets, data->target))
        st = read_words(data, first, n, Y);
    else if (data->targets == data->inputs)
        st = snnk_table_read_columns(data->targets, first, n, 1, &data->target, Y, 1);
    else
        st = snnk_table_read_f64(data->targets, first, n, Y, data->n_targets);
    return st != SNNK_OK ? st
                         : check_values(data->targets_path, data->targets, first, n,
                                        data->n_targets, NULL, data->target, Y);
}

bool dataset_has_labels(const dataset *data) {
    const char *type = data->labels ? snnk_table_type(data->targets) : NULL;

    return data->labels && (!type || *type != 'F');
}

const char *dataset_flattened(const dataset *data) {
    static char text[256];
    const size_t n = snnk_table_dims(data->inputs);
    int used;

    if (n < 3) return "";
    used = snprintf(text, sizeof text, " (an array of %zu", snnk_table_dim(data->inputs, 0));
    for (size_t k = 1; k < n && used > 0 && (size_t)used < sizeof text - 64; k++)
        used += snprintf(text + used, sizeof text - (size_t)used, " x %zu",
                         snnk_table_dim(data->inputs, k));
    snprintf(text + used, sizeof text - (size_t)used,
             ": rows are its first dimension. If they are not, reshape it)");
    return text;
}

const char *dataset_target_name(const dataset *data) {
    static char text[128];
    const char *name = snnk_table_column_name(data->targets, data->target);

    if (name)
        snprintf(text, sizeof text, "\"%.80s\"", name);
    else
        snprintf(text, sizeof text, "%zu", data->target + 1);
    return text;
}

const char *dataset_words(const dataset *data) {
    for (size_t k = 0; k < data->n_targets; k++)
        if (is_words(data->targets, data->target + k))
            return snnk_table_column_name(data->targets, data->target + k);
    return NULL;
}

const char *dataset_first_word(const dataset *data) {
    static char text[160];
    size_t column = data->target;
    int32_t word = -1;

    while (!is_words(data->targets, column)) column++;
    const size_t row = snnk_table_first_word_row(data->targets, column);
    const int st = snnk_table_read_words(data->targets, column, row, 1, &word);
    snprintf(text, sizeof text, "row %zu has \"%.60s\"", row + 1,
             st == SNNK_OK && word >= 0 ? snnk_table_word(data->targets, column, (size_t)word)
                                        : "");
    return text;
}

void print_rows_error(const char *command, const dataset *data, size_t first, size_t n) {
    print_error(command, "%s: rows %zu to %zu: %s", data->path, first + 1, first + n,
                snnk_last_error());
}
