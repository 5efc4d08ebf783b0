/* The same map with other rows, as training makes them. */
#include "base/size.h"
#include "map/map.h"

bool snnk__map_block_has_rows(const snnk__map_block *block) {
    return block->kind->with_rows && block->linear.G.data;
}

int snnk__map_with_rows(const snnk_map *map, const float *G, const float *offsets,
                        snnk_map **changed) {
    const snnk_allocator *allocator = &map->allocator;
    snnk__map_block **blocks;
    int st;

    st = snnk__alloc_zero(allocator, map->n_blocks, sizeof *blocks, "blocks", &blocks);
    if (st != SNNK_OK) return st;
    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        snnk__map_block *block = map->blocks[b];

        if (snnk__map_block_has_rows(block)) {
            st = block->kind->with_rows(block, G, offsets, &blocks[b]);
            if (st != SNNK_OK) snnk__fail_within(st, "block %zu", b);
        } else {
            blocks[b] = snnk__map_block_retain(block);
        }
        G += block->linear.rows * map->inputs;
        offsets += block->linear.rows;
    }
    if (st == SNNK_OK) st = snnk__map_from_blocks(map->n_blocks, blocks, allocator, changed);
    for (size_t b = 0; b < map->n_blocks; b++) snnk__map_block_release(blocks[b]);
    snnk__free(allocator, blocks);
    return st;
}
