/* Tier REFINED: a student improved by gradient. */
#ifndef SNNK_DISTILL_REFINE_H
#define SNNK_DISTILL_REFINE_H

#include "distill/student.h"

/* Refine a student by gradient, and fit its Psi again.
 *   start       the student to begin with; its first *linear features are linear
 *   linear      on entry as above; on return, that of the result
 *   explained   updated with what the best epoch so far explains, for the progress function
 *   refined     the result: the refined student, or a copy of `start` if that is better
 *   epochs      the result: the number of the best epoch; 0 for a copy of `start`
 * SNNK_E_SIZE, SNNK_E_SINGULAR, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__distill_refine(const snnk_distill *distill, const snnk__student *start, size_t *linear,
                         snnk_workspace *workspace, double *explained, snnk__student *refined,
                         int32_t *epochs);

#endif
