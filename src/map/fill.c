#include "map/fill.h"

#include <math.h>

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
        if ((st = snnk__row_source_next(from, &g)) != SNNK_OK) return st;
        urf->norm2[j] = norm2(block->inputs, g);
        snnk__frame_fold(urf->frame, g);
        st = snnk__linear_set_row(&block->linear, j, g, 0, urf->frame->mean, NULL, folded);
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
    int st = SNNK_OK;

    if (!line->frame) {
        for (size_t k = 0; st == SNNK_OK && k < d; k++)
            st = snnk__linear_set_diagonal(&block->linear, k, 1, NULL);
        return st;
    }
    if (line->frame->weight_mean) {
        st = snnk__linear_set_row(&block->linear, j++, line->frame->weight_mean, 0,
                                  line->frame->mean, NULL, folded);
        if (st != SNNK_OK) return st;
    }
    for (; j < block->rows; j++) {
        if ((st = snnk__row_source_next(from, &g)) != SNNK_OK) return st;
        snnk__frame_fold(line->frame, g);
        for (size_t k = 0; k < d; k++) g[k] /= sqrt((double)line->sketch_rows);
        st = snnk__linear_set_row(&block->linear, j, g, 0, line->frame->mean, NULL, folded);
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}
