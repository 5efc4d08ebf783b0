/* Refuse arrays of the caller that share memory where that would give wrong numbers. */
#ifndef SNNK_BASE_OVERLAP_H
#define SNNK_BASE_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>

/* An array of a call: rows x columns elements of element_bytes, row stride ld. `name` is the
 * argument's name, for the error sentence. `first` may be NULL if the array was not given. */
typedef struct snnk__operand {
    const char *name;
    const void *first;
    size_t rows, columns, ld, element_bytes;
    bool written;
} snnk__operand;

/* An array that is read, and one that is written. */
#define SNNK__READ(pointer, rows, columns, ld)                                                     \
    { #pointer, (pointer), (rows), (columns), (ld), sizeof *(pointer), false }
#define SNNK__WRITTEN(pointer, rows, columns, ld)                                                  \
    { #pointer, (pointer), (rows), (columns), (ld), sizeof *(pointer), true }

/* SNNK_E_OVERLAP, naming both arrays, if one of them is written and shares a byte with another one,
 * written or read. Only the (rows - 1) ld + columns elements that a call uses count, and an array
 * without rows shares nothing. Arrays with the same stride may be alternating columns of one
 * buffer: then only the columns count. With different strides, everything between the first and the
 * last element counts. Sizes must have passed snnk__check_matrix. */
int snnk__check_overlap(size_t n, const snnk__operand *arrays);

/* The same for an array that is read and one that is written; they may also be the same array. */
int snnk__check_overlap_but_same(const snnk__operand *read, const snnk__operand *written);

#endif
