/* A number that tells layers apart. */
#ifndef SNNK_MODEL_FINGERPRINT_H
#define SNNK_MODEL_FINGERPRINT_H

#include "train/learner.h"

/* The fingerprint of a layer without the parts that learn: of its storage, and of what its file
 * holds. It guards against accidents, not against malice. Equal on all machines. */
uint64_t snnk__layer_fingerprint(const snnk_layer *layer, snnk__parts learn);

#endif
