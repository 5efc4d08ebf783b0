#include "cli/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/model.h"
#include "cli/system.h"

/* Sums over rows from which the evaluation is computed. */
typedef struct sums {
    double right;
    double squared, absolute; /* of residuals, over rows and outputs */
    double *mean, *variation; /* targets of each output: running mean, sum of squared deviations */
    double *first;            /* targets of the first row */
} sums;

/* An evaluation in the making, and room for a batch of rows. */
typedef struct evaluating {
    const char *command;
    const snnk_network *network;
    const snnk_uncertainty *uncertainty; /* NULL: the network has none */
    const task *what;
    dataset *data;
    evaluation *result;
    sums sums;
    size_t targets;         /* columns of Y */
    double *X, *Y, *scores; /* BATCH_ROWS x inputs, targets and outputs */
    double *lower, *upper;  /* BATCH_ROWS x outputs. `lower` is also used for probabilities */
    uint8_t *sets;          /* BATCH_ROWS x outputs */
    int32_t labels[BATCH_ROWS];
    float weights[BATCH_ROWS];
} evaluating;

/* ---- Room ---- */

static void free_room(evaluating *e) {
    free(e->X);
    free(e->Y);
    free(e->scores);
    free(e->lower);
    free(e->upper);
    free(e->sets);
    free(e->sums.mean);
    free(e->sums.variation);
    free(e->sums.first);
}

static int make_room(evaluating *e) {
    const size_t l = e->what->outputs;

    e->targets = e->what->classification ? 1 : l;
    e->X = calloc(BATCH_ROWS, snnk_network_inputs(e->network) * sizeof *e->X);
    e->Y = calloc(BATCH_ROWS, e->targets * sizeof *e->Y);
    e->scores = calloc(BATCH_ROWS, l * sizeof *e->scores);
    e->lower = calloc(BATCH_ROWS, l * sizeof *e->lower);
    e->upper = calloc(BATCH_ROWS, l * sizeof *e->upper);
    e->sets = calloc(BATCH_ROWS, l * sizeof *e->sets);
    e->sums.mean = calloc(l, sizeof *e->sums.mean);
    e->sums.variation = calloc(l, sizeof *e->sums.variation);
    e->sums.first = calloc(l, sizeof *e->sums.first);
    if (e->what->classification) e->result->confusion = calloc(l, l * sizeof *e->result->confusion);
    if (e->X && e->Y && e->scores && e->lower && e->upper && e->sets && e->sums.mean &&
        e->sums.variation && e->sums.first && (e->result->confusion || !e->what->classification))
        return EXIT_OK;
    return failed(e->command, "out of memory");
}

/* ---- Uncertainty ---- */

/* Find which coverage to measure, and whether it is possible. */
static int choose_coverage(evaluating *e, double coverage) {
    evaluation *result = e->result;
    const snnk_uncertainty *u = e->uncertainty;
    double number;

    result->wanted_coverage = coverage > 0 ? coverage : DEFAULT_COVERAGE;
    result->coverage.size = sizeof result->coverage;
    result->calibration.size = sizeof result->calibration;
    if (!u && coverage > 0)
        return failed(
            e->command,
            "the model does not hold its uncertainty, which --coverage needs: " NO_UNCERTAINTY);
    if (!u) return EXIT_OK;
    result->has_probabilities = e->what->classification;
    result->has_coverage =
        (e->what->classification
             ? snnk_uncertainty_threshold(u, result->wanted_coverage, &number)
             : snnk_uncertainty_radius(u, 0, result->wanted_coverage, &number)) == SNNK_OK;
    return result->has_coverage || coverage == 0 ? EXIT_OK : library_failed(e->command);
}

static int add_probabilities(evaluating *e, size_t n) {
    const size_t l = e->what->outputs;
    evaluation *result = e->result;

    int st = snnk_uncertainty_probabilities(e->uncertainty, n, e->scores, l, e->lower, l);
    if (st == SNNK_OK)
        st = snnk_calibration_add(
            l, SNNK_ROWS(.n = n, .X_f64 = e->lower, .labels = e->labels, .weights = e->weights),
            &result->calibration);
    if (st != SNNK_OK || !result->has_coverage) return st;
    st =
        snnk_uncertainty_sets(e->uncertainty, result->wanted_coverage, n, e->scores, l, e->sets, l);
    if (st != SNNK_OK) return st;
    return snnk_coverage_add_sets(n, l, e->sets, l, e->labels, e->weights, &result->coverage);
}

