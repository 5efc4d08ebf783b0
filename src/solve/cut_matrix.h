/* A matrix that is cut by singular values, in the metric of its inputs. */
#ifndef SNNK_SOLVE_CUT_MATRIX_H
#define SNNK_SOLVE_CUT_MATRIX_H

#include <stdbool.h>

#include <snnk/status.h>

/* Cut to rank r, W becomes the product of the first r columns of V^T and the first r rows of F. */
typedef struct snnk__cut_matrix {
    size_t outputs, inputs, rank; /* rank: of W, as far as its shape tells */
    float *W;                     /* outputs x inputs */
    float *bias;                  /* outputs */
    double *V, *F;                /* rank x outputs, rank x inputs */
} snnk__cut_matrix;

/* Free it with snnk__cut_free, also after a failure. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__cut_alloc(const snnk_allocator *allocator, size_t outputs, size_t inputs,
                    snnk__cut_matrix *of);
void snnk__cut_free(const snnk_allocator *allocator, snnk__cut_matrix *of);

/* Find V and F of W: with the diagonal matrix D of the effects and the principal components U of
 * D W x, V = U D^-1 and F = U D W.
 *   S         moments of the inputs, row stride lds
 *   effects   of the outputs, > 0; NULL for ones
 * Statuses of snnk__principal_outputs. */
int snnk__cut_find_factors(const snnk_allocator *allocator, const double *S, size_t lds,
                           const double *effects, snnk__cut_matrix *of);

/* Whether two factors of this rank would take as many numbers as W, or more: then W stays whole. */
bool snnk__cut_is_whole(const snnk__cut_matrix *of, size_t rank);

/* How many numbers a rank takes, and the largest rank that so many numbers allow. */
size_t snnk__cut_numbers(const snnk__cut_matrix *of, size_t rank);
size_t snnk__cut_rank(const snnk__cut_matrix *of, size_t numbers);

/* Make the cut matrix (outputs x inputs), and the bias with which it is exact at the mean of the
 * inputs. Free both, also after a failure. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__cut_make(const snnk_allocator *allocator, const snnk__cut_matrix *of, size_t rank,
                   const double *mean, double **cut, double **bias);

#endif
