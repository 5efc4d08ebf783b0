/* y = U2^T U2 W2 f(U1^T U1 W1 x + b1) + b: the rows of U1 and U2 are the principal directions of
 * the outputs of W1 and W2 on the rows, so the truncation is the best one for these inputs. The
 * ranks are chosen to use all of the student's parameters, the split between them is the one with
 * the smallest error on held-out rows, and the bias is fitted. */
#include "distill/truncated_svd.h"

#include <math.h>

#include "base/size.h"
#include "distill/collect.h"
#include "solve/principal.h"

#define SPLITS  3 /* shares of the budget for the first matrix: 1/4, 1/2, 3/4 */
#define FACTORS SNNK__TRUNCATED_LAYERS

/* One matrix of the teacher. */
typedef struct matrix {
    size_t outputs, inputs, rank; /* rank: how many rows U has */
    float *W;                     /* outputs x inputs */
    float *bias;                  /* outputs */
    double *U;                    /* rank x outputs */
} matrix;

static void matrix_free(const snnk_allocator *allocator, matrix *of) {
    snnk__free(allocator, of->W);
    snnk__free(allocator, of->bias);
    snnk__free(allocator, of->U);
}

/* Read the weights of a layer whose inputs have moments S, and their directions U. */
static int read_matrix(const snnk_distill *distill, const snnk_layer *layer, const double *S,
                       size_t lds, matrix *of) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t l = layer->outputs, d = layer->inputs;
    int st;

    *of = (matrix){.outputs = l, .inputs = d, .rank = snnk__min_size(l, d)};
    if ((st = snnk__alloc(allocator, l, d * sizeof *of->W, "weights", &of->W)) != SNNK_OK)
        return st;
    if ((st = snnk__alloc(allocator, l, sizeof *of->bias, "a bias", &of->bias)) != SNNK_OK)
        return st;
    st = snnk__alloc(allocator, of->rank, l * sizeof *of->U, "directions", &of->U);
    if (st != SNNK_OK) return st;
    if ((st = snnk_layer_weights(layer, of->W, d, of->bias)) != SNNK_OK) return st;
    return snnk__principal_outputs(allocator, l, d, of->W, S, lds, of->rank, of->U);
}

/* Make two layers, z = U W x and f(U^T z + bias), with the first `rank` directions U. */
static int truncate_matrix(const snnk_distill *distill, const matrix *of, size_t rank,
                           int32_t activation, snnk_layer **layers) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t l = of->outputs, d = of->inputs;
    float *first = NULL, *second = NULL;
    double *row = NULL; /* one row of U W */
    int st;

    st = snnk__alloc(allocator, d, sizeof *row, "weights", &row);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, rank, d * sizeof *first, "weights", &first);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, l, rank * sizeof *second, "weights", &second);
    if (st != SNNK_OK) goto done;
    for (size_t k = 0; k < rank; k++) {
        const double *u = of->U + k * l;

        st = snnk__progress_update(distill->progress, 0); /* lets the caller cancel */
        if (st != SNNK_OK) goto done;

        for (size_t j = 0; j < d; j++) row[j] = 0;
        for (size_t i = 0; i < l; i++)
            for (size_t j = 0; j < d; j++) row[j] += u[i] * (double)of->W[i * d + j];
        for (size_t j = 0; j < d; j++) first[k * d + j] = (float)row[j];
        for (size_t i = 0; i < l; i++) second[i * rank + k] = (float)u[i];
    }
    st = snnk_layer_create_dense(d, rank, first, d, NULL, SNNK_IDENTITY, allocator, &layers[0]);
    if (st != SNNK_OK) goto done;
    st =
        snnk_layer_create_dense(rank, l, second, rank, of->bias, activation, allocator, &layers[1]);
done:
    snnk__free(allocator, row);
    snnk__free(allocator, first);
    snnk__free(allocator, second);
    return st;
}

/* ---- Measuring errors ---- */

/* Errors over the rows to fit ([0]) and the held-out rows ([1]). */
typedef struct errors {
    double *sums[2]; /* for each output, l */
    double squares;  /* of held-out rows, over all outputs */
    double n[2];     /* rows */
} errors;

