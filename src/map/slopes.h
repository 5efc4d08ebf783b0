/* Derivatives of features that depend on one projection, computed in double and rounded once. For a
 * feature phi = a h(z), z = g.x + c:
 *
 *     grad phi = a h'(z) g,      lap phi = a h''(z) |g|^2 */
#ifndef SNNK_MAP_SLOPES_H
#define SNNK_MAP_SLOPES_H

#include "map/block.h"

typedef enum snnk__slope_order { SNNK__SLOPE_FIRST = 1, SNNK__SLOPE_SECOND = 2 } snnk__slope_order;

enum { SNNK__SLOPE_WIDTH = 2 }; /* most features of one projection */

/* Set factor[w] to h_w'(z) or h_w''(z), for the features of one projection. */
typedef void snnk__slope(const snnk__function *function, snnk__slope_order order, double z,
                         double factor[SNNK__SLOPE_WIDTH]);

/* See gradient and laplacian of snnk__map_kind. */
void snnk__slope_gradient(const snnk__map_block *block, snnk__slope *slope, const float *x,
                          const snnk__slope_scratch *scratch, float *J, size_t ldj);
void snnk__slope_laplacian(const snnk__map_block *block, snnk__slope *slope, size_t n,
                           const snnk__slope_scratch *scratch, float *L, size_t ldl);

/* The same for a diagonal linear part and h(z) = z. */
void snnk__diagonal_gradient(const snnk__map_block *block, const float *x, float *J, size_t ldj);
void snnk__diagonal_laplacian(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                              float *L, size_t ldl);

#endif
