/* Configs and spectra for tests of spectra. */
#ifndef SNNK_TESTS_SPECTRA_H
#define SNNK_TESTS_SPECTRA_H

#include <snnk/spectrum.h>

#include "compare.h"

static inline snnk_spectrum_config config_of(int32_t method, double center, double radius) {
    snnk_spectrum_config config;

    assert_ok(snnk_spectrum_config_init(&config, sizeof config));
    config.method = method;
    config.center = center;
    config.radius = radius;
    return config;
}

static inline snnk_spectrum *spectrum_of(int32_t activation, const snnk_spectrum_config *config) {
    snnk_spectrum *spectrum;

    assert_ok(snnk_spectrum_create(activation, config, &spectrum));
    return spectrum;
}

static inline double value_at(const snnk_spectrum *spectrum, double z) {
    double value;

    assert_ok(snnk_spectrum_eval(spectrum, 1, &z, &value));
    return value;
}

static inline uint64_t points_of(const snnk_spectrum *spectrum) {
    snnk_spectrum_config config = config_of(0, 0, 1);

    assert_ok(snnk_spectrum_settings(spectrum, &config));
    return config.points;
}

/* Neither even nor odd, and not resolved by 32 points. */
static inline double wavy(double z, void *user) {
    double *calls = user;

    if (calls) ++*calls;
    return exp(0.3 * z) + sin(3 * z + 1);
}

#endif
