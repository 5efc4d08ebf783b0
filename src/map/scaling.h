#ifndef SNNK_MAP_SCALING_H
#define SNNK_MAP_SCALING_H

#include <snnk/map.h>

size_t snnk__scaling_inputs(const snnk_scaling *scaling);

#endif
