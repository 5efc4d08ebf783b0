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

/* Allocate an array of n rows; NULL too if its size overflows. */
static void *alloc_rows(size_t n, size_t columns, size_t bytes) {
    return columns > SIZE_MAX / bytes ? NULL : calloc(n + 1, columns * bytes);
}

bool all_rows_create(const snnk_rows *batch, size_t targets, size_t n, all_rows *rows) {
    const size_t d = batch->inputs;

    *rows = (all_rows){.inputs = d, .targets = targets};
    if (batch->X) rows->X = alloc_rows(n, d, sizeof *rows->X);
    if (batch->X_f64) rows->X_f64 = alloc_rows(n, d, sizeof *rows->X_f64);
    if (batch->labels) rows->labels = alloc_rows(n, 1, sizeof *rows->labels);
    if (batch->Y_f64) rows->Y = alloc_rows(n, targets, sizeof *rows->Y);
    if (batch->weights) rows->weights = alloc_rows(n, 1, sizeof *rows->weights);
    if (batch->groups) rows->groups = alloc_rows(n, 1, sizeof *rows->groups);
    return (rows->X || rows->X_f64) && (rows->labels || rows->Y) &&
           (rows->weights || !batch->weights) && (rows->groups || !batch->groups);
}

static void append(void *array, size_t at, const void *values, size_t i, size_t bytes) {
    if (array) memcpy((char *)array + at * bytes, (const char *)values + i * bytes, bytes);
}

void all_rows_append(const snnk_rows *batch, size_t i, all_rows *rows) {
    const size_t at = rows->n++, d = rows->inputs;

    if (rows->X && batch->X_f64)
        for (size_t j = 0; j < d; j++) rows->X[at * d + j] = (float)batch->X_f64[i * d + j];
    else
        append(rows->X, at, batch->X, i, d * sizeof *rows->X);
    append(rows->X_f64, at, batch->X_f64, i, d * sizeof *rows->X_f64);
    append(rows->Y, at, batch->Y_f64, i, rows->targets * sizeof *rows->Y);
    append(rows->labels, at, batch->labels, i, sizeof *rows->labels);
    append(rows->weights, at, batch->weights, i, sizeof *rows->weights);
    append(rows->groups, at, batch->groups, i, sizeof *rows->groups);
}

int all_rows_read(const char *command, const task *what, dataset *data, bool quiet,
                  training_rows *batch, all_rows *rows, bool *memory) {
    int exit_status = EXIT_OK;

    *memory = true;
    *rows = (all_rows){.n = 0};
    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t left = data->rows - first, n = left < BATCH_ROWS ? left : BATCH_ROWS;

        show_progress(quiet, "reading", first, data->rows);
        exit_status = training_rows_read(command, what, data, first, n, batch);
        if (exit_status == EXIT_OK && first == 0)
            *memory = all_rows_create(&batch->rows, what->classification ? 0 : data->n_targets,
                                      data->rows, rows);
        if (!*memory) break;
        for (size_t i = 0; exit_status == EXIT_OK && i < batch->rows.n; i++)
            all_rows_append(&batch->rows, i, rows);
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
