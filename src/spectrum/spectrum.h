/* The spectrum object: atoms, an affine part, and the settings it was created with. */
#ifndef SNNK_SPECTRUM_SPECTRUM_H
#define SNNK_SPECTRUM_SPECTRUM_H

#include <snnk/spectrum.h>

#include "base/memory.h"

struct snnk_spectrum {
    snnk_allocator allocator;
    size_t count; /* number of atoms */
    /* count each, in order of omega; one block, growth is first */
    double *growth, *omega, *re, *im;
    double intercept, slope; /* affine part */
    double error;            /* bound on the error on the interval */
    /* The settings used: method, points, half_period and largest_frequency are resolved (0 where
     * the method has none), allocator is NULL. */
    snnk_spectrum_config config;
    int32_t activation; /* -1 if it is not a built-in one */
};

/* Allocate a spectrum of `count` atoms, all zero, with affine part 0. config is copied.
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__spectrum_alloc(size_t count, const snnk_spectrum_config *config,
                         const snnk_allocator *allocator, snnk_spectrum **spectrum);

/* Create a spectrum without atoms, intercept + slope z. It gives the values of the activation on
 * the interval of the config within `error`. SNNK_E_NOMEM. */
int snnk__spectrum_line(int32_t activation, double intercept, double slope, double error,
                        const snnk_spectrum_config *config, const snnk_allocator *allocator,
                        snnk_spectrum **spectrum);

/* The spectrum's approximation of f(z). */
double snnk__spectrum_value(const snnk_spectrum *spectrum, double z);

#endif
