/* Inside of the two kinds of blocks made from a spectrum: its atoms, and its affine part. */
#ifndef SNNK_MAP_URF_H
#define SNNK_MAP_URF_H

#include "kernels/kernels.h"
#include "map/atoms.h"
#include "map/frame.h"

/* What a block says of the spectrum it is made from. */
typedef struct snnk__spectral_facts {
    double error;                 /* the bound; 0 in the second block of a map */
    double analyticity_halfwidth; /* of f, half its width */
    double center, radius; /* of the interval where the spectrum is f, to that error; or infinite */
} snnk__spectral_facts;

/* Rows of G run on raw inputs: M^T g_j, offset -M^T g_j . mu, without s and A, which the table has. */
typedef struct snnk__urf {
    snnk_allocator allocator;
    const snnk_frame *frame; /* a frame that changes nothing, where none was given */
    double intercept;        /* of the spectrum; 0 where a LINE block has it */
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

/* The affine part intercept + slope (w.x + b): exact, from identity features; or sketched, by feature
 * 0 = nu.(x - mu) (if the frame has nu) and rows M^T g_j / sqrt(r). */
typedef struct snnk__affine {
    snnk_allocator allocator;
    const snnk_frame *frame; /* NULL: exact */
    double intercept, slope;
    snnk__spectral_facts facts;
    size_t sketch_rows; /* r */
} snnk__affine;

/* A URF block behind a linear map (snnk_map_fold): what is left of it is the table. */
typedef struct snnk__folded {
    snnk_allocator allocator;
    float *numbers; /* of all rows */
    double *directions, *direction_offset, *gain, *nu;
    snnk__panels packed; /* directions and offsets in float, for forwards */
    float *packed_offset;
    snnk__urf_table table;
} snnk__folded;

/* What one row of weights is to a block. */
typedef struct snnk__framed_weight {
    double norm2;  /* |w~|^2 */
    double offset; /* w.mu + b */
} snnk__framed_weight;

/* How many features a row of G gives, and whether nu is used: without a frame, for atoms of these
 * rates. */
void snnk__urf_shape(const snnk__urf_atoms *atoms, const snnk_frame *frame, size_t *signs,
                     size_t *parts);

/* Room for `rows` rows. Takes over atoms; retains frame. */
int snnk__urf_alloc(const snnk_frame *frame, snnk__urf_atoms *atoms, size_t rows,
                    const snnk_allocator *allocator, snnk__urf **urf);
/* Fill the table, once atoms, row_atom and norm2 are set. */
void snnk__urf_finish(snnk__urf *urf);
void snnk__urf_free(snnk__urf *urf);

/* Where the numbers of n rows stand, SNNK__URF_NUMBERS n of them. */
snnk__urf_rows snnk__urf_rows_in(float *numbers, size_t n);

/* Room for the table of `rows` rows on d inputs; its numbers are not set, but for gains of 1. signs,
 * parts: as the table's; t: whether it has nu. */
int snnk__folded_alloc(size_t d, size_t rows, size_t signs, size_t parts, size_t n_directions,
                       bool t, const snnk_allocator *allocator, snnk__folded **folded);
/* Pack directions, once they are set. SNNK_E_NONFINITE (one leaves the range of float). */
int snnk__folded_finish(snnk__folded *folded, size_t d);
void snnk__folded_free(snnk__folded *folded);

int snnk__affine_create(const snnk_frame *frame, double intercept, double slope,
                        const snnk_allocator *allocator, snnk__affine **line);
void snnk__affine_free(snnk__affine *line);

/* w' (d, float) = M^-1 w~, so that a row of G times it is g . w~; and the rest. seen: d of scratch. */
snnk__framed_weight snnk__frame_dual(const snnk_frame *frame, const float *w, double b,
                                     double *framed, float *dual);

/* psi (features of the block) from v_j = g_j . w~ (rows values). */
void snnk__urf_weights(const snnk__urf *urf, const snnk__framed_weight *weight, const float *v,
                       float *psi);

#endif
