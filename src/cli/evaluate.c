#include "cli/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/system.h"

/* Sums over rows from which the evaluation is computed. */
typedef struct sums {
    size_t right;
    double squared, absolute; /* of residuals, over rows and outputs */
    double *mean, *variation; /* targets of each output: running mean, sum of squared deviations */
} sums;

static int add_batch(const char *command, const task *what, const dataset *data, size_t first,
                     size_t n, const double *scores, const double *Y, evaluation *result, sums *s) {
    const size_t l = what->outputs;
    int32_t labels[BATCH_ROWS];
    int exit_status = EXIT_OK;

    if (what->classification) {
        if ((exit_status = task_labels(command, what, data, n, Y, labels)) != EXIT_OK)
            return exit_status;
        for (size_t i = 0; i < n; i++) {
            const size_t predicted = largest_score(l, scores + i * l);

            s->right += predicted == (size_t)labels[i];
            result->confusion[(size_t)labels[i] * l + predicted]++;
        }
        return EXIT_OK;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < l; k++) {
            const double y = Y[i * l + k], residual = scores[i * l + k] - y;
            const double delta = y - s->mean[k];

            s->squared += residual * residual;
            s->absolute += fabs(residual);
            s->mean[k] += delta / (double)(first + i + 1);
            s->variation[k] += delta * (y - s->mean[k]);
        }
    return EXIT_OK;
}

static void finish(const task *what, const sums *s, evaluation *result) {
    const double count = (double)result->rows * (double)what->outputs;
    double variation = 0;

    for (size_t k = 0; k < what->outputs; k++) variation += s->variation[k];
    result->accuracy = (double)s->right / (double)result->rows;
    result->rmse = sqrt(s->squared / count);
    result->mae = s->absolute / count;
    result->r2 = 1 - s->squared / variation;
}

int evaluate(const char *command, const snnk_network *network, const task *what, dataset *data,
             snnk_workspace *workspace, bool quiet, evaluation *result) {
    const size_t d = snnk_network_inputs(network), l = what->outputs;
    const size_t targets = what->classification ? 1 : l;
    int exit_status = EXIT_OK;

    *result = (evaluation){.rows = data->rows};
    double *X = calloc(BATCH_ROWS, d * sizeof *X), *Y = calloc(BATCH_ROWS, targets * sizeof *Y);
    double *scores = calloc(BATCH_ROWS, l * sizeof *scores);
    sums s = {.mean = calloc(l, sizeof(double)), .variation = calloc(l, sizeof(double))};
    result->confusion = calloc(l, l * sizeof *result->confusion);
    if (!X || !Y || !scores || !s.mean || !s.variation || !result->confusion)
        exit_status = failed(command, "out of memory");
    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        show_progress(quiet, "testing", first, data->rows);
        if (dataset_read(data, first, n, X) != SNNK_OK ||
            dataset_read_targets(data, first, n, Y) != SNNK_OK) {
            exit_status = library_failed(command);
            break;
        }
        const double start = seconds_now();
        if (snnk_network_forward_f64(network, n, X, d, scores, l, workspace) != SNNK_OK) {
            exit_status = library_failed(command);
            break;
        }
        result->seconds += seconds_now() - start;
        exit_status = add_batch(command, what, data, first, n, scores, Y, result, &s);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(quiet, "testing", 1, 1);
    if (exit_status == EXIT_OK) finish(what, &s, result);
    free(s.variation);
    free(s.mean);
    free(scores);
    free(Y);
    free(X);
    return exit_status;
}
