/* Second moments of columns: S += L^T R for columns packed in panels, in double, or in float with
 * sums in double. The kernels of an instruction set fill this by vector_moments.h. */
#ifndef SNNK_KERNELS_MOMENTS_H
#define SNNK_KERNELS_MOMENTS_H

#include <stddef.h>

/* Rows of a panel at most, and between the panels one more, so that they do not start on the same
 * lines of a cache. Measured: with fewer rows S goes by too often, with more the panels of R leave
 * the L2 cache. Float sums are as long as that, and their error grows with the root of it. */
enum { SNNK__PANEL_ROWS = 384, SNNK__PANEL_STRIDE = SNNK__PANEL_ROWS + 1 };

/* A panel is SNNK__PANEL_STRIDE x width numbers, the columns of a row side by side. */
typedef struct snnk__moments {
    size_t number_bytes, width;
    size_t panels; /* of R that `add` takes */

    /* mean[c] of X (rows x columns, rows >= 1). A constant column gets its constant exactly. */
    void (*means)(size_t rows, size_t columns, const float *X, size_t ldx, double *mean);

    /* panels[c / width][k][c % width] = X[k][c] - mean[c], k < rows, c < columns. */
    void (*pack)(size_t rows, size_t columns, const float *X, size_t ldx, const double *mean,
                 void *panels);

    /* S[i][j] += sum_{k < rows} L[k][i] R[k][j], i < n_left, j < n_right. L: one panel; R: as many
     * panels in a row as that takes, at most `panels`. */
    void (*add)(size_t rows, const void *L, size_t n_left, const void *R, size_t n_right, double *S,
                size_t lds);
} snnk__moments;

#endif
