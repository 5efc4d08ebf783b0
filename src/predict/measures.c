/* Probabilities, intervals and sets compared with the truth: running means over rows. */
#include <float.h>
#include <math.h>

#include <snnk/uncertainty.h>

#include "base/rows.h"
#include "base/status.h"

#define CALIBRATION_MINIMUM sizeof(snnk_calibration)
#define COVERAGE_MINIMUM    sizeof(snnk_coverage)

/* A mean over rows of the total weight `weight`, one of which has `row_weight` and this value. */
static double mean_with(double mean, double weight, double row_weight, double value) {
    return mean + row_weight / weight * (value - mean);
}

/* ---- Calibration ---- */

static int check_probabilities(size_t classes, const snnk_rows *rows) {
    for (size_t i = 0; i < rows->n; i++)
        for (size_t k = 0; k < classes; k++) {
            const double p = snnk__rows_input(rows, i, k);

            if (!(p >= 0 && p <= 1 + 1e-6)) /* 1e-6: rounding of float */
                return snnk__fail(SNNK_E_RANGE,
                                  "the probability in row %zu, column %zu, is %g, not in 0 ... 1",
                                  i, k, p);
        }
    return SNNK_OK;
}

static void add_to_bin(snnk_calibration *sums, double confidence, bool right, double weight) {
    const double place = ceil(fmin(confidence, 1) * SNNK_CALIBRATION_BINS) - 1;
    const size_t bin = place > 0 ? (size_t)place : 0;

    sums->bin_weight[bin] += weight;
    sums->bin_confidence[bin] =
        mean_with(sums->bin_confidence[bin], sums->bin_weight[bin], weight, confidence);
    sums->bin_accuracy[bin] =
        mean_with(sums->bin_accuracy[bin], sums->bin_weight[bin], weight, right);
}

static void add_probabilities(snnk_calibration *sums, size_t classes, const snnk_rows *rows,
                              size_t i) {
    const double weight = rows->weights ? (double)rows->weights[i] : 1;
    const size_t label = (size_t)rows->labels[i];
    double squares = 0, confidence = -1;
    size_t best = 0;

    for (size_t k = 0; k < classes; k++) {
        const double p = snnk__rows_input(rows, i, k), off = p - (k == label);

        squares += off * off;
        if (p > confidence) {
            confidence = p;
            best = k;
        }
    }
    const double p = fmin(fmax(snnk__rows_input(rows, i, label), DBL_EPSILON), 1);
    sums->rows++;
    sums->weight += weight;
    sums->log_loss = mean_with(sums->log_loss, sums->weight, weight, -log(p));
    sums->brier = mean_with(sums->brier, sums->weight, weight, squares);
    sums->accuracy = mean_with(sums->accuracy, sums->weight, weight, best == label);
    add_to_bin(sums, confidence, best == label, weight);
}

int snnk_calibration_add(size_t classes, const snnk_rows *rows, snnk_calibration *calibration) {
    snnk_calibration sums = {0};
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(calibration, "calibration")) != SNNK_OK) return st;
    st = snnk__config_read(&sums, sizeof sums, CALIBRATION_MINIMUM, calibration, "calibration");
    if (st != SNNK_OK) return st;
    if (classes == 0) return snnk__fail(SNNK_E_SHAPE, "classes = 0");
    if ((st = snnk__rows_read(rows, classes, classes, true, &read)) != SNNK_OK) return st;
    if (read.n > 0 && !read.labels)
        return snnk__fail(SNNK_E_NULL, "labels is NULL: they are the right classes");
    if ((st = check_probabilities(classes, &read)) != SNNK_OK) return st;
    for (size_t i = 0; i < read.n; i++) add_probabilities(&sums, classes, &read, i);
    sums.calibration_error = 0;
    for (size_t k = 0; k < SNNK_CALIBRATION_BINS && sums.weight > 0; k++)
        sums.calibration_error +=
            sums.bin_weight[k] / sums.weight * fabs(sums.bin_accuracy[k] - sums.bin_confidence[k]);
    return snnk__config_write(calibration, &sums, sizeof sums, CALIBRATION_MINIMUM, "calibration");
}

/* ---- Coverage ---- */

/* Check what both functions share, and copy the caller's struct. */
static int begin(size_t n, size_t l, const float *weights, const snnk_coverage *coverage,
                 snnk_coverage *sums) {
    int st;

    if ((st = snnk__check_pointer(coverage, "coverage")) != SNNK_OK) return st;
    st = snnk__config_read(sums, sizeof *sums, COVERAGE_MINIMUM, coverage, "coverage");
    if (st != SNNK_OK) return st;
    if (l == 0) return snnk__fail(SNNK_E_SHAPE, "l = 0");
    return snnk__check_weights(n, weights);
}

/* Add a row, of whose targets the share `inside` is covered. */
static void add_row(snnk_coverage *sums, double weight, double inside, double size) {
    sums->rows++;
    sums->weight += weight;
    sums->coverage = mean_with(sums->coverage, sums->weight, weight, inside);
    if (!isinf(sums->mean_size)) /* else it stays infinite */
        sums->mean_size =
            isinf(size) ? size : mean_with(sums->mean_size, sums->weight, weight, size);
}

int snnk_coverage_add_intervals(size_t n, size_t l, const double *lower, size_t ldl,
                                const double *upper, size_t ldu, const double *Y, size_t ldy,
                                const float *weights, snnk_coverage *coverage) {
    snnk_coverage sums = {0};
    int st;

    if ((st = begin(n, l, weights, coverage, &sums)) != SNNK_OK) return st;
    st = snnk__check_matrix(lower, "lower", n, l, ldl, sizeof *lower);
    if (st != SNNK_OK) return st;
    st = snnk__check_matrix(upper, "upper", n, l, ldu, sizeof *upper);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_matrix(Y, "Y", n, l, ldy, sizeof *Y)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        double inside = 0, width = 0;

        for (size_t k = 0; k < l; k++) {
            const double y = Y[i * ldy + k];

            inside += y >= lower[i * ldl + k] && y <= upper[i * ldu + k];
            width += upper[i * ldu + k] - lower[i * ldl + k];
        }
        add_row(&sums, weights ? (double)weights[i] : 1, inside / (double)l, width / (double)l);
    }
    return snnk__config_write(coverage, &sums, sizeof sums, COVERAGE_MINIMUM, "coverage");
}

int snnk_coverage_add_sets(size_t n, size_t l, const uint8_t *sets, size_t ld,
                           const int32_t *labels, const float *weights, snnk_coverage *coverage) {
    snnk_coverage sums = {0};
    int st;

    if ((st = begin(n, l, weights, coverage, &sums)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(sets, "sets", n, l, ld, sizeof *sets)) != SNNK_OK) return st;
    if ((st = snnk__check_labels(n, labels, l)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        double members = 0;

        for (size_t k = 0; k < l; k++) members += sets[i * ld + k] != 0;
        add_row(&sums, weights ? (double)weights[i] : 1,
                sets[i * ld + (size_t)labels[i]] != 0 ? 1 : 0, members);
    }
    return snnk__config_write(coverage, &sums, sizeof sums, COVERAGE_MINIMUM, "coverage");
}
