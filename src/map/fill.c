#include "map/fill.h"

#include <math.h>

#include "base/size.h"
#include "projection/projection.h"

/* Room for a group of rows, when the first is asked for: some blocks need none. */
static int open_rows(snnk__row_source *from) {
    size_t count;

    from->group = from->G ? 1 : snnk__projection_group(from->projection, from->d);
    if (!snnk__mul_size(from->group, from->d, &count))
        return snnk__fail(SNNK_E_SIZE, "inputs = %zu is too large to draw rows for", from->d);
    return snnk__alloc(from->allocator, count, sizeof *from->rows, "rows", &from->rows);
}

/* *g = the next row, valid until the one after; the caller may change it. */
static int next_row(snnk__row_source *from, double **g) {
    int st = SNNK_OK;

    if (!from->rows && (st = open_rows(from)) != SNNK_OK) return st;
    const size_t row = from->next++, within = row % from->group;
    if (from->G)
        for (size_t k = 0; k < from->d; k++) from->rows[k] = from->G[row * from->ldg + k];
    else if (within == 0)
        st = snnk__projection_rows(from->projection, from->seed, from->d, row, from->allocator,
                                   from->rows);
    *g = from->rows + within * from->d;
    return st;
}

static double norm2(size_t d, const double *g) {
    double sum = 0;

    for (size_t k = 0; k < d; k++) sum += g[k] * g[k];
    return sum;
}

int snnk__fill_urf(snnk__map_block *block, snnk__row_source *from, float *folded) {
    snnk__urf *urf = block->urf;
    double *g;
    int st;

    for (size_t j = 0; j < block->rows; j++) {
        if ((st = next_row(from, &g)) != SNNK_OK) return st;
        urf->norm2[j] = norm2(block->inputs, g);
        snnk__frame_fold(urf->frame, g);
        st = snnk__map_block_set_row(block, j, g, 0, urf->frame->mean, NULL, folded);
        if (st != SNNK_OK) return st;
    }
    snnk__urf_finish(urf);
    return SNNK_OK;
}

int snnk__fill_affine(snnk__map_block *block, snnk__row_source *from, float *folded) {
    const snnk__affine *line = block->line;
    const size_t d = block->inputs;
    size_t j = 0;
    double *g;
    int st;

    if (!line->frame) {
        for (size_t k = 0; k < d; k++) {
            block->diagonal[k] = 1;
            block->offset[k] = 0;
        }
        return SNNK_OK;
    }
    if (line->frame->weight_mean) {
        st = snnk__map_block_set_row(block, j++, line->frame->weight_mean, 0, line->frame->mean,
                                     NULL, folded);
        if (st != SNNK_OK) return st;
    }
    for (; j < block->rows; j++) {
        if ((st = next_row(from, &g)) != SNNK_OK) return st;
        snnk__frame_fold(line->frame, g);
        for (size_t k = 0; k < d; k++) g[k] /= sqrt((double)line->sketch_rows);
        st = snnk__map_block_set_row(block, j, g, 0, line->frame->mean, NULL, folded);
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}
