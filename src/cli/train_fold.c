#include "cli/train_fold.h"

#include <math.h>
#include <stdlib.h>

#include "cli/console.h"

bool train_can_scale_outputs(const snnk_network *network) {
    const snnk_layer *last = snnk_network_layer(network, snnk_network_layers(network) - 1);

    if (snnk_layer_get_kind(last) == SNNK_LAYER_RESIDUAL) return false;
    return snnk_layer_get_kind(last) != SNNK_LAYER_DENSE ||
           snnk_layer_activation(last) == SNNK_IDENTITY;
}

/* ---- Layers ---- */

/* Fold a scaling into a dense layer: W x' + b = (W scale) x + (b - W scale mean). */
static int fold_dense(const snnk_layer *layer, const column_scaling *s, snnk_layer **folded) {
    const size_t d = snnk_layer_inputs(layer), l = snnk_layer_outputs(layer);
    float *W = calloc(l, d * sizeof *W), *b = calloc(l, sizeof *b);
    int st = W && b ? snnk_layer_weights(layer, W, d, b) : SNNK_E_NOMEM;

    for (size_t o = 0; st == SNNK_OK && o < l; o++) {
        double bias = (double)b[o];

        for (size_t j = 0; j < d; j++) {
            const double w = (double)W[o * d + j] * s->scale[j];

            bias -= w * s->mean[j];
            W[o * d + j] = (float)w;
        }
        b[o] = (float)bias;
    }
    if (st == SNNK_OK)
        st = snnk_layer_create_dense(d, l, W, d, b, snnk_layer_activation(layer), NULL, folded);
    free(W);
    free(b);
    return st;
}

/* Fold a scaling into a map of one block of given rows. */
static int fold_map(const snnk_map *map, const column_scaling *s, snnk_map **folded) {
    const size_t d = snnk_map_inputs(map), r = snnk_map_block_row_count(map, 0);
    float *G = calloc(r, d * sizeof *G), *offsets = calloc(r, sizeof *offsets);
    snnk_scaling *scaling = NULL;
    snnk_map_config config;
    int st = G && offsets ? snnk_map_block_rows(map, 0, G, d, offsets) : SNNK_E_NOMEM;

    if (st == SNNK_OK) st = snnk_map_config_init(&config, sizeof config);
    if (st == SNNK_OK) st = snnk_map_block_config(map, 0, &config);
    if (st == SNNK_OK) st = snnk_scaling_create_given(d, s->mean, s->scale, NULL, &scaling);
    if (st == SNNK_OK)
        st = snnk_map_create_from_rows(d, r, G, d, offsets, &config, scaling, folded);
    snnk_scaling_free(scaling);
    free(G);
    free(offsets);
    return st;
}

static int fold_snnk(const snnk_layer *layer, const column_scaling *s, snnk_layer **folded) {
    const size_t m = snnk_layer_features(layer), l = snnk_layer_outputs(layer);
    float *Psi = calloc(l, m * sizeof *Psi), *bias = calloc(l, sizeof *bias);
    snnk_map *map = NULL;
    int st = Psi && bias ? snnk_layer_weights(layer, Psi, m, bias) : SNNK_E_NOMEM;

    if (st == SNNK_OK) st = fold_map(snnk_layer_map(layer), s, &map);
    if (st == SNNK_OK) st = snnk_layer_create(map, l, Psi, m, bias, folded);
    snnk_map_free(map);
    free(Psi);
    free(bias);
    return st;
}

/* Create a layer of the outputs y scale + shift. */
static int scale_outputs(const snnk_layer *layer, const double *scale, const double *shift,
                         snnk_layer **made) {
    const size_t l = snnk_layer_outputs(layer);
    float *V = calloc(l, l * sizeof *V), *c = calloc(l, sizeof *c);
    int st = V && c ? SNNK_OK : SNNK_E_NOMEM;

    for (size_t k = 0; st == SNNK_OK && k < l; k++) {
        V[k * l + k] = (float)scale[k];
        c[k] = (float)shift[k];
    }
    if (st == SNNK_OK) st = snnk_layer_fold(layer, l, V, l, c, made);
    free(V);
    free(c);
    return st;
}

/* ---- Networks ---- */

/* Create a network of the layers of another one, the first and the last replaced where they are not
 * NULL, with its notes and its encoder. */
static int rebuild(const snnk_network *from, const snnk_layer *first, const snnk_layer *last,
                   snnk_network **made) {
    const size_t n = snnk_network_layers(from);
    int st = snnk_network_create(NULL, made);

    for (size_t k = 0; st == SNNK_OK && k < n; k++) {
        const snnk_layer *layer = snnk_network_layer(from, k);

        if (k == 0 && first) layer = first;
        if (k == n - 1 && last) layer = last;
        st = snnk_network_append(*made, layer);
    }
    for (size_t k = 0; st == SNNK_OK && k < snnk_network_notes(from); k++) {
        const char *key = snnk_network_note_key(from, k);

        st = snnk_network_set_note(*made, key, snnk_network_note(from, key));
    }
    if (st == SNNK_OK) st = snnk_network_set_encoder(*made, snnk_network_encoder(from));
    return st;
}

static int report(const char *command, int st) {
    if (st == SNNK_OK) return EXIT_OK;
    return st == SNNK_E_NOMEM ? failed(command, "out of memory") : library_failed(command);
}

