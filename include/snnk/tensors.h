/* Tensors of any safetensors file, by name and as float, for weights that were trained elsewhere.
 *
 *     snnk_tensors *tensors;
 *     float *W = malloc(1536 * 512 * sizeof *W);
 *
 *     snnk_tensors_open("encoder.safetensors", NULL, &tensors);
 *     snnk_tensors_read(tensors, "layers.0.ffn.hidden.weight", 2, (const size_t[]){1536, 512}, W);
 *     snnk_tensors_free(tensors);
 *
 * The file may be larger than memory: opening it reads only the header, and a tensor is read when
 * it is asked for. Several threads may read at the same time. The file must not change while it is
 * open (replacing it with rename is fine). To load a model that libsnnk saved, use
 * snnk_network_load (<snnk/network.h>). */
#ifndef SNNK_TENSORS_H
#define SNNK_TENSORS_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most dimensions of a tensor that snnk_tensors_shape and snnk_tensors_read accept. A file may
 * have tensors with more dimensions; they cannot be read. */
#define SNNK_TENSORS_MAX_DIMS 8

/* An open file. */
typedef struct snnk_tensors snnk_tensors;

/* Open a safetensors file, or the index of a model in several files.
 *   path       a regular file. If it is an index (model.safetensors.index.json), the files that it
 *              names must be in its directory; each is opened when one of its tensors is first
 *              asked for. The functions below that find a tensor then also have the statuses of
 *              opening a file
 *   allocator  NULL for malloc
 *   tensors    out: release with snnk_tensors_free
 * SNNK_E_NULL, SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_TRUNCATED (the file is shorter or longer than its
 * header says; a pipe counts as empty), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_tensors_open(const char *path, const snnk_allocator *allocator,
                               snnk_tensors **tensors);

/* Close a file. NULL is fine. */
SNNK_API void snnk_tensors_free(snnk_tensors *tensors);

/* ---- What a file contains. Texts are UTF-8 and valid as long as `tensors` ---- */

/* Get the number of tensors (0 for NULL), and the name of the i-th in the order of strcmp (NULL
 * if there is no such tensor). */
SNNK_API size_t snnk_tensors_count(const snnk_tensors *tensors);
SNNK_API const char *snnk_tensors_name(const snnk_tensors *tensors, size_t i);

/* Get the element type of a tensor as it is named in the file, such as "F32". NULL if no tensor has
 * this name, or if its file cannot be opened. */
SNNK_API const char *snnk_tensors_type(const snnk_tensors *tensors, const char *name);

/* Get the shape of a tensor.
 *   name    of the tensor
 *   n_dims  out: number of dimensions; 0 for a single number
 *   dims    out: room for SNNK_TENSORS_MAX_DIMS sizes; the first *n_dims are written
 * SNNK_E_NULL, SNNK_E_FORMAT (no tensor has this name), SNNK_E_SHAPE (too many dimensions). */
SNNK_API int snnk_tensors_shape(const snnk_tensors *tensors, const char *name, size_t *n_dims,
                                size_t *dims);

/* Get the number of metadata texts (0 for NULL and for an index), and the key of the i-th in the
 * order of strcmp (NULL if there is no such text). */
SNNK_API size_t snnk_tensors_texts(const snnk_tensors *tensors);
SNNK_API const char *snnk_tensors_text_key(const snnk_tensors *tensors, size_t i);

/* Get the metadata text of a key. NULL if there is none. */
SNNK_API const char *snnk_tensors_text(const snnk_tensors *tensors, const char *key);

/* ---- Reading ---- */

/* Read all elements of a tensor as float, in row-major order. Its type is BOOL, U8, I8, U16, I16,
 * U32, I32, U64, I64, F8_E4M3, F8_E5M2, F8_E8M0, F16, BF16, F32 or F64. F64 and integers with more
 * than 24 bits are rounded to the nearest float. Tensors of other types do not hinder.
 *   name          of the tensor
 *   n_dims, dims  the shape that the caller expects; dims may be NULL if n_dims = 0
 *   out           out: as many numbers as the product of dims; may be NULL if that is 0
 * SNNK_E_NULL, SNNK_E_FORMAT (no tensor has this name), SNNK_E_SHAPE (the tensor has another shape:
 * the error sentence names both), SNNK_E_UNSUPPORTED (another type), SNNK_E_NONFINITE (an element
 * is NaN or infinite, or too large for float: the error sentence gives its index), SNNK_E_IO,
 * SNNK_E_TRUNCATED (the file became shorter). In the last three cases `out` may have been
 * written. */
SNNK_API int snnk_tensors_read(const snnk_tensors *tensors, const char *name, size_t n_dims,
                               const size_t *dims, float *out);

#ifdef __cplusplus
}
#endif

#endif