static int add_intervals(evaluating *e, size_t n) {
    const size_t l = e->what->outputs;
    evaluation *result = e->result;

    if (!result->has_coverage) return SNNK_OK;
    const int st = snnk_uncertainty_intervals(e->uncertainty, result->wanted_coverage, n, e->scores,
                                              l, e->lower, l, e->upper, l);
    if (st != SNNK_OK) return st;
    return snnk_coverage_add_intervals(n, l, e->lower, l, e->upper, l, e->Y, l, e->weights,
                                       &result->coverage);
}

/* ---- Rows ---- */

/* Leave out the rows of weight 0. Returns how many are left. */
static size_t leave_out(evaluating *e, size_t n) {
    const size_t d = snnk_network_inputs(e->network), l = e->targets;
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (e->weights[i] == 0) continue;
        if (i > kept) {
            memcpy(e->X + kept * d, e->X + i * d, d * sizeof *e->X);
            memcpy(e->Y + kept * l, e->Y + i * l, l * sizeof *e->Y);
            e->labels[kept] = e->labels[i];
            e->weights[kept] = e->weights[i];
        }
        kept++;
    }
    return kept;
}

static int add_classes(evaluating *e, size_t n) {
    const size_t l = e->what->outputs;

    for (size_t i = 0; i < n; i++) {
        const size_t label = (size_t)e->labels[i], predicted = largest_score(l, e->scores + i * l);

        const double weight = (double)e->weights[i];

        if (predicted == label) e->sums.right += weight;
        e->result->confusion[label * l + predicted] += weight;
    }
    if (e->uncertainty && add_probabilities(e, n) != SNNK_OK) return library_failed(e->command);
    return EXIT_OK;
}

/* before: the sum of the weights of earlier rows. */
static int add_values(evaluating *e, double before, size_t n) {
    const size_t l = e->what->outputs;
    sums *s = &e->sums;

    for (size_t i = 0; i < n; i++) {
        const double weight = (double)e->weights[i];

        if (before == 0) memcpy(s->first, e->Y + i * l, l * sizeof *s->first);
        before += weight;
        for (size_t k = 0; k < l; k++) {
            const double y = e->Y[i * l + k], residual = e->scores[i * l + k] - y;
            const double delta = y - s->mean[k];

            e->result->varies |= y != s->first[k];
            s->squared += weight * residual * residual;
            s->absolute += weight * fabs(residual);
            s->mean[k] += delta * weight / before;
            s->variation[k] += weight * delta * (y - s->mean[k]);
        }
    }
    if (e->uncertainty && add_intervals(e, n) != SNNK_OK) return library_failed(e->command);
    return EXIT_OK;
}

static int add_batch(evaluating *e, size_t first, size_t n, snnk_workspace *workspace) {
    const double before = e->result->weight;
    int exit_status = EXIT_OK;

    if (dataset_read(e->data, first, n, e->X) != SNNK_OK ||
        dataset_read_targets(e->data, first, n, e->Y) != SNNK_OK ||
        dataset_read_weights(e->data, first, n, e->weights) != SNNK_OK)
        return library_failed(e->command);
    if (e->what->classification)
        exit_status = task_labels(e->command, e->what, e->data, first, n, e->Y, e->labels);
    if (exit_status != EXIT_OK) return exit_status;
    n = leave_out(e, n);
    if (n == 0) return EXIT_OK;
    for (size_t i = 0; i < n; i++) e->result->weight += (double)e->weights[i];
    e->result->rows += n;
    const double start = seconds_now();
    if (snnk_network_forward_f64(e->network, n, e->X, snnk_network_inputs(e->network), e->scores,
                                 e->what->outputs, workspace) != SNNK_OK)
        return library_failed(e->command);
    e->result->seconds += seconds_now() - start;
    return e->what->classification ? add_classes(e, n) : add_values(e, before, n);
}