int train_unfold(const char *command, const snnk_network *network, const column_scaling *targets,
                 snnk_network **made) {
    const size_t l = snnk_network_outputs(network);
    const snnk_layer *end = snnk_network_layer(network, snnk_network_layers(network) - 1);
    double *shift = calloc(l, sizeof *shift);
    snnk_layer *last = NULL;
    int st = shift ? SNNK_OK : SNNK_E_NOMEM;

    for (size_t k = 0; st == SNNK_OK && k < l; k++)
        shift[k] = -targets->mean[k] * targets->scale[k];
    if (st == SNNK_OK) st = scale_outputs(end, targets->scale, shift, &last);
    if (st == SNNK_OK) st = rebuild(network, NULL, last, made);
    snnk_layer_free(last);
    free(shift);
    return report(command, st);
}

static int fold_first(const snnk_layer *layer, const column_scaling *inputs, snnk_layer **first) {
    return snnk_layer_get_kind(layer) == SNNK_LAYER_DENSE ? fold_dense(layer, inputs, first)
                                                          : fold_snnk(layer, inputs, first);
}

/* layer: the last one */
static int fold_last(const snnk_layer *layer, const column_scaling *targets, snnk_layer **last) {
    const size_t l = snnk_layer_outputs(layer);
    double *scale = calloc(l, sizeof *scale);
    int st = scale ? SNNK_OK : SNNK_E_NOMEM;

    for (size_t k = 0; st == SNNK_OK && k < l; k++) scale[k] = 1 / targets->scale[k];
    if (st == SNNK_OK) st = scale_outputs(layer, scale, targets->mean, last);
    free(scale);
    return st;
}

int train_fold(const char *command, const snnk_network *network, const column_scaling *inputs,
               const column_scaling *targets, snnk_network **made) {
    const size_t n = snnk_network_layers(network);
    const snnk_layer *begin = snnk_network_layer(network, 0);
    snnk_layer *first = NULL, *last = NULL;
    int st = SNNK_OK;

    if (inputs->mean) st = fold_first(begin, inputs, &first);
    if (st == SNNK_OK && targets->mean)
        st =
            fold_last(n == 1 && first ? first : snnk_network_layer(network, n - 1), targets, &last);
    if (st == SNNK_OK) st = rebuild(network, first, last, made);
    snnk_layer_free(first);
    snnk_layer_free(last);
    return report(command, st);
}

/* ---- Checking ---- */

enum { CHECKED_ROWS = 256 };

/* How far folded outputs may be off, in standard deviations of the target, or as a share of the
 * largest score of a class. Float has 7 digits. */
#define TOLERANCE 0.01

/* Compare scaled outputs Y of n rows with those of the folded network, F. */
static bool agree(size_t n, size_t l, const double *Y, const double *F,
                  const column_scaling *targets) {
    double largest = 1;

    for (size_t i = 0; i < n * l && !targets->mean; i++) largest = fmax(largest, fabs(Y[i]));
    for (size_t i = 0; i < n * l; i++) {
        const size_t k = i % l;
        const double f = targets->mean ? (F[i] - targets->mean[k]) * targets->scale[k] : F[i];

        if (!(fabs(f - Y[i]) <= TOLERANCE * fmax(largest, fabs(Y[i])))) return false;
    }
    return true;
}

/* Whether it is a target whose mean float cannot hold well enough. */
static bool is_target(size_t l, const column_scaling *targets) {
    bool large = false;

    for (size_t k = 0; targets->mean && k < l; k++)
        large |= fabs(targets->mean[k] * targets->scale[k]) * 0x1p-24 > TOLERANCE / 2;
    return large;
}

int train_fold_check(const char *command, dataset *data, const train_rows *rows,
                     const snnk_network *before, const snnk_network *folded,
                     snnk_workspace *workspace) {
    const size_t d = data->n_inputs, l = snnk_network_outputs(before),
                 n = data->rows < CHECKED_ROWS ? data->rows : CHECKED_ROWS;
    double *X = calloc(n, d * sizeof *X), *Y = calloc(n, l * sizeof *Y),
           *F = calloc(n, l * sizeof *F);
    int st = X && Y && F ? SNNK_OK : SNNK_E_NOMEM;
    bool same = true;

    if (st == SNNK_OK) st = dataset_read(data, 0, n, X);
    if (st == SNNK_OK) st = snnk_network_forward_f64(folded, n, X, d, F, l, workspace);
    for (size_t i = 0; st == SNNK_OK && rows->inputs.mean && i < n * d; i++)
        X[i] = (X[i] - rows->inputs.mean[i % d]) * rows->inputs.scale[i % d];
    if (st == SNNK_OK) st = snnk_network_forward_f64(before, n, X, d, Y, l, workspace);
    if (st == SNNK_OK) same = agree(n, l, Y, F, &rows->targets);
    free(X);
    free(Y);
    free(F);
    if (!same)
        return failed(command,
                      "%s: %s is so large, compared with how it varies, that a network in float "
                      "loses the difference: subtract its mean first",
                      is_target(l, &rows->targets) ? data->targets_path : data->path,
                      is_target(l, &rows->targets) ? "a target" : "a column");
    return report(command, st);
}
