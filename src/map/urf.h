/* The data of blocks of atoms of a spectrum: universal random features. */
#ifndef SNNK_MAP_URF_H
#define SNNK_MAP_URF_H

#include "kernels/kernels.h"
#include "map/atoms.h"
#include "map/frame.h"
#include "map/spectral_facts.h"

/* Rows of G run on raw inputs: M^T g_j, offset -M^T g_j . mu, without s and A, which the table
 * has. */
typedef struct snnk__urf {
    snnk_allocator allocator;
    const snnk_frame *frame; /* a frame that changes nothing, where none was given */
    double intercept;        /* of the spectrum; 0 where an affine block has it */
    snnk__spectral_facts facts;
    snnk__urf_atoms atoms;
    size_t rows;
    uint32_t *row_atom; /* rows */
    double *norm2;      /* |g_j|^2; rows */
    /* What the kernels take, filled by snnk__urf_finish from the above. */
    float *numbers; /* of all rows */
    double *directions, *direction_offset, *gain;
    snnk__urf_table table;
} snnk__urf;

/* How many features a row of G gives, for these atoms in this frame. */
void snnk__urf_shape(const snnk__urf_atoms *atoms, const snnk_frame *frame, size_t *signs,
                     size_t *parts);

/* Room for `rows` rows. Takes over atoms; retains frame. */
int snnk__urf_alloc(const snnk_frame *frame, snnk__urf_atoms *atoms, size_t rows,
                    const snnk_allocator *allocator, snnk__urf **urf);
/* Fill the table, once atoms, row_atom and norm2 are set. */
void snnk__urf_finish(snnk__urf *urf);
void snnk__urf_free(snnk__urf *urf);

/* psi (features of the block) from v_j = g_j . w~ (rows values). */
void snnk__urf_weights(const snnk__urf *urf, const snnk__framed_weight *weight, const float *v,
                       float *psi);

#endif