/* ---- Results ---- */

double evaluation_recall(const evaluation *result, size_t outputs, size_t label) {
    const double *row = result->confusion + label * outputs;
    double all = 0;

    for (size_t k = 0; k < outputs; k++) all += row[k];
    return all > 0 ? row[label] / all : (double)NAN;
}

static void finish(evaluating *e) {
    const size_t l = e->what->outputs;
    evaluation *result = e->result;
    const double count = result->weight * (double)l;
    double variation = 0, recalls = 0, present = 0;

    for (size_t k = 0; e->what->classification && k < l; k++) {
        const double recall = evaluation_recall(result, l, k);

        if (isnan(recall)) continue;
        recalls += recall;
        present++;
    }
    for (size_t k = 0; k < l; k++) variation += e->sums.variation[k];
    result->accuracy = e->sums.right / result->weight;
    result->balanced_accuracy = recalls / present;
    result->rmse = sqrt(e->sums.squared / count);
    result->mae = e->sums.absolute / count;
    result->r2 = result->varies ? 1 - e->sums.squared / variation : (double)NAN;
}

int evaluate_coverage(const char *command, const snnk_network *network, const task *what,
                      dataset *data, double coverage, snnk_workspace *workspace, bool quiet,
                      evaluation *result) {
    evaluating e = {.command = command,
                    .network = network,
                    .uncertainty = snnk_network_uncertainty(network),
                    .what = what,
                    .data = data,
                    .result = result};

    *result = (evaluation){.weighted = data->weights != NO_COLUMN};
    int exit_status = make_room(&e);
    if (exit_status == EXIT_OK) exit_status = choose_coverage(&e, coverage);
    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        show_progress(quiet, "testing", first, data->rows);
        exit_status = add_batch(&e, first, n, workspace);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(quiet, "testing", 1, 1);
    if (exit_status == EXIT_OK) finish(&e);
    free_room(&e);
    return exit_status;
}

int evaluate(const char *command, const snnk_network *network, const task *what, dataset *data,
             snnk_workspace *workspace, bool quiet, evaluation *result) {
    return evaluate_coverage(command, network, what, data, 0, workspace, quiet, result);
}

void evaluation_print_errors(const evaluation *result) {
    printf("rmse %.6g, mae %.6g, ", result->rmse, result->mae);
    if (result->varies)
        printf("R2 %.4f on %zu rows\n", result->r2, result->rows);
    else
        printf("R2 undefined: the targets are all equal, on %zu rows\n", result->rows);
}

static void add_number(cJSON *json, const char *prefix, const char *key, double number) {
    char name[64];

    snprintf(name, sizeof name, "%s%s", prefix, key);
    cJSON_AddNumberToObject(json, name, number);
}

void evaluation_add_uncertainty(const task *what, const evaluation *result, const char *prefix,
                                cJSON *json) {
    if (result->has_probabilities) {
        add_number(json, prefix, "log_loss", result->calibration.log_loss);
        add_number(json, prefix, "brier", result->calibration.brier);
        add_number(json, prefix, "calibration_error", result->calibration.calibration_error);
    }
    if (!result->has_coverage) return;
    add_number(json, prefix, "wanted_coverage", result->wanted_coverage);
    add_number(json, prefix, "coverage", result->coverage.coverage);
    add_number(json, prefix, what->classification ? "mean_set_size" : "mean_width",
               result->coverage.mean_size);
}

void evaluation_print_uncertainty(const task *what, const evaluation *result) {
    if (result->has_probabilities)
        printf("probabilities: log loss %.4f, Brier score %.4f, calibration error %.4f\n",
               result->calibration.log_loss, result->calibration.brier,
               result->calibration.calibration_error);
    if (!result->has_coverage) return;
    if (what->classification)
        printf("sets for coverage %g: %.4f of the rows have their class in the set, mean size "
               "%.2f classes\n",
               result->wanted_coverage, result->coverage.coverage, result->coverage.mean_size);
    else
        printf("intervals for coverage %g: %.4f of the targets are inside, mean width %.6g\n",
               result->wanted_coverage, result->coverage.coverage, result->coverage.mean_size);
}
