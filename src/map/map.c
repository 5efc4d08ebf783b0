#include "map/map.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "map/scaling.h"

static const snnk_map_config defaults = {.size = sizeof(snnk_map_config),
                                         .features = 1024,
                                         .projection_scale = 1,
                                         .kind = SNNK_MAP_ARC_COSINE,
                                         .order = 1,
                                         .activation = SNNK_RELU,
                                         .projection = SNNK_PROJECTION_GAUSSIAN};

/* Version 0.1 knew all of today's fields. */
#define CONFIG_MINIMUM sizeof(snnk_map_config)

int snnk_map_config_init(snnk_map_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "map config");
}

/* ---- Creating ---- */

int snnk__map_from_blocks(size_t n_blocks, snnk__map_block *const *blocks,
                          const snnk_allocator *allocator, snnk_map **map) {
    size_t features = 0;
    snnk_map *made = NULL;
    int st;

    for (size_t b = 0; b < n_blocks; b++)
        if (!snnk__add_size(features, blocks[b]->features, &features))
            return snnk__fail(SNNK_E_SIZE, "the features of %zu blocks overflow size_t", n_blocks);
    if ((st = snnk__alloc(allocator, 1, sizeof *made, "a map", &made)) != SNNK_OK) return st;
    *made = (snnk_map){.allocator = *allocator, .inputs = blocks[0]->inputs, .features = features};
    atomic_init(&made->references, 1);
    st = snnk__alloc(allocator, n_blocks, sizeof *made->blocks, "blocks", &made->blocks);
    if (st != SNNK_OK) {
        snnk_map_free(made);
        return st;
    }
    for (; made->n_blocks < n_blocks; made->n_blocks++) {
        made->blocks[made->n_blocks] = blocks[made->n_blocks];
        atomic_fetch_add(&blocks[made->n_blocks]->references, 1);
    }
    *map = made;
    return SNNK_OK;
}

/* What both public creators share. G NULL: drawn (or identity). */
static int create(size_t inputs, size_t rows, const float *G, size_t ldg, const float *offsets,
                  snnk_map_config *config, const snnk_scaling *scaling, snnk_map **map) {
    snnk_allocator allocator;
    snnk__map_block *block = NULL;
    int st;

    if ((st = snnk__map_config_check(config, inputs, rows)) != SNNK_OK) return st;
    if (scaling && snnk__scaling_inputs(scaling) != inputs)
        return snnk__fail(SNNK_E_SHAPE, "the scaling has %zu inputs, but the map has %zu",
                          snnk__scaling_inputs(scaling), inputs);
    if ((st = snnk__allocator_read(&allocator, config->allocator)) != SNNK_OK) return st;
    st = snnk__map_block_create(inputs, config, scaling != NULL, &allocator, &block);
    if (st != SNNK_OK) return st;
    if (scaling && (st = snnk_scaling_get(scaling, block->mean, block->scale)) != SNNK_OK)
        goto done;
    if (G)
        st = snnk__map_block_copy(block, G, ldg, offsets);
    else if (config->kind == SNNK_MAP_IDENTITY)
        st = snnk__map_block_identity(block);
    else
        st = snnk__map_block_draw(block);
    if (st == SNNK_OK) st = snnk__map_from_blocks(1, &block, &allocator, map);
done:
    snnk__map_block_release(block);
    return st;
}

int snnk_map_create(size_t inputs, const snnk_map_config *config, const snnk_scaling *scaling,
                    snnk_map **map) {
    snnk_map_config ours = defaults;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "map config");
    if (st != SNNK_OK) return st;
    return create(inputs, 0, NULL, 0, NULL, &ours, scaling, map);
}

int snnk_map_create_from_rows(size_t inputs, size_t rows, const float *G, size_t ldg,
                              const float *offsets, const snnk_map_config *config,
                              const snnk_scaling *scaling, snnk_map **map) {
    snnk_map_config ours = defaults;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "map config");
    if (st != SNNK_OK) return st;
    if (rows == 0) return snnk__fail(SNNK_E_SHAPE, "rows = 0: a map needs at least 1");
    if (ours.kind == SNNK_MAP_IDENTITY)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "an identity map has no rows; for linear features of given rows use "
                          "SNNK_MAP_ELEMENTWISE with SNNK_IDENTITY");
    if ((st = snnk__check_matrix(G, "G", rows, inputs, ldg, sizeof *G)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(G, "G", rows, inputs, ldg)) != SNNK_OK) return st;
    if (offsets && (st = snnk__check_finite(offsets, "offsets", 1, rows, rows)) != SNNK_OK)
        return st;
    ours.projection = SNNK_PROJECTION_GIVEN;
    ours.projection_scale = 1;
    ours.offset_scale = 0;
    ours.seed = 0;
    return create(inputs, rows, G, ldg, offsets, &ours, scaling, map);
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
        /* One map may be there many times. */
        if (!snnk__add_size(n_blocks, maps[i]->n_blocks, &n_blocks))
            return snnk__fail(SNNK_E_SIZE, "the blocks of %zu maps overflow a size", n_maps);
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

const snnk_map *snnk__map_retain(const snnk_map *map) {
    atomic_fetch_add(&((snnk_map *)map)->references, 1);
    return map;
}

