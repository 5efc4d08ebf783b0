/* Functions of the rows of a matrix that an encoder needs in addition to products, for this
 * machine. */
#ifndef SNNK_BENCH_ROWS_H
#define SNNK_BENCH_ROWS_H

#include <stddef.h>

/* Replace each row of X (n x width, without gaps) by its softmax. */
void rows_softmax(size_t n, size_t width, float *X);

/* X += Y (NULL: nothing), then the layer norm of each row x, normed = gain * (x -
 * mean)/sqrt(variance + 1e-12) + bias. All n x width, without gaps; normed may be X. On all
 * threads. */
void rows_add_norm(size_t n, size_t width, float *X, const float *Y, const float *gain,
                   const float *bias, float *normed);

#endif
