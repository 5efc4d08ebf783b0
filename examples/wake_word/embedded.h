/* A network as constant arrays: what arrays.c writes, and embedded.c runs. */
#ifndef WAKE_WORD_EMBEDDED_H
#define WAKE_WORD_EMBEDDED_H

#include <stddef.h>
#include <stdint.h>

/* activation(G x + offsets): rows x inputs, and rows. */
typedef struct block_arrays {
    size_t rows;
    int32_t activation;
    const float *G, *offsets;
} block_arrays;

/* Blocks side by side; outputs = 0: a tower. */
typedef struct layer_arrays {
    size_t inputs, n_blocks, outputs;
    const block_arrays *blocks;
    const float *Psi, *bias;
} layer_arrays;

extern const layer_arrays model_layers[];
extern const size_t model_n_layers;

#endif
