/* The weight tower: Psi and bias of a map, computed with the kernels. */
#include "base/overlap.h"
#include "base/size.h"
#include "base/workspace.h"
#include "map/map.h"

typedef struct weights {
    const snnk_map *map;
    snnk__weight_rows rows;
    float *Psi;
} weights;

/* Set Psi of `count` <= SNNK__WEIGHT_ROWS rows for one block. */
static void block_weights(const snnk__map_block *block, const snnk__weight_rows *rows, size_t first,
                          size_t count, float *Psi, void *scratch) {
    if (block->kind->symmetric)
        snnk__map_block_features(block, count, rows->W + first * rows->ldw, rows->ldw, Psi,
                                 rows->ldpsi, scratch);
    else
        block->kind->weights(block, rows, first, count, Psi, scratch);
}

static void weight_rows(size_t first, size_t count, void *scratch, void *context) {
    const weights *w = context;

    for (size_t i = 0; w->rows.bias && i < count; i++) w->rows.bias[first + i] = 0;
    for (size_t i = 0; i < count; i += SNNK__WEIGHT_ROWS) {
        const size_t n = snnk__min_size(SNNK__WEIGHT_ROWS, count - i), row = first + i;
        float *Psi = w->Psi + row * w->rows.ldpsi;

        for (size_t b = 0; b < w->map->n_blocks; b++) {
            block_weights(w->map->blocks[b], &w->rows, row, n, Psi, scratch);
            Psi += w->map->blocks[b]->features;
        }
    }
}

/* Check that every block has a weight tower. b and bias are only for kernels that are not
 * symmetric. */
static int check_kinds(const snnk_map *map, size_t l, const float *b, const float *bias) {
    for (size_t i = 0; i < map->n_blocks; i++) {
        const snnk__map_block *block = map->blocks[i];
        const snnk__map_kind *kind = block->kind;

        if (!kind->symmetric && !kind->weights)
            return snnk__map_cannot(kind, "have no weight tower: fit the weights instead");
        if (kind->check_kernel) {
            const int st = kind->check_kernel(block);

            if (st != SNNK_OK) return st;
        }
        if (b && kind->symmetric)
            return snnk__fail(SNNK_E_UNSUPPORTED,
                              "block %zu: its kernel is symmetric and has no b: pass NULL", i);
        if (kind->biased && kind->biased(block) && !bias && l > 0)
            return snnk__fail(
                SNNK_E_NULL,
                "bias is NULL, but block %zu has a constant part that goes into the bias", i);
    }
    return SNNK_OK;
}

int snnk_map_weight_tower(const snnk_map *map, size_t l, const float *W, size_t ldw, const float *b,
                          float *Psi, size_t ldpsi, float *bias, snnk_workspace *workspace) {
    size_t floats = 0, bytes;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = check_kinds(map, l, b, bias)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(W, "W", l, map->inputs, ldw, sizeof *W)) != SNNK_OK) return st;
    st = snnk__check_matrix(Psi, "Psi", l, map->features, ldpsi, sizeof *Psi);
    if (st != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(W, l, map->inputs, ldw), SNNK__READ(b, 1, l, l),
                                    SNNK__WRITTEN(Psi, l, map->features, ldpsi),
                                    SNNK__WRITTEN(bias, 1, l, l)};
    if ((st = snnk__check_overlap(4, arrays)) != SNNK_OK) return st;
    weights w = {map, {map->inputs, W, ldw, b, bias, ldpsi}, Psi};

    for (size_t i = 0; i < map->n_blocks; i++) {
        const snnk__map_block *block = map->blocks[i];
        size_t needed;

        if (block->kind->symmetric) continue;
        if (!snnk__weight_scratch(map->inputs, block->linear.rows, &needed))
            return snnk__fail(SNNK_E_SIZE, "scratch for %zu inputs and %zu rows overflows size_t",
                              map->inputs, block->linear.rows);
        floats = snnk__max_size(floats, needed);
    }
    floats = snnk__max_size(floats, snnk__map_work(map));
    if (!snnk__mul_size(floats, sizeof(float), &bytes))
        return snnk__fail(SNNK_E_SIZE, "scratch of %zu floats overflows size_t", floats);
    return snnk__for_rows(workspace, &map->allocator, l, bytes, weight_rows, &w);
}
