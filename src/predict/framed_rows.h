/* Rows of a batch where predictions need them. */
#ifndef SNNK_PREDICT_FRAMED_ROWS_H
#define SNNK_PREDICT_FRAMED_ROWS_H

#include "map/frame.h"
#include "map/map.h"

/* Rows of a batch in coordinates where the estimate depends on inner products only. */
typedef struct snnk__framed_rows {
    size_t n, d;
    double *rows;   /* n x (d + 1): x~ or w~, then a constant coordinate */
    double *norm2;  /* n */
    double *offset; /* n: nu.(x - mu), or w.mu + b */
} snnk__framed_rows;

/* Create n rows, drawn from equal ranges of `all` >= n, from inputs, or from weights with b (may be
 * NULL): in frame coordinates, or in those of a block's kernel. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__framed_rows_create(const snnk_frame *frame, bool weights, size_t d, size_t n, size_t all,
                             const float *X, size_t ldx, const float *b,
                             const snnk_allocator *allocator, snnk__framed_rows *framed);
int snnk__block_rows_create(const snnk__map_block *block, bool weights, size_t n, size_t all,
                            const float *X, size_t ldx, const float *b,
                            const snnk_allocator *allocator, snnk__framed_rows *framed);
void snnk__framed_rows_free(const snnk_allocator *allocator, snnk__framed_rows *framed);

/* The products of input i and weight j. */
snnk__urf_products snnk__framed_products(const snnk__framed_rows *inputs, size_t i,
                                         const snnk__framed_rows *weights, size_t j);

#endif
