/* Classify embeddings into two or more classes by logistic regression. */
#ifndef SENTENCE_ENCODER_CLASSIFIER_H
#define SENTENCE_ENCODER_CLASSIFIER_H

#include <stddef.h>
#include <stdint.h>

typedef struct logistic_classifier {
    size_t inputs, classes;
    double ridge;
    double *B, *b; /* classes x inputs, classes */
} logistic_classifier;

/* Fit to n rows of X (n x inputs). The ridge is the one of a grid with the smallest cross-entropy
 * on the last fifth of the rows, fitted to the others; the final fit uses all n. */
logistic_classifier classifier_fit(size_t n, size_t inputs, const float *X, const int32_t *labels,
                                   size_t classes);
void classifier_free(logistic_classifier *classifier);

/* The share of rows that are given their label. */
double classifier_accuracy(const logistic_classifier *classifier, size_t n, const float *X,
                           const int32_t *labels);

#endif
