#include "cli/compress_rows.h"

#include <stdlib.h>

#include "cli/console.h"

static const char command[] = "compress";

int compress_rows_open(const data_files *files, const char *path, compress_rows *rows) {
    const data_files only = {.inputs = path,
                             .separator = files->separator,
                             .decimal = files->decimal,
                             .no_header = files->no_header};
    const int exit_status = dataset_open(command, &only, NULL, NULL, &rows->data);
    const size_t n_dims = snnk_table_dims(rows->data.inputs);

    rows->tokens = 1;
    if (exit_status != EXIT_OK) return exit_status;
    if (n_dims > 2) rows->last_dim = snnk_table_dim(rows->data.inputs, n_dims - 1);
    if (rows->data.rows == 0) return failed(command, "%s has no rows", path);
    return EXIT_OK;
}

static bool is_csv(const compress_rows *rows) {
    return rows && rows->data.inputs && snnk_table_column_name(rows->data.inputs, 0);
}

int compress_rows_check_csv(const data_files *files, const compress_rows *a,
                            const compress_rows *b) {
    if (is_csv(a) || is_csv(b)) return EXIT_OK;
    if (!files->separator && !files->decimal && !files->no_header) return EXIT_OK;
    return wrong_usage(command, "%s is not CSV: --separator, --decimal and --no-header are for CSV",
                       a->data.path);
}

int compress_rows_read(bool quiet, size_t d, compress_rows *rows) {
    dataset *data = &rows->data;
    int exit_status = EXIT_OK;

    rows->d = d;
    rows->tokens = data->n_inputs / d;
    if (data->rows > SIZE_MAX / sizeof *rows->X / data->n_inputs)
        return failed(command, "out of memory for the rows of %s", data->path);
    rows->n = data->rows * rows->tokens;
    rows->X = malloc(data->rows * data->n_inputs * sizeof *rows->X);
    if (!rows->X) return failed(command, "out of memory for the rows of %s", data->path);
    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        show_progress(quiet, "reading", first, data->rows);
        if (dataset_read_floats(data, first, n, rows->X + first * data->n_inputs) != SNNK_OK)
            exit_status = library_failed(command);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(quiet, "reading", 1, 1);
    return exit_status;
}

void compress_rows_free(compress_rows *rows) {
    dataset_close(&rows->data);
    free(rows->X);
    rows->X = NULL;
}
