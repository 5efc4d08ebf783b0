/* Projections: how the rows g_j of a feature map are chosen.
 *
 * Features are functions of g_j . x for rows g_j ~ N(0, I). Independent rows are the simplest
 * choice; rows that depend on each other often give the same accuracy with fewer features, and HD3
 * rows are faster to apply:
 *
 *     config.projection = SNNK_PROJECTION_ORTHOGONAL; */
#ifndef SNNK_PROJECTION_H
#define SNNK_PROJECTION_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of projections; d is the number of inputs. Stored in model files: values never change. */
typedef enum snnk_projection {
    /* Independent rows with independent N(0, 1) entries. The same bits on every machine. */
    SNNK_PROJECTION_GAUSSIAN = 0,
    /* Groups of d orthogonal rows: random directions (Haar distribution) and chi(d) lengths, so
     * that each row by itself is N(0, I). Yu et al. 2016. Needs LAPACKE. */
    SNNK_PROJECTION_ORTHOGONAL = 1,
    /* Rows from the caller. Never set in a config, only read back. */
    SNNK_PROJECTION_GIVEN = 2,
    /* Groups of D rows, D the power of two >= d: H D3 H D2 H D1, H the Walsh-Hadamard matrix and
     * D_i diagonals of random signs, times chi(D) lengths, cut to d columns. O(D log D) for a group
     * instead of D d, and a model file stores only the seed. Rows are nearly Gaussian (Choromanski
     * et al. 2017). Maps from spectra (<snnk/urf.h>) store these rows as a dense matrix: no faster
     * there. */
    SNNK_PROJECTION_HD3 = 3,
    /* Groups of d rows: the corners of a regular simplex in a random rotation, times chi(d)
     * lengths. Reid et al. 2023. Needs LAPACKE. */
    SNNK_PROJECTION_SIMPLEX = 4,
    /* Quasi-Monte Carlo: row j is point j of a Sobol sequence (direction numbers of Joe & Kuo
     * 2008), Owen-scrambled by the seed, through the inverse normal distribution. For few inputs:
     * beyond 64 the sequence repeats with another scramble, and fewer rows than inputs can have up
     * to a quarter more error than GAUSSIAN. Not in the minimal build. */
    SNNK_PROJECTION_SOBOL = 5,
    /* Rows that were drawn for other inputs and then folded after a linear map (snnk_map_fold).
     * Never set in a config, only read back. */
    SNNK_PROJECTION_FOLDED = 6
} snnk_projection;

/* Get the name of a kind: "gaussian", "orthogonal", "given", "hd3", "simplex", "sobol", "folded".
 * Static; NULL for an unknown value. */
SNNK_API const char *snnk_projection_name(int32_t projection);

/* How snnk_map_save and snnk_network_save store the projections of feature maps. Values never
 * change. */
typedef enum snnk_save_projection {
    /* The rows G. (HD3 rows are stored as a seed in both cases.) */
    SNNK_SAVE_ROWS = 0,
    /* A seed, from which loading draws the rows again. Only where that gives the same bits on every
     * machine: SNNK_PROJECTION_GAUSSIAN and _SOBOL. Other projections, and maps made from a
     * spectrum, are stored as rows. */
    SNNK_SAVE_SEED = 1
} snnk_save_projection;

/* Get the name of a value: "rows", "seed". Static; NULL for an unknown value. */
SNNK_API const char *snnk_save_projection_name(int32_t projection);

#ifdef __cplusplus
}
#endif

#endif
