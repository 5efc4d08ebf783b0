#include "predict/uncertainty.h"

#include <math.h>
#include <stdlib.h>

#include "base/overlap.h"
#include "base/rows.h"
#include "base/size.h"
#include "predict/parts.h"
#include "predict/softmax.h"
#include "solve/conformal.h"

static const snnk_uncertainty_config defaults = {
    .size = sizeof(snnk_uncertainty_config), .most_errors = 1024, .most_biases = 64};

#define CONFIG_MINIMUM sizeof(snnk_uncertainty_config)

const char *snnk_uncertainty_kind_name(int32_t kind) {
    static const char *const names[] = {"regression", "classification"};

    return kind >= 0 && kind < 2 ? names[kind] : NULL;
}

int snnk_uncertainty_config_init(snnk_uncertainty_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "uncertainty config");
}

/* ---- Ownership ---- */

int snnk__uncertainty_make(bool classification, size_t outputs, uint64_t rows, size_t n_errors,
                           const snnk_allocator *allocator, snnk_uncertainty **uncertainty) {
    snnk_uncertainty *made = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(classification ? 1 : outputs, n_errors, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu errors of %zu outputs overflow a size", n_errors,
                          outputs);
    st = snnk__alloc_zero(allocator, 1, sizeof *made, "an uncertainty", &made);
    if (st != SNNK_OK) return st;
    made->allocator = *allocator;
    atomic_init(&made->references, 1);
    made->classification = classification;
    made->outputs = outputs;
    made->rows = rows;
    made->n_errors = n_errors;
    st = snnk__alloc(allocator, count, sizeof *made->errors, "errors", &made->errors);
    if (st == SNNK_OK && classification)
        st = snnk__alloc(allocator, outputs, sizeof *made->biases, "biases", &made->biases);
    if (st != SNNK_OK)
        snnk_uncertainty_free(made);
    else
        *uncertainty = made;
    return st;
}

snnk_uncertainty *snnk_uncertainty_retain(const snnk_uncertainty *uncertainty) {
    snnk_uncertainty *shared = (snnk_uncertainty *)uncertainty; /* the count is no part of the
                                                                 * value */
    if (shared) atomic_fetch_add(&shared->references, 1);
    return shared;
}

void snnk_uncertainty_free(snnk_uncertainty *uncertainty) {
    if (!uncertainty || atomic_fetch_sub(&uncertainty->references, 1) > 1) return;
    const snnk_allocator allocator = uncertainty->allocator;

    snnk__free(&allocator, uncertainty->errors);
    snnk__free(&allocator, uncertainty->biases);
    snnk__free(&allocator, uncertainty);
}

/* ---- Creating ---- */

/* How to find slope and biases. */
typedef struct learning {
    const snnk_allocator *allocator;
    bool with_biases;
    bool logits; /* scores may have the right scale already */
    snnk__progress *progress;
    const uint8_t *parts; /* of the rows, of a classification */
    size_t units;         /* that could be divided into parts */
} learning;

typedef struct weighted_error {
    double error, weight;
} weighted_error;

static int by_error(const void *left, const void *right) {
    const double a = ((const weighted_error *)left)->error;
    const double b = ((const weighted_error *)right)->error;

    return a < b ? -1 : a > b;
}

/* Sort n errors, and keep some. With weights, the error of rank r is the first one up to which the
 * errors have the share r/n of all weight. */
static void keep_errors(size_t n, weighted_error *all, size_t n_kept, double *kept) {
    double weight = 0, sum = 0;
    size_t next = 0;

    qsort(all, n, sizeof *all, by_error);
    for (size_t i = 0; i < n; i++) weight += all[i].weight;
    for (size_t i = 0; i < n; i++) {
        /* The sum of the weights may be wrong by rounding; the last error has all of it. */
        const double share = i + 1 == n ? 1 : (sum += all[i].weight) / weight * (1 + 1e-12);

        while (next < n_kept &&
               share * (double)n >= ceil((double)(next + 1) * (double)n / (double)n_kept))
            kept[next++] = isinf(all[i].error) ? SNNK__INFINITE_ERROR : all[i].error;
    }
}

static double weight_of(const snnk_rows *rows, size_t i) {
    return rows->weights ? (double)rows->weights[i] : 1;
}

