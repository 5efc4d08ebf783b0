/* Maps created from a snnk_map_config, and concatenated maps. */
#include "map/config.h"
#include "map/map.h"

/* The common part of both public creators. request: everything but the allocator is set. */
static int create(snnk__map_request *request, snnk_map **map) {
    const size_t d = request->inputs;
    const snnk__map_kind *kind;
    snnk_allocator allocator;
    snnk__map_block *block = NULL;
    int st;

    if (d == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a map needs at least 1");
    if ((st = snnk__map_kind_find(request->config.kind, &kind)) != SNNK_OK) return st;
    if (!kind->create)
        return snnk__map_cannot(kind, "are made by a function of their own, not from a config");
    if ((st = kind->check(&request->config, d, request->rows)) != SNNK_OK) return st;
    if (request->scaling && snnk_scaling_inputs(request->scaling) != d)
        return snnk__fail(SNNK_E_SHAPE, "the scaling has %zu inputs, but the map has %zu",
                          snnk_scaling_inputs(request->scaling), d);
    st = snnk__allocator_read(&allocator, request->config.allocator);
    if (st != SNNK_OK) return st;
    request->allocator = &allocator;
    if ((st = kind->create(kind, request, &block)) != SNNK_OK) return st;
    st = snnk__map_from_blocks(1, &block, &allocator, map);
    snnk__map_block_release(block);
    return st;
}

/* Copy the caller's settings over the defaults. */
static int read_config(const snnk_map_config *config, snnk_map_config *ours) {
    *ours = snnk__map_config_defaults;
    return snnk__config_read(ours, sizeof *ours, SNNK__MAP_CONFIG_MINIMUM, config, "map config");
}

int snnk_map_create(size_t inputs, const snnk_map_config *config, const snnk_scaling *scaling,
                    snnk_map **map) {
    snnk__map_request request = {.inputs = inputs, .scaling = scaling};
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = read_config(config, &request.config)) != SNNK_OK) return st;
    return create(&request, map);
}

int snnk_map_create_from_rows(size_t inputs, size_t rows, const float *G, size_t ldg,
                              const float *offsets, const snnk_map_config *config,
                              const snnk_scaling *scaling, snnk_map **map) {
    snnk__map_request request = {
        .inputs = inputs, .rows = rows, .G = G, .ldg = ldg, .offsets = offsets, .scaling = scaling};
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = read_config(config, &request.config)) != SNNK_OK) return st;
    if (rows == 0) return snnk__fail(SNNK_E_SHAPE, "rows = 0: a map needs at least 1");
    if ((st = snnk__check_matrix(G, "G", rows, inputs, ldg, sizeof *G)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(G, "G", rows, inputs, ldg)) != SNNK_OK) return st;
    if (offsets && (st = snnk__check_finite(offsets, "offsets", 1, rows, rows)) != SNNK_OK)
        return st;
    request.config.projection = SNNK_PROJECTION_GIVEN;
    request.config.projection_scale = 1;
    request.config.offset_scale = 0;
    request.config.seed = 0;
    return create(&request, map);
}

int snnk_map_concat(size_t n_maps, const snnk_map *const *maps, snnk_map **map) {
    snnk__map_block **blocks = NULL;
    size_t n_blocks = 0;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = snnk__check_pointer(maps, "maps")) != SNNK_OK) return st;
    if (n_maps == 0) return snnk__fail(SNNK_E_SHAPE, "n_maps = 0: at least 1 map is needed");
    for (size_t i = 0; i < n_maps; i++) {
        if (!maps[i]) return snnk__fail(SNNK_E_NULL, "maps[%zu] is NULL", i);
        if (maps[i]->inputs != maps[0]->inputs)
            return snnk__fail(SNNK_E_SHAPE, "maps[%zu] has %zu inputs, but maps[0] has %zu", i,
                              maps[i]->inputs, maps[0]->inputs);
        /* The same map may be listed many times, so the sum can overflow. */
        if (!snnk__add_size(n_blocks, maps[i]->n_blocks, &n_blocks))
            return snnk__fail(SNNK_E_SIZE, "the blocks of %zu maps overflow size_t", n_maps);
    }
    const snnk_allocator *allocator = &maps[0]->allocator;
    st = snnk__alloc(allocator, n_blocks, sizeof *blocks, "blocks", &blocks);
    if (st != SNNK_OK) return st;
    for (size_t i = 0, b = 0; i < n_maps; i++)
        for (size_t j = 0; j < maps[i]->n_blocks; j++) blocks[b++] = maps[i]->blocks[j];
    st = snnk__map_from_blocks(n_blocks, blocks, allocator, map);
    snnk__free(allocator, blocks);
    return st;
}
