/* Allocation. All memory of the library is allocated here: sizes are checked, and blocks are
 * aligned to a cache line. */
#ifndef SNNK_BASE_MEMORY_H
#define SNNK_BASE_MEMORY_H

#include "base/status.h"

#define SNNK__ALIGNMENT 64

/* Get the allocator to store in a handle: a copy of the user's, or malloc and free for NULL.
 * SNNK_E_NULL if one of its functions is NULL. */
int snnk__allocator_read(snnk_allocator *ours, const snnk_allocator *user);

/* Allocate `count` elements of element_bytes each, aligned to SNNK__ALIGNMENT and uninitialized.
 *   what     names the memory in the error sentence
 *   pointer  the address of an object pointer of any type, which is set to the block; to NULL if
 *            count = 0 or on failure
 * SNNK_E_SIZE if the product overflows, SNNK_E_NOMEM. */
int snnk__alloc(const snnk_allocator *allocator, size_t count, size_t element_bytes,
                const char *what, void *pointer);

/* The same, filled with zero bytes. */
int snnk__alloc_zero(const snnk_allocator *allocator, size_t count, size_t element_bytes,
                     const char *what, void *pointer);

/* Free a block from the functions above. NULL is fine. */
void snnk__free(const snnk_allocator *allocator, void *pointer);

#endif
