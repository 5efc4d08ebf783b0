#include "map/config.h"

#include "base/status.h"

const snnk_map_config snnk__map_config_defaults = {.size = sizeof(snnk_map_config),
                                                   .features = 1024,
                                                   .projection_scale = 1,
                                                   .kind = SNNK_MAP_ARC_COSINE,
                                                   .order = 1,
                                                   .activation = SNNK_RELU,
                                                   .projection = SNNK_PROJECTION_GAUSSIAN};

int snnk_map_config_init(snnk_map_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &snnk__map_config_defaults,
                             sizeof snnk__map_config_defaults, SNNK__MAP_CONFIG_MINIMUM,
                             "map config");
}