static int learn_errors(const snnk_rows *rows, weighted_error *all, snnk_uncertainty *made) {
    for (size_t k = 0; k < made->outputs; k++) {
        for (size_t i = 0; i < rows->n; i++) {
            const double score = snnk__rows_input(rows, i, k);
            const double target = snnk__rows_target(rows, i, k);

            if (isnan(score))
                return snnk__fail(SNNK_E_NONFINITE, "the score in row %zu, column %zu, is NaN", i,
                                  k);
            if (!isfinite(target))
                return snnk__fail(SNNK_E_NONFINITE,
                                  "the target in row %zu, column %zu, is %g, not finite", i, k,
                                  target);
            all[i] = (weighted_error){fabs(target - score), weight_of(rows, i)};
        }
        keep_errors(rows->n, all, made->n_errors, made->errors + k * made->n_errors);
    }
    return SNNK_OK;
}

/* Set all[i] for the rows i of a part; parts = NULL: for all rows. p: room for a row. */
static void find_probabilities(const snnk_rows *rows, const uint8_t *parts, int part,
                               size_t classes, double slope, const double *biases, double *p,
                               weighted_error *all) {
    for (size_t i = 0; i < rows->n; i++) {
        if (parts && parts[i] != part) continue;
        for (size_t k = 0; k < classes; k++) p[k] = snnk__rows_input(rows, i, k);
        snnk__softmax(classes, slope, biases, p, p);
        all[i] = (weighted_error){-p[rows->labels[i]], weight_of(rows, i)};
    }
}

/* Probabilities of the rows by one way to find slope and biases. */
typedef struct probabilities {
    double slope, *biases;
    weighted_error *all; /* minus the probability of the right class of each row */
    double loss;         /* the sum of w * -log of that */
} probabilities;

static void find_loss(size_t n, probabilities *found) {
    found->loss = 0;
    for (size_t i = 0; i < n; i++)
        found->loss -= found->all[i].weight * log(fmax(-found->all[i].error, 1e-300));
}

/* Slope and biases are those of all rows. For the loss and for the thresholds of sets, the
 * probabilities of the rows of each part are those by slope and biases of the other rows, because a
 * row that they were found on has a higher probability than a new one. room: 2 classes. */
static int calibrate(const snnk_rows *rows, size_t l, const learning *how, double smoothing,
                     double *room, probabilities *found) {
    const int count = how->units < SNNK__PARTS ? (int)how->units : SNNK__PARTS;
    double *biases = room, *p = room + l;
    int st = snnk__softmax_fit(how->allocator, l, rows, how->with_biases, smoothing, NULL, -1,
                               how->progress, &found->slope, found->biases);

    for (int part = 0; part < count && st == SNNK_OK; part++) {
        double slope = found->slope;

        for (size_t k = 0; k < l; k++) biases[k] = found->biases[k];
        if (count > 1) /* otherwise no other rows are left */
            st = snnk__softmax_fit(how->allocator, l, rows, how->with_biases, smoothing, how->parts,
                                   part, how->progress, &slope, biases);
        if (st == SNNK_OK)
            find_probabilities(rows, how->parts, part, l, slope, biases, p, found->all);
    }
    if (st == SNNK_OK) find_loss(rows->n, found);
    return st;
}

/* The scores themselves, as logits. */
static void take_logits(const snnk_rows *rows, size_t l, double *room, probabilities *found) {
    found->slope = 1;
    for (size_t k = 0; k < l; k++) found->biases[k] = 0;
    find_probabilities(rows, NULL, 0, l, 1, found->biases, room, found->all);
    find_loss(rows->n, found);
}

/* Platt's smoothing costs up to about 1 for each class where scores separate the classes, and
 * keeps the slope finite there. Where scores are far apart and right, but not always, it costs much
 * more, because every row shall have a chance of 1/n_k to be of another class. */
#define WEAK 0.01

/* What the smoothing may cost, in the sum of the losses: 1 for each class, or as much as one row of
 * the largest weight. */
static double allowed_cost(const snnk_rows *rows, size_t l) {
    double largest = 1;

    for (size_t i = 0; i < rows->n; i++) largest = fmax(largest, weight_of(rows, i));
    return (double)l * largest;
}

/* Find the best probabilities in one of `found`. *best: its index */
static int choose(const snnk_rows *rows, size_t l, const learning *how, double *room,
                  probabilities found[2], int *best) {
    const double allowed = allowed_cost(rows, l);
    int st = calibrate(rows, l, how, 1, room, &found[0]);

    *best = 0;
    if (st != SNNK_OK) return st;
    if (found[0].loss > allowed) {
        if ((st = calibrate(rows, l, how, WEAK, room, &found[1])) != SNNK_OK) return st;
        *best = found[1].loss < found[0].loss - allowed;
    }
    if (!how->logits) return SNNK_OK;
    take_logits(rows, l, room, &found[!*best]);
    if (found[!*best].loss <= found[*best].loss) *best = !*best;
    return SNNK_OK;
}

