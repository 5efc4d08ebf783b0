#include "distill/rounded.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "distill/collect.h"

/* ---- Rounding ---- */

/* Round n weights to multiples of their largest / q. */
static void round_row(size_t n, float q, float *row) {
    float largest = 0;

    for (size_t j = 0; j < n; j++) largest = fmaxf(largest, fabsf(row[j]));
    const float scale = largest / q;

    if (!(scale > 0)) return; /* zeros, or so small that they have no scale */
    for (size_t j = 0; j < n; j++) row[j] = scale * rintf(row[j] / scale);
}

/* Make a dense layer with rounded weights. */
static int round_layer(const snnk_layer *layer, int bits, snnk_layer **rounded) {
    const size_t d = layer->inputs, l = layer->outputs;
    const snnk_allocator *allocator = &layer->allocator;
    float *W = NULL, *bias = NULL;
    int st;

    if ((st = snnk__alloc(allocator, l, d * sizeof *W, "weights", &W)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *bias, "a bias", &bias)) != SNNK_OK) goto done;
    if ((st = snnk_layer_weights(layer, W, d, bias)) != SNNK_OK) goto done;
    for (size_t i = 0; i < l; i++) round_row(d, bits == 8 ? 127 : 7, W + i * d);
    st =
        snnk_layer_create_dense(d, l, W, d, bias, snnk_layer_activation(layer), allocator, rounded);
done:
    snnk__free(allocator, bias);
    snnk__free(allocator, W);
    return st;
}

/* A row takes whole bytes; its scale and its bias take 4 each. */
static uint64_t bytes_of(const snnk_layer *layer, int bits) {
    const uint64_t row = bits == 8 ? layer->inputs : ((uint64_t)layer->inputs + 1) / 2;

    return snnk_layer_activation(layer) < 0 ? 4 * snnk_layer_parameters(layer)
                                            : layer->outputs * (row + 8);
}

int snnk__network_round(const snnk_network *network, int bits, uint64_t *bytes,
                        snnk_network **rounded) {
    uint64_t sum = 0;
    snnk_network *made;
    int st;

    if ((st = snnk_network_create(&network->allocator, &made)) != SNNK_OK) return st;
    for (size_t k = 0; st == SNNK_OK && k < network->n_layers; k++) {
        const snnk_layer *layer = network->layers[k];
        snnk_layer *ours = NULL;

        if (snnk_layer_activation(layer) >= 0) st = round_layer(layer, bits, &ours);
        if (st == SNNK_OK) st = snnk_network_append(made, ours ? ours : layer);
        snnk_layer_free(ours);
        sum += bytes_of(layer, bits);
    }
    if (st != SNNK_OK) {
        snnk_network_free(made);
        return st;
    }
    if (bytes) *bytes = sum;
    *rounded = made;
    return SNNK_OK;
}

int snnk__rounded_teacher(const snnk_distill *distill, int bits, uint64_t *bytes,
                          snnk_network **rounded) {
    snnk_network *teacher;
    int st;

    if ((st = snnk_network_create(&distill->allocator, &teacher)) != SNNK_OK) return st;
    st = snnk_network_append(teacher, distill->hidden);
    if (st == SNNK_OK && distill->readout) st = snnk_network_append(teacher, distill->readout);
    if (st == SNNK_OK) st = snnk__network_round(teacher, bits, bytes, rounded);
    snnk_network_free(teacher);
    return st;
}

/* ---- Errors ---- */

/* Held-out rows that are compared together. */
typedef struct compared_rows {
    float *X, *Y, *Z; /* SNNK__DISTILL_BLOCK rows of inputs, targets, and outputs */
    size_t n;
} compared_rows;

/* Add the squared errors of the block's rows, and empty it. */
static int compare(const snnk_distill *distill, const snnk_network *network, compared_rows *rows,
                   snnk_workspace *workspace, double *squares) {
    const size_t l = distill->l;
    const int st =
        snnk_network_forward(network, rows->n, rows->X, distill->d, rows->Z, l, workspace);

    for (size_t i = 0; st == SNNK_OK && i < rows->n * l; i++) {
        const double error = (double)rows->Z[i] - (double)rows->Y[i];

        *squares += error * error;
    }
    rows->n = 0;
    return st;
}

int snnk__heldout_errors(const snnk_distill *distill, const snnk_network *network,
                         snnk_workspace *workspace, double *squares) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t d = distill->d, l = distill->l, column = SNNK__DISTILL_BLOCK * sizeof(float);
    compared_rows rows = {0};
    double sum = 0;
    int st;

    if ((st = snnk__alloc(allocator, d, column, "rows", &rows.X)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, column, "rows", &rows.Y)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, column, "outputs", &rows.Z)) != SNNK_OK) goto done;
    for (size_t i = 0; st == SNNK_OK && i < distill->n; i++) {
        if (!snnk__distill_is_heldout(distill, i)) continue;
        memcpy(rows.X + rows.n * d, distill->X + i * distill->ldx, d * sizeof(float));
        memcpy(rows.Y + rows.n * l, distill->Y + i * distill->ldy, l * sizeof(float));
        if (++rows.n < SNNK__DISTILL_BLOCK) continue;
        st = compare(distill, network, &rows, workspace, &sum);
        if (st == SNNK_OK)
            st = snnk__progress_count(distill->progress, (double)i, (double)distill->n);
    }
    if (st == SNNK_OK) st = compare(distill, network, &rows, workspace, &sum);
    if (st == SNNK_OK) *squares = sum;
done:
    snnk__free(allocator, rows.Z);
    snnk__free(allocator, rows.Y);
    snnk__free(allocator, rows.X);
    return st;
}
