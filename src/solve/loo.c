/* Leverages and leave-one-out residuals of rows, from a ridge path. Blocks of rows go through BLAS:
 * their coordinates Q along the eigenvectors, then fits Q K^T and leverages (Q squared) G^T for
 * some columns. A column is a target with a lambda. */
#include <math.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/overlap.h"
#include "base/rows.h"
#include "base/size.h"
#include "solve/config.h"
#include "solve/ridge_path.h"

#define ROW_BLOCK    256
#define COLUMN_BLOCK 64

/* One pass over rows: what to compute, and scratch. */
typedef struct loo_pass {
    const snnk_ridge_path *path;
    const snnk_rows *rows;
    snnk_rows part; /* the current block */
    const double *ridges;
    size_t columns; /* all of them: t, or n_ridges t */
    /* if true, column k has ridges[k] and target k; otherwise ridges[k / t] and target k % t */
    bool ridge_a_target;
    double *errors; /* columns: receives added squares; NULL if residuals are wanted */
    float *residuals;
    size_t ldr;

    double *centered; /* rows x m; then the squares of Q: rows x rank */
    double *Q;        /* rows x rank */
    double *K, *G;    /* columns x rank: coefficients along, and 1/(s + lambda) */
    double *fits;     /* rows x columns */
    double *leverage; /* rows x columns; columns may share a leverage */
    size_t leverage_of[COLUMN_BLOCK];
} loo_pass;

/* ---- Blocks ---- */

/* Rows first ... first+count-1 of Phi. */
static void center(const snnk_ridge_path *path, size_t first, size_t count,
                   const snnk__numbers *Phi, double *centered) {
    const size_t m = path->features;

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < m; j++)
            centered[i * m + j] = snnk__number(Phi, first + i, j) - path->mean_phi[j];
}

/* Set C (rows x columns) = A B^T, where B is columns x inner. */
static void multiply(size_t rows, size_t columns, size_t inner, const double *A, const double *B,
                     double *C) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (lapack_int)rows, (lapack_int)columns,
                (lapack_int)inner, 1, A, (lapack_int)inner, B, (lapack_int)inner, 0, C,
                (lapack_int)columns);
}

static double ridge_of(const loo_pass *pass, size_t column) {
    return pass->ridges[pass->ridge_a_target ? column : column / pass->path->targets];
}

/* Compute K and G, and the row of G of each column. Neighbouring columns of one lambda share a row.
 * Returns the number of rows of G. */
static size_t prepare_columns(loo_pass *pass, size_t first, size_t count) {
    const snnk_ridge_path *path = pass->path;
    const size_t rank = path->rank, t = path->targets;
    const double *values = snnk__ridge_path_values(path);
    size_t leverages = 0;

    for (size_t c = 0; c < count; c++) {
        const double ridge = ridge_of(pass, first + c);
        const double *along = path->along + (first + c) % t * rank;

        if (c == 0 || ridge != ridge_of(pass, first + c - 1)) {
            for (size_t j = 0; j < rank; j++)
                pass->G[leverages * rank + j] = 1 / (values[j] + ridge);
            leverages++;
        }
        pass->leverage_of[c] = leverages - 1;

        const double *G = pass->G + (leverages - 1) * rank;

        for (size_t j = 0; j < rank; j++) pass->K[c * rank + j] = along[j] * G[j];
    }
    return leverages;
}

/* The error of a leverage h. stretched: w c (A + lambda)^-2 c times the largest eigenvalue, for a
 * row c. An error e of the moments makes an error e w c (A + lambda)^-2 c; an error e of their
 * factor R makes 2 |R^-T c| |R^-1 R^-T c| e. */
static double leverage_error(const snnk_ridge_path *path, double h, double stretched) {
    return path->factor ? path->noise * (1 + 2 * sqrt(h * stretched))
                        : path->rounding * (1 + stretched);
}

/* 1 - leverage of a row of this weight, from its squared coordinates; 0 if that is within the error
 * of the leverage. */
static double left_out_share(const snnk_ridge_path *path, const double *squares, double weight,
                             double leverage, double ridge) {
    const double *values = snnk__ridge_path_values(path);
    const double share = 1 - leverage, largest = values[path->rank - 1];
    double stretched = 0;

    /* A cheaper bound decides for most rows. */
    if (share > leverage_error(path, 1, largest / (values[0] + ridge))) return share;
    for (size_t j = 0; j < path->rank; j++) {
        const double inverse = 1 / (values[j] + ridge);

        stretched += squares[j] * inverse * (largest * inverse);
    }
    return share > leverage_error(path, leverage, weight * stretched) ? share : 0;
}

