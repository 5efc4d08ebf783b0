/* Which columns of a table are inputs, target, weights and groups. */
#ifndef SNNK_CLI_COLUMNS_H
#define SNNK_CLI_COLUMNS_H

#include "cli/dataset_struct.h"

/* Choose the columns of the open tables of a data set: sets target, weights, group, columns and
 * n_inputs.
 *   wanted   as for dataset_open
 *   encoded  the inputs are those of an encoder: only the other columns are chosen
 * Prints the error and returns an exit status. */
int columns_choose(const char *command, const data_files *files, const char *wanted, bool encoded,
                   dataset *data);

/* Remove the columns of numbers that have one value from the inputs of a CSV, and refuse it if none
 * is left. Sets constants. */
int columns_drop_constants(const char *command, dataset *data);

/* Refuse a table without a column: print the names that it has, or one that differs in case or
 * blanks only. needed: "" or ", which the model needs". Returns EXIT_FAILED. */
int columns_fail_missing(const char *command, const dataset *data, const char *name,
                         const char *needed);

/* Refuse a table without the columns that an encoder reads. */
int columns_check_encoder(const char *command, const snnk_encoder *encoder, const dataset *data);

/* Refuse a table in which two columns have the same name. */
int columns_check_names(const char *command, const char *path, const snnk_table *table);

/* The name of a column, or its number from 1 if it has none. buffer: 32 bytes that may hold it. */
const char *column_name(const snnk_table *table, size_t column, char *buffer);

#endif
