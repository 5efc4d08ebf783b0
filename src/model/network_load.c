/* Everything in the file is untrusted. The container was already checked against the file's size.
 * Each layer and block checks its record against the arrays in the file before it allocates
 * memory. */
#include <snnk/network.h>

#include <string.h>

#include "layer/layer_record.h"
#include "model/encoder_file.h"
#include "model/json_record.h"
#include "model/lstsq_file.h"
#include "model/model.h"
#include "model/network_file.h"
#include "model/uncertainty_file.h"
#include "network/network.h"

static int load_notes(const snnk__safetensors_reader *reader, snnk_network *network) {
    const size_t prefix = strlen(SNNK__NOTE_PREFIX);
    size_t n = 0;
    const snnk__safetensors_pair *pairs = snnk__safetensors_pairs(reader, &n);

    for (size_t i = 0; i < n; i++) {
        if (strncmp(pairs[i].key, SNNK__NOTE_PREFIX, prefix) != 0) continue;
        const int st = snnk_network_set_note(network, pairs[i].key + prefix, pairs[i].value);
        if (st != SNNK_OK) return st == SNNK_E_RANGE ? SNNK_E_FORMAT : st;
    }
    return SNNK_OK;
}

static int load_statistics(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                           snnk_network *network) {
    snnk_lstsq *lstsq;
    int st = snnk__lstsq_carried(reader, allocator, &lstsq);

    if (st != SNNK_OK || !lstsq) return st;
    st = snnk__network_take_statistics(network, lstsq);
    if (st == SNNK_OK) return st;
    snnk_lstsq_free(lstsq);
    return snnk__fail_within(SNNK_E_FORMAT, "statistics");
}

static int load_encoder(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                        snnk_network *network) {
    snnk_encoder *encoder;
    int st = snnk__encoder_carried(reader, allocator, &encoder);

    if (st != SNNK_OK || !encoder) return st;
    st = snnk_network_set_encoder(network, encoder);
    snnk_encoder_free(encoder);
    return st == SNNK_OK ? st : snnk__fail_within(SNNK_E_FORMAT, "encoder");
}

static int load_uncertainty(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                            snnk_network *network) {
    snnk_uncertainty *uncertainty;
    int st = snnk__uncertainty_in_file(reader, allocator, &uncertainty);

    if (st != SNNK_OK || !uncertainty) return st;
    st = snnk_network_set_uncertainty(network, uncertainty);
    snnk_uncertainty_free(uncertainty);
    return st == SNNK_OK ? st : snnk__fail_within(SNNK_E_FORMAT, "uncertainty");
}

static int load_layers(const snnk__source *source, snnk_network *network) {
    size_t n = 0;
    int st = snnk__layers_count(source, &n);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        snnk_layer *layer = NULL;

        st = snnk__layers_read(source, i, &layer);
        if (st == SNNK_OK) st = snnk_network_append(network, layer);
        if (st == SNNK_E_SHAPE) st = SNNK_E_FORMAT; /* layers whose sizes do not match */
        snnk_layer_free(layer);
        if (st != SNNK_OK) return snnk__fail_within(st, "layer %zu", i);
    }
    return SNNK_OK;
}

int snnk__network_read_layers(const snnk__safetensors_reader *reader,
                              const snnk_allocator *allocator, snnk_network **network) {
    snnk__json_reader record = {0};
    snnk__source source;
    snnk_network *made = NULL;
    int st;

    st = snnk__json_read(&record, reader, SNNK__NETWORK_KEY, allocator, &source);
    if (st != SNNK_OK) goto done;
    if ((st = snnk_network_create(allocator, &made)) != SNNK_OK) goto done;
    if ((st = load_layers(&source, made)) != SNNK_OK) goto done;
    if ((st = load_notes(reader, made)) != SNNK_OK) goto done;
    if ((st = load_encoder(reader, allocator, made)) != SNNK_OK) goto done;
    *network = made;
    made = NULL;
done:
    snnk_network_free(made);
    snnk__json_read_end(&record);
    return st;
}

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    snnk_network *made = NULL, **network = handle;
    int st;

    if ((st = snnk__network_read_layers(reader, allocator, &made)) != SNNK_OK) return st;
    if ((st = load_statistics(reader, allocator, made)) == SNNK_OK)
        st = load_uncertainty(reader, allocator, made);
    if (st != SNNK_OK)
        snnk_network_free(made);
    else
        *network = made;
    return st;
}

int snnk_network_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                             snnk_network **network) {
    const int st = snnk__check_pointer(network, "network");

    if (st != SNNK_OK) return st;
    *network = NULL;
    return snnk__model_load_memory(buffer, bytes, allocator, SNNK__MODEL_NETWORK, read, network);
}

int snnk_network_load(const char *path, const snnk_allocator *allocator, snnk_network **network) {
    const int st = snnk__check_pointer(network, "network");

    if (st != SNNK_OK) return st;
    *network = NULL;
    return snnk__model_load(path, allocator, SNNK__MODEL_NETWORK, read, network);
}
