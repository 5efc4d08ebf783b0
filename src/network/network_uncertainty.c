/* Networks that hold the uncertainty of their outputs. */
#include <snnk/uncertainty.h>

#include "network/network.h"

int snnk_network_set_uncertainty(snnk_network *network, const snnk_uncertainty *uncertainty) {
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (uncertainty && network->n_layers == 0)
        return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    if (uncertainty && snnk_network_outputs(network) != snnk_uncertainty_outputs(uncertainty))
        return snnk__fail(SNNK_E_SHAPE, "the uncertainty has %zu outputs, but the network %zu",
                          snnk_uncertainty_outputs(uncertainty), snnk_network_outputs(network));
    snnk_uncertainty *shared = snnk_uncertainty_retain(uncertainty);
    snnk_uncertainty_free(network->uncertainty);
    network->uncertainty = shared;
    return SNNK_OK;
}

const snnk_uncertainty *snnk_network_uncertainty(const snnk_network *network) {
    return network ? network->uncertainty : NULL;
}
