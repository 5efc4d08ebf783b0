#include "layer/features.h"

#include "base/size.h"
#include "kernels/narrow_forward.h"
#include "layer/split.h"
#include "layer/weights.h"

/* Set *narrow to G, rounded to the storage. row: scratch of as many floats as G has columns. */
static int round_projection(const snnk_allocator *allocator, const snnk__panels *G, int32_t storage,
                            float *row, snnk__panels *narrow) {
    const int st =
        snnk__panels_create_in(allocator, G->rows, G->columns, storage, G->shape, "G", narrow);

    for (size_t i = 0; st == SNNK_OK && i < G->rows; i++) {
        snnk__panels_get_row(G, i, row);
        snnk__panels_set_row(narrow, i, row);
    }
    return st;
}

static int round_projections(const snnk_allocator *allocator, int32_t storage,
                             snnk__features *features) {
    const snnk_map *map = features->map;
    float *row;
    int st;

    st = snnk__alloc_zero(allocator, map->n_blocks, sizeof *features->G, "projections",
                          &features->G);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, map->inputs, sizeof *row, "a row", &row);
    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        snnk__block *block = &features->blocks[b];

        if (!block->G) continue;
        st = round_projection(allocator, block->G, storage, row, &features->G[b]);
        block->G = &features->G[b];
    }
    snnk__free(allocator, row);
    return st;
}

int snnk__features_create(const snnk_allocator *allocator, const snnk_map *map, int32_t storage,
                          bool mixed, snnk__features *features) {
    int st;

    *features = (snnk__features){.map = snnk_map_retain(map)};
    st = snnk__alloc(allocator, map->n_blocks, sizeof *features->blocks, "blocks",
                     &features->blocks);
    if (st != SNNK_OK) return st;
    for (size_t b = 0; b < map->n_blocks; b++) {
        features->blocks[b] = snnk__map_block_kernel(map->blocks[b]);
        if (!mixed) features->blocks[b].mix = NULL;
    }
    return storage == SNNK_STORAGE_F32 ? SNNK_OK : round_projections(allocator, storage, features);
}

void snnk__features_free(const snnk_allocator *allocator, snnk__features *features) {
    for (size_t b = 0; features->G && b < features->map->n_blocks; b++)
        snnk__panels_free(allocator, &features->G[b]);
    snnk__free(allocator, features->G);
    snnk__free(allocator, features->blocks);
    snnk_map_free((snnk_map *)features->map);
}

void snnk__features_cost(const snnk__features *features, snnk__layer_cost *cost) {
    for (size_t b = 0; b < features->map->n_blocks; b++) {
        const snnk__map_block *of = features->map->blocks[b];
        const snnk__block *block = &features->blocks[b];
        const uint64_t mixing = block->mix ? (uint64_t)block->mix->rows * block->mix->columns : 0,
                       multiply_adds = snnk__map_block_multiply_adds(of) + mixing,
                       parameters = snnk__map_block_parameters(of) + mixing,
                       packed = block->G ? (uint64_t)block->G->rows * block->G->columns : 0;

        cost->parameters += parameters;
        cost->multiply_adds += multiply_adds;
        /* What is not in panels is float in every storage. */
        cost->weight_bytes += (parameters - packed) * sizeof(float);
        if (block->G) cost->weight_bytes += snnk__panels_bytes(block->G);
        if (!snnk__block_is_divisible(block)) cost->indivisible += multiply_adds;
    }
}

size_t snnk__features_work(const snnk__features *features) {
    size_t most = 0;

    for (size_t b = 0; b < features->map->n_blocks; b++)
        most = snnk__max_size(most, snnk__project_work(&features->blocks[b]));
    return most;
}

void snnk__features_rows(const snnk__features *features, size_t n, const float *X, size_t ldx,
                         float *Phi, size_t ldphi, float *work) {
    const snnk_map *map = features->map;

    for (size_t b = 0; b < map->n_blocks; Phi += map->blocks[b++]->features)
        snnk__project(n, X, ldx, map->inputs, &features->blocks[b], Phi, ldphi, work);
}

void snnk__features_block(const snnk__features *features, size_t b, size_t n,
                          const snnk__numbers *X, float *rows, snnk__block *kernel, snnk__hd3 *hd3,
                          snnk__numbers *from) {
    const snnk__map_block *block = features->map->blocks[b];

    *kernel = features->blocks[b];
    *from = *X;
    if (X->f32) return;
    snnk__map_block_center_rows(block, n, X->f64, X->ld, rows);
    snnk__linear_center_kernel(&block->linear, kernel, hd3);
    *from = (snnk__numbers){.f32 = rows, .ld = features->map->inputs};
}

void snnk__features_split(const snnk__features *features, size_t n, const float *X, size_t ldx,
                          float *Phi, size_t ldphi, snnk_workspace *workspace, float *work) {
    const snnk_map *map = features->map;

    for (size_t b = 0; b < map->n_blocks; Phi += map->blocks[b++]->features) {
        const snnk__block *block = &features->blocks[b];

        if (snnk__block_is_divisible(block))
            snnk__project_split(n, X, ldx, map->inputs, block, Phi, ldphi, workspace);
        else
            snnk__project(n, X, ldx, map->inputs, block, Phi, ldphi, work);
    }
}
