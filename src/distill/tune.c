#include "distill/tune.h"

#include "base/size.h"
#include "train/run.h"

#define BATCH 64 /* rows of a step: a pass makes many steps, since the start is good already */

/* Freeze the layers that do not learn, and let the rows of the others learn too. */
static int choose_layers(const snnk__tune *tune, const snnk_network *network,
                         snnk_trainer *trainer) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < network->n_layers; k++) {
        if (tune->learns && !tune->learns[k]) {
            st = snnk_trainer_set_rate(trainer, k, -1, 0);
            continue;
        }
        if (!snnk_layer_map(network->layers[k])) continue; /* dense */
        st = snnk_trainer_set_rate(trainer, k, SNNK_PART_ROWS, 1);
        if (st == SNNK_OK) st = snnk_trainer_set_rate(trainer, k, SNNK_PART_OFFSETS, 1);
    }
    return st;
}

int snnk__compress_tune(const snnk__tune *tune, const snnk_network *network, snnk_network **tuned,
                        snnk_train_report *report) {
    const snnk_rows *heldout = tune->heldout->n > 0 ? tune->heldout : NULL;
    snnk_train_config config;
    snnk_trainer *trainer = NULL;
    int st;

    if ((st = snnk_train_config_init(&config, sizeof config)) != SNNK_OK) return st;
    config.seed = tune->distill->seed;
    config.rate = tune->config->tune_rate;
    config.epochs = tune->config->tune_epochs;
    config.batch = snnk__min_size(BATCH, tune->rows->n);
    config.heldout_share = 0; /* rows are held out already */
    st = snnk_trainer_create(network, &config, &trainer);
    if (st == SNNK_OK) st = choose_layers(tune, network, trainer);
    if (st == SNNK_OK)
        st = snnk__trainer_run(trainer, tune->rows, heldout, tune->workspace, tune->progress,
                               report);
    if (st == SNNK_OK) st = snnk_trainer_network(trainer, tuned);
    snnk_trainer_free(trainer);
    return st == SNNK_OK ? st : snnk__fail_within(st, "tuning");
}
