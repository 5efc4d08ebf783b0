#include "compress.h"

#include <math.h>
#include <string.h>

#include "check.h"

/* ---- Layers ---- */

static snnk_layer *fit_layer(const snnk_map *map, size_t outputs, size_t n, const float *X,
                             const float *Y, snnk_workspace *workspace) {
    snnk_fit *fit;
    snnk_layer *layer;

    CHECK(snnk_fit_create(map, outputs, NULL, &fit));
    CHECK(snnk_fit_add(fit, n, X, snnk_map_inputs(map), Y, outputs, workspace));
    CHECK(snnk_fit_solve(fit, workspace, NULL, &layer));
    snnk_fit_free(fit);
    return layer;
}

snnk_layer *fit_linear(size_t outputs, size_t n, const float *X, const float *Y,
                       snnk_workspace *workspace) {
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *layer;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    CHECK(snnk_map_create(INPUTS, &config, NULL, &map));
    layer = fit_layer(map, outputs, n, X, Y, workspace);
    snnk_map_free(map);
    return layer;
}

static snnk_network *refit(const snnk_network *network, size_t n, const float *X, const float *y,
                           snnk_workspace *workspace) {
    snnk_refit *fit;
    snnk_network *refitted;

    CHECK(snnk_refit_create(network, 0, NULL, &fit));
    CHECK(snnk_refit_add(fit, n, X, INPUTS, y, 1, NULL, NULL, workspace));
    CHECK(snnk_refit_solve(fit, workspace, NULL, &refitted));
    snnk_refit_free(fit);
    return refitted;
}

/* H = relu(W X + b), n x outputs. */
static float *hidden_outputs(const dense *of, size_t n, const float *X, snnk_workspace *workspace) {
    float *H = allocate(n * of->outputs, sizeof *H);
    snnk_layer *layer;

    CHECK(snnk_layer_dense(of->inputs, of->outputs, of->W, of->inputs, of->bias, SNNK_RELU, NULL,
                           &layer));
    CHECK(snnk_layer_forward(layer, n, X, of->inputs, H, of->outputs, workspace));
    snnk_layer_free(layer);
    return H;
}

/* ---- Which neurons ---- */

/* Moments = mean of a a^T over the rows of A (n x HIDDEN), about their means or about 0. */
static void second_moments(size_t n, const float *A, int centred, double *moments) {
    double means[HIDDEN] = {0};

    for (size_t i = 0; i < n && centred; i++)
        for (size_t j = 0; j < HIDDEN; j++) means[j] += A[i * HIDDEN + j] / (double)n;
    memset(moments, 0, HIDDEN * HIDDEN * sizeof *moments);
    for (size_t i = 0; i < n; i++) {
        double a[HIDDEN];

        for (size_t j = 0; j < HIDDEN; j++) a[j] = A[i * HIDDEN + j] - means[j];
        for (size_t j = 0; j < HIDDEN; j++) {
            if (a[j] == 0) continue;
            for (size_t k = 0; k < HIDDEN; k++) moments[j * HIDDEN + k] += a[j] * a[k] / (double)n;
        }
    }
}

/* What a neuron matters: its standard deviation times the root mean square of the output's slope in
 * it. */
static void sort_neurons(const double *moments, const double *slopes, size_t *order) {
    double strength[HIDDEN];

    for (size_t j = 0; j < HIDDEN; j++) {
        strength[j] = moments[j * HIDDEN + j] * slopes[j * HIDDEN + j];
        size_t at = j;
        for (; at > 0 && strength[order[at - 1]] < strength[j]; at--) order[at] = order[at - 1];
        order[at] = j;
    }
}

/* The slopes of the output in the first layer's outputs, at each row: W_2^T (w_3 where z_2 > 0). */
static float *slopes_of_first(const perceptron *original, size_t n, const float *H1) {
    const dense *second = &original->hidden[1];
    float *slopes = allocate(n * HIDDEN, sizeof *slopes);

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < HIDDEN; j++) {
            if (H1[i * HIDDEN + j] <= 0) continue;
            for (size_t k = 0; k < HIDDEN; k++)
                slopes[i * HIDDEN + k] += original->output.W[j] * second->W[j * HIDDEN + k];
        }
    return slopes;
}

