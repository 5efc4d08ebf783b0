/* Rows one after another: given by the caller, or drawn a group at a time. */
#ifndef SNNK_PROJECTION_ROW_SOURCE_H
#define SNNK_PROJECTION_ROW_SOURCE_H

#include "projection/projection.h"

/* Fill the fields above the line; the others are zero. */
typedef struct snnk__row_source {
    const snnk__projection_kind *kind; /* of rows that are drawn */
    uint64_t seed;
    const float *G; /* rows that are given, row stride ldg; NULL: drawn */
    size_t ldg;
    size_t d;
    const snnk_allocator *allocator;
    /* ---- */
    size_t group, next; /* next row */
    double *rows;       /* group x d; NULL before the first row */
} snnk__row_source;

/* *g = the next row, valid until the one after; the caller may change it. Statuses as
 * snnk__projection_kind.rows. */
int snnk__row_source_next(snnk__row_source *source, double **g);

/* Fine before the first row, and for one that is all zero. */
void snnk__row_source_free(snnk__row_source *source);

#endif
