/* Tensors of any safetensors file by name: weights that others trained, as float.
 *
 *     snnk_tensors *tensors;
 *     float *W = malloc(1536 * 512 * sizeof *W);
 *
 *     snnk_tensors_open("encoder.safetensors", NULL, &tensors);
 *     snnk_tensors_read(tensors, "layers.0.ffn.hidden.weight", 2, (const size_t[]){1536, 512}, W);
 *     snnk_tensors_free(tensors);
 *
 * The file may be larger than memory: opening it reads the header, which is held against the file's
 * size, and a tensor is read (by pread) when it is asked for. Files need no check sum and no metadata of
 * ours; for models that libsnnk saved there is snnk_network_load in file.h.
 *
 * Several threads may read at once. The file must stay as it is while it is open; replacing it by a
 * rename is fine. */
#ifndef SNNK_TENSORS_H
#define SNNK_TENSORS_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Most dimensions of a tensor that the calls below know; a file may have tensors of more. */
#define SNNK_TENSORS_MAX_DIMS 8

/* An open file, and what its header says. */
typedef struct snnk_tensors snnk_tensors;

/* Open a safetensors file. Known are the types BOOL, U8, I8, U16, I16, U32, I32, U64, I64, F16, BF16, F32 and
 * F64; a file with a tensor of another type is refused. allocator: NULL for malloc.
 * SNNK_E_NULL, SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_TRUNCATED (the file is shorter or longer than its header
 * says, or empty; a pipe, which does not say how long it is, counts as empty), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_tensors_open(const char *path, const snnk_allocator *allocator,
                               snnk_tensors **tensors);

/* Close it. NULL is fine. */
SNNK_API void snnk_tensors_free(snnk_tensors *tensors);

/* How many tensors there are (0 for NULL), and the name of the i-th, in the order of their bytes; NULL
 * from snnk_tensors_count on. Names are UTF-8, and valid as long as `tensors`. */
SNNK_API size_t snnk_tensors_count(const snnk_tensors *tensors);
SNNK_API const char *snnk_tensors_name(const snnk_tensors *tensors, size_t i);

/* The type of the elements of a tensor, as the file has it ("F32", one of those above); NULL if there is no
 * tensor of that name. */
SNNK_API const char *snnk_tensors_type(const snnk_tensors *tensors, const char *name);

/* The value of a metadata key, valid as long as `tensors`; NULL if the file has no such key. */
SNNK_API const char *snnk_tensors_text(const snnk_tensors *tensors, const char *key);

/* The shape of a tensor: *n_dims dimensions, 0 for a single number. dims: room for
 * SNNK_TENSORS_MAX_DIMS; those from *n_dims on stay as they are. SNNK_E_NULL, SNNK_E_FORMAT (no tensor of
 * that name), SNNK_E_SHAPE (one of more dimensions). */
SNNK_API int snnk_tensors_shape(const snnk_tensors *tensors, const char *name, size_t *n_dims,
                                size_t *dims);

/* All elements of a tensor, in row-major order, as float: F64 and integers of more than 24 bits are
 * rounded to the nearest. The caller says which shape it expects: n_dims dimensions at dims (NULL is
 * fine for 0), and out has room for their product (NULL is fine where it is 0).
 * SNNK_E_NULL, SNNK_E_FORMAT (no tensor of that name), SNNK_E_SHAPE (its shape is another: the sentence
 * names both), SNNK_E_NONFINITE (an element is NaN, infinite, or an F64 too large for a float: the sentence
 * names its place), SNNK_E_IO, SNNK_E_TRUNCATED (the file has become shorter). `out` may have been written
 * to in the last three cases. */
SNNK_API int snnk_tensors_read(const snnk_tensors *tensors, const char *name, size_t n_dims,
                               const size_t *dims, float *out);

#ifdef __cplusplus
}
#endif

#endif
