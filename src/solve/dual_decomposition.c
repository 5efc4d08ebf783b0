/* Dual problems: finding equal rows and groups, and the decomposition. */
#include "solve/dual_problem.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"
#include "base/workspace.h"
#include "solve/eigen.h"

/* The most multiplications between two reports. */
#define REPORT_EVERY 2e9

/* The complete eigenvectors of this many rows cost nothing, and tell leverages from 1 better. */
#define SMALL 64

/* ---- Equal rows and groups ---- */

/* A row, and what it is sorted by: the row unless it is NULL, then the key. */
typedef struct keyed {
    const float *row;
    uint64_t key;
    size_t bytes, i; /* i: the row's number */
} keyed;

static int by_row(const keyed *a, const keyed *b) {
    const int order = a->row ? memcmp(a->row, b->row, a->bytes) : 0;

    if (order != 0) return order;
    return a->key < b->key ? -1 : a->key > b->key;
}

static int by_row_and_number(const void *left, const void *right) {
    const keyed *a = left, *b = right;
    const int order = by_row(a, b);

    if (order != 0) return order;
    return a->i < b->i ? -1 : a->i > b->i;
}

/* Set distinct and n. sorted: scratch, data->n.
 *   alone  every row is distinct, also from its equals */
static void find_equal(const snnk__dual_data *data, bool alone, keyed *sorted, snnk__dual *dual) {
    size_t *distinct = dual->distinct, first = 0;

    dual->n = 0;
    for (size_t i = 0; i < data->n; i++)
        sorted[i] = (keyed){.row = data->Phi + i * data->ldphi,
                            .bytes = data->m * sizeof(float),
                            .key = alone         ? i
                                   : data->group ? data->group[i]
                                                 : 0,
                            .i = i};
    qsort(sorted, data->n, sizeof *sorted, by_row_and_number);
    /* First the number of the first equal row, then those numbers without gaps. */
    for (size_t k = 0; k < data->n; k++) {
        if (by_row(&sorted[k], &sorted[first]) != 0) first = k;
        distinct[sorted[k].i] = sorted[first].i;
    }
    for (size_t i = 0; i < data->n; i++)
        distinct[i] = distinct[i] == i ? dual->n++ : distinct[distinct[i]];
}

/* Set order, start, groups and most. sorted: scratch. */
static void set_groups(const snnk__dual_data *data, keyed *sorted, snnk__dual *dual) {
    const size_t n = dual->n;

    for (size_t i = 0; i < data->n; i++) {
        const size_t to = dual->distinct[i];

        sorted[to] = (keyed){.key = data->group ? data->group[i] : to, .i = to};
    }
    qsort(sorted, n, sizeof *sorted, by_row_and_number);
    for (size_t k = 0; k < n; k++) {
        if (k == 0 || sorted[k].key != sorted[k - 1].key) dual->start[dual->groups++] = k;
        dual->order[k] = sorted[k].i;
    }
    dual->start[dual->groups] = n;
    for (size_t g = 0; g < dual->groups; g++)
        dual->most = snnk__max_size(dual->most, dual->start[g + 1] - dual->start[g]);
}

static int find_rows(const snnk__dual_data *data, snnk__dual *dual) {
    const size_t n = data->n;
    keyed *sorted = NULL;
    int st;

    st = snnk__alloc(&dual->allocator, n, sizeof *sorted, "an order of rows", &sorted);
    if (st != SNNK_OK) return st;
    st =
        snnk__alloc(&dual->allocator, 3 * n + 1, sizeof *dual->distinct, "groups", &dual->distinct);
    if (st == SNNK_OK) {
        dual->order = dual->distinct + n;
        dual->start = dual->order + n;
        find_equal(data, false, sorted, dual);
        /* Rows that often are equal have inputs of few values, which new rows will have too. */
        if (!data->group && data->n >= SNNK__OFTEN_EQUAL * dual->n && dual->n > 1)
            find_equal(data, true, sorted, dual);
        set_groups(data, sorted, dual);
    }
    snnk__free(&dual->allocator, sorted);
    return st;
}

