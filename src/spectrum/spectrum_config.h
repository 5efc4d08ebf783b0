/* Settings of a spectrum: defaults and checks. */
#ifndef SNNK_SPECTRUM_SPECTRUM_CONFIG_H
#define SNNK_SPECTRUM_SPECTRUM_CONFIG_H

#include <snnk/spectrum.h>

#include <stdbool.h>

/* Size of the struct in version 0.1, which had all of today's fields. */
#define SNNK__SPECTRUM_CONFIG_MINIMUM sizeof(snnk_spectrum_config)

/* Read the caller's config (NULL: the defaults) and check it. Sets *ours with every default filled
 * in and allocator NULL, and *allocator to the one to use. SNNK_E_NULL, SNNK_E_CONFIG,
 * SNNK_E_RANGE, SNNK_E_ENUM. */
int snnk__spectrum_config_read(const snnk_spectrum_config *config, snnk_spectrum_config *ours,
                               snnk_allocator *allocator);

/* Check the number of points: 0, or `smallest` ... 65536; a power of two if `power`.
 * SNNK_E_RANGE. */
int snnk__spectrum_check_points(uint64_t points, uint64_t smallest, bool power);

/* Set the method, and set to 0 the settings that EXACT and ATOMS do not have. */
void snnk__spectrum_config_clear(snnk_spectrum_config *config, int32_t method);

#endif
