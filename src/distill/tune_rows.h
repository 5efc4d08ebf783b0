/* The rows that a compressed network is tuned with: those to learn from, blends of them, and those
 * that are held out.
 *
 * A blend is m + cos(t) (x - m) + sin(t) (x' - m): x and x' are rows to learn from, m is the mean
 * of all of them, and t is drawn between 0 and pi/2. There are as many as one likes, and the
 * original network computes their targets: few rows, or rows that resemble one another, are then
 * not learned by heart. The deviations from m are turned, not shortened, so blends vary as much as
 * rows do. x is drawn more often where the original's outputs are far from their means, since
 * outputs that are rare are hard to learn; x' is any row. */
#ifndef SNNK_DISTILL_TUNE_ROWS_H
#define SNNK_DISTILL_TUNE_ROWS_H

#include <snnk/compress.h>

#include "base/memory.h"

/* Where tuning rows come from. */
typedef struct snnk__tune_source {
    const snnk_network *network; /* the original, which computes targets */
    size_t n;
    const float *X;        /* n x d */
    const size_t *which;   /* n: the number of each row among those of the caller */
    const snnk_rows *rows; /* the caller's, checked: targets or labels if these are the aim */
    const snnk_compress_config *config; /* tune_to_targets, tune_blends */
    const snnk_distill_config *distill; /* seed, heldout_share, heldout_block_rows */
    snnk_workspace *workspace;
} snnk__tune_source;

typedef struct snnk__tune_rows {
    snnk_allocator allocator;
    snnk_rows learn, heldout; /* heldout.n is 0 if there are too few rows to hold some out */
    size_t blends;            /* of `learn`, at its end */
    float *X, *Y;             /* learn, held out */
    int32_t *labels;
} snnk__tune_rows;

/* Create them; release with snnk__tune_rows_free, also after a failure. SNNK_E_SIZE, SNNK_E_NOMEM,
 * SNNK_E_NONFINITE (an output of the original network for a blend). */
int snnk__tune_rows_create(const snnk__tune_source *from, snnk__tune_rows *rows);
void snnk__tune_rows_free(snnk__tune_rows *rows);

#endif
