/* Loading recursive least squares. */
#ifndef SNNK_MODEL_RLS_FILE_H
#define SNNK_MODEL_RLS_FILE_H

#include <snnk/rls.h>

/* The same as snnk_rls_load, but from memory. allocator: not NULL. *rls is untouched on failure.
 * Statuses as there, without SNNK_E_IO. */
int snnk__rls_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                          snnk_rls **rls);

#endif
