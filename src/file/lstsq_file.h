/* Inside of loading least-squares statistics. */
#ifndef SNNK_FILE_LSTSQ_FILE_H
#define SNNK_FILE_LSTSQ_FILE_H

#include <snnk/file.h>

#include "file/safetensors.h"

/* snnk_lstsq_load from memory, allocator not NULL; *lstsq is untouched on failure. Statuses as
 * there, without SNNK_E_IO. */
int snnk__lstsq_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                            snnk_lstsq **lstsq);

/* Statistics that a model carries: add them to its file; failures stick to the writer. */
void snnk__lstsq_carry(snnk__st_writer *writer, const snnk_lstsq *lstsq);

/* *lstsq = those that a file carries, or NULL if it has none. SNNK_E_FORMAT, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
int snnk__lstsq_carried(const snnk__st_reader *reader, const snnk_allocator *allocator,
                        snnk_lstsq **lstsq);

#endif
