/* Fitting the last layer of a network by cross-entropy. */
#include <snnk/fit.h>

#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "fit/fit_features.h"
#include "fit/readout.h"

/* Set Phi (n x m) to the features of rows. */
static int make_features(const snnk__fit_features *features, const snnk_rows *rows, float *Phi,
                         snnk_workspace *workspace, snnk__progress *progress) {
    const size_t n = rows->n, m = features->map->features;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < n; first += SNNK__FIT_BLOCK_ROWS) {
        const size_t count = snnk__min_size(SNNK__FIT_BLOCK_ROWS, n - first);
        const snnk_rows part = snnk__rows_part(rows, first, count);

        st = snnk__fit_features_make(features, &part, first, Phi + first * m, workspace);
        if (st == SNNK_OK) st = snnk__progress_count(progress, (double)(first + count), (double)n);
    }
    return st;
}

/* Fill B (classes x m), followed by b, for a warm start: the last weights and bias if they have
 * that shape, otherwise zeros. */
static int start_from(const snnk_network *network, const snnk_allocator *allocator, size_t classes,
                      size_t m, double *B) {
    const snnk_layer *last = network->layers[network->n_layers - 1];
    const size_t count = classes * m;
    float *Psi;
    int st;

    for (size_t i = 0; i < count + classes; i++) B[i] = 0;
    if (last->columns != m || last->outputs != classes) return SNNK_OK;
    if ((st = snnk__alloc(allocator, count, sizeof *Psi, "Psi", &Psi)) != SNNK_OK) return st;
    st = snnk_layer_weights(last, Psi, m, NULL);
    if (st == SNNK_OK) st = snnk_layer_bias(last, B + count);
    for (size_t i = 0; st == SNNK_OK && i < count; i++) B[i] = (double)Psi[i];
    snnk__free(allocator, Psi);
    return st;
}

/* Set *fitted to the network with its last layer fitted to checked rows. */
static int fit(const snnk_network *network, const snnk__fit_features *features,
               const snnk_rows *rows, size_t classes, const snnk_logistic_config *config,
               snnk_workspace *workspace, snnk__progress *progress, snnk_logistic_report *report,
               snnk_network **fitted) {
    const snnk_allocator *allocator = &network->allocator;
    const size_t n = rows->n, m = features->map->features;
    size_t phi_count, b_count;
    snnk_layer *layer = NULL;
    float *Phi = NULL;
    double *B = NULL;
    int st;

    if (!snnk__mul_size(n, m, &phi_count) || !snnk__mul_size(classes, m, &b_count) ||
        !snnk__add_size(b_count, classes, &b_count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows or %zu classes of %zu features overflow size_t", n,
                          classes, m);
    if ((st = snnk__alloc(allocator, phi_count, sizeof *Phi, "features", &Phi)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(allocator, b_count, sizeof *B, "Psi", &B)) != SNNK_OK) goto done;
    snnk__progress_begin_stage(progress, 0.1);
    if ((st = make_features(features, rows, Phi, workspace, progress)) != SNNK_OK) goto done;
    if ((st = start_from(network, allocator, classes, m, B)) != SNNK_OK) goto done;
    snnk__progress_begin_stage(progress, 0.9);
    st = snnk_logistic_solve(
        SNNK_ROWS(.n = n, .inputs = m, .X = Phi, .labels = rows->labels, .weights = rows->weights),
        classes, config, workspace, B, m, B + classes * m, report);
    if (st != SNNK_OK) goto done;
    st = snnk__layer_of_solution(features->map, classes, B, B + classes * m, &layer);
    if (st == SNNK_OK) st = snnk__fit_features_network(features, layer, fitted);
done:
    snnk_layer_free(layer);
    snnk__free(allocator, B);
    snnk__free(allocator, Phi);
    return st;
}

int snnk_network_fit_logistic(const snnk_network *network, const snnk_rows *rows, size_t classes,
                              const snnk_logistic_config *config, snnk_workspace *workspace,
                              snnk_logistic_report *report, snnk_network **fitted) {
    snnk_logistic_config ours;
    snnk__fit_features features;
    snnk_rows read;
    snnk__work work;
    int st;

    if ((st = snnk__check_pointer(fitted, "fitted")) != SNNK_OK) return st;
    *fitted = NULL;
    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    snnk_logistic_config_init(&ours, sizeof ours);
    st = snnk__config_read(&ours, sizeof ours, sizeof ours, config, "logistic config");
    if (st != SNNK_OK) return st;
    if (classes < 2)
        return snnk__fail(SNNK_E_SHAPE, "classes = %zu: at least 2 are needed", classes);
    if (!ours.allocator) ours.allocator = &network->allocator;
    if ((st = snnk__fit_features_of_network(network, &features)) != SNNK_OK) return st;
    st = snnk__rows_read(rows, snnk__fit_features_inputs(&features), classes, true, &read);
    if (st == SNNK_OK && read.n > 0) st = snnk__check_pointer(read.labels, "labels");
    if (st == SNNK_OK) st = snnk__rows_check_finite(&read);
    snnk__work_begin(workspace, 1, &work);
    if (st == SNNK_OK)
        st = fit(network, &features, &read, classes, &ours, workspace, &work.progress, report,
                 fitted);
    snnk__work_end(&work);
    snnk__fit_features_free(&features);
    return st;
}
