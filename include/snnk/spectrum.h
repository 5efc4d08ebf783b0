/* Spectra: what stands for the Fourier transform of an activation.
 *
 * A spectrum is an affine part and a finite list of atoms, rates kappa_k = growth_k + i omega_k with
 * complex amplitudes c_k, such that
 *
 *     f(z) ~ intercept + slope z + Re sum_k c_k exp(kappa_k z)    for |z - center| <= radius
 *
 * with a bound on the error there. growth is 0, and omega > 0, but for the one atom of exp. L1 =
 * sum |c_k| is what the variance of random features grows with.
 *
 * Two constructions, besides functions that are atoms themselves (identity, sin, cos, exp):
 *
 *   INTEGRAL   relu, gelu, softplus, silu, sigmoid, tanh, erf have no integrable transform; with the
 *              singular part taken out,
 *                  f(z) = affine(z) + (1/pi) int_0^inf weight(omega) kernel(omega, z) d omega,
 *              kernel = (1 - cos(omega z))/omega^2 or sin(omega z)/omega, by a quadrature rule on
 *              [0, Omega]. The affine part is the function's own (z/2, 1/2, ...). docs/math.md has
 *              the table.
 *   EXTENSION  any function: f, less its affine part, is blended with its copy a period 2 T away by
 *              a C-infinity step across the seam, sampled at N points, and Fourier transformed;
 *              atoms under a tolerance are dropped. It needs f on
 *              [center - (2 T - R), center + (2 T - R)].
 *
 * Spectra are immutable. Everything is in double. */
#ifndef SNNK_SPECTRUM_H
#define SNNK_SPECTRUM_H

#include <snnk/activation.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_spectrum snnk_spectrum;

/* Values never change. */
typedef enum snnk_spectrum_method {
    SNNK_SPECTRUM_AUTO = 0,      /* EXACT where there is one, else EXTENSION */
    SNNK_SPECTRUM_EXACT = 1,     /* identity, sin, cos, exp */
    SNNK_SPECTRUM_INTEGRAL = 2,  /* relu, gelu, softplus, silu, sigmoid, tanh, erf */
    SNNK_SPECTRUM_EXTENSION = 3, /* every activation, every function */
    SNNK_SPECTRUM_ATOMS = 4      /* given as numbers; never set in a config, only read back */
} snnk_spectrum_method;

/* What the affine part of an EXTENSION is. Values never change. */
typedef enum snnk_spectrum_affine {
    SNNK_AFFINE_NONE = 0, /* a constant only: the mean over the period */
    SNNK_AFFINE_LINE = 1  /* the line that fits f best (least squares) on the interval is taken out
                           * first: less is left for the atoms, by far if the interval is short */
} snnk_spectrum_affine;

typedef struct snnk_spectrum_config {
    size_t size;        /* set by snnk_spectrum_config_init */
    double center;      /* of the interval. -1e6 ... 1e6. Default 0 */
    double radius;      /* R. 1e-6 ... 1e6. Default 4 */
    double half_period; /* EXTENSION: T > R, at most 1e3 R. 0 (default): 2 R. Smaller: less L1,
                               * higher frequencies */
    double largest_frequency; /* INTEGRAL: Omega. 0 (default): where what is cut off is below the
                               * tolerance, or for relu 400/R */
    double tolerance;         /* atoms below this share of the largest are dropped; 0 ... 0.1.
                               * Default 1e-6 */
    double largest_error; /* refuse a spectrum whose error bound is larger than this share of the
                               * range (largest less smallest value) of f on the interval.
                               * Default 0.01 */
    uint64_t points;      /* EXTENSION: N, a power of two, 16 ... 65536; 0 (default): doubled until
                           * the error settles. INTEGRAL: nodes, 2 ... 65536; 0: as few as the
                           * tolerance allows */
    int32_t method;       /* snnk_spectrum_method. Default AUTO */
    int32_t affine;       /* EXTENSION: snnk_spectrum_affine. Default LINE */
    const snnk_allocator *allocator; /* NULL for malloc */
} snnk_spectrum_config;

/* Fill *config with the defaults. SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_spectrum_config_init(snnk_spectrum_config *config, size_t config_size);

/* ---- Creating ---- */

/* The spectrum of a built-in activation. config: NULL for the defaults. SNNK_E_NULL, SNNK_E_CONFIG,
 * SNNK_E_ENUM, SNNK_E_RANGE, SNNK_E_UNSUPPORTED (the method does not know the activation),
 * SNNK_E_UNRESOLVED (the error bound is above largest_error: says both; step is), SNNK_E_NOMEM. */