void snnk_map_free(snnk_map *map) {
    if (!map || atomic_fetch_sub(&map->references, 1) > 1) return;
    const snnk_allocator allocator = map->allocator;
    for (size_t b = 0; b < map->n_blocks; b++) snnk__map_block_release(map->blocks[b]);
    snnk__free(&allocator, map->blocks);
    snnk__free(&allocator, map);
}

/* ---- Looking inside ---- */

size_t snnk_map_inputs(const snnk_map *map) { return map ? map->inputs : 0; }
size_t snnk_map_features(const snnk_map *map) { return map ? map->features : 0; }
size_t snnk_map_blocks(const snnk_map *map) { return map ? map->n_blocks : 0; }

static int check_block(const snnk_map *map, size_t block) {
    const int st = snnk__check_pointer(map, "map");

    if (st != SNNK_OK || block < map->n_blocks) return st;
    return snnk__fail(SNNK_E_RANGE, "block = %zu, but the map has %zu blocks", block,
                      map->n_blocks);
}

int snnk_map_block_config(const snnk_map *map, size_t block, snnk_map_config *config) {
    int st;

    if ((st = check_block(map, block)) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(config, "config")) != SNNK_OK) return st;
    return snnk__config_write(config, &map->blocks[block]->config, sizeof *config, CONFIG_MINIMUM,
                              "map config");
}

int snnk_map_block_rows(const snnk_map *map, size_t block, float *G, size_t ldg, float *offsets) {
    int st;

    if ((st = check_block(map, block)) != SNNK_OK) return st;
    const snnk__map_block *b = map->blocks[block];
    if (G && (st = snnk__check_matrix(G, "G", b->rows, b->inputs, ldg, sizeof *G)) != SNNK_OK)
        return st;
    const size_t work_count = snnk__map_block_work(b);
    float *work = NULL, *g = NULL;

    st = snnk__alloc(&map->allocator, b->inputs, sizeof *g, "a row", &g);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(&map->allocator, work_count, sizeof *work, "a row", &work);
    if (st != SNNK_OK) goto done;
    for (size_t i = 0; i < b->rows; i++) {
        const double c = snnk__map_block_get_row(b, i, g, work);

        if (G) memcpy(G + i * ldg, g, b->inputs * sizeof *g);
        if (offsets) offsets[i] = (float)c;
    }
done:
    snnk__free(&map->allocator, work);
    snnk__free(&map->allocator, g);
    return st;
}

/* ---- Overflow ---- */

/* What |z| may be with every feature still finite. */
static double safe_projection(const snnk__function *function) {
    if (function->operation == SNNK__OPERATION_POWER && function->order == 2) return 1e18;
    if (function->operation == SNNK__OPERATION_URF) return INFINITY; /* saturates */
    if (function->operation == SNNK__OPERATION_ACTIVATION && function->activation == SNNK_EXP)
        return 80;
    return 1e37;
}

bool snnk__map_cannot_overflow(const snnk_map *map, size_t n, const float *X, size_t ldx) {
    double longest = 0;

    for (size_t i = 0; i < n; i++) {
        double sum = 0;

        for (size_t k = 0; k < map->inputs; k++) sum += (double)X[i * ldx + k] * X[i * ldx + k];
        longest = fmax(longest, sum);
    }
    for (size_t b = 0; b < map->n_blocks; b++)
        if (!(map->blocks[b]->linear.form->largest(&map->blocks[b]->linear, sqrt(longest)) <
              safe_projection(&map->blocks[b]->function)))
            return false;
    return true;
}

/* ---- Towers ---- */

typedef struct tower {
    const snnk_map *map;
    const float *X;
    size_t ldx;
    float *Phi;
    size_t ldphi;
} tower;

size_t snnk__map_work(const snnk_map *map) {
    size_t most = 0;

    for (size_t b = 0; b < map->n_blocks; b++)
        most = snnk__max_size(most, snnk__map_block_work(map->blocks[b]));
    return most;
}

static void tower_rows(size_t first, size_t count, void *scratch, void *context) {
    const tower *t = context;
    float *Phi = t->Phi + first * t->ldphi;

    for (size_t b = 0; b < t->map->n_blocks; b++) {
        snnk__map_block_features(t->map->blocks[b], count, t->X + first * t->ldx, t->ldx, Phi,
                                 t->ldphi, scratch);
        Phi += t->map->blocks[b]->features;
    }
}

static int run_tower(const snnk_map *map, size_t n, const float *X, const char *X_name, size_t ldx,
                     float *Phi, const char *Phi_name, size_t ldphi, snnk_workspace *workspace) {
    tower t = {map, X, ldx, Phi, ldphi};
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(X, X_name, n, map->inputs, ldx, sizeof *X)) != SNNK_OK) return st;
    st = snnk__check_matrix(Phi, Phi_name, n, map->features, ldphi, sizeof *Phi);
    if (st != SNNK_OK) return st;
    return snnk__for_rows(workspace, &map->allocator, n, snnk__map_work(map) * sizeof(float),
                          tower_rows, &t);
}

int snnk_map_input_tower(const snnk_map *map, size_t n, const float *X, size_t ldx, float *Phi,
                         size_t ldphi, snnk_workspace *workspace) {
    return run_tower(map, n, X, "X", ldx, Phi, "Phi", ldphi, workspace);
}
