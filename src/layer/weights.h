/* The weights of a layer: a matrix in panels, its columns divided into parts, and a bias. W of a
 * dense layer has one part; Psi of an SNNK layer has one part for each block of its map. */
#ifndef SNNK_LAYER_WEIGHTS_H
#define SNNK_LAYER_WEIGHTS_H

#include <snnk/storage.h>
#include <snnk/workspace.h>

#include "base/record.h"
#include "base/rows.h"
#include "kernels/panels.h"

typedef struct snnk__weights {
    size_t rows, n_parts;
    snnk__panels *parts; /* n_parts, rows x the columns of each */
    float *bias;         /* rows: exact_bias, rounded for the kernels */
    double *exact_bias;  /* rows */
} snnk__weights;

/* Allocate n_parts parts; add them one by one, after which the matrix is zero. shape: of the panels
 * of floats; narrow ones have a fixed shape. Free the weights also after a failure.
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__weights_create(const snnk_allocator *allocator, size_t rows, size_t n_parts,
                         snnk__weights *weights);
int snnk__weights_add_part(const snnk_allocator *allocator, size_t columns, int32_t storage,
                           snnk__panel_shape shape, snnk__weights *weights);

void snnk__weights_free(const snnk_allocator *allocator, snnk__weights *weights);

/* Set all entries. W: rows x columns, finite; bias: one row of `rows` numbers, or none for
 * zeros. */
void snnk__weights_set(snnk__weights *weights, const float *W, size_t ldw, snnk__numbers bias);

/* Copy out all entries of the matrix. */
void snnk__weights_get(const snnk__weights *weights, float *W, size_t ldw);

/* Set to = from, rounded to the storage of `to`, which has parts of the same sizes.
 * SNNK_E_NOMEM. */
int snnk__weights_round(const snnk_allocator *allocator, const snnk__weights *from,
                        snnk__weights *to);

/* Copy entries first ... first+count-1 of the matrix, row by row, to the floats `out`. */
void snnk__weights_entries(const void *weights, size_t first, size_t count, void *out);

/* Write an array of this name and one "bias", in float if that loses nothing; or read them, finite,
 * as *W (rows x columns) and *bias (rows). Set both to NULL before, and free both, also on failure.
 * Statuses of snnk_network_load. */
void snnk__weights_write(const snnk__weights *weights, const char *name, size_t columns,
                         snnk__sink *sink);
int snnk__weights_read(const snnk__source *source, const char *name, size_t rows, size_t columns,
                       float **W, double **bias);

/* Bytes that a forward reads: of panels, and of all weights with the bias. */
uint64_t snnk__panels_bytes(const snnk__panels *panels);
uint64_t snnk__weights_bytes(const snnk__weights *weights);

/* Compute outputs first ... first+count-1 of Y = Phi W^T + bias for n rows. Phi: n x columns; Y: n
 * x rows; bias: NULL for zeros. first is a multiple of the width of its panels. */
void snnk__weights_readout(const snnk__weights *weights, size_t n, const float *Phi, size_t ldphi,
                           size_t first, size_t count, const float *bias, float *Y, size_t ldy);

/* Compute all outputs, divided between the threads of the workspace. Cannot fail. */
void snnk__weights_readout_split(const snnk__weights *weights, size_t n, const float *Phi,
                                 size_t ldphi, float *Y, size_t ldy, snnk_workspace *workspace);

#endif
