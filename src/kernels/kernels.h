/* The hot loops, behind one table. portable.c fills it in plain C; faster versions fill the same
 * table for one instruction set each; select.c picks one at run time.
 *
 * All of them compute each output row from its input row alone, in an order that does not depend on
 * how many rows there are or where the row stands: results are bit-identical for every split. */
#ifndef SNNK_KERNELS_KERNELS_H
#define SNNK_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/elementwise.h"
#include "kernels/panels.h"

/* One block of features: z = G x + offset (r values), then the function, r, 2 r or 4 r features. */
typedef struct snnk__block {
    const snnk__panels *G; /* r x d; NULL where G is diagonal, and r = d */
    const float *diagonal; /* d; only where G is NULL */
    const float *offset;   /* r; NULL for zeros */
    size_t rows;           /* r */
    snnk__function function;
} snnk__block;

typedef struct snnk__kernels {
    const char *name;
    size_t panel_width; /* of the panels that the functions below take */

    /* Phi = function(X G^T + offset). X: n x d, Phi: n x features. */
    void (*project)(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                    float *Phi, size_t ldphi);

    /* Y += Phi Psi^T. Phi: n x m, Psi: l x m in panels, Y: n x l. */
    void (*readout)(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, float *Y,
                    size_t ldy);

    /* Y += function(X G^T + offset) Psi^T: both, without the n x m features in memory. */
    void (*project_readout)(size_t n, const float *X, size_t ldx, size_t d,
                            const snnk__block *block, const snnk__panels *Psi, float *Y,
                            size_t ldy);
} snnk__kernels;

extern const snnk__kernels snnk__kernels_portable;

/* The table in use. The first call chooses, later ones return the same; safe from any thread. */
const snnk__kernels *snnk__kernels_get(void);

#endif
