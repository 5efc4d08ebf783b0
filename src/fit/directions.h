/* What other fits use of learnt directions. */
#ifndef SNNK_FIT_DIRECTIONS_H
#define SNNK_FIT_DIRECTIONS_H

#include <snnk/directions.h>

/* Set *map to the settings of the features of d scaled inputs. SNNK_E_CONFIG. */
int snnk__directions_map(const snnk_directions_config *config, size_t d, snnk_map_config *map);

/* SNNK_E_ENUM unless the mode is one that learns. */
int snnk__check_directions_scaling(int32_t scaling);

#endif
