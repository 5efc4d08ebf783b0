/* Networks that carry the statistics of their last layer. */
#include "network/network.h"

int snnk_network_set_statistics(snnk_network *network, snnk_lstsq *lstsq) {
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (!lstsq) {
        snnk_lstsq_free(network->statistics);
        network->statistics = NULL;
        return SNNK_OK;
    }
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    const snnk_layer *last = network->layers[network->n_layers - 1];
    if (!last->map || snnk__layer_is_tower(last))
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "the last layer has no Psi that statistics could be of");
    if (snnk_lstsq_features(lstsq) != last->map->features ||
        snnk_lstsq_targets(lstsq) < last->outputs)
        return snnk__fail(SNNK_E_SHAPE,
                          "statistics of %zu features and %zu targets, the last layer has %zu and "
                          "%zu",
                          snnk_lstsq_features(lstsq), snnk_lstsq_targets(lstsq),
                          last->map->features, last->outputs);
    if (lstsq != network->statistics) snnk_lstsq_free(network->statistics);
    network->statistics = lstsq;
    return SNNK_OK;
}

snnk_lstsq *snnk_network_statistics(snnk_network *network) {
    return network ? network->statistics : NULL;
}

int snnk_network_solve(snnk_network *network, const snnk_solve_config *config,
                       snnk_solve_report *report) {
    snnk_layer *layer;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (!network->statistics) return snnk__fail(SNNK_E_STATE, "the network carries no statistics");
    const snnk_layer **last = &network->layers[network->n_layers - 1];
    st = snnk_layer_create_from_lstsq((*last)->map, network->statistics, config, report, &layer);
    if (st != SNNK_OK) return st;
    snnk_layer_free((snnk_layer *)*last);
    *last = layer;
    return SNNK_OK;
}
