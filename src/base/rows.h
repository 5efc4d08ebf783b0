/* Rows as callers give them: checked once, then read in blocks. */
#ifndef SNNK_BASE_ROWS_H
#define SNNK_BASE_ROWS_H

#include <snnk/rows.h>
#include <stdbool.h>

#include "base/overlap.h"

/* Check everything about rows except their numbers.
 *   inputs    columns of X; 0 accepts the caller's number
 *   outputs   columns of Y, or classes
 *   targets   whether targets are needed. If not, Y, Y_f64 and labels of *ours are NULL
 *   ours      the result: the caller's fields; inputs, outputs and both strides are set
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_RANGE (the error
 * names the first label or weight that is out of range). */
int snnk__rows_read(const snnk_rows *rows, size_t inputs, size_t outputs, bool targets,
                    snnk_rows *ours);

/* ---- Checked rows ---- */

/* SNNK_E_OVERLAP if the call writes to memory of the rows.
 *   written   an array that it writes to
 *   in_place  whether that array may be exactly Y */
int snnk__rows_check_overlap(const snnk_rows *rows, const snnk__operand *written, bool in_place);

/* SNNK_E_NONFINITE, naming row and column, unless every input and target is finite as a float. */
int snnk__rows_check_finite(const snnk_rows *rows);

/* Whether the magnitudes of all inputs and targets are below `limit`, a power of two or
 * infinity. */
bool snnk__rows_all_below(const snnk_rows *rows, float limit);

/* Rows first ... first + count - 1. */
snnk_rows snnk__rows_part(const snnk_rows *rows, size_t first, size_t count);

/* How many of the `left` rows to take next: parts of nearly equal size, at most `most`, so that the
 * last part is not small. left >= 1. */
size_t snnk__rows_next(size_t left, size_t most);

/* A hash of the inputs of row i, the same for equal numbers in float and double. */
uint64_t snnk__rows_hash(const snnk_rows *rows, size_t i);

/* The sum of the weights; n if there are none. */
double snnk__rows_weight(const snnk_rows *rows);

/* Input j of row i. */
static inline double snnk__rows_input(const snnk_rows *rows, size_t i, size_t j) {
    const size_t at = i * rows->ldx + j;

    return rows->X ? (double)rows->X[at] : rows->X_f64[at];
}

/* Target k of row i. */
static inline double snnk__rows_target(const snnk_rows *rows, size_t i, size_t k) {
    if (rows->labels) return (size_t)rows->labels[i] == k ? 1 : 0;
    const size_t at = i * rows->ldy + k;

    return rows->Y ? (double)rows->Y[at] : rows->Y_f64[at];
}

/* ---- A matrix in float or in double ---- */

/* Inputs or targets of rows: exactly one of the pointers is set. */
typedef struct snnk__numbers {
    const float *f32;
    const double *f64;
    size_t ld;
} snnk__numbers;

static inline snnk__numbers snnk__rows_inputs(const snnk_rows *rows) {
    return (snnk__numbers){rows->X, rows->X_f64, rows->ldx};
}

/* The targets of rows without labels. */
static inline snnk__numbers snnk__rows_targets(const snnk_rows *rows) {
    return (snnk__numbers){rows->Y, rows->Y_f64, rows->ldy};
}

/* The same from row `first` on. */
static inline snnk__numbers snnk__numbers_from(const snnk__numbers *x, size_t first) {
    snnk__numbers from = *x;

    if (from.f32) from.f32 += first * x->ld;
    if (from.f64) from.f64 += first * x->ld;
    return from;
}

static inline double snnk__number(const snnk__numbers *x, size_t i, size_t j) {
    const size_t at = i * x->ld + j;

    return x->f32 ? (double)x->f32[at] : x->f64[at];
}

/* ---- As floats ---- */

/* Checked rows as floats. Rows in float are read in place. Rows in double are converted in blocks,
 * so each block is valid until the next one is read. */
typedef struct snnk__float_rows {
    snnk_rows rows;
    const snnk_allocator *allocator;
    float *X, *Y; /* room for a block; NULL if the rows are floats */
} snnk__float_rows;

/* Prepare to read blocks of at most `most` rows. The allocator must outlive *floats. SNNK_E_SIZE,
 * SNNK_E_NOMEM; then there is nothing to close. */
int snnk__float_rows_open(const snnk_allocator *allocator, const snnk_rows *rows, size_t most,
                          snnk__float_rows *floats);

/* Rows first ... first + count - 1, with X, and Y or labels. */
snnk_rows snnk__float_rows_part(const snnk__float_rows *floats, size_t first, size_t count);

void snnk__float_rows_close(const snnk__float_rows *floats);

#endif
