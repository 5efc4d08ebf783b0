#include "cli/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"

/* The index of the column with a name; the number of columns if there is none. */
static size_t column_named(const snnk_table *table, const char *name) {
    const size_t n = snnk_table_columns(table);

    for (size_t k = 0; k < n; k++) {
        const char *column = snnk_table_column_name(table, k);
        if (column && strcmp(column, name) == 0) return k;
    }
    return n;
}

static bool is_csv(const snnk_table *table) { return snnk_table_column_name(table, 0) != NULL; }

/* Find the target column of a CSV: by its name, or the last. */
static int choose_target(const char *command, const data_files *files, dataset *data) {
    const size_t n = snnk_table_columns(data->inputs);

    if (!is_csv(data->inputs))
        return failed(command, "%s is not a CSV with a header: give inputs and labels as two files",
                      files->table);
    data->target = files->target ? column_named(data->inputs, files->target) : n - 1;
    if (data->target == n)
        return failed(command, "%s has no column \"%s\"", files->table, files->target);
    if (n < 2)
        return failed(command, "%s has only one column, the target: inputs are missing",
                      files->table);
    data->targets = data->inputs;
    data->n_targets = 1;
    return EXIT_OK;
}

/* Find the columns that a model was fitted on, by name. */
static int choose_wanted(const char *command, const char *path, const char *wanted, dataset *data) {
    cJSON *names = cJSON_Parse(wanted), *item;
    int exit_status = EXIT_OK;

    data->n_inputs = 0;
    if (!cJSON_IsArray(names))
        exit_status = failed(command, "the column names in the model are damaged");
    data->columns = calloc((size_t)cJSON_GetArraySize(names) + 1, sizeof *data->columns);
    if (!data->columns) exit_status = failed(command, "out of memory");
    cJSON_ArrayForEach(item, names) {
        if (exit_status != EXIT_OK) break;
        const char *name = cJSON_IsString(item) ? item->valuestring : "";
        const size_t column = column_named(data->inputs, name);

        if (column == snnk_table_columns(data->inputs))
            exit_status =
                failed(command, "%s has no column \"%s\", which the model needs", path, name);
        else if (data->targets == data->inputs && column == data->target)
            exit_status = failed(
                command, "%s: column \"%s\" is an input of the model and cannot be the target",
                path, name);
        data->columns[data->n_inputs++] = column;
    }
    cJSON_Delete(names);
    return exit_status;
}

/* Use all columns but the target as inputs. */
static int choose_all(const char *command, dataset *data) {
    const size_t n = snnk_table_columns(data->inputs);
    const bool has_target = data->targets == data->inputs;

    data->columns = calloc(n, sizeof *data->columns);
    if (!data->columns) return failed(command, "out of memory");
    for (size_t k = 0; k < n; k++)
        if (!has_target || k != data->target) data->columns[data->n_inputs++] = k;
    return EXIT_OK;
}

static int open_tables(const char *command, const data_files *files, dataset *data) {
    const char *path = files->table ? files->table : files->inputs;

    if (snnk_table_open(path, NULL, &data->inputs) != SNNK_OK) return library_failed(command);
    data->rows = snnk_table_rows(data->inputs);
    if (files->table) return choose_target(command, files, data);
    if (!files->targets) return EXIT_OK;
    if (snnk_table_open(files->targets, NULL, &data->targets) != SNNK_OK)
        return library_failed(command);
    data->n_targets = snnk_table_columns(data->targets);
    if (snnk_table_rows(data->targets) != data->rows)
        return failed(command, "%s has %zu rows, but %s has %zu", files->targets,
                      snnk_table_rows(data->targets), path, data->rows);
    return EXIT_OK;
}

