/* The data of blocks with atoms of a spectrum: universal random features. */
#ifndef SNNK_MAP_URF_H
#define SNNK_MAP_URF_H

#include "kernels/kernels.h"
#include "map/atoms.h"
#include "map/frame.h"
#include "map/spectral_facts.h"

/* G holds the rows M^T g_j with offsets -M^T g_j . mu, to be applied to raw inputs; s and A are in
 * the table instead. */
typedef struct snnk__urf {
    snnk_allocator allocator;
    const snnk_frame *frame; /* the identity frame if the caller gave none */
    double intercept;        /* of the spectrum; 0 if an affine block has it */
    snnk__spectral_facts facts;
    snnk__urf_atoms atoms;
    size_t rows;
    uint32_t *row_atom; /* rows */
    double *norm2;      /* |g_j|^2; rows */
    /* What the kernels read; snnk__urf_finish computes it from the fields above. */
    float *numbers; /* the numbers of all rows, n_rows of each (kernels/urf.h) */
    double *directions, *direction_offset, *gain;
    snnk__urf_table table;
} snnk__urf;

/* Set how many features one row of G gives (signs x parts) for these atoms in this frame. */
void snnk__urf_shape(const snnk__urf_atoms *atoms, const snnk_frame *frame, size_t *signs,
                     size_t *parts);

/* Allocate room for `rows` rows. Takes ownership of atoms; retains frame. */
int snnk__urf_alloc(const snnk_frame *frame, snnk__urf_atoms *atoms, size_t rows,
                    const snnk_allocator *allocator, snnk__urf **urf);
/* Fill the table; atoms, row_atom and norm2 must be set. */
void snnk__urf_finish(snnk__urf *urf);
void snnk__urf_free(snnk__urf *urf);

/* Set psi (features of the block) from v_j = g_j . w~ (`rows` values). */
void snnk__urf_weights(const snnk__urf *urf, const snnk__framed_weight *weight, const float *v,
                       float *psi);

#endif
