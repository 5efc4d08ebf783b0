#include <snnk/network.h>

#include <stdio.h>

#include "model/json_record.h"
#include "model/lstsq_file.h"
#include "model/model.h"
#include "model/network_file.h"
#include "network/network.h"

static void add_layers(snnk__safetensors_writer *writer, const snnk_network *network, bool seeds) {
    snnk__json_writer record;
    const snnk__sink sink = snnk__json_write(&record, writer, seeds);

    for (size_t i = 0; i < network->n_layers; i++) {
        const snnk_layer *layer = network->layers[i];
        snnk__sink of_layer = snnk__sink_within(&sink, "layers", i);

        of_layer.text(&of_layer, "kind", layer->kind->name);
        of_layer.count(&of_layer, "inputs", layer->inputs);
        of_layer.count(&of_layer, "outputs", layer->outputs);
        layer->kind->save(layer, &of_layer);
    }
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
}

/* Check the arguments and fill the writer. A failure after the checks stays in the writer. */
static int begin(const snnk_network *network, int32_t projection,
                 snnk__safetensors_writer *writer) {
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    st = snnk__check_enum(projection, SNNK_SAVE_SEED + 1, "projection");
    if (st != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    snnk__model_begin(writer, &network->allocator, SNNK__MODEL_NETWORK);
    snnk__network_write_layers(writer, network, projection);
    if (network->statistics) snnk__lstsq_write_tensors(writer, network->statistics);
    return SNNK_OK;
}

const char *snnk_save_projection_name(int32_t projection) {
    static const char *const names[] = {"rows", "seed"};

    return projection >= 0 && projection <= SNNK_SAVE_SEED ? names[projection] : NULL;
}

int snnk_network_save(const snnk_network *network, const char *path, int32_t projection) {
    snnk__safetensors_writer writer;
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = begin(network, projection, &writer)) != SNNK_OK) return st;
    st = snnk__safetensors_write_file(&writer, path);
    snnk__safetensors_writer_free(&writer);
    return st;
}

int snnk_network_saved_bytes(const snnk_network *network, int32_t projection, size_t *bytes) {
    snnk__safetensors_writer writer;
    int st;

    if ((st = snnk__check_pointer(bytes, "bytes")) != SNNK_OK) return st;
    if ((st = begin(network, projection, &writer)) != SNNK_OK) return st;
    st = snnk__safetensors_written_bytes(&writer, bytes);
    snnk__safetensors_writer_free(&writer);
    return st;
}

int snnk_network_save_memory(const snnk_network *network, int32_t projection, void *buffer,
                             size_t bytes) {
    snnk__safetensors_writer writer;
    int st;

    if ((st = snnk__check_pointer(buffer, "buffer")) != SNNK_OK) return st;
    if ((st = begin(network, projection, &writer)) != SNNK_OK) return st;
    st = snnk__safetensors_write_memory(&writer, buffer, bytes);
    snnk__safetensors_writer_free(&writer);
    return st;
}
