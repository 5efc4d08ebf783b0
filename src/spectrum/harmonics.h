/* Harmonics: a sum of atoms at equally spaced frequencies, its values on a fine grid, and a bound
 * on how far it is from the function f that it approximates. Both constructions of a spectrum
 * (extension.h, integral.h) make harmonics first. */
#ifndef SNNK_SPECTRUM_HARMONICS_H
#define SNNK_SPECTRUM_HARMONICS_H

#include "base/memory.h"
#include "spectrum/spectrum.h"

/* ---- The check grid: where f is compared with its spectrum ---- */

/* Offsets from the center, in order: -R; j step for j = -half ... half; R. The first and the last
 * cell are between step/4 and 5/4 step wide (for half = 0 they are R wide). */
typedef struct snnk__check_grid {
    double step, radius;
    size_t half;
    size_t refinement; /* grid steps for each of the harmonics' sample points */
} snnk__check_grid;

/* The grid for harmonics of `points` sample points and this period: at least 16 steps to each
 * sample point and at least 16384 in the interval, but at most 2^20 in the period. */
snnk__check_grid snnk__check_grid_for(size_t points, double period, double radius);

/* The number of offsets, and offset i. */
static inline size_t snnk__check_grid_count(const snnk__check_grid *s) { return 2 * s->half + 3; }
double snnk__check_grid_offset(const snnk__check_grid *s, size_t i);

/* ---- Harmonics ---- */

/* s(z) = intercept + slope (z - center)
 *        + Re sum_{k < count} (re_k + i im_k) exp(i omega_k (z - origin)),
 * omega_k = (k + shift) spacing */
typedef struct snnk__harmonics {
    double center, origin;
    double intercept, slope;
    double spacing, shift;
    size_t count;
    double *re, *im; /* count each; 0 for an atom that was dropped */
} snnk__harmonics;

/* Allocate `count` atoms; every field but count, re and im is 0. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__harmonics_alloc(size_t count, const snnk_allocator *allocator,
                          snnk__harmonics *harmonics);
void snnk__harmonics_free(const snnk_allocator *allocator, snnk__harmonics *harmonics);

/* Drop atoms smaller than `share` of the largest, and atoms not above `floor`. */
void snnk__harmonics_prune(snnk__harmonics *harmonics, double share, double floor);

/* values = s on the grid, whose period must be that of the harmonics. SNNK_E_NOMEM. */
int snnk__harmonics_values(const snnk__harmonics *harmonics, const snnk__check_grid *grid,
                           const snnk_allocator *allocator, double *values);

/* ---- Error bound ---- */

typedef struct snnk__spectrum_bound {
    double error;   /* bound on |f - s| on the interval, including the rounding of both */
    double excess;  /* the part of it that rounding does not explain */
    double range;   /* largest minus smallest f on the grid */
    double largest; /* largest |f| on the grid */
} snnk__spectrum_bound;

/* Bound |f - s| from the values of both on the grid. In a cell of width h,
 *     |f - s| <= max at the two ends + chord_error(f) + h^2/8 sum_k |c_k| omega_k^2
 * The last term bounds how far s is from its chord. chord_error(f) bounds the same for f, from the
 * change of f's slope between cells. It covers a kink anywhere in the cell, a smooth function with
 * a factor of two to spare, and (with the rise of s in the cell added) a jump. */
snnk__spectrum_bound snnk__harmonics_bound(const snnk__harmonics *harmonics,
                                           const snnk__check_grid *grid, const double *f,
                                           const double *s);

/* SNNK_E_UNRESOLVED unless the error is within config->largest_error times the range. name: of the
 * function, for the error sentence. */
int snnk__check_resolved(const snnk__spectrum_bound *bound, const snnk_spectrum_config *config,
                         const char *name);

/* Create the spectrum of the atoms that were not dropped. SNNK_E_NOMEM. */
int snnk__harmonics_spectrum(const snnk__harmonics *harmonics, double error,
                             const snnk_spectrum_config *config, const snnk_allocator *allocator,
                             snnk_spectrum **spectrum);

#endif
