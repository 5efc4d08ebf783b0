/* The shortest solution of a singular system that was scaled. */
#ifndef SNNK_SOLVE_SHORTEST_H
#define SNNK_SOLVE_SHORTEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"
#include "base/progress.h"

/* Turn solutions z of scale A scale z = scale r into those for which B = scale z is shortest, which
 * is the limit of ridge solutions for small ridges. O(m k (k + t)), k = min(rank, m - rank).
 *   rank     eigenvectors kept, 1 ... m
 *   vectors  m x m, eigenvectors of scale A scale in its rows, those that were kept last; k of them
 *            are destroyed
 *   scale    m, powers of two
 *   Z        t x m: any solutions, then the ones whose B is shortest
 * The stage of progress ends at 1. SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__shortest(const snnk_allocator *allocator, size_t m, size_t t, size_t rank,
                   double *vectors, const double *scale, double *Z, snnk__progress *progress);

#endif
