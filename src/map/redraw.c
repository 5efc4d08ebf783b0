/* The same map with other rows. */
#include <string.h>

#include "map/fill.h"
#include "map/map.h"

/* A URF block like another one, its rows to be filled. */
static int urf_like(const snnk__map_block *block, const snnk_map_config *config,
                    const snnk_allocator *allocator, snnk__map_block **like) {
    const snnk__urf *old = block->urf;
    snnk__urf_atoms atoms = old->atoms;
    snnk__urf *urf = NULL;
    int st;

    st = snnk__alloc(allocator, atoms.count, sizeof *atoms.atom, "atoms", &atoms.atom);
    if (st != SNNK_OK) return st;
    memcpy(atoms.atom, old->atoms.atom, atoms.count * sizeof *atoms.atom);
    st = snnk__urf_alloc(old->frame, &atoms, old->rows, allocator, &urf);
    if (st != SNNK_OK) goto done;
    snnk__urf_atoms_assign(&urf->atoms, config->seed, urf->rows, urf->row_atom);
    urf->intercept = old->intercept;
    urf->facts = old->facts;
    snnk__urf_finish(urf);
    st = snnk__map_block_from_urf(config, urf, allocator, like);
    if (st == SNNK_OK) urf = NULL; /* the block's now */
done:
    snnk__urf_free(urf);
    snnk__urf_atoms_free(allocator, &atoms);
    return st;
}

static int line_like(const snnk__map_block *block, const snnk_map_config *config,
                     const snnk_allocator *allocator, snnk__map_block **like) {
    const snnk__affine *old = block->line;
    snnk__affine *line = NULL;
    int st;

    st = snnk__affine_create(old->frame, old->intercept, old->slope, allocator, &line);
    if (st != SNNK_OK) return st;
    line->sketch_rows = old->sketch_rows;
    line->facts = old->facts;
    st = snnk__map_block_from_affine(block->inputs, config, line, allocator, like);
    if (st != SNNK_OK) snnk__affine_free(line);
    return st;
}

/* One block again, from given rows that go on where the block before stopped, or drawn. */
static int redraw_block(const snnk__map_block *block, uint64_t seed, snnk__row_source *given,
                        float *folded, const snnk_allocator *allocator, snnk__map_block **like) {
    snnk_map_config config = block->config;
    snnk__row_source from = *given;
    int st;

    config.seed = seed;
    if (given->G) config.projection = SNNK_PROJECTION_GIVEN;
    from.kind = snnk__projection_get(config.projection);
    from.seed = block->line ? seed ^ SNNK__SKETCH_SEED : seed;
    if (block->urf)
        st = urf_like(block, &config, allocator, like);
    else if (block->line)
        st = line_like(block, &config, allocator, like);
    else
        st = snnk__fail(SNNK_E_UNSUPPORTED, "only blocks made from a spectrum can be redrawn");
    if (st != SNNK_OK) return st;
    st =
        block->urf ? snnk__fill_urf(*like, &from, folded) : snnk__fill_affine(*like, &from, folded);
    snnk__row_source_free(&from);
    given->next = from.next;
    return st;
}

static int check_redraw(const snnk_map *map, size_t rows, const float *G, size_t ldg) {
    size_t needed = 0;
    int st;

    for (size_t b = 0; b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        if (!G && block->config.projection == SNNK_PROJECTION_GIVEN)
            return snnk__fail(
                SNNK_E_UNSUPPORTED,
                "block %zu has given rows, which cannot be drawn again; pass new rows in G", b);
        if (block->urf) needed += block->urf->rows;
        if (block->line) needed += block->line->sketch_rows;
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