/* ---- Which lines ---- */

/* Make column c of U (HIDDEN x MAX_LINES) orthogonal to those before it, of length 1. */
static void orthogonalise(double *U, size_t c) {
    double square = 0;

    for (size_t b = 0; b < c; b++) {
        double product = 0;

        for (size_t j = 0; j < HIDDEN; j++) product += U[j * MAX_LINES + b] * U[j * MAX_LINES + c];
        for (size_t j = 0; j < HIDDEN; j++) U[j * MAX_LINES + c] -= product * U[j * MAX_LINES + b];
    }
    for (size_t j = 0; j < HIDDEN; j++) square += U[j * MAX_LINES + c] * U[j * MAX_LINES + c];
    for (size_t j = 0; j < HIDDEN; j++) U[j * MAX_LINES + c] /= sqrt(square);
}

/* V = A U, A symmetric. */
static void multiply(const double *A, const double *U, double *V) {
    memset(V, 0, HIDDEN * MAX_LINES * sizeof *V);
    for (size_t j = 0; j < HIDDEN; j++)
        for (size_t k = 0; k < HIDDEN; k++)
            for (size_t c = 0; c < MAX_LINES; c++)
                V[j * MAX_LINES + c] += A[j * HIDDEN + k] * U[k * MAX_LINES + c];
}

/* Lines B^T u: B is the ridge regression of the layer's outputs H on X, u the leading eigenvectors of
 * `slopes` times the covariance of what it predicts (reduced-rank regression, an error e of the layer
 * counting as the error slope . e of the output), by orthogonal iteration: the first columns do not
 * depend on how many follow. They get the variance wanted: features of one size lose least in int8. */
static float *find_lines(size_t n, const float *X, const float *H, const double *slopes,
                         double variance_wanted, snnk_workspace *workspace) {
    snnk_layer *linear = fit_linear(HIDDEN, n, X, H, workspace);
    float *predicted = allocate(n * HIDDEN, sizeof *predicted);
    float *B = allocate((size_t)HIDDEN * INPUTS, sizeof *B);
    float *lines = allocate((size_t)MAX_LINES * INPUTS, sizeof *lines);
    double *covariance = allocate((size_t)HIDDEN * HIDDEN, sizeof *covariance);
    double U[HIDDEN * MAX_LINES], V[HIDDEN * MAX_LINES];

    CHECK(snnk_layer_forward(linear, n, X, INPUTS, predicted, HIDDEN, workspace));
    CHECK(snnk_layer_weights(linear, B, INPUTS, NULL));
    second_moments(n, predicted, 1, covariance);
    for (size_t k = 0; k < HIDDEN * MAX_LINES; k++) U[k] = sin((double)k + 1); /* any start */
    for (int turn = 0; turn < 200; turn++) {
        multiply(covariance, U, V);
        multiply(slopes, V, U);
        for (size_t c = 0; c < MAX_LINES; c++) orthogonalise(U, c);
    }
    multiply(covariance, U, V);
    for (size_t c = 0; c < MAX_LINES; c++) {
        double variance = 0; /* of the line over the rows */

        for (size_t j = 0; j < HIDDEN; j++) variance += U[j * MAX_LINES + c] * V[j * MAX_LINES + c];
        for (size_t j = 0; j < HIDDEN; j++)
            for (size_t k = 0; k < INPUTS; k++)
                lines[c * INPUTS + k] +=
                    (float)(U[j * MAX_LINES + c] * sqrt(variance_wanted / variance)) *
                    B[j * INPUTS + k];
    }
    snnk_layer_free(linear);
    free(covariance);
    free(B);
    free(predicted);
    return lines;
}

candidates find_candidates(const perceptron *original, size_t n, const float *X,
                           snnk_workspace *workspace) {
    float *H0 = hidden_outputs(&original->hidden[0], n, X, workspace);
    float *H1 = hidden_outputs(&original->hidden[1], n, H0, workspace);
    float *rows = slopes_of_first(original, n, H1);
    double *moments = allocate((size_t)HIDDEN * HIDDEN, sizeof *moments);
    double *slopes = allocate((size_t)HIDDEN * HIDDEN, sizeof *slopes);
    candidates found;

    second_moments(n, H0, 1, moments);
    second_moments(n, rows, 0, slopes);
    sort_neurons(moments, slopes, found.neurons[0]);
    found.lines =
        find_lines(n, X, H0, slopes, moments[found.neurons[0][0] * (HIDDEN + 1)], workspace);
    second_moments(n, H1, 1, moments);
    second_moments(1, original->output.W, 0, slopes); /* the same slopes for every row */
    sort_neurons(moments, slopes, found.neurons[1]);
    free(slopes);
    free(moments);
    free(rows);
    free(H1);
    free(H0);
    return found;
}

