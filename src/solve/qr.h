/* The QR factorization: rows in a triangular factor, by Householder transformations. */
#ifndef SNNK_SOLVE_QR_H
#define SNNK_SOLVE_QR_H

#include <lapacke.h>

#include "base/progress.h"
#include "base/rows.h"
#include "solve/statistics.h"

/* Scratch, column-major for LAPACK. A block has room for m rows or more, so that the factor of
 * other statistics fits too, and for one more row: the shift of the mean. */
typedef struct snnk__qr {
    size_t rows;       /* the most rows of a block */
    size_t ld;         /* rows + 1 */
    size_t wide;       /* the larger of m and t */
    double *phi, *y;   /* ld x m, ld x t */
    double *T;         /* reflectors x m: triangular factors of block reflectors */
    double *work;      /* at least 3 m; 2 reflectors x wide */
    lapack_int *iwork; /* m */
    lapack_int reflectors;
} snnk__qr;

/* SNNK_E_SIZE, SNNK_E_NOMEM; *qr = NULL then. */
int snnk__qr_create(const snnk_allocator *allocator, size_t m, size_t t, snnk__qr **qr);
void snnk__qr_free(const snnk_allocator *allocator, snnk__qr *qr);

/* Write at most qr->rows rows to qr->phi and qr->y: centered on their own means, which go to
 * block_phi and block_y, times the roots of their weights. */
void snnk__qr_pack(snnk_lstsq *lstsq, const snnk_rows *rows);

/* Set row `row` of the block to scale (block mean - mean). */
void snnk__qr_set_shift(snnk_lstsq *lstsq, size_t row, double scale, const double *block_phi,
                        const double *block_y);

/* Transform rows 0 ... rows-1 of the block into R (m x m, upper, column-major) and Z (m x t). The
 * last `triangular` rows, 0 or m, are an upper triangle. qr->y receives the unexplained part of
 * the targets; qr->phi is scratch afterwards.
 *   progress   NULL: the call cannot fail
 * SNNK_E_CANCELLED: R and Z are scratch. */
int snnk__qr_absorb(snnk__qr *qr, size_t m, size_t t, size_t rows, size_t triangular, double *R,
                    double *Z, snnk__progress *progress);

/* Add at most qr->rows rows.
 *   progress   NULL: the call cannot fail
 * SNNK_E_CANCELLED: the statistics can only be freed. */
int snnk__qr_add_block(snnk_lstsq *lstsq, const snnk_rows *rows, snnk__progress *progress);

/* Add another factor (TSQR). The caller updates counts, weights and means. Cannot fail. */
void snnk__qr_merge(snnk_lstsq *lstsq, const snnk_lstsq *other);

/* Turn the factor into moments, and free the scratch.
 *   progress   NULL: the call cannot fail
 * SNNK_E_CANCELLED: the statistics can only be freed. */
int snnk__qr_to_gram(snnk_lstsq *lstsq, snnk__progress *progress);

/* With AUTO and enough rows, choose GRAM or QR.
 *   progress   NULL: the call cannot fail
 * SNNK_E_CANCELLED: the statistics can only be freed. */
int snnk__qr_decide(snnk_lstsq *lstsq, snnk__progress *progress);

/* The number of rows after which AUTO chooses. */
static inline uint64_t snnk__qr_decisive_rows(const snnk_lstsq *lstsq) {
    return 2 * (uint64_t)lstsq->features;
}

#endif
