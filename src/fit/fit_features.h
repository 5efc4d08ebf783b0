/* Where the features of a fit come from: the layers of a network below its last one, then the map
 * of the last one; or only a map. */
#ifndef SNNK_FIT_FIT_FEATURES_H
#define SNNK_FIT_FIT_FEATURES_H

#include <stdbool.h>

#include "base/rows.h"
#include "network/network.h"

/* How many rows are turned into features at once. */
#define SNNK__FIT_BLOCK_ROWS 1024

typedef struct snnk__fit_features {
    snnk_network *lower; /* all layers before the last (perhaps none), with the notes; NULL if the
                          * fit is of a map */
    const snnk_map *map; /* applied to the outputs of `lower` */
    float *hidden;       /* SNNK__FIT_BLOCK_ROWS x the map's inputs; NULL without lower layers */
} snnk__fit_features;

/* Take the features of a map, which is retained. */
void snnk__fit_features_of_map(const snnk_map *map, snnk__fit_features *features);

/* Take the features of the last layer of a network, whose layers are retained and whose notes are
 * copied. SNNK_E_STATE (no layers), SNNK_E_UNSUPPORTED (it ends in an activation), SNNK_E_SIZE,
 * SNNK_E_NOMEM; there is nothing to free then. */
int snnk__fit_features_of_network(const snnk_network *network, snnk__fit_features *features);

void snnk__fit_features_free(const snnk__fit_features *features);

/* Columns of the rows that features are made of. */
size_t snnk__fit_features_inputs(const snnk__fit_features *features);

/* True if no feature of these finite rows can leave the range of float; false if one might. */
bool snnk__fit_features_cannot_overflow(const snnk__fit_features *features, const snnk_rows *rows);

/* Before the first rows: if they are in double, and the features are those of a map that does not
 * center its inputs, look for columns that float would spoil, and center the map on their means.
 * `features` may get another map. SNNK_E_NOMEM and the other statuses of snnk__map_center. */
int snnk__fit_features_center(snnk__fit_features *features, const snnk_rows *rows);

/* Compute the features of rows in float or in double.
 *   rows    at most SNNK__FIT_BLOCK_ROWS
 *   first   the number of the first row, for the error sentence
 *   Phi     the result: rows->n x m, packed
 * SNNK_E_NONFINITE (a feature, or an output of the lower layers, overflows), SNNK_E_NOMEM. */
int snnk__fit_features_make(const snnk__fit_features *features, const snnk_rows *rows, size_t first,
                            float *Phi, snnk_workspace *workspace);

/* Make the network of the lower layers, `last`, and the notes. SNNK_E_NOMEM. */
int snnk__fit_features_network(const snnk__fit_features *features, const snnk_layer *last,
                               snnk_network **network);

#endif
