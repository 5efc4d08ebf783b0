/* Forward passes of one block of features, tile by tile; G and Psi in any storage. */
#ifndef SNNK_KERNELS_FORWARD_H
#define SNNK_KERNELS_FORWARD_H

#include <stdbool.h>

#include "kernels/kernels.h"

/* One block of features: z = G x + offset (r values), then the function, r, 2 r or 4 r features.
 * Exactly one of G, diagonal and hd3 is set. Only forward.c asks which one it is. */
typedef struct snnk__block {
    const snnk__panels *G; /* r x d */
    const float *diagonal; /* d = r */
    const snnk__hd3 *hd3;  /* r rows of d */
    const float *offset;   /* r; NULL for zeros, but not with hd3 */
    size_t rows;           /* r */
    snnk__function function;
    const snnk__panels *mix; /* features = mix phi, phi the values of the function; NULL: phi */
} snnk__block;

/* Floats of work that snnk__project and snnk__project_readout need; 0: NULL will do; SIZE_MAX if
 * they are more than a size can count. */
size_t snnk__project_work(const snnk__block *block);
size_t snnk__project_readout_work(const snnk__block *block);

/* Whether a part of the rows costs a part of the work, as snnk__project_some wants it. False for
 * HD3, and for features that are mixed. */
bool snnk__block_is_divisible(const snnk__block *block);

/* Phi = function(X G^T + offset). X: n x d, Phi: n x features. */
void snnk__project(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                   float *Phi, size_t ldphi, float *work);

/* The features of rows first ... first+count-1 of a divisible block, where they stand in Phi. first
 * is a multiple of the panels' width. */
void snnk__project_some(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                        size_t first, size_t count, float *Phi, size_t ldphi);

/* Y = start + Phi Psi^T; start NULL: Y += Phi Psi^T. Phi: n x m, Psi: l x m in panels, start: l, Y:
 * n x l. */
void snnk__readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                   const float *start, float *Y, size_t ldy);

/* Of it, outputs first ... first+count-1, where they stand in Y. first: a multiple of the panels'
 * width. */
void snnk__readout_some(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                        size_t first, size_t count, const float *start, float *Y, size_t ldy);

/* Y = start + phi Psi^T, phi = function(X G^T + offset), start as above: both products, without the
 * n x m features in memory. Where the features are mixed, Psi is what multiplies phi. */
void snnk__project_readout(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                           const snnk__panels *Psi, const float *start, float *Y, size_t ldy,
                           float *work);

#endif
