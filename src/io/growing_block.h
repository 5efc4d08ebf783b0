/* A block of bytes whose final size is unknown: it doubles until a limit is reached. */
#ifndef SNNK_IO_GROWING_BLOCK_H
#define SNNK_IO_GROWING_BLOCK_H

#include "base/memory.h"

typedef struct snnk__growing_block {
    const snnk_allocator *allocator;
    unsigned char *data; /* capacity bytes; the first `size` are in use */
    size_t size, capacity, limit;
} snnk__growing_block;

/* Make room for at least one more byte. SNNK_E_SIZE, naming `what`, at the limit; SNNK_E_NOMEM. */
int snnk__growing_block_grow(snnk__growing_block *block, const char *what);

#endif
