/* What our model files have in common: safetensors with metadata that says what they are. */
#ifndef SNNK_MODEL_MODEL_H
#define SNNK_MODEL_MODEL_H

#include "io/safetensors.h"

/* The format this library writes, of networks the newest it reads. */
#define SNNK__MODEL_FORMAT 1

/* Statistics with weights or a factor: older libraries would take them for others. */
#define SNNK__LSTSQ_FORMAT 2

#define SNNK__MODEL_NETWORK "network"
#define SNNK__MODEL_LSTSQ   "lstsq"
#define SNNK__MODEL_RLS     "rls"
#define SNNK__MODEL_FIT     "fit"

/* Start a file of a kind: format, library version and kind are in it. Failures stick to the writer,
 * as everywhere. */
void snnk__model_begin(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                       const char *kind);

/* The same in a later format. */
void snnk__model_begin_format(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                              const char *kind, uint64_t format);

/* Open a model in memory, of this kind, its check sum verified. `buffer` must outlive the reader.
 * SNNK_E_TRUNCATED, SNNK_E_FORMAT, SNNK_E_VERSION, SNNK_E_CHECKSUM, SNNK_E_NOMEM. */
int snnk__model_open(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                     const char *kind, snnk__safetensors_reader **reader);

/* Make an object, whose handle goes to *handle, from a file in memory. The allocator is a complete
 * one. */
typedef int (*snnk__model_loader)(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                                  void *handle);

/* Read the file at `path` and load it, with the path in front of the sentence on failure.
 * allocator: the caller's, NULL for malloc. handle: pointer to the caller's handle, which has been
 * set to NULL. Statuses of `load`, SNNK_E_NULL (path), SNNK_E_IO, SNNK_E_NOMEM. */
int snnk__model_load(const char *path, const snnk_allocator *allocator, snnk__model_loader load,
                     void *handle);

#endif
