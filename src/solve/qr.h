/* The QR factorization: rows into a triangular factor by Householder transformations. */
#ifndef SNNK_SOLVE_QR_H
#define SNNK_SOLVE_QR_H

#include <lapacke.h>

#include "base/rows.h"
#include "solve/statistics.h"

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

/* Of AUTO with enough rows: GRAM or QR from here on. */
void snnk__qr_decide(snnk_lstsq *lstsq);

/* Rows that AUTO decides at. */
static inline uint64_t snnk__qr_decisive_rows(const snnk_lstsq *lstsq) {
    return 2 * (uint64_t)lstsq->features;
}

#endif
