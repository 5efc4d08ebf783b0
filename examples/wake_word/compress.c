#include "compress.h"

#include <cblas.h>
#include <lapacke.h>

#include "check.h"
#include "data.h"

enum {
    RUN = 650,        /* about the rows of one voice, which are held out together */
    TUNE_EPOCHS = 15, /* passes over the rows and their blends */
};

/* Returns W, and the bias in *bias. */
static float *weights_of(const snnk_layer *layer, float **bias) {
    const size_t d = snnk_layer_inputs(layer), l = snnk_layer_outputs(layer);
    float *W = allocate(d * l, sizeof *W);

    *bias = allocate(l, sizeof **bias);
    CHECK(snnk_layer_weights(layer, W, d, *bias));
    return W;
}

static snnk_network *network_of(snnk_layer *layer) {
    snnk_network *network;

    CHECK(snnk_network_create(NULL, &network));
    CHECK(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    return network;
}

/* ---- Weighting errors by their effect on the score ---- */

/* The gradient of the score with respect to the outputs of the first layer, at each row:
 * W1^T (w2, 0 for neurons of the second layer that are off). n x h. */
static float *slopes_of(const snnk_network *original, size_t n, const float *X,
                        snnk_workspace *workspace) {
    const snnk_layer *second = snnk_network_layer(original, 1);
    const size_t h = snnk_layer_inputs(second), l = snnk_layer_outputs(second);
    float *on = allocate(n * l, sizeof *on), *slopes = allocate(n * h, sizeof *slopes);
    float *b1, *b2, *W1 = weights_of(second, &b1);
    float *w2 = weights_of(snnk_network_layer(original, 2), &b2);
    snnk_network *hidden;

    CHECK(snnk_network_create(NULL, &hidden));
    CHECK(snnk_network_append(hidden, snnk_network_layer(original, 0)));
    CHECK(snnk_network_append(hidden, second));
    CHECK(snnk_network_forward(hidden, n, X, snnk_network_inputs(original), on, l, workspace));
    for (size_t i = 0; i < n * l; i++) on[i] = on[i] > 0 ? w2[i % l] : 0;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)h, (int)l, 1, on, (int)l,
                W1, (int)h, 0, slopes, (int)h);
    snnk_network_free(hidden);
    free(w2);
    free(W1);
    free(b2);
    free(b1);
    free(on);
    return slopes;
}

/* The Cholesky factor U (upper triangular, h x h) of the mean of slope slope^T. A thousandth of the
 * mean diagonal is added to the diagonal: otherwise U would be singular if a neuron has no
 * slope. */
static float *root_of_slopes(const snnk_network *original, size_t n, const float *X,
                             snnk_workspace *workspace) {
    const size_t h = snnk_layer_outputs(snnk_network_layer(original, 0));
    float *slopes = slopes_of(original, n, X, workspace);
    float *U = allocate(h * h, sizeof *U), trace = 0;

    cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)h, (int)n, 1 / (float)n, slopes, (int)h,
                0, U, (int)h);
    for (size_t j = 0; j < h; j++) trace += U[j * h + j];
    for (size_t j = 0; j < h; j++) U[j * h + j] += 1e-3F * trace / (float)h;
    if (LAPACKE_spotrf(LAPACK_ROW_MAJOR, 'U', (lapack_int)h, U, (lapack_int)h) != 0) {
        fprintf(stderr, "the scores do not depend on the outputs of the first layer\n");
        exit(1);
    }
    free(slopes);
    return U;
}

snnk_network *weigh_by_slopes(const snnk_network *original, size_t n, const float *X,
                              snnk_workspace *workspace) {
    const snnk_layer *second = snnk_network_layer(original, 1);
    const size_t h = snnk_layer_inputs(second), l = snnk_layer_outputs(second);
    float *b1, *W1 = weights_of(second, &b1), *U = root_of_slopes(original, n, X, workspace);
    snnk_network *weighed;

    cblas_strsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)l, (int)h,
                1, U, (int)h, W1, (int)h); /* W1 U^-1 */
    CHECK(snnk_network_create(NULL, &weighed));
    CHECK(snnk_network_append(weighed, snnk_network_layer(original, 0)));
    append_dense(weighed, h, h, U, NULL, SNNK_IDENTITY);
    append_dense(weighed, h, l, W1, b1, SNNK_RELU);
    CHECK(snnk_network_append(weighed, snnk_network_layer(original, 2)));
    free(U);
    free(W1);
    free(b1);
    return weighed;
}

/* ---- Compressing ---- */

/* Refining turns the linear features of a student into relu ones. That explains hardly more, but it
 * runs faster, because one block of features remains instead of two. */
static snnk_distill_config config_of(int32_t tier) {
    snnk_distill_config config;

    CHECK(snnk_distill_config_init(&config, sizeof config));
    config.heldout_block_rows = RUN;
    config.tier = tier;
    return config;
}

/* The numbers of features are given instead of a budget, because a budget counts parameters before
 * bundling. There a feature of the second layer takes more than a hundred; after bundling it takes
 * as many as the first layer has features, plus two. */
