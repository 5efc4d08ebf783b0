/* What the experiments that train networks share: making them, training them, and scoring. */
#ifndef PAPER_NETWORKS_H
#define PAPER_NETWORKS_H

#include <snnk/snnk.h>

#include "common.h"

/* Make a network of layers, which it takes over. */
snnk_network *make_network(size_t n, snnk_layer *const *layers);

/* Make random features h(G x + c): the entries of G have the standard deviation `scale`, those of c
 * `offset_scale`. */
snnk_map *make_features(size_t inputs, size_t features, int32_t activation, double scale,
                        double offset_scale, uint64_t seed);

/* Make an SNNK layer of such features, with random Psi. */
snnk_layer *make_snnk(size_t inputs, size_t features, size_t outputs, int32_t activation,
                      double scale, double offset_scale, uint64_t seed);

/* Settings of a trainer with the defaults, but without held-out rows: all rows are learned from, as
 * in the rivals. */
snnk_train_config train_settings(uint64_t epochs, uint64_t seed);

/* What a training took. */
typedef struct training {
    double seconds;   /* CPU time */
    size_t trainable; /* numbers that learned */
} training;

/* Train a network, which is freed, on one thread. Returns the trained one. */
snnk_network *train_network(snnk_network *start, const snnk_train_config *config,
                            const snnk_rows *rows, training *took);

/* Bundle a network, which is freed. Returns the bundle. */
snnk_network *bundle_network(snnk_network *network);

/* Read a table of *columns columns; if that is 0, of any number, and *columns is set to it. */
float *read_columns(const char *path, size_t *columns, size_t *n);

/* Print a row of results as results_read reads it. */
void result_write(const result *row, size_t n_columns);

#endif
