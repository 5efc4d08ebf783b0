/* Maps composed with a linear one: Phi'(y) = Phi(V y + c). */
#include "base/size.h"
#include "map/map.h"

static int fold_block(const snnk__fold *fold, const snnk__map_block *block,
                      snnk__map_block **folded) {
    if (!block->kind->fold)
        return snnk__map_cannot(block->kind, "cannot be folded behind a linear map");
    return block->kind->fold(block, fold, folded);
}

static int fold_blocks(const snnk__fold *a, const snnk_map *map, snnk_map **folded) {
    const snnk_allocator *allocator = &map->allocator;
    snnk__map_block **blocks;
    int st;

    st = snnk__alloc_zero(allocator, map->n_blocks, sizeof *blocks, "blocks", &blocks);
    if (st != SNNK_OK) return st;
    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        st = fold_block(a, map->blocks[b], &blocks[b]);
        if (st != SNNK_OK) snnk__fail_within(st, "block %zu", b);
    }
    if (st == SNNK_OK) st = snnk__map_from_blocks(map->n_blocks, blocks, allocator, folded);
    for (size_t b = 0; b < map->n_blocks; b++) snnk__map_block_release(blocks[b]);
    snnk__free(allocator, blocks);
    return st;
}

int snnk_map_fold(const snnk_map *map, size_t inputs, const float *V, size_t ldv, const float *c,
                  snnk_map **folded) {
    snnk__fold a = {.columns = inputs, .V = V, .ldv = ldv, .c = c};
    size_t room;
    int st;

    if ((st = snnk__check_pointer(folded, "folded")) != SNNK_OK) return st;
    *folded = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    a.rows = map->inputs;
    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a map needs at least 1");
    if ((st = snnk__check_matrix(V, "V", a.rows, inputs, ldv, sizeof *V)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(V, "V", a.rows, inputs, ldv)) != SNNK_OK) return st;
    if (c && (st = snnk__check_finite(c, "c", 1, a.rows, a.rows)) != SNNK_OK) return st;
    const snnk_allocator *allocator = a.allocator = &map->allocator;
    if (!snnk__add_size(inputs, 1, &room))
        return snnk__fail(SNNK_E_SIZE, "inputs = %zu overflows size_t", inputs);
    if ((st = snnk__alloc(allocator, room, sizeof *a.sum, "sums", &a.sum)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, a.rows, sizeof *a.g, "a row", &a.g)) != SNNK_OK) goto done;
    st = snnk__alloc(allocator, inputs, sizeof *a.folded, "a row", &a.folded);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, snnk__map_work(map), sizeof *a.work, "a row", &a.work);
    if (st != SNNK_OK) goto done;
    st = fold_blocks(&a, map, folded);
done:
    snnk__free(allocator, a.work);
    snnk__free(allocator, a.folded);
    snnk__free(allocator, a.g);
    snnk__free(allocator, a.sum);
    return st;
}
