/* Networks that hold the encoder of their inputs. */
#include "encode/encoder.h"
#include "network/network.h"

static void *retain(const void *encoder) { return snnk_encoder_retain(encoder); }

static void release(void *encoder) { snnk_encoder_free(encoder); }

int snnk_network_set_encoder(snnk_network *network, const snnk_encoder *encoder) {
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (encoder && network->n_layers == 0)
        return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    if (encoder && snnk_network_inputs(network) != encoder->outputs)
        return snnk__fail(SNNK_E_SHAPE, "the encoder has %zu outputs, but the network %zu inputs",
                          encoder->outputs, snnk_network_inputs(network));
    snnk_encoder *shared = snnk_encoder_retain(encoder);
    if (network->encoder.object) release(network->encoder.object);
    network->encoder = (snnk__shared){shared, retain, release};
    return SNNK_OK;
}

const snnk_encoder *snnk_network_encoder(const snnk_network *network) {
    return network ? network->encoder.object : NULL;
}
