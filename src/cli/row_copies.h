/* Changed copies of the rows of a data set. They take the place of the rows as those are read, so
 * that they need no memory. */
#ifndef SNNK_CLI_ROW_COPIES_H
#define SNNK_CLI_ROW_COPIES_H

#include "cli/cli.h"

typedef struct row_copies {
    snnk_augment_config config;
    uint64_t rows;               /* of the data */
    uint64_t added;              /* how many of them the last fit got, without copies */
    uint64_t copy;               /* which copy is read now, from 1; 0: the rows themselves */
    size_t width;                /* numbers of a row */
    float *originals;            /* a batch */
    snnk_workspace *workspace;   /* borrowed */
    uint64_t groups[BATCH_ROWS]; /* of the rows read last: equal rows, and copies of a row, have the
                                  * same */
} row_copies;

/* Set the groups of rows first ... first+n-1, n <= BATCH_ROWS, and put the copies into their place.
 * Returns a status of the library. */
int row_copies_change(row_copies *copies, size_t first, size_t n, float *X);

#endif