static void add_errors(const snnk_distill *distill, size_t first, size_t n, const float *Y,
                       errors *e) {
    const size_t l = distill->l;

    for (size_t i = 0; i < n; i++) {
        const bool held = snnk__distill_is_heldout(distill, first + i);
        const float *wanted = distill->Y + (first + i) * distill->ldy;

        e->n[held]++;
        for (size_t k = 0; k < l; k++) {
            const double error = (double)Y[i * l + k] - (double)wanted[k];

            e->sums[held][k] += error;
            if (held) e->squares += error * error;
        }
    }
}

/* The squared errors on held-out rows after the output's bias was moved by the mean error of the
 * rows to fit. */
static double unbiased(const snnk_distill *distill, const errors *e) {
    double squares = e->squares;

    for (size_t k = 0; k < distill->l; k++) {
        const double mean = e->sums[0][k] / e->n[0];

        squares += e->n[1] * mean * mean - 2 * mean * e->sums[1][k];
    }
    return squares;
}

/* Set *squares to the squared errors of a chain of layers on held-out rows.
 *   correction   out: l numbers to add to the last bias, the mean errors over all rows */
static int judge(const snnk_distill *distill, snnk_layer *const *layers, size_t n_layers,
                 snnk_workspace *workspace, double *squares, double *correction) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t l = distill->l, widest = snnk__max_size(distill->h, l);
    float *values[2] = {NULL};
    errors e = {.squares = 0};
    int st = SNNK_OK;

    for (int k = 0; k < 2 && st == SNNK_OK; k++) {
        st = snnk__alloc(allocator, widest, SNNK__DISTILL_BLOCK * sizeof(float), "outputs",
                         &values[k]);
        if (st == SNNK_OK) st = snnk__alloc_zero(allocator, l, sizeof(double), "sums", &e.sums[k]);
    }
    for (size_t i = 0; i < distill->n && st == SNNK_OK; i += SNNK__DISTILL_BLOCK) {
        const size_t n = snnk__min_size(SNNK__DISTILL_BLOCK, distill->n - i);
        const float *X = distill->X + i * distill->ldx;
        size_t ldx = distill->ldx;

        for (size_t k = 0; k < n_layers && st == SNNK_OK; k++) {
            st = snnk_layer_forward(layers[k], n, X, ldx, values[k % 2], layers[k]->outputs,
                                    workspace);
            X = values[k % 2];
            ldx = layers[k]->outputs;
        }
        if (st == SNNK_OK) add_errors(distill, i, n, X, &e);
        if (st == SNNK_OK)
            st = snnk__progress_count(distill->progress, (double)(i + n), (double)distill->n);
    }
    if (st == SNNK_OK) *squares = n_layers == FACTORS ? unbiased(distill, &e) : e.squares;
    for (size_t k = 0; st == SNNK_OK && k < l; k++)
        correction[k] = -(e.sums[0][k] + e.sums[1][k]) / (e.n[0] + e.n[1]);
    for (int k = 0; k < 2; k++) {
        snnk__free(allocator, values[k]);
        snnk__free(allocator, e.sums[k]);
    }
    return st;
}

/* The number of biases; there are none between the factors of a matrix. */
static size_t count_biases(const snnk_distill *distill) {
    return distill->h + (distill->readout ? distill->l : 0);
}

/* Replace a linear layer by one whose bias is moved. */
static int move_bias(const snnk_allocator *allocator, const double *correction,
                     snnk_layer **layer) {
    const size_t l = (*layer)->outputs, d = (*layer)->inputs;
    float *W = NULL, *bias = NULL;
    snnk_layer *moved;
    int st;

    if ((st = snnk__alloc(allocator, l, d * sizeof *W, "weights", &W)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *bias, "a bias", &bias)) != SNNK_OK) goto done;
    if ((st = snnk_layer_weights(*layer, W, d, bias)) != SNNK_OK) goto done;
    for (size_t k = 0; k < l; k++) bias[k] = (float)((double)bias[k] + correction[k]);
    st = snnk_layer_create_dense(d, l, W, d, bias, SNNK_IDENTITY, allocator, &moved);
    if (st != SNNK_OK) goto done;
    snnk_layer_free(*layer);
    *layer = moved;
done:
    snnk__free(allocator, bias);
    snnk__free(allocator, W);
    return st;
}

