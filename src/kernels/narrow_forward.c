#include "kernels/narrow_forward.h"

#include <snnk/storage.h>

#include "base/size.h"

int snnk__panels_create_in(const snnk_allocator *allocator, size_t rows, size_t columns,
                           int32_t storage, snnk__panel_shape shape, const char *what,
                           snnk__panels *panels) {
    int st;

    if (storage != SNNK_STORAGE_F32 &&
        (storage != SNNK_STORAGE_BF16X3 || snnk__narrow_get()->bf16x3))
        return snnk__panels_create_narrow(allocator, rows, columns, storage, what, panels);
    st = snnk__panels_create(allocator, rows, columns, shape, what, panels);
    if (st == SNNK_OK) panels->storage = storage;
    return st;
}

/* Features at once: a multiple of SNNK__NARROW_BLOCK and of every width. */
#define MOST_FEATURES ((size_t)1024)

/* From so many features of the block, the weights do not stay in the second-level cache. Those of
 * bf16x3 have twice the bytes of bf16. (That this halves the number is not measured.) */
#define TALL_FEATURES ((size_t)256)

snnk__narrow_tile snnk__narrow_tile_of(int32_t storage, size_t d, size_t features) {
    const snnk__narrow *narrow = snnk__narrow_get();
    const bool pairs = storage == SNNK_STORAGE_BF16X3;
    const bool tall = narrow->tall > 0 && features >= TALL_FEATURES / (pairs ? 2 : 1) &&
                      d <= SNNK__NARROW_TALL_COLUMNS;

    return (snnk__narrow_tile){.rows = tall ? narrow->tall : narrow->rows,
                               .features = snnk__min_size(features, MOST_FEATURES),
                               .bytes = (pairs ? 2 : 1) * sizeof(uint16_t),
                               .tall = tall};
}

size_t snnk__narrow_work(const snnk__narrow_tile *tile, size_t d) {
    const size_t floats = tile->rows * snnk__narrow_stride(tile);

    if (tile->tall)
        return floats +
               snnk__narrow_scratch(tile->rows, snnk__max_size(d, tile->features), tile->bytes) /
                   sizeof(float);
    return floats > SNNK__NARROW_FLOATS ? floats : 0;
}

void snnk__narrow_multiply(size_t n, const float *A, size_t lda, const snnk__panels *M,
                           size_t first, size_t count, bool begins, const float *bias, float *C,
                           size_t ldc, void *scratch) {
    const snnk__narrow *narrow = snnk__narrow_get();
    snnk__narrow_product *product = M->storage == SNNK_STORAGE_BF16   ? narrow->bf16
                                    : M->storage == SNNK_STORAGE_INT8 ? narrow->int8
                                                                      : narrow->bf16x3;

    product(n, A, lda, M, first, count, begins, bias, C, ldc, scratch);
}

static snnk__narrow_rounding *rounding_of(const snnk__panels *M) {
    const snnk__narrow *narrow = snnk__narrow_get();

    return M->storage == SNNK_STORAGE_BF16   ? narrow->bf16_rounded
           : M->storage == SNNK_STORAGE_INT8 ? narrow->int8_rounded
                                             : NULL;
}

bool snnk__narrow_rounds(const snnk__panels *M) {
    /* More features than fit a tile come in parts. */
    return rounding_of(M) &&
           M->columns <= snnk__min_size(snnk__narrow_get()->rounded_columns, MOST_FEATURES);
}

void snnk__narrow_multiply_bf16(size_t n, const float *A, size_t lda, const snnk__panels *M,
                                const float *bias, uint16_t *C, size_t ldc, void *scratch) {
    rounding_of(M)(n, A, lda, M, bias, snnk__kernels_convert(), C, ldc, scratch);
}
