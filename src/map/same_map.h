/* Whether two maps compute the same features. */
#ifndef SNNK_MAP_SAME_MAP_H
#define SNNK_MAP_SAME_MAP_H

#include "map/map.h"

/* Compare what maps save: kinds, settings, rows, scalings and centers. Hashes of 64 bits are
 * compared, so that nothing is copied.
 *   same  the result
 * SNNK_E_NOMEM. */
int snnk__same_map(const snnk_map *a, const snnk_map *b, bool *same);

#endif
