#include "train/readout.h"

#include "base/workspace.h"

int snnk__readout_check(const snnk_trainer *trainer) {
    const size_t last = trainer->n_layers - 1;
    const snnk_layer *layer = trainer->start->layers[last];
    const snnk__parts both = 1U << SNNK_PART_WEIGHTS | 1U << SNNK_PART_BIAS;

    if (trainer->config.solve == SNNK_TRAIN_SOLVE_NEVER) return SNNK_OK;
    if (layer->kind->linearity(layer) != SNNK__NOT_LINEAR && (trainer->learn[last] & both) == both)
        return SNNK_OK;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "the last layer cannot be solved in closed form: it must be linear in its "
                      "weights, and weights and bias must learn");
}

/* Add all rows to a fit. */
static int add_rows(snnk__run *run, snnk_fit *fit) {
    const snnk__batch *batch;
    int st;

    snnk__batches_begin(&run->train, 0, false);
    for (;;) {
        if ((st = snnk__batches_next(&run->train, &batch)) != SNNK_OK) return st;
        if (!batch) return SNNK_OK;
        const snnk_rows rows = {.size = sizeof rows,
                                .n = batch->n,
                                .X = batch->X,
                                .Y = batch->targets.Y,
                                .labels = batch->targets.labels,
                                .weights = batch->targets.weights};

        if ((st = snnk_fit_add(fit, &rows, run->workspace)) != SNNK_OK) return st;
    }
}

int snnk__readout_take(snnk__run *run, size_t k, snnk_fit *fit) {
    const snnk_allocator *allocator = &run->trainer->allocator;
    snnk__learner *learner = run->trainer->learners[k];
    snnk_layer *layer = NULL;
    float *W = NULL;
    double *bias;
    int st = snnk_fit_solve(fit, run->workspace, NULL, &layer);

    if (st == SNNK_OK) st = snnk__layer_copy_weights(layer, allocator, &W, &bias);
    if (st == SNNK_OK) {
        learner->form->set_weights(learner, W, bias);
        learner->form->refresh(learner, run->workspace);
    }
    snnk__free(allocator, W);
    snnk_layer_free(layer);
    return st;
}

int snnk__readout_solve(snnk__run *run) {
    snnk_trainer *trainer = run->trainer;
    snnk_network *network = NULL;
    snnk_fit_config config;
    snnk_fit *fit = NULL;
    snnk__work work;
    int st;

    if ((st = snnk_fit_config_init(&config, sizeof config)) != SNNK_OK) return st;
    snnk__work_begin(run->workspace, 0, &work); /* it may be cancelled, but counts as no progress */
    config.center = 0;                          /* the layer's own features */
    if ((st = snnk__trainer_present(trainer, &network)) != SNNK_OK) goto done;
    if ((st = snnk_fit_create_from_network(network, 0, &config, &fit)) != SNNK_OK) goto done;
    if ((st = add_rows(run, fit)) == SNNK_OK)
        st = snnk__readout_take(run, trainer->n_layers - 1, fit);
done:
    snnk__work_end(&work);
    snnk_fit_free(fit);
    snnk_network_free(network);
    return st;
}
