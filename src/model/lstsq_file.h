/* Least-squares statistics within model files. */
#ifndef SNNK_MODEL_LSTSQ_FILE_H
#define SNNK_MODEL_LSTSQ_FILE_H

#include <snnk/lstsq.h>

#include "io/safetensors.h"

/* Add the statistics that a model includes to its file. The writer keeps failures. */
void snnk__lstsq_write_tensors(snnk__safetensors_writer *writer, const snnk_lstsq *lstsq);

/* Set *lstsq to the statistics that the file of a model includes, or to NULL if there are none.
 * SNNK_E_FORMAT, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
int snnk__lstsq_carried(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                        snnk_lstsq **lstsq);

/* The same for one of several statistics in a file: its tensors and keys begin with
 * "statistics.index." instead of "statistics.". SNNK_E_FORMAT also if there are none. */
void snnk__lstsq_write_indexed(snnk__safetensors_writer *writer, const snnk_lstsq *lstsq,
                               size_t index);
int snnk__lstsq_read_indexed(const snnk__safetensors_reader *reader,
                             const snnk_allocator *allocator, size_t index, snnk_lstsq **lstsq);

#endif
