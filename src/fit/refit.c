/* The last Psi of a network, fitted again: rows run through the layers before it, a block at a time. */
#include <snnk/fit.h>

#include <string.h>

#include "base/size.h"
#include "network/network.h"

#define BLOCK_ROWS 1024

struct snnk_refit {
    snnk_allocator allocator;
    snnk_network *lower; /* all layers but the last; none where the network has one */
    snnk_network *notes; /* of the network; no layers */
    snnk_map *map;       /* of the last layer, on what `lower` gives */
    snnk_fit *fit;
    float *hidden; /* BLOCK_ROWS x the map's inputs; NULL without `lower` layers */
};

/* ---- The parts of a network ---- */

/* *part = the first n layers. */
static int take_layers(const snnk_network *network, size_t n, snnk_network **part) {
    snnk_network *made;
    int st;

    if ((st = snnk_network_create(&network->allocator, &made)) != SNNK_OK) return st;
    for (size_t k = 0; st == SNNK_OK && k < n; k++)
        st = snnk_network_append(made, network->layers[k]);
    if (st == SNNK_OK)
        *part = made;
    else
        snnk_network_free(made);
    return st;
}

/* The network of `lower`, `last` and the notes. */
static int assemble(const snnk_refit *refit, const snnk_layer *last, snnk_network **network) {
    snnk_network *made;
    int st = take_layers(refit->lower, refit->lower->n_layers, &made);

    if (st != SNNK_OK) return st;
    if ((st = snnk_network_append(made, last)) == SNNK_OK)
        st = snnk__network_copy_notes(refit->notes, made);
    if (st == SNNK_OK)
        *network = made;
    else
        snnk_network_free(made);
    return st;
}

/* What both kinds of fit need. */
static int prepare(const snnk_network *network, snnk_refit **refit) {
    snnk_refit *made = NULL;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    const size_t n = network->n_layers - 1;
    st = snnk__alloc_zero(&network->allocator, 1, sizeof *made, "a fit", &made);
    if (st != SNNK_OK) return st;
    made->allocator = network->allocator;
    if ((st = snnk__layer_readout_map(network->layers[n], &made->map)) != SNNK_OK) goto done;
    if ((st = take_layers(network, n, &made->lower)) != SNNK_OK) goto done;
    if ((st = snnk_network_create(&made->allocator, &made->notes)) != SNNK_OK) goto done;
    if ((st = snnk__network_copy_notes(network, made->notes)) != SNNK_OK) goto done;
    if (n > 0)
        st = snnk__alloc(&made->allocator, snnk_map_inputs(made->map), BLOCK_ROWS * sizeof(float),
                         "hidden rows", &made->hidden);
    if (st != SNNK_OK) goto done;
    *refit = made;
    made = NULL;
done:
    snnk_refit_free(made);
    return st;
}

void snnk_refit_free(snnk_refit *refit) {
    if (!refit) return;
    const snnk_allocator allocator = refit->allocator;
    snnk_network_free(refit->lower);
    snnk_network_free(refit->notes);
    snnk_fit_free(refit->fit);
    snnk_map_free(refit->map);
    snnk__free(&allocator, refit->hidden);
    snnk__free(&allocator, refit);
}

/* Inputs of the map, rows of its inputs: X itself, or what the lower layers make of it. */
static int lower_rows(const snnk_refit *refit, size_t n, const float *X, size_t ldx,
                      snnk_workspace *workspace, const float **rows, size_t *ld) {
    if (!refit->hidden) {
        *rows = X;
        *ld = ldx;
        return SNNK_OK;
    }
    *rows = refit->hidden;
    *ld = snnk_map_inputs(refit->map);
    return snnk_network_forward(refit->lower, n, X, ldx, refit->hidden, *ld, workspace);
}

static size_t inputs_of(const snnk_refit *refit) {
    return refit->hidden ? snnk_network_inputs(refit->lower) : snnk_map_inputs(refit->map);
}

