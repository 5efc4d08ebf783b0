#include "distill/small_network.h"

#include <math.h>

#include "base/rows.h"
#include "base/size.h"
#include "network/network.h"

#define STARTS 4 /* random networks that are tried for one pass */

/* Means and standard deviations of the columns of a matrix; deviations of constant ones are 1. */
static void column_moments(size_t n, size_t columns, const float *A, double *mean,
                           double *deviation) {
    for (size_t k = 0; k < columns; k++) {
        double sum = 0, squares = 0;

        for (size_t i = 0; i < n; i++) sum += A[i * columns + k];
        mean[k] = sum / (double)n;
        for (size_t i = 0; i < n; i++) {
            const double difference = A[i * columns + k] - mean[k];

            squares += difference * difference;
        }
        deviation[k] = squares > 0 ? sqrt(squares / (double)n) : 1;
    }
}

/* Random weights for inputs of these moments, to outputs of these moments (NULL: 0 and 1). */
typedef struct moments {
    const double *mean, *deviation;
} moments;

static int random_layer(size_t d, size_t l, int32_t activation, uint64_t seed, moments inputs,
                        moments outputs, const snnk_allocator *allocator, snnk_layer **layer) {
    snnk_layer *made = NULL;
    float *W = NULL;
    double *bias;
    int st = snnk_layer_create_dense_random(d, l, activation, seed, allocator, &made);

    if (st == SNNK_OK) st = snnk__layer_copy_weights(made, allocator, &W, &bias);
    for (size_t o = 0; st == SNNK_OK && o < l; o++) {
        const double by = outputs.deviation ? outputs.deviation[o] : 1;
        double shift = 0;

        for (size_t k = 0; k < d; k++) {
            const double w = by * W[o * d + k] / (inputs.deviation ? inputs.deviation[k] : 1);

            W[o * d + k] = (float)w;
            if (inputs.mean) shift += w * inputs.mean[k];
        }
        bias[o] = (outputs.mean ? outputs.mean[o] : 0) - shift;
    }
    if (st == SNNK_OK)
        st = snnk__layer_create_dense(d, l, W, d, (snnk__numbers){.f64 = bias}, activation,
                                      allocator, layer);
    snnk__free(allocator, W);
    snnk_layer_free(made);
    return st;
}

/* The activation of the first dense layer that has one. */
static int32_t activation_of(const snnk_network *network) {
    for (size_t k = 0; k < network->n_layers; k++) {
        const int32_t activation = snnk_layer_activation(network->layers[k]);

        if (activation > SNNK_STEP) return activation;
    }
    return SNNK_RELU;
}

/* ---- Sizes ---- */

/* Neurons of one or two hidden layers. */
typedef struct widths {
    size_t hidden[2];
    size_t layers;
} widths;

/* As a double, which does not overflow. */
static double parameters_of(size_t d, size_t l, const widths *of) {
    double count = 0;
    size_t before = d;

    for (size_t k = 0; k < of->layers; k++) {
        count += (double)of->hidden[k] * ((double)before + 1);
        before = of->hidden[k];
    }
    return count + (double)l * ((double)before + 1);
}

/* Set *of to `from` times a factor, at least 1 neuron each. */
static void scale(const widths *from, double by, widths *of) {
    of->layers = from->layers;
    for (size_t k = 0; k < from->layers; k++)
        of->hidden[k] = (size_t)fmax(1, floor(by * (double)from->hidden[k] + 1e-9));
}

/* Enlarge or shrink the hidden layers to the largest ones with at most `most` numbers. False if one
 * neuron each is too much. */
static bool fit_widths(size_t d, size_t l, uint64_t most, widths *of) {
    const widths from = *of;
    double low = 0, high = (double)most;

    scale(&from, 0, of);
    if (parameters_of(d, l, of) > (double)most) return false;
    for (int step = 0; step < 100; step++) {
        const double middle = (low + high) / 2;

        scale(&from, middle, of);
        *(parameters_of(d, l, of) > (double)most ? &high : &low) = middle;
    }
    scale(&from, low, of);
    return true;
}

/* Set *most to the numbers of the compressed network, or of its bundle if that has fewer. */
static int count_numbers(const snnk_network *compressed, uint64_t *most) {
    snnk_network *bundle = NULL;
    snnk__sentence before;
    int st;

    *most = snnk_network_parameters(compressed);
    snnk__sentence_save(&before);
    st = snnk_network_bundle(compressed, 0, compressed->n_layers - 1, &bundle);
    if (st == SNNK_E_NONFINITE) return snnk__recovered(SNNK_OK, &before); /* it has no bundle */
    if (st == SNNK_OK && snnk_network_parameters(bundle) < *most)
        *most = snnk_network_parameters(bundle);
    snnk_network_free(bundle);
    return st;
}

/* Set *of to two hidden layers, like the first and the last part that is not linear. False if they
 * are the same part, or some part was kept. */
static bool two_layers(const snnk_compression *made, widths *of) {
    size_t found = 0;

    *of = (widths){.layers = 2};
    for (size_t k = 0; k < made->n_parts; k++) {
        const snnk__network_part *part = &made->parts[k];

        if (part->features == 0) return false;
        if (snnk__part_is_linear(part)) continue;
        of->hidden[found++ > 0] = part->features;
    }
    return found > 1;
}

/* ---- Training ---- */

