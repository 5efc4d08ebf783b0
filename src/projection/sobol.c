/* SOBOL: row j is point j of a scrambled Sobol sequence, mapped by the inverse normal
 * distribution. */
#include "base/random.h"
#include "base/status.h"
#include "projection/projection.h"
#include "projection/sobol_points.h"

#ifdef SNNK_MINIMAL
static int sobol_row(uint64_t seed, size_t d, size_t first, const snnk_allocator *allocator,
                     double *row) {
    (void)seed, (void)d, (void)first, (void)allocator, (void)row;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "Sobol projections need a table, which this minimal build leaves out");
}
#else
static int sobol_row(uint64_t seed, size_t d, size_t first, const snnk_allocator *allocator,
                     double *row) {
    (void)allocator;
    if (first > UINT32_MAX)
        return snnk__fail(SNNK_E_SIZE, "row %zu is beyond the %lu points of a Sobol sequence",
                          first, (unsigned long)UINT32_MAX);
    snnk__sobol_point(seed, (uint32_t)first, d, row);
    for (size_t k = 0; k < d; k++) row[k] = snnk__normal_quantile(row[k]);
    return SNNK_OK;
}
#endif

const snnk__projection_kind snnk__projection_sobol = {.name = "sobol",
                                                      .seeded = true,
                                                      .group = snnk__projection_group_one,
                                                      .numbers = snnk__projection_numbers,
                                                      .rows = sobol_row,
                                                      .create = snnk__linear_create_dense,
                                                      .draw = snnk__draw_dense};
