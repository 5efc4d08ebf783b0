#ifndef SNNK_MAP_URF_CREATE_H
#define SNNK_MAP_URF_CREATE_H

#include "map/atoms.h"
#include "map/frame.h"

/* Copy the caller's settings over the defaults, check them, and resolve the norms from the frame
 * (may be NULL). */
int snnk__urf_config_read(const snnk_urf_config *config, const snnk_frame *frame, size_t inputs,
                          snnk_urf_config *ours);

/* How the features are divided. */
typedef struct snnk__urf_shares {
    bool exact;         /* d identity features give the affine part */
    size_t sketch_rows; /* rows of the sketch that gives it otherwise */
    size_t rows;        /* rows for atoms */
    size_t width;       /* features of one row */
} snnk__urf_shares;

/* Divide the features. frame: not NULL. SNNK_E_RANGE if the features are too few; the error gives
 * the number needed. */
int snnk__urf_shares_of(const snnk_spectrum *spectrum, const snnk_urf_config *config,
                        const snnk_frame *frame, size_t inputs, const snnk__urf_atoms *atoms,
                        snnk__urf_shares *shares);

/* What snnk__urf_create made. */
typedef struct snnk__urf_summary {
    size_t affine_features; /* of the affine part */
    double A;               /* of the atom with the largest share; 0 if there is none */
} snnk__urf_summary;

/* See snnk_map_create_urf. */
int snnk__urf_create(size_t inputs, const snnk_spectrum *spectrum, const snnk_urf_config *config,
                     const snnk_frame *frame, snnk__urf_summary *summary, snnk_map **map);

#endif