/* all: one for each row, like all the arrays of errors. *log_loss: the mean. */
static int learn_probabilities(const snnk_rows *rows, learning *how, weighted_error *all,
                               snnk_uncertainty *made, double *log_loss) {
    const size_t l = made->outputs;
    probabilities found[2] = {{.biases = made->biases, .all = all}};
    double *room = NULL, weight = 0;
    uint8_t *parts = NULL;
    int best = 0, st;

    st = snnk__alloc(how->allocator, rows->n, sizeof *all, "errors of all rows", &found[1].all);
    if (st == SNNK_OK)
        st = snnk__alloc(how->allocator, l, 3 * sizeof *room, "probabilities", &room);
    if (st == SNNK_OK) st = snnk__alloc(how->allocator, rows->n, sizeof *parts, "parts", &parts);
    if (st == SNNK_OK) st = snnk__draw_parts(how->allocator, l, rows, parts, &how->units);
    how->parts = parts;
    if (st == SNNK_OK) {
        found[1].biases = room + 2 * l;
        st = choose(rows, l, how, room, found, &best);
    }
    if (st == SNNK_OK) {
        made->slope = found[best].slope;
        for (size_t k = 0; k < l; k++) made->biases[k] = found[best].biases[k];
        for (size_t i = 0; i < rows->n; i++) weight += weight_of(rows, i);
        *log_loss = found[best].loss / weight;
        keep_errors(rows->n, found[best].all, made->n_errors, made->errors);
    }
    how->parts = NULL;
    snnk__free(how->allocator, parts);
    snnk__free(how->allocator, room);
    snnk__free(how->allocator, found[1].all);
    return st;
}

static int check_rows(size_t outputs, const snnk_rows *rows, snnk_rows *ours) {
    int st;

    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0");
    if ((st = snnk__rows_read(rows, outputs, outputs, true, ours)) != SNNK_OK) return st;
    if (ours->n == 0)
        return snnk__fail(SNNK_E_SHAPE, "n = 0: there are no rows with known targets");
    if (!ours->labels) return SNNK_OK;
    if (outputs == 1)
        return snnk__fail(SNNK_E_SHAPE, "labels of 1 class: probabilities need at least 2");
    return snnk__rows_check_finite(ours);
}

/* *log_loss: of labels only. */
static int create(size_t outputs, const snnk_rows *rows, uint64_t most_errors, learning *how,
                  double *log_loss, snnk_uncertainty **uncertainty) {
    const size_t n_errors = rows->n < most_errors ? rows->n : (size_t)most_errors;
    snnk_uncertainty *made = NULL;
    weighted_error *all;
    int st;

    st = snnk__alloc(how->allocator, rows->n, sizeof *all, "errors of all rows", &all);
    if (st != SNNK_OK) return st;
    st = snnk__uncertainty_make(rows->labels != NULL, outputs, rows->n, n_errors, how->allocator,
                                &made);
    if (st == SNNK_OK)
        st = rows->labels ? learn_probabilities(rows, how, all, made, log_loss)
                          : learn_errors(rows, all, made);
    snnk__free(how->allocator, all);
    if (st != SNNK_OK)
        snnk_uncertainty_free(made);
    else
        *uncertainty = made;
    return st;
}

int snnk__uncertainty_learn(size_t classes, const snnk_rows *rows, bool logits,
                            const snnk_allocator *allocator, snnk__progress *progress,
                            double *log_loss, snnk_uncertainty **uncertainty) {
    learning how = {.allocator = allocator,
                    .with_biases = classes <= defaults.most_biases,
                    .logits = logits,
                    .progress = progress};
    snnk_rows read;
    const int st = check_rows(classes, rows, &read);

    if (st != SNNK_OK) return st;
    return create(classes, &read, defaults.most_errors, &how, log_loss, uncertainty);
}

