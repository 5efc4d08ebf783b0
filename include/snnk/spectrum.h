/* Spectra: an activation as a short sum of exponentials, which random features need.
 *
 *     snnk_spectrum *spectrum;
 *     snnk_spectrum_create(SNNK_GELU, NULL, &spectrum);
 *     snnk_map_create_urf(d, spectrum, NULL, NULL, &map);
 *     snnk_spectrum_free(spectrum);
 *
 * You need this header for random features of given layers (<snnk/urf.h>) when you want to choose
 * the interval or the accuracy, or have a function of your own. snnk_layer_create_from_dense
 * chooses a spectrum itself.
 *
 * A spectrum approximates a function f on an interval by an affine part and a list of atoms,
 *
 *     f(z) ~ intercept + slope z + Re sum_k c_k exp((growth_k + i omega_k) z)
 *                                                    for |z - center| <= radius,
 *
 * and has a bound on its error there. growth_k is 0 and omega_k > 0, except for the one atom of
 * exp. The variance of random features grows with L1 = sum |c_k|. A spectrum is made in one of
 * three ways:
 *
 *   EXACT      identity, sin, cos and exp are such sums.
 *   INTEGRAL   relu, gelu, softplus, silu, sigmoid, tanh, erf: a quadrature rule for
 *                  f(z) = affine(z) + (1/pi) int_0^inf weight(omega) kernel(omega, z) d omega,
 *              kernel (1 - cos(omega z))/omega^2 or sin(omega z)/omega. docs/math.md has the table.
 *   EXTENSION  every activation and every function of your own: f is continued to a smooth function
 *              of period 2 T and Fourier transformed. It needs f on
 *              [center - (2 T - R), center + (2 T - R)], where R is the radius.
 *
 * Spectra are immutable. All numbers are double. */
#ifndef SNNK_SPECTRUM_H
#define SNNK_SPECTRUM_H

#include <snnk/activation.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_spectrum snnk_spectrum;

/* How a spectrum is made. Values never change. */
typedef enum snnk_spectrum_method {
    SNNK_SPECTRUM_AUTO = 0,      /* EXACT if the activation has it, else EXTENSION */
    SNNK_SPECTRUM_EXACT = 1,     /* identity, sin, cos, exp */
    SNNK_SPECTRUM_INTEGRAL = 2,  /* relu, gelu, softplus, silu, sigmoid, tanh, erf */
    SNNK_SPECTRUM_EXTENSION = 3, /* every activation, every function */
    SNNK_SPECTRUM_ATOMS = 4      /* atoms given as numbers; read back only, never set in a config */
} snnk_spectrum_method;

/* The affine part of an EXTENSION. Values never change. */
typedef enum snnk_spectrum_affine {
    /* A constant, the mean over the period. */
    SNNK_AFFINE_NONE = 0,

    /* The line closest to f on the interval (least squares). It leaves less for the atoms; on a
     * short interval, far less. */
    SNNK_AFFINE_LINE = 1
} snnk_spectrum_affine;

/* Get the name of a method: "auto", "exact", "integral", "extension", "atoms"; of an affine part:
 * "none", "line". Static; NULL for an unknown value. */
SNNK_API const char *snnk_spectrum_method_name(int32_t method);
SNNK_API const char *snnk_spectrum_affine_name(int32_t affine);

/* Settings of a spectrum. Fill with snnk_spectrum_config_init, then change fields. */
typedef struct snnk_spectrum_config {
    size_t size; /* set by snnk_spectrum_config_init */

    /* Middle of the interval. -1e6 ... 1e6. Default 0. */
    double center;

    /* R, half the length of the interval. 1e-6 ... 1e6. Default 4. */
    double radius;

    /* EXTENSION: T, above R and at most 1000 R. A smaller T gives a smaller L1 and higher
     * frequencies. 0 (default): 2 R. */
    double half_period;

    /* INTEGRAL: the frequency where the integral is cut off. 1e-9 ... 1e12. 0 (default): where the
     * rest is below the tolerance; for relu 400/R. */
    double largest_frequency;

    /* Atoms smaller than this share of the largest are dropped. 0 ... 0.1. Default 1e-6. */
    double tolerance;

    /* The largest error bound to accept, as a share of the range of f (largest minus smallest
     * value) on the interval. 0 ... 1e30. Default 0.01. */
    double largest_error;

    /* EXTENSION: sample points in a period, a power of two, 16 ... 65536; 0 (default): doubled
     * until the error no longer falls. INTEGRAL: nodes, 2 ... 65536; 0 (default): as few as the
     * tolerance allows. */
    uint64_t points;

    int32_t method;                  /* snnk_spectrum_method. Default AUTO */
    int32_t affine;                  /* EXTENSION: snnk_spectrum_affine. Default LINE */
    const snnk_allocator *allocator; /* NULL (default): malloc */
} snnk_spectrum_config;

/* Set every field to its default.
 *   config        out: the struct to fill
 *   config_size   sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_spectrum_config_init(snnk_spectrum_config *config, size_t config_size);

/* ---- Creating ---- */

