/* Rows: data to learn from, to forget, or to score.
 *
 * Every function that takes data takes an snnk_rows. It borrows the arrays for the duration of the
 * call.
 *
 *     snnk_rows rows;
 *     snnk_rows_init(&rows, sizeof rows);
 *     rows.n = n;
 *     rows.X = X;
 *     rows.labels = labels;
 *     snnk_fit_add(fit, &rows, NULL);
 *
 * or, in C, snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = X, .labels = labels), NULL). */
#ifndef SNNK_ROWS_H
#define SNNK_ROWS_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A batch of rows. Set exactly one of X and X_f64. Where a function needs targets, set exactly one
 * of Y, Y_f64 and labels; where it needs none, those are ignored. Functions that learn refuse NaN,
 * infinity, and doubles beyond the range of float. */
typedef struct snnk_rows {
    size_t size;         /* sizeof this struct; set by snnk_rows_init or SNNK_ROWS */
    size_t n;            /* number of rows; 0 is legal and adds nothing */
    size_t inputs;       /* columns of X; checked if it is not 0 (default) */
    size_t outputs;      /* columns of Y, or classes of labels; checked if it is not 0 (default) */
    const float *X;      /* inputs, n x inputs, row-major */
    const double *X_f64; /* the same in double */
    size_t ldx;          /* row stride of X in elements, >= inputs; 0 (default): inputs */
    const float *Y;      /* targets, n x outputs, row-major */
    const double *Y_f64; /* the same in double */
    size_t ldy;          /* row stride of Y in elements, >= outputs; 0 (default): outputs */
    const int32_t *labels; /* class numbers, n values in 0 ... outputs-1 */
    const float *weights; /* how much each row counts, n values in 1e-30 ... 1e30: a row of weight 3
                            * counts like 3 equal rows. NULL (default): 1 each */
    const uint64_t *groups; /* any n numbers: rows with the same number, such as those of one
                             * person, are held out together where a function holds rows out. NULL
                             * (default): equal rows are, if they may be copies (fewer than 4 rows
                             * for each different one) */
} snnk_rows;

/* Set every field to its default.
 *   rows       out: the struct to fill
 *   rows_size  sizeof *rows, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_rows_init(snnk_rows *rows, size_t rows_size);

#ifndef __cplusplus
/* A pointer to rows that are written in place: SNNK_ROWS(.n = n, .X = X, .Y = Y). C only. */
#define SNNK_ROWS(...) (&(const snnk_rows){.size = sizeof(snnk_rows), __VA_ARGS__})
#endif

#ifdef __cplusplus
}
#endif

#endif
