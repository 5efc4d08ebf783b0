/* Shared by the files of this program. Being an example, it prints what failed, and exits. */
#ifndef SENTENCE_ENCODER_COMMON_H
#define SENTENCE_ENCODER_COMMON_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <snnk/snnk.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "%s: %s\n", #call, snnk_last_error());                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Allocate zeroed memory. */
static inline void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count > 0 ? count : 1, bytes);

    if (!block) {
        fprintf(stderr, "out of memory: %zu x %zu bytes\n", count, bytes);
        exit(1);
    }
    return block;
}

/* Fill x with numbers between -1 and 1 without a pattern, for tests. */
static inline void fill_irregular(size_t n, double seed, float *x) {
    for (size_t k = 0; k < n; k++) x[k] = (float)sin(seed + 2.4 * (double)(k * k + 1));
}

#endif
