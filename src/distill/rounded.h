/* The baseline that keeps every weight, in 8 or 4 bits: for each row of a matrix one scale, and
 * whole numbers -q ... q, with q = 127 or 7. Inputs and biases stay float. A student can be
 * rounded in the same way, so that both are compared at equal bytes. */
#ifndef SNNK_DISTILL_ROUNDED_H
#define SNNK_DISTILL_ROUNDED_H

#include "distill/student.h"
#include "network/network.h"

/* Make a network whose dense layers have rounded weights, as float, and whose SNNK layers have
 * rounded G and Psi if their features are neurons (offsets stay float). Other layers are shared,
 * and count with 4 bytes for each parameter.
 *   bits    8 or 4
 *   bytes   out: what the whole numbers, scales and biases take; NULL if not wanted
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__network_round(const snnk_network *network, int bits, uint64_t *bytes,
                        snnk_network **rounded);

/* The same for the teacher of a distillation, which must have one. */
int snnk__rounded_teacher(const snnk_distill *distill, int bits, uint64_t *bytes,
                          snnk_network **rounded);

/* The same for a student, with Psi of the rows that are not held out. */
int snnk__rounded_student(const snnk_distill *distill, const snnk__student *student, int bits,
                          uint64_t *bytes, snnk_network **rounded);

/* Set *squares to the squared errors of a network on the held-out rows. Statuses of
 * snnk_network_forward, SNNK_E_CANCELLED. */
int snnk__heldout_errors(const snnk_distill *distill, const snnk_network *network,
                         snnk_workspace *workspace, double *squares);

#endif
