/* A fit of CIFAR-shaped images that stream: its time, and the memory that the process takes. */
#ifndef SNNK_BENCH_WINDOW_FIT_H
#define SNNK_BENCH_WINDOW_FIT_H

#include <stdbool.h>
#include <stddef.h>

/* Fit `rows` made images of 32 x 32 x 3 by 512 windows of 6 x 6 and 4096 random features, and print
 * milliseconds an image, processor seconds, and the peak of the resident memory. */
void window_fit(size_t rows, size_t threads, bool json);

#endif
