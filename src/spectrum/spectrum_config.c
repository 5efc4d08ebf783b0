#include "spectrum/spectrum_config.h"

#include "base/memory.h"

static const snnk_spectrum_config defaults = {.size = sizeof(snnk_spectrum_config),
                                              .radius = 4,
                                              .tolerance = 1e-6,
                                              .largest_error = 0.01,
                                              .affine = SNNK_AFFINE_LINE};

int snnk_spectrum_config_init(snnk_spectrum_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults,
                             SNNK__SPECTRUM_CONFIG_MINIMUM, "spectrum config");
}

int snnk__spectrum_check_points(uint64_t points, uint64_t smallest, bool power) {
    if (points == 0) return SNNK_OK;
    if (points < smallest || points > 65536)
        return snnk__fail(SNNK_E_RANGE, "points = %llu is not in %llu ... 65536",
                          (unsigned long long)points, (unsigned long long)smallest);
    if (power && (points & (points - 1)) != 0)
        return snnk__fail(SNNK_E_RANGE, "points = %llu is not a power of two",
                          (unsigned long long)points);
    return SNNK_OK;
}

static int check_config(const snnk_spectrum_config *c) {
    int st;

    if ((st = snnk__check_within(c->center, -1e6, 1e6, "center")) != SNNK_OK) return st;
    if ((st = snnk__check_within(c->radius, 1e-6, 1e6, "radius")) != SNNK_OK) return st;
    if (c->half_period != 0 && !(c->half_period > c->radius && c->half_period <= 1e3 * c->radius))
        return snnk__fail(SNNK_E_RANGE,
                          "half_period = %.17g is not above radius = %g and at most 1000 times it",
                          c->half_period, c->radius);
    if (c->largest_frequency != 0 &&
        (st = snnk__check_within(c->largest_frequency, 1e-9, 1e12, "largest_frequency")) != SNNK_OK)
        return st;
    if ((st = snnk__check_within(c->tolerance, 0, 0.1, "tolerance")) != SNNK_OK) return st;
    if ((st = snnk__check_within(c->largest_error, 0, 1e30, "largest_error")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->method, SNNK_SPECTRUM_EXTENSION + 1, "method")) != SNNK_OK)
        return st;
    return snnk__check_enum(c->affine, SNNK_AFFINE_LINE + 1, "affine");
}

int snnk__spectrum_config_read(const snnk_spectrum_config *config, snnk_spectrum_config *ours,
                               snnk_allocator *allocator) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, SNNK__SPECTRUM_CONFIG_MINIMUM, config,
                           "spectrum config");
    if (st != SNNK_OK) return st;
    if ((st = check_config(ours)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(allocator, ours->allocator)) != SNNK_OK) return st;
    ours->allocator = NULL;
    return SNNK_OK;
}

void snnk__spectrum_config_clear(snnk_spectrum_config *config, int32_t method) {
    config->method = method;
    config->points = 0;
    config->half_period = 0;
    config->largest_frequency = 0;
}
