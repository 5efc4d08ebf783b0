#include <snnk/network.h>

#include <stdio.h>

#include "layer/layer_record.h"
#include "model/encoder_file.h"
#include "model/json_record.h"
#include "model/lstsq_file.h"
#include "model/model.h"
#include "model/network_file.h"
#include "model/uncertainty_file.h"
#include "network/network.h"

static void add_layers(snnk__safetensors_writer *writer, const snnk_network *network, bool seeds) {
    snnk__json_writer record;
    const snnk__sink sink = snnk__json_write(&record, writer, seeds);

    snnk__layers_write(network->layers, network->n_layers, &sink);
    snnk__json_write_end(&record, SNNK__NETWORK_KEY);
}

static void add_notes(snnk__safetensors_writer *writer, const snnk_network *network) {
    char key[80];

    for (size_t i = 0; i < network->n_notes; i++) {
        snprintf(key, sizeof key, SNNK__NOTE_PREFIX "%s", network->notes[i].key);
        snnk__safetensors_add_text(writer, key, network->notes[i].value);
    }
}

void snnk__network_write_layers(snnk__safetensors_writer *writer, const snnk_network *network,
                                int32_t projection) {
    add_layers(writer, network, projection == SNNK_SAVE_SEED);
    add_notes(writer, network);
    if (network->encoder.object) snnk__encoder_write(writer, network->encoder.object);
}

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const snnk_network *network = object;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if ((st = snnk__check_save_projection(projection)) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    snnk__model_begin(writer, &network->allocator, SNNK__MODEL_NETWORK);
    snnk__network_write_layers(writer, network, projection);
    if (network->uncertainty) snnk__uncertainty_write(writer, network->uncertainty);
    if (network->statistics) snnk__lstsq_write_tensors(writer, network->statistics);
    return SNNK_OK;
}

int snnk_network_save(const snnk_network *network, const char *path, int32_t projection) {
    return snnk__model_save(network, projection, write, path);
}

int snnk_network_saved_bytes(const snnk_network *network, int32_t projection, size_t *bytes) {
    return snnk__model_saved_bytes(network, projection, write, bytes);
}

int snnk_network_save_memory(const snnk_network *network, int32_t projection, void *buffer,
                             size_t bytes) {
    return snnk__model_save_memory(network, projection, write, buffer, bytes);
}
