/* How far embeddings are from others of the same texts. Rows of E and F: n x d, of any length but 0. */
#ifndef SENTENCE_ENCODER_COMPARE_H
#define SENTENCE_ENCODER_COMPARE_H

#include <stddef.h>

/* The mean of cos(E_i, F_i): 1 where all directions are the same. */
double mean_cosine(size_t n, size_t d, const float *E, const float *F);

/* The mean share of the k texts nearest to a text (by cosine, itself apart; the earlier one where two are as near)
 * by E that are also among its k nearest by F: 1 where all are the same, k / (n - 1) by chance. 1 <= k < n. */
double neighbour_agreement(size_t n, size_t d, const float *E, const float *F, size_t k);

/* The largest |E - F|. */
double largest_difference(size_t n, size_t d, const float *E, const float *F);

/* 1 if these give on a few rows what was worked out by hand; what does not goes to stderr. */
int compare_test(void);

#endif
