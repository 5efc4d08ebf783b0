#include "distill/tune_rows.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/rows.h"
#include "base/size.h"
#include "network/network.h"

#define FORWARD_ROWS 1024 /* rows of a forward pass, whose activations stay in cache */

/* ---- Holding out ---- */

/* The draw of a row: the same for neighboring rows of a block, unless rows are drawn one by one. */
static bool is_drawn(const snnk__tune_source *from, size_t i, bool singly) {
    const uint64_t block = singly ? 1 : from->distill->heldout_block_rows;
    double u;

    snnk__random_uniform(from->distill->seed, SNNK__STREAM_HELDOUT, from->which[i] / block, 0, 1,
                         &u);
    return u < from->distill->heldout_share;
}

/* Order the rows: those to learn from, then those that are held out. Returns how many are to learn
 * from. Rows of a block stay together, unless no or too many rows would be held out so; where
 * drawing them one by one does not help either, none are held out. */
static size_t split(const snnk__tune_source *from, size_t *order) {
    const double most = 2 * from->distill->heldout_share * (double)from->n;

    for (int singly = 0; singly <= 1; singly++) {
        size_t learn = 0, heldout = 0;

        for (size_t i = 0; i < from->n; i++) {
            if (is_drawn(from, i, singly))
                order[from->n - ++heldout] = i;
            else
                order[learn++] = i;
        }
        if (learn > 0 && heldout > 0 && (double)heldout <= most) return learn;
    }
    for (size_t i = 0; i < from->n; i++) order[i] = i;
    return from->n;
}

/* ---- Blends ---- */

/* The original's outputs for n rows. */
static int run_original(const snnk__tune_source *from, size_t n, const float *X, float *Y) {
    const size_t d = snnk_network_inputs(from->network), l = snnk_network_outputs(from->network);
    int st = SNNK_OK;

    for (size_t i = 0; st == SNNK_OK && i < n; i += FORWARD_ROWS)
        st = snnk_network_forward(from->network, snnk__min_size(FORWARD_ROWS, n - i), X + i * d, d,
                                  Y + i * l, l, from->workspace);
    return st == SNNK_OK ? snnk__check_finite(Y, "the network's output", n, l, l) : st;
}

static void column_means(size_t n, size_t columns, const float *A, double *mean) {
    for (size_t k = 0; k < columns; k++) mean[k] = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < columns; k++) mean[k] += A[i * columns + k];
    for (size_t k = 0; k < columns; k++) mean[k] /= (double)n;
}

/* How often a row is blended: its squared deviation from the mean output, as a share of the mean
 * square, plus this. */
#define LEAST_SHARE 0.1

/* Set sums[i] to the sum of the shares of rows 0 ... i. mean: l of scratch. */
static void sum_shares(size_t n, size_t l, const float *Y, double *mean, double *sums) {
    double squares = 0;

    column_means(n, l, Y, mean);
    for (size_t i = 0; i < n; i++) {
        sums[i] = 0;
        for (size_t k = 0; k < l; k++) {
            const double deviation = Y[i * l + k] - mean[k];

            sums[i] += deviation * deviation;
        }
        squares += sums[i];
    }
    for (size_t i = 0; i < n; i++) {
        const double share = squares > 0 ? sums[i] / squares * (double)n : 0;

        sums[i] = LEAST_SHARE + share + (i > 0 ? sums[i - 1] : 0);
    }
}

