#ifndef SNNK_MAP_URF_CREATE_H
#define SNNK_MAP_URF_CREATE_H

#include "map/atoms.h"
#include "map/frame.h"

/* The caller's settings over the defaults, checked, norms resolved by the frame (may be NULL). */
int snnk__urf_config_read(const snnk_urf_config *config, const snnk_frame *frame, size_t inputs,
                          snnk_urf_config *ours);

/* What the features are spent on. */
typedef struct snnk__urf_shares {
    bool exact;         /* d identity features for the affine part */
    size_t sketch_rows; /* or rows of its sketch */
    size_t rows;        /* rows for atoms */
    size_t width;       /* features of such a row */
} snnk__urf_shares;

/* frame: not NULL. SNNK_E_RANGE (too few features: says how many are needed). */
int snnk__urf_shares_of(const snnk_spectrum *spectrum, const snnk_urf_config *config,
                        const snnk_frame *frame, size_t inputs, const snnk__urf_atoms *atoms,
                        snnk__urf_shares *shares);

/* What a map came out as. */
typedef struct snnk__urf_summary {
    size_t affine_features; /* of the affine part */
    double A;               /* of the atom with the largest share; 0 if there is none */
} snnk__urf_summary;

/* As snnk_map_create_urf. */
int snnk__urf_create(size_t inputs, const snnk_spectrum *spectrum, const snnk_urf_config *config,
                     const snnk_frame *frame, snnk__urf_summary *summary, snnk_map **map);

#endif
