/* The length of a step along a line of outputs. */
#ifndef SNNK_BOOST_LINE_SEARCH_H
#define SNNK_BOOST_LINE_SEARCH_H

#include <stddef.h>
#include <stdint.h>

/* Rows with their outputs P and directions V, n x outputs, packed. */
typedef struct snnk__line {
    size_t n, outputs;
    const float *P, *V;
    const double *Y;       /* n x outputs; NULL for cross-entropy */
    const int32_t *labels; /* of cross-entropy */
    const float *weights;  /* NULL: 1 each */
} snnk__line;

/* The weighted sum of the losses of P + eta V: squared errors, or -log p(label). */
double snnk__line_loss(const snnk__line *line, double eta);

/* The eta >= 0 with the least loss, in closed form, or by Newton steps within a bracket; 0 if no
 * step along V lowers the loss. */
double snnk__line_search(const snnk__line *line);

/* Set p to the probabilities of one row, softmax(y + eta v), and return log sum exp. */
double snnk__softmax_row(size_t outputs, const float *y, const float *v, double eta, double *p);

#endif
