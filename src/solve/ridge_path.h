/* The struct of a ridge path. */
#ifndef SNNK_SOLVE_PATH_H
#define SNNK_SOLVE_PATH_H

#include <snnk/ridge_path.h>

#include "solve/statistics.h"

/* m features, t targets. Eigenvalues increase; the last `rank` of them are the kept directions. */
struct snnk_ridge_path {
    snnk_allocator allocator;
    size_t features, targets, rank;
    size_t known; /* the last `known` directions are above rounding; >= rank */
    bool intercept;
    double rows, weight;
    double rounding; /* error of eigenvalues, as a share of the largest */
    /* the same if sums are in double; for a factor its root */
    double noise;
    bool factor;      /* from a factor, not from moments */
    double *mean_phi; /* m: of the features; zeros without an intercept */
    double *mean_y;   /* t, likewise */
    double *values;   /* m */
    double *vectors;  /* m x m: v_k in row k */
    double *along;    /* t x rank: right side r_k along each kept direction */
    double
        *explained; /* (t + 1) x rank: along^2/value, which is what the direction takes off the sum
                    * of squares at lambda = 0; the last row is the sum of the others */
    double *least_rss; /* t + 1: the sum of squares left then; the last is their sum */
};

/* The kept eigenvalues (rank), and their vectors (rank x m). */
static inline const double *snnk__ridge_path_values(const snnk_ridge_path *path) {
    return path->values + (path->features - path->rank);
}

static inline const double *snnk__ridge_path_vectors(const snnk_ridge_path *path) {
    return path->vectors + (path->features - path->rank) * path->features;
}

#endif
