/* Principal directions of the outputs of a linear map. */
#ifndef SNNK_SOLVE_PRINCIPAL_H
#define SNNK_SOLVE_PRINCIPAL_H

#include <snnk/status.h>

/* Find the orthonormal directions in which W x varies most. U^T U W is W by truncated singular
 * values, in the metric of x.
 *   W      outputs x inputs
 *   S      moments of x: inputs x inputs, row stride lds, lower triangle
 *   rank   <= min(outputs, inputs)
 *   U      the result: rank x outputs
 * SNNK_E_SINGULAR (x does not vary), SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__principal_outputs(const snnk_allocator *allocator, size_t outputs, size_t inputs,
                            const float *W, const double *S, size_t lds, size_t rank, double *U);

#endif
