/* Rows that a fit keeps in memory, as features. At first these are all rows, for leave-one-out
 * errors. Beyond SNNK_FIT_MAX_LEFT_OUT rows they are a random sample, the held-out rows. Whether a
 * row is in the sample depends on the seed and on its key: its group, or else a hash of its
 * inputs. Therefore equal rows, and those of a group, are held out together. If the sample gets
 * too large, half of it is released.
 *
 * If there are so few keys that hardly one would be left, as of a table of a few yes and no, rows
 * are drawn one by one: their key becomes their number. */
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
    uint64_t *keys;  /* capacity: rows with the same key are held out together */
} snnk__feature_rows;

/* Allocate room for `capacity` rows. After a failure the caller frees what was allocated.
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__feature_rows_alloc(const snnk_allocator *allocator, size_t capacity, size_t features,
                             size_t outputs, snnk__feature_rows *rows);
void snnk__feature_rows_free(const snnk_allocator *allocator, const snnk__feature_rows *rows);

/* Set *to, which has room, to `count` rows from row `first` on. */
void snnk__feature_rows_copy(const snnk__feature_rows *from, size_t first, size_t count,
                             snnk__feature_rows *to);

/* The target of row i for output k: a label is a one among zeros. */
static inline double snnk__feature_rows_target(const snnk__feature_rows *rows, size_t i, size_t k) {
    if (rows->of_labels) return (size_t)rows->labels[i] == k ? 1 : 0;
    return rows->Y[i * rows->outputs + k];
}

/* Errors of predictions, as means over rows. */
typedef struct snnk__fit_errors {
    double squared;       /* summed over outputs */
    double misclassified; /* the share; 0 without labels */
} snnk__fit_errors;

typedef struct snnk__heldout {
    uint64_t seed;
    double share;     /* of the rows that the first sample has */
    double threshold; /* rows with a draw below it are kept: 1 at first */
    bool grouped;     /* some rows were given with their groups */
    bool singly;      /* keys are numbers of rows */
    snnk__feature_rows rows;
} snnk__heldout;

/* Count the rows of a block that are to be kept. */
size_t snnk__heldout_count(const snnk__heldout *heldout, const snnk__feature_rows *block);

/* Move the rows of a block that are to be kept; there must be room. The block keeps the others,
 * closed up. */
void snnk__heldout_take(snnk__heldout *heldout, snnk__feature_rows *block);

/* Remove from a block the rows whose keys are kept; the others are closed up. */
void snnk__heldout_drop(const snnk__heldout *heldout, snnk__feature_rows *block);

/* Get the threshold for the first sample: the share, but high enough for one key. */
double snnk__heldout_first_threshold(const snnk__heldout *heldout);

/* Lower the threshold, and move the rows that are to be released to the end. May begin to draw rows
 * one by one; then the caller gives the rows of the next block their numbers as keys.
 *   released  the result: a view of them. They are gone when rows.n is reduced by released->n
 */
void snnk__heldout_lower(snnk__heldout *heldout, double threshold, snnk__feature_rows *released);

/* The same, however few keys are left. */
void snnk__heldout_restrict(snnk__heldout *heldout, double threshold, snnk__feature_rows *released);

/* Begin to draw rows one by one: give each kept row a key of its own. */
void snnk__heldout_draw_singly(snnk__heldout *heldout);

/* Give rows keys of their own: their numbers from `first` on, changed where the draw would not be
 * below the threshold. So rows that were kept with other keys remain a sample by it. */
void snnk__heldout_number(const snnk__heldout *heldout, double threshold, uint64_t first,
                          const snnk__feature_rows *rows);

#endif
