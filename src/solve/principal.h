/* Where the outputs of a linear map spread. */
#ifndef SNNK_SOLVE_PRINCIPAL_H
#define SNNK_SOLVE_PRINCIPAL_H

#include <snnk/status.h>

/* U: `rank` orthonormal rows of width `outputs`, the directions in which W x spreads most, x with
 * the moments S (inputs x inputs, row stride lds, its lower triangle). U^T U W is W by truncated
 * singular values, in the metric of those inputs. W: outputs x inputs. rank <= min(outputs,
 * inputs). SNNK_E_SINGULAR (x does not vary), SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__principal_outputs(const snnk_allocator *allocator, size_t outputs, size_t inputs,
                            const float *W, const double *S, size_t lds, size_t rank, double *U);

#endif
