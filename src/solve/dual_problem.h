/* The struct of a dual problem. */
#ifndef SNNK_SOLVE_DUAL_PROBLEM_H
#define SNNK_SOLVE_DUAL_PROBLEM_H

#include "solve/dual.h"

struct snnk__dual {
    snnk_allocator allocator;
    size_t rows;    /* as given */
    size_t n, m, t; /* distinct rows, features, targets */
    size_t r;       /* eigenvectors */
    bool complete;  /* r = n; otherwise n > m, and r <= m are those of s > 0 */
    bool intercept;

    size_t *distinct;    /* rows: the distinct row that each is */
    size_t *order;       /* n: distinct rows in the order of groups */
    size_t *start;       /* groups + 1 */
    size_t groups, most; /* most: rows of the largest group */

    double *numbers;  /* one block for all arrays below */
    double *given;    /* rows: weights, as given */
    double *off;      /* t x rows: targets minus the mean of those of equal rows */
    double *within;   /* t: weighted sums of their squares */
    double *A;        /* n x m: sqrt(w_i) (phi_i - mean) */
    double *U;        /* n x r: entry i of eigenvector j in row i, without the part along q */
    double *values;   /* r: s_j >= 0, increasing */
    double *along;    /* t x r: eigenvector j times z_k */
    double *root;     /* n: sqrt(w_i) */
    double *mean_phi; /* m */
    double *mean_y;   /* t */
    double *Y;        /* t x n: means of the targets of equal rows */
};

#endif
