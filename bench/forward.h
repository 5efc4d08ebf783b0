/* What bench_forward measures: its cases and their results. */
#ifndef SNNK_BENCH_FORWARD_H
#define SNNK_BENCH_FORWARD_H

#include <stdbool.h>
#include <stddef.h>

enum { SHAPES = 3, NS = 5, MS = 5, MAX_N = 512, MAX_M = 128, MAX_D = 768, MAX_L = 3072 };
enum { RELU, GELU, ACTIVATIONS };
enum { OURS, ONEDNN, LIBXSMM, BLAS, BLAS_SKYLAKEX, OURS_BF16, OURS_INT8, WAYS };

typedef struct result {
    bool measured[WAYS];
    double seconds[WAYS]; /* least */
    double ratio[WAYS];   /* median of way/ours */
    double dense, speedup, roofline;
} result;

extern const size_t shapes[SHAPES][2]; /* d, l */
extern const size_t ns[NS], ms[MS];
extern result results[2][ACTIVATIONS][SHAPES][NS][MS]; /* [threads - 1] */

/* One PNG: the roofline, and times against m. peak: flops a second of one core; W: MOST_L x MOST_D and Y:
 * MOST_N x MOST_L, to measure the memory with. False, and a line on stderr, if it could not be drawn. */
bool forward_plot(const char *path, double peak, const float *W, float *Y);

#endif
