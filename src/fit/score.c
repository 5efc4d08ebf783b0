/* Scores: predictions of rows, one block at a time, compared with their targets. */
#include <snnk/score.h>

#include <math.h>

#include "base/rows.h"
#include "base/size.h"
#include "network/network.h"
#include "solve/rls.h"

#define BLOCK_ROWS 1024

#define SCORE_MINIMUM sizeof(snnk_score)

/* What is scored: predictions (n x outputs, packed, in double) of rows in float or in double. */
typedef struct predictor {
    const void *model;
    const snnk_allocator *allocator;
    size_t inputs, outputs;
    int (*predict)(const void *model, size_t n, const snnk__numbers *X, double *Y,
                   snnk_workspace *workspace);
} predictor;

static int predict_network(const void *model, size_t n, const snnk__numbers *X, double *Y,
                           snnk_workspace *workspace) {
    const snnk_network *network = model;

    return snnk__network_outputs(network, n, X, NULL, Y, snnk_network_outputs(network), workspace);
}

static int predict_rls(const void *model, size_t n, const snnk__numbers *X, double *Y,
                       snnk_workspace *workspace) {
    (void)workspace;
    return snnk__rls_outputs(model, n, X, Y);
}

/* ---- Sums ---- */

typedef struct sums {
    double weight;
    double squared;   /* residuals */
    double right;     /* the weight of the rows whose label has the largest output */
    double variation; /* squares of the targets about their means */
    double *mean;     /* outputs: the mean of each target so far */
} sums;

/* Whether output `label` is the largest; of equal ones, the first counts. */
static bool is_largest(size_t n, const double *y, size_t label) {
    bool largest = true;

    for (size_t k = 0; largest && k < n; k++)
        largest = isfinite(y[k]) && (k < label ? y[k] < y[label] : y[k] <= y[label]);
    return largest;
}

/* Add row i of `rows`, with its prediction y. Means and variations as in West, Comm. ACM 22, 1979,
 * 532. */
static void add_row(sums *s, const snnk_rows *rows, size_t i, const double *y) {
    const double weight = rows->weights ? (double)rows->weights[i] : 1;

    s->weight += weight;
    if (rows->labels) {
        if (is_largest(rows->outputs, y, (size_t)rows->labels[i])) s->right += weight;
        return;
    }
    for (size_t k = 0; k < rows->outputs; k++) {
        const double target = snnk__rows_target(rows, i, k), residual = y[k] - target;
        const double delta = target - s->mean[k];

        s->squared += weight * residual * residual;
        s->mean[k] += weight / s->weight * delta;
        s->variation += weight * delta * (target - s->mean[k]);
    }
}

static snnk_score finish(const sums *s, const snnk_rows *rows) {
    snnk_score score = {.size = sizeof score,
                        .rows = rows->n,
                        .weight = s->weight,
                        .squared_error = NAN,
                        .r2 = NAN,
                        .accuracy = NAN};

    if (rows->labels) {
        score.accuracy = s->right / s->weight;
        return score;
    }
    score.squared_error = s->squared / s->weight;
    if (s->variation > 0) score.r2 = 1 - s->squared / s->variation;
    return score;
}

/* ---- Blocks ---- */

static int add_rows(const predictor *p, const snnk_rows *rows, double *Y, snnk_workspace *workspace,
                    sums *s) {
    const snnk__numbers X = snnk__rows_inputs(rows);

    for (size_t first = 0; first < rows->n; first += BLOCK_ROWS) {
        const size_t count = snnk__min_size(BLOCK_ROWS, rows->n - first);
        const snnk__numbers part = snnk__numbers_from(&X, first);
        const int st = p->predict(p->model, count, &part, Y, workspace);

        if (st != SNNK_OK) return st;
        for (size_t i = 0; i < count; i++) add_row(s, rows, first + i, Y + i * p->outputs);
    }
    return SNNK_OK;
}

static int score_rows(const predictor *p, const snnk_rows *rows, snnk_workspace *workspace,
                      snnk_score *score) {
    snnk_rows read;
    sums s = {0};
    double *Y = NULL;
    int st;

    if ((st = snnk__check_pointer(score, "score")) != SNNK_OK) return st;
    st = snnk__config_check(score, sizeof *score, SCORE_MINIMUM, "score");
    if (st != SNNK_OK) return st;
    st = snnk__rows_read(rows, p->inputs, p->outputs, true, &read);
    if (st != SNNK_OK) return st;
    if (read.n == 0) return snnk__fail(SNNK_E_SHAPE, "n = 0: there are no rows to score");
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    st = snnk__alloc(p->allocator, p->outputs, sizeof *s.mean, "means of targets", &s.mean);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(p->allocator, p->outputs, snnk__min_size(BLOCK_ROWS, read.n) * sizeof *Y,
                     "predictions", &Y);
    if (st != SNNK_OK) goto done;
    for (size_t k = 0; k < p->outputs; k++) s.mean[k] = 0;
    if ((st = add_rows(p, &read, Y, workspace, &s)) != SNNK_OK) goto done;
    const snnk_score filled = finish(&s, &read);
    st = snnk__config_write(score, &filled, sizeof filled, SCORE_MINIMUM, "score");
done:
    snnk__free(p->allocator, Y);
    snnk__free(p->allocator, s.mean);
    return st;
}

/* ---- Public ---- */

int snnk_network_score(const snnk_network *network, const snnk_rows *rows,
                       snnk_workspace *workspace, snnk_score *score) {
    const int st = snnk__check_pointer(network, "network");

    if (st != SNNK_OK) return st;
    if (snnk_network_layers(network) == 0)
        return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    return score_rows(&(predictor){network, &network->allocator, snnk_network_inputs(network),
                                   snnk_network_outputs(network), predict_network},
                      rows, workspace, score);
}

int snnk_layer_score(const snnk_layer *layer, const snnk_rows *rows, snnk_workspace *workspace,
                     snnk_score *score) {
    snnk_network *network = NULL;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if ((st = snnk_network_create(&layer->allocator, &network)) != SNNK_OK) return st;
    if ((st = snnk_network_append(network, layer)) == SNNK_OK)
        st = snnk_network_score(network, rows, workspace, score);
    snnk_network_free(network);
    return st;
}

int snnk_rls_score(const snnk_rls *rls, const snnk_rows *rows, snnk_score *score) {
    const int st = snnk__check_pointer(rls, "rls");

    if (st != SNNK_OK) return st;
    return score_rows(&(predictor){rls, &rls->allocator, snnk_rls_features(rls),
                                   snnk_rls_targets(rls), predict_rls},
                      rows, NULL, score);
}
