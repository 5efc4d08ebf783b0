/* Spectra by Fourier extension: of any function, from its values. */
#ifndef SNNK_SPECTRUM_EXTENSION_H
#define SNNK_SPECTRUM_EXTENSION_H

#include "base/memory.h"
#include "spectrum/spectrum.h"

/* A function of one variable. */
typedef double (*snnk__function_f64)(double z, void *user);

/* Create the spectrum of f. config is checked and has method EXTENSION and a half_period. With
 * points 0, their number is doubled until the error stops falling. name: of the function, for error
 * sentences. SNNK_E_NONFINITE (f is not finite; the error says where), SNNK_E_UNRESOLVED,
 * SNNK_E_NOMEM. */
int snnk__spectrum_extension(snnk__function_f64 f, void *user, const char *name,
                             const snnk_spectrum_config *config, const snnk_allocator *allocator,
                             snnk_spectrum **spectrum);

/* The number of values that an extension of config->points points needs. z: receives the points
 * where they are needed; or NULL. */
size_t snnk__extension_points(const snnk_spectrum_config *config, double *z);

/* Create the spectrum of a function from its values at those points. Statuses as above. */
int snnk__extension_from_values(const double *values, const snnk_spectrum_config *config,
                                const snnk_allocator *allocator, snnk_spectrum **spectrum);

#endif
