/* One step of Adam (Kingma & Ba 2015) in plain C. The vector versions are tested against it. */
#ifndef SNNK_KERNELS_ADAM_H
#define SNNK_KERNELS_ADAM_H

#include <stddef.h>

/* For each number: g = scale gradient + decay value; the means of g and g^2 move towards it by
 * new_mean and new_square; then
 *     value -= shrink value + rate mean / (sqrt(unbias_square square) + epsilon) */
typedef struct snnk__adam {
    float scale, decay, shrink;
    float new_mean, new_square; /* 1 - beta_1, 1 - beta_2 */
    float rate;                 /* includes the correction of the bias of `mean` */
    float unbias_square, epsilon;
} snnk__adam;

void snnk__adam_step(const snnk__adam *step, size_t n, const float *gradient, float *value,
                     float *mean, float *square);

#endif