/* The leave-one-out residual of row i of the block, in column c of those that begin at `first`. */
static double left_out(const loo_pass *pass, size_t i, size_t first, size_t c, size_t columns,
                       size_t leverages) {
    const snnk_ridge_path *path = pass->path;
    const snnk_rows *part = &pass->part;
    const size_t k = (first + c) % path->targets;
    const double weight = part->weights ? (double)part->weights[i] : 1;
    const double e = snnk__rows_target(part, i, k) - path->mean_y[k] - pass->fits[i * columns + c];
    const double mean_part = path->intercept ? 1 / path->weight : 0;
    const double h = pass->leverage[i * leverages + pass->leverage_of[c]] + mean_part;
    const double share = left_out_share(path, pass->centered + i * path->rank, weight, weight * h,
                                        ridge_of(pass, first + c));

    return share > 0 ? e / share : copysign(INFINITY, e);
}

/* Compute columns first ... first+columns-1 of the block, whose first row is `row`. */
static void give_columns(loo_pass *pass, size_t row, size_t first, size_t columns) {
    const size_t rank = pass->path->rank, count = pass->part.n;
    const size_t leverages = prepare_columns(pass, first, columns);

    multiply(count, columns, rank, pass->Q, pass->K, pass->fits);
    multiply(count, leverages, rank, pass->centered, pass->G, pass->leverage);
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < columns; c++) {
            const double e = left_out(pass, i, first, c, columns, leverages);

            if (pass->errors)
                pass->errors[first + c] += e * e;
            else
                pass->residuals[(row + i) * pass->ldr + first + c] = (float)e;
        }
}

static void give_rows(loo_pass *pass, size_t row, size_t count) {
    const snnk_ridge_path *path = pass->path;
    const size_t rank = path->rank;

    const snnk__numbers Phi = snnk__rows_inputs(pass->rows);

    pass->part = snnk__rows_part(pass->rows, row, count);
    center(path, row, count, &Phi, pass->centered);
    multiply(count, rank, path->features, pass->centered, snnk__ridge_path_vectors(path), pass->Q);
    for (size_t i = 0; i < count * rank; i++) pass->centered[i] = pass->Q[i] * pass->Q[i];
    for (size_t first = 0; first < pass->columns; first += COLUMN_BLOCK)
        give_columns(pass, row, first, snnk__min_size(COLUMN_BLOCK, pass->columns - first));
}

/* Run the pass; all arguments are checked. SNNK_E_NOMEM: nothing was written. */
static int run(loo_pass *pass) {
    const snnk_ridge_path *path = pass->path;
    const snnk_allocator *memory = &path->allocator;
    const size_t m = path->features, rank = path->rank, n = pass->rows->n;
    const size_t rows = snnk__min_size(n, ROW_BLOCK);
    const size_t columns = snnk__min_size(pass->columns, COLUMN_BLOCK);
    int st;

    st = snnk__alloc(memory, rows * m, sizeof(double), "a block of rows", &pass->centered);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(memory, rows * rank, sizeof(double), "their coordinates", &pass->Q);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(memory, columns * rank, sizeof(double), "projected coefficients", &pass->K);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(memory, columns * rank, sizeof(double), "inverse eigenvalues", &pass->G);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(memory, rows * columns, sizeof(double), "fitted values", &pass->fits);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(memory, rows * columns, sizeof(double), "leverages", &pass->leverage);
    if (st != SNNK_OK) goto done;
    for (size_t row = 0; row < n; row += rows) give_rows(pass, row, snnk__min_size(rows, n - row));
done:
    snnk__free(memory, pass->leverage);
    snnk__free(memory, pass->fits);
    snnk__free(memory, pass->G);
    snnk__free(memory, pass->K);
    snnk__free(memory, pass->Q);
    snnk__free(memory, pass->centered);
    return st;
}

/* ---- Public ---- */

/* SNNK_E_OVERLAP if what is written overlaps what is read. Residuals may be written to Y, because
 * each replaces its own target. */
static int check_overlap(const loo_pass *pass, const snnk_rows *rows) {
    const size_t t = pass->path->targets, n_ridges = pass->ridge_a_target ? t : pass->columns / t;
    const double *ridges = pass->ridges, *errors = pass->errors;
    const float *residuals = pass->residuals;
    const snnk__operand of_errors = SNNK__WRITTEN(errors, n_ridges, t, t);
    const snnk__operand of_residuals = SNNK__WRITTEN(residuals, rows->n, t, pass->ldr);
    const snnk__operand arrays[] = {SNNK__READ(ridges, 1, n_ridges, n_ridges),
                                    pass->ridge_a_target ? of_residuals : of_errors};
    const int st = snnk__check_overlap(2, arrays);

    return st == SNNK_OK ? snnk__rows_check_overlap(rows, &arrays[1], pass->ridge_a_target) : st;
}

