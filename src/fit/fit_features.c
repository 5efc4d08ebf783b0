#include "fit/fit_features.h"

#include <math.h>

void snnk__fit_features_of_map(const snnk_map *map, snnk__fit_features *features) {
    *features = (snnk__fit_features){.map = snnk_map_retain(map)};
}

/* Set *part to the first n layers, and the notes. */
static int take_layers(const snnk_network *network, size_t n, snnk_network **part) {
    snnk_network *made;
    int st;

    *part = NULL;
    if ((st = snnk_network_create(&network->allocator, &made)) != SNNK_OK) return st;
    for (size_t k = 0; st == SNNK_OK && k < n; k++)
        st = snnk_network_append(made, network->layers[k]);
    if (st == SNNK_OK) st = snnk__network_copy_notes(network, made);
    if (st == SNNK_OK)
        *part = made;
    else
        snnk_network_free(made);
    return st;
}

int snnk__fit_features_of_network(const snnk_network *network, snnk__fit_features *features) {
    snnk__fit_features made = {0};
    snnk_map *map;
    int st;

    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    const size_t n = network->n_layers - 1;
    if ((st = snnk__layer_readout_map(network->layers[n], &map)) != SNNK_OK) goto done;
    made.map = map;
    if ((st = take_layers(network, n, &made.lower)) != SNNK_OK) goto done;
    if (n > 0)
        st = snnk__alloc(&network->allocator, made.map->inputs,
                         SNNK__FIT_BLOCK_ROWS * sizeof(float), "hidden rows", &made.hidden);
done:
    if (st == SNNK_OK)
        *features = made;
    else
        snnk__fit_features_free(&made);
    return st;
}

void snnk__fit_features_free(const snnk__fit_features *features) {
    if (features->hidden) snnk__free(&features->lower->allocator, features->hidden);
    snnk_network_free(features->lower);
    snnk_map_free((snnk_map *)features->map);
}

size_t snnk__fit_features_inputs(const snnk__fit_features *features) {
    return features->hidden ? snnk_network_inputs(features->lower) : features->map->inputs;
}

bool snnk__fit_features_cannot_overflow(const snnk__fit_features *features, const snnk_rows *rows) {
    return !features->hidden && rows->X &&
           snnk__map_cannot_overflow(features->map, rows->n, rows->X, rows->ldx);
}

/* ---- Centering ---- */

/* A column is centered if its mean is more than MANY times its spread: then its floats have an
 * error of more than 1e-6 of the spread. A column that has not varied yet is centered if it is
 * LARGE, which leaves constants like 0, 1 and 0.1 as they are. All other columns keep their origin,
 * so that rows in double and the same rows in float give the same model. */
#define MANY  16
#define LARGE 1024

/* Set mean[j] to what column j is centered on, 0 for none. Returns whether some column is. */
static bool find_center(const snnk_rows *rows, double *mean) {
    const snnk__numbers X = snnk__rows_inputs(rows);
    bool any = false;

    for (size_t j = 0; j < rows->inputs; j++) {
        const double first = snnk__number(&X, 0, j);
        double squares = 0;

        mean[j] = 0;
        for (size_t i = 0; i < rows->n; i++) {
            /* Welford's update, from the first row on, so that a constant is exact. */
            const double x = snnk__number(&X, i, j) - first, delta = x - mean[j];

            mean[j] += delta / (double)(i + 1);
            squares += delta * (x - mean[j]);
        }
        mean[j] += first;
        const double spread = sqrt(squares / (double)rows->n);
        if (fabs(mean[j]) <= (spread > 0 ? MANY * spread : LARGE)) mean[j] = 0;
        any |= mean[j] != 0;
    }
    return any;
}

int snnk__fit_features_center(snnk__fit_features *features, const snnk_rows *rows) {
    const snnk_allocator allocator = features->map->allocator; /* the map may be freed below */
    double *mean = NULL;
    snnk_map *centered;
    int st;

    if (!rows->X_f64 || features->lower || !snnk__map_may_center(features->map)) return SNNK_OK;
    st = snnk__alloc(&allocator, rows->inputs, sizeof *mean, "means", &mean);
    if (st != SNNK_OK) return st;
    if (find_center(rows, mean)) {
        st = snnk__map_center(features->map, mean, &centered);
        if (st == SNNK_OK) {
            snnk_map_free((snnk_map *)features->map);
            features->map = centered;
        }
    }
    snnk__free(&allocator, mean);
    return st;
}

/* ---- Features ---- */

/* first: the number of row 0 of X, for the error sentence. */
static int check_finite(size_t n, size_t columns, const float *X, const char *what, size_t first) {
    for (size_t i = 0; i < n; i++)
        if (!snnk__all_below(X + i * columns, 1, columns, columns, INFINITY))
            return snnk__fail(SNNK_E_NONFINITE, "%s of row %zu overflows float", what, first + i);
    return SNNK_OK;
}

int snnk__fit_features_make(const snnk__fit_features *features, const snnk_rows *rows, size_t first,
                            float *Phi, snnk_workspace *workspace) {
    const size_t n = rows->n, width = features->map->inputs, m = features->map->features;
    snnk__numbers X = snnk__rows_inputs(rows);
    int st;

    if (features->hidden) {
        st =
            snnk__network_outputs(features->lower, n, &X, features->hidden, NULL, width, workspace);
        if (st != SNNK_OK) return st;
        X = (snnk__numbers){.f32 = features->hidden, .ld = width};
        st = check_finite(n, width, X.f32, "an output of the layers below the last one", first);
        if (st != SNNK_OK) return st;
    }
    st = snnk__map_input_tower(features->map, n, &X, Phi, m, workspace);
    return st == SNNK_OK ? check_finite(n, m, Phi, "a feature", first) : st;
}

int snnk__fit_features_network(const snnk__fit_features *features, const snnk_layer *last,
                               snnk_network **network) {
    snnk_network *made;
    int st;

    *network = NULL;
    if (features->lower)
        st = take_layers(features->lower, features->lower->n_layers, &made);
    else
        st = snnk_network_create(&last->allocator, &made);
    if (st != SNNK_OK) return st;
    if ((st = snnk_network_append(made, last)) == SNNK_OK)
        *network = made;
    else
        snnk_network_free(made);
    return st;
}