int dataset_open(const char *command, const data_files *files, const char *wanted, dataset *data) {
    const char *path = files->table ? files->table : files->inputs;
    int exit_status;
    size_t widest;

    *data = (dataset){.path = path, .targets_path = files->table ? path : files->targets};
    if ((exit_status = open_tables(command, files, data)) != EXIT_OK) return exit_status;
    exit_status = wanted && is_csv(data->inputs) ? choose_wanted(command, path, wanted, data)
                                                 : choose_all(command, data);
    if (exit_status != EXIT_OK) return exit_status;
    for (size_t k = 0; is_csv(data->inputs) && k < snnk_table_columns(data->inputs); k++) {
        const char *name = snnk_table_column_name(data->inputs, k);

        if (column_named(data->inputs, name) != k)
            return failed(command, "%s has two columns \"%s\"", path, name);
    }
    for (size_t k = 0; k < data->n_inputs; k++)
        if (snnk_table_words(data->inputs, data->columns[k]) > 0)
            return failed(command, "%s: column \"%s\" holds words, but inputs must be numbers",
                          path, snnk_table_column_name(data->inputs, data->columns[k]));
    widest = snnk_table_columns(data->inputs);
    if (data->targets && snnk_table_columns(data->targets) > widest)
        widest = snnk_table_columns(data->targets);
    data->buffer = calloc(BATCH_ROWS, widest * sizeof *data->buffer);
    return data->buffer ? EXIT_OK : failed(command, "out of memory");
}

void dataset_close(dataset *data) {
    if (data->targets != data->inputs) snnk_table_free(data->targets);
    snnk_table_free(data->inputs);
    free(data->columns);
    free(data->buffer);
    *data = (dataset){0};
}

/* Whether the inputs are all columns of the file, in its order. */
static bool in_file_order(const dataset *data) {
    for (size_t k = 0; k < data->n_inputs; k++)
        if (data->columns[k] != k) return false;
    return data->n_inputs == snnk_table_columns(data->inputs);
}

int dataset_read(dataset *data, size_t first, size_t n, float *X) {
    const size_t width = snnk_table_columns(data->inputs);
    int st;

    if (in_file_order(data)) return snnk_table_read(data->inputs, first, n, X, width);
    st = snnk_table_read(data->inputs, first, n, data->buffer, width);
    for (size_t i = 0; st == SNNK_OK && i < n; i++)
        for (size_t k = 0; k < data->n_inputs; k++)
            X[i * data->n_inputs + k] = data->buffer[i * width + data->columns[k]];
    return st;
}

int dataset_read_targets(dataset *data, size_t first, size_t n, float *Y) {
    const size_t width = snnk_table_columns(data->targets);
    int st;

    if (data->targets != data->inputs) return snnk_table_read(data->targets, first, n, Y, width);
    st = snnk_table_read(data->targets, first, n, data->buffer, width);
    for (size_t i = 0; st == SNNK_OK && i < n; i++) Y[i] = data->buffer[i * width + data->target];
    return st;
}

const char *dataset_words(const dataset *data) {
    for (size_t k = 0; k < data->n_targets; k++)
        if (snnk_table_words(data->targets, data->target + k) > 0)
            return snnk_table_column_name(data->targets, data->target + k);
    return NULL;
}

/* The index of the first of n values that is not finite; n if all are. */
static size_t first_bad(size_t n, const float *values) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return i;
    return n;
}

static void print_bad_value(const char *command, const char *path, const snnk_table *table,
                            size_t row, size_t column, float value) {
    const char *name = snnk_table_column_name(table, column);

    if (name)
        print_error(command, "%s: row %zu, column \"%s\": %g is not a finite number", path, row + 1,
                    name, (double)value);
    else
        print_error(command, "%s: row %zu, column %zu: %g is not a finite number", path, row + 1,
                    column + 1, (double)value);
}

void print_rows_error(const char *command, const dataset *data, size_t first, size_t n,
                      const float *X, const float *Y) {
    const size_t d = data->n_inputs, l = data->n_targets;
    const size_t bad_X = first_bad(n * d, X), bad_Y = Y ? first_bad(n * l, Y) : n * l;

    if (bad_X < n * d)
        print_bad_value(command, data->path, data->inputs, first + bad_X / d,
                        data->columns[bad_X % d], X[bad_X]);
    else if (bad_Y < n * l)
        print_bad_value(command, data->targets_path, data->targets, first + bad_Y / l,
                        data->target + bad_Y % l, Y[bad_Y]);
    else
        print_error(command, "%s: rows %zu to %zu: %s", data->path, first + 1, first + n,
                    snnk_last_error());
}
