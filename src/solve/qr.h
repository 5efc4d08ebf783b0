/* The QR route: rows into a triangular factor by Householder transformations. */
#ifndef SNNK_SOLVE_QR_H
#define SNNK_SOLVE_QR_H

#include <lapacke.h>

#include "solve/lstsq.h"

/* Scratch, column-major as LAPACK has it. A block of rows is at least m rows: then the m x m factor
 * of other statistics fits in too, with one more row for the shift of the mean. */
typedef struct snnk__qr {
    size_t rows;       /* most of a block */
    size_t ld;         /* rows + 1 */
    double *phi, *y;   /* ld x m, ld x t */
    double *T;         /* reflectors x m: LAPACK's triangles that make blocks of reflectors */
    double *work;      /* LAPACK's, at least 3 m */
    lapack_int *iwork; /* m */
    lapack_int reflectors;
} snnk__qr;

/* SNNK_E_SIZE, SNNK_E_NOMEM; *qr = NULL then. */
int snnk__qr_create(const snnk_allocator *allocator, size_t m, size_t t, snnk__qr **qr);
void snnk__qr_free(const snnk_allocator *allocator, snnk__qr *qr);

/* Rows into qr->phi and qr->y: centred on their own means, which come in block_phi and block_y,
 * times the roots of their weights. At most qr->rows. */
void snnk__qr_pack(snnk_lstsq *lstsq, const snnk_rows *rows);

/* Row `row` of the block becomes scale (block mean - mean). */
void snnk__qr_set_shift(snnk_lstsq *lstsq, size_t row, double scale, const double *block_phi,
                        const double *block_y);

/* Rotate the block's rows 0 ... rows-1 into R (m x m upper, column-major) and Z (m x t). The last
 * `triangular` rows are the upper triangle of a square. What is left of the targets stays in qr->y,
 * nothing of use in qr->phi. */
void snnk__qr_absorb(snnk__qr *qr, size_t m, size_t t, size_t rows, size_t triangular, double *R,
                     double *Z);

/* Add at most qr->rows rows. Cannot fail. */
void snnk__qr_add_block(snnk_lstsq *lstsq, const snnk_rows *rows);

/* Add another factor: TSQR. Counts, weights and means are the caller's. Cannot fail. */
void snnk__qr_merge(snnk_lstsq *lstsq, const snnk_lstsq *other);

/* From the factor to moments; the scratch goes. */
void snnk__qr_to_gram(snnk_lstsq *lstsq);

/* On the route AUTO with enough rows: GRAM or QR from here on. */
void snnk__qr_decide(snnk_lstsq *lstsq);

/* Rows that AUTO decides at. */
static inline uint64_t snnk__qr_decisive_rows(const snnk_lstsq *lstsq) {
    return 2 * (uint64_t)lstsq->features;
}

/* Where the eigen-system of the moments goes: values (m, rising), vectors (m x m, v_k in row k), and of
 * each target its parts along the left singular vectors (t x m, in the order of the values): C v_k =
 * sqrt(value_k) part_k; and the squares that no feature explains (t). */
typedef struct snnk__qr_system {
    double *values, *vectors, *parts, *rest;
} snnk__qr_system;

/* SNNK_E_SIZE, SNNK_E_NONFINITE, SNNK_E_SINGULAR (no convergence), SNNK_E_NOMEM. */
int snnk__qr_decompose(const snnk_lstsq *lstsq, bool intercept, const snnk__qr_system *system);

/* The ridge solution from the factor: statuses and arguments of snnk__lstsq_solve_into. scale: m
 * powers of two, on which z = B / scale is solved for; w: the weight of the means' row, 0 with an
 * intercept. R (t x m) becomes z. tolerance: of singular values. */
int snnk__qr_solve(snnk_lstsq *lstsq, double ridge, double w, double tolerance, const double *scale,
                   double *R, snnk__solve_outcome *outcome);

/* Take the block's rows 0 ... rows-1 out of the factor: hyperbolic transformations. noise, square_noise:
 * what rounding may have done to the length of each feature, over these rows, and to its squares, over
 * all. false if nothing but rounding would be left in some direction, of which a factor then knows no
 * more than moments do; it is scratch then. What is left of the targets (yy) can be below 0 by
 * rounding. */
bool snnk__qr_remove_block(snnk_lstsq *lstsq, size_t rows, const double *noise,
                           const double *square_noise);

#endif
