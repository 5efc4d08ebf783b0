/* A sequence of rows: given by the caller, or drawn one group at a time. */
#ifndef SNNK_PROJECTION_ROW_SOURCE_H
#define SNNK_PROJECTION_ROW_SOURCE_H

#include "projection/projection.h"

/* The caller sets the fields above the line; the others start as zero. */
typedef struct snnk__row_source {
    const snnk__projection_kind *kind; /* of the rows, if they are drawn */
    uint64_t seed;
    const float *G; /* given rows, row stride ldg; NULL if rows are drawn */
    size_t ldg;
    size_t d;
    const snnk_allocator *allocator;
    /* ---- */
    size_t group, next; /* next row */
    double *rows;       /* group x d; NULL before the first row */
} snnk__row_source;

/* Set *g to the next row, which the caller may change; it is valid until the next call. Statuses as
 * for snnk__projection_kind.rows. */
int snnk__row_source_next(snnk__row_source *source, double **g);

/* Free the source. It need not have given a row, and may be all zero. */
void snnk__row_source_free(snnk__row_source *source);

#endif
