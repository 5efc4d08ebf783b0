/* Inside of the least-squares statistics. */
#ifndef SNNK_SOLVE_LSTSQ_H
#define SNNK_SOLVE_LSTSQ_H

#include <stdbool.h>

#include <snnk/lstsq.h>

#include "base/memory.h"
#include "kernels/moments.h"

/* Rows taken at once; one more row of the block carries the shift of the mean. */
#define SNNK__LSTSQ_BLOCK_ROWS (SNNK__PANEL_ROWS - 1)

/* m features, t targets. All sums are over the rows so far, centred on the means. */
struct snnk_lstsq {
    snnk_allocator allocator;
    size_t features, targets; /* m, t: at least 1, and both fit a lapack_int */
    uint64_t rows;
    double *mean_phi; /* m */
    double *mean_y;   /* t */
    double *S;        /* m x m: the lower triangle is sum phi phi^T; the strict upper triangle is
                       * scratch for solve and means nothing between calls */
    double *C;        /* t x m: sum y phi^T */
    double *yy;       /* t: sum y^2 of each target */

    int32_t precision; /* snnk_precision: of the rows to come */
    bool fast;         /* some rows were added in fast precision; files do not keep it */

    /* Scratch of add. */
    char *phi_panels, *y_panels; /* the block's columns, packed as the kernels want them */
    float *label_rows;           /* SNNK__LSTSQ_BLOCK_ROWS x t */
    double *block_phi, *block_y; /* m, t: means of the block */
};

/* How a system was solved: the part of snnk_solve_report that the linear algebra knows. */
typedef struct snnk__solve_outcome {
    double condition;
    size_t rank;
    int32_t method;
} snnk__solve_outcome;

/* *ours = the config over the defaults. SNNK_E_CONFIG. */
int snnk__solve_config_read(snnk_solve_config *ours, const snnk_solve_config *config);

/* SNNK_E_RANGE unless every field is in its range. */
int snnk__solve_config_check(const snnk_solve_config *ours);

/* Solve into B (t x m, packed) and b (t; zeros without an intercept), which are scratch on failure.
 * The config has been checked. Needs rows. SNNK_E_SIZE, SNNK_E_SINGULAR, SNNK_E_NONFINITE,
 * SNNK_E_NOMEM. */
int snnk__lstsq_solve_into(snnk_lstsq *lstsq, const snnk_solve_config *config, double *B, double *b,
                           snnk__solve_outcome *outcome);

/* (The sum over targets of) |Y - Phi B^T - b|^2; see snnk_lstsq_rss. B finite, b not NULL.
 * SNNK_E_NONFINITE if the sum overflows, SNNK_E_NOMEM. */
int snnk__lstsq_rss_of(const snnk_lstsq *lstsq, const double *B, size_t ldb, const double *b,
                       double *rss);

/* The truncated eigen-solution of the m x m system A z = r for t right-hand sides. A (both triangles
 * are scratch, the one with row >= column is read) is destroyed; R (t x m) becomes the solution.
 * SNNK_E_SIZE, SNNK_E_SINGULAR, SNNK_E_NOMEM. */
int snnk__solve_truncated(const snnk_allocator *allocator, size_t m, size_t t, double tolerance,
                          double *A, double *R, snnk__solve_outcome *outcome);

#endif
