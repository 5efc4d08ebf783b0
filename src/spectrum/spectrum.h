/* Inside of spectra, and what the two constructions share: atoms at equally spaced frequencies (a
 * comb), and the bound on their error from values of f on a fine grid of the interval (a sweep). */
#ifndef SNNK_SPECTRUM_SPECTRUM_H
#define SNNK_SPECTRUM_SPECTRUM_H

#include <snnk/spectrum.h>

#include "base/memory.h"
#include "spectrum/fourier.h"

struct snnk_spectrum {
    snnk_allocator allocator;
    size_t count;
    double *growth, *omega, *re,
        *im; /* count each, in order of omega; one block, growth is first */
    double intercept, slope;
    double error;                /* the bound */
    snnk_spectrum_config config; /* as used: method, points, half_period, largest_frequency are
                                  * resolved (0 where the method has none); allocator is NULL */
    int32_t activation;          /* -1: not a built-in one */
};

/* Room for count atoms, all zero; config is copied. */
int snnk__spectrum_alloc(size_t count, const snnk_spectrum_config *config,
                         const snnk_allocator *allocator, snnk_spectrum **spectrum);

/* A spectrum without atoms, intercept + slope z, that stands for an activation on the config's interval
 * within `error`. SNNK_E_NOMEM. */
int snnk__spectrum_line(int32_t activation, double intercept, double slope, double error,
                        const snnk_spectrum_config *config, const snnk_allocator *allocator,
                        snnk_spectrum **spectrum);

/* A function of one variable. */
typedef double (*snnk__function_f64)(double z, void *user);

/* ---- Sweeps: where f is compared with its spectrum ---- */

/* Offsets from the center, in order: -R, step j for |j| <= half, R. The first and the last cell are
 * between step/4 and 5/4 step wide (but for half = 0, where they are R). */
typedef struct snnk__check_grid {
    double step, radius;
    size_t half;
    size_t refinement; /* a comb's points: its period is refinement step */
} snnk__check_grid;

/* A sweep for a comb of `points` points and this period: 16 steps or more to each of its points, and
 * 16384 or more in the interval, but no more than 2^20 in the period. */
snnk__check_grid snnk__check_grid_for(size_t points, double period, double radius);

static inline size_t snnk__check_grid_count(const snnk__check_grid *s) { return 2 * s->half + 3; }
double snnk__check_grid_offset(const snnk__check_grid *s, size_t i);

/* ---- Combs ---- */

/* s(z) = intercept + slope (z - center)
 *        + Re sum_{k < count} (re_k + i im_k) exp(i omega_k (z - origin)),  omega_k = (k + shift) spacing */
typedef struct snnk__harmonics {
    double center, origin;
    double intercept, slope;
    double spacing, shift;
    size_t count;
    double *re, *im; /* count each; an atom that is dropped is 0 */
} snnk__harmonics;

int snnk__harmonics_alloc(size_t count, const snnk_allocator *allocator,
                          snnk__harmonics *harmonics);
void snnk__harmonics_free(const snnk_allocator *allocator, snnk__harmonics *harmonics);

/* Drop atoms below `share` of the largest, and those not above `floor`. */
void snnk__harmonics_prune(snnk__harmonics *harmonics, double share, double floor);

/* s on a sweep whose period is that of the comb. */
int snnk__harmonics_values(const snnk__harmonics *harmonics, const snnk__check_grid *grid,
                           const snnk_allocator *allocator, double *values);

/* What a spectrum can be held to. */
typedef struct snnk__spectrum_bound {
    double error;   /* bound on |f - s| on the interval, rounding of either included */
    double excess;  /* the same, less what rounding explains */
    double range;   /* largest less smallest f on the sweep */
    double largest; /* |f| */
} snnk__spectrum_bound;

/* f and s: values on the sweep. In a cell of width h,
 *     |f - s| <= the larger of its two ends + bend(f) + h^2/8 sum_k |c_k| omega_k^2
 * where the last term bounds how far s is from its chord, and bend(f) the same for f, by the change of
 * its slope from cell to cell: for a kink anywhere in the cell, and for a smooth function twice over;
 * where f jumps, s's rise in the cell is added. */
snnk__spectrum_bound snnk__harmonics_bound(const snnk__harmonics *harmonics,
                                           const snnk__check_grid *grid, const double *f,
                                           const double *s);

/* SNNK_E_UNRESOLVED unless the error is within config->largest_error of the range. */
int snnk__check_resolved(const snnk__spectrum_bound *fit, const snnk_spectrum_config *config,
                         const char *name);

/* The spectrum with the atoms of a comb. */
int snnk__harmonics_spectrum(const snnk__harmonics *harmonics, double error,
                             const snnk_spectrum_config *config, const snnk_allocator *allocator,
                             snnk_spectrum **spectrum);

/* ---- The two constructions; config is checked and has its method ---- */

int snnk__spectrum_integral(int32_t activation, const snnk_spectrum_config *config,
                            const snnk_allocator *allocator, snnk_spectrum **spectrum);

/* name: of the function, for sentences. */
int snnk__spectrum_extension(snnk__function_f64 f, void *user, const char *name,
                             const snnk_spectrum_config *config, const snnk_allocator *allocator,
                             snnk_spectrum **spectrum);

/* How many values an extension needs with config->points points, and where (z: NULL, or that
 * many). */
size_t snnk__extension_points(const snnk_spectrum_config *config, double *z);

/* From values there. */
int snnk__extension_from_values(const double *values, const snnk_spectrum_config *config,
                                const snnk_allocator *allocator, snnk_spectrum **spectrum);

/* weight(omega) of the integral of an activation that has one (tests check it against values computed
 * elsewhere). */
double snnk__spectrum_weight(int32_t activation, double omega);

#endif
