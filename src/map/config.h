#ifndef SNNK_MAP_CONFIG_H
#define SNNK_MAP_CONFIG_H

#include <snnk/map.h>

extern const snnk_map_config snnk__map_config_defaults;

/* The smallest size of snnk_map_config that is accepted: that of version 0.1. */
#define SNNK__MAP_CONFIG_MINIMUM sizeof(snnk_map_config)

#endif
