/* Caller's arrays that share memory, and would give wrong numbers. */
#ifndef SNNK_BASE_OVERLAP_H
#define SNNK_BASE_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>

/* An array of a call: rows x columns elements of element_bytes, row stride ld. `name` is the
 * argument's, for the sentence; `first` may be NULL, for an array that was not given. */
typedef struct snnk__operand {
    const char *name;
    const void *first;
    size_t rows, columns, ld, element_bytes;
    bool written;
} snnk__operand;

/* One that is read, and one that is written. */
#define SNNK__READ(pointer, rows, columns, ld)                                                     \
    { #pointer, (pointer), (rows), (columns), (ld), sizeof *(pointer), false }
#define SNNK__WRITTEN(pointer, rows, columns, ld)                                                  \
    { #pointer, (pointer), (rows), (columns), (ld), sizeof *(pointer), true }

/* SNNK_E_OVERLAP, naming both, if a written array of the n shares a byte with another one, written
 * or read. Only bytes that a call touches count, (rows - 1) ld + columns elements: nothing is
 * shared with an array of no rows. Columns of one buffer may alternate: of arrays whose rows are
 * equally far apart only columns count; with other strides all between the first and the last
 * element does. Sizes must have passed snnk__check_matrix. */
int snnk__check_overlap(size_t n, const snnk__operand *arrays);

/* The same for one array that is read, and one that is written and may be just that one. */
int snnk__check_overlap_but_same(const snnk__operand *read, const snnk__operand *written);

#endif