/* ---- Least squares ---- */

int snnk_refit_create(const snnk_network *network, size_t outputs, const snnk_fit_config *config,
                      snnk_refit **refit) {
    snnk_refit *made;
    int st;

    if ((st = snnk__check_pointer(refit, "refit")) != SNNK_OK) return st;
    *refit = NULL;
    if ((st = prepare(network, &made)) != SNNK_OK) return st;
    if (outputs == 0) outputs = snnk_network_outputs(network);
    st = snnk_fit_create(made->map, outputs, config, &made->fit);
    if (st == SNNK_OK)
        *refit = made;
    else
        snnk_refit_free(made);
    return st;
}

static int add_block(snnk_refit *refit, size_t first, size_t n, const float *X, size_t ldx,
                     const float *Y, size_t ldy, const int32_t *labels, const float *weights,
                     snnk_workspace *workspace) {
    const float *rows;
    size_t ld;
    const int st = lower_rows(refit, n, X + first * ldx, ldx, workspace, &rows, &ld);

    if (st != SNNK_OK) return st;
    return snnk_fit_add_weighted(refit->fit, n, rows, ld, Y ? Y + first * ldy : NULL, ldy,
                                 labels ? labels + first : NULL, weights ? weights + first : NULL,
                                 workspace);
}

int snnk_refit_add(snnk_refit *refit, size_t n, const float *X, size_t ldx, const float *Y,
                   size_t ldy, const int32_t *labels, const float *weights,
                   snnk_workspace *workspace) {
    int st;

    if ((st = snnk__check_pointer(refit, "refit")) != SNNK_OK) return st;
    const size_t d = inputs_of(refit);
    if ((st = snnk__check_matrix(X, "X", n, d, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(X, "X", n, d, ldx)) != SNNK_OK) return st;
    for (size_t first = 0; first < n; first += BLOCK_ROWS) {
        const size_t count = snnk__min_size(BLOCK_ROWS, n - first);

        st = add_block(refit, first, count, X, ldx, Y, ldy, labels, weights, workspace);
        if (st != SNNK_OK)
            return n > BLOCK_ROWS ? snnk__fail_within(st, "the rows from %zu on", first) : st;
    }
    return SNNK_OK;
}

int snnk_refit_solve(snnk_refit *refit, snnk_workspace *workspace, snnk_fit_report *report,
                     snnk_network **refitted) {
    snnk_layer *layer;
    int st;

    if ((st = snnk__check_pointer(refitted, "refitted")) != SNNK_OK) return st;
    *refitted = NULL;
    if ((st = snnk__check_pointer(refit, "refit")) != SNNK_OK) return st;
    if ((st = snnk_fit_solve(refit->fit, workspace, report, &layer)) != SNNK_OK) return st;
    st = assemble(refit, layer, refitted);
    snnk_layer_free(layer);
    return st;
}

/* ---- Cross-entropy ---- */

/* Phi (n x m) of rows X. */
static int make_features(const snnk_refit *refit, size_t n, const float *X, size_t ldx, float *Phi,
                         snnk_workspace *workspace) {
    const size_t m = snnk_map_features(refit->map);

    for (size_t first = 0; first < n; first += BLOCK_ROWS) {
        const size_t count = snnk__min_size(BLOCK_ROWS, n - first);
        const float *rows;
        size_t ld;
        int st = lower_rows(refit, count, X + first * ldx, ldx, workspace, &rows, &ld);

        if (st == SNNK_OK)
            st = snnk_map_input_tower(refit->map, count, rows, ld, Phi + first * m, m, workspace);
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

/* B (classes x m), and b behind it, where a warm start begins: the last weights and bias if they have that
 * shape, else zeros. Psi: as many floats of scratch. */
static int start_from(const snnk_network *network, size_t classes, size_t m, float *Psi,
                      double *B) {
    const snnk_layer *last = network->layers[network->n_layers - 1];
    const size_t count = classes * (m + 1);

    memset(Psi, 0, count * sizeof *Psi);
    if (last->columns == m && last->outputs == classes) {
        const int st = snnk_layer_weights(last, Psi, m, Psi + classes * m);

        if (st != SNNK_OK) return st;
    }
    for (size_t i = 0; i < count; i++) B[i] = Psi[i];
    return SNNK_OK;
}

/* The layer of B (classes x m) and b. Psi: classes x m + classes floats of scratch. */
static int layer_of(const snnk_map *map, size_t classes, const double *B, const double *b,
                    float *Psi, snnk_layer **layer) {
    const size_t m = snnk_map_features(map);
    float *bias = Psi + classes * m;

    for (size_t i = 0; i < classes * m; i++) Psi[i] = (float)B[i];
    for (size_t i = 0; i < classes; i++) bias[i] = (float)b[i];
    return snnk_layer_create(map, classes, Psi, m, bias, layer);
}

int snnk_network_refit_logistic(const snnk_network *network, size_t classes, size_t n,
                                const float *X, size_t ldx, const int32_t *labels,
                                const float *weights, const snnk_logistic_config *config,
                                snnk_workspace *workspace, snnk_logistic_report *report,
                                snnk_network **refitted) {
    snnk_logistic_config ours;
    snnk_refit *refit = NULL;
    snnk_layer *layer = NULL;
    float *Phi = NULL, *Psi = NULL;
    double *B = NULL;
    size_t numbers, rows;
    int st;

    if ((st = snnk__check_pointer(refitted, "refitted")) != SNNK_OK) return st;
    *refitted = NULL;
    snnk_logistic_config_init(&ours, sizeof ours);
    st = snnk__config_read(&ours, sizeof ours, sizeof ours, config, "logistic config");
    if (st != SNNK_OK) return st;
    if (classes < 2)
        return snnk__fail(SNNK_E_SHAPE, "classes = %zu: at least 2 are needed", classes);
    if ((st = snnk__check_labels(n, labels, classes)) != SNNK_OK) return st;
    if ((st = prepare(network, &refit)) != SNNK_OK) return st;
    if (!ours.allocator) ours.allocator = &refit->allocator;
    const snnk_allocator *allocator = &refit->allocator;
    const size_t m = snnk_map_features(refit->map), d = inputs_of(refit);
    if ((st = snnk__check_matrix(X, "X", n, d, ldx, sizeof *X)) != SNNK_OK) goto done;
    if ((st = snnk__check_finite(X, "X", n, d, ldx)) != SNNK_OK) goto done;
    if (!snnk__mul_size(n, m, &rows) || !snnk__mul_size(classes, m, &numbers) ||
        !snnk__add_size(numbers, classes, &numbers)) {
        st = snnk__fail(SNNK_E_SIZE, "%zu rows or %zu classes of %zu features overflow size_t", n,
                        classes, m);
        goto done;
    }
    if ((st = snnk__alloc(allocator, rows, sizeof *Phi, "features", &Phi)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, numbers, sizeof *B, "Psi", &B)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, numbers, sizeof *Psi, "Psi", &Psi)) != SNNK_OK) goto done;
    if ((st = make_features(refit, n, X, ldx, Phi, workspace)) != SNNK_OK) goto done;
    if ((st = start_from(network, classes, m, Psi, B)) != SNNK_OK) goto done;
    st = snnk_logistic_solve(n, m, classes, Phi, m, labels, weights, &ours, B, m, B + classes * m,
                             report);
    if (st != SNNK_OK) goto done;
    st = layer_of(refit->map, classes, B, B + classes * m, Psi, &layer);
    if (st == SNNK_OK) st = assemble(refit, layer, refitted);
done:
    snnk_layer_free(layer);
    snnk__free(allocator, Psi);
    snnk__free(allocator, B);
    snnk__free(allocator, Phi);
    snnk_refit_free(refit);
    return st;
}
