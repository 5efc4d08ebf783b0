/* The list of kinds of features. */
#include <snnk/map.h>

#include "base/status.h"
#include "map/config.h"
#include "map/kind.h"

static const snnk__map_kind *const kinds[] = {[SNNK_MAP_ARC_COSINE] = &snnk__map_arc_cosine,
                                              [SNNK_MAP_GAUSSIAN] = &snnk__map_gaussian,
                                              [SNNK_MAP_ELEMENTWISE] = &snnk__map_elementwise,
                                              [SNNK_MAP_IDENTITY] = &snnk__map_identity,
                                              [SNNK_MAP_URF] = &snnk__map_spectral,
                                              [SNNK_MAP_AFFINE] = &snnk__map_affine,
                                              [SNNK_MAP_FOLDED_URF] = &snnk__map_folded,
                                              [SNNK_MAP_RBF] = &snnk__map_rbf,
                                              [SNNK_MAP_WINDOW] = &snnk__map_window,
                                              [SNNK_MAP_SCATTERING] = &snnk__map_scattering,
                                              [SNNK_MAP_MINIROCKET] = &snnk__map_minirocket};

#define KINDS ((int32_t)(sizeof kinds / sizeof kinds[0]))

int32_t snnk__map_kinds(void) { return KINDS; }

int snnk__map_kind_find(int32_t kind, const snnk__map_kind **table) {
    const int st = snnk__check_enum(kind, KINDS, "kind");

    if (st == SNNK_OK) *table = kinds[kind];
    return st;
}

const char *snnk_map_kind_name(int32_t kind) {
    return kind >= 0 && kind < KINDS ? kinds[kind]->name : NULL;
}

static const char *stored_name(int32_t kind) {
    return kind >= 0 && kind < KINDS ? snnk__map_stored_name(kinds[kind]) : NULL;
}

int snnk__map_block_read(const snnk__source *source, size_t inputs, snnk__map_block **block) {
    snnk_map_config config = snnk__map_config_defaults;
    size_t features = 0;
    int st;

    st = snnk__read_name(source, "kind", stored_name, &config.kind);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "features", &features)) != SNNK_OK) return st;
    if ((st = snnk__read_seed(source, &config.seed)) != SNNK_OK) return st;
    st = snnk__read_name(source, "projection", snnk_projection_name, &config.projection);
    if (st != SNNK_OK) return st;
    config.features = features;
    return kinds[config.kind]->read(kinds[config.kind], source, inputs, &config, block);
}