/* ---- Decomposing ---- */

static int allocate(snnk__dual *dual) {
    const size_t rows = dual->rows, n = dual->n, m = dual->m, t = dual->t;
    size_t width, square, given, count;
    int st;

    dual->complete = n <= m || n <= SMALL;
    dual->r = dual->complete ? n : m;
    const size_t r = dual->r;
    if (snnk__check_eigenvectors(r) != SNNK_OK)
        return snnk__fail(SNNK_E_SIZE,
                          "%zu distinct rows of %zu features are too many for LAPACK's "
                          "eigenvectors: the smaller number must be at most 32766",
                          n, m);
    if (!snnk__add_size(m, r, &width) || !snnk__add_size(width, 2 * t + 2, &width) ||
        !snnk__mul_size(n, width, &square) || !snnk__mul_size(rows, t + 1, &given) ||
        !snnk__add_size(square, given, &count) || !snnk__add_size(count, m + 2 * t, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu features overflow size_t", n, m);
    st = snnk__alloc_zero(&dual->allocator, count, sizeof *dual->numbers, "a dual problem",
                          &dual->numbers);
    if (st != SNNK_OK) return st;
    const size_t counts[] = {rows, rows * t, t, n * m, n * r, r, r * t, n, m, t, n * t};
    double **const arrays[] = {&dual->given,    &dual->off,    &dual->within, &dual->A,
                               &dual->U,        &dual->values, &dual->along,  &dual->root,
                               &dual->mean_phi, &dual->mean_y, &dual->Y};
    double *at = dual->numbers;

    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        *arrays[k] = at;
        at += counts[k];
    }
    return SNNK_OK;
}

static double weight_of(const snnk__dual_data *data, size_t i) {
    return data->weights ? data->weights[i] : 1;
}

/* Set root, Y, off and within. */
static void merge_equal(const snnk__dual_data *data, snnk__dual *dual) {
    const size_t n = dual->n, rows = dual->rows;
    double *weight = dual->root;

    for (size_t i = 0; i < rows; i++) {
        const size_t to = dual->distinct[i];
        const double w = weight_of(data, i);

        dual->given[i] = w;
        weight[to] += w;
        /* A moving mean keeps the digits of values far from 0. */
        for (size_t k = 0; k < dual->t; k++)
            dual->Y[k * n + to] +=
                w / weight[to] * (data->Y[i * data->ldy + k] - dual->Y[k * n + to]);
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < dual->t; k++) {
            const double off = data->Y[i * data->ldy + k] - dual->Y[k * n + dual->distinct[i]];

            dual->off[k * rows + i] = off;
            dual->within[k] += weight_of(data, i) * off * off;
        }
    for (size_t i = 0; i < n; i++) weight[i] = sqrt(weight[i]);
}

/* Set the means and A. */
static void center(const snnk__dual_data *data, snnk__dual *dual) {
    const size_t n = dual->n, m = dual->m;
    double weight = 0;

    for (size_t i = 0; dual->intercept && i < data->n; i++) {
        const double w = weight_of(data, i);

        weight += w;
        for (size_t j = 0; j < m; j++)
            dual->mean_phi[j] += w / weight * (data->Phi[i * data->ldphi + j] - dual->mean_phi[j]);
        for (size_t k = 0; k < dual->t; k++)
            dual->mean_y[k] += w / weight * (data->Y[i * data->ldy + k] - dual->mean_y[k]);
    }
    for (size_t i = 0; i < data->n; i++) {
        const size_t to = dual->distinct[i];

        for (size_t j = 0; j < m; j++)
            dual->A[to * m + j] =
                dual->root[to] * (data->Phi[i * data->ldphi + j] - dual->mean_phi[j]);
    }
    for (size_t k = 0; k < dual->t; k++)
        for (size_t i = 0; i < n; i++) dual->Y[k * n + i] -= dual->mean_y[k];
}

/* Remove the part along q from the eigenvectors in the rows of V. Those with s > 0 have none but
 * rounding; among those of the null space it can be anywhere. */
static void remove_constant(const snnk__dual *dual, double *V) {
    const size_t n = dual->n;
    const double weight = cblas_ddot((int)n, dual->root, 1, dual->root, 1);

    for (size_t j = 0; j < n; j++) {
        const double part = cblas_ddot((int)n, V + j * n, 1, dual->root, 1) / weight;

        cblas_daxpy((int)n, -part, dual->root, 1, V + j * n, 1);
    }
}

static void transpose(size_t n, double *V) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            const double kept = V[i * n + j];

            V[i * n + j] = V[j * n + i];
            V[j * n + i] = kept;
        }
}

