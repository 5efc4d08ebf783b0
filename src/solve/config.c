#include "solve/config.h"

#include <float.h>
#include <math.h>

#include "base/size.h"
#include "base/status.h"

/* The fields of the first version, which every config has. */
#define CONFIG_BYTES sizeof(snnk_solve_config)

static const snnk_solve_config default_config = {
    .size = sizeof(snnk_solve_config), .ridge = 0, .rank_tolerance = 0, .intercept = 1};

int snnk_solve_config_init(snnk_solve_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &default_config, sizeof default_config,
                             CONFIG_BYTES, "solve config");
}

int snnk__solve_config_read(snnk_solve_config *ours, const snnk_solve_config *config) {
    *ours = default_config;
    return snnk__config_read(ours, sizeof *ours, CONFIG_BYTES, config, "solve config");
}

int snnk__solve_config_check(const snnk_solve_config *ours) {
    if (!(ours->ridge >= 0) || !isfinite(ours->ridge))
        return snnk__fail(SNNK_E_RANGE, "ridge = %g is not a finite number >= 0", ours->ridge);
    if (!(ours->rank_tolerance >= 0) || ours->rank_tolerance >= 1)
        return snnk__fail(SNNK_E_RANGE, "rank_tolerance = %g is not in 0 ... 1",
                          ours->rank_tolerance);
    if (ours->intercept != 0 && ours->intercept != 1)
        return snnk__fail(SNNK_E_RANGE, "intercept = %ld is neither 0 nor 1",
                          (long)ours->intercept);
    if (ours->reserved != 0)
        return snnk__fail(SNNK_E_RANGE, "reserved = %ld in the solve config must be 0",
                          (long)ours->reserved);
    return SNNK_OK;
}

int snnk__check_ridges(size_t n, const double *ridges) {
    for (size_t k = 0; k < n; k++)
        if (!(ridges[k] >= 0) || !isfinite(ridges[k]))
            return snnk__fail(SNNK_E_RANGE, "ridges[%zu] = %g is not a finite number >= 0", k,
                              ridges[k]);
    return SNNK_OK;
}

/* Rounding of eigenvalues reaches m eps. The minimum of 64 eps is for few features: a column that
 * is a multiple of another, rounded to float, leaves eigenvalues of about 4e-15 of the largest
 * (measured), whose coefficients would be noise of size 1e4. */
double snnk__rank_tolerance(const snnk_solve_config *config, size_t m) {
    return config->rank_tolerance > 0 ? config->rank_tolerance
                                      : (double)snnk__max_size(m, 64) * DBL_EPSILON;
}

const char *snnk_solve_method_name(int32_t value) {
    static const char *const names[] = {[SNNK_SOLVE_CHOLESKY] = "cholesky",
                                        [SNNK_SOLVE_TRUNCATED_EIGEN] = "truncated-eigen",
                                        [SNNK_SOLVE_QR] = "qr",
                                        [SNNK_SOLVE_TRUNCATED_SVD] = "truncated-svd",
                                        [SNNK_SOLVE_DUAL] = "dual"};

    return value >= 0 && value <= SNNK_SOLVE_DUAL ? names[value] : NULL;
}
