#include "cli/training_rows.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/columns.h"
#include "cli/console.h"
#include "cli/row_copies.h"

int training_rows_create(const char *command, const dataset *data, training_rows **rows) {
    training_rows *made = calloc(1, sizeof *made);

    *rows = made;
    if (!made) return failed(command, "out of memory");
    made->X = calloc(BATCH_ROWS, data->n_inputs * sizeof *made->X);
    made->Y = calloc(BATCH_ROWS, (data->n_targets + 1) * sizeof *made->Y);
    return made->X && made->Y ? EXIT_OK : failed(command, "out of memory");
}

void training_rows_free(training_rows *rows) {
    if (!rows) return;
    free(rows->X);
    free(rows->Y);
    free(rows);
}

/* Move row i of an array of rows to row k <= i. */
static void move_row(void *rows, size_t bytes, size_t i, size_t k) {
    if (i != k) memcpy((char *)rows + k * bytes, (char *)rows + i * bytes, bytes);
}

/* Leave out the rows of weight 0. */
static void leave_out(const dataset *data, training_rows *t) {
    const size_t of_x = t->rows.X ? sizeof(float) : sizeof(double);
    size_t kept = 0;

    for (size_t i = 0; i < t->rows.n; i++) {
        if (t->weights[i] == 0) continue;
        move_row(t->X, data->n_inputs * of_x, i, kept);
        move_row(t->Y, data->n_targets * sizeof *t->Y, i, kept);
        move_row(t->labels, sizeof *t->labels, i, kept);
        move_row(t->groups, sizeof *t->groups, i, kept);
        move_row(t->numbers, sizeof *t->numbers, i, kept);
        t->weights[kept++] = t->weights[i];
    }
    t->rows.n = kept;
}

/* The name of an input, or its number. */
static void name_input(const dataset *data, size_t k, char *name, size_t bytes) {
    char number[32];

    if (!data->encoder)
        snprintf(name, bytes, "%s", column_name(data->inputs, data->columns[k], number));
    else if (snnk_encoder_output_name(data->encoder, k, name, bytes, NULL) != SNNK_OK)
        snprintf(name, bytes, "%zu", k + 1);
}

/* Refuse a number that a float cannot hold, in rows that count: values are n x width.
 *   targets  whether these are targets, or inputs */
static int check_floats(const char *command, const dataset *data, const training_rows *t,
                        size_t first, size_t width, const double *values, bool targets) {
    char name[96], number[32];

    for (size_t i = 0; i < t->rows.n * width; i++) {
        if (fabs(values[i]) <= (double)FLT_MAX) continue;
        if (t->rows.weights && t->weights[i / width] == 0) continue;
        if (targets)
            snprintf(name, sizeof name, "%s",
                     column_name(data->targets, data->target + i % width, number));
        else
            name_input(data, i % width, name, sizeof name);
        return failed(command,
                      "%s: row %zu, column \"%s\": %g is larger than 3.4e38, the limit: scale the "
                      "column, or remove the row",
                      targets ? data->targets_path : data->path, first + i / width + 1, name,
                      values[i]);
    }
    return EXIT_OK;
}

/* Read all but targets; rows of weight 0 are still there. */
static int read_batch(const char *command, dataset *data, size_t first, size_t n,
                      training_rows *to) {
    if (dataset_read_rows(data, first, n, to->X, &to->rows) != SNNK_OK ||
        dataset_read_weights(data, first, n, to->weights) != SNNK_OK)
        return library_failed(command);
    if (data->group != NO_COLUMN && dataset_read_groups(data, first, n, to->groups) != SNNK_OK)
        return library_failed(command);
    for (size_t i = 0; i < n; i++) to->numbers[i] = first + i;
    if (data->weights != NO_COLUMN) to->rows.weights = to->weights;
    if (data->group == NO_COLUMN && data->copies)
        memcpy(to->groups, data->copies->groups, n * sizeof *to->groups);
    if (data->group != NO_COLUMN || data->copies) to->rows.groups = to->groups;
    if (to->rows.X) return EXIT_OK;
    return check_floats(command, data, to, first, data->n_inputs, to->rows.X_f64, false);
}

int training_rows_read_inputs(const char *command, dataset *data, size_t first, size_t n,
                              training_rows *to) {
    const int exit_status = read_batch(command, data, first, n, to);

    if (exit_status == EXIT_OK && dataset_leaves_out(data)) leave_out(data, to);
    return exit_status;
}

int training_rows_read(const char *command, const task *what, dataset *data, size_t first, size_t n,
                       training_rows *to) {
    int exit_status = read_batch(command, data, first, n, to);

    if (exit_status != EXIT_OK) return exit_status;
    if (dataset_read_targets(data, first, n, to->Y) != SNNK_OK) return library_failed(command);
    if (what->classification) {
        exit_status = task_labels(command, what, data, first, n, to->Y, to->labels);
        if (exit_status != EXIT_OK) return exit_status;
        task_weigh(what, n, to->labels, to->weights);
        to->rows.labels = to->labels;
        if (what->class_weights) to->rows.weights = to->weights;
    } else {
        to->rows.Y_f64 = to->Y;
        exit_status = check_floats(command, data, to, first, data->n_targets, to->Y, true);
        if (exit_status != EXIT_OK) return exit_status;
    }
    if (to->rows.weights || dataset_leaves_out(data)) leave_out(data, to);
    return EXIT_OK;
}

int training_rows_variance(const char *command, dataset *data, training_rows *batch,
                           double *variance) {
    const size_t l = data->n_targets;
    double *Y = batch->Y, *mean = calloc(l, sizeof *mean), sum = 0;

    if (!mean) return failed(command, "out of memory");
    for (size_t first = 0; first < data->rows; first += BATCH_ROWS) {
        const size_t left = data->rows - first, n = left < BATCH_ROWS ? left : BATCH_ROWS;

        if (dataset_read_targets(data, first, n, Y) != SNNK_OK) {
            free(mean);
            return library_failed(command);
        }
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < l; k++) {
                const double delta = Y[i * l + k] - mean[k];

                mean[k] += delta / (double)(first + i + 1);
                sum += delta * (Y[i * l + k] - mean[k]);
            }
    }
    free(mean);
    *variance = sum > 0 ? sum / (double)data->rows : 1;
    return EXIT_OK;
}
