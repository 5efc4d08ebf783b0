/* Creating distillations, with or without a copy of the rows. */
#ifndef SNNK_DISTILL_DISTILL_CREATE_H
#define SNNK_DISTILL_DISTILL_CREATE_H

#include "distill/distill.h"

/* The same as snnk_distill_create, which copies the rows. With copy = false, float arrays are
 * borrowed until the distillation is freed: for callers that free it before they return. */
int snnk__distill_create(const snnk_layer *hidden, const snnk_layer *readout, const snnk_rows *rows,
                         bool copy, const snnk_distill_config *config, snnk_workspace *workspace,
                         snnk_distill **distill);

#endif
