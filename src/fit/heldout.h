/* Held-out rows: a random sample of the rows of a fit, kept as features. It is a reservoir sample
 * (Vitter 1985, algorithm R) of the rows drawn for it, so that memory is bounded and every one of
 * those rows is equally likely to be in it. */
#ifndef SNNK_FIT_HELDOUT_H
#define SNNK_FIT_HELDOUT_H

#include <stdbool.h>

#include "base/memory.h"
#include "base/rows.h"

/* Rows of features with their targets or labels. */
typedef struct snnk__feature_rows {
    size_t features, outputs;
    size_t n;
    bool of_labels;
    float *Phi;      /* capacity x features */
    double *Y;       /* capacity x outputs; unless of_labels */
    int32_t *labels; /* capacity; of_labels */
    float *weights;  /* capacity */
} snnk__feature_rows;

/* Allocate room for `capacity` rows. After a failure the caller frees what was allocated.
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__feature_rows_alloc(const snnk_allocator *allocator, size_t capacity, size_t features,
                             size_t outputs, snnk__feature_rows *rows);
void snnk__feature_rows_free(const snnk_allocator *allocator, const snnk__feature_rows *rows);

typedef struct snnk__heldout {
    uint64_t seed;
    double share;
    uint64_t candidates; /* rows drawn to be held out */
    snnk__feature_rows rows;
} snnk__heldout;

/* Move the rows of a block that are drawn to be held out into the sample. Rows that they replace go
 * back into the block, which keeps the others, closed up. first: the number of the first row of the
 * block. */
void snnk__heldout_take(snnk__heldout *heldout, uint64_t first, snnk__feature_rows *block);

#endif
