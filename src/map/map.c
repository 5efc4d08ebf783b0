#include "map/map.h"

#include <math.h>
#include <string.h>

#include "base/overlap.h"
#include "base/size.h"
#include "base/workspace.h"
#include "map/config.h"

/* ---- Creating and freeing ---- */

int snnk__map_from_blocks(size_t n_blocks, snnk__map_block *const *blocks,
                          const snnk_allocator *allocator, snnk_map **map) {
    size_t features = 0;
    snnk_map *made = NULL;
    int st;

    for (size_t b = 0; b < n_blocks; b++)
        if (!snnk__add_size(features, blocks[b]->features, &features))
            return snnk__fail(SNNK_E_SIZE, "the features of %zu blocks overflow size_t", n_blocks);
    if ((st = snnk__alloc(allocator, 1, sizeof *made, "a map", &made)) != SNNK_OK) return st;
    *made = (snnk_map){
        .allocator = *allocator, .inputs = blocks[0]->linear.inputs, .features = features};
    atomic_init(&made->references, 1);
    st = snnk__alloc(allocator, n_blocks, sizeof *made->blocks, "blocks", &made->blocks);
    if (st != SNNK_OK) {
        snnk_map_free(made);
        return st;
    }
    for (; made->n_blocks < n_blocks; made->n_blocks++) {
        made->blocks[made->n_blocks] = snnk__map_block_retain(blocks[made->n_blocks]);
    }
    *map = made;
    return SNNK_OK;
}

snnk_map *snnk_map_retain(const snnk_map *map) {
    snnk_map *shared = (snnk_map *)map; /* Changing the reference count does not change the map. */

    if (shared) atomic_fetch_add(&shared->references, 1);
    return shared;
}

void snnk_map_free(snnk_map *map) {
    if (!map || atomic_fetch_sub(&map->references, 1) > 1) return;
    const snnk_allocator allocator = map->allocator;
    for (size_t b = 0; b < map->n_blocks; b++) snnk__map_block_release(map->blocks[b]);
    snnk__free(&allocator, map->blocks);
    snnk__free(&allocator, map);
}

/* ---- Getters ---- */

size_t snnk_map_inputs(const snnk_map *map) { return map ? map->inputs : 0; }
size_t snnk_map_features(const snnk_map *map) { return map ? map->features : 0; }
size_t snnk_map_blocks(const snnk_map *map) { return map ? map->n_blocks : 0; }

size_t snnk_map_block_row_count(const snnk_map *map, size_t block) {
    return map && block < map->n_blocks ? map->blocks[block]->linear.rows : 0;
}

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
    return snnk__config_write(config, &map->blocks[block]->config, sizeof *config,
                              SNNK__MAP_CONFIG_MINIMUM, "map config");
}

int snnk_map_block_rows(const snnk_map *map, size_t block, float *G, size_t ldg, float *offsets) {
    int st;

    if ((st = check_block(map, block)) != SNNK_OK) return st;
    const snnk__map_block *b = map->blocks[block];
    if (G && (st = snnk__check_matrix(G, "G", b->linear.rows, b->linear.inputs, ldg, sizeof *G)) !=
                 SNNK_OK)
        return st;
    const size_t d = b->linear.inputs, rows = b->linear.rows,
                 work_count = snnk__linear_work(&b->linear);
    const snnk__operand arrays[] = {SNNK__WRITTEN(G, rows, d, ldg),
                                    SNNK__WRITTEN(offsets, 1, rows, rows)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    float *work = NULL, *g = NULL;

    st = snnk__alloc(&map->allocator, d, sizeof *g, "a row", &g);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(&map->allocator, work_count, sizeof *work, "a row", &work);
    if (st != SNNK_OK) goto done;
    for (size_t i = 0; i < b->linear.rows; i++) {
        const double c = snnk__map_block_get_row(b, i, g, work);

        if (G) memcpy(G + i * ldg, g, d * sizeof *g);
        if (offsets) offsets[i] = (float)c;
    }
done:
    snnk__free(&map->allocator, work);
    snnk__free(&map->allocator, g);
    return st;
}

/* ---- Overflow ---- */

bool snnk__map_cannot_overflow(const snnk_map *map, size_t n, const float *X, size_t ldx) {
    double longest = 0;

    for (size_t i = 0; i < n; i++) {
        double sum = 0;

        for (size_t k = 0; k < map->inputs; k++) sum += (double)X[i * ldx + k] * X[i * ldx + k];
        longest = fmax(longest, sum);
    }
    for (size_t b = 0; b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        if (!(block->linear.form->largest(&block->linear, sqrt(longest)) <
              block->kind->safe_projection(block)))
            return false;
    }
    return true;
}

/* ---- Towers ---- */

typedef struct tower {
    const snnk_map *map;
    snnk__numbers X;
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
        snnk__map_block_features(t->map->blocks[b], count, t->X.f32 + first * t->X.ld, t->X.ld, Phi,
                                 t->ldphi, scratch);
        Phi += t->map->blocks[b]->features;
    }
}

