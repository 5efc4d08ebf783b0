/* Functions of the rows of a matrix, compiled for this machine: what an encoder needs beside
 * products. */
#ifndef SNNK_BENCH_ROWS_H
#define SNNK_BENCH_ROWS_H

#include <stddef.h>

/* Each row of X (n x width, no gaps) becomes exp(x - max) over its sum. */
void rows_softmax(size_t n, size_t width, float *X);

/* X += Y (NULL: nothing), then normed = gain * (x - mean)/sqrt(variance + 1e-12) + bias, row by
 * row; all n x width without gaps. normed may be X. On all threads. */
void rows_add_norm(size_t n, size_t width, float *X, const float *Y, const float *gain,
                   const float *bias, float *normed);

#endif
