/* SIMPLEX: groups of d rows, the corners of a regular simplex under a Haar-distributed rotation,
 * times chi(d)-distributed lengths (Reid et al. 2023). */
#include <math.h>

#include "projection/projection.h"

/* Replace d orthonormal rows by the d corners of a simplex in that basis: s_i = sqrt(d/(d-1)) e_i -
 * (sqrt(d) + 1)/(d-1)^(3/2) (1 ... 1, 0) for i < d, s_d = (1 ... 1, 0)/sqrt(d-1). These are unit
 * vectors with products -1/(d-1). There is no simplex for d = 1, and its row stays unchanged. */
static void to_simplex(size_t d, double *rows) {
    if (d == 1) return;
    const double n = (double)d, along = sqrt(n / (n - 1));
    const double back = (sqrt(n) + 1) / ((n - 1) * sqrt(n - 1));
    double *last = rows + (d - 1) * d;

    for (size_t k = 0; k < d; k++) {
        double sum = 0;

        for (size_t i = 0; i < d - 1; i++) sum += rows[i * d + k];
        for (size_t i = 0; i < d - 1; i++) rows[i * d + k] = along * rows[i * d + k] - back * sum;
        last[k] = sum / sqrt(n - 1);
    }
}

static int simplex_rows(uint64_t seed, size_t d, size_t first, const snnk_allocator *allocator,
                        double *rows) {
    double *length;
    int st;

    if ((st = snnk__alloc(allocator, d, sizeof *length, "row norms", &length)) != SNNK_OK)
        return st;
    st = snnk__orthonormal_rows(seed, d, first, allocator, rows, length);
    if (st == SNNK_OK) to_simplex(d, rows);
    for (size_t i = 0; st == SNNK_OK && i < d; i++)
        for (size_t k = 0; k < d; k++) rows[i * d + k] *= length[i];
    snnk__free(allocator, length);
    return st;
}

const snnk__projection_kind snnk__projection_simplex = {.name = "simplex",
                                                        .group = snnk__projection_group_inputs,
                                                        .numbers = snnk__projection_numbers,
                                                        .rows = simplex_rows,
                                                        .create = snnk__linear_create_dense,
                                                        .draw = snnk__draw_dense};