snnk_network *compress(const snnk_network *network, int32_t tier, const size_t features[2],
                       size_t n, const float *X, snnk_workspace *workspace,
                       snnk_distill_report reports[2]) {
    const snnk_distill_config config = config_of(tier);
    const size_t layers = snnk_network_layers(network);
    size_t of_layers[4] = {features[0]};
    snnk_compression *compression;
    snnk_network *compressed, *bundled;

    of_layers[layers - 2] = features[1];
    CHECK(snnk_network_compress(network, SNNK_ROWS(.n = n, .X = X), of_layers, NULL, &config,
                                workspace, &compression, &compressed));
    for (size_t k = 0; k < 2; k++) {
        reports[k].size = sizeof reports[k];
        CHECK(snnk_compression_distilled(compression, k, &reports[k]));
    }
    CHECK(snnk_network_bundle(compressed, 0, 1, &bundled));
    snnk_network_free(compressed);
    snnk_compression_free(compression);
    return bundled;
}

/* A network with the layers of another one. */
static snnk_network *copy_of(const snnk_network *network) {
    snnk_network *copy;

    CHECK(snnk_network_create(NULL, &copy));
    for (size_t k = 0; k < snnk_network_layers(network); k++)
        CHECK(snnk_network_append(copy, snnk_network_layer(network, k)));
    return copy;
}

/* Refining first would take longer than tuning. */
snnk_network *compress_and_tune(const snnk_network *network, const size_t features[2], size_t n,
                                const float *X, snnk_workspace *workspace, snnk_network **small) {
    const snnk_distill_config distill = config_of(SNNK_DISTILL_SELECTED);
    const size_t of_layers[3] = {features[0], features[1], 0};
    snnk_compress_config config;
    snnk_compression *compression;
    snnk_network *compressed, *bundled;

    CHECK(snnk_compress_config_init(&config, sizeof config));
    config.tune_epochs = TUNE_EPOCHS;
    CHECK(snnk_network_compress(network, SNNK_ROWS(.n = n, .X = X), of_layers, &config, &distill,
                                workspace, small ? &compression : NULL, &compressed));
    CHECK(snnk_network_bundle(compressed, 0, 1, &bundled));
    snnk_network_free(compressed);
    if (!small) return bundled;
    *small = copy_of(snnk_compression_small(compression));
    snnk_compression_free(compression);
    return bundled;
}

/* ---- Simpler models ---- */

/* The neurons relu(W x + b) of a layer as a map. */
static snnk_map *neurons_of(const snnk_layer *layer) {
    const size_t d = snnk_layer_inputs(layer);
    float *bias, *W = weights_of(layer, &bias);
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_RELU;
    CHECK(snnk_map_create_from_rows(d, snnk_layer_outputs(layer), W, d, bias, &config, NULL, &map));
    free(bias);
    free(W);
    return map;
}

snnk_distill *distill_whole(const snnk_network *original, size_t n, const float *X,
                            const float *scores, snnk_workspace *workspace) {
    const snnk_distill_config config = config_of(SNNK_DISTILL_REFINED);
    snnk_map *neurons = neurons_of(snnk_network_layer(original, 0));
    snnk_distill *distill;

    CHECK(snnk_distill_create_from_samples(neurons, 1, SNNK_ROWS(.n = n, .X = X, .Y = scores),
                                           &config, workspace, &distill));
    snnk_map_free(neurons);
    return distill;
}

snnk_network *one_layer(const snnk_distill *distill, size_t features, snnk_workspace *workspace,
                        snnk_distill_report *report) {
    snnk_layer *layer;

    report->size = sizeof *report;
    CHECK(snnk_distill_solve(distill, features, workspace, report, &layer));
    return network_of(layer);
}

/* The result is a dense layer, which has no identity features to compute. */
snnk_network *linear_map(size_t inputs, size_t n, const float *X, const float *y,
                         snnk_workspace *workspace) {
    snnk_map_config config;
    snnk_map *map;
    snnk_fit *fit;
    snnk_layer *fitted;
    snnk_network *network;
    float *w, *b;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    CHECK(snnk_map_create(inputs, &config, NULL, &map));
    CHECK(snnk_fit_create(map, 1, NULL, &fit));
    CHECK(snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = X, .ldx = inputs, .Y = y, .ldy = 1), workspace));
    CHECK(snnk_fit_solve(fit, workspace, NULL, &fitted));
    w = weights_of(fitted, &b);
    CHECK(snnk_network_create(NULL, &network));
    append_dense(network, inputs, 1, w, b, SNNK_IDENTITY);
    free(w);
    free(b);
    snnk_layer_free(fitted);
    snnk_fit_free(fit);
    snnk_map_free(map);
    return network;
}

snnk_network *as_towers(const snnk_network *original) {
    const snnk_layer *last = snnk_network_layer(original, 2);
    float *bias, *Psi = weights_of(last, &bias);
    snnk_map *map = neurons_of(snnk_network_layer(original, 0));
    snnk_layer *layer;
    snnk_network *towers;

    CHECK(snnk_layer_create_tower(map, &layer));
    towers = network_of(layer);
    snnk_map_free(map);
    map = neurons_of(snnk_network_layer(original, 1));
    CHECK(snnk_layer_create(map, 1, Psi, snnk_layer_inputs(last), bias, &layer));
    CHECK(snnk_network_append(towers, layer));
    snnk_layer_free(layer);
    snnk_map_free(map);
    free(bias);
    free(Psi);
    return towers;
}