int snnk_uncertainty_create(size_t outputs, const snnk_rows *rows,
                            const snnk_uncertainty_config *config, snnk_uncertainty **uncertainty) {
    snnk_uncertainty_config ours = defaults;
    snnk_allocator allocator;
    snnk_rows read;
    double log_loss;
    int st;

    if ((st = snnk__check_pointer(uncertainty, "uncertainty")) != SNNK_OK) return st;
    *uncertainty = NULL;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "uncertainty config");
    if (st != SNNK_OK) return st;
    if (ours.most_errors < SNNK__LEAST_ERRORS || ours.most_errors > SNNK__MOST_ERRORS)
        return snnk__fail(SNNK_E_RANGE, "most_errors = %llu is not in %d ... %d",
                          (unsigned long long)ours.most_errors, SNNK__LEAST_ERRORS,
                          SNNK__MOST_ERRORS);
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    if ((st = check_rows(outputs, rows, &read)) != SNNK_OK) return st;
    learning how = {.allocator = &allocator, .with_biases = outputs <= ours.most_biases};
    return create(outputs, &read, ours.most_errors, &how, &log_loss, uncertainty);
}

/* ---- What it has learned ---- */

int32_t snnk_uncertainty_get_kind(const snnk_uncertainty *uncertainty) {
    if (!uncertainty) return -1;
    return uncertainty->classification ? SNNK_UNCERTAINTY_CLASSIFICATION
                                       : SNNK_UNCERTAINTY_REGRESSION;
}

size_t snnk_uncertainty_outputs(const snnk_uncertainty *uncertainty) {
    return uncertainty ? uncertainty->outputs : 0;
}

uint64_t snnk_uncertainty_rows(const snnk_uncertainty *uncertainty) {
    return uncertainty ? uncertainty->rows : 0;
}

double snnk_uncertainty_slope(const snnk_uncertainty *uncertainty) {
    return uncertainty && uncertainty->classification ? uncertainty->slope : NAN;
}

double snnk_uncertainty_bias(const snnk_uncertainty *uncertainty, size_t label) {
    if (!uncertainty || !uncertainty->classification || label >= uncertainty->outputs) return NAN;
    return uncertainty->biases[label];
}

static int check_kind(const snnk_uncertainty *uncertainty, bool classification) {
    const int st = snnk__check_pointer(uncertainty, "uncertainty");

    if (st != SNNK_OK || uncertainty->classification == classification) return st;
    return classification
               ? snnk__fail(SNNK_E_STATE, "the uncertainty is that of a regression: it has "
                                          "intervals, not probabilities and sets")
               : snnk__fail(SNNK_E_STATE, "the uncertainty is that of a classification: it has "
                                          "probabilities and sets, not intervals");
}

/* The largest coverage that n rows are enough for, n/(n + 1), rounded down to as many digits as it
 * takes to tell it from 1, and one more. */
static double largest_coverage(double n) {
    const double scale = pow(10, ceil(log10(n + 1)) + 1);

    return floor(n * scale / (n + 1)) / scale;
}

/* Find which of the errors of each output belongs to a coverage. */
static int find_entry(const snnk_uncertainty *uncertainty, double coverage, size_t *entry) {
    const double n = (double)uncertainty->rows, kept = (double)uncertainty->n_errors;

    if (!(coverage > 0 && coverage < 1))
        return snnk__fail(SNNK_E_RANGE, "coverage = %g is not between 0 and 1", coverage);
    const double rank = snnk__conformal_rank(n, coverage);
    if (rank > n)
        return snnk__fail(SNNK_E_RANGE,
                          "a coverage of %g needs %.0f rows that the network has not learned from, "
                          "but there were %.0f: at most %.15g is possible",
                          coverage, ceil(coverage / (1 - coverage) * (1 - 1e-12)), n,
                          largest_coverage(n));
    /* The first entry of this rank or a higher one. */
    *entry = (size_t)floor((rank - 1) * kept / n);
    return SNNK_OK;
}

static double error_at(const snnk_uncertainty *uncertainty, size_t output, size_t entry) {
    const double error = uncertainty->errors[output * uncertainty->n_errors + entry];

    return error == SNNK__INFINITE_ERROR ? INFINITY : error;
}

int snnk_uncertainty_radius(const snnk_uncertainty *uncertainty, size_t output, double coverage,
                            double *radius) {
    size_t entry;
    int st;

    if ((st = check_kind(uncertainty, false)) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(radius, "radius")) != SNNK_OK) return st;
    if (output >= uncertainty->outputs)
        return snnk__fail(SNNK_E_RANGE, "output %zu is not in 0 ... %zu", output,
                          uncertainty->outputs - 1);
    if ((st = find_entry(uncertainty, coverage, &entry)) != SNNK_OK) return st;
    *radius = error_at(uncertainty, output, entry);
    return SNNK_OK;
}

int snnk_uncertainty_threshold(const snnk_uncertainty *uncertainty, double coverage,
                               double *threshold) {
    size_t entry;
    int st;

    if ((st = check_kind(uncertainty, true)) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(threshold, "threshold")) != SNNK_OK) return st;
    if ((st = find_entry(uncertainty, coverage, &entry)) != SNNK_OK) return st;
    *threshold = -uncertainty->errors[entry];
    return SNNK_OK;
}

