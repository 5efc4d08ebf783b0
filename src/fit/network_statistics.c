/* Networks that hold the statistics of their last layer. */
#include "network/network.h"
#include "solve/lstsq.h"

static int check_statistics(const snnk_network *network, const snnk_lstsq *lstsq) {
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    const snnk_layer *last = network->layers[network->n_layers - 1];

    if (last->kind->linearity(last) != SNNK__LINEAR_IN_FEATURES)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "the last layer has no weights Psi, so it has no statistics");
    if (snnk_lstsq_features(lstsq) == last->columns && snnk_lstsq_targets(lstsq) >= last->outputs)
        return SNNK_OK;
    return snnk__fail(
        SNNK_E_SHAPE,
        "the statistics have %zu features and %zu targets, but the last layer has %zu "
        "features and %zu outputs",
        snnk_lstsq_features(lstsq), snnk_lstsq_targets(lstsq), last->columns, last->outputs);
}

int snnk__network_take_statistics(snnk_network *network, snnk_lstsq *lstsq) {
    const int st = check_statistics(network, lstsq);

    if (st != SNNK_OK) return st;
    snnk_lstsq_free(network->statistics);
    network->statistics = lstsq;
    return SNNK_OK;
}

int snnk_network_set_statistics(snnk_network *network, const snnk_lstsq *lstsq) {
    snnk_lstsq *copy = NULL;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (lstsq) {
        if ((st = check_statistics(network, lstsq)) != SNNK_OK) return st;
        if ((st = snnk__lstsq_clone(lstsq, &network->allocator, &copy)) != SNNK_OK) return st;
    }
    snnk_lstsq_free(network->statistics);
    network->statistics = copy;
    return SNNK_OK;
}

snnk_lstsq *snnk_network_statistics(snnk_network *network) {
    return network ? network->statistics : NULL;
}

int snnk_network_solve(snnk_network *network, const snnk_solve_config *config,
                       snnk_workspace *workspace, snnk_solve_report *report) {
    snnk__kept_layer *place;
    snnk_layer *layer;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (!network->statistics) return snnk__fail(SNNK_E_STATE, "the network holds no statistics");
    if ((st = snnk__network_reserve_place(network, &place)) != SNNK_OK) return st;
    const snnk_layer *last = network->layers[network->n_layers - 1];
    st = snnk_layer_create_from_lstsq(snnk_layer_map(last), network->statistics, config, workspace,
                                      report, &layer);
    if (st == SNNK_OK)
        snnk__network_replace_last(network, layer, place);
    else
        snnk__free(&network->allocator, place);
    return st;
}
