/* Maps in files: a list "blocks". */
#include "base/size.h"
#include "map/map.h"

void snnk__map_write(const snnk_map *map, snnk__sink *sink) {
    for (size_t b = 0; b < map->n_blocks; b++) {
        snnk__sink block = snnk__sink_within(sink, "blocks", b);

        snnk__map_block_write(map->blocks[b], &block);
    }
}

int snnk__map_read_features(const snnk__source *source, size_t *features) {
    const size_t n = source->length(source, "blocks");
    size_t sum = 0;

    if (n == 0)
        return snnk__fail(SNNK_E_FORMAT, "\"blocks\" is missing, or not an array of blocks");
    for (size_t b = 0; b < n; b++) {
        const snnk__source block = snnk__source_within(source, "blocks", b);
        size_t more = 0;
        int st = snnk__read_count(&block, "features", &more);

        if (st == SNNK_OK && more == 0) st = snnk__fail(SNNK_E_FORMAT, "\"features\" is 0");
        if (st != SNNK_OK) return snnk__fail_within(st, "block %zu", b);
        if (!snnk__add_size(sum, more, &sum))
            return snnk__fail(SNNK_E_FORMAT, "the number of features overflows size_t");
    }
    *features = sum;
    return SNNK_OK;
}

int snnk__map_read(const snnk__source *source, size_t inputs, snnk_map **map) {
    const size_t n = source->length(source, "blocks");
    const snnk_allocator *allocator = source->allocator;
    snnk__map_block **blocks = NULL;
    int st;

    st = snnk__alloc_zero(allocator, n, sizeof *blocks, "blocks", &blocks);
    for (size_t b = 0; st == SNNK_OK && b < n; b++) {
        const snnk__source block = snnk__source_within(source, "blocks", b);

        st = snnk__map_block_read(&block, inputs, &blocks[b]);
        if (st != SNNK_OK) snnk__fail_within(st, "block %zu", b);
    }
    if (st == SNNK_OK) st = snnk__map_from_blocks(n, blocks, allocator, map);
    for (size_t b = 0; blocks && b < n; b++) snnk__map_block_release(blocks[b]);
    snnk__free(allocator, blocks);
    return st;
}