/* Create the spectrum of a built-in activation.
 *   activation   an snnk_activation
 *   config       NULL for the defaults
 *   spectrum     out: release with snnk_spectrum_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE, SNNK_E_UNSUPPORTED (the method does not
 * know the activation), SNNK_E_UNRESOLVED (the error bound is above largest_error; always so for
 * step), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_spectrum_create(int32_t activation, const snnk_spectrum_config *config,
                                  snnk_spectrum **spectrum);

/* Create the spectrum of a function of your own, by EXTENSION.
 *   f          called as f(z, user), on this thread, only during this call. A feature of f that is
 *              narrower than a step of the grid of snnk_spectrum_error can be missed
 *   user       passed to f
 *   config     method AUTO or EXTENSION; NULL for the defaults
 *   spectrum   out: release with snnk_spectrum_free
 * SNNK_E_NONFINITE (f is not finite; says where), else as snnk_spectrum_create. */
SNNK_API int snnk_spectrum_create_from_function(double (*f)(double z, void *user), void *user,
                                                const snnk_spectrum_config *config,
                                                snnk_spectrum **spectrum);

/* Get the points where snnk_spectrum_create_from_samples needs the function.
 *   config   as for that call; points = 0 means 4096 here
 *   n        out: the number of points
 *   z        out: the points, n values; NULL to get n only
 * Statuses as snnk_spectrum_create_from_function. */
SNNK_API int snnk_spectrum_sample_points(const snnk_spectrum_config *config, size_t *n, double *z);

/* Create the spectrum of a function of your own from its values, without a callback. The result is
 * the same, bit for bit, as that of snnk_spectrum_create_from_function with as many points.
 *   n          the number that snnk_spectrum_sample_points gave
 *   values     f at its points, n values
 *   config     the same as for snnk_spectrum_sample_points
 *   spectrum   out: release with snnk_spectrum_free
 * SNNK_E_SHAPE (n is not what this config needs), else as snnk_spectrum_create_from_function. */
SNNK_API int snnk_spectrum_create_from_samples(size_t n, const double *values,
                                               const snnk_spectrum_config *config,
                                               snnk_spectrum **spectrum);

/* Create a spectrum from given atoms: intercept + slope z + sum_k Re((re_k + i im_k) exp(i omega_k
 * z)). Negative frequencies are made positive, equal ones are merged, and frequency 0 goes to the
 * intercept. Its error is 0 by definition.
 *   n                  number of atoms; 0 is legal and gives a line
 *   omega              frequencies, n values in -1e12 ... 1e12
 *   re, im             amplitudes, n values each in -1e30 ... 1e30; im may be NULL for zeros
 *   intercept, slope   in -1e30 ... 1e30
 *   config             center and radius say where it will be used; NULL for the defaults
 *   spectrum           out: release with snnk_spectrum_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_spectrum_create_from_atoms(size_t n, const double *omega, const double *re,
                                             const double *im, double intercept, double slope,
                                             const snnk_spectrum_config *config,
                                             snnk_spectrum **spectrum);

/* Free a spectrum. NULL is fine. Maps made from it keep their own copy of what they need. */
SNNK_API void snnk_spectrum_free(snnk_spectrum *spectrum);

/* ---- Reading ---- */

/* Get the number of atoms; 0 for NULL. */
SNNK_API size_t snnk_spectrum_atoms(const snnk_spectrum *spectrum);

/* Copy the atoms, in order of frequency: growth_k, omega_k, and real and imaginary part of c_k.
 *   growth, omega, re, im   out: snnk_spectrum_atoms values each; NULL if not wanted
 * SNNK_E_NULL, SNNK_E_OVERLAP. */
SNNK_API int snnk_spectrum_get(const snnk_spectrum *spectrum, double *growth, double *omega,
                               double *re, double *im);

/* Get the affine part.
 *   intercept, slope   out: NULL if not wanted
 * SNNK_E_NULL. */
SNNK_API int snnk_spectrum_affine_part(const snnk_spectrum *spectrum, double *intercept,
                                       double *slope);

/* Get L1 = sum |c_k|; NaN for NULL. */
SNNK_API double snnk_spectrum_l1(const snnk_spectrum *spectrum);

/* Get a bound on |f(z) - spectrum(z)| for |z - center| <= radius; 0 for EXACT and given atoms, NaN
 * for NULL. It is measured on a grid of at least 16 steps to each sample point, plus an allowance
 * for kinks and jumps between grid points and for rounding: docs/numerics.md. */
SNNK_API double snnk_spectrum_error(const snnk_spectrum *spectrum);

/* Get the settings that were used, with the method, points, half_period and largest_frequency that
 * were chosen.
 *   config   out: set its size first (snnk_spectrum_config_init does)
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_spectrum_settings(const snnk_spectrum *spectrum, snnk_spectrum_config *config);

/* Evaluate the spectrum, that is its approximation of f.
 *   n        number of points
 *   z        the points, n values
 *   values   out: n values; may be z
 * SNNK_E_NULL, SNNK_E_SIZE, SNNK_E_OVERLAP. */
SNNK_API int snnk_spectrum_eval(const snnk_spectrum *spectrum, size_t n, const double *z,
                                double *values);

#ifdef __cplusplus
}
#endif

#endif
