/* Derivatives of features with respect to the input. */
#include "base/overlap.h"
#include "base/size.h"
#include "base/workspace.h"
#include "map/map.h"

/* How much scratch one thread needs. */
typedef struct sizes {
    size_t doubles, rows; /* for the kinds; for transposed rows */
    size_t bytes;
} sizes;

static int sizes_of(const snnk_map *map, size_t rows, sizes *of) {
    size_t doubles, floats;

    *of = (sizes){.rows = rows};
    for (size_t b = 0; b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        if (block->kind->slope_doubles)
            of->doubles = snnk__max_size(of->doubles, block->kind->slope_doubles(block));
    }
    if (snnk__mul_size(map->inputs, rows, &doubles) &&
        snnk__add_size(doubles, of->doubles, &doubles) &&
        snnk__mul_size(doubles, sizeof(double), &of->bytes) &&
        snnk__add_size(snnk__map_work(map), rows > 0 ? map->inputs : 0, &floats) &&
        snnk__mul_size(floats, sizeof(float), &floats) &&
        snnk__add_size(of->bytes, floats, &of->bytes))
        return SNNK_OK;
    return snnk__fail(SNNK_E_SIZE, "scratch for %zu inputs overflows size_t", map->inputs);
}

static snnk__slope_scratch scratch_at(void *memory, const sizes *of, size_t d) {
    snnk__slope_scratch scratch = {.doubles = memory};

    if (!memory) return scratch; /* no scratch is needed */
    scratch.columns = scratch.doubles + of->doubles;
    scratch.g = (float *)(scratch.columns + of->rows * d);
    scratch.work = scratch.g + (of->rows > 0 ? d : 0);
    return scratch;
}

static int check_gradients(const snnk_map *map) {
    for (size_t b = 0; b < map->n_blocks; b++)
        if (!map->blocks[b]->kind->gradient)
            return snnk__map_cannot(map->blocks[b]->kind, "have no gradient in this library");
    return SNNK_OK;
}

static int check_laplacians(const snnk_map *map) {
    for (size_t b = 0; b < map->n_blocks; b++)
        if (!map->blocks[b]->kind->laplacian)
            return snnk__map_cannot(map->blocks[b]->kind, "have no Laplacian in this library");
    return SNNK_OK;
}

int snnk_map_gradient(const snnk_map *map, const float *x, float *J, size_t ldj) {
    void *memory;
    sizes of;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(x, "x")) != SNNK_OK) return st;
    st = snnk__check_matrix(J, "J", map->features, map->inputs, ldj, sizeof *J);
    if (st != SNNK_OK) return st;
    if ((st = check_gradients(map)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(x, 1, map->inputs, map->inputs),
                                    SNNK__WRITTEN(J, map->features, map->inputs, ldj)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    if ((st = sizes_of(map, 0, &of)) != SNNK_OK) return st;
    st = snnk__alloc(&map->allocator, of.bytes, 1, "scratch", &memory);
    if (st != SNNK_OK) return st;
    const snnk__slope_scratch scratch = scratch_at(memory, &of, map->inputs);

    for (size_t b = 0; b < map->n_blocks; b++) {
        map->blocks[b]->kind->gradient(map->blocks[b], x, &scratch, J, ldj);
        J += map->blocks[b]->features * ldj;
    }
    snnk__free(&map->allocator, memory);
    return SNNK_OK;
}

typedef struct laplacian {
    const snnk_map *map;
    const float *X;
    size_t ldx;
    float *L;
    size_t ldl;
    sizes scratch;
} laplacian;

static void laplacian_rows(size_t first, size_t count, void *memory, void *context) {
    const laplacian *l = context;
    const size_t d = l->map->inputs;

    if (!memory) return; /* cannot be: the transposed rows need scratch */
    const snnk__slope_scratch s = scratch_at(memory, &l->scratch, d);

    for (size_t i = 0; i < count; i += SNNK__SLOPE_ROWS) {
        const size_t n = snnk__min_size(SNNK__SLOPE_ROWS, count - i);
        const float *X = l->X + (first + i) * l->ldx;
        float *L = l->L + (first + i) * l->ldl;

        for (size_t t = 0; t < SNNK__SLOPE_ROWS; t++)
            for (size_t k = 0; k < d; k++)
                s.columns[k * SNNK__SLOPE_ROWS + t] = t < n ? X[t * l->ldx + k] : 0;
        for (size_t b = 0; b < l->map->n_blocks; b++) {
            const snnk__map_block *block = l->map->blocks[b];

            block->kind->laplacian(block, n, X, l->ldx, &s, L, l->ldl);
            L += block->features;
        }
    }
}

int snnk_map_laplacian(const snnk_map *map, size_t n, const float *X, size_t ldx, float *L,
                       size_t ldl, snnk_workspace *workspace) {
    laplacian l = {.map = map, .X = X, .ldx = ldx, .L = L, .ldl = ldl};
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(X, "X", n, map->inputs, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(L, "L", n, map->features, ldl, sizeof *L)) != SNNK_OK) return st;
    if ((st = check_laplacians(map)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(X, n, map->inputs, ldx),
                                    SNNK__WRITTEN(L, n, map->features, ldl)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    if ((st = sizes_of(map, SNNK__SLOPE_ROWS, &l.scratch)) != SNNK_OK) return st;
    return snnk__for_rows(workspace, &map->allocator, n, l.scratch.bytes, laplacian_rows, &l);
}
