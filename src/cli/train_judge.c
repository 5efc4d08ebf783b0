/* How the trained network predicts the rows that were held out. */
#include <math.h>
#include <stdlib.h>

#include "cli/train_session.h"

static const char command[] = "train";

/* Fewer held-out rows are too few to tell how far predictions may be off. */
enum { LEAST_ROWS = 20 };

static double weight_of(const snnk_rows *rows, size_t i) {
    return rows->weights ? (double)rows->weights[i] : 1;
}

/* weighted: by the weights of the rows, which --balance gives them too; otherwise each row counts
 * once. */
static double accuracy_of(const snnk_rows *rows, size_t l, const double *Y, bool weighted) {
    double right = 0, all = 0;

    for (size_t i = 0; i < rows->n; i++) {
        const bool is_right = largest_score(l, Y + i * l) == (size_t)rows->labels[i];

        const double weight = weighted ? weight_of(rows, i) : 1;

        all += weight;
        right += is_right ? weight : 0;
    }
    return right / all;
}

/* Scores and targets in the units of the data. */
static void unscale(const column_scaling *targets, size_t n, size_t l, double *Y) {
    for (size_t i = 0; targets->mean && i < n * l; i++)
        Y[i] = Y[i] / targets->scale[i % l] + targets->mean[i % l];
}

/* As snnk eval computes them. */
static void score_numbers(const snnk_rows *rows, size_t l, const double *Y, const double *T,
                          train_judgement *judged) {
    double squares = 0, variation = 0, all = 0;

    for (size_t k = 0; k < l; k++) {
        double mean = 0, weight = 0;

        for (size_t i = 0; i < rows->n; i++) {
            const double w = weight_of(rows, i), t = T[i * l + k], delta = t - mean;

            weight += w;
            mean += delta * w / weight;
            variation += w * delta * (t - mean);
            squares += w * (Y[i * l + k] - t) * (Y[i * l + k] - t);
        }
        all += weight;
    }
    judged->rmse = sqrt(squares / all);
    judged->r2 = variation > 0 ? 1 - squares / variation : (double)NAN;
}

/* Create the uncertainty: not of a model that was trained further, which may have learned from
 * these rows before. */
static int create_uncertainty(const train_session *s, const snnk_rows *rows, const double *Y,
                              const double *T, snnk_uncertainty **uncertainty) {
    const size_t l = s->task.outputs;

    if (s->model || rows->n < LEAST_ROWS || (s->task.classification && l < 2)) return SNNK_OK;
    return snnk_uncertainty_create(l,
                                   SNNK_ROWS(.n = rows->n, .inputs = l, .X_f64 = Y, .Y_f64 = T,
                                             .labels = rows->labels, .weights = rows->weights,
                                             .groups = rows->groups),
                                   NULL, uncertainty);
}

int train_judge_start(train_session *s) {
    const snnk_rows rows = train_rows_heldout(&s->rows);
    double *Y;
    int exit_status;

    s->first_accuracy = s->first_plain_accuracy = NAN;
    if (!s->task.classification || rows.n == 0) return EXIT_OK;
    Y = calloc(rows.n, s->task.outputs * sizeof *Y);
    exit_status = Y ? train_rows_outputs(&s->rows, s->start, s->workspace, Y)
                    : failed(command, "out of memory");
    if (exit_status == EXIT_OK) {
        s->first_accuracy = accuracy_of(&rows, s->task.outputs, Y, true);
        s->first_plain_accuracy = accuracy_of(&rows, s->task.outputs, Y, false);
    }
    free(Y);
    return exit_status;
}

int train_judge(train_session *s, const snnk_network *trained) {
    const snnk_rows rows = train_rows_heldout(&s->rows);
    const size_t l = s->task.outputs, n = rows.n;
    double *Y = calloc(n + 1, l * sizeof *Y), *T = NULL;
    int exit_status = EXIT_OK;

    s->heldout = (train_judgement){.accuracy = NAN, .plain_accuracy = NAN, .r2 = NAN, .rmse = NAN};
    if (!s->task.classification) T = calloc(n + 1, l * sizeof *T);
    if (!Y || (!T && !s->task.classification))
        exit_status = failed(command, "out of memory");
    else if (n > 0)
        exit_status = train_rows_outputs(&s->rows, trained, s->workspace, Y);
    if (exit_status == EXIT_OK && n > 0) {
        for (size_t i = 0; T && i < n * l; i++) T[i] = rows.Y_f64[i];
        unscale(&s->rows.targets, n, l, Y);
        if (T) unscale(&s->rows.targets, n, l, T);
        if (T) {
            score_numbers(&rows, l, Y, T, &s->heldout);
        } else {
            s->heldout.accuracy = accuracy_of(&rows, l, Y, true);
            s->heldout.plain_accuracy = accuracy_of(&rows, l, Y, false);
        }
        if (create_uncertainty(s, &rows, Y, T, &s->heldout.uncertainty) != SNNK_OK)
            exit_status = library_failed(command);
    }
    free(Y);
    free(T);
    return exit_status;
}

bool train_is_unchanged(const train_session *s) {
    return s->model && s->rows.n_heldout > 0 && s->report.best_epoch == 0 && !s->report.solved;
}
