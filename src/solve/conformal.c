/* The radius of leave-one-out intervals: the k-th smallest of n floats. */
#include "solve/conformal.h"

#include <string.h>

#include <snnk/ridge_path.h>

#include "base/status.h"

/* The bits of |x|, which are in the order of the floats. */
static uint32_t magnitude_bits(float x) {
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits & UINT32_C(0x7fffffff);
}

/* The rank-th smallest (from 1) of n magnitudes, byte by byte from the top: each pass counts the
 * next byte of the numbers whose first bytes are those of the result. */
static float select_magnitude(size_t n, const float *x, size_t stride, size_t rank) {
    uint32_t prefix = 0, mask = 0;
    float magnitude;

    for (unsigned shift = 32; shift > 0;) {
        size_t counts[256] = {0}, byte = 0;

        shift -= 8;
        for (size_t i = 0; i < n; i++) {
            const uint32_t bits = magnitude_bits(x[i * stride]);

            if ((bits & mask) == prefix) counts[bits >> shift & 255]++;
        }
        while (counts[byte] < rank) rank -= counts[byte++];
        prefix |= (uint32_t)byte << shift;
        mask |= UINT32_C(255) << shift;
    }
    memcpy(&magnitude, &prefix, sizeof magnitude);
    return magnitude;
}

int snnk_conformal_radius(size_t n, const float *residuals, size_t stride, double alpha,
                          double *radius) {
    int st;

    if ((st = snnk__check_pointer(radius, "radius")) != SNNK_OK) return st;
    if (n == 0) return snnk__fail(SNNK_E_SHAPE, "n = 0: a quantile needs at least one residual");
    st = snnk__check_matrix(residuals, "residuals", n, 1, stride, sizeof *residuals);
    if (st != SNNK_OK) return st;
    if (!(alpha > 0 && alpha < 1))
        return snnk__fail(SNNK_E_RANGE, "alpha = %g is not between 0 and 1", alpha);
    for (size_t i = 0; i < n; i++)
        if (isnan(residuals[i * stride]))
            return snnk__fail(SNNK_E_NONFINITE, "residuals[%zu] is NaN", i * stride);

    const double rank = snnk__conformal_rank((double)n, 1 - alpha);

    *radius =
        rank <= (double)n ? (double)select_magnitude(n, residuals, stride, (size_t)rank) : INFINITY;
    return SNNK_OK;
}
