#include "cli/all_rows.h"

#include <stdlib.h>
#include <string.h>

#include "cli/console.h"

void all_rows_free(all_rows *rows) {
    free(rows->X);
    free(rows->X_f64);
    free(rows->Y);
    free(rows->labels);
    free(rows->weights);
    free(rows->groups);
    *rows = (all_rows){.n = 0};
}

/* Allocate the arrays that a batch has, for n rows. */
static bool make_room(const snnk_rows *batch, size_t n, all_rows *rows) {
    const size_t d = rows->inputs, l = rows->targets;

    if (batch->X) rows->X = calloc(n, d * sizeof *rows->X);
    if (batch->X_f64) rows->X_f64 = calloc(n, d * sizeof *rows->X_f64);
    if (batch->labels) rows->labels = calloc(n, sizeof *rows->labels);
    if (batch->Y_f64) rows->Y = calloc(n, l * sizeof *rows->Y);
    if (batch->weights) rows->weights = calloc(n, sizeof *rows->weights);
    if (batch->groups) rows->groups = calloc(n, sizeof *rows->groups);
    return (rows->X || rows->X_f64) && (rows->labels || rows->Y) &&
           (rows->weights || !batch->weights) && (rows->groups || !batch->groups);
}

static void append(void *array, const void *values, size_t at, size_t n, size_t bytes) {
    if (array) memcpy((char *)array + at * bytes, values, n * bytes);
}

static void append_batch(const snnk_rows *batch, all_rows *rows) {
    const size_t at = rows->n, n = batch->n, d = rows->inputs;

    append(rows->X, batch->X, at, n, d * sizeof *rows->X);
    append(rows->X_f64, batch->X_f64, at, n, d * sizeof *rows->X_f64);
    append(rows->Y, batch->Y_f64, at, n, rows->targets * sizeof *rows->Y);
    append(rows->labels, batch->labels, at, n, sizeof *rows->labels);
    append(rows->weights, batch->weights, at, n, sizeof *rows->weights);
    append(rows->groups, batch->groups, at, n, sizeof *rows->groups);
    rows->n += n;
}

int all_rows_read(const char *command, const task *what, dataset *data, bool quiet,
                  training_rows *batch, all_rows *rows, bool *memory) {
    int exit_status = EXIT_OK;

    *memory = true;
    *rows =
        (all_rows){.inputs = data->n_inputs, .targets = what->classification ? 0 : data->n_targets};
    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t left = data->rows - first, n = left < BATCH_ROWS ? left : BATCH_ROWS;

        show_progress(quiet, "reading", first, data->rows);
        exit_status = training_rows_read(command, what, data, first, n, batch);
        if (exit_status == EXIT_OK && first == 0)
            *memory = make_room(&batch->rows, data->rows, rows);
        if (!*memory) break;
        if (exit_status == EXIT_OK) append_batch(&batch->rows, rows);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(quiet, "reading", 1, 1);
    return exit_status;
}

snnk_rows all_rows_part(const all_rows *rows, size_t first, size_t n) {
    const size_t d = rows->inputs, l = rows->targets;

    return *SNNK_ROWS(.n = n, .inputs = d, .X = rows->X ? rows->X + first * d : NULL,
                      .X_f64 = rows->X_f64 ? rows->X_f64 + first * d : NULL,
                      .Y_f64 = rows->Y ? rows->Y + first * l : NULL,
                      .labels = rows->labels ? rows->labels + first : NULL,
                      .weights = rows->weights ? rows->weights + first : NULL,
                      .groups = rows->groups ? rows->groups + first : NULL);
}