/* The same for rows in double, SNNK__CENTERED_ROWS at a time. */
static void tower_centered_rows(size_t first, size_t count, void *scratch, void *context) {
    const tower *t = context;
    const size_t d = t->map->inputs;
    float *X = scratch, *work = X + SNNK__CENTERED_ROWS * d;

    for (size_t i = first; i < first + count; i += SNNK__CENTERED_ROWS) {
        const size_t n = snnk__min_size(SNNK__CENTERED_ROWS, first + count - i);
        float *Phi = t->Phi + i * t->ldphi;

        for (size_t b = 0; b < t->map->n_blocks; Phi += t->map->blocks[b++]->features) {
            const snnk__map_block *block = t->map->blocks[b];
            snnk__block kernel = snnk__map_block_kernel(block);
            snnk__hd3 hd3;

            snnk__map_block_center_rows(block, n, t->X.f64 + i * t->X.ld, t->X.ld, X);
            snnk__linear_center_kernel(&block->linear, &kernel, &hd3);
            snnk__project(n, X, d, d, &kernel, Phi, t->ldphi, work);
        }
    }
}

int snnk__map_input_tower(const snnk_map *map, size_t n, const snnk__numbers *X, float *Phi,
                          size_t ldphi, snnk_workspace *workspace) {
    tower t = {map, *X, Phi, ldphi};
    size_t floats;

    if (X->f32)
        return snnk__for_rows(workspace, &map->allocator, n, snnk__map_work(map) * sizeof(float),
                              tower_rows, &t);
    if (!snnk__mul_size(map->inputs, SNNK__CENTERED_ROWS, &floats) ||
        !snnk__add_size(floats, snnk__map_work(map), &floats) ||
        !snnk__mul_size(floats, sizeof(float), &floats))
        return snnk__fail(SNNK_E_SIZE, "scratch for %zu inputs overflows size_t", map->inputs);
    return snnk__for_rows(workspace, &map->allocator, n, floats, tower_centered_rows, &t);
}

static int run_tower(const snnk_map *map, size_t n, const float *X, const char *X_name, size_t ldx,
                     float *Phi, const char *Phi_name, size_t ldphi, snnk_workspace *workspace) {
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(X, X_name, n, map->inputs, ldx, sizeof *X)) != SNNK_OK) return st;
    st = snnk__check_matrix(Phi, Phi_name, n, map->features, ldphi, sizeof *Phi);
    if (st != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(X, n, map->inputs, ldx),
                                    SNNK__WRITTEN(Phi, n, map->features, ldphi)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    return snnk__map_input_tower(map, n, &(snnk__numbers){.f32 = X, .ld = ldx}, Phi, ldphi,
                                 workspace);
}

int snnk_map_input_tower(const snnk_map *map, size_t n, const float *X, size_t ldx, float *Phi,
                         size_t ldphi, snnk_workspace *workspace) {
    return run_tower(map, n, X, "X", ldx, Phi, "Phi", ldphi, workspace);
}

/* ---- Centering ---- */

bool snnk__map_may_center(const snnk_map *map) {
    bool may = false;

    for (size_t b = 0; b < map->n_blocks; b++)
        may |= map->blocks[b]->kind->center && !snnk__map_block_center(map->blocks[b]);
    return may;
}

int snnk__map_center(const snnk_map *map, const double *mean, snnk_map **centered) {
    const snnk_allocator *allocator = &map->allocator;
    snnk__map_block **blocks = NULL;
    int st;

    *centered = NULL;
    st = snnk__alloc_zero(allocator, map->n_blocks, sizeof *blocks, "blocks", &blocks);
    if (st != SNNK_OK) return st;
    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        snnk__map_block *block = map->blocks[b];

        if (block->kind->center && !snnk__map_block_center(block))
            st = block->kind->center(block, mean, &blocks[b]);
        else
            blocks[b] = snnk__map_block_retain(block);
    }
    if (st == SNNK_OK) st = snnk__map_from_blocks(map->n_blocks, blocks, allocator, centered);
    for (size_t b = 0; b < map->n_blocks; b++) snnk__map_block_release(blocks[b]);
    snnk__free(allocator, blocks);
    return st;
}
