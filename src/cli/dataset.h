/* Data sets: rows of inputs, and their targets, from one or two files. */
#ifndef SNNK_CLI_DATASET_H
#define SNNK_CLI_DATASET_H

#include <cjson/cJSON.h>

#include "cli/dataset_struct.h"

/* Read the values of --separator and --decimal. Return false if they are none. */
bool read_separator(const char *text, int32_t *separator);
bool read_decimal(const char *text, int32_t *decimal);
#define SEPARATOR_TAKES "',', ';', '|', tab or space"
#define DECIMAL_TAKES   "'.' or ','"

/* Lines for --help. */
#define CSV_HELP                                                                                   \
    "  --separator C        of CSV: ',', ';', '|', tab or space (default: found)\n"                \
    "  --decimal C          decimal point of CSV: '.' or ',' (default: found)\n"                   \
    "  --no-header          the first line of CSV has no column names (default: found)\n"

/* Open a data set.
 *   wanted   a JSON array with the names of the input columns, from a model's notes, or with their
 *            numbers from 1; NULL: as in `files`
 *   encoder  the model's, or NULL: the columns are its inputs
 * Prints the error and returns an exit status. dataset_close frees what is there in any case. */
int dataset_open(const char *command, const data_files *files, const char *wanted,
                 const snnk_encoder *encoder, dataset *data);

/* Open a training set. If columns of its CSV have words or missing values, an encoder is learned
 * from all rows, and makes the inputs. */
int dataset_open_training(const char *command, const data_files *files, dataset *data);

/* Learn an encoder of the same columns, from all rows, and let it make the inputs. The data are a
 * CSV.
 *   form  of numbers, an snnk_number_form */
int dataset_encode(const char *command, const data_files *files, int32_t form, dataset *data);

/* Let an encoder of the same columns make the inputs; NULL: the columns are the inputs. */
void dataset_set_encoder(const snnk_encoder *encoder, dataset *data);

/* Let inputs pass through a network when they are read; n_inputs becomes its number of outputs.
 *   tower      taken: dataset_close frees it
 *   workspace  for its threads; borrowed
 * Prints the error and returns an exit status. dataset_clear_tower removes it. */
int dataset_set_tower(const char *command, snnk_network *tower, snnk_workspace *workspace,
                      dataset *data);

void dataset_clear_tower(dataset *data);

/* Let only the rows of one fold count, or only the others: the rest have weight 0 from now on.
 *   folds    the fold of each row, borrowed; NULL: all rows count again
 *   without  the others */
void dataset_set_fold(const uint8_t *folds, uint8_t fold, bool without, dataset *data);

/* Whether rows may have weight 0, by a column or by folds. */
bool dataset_leaves_out(const dataset *data);

/* The number of inputs before a tower. */
size_t dataset_raw_inputs(const dataset *data);

/* Whether the inputs come from a CSV, whose columns an encoder can read. */
bool dataset_has_columns(const dataset *data);

void dataset_close(dataset *data);

/* Read rows first ... first+n-1, n <= BATCH_ROWS. X: n x n_inputs; Y: n x n_targets. Targets that
 * are words give their indices. Return a status of the library: SNNK_E_NONFINITE, with file, row
 * and column in the sentence, if a value is missing, NaN or infinite. */
int dataset_read(dataset *data, size_t first, size_t n, double *X);
int dataset_read_targets(dataset *data, size_t first, size_t n, double *Y);

/* Read n rows at even distances, n <= rows. X: n x n_inputs. SNNK_E_CANCELLED after Ctrl-C. */
int dataset_read_sample(dataset *data, size_t n, double *X);

/* The same for inputs that are all columns of a file of numbers, as float. */
int dataset_read_floats(const dataset *data, size_t first, size_t n, float *X);

/* Read inputs into `rows`, as float where the file has floats, which is faster, and otherwise as
 * double. Sets n, inputs, and X or X_f64; rows may then get targets and labels.
 *   X     room for n x n_inputs doubles; rows points into it */
int dataset_read_rows(dataset *data, size_t first, size_t n, double *X, snnk_rows *rows);

/* Read the weights of rows: 1 each if there is no column of weights; 0, or in the range that the
 * library takes; 0 for rows of a fold that does not count. SNNK_E_RANGE, with file, row and
 * column, for other values. */
int dataset_read_weights(const dataset *data, size_t first, size_t n, float *weights);

/* Read the groups of rows, where data->group is not NO_COLUMN: rows with equal values have the same
 * number. SNNK_E_NONFINITE, with file, row and column, if one is missing. */
int dataset_read_groups(const dataset *data, size_t first, size_t n, uint64_t *groups);

/* Note on stderr how many missing values were filled in, and how many words the model does not
 * know, in the rows read so far. */
void dataset_print_gaps(const char *command, const dataset *data);

/* Print the columns of a training set that are read as words though most of their words are
 * numbers, as lines of the report, or add them to it. Prints also those that only name the rows,
 * and those of many words. */
void dataset_print_mixed(const dataset *data);
void dataset_add_mixed(const dataset *data, cJSON *json);

/* Print whether the first column of a training set counts the rows, or has no name. */
void dataset_print_index(const dataset *data);

/* Print the columns of a training set that are constant, as a line of the report, or add them to
 * it. */
void dataset_print_constants(const dataset *data);
void dataset_add_constants(const dataset *data, cJSON *json);

/* Whether the targets were given as labels, and their file does not have fractions. */
bool dataset_has_labels(const dataset *data);

/* What to add to a sentence about the number of input columns: how an array of 3 or more dimensions
 * was flattened; otherwise "". Static, until the next call. */
const char *dataset_flattened(const dataset *data);

/* The name of the first target column in quotation marks, or its number. Static, until the next
 * call. */
const char *dataset_target_name(const dataset *data);

/* The name of the first target column that has words; NULL if all targets are numbers. */
const char *dataset_words(const dataset *data);

/* Where the first word of that column is, as in `row 7 has "abc"`. Static, until the next call. */
const char *dataset_first_word(const dataset *data);

/* Print the error of a library call that took rows first ... first+n-1, with the file. */
void print_rows_error(const char *command, const dataset *data, size_t first, size_t n);

/* The same, giving the exit status to return. */
#define learning_failed(...) (print_rows_error(__VA_ARGS__), EXIT_FAILED)

#endif