void candidates_free(candidates *of) { free(of->lines); }

/* ---- Compressing ---- */

static snnk_map *elementwise_map(size_t inputs, size_t rows, const float *G, const float *offsets,
                                 int32_t activation) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = activation;
    CHECK(snnk_map_create_from_rows(inputs, rows, G, inputs, offsets, &config, NULL, &map));
    return map;
}

/* The first `neurons` of `order`, and so many lines. */
static snnk_map *chosen_map(const dense *of, const size_t *order, size_t neurons,
                            const float *lines, size_t n_lines) {
    float *G = allocate(neurons * of->inputs, sizeof *G), *c = allocate(neurons, sizeof *c);
    snnk_map *parts[2], *map;

    for (size_t r = 0; r < neurons; r++) {
        memcpy(G + r * of->inputs, of->W + order[r] * of->inputs, of->inputs * sizeof *G);
        c[r] = of->bias[order[r]];
    }
    map = elementwise_map(of->inputs, neurons, G, c, SNNK_RELU);
    if (n_lines > 0) {
        parts[0] = map;
        parts[1] = elementwise_map(of->inputs, n_lines, lines, NULL, SNNK_IDENTITY);
        CHECK(snnk_map_concat(2, (const snnk_map *const *)parts, &map));
        snnk_map_free(parts[0]);
        snnk_map_free(parts[1]);
    }
    free(c);
    free(G);
    return map;
}

static snnk_network *bundle_of(const snnk_layer *const layers[2], const dense *output) {
    snnk_network *network, *bundled;
    snnk_layer *last;

    CHECK(snnk_layer_dense(output->inputs, 1, output->W, output->inputs, output->bias,
                           SNNK_IDENTITY, NULL, &last));
    CHECK(snnk_network_create(NULL, &network));
    for (int k = 0; k < 2; k++) CHECK(snnk_network_append(network, layers[k]));
    CHECK(snnk_network_append(network, last));
    CHECK(snnk_network_bundle(network, 0, 2, &bundled));
    snnk_layer_free(last);
    snnk_network_free(network);
    return bundled;
}

snnk_network *compress(const perceptron *original, const candidates *from, budget features,
                       size_t n, const float *X, snnk_workspace *workspace) {
    const float *inputs = X;
    float *targets = NULL, *students = allocate(n * HIDDEN, sizeof *students);
    float *scores = allocate(n, sizeof *scores);
    snnk_network *dense_network = perceptron_network(original), *bundled, *refitted;
    snnk_layer *layers[2];

    for (int k = 0; k < 2; k++) {
        const dense *of = &original->hidden[k];
        const size_t lines = k == 0 ? features.lines : 0;
        snnk_map *map =
            chosen_map(of, from->neurons[k], features.features[k] - lines, from->lines, lines);
        float *next = hidden_outputs(of, n, k == 0 ? X : targets, workspace);

        free(targets);
        targets = next;
        layers[k] = fit_layer(map, HIDDEN, n, inputs, targets, workspace);
        if (k == 0) /* the second layer sees what the first has become */
            CHECK(snnk_layer_forward(layers[0], n, X, INPUTS, students, HIDDEN, workspace));
        inputs = students;
        snnk_map_free(map);
    }
    bundled = bundle_of((const snnk_layer *const *)layers, &original->output);
    CHECK(snnk_network_forward(dense_network, n, X, INPUTS, scores, 1, workspace));
    refitted = refit(bundled, n, X, scores, workspace);
    for (int k = 0; k < 2; k++) snnk_layer_free(layers[k]);
    snnk_network_free(bundled);
    snnk_network_free(dense_network);
    free(scores);
    free(students);
    free(targets);
    return refitted;
}
