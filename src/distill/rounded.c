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

static void round_rows(size_t rows, size_t columns, int bits, float *W) {
    for (size_t i = 0; i < rows; i++) round_row(columns, bits == 8 ? 127 : 7, W + i * columns);
}

/* Make a map with rounded rows of G, one block after another. */
static int round_map(const snnk_map *map, int bits, const snnk_allocator *allocator,
                     snnk_map **rounded) {
    const size_t d = map->inputs;
    snnk_map **blocks = NULL;
    float *G = NULL, *offsets = NULL;
    int st;

    st = snnk__alloc_zero(allocator, map->n_blocks, sizeof(snnk_map *), "blocks", &blocks);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, map->features, d * sizeof *G, "weights", &G);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, map->features, sizeof *offsets, "offsets", &offsets);
    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        const size_t rows = snnk_map_block_row_count(map, b);
        snnk_map_config config;

        st = snnk_map_config_init(&config, sizeof config);
        if (st == SNNK_OK) st = snnk_map_block_config(map, b, &config);
        if (st == SNNK_OK) st = snnk_map_block_rows(map, b, G, d, offsets);
        if (st != SNNK_OK) break;
        config.allocator = allocator;
        round_rows(rows, d, bits, G);
        st = snnk_map_create_from_rows(d, rows, G, d, offsets, &config, NULL, &blocks[b]);
    }
    if (st == SNNK_OK)
        st = snnk_map_concat(map->n_blocks, (const snnk_map *const *)blocks, rounded);
    for (size_t b = 0; b < map->n_blocks; b++) snnk_map_free(blocks[b]);
    snnk__free(allocator, offsets);
    snnk__free(allocator, G);
    snnk__free(allocator, (void *)blocks);
    return st;
}

/* Whether a layer is like a student: its features are neurons, or linear, and its rows are
 * stored. */
static bool is_student(const snnk_layer *layer) {
    const snnk_map *map = snnk_layer_map(layer);
    int32_t activation;

    if (snnk_layer_get_kind(layer) != SNNK_LAYER_SNNK || !map) return false;
    for (size_t b = 0; b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        if (!block->kind->neurons || !block->kind->neurons(block, &activation) || block->mix)
            return false;
    }
    return snnk_layer_parameters(layer) >=
           (uint64_t)map->features * ((uint64_t)map->inputs + layer->outputs);
}

/* Features that were drawn are divided by the root of their number; those of given rows, which the
 * rounded ones are, are not. So Psi gets this factor. */
static void scale_columns(const snnk_map *map, size_t l, float *Psi) {
    size_t column = 0;

    for (size_t b = 0; b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        for (size_t j = 0; j < block->features; j++, column++)
            for (size_t i = 0; i < l; i++) Psi[i * map->features + column] *= block->function.scale;
    }
}

static bool is_dense(const snnk_layer *layer) { return snnk_layer_activation(layer) >= 0; }

/* Make a dense layer or a student with rounded weights. */
static int round_layer(const snnk_layer *layer, int bits, snnk_layer **rounded) {
    const bool dense = is_dense(layer);
    const size_t l = layer->outputs, d = dense ? layer->inputs : snnk_layer_features(layer);
    const snnk_allocator *allocator = &layer->allocator;
    snnk_map *map = NULL;
    float *W = NULL, *bias = NULL;
    int st;

    if ((st = snnk__alloc(allocator, l, d * sizeof *W, "weights", &W)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *bias, "a bias", &bias)) != SNNK_OK) goto done;
    if ((st = snnk_layer_weights(layer, W, d, bias)) != SNNK_OK) goto done;
    if (!dense) scale_columns(snnk_layer_map(layer), l, W);
    round_rows(l, d, bits, W);
    if (!dense) st = round_map(snnk_layer_map(layer), bits, allocator, &map);
    if (st != SNNK_OK) goto done;
    st = dense ? snnk_layer_create_dense(d, l, W, d, bias, snnk_layer_activation(layer), allocator,
                                         rounded)
               : snnk_layer_create(map, l, W, d, bias, rounded);
done:
    snnk_map_free(map);
    snnk__free(allocator, bias);
    snnk__free(allocator, W);
    return st;
}

/* Of a matrix: a row takes whole bytes; its scale and its bias take 4 each. */
static uint64_t bytes_of_matrix(size_t rows, size_t columns, int bits) {
    return (uint64_t)rows * ((bits == 8 ? (uint64_t)columns : ((uint64_t)columns + 1) / 2) + 8);
}

static uint64_t bytes_of(const snnk_layer *layer, int bits) {
    const size_t d = layer->inputs, l = layer->outputs, m = snnk_layer_features(layer);

    if (is_dense(layer)) return bytes_of_matrix(l, d, bits);
    if (is_student(layer)) return bytes_of_matrix(m, d, bits) + bytes_of_matrix(l, m, bits);
    return 4 * snnk_layer_parameters(layer);
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

        if (is_dense(layer) || is_student(layer)) st = round_layer(layer, bits, &ours);
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

int snnk__rounded_student(const snnk_distill *distill, const snnk__student *student, int bits,
                          uint64_t *bytes, snnk_network **rounded) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t l = distill->l, m = student->map->features;
    float *Psi = NULL, *bias = NULL;
    snnk_layer *layer = NULL;
    snnk_network *network = NULL;
    int st;

    if ((st = snnk__alloc(allocator, l, m * sizeof *Psi, "Psi", &Psi)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *bias, "a bias", &bias)) != SNNK_OK) goto done;
    if ((st = snnk__student_solve(distill, student, Psi, bias)) != SNNK_OK) goto done;
    if ((st = snnk_layer_create(student->map, l, Psi, m, bias, &layer)) != SNNK_OK) goto done;
    if ((st = snnk_network_create(allocator, &network)) != SNNK_OK) goto done;
    if ((st = snnk_network_append(network, layer)) != SNNK_OK) goto done;
    st = snnk__network_round(network, bits, bytes, rounded);
done:
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk__free(allocator, bias);
    snnk__free(allocator, Psi);
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