/* Keep these layers as the best ones so far, and take them from the caller. */
static void keep(const snnk_distill *distill, snnk_layer **layers, double squares,
                 snnk__truncated_teacher *best) {
    snnk__truncated_free(best);
    best->squared_errors = squares;
    for (size_t k = 0; k < FACTORS; k++) {
        best->multiply_adds += snnk_layer_multiply_adds(layers[k]);
        best->layers[k] = layers[k];
        layers[k] = NULL;
    }
    best->parameters = best->multiply_adds + count_biases(distill);
}

/* Truncate the teacher to these ranks, and update *best if that is better. */
static int try_ranks(const snnk_distill *distill, const matrix *hidden, size_t rank,
                     const matrix *readout, size_t readout_rank, snnk_workspace *workspace,
                     snnk__truncated_teacher *best) {
    snnk_layer *layers[FACTORS] = {NULL};
    double squares = INFINITY, *correction;
    int st;

    st = snnk__alloc(&distill->allocator, distill->l, sizeof *correction, "a bias", &correction);
    if (st != SNNK_OK) return st;
    st = truncate_matrix(distill, hidden, rank, snnk_layer_activation(distill->hidden), layers);
    if (st == SNNK_OK && readout)
        st = truncate_matrix(distill, readout, readout_rank, SNNK_IDENTITY, layers + 2);
    if (st == SNNK_OK)
        st = judge(distill, layers, readout ? FACTORS : FACTORS / 2, workspace, &squares,
                   correction);
    if (st == SNNK_OK && squares < best->squared_errors) {
        if (readout) st = move_bias(&distill->allocator, correction, &layers[FACTORS - 1]);
        if (st == SNNK_OK) keep(distill, layers, squares, best);
    }
    for (size_t k = 0; k < FACTORS; k++) snnk_layer_free(layers[k]);
    snnk__free(&distill->allocator, correction);
    return st;
}

/* Try several ways to split `numbers` weights between the factors of the two matrices. */
static int try_splits(const snnk_distill *distill, const matrix *hidden, const matrix *readout,
                      size_t numbers, snnk_workspace *workspace, snnk__truncated_teacher *best) {
    const size_t per_rank = distill->d + distill->h, readout_per_rank = distill->h + distill->l;
    size_t last = 0;
    int st = SNNK_OK;

    if (numbers < per_rank + readout_per_rank) return SNNK_OK;

    const size_t max_rank = snnk__min_size((numbers - readout_per_rank) / per_rank, hidden->rank);

    for (size_t split = 1; split <= SPLITS && st == SNNK_OK; split++) {
        const double share = (double)split / (SPLITS + 1);
        const size_t wanted = (size_t)(share * (double)numbers / (double)per_rank);
        const size_t first = snnk__min_size(snnk__max_size(wanted, 1), max_rank);
        const size_t second =
            snnk__min_size((numbers - first * per_rank) / readout_per_rank, readout->rank);

        if (first != last) st = try_ranks(distill, hidden, first, readout, second, workspace, best);
        last = first;
    }
    return st;
}

int snnk__truncated_svd(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                        snnk__truncated_teacher *best) {
    const size_t d = distill->d, h = distill->h, l = distill->l, p = d + h;
    const double *S = distill->train->S;
    matrix hidden = {0}, readout = {0};
    int st;

    *best = (snnk__truncated_teacher){.squared_errors = INFINITY};
    if (!distill->hidden) return SNNK_OK;

    /* Weights for the factors: the student's parameters minus the teacher's biases. */
    const size_t parameters = m * (d + 1 + l) + l;
    const size_t biases = count_biases(distill);
    const size_t numbers = parameters > biases ? parameters - biases : 0;

    st = read_matrix(distill, distill->hidden, S, p, &hidden);
    if (st == SNNK_OK && distill->readout) {
        st = read_matrix(distill, distill->readout, S + d * p + d, p, &readout);
        if (st == SNNK_OK) st = try_splits(distill, &hidden, &readout, numbers, workspace, best);
    } else if (st == SNNK_OK && p > 0 && numbers >= p) {
        st = try_ranks(distill, &hidden, snnk__min_size(numbers / p, hidden.rank), NULL, 0,
                       workspace, best);
    }
    matrix_free(&distill->allocator, &hidden);
    matrix_free(&distill->allocator, &readout);
    return st;
}

void snnk__truncated_free(snnk__truncated_teacher *teacher) {
    for (size_t k = 0; k < FACTORS; k++) snnk_layer_free(teacher->layers[k]);
    *teacher = (snnk__truncated_teacher){.squared_errors = INFINITY};
}