/* SNNK_E_NONFINITE if an entry on the diagonal of the n x n matrix is not finite. */
static int check_diagonal(size_t n, const double *matrix, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(matrix[i * n + i]))
            return snnk__fail(SNNK_E_NONFINITE, "the squared length of %s %zu overflows", what, i);
    return SNNK_OK;
}

/* SNNK_E_SINGULAR if the largest eigenvalue is not above 0. */
static int check_rank(const snnk__dual *dual, double largest) {
    if (largest > 0) return SNNK_OK;
    return snnk__fail(
        SNNK_E_SINGULAR,
        "rank 0: every one of the %zu features is constant (without an intercept: zero)", dual->m);
}

/* Set the lower triangle of U to A A^T, some rows at a time. */
static int multiply_rows(const snnk__dual *dual, snnk__progress *progress) {
    const size_t n = dual->n, m = dual->m;
    const size_t most = (size_t)(REPORT_EVERY / ((double)n * (double)m)) + 1;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < n; first += most) {
        const size_t count = snnk__min_size(most, n - first);
        const double *rows = dual->A + first * m;
        const double share = (double)(first + count) / (double)n;

        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)first, (int)m, 1,
                    rows, (int)m, dual->A, (int)m, 0, dual->U + first * n, (int)n);
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)count, (int)m, 1, rows, (int)m, 0,
                    dual->U + first * n + first, (int)n);
        st = snnk__progress_update(progress, share * share);
    }
    return st;
}

/* Set the lower triangle of V to A^T A, some rows at a time. */
static int multiply_features(const snnk__dual *dual, double *V, snnk__progress *progress) {
    const size_t n = dual->n, m = dual->m;
    const size_t most = (size_t)(REPORT_EVERY / ((double)m * (double)m)) + 1;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < n; first += most) {
        const size_t count = snnk__min_size(most, n - first);

        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)m, (int)count, 1,
                    dual->A + first * m, (int)m, first > 0, V, (int)m);
        st = snnk__progress_count(progress, (double)(first + count), (double)n);
    }
    return st;
}

/* Set U and the values from A A^T. */
static int decompose_rows(snnk__dual *dual, snnk__progress *progress) {
    const size_t n = dual->n, m = dual->m;
    int st;

    snnk__progress_begin_stage(progress, (double)n * (double)n * (double)m);
    if ((st = multiply_rows(dual, progress)) != SNNK_OK) return st;
    if ((st = check_diagonal(n, dual->U, "distinct row")) != SNNK_OK) return st;
    snnk__progress_begin_stage(progress, 9 * (double)n * (double)n * (double)n);
    st = snnk__eigenvectors(&dual->allocator, n, 'U', dual->U, dual->values, progress);
    if (st == SNNK_OK) st = check_rank(dual, dual->values[n - 1]);
    if (st != SNNK_OK) return st;
    for (size_t j = 0; j < n; j++) dual->values[j] = fmax(dual->values[j], 0);
    if (dual->intercept) remove_constant(dual, dual->U);
    transpose(n, dual->U);
    return SNNK_OK;
}

