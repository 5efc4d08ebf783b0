/* Losses of outputs. */
#ifndef SNNK_BOOST_LOSSES_H
#define SNNK_BOOST_LOSSES_H

#include <stddef.h>
#include <stdint.h>

/* Rows with their outputs P, n x outputs, packed. */
typedef struct snnk__judged {
    size_t n, outputs;
    const float *P;
    const double *Y;       /* n x outputs; NULL for cross-entropy */
    const int32_t *labels; /* of cross-entropy */
    const float *weights;  /* NULL: 1 each */
} snnk__judged;

/* The weighted sum of the losses: squared errors, or -log p(label). */
double snnk__judged_loss(const snnk__judged *judged);

/* The sum of the weights. */
double snnk__judged_weight(const snnk__judged *judged);

/* Set R (n x outputs) to the residuals: Y - P, or ones and zeros minus probabilities. */
void snnk__judged_residuals(const snnk__judged *judged, double *R);

#endif
