/* Compare two sets of embeddings of the same texts. E, F: n x d; no row is zero. */
#ifndef SENTENCE_ENCODER_COMPARE_H
#define SENTENCE_ENCODER_COMPARE_H

#include <stddef.h>

/* The mean of cos(E_i, F_i); 1 if all directions are the same. */
double mean_cosine(size_t n, size_t d, const float *E, const float *F);

/* How well nearest neighbours agree: the share of the k nearest texts of a text by E that are also
 * among its k nearest by F, averaged over texts. 1 if all agree, k / (n - 1) by chance. Nearness is
 * the cosine; the text itself does not count, and the earlier of two equally near texts comes
 * first. 1 <= k < n. */
double neighbour_agreement(size_t n, size_t d, const float *E, const float *F, size_t k);

/* The largest |E - F|. */
double largest_difference(size_t n, size_t d, const float *E, const float *F);

/* Test these on a few rows worked out by hand. Returns 1 if all is correct; otherwise prints what
 * is wrong. */
int compare_test(void);

#endif
