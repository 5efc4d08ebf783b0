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

/* Refuse a table in which two columns have the same name. */
int columns_check_names(const char *command, const char *path, const snnk_table *table);

/* The name of a column, or its number from 1 if it has none. buffer: 32 bytes that may hold it. */
const char *column_name(const snnk_table *table, size_t column, char *buffer);

#endif