/* Create the network to begin with. scratch: 2 (d + l) doubles. */
static int begin(const snnk__tune *tune, const snnk_network *network, const widths *of,
                 uint64_t seed, double *scratch, snnk_network **start) {
    const snnk_rows *rows = tune->rows;
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    const moments x = {scratch, scratch + d}, none = {0};
    const moments y = {scratch + 2 * d, scratch + 2 * d + l};
    const int32_t activation = activation_of(network);
    snnk_network *made = NULL;
    size_t before = d;
    int st;

    column_moments(rows->n, d, rows->X, scratch, scratch + d);
    if (rows->Y) column_moments(rows->n, l, rows->Y, scratch + 2 * d, scratch + 2 * d + l);
    st = snnk_network_create(&network->allocator, &made);
    for (size_t k = 0; st == SNNK_OK && k <= of->layers; k++) {
        const bool last = k == of->layers;
        const size_t after = last ? l : of->hidden[k];
        snnk_layer *layer = NULL;

        st = random_layer(before, after, last ? SNNK_IDENTITY : activation, seed + k,
                          k == 0 ? x : none, last && rows->Y ? y : none, &network->allocator,
                          &layer);
        if (st == SNNK_OK) st = snnk_network_append(made, layer);
        snnk_layer_free(layer);
        before = after;
    }
    if (st == SNNK_OK)
        *start = made;
    else
        snnk_network_free(made);
    return st;
}

static double loss_of(const snnk__tune *tune, const snnk_train_report *report) {
    return tune->heldout->n > 0 ? report->heldout_loss : report->loss;
}

/* Train for one pass from several random starts, and set *start to the best: in a network of few
 * neurons, some may be off for all rows. */
static int choose_start(const snnk__tune *tune, const snnk_network *network, const widths *of,
                        double *scratch, double cost, snnk_network **start) {
    snnk_compress_config one_pass = *tune->config;
    snnk__tune trial = *tune;
    double least = INFINITY;
    snnk_network *best = NULL;
    int st = SNNK_OK;

    one_pass.tune_epochs = 1;
    trial.config = &one_pass;
    for (uint64_t k = 0; st == SNNK_OK && k < STARTS; k++) {
        snnk_train_report report = {.size = sizeof report};
        snnk_network *drawn = NULL, *trained = NULL;

        snnk__progress_begin_stage(tune->progress, cost / STARTS);
        st = begin(tune, network, of, tune->distill->seed + 3 * k, scratch, &drawn);
        if (st == SNNK_OK) st = snnk__compress_tune(&trial, drawn, &trained, &report);
        snnk_network_free(drawn);
        if (st != SNNK_OK) break;
        if (best && !(loss_of(tune, &report) < least)) {
            snnk_network_free(trained);
            continue;
        }
        snnk_network_free(best);
        best = trained;
        least = loss_of(tune, &report);
    }
    if (st == SNNK_OK)
        *start = best;
    else
        snnk_network_free(best);
    return st;
}

/* Train a network of these widths. Take it as *small if its loss is smaller than *loss. */
static int train(const snnk__tune *tune, const snnk_network *network, const widths *of,
                 double *scratch, double cost, double *loss, snnk_network **small) {
    snnk_train_report report = {.size = sizeof report};
    snnk_network *start, *trained = NULL;
    int st = choose_start(tune, network, of, scratch, 0.2 * cost, &start);

    if (st != SNNK_OK) return st;
    snnk__progress_begin_stage(tune->progress, 0.8 * cost);
    st = snnk__compress_tune(tune, start, &trained, &report);
    snnk_network_free(start);
    if (st != SNNK_OK) return st;
    if (*small && !(loss_of(tune, &report) < *loss)) {
        snnk_network_free(trained);
        return SNNK_OK;
    }
    snnk_network_free(*small);
    *small = trained;
    *loss = loss_of(tune, &report);
    return SNNK_OK;
}

/* The same tuning in as many steps, but of the rows without their blends: a network that begins
 * with nothing learns more from these. */
static snnk__tune without_blends(const snnk__tune *tune, snnk_compress_config *config,
                                 snnk_rows *rows) {
    snnk__tune made = *tune;

    *config = *tune->config;
    *rows = *tune->rows;
    rows->n -= tune->blends;
    config->tune_epochs = config->tune_epochs * tune->rows->n / rows->n;
    made.config = config;
    made.rows = rows;
    made.blends = 0;
    made.learns = NULL;
    return made;
}

int snnk__small_network(const snnk__tune *tune, const snnk_network *network,
                        const snnk_compression *made, const snnk_network *compressed, double cost,
                        snnk_network **small) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    widths of[SNNK__SMALL_NETWORKS] = {{.hidden = {1}, .layers = 1}};
    const size_t n = two_layers(made, &of[1]) ? 2 : 1;
    snnk_compress_config config;
    snnk_rows rows;
    const snnk__tune real = without_blends(tune, &config, &rows);
    snnk_network *best = NULL;
    double *scratch = NULL, loss = INFINITY;
    uint64_t most;
    size_t doubles;
    int st;

    *small = NULL;
    if (!snnk__add_size(d, l, &doubles) || !snnk__mul_size(doubles, 2, &doubles))
        return snnk__fail(SNNK_E_SIZE, "%zu inputs and %zu outputs overflow size_t", d, l);
    if ((st = count_numbers(compressed, &most)) != SNNK_OK) return st;
    st = snnk__alloc(&network->allocator, doubles, sizeof *scratch, "moments", &scratch);
    for (size_t k = 0; st == SNNK_OK && k < n; k++)
        if (fit_widths(d, l, most, &of[k]))
            st = train(&real, network, &of[k], scratch, cost, &loss, &best);
    snnk__free(&network->allocator, scratch);
    if (st == SNNK_OK)
        *small = best;
    else
        snnk_network_free(best);
    return st;
}
