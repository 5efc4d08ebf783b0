/* What all our model files have in common: safetensors with metadata that describes them. */
#ifndef SNNK_MODEL_MODEL_H
#define SNNK_MODEL_MODEL_H

#include "io/safetensors.h"

/* The format of the files this library writes, and the newest it reads for networks. */
#define SNNK__MODEL_FORMAT 1

/* The format of statistics with weights or a factor, which older libraries would misread. */
#define SNNK__LSTSQ_FORMAT 2

#define SNNK__MODEL_NETWORK "network"
#define SNNK__MODEL_LSTSQ   "lstsq"
#define SNNK__MODEL_RLS     "rls"
#define SNNK__MODEL_FIT     "fit"

/* Begin a file of a kind with its format, library version and kind. The writer keeps failures. */
void snnk__model_begin(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                       const char *kind);

/* The same in a later format. */
void snnk__model_begin_format(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                              const char *kind, uint64_t format);

/* Open a model of this kind in memory, and verify its checksum. `buffer` must outlive the reader.
 * SNNK_E_TRUNCATED, SNNK_E_FORMAT, SNNK_E_VERSION, SNNK_E_CHECKSUM, SNNK_E_NOMEM. */
int snnk__model_open(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                     const char *kind, snnk__safetensors_reader **reader);

/* Create an object from a file in memory, and store its handle in *handle. The allocator's
 * functions are set. */
typedef int (*snnk__model_loader)(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                                  void *handle);

/* Read the file at `path` and load it. On failure the error sentence begins with the path.
 *   allocator  the caller's; NULL for malloc
 *   handle     the address of the caller's handle, which has been set to NULL
 * Statuses of `load`, SNNK_E_NULL (path), SNNK_E_IO, SNNK_E_NOMEM. */
int snnk__model_load(const char *path, const snnk_allocator *allocator, snnk__model_loader load,
                     void *handle);

#endif
