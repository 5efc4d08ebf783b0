#include "cli/comparison.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/system.h"

int comparison_check(const char *command, const model_use *use) {
    if (use->save || use->files.table || use->files.inputs) return EXIT_OK;
    return wrong_usage(command, "--save FILE or --test FILE is missing");
}

static int open_rows(const char *command, model_use *use) {
    data_files files = use->files;
    int exit_status;

    if (!files.table && !files.inputs) {
        if (!files.separator && !files.decimal && !files.no_header) return EXIT_OK;
        return wrong_usage(command, "--separator, --decimal and --no-header are for --test");
    }
    if (files.table && files.inputs)
        return wrong_usage(command, "use only one of --test and --test-inputs");
    if (files.table) files.inputs = files.table;
    files.table = NULL;
    if (same_file(use->save, files.inputs))
        return wrong_usage(command, "--save %s would overwrite an input", use->save);
    exit_status = dataset_open(command, &files, snnk_network_note(use->network, "columns"),
                               snnk_network_encoder(use->network), &use->data);
    if (exit_status != EXIT_OK) return exit_status;
    if (use->data.n_inputs != snnk_network_inputs(use->network))
        return failed(command, "%s has %zu input columns, but the model has %zu inputs%s",
                      files.inputs, use->data.n_inputs, snnk_network_inputs(use->network),
                      dataset_flattened(&use->data));
    if (use->data.rows == 0) return failed(command, "%s has no rows", files.inputs);
    return EXIT_OK;
}

int comparison_open(const char *command, model_use *use) {
    int exit_status = use->save ? check_save(command, use->save) : EXIT_OK;

    if (exit_status == EXIT_OK) exit_status = model_open(command, use);
    return exit_status == EXIT_OK ? open_rows(command, use) : exit_status;
}

typedef struct sums {
    double differences2, squares, largest;
    size_t same_class;
} sums;

static void add_rows(size_t n, size_t l, const double *Y, const double *Z, sums *s) {
    for (size_t k = 0; k < n * l; k++) {
        const double difference = Z[k] - Y[k];

        s->differences2 += difference * difference;
        s->squares += Y[k] * Y[k];
        s->largest = fmax(s->largest, fabs(difference));
    }
    for (size_t i = 0; i < n; i++)
        s->same_class += largest_score(l, Y + i * l) == largest_score(l, Z + i * l);
}

/* Add up all rows. X, Y, Z: room for BATCH_ROWS rows of inputs and outputs. */
static int compare(const char *command, model_use *use, const snnk_network *changed, double *X,
                   double *Y, double *Z, sums *s) {
    const size_t d = snnk_network_inputs(use->network), l = snnk_network_outputs(use->network);
    const size_t rows = use->data.rows;
    int exit_status = EXIT_OK;

    for (size_t first = 0; exit_status == EXIT_OK && first < rows; first += BATCH_ROWS) {
        const size_t n = rows - first < BATCH_ROWS ? rows - first : BATCH_ROWS;

        show_progress(use->quiet, "comparing", first, rows);
        if (dataset_read(&use->data, first, n, X) != SNNK_OK ||
            snnk_network_forward_f64(use->network, n, X, d, Y, l, use->workspace) != SNNK_OK ||
            snnk_network_forward_f64(changed, n, X, d, Z, l, use->workspace) != SNNK_OK)
            exit_status = library_failed(command);
        else if (interrupted)
            exit_status = EXIT_CANCELLED;
        else
            add_rows(n, l, Y, Z, s);
    }
    show_progress(use->quiet, "comparing", 1, 1);
    return exit_status;
}

static int compare_all(const char *command, model_use *use, const snnk_network *changed,
                       comparison *result) {
    const size_t d = snnk_network_inputs(use->network), l = snnk_network_outputs(use->network);
    double *X, *Y, *Z;
    sums s = {0};
    int exit_status;

    *result = (comparison){0};
    if (use->data.rows == 0) return EXIT_OK;
    X = calloc(BATCH_ROWS, d * sizeof *X);
    Y = calloc(BATCH_ROWS, l * sizeof *Y);
    Z = calloc(BATCH_ROWS, l * sizeof *Z);
    exit_status = X && Y && Z ? compare(command, use, changed, X, Y, Z, &s)
                              : failed(command, "out of memory");
    free(X);
    free(Y);
    free(Z);
    if (exit_status != EXIT_OK) return exit_status;
    dataset_print_gaps(command, &use->data);
    result->rows = use->data.rows;
    result->rms = sqrt(s.squares / ((double)result->rows * (double)l));
    result->relative_error = s.differences2 == 0 ? 0 : sqrt(s.differences2 / s.squares);
    result->largest_error = s.largest == 0 ? 0 : s.largest / result->rms;
    result->same_class = s.same_class;
    return EXIT_OK;
}

int comparison_run(const char *command, model_use *use, const snnk_network *changed,
                   comparison *result) {
    const int exit_status = compare_all(command, use, changed, result);

    if (exit_status != EXIT_OK) return exit_status;
    if (interrupted) return EXIT_CANCELLED;
    if (!use->save ||
        snnk_network_save(changed, use->save, model_projection(use->network, use->path)) == SNNK_OK)
        return EXIT_OK;
    return library_failed(command);
}

void comparison_print(const model_use *use, const comparison *result) {
    if (result->rows == 0) return;
    printf("on %zu rows    outputs differ by %.3g of their root mean square, at most by %.3g\n",
           result->rows, result->relative_error, result->largest_error);
    if (use->task.classification)
        printf("               %zu of %zu rows (%.2f %%) are predicted as the same class\n",
               result->same_class, result->rows,
               100 * (double)result->same_class / (double)result->rows);
}

void comparison_add_json(const model_use *use, const comparison *result, cJSON *json) {
    if (result->rows == 0) return;
    cJSON_AddNumberToObject(json, "rows", (double)result->rows);
    cJSON_AddNumberToObject(json, "relative_error", result->relative_error);
    cJSON_AddNumberToObject(json, "largest_error", result->largest_error);
    cJSON_AddNumberToObject(json, "rms", result->rms);
    if (use->task.classification)
        cJSON_AddNumberToObject(json, "same_class",
                                (double)result->same_class / (double)result->rows);
}
