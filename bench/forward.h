/* The cases of bench_forward and their results. */
#ifndef SNNK_BENCH_FORWARD_H
#define SNNK_BENCH_FORWARD_H

#include <stdbool.h>
#include <stddef.h>

enum { SHAPES = 3, NS = 5, MS = 5, MAX_N = 512, MAX_M = 128, MAX_D = 768, MAX_L = 3072 };
enum { RELU, GELU, ACTIVATIONS };
enum { OURS, ONEDNN, LIBXSMM, BLAS, BLAS_SKYLAKEX, OURS_BF16, OURS_INT8, WAYS };

typedef struct result {
    bool measured[WAYS];
    double seconds[WAYS]; /* minimum over rounds */
    double ratio[WAYS];   /* median over rounds of (time of the way)/(our time) */
    double dense, speedup, roofline;
} result;

extern const size_t shapes[SHAPES][2]; /* d, l */
extern const size_t ns[NS], ms[MS];
extern result results[2][ACTIVATIONS][SHAPES][NS][MS]; /* [threads - 1] */

/* Draw a PNG: the roofline, and times against m.
 *   peak  flops a second of one core
 *   W, Y  MAX_L x MAX_D and MAX_N x MAX_L, to measure memory with
 * False, with a message on stderr, if it could not be drawn. */
bool forward_plot(const char *path, double peak, const float *W, float *Y);

#endif
