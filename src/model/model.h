/* What all our model files have in common: safetensors with metadata that describes them. */
#ifndef SNNK_MODEL_MODEL_H
#define SNNK_MODEL_MODEL_H

#include <snnk/projection.h>

#include "io/safetensors.h"

/* The format of the files this library writes, and the newest it reads for networks. */
#define SNNK__MODEL_FORMAT 1

/* The format of statistics with weights or a factor, which older libraries would misread. */
#define SNNK__LSTSQ_FORMAT 2

#define SNNK__MODEL_NETWORK     "network"
#define SNNK__MODEL_LSTSQ       "lstsq"
#define SNNK__MODEL_RLS         "rls"
#define SNNK__MODEL_FIT         "fit"
#define SNNK__MODEL_LEAVES      "leaves"
#define SNNK__MODEL_MAP         "map"
#define SNNK__MODEL_SCALING     "scaling"
#define SNNK__MODEL_ENCODER     "encoder"
#define SNNK__MODEL_UNCERTAINTY "uncertainty"

/* ---- Saving ---- */

/* Begin a file of a kind with its format, library version and kind. The writer keeps failures. */
void snnk__model_begin(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                       const char *kind);

/* The same in a later format. */
void snnk__model_begin_format(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                              const char *kind, uint64_t format);

/* Check an object, begin its file, and add the object's content to it. A failed check is returned
 * before the writer is begun; the writer keeps later failures.
 *   projection  an snnk_save_projection; ignored by objects without projections */
typedef int (*snnk__model_writer)(const void *object, int32_t projection,
                                  snnk__safetensors_writer *writer);

/* Return SNNK_E_ENUM unless the value is an snnk_save_projection. */
int snnk__check_save_projection(int32_t projection);

/* Save an object to a file, count the bytes of its file, or save it to memory. Statuses of `write`;
 * SNNK_E_NULL (path, bytes, buffer), SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_IO. */
int snnk__model_save(const void *object, int32_t projection, snnk__model_writer write,
                     const char *path);
int snnk__model_saved_bytes(const void *object, int32_t projection, snnk__model_writer write,
                            size_t *bytes);
int snnk__model_save_memory(const void *object, int32_t projection, snnk__model_writer write,
                            void *buffer, size_t bytes);

/* ---- Loading ---- */

/* Open a model of this kind in memory, and verify its checksum. `buffer` must outlive the reader.
 * SNNK_E_TRUNCATED, SNNK_E_FORMAT, SNNK_E_VERSION, SNNK_E_CHECKSUM, SNNK_E_NOMEM. */
int snnk__model_open(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                     const char *kind, snnk__safetensors_reader **reader);

/* Create an object from an open file.
 *   allocator  with all its functions set
 *   handle     the address of the caller's handle, which is set on success only */
typedef int (*snnk__model_reader)(const snnk__safetensors_reader *reader,
                                  const snnk_allocator *allocator, void *handle);

/* Load an object of this kind from memory, or from the file at `path`. Error sentences about a file
 * begin with its path.
 *   allocator  the caller's; NULL for malloc
 *   handle     the address of the caller's handle, which has been set to NULL
 * Statuses of `read` and snnk__model_open; SNNK_E_NULL (buffer, path), SNNK_E_IO, SNNK_E_NOMEM. */
int snnk__model_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                            const char *kind, snnk__model_reader read, void *handle);
int snnk__model_load(const char *path, const snnk_allocator *allocator, const char *kind,
                     snnk__model_reader read, void *handle);

#endif
