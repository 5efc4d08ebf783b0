/* The average gradient outer product of a fitted layer: on which directions of its scaled inputs it
 * depends. */
#ifndef SNNK_FIT_OUTER_PRODUCT_H
#define SNNK_FIT_OUTER_PRODUCT_H

#include <stdbool.h>

#include <snnk/layer.h>

#include "base/progress.h"
#include "base/rows.h"

typedef struct snnk__outer_product {
    const snnk_allocator *allocator;
    const snnk_rows *rows; /* checked */
    size_t outputs, d;
    snnk_map *drawn; /* of scaled inputs: its rows are G */
    snnk_scaling *scaling;
    double *mean, *scale; /* d each */
    double *variance;     /* d: of the scaled inputs */
    bool *constant;       /* d: the input is the same in all rows, so nothing is known about it */
    double *span;   /* d x d: the projection onto the directions in which rows vary; NULL if they
                     * vary in all */
    size_t *sample; /* the rows that M is averaged over, the first n_sample */
    size_t n_sample;
} snnk__outer_product;

/* Learn what the products of all layers need. Close it also after a failure.
 *   rows  checked; borrowed, like the allocator
 *   mode  an snnk_scaling_mode that learns
 *   map   the features of scaled inputs
 *   seed  chooses the sample
 *   p     the result; all zeros before
 * Statuses of snnk_fit_directions. */
int snnk__outer_product_open(const snnk_allocator *allocator, const snnk_rows *rows, size_t outputs,
                             int32_t mode, const snnk_map_config *map, uint64_t seed,
                             snnk__outer_product *p);
void snnk__outer_product_close(const snnk__outer_product *p);

/* Set M (d x d) to the average gradient outer product of a layer with the features of
 * the map, but rows G root.
 *   root      d x d, symmetric; NULL for the identity. May be M
 *   progress  reports parts of the current stage
 *   constant  the result: whether no gradient is different from zero; M is zero then
 * SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__outer_product_average(const snnk__outer_product *p, const double *root,
                                const snnk_layer *layer, snnk__progress *progress, double *M,
                                bool *constant);

/* Features h(G x' + c) of scaled inputs, one for each row, and weights of them. The function h is
 * that of the map, up to a factor. */
typedef struct snnk__outer_rows {
    size_t rows;
    const float *G, *c; /* rows x d, packed; rows */
    const float *Psi;   /* outputs x rows, packed */
} snnk__outer_rows;

/* The same for given rows. The map must be one of a feature for each row. */
int snnk__outer_product_of_rows(const snnk__outer_product *p, const snnk__outer_rows *rows,
                                snnk__progress *progress, double *M, bool *constant);

/* Set G (rows x d) = G root, in float.
 *   row  d doubles of scratch */
void snnk__multiply_rows(size_t rows, size_t d, const double *root, double *row, float *G);

#endif
