/* Spectra by a quadrature rule for an integral over frequencies: of seven activations. */
#ifndef SNNK_SPECTRUM_INTEGRAL_H
#define SNNK_SPECTRUM_INTEGRAL_H

#include "base/memory.h"
#include "spectrum/spectrum.h"

/* Create the spectrum of an activation by its integral. config is checked. SNNK_E_UNSUPPORTED (no
 * integral for this activation), SNNK_E_UNRESOLVED, SNNK_E_NOMEM. */
int snnk__spectrum_integral(int32_t activation, const snnk_spectrum_config *config,
                            const snnk_allocator *allocator, snnk_spectrum **spectrum);

/* weight(omega) of the activation's integral; NaN if it has none. Exposed for the tests, which
 * compare it with values computed elsewhere. */
double snnk__spectrum_weight(int32_t activation, double omega);

#endif
