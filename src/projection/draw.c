/* Code shared by the kinds of projections. */
#include <math.h>

#include "base/random.h"
#include "base/size.h"
#include "projection/projection.h"
#include "projection/row_source.h"

size_t snnk__projection_group_one(size_t inputs) {
    (void)inputs;
    return 1;
}

size_t snnk__projection_group_inputs(size_t inputs) { return inputs; }

uint64_t snnk__projection_numbers(size_t rows, size_t inputs) {
    return rows > UINT64_MAX / inputs ? UINT64_MAX : (uint64_t)rows * inputs;
}

double snnk__draw_offset(const snnk__draw *draw, size_t j) {
    double c = 0;

    if (draw->offset_scale > 0) snnk__random_normal(draw->seed, SNNK__STREAM_OFFSET, j, 0, 1, &c);
    return c * draw->offset_scale;
}

int snnk__draw_dense(const snnk__projection_kind *kind, const snnk__draw *draw,
                     snnk__linear *linear) {
    const size_t d = linear->inputs;
    snnk__row_source source = {
        .kind = kind, .seed = draw->seed, .d = d, .allocator = &linear->allocator};
    float *folded = NULL;
    double *g;
    int st;

    st = snnk__alloc(&linear->allocator, d, sizeof *folded, "a row", &folded);
    if (st != SNNK_OK) return st;
    for (size_t j = 0; j < linear->rows; j++) {
        if ((st = snnk__row_source_next(&source, &g)) != SNNK_OK) goto done;
        for (size_t k = 0; k < d; k++) g[k] *= draw->scale;
        st = snnk__linear_set_row(linear, j, g, snnk__draw_offset(draw, j), draw->mean,
                                  draw->input_scale, folded);
        if (st != SNNK_OK) goto done;
    }
done:
    snnk__row_source_free(&source);
    snnk__free(&linear->allocator, folded);
    return st;
}
