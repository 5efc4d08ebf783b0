/* The same map with new rows. */
#include <snnk/urf.h>

#include "map/map.h"
#include "projection/projection.h"

/* Make one block again with new rows: drawn, or the next of the given rows. */
static int redraw_block(const snnk__map_block *block, uint64_t seed, snnk__row_source *given,
                        float *folded, const snnk_allocator *allocator, snnk__map_block **redrawn) {
    snnk_map_config config = block->config;
    snnk__row_source source = *given;
    int st;

    if (!block->kind->redraw)
        return snnk__map_cannot(block->kind, "cannot be redrawn: they are not made of drawn rows");
    config.seed = source.seed = seed;
    if (given->G) config.projection = SNNK_PROJECTION_GIVEN;
    source.kind = snnk__projection_get(config.projection);
    st = block->kind->redraw(block, &config, &source, folded, allocator, redrawn);
    snnk__row_source_free(&source);
    given->next = source.next;
    return st;
}

static int check_redraw(const snnk_map *map, size_t rows, const float *G, size_t ldg) {
    size_t needed = 0;
    int st;

    for (size_t b = 0; b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        if (!G && !snnk__projection_is_drawn(block->config.projection))
            return snnk__fail(
                SNNK_E_UNSUPPORTED,
                "block %zu has given rows, which cannot be drawn again; pass new rows in G", b);
        if (block->kind->rows_to_redraw) needed += block->kind->rows_to_redraw(block);
    }
    if (!G) return SNNK_OK;
    if (rows < needed)
        return snnk__fail(SNNK_E_SHAPE, "rows = %zu, but the map uses %zu rows", rows, needed);
    if ((st = snnk__check_matrix(G, "G", rows, map->inputs, ldg, sizeof *G)) != SNNK_OK) return st;
    return snnk__check_finite(G, "G", rows, map->inputs, ldg);
}

int snnk_map_redraw(const snnk_map *map, uint64_t seed, size_t rows, const float *G, size_t ldg,
                    snnk_map **redrawn) {
    snnk__map_block **blocks = NULL;
    float *folded = NULL;
    int st;

    if ((st = snnk__check_pointer(redrawn, "redrawn")) != SNNK_OK) return st;
    *redrawn = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = check_redraw(map, rows, G, ldg)) != SNNK_OK) return st;
    const snnk_allocator *allocator = &map->allocator;
    snnk__row_source given = {.G = G, .ldg = ldg, .d = map->inputs, .allocator = allocator};

    st = snnk__alloc_zero(allocator, map->n_blocks, sizeof *blocks, "blocks", &blocks);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, map->inputs, sizeof *folded, "a row", &folded);
    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        if (!G) given.next = 0;
        st = redraw_block(map->blocks[b], seed, &given, folded, allocator, &blocks[b]);
    }
    if (st == SNNK_OK) st = snnk__map_from_blocks(map->n_blocks, blocks, allocator, redrawn);
    for (size_t b = 0; b < map->n_blocks; b++) snnk__map_block_release(blocks[b]);
    snnk__free(allocator, folded);
    snnk__free(allocator, blocks);
    return st;
}
