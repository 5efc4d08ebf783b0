/* A network as constant arrays. arrays.c writes them, embedded.c runs them. */
#ifndef WAKE_WORD_EMBEDDED_H
#define WAKE_WORD_EMBEDDED_H

#include <stddef.h>
#include <stdint.h>

/* Features activation(G x + offsets). G: rows x inputs; offsets: rows. */
typedef struct block_arrays {
    size_t rows;
    int32_t activation;
    const float *G, *offsets;
} block_arrays;

/* A layer with several blocks. outputs = 0: a tower, without Psi and bias. */
typedef struct layer_arrays {
    size_t inputs, n_blocks, outputs;
    const block_arrays *blocks;
    const float *Psi, *bias;
} layer_arrays;

extern const layer_arrays model_layers[];
extern const size_t model_n_layers;

#endif
