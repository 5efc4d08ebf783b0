/* Products with narrow panels, by the table that fits the processor. */
#ifndef SNNK_KERNELS_NARROW_FORWARD_H
#define SNNK_KERNELS_NARROW_FORWARD_H

#include <stdbool.h>

#include "kernels/kernels.h"

/* Create a matrix of zeros in any storage, in the layout that this process computes with. shape: of
 * panels of floats. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__panels_create_in(const snnk_allocator *allocator, size_t rows, size_t columns,
                           int32_t storage, snnk__panel_shape shape, const char *what,
                           snnk__panels *panels);

/* How a block of features in narrow storage is computed: `rows` rows and up to `features` features
 * at once, which stay in a cache between the two products. */
typedef struct snnk__narrow_tile {
    size_t rows, features, bytes; /* bytes: of a packed element of X or features */
    bool tall;
} snnk__narrow_tile;

/* Floats of Z and Phi that fit on the stack. */
enum { SNNK__NARROW_FLOATS = 8192 };

/* The tile for a block of d inputs and so many features in all. */
snnk__narrow_tile snnk__narrow_tile_of(int32_t storage, size_t d, size_t features);

/* The row stride of Phi for a tile: rows must not lie a multiple of 4 KB apart, because a cache
 * would keep few of them. */
static inline size_t snnk__narrow_stride(const snnk__narrow_tile *tile) {
    return tile->features + 16;
}

/* Floats of scratch for a tile: first Phi, if it does not fit on the stack; then, if it is tall,
 * scratch for the products. 0 if Phi is on the stack. */
size_t snnk__narrow_work(const snnk__narrow_tile *tile, size_t d);

/* See snnk__narrow_product; storage as M has it. */
void snnk__narrow_multiply(size_t n, const float *A, size_t lda, const snnk__panels *M,
                           size_t first, size_t count, bool begins, const float *bias, float *C,
                           size_t ldc, void *scratch);

/* Whether the table rounds products with M to bf16 in its registers; and such a product of all
 * columns. */
bool snnk__narrow_rounds(const snnk__panels *M);
void snnk__narrow_multiply_bf16(size_t n, const float *A, size_t lda, const snnk__panels *M,
                                const float *bias, uint16_t *C, size_t ldc, void *scratch);

#endif
