/* Forward passes of one block of features, tile by tile; G and Psi in any storage. */
#ifndef SNNK_KERNELS_FORWARD_H
#define SNNK_KERNELS_FORWARD_H

#include <stdbool.h>

#include "kernels/kernels.h"

/* Features that are no function of one projection each: windows of an image, wavelets. They are
 * computed for a few rows at a time. */
typedef struct snnk__transform {
    const void *context;
    size_t features; /* r */
    size_t work;     /* floats of scratch for either function; those of `backward` may be more */
    size_t back_work;

    /* Set Phi (n x r) of n rows of X. Each row's features depend on that row alone. The function
     * may take SNNK__TRANSFORM_ROWS rows together, so multiples of that are fastest. */
    void (*apply)(const void *context, size_t n, const float *X, size_t ldx, float *Phi,
                  size_t ldphi, float *work);

    /* Add to dX (n x d) the gradients of sums of dPhi * Phi(x). */
    void (*backward)(const void *context, size_t n, const float *X, size_t ldx, const float *dPhi,
                     size_t ldphi, float *dX, size_t lddx, float *work);
} snnk__transform;

#define SNNK__TRANSFORM_ROWS 16

/* One block of features: z = G x + offset (r values), then a function of z that gives r, 2 r or 4 r
 * features. Exactly one of G, diagonal, hd3 and transform is set; a transform gives the features as
 * z. Only forward.c distinguishes them. */
typedef struct snnk__block {
    const snnk__panels *G;            /* r x d */
    const float *diagonal;            /* d = r */
    const snnk__hd3 *hd3;             /* r rows of d */
    const snnk__transform *transform; /* then offset is NULL, and the function the identity */
    const float *offset;              /* r; NULL for zeros, but not with hd3 */
    size_t rows;                      /* r */
    snnk__function function;
    const snnk__panels *mix; /* features = mix phi, phi the values of the function; NULL: features =
                              * phi */
} snnk__block;

/* Floats of scratch that snnk__project needs, and snnk__project_readout with this Psi and d inputs.
 * 0: NULL may be passed. SIZE_MAX if the count overflows. */
size_t snnk__project_work(const snnk__block *block);
size_t snnk__project_readout_work(size_t d, const snnk__block *block, const snnk__panels *Psi);

/* Whether computing part of the rows costs that part of the work, so that snnk__project_some is
 * worth it. False for HD3, for transforms, and for features that are mixed. */
bool snnk__block_is_divisible(const snnk__block *block);

/* Set Phi = function(X G^T + offset). X: n x d, Phi: n x features. */
void snnk__project(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                   float *Phi, size_t ldphi, float *work);

/* Set Z = X G^T + offset (n x rows) alone; and the unmixed features Phi from it. */
void snnk__project_only(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                        float *Z, size_t ldz, float *work);
void snnk__apply(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                 const float *Z, size_t ldz, float *Phi, size_t ldphi);

/* Set the features of rows first ... first+count-1 of a divisible block, at their place in Phi.
 * first is a multiple of the panels' width. */
void snnk__project_some(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                        size_t first, size_t count, float *Phi, size_t ldphi);

/* Set Y = Phi Psi^T + bias if `begins`, otherwise Y += Phi Psi^T + bias. The bias is added last;
 * NULL: zeros. Phi: n x m, Psi: l x m in panels, bias: l, Y: n x l. */
void snnk__readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, bool begins,
                   const float *bias, float *Y, size_t ldy);

/* The same for outputs first ... first+count-1 only, at their place in Y. first is a multiple of
 * the panels' width. */
void snnk__readout_some(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                        size_t first, size_t count, bool begins, const float *bias, float *Y,
                        size_t ldy);

/* Set Y = phi Psi^T + bias, or add to Y as above, phi = function(X G^T + offset): both products,
 * without storing the n x m features. If the block mixes its features, Psi must already include
 * the mixing. */
void snnk__project_readout(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                           const snnk__panels *Psi, bool begins, const float *bias, float *Y,
                           size_t ldy, float *work);

/* Rows of inputs, in float or in bf16: exactly one pointer is set. */
typedef struct snnk__inputs {
    const float *f32;
    const uint16_t *bf16;
    size_t ld;
} snnk__inputs;

/* Whether the outputs can be rounded to bf16 while they are in registers; and the same as
 * snnk__project_readout that begins, rounded like that, if they can. work: for inputs in bf16
 * snnk__widened_work floats, then those of snnk__project_readout_work. */
bool snnk__readout_rounds(const snnk__block *block, const snnk__panels *Psi);
size_t snnk__widened_work(size_t d, const snnk__block *block);
void snnk__project_readout_bf16(size_t n, const snnk__inputs *X, size_t d, const snnk__block *block,
                                const snnk__panels *Psi, const float *bias, uint16_t *Y, size_t ldy,
                                float *work);

#endif
