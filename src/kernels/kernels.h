/* The hot loops, behind one table. portable.c fills it in plain C; avx2.c, avx512.c and neon.c fill
 * the same table for one instruction set each; select.c chooses one at run time; forward.c builds a
 * layer's forward pass from it.
 *
 * Every kernel computes each output from its input row only, in an order that does not depend on
 * the number of rows or on the row's position. So results are bit-identical however rows are
 * split. */
#ifndef SNNK_KERNELS_KERNELS_H
#define SNNK_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/adam.h"
#include "kernels/bf16.h"
#include "kernels/elementwise.h"
#include "kernels/hadamard.h"
#include "kernels/moments.h"
#include "kernels/narrow.h"
#include "kernels/panels.h"
#include "kernels/scatter.h"
#include "kernels/series.h"
#include "kernels/window.h"

/* Rows whose products are summed before they are added to a gradient. Blocks follow one another in
 * order, so that gradients do not depend on how columns are divided between threads. */
enum { SNNK__BACK_ROWS = 128 };

typedef struct snnk__kernels {
    const char *name;

    /* The shape of the panels that project takes, for a matrix of so many rows. The width divides
     * SNNK__ROW_CHUNK. */
    snnk__panel_shape (*projection_shape)(size_t rows);

    /* The shape of the panels that readout takes. */
    snnk__panel_shape readout_shape;

    /* Set Z[i][j] = G_(first+j) . X_i + offset[first+j] for n rows, j < count. X: n x columns of G;
     * offset: added last, NULL for zeros. first is a multiple of the panels' width. */
    void (*project)(size_t n, const float *X, size_t ldx, const snnk__panels *G,
                    const float *offset, size_t first, size_t count, float *Z, size_t ldz);

    /* Set Y[i][o] = sum_j Phi[i][j] Psi[o][first+j] for n rows, j < count, all rows o of Psi.
     * Phi: n x count. The sum begins at 0 if `begins`, otherwise at Y[i][o], and bias[o] is added
     * to it last; bias NULL: nothing is. */
    void (*readout)(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, size_t first,
                    size_t count, bool begins, const float *bias, float *Y, size_t ldy);

    /* Set Y = Phi Psi^T + bias, rounded as snnk__bf16_of does; bias NULL: zeros. converts: the
     * processor has SNNK__CPU_AVX512_BF16. */
    void (*readout_bf16)(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                         const float *bias, bool converts, uint16_t *Y, size_t ldy);

    /* See snnk__function_apply. */
    void (*apply)(const snnk__function *function, size_t r, const float *z, float *phi);

    /* See snnk__urf_apply. */
    void (*apply_urf)(const snnk__urf_table *table, size_t first, size_t count,
                      snnk__urf_scalars scalars, const float *z, float *phi);

    /* See snnk__hd3_project. */
    void (*hd3)(const snnk__hd3 *hd3, size_t d, const float *x, const float *offset, size_t first,
                size_t count, float *z, float *work);

    /* Set phi[j] = gain cos(G_(first+j) . x' + hd3->offset[first+j]) for j < count, as above; hd3
     * has turns. stream: phi will not be read soon, and calls go on to the last row of
     * hd3, after which other threads see phi. NULL: use hd3, then apply. */
    void (*hd3_cosines)(const snnk__hd3 *hd3, size_t d, const float *x, size_t first, size_t count,
                        float gain, bool stream, float *phi, float *work);

    /* See snnk__patches_copy, snnk__pool_add and snnk__pool_finish. */
    void (*patches)(const snnk__patches *patches, size_t n, const float *x, float *to, size_t ld);
    void (*pool_add)(const snnk__pooling *pooling, size_t n, size_t count, const float *Z,
                     size_t ldz, float *sums);
    void (*pool_finish)(const snnk__pooling *pooling, float scale, size_t count, float *sums);

    /* Set Phi (n x channels paths cells) to the scattering of n images. work: snnk__scatter_work
     * floats. */
    void (*scatter)(const snnk__scatter *plan, size_t n, const float *X, size_t ldx, float *Phi,
                    size_t ldphi, float *work);

    /* Set above[k] to how many of the sums are above biases[k], for `count` biases. */
    void (*shares)(const snnk__shares *sums, size_t count, const float *biases, uint32_t *above);

    /* See snnk__function_slopes. */
    void (*slopes)(const snnk__function *function, size_t r, const float *z, const float *back,
                   float *dz);

    /* C += A^T B. A: n x rows, B: n x columns, C: rows x columns; n <= SNNK__BACK_ROWS. Each entry
     * is summed over the n rows in order, from 0, before it is added: it does not depend on
     * `columns`. */
    void (*correlate)(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                      const float *B, size_t ldb, float *C, size_t ldc);

    /* See snnk__adam_step. */
    void (*adam)(const snnk__adam *step, size_t n, const float *gradient, float *value, float *mean,
                 float *square);

    /* Set n floats from bf16; and n bf16 to the nearest of floats, as snnk__bf16_of. */
    void (*widen)(size_t n, const uint16_t *from, float *to);
    void (*round)(size_t n, const float *from, uint16_t *to);

    /* indexed by snnk_precision */
    snnk__moments moments[2];
} snnk__kernels;

extern const snnk__kernels snnk__kernels_portable;
extern const snnk__kernels snnk__kernels_avx2;
extern const snnk__kernels snnk__kernels_avx512;
extern const snnk__kernels snnk__kernels_neon;

/* The products with narrow panels to use. The first call chooses them, with special instructions if
 * the processor has them and SNNK_KERNELS allows the table of their instruction set, and may ask
 * the operating system for AMX; later calls return the same. Safe from any thread. */
const snnk__narrow *snnk__narrow_get(void);

/* The choice that snnk__narrow_get makes. permit is called only where AMX is there. */
const snnk__narrow *snnk__narrow_choose(const snnk__kernels *kernels, uint32_t features,
                                        bool (*permit)(void));

/* The second moments to use for a block of `rows` rows and `features` features: of the table in
 * use, or those by AMX. May ask for AMX as snnk__narrow_get does. Safe from any thread.
 *   precision  snnk_precision */
const snnk__moments *snnk__moments_get(int32_t precision, size_t rows, size_t features);

/* The choice that snnk__moments_get makes. narrow: snnk__narrow_get, which knows whether this
 * process may use AMX; called only where that matters. */
const snnk__moments *snnk__moments_choose(const snnk__kernels *kernels,
                                          const snnk__narrow *(*narrow)(void), int32_t precision,
                                          size_t rows, size_t features);

/* Panels for so many columns in double, for which memory is allocated together: then it is enough
 * for every table that snnk__moments_get returns for these features. */
size_t snnk__moments_columns(size_t features);

/* Whether the processor has SNNK__CPU_AVX512_BF16: the argument `converts` of readouts. */
bool snnk__kernels_convert(void);

/* The table to use. The first call chooses it, and later calls return the same. Safe from any
 * thread. */
const snnk__kernels *snnk__kernels_get(void);

#endif
