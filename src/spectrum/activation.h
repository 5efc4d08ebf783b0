#ifndef SNNK_SPECTRUM_ACTIVATION_H
#define SNNK_SPECTRUM_ACTIVATION_H

#include <snnk/activation.h>

/* The number of activations. */
#define SNNK__ACTIVATIONS (SNNK_ERF + 1)

/* SNNK_E_ENUM unless the value is an activation. */
int snnk__check_activation(int32_t activation);

#endif
