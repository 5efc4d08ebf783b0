/* Inside of loading least-squares statistics. */
#ifndef SNNK_FILE_LSTSQ_FILE_H
#define SNNK_FILE_LSTSQ_FILE_H

#include <snnk/file.h>

/* snnk_lstsq_load from memory, allocator not NULL; *lstsq is untouched on failure. Statuses as
 * there, without SNNK_E_IO. */
int snnk__lstsq_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                            snnk_lstsq **lstsq);

#endif
