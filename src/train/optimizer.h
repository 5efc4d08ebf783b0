/* Steps along gradients: Adam, AdamW, momentum. */
#ifndef SNNK_TRAIN_OPTIMIZER_H
#define SNNK_TRAIN_OPTIMIZER_H

#include <snnk/train.h>

#include "train/learner.h"

/* One array of numbers, with the state of the optimizer. */
typedef struct snnk__slot {
    snnk__parameter *parameter;
    size_t layer;         /* of the network */
    double factor;        /* its rate is this times the config's */
    double size;          /* with relative rates: its root mean square at the beginning; else 1 */
    float *mean, *square; /* of Adam; SGD has the mean only, L-BFGS neither. NULL until the first
                           * step */
    float *best;          /* the values that are kept; NULL: the present ones are */
} snnk__slot;

/* Whether weight decay applies to a part. */
static inline bool snnk__part_decays(int32_t part) {
    return part == SNNK_PART_WEIGHTS || part == SNNK_PART_ROWS;
}

/* The root mean square of n numbers; 0 for none. */
double snnk__root_mean_square(size_t n, const float *values);

/* The length of all gradients together, after `scale`; NaN or infinity if one is. */
double snnk__gradient_length(size_t n_slots, const snnk__slot *slots, double scale);

/* Change all values and the state along the gradients, and set the gradients to 0.
 *   step    1, 2, 3 ...
 *   scale   the gradients are multiplied by it first
 *   factor  the rate is multiplied by it */
void snnk__optimizer_step(const snnk_train_config *config, size_t n_slots, snnk__slot *slots,
                          uint64_t step, double scale, double factor, snnk_workspace *workspace);

#endif