/* The first of n rows whose sum is above u times the last sum. */
static size_t draw_row(size_t n, const double *sums, double u) {
    size_t low = 0, high = n - 1;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (sums[middle] > u * sums[n - 1])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Make blend `number` of the n rows X. */
static void blend(uint64_t seed, uint64_t number, size_t n, size_t d, const float *X,
                  const double *mean, const double *sums, float *to) {
    const double quarter = 1.57079632679489661923;
    double u[3];

    snnk__random_uniform(seed, SNNK__STREAM_BLEND, number, 0, 3, u);
    const size_t i = draw_row(n, sums, u[0]), j = snnk__min_size((size_t)(u[1] * (double)n), n - 1);
    const double a = cos(quarter * u[2]), b = sin(quarter * u[2]);
    const float *x = X + i * d, *other = X + j * d;

    for (size_t k = 0; k < d; k++)
        to[k] = (float)(mean[k] + a * (x[k] - mean[k]) + b * (other[k] - mean[k]));
}

/* Append blends, with their outputs, to n rows. */
static int add_blends(const snnk__tune_source *from, size_t n, size_t blends, float *X, float *Y) {
    const size_t d = snnk_network_inputs(from->network), l = snnk_network_outputs(from->network);
    const snnk_allocator *allocator = &from->network->allocator;
    double *mean = NULL, *sums = NULL;
    int st;

    if (blends == 0) return SNNK_OK;
    st = snnk__alloc(allocator, snnk__max_size(d, l), sizeof *mean, "means", &mean);
    if (st == SNNK_OK) st = snnk__alloc(allocator, n, sizeof *sums, "shares of rows", &sums);
    if (st == SNNK_OK) {
        sum_shares(n, l, Y, mean, sums);
        column_means(n, d, X, mean);
        for (size_t k = 0; k < blends; k++)
            blend(from->distill->seed, k, n, d, X, mean, sums, X + (n + k) * d);
        st = run_original(from, blends, X + n * d, Y + n * l);
    }
    snnk__free(allocator, sums);
    snnk__free(allocator, mean);
    return st;
}

/* ---- Targets ---- */

static int alloc_matrix(const snnk_allocator *allocator, size_t n, size_t columns, float **made) {
    return snnk__alloc(allocator, n, columns * sizeof **made, "rows to tune with", made);
}

/* Copy the caller's targets or labels, in the given order. */
static int copy_targets(const snnk__tune_source *from, const size_t *order, snnk__tune_rows *made) {
    const size_t l = snnk_network_outputs(from->network);
    const bool labels = from->rows->labels != NULL;
    int st = labels ? snnk__alloc(&made->allocator, from->n, sizeof *made->labels, "labels",
                                  &made->labels)
                    : alloc_matrix(&made->allocator, from->n, l, &made->Y);

    for (size_t i = 0; st == SNNK_OK && i < from->n; i++) {
        const size_t row = from->which[order[i]];

        if (labels) made->labels[i] = from->rows->labels[row];
        for (size_t k = 0; !labels && k < l; k++)
            made->Y[i * l + k] = (float)snnk__rows_target(from->rows, row, k);
    }
    return st;
}

/* ---- Both ---- */

static snnk_rows part(const snnk__tune_source *from, const snnk__tune_rows *made, size_t first,
                      size_t n) {
    const size_t d = snnk_network_inputs(from->network), l = snnk_network_outputs(from->network);

    return (snnk_rows){.size = sizeof(snnk_rows),
                       .n = n,
                       .X = made->X + first * d,
                       .Y = made->Y ? made->Y + first * l : NULL,
                       .labels = made->labels ? made->labels + first : NULL};
}

/* Compute the targets of all rows, and blends with theirs. */
static int fill_from_original(const snnk__tune_source *from, size_t learn, size_t blends,
                              snnk__tune_rows *made) {
    const size_t d = snnk_network_inputs(from->network), l = snnk_network_outputs(from->network);
    const size_t after = learn + blends;
    int st = alloc_matrix(&made->allocator, from->n + blends, l, &made->Y);

    if (st == SNNK_OK) st = run_original(from, learn, made->X, made->Y);
    if (st == SNNK_OK) st = add_blends(from, learn, blends, made->X, made->Y);
    return st == SNNK_OK
               ? run_original(from, from->n - learn, made->X + after * d, made->Y + after * l)
               : st;
}

static int fill(const snnk__tune_source *from, const size_t *order, size_t learn, size_t blends,
                snnk__tune_rows *made) {
    const size_t d = snnk_network_inputs(from->network);
    int st = alloc_matrix(&made->allocator, from->n + blends, d, &made->X);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < from->n; i++)
        memcpy(made->X + (i < learn ? i : i + blends) * d, from->X + order[i] * d,
               d * sizeof *made->X);
    st = from->config->tune_to_targets ? copy_targets(from, order, made)
                                       : fill_from_original(from, learn, blends, made);
    if (st != SNNK_OK) return st;
    made->blends = blends;
    made->learn = part(from, made, 0, learn + blends);
    made->heldout = part(from, made, learn + blends, from->n - learn);
    return SNNK_OK;
}

int snnk__tune_rows_create(const snnk__tune_source *from, snnk__tune_rows *rows) {
    const double share = from->config->tune_to_targets ? 0 : from->config->tune_blends;
    const snnk_allocator *allocator = &from->network->allocator;
    size_t *order;
    int st;

    *rows = (snnk__tune_rows){.allocator = *allocator};
    st = snnk__alloc(allocator, from->n, sizeof *order, "an order", &order);
    if (st != SNNK_OK) return st;
    const size_t learn = split(from, order);
    const double blends = floor(share * (double)learn);

    if (blends > (double)(SIZE_MAX / 2 - from->n))
        st = snnk__fail(SNNK_E_SIZE, "tune_blends = %g of %zu rows overflow size_t", share, learn);
    else
        st = fill(from, order, learn, (size_t)blends, rows);
    snnk__free(allocator, order);
    return st;
}

void snnk__tune_rows_free(snnk__tune_rows *rows) {
    snnk__free(&rows->allocator, rows->X);
    snnk__free(&rows->allocator, rows->Y);
    snnk__free(&rows->allocator, rows->labels);
    *rows = (snnk__tune_rows){0};
}