/* ---- New rows ---- */

int snnk_uncertainty_probabilities(const snnk_uncertainty *uncertainty, size_t n,
                                   const double *scores, size_t lds, double *P, size_t ldp) {
    int st;

    if ((st = check_kind(uncertainty, true)) != SNNK_OK) return st;
    const size_t l = uncertainty->outputs;
    const snnk__operand read = SNNK__READ(scores, n, l, lds), written = SNNK__WRITTEN(P, n, l, ldp);

    st = snnk__check_matrix(scores, "scores", n, l, lds, sizeof *scores);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_matrix(P, "P", n, l, ldp, sizeof *P)) != SNNK_OK) return st;
    if ((st = snnk__check_overlap_but_same(&read, &written)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++)
        snnk__softmax(l, uncertainty->slope, uncertainty->biases, scores + i * lds, P + i * ldp);
    return SNNK_OK;
}

/* Probabilities that differ from the threshold by less than this share of it equal it: the same
 * scores may give other bits here than in snnk__softmax. */
#define ROUNDING 1e-12

/* Set the set of one row: the class with the largest score, and those with probability >=
 * threshold. */
static void set_row(const snnk_uncertainty *u, double threshold, const double *scores,
                    uint8_t *set) {
    double most = -INFINITY, sum = 0;
    size_t best = 0;

    /* As in snnk__softmax, but without memory for the probabilities. */
    for (size_t k = 1; k < u->outputs; k++)
        if (scores[k] > scores[best]) best = k;
    for (size_t k = 0; k < u->outputs; k++) {
        const double z = u->slope * (scores[k] - scores[best]) + u->biases[k];

        if (z > most) most = z;
    }
    for (size_t k = 0; k < u->outputs; k++)
        sum += exp(u->slope * (scores[k] - scores[best]) + u->biases[k] - most);
    for (size_t k = 0; k < u->outputs; k++) {
        const double z = u->slope * (scores[k] - scores[best]) + u->biases[k];

        /* NaN: every class. */
        set[k] = k == best || !(exp(z - most) / sum < threshold * (1 - ROUNDING));
    }
}

int snnk_uncertainty_sets(const snnk_uncertainty *uncertainty, double coverage, size_t n,
                          const double *scores, size_t lds, uint8_t *sets, size_t ld) {
    size_t entry;
    int st;

    if ((st = check_kind(uncertainty, true)) != SNNK_OK) return st;
    const size_t l = uncertainty->outputs;
    const snnk__operand arrays[] = {SNNK__READ(scores, n, l, lds), SNNK__WRITTEN(sets, n, l, ld)};

    if ((st = find_entry(uncertainty, coverage, &entry)) != SNNK_OK) return st;
    st = snnk__check_matrix(scores, "scores", n, l, lds, sizeof *scores);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_matrix(sets, "sets", n, l, ld, sizeof *sets)) != SNNK_OK) return st;
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++)
        set_row(uncertainty, -uncertainty->errors[entry], scores + i * lds, sets + i * ld);
    return SNNK_OK;
}

int snnk_uncertainty_intervals(const snnk_uncertainty *uncertainty, double coverage, size_t n,
                               const double *scores, size_t lds, double *lower, size_t ldl,
                               double *upper, size_t ldu) {
    size_t entry;
    int st;

    if ((st = check_kind(uncertainty, false)) != SNNK_OK) return st;
    const size_t l = uncertainty->outputs;
    const snnk__operand arrays[] = {SNNK__READ(scores, n, l, lds), SNNK__WRITTEN(lower, n, l, ldl),
                                    SNNK__WRITTEN(upper, n, l, ldu)};

    if ((st = find_entry(uncertainty, coverage, &entry)) != SNNK_OK) return st;
    st = snnk__check_matrix(scores, "scores", n, l, lds, sizeof *scores);
    if (st != SNNK_OK) return st;
    st = snnk__check_matrix(lower, "lower", n, l, ldl, sizeof *lower);
    if (st != SNNK_OK) return st;
    st = snnk__check_matrix(upper, "upper", n, l, ldu, sizeof *upper);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_overlap(3, arrays)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < l; k++) {
            const double score = scores[i * lds + k], radius = error_at(uncertainty, k, entry);

            lower[i * ldl + k] = score - radius;
            upper[i * ldu + k] = score + radius;
        }
    return SNNK_OK;
}
