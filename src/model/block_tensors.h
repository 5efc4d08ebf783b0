/* The tensors of a block by what they hold: "G" is layers.2.blocks.0.G. docs/format.md, "Networks". */
#ifndef SNNK_MODEL_BLOCK_TENSORS_H
#define SNNK_MODEL_BLOCK_TENSORS_H

#include <stdio.h>

#include "io/safetensors.h"

#define SNNK__TENSOR_NAME_BYTES 80

static inline void snnk__block_tensor(char name[SNNK__TENSOR_NAME_BYTES], size_t layer,
                                      size_t block, const char *what) {
    snprintf(name, SNNK__TENSOR_NAME_BYTES, "layers.%zu.blocks.%zu.%s", layer, block, what);
}

/* As snnk__safetensors_add_tensor. */
static inline void snnk__block_add(snnk__safetensors_writer *writer, size_t layer, size_t block,
                                   const char *what, snnk__dtype dtype, size_t n_dims,
                                   const size_t *dims, const void *data) {
    char name[SNNK__TENSOR_NAME_BYTES];

    snnk__block_tensor(name, layer, block, what);
    snnk__safetensors_add_tensor(writer, name, dtype, n_dims, dims, data);
}

/* As snnk__safetensors_add_source. */
static inline void snnk__block_add_source(snnk__safetensors_writer *writer, size_t layer,
                                          size_t block, const char *what, snnk__dtype dtype,
                                          size_t n_dims, const size_t *dims,
                                          snnk__safetensors_source source, const void *context) {
    char name[SNNK__TENSOR_NAME_BYTES];

    snnk__block_tensor(name, layer, block, what);
    snnk__safetensors_add_source(writer, name, dtype, n_dims, dims, source, context);
}

/* As snnk__safetensors_find; it is there, with this shape. */
static inline int snnk__block_find(const snnk__safetensors_reader *reader, size_t layer,
                                   size_t block, const char *what, snnk__dtype dtype, size_t n_dims,
                                   const size_t *dims) {
    const snnk__safetensors_tensor *tensor;
    char name[SNNK__TENSOR_NAME_BYTES];

    snnk__block_tensor(name, layer, block, what);
    return snnk__safetensors_find(reader, name, dtype, n_dims, dims, &tensor);
}

/* As snnk__safetensors_read_f32. */
static inline int snnk__block_read_f32(const snnk__safetensors_reader *reader, size_t layer,
                                       size_t block, const char *what, size_t n_dims,
                                       const size_t *dims, float *out) {
    char name[SNNK__TENSOR_NAME_BYTES];

    snnk__block_tensor(name, layer, block, what);
    return snnk__safetensors_read_f32(reader, name, n_dims, dims, out);
}

/* As snnk__safetensors_read_f64. */
static inline int snnk__block_read_f64(const snnk__safetensors_reader *reader, size_t layer,
                                       size_t block, const char *what, size_t n_dims,
                                       const size_t *dims, double *out) {
    char name[SNNK__TENSOR_NAME_BYTES];

    snnk__block_tensor(name, layer, block, what);
    return snnk__safetensors_read_f64(reader, name, n_dims, dims, out);
}

#endif