/* Set U and the values from A^T A = V diag(s) V^T: U = A V diag(s)^-1/2. V: scratch, m x m. */
static int decompose_features(snnk__dual *dual, double *V, snnk__progress *progress) {
    const size_t n = dual->n, m = dual->m;
    size_t zeros = 0;
    int st;

    snnk__progress_begin_stage(progress, (double)n * (double)m * (double)m);
    if ((st = multiply_features(dual, V, progress)) != SNNK_OK) return st;
    if ((st = check_diagonal(m, V, "feature")) != SNNK_OK) return st;
    snnk__progress_begin_stage(progress, 9 * (double)m * (double)m * (double)m);
    st = snnk__eigenvectors(&dual->allocator, m, 'U', V, dual->values, progress);
    if (st == SNNK_OK) st = check_rank(dual, dual->values[m - 1]);
    if (st != SNNK_OK) return st;
    /* Directions whose eigenvalues are rounding do not count. */
    while (dual->values[zeros] <= (double)n * DBL_EPSILON * dual->values[m - 1]) zeros++;
    const size_t r = m - zeros;
    memmove(dual->values, dual->values + zeros, r * sizeof *dual->values);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)r, (int)m, 1, dual->A, (int)m,
                V + zeros * m, (int)m, 0, dual->U, (int)r);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < r; j++) dual->U[i * r + j] /= sqrt(dual->values[j]);
    dual->r = r;
    return SNNK_OK;
}

/* Set U, the values and `along`. */
static int decompose(snnk__dual *dual, snnk__progress *progress) {
    const size_t n = dual->n, m = dual->m;
    double *V = NULL;
    int st;

    if (dual->complete) {
        st = decompose_rows(dual, progress);
    } else {
        st = snnk__alloc(&dual->allocator, m * m, sizeof *V, "moments of features", &V);
        if (st == SNNK_OK) st = decompose_features(dual, V, progress);
        snnk__free(&dual->allocator, V);
    }
    if (st != SNNK_OK) return st;
    const size_t r = dual->r;
    snnk__progress_begin_stage(progress, (double)n * (double)r * (double)dual->t);
    for (size_t k = 0; k < dual->t; k++)
        for (size_t i = 0; i < n; i++)
            cblas_daxpy((int)r, dual->root[i] * dual->Y[k * n + i], dual->U + i * r, 1,
                        dual->along + k * r, 1);
    return snnk__progress_finish(progress);
}

/* The multiplications of decompose. */
static double cost_of(const snnk__dual *dual) {
    const double n = (double)dual->n, m = (double)dual->m, r = (double)dual->r;

    return n * m * r + 9 * r * r * r + n * r * (double)dual->t;
}

int snnk__dual_create(const snnk__dual_data *data, snnk__dual **dual) {
    snnk_allocator allocator;
    snnk__dual *made = NULL;
    snnk__work work;
    int st;

    *dual = NULL;
    if ((st = snnk__allocator_read(&allocator, data->allocator)) != SNNK_OK) return st;
    st = snnk__alloc_zero(&allocator, 1, sizeof *made, "a dual problem", &made);
    if (st != SNNK_OK) return st;
    made->allocator = allocator;
    made->rows = data->n;
    made->m = data->m;
    made->t = data->t;
    made->intercept = data->intercept;
    if ((st = find_rows(data, made)) != SNNK_OK) goto done;
    if ((st = allocate(made)) != SNNK_OK) goto done;
    merge_equal(data, made);
    center(data, made);
    snnk__work_begin(data->workspace, cost_of(made), &work);
    st = decompose(made, &work.progress);
    snnk__work_end(&work);
    if (st != SNNK_OK) goto done;
    *dual = made;
    made = NULL;
done:
    snnk__dual_free(made);
    return st;
}

void snnk__dual_free(snnk__dual *dual) {
    if (!dual) return;

    const snnk_allocator memory = dual->allocator;

    snnk__free(&memory, dual->distinct);
    snnk__free(&memory, dual->numbers);
    snnk__free(&memory, dual);
}

size_t snnk__dual_distinct(const snnk__dual *dual) { return dual->n; }

double snnk__dual_largest(const snnk__dual *dual) { return dual->values[dual->r - 1]; }

const double *snnk__dual_mean(const snnk__dual *dual) { return dual->mean_phi; }

double snnk__dual_least_ridge(const snnk__dual *dual) {
    return (double)dual->n * DBL_EPSILON * dual->values[dual->r - 1];
}
