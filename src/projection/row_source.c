#include "projection/row_source.h"

#include "base/size.h"
#include "base/status.h"

/* Allocate a group of rows when the first row is requested, because some blocks request none. */
static int begin(snnk__row_source *source) {
    size_t count;

    source->group = source->G ? 1 : source->kind->group(source->d);
    if (!snnk__mul_size(source->group, source->d, &count))
        return snnk__fail(
            SNNK_E_SIZE, "inputs = %zu is too large to draw rows: a group of them overflows size_t",
            source->d);
    return snnk__alloc(source->allocator, count, sizeof *source->rows, "rows", &source->rows);
}

int snnk__row_source_next(snnk__row_source *source, double **g) {
    int st = SNNK_OK;

    if (!source->rows && (st = begin(source)) != SNNK_OK) return st;
    const size_t row = source->next++, within = row % source->group;
    if (source->G)
        for (size_t k = 0; k < source->d; k++) source->rows[k] = source->G[row * source->ldg + k];
    else if (within == 0)
        st = source->kind->rows(source->seed, source->d, row, source->allocator, source->rows);
    *g = source->rows + within * source->d;
    return st;
}

void snnk__row_source_free(snnk__row_source *source) {
    snnk__free(source->allocator, source->rows);
    source->rows = NULL;
}
