/* What our model files have in common: safetensors with metadata that says what they are. */
#ifndef SNNK_MODEL_MODEL_H
#define SNNK_MODEL_MODEL_H

#include <snnk/projection.h>

#include "io/safetensors.h"

/* The format this library writes, of networks the newest it reads. */
#define SNNK__MODEL_FORMAT 1

/* Statistics with weights or a factor: older libraries would take them for others. */
#define SNNK__LSTSQ_FORMAT 2

#define SNNK__MODEL_NETWORK "network"
#define SNNK__MODEL_LSTSQ   "lstsq"
#define SNNK__MODEL_RLS     "rls"
#define SNNK__MODEL_FIT     "fit"
#define SNNK__MODEL_MAP     "map"
#define SNNK__MODEL_SCALING "scaling"

/* ---- Saving ---- */

/* Start a file of a kind: format, library version and kind are in it. Failures stick to the writer,
 * as everywhere. */
void snnk__model_begin(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                       const char *kind);

/* The same in a later format. */
void snnk__model_begin_format(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                              const char *kind, uint64_t format);

/* Check an object, begin its file and add what it consists of. projection: an
 * snnk_save_projection, of objects that have projections. Failures of checks are returned, before
 * the writer is begun; later ones stick to the writer. */
typedef int (*snnk__model_writer)(const void *object, int32_t projection,
                                  snnk__safetensors_writer *writer);

/* SNNK_E_ENUM unless it is an snnk_save_projection. */
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

/* Open a model in memory, of this kind, its check sum verified. `buffer` must outlive the reader.
 * SNNK_E_TRUNCATED, SNNK_E_FORMAT, SNNK_E_VERSION, SNNK_E_CHECKSUM, SNNK_E_NOMEM. */
int snnk__model_open(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                     const char *kind, snnk__safetensors_reader **reader);

/* Make an object from an open file. The allocator is a complete one. handle: pointer to the
 * caller's handle, which is set on success only. */
typedef int (*snnk__model_reader)(const snnk__safetensors_reader *reader,
                                  const snnk_allocator *allocator, void *handle);

/* Load an object of this kind from memory, or from the file at `path`, which comes in front of the
 * sentence on failure. allocator: the caller's, NULL for malloc. handle: has been set to NULL.
 * Statuses of `read` and snnk__model_open; SNNK_E_NULL (buffer, path), SNNK_E_IO, SNNK_E_NOMEM. */
int snnk__model_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                            const char *kind, snnk__model_reader read, void *handle);
int snnk__model_load(const char *path, const snnk_allocator *allocator, const char *kind,
                     snnk__model_reader read, void *handle);

#endif
