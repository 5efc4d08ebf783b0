/* Allocation: everything the library allocates goes through here, aligned to a cache line, sizes
 * checked. */
#ifndef SNNK_BASE_MEMORY_H
#define SNNK_BASE_MEMORY_H

#include "base/status.h"

#define SNNK__ALIGNMENT 64

/* The allocator to store in a handle: a copy of the user's, or malloc and free for NULL.
 * SNNK_E_NULL if one of its functions is missing. */
int snnk__allocator_read(snnk_allocator *ours, const snnk_allocator *user);

/* *pointer = room for count elements of element_bytes each, aligned to SNNK__ALIGNMENT,
 * uninitialised; count = 0 gives NULL. SNNK_E_SIZE if the product overflows, SNNK_E_NOMEM; *pointer
 * is NULL then. `what` names it in the sentence. pointer is a pointer to any object pointer. */
int snnk__alloc(const snnk_allocator *allocator, size_t count, size_t element_bytes,
                const char *what, void *pointer);

/* The same, filled with zero bytes. */
int snnk__alloc_zero(const snnk_allocator *allocator, size_t count, size_t element_bytes,
                     const char *what, void *pointer);

/* Free what the above gave. NULL is fine. */
void snnk__free(const snnk_allocator *allocator, void *pointer);

#endif
