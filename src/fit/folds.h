/* Rows as features, in an order in which each part that is held out is contiguous. A row's part
 * depends on the seed and on its key: its group, or else a hash of its inputs. */
#ifndef SNNK_FIT_FOLDS_H
#define SNNK_FIT_FOLDS_H

#include "fit/fit_features.h"

#define SNNK__MOST_FOLDS 5

typedef struct snnk__folds {
    const snnk_allocator *allocator;
    size_t n, m, count;                 /* rows, features, parts */
    size_t start[SNNK__MOST_FOLDS + 1]; /* part k has the rows start[k] ... start[k+1]-1 */
    float *Phi;                         /* n x m */
    int32_t *labels;                    /* n */
    float *weights;                     /* n; NULL if the rows have none */
    float *Phi_of_others;               /* n x m and so on: scratch; NULL with one part */
    int32_t *labels_of_others;
    float *weights_of_others;
} snnk__folds;

/* Compute the features of checked rows with labels, and split them.
 *   share  of the rows in each part
 *   least  rows to hold out if there are as many: the number of parts follows from it
 *   folds  the result; free it also after a failure
 * SNNK_E_STATE (fewer than two different keys), SNNK_E_NONFINITE, SNNK_E_SIZE,
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__folds_make(const snnk__fit_features *features, const snnk_rows *rows, uint64_t seed,
                     double share, size_t least, snnk_workspace *workspace,
                     snnk__progress *progress, snnk__folds *folds);
void snnk__folds_free(const snnk__folds *folds);

/* Get all rows, those of part k, and all others. The last are valid until the next call. */
snnk_rows snnk__folds_all(const snnk__folds *folds);
snnk_rows snnk__folds_part(const snnk__folds *folds, size_t k);
snnk_rows snnk__folds_others(const snnk__folds *folds, size_t k);

#endif
