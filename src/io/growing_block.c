#include "io/growing_block.h"

#include <string.h>

int snnk__growing_block_grow(snnk__growing_block *block, const char *what) {
    unsigned char *larger;
    size_t capacity;
    int st;

    if (block->size < block->capacity) return SNNK_OK;
    if (block->capacity >= block->limit)
        return snnk__fail(SNNK_E_SIZE, "%s is longer than the limit of %zu bytes", what,
                          block->limit);
    capacity = block->capacity > block->limit / 2 ? block->limit : block->capacity * 2;
    st = snnk__alloc(block->allocator, capacity, 1, what, &larger);
    if (st != SNNK_OK) return st;
    if (block->size > 0) memcpy(larger, block->data, block->size);
    snnk__free(block->allocator, block->data);
    block->data = larger;
    block->capacity = capacity;
    return SNNK_OK;
}