SNNK_API int snnk_spectrum_create(int32_t activation, const snnk_spectrum_config *config,
                                  snnk_spectrum **spectrum);

/* The spectrum of a function given as code: f(z, user). EXTENSION (or AUTO) only. f is called on
 * this thread, during this call. SNNK_E_NONFINITE (names the z where f is not finite), else as
 * snnk_spectrum_create. */
SNNK_API int snnk_spectrum_create_from_function(double (*f)(double z, void *user), void *user,
                                                const snnk_spectrum_config *config,
                                                snnk_spectrum **spectrum);

/* The same without a callback, for other languages: how many values of f are needed, and where. Then
 * evaluate f there and call snnk_spectrum_create_from_samples with the same config. config->points = 0
 * means 4096 here. *n: how many; z: n values (NULL to ask for n only). Same spectrum, bit for bit, as
 * snnk_spectrum_create_from_function with these points. Statuses as there, and SNNK_E_SHAPE where n is not
 * what this config needs. */
SNNK_API int snnk_spectrum_sample_points(const snnk_spectrum_config *config, size_t *n, double *z);
SNNK_API int snnk_spectrum_create_from_samples(size_t n, const double *values,
                                               const snnk_spectrum_config *config,
                                               snnk_spectrum **spectrum);

/* Atoms given as numbers: f(z) = intercept + slope z + sum_k Re((re_k + i im_k) exp(i omega_k z)).
 * omega (-1e12 ... 1e12), re, im (-1e30 ... 1e30, as intercept and slope): n each; im may be NULL for zeros. Negative frequencies and equal ones are
 * merged, frequency 0 goes to the intercept. radius is where it will be used (default config); its
 * error is 0 by definition. n = 0 is legal: a line. SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE,
 * SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_spectrum_create_from_atoms(size_t n, const double *omega, const double *re,
                                             const double *im, double intercept, double slope,
                                             const snnk_spectrum_config *config,
                                             snnk_spectrum **spectrum);

/* Free it. NULL is fine. Maps copied what they needed. */
SNNK_API void snnk_spectrum_free(snnk_spectrum *spectrum);

/* ---- Looking inside ---- */

SNNK_API size_t snnk_spectrum_atoms(const snnk_spectrum *spectrum); /* how many; 0 for NULL */

/* Copy out the atoms, in order of frequency. Each array takes as many values as there are atoms, or
 * is NULL. SNNK_E_NULL. */
SNNK_API int snnk_spectrum_get(const snnk_spectrum *spectrum, double *growth, double *omega,
                               double *re, double *im);

SNNK_API int snnk_spectrum_affine_part(const snnk_spectrum *spectrum, double *intercept,
                                       double *slope); /* either may be NULL. SNNK_E_NULL */
SNNK_API double snnk_spectrum_l1(const snnk_spectrum *spectrum); /* sum |c_k|; NaN for NULL */

/* A bound on |f(z) - spectrum(z)| for |z - center| <= radius: the largest difference on a fine grid (at
 * least 16 steps to each of points), plus, for every cell of the grid, how far f and the atoms can be
 * from their chords there (f by the change of its slope between cells, measured: kinks are found, and
 * jumps; the atoms by sum |c_k| omega_k^2, in closed form), plus rounding. A function of the caller's is
 * seen on the grid alone: what is narrower than a step of it can be missed. 0 for EXACT and given
 * atoms; NaN for NULL. */
SNNK_API double snnk_spectrum_error(const snnk_spectrum *spectrum);

/* The settings as used: points, half_period, largest_frequency and method resolved; center and
 * radius. config->size must be set. SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_spectrum_settings(const snnk_spectrum *spectrum, snnk_spectrum_config *config);

/* values[i] = the right-hand side above at z[i], i < n. values may be z. SNNK_E_NULL. */
SNNK_API int snnk_spectrum_eval(const snnk_spectrum *spectrum, size_t n, const double *z,
                                double *values);

/* Half the width of the strip |Im z| < width in which the activation is analytic: tanh pi/2;
 * sigmoid, silu, softplus pi; gelu_tanh its nearest pole; relu, step 0; the others infinity. Where
 * |x| |w| passes it, random features of the whole spectrum have infinite variance, and those of a
 * finite list of atoms a huge one. NaN for a value that is not an activation. */
SNNK_API double snnk_activation_analyticity_halfwidth(int32_t activation);

#ifdef __cplusplus
}
#endif

#endif
