#include "networks.h"

snnk_network *make_network(size_t n, snnk_layer *const *layers) {
    snnk_network *network;

    CHECK(snnk_network_create(NULL, &network));
    for (size_t k = 0; k < n; k++) {
        CHECK(snnk_network_append(network, layers[k]));
        snnk_layer_free(layers[k]);
    }
    return network;
}

snnk_map *make_features(size_t inputs, size_t features, int32_t activation, double scale,
                        double offset_scale, uint64_t seed) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = activation;
    config.features = features;
    config.projection_scale = scale;
    config.offset_scale = offset_scale;
    config.seed = seed;
    CHECK(snnk_map_create(inputs, &config, NULL, &map));
    return map;
}

snnk_layer *make_snnk(size_t inputs, size_t features, size_t outputs, int32_t activation,
                      double scale, double offset_scale, uint64_t seed) {
    snnk_map *map = make_features(inputs, features, activation, scale, offset_scale, seed);
    snnk_layer *layer;

    CHECK(snnk_layer_create_random(map, outputs, seed, &layer));
    snnk_map_free(map);
    return layer;
}

snnk_train_config train_settings(uint64_t epochs, uint64_t seed) {
    snnk_train_config config;

    CHECK(snnk_train_config_init(&config, sizeof config));
    config.heldout_share = 0;
    config.epochs = epochs;
    config.seed = seed;
    return config;
}

snnk_network *train_network(snnk_network *start, const snnk_train_config *config,
                            const snnk_rows *rows, training *took) {
    snnk_trainer *trainer;
    snnk_network *trained;
    const double begin = cpu_seconds();

    CHECK(snnk_trainer_create(start, config, &trainer));
    CHECK(snnk_trainer_run(trainer, rows, NULL, NULL, NULL));
    CHECK(snnk_trainer_network(trainer, &trained));
    took->seconds = cpu_seconds() - begin;
    took->trainable = (size_t)snnk_trainer_parameters(trainer);
    snnk_trainer_free(trainer);
    snnk_network_free(start);
    return trained;
}

snnk_network *bundle_network(snnk_network *network) {
    snnk_network *bundled;

    CHECK(snnk_network_bundle(network, 0, snnk_network_layers(network) - 1, &bundled));
    snnk_network_free(network);
    return bundled;
}

float *read_columns(const char *path, size_t *columns, size_t *n) {
    snnk_table *table;
    float *values;

    CHECK(snnk_table_open(path, NULL, &table));
    if (*columns == 0) *columns = snnk_table_columns(table);
    if (snnk_table_columns(table) != *columns)
        die("%s has %zu columns instead of %zu", path, snnk_table_columns(table), *columns);
    *n = snnk_table_rows(table);
    values = allocate(*n * *columns + 1, sizeof *values);
    CHECK(snnk_table_read(table, 0, *n, values, *columns));
    snnk_table_free(table);
    return values;
}

void result_write(const result *row, size_t n_columns) {
    printf("%s\t%zu\t%d", row->method, row->numbers, row->seed);
    for (size_t k = 0; k < n_columns; k++) printf("\t%.8g", row->value[k]);
    putchar('\n');
    fflush(stdout);
}