/* Check rows, numbers last (which reads all of them), and run the pass. */
static int run_on(loo_pass *pass, const snnk_rows *rows) {
    const snnk_ridge_path *path = pass->path;
    snnk_rows read;
    int st;

    st = snnk__rows_read(rows, path->features, path->targets, true, &read);
    if (st != SNNK_OK) return st;
    if (pass->ridge_a_target) { /* residuals are wanted */
        st = snnk__check_matrix(pass->residuals, "residuals", read.n, path->targets, pass->ldr,
                                sizeof *pass->residuals);
        if (st != SNNK_OK) return st;
    }
    if ((st = check_overlap(pass, &read)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    if (pass->columns == 0 || read.n == 0) return SNNK_OK;
    pass->rows = &read;
    return run(pass);
}

int snnk_ridge_path_add_loo(const snnk_ridge_path *path, size_t n_ridges, const double *ridges,
                            const snnk_rows *rows, double *errors) {
    loo_pass pass = {.path = path, .ridges = ridges, .errors = errors};
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;

    const size_t t = path->targets;

    if ((st = snnk__check_matrix(errors, "errors", n_ridges, t, t, sizeof *errors)) != SNNK_OK)
        return st;
    if (n_ridges > 0 && (st = snnk__check_pointer(ridges, "ridges")) != SNNK_OK) return st;
    if ((st = snnk__check_ridges(n_ridges, ridges)) != SNNK_OK) return st;
    pass.columns = n_ridges * t;
    return run_on(&pass, rows);
}

int snnk_ridge_path_loo_residuals(const snnk_ridge_path *path, const double *ridges,
                                  const snnk_rows *rows, float *residuals, size_t ldr) {
    loo_pass pass = {
        .path = path, .ridges = ridges, .ridge_a_target = true, .residuals = residuals, .ldr = ldr};
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(ridges, "ridges")) != SNNK_OK) return st;
    if ((st = snnk__check_ridges(path->targets, ridges)) != SNNK_OK) return st;
    pass.columns = path->targets;
    return run_on(&pass, rows);
}

/* ---- New rows ---- */

/* phi (A + lambda)^-1 phi of a centered row, from its coordinates along the known directions. In
 * all other directions A is 0. */
static double new_leverage(const snnk_ridge_path *path, double ridge, const double *q,
                           const double *phi) {
    const double *values = path->values + (path->features - path->known);
    double inside = 0, length = 0, leverage = path->intercept ? 1 / path->weight : 0;

    for (size_t j = 0; j < path->features; j++) length += phi[j] * phi[j];
    for (size_t j = 0; j < path->known; j++) {
        inside += q[j] * q[j];
        leverage += q[j] / (values[j] + ridge) * q[j];
    }

    const double outside = path->known < path->features ? length - inside : 0;

    return outside > fmax(path->rounding, path->noise) * length ? leverage + outside / ridge
                                                                : leverage;
}

int snnk_ridge_path_leverage(const snnk_ridge_path *path, double ridge, size_t n, const float *Phi,
                             size_t ldphi, double *leverage) {
    double *centered = NULL, *Q = NULL;
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    st = snnk__check_matrix(Phi, "Phi", n, path->features, ldphi, sizeof *Phi);
    if (st != SNNK_OK) return st;
    if (n > 0 && (st = snnk__check_pointer(leverage, "leverage")) != SNNK_OK) return st;
    if (!(ridge >= 0) || !isfinite(ridge))
        return snnk__fail(SNNK_E_RANGE, "ridge = %g is not a finite number >= 0", ridge);

    const snnk_allocator *memory = &path->allocator;
    const size_t m = path->features, known = path->known, rows = snnk__min_size(n, ROW_BLOCK);
    const snnk__numbers of_phi = {.f32 = Phi, .ld = ldphi};
    const double *vectors = path->vectors + (m - known) * m;

    if ((st = snnk__check_finite(Phi, "Phi", n, m, ldphi)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(Phi, n, m, ldphi), SNNK__WRITTEN(leverage, 1, n, n)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    st = snnk__alloc(memory, rows * m, sizeof *centered, "a block of rows", &centered);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(memory, rows * known, sizeof *Q, "their coordinates", &Q);
    if (st != SNNK_OK) goto done;
    for (size_t row = 0; row < n; row += rows) {
        const size_t count = snnk__min_size(rows, n - row);

        center(path, row, count, &of_phi, centered);
        multiply(count, known, m, centered, vectors, Q);
        for (size_t i = 0; i < count; i++)
            leverage[row + i] = new_leverage(path, ridge, Q + i * known, centered + i * m);
    }
done:
    snnk__free(memory, Q);
    snnk__free(memory, centered);
    return st;
}
