/* GAUSSIAN: iid N(0, 1) entries. */
#include "base/random.h"
#include "projection/projection.h"

void snnk__gaussian_rows(uint64_t seed, size_t inputs, size_t first, size_t count, double *rows) {
    for (size_t i = 0; i < count; i++)
        snnk__random_normal(seed, SNNK__STREAM_PROJECTION, first + i, 0, inputs, rows + i * inputs);
}

static int gaussian_row(uint64_t seed, size_t inputs, size_t first, const snnk_allocator *allocator,
                        double *row) {
    (void)allocator;
    snnk__gaussian_rows(seed, inputs, first, 1, row);
    return SNNK_OK;
}

const snnk__projection_kind snnk__projection_gaussian = {.name = "gaussian",
                                                         .seeded = true,
                                                         .group = snnk__projection_group_one,
                                                         .numbers = snnk__projection_numbers,
                                                         .rows = gaussian_row,
                                                         .create = snnk__linear_create_dense,
                                                         .draw = snnk__draw_dense};
