/* Second moments of columns: S += L^T R for columns packed in panels, in double, or in float with
 * sums in double. Each instruction set fills this table with vector_moments.h; moments_amx.c fills
 * another one for single precision. */
#ifndef SNNK_KERNELS_MOMENTS_H
#define SNNK_KERNELS_MOMENTS_H

#include <stddef.h>

/* The most rows of a panel. The stride has one more, so that panels do not start on the same cache
 * lines. Measured: with fewer rows S is read too often, and with more the panels of R leave the L2
 * cache. Float sums have this length, and their error grows with its square root. */
enum { SNNK__PANEL_ROWS = 384, SNNK__PANEL_STRIDE = SNNK__PANEL_ROWS + 1 };

/* A float sum over a panel is off by at most this share of the sum of its terms' magnitudes: one
 * rounding for each row. Sums of random terms are off by about 2e-7. Equal terms, of columns with
 * few different values, round the same way: 1e-5 was measured for columns of 0 and 1. */
#define SNNK__SINGLE_ROUNDING (SNNK__PANEL_ROWS * 0x1p-24)

/* A packed panel is SNNK__PANEL_STRIDE x width numbers, one row after another. */
typedef struct snnk__moments {
    size_t number_bytes, width;
    size_t panel_bytes; /* from one panel to the next */
    size_t panels;      /* the most panels of R that `add` takes */
    size_t tiles;       /* calls of `add`, whose panels of R together stay in a cache */

    /* Set mean[c] of X (rows x columns, rows >= 1). The mean of a constant column is exact. */
    void (*means)(size_t rows, size_t columns, const float *X, size_t ldx, double *mean);
    void (*means_f64)(size_t rows, size_t columns, const double *X, size_t ldx, double *mean);

    /* Set panels[c / width][k][c % width] = X[k][c] - mean[c], k < rows, c < columns. The
     * difference is taken in double. */
    void (*pack)(size_t rows, size_t columns, const float *X, size_t ldx, const double *mean,
                 void *panels);
    void (*pack_f64)(size_t rows, size_t columns, const double *X, size_t ldx, const double *mean,
                     void *panels);

    /* Turn a packed panel, whose first `columns` columns have numbers, into what `add` takes. NULL:
     * it takes panels as they are packed. */
    void (*finish)(size_t rows, size_t columns, void *panel);

    /* S[i][j] += sum_{k < rows} L[k][i] R[k][j], i < n_left, j < n_right. L: one panel. R: the
     * consecutive panels that n_right needs, at most `panels`. */
    void (*add)(size_t rows, const void *L, size_t n_left, const void *R, size_t n_right, double *S,
                size_t lds);
} snnk__moments;

/* Single precision by AMX, with smaller errors than those of the float tables. Its panels have 32
 * columns. By the arithmetic it is faster from so many features and rows; that is not measured. */
extern const snnk__moments snnk__moments_amx;
enum {
    SNNK__MOMENTS_AMX_WIDTH = 32,
    SNNK__MOMENTS_AMX_FEATURES = 128,
    SNNK__MOMENTS_AMX_ROWS = 32
};

#endif
